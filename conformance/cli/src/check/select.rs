//! Selects profiles by their names on the command line.

use figure2_model::{Profile, known_profiles, profile, profiles};

/// The profile of that name, of whatever kind.
///
/// # Errors
/// When there is none, with those that there are.
pub fn find_profile(name: &str) -> anyhow::Result<Profile> {
    profile(name).ok_or_else(|| no_such_profile(name, ""))
}

fn no_such_profile(name: &str, also: &str) -> anyhow::Error {
    let possible: Vec<String> = known_profiles().into_iter().map(|profile| profile.name).collect();
    anyhow::anyhow!("--profile {name}: there is no such profile; possible are {also}{}", possible.join(", "))
}

/// The profiles that these names stand for, in the order of all; without names, those of every change.
///
/// # Errors
/// When one stands for none, with those that there are.
pub fn select(names: &[String]) -> anyhow::Result<Vec<Profile>> {
    // Those of every change come first.
    let (all, known) = (profiles().len(), known_profiles());
    let names = if names.is_empty() { &["all".to_owned()] } else { names };
    let is_named = |name: &str, place: usize, profile: &Profile| match name.strip_suffix('*') {
        Some(start) => profile.name.starts_with(start),
        None => name == profile.name || (name == "all" && place < all),
    };
    for name in names {
        if !known.iter().enumerate().any(|(place, profile)| is_named(name, place, profile)) {
            return Err(no_such_profile(name, "all, "));
        }
    }
    let is_selected =
        |(place, profile): &(usize, Profile)| names.iter().any(|name| is_named(name, *place, profile));
    Ok(known.into_iter().enumerate().filter(is_selected).map(|(_, profile)| profile).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_selected_by_name_by_the_start_of_a_name_or_all() {
        let selected = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            select(&names).unwrap().into_iter().map(|profile| profile.name).collect::<Vec<_>>()
        };
        let all: Vec<String> = profiles().into_iter().map(|profile| profile.name).collect();
        assert_eq!((selected(&[]), selected(&["all"])), (all.clone(), all));
        assert_eq!(selected(&["crash", "election*"]), ["election", "election-5", "crash"]);
        assert!(selected(&["nightly-*"]).iter().all(|name| name.starts_with("nightly-")));
        assert_eq!(selected(&["lost-*"]), ["lost-disk"], "by its name only");
        assert!(select(&["monthly-*".to_owned()]).is_err());
    }

    #[test]
    fn a_profile_is_found_by_its_whole_name_and_an_unknown_one_is_refused_with_what_is_possible() {
        assert_eq!(find_profile("nightly-disk").unwrap().name, "nightly-disk");
        for name in ["all", "nightly-*"] {
            let error = find_profile(name).unwrap_err().to_string();
            assert!(error.contains("election, ") && error.contains("nightly-crash"), "{error}");
        }
    }
}

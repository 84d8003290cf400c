//! Every broken rule is caught, by the property that names what it breaks; and what breaks no property is shown to.

use figure2_core::Rule;
use figure2_model::mutants::table::committed;
use figure2_model::mutants::{Case, Expected, Fate, Kind, cases, mutants, outcome, page, run};
use figure2_model::{CheckOptions, Profile, Safety, Verdict};
use std::collections::HashSet;
use std::path::PathBuf;
use std::thread::available_parallelism;

const HOW: &str = "docs/mutants.md is out of date. Write it anew with\n    \
                   FIGURE2_BLESS=1 cargo test -p figure2-model --test mutants";

#[test]
fn every_mutant_is_killed_every_survivor_breaks_nothing_and_the_page_says_so() {
    let jobs = available_parallelism().map_or(1, usize::from).min(4);
    let rows = run(&cases(), jobs, &CheckOptions::default(), &|_| ()).unwrap();
    let wrong: Vec<_> = rows
        .iter()
        .filter(|row| match row.case.expected() {
            Expected::KilledBy(_) => !matches!(row.fate, Fate::Killed { .. }),
            Expected::Survives(Kind::Liveness, _) => !matches!(row.fate, Fate::Unrecovered { .. }),
            Expected::Survives(..) => row.fate != Fate::Holds,
        })
        .map(|row| (row.case.id(), row.case.bug(), outcome(row)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");

    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/mutants.md");
    let anew = page(&rows, &committed().unwrap());
    if std::env::var_os("FIGURE2_BLESS").is_some() {
        std::fs::write(&path, &anew).unwrap();
    } else {
        assert!(std::fs::read_to_string(&path).unwrap_or_default() == anew, "{HOW}");
    }
}

#[test]
fn no_rule_and_no_property_is_without_a_mutant() {
    let mutants = mutants();
    assert!(mutants.len() >= 145, "{}", mutants.len());
    for rule in Rule::ALL {
        // What a leader keeps for followers that lag (S1K) costs no more than a snapshot when it is wrong.
        let is_safety = *rule != Rule::S1K;
        assert_eq!(mutants.iter().any(|mutant| mutant.rule == *rule), is_safety, "{}", rule.id());
        assert!(cases().iter().any(|case| case.rule() == *rule), "{}", rule.id());
    }
    let by_recovery = cases()
        .iter()
        .filter(|case| matches!(case.expected(), Expected::Survives(Kind::Liveness, _)))
        .count();
    assert!(by_recovery >= 25, "{by_recovery}");
    for safety in Safety::ALL {
        assert!(mutants.iter().any(|mutant| mutant.killed_by == safety), "{}", safety.name());
    }
    let ids: HashSet<_> = cases().iter().map(Case::id).collect();
    assert_eq!(ids.len(), cases().len(), "an id stands for two");
}

#[test]
fn without_the_bug_the_same_spaces_hold() {
    // Else a property could "kill" because it is broken itself. The large spaces among them are the profiles'.
    let options = CheckOptions { max_states: Some(30_000), ..CheckOptions::default() };
    let mut spaces: Vec<Profile> = Vec::new();
    for mutant in mutants() {
        let profile = Profile { symmetry: true, always: Safety::ALL.to_vec(), ..mutant.profile };
        if !spaces.contains(&profile) {
            spaces.push(profile);
        }
    }
    let mut finished = 0;
    for profile in &spaces {
        match figure2_model::check(profile, &options, &mut |_| ()).unwrap().verdict {
            Verdict::Holds => finished += 1,
            Verdict::Unfinished(_) => {}
            verdict => panic!("{}: {verdict:?}", profile.bounds),
        }
    }
    assert!(finished * 2 >= spaces.len(), "only {finished} of {} spaces are small enough", spaces.len());
}

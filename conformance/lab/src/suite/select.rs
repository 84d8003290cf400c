//! Which tests a person means.

use super::{LabTest, TESTS};
use std::fmt;

/// A filter that no test answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownTest {
    /// The filter.
    pub filter: String,
}

impl fmt::Display for UnknownTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "no test answers to '{}'; possible are", self.filter)?;
        writeln!(f, "  a part: {}", parts().join(", "))?;
        writeln!(f, "  a lab: 2 (the 2021 edition), 3 (since 2023)")?;
        write!(f, "  a test, or a piece of its name or title:")?;
        for test in TESTS {
            write!(f, "\n    {:<30} {}", test.id(), test.title)?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownTest {}

/// The tests that any of the filters means, in the lab's order; with no filters, all.
///
/// A filter is, ignoring case: a test's id (then it means only that test), a part, a lab's number, or a piece of an id
/// or a title. Tests that are the same in later editions answer to their later names too.
///
/// # Errors
/// The first filter that no test answers to.
pub fn select(filters: &[String]) -> Result<Vec<&'static LabTest>, UnknownTest> {
    if filters.is_empty() {
        return Ok(TESTS.iter().collect());
    }
    let mut chosen = vec![false; TESTS.len()];
    for filter in filters {
        let meant = meant_by(filter);
        if !meant.contains(&true) {
            return Err(UnknownTest { filter: filter.clone() });
        }
        for (chosen, meant) in chosen.iter_mut().zip(meant) {
            *chosen |= meant;
        }
    }
    Ok(TESTS.iter().zip(chosen).filter_map(|(test, chosen)| chosen.then_some(test)).collect())
}

/// For each test, whether the filter means it: by the most exact of the possible readings.
fn meant_by(filter: &str) -> Vec<bool> {
    let wanted = filter.trim().to_lowercase();
    let ids = |test: &LabTest| [Some(test.id()), test.later_id()].into_iter().flatten();
    let readings: [&dyn Fn(&LabTest) -> bool; 4] = [
        &|test| ids(test).any(|id| id.to_lowercase() == wanted),
        &|test| parts_of(test).any(|part| part.to_lowercase() == wanted),
        &|test| matches!(wanted.as_str(), "2" | "3") && parts_of(test).any(|part| part.starts_with(&wanted)),
        &|test| {
            let found = |text: &str| !wanted.is_empty() && text.to_lowercase().contains(&wanted);
            ids(test).any(|id| found(&id)) || found(test.title)
        },
    ];
    readings
        .iter()
        .map(|reading| TESTS.iter().map(reading).collect::<Vec<_>>())
        .find(|meant| meant.contains(&true))
        .unwrap_or_default()
}

fn parts_of(test: &LabTest) -> impl Iterator<Item = &'static str> {
    [Some(test.part), test.later_part].into_iter().flatten()
}

/// All parts, sorted.
fn parts() -> Vec<&'static str> {
    let mut parts: Vec<_> = TESTS.iter().flat_map(parts_of).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(filter: &str) -> Vec<String> {
        select(&[filter.into()]).unwrap().iter().map(|test| test.id()).collect()
    }

    #[test]
    fn parts_and_labs_select_their_tests() {
        assert_eq!(ids("2a"), ["InitialElection2A", "ReElection2A", "ManyElections2A"]);
        assert_eq!(ids("3A"), ids("2A"));
        assert_eq!(ids("2B").len(), 9);
        assert_eq!(ids("3B").len(), 10);
        assert_eq!(ids("2C").len(), 8);
        assert_eq!(ids("2D").len(), 5);
        assert_eq!(ids("3D").len(), 7);
        assert_eq!(ids("2").len(), 25);
        assert_eq!(select(&[]).unwrap().len(), TESTS.len());
    }

    #[test]
    fn an_id_selects_one_test_even_where_it_is_a_piece_of_another() {
        assert_eq!(ids("Figure82C"), ["Figure82C"]);
        assert_eq!(ids("figure83c"), ["Figure82C"]);
        assert_eq!(ids("figure 8"), ["Figure82C", "Figure8Unreliable2C"]);
        assert_eq!(ids("SnapshotBasic3D"), ["SnapshotBasic3D"]);
        assert_eq!(ids("SnapshotBasic"), ["SnapshotBasic2D", "SnapshotBasic3D"]);
    }

    #[test]
    fn ids_are_unique() {
        for test in TESTS {
            assert_eq!(ids(&test.id()), [test.id()]);
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_what_is_possible() {
        for filter in ["4A", "", "nonsense"] {
            let error = select(&["2A".into(), filter.into()]).unwrap_err();
            assert_eq!(error.filter, filter);
            let text = error.to_string();
            assert!(text.contains("2A, 2B, 2C, 2D, 3A, 3B, 3C, 3D, limits"), "{text}");
            assert!(text.contains("Figure8Unreliable2C"), "{text}");
        }
    }
}

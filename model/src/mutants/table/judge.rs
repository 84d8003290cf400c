//! Checks the table: what it must contain, and what is wrong with one that does not.

use super::cell::{Cell, Subject, cells, is_judged, references};
use super::file::{Said, Table, hash};
use crate::mutants::{Case, Expected, Kind};
use figure2_core::Rule;
use std::fmt;

/// What is wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It was made with other rules, profiles or mutants, or not all of it is there.
    Stale {
        /// Places of which nothing is said.
        missing: usize,
        /// Places of which something is said, and it was made with something else.
        outdated: usize,
    },
    /// A profile is broken under the rules of Figure 2, or was not searched to its end.
    Figure2(String),
    /// A rule that no profile of `all` sees a break of.
    Unseen(Rule),
    /// A mutant that breaks safety, and is killed in no profile of `all`.
    Lives {
        /// The mutant.
        id: String,
        /// The profiles that were not searched to their ends.
        unfinished: Vec<String>,
    },
    /// A mutant that breaks liveness, and from every state of the profiles of `all` the cluster recovers.
    Recovers {
        /// The mutant.
        id: String,
        /// The profiles that were not searched to their ends.
        unfinished: Vec<String>,
    },
    /// A change that should break nothing breaks something.
    Killed {
        /// The change.
        id: String,
        /// Where.
        place: String,
    },
    /// A change that is said to be equivalent is not, or one that is not said to be is in every profile.
    Kind {
        /// The change.
        id: String,
        /// What is wrong with its kind.
        what: &'static str,
    },
    /// A change that should break nothing, where that was not searched to its end.
    Open {
        /// The change.
        id: String,
        /// Where.
        place: String,
    },
}

impl Flaw {
    /// Whether nothing wrong is known, only too little.
    pub fn is_open(&self) -> bool {
        match self {
            Flaw::Stale { .. } | Flaw::Open { .. } => true,
            Flaw::Lives { unfinished, .. } | Flaw::Recovers { unfinished, .. } => !unfinished.is_empty(),
            Flaw::Figure2(_) | Flaw::Unseen(_) | Flaw::Killed { .. } | Flaw::Kind { .. } => false,
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Stale { missing, outdated } => write!(
                f,
                "the kill table is stale: the rules, the profiles or the mutants are not those that it was made with \
                 ({missing} of its places are missing, {outdated} outdated). Go on with\n    \
                 figure2 mutants table --run"
            ),
            Flaw::Figure2(place) => {
                write!(f, "{place} under the rules of Figure 2: not every state, or not right")
            }
            Flaw::Unseen(rule) => {
                write!(f, "{}: no profile of `all` sees a break of this rule ({})", rule.id(), rule.text())
            }
            Flaw::Lives { id, unfinished } if unfinished.is_empty() => {
                write!(f, "{id}: breaks safety, and no profile of `all` kills it")
            }
            Flaw::Lives { id, unfinished } => {
                write!(f, "{id}: not killed yet; unfinished in {}", unfinished.join(", "))
            }
            Flaw::Recovers { id, unfinished } if unfinished.is_empty() => {
                write!(f, "{id}: breaks liveness, and the cluster recovers in all profiles of `all`")
            }
            Flaw::Recovers { id, unfinished } => {
                write!(f, "{id}: recovers in all profiles; unfinished in {}", unfinished.join(", "))
            }
            Flaw::Killed { id, place } => write!(f, "{id}: should break no property, and does in {place}"),
            Flaw::Kind { id, what } => write!(f, "{id}: {what}"),
            Flaw::Open { id, place } => write!(f, "{id}: should break no property; {place} is unfinished"),
        }
    }
}

/// All that is wrong with a table. Of outdated places nothing is judged.
pub fn judge(table: &Table) -> Vec<Flaw> {
    let (cells, references) = (cells(), references());
    let mut flaws = Vec::new();
    let all = || references.iter().chain(&cells);
    let missing = all().filter(|cell| table.find(cell).is_none()).count();
    let outdated = all().filter(|cell| table.find(cell).is_some() && table.get(cell).is_none()).count();
    if missing + outdated > 0 || table.hash.as_ref() != Some(&hash()) {
        flaws.push(Flaw::Stale { missing, outdated });
    }
    let said = |cell: &Cell| table.get(cell).map(|line| &line.said);
    // Without symmetry Figure 2 is there only to be compared with: where it is unfinished, so are those that are not killed.
    let is_right = |cell: &Cell, said: &Said| {
        *said == Said::Right || !cell.profile.symmetry && matches!(said, Said::Unfinished(_))
    };
    let wrong = references.iter().filter(|cell| said(cell).is_some_and(|said| !is_right(cell, said)));
    flaws.extend(wrong.map(|cell| Flaw::Figure2(cell.place())));
    for rule in Rule::ALL {
        // A rule of which something is missing is not judged.
        let mut of_rule =
            cells.iter().filter(|cell| matches!(case(cell), Some(case) if case.rule() == *rule));
        if of_rule.clone().all(|cell| said(cell).is_some())
            && !of_rule.any(|cell| {
                matches!(
                    said(cell),
                    Some(Said::Killed(_) | Said::Unrecovered | Said::Other(_) | Said::Unplayable)
                )
            })
        {
            flaws.push(Flaw::Unseen(*rule));
        }
    }
    for case in crate::mutants::cases().into_iter().filter(is_judged) {
        let own: Vec<&Cell> = cells.iter().filter(|cell| cell.id() == case.id()).collect();
        if own.iter().all(|cell| said(cell).is_some()) {
            judge_case(&case, &own, table, &mut flaws);
        }
    }
    flaws
}

fn case(cell: &Cell) -> Option<&Case> {
    match &cell.subject {
        Subject::Figure2 => None,
        Subject::Case(case) => Some(case),
    }
}

/// Judges what all lines of one case say together.
fn judge_case(case: &Case, own: &[&Cell], table: &Table, flaws: &mut Vec<Flaw>) {
    let places = |is_meant: fn(&Said) -> bool| -> Vec<String> {
        let meant = own.iter().filter(|cell| table.get(cell).is_some_and(|line| is_meant(&line.said)));
        meant.map(|cell| cell.place()).collect()
    };
    let id = case.id().to_owned();
    let killed = places(|said| matches!(said, Said::Killed(_)));
    let unfinished = places(|said| matches!(said, Said::Unfinished(_)));
    let differs = places(|said| matches!(said, Said::Other(_) | Said::Unplayable));
    match case.expected() {
        Expected::KilledBy(_) if killed.is_empty() => flaws.push(Flaw::Lives { id, unfinished }),
        Expected::KilledBy(_) => {}
        Expected::Survives(Kind::Liveness, _) => {
            flaws.extend(killed.into_iter().map(|place| Flaw::Killed { id: id.clone(), place }));
            if places(|said| *said == Said::Unrecovered).is_empty() {
                flaws.push(Flaw::Recovers { id, unfinished });
            }
        }
        Expected::Survives(kind, _) => {
            flaws.extend(killed.into_iter().map(|place| Flaw::Killed { id: id.clone(), place }));
            let is_whole = unfinished.is_empty();
            flaws.extend(unfinished.into_iter().map(|place| Flaw::Open { id: id.clone(), place }));
            if kind == Kind::Equivalent && !differs.is_empty() {
                flaws.push(Flaw::Kind {
                    id,
                    what: "is said to be equivalent, and a profile has other states under it",
                });
            } else if kind != Kind::Equivalent && differs.is_empty() && is_whole {
                flaws.push(Flaw::Kind {
                    id,
                    what: "no profile of `all` sees it: nothing shows that it does no harm",
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::table::Line;
    use crate::properties::Safety;

    fn line(cell: &Cell, said: Said) -> Line {
        let (id, place, digest) = (cell.id().to_owned(), cell.place(), cell.digest());
        Line { id, place, said, distinct: 1, generated: 1, digest }
    }

    /// A table that is as it must be: mutants die, equivalent changes have the same counts, others have not.
    fn right() -> Table {
        let mut table = Table::default();
        table.hash = Some(hash());
        references().iter().for_each(|cell| table.insert(line(cell, Said::Right)));
        for cell in cells() {
            let said = match case(&cell).unwrap().expected() {
                Expected::KilledBy(safety) => Said::Killed(vec![safety]),
                Expected::Survives(Kind::Equivalent, _) => Said::Same,
                Expected::Survives(Kind::Liveness, _) => Said::Unrecovered,
                Expected::Survives(..) => Said::Other(vec![]),
            };
            table.insert(line(&cell, said));
        }
        table
    }

    fn with(id: &str, said: Said) -> Vec<Flaw> {
        let mut table = right();
        for cell in cells().iter().filter(|cell| cell.id() == id) {
            table.insert(line(cell, said.clone()));
        }
        judge(&table)
    }

    #[test]
    fn a_table_that_is_as_it_must_be_has_no_flaw_and_an_empty_one_is_stale_and_says_nothing_else() {
        assert_eq!(judge(&right()), []);
        let missing = references().len() + cells().len();
        assert_eq!(judge(&Table::default()), [Flaw::Stale { missing, outdated: 0 }]);
        let mut other = right();
        other.hash = Some("0".to_owned());
        assert_eq!(judge(&other), [Flaw::Stale { missing: 0, outdated: 0 }]);
    }

    #[test]
    fn a_mutant_that_lives_everywhere_a_survivor_that_dies_and_a_wrong_kind_are_flaws() {
        let lives = with("C1", Said::Same);
        assert_eq!(lives, [Flaw::Lives { id: "C1".to_owned(), unfinished: vec![] }]);
        assert!(!lives[0].is_open());
        assert!(with("C1", Said::Unfinished("time".to_owned())).iter().all(Flaw::is_open));
        assert!(matches!(
            with("A2-vote", Said::Killed(vec![Safety::OneVote]))[..],
            [Flaw::Killed { .. }, ..]
        ));
        assert!(matches!(with("A2-vote", Said::Same)[..], [Flaw::Kind { .. }]));
        assert!(matches!(with("V1-none", Said::Other(vec![]))[..], [Flaw::Kind { .. }]));
        assert!(matches!(with("V1-none", Said::Unfinished("time".to_owned()))[..], [Flaw::Open { .. }, ..]));
    }

    #[test]
    fn what_breaks_liveness_must_not_recover_somewhere_and_break_no_property() {
        let recovers = with("C4-once", Said::Other(vec![]));
        assert_eq!(recovers, [Flaw::Recovers { id: "C4-once".to_owned(), unfinished: vec![] }]);
        assert!(!recovers[0].is_open());
        assert!(with("C4-once", Said::Unfinished("time".to_owned())).iter().all(Flaw::is_open));
        let killed = with("C4-once", Said::Killed(vec![Safety::OneVote]));
        assert!(killed.iter().any(|flaw| matches!(flaw, Flaw::Killed { .. })));
    }

    #[test]
    fn a_rule_that_no_profile_sees_a_break_of_is_a_flaw() {
        let mut table = right();
        let of_rule = |cell: &&Cell| case(cell).is_some_and(|case| case.rule() == Rule::C4);
        cells().iter().filter(of_rule).for_each(|cell| table.insert(line(cell, Said::Same)));
        assert!(judge(&table).contains(&Flaw::Unseen(Rule::C4)));
    }
}

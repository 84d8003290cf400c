//! The result of a check.

use crate::cluster::bounds::Bounds;
use crate::properties::{Safety, Witness};
use crate::recovery::{Recovered, Unrecovered};
use crate::search::search_state::Limit;
use crate::trace::counterexample::Counterexample;
use figure2_core::Rule;
use std::fmt;
use std::time::Duration;

/// The result of checking one profile.
#[derive(Clone, Debug)]
pub struct Report {
    /// The profile's name.
    pub profile: String,
    /// Its bounds.
    pub bounds: Bounds,
    /// The seed of the hash by which states were told apart.
    pub rehash: u64,
    /// States generated, repeats included.
    pub generated: u64,
    /// Distinct states, by their 64-bit fingerprints.
    pub distinct: u64,
    /// Length of the longest path that the search followed: a figure of the search, not of the space.
    pub depth: u64,
    /// How many states each level has, those that are equally many steps away from the start, where the search goes level by
    /// level; else nothing.
    pub levels: Vec<u64>,
    /// How long the search took; the search for a shortest trace is not part of it.
    pub elapsed: Duration,
    /// Highest resident memory of the process during the search, in bytes, where the system tells.
    pub peak_memory: Option<u64>,
    /// What became of each property that must always hold.
    pub always: Vec<(Safety, Outcome)>,
    /// Which witnesses were found.
    pub sometimes: Vec<(Witness, Outcome)>,
    /// How often each rule of the core fired.
    pub rules: Vec<(Rule, u64)>,
    /// What was found out about recovery, if it was judged.
    pub recovered: Option<Recovered>,
    /// What it all means.
    pub verdict: Verdict,
}

/// More collisions than this are not left to chance: it is reached with 607 million states.
pub const MOST_COLLISIONS: f64 = 0.01;

impl Report {
    /// Distinct states per second.
    pub fn rate(&self) -> f64 {
        self.distinct as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// How many pairs of different states are expected to have had the same 64-bit fingerprint: for each, one state was not
    /// explored. With n distinct states there are n (n - 1) / 2 pairs, and each collides with a chance of one in 2^64.
    pub fn expected_collisions(&self) -> f64 {
        let distinct = self.distinct as f64;
        distinct * (distinct - 1.0).max(0.0) / 2.0 / 2.0_f64.powi(64)
    }

    /// Whether so many collisions are expected that a second run with another hash should confirm the verdict: more than
    /// [`MOST_COLLISIONS`].
    pub fn is_in_doubt(&self) -> bool {
        let visited_all = matches!(self.verdict, Verdict::Holds | Verdict::Vacuous { .. });
        visited_all && self.expected_collisions() > MOST_COLLISIONS
    }
}

/// What a search says about one property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds in all states.
    Holds,
    /// It is broken in some state.
    Broken,
    /// Some state shows it.
    Found,
    /// No state shows it.
    NotFound,
    /// The search ended before that could be said.
    Open,
}

/// The conclusion of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every state within the bounds was visited, every property holds in all of them, and everything that had to be
    /// reached was reached.
    Holds,
    /// A property is broken, and this is how.
    Violated(Counterexample),
    /// No property is broken, but from some state the cluster does not recover.
    Unrecovered {
        /// The way to the state.
        trace: Counterexample,
        /// What follows from there once faults end.
        run: Box<Unrecovered>,
    },
    /// Every state was visited and no property is broken, but the search did not reach what it is there to check.
    Vacuous {
        /// What no state shows.
        witnesses: Vec<Witness>,
        /// Rules that never fired.
        rules: Vec<Rule>,
    },
    /// Nothing broken was found, and not every state was visited.
    Unfinished(Unfinished),
}

/// Why a search did not visit every state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// A limit was hit.
    Limit(Limit),
    /// A thread of the search panicked, with this message.
    Panicked(String),
    /// Something else failed: a file could not be written, or two searches differ.
    Failed(String),
    /// So many states were found, but not so many expanded.
    NotExpanded {
        /// Distinct states.
        distinct: u64,
        /// States whose successors were looked at.
        expanded: u64,
    },
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfinished::Limit(limit) => limit.fmt(f),
            Unfinished::Panicked(message) => write!(f, "a thread of the search panicked: {message}"),
            Unfinished::Failed(what) => f.write_str(what),
            Unfinished::NotExpanded { distinct, expanded } => {
                write!(f, "{distinct} states were found, but {expanded} expanded")
            }
        }
    }
}

/// Rules that none of these checks reached, though some search should have.
pub fn unreached(reports: &[Report]) -> Vec<Rule> {
    let fired = |rule: Rule| reports.iter().any(|report| report.rules.contains_positive(rule));
    Rule::ALL
        .iter()
        .copied()
        .filter(|rule| !crate::profiles::UNREACHABLE.contains(rule) && !fired(*rule))
        .collect()
}

trait Counts {
    fn contains_positive(&self, rule: Rule) -> bool;
}

impl Counts for Vec<(Rule, u64)> {
    fn contains_positive(&self, rule: Rule) -> bool {
        self.iter().any(|(other, count)| *other == rule && *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(distinct: u64, verdict: Verdict) -> Report {
        Report {
            profile: "large".to_owned(),
            bounds: crate::profile("election").map(|profile| profile.bounds).unwrap(),
            rehash: 0,
            generated: distinct,
            distinct,
            depth: 1,
            levels: Vec::new(),
            elapsed: Duration::from_secs(1),
            peak_memory: None,
            always: Vec::new(),
            sometimes: Vec::new(),
            rules: Vec::new(),
            recovered: None,
            verdict,
        }
    }

    #[test]
    fn a_verdict_on_very_many_states_is_in_doubt() {
        let expected = |distinct| report(distinct, Verdict::Holds).expected_collisions();
        assert_eq!((expected(0), expected(1)), (0.0, 0.0));
        // 1.2 billion: the number of pairs is 7.2e17, and 2^64 is 1.84e19.
        assert!((expected(1_200_000_000) - 0.039).abs() < 0.001, "{}", expected(1_200_000_000));
        assert!(!report(600_000_000, Verdict::Holds).is_in_doubt());
        assert!(report(620_000_000, Verdict::Holds).is_in_doubt());
        let unfinished = Verdict::Unfinished(Unfinished::Panicked(String::new()));
        assert!(!report(620_000_000, unfinished).is_in_doubt(), "nothing was said");
    }
}

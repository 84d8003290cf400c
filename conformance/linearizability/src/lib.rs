//! # figure2-linearizability
//!
//! Is a history linearizable? Every operation must seem to take effect at one instant between its invocation and its
//! completion.
//!
//! [`read()`] reads the histories of Jepsen and others, of key/value stores and of other [`objects`], and [`examine()`]
//! judges them. For a history of a key/value store that this program recorded there is a simpler way:
//!
//! [`check`] decides it key by key. `holds` is backed by an order that was replayed on the values themselves;
//! `violated` by the smallest window of operations found that no order explains ([`draw()`] shows it); `unfinished` is
//! neither. The algorithm, and why it is sound and complete, are in docs/linearizability.md.
//!
//! ```
//! use figure2_linearizability::{Action, Limits, Outcome, Recorder, Verdict, check};
//!
//! let mut history = Recorder::new();
//! history.invoke(1, "x", Action::Put("a".into()))?;
//! history.complete(1, Outcome::Ok { read: None })?;
//! history.invoke(2, "x", Action::Get)?;
//! history.complete(2, Outcome::Ok { read: None })?;
//! let report = check(history.operations(), None, Limits::default());
//! assert!(matches!(report.keys[0].verdict, Verdict::Violated(_)));
//! # Ok::<(), figure2_linearizability::Misuse>(())
//! ```
//!
//! This crate depends on nothing else of figure2, and must not: the checker judges histories of any store.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod classes;
mod configuration;
mod digest;
mod draw;
mod examine;
pub mod exhaustive;
mod history;
mod in_flight;
mod linearization_proof;
pub mod objects;
mod observability;
mod orders;
mod packed;
mod page;
mod picture;
mod read;
mod reduction;
mod report;
mod search;
mod shrink;
mod write;

use std::collections::BTreeMap;
use std::time::Duration;

pub use draw::draw;
pub use examine::{Examined, Finding, Progress, Question, Told, examine};
pub use history::{Action, Misuse, Operation, Outcome, Recorder};
pub use orders::Attempt;
pub use packed::{Damaged, Packed};
pub use page::html;
pub use picture::{Bar, Ended, Picture};
pub use read::{Format, History, Model, Operations, Places, ReadError, Reading, read, read_counting};
pub use report::{Judged, json, junit, text};
pub use shrink::Window;
pub use write::write;

use search::{Budget, Found};

/// What a check may spend before it gives up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Configurations held at once, of some 150 bytes each.
    pub configurations: usize,
    /// Time for the whole history; the reduction of a violation to its window has up to ten seconds of its own.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { configurations: 500_000, time: Duration::from_secs(60) }
    }
}

/// What was found out.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// There is an order that explains the operations; it was replayed.
    Holds,
    /// No order explains the operations, not even those of this window alone.
    Violated(Window),
    /// Neither was shown, for this reason. Never to be taken for a pass.
    Unfinished(String),
}

/// What was found out about one key.
#[derive(Clone, Debug)]
pub struct KeyReport {
    /// The key.
    pub key: String,
    /// Its operations, all of them.
    pub operations: usize,
    /// The verdict on them.
    pub verdict: Verdict,
}

/// What was found out about a history.
#[derive(Clone, Debug)]
pub struct Report {
    /// Each key, in order.
    pub keys: Vec<KeyReport>,
}

/// The verdict on a history as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summary {
    /// Every key's operations are linearizable, and so is the history.
    Holds,
    /// Those of some key are not.
    Violated,
    /// None is known to be violated, and some are not known to hold; or there are no operations at all.
    Unfinished,
}

impl Report {
    /// The verdict on the whole.
    pub fn summary(&self) -> Summary {
        let any = |wanted: fn(&Verdict) -> bool| self.keys.iter().any(|key| wanted(&key.verdict));
        if any(|verdict| matches!(verdict, Verdict::Violated(_))) {
            Summary::Violated
        } else if self.keys.is_empty() || any(|verdict| matches!(verdict, Verdict::Unfinished(_))) {
            Summary::Unfinished
        } else {
            Summary::Holds
        }
    }
}

/// Decides whether `operations`, in the order of their invocations, are linearizable, if every key first holds
/// `initial` (`None`: no value).
pub fn check(operations: &[Operation], initial: Option<&str>, limits: Limits) -> Report {
    let budget = Budget::of(limits);
    let mut keys: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in operations {
        keys.entry(&operation.key).or_default().push(operation);
    }
    let report = |(key, all): (&str, Vec<&Operation>)| KeyReport {
        key: key.to_owned(),
        operations: all.len(),
        verdict: decide(&all, initial, budget),
    };
    Report { keys: keys.into_iter().map(report).collect() }
}

/// Decides for the operations of one key.
fn decide(all: &[&Operation], initial: Option<&str>, budget: Budget<'_>) -> Verdict {
    let operations: Vec<&Operation> = all.iter().copied().filter(|operation| operation.matters()).collect();
    match search::search(&operations, initial, budget) {
        Found::Order(order) => match linearization_proof::verify(&operations, initial, &order) {
            Ok(()) => Verdict::Holds,
            Err(invalid) => Verdict::Unfinished(format!(
                "the order found is no linearization ({invalid}): a defect of the checker"
            )),
        },
        Found::Violation { forced } => {
            let mut window = shrink::window(&operations, initial, forced.as_deref(), budget);
            if window.confirmed == Some(false) {
                let reason = "the window of the violation has an order after all: a defect of the checker";
                return Verdict::Unfinished(reason.to_owned());
            }
            window.note_outside(all);
            Verdict::Violated(window)
        }
        Found::Unfinished(reason) => Verdict::Unfinished(reason),
    }
}

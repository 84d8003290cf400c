//! Runs mutants and survivors, and reports the result of each.

use super::{Kind, Mutant, Survivor, mutants, survivors};
use crate::cluster::System;
use crate::profiles::Profile;
use crate::properties::Safety;
use crate::recovery::Stuck;
use crate::search::check::{CheckError, CheckOptions};
use crate::search::report::{Report, Verdict};
use figure2_core::Rule;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The mutants that do not treat all ids alike. A test finds out which they are.
const ASYMMETRIC: [&str; 1] = ["RV2F-zero"];

/// A mutant or a survivor.
#[derive(Clone)]
pub enum Case {
    /// It must be killed.
    Mutant(Mutant),
    /// It must break nothing.
    Survivor(Survivor),
}

/// All mutants, then all survivors.
pub fn cases() -> Vec<Case> {
    mutants().into_iter().map(Case::Mutant).chain(survivors().into_iter().map(Case::Survivor)).collect()
}

impl Case {
    /// Its short name.
    pub fn id(&self) -> &'static str {
        match self {
            Case::Mutant(mutant) => mutant.id,
            Case::Survivor(survivor) => survivor.id,
        }
    }

    /// The rule that is changed.
    pub fn rule(&self) -> Rule {
        match self {
            Case::Mutant(mutant) => mutant.rule,
            Case::Survivor(survivor) => survivor.rule,
        }
    }

    /// The change.
    pub fn bug(&self) -> &'static str {
        match self {
            Case::Mutant(mutant) => mutant.bug,
            Case::Survivor(survivor) => survivor.bug,
        }
    }

    /// What must come of it.
    pub fn expected(&self) -> Expected {
        match self {
            Case::Mutant(mutant) => Expected::KilledBy(mutant.killed_by),
            Case::Survivor(survivor) => Expected::Survives(survivor.kind, survivor.argument),
        }
    }

    /// Where it is explored.
    pub fn profile(&self) -> &Profile {
        match self {
            Case::Mutant(mutant) => &mutant.profile,
            Case::Survivor(survivor) => &survivor.profile,
        }
    }

    /// The changed rules, or the nodes that break them.
    pub fn system(&self) -> &System {
        match self {
            Case::Mutant(mutant) => &mutant.system,
            Case::Survivor(survivor) => &survivor.system,
        }
    }

    /// How the change is written.
    pub fn source(&self) -> &'static str {
        match self {
            Case::Mutant(mutant) => mutant.source,
            Case::Survivor(survivor) => survivor.source,
        }
    }

    /// Whether the changed rules treat all ids alike, as those of Figure 2 do: else states that are renamings of each
    /// other must not be taken for one.
    pub fn is_symmetric(&self) -> bool {
        !ASYMMETRIC.contains(&self.id())
    }

    /// Explores it.
    ///
    /// # Errors
    /// As [`check_system`](crate::check_system).
    pub fn try_out(&self, options: &CheckOptions) -> Result<Row, CheckError> {
        let begin = Instant::now();
        let report = match self {
            Case::Mutant(mutant) => mutant.check(options, &mut |_| ())?,
            Case::Survivor(survivor) => survivor.check(options, &mut |_| ())?,
        };
        let mut fate = fate(self.expected(), &report);
        let mut by_figure2 = None;
        if let Case::Survivor(survivor) = self {
            let right = survivor.check_figure2(options, &mut |_| ())?;
            by_figure2 = Some(right.distinct);
            let is_same = (right.distinct, right.generated) == (report.distinct, report.generated);
            if fate == Fate::Holds {
                fate = recovery(survivor, &survivor.check_recovery(options)?);
            }
            // What breaks liveness may show in timers alone, which the counts do not see.
            if fate == Fate::Holds && is_same != (survivor.kind == Kind::Equivalent) {
                let what = if is_same { "changes nothing" } else { "changes something" };
                fate = Fate::Wrong(what.to_owned());
            }
        }
        Ok(Row { case: self.clone(), fate, distinct: report.distinct, by_figure2, elapsed: begin.elapsed() })
    }
}

/// What must come of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// This property is broken.
    KilledBy(Safety),
    /// No property is broken, for this reason.
    Survives(Kind, &'static str),
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The property that must catch the mutant is broken; no trace is shorter than so many steps.
    Killed {
        /// Steps of the trace, after the script.
        steps: usize,
    },
    /// The survivor's space was searched to the end, and nothing is broken.
    Holds,
    /// The survivor's space was searched to the end, nothing is broken, and from a state that is so many steps away the cluster
    /// does not recover.
    Unrecovered {
        /// Steps of the trace, after the script.
        steps: usize,
        /// Why the fair run from there is no recovery.
        stuck: Stuck,
    },
    /// Not what must come of it: a mutant lives, or a survivor breaks something.
    Wrong(String),
    /// The search was not finished.
    Unfinished(String),
}

/// One line of the table.
#[derive(Clone)]
pub struct Row {
    /// What was tried.
    pub case: Case,
    /// What became of it.
    pub fate: Fate,
    /// Distinct states that the search saw.
    pub distinct: u64,
    /// Distinct states of the same space under the rules of Figure 2, for a survivor.
    pub by_figure2: Option<u64>,
    /// How long it took.
    pub elapsed: Duration,
}

fn fate(expected: Expected, report: &Report) -> Fate {
    match (expected, &report.verdict) {
        (_, Verdict::Unfinished(why)) => Fate::Unfinished(why.to_string()),
        (Expected::KilledBy(safety), Verdict::Violated(trace))
            if trace.is_shortest && trace.broken == [safety] =>
        {
            Fate::Killed { steps: trace.trace.steps.len() }
        }
        (Expected::Survives(..), Verdict::Holds) => Fate::Holds,
        (_, Verdict::Violated(trace)) => {
            let broken: Vec<_> = trace.broken.iter().map(|safety| safety.name()).collect();
            Fate::Wrong(format!("breaks {}", broken.join(", ")))
        }
        (_, Verdict::Holds | Verdict::Vacuous { .. } | Verdict::Unrecovered { .. }) => {
            Fate::Wrong("survives".to_owned())
        }
    }
}

/// What recovery says of a survivor.
fn recovery(survivor: &Survivor, report: &Report) -> Fate {
    match (survivor.kind, &report.verdict) {
        (_, Verdict::Unfinished(why)) => Fate::Unfinished(why.to_string()),
        (Kind::Liveness, Verdict::Unrecovered { trace, run }) => {
            Fate::Unrecovered { steps: trace.trace.steps.len(), stuck: run.stuck }
        }
        (Kind::Equivalent | Kind::Harmless, Verdict::Holds) => Fate::Holds,
        (_, Verdict::Unrecovered { run, .. }) => Fate::Wrong(format!("does not recover: {}", run.stuck)),
        (_, Verdict::Holds) => Fate::Wrong("recovers from every state".to_owned()),
        (_, Verdict::Violated(_) | Verdict::Vacuous { .. }) => Fate::Wrong("breaks a property".to_owned()),
    }
}

/// Tries all cases out, `jobs` of them at a time, and tells of each as it is done. The rows are in the cases' order.
///
/// # Errors
/// The first case that could not begin; the others are not all tried then.
pub fn run(
    cases: &[Case],
    jobs: usize,
    options: &CheckOptions,
    tell: &(dyn Fn(&Row) + Sync),
) -> Result<Vec<Row>, CheckError> {
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::new());
    let work = || -> Result<(), CheckError> {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(place) else { return Ok(()) };
            let row = case.try_out(options)?;
            tell(&row);
            rows.lock().unwrap_or_else(PoisonError::into_inner).push((place, row));
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        // A worker panics only where the model does, and then the table would be short.
        let ended =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        ended.collect::<Result<(), CheckError>>()
    })?;
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_by_key(|(place, _)| *place);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

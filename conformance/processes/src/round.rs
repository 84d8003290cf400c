//! Rounds: a cluster that is started, used, made to suffer, and judged.

use crate::faults::{Counts, Fault, Network, Series};
use crate::server::{Defect, Life};
use crate::storm::Storm;
use anyhow::Context as _;
use figure2_linearizability::{Limits, Operation, Outcome, Verdict as Decided, check, draw};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// So many faults are in a round: a round's recordings are judged together, and each of them is an open file.
const FAULTS_IN_A_ROUND: u64 = 100;

/// After so many series of faults, a kind that had no effect makes the result worthless.
const SERIES: u64 = 3;

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many servers there are.
    pub servers: usize,
    /// How many faults there are; of servers that are killed at once, each counts as one.
    pub faults: u64,
    /// How the servers are joined.
    pub network: Network,
    /// Which kinds of faults there are.
    pub kinds: Vec<Fault>,
    /// Where the choices come from. (The moments of the operating system are not chosen, so a run cannot be repeated.)
    pub seed: u64,
    /// What the servers do wrong, if anything.
    pub defect: Option<Defect>,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Rounds, each with a new cluster.
    pub rounds: u64,
    /// Faults that had an effect, by their kind. Each server that was killed counts.
    pub faults: Counts,
    /// Faults that met no connection and no byte.
    pub without_effect: u64,
    /// Servers that recovered.
    pub restarts: u64,
    /// Restarts that had to cut off the end of a write.
    pub cut: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests of which nobody knows whether they were done.
    pub unknown: u64,
    /// Steps of servers that the audit judged.
    pub steps: u64,
    /// Elections that were won.
    pub elections: u64,
    /// How long it took, without the judging.
    pub time: Duration,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every server recovered, nothing was lost, and the audit holds.
    Holds,
    /// Something is wrong.
    Failed(String),
    /// Not all could be judged, for this reason.
    Unfinished(String),
}

/// What came out, and how much was done.
#[derive(Clone, Debug)]
pub struct Killed {
    /// What came out.
    pub verdict: Verdict,
    /// How much was done.
    pub figures: Figures,
    /// The directory of the round that failed.
    pub directory: Option<PathBuf>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { rounds, restarts, cut, answered, unknown, steps, elections, time, .. } = self;
        let faults: Vec<_> = self.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        write!(f, "{rounds} rounds; faults: {}", faults.join(", "))?;
        if self.without_effect > 0 {
            write!(f, ", and {} without effect", self.without_effect)?;
        }
        write!(
            f,
            "; {restarts} restarts, {cut} of them with a write cut off; {answered} requests answered, {unknown} unknown; \
             {steps} steps audited, {elections} elections; {:.1} s",
            time.as_secs_f64()
        )
    }
}

impl Figures {
    /// How many servers were killed.
    #[must_use]
    pub fn kills(&self) -> u64 {
        self.faults.get(&Fault::Kill).copied().unwrap_or(0)
    }

    /// How many faults there were.
    fn done(&self) -> u64 {
        self.faults.values().sum::<u64>() + self.without_effect
    }

    fn add(&mut self, storm: &Storm) {
        self.rounds += 1;
        let (faults, without_effect) = storm.counts();
        for (kind, count) in faults {
            *self.faults.entry(kind).or_default() += count;
        }
        self.without_effect += without_effect;
        self.restarts += storm.restarts;
        self.cut += storm.cut;
        self.time += storm.began.elapsed();
        for operation in &storm.history {
            match operation.outcome {
                Outcome::Unknown => self.unknown += 1,
                _ => self.answered += 1,
            }
        }
    }
}

/// Has servers suffer until the plan is done, or something is wrong. `command` runs a [`Life`] with
/// [`serve`](crate::serve); `told` hears of each round.
///
/// # Errors
/// When there is no kind of fault, the directory cannot be written, or a process cannot be run at all.
pub fn kill(
    plan: &Plan,
    directory: &Path,
    command: impl Fn(&Life) -> Command + Clone + Send + Sync + 'static,
    mut told: impl FnMut(&Figures),
) -> anyhow::Result<Killed> {
    let possible = plan.network.faults();
    if let Some(kind) = plan.kinds.iter().find(|kind| !possible.contains(kind)) {
        let possible: Vec<_> = possible.iter().map(|kind| kind.name()).collect();
        anyhow::bail!("there is no fault {kind} on this network; possible are {}", possible.join(", "));
    }
    anyhow::ensure!(!plan.kinds.is_empty(), "name at least one kind of fault");
    let least = if plan.network == Network::Pipes { 1 } else { 2 };
    anyhow::ensure!(plan.servers >= least, "on this network there must be at least {least} servers");
    let mut figures = Figures::default();
    while figures.done() < plan.faults {
        let faults = FAULTS_IN_A_ROUND.min(plan.faults - figures.done());
        let directory = directory.join(format!("round-{}", figures.rounds));
        std::fs::create_dir_all(&directory)?;
        let seed = plan.seed.wrapping_add(figures.rounds);
        let mut storm = Storm::new(plan, &directory, seed, command.clone())?;
        let failed = storm.run(faults).err().map(|error| Verdict::Failed(format!("{error:#}")));
        figures.add(&storm);
        let verdict = match failed {
            Some(failed) => failed,
            None => storm.judge(&mut figures)?,
        };
        if verdict != Verdict::Holds {
            return Ok(Killed { verdict, figures, directory: Some(directory) });
        }
        std::fs::remove_dir_all(&directory)?;
        told(&figures);
    }
    let verdict = match without_effect(plan, &figures.faults) {
        None => Verdict::Holds,
        Some(kind) => Verdict::Unfinished(format!("of the faults of the kind {kind}, none had an effect")),
    };
    Ok(Killed { verdict, figures, directory: None })
}

/// A kind of which no fault had an effect, though there were enough of them.
fn without_effect(plan: &Plan, had: &Counts) -> Option<Fault> {
    let enough = SERIES * Series::of(&plan.kinds).length() as u64;
    let kinds = if plan.faults < enough { &[] } else { plan.kinds.as_slice() };
    kinds.iter().find(|kind| had.get(kind).is_none_or(|count| *count == 0)).copied()
}

impl Storm {
    fn judge(&self, figures: &mut Figures) -> anyhow::Result<Verdict> {
        let seen = seen(&self.history);
        if matches!(seen, Verdict::Failed(_)) {
            return Ok(seen);
        }
        let open = || self.recordings.iter().map(|path| figure2_validate::open(path, true)).collect();
        let report = figure2_audit::audit(&open).context("the recordings")?;
        figures.steps += report.steps;
        figures.elections += report.elections as u64;
        Ok(match report.exit_code() {
            0 => seen,
            1 => Verdict::Failed(figure2_audit::text(&report)),
            _ => Verdict::Unfinished(report.sentence()),
        })
    }
}

/// What the clients' history shows.
fn seen(history: &[Operation]) -> Verdict {
    let limits = Limits { configurations: 200_000, time: Duration::from_secs(20) };
    for key in check(history, None, limits).keys {
        match key.verdict {
            Decided::Holds => {}
            Decided::Violated(window) => {
                let window = draw(&window, "event");
                return Verdict::Failed(format!("not linearizable, key {}:\n{window}", key.key));
            }
            Decided::Unfinished(reason) => {
                return Verdict::Unfinished(format!("linearizability of key {}: {reason}", key.key));
            }
        }
    }
    Verdict::Holds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_in_which_a_kind_had_no_effect_is_no_success() {
        let kinds = Network::Tcp.faults();
        let plan = |faults| Plan {
            servers: 3,
            faults,
            network: Network::Tcp,
            kinds: kinds.clone(),
            seed: 1,
            defect: None,
        };
        let mut had: Counts = kinds.iter().map(|kind| (*kind, 1)).collect();
        assert_eq!(without_effect(&plan(1000), &had), None);
        had.insert(Fault::Delay, 0);
        assert_eq!(without_effect(&plan(1000), &had), Some(Fault::Delay));
        had.remove(&Fault::Delay);
        assert_eq!(without_effect(&plan(1000), &had), Some(Fault::Delay));
        assert_eq!(without_effect(&plan(10), &had), None);
    }

    #[test]
    fn senseless_plans_are_refused_before_anything_is_started() {
        let command = |_: &Life| Command::new("false");
        let refusal = |plan: &Plan| {
            kill(plan, Path::new("unused"), command, |_| {}).err().map(|error| error.to_string())
        };
        let plan = Plan {
            servers: 3,
            faults: 1,
            network: Network::Pipes,
            kinds: vec![Fault::Kill],
            seed: 1,
            defect: None,
        };
        let cut = Plan { kinds: vec![Fault::Cut], ..plan.clone() };
        assert!(refusal(&cut).is_some_and(|said| said.ends_with("possible are kill")));
        let nothing = Plan { kinds: vec![], ..plan.clone() };
        assert!(refusal(&nothing).is_some_and(|said| said.contains("at least one kind")));
        let alone = Plan { servers: 1, network: Network::Tcp, ..plan };
        assert!(refusal(&alone).is_some_and(|said| said.contains("at least 2 servers")));
    }
}

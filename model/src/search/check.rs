//! Checking a profile: the search, its limits, and the conclusion. The conclusion is drawn here, from what the model
//! itself counted: a checker that stopped early looks to stateright like one that is done.

use crate::cluster::action::Action;
use crate::cluster::script::{ScriptError, play};
use crate::cluster::{Cluster, KEPT, SOUGHT, System};
use crate::profiles::Profile;
use crate::properties::{Safety, Witness};
use crate::recovery::{Recovered, Share, Watch, Watched};
use crate::search::memory;
use crate::search::report::{Outcome, Report, Unfinished, Verdict};
use crate::search::search_state::SearchState;
use crate::trace::Trace;
use crate::trace::counterexample::Counterexample;
use figure2_core::Rule;
use stateright::{Checker, Model};
use std::any::Any;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How a check is carried out. Nothing here changes what is explored, only how far a search may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckOptions {
    /// Threads of the search; at least 1.
    pub threads: usize,
    /// Longest time for the search.
    pub time_limit: Option<Duration>,
    /// Most distinct states.
    pub max_states: Option<u64>,
    /// Most memory of the process, in bytes. Where the system does not tell, what the set of seen states takes is
    /// estimated.
    pub max_memory: Option<u64>,
    /// Whether to search breadth first instead of depth first: slower, and about 1 KB for each state that waits, but
    /// a violation that is near is found before all that is far. For broken rules.
    pub breadth_first: bool,
    /// In which states it is judged whether the cluster recovers from them; in none by default.
    pub recovery: Option<Share>,
    /// The seed of the hash by which states are told apart. With another one, two states that were taken for one by chance are
    /// told apart.
    pub rehash: u64,
    /// Most states that the search for a shortest trace may take; it keeps whole states, about 1 KB each.
    pub max_trace_states: u64,
}

impl Default for CheckOptions {
    fn default() -> Self {
        CheckOptions {
            threads: 2,
            time_limit: None,
            max_states: None,
            max_memory: None,
            breadth_first: false,
            recovery: None,
            rehash: 0,
            max_trace_states: 2_000_000,
        }
    }
}

/// How a search is getting on.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Which of the searches.
    pub phase: Phase,
    /// Since the search began.
    pub elapsed: Duration,
    /// States generated, repeats included.
    pub generated: u64,
    /// Distinct states.
    pub distinct: u64,
    /// The longest path so far; where the search goes level by level, the level.
    pub depth: u64,
    /// States of that level, where the search goes level by level.
    pub frontier: Option<u64>,
    /// A guess of how many distinct states are yet to be found, where there is reason for one.
    pub left: Option<u64>,
    /// Resident memory of all processes of the search, in bytes.
    pub memory: Option<u64>,
    /// Bytes in files, of those states that are not in memory.
    pub disk: Option<u64>,
}

/// The searches of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Through the whole space.
    Search,
    /// After a violation: for the shortest way to one.
    ShortestTrace,
}

/// Why a check could not begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// No thread would do the search.
    #[error("0 threads: at least 1 is needed")]
    NoThreads,
    /// The bounds make no sense.
    #[error("bounds of profile {profile}: {problem}")]
    Bounds {
        /// The profile.
        profile: String,
        /// What is wrong with them.
        problem: String,
    },
    /// The scripted beginning does not fit.
    #[error(transparent)]
    Script(#[from] ScriptError),
}

/// How often the state of a search is looked at.
const POLL: Duration = Duration::from_millis(10);

/// How often progress is told.
const TELL: Duration = Duration::from_millis(500);

/// Checks a profile under the rules of Figure 2.
///
/// # Errors
/// When the options or the profile make no sense; nothing was searched then.
pub fn check(
    profile: &Profile,
    options: &CheckOptions,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Report, CheckError> {
    check_system(&System::default(), profile, options, progress)
}

/// Checks a profile under any rules, and on any nodes.
///
/// # Errors
/// As [`check`].
pub fn check_system(
    system: &System,
    profile: &Profile,
    options: &CheckOptions,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Report, CheckError> {
    search(system, profile, options, progress).map(|(report, _)| report)
}

/// As [`check_system`], with the cluster and all that the search has computed of its nodes.
pub(crate) fn search(
    system: &System,
    profile: &Profile,
    options: &CheckOptions,
    progress: &mut dyn FnMut(&Progress),
) -> Result<(Report, Cluster), CheckError> {
    if options.threads == 0 {
        return Err(CheckError::NoThreads);
    }
    let control = Arc::new(SearchState::new(options.max_states));
    let cluster = profile.hashed_cluster(system, options.rehash)?.controlled_by(Arc::clone(&control));
    let watch = options.recovery.map(|share| Arc::new(Watch::new(system, &profile.bounds, share)));
    let watched = Watched { cluster, watch };

    let builder = watched.clone().checker().threads(options.threads);
    let report = if options.breadth_first {
        conclude(builder.spawn_bfs(), &watched, profile, &control, options, progress)
    } else {
        conclude(builder.spawn_dfs(), &watched, profile, &control, options, progress)
    };
    Ok((report, watched.cluster))
}

/// Waits for a search and draws the conclusion.
fn conclude(
    mut checker: impl Checker<Watched>,
    watched: &Watched,
    profile: &Profile,
    control: &SearchState,
    options: &CheckOptions,
    progress: &mut dyn FnMut(&Progress),
) -> Report {
    let handles = checker.handles();
    let ended = watch(&checker, handles, control, options, Phase::Search, progress);

    let broken: Vec<Safety> = profile.always.iter().copied().filter(|s| control.is_broken(*s)).collect();
    let is_unrecovered = watched.watch.as_ref().is_some_and(|watch| watch.is_broken());
    let found = (!broken.is_empty() || is_unrecovered).then(|| {
        control.replay();
        let found = actions_to_violation(&checker);
        drop(checker);
        // Breadth first with one thread, the first violation is the shortest.
        if options.breadth_first && options.threads == 1 {
            violation(watched, &found, true)
        } else {
            shortest_trace(watched, profile, &found, options, progress)
        }
    });
    let recovered = watched.watch.as_ref().map(|watch| watch.recovered());
    report(profile, options, control, ended, recovered, found)
}

/// What a search that has ended says: `found` is the violation, if there is one.
pub(crate) fn report(
    profile: &Profile,
    options: &CheckOptions,
    control: &SearchState,
    ended: Ended,
    recovered: Option<Recovered>,
    found: Option<Verdict>,
) -> Report {
    let rules = control.rule_counts();
    let verdict = if let Some(verdict) = found {
        verdict
    } else if let Some(message) = ended.panic.clone() {
        Verdict::Unfinished(Unfinished::Panicked(message))
    } else if let Some(limit) = control.limit() {
        Verdict::Unfinished(Unfinished::Limit(limit.clone()))
    } else if control.expanded() != ended.distinct {
        let (distinct, expanded) = (ended.distinct, control.expanded());
        Verdict::Unfinished(Unfinished::NotExpanded { distinct, expanded })
    } else {
        conclude_exhausted(profile, control, &rules)
    };

    let exhausted = matches!(verdict, Verdict::Holds | Verdict::Vacuous { .. });
    let always = profile.always.iter().map(|safety| {
        let outcome = match control.is_broken(*safety) {
            true => Outcome::Broken,
            false if exhausted => Outcome::Holds,
            false => Outcome::Open,
        };
        (*safety, outcome)
    });
    let sometimes = profile.sometimes.iter().map(|witness| {
        let outcome = match control.has_found(*witness) {
            true => Outcome::Found,
            false if exhausted => Outcome::NotFound,
            false => Outcome::Open,
        };
        (*witness, outcome)
    });
    Report {
        profile: profile.name.clone(),
        bounds: profile.bounds,
        rehash: options.rehash,
        generated: ended.generated,
        distinct: ended.distinct,
        depth: ended.depth,
        levels: ended.levels,
        elapsed: ended.elapsed,
        peak_memory: ended.peak_memory,
        always: always.collect(),
        sometimes: sometimes.collect(),
        rules,
        recovered,
        verdict,
    }
}

impl Profile {
    /// The cluster that a check of this profile explores, under any rules and on any nodes.
    ///
    /// # Errors
    /// When the bounds make no sense, or the scripted beginning does not fit the rules.
    pub fn cluster(&self, system: &System) -> Result<Cluster, CheckError> {
        self.hashed_cluster(system, 0)
    }

    /// As [`cluster`](Self::cluster), with states hashed by a seed.
    pub(crate) fn hashed_cluster(&self, system: &System, seed: u64) -> Result<Cluster, CheckError> {
        if let Some(problem) = self.bounds.problem() {
            return Err(CheckError::Bounds { profile: self.name.clone(), problem });
        }
        let cluster = Cluster::hashed(system, self.bounds, Arc::new(SearchState::new(None)), seed);
        let start = play(&cluster, &self.script)?;
        Ok(cluster.starting_in(start).checking(&self.always, &self.sometimes).with_symmetry(self.symmetry))
    }
}

/// The shortest way to a state that shows a witness. None when none does, or when more than
/// [`max_trace_states`](CheckOptions::max_trace_states) would have to be looked at.
///
/// # Errors
/// As [`check`].
pub fn shortest_witness(
    system: &System,
    profile: &Profile,
    witness: Witness,
    options: &CheckOptions,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Option<Trace>, CheckError> {
    let control = Arc::new(SearchState::new(Some(options.max_trace_states)));
    let cluster = profile.cluster(system)?.controlled_by(Arc::clone(&control)).checking(&[], &[witness]);
    let mut checker = cluster.clone().checker().threads(1).spawn_bfs();
    let handles = checker.handles();
    watch(&checker, handles, &control, options, Phase::ShortestTrace, progress);
    control.replay();
    let path = checker.discoveries().remove(SOUGHT);
    Ok(path.map(|path| Trace::follow(&cluster, &path.into_actions())))
}

/// The verdict on a space that was searched through without a violation.
fn conclude_exhausted(profile: &Profile, control: &SearchState, counts: &[(Rule, u64)]) -> Verdict {
    let witnesses: Vec<_> = profile.sometimes.iter().copied().filter(|w| !control.has_found(*w)).collect();
    let fired = |rule: &Rule| counts.iter().any(|(other, count)| other == rule && *count > 0);
    let rules: Vec<_> = profile.rules.iter().copied().filter(|rule| !fired(rule)).collect();
    if witnesses.is_empty() && rules.is_empty() {
        Verdict::Holds
    } else {
        Verdict::Vacuous { witnesses, rules }
    }
}

/// How a search ended.
pub(crate) struct Ended {
    pub generated: u64,
    pub distinct: u64,
    pub depth: u64,
    pub levels: Vec<u64>,
    pub elapsed: Duration,
    pub peak_memory: Option<u64>,
    pub panic: Option<String>,
}

/// Waits for the threads of a search, enforces the limits meanwhile, and tells how it is getting on.
fn watch<M: Model>(
    checker: &impl Checker<M>,
    handles: Vec<JoinHandle<()>>,
    control: &SearchState,
    options: &CheckOptions,
    phase: Phase,
    progress: &mut dyn FnMut(&Progress),
) -> Ended {
    let mut told = Instant::now();
    let mut peak_memory = None;
    while !handles.iter().all(JoinHandle::is_finished) {
        thread::sleep(POLL);
        let elapsed = control.elapsed();
        let memory = memory::resident();
        peak_memory = peak_memory.max(memory);
        let distinct = checker.unique_state_count() as u64;
        let taken = memory.unwrap_or(distinct * BYTES_PER_SEEN_STATE);
        control.watch(options.time_limit, options.max_memory, Some(taken));
        if told.elapsed() >= TELL {
            told = Instant::now();
            let (generated, depth) = (checker.state_count() as u64, checker.max_depth() as u64);
            let (frontier, left, disk) = Default::default();
            progress(&Progress { phase, elapsed, generated, distinct, depth, frontier, left, memory, disk });
        }
    }
    let elapsed = control.elapsed();
    let mut panic = None;
    for handle in handles {
        if let Err(payload) = handle.join() {
            panic = Some(panic_message(&*payload));
        }
    }
    Ended {
        generated: checker.state_count() as u64,
        distinct: checker.unique_state_count() as u64,
        depth: checker.max_depth() as u64,
        levels: Vec::new(),
        elapsed,
        peak_memory: peak_memory.max(memory::resident()),
        panic,
    }
}

/// What stateright's set of seen states takes at most for one state: 8 bytes of fingerprint and 1 of hash table, in
/// a table that is at least 7/16 full.
const BYTES_PER_SEEN_STATE: u64 = 21;

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// The actions on the way to a violation that a search found.
fn actions_to_violation(checker: &impl Checker<Watched>) -> Vec<Action> {
    checker.discoveries().remove(KEPT).map(stateright::Path::into_actions).unwrap_or_default()
}

/// What the end of these actions breaks: a property, or else the cluster does not recover from there.
fn violation(watched: &Watched, actions: &[Action], is_shortest: bool) -> Verdict {
    violation_of(&watched.cluster, watched.watch.as_deref(), actions, is_shortest)
}

/// The same of a cluster and of what judges recovery in it, if anything does.
pub(crate) fn violation_of(
    cluster: &Cluster,
    watch: Option<&Watch>,
    actions: &[Action],
    is_shortest: bool,
) -> Verdict {
    let (trace, end) = Counterexample::follow_to_end(cluster, actions, is_shortest);
    let judged = watch.filter(|_| trace.broken.is_empty());
    match judged.map(|watch| watch.judge(cluster, &end)) {
        Some(Err(run)) => Verdict::Unrecovered { trace, run },
        _ => Verdict::Violated(trace),
    }
}

/// Searches breadth first, with one thread, for the shortest way to any violation. `found` is the way that is known.
fn shortest_trace(
    watched: &Watched,
    profile: &Profile,
    found: &[Action],
    options: &CheckOptions,
    progress: &mut dyn FnMut(&Progress),
) -> Verdict {
    let control = Arc::new(SearchState::new(Some(options.max_trace_states)));
    let cluster = watched.cluster.clone().controlled_by(Arc::clone(&control)).checking(&profile.always, &[]);
    let searched = Watched { cluster, watch: watched.watch.as_ref().map(|watch| Arc::new(watch.anew())) };
    let mut checker = searched.clone().checker().threads(1).spawn_bfs();
    let handles = checker.handles();
    let no_limits = CheckOptions { time_limit: None, max_memory: None, ..*options };
    watch(&checker, handles, &control, &no_limits, Phase::ShortestTrace, progress);
    let is_broken = profile.always.iter().any(|safety| control.is_broken(*safety));
    control.replay();
    if !is_broken && !searched.watch.as_ref().is_some_and(|watch| watch.is_broken()) {
        return violation(watched, found, false);
    }
    violation(&searched, &actions_to_violation(&checker), true)
}

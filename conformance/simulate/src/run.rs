//! One run of a plan.

use super::client::Client;
use super::cluster::Cluster;
use super::defect::Defect;
use super::fault::{Fault, Kind};
use super::flow::Sent;
use super::nemesis::{Counts, STORM};
use super::plan::Plan;
use super::progress::Progressed;
use super::recover::{equal, read_back, served, succeeded};
use super::start::{Feature, Start};
use super::verdict::{Failure, Verdict, judge_history};
use figure2_core::RuleSet;
use figure2_linearizability::{Operation, write};
use figure2_testing::server_disk::Crash;
use figure2_validate::Recorded;
use figure2_validate::instrument::panics::{self, Collected};
use figure2_validate::instrument::{Digest, Judged, Recording};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::dispatcher;

/// How soon after the end of all faults a request must be answered, and then all services be equal, or at least come nearer
/// to each other.
pub const RECOVERY: Duration = Duration::from_secs(5);
/// How often it is looked whether a server stopped by itself.
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Run {
    /// The verdict.
    pub verdict: Verdict,
    /// What the nodes recorded.
    pub recording: Recorded,
    /// What the clients asked and were told.
    pub history: Vec<Operation>,
    /// What happened.
    pub figures: Figures,
}

impl Run {
    /// A digest of the recording and the history.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut digest = Digest(self.recording.digest());
        digest.add(write(&self.history).as_bytes());
        digest.0
    }

    /// What the nodes recorded, as the text of a trace (docs/trace-format.md). Nothing, if they recorded what is none: the
    /// verdict says so.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        self.recording.text().unwrap_or_default()
    }

    /// Lines of that text, but for the first and the last.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.recording.events()
    }
}

/// What happened in a run, or in several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The cluster's own time.
    pub simulated: Duration,
    /// Which faults the nemesis made.
    pub counts: Counts,
    /// How much leaders sent.
    pub sent: Sent,
    /// Elections won.
    pub elections: u64,
    /// Entries committed.
    pub committed: u64,
    /// Lines of the recording, each of them judged.
    pub lines: u64,
    /// Requests of clients.
    pub operations: u64,
    /// What was committed while faults could happen.
    pub progressed: Progressed,
    /// The rules that fired.
    pub rules: RuleSet,
    /// The different states of the model in which runs began: a digest of each.
    pub starts: BTreeSet<u64>,
    /// How many runs began in a state with this feature.
    pub features: BTreeMap<Feature, u64>,
    /// The longest walk to a state in which a run began, in actions.
    pub deepest: u32,
}

impl Figures {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Figures) {
        let Figures { simulated, counts, sent, elections, committed, lines, operations, rules, .. } = other;
        self.simulated += *simulated;
        self.counts.add(counts);
        self.sent.add(sent);
        self.elections += elections;
        self.committed += committed;
        self.lines += lines;
        self.operations += operations;
        self.rules = self.rules.union(*rules);
        self.progressed.add(&other.progressed);
        self.starts.extend(&other.starts);
        for (feature, runs) in &other.features {
            *self.features.entry(*feature).or_default() += runs;
        }
        self.deepest = self.deepest.max(other.deepest);
    }

    /// Notes in which state of the model a run began.
    fn began_in(&mut self, start: &Start) {
        let mut hasher = DefaultHasher::new();
        (&start.profile, start.committed, &start.disks, &start.on_their_way).hash(&mut hasher);
        self.starts.insert(hasher.finish());
        self.features.extend(start.features().into_iter().map(|feature| (feature, 1)));
        self.deepest = start.depth;
    }
}

/// Runs a plan on the calling thread, in virtual time. Whatever goes wrong, panics included, is in the verdict. The same
/// plan gives the same recording and history, byte for byte.
///
/// Must not be called from within an async task.
#[must_use]
pub fn run(plan: &Plan, defect: Option<Defect>) -> Run {
    let panicked = Collected::default();
    panics::collect(Some(Arc::clone(&panicked)));
    let on_their_way = plan.start.as_ref().map(Start::recorded).unwrap_or_default();
    let recording = Recording::begin_with(on_their_way);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _recorded = dispatcher::set_default(&recording.dispatch);
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.map(|runtime| runtime.block_on(simulate(plan, defect)))
    }));
    panics::collect(None);
    let mut left = match caught {
        Ok(Ok(left)) => left,
        Ok(Err(error)) => Left::failed(Failure::Harness { what: error.to_string() }),
        Err(_) => Left::failed(Failure::Panic { what: "without a message".into() }),
    };
    if let Some(what) = panicked.lock().unwrap_or_else(PoisonError::into_inner).first() {
        left.failure = Some(Failure::Panic { what: what.clone() });
    }
    let mut over = conclude(left, recording.judge(&format!("seed-{}", plan.seed)));
    if let Some(start) = &plan.start {
        over.figures.began_in(start);
    }
    over
}

/// What a simulation leaves, before it is judged.
#[derive(Default)]
struct Left {
    failure: Option<Failure>,
    simulated: Duration,
    counts: Counts,
    sent: Sent,
    progressed: Progressed,
    history: Vec<Operation>,
}

impl Left {
    fn failed(failure: Failure) -> Left {
        Left { failure: Some(failure), ..Left::default() }
    }
}

/// What is unsafe outweighs what is slow: a recording that breaks a property says more than that nobody was served.
fn conclude(left: Left, judged: Judged) -> Run {
    let Judged { recorded: recording, wrong, validated, audited } = judged;
    let mut figures = Figures {
        simulated: left.simulated,
        counts: left.counts,
        sent: left.sent,
        progressed: left.progressed,
        operations: left.history.len() as u64,
        ..Figures::default()
    };
    if let Some(counts) = &validated {
        figures.lines = counts.lines;
        figures.rules = counts.rules;
    }
    if let Some(report) = &audited {
        figures.elections = report.elections as u64;
        figures.committed = report.committed;
    }
    let uncompared = audited.map_or(0, |report| report.uncompared);
    let verdict = match (wrong, judge_history(&left.history), left.failure) {
        (Some(what), _, _) => Verdict::Failed(Failure::Recording { what }),
        (None, Verdict::Failed(failure), _) => Verdict::Failed(failure),
        (None, _, Some(failure)) => Verdict::Failed(failure),
        (None, Verdict::Holds, None) if uncompared > 0 => {
            Verdict::Unfinished(format!("{uncompared} entries could not be compared with any other"))
        }
        (None, verdict, None) => verdict,
    };
    Run { verdict, recording, history: left.history, figures }
}

async fn simulate(plan: &Plan, defect: Option<Defect>) -> Left {
    let cluster = Cluster::new(plan, defect);
    let began = Instant::now();
    let failure = tokio::select! {
        biased;
        failure = cluster.failed() => Some(failure),
        result = whole(&cluster) => result.err(),
    };
    let counts = cluster.nemesis.counts();
    let storm = (counts.messages > STORM).then_some(Failure::Storm(STORM));
    let (simulated, history, sent) = (began.elapsed(), cluster.history(), cluster.sum_sent());
    let progressed = cluster.progressed();
    let left = Left { failure: storm.or(failure), simulated, counts, history, sent, progressed };
    for server in 0..plan.servers {
        cluster.stop(server, Crash::Kill);
    }
    left
}

/// The faults, then the recovery.
async fn whole(cluster: &Cluster) -> Result<(), Failure> {
    for server in 0..cluster.plan().servers {
        cluster.start(server).await?;
    }
    cluster.begin_messages();
    let clients = (1..=u64::from(cluster.plan().clients)).map(|id| Client::new(cluster.clone(), id).run());
    let clients: Vec<_> = clients.map(tokio::spawn).collect();
    faults(cluster).await?;
    cluster.nemesis.clears_up();
    supervise(cluster).await?;
    let recovered = tokio::select! {
        served = served(cluster) => served,
        stopped = supervised(cluster) => stopped,
    };
    for client in clients {
        client.abort();
    }
    recovered?;
    read_back(cluster, 3).await?;
    if cluster.plan().leader_hangs {
        // Or else whoever leads next may have a service that still loads what it missed, and answers late.
        tokio::select! {
            equal = equal(cluster, 1) => equal,
            stopped = supervised(cluster) => stopped,
        }?;
        tokio::select! {
            succeeded = succeeded(cluster) => succeeded,
            stopped = supervised(cluster) => stopped,
        }?;
    }
    tokio::select! {
        equal = equal(cluster, 4) => equal,
        stopped = supervised(cluster) => stopped,
    }?;
    read_back(cluster, 5).await
}

/// A fault begins or ends.
struct Turn {
    at_ms: u64,
    begins: bool,
    place: usize,
}

async fn faults(cluster: &Cluster) -> Result<(), Failure> {
    let began = Instant::now();
    let until = cluster.plan().faults_until_ms;
    let mut turns: Vec<Turn> = Vec::new();
    for (place, Fault { at_ms, for_ms, .. }) in cluster.plan().faults.iter().enumerate() {
        turns.push(Turn { at_ms: *at_ms, begins: true, place });
        turns.push(Turn { at_ms: at_ms.saturating_add(*for_ms), begins: false, place });
    }
    turns.retain(|turn| turn.at_ms < until);
    turns.sort_by_key(|turn| (turn.at_ms, turn.begins, turn.place));
    for Turn { at_ms, begins, place } in turns {
        wait(cluster, began + Duration::from_millis(at_ms)).await?;
        match cluster.plan().faults.get(place) {
            Some(fault) if begins => begin(cluster, place, &fault.kind),
            _ => cluster.nemesis.end(place),
        }
        supervise(cluster).await?;
    }
    wait(cluster, began + Duration::from_millis(until)).await
}

fn begin(cluster: &Cluster, place: usize, kind: &Kind) {
    if let Kind::Transfer { to } = kind {
        cluster.nemesis.asks_for_transfer(kind);
        if let Some(leader) = cluster.leader().and_then(|leader| cluster.running(leader)) {
            // It may lead itself.
            let _ = leader.transfer_leadership((*to).into());
        }
        return;
    }
    let server = kind.target().map(|target| cluster.resolve(target));
    cluster.nemesis.begin(place, kind, server);
    match (kind, server) {
        (Kind::Crash(_), Some(server)) => cluster.stop(server, Crash::Kill),
        (Kind::PowerLoss(_), Some(server)) => cluster.stop(server, Crash::PowerLoss),
        (Kind::CrashThenPowerLoss(_), Some(server)) => cluster.stop(server, Crash::KillThenPowerLoss),
        (Kind::Blackout, _) => {
            (0..cluster.plan().servers).for_each(|server| cluster.stop(server, Crash::PowerLoss));
        }
        (Kind::HalfOpen(_), Some(server)) => cluster.forget_connections(server),
        _ => {}
    }
}

/// Waits, and looks after the servers meanwhile.
async fn wait(cluster: &Cluster, until: Instant) -> Result<(), Failure> {
    while Instant::now() < until {
        sleep_until(until.min(Instant::now() + LOOK)).await;
        supervise(cluster).await?;
        cluster.watch_progress()?;
    }
    Ok(())
}

pub(super) async fn supervised(cluster: &Cluster) -> Result<(), Failure> {
    loop {
        sleep(LOOK).await;
        supervise(cluster).await?;
    }
}

/// Starts each server that is down, unless a fault keeps it down; one that stopped by itself must have had a fault.
async fn supervise(cluster: &Cluster) -> Result<(), Failure> {
    for server in 0..cluster.plan().servers {
        if let Some(failure) = cluster.running(server).and_then(|raft| raft.failure()) {
            if !cluster.with(server, |member| member.disk.failed()).unwrap_or_default() {
                return Err(Failure::Stopped { server, what: failure.to_string() });
            }
            cluster.stop(server, Crash::Kill);
        }
        if cluster.running(server).is_none() && !cluster.nemesis.keeps_down(server) {
            cluster.start(server).await?;
        }
    }
    Ok(())
}

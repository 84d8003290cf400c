//! The simulated cluster: its servers, running or not, and what clients see of it.

use super::defect::Defect;
use super::disk::Disk;
use super::fault::Target;
use super::flow::{Flow, Sent};
use super::nemesis::Nemesis;
use super::network::{Message, asks_for_first_entry};
use super::plan::Plan;
use super::progress::{Leading, Progress, Progressed, Situation};
use super::start::Start;
use super::streams::Streams;
use super::verdict::Failure;
use bytes::Bytes;
use figure2::{Index, ProposeError, Raft};
use figure2_core::{AppendEntriesReply, AppendResult};
use figure2_linearizability::{Action, Operation, Outcome, Recorder};
use figure2_store::{Reply, Request, Store};
use figure2_tcp::Transport;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

/// A cheap handle to the cluster. All of it runs on one thread.
#[derive(Clone)]
pub(super) struct Cluster(Arc<Parts>);

/// What a cluster consists of.
pub(super) struct Parts {
    plan: Plan,
    pub(super) defect: Option<Defect>,
    pub(super) nemesis: Nemesis,
    /// Where the messages go, if not each by itself.
    pub(super) streams: Option<Streams>,
    members: Mutex<Vec<Member>>,
    history: Mutex<Recorder>,
    flow: Mutex<Flow>,
    progress: Mutex<Progress>,
    failure: watch::Sender<Option<Failure>>,
}

impl Deref for Cluster {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// One server.
pub(super) struct Member {
    /// None while it is down.
    pub(super) raft: Option<Arc<Raft>>,
    /// What carries its messages, where they go over streams.
    pub(super) transport: Option<Transport>,
    /// How often it was started.
    pub(super) generation: u32,
    pub(super) disk: Disk,
    pub(super) store: Store,
    /// Clients that wait for their request to be applied here.
    pub(super) waiting: BTreeMap<(u64, u64), oneshot::Sender<Reply>>,
}

/// What a client gets from a server.
pub(super) enum Answer {
    Reply(Reply),
    /// Its request is in no log because of this.
    NotLeader,
    /// Its request is in no log because of this; the same server may take it later.
    Busy,
    /// Its request is too large for any server.
    TooLarge,
    /// The server is gone, and perhaps the request is in its log.
    Lost,
}

/// How long a request, or a reply, of a client is on its way.
const CLIENT_DELAY: Duration = Duration::from_millis(1);

impl Cluster {
    /// All servers down, all disks empty.
    pub(super) fn new(plan: &Plan, defect: Option<Defect>) -> Cluster {
        let nemesis = Nemesis::new(plan);
        let start = plan.start.as_ref();
        let member = |server| Member {
            raft: None,
            transport: None,
            generation: 0,
            disk: Disk::new(server, plan, &nemesis, defect),
            store: Store::default(),
            waiting: BTreeMap::new(),
        };
        Cluster(Arc::new(Parts {
            plan: plan.clone(),
            defect,
            members: Mutex::new((0..plan.servers).map(member).collect()),
            streams: plan.streams.then(|| Streams::new(&nemesis)),
            nemesis,
            history: Mutex::new(start.map(Start::history).unwrap_or_default()),
            flow: Mutex::default(),
            progress: Mutex::new(Progress::new()),
            failure: watch::Sender::new(None),
        }))
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works with one server.
    pub(super) fn with<R>(&self, server: u8, work: impl FnOnce(&mut Member) -> R) -> Option<R> {
        self.members().get_mut(usize::from(server)).map(work)
    }

    /// The node of a server, if it is up.
    pub(super) fn running(&self, server: u8) -> Option<Arc<Raft>> {
        self.with(server, |member| member.raft.clone()).flatten()
    }

    /// The server that a fault meets.
    pub(super) fn resolve(&self, target: Target) -> u8 {
        match target {
            Target::Server(server) => server,
            Target::Leader => self.leader().unwrap_or(0),
        }
    }

    /// Who believes to lead the latest term.
    pub(super) fn leader(&self) -> Option<u8> {
        let claims = (0..self.plan.servers).filter_map(|server| {
            let (term, is_leader) = self.running(server)?.term_and_leadership();
            is_leader.then_some((term, server))
        });
        claims.max().map(|(_, server)| server)
    }

    /// One request, as the command that stands for it, to one server; and what comes back.
    pub(super) async fn ask(&self, server: u8, request: &Request, command: Bytes) -> Answer {
        sleep(CLIENT_DELAY).await;
        let Some(raft) = self.running(server) else { return Answer::NotLeader };
        if let (true, Action::Get) = (self.has(Defect::StaleReads), &request.action) {
            let read = self.with(server, |member| member.store.read(&request.key)).flatten();
            return Answer::Reply(Reply::Read(read));
        }
        let (reply, replied) = oneshot::channel();
        let (size, limit) = (command.len() as u64, self.plan.limits.max_command_bytes);
        let proposed = raft.propose(command);
        if proposed.is_ok() && size > limit
            || matches!(proposed, Err(ProposeError::TooLarge { .. }) if size <= limit)
        {
            let what = format!("a command of {size} bytes, of at most {limit}: {proposed:?}");
            self.fail(Failure::Limit { server, what });
        }
        match proposed {
            Ok(_) => {}
            Err(ProposeError::TooLarge { .. }) => return Answer::TooLarge,
            Err(ProposeError::Busy { .. }) => return Answer::Busy,
            Err(_) => return Answer::NotLeader,
        }
        self.with(server, |member| member.waiting.insert((request.client, request.number), reply));
        let Ok(reply) = replied.await else { return Answer::Lost };
        sleep(CLIENT_DELAY).await;
        Answer::Reply(reply)
    }

    /// Hands an entry of the log to the map of a server, and tells the client that waits for it there.
    pub(super) fn apply(&self, server: u8, generation: u32, index: Index, command: &[u8]) {
        let once = !self.has(Defect::DoneTwice);
        let wrong = self.with(server, |member| {
            // What a dead server had under way is nobody's.
            if member.generation != generation {
                return None;
            }
            let (size, limit) = (command.len() as u64, self.plan.limits.max_command_bytes);
            if size > limit {
                return Some(format!(
                    "the command at index {index} has {size} bytes, and at most {limit} were taken"
                ));
            }
            match member.store.apply(index, command, once) {
                Ok((request, reply)) => {
                    if let Some(waiting) = member.waiting.remove(&(request.client, request.number)) {
                        // The client may have given up.
                        let _ = waiting.send(reply);
                    }
                    None
                }
                Err(what) => Some(what),
            }
        });
        if let Some(what) = wrong.flatten() {
            self.fail(Failure::Service { server, what });
        }
    }

    /// A server hands a request to the network.
    pub(super) fn sent(&self, from: u8, to: u8, request: &Message, bytes: u64) {
        let sent = self.flow().sent(from, to, request, bytes, &self.plan.limits);
        if let Err(what) = sent {
            self.fail(Failure::Limit { server: from, what });
        }
    }

    /// A server has its transport stream a snapshot.
    pub(super) fn sent_snapshot(&self, from: u8, to: u8, index: Index) {
        let sent = self.flow().sent_snapshot(from, to, index);
        if let Err(what) = sent {
            self.fail(Failure::Limit { server: from, what });
        }
    }

    /// A reply is about to reach the server `from` that asked `to`.
    pub(super) fn answered(&self, from: u8, to: u8, reply: &AppendEntriesReply) {
        self.flow().answered(from, to, reply);
    }

    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much was sent.
    pub(super) fn sum_sent(&self) -> Sent {
        self.flow().sum()
    }

    /// Looks whether what faults leave of the cluster makes progress.
    ///
    /// # Errors
    /// When it should have by now.
    pub(super) fn watch_progress(&self) -> Result<(), Failure> {
        let servers = 0..self.plan.servers;
        let (changes, rough) = self.nemesis.changes();
        let bad = |server| self.nemesis.has_bad_disk(server);
        let up = |server| self.running(server).is_some();
        let row = |from| servers.clone().map(|to| self.nemesis.passes(from, to)).collect();
        let situation = Situation {
            changes,
            rough,
            guarded: self.plan.is_guarded(),
            sound: servers.clone().map(|server| up(server) && !bad(server)).collect(),
            present: servers.clone().map(|server| up(server) || bad(server)).collect(),
            passes: servers.clone().map(row).collect(),
        };
        let known = servers.clone().filter_map(|server| Some(self.running(server)?.status().commit_index));
        self.progress().look(situation, known.max().unwrap_or_default(), self.leading())
    }

    /// What the leader of the latest term has.
    fn leading(&self) -> Option<Leading> {
        let raft = self.running(self.leader()?)?;
        let status = raft.status();
        let mut held: Vec<Index> = raft.progress().iter().map(|(_, of)| of.match_index).collect();
        held.push(status.last_log_index);
        held.sort_unstable();
        let held_by_majority = *held.get((held.len() - 1) / 2)?;
        Some(Leading { term: status.term, last_log_index: status.last_log_index, held_by_majority })
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What became of progress while faults could happen.
    pub(super) fn progressed(&self) -> Progressed {
        self.progress().sum()
    }

    /// Whether a defect holds a reply back that `server` gives to `leader`.
    pub(super) fn holds_back(&self, server: u8, leader: u8, reply: &AppendResult) -> bool {
        let all_answer = || {
            let others = (0..self.plan.servers).filter(|other| *other != leader);
            let mut both_ways = others.map(|other| {
                let reached = self.nemesis.passes(leader, other) && self.nemesis.passes(other, leader);
                reached && self.running(other).is_some()
            });
            both_ways.all(|reached| reached)
        };
        match self.defect {
            Some(Defect::AllMustAnswer) => {
                server != leader && matches!(reply, AppendResult::Success { .. }) && !all_answer()
            }
            Some(Defect::FirstEntryKept) => asks_for_first_entry(reply),
            _ => false,
        }
    }

    /// Ends the run. The first failure counts.
    pub(super) fn fail(&self, failure: Failure) {
        self.failure.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(failure);
            is_first
        });
    }

    /// Waits for the first failure.
    pub(super) async fn failed(&self) -> Failure {
        let mut failure = self.failure.subscribe();
        loop {
            if let Some(failure) = failure.borrow_and_update().clone() {
                return failure;
            }
            // The sender lives as long as `self`.
            let _ = failure.changed().await;
        }
    }

    pub(super) fn invoke(&self, client: u64, request: &Request) {
        let (key, action) = (request.key.as_str(), request.action.clone());
        self.note(|history| history.invoke(client, key, action));
    }

    pub(super) fn complete(&self, client: u64, outcome: Outcome) {
        self.note(|history| history.complete(client, outcome));
    }

    fn note(&self, note: impl FnOnce(&mut Recorder) -> Result<(), figure2_linearizability::Misuse>) {
        let noted = note(&mut self.history.lock().unwrap_or_else(PoisonError::into_inner));
        if let Err(misuse) = noted {
            self.fail(Failure::Harness { what: misuse.to_string() });
        }
    }

    /// What the clients asked and were told.
    pub(super) fn history(&self) -> Vec<Operation> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).operations().to_vec()
    }

    /// How many entries the map of each server holds, and whether those that hold as many are equal.
    pub(super) fn stores(&self) -> Vec<Store> {
        self.members().iter().map(|member| member.store.clone()).collect()
    }
}

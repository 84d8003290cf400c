//! The state under the lock: the server, its timers and the outbox; and one step of the server, whose effects go to
//! these.

use crate::applied::Applied;
use crate::observe::Facts;
use crate::propose::Queue;
use crate::record::Recorded;
use crate::wake::Awake;
use crate::{Apply, Batch, Durable, Envelope, Input, Install, Server, oneshot};
use crate::{Command, Failure, ReceiveError, RoleName, SnapshotData, Status};
use figure2_core::{Change, Entry, Index, Outcome};

/// The two timers of a server. Their deadlines move under the lock, in the step that says so.
pub trait Timers: Send {
    /// A moment.
    type Instant: Copy + Ord + Send;

    /// A new random election timeout begins now.
    fn restart_election(&mut self);

    /// A heartbeat interval begins now.
    fn restart_heartbeat(&mut self);

    /// What a server in this role must do now, or until when it has time.
    fn due(&self, role: RoleName) -> Due<Self::Instant>;

    /// When the next timer of a server in this role elapses, be it past or to come.
    fn next(&self, role: RoleName) -> Self::Instant;
}

/// What the timers ask for.
pub enum Due<Instant> {
    /// The election timer elapsed.
    Election,
    /// The heartbeat interval elapsed.
    Heartbeat,
    /// Nothing before that moment.
    At(Instant),
}

/// Why a node does not go on.
pub(crate) enum Stop {
    /// Somebody asked for it.
    Asked,
    /// It failed.
    Failed(Failure),
}

/// Who asked to install a snapshot, and waits until the answer is durable. Dropped, it answers that there is none.
pub(crate) struct Installer {
    /// Index of the last entry that the snapshot covers.
    pub(crate) index: Index,
    pub(crate) installed: bool,
    pub(crate) answer: oneshot::Sender<bool>,
}

/// What the lock guards.
pub(crate) struct State<T: Timers> {
    pub(crate) server: Server,
    pub(crate) timers: T,
    /// Until when the timer's task sleeps, unless it has been woken since.
    pub(crate) sleeps_until: Option<T::Instant>,
    /// What waits for the next write, in the order of the steps.
    pub(crate) outbox: Batch,
    /// What may leave, in the order in which it became free to: a leader's requests as the steps made them, and replies and
    /// all else once a write has released them.
    pub(crate) ready: Vec<Envelope>,
    /// This leader's commit_index moved, and SendCommit is still to be stepped: once for all that was committed.
    pub(crate) commit_moved: bool,
    /// How much of what peers sent waits for a write.
    pub(crate) waiting: Waiting,
    /// Those who wait until there is room for a command.
    pub(crate) queue: Queue,
    /// What the service has, and those who wait to hear what became of their commands.
    pub(crate) applied: Applied,
    /// Those who wait until the status changes.
    pub(crate) watching: Queue,
    /// A harness gives Replicate and SendCommit.
    pub(crate) sends_by_hand: bool,
    /// Index of the snapshot that the service was offered and has yet to answer.
    pub(crate) unanswered: Option<Index>,
    pub(crate) stop: Option<Stop>,
    pub(crate) recorded: Option<Recorded>,
    /// The sender's task writes to the storage, too: see [`crate::writer`].
    pub(crate) one_task: bool,
    /// A save is under way. Where sender and syncer are one task, what waits for the next one does not wake it.
    pub(crate) is_saving: bool,
    /// Submitted commands were left in their queue: see [`holds`](Self::holds).
    pub(crate) are_held: bool,
    /// Which tasks were woken, and have not found since that there is nothing to do: they need not be woken again.
    pub(crate) awake: Awake,
}

/// What the writer does between two locks.
pub(crate) struct Turn {
    /// What may leave.
    pub(crate) ready: Vec<Envelope>,
    /// Who is to be answered.
    pub(crate) answers: Vec<Installer>,
    /// Whether another turn finds something.
    pub(crate) is_more_due: bool,
    /// Whether the server leads, and commands may come.
    pub(crate) leads: bool,
    /// Whether there is something for the applier, which is not woken for it.
    pub(crate) applies: bool,
}

impl<T: Timers> State<T> {
    /// Around a server, whose election timeout begins now.
    pub(crate) fn new(server: Server, mut timers: T, recorded: Option<Recorded>) -> Self {
        timers.restart_election();
        let applied = Applied::begin(server.log().base_index(), server.log().base_term());
        State {
            applied,
            watching: Queue::default(),
            server,
            timers,
            sleeps_until: None,
            outbox: Batch::default(),
            ready: Vec::new(),
            commit_moved: false,
            waiting: Waiting::default(),
            queue: Queue::default(),
            sends_by_hand: false,
            unanswered: None,
            stop: None,
            recorded,
            one_task: false,
            is_saving: false,
            are_held: false,
            awake: Awake::default(),
        }
    }

    /// A step whose outcome nobody waits for.
    pub(crate) fn step(&mut self, input: Input) -> Outcome {
        self.step_for(input, |_| None)
    }

    /// One step of the server: its effects go to the timers and the outbox before the lock is let go.
    pub(crate) fn step_for(
        &mut self,
        input: Input,
        who_waits: impl FnOnce(&Outcome) -> Option<Installer>,
    ) -> Outcome {
        let before = Facts::of(&self.server);
        let told = self.recorded.and_then(|recorded| Some((recorded, recorded.step_begins(&input)?)));
        if let Input::SnapshotTaken { index, .. } = &input
            && *index <= before.commit_index
        {
            // Before they are discarded.
            self.applied.has_entries(self.server.log(), *index);
        }
        let mut effects = self.server.step(input);
        if let Some((recorded, beginning)) = told {
            recorded.step_ends(beginning, &effects, &self.server);
        }
        let after = Facts::of(&self.server);
        after.log_changes_since(&before, effects.outcome());

        if effects.reset_election_timer() {
            self.timers.restart_election();
        }
        if after.role != RoleName::Follower && (after.role, after.term) != (before.role, before.term) {
            // Its first messages are those of this step.
            self.timers.restart_heartbeat();
        }
        if self.server.last_applied() > self.applied.last() {
            if *effects.outcome() == Outcome::Installed {
                self.applied.has_snapshot(self.server.log().base_index(), self.server.log().base_term());
            } else {
                self.applied.has_entries(self.server.log(), self.server.last_applied());
            }
        }
        self.commit_moved |= after.role == RoleName::Leader && after.commit_index > before.commit_index;

        let outcome = effects.outcome().clone();
        match effects.take_early() {
            early if self.ready.is_empty() => self.ready = early,
            early => self.ready.extend(early),
        }
        let waits = who_waits(&outcome);
        if !(effects.is_empty() && waits.is_none()) {
            if after.role != RoleName::Leader {
                self.waiting.add(effects.record().changes());
            }
            match waits {
                None => self.outbox.push_unwaited(effects),
                waits => self.outbox.push(waits, effects),
            }
        }
        outcome
    }

    /// Whether submitted commands, and word of a commit, wait for what comes meanwhile, to share one message and one save with
    /// it: while this leader saves, and what it took in before is not all committed. So they wait no longer than the save takes,
    /// however far away the followers are; and no longer than the commit takes, however long the leader's own disk does.
    pub(crate) fn holds(&self) -> bool {
        let server = &self.server;
        self.is_saving && server.is_leader() && server.commit_index() < server.log().last_index()
    }

    /// The input by which the server sends what followers are due, if any is: one more message for each of them, and for
    /// all that has happened since the last time.
    pub(crate) fn what_to_send(&self) -> Option<Input> {
        // Mostly whoever looks is a follower, with nothing to send.
        if self.sends_by_hand || !(self.commit_moved || self.server.is_leader()) {
            return None;
        }
        // Entries that are in the log do not wait. Word of a commit goes with them.
        let has_entries = self.server.has_entries_to_send();
        if self.commit_moved && (has_entries || !self.holds()) {
            Some(Input::SendCommit)
        } else {
            has_entries.then_some(Input::Replicate)
        }
    }

    /// Takes in a message from a peer.
    pub(crate) fn receive(&mut self, envelope: Envelope) -> Result<(), ReceiveError> {
        // A reply adds little to what waits, and may end the wait of others.
        if envelope.message.is_request() && self.is_full() {
            return Err(ReceiveError::Busy);
        }
        match self.step(Input::Receive(envelope)) {
            Outcome::Rejected(rejection) => Err(ReceiveError::Rejected(rejection)),
            _ => Ok(()),
        }
    }

    /// Steps what the followers are due, if they are.
    pub(crate) fn send_what_is_due(&mut self) {
        if let Some(input) = self.what_to_send() {
            self.commit_moved = false;
            self.step(input);
        }
    }

    /// What the service gets next, with at most so many entries. Nothing while an offer is unanswered.
    pub(crate) fn next_apply(&mut self, install: Install, limit: usize) -> Option<Apply> {
        self.awake.applier = false;
        if self.unanswered.is_some() {
            return None;
        }
        let apply = self.server.next_apply(limit);
        self.awake.applier = apply.is_some();
        if let (Install::Conditional, Some(Apply::Snapshot(snapshot))) = (install, &apply) {
            // Before it is delivered: the answer may come sooner than the delivery returns.
            self.unanswered = Some(snapshot.last_included_index);
        }
        apply
    }

    /// All that waits for a write, which begins now.
    pub(crate) fn take_outbox(&mut self) -> Batch {
        if let Some(recorded) = self.recorded.filter(|_| !self.outbox.record().is_empty()) {
            recorded.write();
        }
        self.waiting.begin_write();
        self.is_saving = !self.outbox.is_empty();
        core::mem::take(&mut self.outbox)
    }

    /// A batch is durable, and its messages may leave. Who is to be answered.
    pub(crate) fn persisted(&mut self, durable: Durable) -> Vec<Installer> {
        self.waiting.end_write();
        self.is_saving = false;
        let mut answers = Vec::new();
        for released in durable.released {
            self.ready.extend(released.messages);
            if let Some(installer) = released.tag {
                self.unanswered = self.unanswered.filter(|offered| *offered > installer.index);
                answers.push(installer);
            }
        }
        if let Some(persisted) = durable.persisted {
            if let Some(recorded) = self.recorded {
                recorded.durable();
            }
            self.step(Input::Persisted(persisted));
        }
        answers
    }

    /// What the writer does next; whether it also saves something.
    pub(crate) fn turn(&mut self, answers: Vec<Installer>, saves: bool) -> Turn {
        self.is_saving = saves;
        let is_more_due = !self.outbox.is_empty() || self.are_held || self.what_to_send().is_some();
        self.awake.sender = saves || is_more_due;
        let leads = self.server.is_leader();
        Turn { ready: core::mem::take(&mut self.ready), answers, is_more_due, leads, applies: false }
    }

    /// Whether so much waits for a write that the requests of peers are dropped, and no election is called.
    pub(crate) fn is_full(&mut self) -> bool {
        let is_full = !self.server.is_leader() && self.waiting.is_full();
        if is_full && !core::mem::replace(&mut self.waiting.told, true) {
            let (server, term, limit) = (self.server.id(), self.server.current_term(), self.waiting.limit);
            tracing::warn!(target: "figure2", %server, %term, limit, "requests dropped: the write takes too long");
        }
        is_full
    }

    /// When one of these moves, the applier looks for work.
    pub(crate) fn apply_position(&self) -> (Index, Option<Index>, Option<Index>) {
        let offered = self.server.offered().map(|snapshot| snapshot.last_included_index);
        (self.server.commit_index(), offered, self.unanswered)
    }

    /// Everything about the node.
    pub(crate) fn status(&self) -> Status {
        let (server, stopped) = (&self.server, self.stop.is_some());
        Status {
            id: server.id(),
            role: if stopped { RoleName::Follower } else { server.role().into() },
            term: server.current_term(),
            leader: server.leader().filter(|_| !stopped),
            commit_index: server.commit_index(),
            last_applied: server.last_applied(),
            last_log_index: server.log().last_index(),
            snapshot_index: server.log().base_index(),
        }
    }
}

/// How many bytes of what peers sent wait for a write.
pub(crate) struct Waiting {
    pub(crate) limit: u64,
    /// For the next write.
    next: u64,
    /// For the one that is under way.
    under_way: u64,
    /// Whether it was told that the limit is reached, since the last write ended.
    told: bool,
}

impl Default for Waiting {
    fn default() -> Self {
        Waiting { limit: u64::MAX, next: 0, under_way: 0, told: false }
    }
}

impl Waiting {
    /// What a step's effects take in memory, beside its entries, while they wait. (A snapshot that waits is the one that this
    /// server's own service has taken over.)
    const STEP: u64 = 256;

    fn add(&mut self, changes: &[Change<Command, SnapshotData>]) {
        let size = |change: &Change<Command, SnapshotData>| match change {
            Change::Append { entries, .. } => entries.iter().map(Entry::size).sum(),
            _ => 0,
        };
        self.next = changes.iter().map(size).fold(self.next.saturating_add(Self::STEP), u64::saturating_add);
    }

    fn is_full(&self) -> bool {
        self.next.saturating_add(self.under_way) >= self.limit
    }

    pub(crate) fn begin_write(&mut self) {
        self.under_way = core::mem::take(&mut self.next);
    }

    pub(crate) fn end_write(&mut self) {
        (self.under_way, self.told) = (0, false);
    }
}

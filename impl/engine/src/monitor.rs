//! The lock, the operations under it, and the wake-ups that follow them.

use crate::helped::{Hands, Helped};
use crate::inbox::{Answer, Inbox, Told};
use crate::record::Recorded;
use crate::signal::Signal;
use crate::state::{Due, Installer, State, Stop, Timers, Turn};
use crate::sync::{Flag, Mutex, MutexGuard, lock};
use crate::wake::{Callers, Wake};
use crate::{Apply, Batch, Durable, Envelope, Input, Server, Snapshot, oneshot};
use crate::{Command, Failure, Install, ReceiveError, SnapshotData, Status};
use core::convert::Infallible;
use core::task::Waker;
use figure2_core::{Index, Outcome, Progress, ServerId, Term};

/// Most entries handed to the applier at a time: it comes back for more.
const APPLY_LIMIT: usize = 256;

/// The server behind its lock, with the wake-ups of the tasks around it.
///
/// Each method takes the lock once, for the whole of what it does, and never while it waits. Once the node is
/// stopped, none of them changes anything.
pub struct Monitor<T: Timers> {
    state: Mutex<State<T>>,
    stopped: Flag,
    /// Commands that wait for the sender.
    pub(crate) inbox: Mutex<Inbox>,
    /// Something may leave.
    pub(crate) sender: Signal,
    /// Something waits for a write.
    pub(crate) syncer: Signal,
    /// There may be something to hand to the service.
    pub(crate) applier: Signal,
    /// The node stopped, while the applier waits for the service.
    pub(crate) applier_stop: Signal,
    /// While the timer sleeps: it would sleep too long, or the node stopped.
    pub timer: Signal,
    /// Tells what the node does, if it is to be recorded.
    pub(crate) recorded: Option<Recorded>,
}

impl<T: Timers> Monitor<T> {
    /// Around a server, whose election timeout begins now.
    pub fn new(server: Server, timers: T) -> Self {
        Monitor::with(server, timers, None)
    }

    /// The same, and all that the node does is told (see [`crate::record`]).
    pub fn recorded(server: Server, timers: T) -> Self {
        let recorded = Recorded::new(server.id());
        recorded.start(&server);
        Monitor::with(server, timers, Some(recorded))
    }

    /// Around a server that sends entries and commit_index only when [given](Self::give) the input.
    pub fn sending_by_hand(server: Server, timers: T) -> Self {
        let monitor = Monitor::new(server, timers);
        monitor.lock().sends_by_hand = true;
        monitor
    }

    /// Steps an input that nobody waits for.
    pub fn give(&self, input: Input) {
        self.update(|state| state.step(input));
    }

    fn with(server: Server, timers: T, recorded: Option<Recorded>) -> Self {
        Monitor {
            inbox: Mutex::new(Inbox::new(server.config().max_message_bytes)),
            state: Mutex::new(State::new(server, timers, recorded)),
            stopped: Flag::default(),
            sender: Signal::default(),
            syncer: Signal::default(),
            applier: Signal::default(),
            applier_stop: Signal::default(),
            timer: Signal::default(),
            recorded,
        }
    }

    /// From now on the requests of peers may take so many bytes until a write has made them durable.
    pub fn limit_waiting(&self, bytes: u64) {
        self.lock().waiting.limit = bytes;
    }

    /// Takes in a message from a peer, be it a request or a reply. The reply to a request leaves as any message does, once
    /// what it says is durable: each request that is taken has one, and to one peer they leave in the order of the requests.
    ///
    /// # Errors
    /// Why it is not taken in.
    pub fn receive(&self, envelope: Envelope) -> Result<(), ReceiveError> {
        self.update(|state| state.receive(envelope)).unwrap_or(Err(ReceiveError::Stopped))
    }

    /// The same, and goes on with what follows from it, instead of leaving all of it to the tasks: a follower's reply may
    /// leave, and entries be handed over, before this returns. What a leader has to send it leaves to the writer: commands
    /// share it.
    ///
    /// # Errors
    /// As those of [`receive`](Self::receive).
    pub fn receive_and_help(&self, envelope: Envelope, hands: &Hands) -> Result<(), ReceiveError> {
        let received = self.change(|state| (state.receive(envelope), state.server.is_leader()));
        let Some(((received, leads), mut wake)) = received else { return Err(ReceiveError::Stopped) };
        if wake.sender && !leads {
            self.sender.set();
            wake.sender = !hands.writer.help();
        }
        if wake.applier {
            wake.applier = !self.apply_here(&hands.applier);
        }
        self.wake(wake);
        received
    }

    /// Runs the applier here, as far as it gets. False when it is to be woken.
    pub(crate) fn apply_here(&self, applier: &Helped) -> bool {
        self.applier.set();
        applier.help()
    }

    /// The service's state after the entry at `index`, which takes the place of the log up to there.
    pub fn snapshot(&self, index: Index, data: SnapshotData) {
        self.update(|state| state.step(Input::SnapshotTaken { index, data }));
    }

    /// The service asks whether it may switch to a snapshot: whether it is installed, once that is durable; none when the
    /// node stops.
    pub fn install(&self, snapshot: Snapshot) -> oneshot::Receiver<bool> {
        let (answer, installed) = oneshot::channel();
        let index = snapshot.last_included_index;
        self.update(|state| {
            state.step_for(Input::CondInstallSnapshot(snapshot), |outcome| {
                Some(Installer { index, installed: *outcome == Outcome::Installed, answer })
            })
        });
        installed
    }

    /// Steps what the timers ask for, and says when to look again; none once stopped.
    pub fn timeout(&self) -> Option<T::Instant> {
        self.update(|state| {
            loop {
                match state.timers.due(state.server.role().into()) {
                    Due::At(moment) => {
                        state.sleeps_until = Some(moment);
                        return moment;
                    }
                    // What it would ask for would wait behind all the rest.
                    Due::Election if state.is_full() => state.timers.restart_election(),
                    Due::Election => _ = state.step(Input::ElectionTimeout),
                    Due::Heartbeat => {
                        state.timers.restart_heartbeat();
                        if !state.is_full() {
                            state.step(Input::HeartbeatTimeout);
                        }
                    }
                }
            }
        })
    }

    /// For the sender: all that may leave, if anything does, with one more message for each follower that is due entries
    /// or is to learn of a commit. Commands proposed since the last time share it; what does not fit comes the next time.
    pub(crate) fn take_ready(&self, submitted: &mut Vec<(Command, Answer)>) -> Option<Vec<Envelope>> {
        loop {
            let (ready, are_held) = self.update(|state| {
                self.take_submitted(state, submitted);
                state.send_what_is_due();
                let ready = core::mem::take(&mut state.ready);
                state.awake.sender = !ready.is_empty();
                (ready, state.are_held)
            })?;
            if !ready.is_empty() {
                return Some(ready);
            }
            // Those that are held are not forgotten: the step with which their wait ends wakes the sender.
            if are_held || self.nothing_submitted() {
                return None;
            }
        }
    }

    /// For the syncer: all that waits for a write, if anything does. Commands that were submitted during the last one are part
    /// of it, whether or not the sender has come to them.
    pub(crate) fn take_outbox(&self, submitted: &mut Vec<(Command, Answer)>) -> Option<Batch> {
        self.update(|state| {
            self.take_submitted(state, submitted);
            let batch = state.take_outbox();
            state.awake.syncer = !batch.is_empty();
            (!batch.is_empty()).then_some(batch)
        })
        .flatten()
    }

    /// For the syncer: a batch is durable, and its messages may leave. Who is to be answered; none once stopped: then
    /// nothing of it leaves.
    pub(crate) fn persisted(&self, durable: Durable) -> Option<Vec<Installer>> {
        self.update(|state| state.persisted(durable))
    }

    /// For the writer: as [`take_ready`](Self::take_ready), and what is to be saved. None once stopped.
    pub(crate) fn take_turn(&self, submitted: &mut Vec<(Command, Answer)>) -> Option<(Turn, Option<Batch>)> {
        self.update(|state| {
            self.take_submitted(state, submitted);
            state.send_what_is_due();
            let batch = state.take_outbox();
            // What has nothing to save waits for no save.
            let (batch, answers) = match batch.record().is_empty() {
                true => (
                    None,
                    batch.persist(|_| Ok::<(), Infallible>(())).map(|durable| state.persisted(durable)),
                ),
                false => (Some(batch), Ok(Vec::new())),
            };
            let Ok(answers) = answers;
            (state.turn(answers, batch.is_some()), batch)
        })
    }

    /// For the writer: a batch is durable. What may leave, and who is to be answered; none once stopped.
    pub(crate) fn release(&self, durable: Durable) -> Option<Turn> {
        let (mut turn, mut wake) = self.change(|state| {
            let answers = state.persisted(durable);
            state.turn(answers, false)
        })?;
        turn.applies = core::mem::take(&mut wake.applier);
        self.wake(wake);
        Some(turn)
    }

    /// Sender and syncer are one task.
    pub(crate) fn has_one_task(&self) {
        self.lock().one_task = true;
    }

    /// Tells that a message leaves. Before it does: in a recording, nothing is received that was not sent.
    pub(crate) fn tell_sent(&self, envelope: &Envelope) {
        if let Some(recorded) = self.recorded {
            recorded.sent(envelope);
        }
    }

    /// For the applier: what the service gets next. Nothing while an offer is unanswered.
    pub(crate) fn next_apply(&self, install: Install) -> Option<Apply> {
        self.next_apply_at_most(install, APPLY_LIMIT)
    }

    /// The same, with at most so many entries.
    pub fn next_apply_at_most(&self, install: Install, limit: usize) -> Option<Apply> {
        self.update(|state| state.next_apply(install, limit)).flatten()
    }

    /// For the applier: the service has everything up to `index`.
    pub(crate) fn applied(&self, index: Index) {
        self.update(|state| state.step(Input::Applied { index }));
    }

    /// Both, under one lock.
    pub(crate) fn applied_then_next(&self, index: Index, install: Install) -> Option<Apply> {
        self.update(|state| {
            state.step(Input::Applied { index });
            state.next_apply(install, APPLY_LIMIT)
        })
        .flatten()
    }

    /// Term and leadership, read together.
    pub fn term_and_leadership(&self) -> (Term, bool) {
        let state = self.lock();
        (state.server.current_term(), state.stop.is_none() && state.server.is_leader())
    }

    /// What a leader knows of each follower; nothing when it does not lead.
    pub fn progress(&self) -> Vec<(ServerId, Progress)> {
        let state = self.lock();
        let server = &state.server;
        let peers = server.config().peers_of(server.id()).filter(|_| state.stop.is_none());
        peers.filter_map(|peer| Some((peer, *server.progress_of(peer)?))).collect()
    }

    /// Everything about the node, read together.
    pub fn status(&self) -> Status {
        self.lock().status()
    }

    /// Looks at the server.
    pub fn look<R>(&self, look: impl FnOnce(&Server) -> R) -> R {
        look(&self.lock().server)
    }

    /// Why the node stopped, if nobody told it to.
    pub fn failure(&self) -> Option<Failure> {
        match &self.lock().stop {
            Some(Stop::Failed(failure)) => Some(failure.clone()),
            Some(Stop::Asked) | None => None,
        }
    }

    /// Whether the node was stopped or failed.
    pub fn is_stopped(&self) -> bool {
        self.stopped.is_raised()
    }

    /// Stops the node. Its tasks end by themselves, soon.
    pub fn stop(&self) {
        self.halt(&mut self.lock(), Stop::Asked);
    }

    /// Stops the node because it cannot go on.
    pub fn fail(&self, failure: Failure) {
        self.halt(&mut self.lock(), Stop::Failed(failure));
    }

    /// Stops the node when dropped: held by each task, so that a panic of one ends them all.
    pub fn stop_at_end(&self) -> StopAtEnd<'_, T> {
        StopAtEnd { monitor: self }
    }

    /// Changes the state, and wakes whom the change concerns. None once stopped.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut State<T>) -> R) -> Option<R> {
        let (result, wake) = self.change(change)?;
        self.wake(wake);
        Some(result)
    }

    /// Changes the state, and says whom the change concerns. None once stopped.
    fn change<R>(&self, change: impl FnOnce(&mut State<T>) -> R) -> Option<(R, Wake)> {
        let mut state = self.lock();
        if state.stop.is_some() {
            return None;
        }
        let before = state.apply_position();
        // Nothing is compared while nobody watches.
        let seen = (!state.watching.is_empty()).then(|| state.status());
        let result = change(&mut state);
        let has_changed = seen.is_some_and(|seen| seen != state.status());
        let wake = state.whom_to_wake(before, has_changed);
        Some((result, wake))
    }

    fn wake(&self, wake: Wake) {
        if wake.sender {
            self.sender.notify();
        }
        if wake.syncer {
            self.syncer.notify();
        }
        if wake.applier {
            self.applier.notify();
        }
        if wake.timer {
            self.timer.notify();
        }
        if let Some(callers) = wake.callers {
            Self::wake_callers(*callers);
        }
    }

    fn wake_callers(callers: Callers) {
        for (_, waker) in callers.proposers {
            waker.wake();
        }
        callers.answered.into_iter().for_each(Waker::wake);
        callers.told.into_iter().for_each(Told::tell);
        callers.watchers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State<T>> {
        match self.state.lock() {
            Ok(state) => state,
            Err(poisoned) => {
                // A step broke off half-way: what is in memory is no server any more.
                let mut state = poisoned.into_inner();
                self.halt(&mut state, Stop::Failed(Failure::TaskEnded));
                state
            }
        }
    }

    /// From here on nothing is delivered, sent or saved; whoever waits for an answer gets none.
    fn halt(&self, state: &mut State<T>, stop: Stop) {
        if state.stop.is_some() {
            return;
        }
        let (server, term) = (state.server.id(), state.server.current_term());
        match &stop {
            Stop::Asked => tracing::debug!(target: "figure2", %server, %term, "stopped as asked"),
            Stop::Failed(failure) => tracing::error!(target: "figure2", %server, %term, %failure, "stopped"),
        }
        if let Some(recorded) = state.recorded {
            recorded.stop(match &stop {
                Stop::Asked => None,
                Stop::Failed(failure) => Some(failure.to_string()),
            });
        }
        state.stop = Some(stop);
        // First the flag: whoever learns that there is no answer, by the outbox's end, finds the node stopped.
        self.stopped.raise();
        state.outbox = Batch::default();
        state.ready = Vec::new();
        let watchers = state.watching.take();
        for (_, waker) in state.queue.take().into_iter().chain(watchers) {
            waker.wake();
        }
        state.applied.take_all().into_iter().for_each(Waker::wake);
        state.applied.tell_all().into_iter().for_each(Told::tell);
        let submitted = lock(&self.inbox).close();
        drop(submitted);
        for task in [&self.sender, &self.syncer, &self.applier, &self.applier_stop, &self.timer] {
            task.notify();
        }
    }
}

/// See [`Monitor::stop_at_end`].
pub struct StopAtEnd<'a, T: Timers> {
    monitor: &'a Monitor<T>,
}

impl<T: Timers> Drop for StopAtEnd<'_, T> {
    fn drop(&mut self) {
        self.monitor.fail(Failure::TaskEnded);
    }
}

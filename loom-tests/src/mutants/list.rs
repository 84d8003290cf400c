//! All mutants.

use super::Mutant;

const MONITOR: &str = "monitor.rs";
const STATE: &str = "state.rs";
const APPLIER: &str = "applier.rs";
const PROPOSE: &str = "propose.rs";
const SYNCER: &str = "syncer.rs";
const SIGNAL: &str = "signal.rs";
const ONESHOT: &str = "oneshot.rs";
const INBOX: &str = "inbox.rs";
const WRITER: &str = "writer.rs";

/// All of them.
pub const ALL: &[Mutant] = &[
    Mutant {
        name: "sender-not-notified",
        about: "what may leave does not wake the sender",
        replacements: &[(MONITOR, "            self.sender.notify();\n", "")],
        likely: &["shorter-timeout"],
    },
    Mutant {
        name: "syncer-not-notified",
        about: "a step that leaves something to write does not wake the syncer",
        replacements: &[(MONITOR, "            self.syncer.notify();\n", "")],
        likely: &["snapshot-inline"],
    },
    Mutant {
        name: "sender-thought-awake",
        about: "a sender that found nothing to do is still taken for awake, and not woken again",
        replacements: &[(MONITOR, "            state.awake.sender = !ready.is_empty();\n", "")],
        likely: &["overlap"],
    },
    Mutant {
        name: "syncer-thought-awake",
        about: "a syncer that found nothing to write is still taken for awake, and not woken again",
        replacements: &[(MONITOR, "            state.awake.syncer = !batch.is_empty();\n", "")],
        likely: &["overlap"],
    },
    Mutant {
        name: "applier-thought-awake",
        about: "an applier that found nothing to hand over is still taken for awake, and not woken again",
        replacements: &[
            (
                MONITOR,
                "            state.awake.applier = false;\n",
                "            state.awake.applier = true;\n",
            ),
            (MONITOR, "            state.awake.applier = apply.is_some();\n", ""),
        ],
        likely: &["append"],
    },
    Mutant {
        name: "timer-not-woken",
        about: "a deadline that moves closer does not wake the timer",
        replacements: &[(MONITOR, "            self.timer.notify();\n", "")],
        likely: &["shorter-timeout"],
    },
    Mutant {
        name: "sends-wait-for-the-write",
        about: "what is proposed during a write leaves after it",
        replacements: &[
            (
                STATE,
                "        self.waiting.begin_write();\n",
                "        self.waiting.begin_write();
        self.sends_by_hand = !self.outbox.is_empty();
",
            ),
            (
                STATE,
                "        self.waiting.end_write();\n",
                "        self.waiting.end_write();\n        self.sends_by_hand = false;\n",
            ),
        ],
        likely: &["overlap"],
    },
    Mutant {
        name: "commit-not-told",
        about: "followers do not learn of a commit when it happens",
        replacements: &[(STATE, "self.commit_moved |= after.role", "self.commit_moved &= after.role")],
        likely: &["overlap"],
    },
    Mutant {
        name: "commit-told-outside",
        about: "that followers are to learn of a commit is forgotten under another lock than they are told under",
        replacements: &[
            (STATE, "            self.commit_moved = false;\n", ""),
            (
                MONITOR,
                "            if !ready.is_empty() {
                return Some(ready);",
                "            self.update(|state| state.commit_moved = false);
            if !ready.is_empty() {
                return Some(ready);",
            ),
        ],
        likely: &["overlap"],
    },
    Mutant {
        name: "room-not-told",
        about: "a commit does not wake those who wait for room",
        replacements: &[(
            MONITOR,
            "        for (_, waker) in wake.proposers {
            waker.wake();
        }
",
            "        drop(wake.proposers);\n",
        )],
        likely: &["busy"],
    },
    Mutant {
        name: "place-after-the-refusal",
        about: "a client is refused under one lock, and waits for room under another",
        replacements: &[
            (
                PROPOSE,
                "                state.queue.wait(&mut this.place, context.waker());
                None
",
                "                None\n",
            ),
            (
                PROPOSE,
                "            Some(None) => Poll::Pending,",
                "            Some(None) => {
                this.monitor.update(|state| state.queue.wait(&mut this.place, context.waker()));
                Poll::Pending
            }",
            ),
        ],
        likely: &["busy"],
    },
    Mutant {
        name: "outcome-not-told",
        about: "what is applied does not wake those who wait for the outcome of their commands",
        replacements: &[(
            MONITOR,
            "        wake.answered.into_iter().for_each(Waker::wake);\n",
            "        drop(wake.answered);\n",
        )],
        likely: &["outcome"],
    },
    Mutant {
        name: "outcome-at-the-end",
        about: "the end of the node does not wake those who wait for the outcome of their commands",
        replacements: &[(
            MONITOR,
            "        state.applied.take_all().into_iter().for_each(Waker::wake);\n",
            "",
        )],
        likely: &["stop-outcome"],
    },
    Mutant {
        name: "applier-not-notified",
        about: "a commit does not wake the applier",
        replacements: &[(MONITOR, "            self.applier.notify();\n", "")],
        likely: &["snapshot-inline"],
    },
    Mutant {
        name: "answer-wakes-nobody",
        about: "the answer to an offer does not wake the applier",
        replacements: &[(
            STATE,
            "(self.server.commit_index(), offered, self.unanswered)",
            "(self.server.commit_index(), offered, None)",
        )],
        likely: &["offer-in-channel"],
    },
    Mutant {
        name: "propose-under-two-locks",
        about: "propose appends under one lock, and reads the index that it answers under another",
        replacements: &[(
            PROPOSE,
            "        self.update(|state| state.propose(command)).unwrap_or(Err(ProposeError::Stopped))
",
            "        let taken = self.update(|state| state.propose(command)).unwrap_or(Err(ProposeError::Stopped))?;
        Ok(Position { index: self.status().last_log_index, ..taken })
",
        )],
        likely: &["propose"],
    },
    Mutant {
        name: "outbox-in-another-order",
        about: "propose steps under one lock, and puts the effects into the outbox under another",
        replacements: &[(
            PROPOSE,
            "        self.update(|state| state.propose(command)).unwrap_or(Err(ProposeError::Stopped))
",
            "        let effects = self.update(|state| state.server.step(Input::Propose(command)));
        let Some(effects) = effects else { return Err(ProposeError::Stopped) };
        let outcome = effects.outcome().clone();
        self.update(|state| state.outbox.push(None, effects));
        match outcome {
            Outcome::Proposed { index, term } => Ok(Position { index, term }),
            _ => Err(ProposeError::Stopped),
        }
",
        )],
        likely: &["propose"],
    },
    Mutant {
        name: "outbox-emptied-outside",
        about: "the sender copies what may leave under one lock, and clears it under another",
        replacements: &[
            (
                MONITOR,
                "                let ready = core::mem::take(&mut state.ready);\n",
                "                let ready = state.ready.clone();\n",
            ),
            (
                MONITOR,
                "            if !ready.is_empty() {
                return Some(ready);",
                "            self.update(|state| state.ready.clear());
            if !ready.is_empty() {
                return Some(ready);",
            ),
        ],
        likely: &["late-follower"],
    },
    Mutant {
        name: "stop-checked-before-the-lock",
        about: "a change looks for the stop under one lock, and is made under another",
        replacements: &[(
            MONITOR,
            "        let mut state = self.lock();
        if state.stop.is_some() {
            return None;
        }
        let before",
            "        if self.lock().stop.is_some() {
            return None;
        }
        let mut state = self.lock();
        let before",
        )],
        likely: &["restart-install"],
    },
    Mutant {
        name: "leadership-under-two-locks",
        about: "the role is read under one lock, and the term under another",
        replacements: &[(
            MONITOR,
            "        let state = self.lock();
        (state.server.current_term(), state.stop.is_none() && state.server.is_leader())",
            "        let leads = {
            let state = self.lock();
            state.stop.is_none() && state.server.is_leader()
        };
        (self.lock().server.current_term(), leads)",
        )],
        likely: &["leadership"],
    },
    Mutant {
        name: "offer-not-awaited",
        about: "entries and offers are handed over while an offer is unanswered",
        replacements: &[(MONITOR, "if state.unanswered.is_some() {", "if false {")],
        likely: &["offer-in-channel"],
    },
    Mutant {
        name: "offer-answered-before-durable",
        about: "an offer counts as answered as soon as the service asks, not when the switch is durable",
        replacements: &[(
            MONITOR,
            "        self.update(|state| {
            state.step_for(Input::CondInstallSnapshot(snapshot), |outcome| {
                Some(Installer { index, installed: *outcome == Outcome::Installed, answer })
            })
        });",
            "        self.update(|state| {
            let outcome = state.step(Input::CondInstallSnapshot(snapshot));
            state.unanswered = None;
            answer.send(outcome == Outcome::Installed);
        });",
        )],
        likely: &["install-newer", "install-entries"],
    },
    Mutant {
        name: "applier-not-stopped",
        about: "the stop does not wake an applier that waits for the service",
        replacements: &[(
            MONITOR,
            "&self.applier, &self.applier_stop, &self.timer]",
            "&self.applier, &self.timer]",
        )],
        likely: &["stop-slow-service"],
    },
    Mutant {
        name: "timer-not-stopped",
        about: "the stop does not wake the timer",
        replacements: &[(MONITOR, "&self.applier_stop, &self.timer]", "&self.applier_stop]")],
        likely: &["stop-timer"],
    },
    Mutant {
        name: "installer-forgotten-at-stop",
        about: "the stop leaves the outbox as it is, and with it the service that waits for an answer",
        replacements: &[(MONITOR, "        state.outbox = Batch::default();\n", "")],
        likely: &["restart-install"],
    },
    Mutant {
        name: "stop-told-too-late",
        about: "a service that waits learns that there is no answer before the node counts as stopped",
        replacements: &[
            (MONITOR, "        self.stopped.raise();\n        state.outbox", "        state.outbox"),
            (
                MONITOR,
                "        state.ready = Vec::new();\n",
                "        state.ready = Vec::new();\n        self.stopped.raise();\n",
            ),
        ],
        likely: &["restart-install", "stop-install"],
    },
    Mutant {
        name: "applied-before-delivery",
        about: "last_applied moves before the service has the entries",
        replacements: &[
            (
                APPLIER,
                "            let mut index = first_index.prev();\n",
                "            let mut index = first_index.prev();\n            monitor.applied(index.plus(entries.len()));\n",
            ),
            (APPLIER, "            monitor.applied(index);\n", ""),
        ],
        likely: &["snapshot-inline"],
    },
    Mutant {
        name: "counted-before-the-save",
        about: "the server is told that the batch is durable, and its messages may leave, before it is saved",
        replacements: &[(
            SYNCER,
            "            let Some(durable) = save(monitor, &mut storage, batch).await else { return };
            let Some(answers) = monitor.persisted(durable) else { return };
",
            "            let mut record = None;
            let keep = |changes| {
                record = Some(changes);
                Ok::<(), ()>(())
            };
            let Ok(durable) = batch.persist(keep) else { return };
            let Some(answers) = monitor.persisted(durable) else { return };
            if let Some(record) = record
                && storage.save(record).await.is_err()
            {
                return;
            }
",
        )],
        likely: &["propose"],
    },
    Mutant {
        name: "answered-before-the-save",
        about: "the service that waits for the save is answered before it",
        replacements: &[(
            SYNCER,
            "            let Some(durable) = save(monitor, &mut storage, batch).await else { return };
            let Some(answers) = monitor.persisted(durable) else { return };
",
            "            let mut record = None;
            let keep = |changes| {
                record = Some(changes);
                Ok::<(), ()>(())
            };
            let Ok(durable) = batch.persist(keep) else { return };
            let mut durable = durable;
            for released in &mut durable.released {
                if let Some(Installer { installed, answer, .. }) = released.tag.take() {
                    answer.send(installed);
                }
            }
            if let Some(record) = record
                && storage.save(record).await.is_err()
            {
                return;
            }
            let Some(answers) = monitor.persisted(durable) else { return };
",
        )],
        likely: &["install-newer"],
    },
    Mutant {
        name: "answered-after-the-stop",
        about: "the syncer goes on with its batch after the node was stopped",
        replacements: &[
            (
                SYNCER,
                "            let Some(answers) = monitor.persisted(durable) else { return };
",
                "            let mut durable = durable;
            let answers: Vec<_> =
                durable.released.iter_mut().filter_map(|released| released.tag.take()).collect();
            monitor.persisted(durable);
",
            ),
            (
                SYNCER,
                "        if !monitor.is_stopped() {
            answer.send(installed);
        }
",
                "        let _ = monitor;
        answer.send(installed);
",
            ),
        ],
        likely: &["restart-install"],
    },
    Mutant {
        name: "failed-save-ignored",
        about: "the writer goes on after a failed write",
        replacements: &[(
            SYNCER,
            "        saved.inspect_err(|error| monitor.fail(Failure::Storage(error.clone())))
",
            "        saved.or(Ok::<(), ()>(()))
",
        )],
        likely: &["storage-fails"],
    },
    Mutant {
        name: "notification-not-kept",
        about: "a notification before the wait is not kept",
        replacements: &[(
            SIGNAL,
            "            inner.set = true;\n            inner.waker.take()",
            "            inner.set = inner.waker.is_some();\n            inner.waker.take()",
        )],
        likely: &["append", "snapshot-inline"],
    },
    Mutant {
        name: "waker-after-the-look",
        about: "a wait looks for the notification under one lock, and leaves its waker under another",
        replacements: &[(
            SIGNAL,
            "        // Under the same lock as the look at `set`: a notification in between finds the waker.\n",
            "        drop(inner);\n        let mut inner = lock(&self.signal.inner);\n",
        )],
        likely: &["append", "snapshot-inline"],
    },
    Mutant {
        name: "answer-after-the-look",
        about: "the service looks for the answer under one lock, and leaves its waker under another",
        replacements: &[(
            ONESHOT,
            "        match &mut slot.waker {",
            "        drop(slot);\n        let mut slot = lock(&self.0);\n        match &mut slot.waker {",
        )],
        likely: &["restart-install"],
    },
    Mutant {
        name: "installer-not-woken",
        about: "an answer does not wake the service that waits for it",
        replacements: &[(ONESHOT, "            waker.wake();\n", "            drop(waker);\n")],
        likely: &["restart-install"],
    },
    Mutant {
        name: "submitted-wakes-nobody",
        about: "a command that is submitted does not wake the sender",
        replacements: &[(INBOX, "            self.sender.notify();\n", "")],
        likely: &["submit"],
    },
    Mutant {
        name: "asleep-after-the-look",
        about: "the sender looks for submitted commands under one lock, and is said to sleep under another",
        replacements: &[(
            INBOX,
            "        let mut inbox = lock(&self.inbox);
        inbox.is_awake = !inbox.commands.is_empty();
        !inbox.is_awake
",
            "        let nothing = lock(&self.inbox).commands.is_empty();
        lock(&self.inbox).is_awake = !nothing;
        nothing
",
        )],
        likely: &["submit"],
    },
    Mutant {
        name: "submitted-not-answered",
        about: "what is applied does not answer those who submitted it",
        replacements: &[(
            MONITOR,
            "        wake.told.into_iter().for_each(Told::tell);\n",
            "        drop(wake.told);\n",
        )],
        likely: &["submit"],
    },
    Mutant {
        name: "submitted-at-the-end",
        about: "the end of the node does not answer those whose submitted commands were taken",
        replacements: &[(
            MONITOR,
            "        state.applied.tell_all().into_iter().for_each(Told::tell);\n",
            "",
        )],
        likely: &["stop-submit"],
    },
    Mutant {
        name: "submitted-after-the-end",
        about: "the end of the node leaves the queue of submitted commands open",
        replacements: &[(INBOX, "        self.is_closed = true;\n", "")],
        likely: &["stop-submit"],
    },
    Mutant {
        name: "one-task-not-told-of-writes",
        about: "where sender and syncer are one task, a step that leaves something to write does not wake it",
        replacements: &[(
            STATE,
            "                || (self.one_task && to_write && !self.is_saving)\n",
            "",
        )],
        likely: &["help"],
    },
    Mutant {
        name: "nothing-saved",
        about: "where sender and syncer are one task, what waits for a write is released without it",
        replacements: &[(MONITOR, "match batch.record().is_empty() {", "match true {")],
        likely: &["help"],
    },
    Mutant {
        name: "help-with-nothing",
        about: "a task that is helped does not see what there is to do",
        replacements: &[(SIGNAL, "        lock(&self.inner).set = true;\n", "")],
        likely: &["help"],
    },
    Mutant {
        name: "one-task-waits-for-the-save",
        about: "where sender and syncer are one task, what may leave waits for a save that takes its time",
        replacements: &[(
            WRITER,
            "        Poll::Pending => woken.as_mut().poll(context).map(|()| None),\n",
            "        Poll::Pending => {
            let _ = &mut woken;
            Poll::Pending
        }
",
        )],
        likely: &["overlap-in-one"],
    },
];

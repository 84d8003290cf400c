//! All mutants.

use super::Mutant;

const MONITOR: &str = "engine/monitor.rs";
const STATE: &str = "engine/state.rs";
const APPLIER: &str = "engine/applier.rs";
const WRITER: &str = "engine/writer.rs";
const SIGNAL: &str = "engine/signal.rs";
const ONESHOT: &str = "engine/oneshot.rs";

/// All of them.
pub const ALL: &[Mutant] = &[
    Mutant {
        name: "writer-not-notified",
        about: "a step that leaves something in the outbox does not wake the writer",
        replacements: &[(MONITOR, "            self.writer.notify();\n", "")],
        likely: &["snapshot-inline"],
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
        name: "start-under-two-locks",
        about: "start appends under one lock, and reads the index that it answers under another",
        replacements: &[(
            MONITOR,
            "Some(Outcome::Proposed { index, term }) => Started { index, term, is_leader: true },",
            "Some(Outcome::Proposed { term, .. }) => {
                Started { index: self.status().last_log_index, term, is_leader: true }
            }",
        )],
        likely: &["propose"],
    },
    Mutant {
        name: "outbox-in-another-order",
        about: "start steps under one lock, and puts the effects into the outbox under another",
        replacements: &[(
            MONITOR,
            "            let outcome = state.step(Tag::Nobody, Input::Propose(command));
            state.proposed |= matches!(outcome, Outcome::Proposed { .. });
            outcome
        });
",
            "            let effects = state.server.step(Input::Propose(command));
            let outcome = effects.outcome().clone();
            state.proposed |= matches!(outcome, Outcome::Proposed { .. });
            (outcome, effects)
        });
        let outcome = outcome.map(|(outcome, effects)| {
            self.update(|state| state.outbox.push(Tag::Nobody, effects));
            outcome
        });
",
        )],
        likely: &["propose"],
    },
    Mutant {
        name: "outbox-emptied-outside",
        about: "the writer copies what may leave early under one lock, and clears it under another",
        replacements: &[
            (
                MONITOR,
                "        self.update(|state| {
            if core::mem::take(&mut state.proposed) {",
                "        let taken = self.update(|state| {
            if core::mem::take(&mut state.proposed) {",
            ),
            (
                MONITOR,
                "(core::mem::take(&mut state.early), core::mem::take(&mut state.outbox));",
                "(state.early.clone(), core::mem::take(&mut state.outbox));",
            ),
            (
                MONITOR,
                "(!early.is_empty() || !batch.is_empty()).then_some((early, batch))
        })
        .flatten()",
                "(!early.is_empty() || !batch.is_empty()).then_some((early, batch))
        })
        .flatten();
        self.update(|state| state.early.clear());
        taken",
            ),
        ],
        likely: &["late-follower"],
    },
    Mutant {
        name: "stop-checked-before-the-lock",
        about: "a change looks for the stop under one lock, and is made under another",
        replacements: &[(
            MONITOR,
            "            let mut state = self.lock();
            if state.stop.is_some() {
                return None;
            }
            let before",
            "            if self.lock().stop.is_some() {
                return None;
            }
            let mut state = self.lock();
            let before",
        )],
        likely: &["kill-append"],
    },
    Mutant {
        name: "get-state-under-two-locks",
        about: "get_state reads the role under one lock, and the term under another",
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
        likely: &["get-state"],
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
            state.step_tagged(Input::CondInstallSnapshot(snapshot), |outcome| Tag::Installer {
                index,
                installed: *outcome == Outcome::Installed,
                answer,
            })
        });",
            "        self.update(|state| {
            let outcome = state.step(Tag::Nobody, Input::CondInstallSnapshot(snapshot));
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
            "&self.applier, &self.applier_stop, &self.timer_stop",
            "&self.applier, &self.timer_stop",
        )],
        likely: &["kill-slow-service"],
    },
    Mutant {
        name: "timer-not-stopped",
        about: "the stop does not wake the timer",
        replacements: &[(MONITOR, "&self.applier_stop, &self.timer_stop]", "&self.applier_stop]")],
        likely: &["kill-timer"],
    },
    Mutant {
        name: "callers-forgotten-at-stop",
        about: "the stop leaves the outbox as it is, and with it those who wait for an answer",
        replacements: &[(MONITOR, "        state.outbox = Batch::default();\n", "")],
        likely: &["kill-append"],
    },
    Mutant {
        name: "stop-told-too-late",
        about: "those who wait learn that there is no answer before the node counts as stopped",
        replacements: &[
            (
                MONITOR,
                "        self.stopped.store(true, Ordering::Release);\n        state.outbox",
                "        state.outbox",
            ),
            (
                MONITOR,
                "        state.early = Vec::new();\n",
                "        state.early = Vec::new();\n        self.stopped.store(true, Ordering::Release);\n",
            ),
        ],
        likely: &["kill-append"],
    },
    Mutant {
        name: "delivery-under-the-lock",
        about: "the applier holds the lock while it delivers",
        replacements: &[
            (MONITOR, "    fn lock(&self)", "    pub(super) fn lock(&self)"),
            (
                APPLIER,
                "            let mut index = first_index.prev();\n",
                "            let held = monitor.lock();\n            let mut index = first_index.prev();\n",
            ),
            (
                APPLIER,
                "            // Only now: last_applied",
                "            drop(held);\n            // Only now: last_applied",
            ),
        ],
        likely: &["four-way"],
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
        about: "the server is told that the batch is durable before it is saved",
        replacements: &[(
            WRITER,
            "            let Ok(durable) = batch.persist_by(save).await else { return };
            if !monitor.persisted(durable.persisted, &durable.released) {
                return;
            }
",
            "            let (mut save, mut record) = (save, None);
            let keep = |changes| {
                record = Some(changes);
                Ok::<(), ()>(())
            };
            let Ok(durable) = batch.persist(keep) else { return };
            if !monitor.persisted(durable.persisted, &durable.released) {
                return;
            }
            if let Some(record) = record
                && save(record).await.is_err()
            {
                return;
            }
",
        )],
        likely: &["propose"],
    },
    Mutant {
        name: "sent-before-the-save",
        about: "what waits for the save leaves before it",
        replacements: &[(
            WRITER,
            "            let Ok(durable) = batch.persist_by(save).await else { return };
            if !monitor.persisted(durable.persisted, &durable.released) {
                return;
            }
            for released in durable.released {
                release(monitor, &link, released);
            }
",
            "            let (mut save, mut record) = (save, None);
            let keep = |changes| {
                record = Some(changes);
                Ok::<(), ()>(())
            };
            let Ok(durable) = batch.persist(keep) else { return };
            for released in durable.released {
                release(monitor, &link, released);
            }
            if let Some(record) = record
                && save(record).await.is_err()
            {
                return;
            }
            monitor.persisted(durable.persisted, &[]);
",
        )],
        likely: &["append"],
    },
    Mutant {
        name: "sent-after-the-stop",
        about: "the writer goes on with its batch after the node was stopped",
        replacements: &[
            (
                WRITER,
                "            if !monitor.persisted(durable.persisted, &durable.released) {
                return;
            }
",
                "            monitor.persisted(durable.persisted, &durable.released);
",
            ),
            (
                WRITER,
                "(Tag::Caller(caller), Some(reply)) if !monitor.is_stopped()",
                "(Tag::Caller(caller), Some(reply))",
            ),
        ],
        likely: &["restart"],
    },
    Mutant {
        name: "failed-save-ignored",
        about: "the writer goes on after a failed write",
        replacements: &[(
            WRITER,
            "                saved.inspect_err(|error| monitor.fail(Failure::Storage(error.clone())))
",
            "                saved.or(Ok::<(), ()>(()))
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
        about: "a caller looks for the answer under one lock, and leaves its waker under another",
        replacements: &[(
            ONESHOT,
            "        match &mut slot.waker {",
            "        drop(slot);\n        let mut slot = lock(&self.0);\n        match &mut slot.waker {",
        )],
        likely: &["append"],
    },
    Mutant {
        name: "caller-not-woken",
        about: "an answer does not wake the caller who waits for it",
        replacements: &[(ONESHOT, "            waker.wake();\n", "            drop(waker);\n")],
        likely: &["append"],
    },
];

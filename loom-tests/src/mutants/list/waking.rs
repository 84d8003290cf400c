//! Who is woken, and when: of the sender, the syncer, the applier and the timer.

use super::{MONITOR, STATE};
use crate::mutants::Mutant;

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
            (STATE, "        self.awake.applier = false;\n", "        self.awake.applier = true;\n"),
            (STATE, "        self.awake.applier = apply.is_some();\n", ""),
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
];

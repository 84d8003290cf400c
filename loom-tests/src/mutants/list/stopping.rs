//! Offers of a snapshot, and the end of the node: who waits is told.

use super::{MONITOR, STATE};
use crate::mutants::Mutant;

pub const ALL: &[Mutant] = &[
    Mutant {
        name: "offer-not-awaited",
        about: "entries and offers are handed over while an offer is unanswered",
        replacements: &[(STATE, "if self.unanswered.is_some() {", "if false {")],
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
];

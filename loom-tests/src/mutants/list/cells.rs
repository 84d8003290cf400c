//! Signals and answers, which the tasks wait for.

use super::{ONESHOT, SIGNAL};
use crate::mutants::Mutant;

pub const ALL: &[Mutant] = &[
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
];

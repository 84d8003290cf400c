//! Sender and syncer as one task, where the storage does not block.

use super::{MONITOR, SIGNAL, WAKE, WRITER};
use crate::mutants::Mutant;

pub const ALL: &[Mutant] = &[
    Mutant {
        name: "one-task-not-told-of-writes",
        about: "where sender and syncer are one task, a step that leaves something to write does not wake it",
        replacements: &[(WAKE, "                || (self.one_task && to_write && !self.is_saving)\n", "")],
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

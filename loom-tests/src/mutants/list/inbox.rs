//! Messages that are handed in while another thread is at work.

use super::{INBOX, MONITOR};
use crate::mutants::Mutant;

pub const ALL: &[Mutant] = &[
    Mutant {
        name: "submitted-wakes-nobody",
        about: "a command that is submitted does not wake the sender",
        replacements: &[(INBOX, "            self.sender.notify();\n", "")],
        likely: &["submit"],
    },
    Mutant {
        name: "helped-without-a-signal",
        about: "a client that goes on with its command does not tell the task that there is one",
        replacements: &[(INBOX, "            self.sender.set();\n", "")],
        likely: &["submit-alone"],
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
            "        callers.told.into_iter().for_each(Told::tell);\n",
            "        drop(callers.told);\n",
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
];

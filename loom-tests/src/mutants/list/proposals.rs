//! Proposals: their places, what is told of them, and who waits for room.

use super::{MONITOR, PROPOSE, STATE};
use crate::mutants::Mutant;

pub const ALL: &[Mutant] = &[
    Mutant {
        name: "room-not-told",
        about: "a commit does not wake those who wait for room",
        replacements: &[(
            MONITOR,
            "        for (_, waker) in callers.proposers {
            waker.wake();
        }
",
            "        drop(callers.proposers);\n",
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
            "        callers.answered.into_iter().for_each(Waker::wake);\n",
            "        drop(callers.answered);\n",
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
];

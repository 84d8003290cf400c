//! What happens under one lock, and in its order.

use super::{MONITOR, PROPOSE};
use crate::mutants::Mutant;

pub const ALL: &[Mutant] = &[
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
];

//! All mutants, by what they break.

mod cells;
mod inbox;
mod locking;
mod one_task;
mod proposals;
mod saving;
mod stopping;
mod waking;

use super::Mutant;

const MONITOR: &str = "monitor.rs";
const STATE: &str = "state.rs";
const WAKE: &str = "wake.rs";
const APPLIER: &str = "applier.rs";
const PROPOSE: &str = "propose.rs";
const SYNCER: &str = "syncer.rs";
const SIGNAL: &str = "signal.rs";
const ONESHOT: &str = "oneshot.rs";
const INBOX: &str = "inbox.rs";
const WRITER: &str = "writer.rs";

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Mutant> {
    [
        waking::ALL,
        proposals::ALL,
        locking::ALL,
        stopping::ALL,
        saving::ALL,
        cells::ALL,
        inbox::ALL,
        one_task::ALL,
    ]
    .into_iter()
    .flatten()
}

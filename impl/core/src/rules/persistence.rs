//! Figure 2, State: "Persistent state on all servers (updated on stable storage before responding to RPCs)".

use crate::command::Command;
use crate::effects::Effects;
use crate::persistent::{Change, Persistent};
use crate::rule::Rule;
use crate::server::{Config, Server};
use crate::types::ServerId;

/// What survives a crash.
pub trait Persistence<C: Command, S: Clone> {
    /// **P1.** A server starts from its persistent state. "commitIndex (initialized to 0)" and lastApplied start at
    /// the snapshot's index, for the service starts from the snapshot.
    fn restart(&self, id: ServerId, config: Config, persistent: Persistent<C, S>) -> Server<C, S> {
        Server::from_parts(id, config, persistent)
    }

    /// **P2.** A change of the persistent state is made in memory and put into the record, in one place: no rule can
    /// do one without the other.
    fn save(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, change: Change<C, S>) {
        fx.fired(Rule::P2);
        s.persistent.apply_clone_of(&change);
        fx.push_change(change);
    }
}

//! Figure 2 with the extensions that a server's configuration asks for. What they do is in `pre_vote.rs`, `check_quorum.rs` and
//! `transfer.rs`; here is where they take the place of Figure 2's rules.

use super::{
    AllServers, AppendEntriesReceiver, Candidates, CheckQuorum, Leaders, Persistence, PreVoting, Replication,
    RequestVoteReceiver, Rules, Snapshots, Transfer, TransferTarget, Validation,
};
use crate::command::Command;
use crate::effects::Effects;
use crate::message::Message;
use crate::server::Server;
use crate::types::ServerId;

/// The rules of Figure 2, but for what [`Config::extensions`](crate::Config::extensions) turns on. With nothing turned on, and
/// nobody who asks for a transfer, it takes the very steps of [`Figure2`](super::Figure2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Extended;

/// Instead of [`Candidates::stand_for_election`]: with PreVote a server asks first.
pub fn stand_for_election<C, S, R>(rules: &R, s: &mut Server<C, S>, fx: &mut Effects<C, S>)
where
    C: Command,
    S: Clone,
    R: PreVoting<C, S> + ?Sized,
{
    if s.config.extensions.pre_vote {
        rules.ask_for_pre_votes(s, fx);
    } else {
        rules.start_election(s, fx, false);
    }
}

/// Instead of [`Candidates::leader_timeout`]: a transfer that did not come about is given up, and with CheckQuorum a leader
/// without a majority steps down.
pub fn leader_timeout<C, S, R>(rules: &R, s: &mut Server<C, S>, fx: &mut Effects<C, S>)
where
    C: Command,
    S: Clone,
    R: CheckQuorum<C, S> + ?Sized,
{
    rules.give_up_transfer(s, fx);
    if s.config.extensions.check_quorum && rules.step_down_without_quorum(s, fx) {
        return;
    }
    rules.step_down_if_stalled(s, fx);
}

/// Instead of [`Rules::disregards`]: with CheckQuorum a server in contact with a leader does not listen to candidates.
pub fn disregards<C, S, R>(
    rules: &R,
    s: &Server<C, S>,
    fx: &mut Effects<C, S>,
    message: &Message<C, S>,
) -> bool
where
    C: Command,
    S: Clone,
    R: CheckQuorum<C, S> + ?Sized,
{
    s.config.extensions.check_quorum && rules.disregards_candidate(s, fx, message)
}

/// Instead of [`Rules::heard_from`]: with CheckQuorum a leader remembers who answered.
pub fn heard_from<C, S, R>(rules: &R, s: &mut Server<C, S>, from: ServerId, message: &Message<C, S>)
where
    C: Command,
    S: Clone,
    R: CheckQuorum<C, S> + ?Sized,
{
    if s.config.extensions.check_quorum {
        rules.note_answer(s, from, message);
    }
}

impl<C: Command, S: Clone> Persistence<C, S> for Extended {}
impl<C: Command, S: Clone> AllServers<C, S> for Extended {}
impl<C: Command, S: Clone> RequestVoteReceiver<C, S> for Extended {}
impl<C: Command, S: Clone> AppendEntriesReceiver<C, S> for Extended {}
impl<C: Command, S: Clone> Replication<C, S> for Extended {}
impl<C: Command, S: Clone> Transfer<C, S> for Extended {}
impl<C: Command, S: Clone> Leaders<C, S> for Extended {}
impl<C: Command, S: Clone> Candidates<C, S> for Extended {
    fn stand_for_election(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        stand_for_election(self, s, fx);
    }

    fn leader_timeout(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        leader_timeout(self, s, fx);
    }
}
impl<C: Command, S: Clone> Snapshots<C, S> for Extended {}
impl<C: Command, S: Clone> Validation<C, S> for Extended {}
impl<C: Command, S: Clone> PreVoting<C, S> for Extended {}
impl<C: Command, S: Clone> CheckQuorum<C, S> for Extended {}
impl<C: Command, S: Clone> TransferTarget<C, S> for Extended {}
impl<C: Command, S: Clone> Rules<C, S> for Extended {
    fn disregards(&self, s: &Server<C, S>, fx: &mut Effects<C, S>, message: &Message<C, S>) -> bool {
        disregards(self, s, fx, message)
    }

    fn heard_from(&self, s: &mut Server<C, S>, from: ServerId, message: &Message<C, S>) {
        heard_from(self, s, from, message);
    }
}

//! The rules: one small method each, named for what it does, with its place in the paper.
//!
//! They are traits whose default bodies are Figure 2, and [`Figure2`] takes every default. Whoever wants to see what
//! a rule is good for implements the traits for a type of their own and overrides that one method: that is how the
//! mutants of the model checker are made, and why no `if` for them stands here.
//!
//! | trait | box of Figure 2 | file |
//! |---|---|---|
//! | [`Persistence`] | State: persistent state on all servers | `persistence.rs` |
//! | [`AllServers`] | Rules for Servers: All Servers | `all_servers.rs` |
//! | [`RequestVoteReceiver`] | RequestVote RPC, receiver implementation | `request_vote.rs` |
//! | [`AppendEntriesReceiver`] | AppendEntries RPC, receiver implementation | `append_entries.rs` |
//! | [`Leaders`] | Rules for Servers: Leaders | `leaders.rs` |
//! | [`Replication`] | Rules for Servers: Leaders 3; Figure 13, the sender | `replication.rs` |
//! | [`Candidates`] | Rules for Servers: Followers, Candidates | `candidates.rs` |
//! | [`Snapshots`] | Figure 13, InstallSnapshot; section 7 | `snapshots.rs` |
//! | [`Validation`] | (what a correct peer never sends) | `validation.rs` |
//!
//! Beyond Figure 2 are the thesis' extensions. They are rules of the same kind, and [`Extended`] says which of Figure 2's rules
//! they take the place of:
//!
//! | trait | section of the thesis | file |
//! |---|---|---|
//! | [`PreVoting`] | 9.6, preventing disruptions when a server rejoins | `pre_vote.rs` |
//! | [`CheckQuorum`] | 6.2 and 4.2.3, leaders without a majority; disruptive servers | `check_quorum.rs` |
//! | [`Transfer`], [`TransferTarget`] | 3.10, leadership transfer | `transfer.rs` |
//!
//! In their bodies, `s` is the server and `fx` the effects of the step.

mod all_servers;
mod append_entries;
mod candidates;
mod check_quorum;
pub mod extended;
mod leaders;
mod persistence;
mod pre_vote;
mod replication;
mod request_vote;
mod snapshots;
mod transfer;
mod validation;

pub use all_servers::AllServers;
pub use append_entries::AppendEntriesReceiver;
pub use candidates::Candidates;
pub use check_quorum::CheckQuorum;
pub use extended::Extended;
pub use leaders::Leaders;
pub use persistence::Persistence;
pub use pre_vote::PreVoting;
pub use replication::{Refusal, Replication};
pub use request_vote::RequestVoteReceiver;
pub use snapshots::Snapshots;
pub use transfer::{Transfer, TransferTarget};
pub use validation::Validation;

use crate::command::Command;
use crate::effects::Effects;
use crate::input::{Input, Outcome, Persisted};
use crate::message::{Envelope, Message};
use crate::rule::Rule;
use crate::server::Server;
use crate::types::ServerId;

/// All rules together, and the one entry point: a step.
pub trait Rules<C: Command, S: Clone>:
    Candidates<C, S>
    + RequestVoteReceiver<C, S>
    + AppendEntriesReceiver<C, S>
    + Snapshots<C, S>
    + Validation<C, S>
    + PreVoting<C, S>
    + CheckQuorum<C, S>
    + TransferTarget<C, S>
{
    /// One step: the server takes the input, changes, and says what must follow.
    fn step(&self, s: &mut Server<C, S>, input: Input<C, S>) -> Effects<C, S> {
        let mut fx = Effects::default();
        match input {
            Input::ElectionTimeout => self.election_timeout(s, &mut fx),
            Input::HeartbeatTimeout => self.heartbeat_timeout(s, &mut fx),
            Input::Receive(envelope) => self.receive(s, &mut fx, envelope),
            Input::Propose(command) => self.propose(s, &mut fx, command),
            Input::Replicate => self.replicate(s, &mut fx),
            Input::SendCommit => self.send_commit(s, &mut fx),
            Input::Persisted(persisted) => self.persisted(s, &mut fx, persisted),
            Input::Applied { index } => self.applied(s, &mut fx, index),
            Input::SnapshotTaken { index, data } => self.snapshot_taken(s, &mut fx, index, data),
            Input::CondInstallSnapshot(snapshot) => self.cond_install_snapshot(s, &mut fx, snapshot),
            Input::TransferLeadership { to } => self.transfer_leadership(s, &mut fx, to),
        }
        fx.seal(Persisted { current_term: s.current_term(), last_log_index: s.log().last_index() });
        fx
    }

    /// The heartbeat interval elapsed: a leader repeats its AppendEntries, a candidate its RequestVote, a
    /// pre-candidate its PreVote.
    fn heartbeat_timeout(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        self.heartbeat(s, fx);
        self.retry_votes(s, fx);
        self.retry_pre_votes(s, fx);
    }

    /// A message arrives: it is validated, then its term observed (All Servers 2, *before* anything else), then
    /// handled.
    fn receive(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, envelope: Envelope<C, S>) {
        if let Err(rejection) = self.validate(s, &envelope) {
            fx.fired(Rule::V1);
            fx.set_outcome(Outcome::Rejected(rejection));
            return;
        }
        if self.disregards(s, fx, &envelope.message) {
            return;
        }
        let from = envelope.from;
        if let Some(term) = envelope.message.current_term() {
            self.observe_term(s, fx, term);
        }
        self.heard_from(s, from, &envelope.message);
        match envelope.message {
            Message::RequestVote(m) => self.request_vote(s, fx, from, &m),
            Message::RequestVoteReply(m) => self.count_vote(s, fx, from, &m),
            Message::AppendEntries(m) => self.append_entries(s, fx, from, m),
            Message::AppendEntriesReply(m) => self.append_reply(s, fx, from, &m),
            Message::InstallSnapshot(m) => self.install_snapshot(s, fx, from, m),
            Message::InstallSnapshotReply(m) => self.snapshot_reply(s, fx, from, &m),
            Message::PreVote(m) => self.pre_vote(s, fx, from, &m),
            Message::PreVoteReply(m) => self.count_pre_vote(s, fx, from, &m),
            Message::TimeoutNow(m) => self.timeout_now(s, fx, &m),
        }
    }

    /// Whether a message is dropped before anything else happens, its term included. By Figure 2 none is.
    fn disregards(&self, _: &Server<C, S>, _: &mut Effects<C, S>, _: &Message<C, S>) -> bool {
        false
    }

    /// A message arrived, and the server has at least its term. Figure 2 has nothing to remember of that.
    fn heard_from(&self, _: &mut Server<C, S>, _: ServerId, _: &Message<C, S>) {}
}

/// The rules as the paper states them. A server under them answers those that have extensions, and asks for none itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Figure2;

impl<C: Command, S: Clone> Persistence<C, S> for Figure2 {}
impl<C: Command, S: Clone> AllServers<C, S> for Figure2 {}
impl<C: Command, S: Clone> RequestVoteReceiver<C, S> for Figure2 {}
impl<C: Command, S: Clone> AppendEntriesReceiver<C, S> for Figure2 {}
impl<C: Command, S: Clone> Replication<C, S> for Figure2 {}
impl<C: Command, S: Clone> Transfer<C, S> for Figure2 {}
impl<C: Command, S: Clone> Leaders<C, S> for Figure2 {}
impl<C: Command, S: Clone> Candidates<C, S> for Figure2 {}
impl<C: Command, S: Clone> Snapshots<C, S> for Figure2 {}
impl<C: Command, S: Clone> Validation<C, S> for Figure2 {}
impl<C: Command, S: Clone> PreVoting<C, S> for Figure2 {}
impl<C: Command, S: Clone> CheckQuorum<C, S> for Figure2 {}
impl<C: Command, S: Clone> TransferTarget<C, S> for Figure2 {}
impl<C: Command, S: Clone> Rules<C, S> for Figure2 {}

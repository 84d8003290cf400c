//! A rule overridden from outside the core: how the mutants of the model are made.

use crate::common::*;
use figure2_core::rules::{
    AllServers, AppendEntriesReceiver, Candidates, CheckQuorum, Leaders, Persistence, PreVoting, Replication,
    RequestVoteReceiver, Snapshots, Transfer, TransferTarget, Validation,
};
use figure2_core::{Command, Envelope, Input, RequestVote, Rules};

/// Gives its vote without a look at the candidate's log.
#[derive(Clone, Copy)]
struct VoteForAnyLog;

impl<C: Command, S: Clone> RequestVoteReceiver<C, S> for VoteForAnyLog {
    fn candidate_is_up_to_date(&self, _: &figure2_core::Server<C, S>, _: &RequestVote) -> bool {
        true
    }
}
impl<C: Command, S: Clone> Persistence<C, S> for VoteForAnyLog {}
impl<C: Command, S: Clone> AllServers<C, S> for VoteForAnyLog {}
impl<C: Command, S: Clone> AppendEntriesReceiver<C, S> for VoteForAnyLog {}
impl<C: Command, S: Clone> Replication<C, S> for VoteForAnyLog {}
impl<C: Command, S: Clone> Transfer<C, S> for VoteForAnyLog {}
impl<C: Command, S: Clone> Leaders<C, S> for VoteForAnyLog {}
impl<C: Command, S: Clone> Candidates<C, S> for VoteForAnyLog {}
impl<C: Command, S: Clone> Snapshots<C, S> for VoteForAnyLog {}
impl<C: Command, S: Clone> Validation<C, S> for VoteForAnyLog {}
impl<C: Command, S: Clone> PreVoting<C, S> for VoteForAnyLog {}
impl<C: Command, S: Clone> CheckQuorum<C, S> for VoteForAnyLog {}
impl<C: Command, S: Clone> TransferTarget<C, S> for VoteForAnyLog {}
impl<C: Command, S: Clone> Rules<C, S> for VoteForAnyLog {}

/// Rules: RV2U.
#[test]
fn a_mutant_differs_from_figure_2_in_the_one_rule_it_overrides() {
    for (last, by_figure2, by_mutant) in [((0, 0), false, true), ((1, 2), true, true)] {
        let request = Envelope { from: S1, to: S0, message: request_vote(3, last) };
        let mut server = follower(3, disk(3, None, &[2]));
        let mut mutant = server.clone();
        assert_eq!(reply(server.step(Input::Receive(request.clone()))), vote(3, by_figure2));
        assert_eq!(reply(VoteForAnyLog.step(&mut mutant, Input::Receive(request))), vote(3, by_mutant));
    }
}

//! The bugs themselves: each overrides one method of the rules.

use figure2_core::rules::{
    AllServers, AppendEntriesReceiver, Candidates, Leaders, Persistence, RequestVoteReceiver, Snapshots,
    Validation,
};
use figure2_core::{
    AppendEntries, AppendEntriesReply, AppendResult, Apply, Change, Config, Effects, Envelope, Figure2,
    Index, Message, Persistent, RequestVote, RequestVoteReply, Role, Rules, Server, ServerId, Snapshot, Term,
};

/// `bug!(Name, Trait, methods)`: the rules of Figure 2 with some methods of one trait replaced.
macro_rules! bug {
    ($name:ident, Persistence, $($body:tt)*) => {
        bug!(@impl $name, Persistence, { $($body)* },
            AllServers RequestVoteReceiver AppendEntriesReceiver Leaders Candidates Snapshots Validation Rules);
    };
    ($name:ident, AllServers, $($body:tt)*) => {
        bug!(@impl $name, AllServers, { $($body)* },
            Persistence RequestVoteReceiver AppendEntriesReceiver Leaders Candidates Snapshots Validation Rules);
    };
    ($name:ident, RequestVoteReceiver, $($body:tt)*) => {
        bug!(@impl $name, RequestVoteReceiver, { $($body)* },
            Persistence AllServers AppendEntriesReceiver Leaders Candidates Snapshots Validation Rules);
    };
    ($name:ident, AppendEntriesReceiver, $($body:tt)*) => {
        bug!(@impl $name, AppendEntriesReceiver, { $($body)* },
            Persistence AllServers RequestVoteReceiver Leaders Candidates Snapshots Validation Rules);
    };
    ($name:ident, Leaders, $($body:tt)*) => {
        bug!(@impl $name, Leaders, { $($body)* },
            Persistence AllServers RequestVoteReceiver AppendEntriesReceiver Candidates Snapshots Validation Rules);
    };
    ($name:ident, Candidates, $($body:tt)*) => {
        bug!(@impl $name, Candidates, { $($body)* },
            Persistence AllServers RequestVoteReceiver AppendEntriesReceiver Leaders Snapshots Validation Rules);
    };
    ($name:ident, Snapshots, $($body:tt)*) => {
        bug!(@impl $name, Snapshots, { $($body)* },
            Persistence AllServers RequestVoteReceiver AppendEntriesReceiver Leaders Candidates Validation Rules);
    };
    ($name:ident, Rules, $($body:tt)*) => {
        bug!(@impl $name, Rules, { $($body)* },
            Persistence AllServers RequestVoteReceiver AppendEntriesReceiver Leaders Candidates Snapshots Validation);
    };
    (@impl $name:ident, $broken:ident, { $($body:tt)* }, $($kept:ident)*) => {
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;
        impl<C: Clone, S: Clone> $broken<C, S> for $name { $($body)* }
        $(impl<C: Clone, S: Clone> $kept<C, S> for $name {})*
    };
}

bug!(
    VoteOfOlderTerm,
    Candidates,
    fn count_vote(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, from: ServerId, m: &RequestVoteReply) {
        if m.vote_granted {
            self.add_vote(s, fx, from);
        }
    }
);

bug!(
    VoteCountedTwice,
    Candidates,
    fn add_vote(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, from: ServerId) {
        match s.role() {
            Role::Candidate { votes } if votes.contains(from) && votes.len() + 1 >= s.config().majority() => {
                self.become_leader(s, fx);
            }
            _ => Figure2.add_vote(s, fx, from),
        }
    }
);

bug!(
    VoteForgottenOnLeader,
    AllServers,
    fn recognise_leader(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, leader: ServerId) {
        let current_term = s.current_term();
        self.save(s, fx, Change::TermAndVote { current_term, voted_for: None });
        Figure2.recognise_leader(s, fx, leader);
    }
);

bug!(
    NewerTermIsGrant,
    Rules,
    fn receive(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, envelope: Envelope<C, S>) {
        match &envelope.message {
            Message::RequestVoteReply(m) if m.term > s.current_term() => self.add_vote(s, fx, envelope.from),
            _ => Figure2.receive(s, fx, envelope),
        }
    }
);

bug!(
    BallotForgotten,
    Persistence,
    fn restart(&self, id: ServerId, config: Config, persistent: Persistent<C, S>) -> Server<C, S> {
        Figure2.restart(id, config, Persistent { current_term: Term::ZERO, voted_for: None, ..persistent })
    }
);

bug!(
    VoteForgotten,
    Persistence,
    fn restart(&self, id: ServerId, config: Config, persistent: Persistent<C, S>) -> Server<C, S> {
        Figure2.restart(id, config, Persistent { voted_for: None, ..persistent })
    }
);

bug!(
    AnyoneIsUpToDate,
    RequestVoteReceiver,
    fn candidate_is_up_to_date(&self, _: &Server<C, S>, _: &RequestVote) -> bool {
        true
    }
);

bug!(
    CandidateStays,
    AllServers,
    fn recognise_leader(&self, _: &mut Server<C, S>, _: &mut Effects<C, S>, _: ServerId) {}
);

bug!(
    OlderTermCommitted,
    Leaders,
    fn may_commit(&self, s: &Server<C, S>, index: Index) -> bool {
        s.log().term_at(index).is_some()
    }
);

bug!(
    CommitUnbounded,
    AppendEntriesReceiver,
    fn follower_commit_index(&self, s: &Server<C, S>, leader_commit: Index, _: Index) -> Index {
        s.commit_index().max(leader_commit)
    }
);

bug!(
    TailApplied,
    AllServers,
    fn next_apply(&self, s: &Server<C, S>, limit: usize) -> Option<Apply<C, S>> {
        let first_index = s.last_applied().next();
        let entries = s.log().entries_from(first_index, limit).to_vec();
        if entries.is_empty() { None } else { Some(Apply::Entries { first_index, entries }) }
    }
);

bug!(
    RefusalAcknowledges,
    Leaders,
    fn append_refused(
        &self,
        s: &mut Server<C, S>,
        fx: &mut Effects<C, S>,
        from: ServerId,
        prev_log_index: Index,
        _: Index,
        _: Option<Term>,
    ) {
        self.append_accepted(s, fx, from, prev_log_index);
    }
);

bug!(
    QuorumMissorted,
    Leaders,
    fn majority_match_index(&self, _: &Server<C, S>, match_index: &[Index]) -> Index {
        match_index.iter().copied().max().unwrap_or(Index::ZERO)
    }
);

bug!(
    AlwaysTruncates,
    AppendEntriesReceiver,
    fn first_conflict(&self, s: &Server<C, S>, m: &AppendEntries<C>) -> Option<Index> {
        let first = m.prev_log_index.next();
        (first > s.log().base_index() && first <= s.log().last_index()).then_some(first)
    }
);

bug!(
    MatchIndexGoesBack,
    Leaders,
    fn new_match_index(&self, _: Index, reported: Index) -> Index {
        reported
    }
);

bug!(
    MatchIndexIsLogLength,
    AppendEntriesReceiver,
    fn append_result(&self, s: &Server<C, S>, fx: &mut Effects<C, S>, to: ServerId, result: AppendResult) {
        let result = match result {
            AppendResult::Success { .. } => AppendResult::Success { match_index: s.log().last_index() },
            refusal => refusal,
        };
        let term = s.current_term();
        self.reply(s, fx, to, Message::AppendEntriesReply(AppendEntriesReply { term, result }));
    }
);

bug!(
    HeartbeatUnchecked,
    AppendEntriesReceiver,
    fn find_mismatch(&self, s: &Server<C, S>, m: &AppendEntries<C>) -> Option<AppendResult> {
        if m.entries.is_empty() { None } else { Figure2.find_mismatch(s, m) }
    }
);

bug!(
    EdgeUnchecked,
    AppendEntriesReceiver,
    fn find_mismatch(&self, s: &Server<C, S>, m: &AppendEntries<C>) -> Option<AppendResult> {
        let log = s.log();
        let is_edge = log.snapshot().is_some() && m.prev_log_index == log.base_index().next();
        if is_edge { None } else { Figure2.find_mismatch(s, m) }
    }
);

bug!(
    NeverTruncates,
    AppendEntriesReceiver,
    fn first_conflict(&self, _: &Server<C, S>, _: &AppendEntries<C>) -> Option<Index> {
        None
    }
);

bug!(
    OldSnapshotInstalled,
    Snapshots,
    fn snapshot_is_old(&self, _: &Server<C, S>, _: &Snapshot<S>) -> bool {
        false
    }
);

bug!(
    WrongSnapshotTerm,
    Persistence,
    fn save(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>, change: Change<C, S>) {
        let change = match change {
            Change::Snapshot { snapshot, keep_suffix } => Change::Snapshot {
                snapshot: Snapshot { last_included_term: s.current_term(), ..snapshot },
                keep_suffix,
            },
            other => other,
        };
        Figure2.save(s, fx, change);
    }
);

bug!(
    SuffixThrownAway,
    Snapshots,
    fn keeps_suffix(&self, _: &Server<C, S>, _: &Snapshot<S>) -> bool {
        false
    }
);

bug!(
    SuffixAlwaysKept,
    Snapshots,
    fn keeps_suffix(&self, _: &Server<C, S>, _: &Snapshot<S>) -> bool {
        true
    }
);

//! From the core to a trace.

use super::ToTrace;
use figure2::RoleName;
use figure2::record;
use figure2_core::{
    AppendEntries, AppendEntriesReply, AppendResult, Change, Config, Entry, Envelope, Extensions, Index,
    Input, InstallSnapshot, InstallSnapshotReply, Log, Message, Outcome, Persisted, Persistent, PreVote,
    PreVoteReply, Rejection, RequestVote, RequestVoteReply, ServerId, Snapshot, SnapshotIgnored, Term,
    TimeoutNow,
};
use figure2_trace::v1;

impl ToTrace for Term {
    type Trace = u64;

    #[inline]
    fn to_trace(self) -> u64 {
        self.0
    }
}

impl ToTrace for Index {
    type Trace = u64;

    #[inline]
    fn to_trace(self) -> u64 {
        self.0
    }
}

impl ToTrace for ServerId {
    type Trace = u8;

    #[inline]
    fn to_trace(self) -> u8 {
        self.0
    }
}

impl<C: Clone, S: Clone> ToTrace for record::Event<C, S> {
    type Trace = v1::Event<C, S>;

    #[inline]
    fn to_trace(self) -> v1::Event<C, S> {
        use record::Event;
        match self {
            Event::Start { config, persistent } => {
                v1::Event::Start { config: config.to_trace(), persistent: persistent.to_trace() }
            }
            Event::Step(step) => v1::Event::Step(step.to_trace()),
            Event::Write => v1::Event::Write,
            Event::Durable => v1::Event::Durable,
            Event::Sent(sent) => v1::Event::Sent(sent.to_trace()),
            Event::Deliver { index, term, command } => {
                v1::Event::Deliver { index: index.to_trace(), term: term.to_trace(), command }
            }
            Event::DeliverSnapshot { index, term, data } => {
                v1::Event::DeliverSnapshot { index: index.to_trace(), term: term.to_trace(), data }
            }
            Event::Stop { failure } => v1::Event::Stop { failure },
        }
    }
}

impl<C, S> ToTrace for record::Step<C, S> {
    type Trace = v1::Step<C, S>;

    #[inline]
    fn to_trace(self) -> v1::Step<C, S> {
        let record::Step { input, outcome, changes, state } = self;
        v1::Step {
            input: input.to_trace(),
            outcome: outcome.to_trace(),
            changes: changes.to_trace(),
            state: state.to_trace(),
        }
    }
}

impl ToTrace for record::State {
    type Trace = v1::State;

    #[inline]
    fn to_trace(self) -> v1::State {
        let record::State {
            current_term,
            voted_for,
            role,
            leader,
            commit_index,
            last_applied,
            last_log_index,
            last_log_term,
        } = self;
        v1::State {
            current_term: current_term.to_trace(),
            voted_for: voted_for.to_trace(),
            role: role.to_trace(),
            leader: leader.to_trace(),
            commit_index: commit_index.to_trace(),
            last_applied: last_applied.to_trace(),
            last_log_index: last_log_index.to_trace(),
            last_log_term: last_log_term.to_trace(),
        }
    }
}

impl ToTrace for RoleName {
    type Trace = v1::Role;

    #[inline]
    fn to_trace(self) -> v1::Role {
        match self {
            RoleName::Follower => v1::Role::Follower,
            RoleName::PreCandidate => v1::Role::PreCandidate,
            RoleName::Candidate => v1::Role::Candidate,
            RoleName::Leader => v1::Role::Leader,
        }
    }
}

impl ToTrace for record::Sent {
    type Trace = v1::Sent;

    #[inline]
    fn to_trace(self) -> v1::Sent {
        let record::Sent { to, message, term, index, entries, success } = self;
        let (to, message) = (to.to_trace(), message.to_trace());
        v1::Sent { to, message, term: term.to_trace(), index: index.to_trace(), entries, success }
    }
}

impl ToTrace for record::MessageName {
    type Trace = v1::MessageName;

    #[inline]
    fn to_trace(self) -> v1::MessageName {
        use record::MessageName;
        match self {
            MessageName::RequestVote => v1::MessageName::RequestVote,
            MessageName::RequestVoteReply => v1::MessageName::RequestVoteReply,
            MessageName::AppendEntries => v1::MessageName::AppendEntries,
            MessageName::AppendEntriesReply => v1::MessageName::AppendEntriesReply,
            MessageName::InstallSnapshot => v1::MessageName::InstallSnapshot,
            MessageName::InstallSnapshotReply => v1::MessageName::InstallSnapshotReply,
            MessageName::PreVote => v1::MessageName::PreVote,
            MessageName::PreVoteReply => v1::MessageName::PreVoteReply,
            MessageName::TimeoutNow => v1::MessageName::TimeoutNow,
        }
    }
}

impl<C, S> ToTrace for Input<C, S> {
    type Trace = v1::Input<C, S>;

    #[inline]
    fn to_trace(self) -> v1::Input<C, S> {
        match self {
            Input::ElectionTimeout => v1::Input::ElectionTimeout,
            Input::HeartbeatTimeout => v1::Input::HeartbeatTimeout,
            Input::Receive(envelope) => v1::Input::Receive(envelope.to_trace()),
            Input::Propose(command) => v1::Input::Propose(command),
            Input::Replicate => v1::Input::Replicate,
            Input::SendCommit => v1::Input::SendCommit,
            Input::Persisted(persisted) => v1::Input::Persisted(persisted.to_trace()),
            Input::Applied { index } => v1::Input::Applied { index: index.to_trace() },
            Input::SnapshotTaken { index, data } => {
                v1::Input::SnapshotTaken { index: index.to_trace(), data }
            }
            Input::CondInstallSnapshot(snapshot) => v1::Input::CondInstallSnapshot(snapshot.to_trace()),
            Input::TransferLeadership { to } => v1::Input::TransferLeadership { to: to.to_trace() },
        }
    }
}

impl ToTrace for Persisted {
    type Trace = v1::Persisted;

    #[inline]
    fn to_trace(self) -> v1::Persisted {
        let Persisted { current_term, last_log_index } = self;
        v1::Persisted { current_term: current_term.to_trace(), last_log_index: last_log_index.to_trace() }
    }
}

impl ToTrace for Outcome {
    type Trace = v1::Outcome;

    #[inline]
    fn to_trace(self) -> v1::Outcome {
        match self {
            Outcome::Done => v1::Outcome::Done,
            Outcome::Proposed { index, term } => {
                v1::Outcome::Proposed { index: index.to_trace(), term: term.to_trace() }
            }
            Outcome::NotLeader { term } => v1::Outcome::NotLeader { term: term.to_trace() },
            Outcome::TooLarge { size, limit } => v1::Outcome::TooLarge { size, limit },
            Outcome::Busy { uncommitted, limit } => v1::Outcome::Busy { uncommitted, limit },
            Outcome::Transferring { to } => v1::Outcome::Transferring { to: to.to_trace() },
            Outcome::NoTransfer { to } => v1::Outcome::NoTransfer { to: to.to_trace() },
            Outcome::SnapshotTaken => v1::Outcome::SnapshotTaken,
            Outcome::SnapshotIgnored(why) => v1::Outcome::SnapshotIgnored(match why {
                SnapshotIgnored::AlreadyCovered => v1::SnapshotIgnored::AlreadyCovered,
                SnapshotIgnored::NotCommitted => v1::SnapshotIgnored::NotCommitted,
                SnapshotIgnored::FollowersLag => v1::SnapshotIgnored::FollowersLag,
            }),
            Outcome::Installed => v1::Outcome::Installed,
            Outcome::InstallRefused => v1::Outcome::InstallRefused,
            Outcome::Rejected(why) => v1::Outcome::Rejected(match why {
                Rejection::UnknownSender(id) => v1::Rejection::UnknownSender(id.0),
                Rejection::FromSelf => v1::Rejection::FromSelf,
                Rejection::NotAddressedToUs(id) => v1::Rejection::NotAddressedToUs(id.0),
                Rejection::AbsurdTerm(term) => v1::Rejection::AbsurdTerm(term.0),
                Rejection::AbsurdIndex(index) => v1::Rejection::AbsurdIndex(index.0),
                Rejection::InconsistentLog => v1::Rejection::InconsistentLog,
                Rejection::SecondLeader(term) => v1::Rejection::SecondLeader(term.0),
                Rejection::ContradictsCommitted(index) => v1::Rejection::ContradictsCommitted(index.0),
            }),
        }
    }
}

impl<C, S> ToTrace for Change<C, S> {
    type Trace = v1::Change<C, S>;

    #[inline]
    fn to_trace(self) -> v1::Change<C, S> {
        match self {
            Change::TermAndVote { current_term, voted_for } => v1::Change::TermAndVote {
                current_term: current_term.to_trace(),
                voted_for: voted_for.to_trace(),
            },
            Change::Append { entries, .. } => v1::Change::Append { entries: entries.to_trace() },
            Change::Truncate { from } => v1::Change::Truncate { from: from.to_trace() },
            Change::Snapshot { snapshot, keep_suffix } => {
                v1::Change::Snapshot { snapshot: snapshot.to_trace(), keep_suffix }
            }
        }
    }
}

impl<C> ToTrace for Entry<C> {
    type Trace = v1::Entry<C>;

    #[inline]
    fn to_trace(self) -> v1::Entry<C> {
        let Entry { term, command } = self;
        v1::Entry { term: term.to_trace(), command }
    }
}

impl<S> ToTrace for Snapshot<S> {
    type Trace = v1::Snapshot<S>;

    #[inline]
    fn to_trace(self) -> v1::Snapshot<S> {
        let Snapshot { last_included_index, last_included_term, data } = self;
        v1::Snapshot {
            last_included_index: last_included_index.to_trace(),
            last_included_term: last_included_term.to_trace(),
            data,
        }
    }
}

impl<C: Clone, S: Clone> ToTrace for Persistent<C, S> {
    type Trace = v1::Persistent<C, S>;

    #[inline]
    fn to_trace(self) -> v1::Persistent<C, S> {
        let Persistent { current_term, voted_for, log } = self;
        v1::Persistent {
            current_term: current_term.to_trace(),
            voted_for: voted_for.to_trace(),
            log: log.to_trace(),
        }
    }
}

impl<C: Clone, S: Clone> ToTrace for Log<C, S> {
    type Trace = v1::Log<C, S>;

    #[inline]
    fn to_trace(self) -> v1::Log<C, S> {
        v1::Log { snapshot: self.snapshot().cloned().to_trace(), entries: self.entries().to_vec().to_trace() }
    }
}

impl ToTrace for Config {
    type Trace = v1::Config;

    #[inline]
    fn to_trace(self) -> v1::Config {
        let servers = self.servers();
        let Config {
            voters: _,
            max_entries_per_message,
            max_message_bytes,
            max_in_flight_bytes,
            max_command_bytes,
            max_uncommitted_bytes,
            snapshot_patience,
            max_retained_bytes,
            extensions: Extensions { pre_vote, check_quorum },
        } = self;
        v1::Config {
            servers,
            max_entries_per_message,
            max_message_bytes,
            max_in_flight_bytes,
            max_command_bytes,
            max_uncommitted_bytes,
            snapshot_patience,
            max_retained_bytes,
            extensions: v1::Extensions { pre_vote, check_quorum },
        }
    }
}

impl<C, S> ToTrace for Envelope<C, S> {
    type Trace = v1::Envelope<C, S>;

    #[inline]
    fn to_trace(self) -> v1::Envelope<C, S> {
        let Envelope { from, to, message } = self;
        v1::Envelope { from: from.to_trace(), to: to.to_trace(), message: message.to_trace() }
    }
}

impl<C, S> ToTrace for Message<C, S> {
    type Trace = v1::Message<C, S>;

    #[inline]
    fn to_trace(self) -> v1::Message<C, S> {
        match self {
            Message::RequestVote(RequestVote { term, last_log_index, last_log_term, transfer }) => {
                v1::Message::RequestVote(v1::RequestVote {
                    term: term.to_trace(),
                    last_log_index: last_log_index.to_trace(),
                    last_log_term: last_log_term.to_trace(),
                    transfer,
                })
            }
            Message::PreVote(PreVote { term, last_log_index, last_log_term }) => {
                v1::Message::PreVote(v1::PreVote {
                    term: term.to_trace(),
                    last_log_index: last_log_index.to_trace(),
                    last_log_term: last_log_term.to_trace(),
                })
            }
            Message::PreVoteReply(PreVoteReply { term, vote_granted }) => {
                v1::Message::PreVoteReply(v1::PreVoteReply { term: term.to_trace(), vote_granted })
            }
            Message::TimeoutNow(TimeoutNow { term }) => {
                v1::Message::TimeoutNow(v1::TimeoutNow { term: term.to_trace() })
            }
            Message::RequestVoteReply(RequestVoteReply { term, vote_granted }) => {
                v1::Message::RequestVoteReply(v1::RequestVoteReply { term: term.to_trace(), vote_granted })
            }
            Message::AppendEntries(AppendEntries {
                term,
                prev_log_index,
                prev_log_term,
                entries,
                leader_commit,
            }) => v1::Message::AppendEntries(v1::AppendEntries {
                term: term.to_trace(),
                prev_log_index: prev_log_index.to_trace(),
                prev_log_term: prev_log_term.to_trace(),
                entries: entries.to_trace(),
                leader_commit: leader_commit.to_trace(),
            }),
            Message::AppendEntriesReply(AppendEntriesReply { term, result }) => {
                let (term, result) = (term.to_trace(), result.to_trace());
                v1::Message::AppendEntriesReply(v1::AppendEntriesReply { term, result })
            }
            Message::InstallSnapshot(InstallSnapshot { term, snapshot }) => {
                let (term, snapshot) = (term.to_trace(), snapshot.to_trace());
                v1::Message::InstallSnapshot(v1::InstallSnapshot { term, snapshot })
            }
            Message::InstallSnapshotReply(InstallSnapshotReply { term, last_included_index }) => {
                let (term, last_included_index) = (term.to_trace(), last_included_index.to_trace());
                v1::Message::InstallSnapshotReply(v1::InstallSnapshotReply { term, last_included_index })
            }
        }
    }
}

impl ToTrace for AppendResult {
    type Trace = v1::AppendResult;

    #[inline]
    fn to_trace(self) -> v1::AppendResult {
        match self {
            AppendResult::Success { match_index } => {
                v1::AppendResult::Success { match_index: match_index.to_trace() }
            }
            AppendResult::StaleTerm => v1::AppendResult::StaleTerm,
            AppendResult::Conflict { prev_log_index, conflict_index, conflict_term, installing } => {
                v1::AppendResult::Conflict {
                    prev_log_index: prev_log_index.to_trace(),
                    conflict_index: conflict_index.to_trace(),
                    conflict_term: conflict_term.to_trace(),
                    installing: installing.to_trace(),
                }
            }
        }
    }
}

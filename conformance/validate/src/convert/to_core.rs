//! From a trace to the core.

use super::{Content, ReplayPayload, ToCore};
use figure2::RoleName;
use figure2::record;
use figure2_core::{
    AppendEntries, AppendEntriesReply, AppendResult, Change, Config, Entry, Envelope, Extensions, Index,
    Input, InstallSnapshot, InstallSnapshotReply, Log, Message, Outcome, Persisted, Persistent, PreVote,
    PreVoteReply, Rejection, RequestVote, RequestVoteReply, ServerId, ServerSet, Snapshot, SnapshotIgnored,
    Term, TimeoutNow,
};
use figure2_trace::v1;

impl<P: Content> ToCore for v1::Event<P, P> {
    type Core = record::Event<ReplayPayload<P>, ReplayPayload<P>>;

    #[inline]
    fn to_core(self) -> record::Event<ReplayPayload<P>, ReplayPayload<P>> {
        use record::Event;
        match self {
            v1::Event::Start { config, persistent } => {
                Event::Start { config: config.to_core(), persistent: persistent.to_core() }
            }
            v1::Event::Step(step) => Event::Step(step.to_core()),
            v1::Event::Write => Event::Write,
            v1::Event::Durable => Event::Durable,
            v1::Event::Sent(sent) => Event::Sent(sent.to_core()),
            v1::Event::Deliver { index, term, command } => {
                Event::Deliver { index: Index(index), term: Term(term), command: ReplayPayload(command) }
            }
            v1::Event::DeliverSnapshot { index, term, data } => {
                Event::DeliverSnapshot { index: Index(index), term: Term(term), data: ReplayPayload(data) }
            }
            v1::Event::Stop { failure } => Event::Stop { failure },
        }
    }
}

impl<P: Content> ToCore for v1::Step<P, P> {
    type Core = record::Step<ReplayPayload<P>, ReplayPayload<P>>;

    #[inline]
    fn to_core(self) -> record::Step<ReplayPayload<P>, ReplayPayload<P>> {
        let v1::Step { input, outcome, changes, state } = self;
        record::Step {
            input: input.to_core(),
            outcome: outcome.to_core(),
            changes: changes.to_core(),
            state: state.to_core(),
        }
    }
}

impl ToCore for v1::State {
    type Core = record::State;

    #[inline]
    fn to_core(self) -> record::State {
        let v1::State {
            current_term,
            voted_for,
            role,
            leader,
            commit_index,
            last_applied,
            last_log_index,
            last_log_term,
        } = self;
        record::State {
            current_term: Term(current_term),
            voted_for: voted_for.map(ServerId),
            role: role.to_core(),
            leader: leader.map(ServerId),
            commit_index: Index(commit_index),
            last_applied: Index(last_applied),
            last_log_index: Index(last_log_index),
            last_log_term: Term(last_log_term),
        }
    }
}

impl ToCore for v1::Role {
    type Core = RoleName;

    #[inline]
    fn to_core(self) -> RoleName {
        match self {
            v1::Role::Follower => RoleName::Follower,
            v1::Role::PreCandidate => RoleName::PreCandidate,
            v1::Role::Candidate => RoleName::Candidate,
            v1::Role::Leader => RoleName::Leader,
        }
    }
}

impl ToCore for v1::Sent {
    type Core = record::Sent;

    #[inline]
    fn to_core(self) -> record::Sent {
        let v1::Sent { to, message, term, index, entries, success } = self;
        let (to, message) = (ServerId(to), message.to_core());
        record::Sent { to, message, term: Term(term), index: Index(index), entries, success }
    }
}

impl ToCore for v1::MessageName {
    type Core = record::MessageName;

    #[inline]
    fn to_core(self) -> record::MessageName {
        use record::MessageName;
        match self {
            v1::MessageName::RequestVote => MessageName::RequestVote,
            v1::MessageName::RequestVoteReply => MessageName::RequestVoteReply,
            v1::MessageName::AppendEntries => MessageName::AppendEntries,
            v1::MessageName::AppendEntriesReply => MessageName::AppendEntriesReply,
            v1::MessageName::InstallSnapshot => MessageName::InstallSnapshot,
            v1::MessageName::InstallSnapshotReply => MessageName::InstallSnapshotReply,
            v1::MessageName::PreVote => MessageName::PreVote,
            v1::MessageName::PreVoteReply => MessageName::PreVoteReply,
            v1::MessageName::TimeoutNow => MessageName::TimeoutNow,
        }
    }
}

impl<P: Content> ToCore for v1::Input<P, P> {
    type Core = Input<ReplayPayload<P>, ReplayPayload<P>>;

    #[inline]
    fn to_core(self) -> Input<ReplayPayload<P>, ReplayPayload<P>> {
        match self {
            v1::Input::ElectionTimeout => Input::ElectionTimeout,
            v1::Input::HeartbeatTimeout => Input::HeartbeatTimeout,
            v1::Input::Receive(envelope) => Input::Receive(envelope.to_core()),
            v1::Input::Propose(command) => Input::Propose(ReplayPayload(command)),
            v1::Input::Replicate => Input::Replicate,
            v1::Input::SendCommit => Input::SendCommit,
            v1::Input::Persisted(persisted) => Input::Persisted(persisted.to_core()),
            v1::Input::Applied { index } => Input::Applied { index: Index(index) },
            v1::Input::SnapshotTaken { index, data } => {
                Input::SnapshotTaken { index: Index(index), data: ReplayPayload(data) }
            }
            v1::Input::CondInstallSnapshot(snapshot) => Input::CondInstallSnapshot(snapshot.to_core()),
            v1::Input::TransferLeadership { to } => Input::TransferLeadership { to: ServerId(to) },
        }
    }
}

impl ToCore for v1::Persisted {
    type Core = Persisted;

    #[inline]
    fn to_core(self) -> Persisted {
        let v1::Persisted { current_term, last_log_index } = self;
        Persisted { current_term: Term(current_term), last_log_index: Index(last_log_index) }
    }
}

impl ToCore for v1::Outcome {
    type Core = Outcome;

    #[inline]
    fn to_core(self) -> Outcome {
        match self {
            v1::Outcome::Done => Outcome::Done,
            v1::Outcome::Proposed { index, term } => {
                Outcome::Proposed { index: Index(index), term: Term(term) }
            }
            v1::Outcome::NotLeader { term } => Outcome::NotLeader { term: Term(term) },
            v1::Outcome::TooLarge { size, limit } => Outcome::TooLarge { size, limit },
            v1::Outcome::Busy { uncommitted, limit } => Outcome::Busy { uncommitted, limit },
            v1::Outcome::Transferring { to } => Outcome::Transferring { to: ServerId(to) },
            v1::Outcome::NoTransfer { to } => Outcome::NoTransfer { to: ServerId(to) },
            v1::Outcome::SnapshotTaken => Outcome::SnapshotTaken,
            v1::Outcome::SnapshotIgnored(why) => Outcome::SnapshotIgnored(match why {
                v1::SnapshotIgnored::AlreadyCovered => SnapshotIgnored::AlreadyCovered,
                v1::SnapshotIgnored::NotCommitted => SnapshotIgnored::NotCommitted,
                v1::SnapshotIgnored::FollowersLag => SnapshotIgnored::FollowersLag,
            }),
            v1::Outcome::Installed => Outcome::Installed,
            v1::Outcome::InstallRefused => Outcome::InstallRefused,
            v1::Outcome::Rejected(why) => Outcome::Rejected(match why {
                v1::Rejection::UnknownSender(id) => Rejection::UnknownSender(ServerId(id)),
                v1::Rejection::FromSelf => Rejection::FromSelf,
                v1::Rejection::NotAddressedToUs(id) => Rejection::NotAddressedToUs(ServerId(id)),
                v1::Rejection::AbsurdTerm(term) => Rejection::AbsurdTerm(Term(term)),
                v1::Rejection::AbsurdIndex(index) => Rejection::AbsurdIndex(Index(index)),
                v1::Rejection::InconsistentLog => Rejection::InconsistentLog,
                v1::Rejection::SecondLeader(term) => Rejection::SecondLeader(Term(term)),
                v1::Rejection::ContradictsCommitted(index) => Rejection::ContradictsCommitted(Index(index)),
            }),
        }
    }
}

impl<P: Content> ToCore for v1::Change<P, P> {
    type Core = Change<ReplayPayload<P>, ReplayPayload<P>>;

    #[inline]
    fn to_core(self) -> Change<ReplayPayload<P>, ReplayPayload<P>> {
        match self {
            v1::Change::TermAndVote { current_term, voted_for } => {
                Change::TermAndVote { current_term: Term(current_term), voted_for: voted_for.map(ServerId) }
            }
            // Where the log ended is not recorded: `same_changes` does not ask for it.
            v1::Change::Append { entries } => {
                Change::Append { first_index: Index::ZERO, entries: entries.to_core() }
            }
            v1::Change::Truncate { from } => Change::Truncate { from: Index(from) },
            v1::Change::Snapshot { snapshot, keep_suffix } => {
                Change::Snapshot { snapshot: snapshot.to_core(), keep_suffix }
            }
        }
    }
}

impl<P: Content> ToCore for v1::Entry<P> {
    type Core = Entry<ReplayPayload<P>>;

    #[inline]
    fn to_core(self) -> Entry<ReplayPayload<P>> {
        let v1::Entry { term, command } = self;
        Entry { term: Term(term), command: ReplayPayload(command) }
    }
}

impl<P: Content> ToCore for v1::Snapshot<P> {
    type Core = Snapshot<ReplayPayload<P>>;

    #[inline]
    fn to_core(self) -> Snapshot<ReplayPayload<P>> {
        let v1::Snapshot { last_included_index, last_included_term, data } = self;
        Snapshot {
            last_included_index: Index(last_included_index),
            last_included_term: Term(last_included_term),
            data: ReplayPayload(data),
        }
    }
}

impl<P: Content> ToCore for v1::Persistent<P, P> {
    type Core = Persistent<ReplayPayload<P>, ReplayPayload<P>>;

    #[inline]
    fn to_core(self) -> Persistent<ReplayPayload<P>, ReplayPayload<P>> {
        let v1::Persistent { current_term, voted_for, log } = self;
        Persistent {
            current_term: Term(current_term),
            voted_for: voted_for.map(ServerId),
            log: log.to_core(),
        }
    }
}

impl<P: Content> ToCore for v1::Log<P, P> {
    type Core = Log<ReplayPayload<P>, ReplayPayload<P>>;

    #[inline]
    fn to_core(self) -> Log<ReplayPayload<P>, ReplayPayload<P>> {
        let v1::Log { snapshot, entries } = self;
        Log::from_parts(snapshot.to_core(), entries.to_core())
    }
}

impl ToCore for v1::Config {
    type Core = Config;

    #[inline]
    fn to_core(self) -> Config {
        let v1::Config {
            servers,
            max_entries_per_message,
            max_message_bytes,
            max_in_flight_bytes,
            max_command_bytes,
            max_uncommitted_bytes,
            snapshot_patience,
            max_retained_bytes,
            extensions: v1::Extensions { pre_vote, check_quorum },
        } = self;
        Config {
            voters: ServerSet::first(servers),
            max_entries_per_message,
            max_message_bytes,
            max_in_flight_bytes,
            max_command_bytes,
            max_uncommitted_bytes,
            snapshot_patience,
            max_retained_bytes,
            extensions: Extensions { pre_vote, check_quorum },
        }
    }
}

impl<P: Content> ToCore for v1::Envelope<P, P> {
    type Core = Envelope<ReplayPayload<P>, ReplayPayload<P>>;

    #[inline]
    fn to_core(self) -> Envelope<ReplayPayload<P>, ReplayPayload<P>> {
        let v1::Envelope { from, to, message } = self;
        Envelope { from: ServerId(from), to: ServerId(to), message: message.to_core() }
    }
}

impl<P: Content> ToCore for v1::Message<P, P> {
    type Core = Message<ReplayPayload<P>, ReplayPayload<P>>;

    #[inline]
    fn to_core(self) -> Message<ReplayPayload<P>, ReplayPayload<P>> {
        match self {
            v1::Message::RequestVote(v1::RequestVote { term, last_log_index, last_log_term, transfer }) => {
                Message::RequestVote(RequestVote {
                    term: Term(term),
                    last_log_index: Index(last_log_index),
                    last_log_term: Term(last_log_term),
                    transfer,
                })
            }
            v1::Message::PreVote(v1::PreVote { term, last_log_index, last_log_term }) => {
                Message::PreVote(PreVote {
                    term: Term(term),
                    last_log_index: Index(last_log_index),
                    last_log_term: Term(last_log_term),
                })
            }
            v1::Message::PreVoteReply(v1::PreVoteReply { term, vote_granted }) => {
                Message::PreVoteReply(PreVoteReply { term: Term(term), vote_granted })
            }
            v1::Message::TimeoutNow(v1::TimeoutNow { term }) => {
                Message::TimeoutNow(TimeoutNow { term: Term(term) })
            }
            v1::Message::RequestVoteReply(v1::RequestVoteReply { term, vote_granted }) => {
                Message::RequestVoteReply(RequestVoteReply { term: Term(term), vote_granted })
            }
            v1::Message::AppendEntries(v1::AppendEntries {
                term,
                prev_log_index,
                prev_log_term,
                entries,
                leader_commit,
            }) => Message::AppendEntries(AppendEntries {
                term: Term(term),
                prev_log_index: Index(prev_log_index),
                prev_log_term: Term(prev_log_term),
                entries: entries.to_core(),
                leader_commit: Index(leader_commit),
            }),
            v1::Message::AppendEntriesReply(v1::AppendEntriesReply { term, result }) => {
                Message::AppendEntriesReply(AppendEntriesReply { term: Term(term), result: result.to_core() })
            }
            v1::Message::InstallSnapshot(v1::InstallSnapshot { term, snapshot }) => {
                Message::InstallSnapshot(InstallSnapshot { term: Term(term), snapshot: snapshot.to_core() })
            }
            v1::Message::InstallSnapshotReply(v1::InstallSnapshotReply { term, last_included_index }) => {
                Message::InstallSnapshotReply(InstallSnapshotReply {
                    term: Term(term),
                    last_included_index: last_included_index.map(Index),
                })
            }
        }
    }
}

impl ToCore for v1::AppendResult {
    type Core = AppendResult;

    #[inline]
    fn to_core(self) -> AppendResult {
        match self {
            v1::AppendResult::Success { match_index } => {
                AppendResult::Success { match_index: Index(match_index) }
            }
            v1::AppendResult::StaleTerm => AppendResult::StaleTerm,
            v1::AppendResult::Conflict { prev_log_index, conflict_index, conflict_term, installing } => {
                AppendResult::Conflict {
                    prev_log_index: Index(prev_log_index),
                    conflict_index: Index(conflict_index),
                    conflict_term: conflict_term.map(Term),
                    installing: installing.map(Index),
                }
            }
        }
    }
}

//! The part of a line that is judged, taken from a line in memory.

use super::super::number::within_reach;
use super::{
    Change, Config, Content, Entry, Event, Extensions, Head, Ignored, Input, Log, Message, Name, Outcome,
    Persistent, Received, Role, Sent, Snapshot, State, Step, VoteReply, VoteRequest,
};
use figure2_trace::v1;
use serde::de::{Error, IgnoredAny};

/// What is wanted of a struct of a trace, as it would be read from the line's text.
pub trait Told<T> {
    /// Takes it.
    fn told<E: Error>(told: &T) -> Result<Self, E>
    where
        Self: Sized;
}

impl<T, U: Told<T>> Told<Vec<T>> for Vec<U> {
    fn told<E: Error>(told: &Vec<T>) -> Result<Self, E> {
        told.iter().map(U::told).collect()
    }
}

impl<T, U: Told<T>> Told<Option<T>> for Option<U> {
    fn told<E: Error>(told: &Option<T>) -> Result<Self, E> {
        told.as_ref().map(U::told).transpose()
    }
}

impl<C: AsRef<[u8]>, S: AsRef<[u8]>> Told<v1::Event<C, S>> for Event {
    fn told<E: Error>(told: &v1::Event<C, S>) -> Result<Event, E> {
        Ok(match told {
            v1::Event::Start { config, persistent } => {
                let extensions = Extensions {
                    pre_vote: config.extensions.pre_vote,
                    check_quorum: config.extensions.check_quorum,
                };
                Event::Start { config: Config { extensions }, persistent: Persistent::told(persistent)? }
            }
            v1::Event::Step(step) => Event::Step(Step::told(step)?),
            v1::Event::Write => Event::Write,
            v1::Event::Durable => Event::Durable,
            v1::Event::Sent(sent) => Event::Sent(Sent::told(sent)?),
            v1::Event::Deliver { index, term, command } => Event::Deliver {
                index: within_reach(*index)?,
                term: *term,
                command: Content::of_bytes(command.as_ref()),
            },
            v1::Event::DeliverSnapshot { index, term, data } => Event::DeliverSnapshot {
                index: within_reach(*index)?,
                term: *term,
                data: Content::of_bytes(data.as_ref()),
            },
            v1::Event::Stop { .. } => Event::Stop(IgnoredAny),
        })
    }
}

impl<C: AsRef<[u8]>, S: AsRef<[u8]>> Told<v1::Step<C, S>> for Step {
    fn told<E: Error>(told: &v1::Step<C, S>) -> Result<Step, E> {
        Ok(Step {
            input: Input::told(&told.input)?,
            outcome: Outcome::told(&told.outcome)?,
            changes: Vec::told(&told.changes)?,
            state: State::told(&told.state)?,
        })
    }
}

impl<C, S> Told<v1::Input<C, S>> for Input {
    fn told<E: Error>(told: &v1::Input<C, S>) -> Result<Input, E> {
        Ok(match told {
            v1::Input::ElectionTimeout => Input::ElectionTimeout,
            v1::Input::HeartbeatTimeout => Input::HeartbeatTimeout,
            v1::Input::Receive(envelope) => {
                Input::Receive(Received { from: envelope.from, message: Message::told(&envelope.message)? })
            }
            v1::Input::Propose(_) => Input::Propose(IgnoredAny),
            v1::Input::Replicate => Input::Replicate,
            v1::Input::SendCommit => Input::SendCommit,
            v1::Input::Persisted(_) => Input::Persisted(IgnoredAny),
            v1::Input::Applied { .. } => Input::Applied(IgnoredAny),
            v1::Input::SnapshotTaken { .. } => Input::SnapshotTaken(IgnoredAny),
            v1::Input::CondInstallSnapshot(_) => Input::CondInstallSnapshot(IgnoredAny),
            v1::Input::TransferLeadership { .. } => Input::TransferLeadership(IgnoredAny),
        })
    }
}

impl<C, S> Told<v1::Message<C, S>> for Message {
    fn told<E: Error>(told: &v1::Message<C, S>) -> Result<Message, E> {
        Ok(match told {
            v1::Message::RequestVote(request) => {
                Message::RequestVote(VoteRequest { term: request.term, transfer: request.transfer })
            }
            v1::Message::RequestVoteReply(v1::RequestVoteReply { term, vote_granted }) => {
                Message::RequestVoteReply(VoteReply { term: *term, vote_granted: *vote_granted })
            }
            v1::Message::AppendEntries(request) => Message::AppendEntries(Head { term: request.term }),
            v1::Message::AppendEntriesReply(_) => Message::AppendEntriesReply(IgnoredAny),
            v1::Message::InstallSnapshot(request) => Message::InstallSnapshot(Head { term: request.term }),
            v1::Message::InstallSnapshotReply(_) => Message::InstallSnapshotReply(IgnoredAny),
            v1::Message::PreVote(request) => Message::PreVote(Head { term: request.term }),
            v1::Message::PreVoteReply(v1::PreVoteReply { term, vote_granted }) => {
                Message::PreVoteReply(VoteReply { term: *term, vote_granted: *vote_granted })
            }
            v1::Message::TimeoutNow(request) => Message::TimeoutNow(Head { term: request.term }),
        })
    }
}

impl Told<v1::Outcome> for Outcome {
    fn told<E: Error>(told: &v1::Outcome) -> Result<Outcome, E> {
        const ANY: Ignored = Ignored(IgnoredAny);
        Ok(match told {
            v1::Outcome::Done => Outcome::Done,
            v1::Outcome::Proposed { .. } => Outcome::Proposed(ANY),
            v1::Outcome::NotLeader { .. } => Outcome::NotLeader(ANY),
            v1::Outcome::TooLarge { .. } => Outcome::TooLarge(ANY),
            v1::Outcome::Busy { .. } => Outcome::Busy(ANY),
            v1::Outcome::SnapshotTaken => Outcome::SnapshotTaken,
            v1::Outcome::SnapshotIgnored(_) => Outcome::SnapshotIgnored(ANY),
            v1::Outcome::Installed => Outcome::Installed,
            v1::Outcome::InstallRefused => Outcome::InstallRefused,
            v1::Outcome::Rejected(_) => Outcome::Rejected(ANY),
            v1::Outcome::Transferring { .. } => Outcome::Transferring(ANY),
            v1::Outcome::NoTransfer { .. } => Outcome::NoTransfer(ANY),
        })
    }
}

impl<C: AsRef<[u8]>, S: AsRef<[u8]>> Told<v1::Change<C, S>> for Change {
    fn told<E: Error>(told: &v1::Change<C, S>) -> Result<Change, E> {
        Ok(match told {
            v1::Change::TermAndVote { current_term, voted_for } => {
                Change::TermAndVote { current_term: *current_term, voted_for: *voted_for }
            }
            v1::Change::Append { entries } => Change::Append { entries: Vec::told(entries)? },
            v1::Change::Truncate { from } => Change::Truncate { from: within_reach(*from)? },
            v1::Change::Snapshot { snapshot, keep_suffix } => {
                Change::Snapshot { snapshot: Snapshot::told(snapshot)?, keep_suffix: *keep_suffix }
            }
        })
    }
}

impl<C: AsRef<[u8]>> Told<v1::Entry<C>> for Entry {
    fn told<E: Error>(told: &v1::Entry<C>) -> Result<Entry, E> {
        Ok(Entry { term: told.term, command: Content::of_bytes(told.command.as_ref()) })
    }
}

impl<S: AsRef<[u8]>> Told<v1::Snapshot<S>> for Snapshot {
    fn told<E: Error>(told: &v1::Snapshot<S>) -> Result<Snapshot, E> {
        Ok(Snapshot {
            last_included_index: within_reach(told.last_included_index)?,
            last_included_term: told.last_included_term,
            data: Content::of_bytes(told.data.as_ref()),
        })
    }
}

impl<C: AsRef<[u8]>, S: AsRef<[u8]>> Told<v1::Persistent<C, S>> for Persistent {
    fn told<E: Error>(told: &v1::Persistent<C, S>) -> Result<Persistent, E> {
        let v1::Persistent { current_term, voted_for, log: v1::Log { snapshot, entries } } = told;
        let log = Log { snapshot: Option::told(snapshot)?, entries: Vec::told(entries)? };
        Ok(Persistent { current_term: *current_term, voted_for: *voted_for, log })
    }
}

impl Told<v1::State> for State {
    fn told<E: Error>(told: &v1::State) -> Result<State, E> {
        Ok(State {
            current_term: told.current_term,
            voted_for: told.voted_for,
            role: match told.role {
                v1::Role::Follower => Role::Follower,
                v1::Role::PreCandidate => Role::PreCandidate,
                v1::Role::Candidate => Role::Candidate,
                v1::Role::Leader => Role::Leader,
            },
            leader: told.leader,
            commit_index: within_reach(told.commit_index)?,
            last_applied: within_reach(told.last_applied)?,
            last_log_index: within_reach(told.last_log_index)?,
            last_log_term: told.last_log_term,
        })
    }
}

impl Told<v1::Sent> for Sent {
    fn told<E: Error>(told: &v1::Sent) -> Result<Sent, E> {
        let message = match told.message {
            v1::MessageName::RequestVote => Name::RequestVote,
            v1::MessageName::RequestVoteReply => Name::RequestVoteReply,
            v1::MessageName::AppendEntries => Name::AppendEntries,
            v1::MessageName::AppendEntriesReply => Name::AppendEntriesReply,
            v1::MessageName::InstallSnapshot => Name::InstallSnapshot,
            v1::MessageName::InstallSnapshotReply => Name::InstallSnapshotReply,
            v1::MessageName::PreVote => Name::PreVote,
            v1::MessageName::PreVoteReply => Name::PreVoteReply,
            v1::MessageName::TimeoutNow => Name::TimeoutNow,
        };
        Ok(Sent { to: told.to, message, term: told.term, success: told.success })
    }
}

//! Version 1 of the messages: structs of their own, apart from the core's types. A change of the core changes no byte here,
//! and a change here is a new version.

use super::{Cluster, CodecError};
use bytes::Bytes;
use figure2_core::{
    AppendEntries, AppendEntriesReply, AppendResult, Entry, Envelope, Index, InstallSnapshot,
    InstallSnapshotReply, Message, PreVote, PreVoteReply, RequestVote, RequestVoteReply, ServerId, Snapshot,
    Term, TimeoutNow,
};
use serde::{Deserialize, Serialize};

use super::serial::Payload;
use crate::{Command, SnapshotData};

/// The head of a message. Commands and snapshots follow it.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    group: u64,
    from: u64,
    to: u64,
    message: Body,
}

/// The messages of Figures 2 and 13, and of the thesis' extensions.
#[derive(Serialize, Deserialize)]
enum Body {
    RequestVote {
        term: u64,
        last_log_index: u64,
        last_log_term: u64,
    },
    RequestVoteReply {
        term: u64,
        vote_granted: bool,
    },
    AppendEntries {
        term: u64,
        prev_log_index: u64,
        prev_log_term: u64,
        leader_commit: u64,
        entries: Vec<EntryHead>,
    },
    AppendEntriesReply {
        term: u64,
        result: Appended,
    },
    InstallSnapshot {
        term: u64,
        snapshot: SnapshotHead,
        /// Bytes of the service's state.
        length: u64,
    },
    InstallSnapshotReply {
        term: u64,
        last_included_index: Option<u64>,
    },
    PreVote {
        term: u64,
        last_log_index: u64,
        last_log_term: u64,
    },
    PreVoteReply {
        term: u64,
        vote_granted: bool,
    },
    TimeoutNow {
        term: u64,
    },
    /// A RequestVote of a server that the leader told to stand for election.
    RequestVoteAfterTransfer {
        term: u64,
        last_log_index: u64,
        last_log_term: u64,
    },
}

#[derive(Serialize, Deserialize)]
enum Appended {
    Success { match_index: u64 },
    StaleTerm,
    Conflict { prev_log_index: u64, conflict_index: u64, conflict_term: Option<u64>, installing: Option<u64> },
}

/// An entry of the log, on the wire and on disk.
#[derive(Serialize, Deserialize)]
pub(super) struct EntryHead {
    term: u64,
    payload: EntryPayload,
}

/// What an entry carries, and how many bytes of it follow the head.
#[derive(Serialize, Deserialize)]
enum EntryPayload {
    /// A command of the service.
    Command { length: u64 },
    /// Nothing: what a new leader commits to learn what is committed. Not used yet.
    Empty,
    /// The servers that vote from here on. Not used yet.
    Configuration { voters: Vec<u64> },
}

/// What is known of a snapshot beside the service's state.
#[derive(Serialize, Deserialize)]
pub(super) struct SnapshotHead {
    pub(super) last_included_index: u64,
    pub(super) last_included_term: u64,
    /// The configuration under which it was taken: the servers that vote.
    pub(super) voters: Vec<u64>,
}

impl SnapshotHead {
    pub(super) fn of<S>(snapshot: &Snapshot<S>, cluster: &Cluster) -> SnapshotHead {
        SnapshotHead {
            last_included_index: snapshot.last_included_index.0,
            last_included_term: snapshot.last_included_term.0,
            voters: cluster.voters().to_vec(),
        }
    }

    /// The snapshot, with the service's state.
    pub(super) fn with<S>(&self, data: S) -> Snapshot<S> {
        Snapshot {
            last_included_index: Index(self.last_included_index),
            last_included_term: Term(self.last_included_term),
            data,
        }
    }
}

impl Body {
    fn of_snapshot(message: &InstallSnapshot<SnapshotData>, cluster: &Cluster) -> Body {
        Body::InstallSnapshot {
            term: message.term.0,
            snapshot: SnapshotHead::of(&message.snapshot, cluster),
            length: message.snapshot.data.len(),
        }
    }
}

fn no_snapshot() -> CodecError {
    CodecError::Malformed("it brings no snapshot".to_owned())
}

impl EntryHead {
    fn of(entry: &Entry<Command>) -> EntryHead {
        let length = entry.command.len() as u64;
        EntryHead { term: entry.term.0, payload: EntryPayload::Command { length } }
    }
}

/// The heads of entries, and their commands.
pub(super) fn split(entries: &[Entry<Command>]) -> (Vec<EntryHead>, Vec<Bytes>) {
    let commands = entries.iter().map(|entry| &entry.command).filter(|command| !command.is_empty());
    (entries.iter().map(EntryHead::of).collect(), commands.cloned().collect())
}

/// Entries from their heads, and from the commands that follow.
pub(super) fn join(heads: Vec<EntryHead>, payload: &mut Payload) -> Result<Vec<Entry<Command>>, CodecError> {
    let entry = |EntryHead { term, payload: what }| match what {
        EntryPayload::Command { length } => Ok(Entry { term: Term(term), command: payload.take(length)? }),
        EntryPayload::Empty | EntryPayload::Configuration { .. } => Err(CodecError::NoCommand),
    };
    heads.into_iter().map(entry).collect()
}

impl Head {
    /// The head of a message, and what follows it.
    pub(super) fn split(
        envelope: Envelope<Command, SnapshotData>,
        cluster: &Cluster,
    ) -> Result<(Head, Vec<Bytes>), CodecError> {
        let mut payload = Vec::new();
        let message = match envelope.message {
            Message::RequestVote(RequestVote { term, last_log_index, last_log_term, transfer }) => {
                let (term, last_log_index, last_log_term) = (term.0, last_log_index.0, last_log_term.0);
                if transfer {
                    Body::RequestVoteAfterTransfer { term, last_log_index, last_log_term }
                } else {
                    Body::RequestVote { term, last_log_index, last_log_term }
                }
            }
            Message::RequestVoteReply(RequestVoteReply { term, vote_granted }) => {
                Body::RequestVoteReply { term: term.0, vote_granted }
            }
            Message::PreVote(PreVote { term, last_log_index, last_log_term }) => Body::PreVote {
                term: term.0,
                last_log_index: last_log_index.0,
                last_log_term: last_log_term.0,
            },
            Message::PreVoteReply(PreVoteReply { term, vote_granted }) => {
                Body::PreVoteReply { term: term.0, vote_granted }
            }
            Message::TimeoutNow(TimeoutNow { term }) => Body::TimeoutNow { term: term.0 },
            Message::AppendEntries(message) => {
                let entries = message.entries.iter().map(EntryHead::of).collect();
                let commands = message.entries.into_iter().map(|entry| entry.command);
                payload = commands.filter(|command| !command.is_empty()).collect();
                Body::AppendEntries {
                    term: message.term.0,
                    prev_log_index: message.prev_log_index.0,
                    prev_log_term: message.prev_log_term.0,
                    leader_commit: message.leader_commit.0,
                    entries,
                }
            }
            Message::AppendEntriesReply(AppendEntriesReply { term, result }) => {
                Body::AppendEntriesReply { term: term.0, result: Appended::of(&result) }
            }
            Message::InstallSnapshot(message) => {
                let data = message.snapshot.data.to_bytes();
                payload.push(data.map_err(|error| CodecError::Unreadable(error.to_string()))?);
                Body::of_snapshot(&message, cluster)
            }
            Message::InstallSnapshotReply(InstallSnapshotReply { term, last_included_index }) => {
                Body::InstallSnapshotReply {
                    term: term.0,
                    last_included_index: last_included_index.map(|index| index.0),
                }
            }
        };
        Ok((Head::between(envelope.from, envelope.to, message, cluster)?, payload))
    }

    /// The head of an InstallSnapshot, whose data is sent beside it.
    pub(super) fn of_snapshot(
        envelope: &Envelope<Command, SnapshotData>,
        cluster: &Cluster,
    ) -> Result<Head, CodecError> {
        let Message::InstallSnapshot(message) = &envelope.message else { return Err(no_snapshot()) };
        Head::between(envelope.from, envelope.to, Body::of_snapshot(message, cluster), cluster)
    }

    fn between(from: ServerId, to: ServerId, message: Body, cluster: &Cluster) -> Result<Head, CodecError> {
        let id = |server: ServerId| cluster.id(server).ok_or(CodecError::UnknownServer(u64::from(server.0)));
        Ok(Head { group: cluster.group(), from: id(from)?, to: id(to)?, message })
    }

    /// The message, an InstallSnapshot to a server of this cluster, with data that came beside it.
    pub(super) fn with_data(
        mut self,
        data: SnapshotData,
        cluster: &Cluster,
    ) -> Result<Envelope<Command, SnapshotData>, CodecError> {
        match &mut self.message {
            Body::InstallSnapshot { length, .. } if *length == data.len() => *length = 0,
            Body::InstallSnapshot { length, .. } => {
                let there = data.len();
                return Err(CodecError::Malformed(format!("{there} bytes of a snapshot of {length}")));
            }
            _ => return Err(no_snapshot()),
        }
        let mut envelope = self.join(&mut Payload::default(), Some(cluster))?;
        if let Message::InstallSnapshot(message) = &mut envelope.message {
            message.snapshot.data = data;
        }
        Ok(envelope)
    }

    /// The message, of which the cluster must be this one, if it is given: else ids are places.
    pub(super) fn join(
        self,
        payload: &mut Payload,
        cluster: Option<&Cluster>,
    ) -> Result<Envelope<Command, SnapshotData>, CodecError> {
        if let Some(expected) = cluster.map(Cluster::group).filter(|group| *group != self.group) {
            return Err(CodecError::Group { found: self.group, expected });
        }
        let place = |id: u64| match cluster {
            Some(cluster) => cluster.place(id).ok_or(CodecError::UnknownServer(id)),
            None => u8::try_from(id).map(ServerId).map_err(|_| CodecError::UnknownServer(id)),
        };
        let message = match self.message {
            Body::RequestVote { term, last_log_index, last_log_term } => {
                request_vote(term, last_log_index, last_log_term, false)
            }
            Body::RequestVoteAfterTransfer { term, last_log_index, last_log_term } => {
                request_vote(term, last_log_index, last_log_term, true)
            }
            Body::PreVote { term, last_log_index, last_log_term } => Message::PreVote(PreVote {
                term: Term(term),
                last_log_index: Index(last_log_index),
                last_log_term: Term(last_log_term),
            }),
            Body::PreVoteReply { term, vote_granted } => {
                Message::PreVoteReply(PreVoteReply { term: Term(term), vote_granted })
            }
            Body::TimeoutNow { term } => Message::TimeoutNow(TimeoutNow { term: Term(term) }),
            Body::RequestVoteReply { term, vote_granted } => {
                Message::RequestVoteReply(RequestVoteReply { term: Term(term), vote_granted })
            }
            Body::AppendEntries { term, prev_log_index, prev_log_term, leader_commit, entries } => {
                Message::AppendEntries(AppendEntries {
                    term: Term(term),
                    prev_log_index: Index(prev_log_index),
                    prev_log_term: Term(prev_log_term),
                    entries: join(entries, payload)?,
                    leader_commit: Index(leader_commit),
                })
            }
            Body::AppendEntriesReply { term, result } => Message::AppendEntriesReply(AppendEntriesReply {
                term: Term(term),
                result: result.into_core(),
            }),
            Body::InstallSnapshot { term, snapshot, length } => {
                if let Some(cluster) = cluster.filter(|cluster| cluster.voters() != snapshot.voters) {
                    let expected = cluster.voters().to_vec();
                    return Err(CodecError::Configuration { found: snapshot.voters, expected });
                }
                let snapshot = snapshot.with(SnapshotData::from(payload.take(length)?));
                Message::InstallSnapshot(InstallSnapshot { term: Term(term), snapshot })
            }
            Body::InstallSnapshotReply { term, last_included_index } => {
                Message::InstallSnapshotReply(InstallSnapshotReply {
                    term: Term(term),
                    last_included_index: last_included_index.map(Index),
                })
            }
        };
        Ok(Envelope { from: place(self.from)?, to: place(self.to)?, message })
    }

    /// Whether it brings a snapshot: then there is no limit but memory's.
    pub(super) fn brings_snapshot(&self) -> bool {
        matches!(self.message, Body::InstallSnapshot { .. })
    }
}

/// RequestVote, from whichever of its two kinds.
fn request_vote<C, S>(term: u64, last_log_index: u64, last_log_term: u64, transfer: bool) -> Message<C, S> {
    Message::RequestVote(RequestVote {
        term: Term(term),
        last_log_index: Index(last_log_index),
        last_log_term: Term(last_log_term),
        transfer,
    })
}

impl Appended {
    fn of(result: &AppendResult) -> Appended {
        match result {
            AppendResult::Success { match_index } => Appended::Success { match_index: match_index.0 },
            AppendResult::StaleTerm => Appended::StaleTerm,
            AppendResult::Conflict { prev_log_index, conflict_index, conflict_term, installing } => {
                Appended::Conflict {
                    prev_log_index: prev_log_index.0,
                    conflict_index: conflict_index.0,
                    conflict_term: conflict_term.map(|term| term.0),
                    installing: installing.map(|index| index.0),
                }
            }
        }
    }

    fn into_core(self) -> AppendResult {
        match self {
            Appended::Success { match_index } => AppendResult::Success { match_index: Index(match_index) },
            Appended::StaleTerm => AppendResult::StaleTerm,
            Appended::Conflict { prev_log_index, conflict_index, conflict_term, installing } => {
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

//! The part of a line that is judged. The rest is skipped and costs nothing: the entries of a received message, for
//! instance, were judged when they were appended somewhere.

mod told;

use super::number::reachable;
use serde::de::{Error, IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
pub(super) use told::Told;
use twox_hash::XxHash3_64;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Event {
    Start {
        config: Config,
        persistent: Persistent,
    },
    Step(Step),
    Write,
    Durable,
    Sent(Sent),
    Deliver {
        #[serde(deserialize_with = "reachable")]
        index: u64,
        term: u64,
        command: Content,
    },
    DeliverSnapshot {
        #[serde(deserialize_with = "reachable")]
        index: u64,
        term: u64,
        data: Content,
    },
    Stop(IgnoredAny),
}

/// Of a configuration, what a server does beyond Figure 2.
#[derive(Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    pub(super) extensions: Extensions,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Extensions {
    #[serde(default)]
    pub(super) pre_vote: bool,
    #[serde(default)]
    pub(super) check_quorum: bool,
}

#[derive(Deserialize)]
pub(super) struct Step {
    pub(super) input: Input,
    pub(super) outcome: Outcome,
    pub(super) changes: Vec<Change>,
    pub(super) state: State,
}

#[derive(Deserialize)]
pub(super) enum Input {
    ElectionTimeout,
    HeartbeatTimeout,
    Receive(Received),
    Propose(IgnoredAny),
    Replicate,
    SendCommit,
    Persisted(IgnoredAny),
    Applied(IgnoredAny),
    SnapshotTaken(IgnoredAny),
    CondInstallSnapshot(IgnoredAny),
    TransferLeadership(IgnoredAny),
}

#[derive(Deserialize)]
pub(super) struct Received {
    pub(super) from: u8,
    pub(super) message: Message,
}

#[derive(Deserialize)]
pub(super) enum Message {
    RequestVote(VoteRequest),
    RequestVoteReply(VoteReply),
    AppendEntries(Head),
    AppendEntriesReply(IgnoredAny),
    InstallSnapshot(Head),
    InstallSnapshotReply(IgnoredAny),
    PreVote(Head),
    PreVoteReply(VoteReply),
    TimeoutNow(Head),
}

#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) term: u64,
}

#[derive(Deserialize)]
pub(super) struct VoteRequest {
    pub(super) term: u64,
    /// Whether the leader told the candidate to stand.
    #[serde(default)]
    pub(super) transfer: bool,
}

#[derive(Deserialize)]
pub(super) struct VoteReply {
    pub(super) term: u64,
    pub(super) vote_granted: bool,
}

#[derive(PartialEq, Deserialize)]
pub(super) enum Outcome {
    Done,
    Proposed(Ignored),
    NotLeader(Ignored),
    TooLarge(Ignored),
    Busy(Ignored),
    SnapshotTaken,
    SnapshotIgnored(Ignored),
    Installed,
    InstallRefused,
    Rejected(Ignored),
    Transferring(Ignored),
    NoTransfer(Ignored),
}

/// A value that is not of interest, equal to all others.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Ignored(IgnoredAny);

impl PartialEq for Ignored {
    fn eq(&self, _: &Ignored) -> bool {
        true
    }
}

#[derive(Clone, Deserialize)]
pub(super) enum Change {
    TermAndVote {
        current_term: u64,
        voted_for: Option<u8>,
    },
    Append {
        entries: Vec<Entry>,
    },
    Truncate {
        #[serde(deserialize_with = "reachable")]
        from: u64,
    },
    Snapshot {
        snapshot: Snapshot,
        keep_suffix: bool,
    },
}

#[derive(Clone, Deserialize)]
pub(super) struct Entry {
    pub(super) term: u64,
    pub(super) command: Content,
}

#[derive(Clone, Deserialize)]
pub(super) struct Snapshot {
    #[serde(deserialize_with = "reachable")]
    pub(super) last_included_index: u64,
    pub(super) last_included_term: u64,
    pub(super) data: Content,
}

#[derive(Deserialize)]
pub(super) struct Persistent {
    pub(super) current_term: u64,
    pub(super) voted_for: Option<u8>,
    pub(super) log: Log,
}

#[derive(Deserialize)]
pub(super) struct Log {
    pub(super) snapshot: Option<Snapshot>,
    pub(super) entries: Vec<Entry>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Follower,
    #[serde(rename = "pre_candidate")]
    PreCandidate,
    Candidate,
    Leader,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) struct State {
    pub(super) current_term: u64,
    pub(super) voted_for: Option<u8>,
    pub(super) role: Role,
    #[serde(default)]
    pub(super) leader: Option<u8>,
    #[serde(deserialize_with = "reachable")]
    pub(super) commit_index: u64,
    #[serde(deserialize_with = "reachable")]
    pub(super) last_applied: u64,
    #[serde(deserialize_with = "reachable")]
    pub(super) last_log_index: u64,
    pub(super) last_log_term: u64,
}

#[derive(Deserialize)]
pub(super) struct Sent {
    pub(super) to: u8,
    pub(super) message: Name,
    pub(super) term: u64,
    pub(super) success: bool,
}

#[derive(PartialEq, Deserialize)]
pub(super) enum Name {
    RequestVote,
    RequestVoteReply,
    AppendEntries,
    AppendEntriesReply,
    InstallSnapshot,
    InstallSnapshotReply,
    PreVote,
    PreVoteReply,
    TimeoutNow,
}

/// A command or a snapshot's data, by a digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Content(pub(super) u64);

impl Content {
    /// That of the form in which a trace has it.
    pub(super) fn of(form: &str) -> Content {
        Content::of_bytes(form.as_bytes())
    }

    /// That of the content itself: of one run, all contents are told apart in the same way.
    pub(super) fn of_bytes(content: &[u8]) -> Content {
        Content(XxHash3_64::oneshot(content))
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Content, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Content;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content::of(text))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

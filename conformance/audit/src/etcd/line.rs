//! A line of a trace of etcd's raft.

use crate::number::reachable;
use serde::{Deserialize, Deserializer, de};

/// What a line tells: a node did something, and this is what it held at that moment.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Event {
    /// What it did.
    pub(super) name: Name,
    /// The node.
    #[serde(rename = "nid", deserialize_with = "number")]
    pub(super) node: u64,
    pub(super) state: State,
    pub(super) role: Role,
    /// Its last index.
    #[serde(deserialize_with = "reachable")]
    pub(super) log: u64,
    pub(super) conf: Conf,
    #[serde(default)]
    pub(super) msg: Option<Message>,
    #[serde(default)]
    prop: Option<Properties>,
}

impl Event {
    /// The voters that an `ApplyConfChange` brings, if the line tells them.
    pub(super) fn new_voters(&self) -> Option<Voters> {
        Some(self.prop.as_ref()?.cc.as_ref()?.newconf.clone().unwrap_or_default())
    }
}

#[derive(Clone, Debug, Deserialize)]
struct Properties {
    #[serde(default)]
    cc: Option<ConfChange>,
}

#[derive(Clone, Debug, Deserialize)]
struct ConfChange {
    #[serde(default)]
    newconf: Option<Voters>,
}

/// What a node did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    InitState,
    BecomeCandidate,
    BecomeFollower,
    BecomeLeader,
    Commit,
    Replicate,
    ChangeConf,
    ApplyConfChange,
    Ready,
    SendAppendEntriesRequest,
    ReceiveAppendEntriesRequest,
    SendAppendEntriesResponse,
    ReceiveAppendEntriesResponse,
    SendRequestVoteRequest,
    ReceiveRequestVoteRequest,
    SendRequestVoteResponse,
    ReceiveRequestVoteResponse,
    /// None of those: its state is evidence, what it did is not known.
    Other(String),
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ok(match name.as_str() {
            "InitState" => Name::InitState,
            "BecomeCandidate" => Name::BecomeCandidate,
            "BecomeFollower" => Name::BecomeFollower,
            "BecomeLeader" => Name::BecomeLeader,
            "Commit" => Name::Commit,
            "Replicate" => Name::Replicate,
            "ChangeConf" => Name::ChangeConf,
            "ApplyConfChange" => Name::ApplyConfChange,
            "Ready" => Name::Ready,
            "SendAppendEntriesRequest" => Name::SendAppendEntriesRequest,
            "ReceiveAppendEntriesRequest" => Name::ReceiveAppendEntriesRequest,
            "SendAppendEntriesResponse" => Name::SendAppendEntriesResponse,
            "ReceiveAppendEntriesResponse" => Name::ReceiveAppendEntriesResponse,
            "SendRequestVoteRequest" => Name::SendRequestVoteRequest,
            "ReceiveRequestVoteRequest" => Name::ReceiveRequestVoteRequest,
            "SendRequestVoteResponse" => Name::SendRequestVoteResponse,
            "ReceiveRequestVoteResponse" => Name::ReceiveRequestVoteResponse,
            _ => Name::Other(name),
        })
    }
}

impl Name {
    /// Whether the node sends the line's message.
    pub(super) fn sends(&self) -> bool {
        matches!(
            self,
            Name::SendAppendEntriesRequest
                | Name::SendAppendEntriesResponse
                | Name::SendRequestVoteRequest
                | Name::SendRequestVoteResponse
        )
    }

    /// Whether the node receives it.
    pub(super) fn receives(&self) -> bool {
        matches!(
            self,
            Name::ReceiveAppendEntriesRequest
                | Name::ReceiveAppendEntriesResponse
                | Name::ReceiveRequestVoteRequest
                | Name::ReceiveRequestVoteResponse
        )
    }

    /// Whether the line can be about this message.
    pub(super) fn is_about(&self, kind: Type) -> bool {
        match self {
            Name::SendAppendEntriesRequest | Name::ReceiveAppendEntriesRequest => kind.is_from_leader(),
            Name::SendAppendEntriesResponse | Name::ReceiveAppendEntriesResponse => {
                matches!(kind, Type::AppResp | Type::HeartbeatResp)
            }
            Name::SendRequestVoteRequest | Name::ReceiveRequestVoteRequest => kind == Type::Vote,
            Name::SendRequestVoteResponse | Name::ReceiveRequestVoteResponse => kind == Type::VoteResp,
            _ => false,
        }
    }
}

/// What must survive a crash, and the commit index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct State {
    #[serde(deserialize_with = "reachable")]
    pub(super) term: u64,
    #[serde(deserialize_with = "number")]
    pub(super) vote: u64,
    #[serde(deserialize_with = "reachable")]
    pub(super) commit: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Role {
    #[serde(rename = "StateFollower")]
    Follower,
    #[serde(rename = "StatePreCandidate")]
    PreCandidate,
    #[serde(rename = "StateCandidate")]
    Candidate,
    #[serde(rename = "StateLeader")]
    Leader,
}

/// The voters, and those of the configuration that is left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Conf(pub(super) Voters, pub(super) Voters);

impl Conf {
    /// The configurations whose majorities are needed.
    pub(super) fn halves(&self) -> impl Iterator<Item = &[u64]> {
        [&self.0.0, &self.1.0].into_iter().filter(|voters| !voters.is_empty()).map(Vec::as_slice)
    }

    /// Whether the node votes.
    pub(super) fn has(&self, node: u64) -> bool {
        self.0.0.binary_search(&node).is_ok() || self.1.0.binary_search(&node).is_ok()
    }

    /// Whether those that fit are a majority of each half; and of the half that decides, how many fit, and its size.
    pub(super) fn majority(&self, fits: impl Fn(u64) -> bool) -> (bool, usize, usize) {
        let mut decides = (true, 0, 0);
        for voters in self.halves() {
            let count = voters.iter().filter(|voter| fits(**voter)).count();
            if decides.0 {
                decides = (count > voters.len() / 2, count, voters.len());
            }
        }
        decides
    }
}

/// Numbers of nodes, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Voters(pub(super) Vec<u64>);

impl<'de> Deserialize<'de> for Voters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Voters, D::Error> {
        let names = Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default();
        let numbers: Result<Vec<u64>, _> = names.iter().map(|name| name.parse()).collect();
        let mut numbers = numbers.map_err(de::Error::custom)?;
        numbers.sort_unstable();
        numbers.dedup();
        Ok(Voters(numbers))
    }
}

/// A message, but for what its entries contain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
pub(super) struct Message {
    #[serde(rename = "type")]
    pub(super) kind: Type,
    #[serde(deserialize_with = "reachable")]
    pub(super) term: u64,
    #[serde(deserialize_with = "number")]
    pub(super) from: u64,
    #[serde(deserialize_with = "number")]
    pub(super) to: u64,
    /// How many entries; of a snapshot, its last index.
    #[serde(deserialize_with = "reachable")]
    pub(super) entries: u64,
    #[serde(rename = "logTerm", deserialize_with = "reachable")]
    pub(super) log_term: u64,
    #[serde(deserialize_with = "reachable")]
    pub(super) index: u64,
    #[serde(deserialize_with = "reachable")]
    pub(super) commit: u64,
    #[serde(deserialize_with = "number")]
    pub(super) vote: u64,
    pub(super) reject: bool,
    #[serde(rename = "rejectHint", deserialize_with = "reachable")]
    pub(super) reject_hint: u64,
}

impl Message {
    /// Index of the last entry that an AppendEntries carries, or that its receiver then has in common with the leader.
    pub(super) fn last(&self) -> u64 {
        self.index.saturating_add(self.entries)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub(super) enum Type {
    #[serde(rename = "MsgApp")]
    App,
    #[serde(rename = "MsgAppResp")]
    AppResp,
    #[serde(rename = "MsgHeartbeat")]
    Heartbeat,
    #[serde(rename = "MsgHeartbeatResp")]
    HeartbeatResp,
    #[serde(rename = "MsgSnap")]
    Snap,
    #[serde(rename = "MsgVote")]
    Vote,
    #[serde(rename = "MsgVoteResp")]
    VoteResp,
}

impl Type {
    /// All of them.
    pub(super) const ALL: [Type; 7] = [
        Type::App,
        Type::AppResp,
        Type::Heartbeat,
        Type::HeartbeatResp,
        Type::Snap,
        Type::Vote,
        Type::VoteResp,
    ];

    /// Whether only a leader sends it.
    pub(super) fn is_from_leader(self) -> bool {
        matches!(self, Type::App | Type::Heartbeat | Type::Snap)
    }

    /// Its name in the trace.
    pub(super) fn name(self) -> &'static str {
        match self {
            Type::App => "MsgApp",
            Type::AppResp => "MsgAppResp",
            Type::Heartbeat => "MsgHeartbeat",
            Type::HeartbeatResp => "MsgHeartbeatResp",
            Type::Snap => "MsgSnap",
            Type::Vote => "MsgVote",
            Type::VoteResp => "MsgVoteResp",
        }
    }
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

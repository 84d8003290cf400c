//! A line in the form of etcd's raft.

use figure2::RoleName;
use figure2::record::State;
use figure2_core::{AppendResult, Envelope, Index, Message, ServerId};
use serde::Serialize;

/// A logger's line around an event.
#[derive(Serialize)]
pub(super) struct Line {
    tag: &'static str,
    event: Event,
}

#[derive(Serialize)]
struct Event {
    name: &'static str,
    nid: String,
    state: Held,
    role: &'static str,
    log: u64,
    conf: [Vec<String>; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    msg: Option<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prop: Option<Properties>,
}

#[derive(Serialize)]
struct Held {
    term: u64,
    vote: String,
    commit: u64,
}

#[derive(Serialize)]
struct Properties {
    cc: ConfChange,
}

#[derive(Serialize)]
struct ConfChange {
    newconf: Vec<String>,
}

/// What is told of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Told {
    #[serde(rename = "type")]
    kind: &'static str,
    term: u64,
    from: String,
    to: String,
    entries: u64,
    #[serde(rename = "logTerm")]
    log_term: u64,
    index: u64,
    commit: u64,
    vote: &'static str,
    reject: bool,
    #[serde(rename = "rejectHint")]
    reject_hint: u64,
}

/// A server's number in that form, where 0 is nobody.
pub(super) fn number(id: ServerId) -> String {
    (u64::from(id.0) + 1).to_string()
}

impl Line {
    /// What a server does while it holds this.
    pub(super) fn new(name: &'static str, id: ServerId, state: &State, conf: &[String]) -> Line {
        let vote = state.voted_for.map_or_else(|| "0".to_owned(), number);
        let held = Held { term: state.current_term.0, vote, commit: state.commit_index.0 };
        let role = match state.role {
            RoleName::Follower => "StateFollower",
            RoleName::PreCandidate => "StatePreCandidate",
            RoleName::Candidate => "StateCandidate",
            RoleName::Leader => "StateLeader",
        };
        let (nid, log) = (number(id), state.last_log_index.0);
        let event = Event {
            name,
            nid,
            state: held,
            role,
            log,
            conf: [conf.to_vec(), Vec::new()],
            msg: None,
            prop: None,
        };
        Line { tag: "trace", event }
    }

    /// With the message that it is about.
    pub(super) fn about(mut self, message: Told) -> Line {
        self.event.msg = Some(message);
        self
    }

    /// With the voters that it brings.
    pub(super) fn brings(mut self, voters: &[String]) -> Line {
        self.event.prop = Some(Properties { cc: ConfChange { newconf: voters.to_vec() } });
        self
    }
}

impl Told {
    fn new(kind: &'static str, from: ServerId, to: ServerId, term: u64) -> Told {
        Told {
            kind,
            term,
            from: number(from),
            to: number(to),
            entries: 0,
            log_term: 0,
            index: 0,
            commit: 0,
            vote: "0",
            reject: false,
            reject_hint: 0,
        }
    }

    /// A message of ours. What has no counterpart in that form is told as what is nearest: a reply to InstallSnapshot
    /// says only who is there, as the answer to a heartbeat does. Pre-votes and TimeoutNow are not told in that form: none.
    pub(super) fn of<C, S>(envelope: &Envelope<C, S>) -> Option<Told> {
        let Envelope { from, to, message } = envelope;
        let new = |kind| Told::new(kind, *from, *to, message.term().0);
        Some(match message {
            Message::PreVote(_) | Message::PreVoteReply(_) | Message::TimeoutNow(_) => return None,
            Message::RequestVote(m) => {
                Told { index: m.last_log_index.0, log_term: m.last_log_term.0, ..new("MsgVote") }
            }
            Message::RequestVoteReply(m) => Told { reject: !m.vote_granted, ..new("MsgVoteResp") },
            Message::AppendEntries(m) => Told {
                index: m.prev_log_index.0,
                log_term: m.prev_log_term.0,
                entries: m.entries.len() as u64,
                commit: m.leader_commit.0,
                ..new("MsgApp")
            },
            Message::AppendEntriesReply(m) => match &m.result {
                AppendResult::Success { match_index } => Told { index: match_index.0, ..new("MsgAppResp") },
                AppendResult::StaleTerm => new("MsgAppResp"),
                AppendResult::Conflict { prev_log_index, conflict_index, .. } => Told {
                    index: prev_log_index.0,
                    reject: true,
                    reject_hint: conflict_index.0.saturating_sub(1),
                    ..new("MsgAppResp")
                },
            },
            Message::InstallSnapshot(m) => {
                Told { entries: m.snapshot.last_included_index.0, ..new("MsgSnap") }
            }
            Message::InstallSnapshotReply(_) => new("MsgHeartbeatResp"),
        })
    }

    /// A candidate's own vote.
    pub(super) fn own_vote(id: ServerId, term: u64) -> Told {
        Told::new("MsgVoteResp", id, id, term)
    }

    /// What a leader has in its own log.
    pub(super) fn own_entries(id: ServerId, term: u64, last: Index) -> Told {
        Told { index: last.0, ..Told::new("MsgAppResp", id, id, term) }
    }

    fn is_request(&self) -> bool {
        matches!(self.kind, "MsgApp" | "MsgSnap" | "MsgVote")
    }

    fn is_of_votes(&self) -> bool {
        matches!(self.kind, "MsgVote" | "MsgVoteResp")
    }

    /// What the sender's line is called.
    pub(super) fn sending(&self) -> &'static str {
        match (self.is_of_votes(), self.is_request()) {
            (true, true) => "SendRequestVoteRequest",
            (true, false) => "SendRequestVoteResponse",
            (false, true) => "SendAppendEntriesRequest",
            (false, false) => "SendAppendEntriesResponse",
        }
    }

    /// What the receiver's is.
    pub(super) fn receiving(&self) -> &'static str {
        match (self.is_of_votes(), self.is_request()) {
            (true, true) => "ReceiveRequestVoteRequest",
            (true, false) => "ReceiveRequestVoteResponse",
            (false, true) => "ReceiveAppendEntriesRequest",
            (false, false) => "ReceiveAppendEntriesResponse",
        }
    }
}

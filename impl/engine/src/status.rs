//! What a node reports: messages to its service, answers to proposals, and its status.

use crate::{Command, SnapshotData};
use core::fmt;
use figure2_core::{Index, Role, ServerId, Term};
use serde::{Deserialize, Serialize};

/// What the service gets, in order, without a gap and without a repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyMsg {
    /// A committed command.
    Command {
        /// Its place in the log.
        index: Index,
        /// The term in which a leader received it.
        term: Term,
        /// The command.
        command: Command,
    },
    /// A snapshot from the leader, which stands for all commands up to and including `index`.
    ///
    /// With [`Install::Conditional`] it is an offer, to be answered by
    /// `cond_install_snapshot`; with
    /// [`Install::Automatic`] the service must switch to it.
    Snapshot {
        /// Index of the last entry the snapshot covers.
        index: Index,
        /// Term of that entry.
        term: Term,
        /// The service's state.
        data: SnapshotData,
    },
}

/// Where a leader has put a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Where the command will stand if it is ever committed.
    pub index: Index,
    /// The leader's term. If an entry of another term is applied at that index, the command is lost.
    pub term: Term,
}

/// What became of a command that a leader took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProposalOutcome {
    /// It is committed, and the service of this server has it, by itself or in a snapshot.
    Applied,
    /// Another entry is committed at its index: it was not committed, and never will be.
    Lost,
    /// This server cannot say: it has stopped, or a snapshot stands for what was committed there. It may have been
    /// committed.
    Unknown,
}

/// What a server is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleName {
    /// Responds to candidates and leaders.
    Follower,
    /// Asks whether it would win an election (thesis, section 9.6). Its term is still the one in which it followed.
    #[serde(rename = "pre_candidate")]
    PreCandidate,
    /// Runs for leader.
    Candidate,
    /// Leads the current term.
    Leader,
}

impl From<&Role> for RoleName {
    fn from(role: &Role) -> Self {
        match role {
            Role::Follower { .. } => RoleName::Follower,
            Role::PreCandidate { .. } => RoleName::PreCandidate,
            Role::Candidate { .. } => RoleName::Candidate,
            Role::Leader { .. } => RoleName::Leader,
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RoleName::Follower => "follower",
            RoleName::PreCandidate => "pre-candidate",
            RoleName::Candidate => "candidate",
            RoleName::Leader => "leader",
        })
    }
}

/// A node at one moment: all fields are read together.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// This server.
    pub id: ServerId,
    /// What it is; follower once it is stopped or has failed.
    pub role: RoleName,
    /// Its current term.
    pub term: Term,
    /// The leader of `term`, if this server has heard from it (or is it).
    pub leader: Option<ServerId>,
    /// Index of the highest log entry known to be committed.
    pub commit_index: Index,
    /// Index of the highest log entry handed to the service.
    pub last_applied: Index,
    /// Index of the last log entry.
    pub last_log_index: Index,
    /// Index of the last entry that the server's own snapshot covers; 0 without one.
    pub snapshot_index: Index,
}

/// Who switches to a snapshot that the leader sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Install {
    /// The service decides when, by `cond_install_snapshot` (the lab up
    /// to 2021). Until it has answered an offered snapshot, nothing else is handed to it.
    Conditional,
    /// Raft switches by itself and then hands the snapshot over (the lab since 2023).
    #[default]
    Automatic,
}

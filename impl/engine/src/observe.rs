//! Reports what a step changed, as `tracing` events with server, term and index.

use crate::RoleName;
use crate::Server;
use figure2_core::{Index, Outcome, ServerId, Term};

/// What is told of a server.
pub(crate) struct Facts {
    pub(crate) server: ServerId,
    pub(crate) role: RoleName,
    pub(crate) term: Term,
    pub(crate) commit_index: Index,
    last_log_index: Index,
    snapshot_index: Index,
    offered: Option<Index>,
}

impl Facts {
    pub(crate) fn of(server: &Server) -> Facts {
        Facts {
            server: server.id(),
            role: server.role().into(),
            term: server.current_term(),
            commit_index: server.commit_index(),
            last_log_index: server.log().last_index(),
            snapshot_index: server.log().base_index(),
            offered: server.offered().map(|snapshot| snapshot.last_included_index),
        }
    }

    /// Emits an event for each thing that changed, and for each answer worth knowing of.
    pub(crate) fn log_changes_since(&self, before: &Facts, outcome: &Outcome) {
        let (server, term, index) = (self.server, self.term, self.last_log_index);
        if (self.role, term) != (before.role, before.term) {
            match self.role {
                RoleName::PreCandidate => {
                    tracing::debug!(target: "figure2", %server, %term, %index, "asks for pre-votes");
                }
                RoleName::Candidate => {
                    tracing::info!(target: "figure2", %server, %term, %index, "election started");
                }
                RoleName::Leader => {
                    tracing::info!(target: "figure2", %server, %term, %index, "election won");
                }
                RoleName::Follower if before.role != RoleName::Follower => {
                    tracing::info!(target: "figure2", %server, %term, %index, was = %before.role, "became follower");
                }
                RoleName::Follower => {
                    tracing::debug!(target: "figure2", %server, %term, %index, "term adopted");
                }
            }
        }
        if self.commit_index != before.commit_index {
            tracing::debug!(target: "figure2", %server, %term, index = %self.commit_index, "committed");
        }
        if let Some(index) = self.offered.filter(|_| self.offered != before.offered) {
            tracing::info!(target: "figure2", %server, %term, %index, "snapshot offered");
        }
        let index = self.snapshot_index;
        match outcome {
            Outcome::SnapshotTaken => {
                tracing::debug!(target: "figure2", %server, %term, %index, "snapshot taken");
            }
            Outcome::SnapshotIgnored(reason) => {
                tracing::debug!(target: "figure2", %server, %term, %index, ?reason, "snapshot ignored");
            }
            Outcome::Installed => {
                tracing::info!(target: "figure2", %server, %term, %index, "snapshot installed");
            }
            Outcome::InstallRefused => {
                tracing::info!(target: "figure2", %server, %term, %index, "snapshot refused: the log has more");
            }
            Outcome::Rejected(reason) => {
                let index = self.last_log_index;
                tracing::warn!(target: "figure2", %server, %term, %index, %reason, "message rejected");
            }
            Outcome::Done
            | Outcome::Proposed { .. }
            | Outcome::NotLeader { .. }
            | Outcome::Transferring { .. }
            | Outcome::NoTransfer { .. }
            | Outcome::TooLarge { .. }
            | Outcome::Busy { .. } => {}
        }
    }
}

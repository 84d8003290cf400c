//! Encoded messages as text, for traces that people read.

use figure2::Command;
use figure2::codec::decode_message;
use figure2_core::{AppendResult, Message, PreVoteReply, RequestVoteReply};
use std::fmt;

/// An encoded message, shown as what it says.
pub(super) struct ShownMessage<'a>(pub(super) &'a [u8]);

impl fmt::Display for ShownMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match decode_message(self.0) {
            Ok(envelope) => show(&envelope.message, f),
            Err(error) => write!(f, "(undecodable: {error})"),
        }
    }
}

fn show(message: &Message<Command, figure2::SnapshotData>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{} term {}", message.name(), message.term())?;
    match message {
        Message::RequestVote(m) => {
            let transfer = if m.transfer { ", told by the leader" } else { "" };
            write!(f, ", last {}@{}{transfer}", m.last_log_index, m.last_log_term)
        }
        Message::PreVote(m) => write!(f, ", last {}@{}", m.last_log_index, m.last_log_term),
        Message::RequestVoteReply(RequestVoteReply { vote_granted, .. })
        | Message::PreVoteReply(PreVoteReply { vote_granted, .. }) => {
            f.write_str(if *vote_granted { ", granted" } else { ", refused" })
        }
        Message::TimeoutNow(_) => Ok(()),
        Message::AppendEntries(m) => write!(
            f,
            ", prev {}@{}, {} entries, commit {}",
            m.prev_log_index,
            m.prev_log_term,
            m.entries.len(),
            m.leader_commit
        ),
        Message::AppendEntriesReply(m) => match m.result {
            AppendResult::Success { match_index } => write!(f, ", match {match_index}"),
            AppendResult::StaleTerm => f.write_str(", stale term"),
            AppendResult::Conflict { prev_log_index, conflict_index, conflict_term, installing } => {
                match conflict_term {
                    Some(term) => write!(f, ", prev {prev_log_index} conflicts from {conflict_index}@{term}"),
                    None => write!(f, ", prev {prev_log_index} is past the end, lacks {conflict_index}"),
                }?;
                installing.map_or(Ok(()), |index| write!(f, ", installs a snapshot through {index}"))
            }
        },
        Message::InstallSnapshot(m) => {
            let snapshot = &m.snapshot;
            write!(f, ", through {}@{}", snapshot.last_included_index, snapshot.last_included_term)
        }
        Message::InstallSnapshotReply(m) => match m.last_included_index {
            Some(index) => write!(f, ", has {index}"),
            None => f.write_str(", stale term"),
        },
    }
}

//! What a correct peer never sends to this server. Raft tolerates crashes, not lies; but an address typed wrong, an
//! id used twice or a wiped disk must end in a clear refusal, and must change nothing: not even the term.

use crate::command::Command;
use crate::input::Rejection;
use crate::message::{AppendResult, Envelope, Message};
use crate::server::Server;
use crate::types::{Index, Term};
use crate::{MAX_INDEX, MAX_TERM};

/// The guard in front of all handlers.
pub trait Validation<C: Command, S: Clone> {
    /// **V1.** Accepts a message, or says what is wrong with it.
    ///
    /// # Errors
    /// The reason of the rejection.
    fn validate(&self, s: &Server<C, S>, envelope: &Envelope<C, S>) -> Result<(), Rejection> {
        validate_addresses(s, envelope)?;
        validate_form(&envelope.message)?;
        validate_against_state(s, &envelope.message)
    }
}

fn validate_addresses<C, S>(s: &Server<C, S>, envelope: &Envelope<C, S>) -> Result<(), Rejection> {
    if envelope.to != s.id() {
        Err(Rejection::NotAddressedToUs(envelope.to))
    } else if envelope.from == s.id() {
        Err(Rejection::FromSelf)
    } else if !s.config().voters.contains(envelope.from) {
        Err(Rejection::UnknownSender(envelope.from))
    } else {
        Ok(())
    }
}

/// What is wrong in the message itself, whoever receives it.
fn validate_form<C, S>(message: &Message<C, S>) -> Result<(), Rejection> {
    let term = message.term();
    if term == Term::ZERO || term > MAX_TERM {
        return Err(Rejection::AbsurdTerm(term));
    }
    match message {
        Message::RequestVote(m) => {
            position(m.last_log_index, m.last_log_term)?;
            // A candidate has just incremented its term: no entry of its log is of that term.
            ordered(m.last_log_term < term)
        }
        Message::PreVote(m) => {
            position(m.last_log_index, m.last_log_term)?;
            // It would be a term that the sender has not reached.
            ordered(m.last_log_term < term)
        }
        Message::AppendEntries(m) => {
            position(m.prev_log_index, m.prev_log_term)?;
            bounded(m.prev_log_index.plus(m.entries.len()))?;
            bounded(m.leader_commit)?;
            let mut last = m.prev_log_term;
            let grows = m.entries.iter().all(|entry| {
                let grows = entry.term >= last && entry.term > Term::ZERO;
                last = entry.term;
                grows
            });
            ordered(grows && last <= term)
        }
        Message::AppendEntriesReply(m) => match m.result {
            AppendResult::Success { match_index } => bounded(match_index),
            AppendResult::StaleTerm => Ok(()),
            AppendResult::Conflict { prev_log_index, conflict_index, conflict_term, installing } => {
                bounded(prev_log_index)?;
                bounded(installing.unwrap_or(Index::ZERO))?;
                if conflict_index == Index::ZERO || conflict_index > prev_log_index {
                    return Err(Rejection::AbsurdIndex(conflict_index));
                }
                ordered(conflict_term.is_none_or(|conflict| conflict > Term::ZERO && conflict <= term))
            }
        },
        Message::InstallSnapshot(m) => {
            let (index, included_term) = (m.snapshot.last_included_index, m.snapshot.last_included_term);
            position(index, included_term)?;
            ordered(index > Index::ZERO && included_term <= term)
        }
        Message::InstallSnapshotReply(m) => bounded(m.last_included_index.unwrap_or(Index::ZERO)),
        Message::RequestVoteReply(_) | Message::PreVoteReply(_) | Message::TimeoutNow(_) => Ok(()),
    }
}

/// What no correct peer can say to a server in this state.
fn validate_against_state<C, S>(s: &Server<C, S>, message: &Message<C, S>) -> Result<(), Rejection> {
    let (log, term) = (s.log(), s.current_term());
    if message.term() < term {
        return Ok(()); // an older term's message is answered or dropped by the rules
    }
    match message {
        Message::AppendEntries(_) | Message::InstallSnapshot(_) | Message::TimeoutNow(_)
            if message.term() == term && s.is_leader() =>
        {
            Err(Rejection::SecondLeader(term))
        }
        Message::AppendEntries(m) => {
            let mut index = m.prev_log_index;
            let terms = core::iter::once(m.prev_log_term).chain(m.entries.iter().map(|entry| entry.term));
            for entry_term in terms {
                if index > s.commit_index() {
                    break;
                }
                if log.term_at(index).is_some_and(|ours| ours != entry_term) {
                    return Err(Rejection::ContradictsCommitted(index));
                }
                index = index.next();
            }
            Ok(())
        }
        Message::InstallSnapshot(m) => {
            let (index, included_term) = (m.snapshot.last_included_index, m.snapshot.last_included_term);
            let contradicts =
                index <= s.commit_index() && log.term_at(index).is_some_and(|ours| ours != included_term);
            if contradicts { Err(Rejection::ContradictsCommitted(index)) } else { Ok(()) }
        }
        // A reply of our own term answers what we sent in it: it cannot know of more than our log holds.
        Message::AppendEntriesReply(m) if message.term() == term => match m.result {
            AppendResult::Success { match_index: index }
            | AppendResult::Conflict { prev_log_index: index, .. }
                if s.is_leader() && index > log.last_index() =>
            {
                Err(Rejection::AbsurdIndex(index))
            }
            _ => Ok(()),
        },
        Message::InstallSnapshotReply(m) if message.term() == term && s.is_leader() => {
            let index = m.last_included_index.unwrap_or(Index::ZERO);
            if index > log.base_index() { Err(Rejection::AbsurdIndex(index)) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

/// An index and its term: both zero, or neither.
#[inline]
fn position(index: Index, term: Term) -> Result<(), Rejection> {
    bounded(index)?;
    ordered((index == Index::ZERO) == (term == Term::ZERO))
}

#[inline]
fn bounded(index: Index) -> Result<(), Rejection> {
    if index > MAX_INDEX { Err(Rejection::AbsurdIndex(index)) } else { Ok(()) }
}

#[inline]
fn ordered(fits: bool) -> Result<(), Rejection> {
    if fits { Ok(()) } else { Err(Rejection::InconsistentLog) }
}

//! Checks what servers send each other against their limits: how much at once, and what is sent again.
//!
//! Only the messages between a leader and its followers are used; the core's own counts play no part.

use super::sizes::Limits;
use figure2::{Command, Index, SnapshotData, Term};
use figure2_core::{AppendEntries, AppendEntriesReply, AppendResult, Entry, Message};
use std::collections::{BTreeMap, VecDeque};

/// All that leaders send.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// By sender and receiver.
    ways: BTreeMap<(u8, u8), Way>,
    sum: Sent,
}

/// How much leaders sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// AppendEntries with entries.
    pub batches: u64,
    /// Of them, those with more than one entry.
    pub several: u64,
    /// Of them, those that went back to entries sent before.
    pub again: u64,
    /// Bytes of entries in all of them.
    pub entry_bytes: u64,
    /// InstallSnapshot.
    pub snapshots: u64,
    /// Bytes of the largest request.
    pub largest: u64,
}

impl Sent {
    /// Adds what was sent in another run.
    pub fn add(&mut self, other: &Sent) {
        let Sent { batches, several, again, entry_bytes, snapshots, largest } = other;
        self.batches += batches;
        self.several += several;
        self.again += again;
        self.entry_bytes += entry_bytes;
        self.snapshots += snapshots;
        self.largest = self.largest.max(*largest);
    }
}

/// From one server, in its latest term as a leader, to another.
#[derive(Debug, Default)]
struct Way {
    term: Term,
    /// After the last entry that was sent.
    next: Option<Index>,
    /// Entries sent and not acknowledged, with their sizes.
    in_flight: VecDeque<(Index, u64)>,
    /// Up to where entries are acknowledged. A message can be seen to leave after the acknowledgement of what it repeats.
    matched: Index,
    /// How often the receiver refused since entries were last sent again.
    refusals: u64,
    /// How often it refused in this term, but for those that a snapshot was streamed again for.
    refusals_for_streams: u64,
    /// The snapshot that was sent last, and whether the receiver refused something since.
    snapshot: Option<(Index, bool)>,
}

impl Flow {
    /// A server hands a request to the network: what is wrong with that, if anything is.
    /// `bytes` is its length.
    pub(super) fn sent(
        &mut self,
        from: u8,
        to: u8,
        request: &Message<Command, SnapshotData>,
        bytes: u64,
        limits: &Limits,
    ) -> Result<(), String> {
        self.sum.largest = self.sum.largest.max(bytes);
        match request {
            Message::AppendEntries(message) => {
                // What is refused counts from the leader's first message on, also before it has sent entries.
                let (way, sum) = self.way(from, to, message.term);
                if message.entries.is_empty() {
                    return Ok(());
                }
                sum.batches += 1;
                sum.several += u64::from(message.entries.len() > 1);
                way.batch(message, limits, sum).map_err(|what| format!("to server {to}: {what}"))
            }
            Message::InstallSnapshot(message) => {
                let (way, sum) = self.way(from, to, message.term);
                sum.snapshots += 1;
                let snapshot = way.snapshot(message.snapshot.last_included_index);
                snapshot.map_err(|what| format!("to server {to}: {what}"))
            }
            _ => Ok(()),
        }
    }

    /// A leader has its transport stream a snapshot.
    pub(super) fn sent_snapshot(&mut self, from: u8, to: u8, index: Index) -> Result<(), String> {
        // A leader asks before it sends a snapshot, so the way is of its term.
        let term = self.ways.get(&(from, to)).map_or(Term::ZERO, |way| way.term);
        let (way, sum) = self.way(from, to, term);
        sum.snapshots += 1;
        // Refusals are seen when they leave, and so perhaps before a snapshot that the leader sent without having heard
        // them: each accounts for one repetition, whatever the order.
        let is_repeated = way.snapshot.replace((index, false)).is_some_and(|(last, _)| last == index);
        if is_repeated && way.refusals_for_streams == 0 {
            return Err(format!(
                "to server {to}: the snapshot at index {index} was sent more often than anything was refused"
            ));
        }
        way.refusals_for_streams -= u64::from(is_repeated);
        Ok(())
    }

    /// A reply is about to reach the server that asked.
    pub(super) fn answered(&mut self, from: u8, to: u8, reply: &AppendEntriesReply) {
        let Some(way) = self.ways.get_mut(&(from, to)).filter(|way| way.term == reply.term) else { return };
        match reply.result {
            AppendResult::Success { match_index } => {
                way.matched = way.matched.max(match_index);
                while way.in_flight.front().is_some_and(|(index, _)| *index <= match_index) {
                    way.in_flight.pop_front();
                }
            }
            AppendResult::Conflict { .. } => {
                way.refusals += 1;
                way.refusals_for_streams += 1;
                if let Some((_, refused)) = &mut way.snapshot {
                    *refused = true;
                }
            }
            AppendResult::StaleTerm => {}
        }
    }

    pub(super) fn sum(&self) -> Sent {
        self.sum
    }

    fn way(&mut self, from: u8, to: u8, term: Term) -> (&mut Way, &mut Sent) {
        let way = self.ways.entry((from, to)).or_default();
        if way.term != term {
            *way = Way { term, ..Way::default() };
        }
        (way, &mut self.sum)
    }
}

impl Way {
    fn snapshot(&mut self, index: Index) -> Result<(), String> {
        if self.snapshot.replace((index, false)) == Some((index, false)) {
            return Err(format!(
                "the snapshot at index {index} was sent again, though nothing was refused since"
            ));
        }
        Ok(())
    }

    fn batch(
        &mut self,
        message: &AppendEntries<Command>,
        limits: &Limits,
        sum: &mut Sent,
    ) -> Result<(), String> {
        let AppendEntries { prev_log_index, entries, .. } = message;
        let (first, bytes) = (prev_log_index.next(), entries.iter().map(Entry::size).sum::<u64>());
        sum.entry_bytes += bytes;
        if entries.len() as u64 > u64::from(limits.max_entries_per_message) {
            let most = limits.max_entries_per_message;
            return Err(format!("{} entries in one message, and the limit is {most}", entries.len()));
        }
        if entries.len() > 1 && bytes > limits.max_message_bytes {
            let most = limits.max_message_bytes;
            return Err(format!("{bytes} bytes of entries in one message, and the limit is {most}"));
        }
        if self.next.is_some_and(|next| first < next) {
            sum.again += 1;
            self.in_flight.retain(|(index, _)| *index < first);
            if self.refusals == 0 {
                return Err(format!(
                    "entries were sent again from index {first} on, though nothing was refused since"
                ));
            }
            self.refusals -= 1;
        }
        for (entry, place) in entries.iter().zip(0..) {
            let index = Index(first.0 + place);
            if index > self.matched {
                self.in_flight.push_back((index, entry.size()));
            }
        }
        self.next = Some(prev_log_index.plus(entries.len()).next());
        let in_flight: u64 = self.in_flight.iter().map(|(_, size)| size).sum();
        if self.in_flight.len() > 1 && in_flight > limits.max_in_flight_bytes {
            let most = limits.max_in_flight_bytes;
            return Err(format!(
                "{in_flight} bytes of entries are sent and unanswered, and the limit is {most}"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use figure2_core::{InstallSnapshot, Snapshot};

    type Sendable = Message<Command, SnapshotData>;

    /// Entries of 16 bytes and their content, in term 1, after the index.
    fn batch(prev: u64, contents: &[usize]) -> Sendable {
        let entry = |size: &usize| Entry { term: Term(1), command: Bytes::from(vec![0; *size]) };
        let entries = contents.iter().map(entry).collect();
        Message::AppendEntries(AppendEntries {
            term: Term(1),
            prev_log_index: Index(prev),
            prev_log_term: Term(u64::from(prev > 0)),
            entries,
            leader_commit: Index(0),
        })
    }

    fn snapshot(index: u64) -> Sendable {
        let snapshot = Snapshot {
            last_included_index: Index(index),
            last_included_term: Term(1),
            data: SnapshotData::default(),
        };
        Message::InstallSnapshot(InstallSnapshot { term: Term(1), snapshot })
    }

    fn reply(result: AppendResult) -> Sendable {
        Message::AppendEntriesReply(AppendEntriesReply { term: Term(1), result })
    }

    fn refusal() -> Sendable {
        reply(AppendResult::Conflict {
            prev_log_index: Index(3),
            conflict_index: Index(1),
            conflict_term: None,
            installing: None,
        })
    }

    /// Sends, and takes in answers, in the order of the letters.
    fn flow(limits: &Limits, messages: &[Sendable]) -> Result<Sent, String> {
        let mut flow = Flow::default();
        for message in messages {
            match message {
                Message::AppendEntriesReply(reply) => flow.answered(0, 1, reply),
                _ => flow.sent(0, 1, message, 1, limits)?,
            }
        }
        Ok(flow.sum())
    }

    #[test]
    fn a_message_keeps_the_limits_of_entries_and_bytes_but_one_entry_always_fits() {
        let limits = Limits { max_entries_per_message: 2, max_message_bytes: 50, ..Limits::default() };
        let alone = |contents: &[usize]| flow(&limits, &[batch(0, contents)]);
        assert!(alone(&[1, 1]).is_ok() && alone(&[1000]).is_ok());
        assert!(alone(&[0, 0, 0]).unwrap_err().contains("3 entries"));
        assert!(alone(&[9, 10]).unwrap_err().contains("51 bytes"));
    }

    #[test]
    fn what_is_in_flight_keeps_its_limit_until_it_is_acknowledged() {
        let limits = Limits { max_in_flight_bytes: 40, ..Limits::default() };
        let (first, second) = (batch(0, &[4]), batch(1, &[5]));
        let acknowledged = reply(AppendResult::Success { match_index: Index(1) });
        assert!(flow(&limits, &[first.clone(), second.clone()]).unwrap_err().contains("41 bytes"));
        assert!(flow(&limits, &[first, acknowledged, second]).is_ok());
        assert!(flow(&limits, &[batch(0, &[100])]).is_ok(), "one entry always fits");
    }

    #[test]
    fn what_was_sent_is_sent_again_once_for_each_refusal() {
        let limits = Limits::default();
        let (all, tail) = (batch(0, &[1, 1, 1]), batch(1, &[1, 1]));
        assert!(flow(&limits, &[all.clone(), tail.clone()]).unwrap_err().contains("from index 2 on"));
        assert!(flow(&limits, &[all.clone(), batch(2, &[1])]).unwrap_err().contains("from index 3 on"));
        let refused = refusal();
        let once = flow(&limits, &[all.clone(), refused.clone(), tail.clone(), batch(3, &[1])]);
        assert_eq!(once.map(|sum| (sum.batches, sum.again)), Ok((3, 1)));
        // A refusal of a new leader's first question may reach it just before it sends the entries.
        let asked = batch(0, &[]);
        assert!(flow(&limits, &[asked, refused.clone(), all.clone(), tail.clone()]).is_ok());
        assert!(flow(&limits, &[all, refused, tail.clone(), tail]).is_err());
        let (one, newer) = (snapshot(3), snapshot(5));
        assert!(flow(&limits, &[one.clone(), newer, one.clone()]).is_ok());
        assert!(flow(&limits, &[one.clone(), refusal(), one.clone()]).is_ok());
        assert!(flow(&limits, &[one.clone(), one]).unwrap_err().contains("at index 3 was sent again"));
    }

    #[test]
    fn a_streamed_snapshot_is_repeated_once_for_each_refusal_whenever_that_is_seen() {
        let limits = Limits::default();
        let mut flow = Flow::default();
        flow.sent(0, 1, &batch(0, &[]), 0, &limits).unwrap();
        let refuse = |flow: &mut Flow| match refusal() {
            Message::AppendEntriesReply(reply) => flow.answered(0, 1, &reply),
            other => panic!("{other:?}"),
        };
        assert_eq!(flow.sent_snapshot(0, 1, Index(3)), Ok(()));
        assert!(flow.sent_snapshot(0, 1, Index(3)).unwrap_err().contains("at index 3 was sent more often"));
        refuse(&mut flow);
        assert_eq!(flow.sent_snapshot(0, 1, Index(5)), Ok(()), "another one needs no refusal");
        assert_eq!(flow.sent_snapshot(0, 1, Index(5)), Ok(()), "for the one that was seen before");
        assert!(flow.sent_snapshot(0, 1, Index(5)).is_err());
    }
}

//! AppendEntries and the reply that says that it was taken: nearly all messages are one of them. They are written and read here
//! without serde, in a fraction of the time. The bytes are the same, which a test holds fast.
//!
//! What is not exactly such a message is left to serde, which also says what is wrong with it.

use super::serial::Payload;
use super::{Cluster, CodecError};
use crate::{Command, SnapshotData};
use bytes::Bytes;
use figure2_core::{
    AppendEntries, AppendEntriesReply, AppendResult, Entry, Envelope, Index, Message, ServerId, Term,
};

type Packet = Envelope<Command, SnapshotData>;

/// Places among the variants of [`Body`](super::wire), of `Appended` and of `EntryPayload`.
const APPEND_ENTRIES: u8 = 2;
const APPEND_ENTRIES_REPLY: u8 = 3;
const SUCCESS: u8 = 0;
const COMMAND: u8 = 0;

/// Appends the head of a message; false, and nothing is appended, if it is another one or names a server that is not of the
/// cluster.
pub(super) fn write(bytes: &mut Vec<u8>, cluster: &Cluster, envelope: &Packet) -> bool {
    let (Some(from), Some(to)) = (cluster.id(envelope.from), cluster.id(envelope.to)) else { return false };
    let mut begin = |variant: u8, term: Term| {
        [cluster.group(), from, to].into_iter().for_each(|number| put(bytes, number));
        bytes.push(variant);
        put(bytes, term.0);
    };
    match &envelope.message {
        Message::AppendEntries(AppendEntries {
            term,
            prev_log_index,
            prev_log_term,
            entries,
            leader_commit,
        }) => {
            begin(APPEND_ENTRIES, *term);
            for number in [prev_log_index.0, prev_log_term.0, leader_commit.0, entries.len() as u64] {
                put(bytes, number);
            }
            for Entry { term, command } in entries {
                put(bytes, term.0);
                bytes.push(COMMAND);
                put(bytes, command.len() as u64);
            }
            true
        }
        Message::AppendEntriesReply(AppendEntriesReply {
            term,
            result: AppendResult::Success { match_index },
        }) => {
            begin(APPEND_ENTRIES_REPLY, *term);
            bytes.push(SUCCESS);
            put(bytes, match_index.0);
            true
        }
        _ => false,
    }
}

/// What follows the head of an AppendEntries: its commands.
pub(super) fn commands(envelope: Packet) -> Vec<Bytes> {
    let Message::AppendEntries(message) = envelope.message else { return Vec::new() };
    let commands = message.entries.into_iter().map(|entry| entry.command);
    commands.filter(|command| !command.is_empty()).collect()
}

/// Reads a message from its head and the payload of so many bytes. None, and the payload is as it was, if it is another one, or
/// none that may be taken.
pub(super) fn read(
    cluster: Option<&Cluster>,
    head: &[u8],
    payload: &mut Payload,
    length: usize,
) -> Option<Result<Packet, CodecError>> {
    let mut head = Numbers(head);
    let group = head.next()?;
    if cluster.is_some_and(|cluster| cluster.group() != group) {
        return None;
    }
    let place = |id: u64| match cluster {
        Some(cluster) => cluster.place(id),
        None => u8::try_from(id).ok().map(ServerId),
    };
    let (from, to) = (place(head.next()?)?, place(head.next()?)?);
    let variant = head.byte()?;
    let term = Term(head.next()?);
    let message = match variant {
        APPEND_ENTRIES => {
            let (prev_log_index, prev_log_term) = (Index(head.next()?), Term(head.next()?));
            let leader_commit = Index(head.next()?);
            let count = head.next()?;
            // All of it is looked at first: only then memory is claimed, and something is taken of the payload.
            head.clone().check_entries(count, length)?;
            let mut entries = Vec::with_capacity(usize::try_from(count).ok()?);
            for _ in 0..count {
                let (term, _, length) = (Term(head.next()?), head.byte()?, head.next()?);
                match payload.take(length) {
                    Ok(command) => entries.push(Entry { term, command }),
                    Err(error) => return Some(Err(error)),
                }
            }
            Message::AppendEntries(AppendEntries {
                term,
                prev_log_index,
                prev_log_term,
                entries,
                leader_commit,
            })
        }
        APPEND_ENTRIES_REPLY if head.byte()? == SUCCESS && length == 0 => {
            let match_index = Index(head.next()?);
            let result = AppendResult::Success { match_index };
            Message::AppendEntriesReply(AppendEntriesReply { term, result })
        }
        _ => return None,
    };
    head.0.is_empty().then_some(Ok(Envelope { from, to, message }))
}

/// Appends a number as bincode's `standard()` does.
fn put(bytes: &mut Vec<u8>, number: u64) {
    let little = number.to_le_bytes();
    match number {
        0..=250 => bytes.push(little[0]),
        251..=0xFFFF => bytes.extend_from_slice(&[251, little[0], little[1]]),
        0x1_0000..=0xFFFF_FFFF => {
            bytes.extend_from_slice(&[252, little[0], little[1], little[2], little[3]]);
        }
        _ => {
            bytes.push(253);
            bytes.extend_from_slice(&little);
        }
    }
}

/// The numbers of a head, one after the other.
#[derive(Clone)]
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn next(&mut self) -> Option<u64> {
        match self.byte()? {
            byte @ 0..=250 => Some(byte.into()),
            251 => self.chunk().map(u16::from_le_bytes).map(u64::from),
            252 => self.chunk().map(u32::from_le_bytes).map(u64::from),
            253 => self.chunk().map(u64::from_le_bytes),
            _ => None,
        }
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*chunk)
    }

    /// None unless so many entries with commands stand here, nothing else, and the commands have so many bytes together.
    fn check_entries(mut self, count: u64, length: usize) -> Option<()> {
        let mut bytes = 0_u64;
        for _ in 0..count {
            let (_, payload) = (self.next()?, self.byte()?);
            bytes = bytes.checked_add(self.next()?)?;
            if payload != COMMAND {
                return None;
            }
        }
        (self.0.is_empty() && bytes == length as u64).then_some(())
    }
}

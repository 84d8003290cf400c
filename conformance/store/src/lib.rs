//! # figure2-store
//!
//! The service that clusters run when they are tested: a small map, the same on all servers, whose requests are commands of
//! the log. Simulated clusters (figure2-simulate) and clusters of processes (figure2-processes) share it, so that both are
//! judged by the same clients' histories.
//!
//! It is plain data: a [`Request`] goes into the log and comes out of it, a [`Store`] takes it and says what its client is
//! told, and becomes a snapshot and comes back from one.
//!
//! This crate must not know how a server runs: it depends on no node, no model and no harness. It must not judge what
//! clients saw.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use bytes::Bytes;
use figure2_core::Index;
use figure2_linearizability::Action;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufReader, BufWriter, Read, Write};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub client: u64,
    /// Which of its requests it is; repeated, it keeps the number.
    pub number: u64,
    /// What it is about.
    pub key: String,
    /// What is to be done.
    pub action: Action,
    /// In the log it takes at least so many bytes.
    pub size: u64,
}

/// What a command or a snapshot is filled up with.
const PADDING: u8 = b'~';

/// Fills up to `size` bytes.
fn pad(mut content: Vec<u8>, size: u64) -> Bytes {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if content.len() < size {
        content.resize(size, PADDING);
    }
    content.into()
}

/// What was filled up.
fn unpadded(mut content: &[u8]) -> &[u8] {
    // Most of megabytes goes in steps.
    const STEP: usize = 256;
    while let Some((rest, last)) = content.split_last_chunk::<STEP>()
        && *last == [PADDING; STEP]
    {
        content = rest;
    }
    let end = content.iter().rposition(|byte| *byte != PADDING).map_or(0, |last| last + 1);
    content.get(..end).unwrap_or_default()
}

impl Request {
    /// As it stands in the log: short, unless it is padded, and to be read in a trace. Keys and values have no spaces.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let Request { client, number, key, action, size } = self;
        let action = match action {
            Action::Get => "get".to_owned(),
            Action::Put(text) => format!("put {text}"),
            Action::Append(piece) => format!("append {piece}"),
            Action::Cas { expected: None, new } => format!("cas {new}"),
            Action::Cas { expected: Some(expected), new } => format!("cas {new} {expected}"),
        };
        pad(format!("{client} {number} {key} {action}").into_bytes(), *size)
    }

    /// From the log; none if it is no request.
    #[must_use]
    pub fn decode(command: &[u8]) -> Option<Request> {
        let mut words = str::from_utf8(unpadded(command)).ok()?.split(' ');
        let client = words.next()?.parse().ok()?;
        let number = words.next()?.parse().ok()?;
        let key = words.next()?.to_owned();
        let action = match words.next()? {
            "get" => Action::Get,
            "put" => Action::Put(words.next()?.to_owned()),
            "append" => Action::Append(words.next()?.to_owned()),
            "cas" => {
                let new = words.next()?.to_owned();
                Action::Cas { expected: words.next().map(str::to_owned), new }
            }
            _ => return None,
        };
        let size = command.len() as u64;
        words.next().is_none().then_some(Request { client, number, key, action, size })
    }
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It was done.
    Done,
    /// The value that was read.
    Read(Option<String>),
    /// A compare-and-set found another value.
    Refused,
}

/// The map, and what each client was told last, so that a request which is repeated is not done again (section 8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// The last entry it holds.
    pub applied: Index,
    map: BTreeMap<String, String>,
    sessions: BTreeMap<u64, (u64, Reply)>,
}

impl Store {
    /// From a snapshot.
    ///
    /// # Errors
    /// When it is none of a map.
    pub fn decode(data: &[u8]) -> Result<Store, String> {
        serde_json::from_slice(unpadded(data)).map_err(|error| format!("a snapshot that is no map: {error}"))
    }

    /// From a snapshot that is read as a stream, to its end.
    ///
    /// # Errors
    /// When it is none of a map, or cannot be read.
    pub fn read_from(snapshot: impl Read) -> Result<Store, String> {
        let no_map = |error: &dyn std::fmt::Display| format!("a snapshot that is no map: {error}");
        let mut snapshot = BufReader::new(snapshot);
        let mut values = serde_json::Deserializer::from_reader(&mut snapshot).into_iter();
        let store = values.next().ok_or_else(|| no_map(&"it is empty"))?.map_err(|error| no_map(&error))?;
        drop(values);
        for byte in snapshot.bytes() {
            if byte.map_err(|error| no_map(&error))? != PADDING {
                return Err(no_map(&"something follows it"));
            }
        }
        Ok(store)
    }

    /// Writes it as a snapshot, as a stream.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_to(&self, snapshot: impl Write) -> io::Result<()> {
        let mut snapshot = BufWriter::new(snapshot);
        serde_json::to_writer(&mut snapshot, self)?;
        snapshot.flush()
    }

    /// As a snapshot of at least `size` bytes.
    #[must_use]
    pub fn encode(&self, size: u64) -> Bytes {
        pad(serde_json::to_vec(self).unwrap_or_default(), size)
    }

    /// Takes an entry; the request in it, and what its client is told. With `once` a request that is repeated is not done again.
    ///
    /// # Errors
    /// When it is not the next entry, or no request.
    pub fn apply(&mut self, index: Index, command: &[u8], once: bool) -> Result<(Request, Reply), String> {
        if index != self.applied.next() {
            return Err(format!("the entry at index {index} was handed over after that at {}", self.applied));
        }
        self.applied = index;
        let request = Request::decode(command).ok_or_else(|| format!("index {index}: no request"))?;
        let told = self.sessions.get(&request.client).filter(|(number, _)| once && *number >= request.number);
        if let Some((_, reply)) = told {
            return Ok((request.clone(), reply.clone()));
        }
        let reply = self.perform(&request);
        self.sessions.insert(request.client, (request.number, reply.clone()));
        Ok((request, reply))
    }

    /// What this client was told of this request, if it was its last one.
    #[must_use]
    pub fn told(&self, client: u64, number: u64) -> Option<Reply> {
        self.sessions.get(&client).filter(|(last, _)| *last == number).map(|(_, reply)| reply.clone())
    }

    /// What a read finds.
    #[must_use]
    pub fn read(&self, key: &str) -> Option<String> {
        self.map.get(key).cloned()
    }

    fn perform(&mut self, request: &Request) -> Reply {
        let Request { key, action, .. } = request;
        match action {
            Action::Get => return Reply::Read(self.read(key)),
            Action::Put(text) => {
                self.map.insert(key.clone(), text.clone());
            }
            Action::Append(piece) => self.map.entry(key.clone()).or_default().push_str(piece),
            Action::Cas { expected, new } => {
                if self.map.get(key) != expected.as_ref() {
                    return Reply::Refused;
                }
                self.map.insert(key.clone(), new.clone());
            }
        }
        Reply::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(number: u64, action: Action) -> Bytes {
        Request { client: 1, number, key: "x".into(), action, size: 0 }.encode()
    }

    #[test]
    fn a_request_is_read_back_from_the_log() {
        let cas =
            |expected: Option<&str>| Action::Cas { expected: expected.map(str::to_owned), new: "c".into() };
        for action in
            [Action::Get, Action::Put("a".into()), Action::Append("b".into()), cas(None), cas(Some("d"))]
        {
            for size in [0, 100, 1000] {
                let request = Request { client: 1, number: 2, key: "x".into(), action: action.clone(), size };
                let encoded = request.encode();
                assert!(encoded.len() as u64 >= size && (size == 0 || encoded.len() as u64 == size));
                assert_eq!(
                    Request::decode(&encoded),
                    Some(Request { size: encoded.len() as u64, ..request })
                );
            }
        }
        for damaged in ["", "1 2 x", "1 2 x gets", "1 2 x get a", "one 2 x get", "1 2 x put"] {
            assert_eq!(Request::decode(damaged.as_bytes()), None, "{damaged}");
        }
    }

    #[test]
    fn a_repeated_request_is_answered_again_and_done_once() {
        let mut store = Store::default();
        let append = request(1, Action::Append("a".into()));
        for index in 1..=2 {
            let (_, reply) = store.apply(Index(index), &append, true).unwrap();
            assert_eq!(reply, Reply::Done);
        }
        let (_, reply) = store.apply(Index(3), &request(2, Action::Get), true).unwrap();
        assert_eq!(reply, Reply::Read(Some("a".into())));
        for size in [0, 5000] {
            let snapshot = store.encode(size);
            assert_eq!(Store::decode(&snapshot).as_ref(), Ok(&store));
            assert_eq!(Store::read_from(&*snapshot).as_ref(), Ok(&store));
        }
        let mut written = Vec::new();
        store.write_to(&mut written).unwrap();
        assert_eq!(written, store.encode(0));
        written.push(b'x');
        assert!(Store::read_from(&*written).unwrap_err().contains("something follows it"));
        assert_eq!(store.encode(5000).len(), 5000);
    }

    #[test]
    fn a_compare_and_set_that_finds_another_value_changes_nothing() {
        let mut store = Store::default();
        let cas = request(1, Action::Cas { expected: Some("b".into()), new: "c".into() });
        assert_eq!(store.apply(Index(1), &cas, true).unwrap().1, Reply::Refused);
        assert_eq!(store.read("x"), None);
    }

    #[test]
    fn a_gap_a_strange_command_and_a_damaged_snapshot_are_told() {
        let mut store = Store::default();
        assert!(store.apply(Index(2), &request(1, Action::Get), true).unwrap_err().contains("index 2"));
        assert!(store.apply(Index(1), b"?", true).unwrap_err().contains("no request"));
        assert!(Store::decode(b"?").unwrap_err().contains("snapshot"));
        for damaged in [&b""[..], b"?", b"{\"applied\":1"] {
            assert!(Store::read_from(damaged).unwrap_err().contains("snapshot"));
        }
    }
}

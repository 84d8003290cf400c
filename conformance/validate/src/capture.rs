//! The format of a capture: the events of recorded nodes as they were emitted, each with its server and its time.
//! Encoding an event as a line of JSON costs several times as much as emitting it, so that is done when the trace is
//! read.
//!
//! A capture is [`CAPTURE`], the moment at which it began (as in the [`Header`]), and records; numbers are
//! little-endian. A record is the length of its event (4 bytes), the server (1), the node (8), the microseconds since
//! the beginning (8) and the event. The last one has [`END`] in place of the length, and the number of records (8).
//! Without it, the capture is cut off.

use super::convert::ToTrace as _;
use figure2::record;
use figure2_trace::{CAPTURE, End, Event, FORMAT, Header, Line, Shown, VERSION};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write as _};

/// In the place of a length: nothing follows.
const END: u32 = u32::MAX;
/// Bytes of a record before its event.
const HEAD: usize = 21;

/// How a capture begins that began at so many microseconds since 1970, or 0.
pub(super) fn beginning(began: u64) -> Vec<u8> {
    let mut bytes = CAPTURE.to_vec();
    bytes.extend_from_slice(&began.to_le_bytes());
    bytes
}

/// Appends a record. An event longer than 4 GB cannot be one: the trace will lack it, and say so.
pub(super) fn append(bytes: &mut Vec<u8>, node: u64, server: u8, at: u64, event: &[u8]) {
    let Some(length) = u32::try_from(event.len()).ok().filter(|length| *length != END) else { return };
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.push(server);
    bytes.extend_from_slice(&node.to_le_bytes());
    bytes.extend_from_slice(&at.to_le_bytes());
    bytes.extend_from_slice(event);
}

/// The end of a capture with so many records.
pub(super) fn ending(records: u64) -> Vec<u8> {
    let mut bytes = END.to_le_bytes().to_vec();
    bytes.extend_from_slice(&records.to_le_bytes());
    bytes
}

/// A capture, read as the lines of a trace.
pub(super) struct Lines<R> {
    from: R,
    writer: Writer,
    /// Of the writer's text, how much was read.
    read: usize,
    event: Vec<u8>,
    over: bool,
}

impl<R: Read> Lines<R> {
    /// Of what stands behind [`CAPTURE`].
    pub(super) fn new(mut from: R) -> io::Result<Lines<R>> {
        let began = u64::from_le_bytes(array(&mut from)?);
        Ok(Lines { from, writer: Writer::new(began), read: 0, event: Vec::new(), over: false })
    }

    /// Makes the next record a line, or the end the last one. Where the capture is cut off, nothing more comes.
    fn advance(&mut self) -> io::Result<()> {
        self.writer.text.clear();
        self.read = 0;
        let result = match array(&mut self.from).map(u32::from_le_bytes) {
            Ok(END) => self.end(),
            Ok(length) => self.record(length),
            Err(error) => Err(error),
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.over = true;
                Ok(())
            }
            other => other,
        }
    }

    fn record(&mut self, length: u32) -> io::Result<()> {
        let head: [u8; HEAD - 4] = array(&mut self.from)?;
        let (server, numbers) = head.split_first().ok_or(io::ErrorKind::UnexpectedEof)?;
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
        let (node, at) = numbers.split_at(8);
        self.event.clear();
        // Not all at once: a damaged length must not ask for gigabytes.
        let got = self.from.by_ref().take(length.into()).read_to_end(&mut self.event)?;
        if got < length as usize {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.writer.write(number(node), *server, number(at), &self.event)
    }

    fn end(&mut self) -> io::Result<()> {
        let counted = u64::from_le_bytes(array(&mut self.from)?);
        self.over = true;
        if self.from.read(&mut [0])? > 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the capture goes on behind its end"));
        }
        self.writer.end(counted)
    }
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl<R: Read> BufRead for Lines<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.read == self.writer.text.len() && !self.over {
            self.advance()?;
        }
        Ok(self.writer.text.get(self.read..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.read = (self.read + amount).min(self.writer.text.len());
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let amount = ready.len().min(into.len());
        into[..amount].copy_from_slice(&ready[..amount]);
        self.consume(amount);
        Ok(amount)
    }
}

/// Turns events into lines.
struct Writer {
    text: Vec<u8>,
    began: u64,
    lines: u64,
    /// How often each server was started.
    runs: BTreeMap<u8, u32>,
    /// For each node, its run and the number of its last line.
    nodes: BTreeMap<u64, (u32, u64)>,
}

impl Writer {
    fn new(began: u64) -> Self {
        Writer { text: Vec::new(), began, lines: 0, runs: BTreeMap::new(), nodes: BTreeMap::new() }
    }

    fn write(&mut self, node: u64, server: u8, at: u64, event: &[u8]) -> io::Result<()> {
        let event: record::Event<Shown<'_>, Shown<'_>> = record::decode(event).map_err(io::Error::other)?;
        let event = event.to_trace();
        if let (0, Event::Start { config, .. }) = (self.lines, &event) {
            let format = FORMAT.to_owned();
            let (servers, began) = (config.servers, self.began);
            let header = Header { format, version: VERSION, servers, began, on_their_way: Vec::new() };
            serde_json::to_writer(&mut self.text, &header)?;
            self.text.push(b'\n');
        }
        let runs = &mut self.runs;
        let (run, seq) = self.nodes.entry(node).or_insert_with(|| {
            let run = runs.entry(server).or_default();
            *run += 1;
            (*run, 0)
        });
        *seq += 1;
        let line = Line { server, run: *run, seq: *seq, at, event };
        serde_json::to_writer(&mut self.text, &line)?;
        self.text.push(b'\n');
        self.lines += 1;
        Ok(())
    }

    /// A capture without events has no lines either.
    fn end(&mut self, counted: u64) -> io::Result<()> {
        if counted > 0 {
            serde_json::to_writer(&mut self.text, &End { end: counted })?;
            self.text.write_all(b"\n")?;
        }
        Ok(())
    }
}

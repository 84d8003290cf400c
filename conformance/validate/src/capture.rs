//! The format of a capture: the events of recorded nodes as they were emitted, each with its server and its time.
//! Encoding an event as a line of JSON costs several times as much as emitting it, so that is done when the trace is
//! read.
//!
//! A capture is one file or several, its *pieces* ([`pieces`](super::pieces)). Numbers are little-endian. A file begins
//! with [`CAPTURE`] (8 bytes), the version of this format (4, [`VERSION`](CAPTURE_VERSION)), the moment at which the
//! recording began (8, as in the [`Header`]), the number of the piece (8, from 1), and how many records stand in the
//! pieces before it (8). Records follow. A record is the length of its event (4), the server (1), the node (8), the
//! microseconds since the beginning (8) and the event. Where a file ends there is a mark: in the place of a length
//! [`END`], or [`GOES_ON`] if another piece follows; and the number of all records so far (8). Without it, the capture is
//! cut off.

use super::convert::ToTrace as _;
use figure2::record;
use figure2_trace::{CAPTURE, End, Event, FORMAT, Header, Line, Shown, VERSION};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write as _};

/// The version of this format. It counts apart from the text's, and from the versions of what nodes send and save.
pub(super) const CAPTURE_VERSION: u32 = 2;
/// In the place of a length: nothing follows.
const END: u32 = u32::MAX;
/// In the place of a length: the next piece follows.
const GOES_ON: u32 = u32::MAX - 1;
/// Bytes of a record before its event.
const HEAD: usize = 21;

/// Bytes before the first record of a file, and of the mark at its end.
pub(super) const BEGINNING: u64 = 36;
pub(super) const MARK: u64 = 12;

/// How a file begins: the moment at which the recording began, in microseconds since 1970 or 0, the number of the piece,
/// and how many records are before it.
pub(super) fn beginning(began: u64, piece: u64, records: u64) -> Vec<u8> {
    let mut bytes = CAPTURE.to_vec();
    bytes.extend_from_slice(&CAPTURE_VERSION.to_le_bytes());
    for number in [began, piece, records] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes
}

/// Appends a record. An event longer than 4 GB cannot be one: the trace will lack it, and say so.
pub(super) fn append(bytes: &mut Vec<u8>, node: u64, server: u8, at: u64, event: &[u8]) {
    let Some(length) = u32::try_from(event.len()).ok().filter(|length| *length < GOES_ON) else { return };
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.push(server);
    bytes.extend_from_slice(&node.to_le_bytes());
    bytes.extend_from_slice(&at.to_le_bytes());
    bytes.extend_from_slice(event);
}

/// A record, as it stands in a capture.
pub(super) struct Record<'a> {
    pub(super) node: u64,
    pub(super) server: u8,
    pub(super) at: u64,
    pub(super) event: &'a [u8],
}

/// The records that stand one behind the other; it ends before one that is not whole.
pub(super) fn records(mut bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk()?;
        let (server, rest) = rest.split_first()?;
        let (node, rest) = rest.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (event, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        bytes = rest;
        Some(Record { node: u64::from_le_bytes(*node), server: *server, at: u64::from_le_bytes(*at), event })
    })
}

/// The end of a capture with so many records.
pub(super) fn ending(records: u64) -> Vec<u8> {
    mark(END, records)
}

/// The end of a piece that another one follows.
pub(super) fn going_on(records: u64) -> Vec<u8> {
    mark(GOES_ON, records)
}

fn mark(mark: u32, records: u64) -> Vec<u8> {
    let mut bytes = mark.to_le_bytes().to_vec();
    bytes.extend_from_slice(&records.to_le_bytes());
    bytes
}

/// How many bytes of whole records fit into so much room, and how many records these are. With `one_at_least`, the first
/// does in any case.
pub(super) fn fitting(records: &[u8], room: u64, one_at_least: bool) -> (usize, u64) {
    let (mut bytes, mut count) = (0, 0);
    while let Some(length) = records.get(bytes..).and_then(|rest| rest.first_chunk()) {
        let next = bytes + HEAD + u32::from_le_bytes(*length) as usize;
        if next as u64 > room && (count > 0 || !one_at_least) {
            break;
        }
        (bytes, count) = (next, count + 1);
    }
    (bytes.min(records.len()), count)
}

/// Opens the piece that follows; none if there is none.
pub(super) type Following<R> = Box<dyn FnMut() -> io::Result<Option<R>> + Send>;

/// A capture, read as the lines of a trace.
pub(super) struct Lines<R> {
    from: R,
    following: Following<R>,
    writer: Writer,
    began: u64,
    piece: u64,
    /// How many records were read, and were in the pieces that are not there.
    records: u64,
    removed: u64,
    /// Of the writer's text, how much was read.
    read: usize,
    event: Vec<u8>,
    over: bool,
}

impl<R: Read> Lines<R> {
    /// Of a capture's first piece that is there.
    pub(super) fn new(from: R, following: Following<R>) -> io::Result<Lines<R>> {
        let (began, piece, records) = (0, 1, 0);
        let writer = Writer::default();
        let (read, event, over) = (0, Vec::new(), false);
        let mut lines =
            Lines { from, following, writer, began, piece, records, removed: 0, read, event, over };
        match lines.begin() {
            // The process was killed before it wrote anything else.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => lines.over = true,
            Err(error) => return Err(error),
            Ok((began, piece, records)) => {
                (lines.began, lines.piece, lines.records) = (began, piece, records);
                lines.removed = records;
                lines.writer.began = began;
                lines.writer.begins_late = piece > 1;
            }
        }
        Ok(lines)
    }

    /// Whether the oldest pieces are not there.
    pub(super) fn begins_late(&self) -> bool {
        self.writer.begins_late
    }

    /// The beginning of a file.
    fn begin(&mut self) -> io::Result<(u64, u64, u64)> {
        let magic: [u8; CAPTURE.len()] = array(&mut self.from)?;
        if magic != CAPTURE {
            return Err(invalid("a piece of the recording is not a capture".into()));
        }
        let version = u32::from_le_bytes(array(&mut self.from)?);
        if version != CAPTURE_VERSION {
            return Err(invalid(format!(
                "the capture has version {version}; this program reads version {CAPTURE_VERSION}: print it as text with \
                 the release of figure2 that recorded it (figure2 trace FILE), or record the run again with this one"
            )));
        }
        let mut number = || array(&mut self.from).map(u64::from_le_bytes);
        Ok((number()?, number()?, number()?))
    }

    /// Makes the next record a line, or the end the last one. Where the capture is cut off, nothing more comes.
    fn advance(&mut self) -> io::Result<()> {
        self.writer.text.clear();
        self.read = 0;
        let result = match array(&mut self.from).map(u32::from_le_bytes) {
            Ok(END) => self.end(),
            Ok(GOES_ON) => self.go_on(),
            Ok(length) => self.record(length),
            Err(error) => Err(error),
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.is_cut_off(),
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
        self.records += 1;
        self.writer.write(number(node), *server, number(at), &self.event)
    }

    /// A piece may end in the middle of a record only if it is the last.
    fn is_cut_off(&mut self) -> io::Result<()> {
        self.over = true;
        match (self.following)()? {
            None => Ok(()),
            Some(_) => {
                Err(invalid(format!("piece {} of the recording is cut off, and more follow it", self.piece)))
            }
        }
    }

    /// The mark at the end of a piece, and the beginning of the next.
    fn go_on(&mut self) -> io::Result<()> {
        self.counted()?;
        let Some(next) = (self.following)()? else {
            // The process was killed before it made the next file.
            self.over = true;
            return Ok(());
        };
        self.from = next;
        let due = (self.began, self.piece + 1, self.records);
        let (began, piece, records) = self.begin()?;
        if piece != due.1 {
            return Err(invalid(format!("piece {} of the recording is missing", due.1)));
        }
        if (began, records) != (due.0, due.2) {
            return Err(invalid(format!(
                "piece {piece} does not follow the one before it: it is of another recording, or records are missing \
                 ({records} should be before it, and {} are)",
                due.2
            )));
        }
        self.piece = piece;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let counted = self.counted()?;
        self.over = true;
        if (self.following)()?.is_some() {
            return Err(invalid(format!("piece {} ends the recording, and more follow it", self.piece)));
        }
        self.writer.end(counted - self.removed.min(counted))
    }

    /// The number in a mark, behind which the file is over.
    fn counted(&mut self) -> io::Result<u64> {
        let counted = u64::from_le_bytes(array(&mut self.from)?);
        if self.from.read(&mut [0])? > 0 {
            return Err(invalid("the capture goes on behind its end".into()));
        }
        Ok(counted)
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
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
#[derive(Default)]
struct Writer {
    text: Vec<u8>,
    began: u64,
    lines: u64,
    /// Nodes may have started in pieces that are not there. Such a node's events are left out.
    begins_late: bool,
    left_out: u64,
    numbers: Numbers,
}

/// Numbers the lines of each node.
#[derive(Default)]
pub(super) struct Numbers {
    /// How often each server was started.
    runs: BTreeMap<u8, u32>,
    /// For each node, its run and the number of its last line.
    nodes: BTreeMap<u64, (u32, u64)>,
}

impl Numbers {
    /// Of a node of this server, the run and the number of its next line.
    pub(super) fn next(&mut self, node: u64, server: u8) -> (u32, u64) {
        let runs = &mut self.runs;
        let (run, seq) = self.nodes.entry(node).or_insert_with(|| {
            let run = runs.entry(server).or_default();
            *run += 1;
            (*run, 0)
        });
        *seq += 1;
        (*run, *seq)
    }
}

impl Writer {
    fn write(&mut self, node: u64, server: u8, at: u64, event: &[u8]) -> io::Result<()> {
        let event: record::Event<Shown<'_>, Shown<'_>> = record::decode(event).map_err(io::Error::other)?;
        let event = event.to_trace();
        let is_start = matches!(event, Event::Start { .. });
        if self.begins_late && !is_start && !self.numbers.nodes.contains_key(&node) {
            self.left_out += 1;
            return Ok(());
        }
        if let (0, Event::Start { config, .. }) = (self.lines, &event) {
            let format = FORMAT.to_owned();
            let (servers, began) = (config.servers, self.began);
            let header = Header { format, version: VERSION, servers, began, on_their_way: Vec::new() };
            serde_json::to_writer(&mut self.text, &header)?;
            self.text.push(b'\n');
        }
        let (run, seq) = self.numbers.next(node, server);
        let line = Line { server, run, seq, at, event };
        serde_json::to_writer(&mut self.text, &line)?;
        self.text.push(b'\n');
        self.lines += 1;
        Ok(())
    }

    /// A capture without events has no lines either.
    fn end(&mut self, counted: u64) -> io::Result<()> {
        let end = counted.saturating_sub(self.left_out);
        if end > 0 {
            serde_json::to_writer(&mut self.text, &End { end })?;
            self.text.write_all(b"\n")?;
        }
        Ok(())
    }
}

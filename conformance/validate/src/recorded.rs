//! A recording in memory.

use super::capture::{self, Lines, Numbers, Record};
use super::convert::ToTrace as _;
use super::instrument::Digest;
use bytes::Bytes;
use figure2::record;
use figure2_trace::{Envelope, Event, Header, Line, Payload, Shown};
use std::fmt;
use std::io::{self, Read as _};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

/// A line whose commands and snapshots stay where the recording has them.
pub(crate) type ShownLine<'a> = Line<Event<Shown<'a>, Shown<'a>>>;

/// The memory of recordings that are over, for those to come: a process that makes one run after the other would else get
/// megabytes from the system for each, page by page.
static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// How many recordings' memory is kept, and how much of each at most, in bytes.
const SPARES: usize = 4;
const LARGEST_SPARE: usize = 64 << 20;

/// Records of a [capture], one behind the other.
#[derive(Default)]
pub(crate) struct Records(Vec<u8>);

impl Records {
    /// Memory for new ones.
    pub(crate) fn reused() -> Vec<u8> {
        SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(crate) fn of(records: Vec<u8>) -> Arc<Records> {
        Arc::new(Records(records))
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        let mut memory = mem::take(&mut self.0);
        let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARES && (1..=LARGEST_SPARE).contains(&memory.capacity()) {
            memory.clear();
            spare.push(memory);
        }
    }
}

/// The events of nodes as they were emitted. To encode them as text costs several times as much as to emit them, so it
/// is done only for who wants it.
#[derive(Clone, Default)]
pub struct Recorded {
    /// As in the header of a trace.
    pub(crate) began: u64,
    pub(crate) records: Arc<Records>,
    /// How many.
    pub(crate) count: u64,
    /// The messages that were on their way when the recording began.
    pub(crate) on_their_way: Vec<Envelope<Bytes, Bytes>>,
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a recording of {} events", self.count)
    }
}

impl Recorded {
    /// The text of the trace (docs/trace-format.md).
    ///
    /// # Errors
    /// When an event is not one of this version's.
    pub fn text(&self) -> io::Result<Vec<u8>> {
        let (beginning, ending) = (capture::beginning(self.began, 1, 0), capture::ending(self.count));
        let all = beginning.as_slice().chain(self.records.0.as_slice()).chain(ending.as_slice());
        let mut lines = Lines::new(all, Box::new(|| Ok(None)))?;
        let mut text = Vec::new();
        lines.read_to_end(&mut text)?;
        self.with_messages(text)
    }

    /// Puts the messages that were on their way into the first line of the text.
    fn with_messages(&self, text: Vec<u8>) -> io::Result<Vec<u8>> {
        let end_of_line =
            text.iter().position(|byte| *byte == b'\n').filter(|_| !self.on_their_way.is_empty());
        let Some((first, rest)) = end_of_line.and_then(|end| text.split_at_checked(end)) else {
            return Ok(text);
        };
        let header: Header = serde_json::from_slice(first)?;
        let form = |content: &Bytes| Payload::of(content);
        let on_their_way = self.on_their_way.iter().map(|sent| sent.shown_as(form, form)).collect();
        let mut whole = serde_json::to_vec(&Header { on_their_way, ..header })?;
        whole.extend_from_slice(rest);
        Ok(whole)
    }

    /// How many events were recorded: each is a line of the text, which has one more before and one after them.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.count
    }

    /// The lines of the trace, without their text.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Result<ShownLine<'_>, String>> {
        let mut numbers = Numbers::default();
        capture::records(&self.records.0).map(move |Record { node, server, at, event }| {
            let event: record::Event<Shown<'_>, Shown<'_>> = record::decode(event)?;
            let (run, seq) = numbers.next(node, server);
            Ok(Line { server, run, seq, at, event: event.to_trace() })
        })
    }

    /// The messages that were on their way, as the lines show messages.
    pub(crate) fn shown_on_their_way(&self) -> Vec<Envelope<Shown<'_>, Shown<'_>>> {
        self.on_their_way.iter().map(|sent| sent.shown_as(|c| Shown::of(c), |s| Shown::of(s))).collect()
    }

    /// A digest of the events. Equal runs have the same, whatever else ran in the process.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut numbers = Numbers::default();
        let mut digest = Digest::default();
        for Record { node, server, at, event } in capture::records(&self.records.0) {
            // The number of a node is unique in the process, so it is another one whenever the node runs.
            let (run, _) = numbers.next(node, server);
            let place = u128::from(at) << 64 | u128::from(run) << 8 | u128::from(server);
            digest.add(&place.to_le_bytes());
            digest.add(event);
        }
        digest.0
    }
}

//! Reads a trace, and refuses one that is not whole.

use crate::v1::{End, FORMAT, Header, Line, VERSION};
use serde::Deserialize;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor};
use std::path::Path;
use std::sync::Arc;

/// The first bytes of a capture: a node's recording as its recorder writes it, before it is made into text. No text
/// begins so.
pub const CAPTURE: [u8; 8] = *b"\0figure2";

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's name.
    pub file: Arc<str>,
    /// The line's number, from 1.
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Why a trace cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct TraceError {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a trace.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It cannot be opened or read.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// Nothing is in it.
    #[error(
        "the trace is empty: was the node made with Options::record, and the recorder's layer installed?"
    )]
    Empty,
    /// It begins with something else.
    #[error(
        "not a trace of nodes: its first line should be a header with \"format\":\"{FORMAT}\" (docs/trace-format.md). figure2 audit reads traces of other programs, too: --from"
    )]
    NotATrace,
    /// It is a capture, not text.
    #[error("a capture, which is not text yet: figure2 trace FILE prints it as text")]
    Capture,
    /// Another version of figure2 wrote it.
    #[error(
        "the trace has version {0}; this program reads version {VERSION}: read it with the release of figure2 that \
         recorded it, or record the run again with this one"
    )]
    Version(u32),
    /// A line is not what the format says.
    #[error("damaged line: {0}")]
    Damaged(serde_json::Error),
    /// A run's lines do not follow each other.
    #[error(
        "server {server}, run {run}: line {expected} of the run should stand here, not {found}: lines are missing, repeated or out of order"
    )]
    Gap {
        /// The server.
        server: u8,
        /// Its run.
        run: u32,
        /// The number that is due.
        expected: u64,
        /// The number that stands there.
        found: u64,
    },
    /// A run begins before the one before it.
    #[error("server {server}: run {expected} should begin here, not {found}: a run is missing")]
    RunMissing {
        /// The server.
        server: u8,
        /// The run that is due.
        expected: u32,
        /// The run that begins.
        found: u32,
    },
    /// The last line is missing, or incomplete.
    #[error("the trace is cut off: its last line does not end it (--cut-off judges what there is)")]
    CutOff,
    /// The last line counts other lines than there are.
    #[error("the last line counts {counted} lines, but there are {found}")]
    Miscounted {
        /// What it says.
        counted: u64,
        /// What there is.
        found: u64,
    },
    /// Something follows the last line.
    #[error("lines follow the one that ends the trace")]
    AfterTheEnd,
}

/// A line as it stands in the file.
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a> {
    /// Its number, from 1.
    pub number: u64,
    /// Its text, without the line feed.
    pub text: &'a [u8],
}

impl<'a> Raw<'a> {
    /// What it says.
    ///
    /// # Errors
    /// When it is not what the format says.
    pub fn parse<E: Deserialize<'a>>(&self) -> Result<Line<E>, Problem> {
        serde_json::from_slice(self.text).map_err(Problem::Damaged)
    }
}

/// Reads the lines of one trace, in constant memory but for the longest line.
pub struct Reader {
    from: Box<dyn BufRead + Send>,
    file: Arc<str>,
    header: Header,
    accept_cut_off: bool,
    begins_late: bool,
    number: u64,
    buffer: Vec<u8>,
    /// How the trace ended; none while it goes on.
    whole: Option<bool>,
}

impl Reader {
    /// Opens a text file. With `accept_cut_off`, a missing end is no error.
    ///
    /// # Errors
    /// When it cannot be read, or does not begin as a trace does.
    pub fn open(path: &Path, accept_cut_off: bool) -> Result<Reader, TraceError> {
        let file: Arc<str> = path.display().to_string().into();
        match File::open(path) {
            Ok(opened) => Reader::of_lines(file, BufReader::with_capacity(1 << 16, opened), accept_cut_off),
            Err(error) => {
                Err(TraceError { place: Place { file, line: 0 }, problem: Problem::Unreadable(error) })
            }
        }
    }

    /// Reads a text in memory, under a name.
    ///
    /// # Errors
    /// When it does not begin as a trace does.
    pub fn of_text(name: &str, text: impl AsRef<[u8]> + Send + 'static) -> Result<Reader, TraceError> {
        Reader::of_lines(name.into(), Cursor::new(text), false)
    }

    /// Reads lines from anywhere, under a name. With `accept_cut_off`, a missing end is no error, not even if there is no
    /// line at all.
    ///
    /// # Errors
    /// When they cannot be read, or do not begin as a trace does.
    pub fn of_lines(
        file: Arc<str>,
        mut from: impl BufRead + Send + 'static,
        accept_cut_off: bool,
    ) -> Result<Reader, TraceError> {
        let mut buffer = Vec::new();
        let (header, whole) = match first_line(&mut from, &mut buffer) {
            Ok(header) => (header, None),
            // Its process was killed before the first line was written.
            Err(Problem::Empty | Problem::CutOff) if accept_cut_off => (unknown_header(), Some(false)),
            Err(problem) => return Err(TraceError { place: Place { file, line: 1 }, problem }),
        };
        let from = Box::new(from);
        Ok(Reader { from, file, header, accept_cut_off, begins_late: false, number: 1, buffer, whole })
    }

    /// The same, of a recording whose oldest part was removed: servers may have been running when it begins, and no line
    /// tells what they did before.
    #[must_use]
    pub fn that_begins_late(self) -> Reader {
        Reader { begins_late: true, ..self }
    }

    /// Whether the oldest part of the recording was removed.
    #[must_use]
    pub fn begins_late(&self) -> bool {
        self.begins_late
    }

    /// The first line.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The file's name.
    #[must_use]
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Whether the trace had its end; false before the end was reached.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.whole == Some(true)
    }

    /// The next line; none after the last.
    ///
    /// # Errors
    /// When the file cannot be read or the trace is not whole.
    pub fn next_line(&mut self) -> Result<Option<Raw<'_>>, TraceError> {
        if self.whole.is_some() {
            return Ok(None);
        }
        self.read()?;
        let has_feed = self.buffer.pop_if(|last| *last == b'\n').is_some();
        if !has_feed || self.buffer.starts_with(br#"{"end":"#) {
            self.end(has_feed)?;
            return Ok(None);
        }
        Ok(Some(Raw { number: self.number, text: &self.buffer }))
    }

    /// The error that names the present line.
    #[must_use]
    pub fn error(&self, problem: Problem) -> TraceError {
        TraceError { place: Place { file: self.file.clone(), line: self.number }, problem }
    }

    fn read(&mut self) -> Result<(), TraceError> {
        self.buffer.clear();
        self.number += 1;
        match self.from.read_until(b'\n', &mut self.buffer) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.error(Problem::Unreadable(error))),
        }
    }

    /// At the line that should end the trace, or where the file ends.
    fn end(&mut self, has_feed: bool) -> Result<(), TraceError> {
        let found = self.number - 2;
        if !has_feed {
            if self.accept_cut_off {
                self.whole = Some(false);
                return Ok(());
            }
            let nothing = found == 0 && self.buffer.is_empty();
            return Err(self.error(if nothing { Problem::Empty } else { Problem::CutOff }));
        }
        let End { end: counted } =
            serde_json::from_slice(&self.buffer).map_err(|error| self.error(Problem::Damaged(error)))?;
        if counted != found {
            return Err(self.error(Problem::Miscounted { counted, found }));
        }
        if found == 0 {
            return Err(self.error(Problem::Empty));
        }
        self.read()?;
        if !self.buffer.is_empty() {
            return Err(self.error(Problem::AfterTheEnd));
        }
        self.whole = Some(true);
        Ok(())
    }
}

/// Whether this is the beginning of a first line.
fn is_half(line: &[u8]) -> bool {
    let whole = format!("{{\"format\":\"{FORMAT}\",");
    !line.ends_with(b"\n") && (line.starts_with(whole.as_bytes()) || whole.as_bytes().starts_with(line))
}

/// That of a file whose first line is not there.
fn unknown_header() -> Header {
    Header { format: FORMAT.to_owned(), version: VERSION, servers: 0, began: 0, on_their_way: Vec::new() }
}

/// Whether a file that begins so is the text of a trace, of whatever version.
#[must_use]
pub fn is_trace(beginning: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Beginning {
        format: String,
    }
    let line = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<Beginning>(line).is_ok_and(|header| header.format == FORMAT)
}

fn first_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> Result<Header, Problem> {
    if from.fill_buf().map_err(Problem::Unreadable)?.starts_with(&CAPTURE) {
        return Err(Problem::Capture);
    }
    from.read_until(b'\n', line).map_err(Problem::Unreadable)?;
    header(line)
}

fn header(line: &[u8]) -> Result<Header, Problem> {
    #[derive(Deserialize)]
    struct Beginning {
        format: String,
        version: u32,
    }
    if line.is_empty() {
        return Err(Problem::Empty);
    }
    match serde_json::from_slice::<Beginning>(line) {
        Ok(Beginning { format, version }) if format == FORMAT => {
            if version != VERSION {
                return Err(Problem::Version(version));
            }
        }
        _ if is_half(line) => return Err(Problem::CutOff),
        _ => return Err(Problem::NotATrace),
    }
    serde_json::from_slice(line).map_err(Problem::Damaged)
}

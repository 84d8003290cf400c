//! Traces from files, whether they are text or captures.

use super::capture::{Following, Lines};
use super::pieces::Pieces;
use figure2_trace::{CAPTURE, Place, Problem, Reader, TraceError};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read as _};
use std::path::Path;
use std::sync::Arc;

/// Opens a trace: a file, or the pieces of a recording ([`Rotation`](super::Rotation)) by their common name. With
/// `accept_cut_off`, a missing end is no error.
///
/// # Errors
/// When it cannot be read, or does not begin as a trace does.
pub fn open(path: &Path, accept_cut_off: bool) -> Result<Reader, TraceError> {
    let file: Arc<str> = path.display().to_string().into();
    match opened(path) {
        Ok(lines) => reader(file, lines, accept_cut_off),
        Err(error) => Err(unreadable(file, 0, error)),
    }
}

/// Reads a trace in memory, under a name.
///
/// # Errors
/// When it does not begin as a trace does.
pub fn of_bytes(name: &str, bytes: impl AsRef<[u8]> + Send + 'static) -> Result<Reader, TraceError> {
    match lines(Cursor::new(bytes), Box::new(|| Ok(None))) {
        Ok(lines) => reader(name.into(), lines, false),
        Err(error) => Err(unreadable(name.into(), 1, error)),
    }
}

/// The text of a trace file, whether it is text or a capture. Nothing but the form of a capture is checked.
///
/// # Errors
/// When the file cannot be read.
pub fn text_of(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    Ok(opened(path)?.lines)
}

/// Whether a file that begins so is a trace of nodes, of whatever version: a capture, or text with the header's format.
#[must_use]
pub fn is_recording(beginning: &[u8]) -> bool {
    beginning.starts_with(&CAPTURE) || figure2_trace::is_trace(beginning)
}

/// The beginning of a trace, of at most so many bytes: of its first piece that is there, if it has pieces.
///
/// # Errors
/// When it cannot be read.
pub fn beginning_of(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut beginning = Vec::new();
    let (file, _) = first(path)?;
    file.take(most).read_to_end(&mut beginning)?;
    Ok(beginning)
}

/// The text of a trace, and whether the oldest pieces of the recording are not there.
struct Opened {
    lines: Box<dyn BufRead + Send>,
    begins_late: bool,
}

fn reader(file: Arc<str>, opened: Opened, accept_cut_off: bool) -> Result<Reader, TraceError> {
    let Opened { lines, begins_late } = opened;
    let reader = Reader::of_lines(file, lines, accept_cut_off)?;
    Ok(if begins_late { reader.that_begins_late() } else { reader })
}

fn opened(path: &Path) -> io::Result<Opened> {
    let (file, following) = first(path)?;
    lines(file, following)
}

/// The file of a trace, or the first of its pieces, and those that follow.
fn first(path: &Path) -> io::Result<(BufReader<File>, Following<BufReader<File>>)> {
    let not_found = match File::open(path) {
        Ok(file) => return Ok((BufReader::with_capacity(1 << 16, file), Box::new(|| Ok(None)))),
        Err(error) => error,
    };
    let pieces = Pieces::find(path).ok().flatten();
    let Some(mut pieces) = pieces.filter(|_| not_found.kind() == io::ErrorKind::NotFound) else {
        return Err(not_found);
    };
    let Some(file) = pieces.next()? else { return Err(not_found) };
    Ok((file, Box::new(move || pieces.next())))
}

/// The lines of a trace, of its text or of a capture.
fn lines<R: BufRead + Send + 'static>(mut from: R, following: Following<R>) -> io::Result<Opened> {
    let beginning = from.fill_buf()?;
    // A capture, or what a process left of it that was killed before it had written more.
    if beginning.starts_with(&CAPTURE) || CAPTURE.starts_with(beginning) {
        let lines = Lines::new(from, following)?;
        let begins_late = lines.begins_late();
        return Ok(Opened { lines: Box::new(lines), begins_late });
    }
    Ok(Opened { lines: Box::new(from), begins_late: false })
}

fn unreadable(file: Arc<str>, line: u64, error: io::Error) -> TraceError {
    TraceError { place: Place { file, line }, problem: Problem::Unreadable(error) }
}

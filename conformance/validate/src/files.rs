//! Traces from files, whether they are text or captures.

use super::capture::Lines;
use figure2_trace::{CAPTURE, Place, Problem, Reader, TraceError};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor};
use std::path::Path;
use std::sync::Arc;

/// Opens a trace. With `accept_cut_off`, a missing end is no error.
///
/// # Errors
/// When it cannot be read, or does not begin as a trace does.
pub fn open(path: &Path, accept_cut_off: bool) -> Result<Reader, TraceError> {
    let file: Arc<str> = path.display().to_string().into();
    match File::open(path) {
        Ok(opened) => reader(file, BufReader::with_capacity(1 << 16, opened), accept_cut_off),
        Err(error) => Err(unreadable(file, 0, error)),
    }
}

/// Reads a trace in memory, under a name.
///
/// # Errors
/// When it does not begin as a trace does.
pub fn of_bytes(name: &str, bytes: impl AsRef<[u8]> + Send + 'static) -> Result<Reader, TraceError> {
    reader(name.into(), Cursor::new(bytes), false)
}

/// The text of a trace file, whether it is text or a capture. Nothing but the form of a capture is checked.
///
/// # Errors
/// When the file cannot be read.
pub fn text_of(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    lines(BufReader::with_capacity(1 << 16, File::open(path)?))
}

/// Whether a file that begins so is a trace of nodes, of whatever version: a capture, or text with the header's format.
#[must_use]
pub fn is_recording(beginning: &[u8]) -> bool {
    beginning.starts_with(&CAPTURE) || figure2_trace::is_trace(beginning)
}

fn reader(
    file: Arc<str>,
    from: impl BufRead + Send + 'static,
    accept_cut_off: bool,
) -> Result<Reader, TraceError> {
    match lines(from) {
        Ok(lines) => Reader::of_lines(file, lines, accept_cut_off),
        Err(error) => Err(unreadable(file, 1, error)),
    }
}

/// The lines of a trace, of its text or of a capture.
fn lines(mut from: impl BufRead + Send + 'static) -> io::Result<Box<dyn BufRead + Send>> {
    if from.fill_buf()?.starts_with(&CAPTURE) {
        from.consume(CAPTURE.len());
        return Ok(Box::new(Lines::new(from)?));
    }
    Ok(Box::new(from))
}

fn unreadable(file: Arc<str>, line: u64, error: io::Error) -> TraceError {
    TraceError { place: Place { file, line }, problem: Problem::Unreadable(error) }
}

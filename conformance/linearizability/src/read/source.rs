//! A file read through a window: only what is not parsed yet is in memory, so a history of any length takes the
//! memory of its longest form.

use std::io::{self, Read};

/// So much is read at once; the window grows beyond it only for a form that is longer.
const CHUNK: usize = 256 << 10;

/// The window.
pub(super) struct Source<R> {
    reader: R,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were consumed.
    start: usize,
    /// The line, from 1, at `start`.
    line: u64,
    ended: bool,
    consumed: u64,
    /// Whether what was consumed ends in the middle of a line.
    within_line: bool,
}

impl<R: Read> Source<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), start: 0, line: 1, ended: false, consumed: 0, within_line: false }
    }

    /// What was read and not consumed.
    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Whether the window reaches to the end.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// The line at the window's beginning, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Lines consumed so far, one that is not at its end included.
    pub(super) fn lines(&self) -> u64 {
        self.line - 1 + u64::from(self.within_line)
    }

    /// Bytes consumed so far.
    pub(super) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Reads on: as much again as the window holds, so that reading a long form over and over costs little.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let wanted = self.buffer.len().max(CHUNK) as u64;
        let before = self.buffer.len();
        (&mut self.reader).take(wanted).read_to_end(&mut self.buffer)?;
        self.ended = ((self.buffer.len() - before) as u64) < wanted;
        Ok(())
    }

    /// Goes on behind `bytes` of the window.
    pub(super) fn consume(&mut self, bytes: usize) {
        let consumed = &self.rest()[..bytes];
        let (lines, last) = (newlines(consumed), consumed.last().copied());
        self.line += lines;
        self.within_line = last.map_or(self.within_line, |last| last != b'\n');
        self.start += bytes;
        self.consumed += bytes as u64;
    }

    /// Line and column, in characters from 1, of a place in the window; the column counts from the window's beginning
    /// if the line began before it.
    pub(super) fn place(&self, at: usize) -> (u64, usize) {
        let before = &self.rest()[..at.min(self.rest().len())];
        let line = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        (self.line + newlines(before), String::from_utf8_lossy(&before[line..]).chars().count() + 1)
    }
}

pub(super) fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

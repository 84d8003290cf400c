//! The lines of several files, in one order.

use figure2_trace::{Line, Reader, Sequence, TraceError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Lines of several files in the order of their times; of one file, in its own. If a server has lines in several files, all
/// those of one come before its start in the next, whatever the clocks say: the process of the first was over then.
pub(super) struct Merged<E> {
    sources: Vec<Source<E>>,
    position: u64,
}

struct Source<E> {
    reader: Reader,
    sequence: Sequence,
    /// The servers of which a line was given out.
    begun: BTreeSet<u8>,
    next: Option<(u64, u64, Line<E>)>,
}

/// A line, the place of its file among all, its number there, its time and its place among all lines.
pub(super) struct Next<E> {
    pub(super) source: usize,
    pub(super) file: Arc<str>,
    pub(super) number: u64,
    pub(super) at: u64,
    pub(super) position: u64,
    pub(super) line: Line<E>,
    /// Of the last line of a file: whether the file is whole.
    pub(super) ends: Option<bool>,
}

impl<E: for<'a> serde::Deserialize<'a>> Merged<E> {
    pub(super) fn new(readers: Vec<Reader>) -> Result<Self, TraceError> {
        let mut sources = Vec::new();
        for reader in readers {
            let sequence = Sequence::default();
            let mut source = Source { reader, sequence, begun: BTreeSet::new(), next: None };
            source.advance()?;
            sources.push(source);
        }
        Ok(Merged { sources, position: 0 })
    }

    /// Before the first line is taken: the files without lines.
    pub(super) fn empty(&self) -> Vec<Arc<str>> {
        let empty = self.sources.iter().filter(|source| source.next.is_none());
        empty.map(|source| source.reader.file().clone()).collect()
    }

    pub(super) fn next_line(&mut self) -> Result<Option<Next<E>>, TraceError> {
        let waiting = self.sources.iter().enumerate().filter_map(|(i, source)| {
            let (_, at, line) = source.next.as_ref()?;
            Some((*at, i, line.server))
        });
        let Some((_, earliest, server)) = waiting.min() else { return Ok(None) };
        let is_under_way = |source: &Source<E>| {
            let next = source.next.as_ref().is_some_and(|(_, _, line)| line.server == server);
            next && source.begun.contains(&server)
        };
        let under_way = self.sources.iter().position(is_under_way);
        let place = under_way.unwrap_or(earliest);
        let Some(source) = self.sources.get_mut(place) else { return Ok(None) };
        let Some((number, at, line)) = source.next.take() else { return Ok(None) };
        source.begun.insert(line.server);
        source.advance()?;
        self.position += 1;
        let ends = source.next.is_none().then(|| source.reader.is_whole());
        let file = source.reader.file().clone();
        Ok(Some(Next { source: place, file, number, at, position: self.position, line, ends }))
    }
}

impl<E: for<'a> serde::Deserialize<'a>> Source<E> {
    fn advance(&mut self) -> Result<(), TraceError> {
        let began = self.reader.header().began;
        let parsed = match self.reader.next_line()? {
            None => return Ok(()),
            Some(raw) => raw.parse::<E>().map(|line| (raw.number, line)),
        };
        let (number, line) = parsed.map_err(|problem| self.reader.error(problem))?;
        let followed = self.sequence.follow(line.server, line.run, line.seq);
        followed.map_err(|problem| self.reader.error(problem))?;
        self.next = Some((number, began.saturating_add(line.at), line));
        Ok(())
    }
}

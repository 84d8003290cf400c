//! Judges a recording whose lines are in memory, and need not become text first.

use super::event::{Content, Event, Told as _};
use super::judge::Judge;
use super::merged::Next;
use super::{Report, conclude};
use figure2_trace::{Envelope, InstallSnapshot, Line, Message, v1};
use std::sync::Arc;

/// The audit of one whole recording, line by line. It comes to the verdict that [`audit`](super::audit) comes to from
/// the recording's text.
///
/// The report lacks what stands around violations ([`Report::contexts`]): the lines are not kept.
pub struct InMemory {
    judge: Judge,
    file: Arc<str>,
    cluster: u8,
    began: u64,
    lines: u64,
}

impl InMemory {
    /// Of a recording under a name, of a cluster of so many servers. It began at that moment, as in the header of a trace
    /// (in microseconds), with these messages on their way.
    #[must_use]
    pub fn begin<C, S: AsRef<[u8]>>(
        name: &str,
        servers: u8,
        began: u64,
        on_their_way: &[Envelope<C, S>],
    ) -> InMemory {
        let mut judge = Judge::new(servers, true);
        for envelope in on_their_way {
            if let Message::InstallSnapshot(InstallSnapshot { term, snapshot }) = &envelope.message {
                let last = (snapshot.last_included_index, snapshot.last_included_term);
                judge.logs.is_there(last, Content::of_bytes(snapshot.data.as_ref()), *term);
            }
        }
        InMemory { judge, file: name.into(), cluster: servers, began, lines: 0 }
    }

    /// The next line. Commands and snapshots may have any form of which equal contents have the same, and others do not.
    ///
    /// # Errors
    /// When a number is none that a cluster reaches: then there is no verdict.
    pub fn take<C: AsRef<[u8]>, S: AsRef<[u8]>>(
        &mut self,
        line: &Line<v1::Event<C, S>>,
    ) -> Result<(), serde_json::Error> {
        let Line { server, run, seq, at, event } = line;
        let line = Line { server: *server, run: *run, seq: *seq, at: *at, event: Event::told(event)? };
        self.lines += 1;
        let (file, at, position) = (self.file.clone(), self.began.saturating_add(*at), self.lines);
        // The text has the header before the lines.
        self.judge.take(Next { source: 0, file, number: position + 1, at, position, line, ends: None });
        Ok(())
    }

    /// After the last line.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.judge.finish();
        Report { files: vec![self.file], lines: self.lines, ..conclude(self.judge, self.cluster) }
    }
}

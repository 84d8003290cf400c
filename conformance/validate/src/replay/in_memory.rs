//! Replays one whole recording whose lines are in memory.

use super::{Progress, Rejection, Report, Validator};
use crate::convert::{Content, ToCore as _};
use figure2_trace::{Envelope, Line, Place, v1};
use std::sync::Arc;

/// The validation of one whole recording, line by line. It comes to the verdict that [`validate`](super::validate) comes
/// to from the recording's text.
pub(crate) struct InMemory<P> {
    validator: Validator<P>,
    progress: Progress<P>,
    file: Arc<str>,
    servers: u8,
}

impl<P: Content> InMemory<P> {
    /// Of a recording under a name, of a cluster of so many servers, with messages on their way when it begins.
    pub(crate) fn begin(name: &str, servers: u8, on_their_way: Vec<Envelope<P, P>>) -> InMemory<P> {
        let mut validator = Validator::default();
        validator.counts.files = 1;
        for envelope in on_their_way {
            validator.network.was_sent(&envelope.to_core());
        }
        InMemory { validator, progress: Progress::default(), file: name.into(), servers }
    }

    /// The next line.
    pub(crate) fn take(&mut self, line: Line<v1::Event<P, P>>) -> Result<(), Box<Rejection>> {
        // The text has the header before the lines.
        let place = Place { file: self.file.clone(), line: self.validator.counts.lines + 2 };
        self.validator.line(&mut self.progress, self.servers, place, line)
    }

    /// After the last line.
    pub(crate) fn finish(self) -> Report {
        self.validator.finish()
    }
}

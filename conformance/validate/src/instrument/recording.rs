//! Records a run, and judges the recording at its end.

use crate::{Counts, Recorder, validate};

use bytes::Bytes;
use figure2_audit::{self as audit, audit};
use figure2_trace::{Envelope, Header, Reader, TraceError};
use std::io;
use std::sync::OnceLock;
use tokio::time::Instant;
use tracing::dispatcher::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

/// What the nodes of a run tell.
pub struct Recording {
    recorder: Recorder,
    /// What was on its way when it began.
    on_their_way: Vec<Envelope>,
    /// For the threads on which the nodes run.
    pub dispatch: Dispatch,
}

/// What became of it.
#[derive(Default)]
pub struct Judged {
    /// The trace.
    pub text: Bytes,
    /// What is wrong with the run, if anything is.
    pub wrong: Option<String>,
    /// What was taken again, unless the trace cannot be used.
    pub validated: Option<Counts>,
    /// What the judge saw, unless something was wrong before.
    pub audited: Option<audit::Report>,
}

impl Recording {
    /// Of a cluster that begins with nothing on its way.
    pub fn begin() -> Recording {
        Recording::begin_with(Vec::new())
    }

    /// With these messages on their way. Its clock is the run's own, which begins with the first event.
    pub fn begin_with(on_their_way: Vec<Envelope>) -> Recording {
        let began = OnceLock::new();
        let recorder = Recorder::in_memory(move || began.get_or_init(Instant::now).elapsed());
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(recorder.layer()));
        Recording { recorder, on_their_way, dispatch }
    }

    /// Ends it.
    pub fn judge(self, name: &str) -> Judged {
        let text = self.recorder.into_text().and_then(|text| with_messages(text, self.on_their_way));
        let text = match text {
            Ok(text) => Bytes::from(text),
            Err(error) => return Judged { wrong: Some(error.to_string()), ..Judged::default() },
        };
        let mut judged = Judged { text, ..Judged::default() };
        if let Err(error) = judged.judge(name) {
            judged.wrong = Some(error.to_string());
        }
        judged
    }
}

/// Puts the messages that were on their way into the first line of a trace's text.
fn with_messages(text: Vec<u8>, on_their_way: Vec<Envelope>) -> io::Result<Vec<u8>> {
    let end_of_line = text.iter().position(|byte| *byte == b'\n').filter(|_| !on_their_way.is_empty());
    let Some((first, rest)) = end_of_line.and_then(|end| text.split_at_checked(end)) else { return Ok(text) };
    let header: Header = serde_json::from_slice(first)?;
    let mut whole = serde_json::to_vec(&Header { on_their_way, ..header })?;
    whole.extend_from_slice(rest);
    Ok(whole)
}

impl Judged {
    fn judge(&mut self, name: &str) -> Result<(), TraceError> {
        let text = &self.text;
        let reader = || Reader::of_text(name, text.clone());
        let validated = validate(vec![reader()?])?;
        self.validated = Some(validated.counts);
        if let Some(rejection) = validated.rejection {
            self.wrong = Some(rejection.to_string());
            return Ok(());
        }
        let audited = audit(&|| Ok(vec![reader()?]))?;
        self.wrong = audited.violations.first().map(|violation| {
            format!("{} is violated at {}: {}", violation.property.name(), violation.place, violation.what)
        });
        self.audited = Some(audited);
        Ok(())
    }
}

//! Records a run, and judges the recording at its end.

use crate::replay::InMemory;
use crate::{Counts, Recorded, Recorder, Report, validate};

use bytes::Bytes;
use figure2_audit::{self as audit, audit};
use figure2_trace::{Envelope, Event, Line, Reader, TraceError};
use std::sync::OnceLock;
use tokio::time::Instant;
use tracing::dispatcher::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

/// What the nodes of a run tell.
pub struct Recording {
    recorder: Recorder,
    /// What was on its way when it began.
    on_their_way: Vec<Envelope<Bytes, Bytes>>,
    /// For the threads on which the nodes run.
    pub dispatch: Dispatch,
}

/// What became of it.
#[derive(Default)]
pub struct Judged {
    /// What the nodes told.
    pub recorded: Recorded,
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
    pub fn begin_with(on_their_way: Vec<Envelope<Bytes, Bytes>>) -> Recording {
        let began = OnceLock::new();
        let recorder = Recorder::in_memory(move || began.get_or_init(Instant::now).elapsed());
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(recorder.layer()));
        Recording { recorder, on_their_way, dispatch }
    }

    /// Ends it.
    pub fn judge(self, name: &str) -> Judged {
        let recorded = Recorded { on_their_way: self.on_their_way, ..self.recorder.into_recorded() };
        Judged::of(recorded, name)
    }
}

impl Judged {
    /// Judges a recording. Its text is made, and judged in the place of the events, only where something is wrong with
    /// them: so what is told of a wrong run is what `figure2 validate` and `figure2 audit` tell of its file.
    fn of(recorded: Recorded, name: &str) -> Judged {
        let mut judged = Judged::of_events(recorded, name);
        if let Some(wrong) = judged.wrong {
            judged = Judged::of_text(judged.recorded, name);
            let of_events = || format!("the recording holds as text, but not in memory: {wrong}");
            judged.wrong.get_or_insert_with(of_events);
        }
        judged
    }

    /// Judges the events of a recording as they are, each decoded once.
    #[must_use]
    pub fn of_events(recorded: Recorded, name: &str) -> Judged {
        let mut judged = Judged::default();
        let result = judged.judge_events(&recorded, name);
        judged.end(recorded, result)
    }

    /// Judges the text of a recording.
    #[must_use]
    pub fn of_text(recorded: Recorded, name: &str) -> Judged {
        let mut judged = Judged::default();
        let result = match recorded.text() {
            Ok(text) => judged.judge_text(&text.into(), name).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        judged.end(recorded, result)
    }

    fn end(self, recorded: Recorded, result: Result<(), String>) -> Judged {
        Judged { recorded, wrong: self.wrong.or(result.err()), ..self }
    }

    fn judge_text(&mut self, text: &Bytes, name: &str) -> Result<(), TraceError> {
        let reader = || Reader::of_text(name, text.clone());
        if self.replayed(validate(vec![reader()?])?) {
            self.audited(audit(&|| Ok(vec![reader()?]))?);
        }
        Ok(())
    }

    fn judge_events(&mut self, recorded: &Recorded, name: &str) -> Result<(), String> {
        let mut lines = recorded.lines().peekable();
        let servers = match lines.peek() {
            Some(Ok(Line { event: Event::Start { config, .. }, .. })) => config.servers,
            Some(Ok(_)) => return Err("the first event is not the start of a node".into()),
            Some(Err(error)) => return Err(error.clone()),
            None => return Err("nothing was recorded".into()),
        };
        let on_their_way = recorded.shown_on_their_way();
        let mut audited = audit::InMemory::begin(name, servers, recorded.began, &on_their_way);
        let mut replayed = InMemory::begin(name, servers, on_their_way);
        for line in lines {
            let line = line?;
            audited.take(&line).map_err(|error| error.to_string())?;
            if let Err(rejection) = replayed.take(line) {
                let counts = replayed.finish().counts;
                self.replayed(Report { counts, rejection: Some(*rejection) });
                return Ok(());
            }
        }
        let replayed = replayed.finish();
        let (recorded, found) = (recorded.events(), replayed.counts.lines);
        if recorded != found {
            return Err(format!("{recorded} events were recorded, and {found} are there"));
        }
        if self.replayed(replayed) {
            self.audited(audited.finish());
        }
        Ok(())
    }

    /// Takes in how the replay ended; whether every line can be.
    fn replayed(&mut self, report: Report) -> bool {
        self.validated = Some(report.counts);
        self.wrong = report.rejection.map(|rejection| rejection.to_string());
        self.wrong.is_none()
    }

    fn audited(&mut self, report: audit::Report) {
        self.wrong = report.violations.first().map(|violation| {
            format!("{} is violated at {}: {}", violation.property.name(), violation.place, violation.what)
        });
        self.audited = Some(report);
    }
}

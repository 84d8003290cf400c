//! Every run is recorded, and at its end the recording is judged.

use crate::audit::audit;
use crate::tester::Failure;
use crate::trace::{Reader, Recorder};
use crate::validate::validate;
use std::sync::OnceLock;
use tokio::time::Instant;
use tracing::dispatcher::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

/// What the nodes of a run tell.
pub(super) struct Recording {
    recorder: Recorder,
    /// For the threads on which the nodes run.
    pub(super) dispatch: Dispatch,
}

impl Recording {
    /// Its clock is the test's own, which begins with the first event.
    pub(super) fn begin() -> Recording {
        let began = OnceLock::new();
        let recorder = Recorder::in_memory(move || began.get_or_init(Instant::now).elapsed());
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(recorder.layer()));
        Recording { recorder, dispatch }
    }

    /// Ends it: the trace, and what is wrong with the run, if anything is.
    pub(super) fn judge(self, name: &str) -> (Vec<u8>, Option<Failure>) {
        let failed = |reason: String| Some(Failure::Recording { reason });
        match self.recorder.into_text() {
            Err(error) => (Vec::new(), failed(error.to_string())),
            Ok(text) => {
                let wrong = judge_text(name, &text);
                (text, wrong.and_then(failed))
            }
        }
    }
}

fn judge_text(name: &str, text: &[u8]) -> Option<String> {
    let reader = || Reader::of_text(name, text.to_vec());
    let report = match reader().and_then(|reader| validate(vec![reader])) {
        Ok(report) => report,
        Err(error) => return Some(error.to_string()),
    };
    if let Some(refusal) = report.refusal {
        return Some(refusal.to_string());
    }
    match audit(&|| Ok(vec![reader()?])) {
        Ok(report) => report.violations.first().map(|violation| {
            format!("{} is violated at {}: {}", violation.property.name(), violation.place, violation.what)
        }),
        Err(error) => Some(error.to_string()),
    }
}

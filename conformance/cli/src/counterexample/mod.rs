//! Renders counterexamples for people: a trace from the model as text, as a space-time diagram, as Mermaid, as one
//! HTML page, and as a file that [`replay`](crate::replay_cmd) repeats. The model makes the trace; here it is only
//! drawn.

mod diagram;
mod file;
mod html;
mod mermaid;
mod rulebook;
mod svg;

pub use diagram::diagram;
pub use file::{TraceFile, TraceFileError};
pub use html::html;
pub use mermaid::mermaid;
pub use rulebook::{FIGURE2, ReplayError, find_mutant};
pub use svg::svg;

use anyhow::Context;
use figure2_model::{Counterexample, Fate, Safety, SentMessage, Step, Trace, Witness};
use std::path::Path;

/// A trace, with all that is needed to take its steps again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceReport {
    /// The profile whose cluster took the steps.
    pub profile: String,
    /// The rules it took them by: `figure2`, or a mutant's name.
    pub rules: String,
    /// The profile's bounds, in words.
    pub bounds: String,
    /// Whether there is no shorter way to where the trace ends.
    pub is_shortest: bool,
    /// The properties that the end breaks.
    pub breaks: Vec<Safety>,
    /// The witness that the trace was told to show, if it was told for that.
    pub shows: Option<Witness>,
    /// What happened.
    pub trace: Trace,
}

/// How a trace is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Step by step, in words.
    Text,
    /// A space-time diagram, in characters.
    Diagram,
    /// A Mermaid sequence diagram.
    Mermaid,
    /// A page that plays the steps, in one file that needs no network.
    Html,
    /// The trace file itself.
    Json,
}

impl TraceReport {
    /// The report of a violation that a check found.
    #[must_use]
    pub fn of_violation(
        profile: &figure2_model::Profile,
        rules: &str,
        trace: &Counterexample,
    ) -> TraceReport {
        TraceReport {
            profile: profile.name.clone(),
            rules: rules.to_owned(),
            bounds: profile.bounds.to_string(),
            is_shortest: trace.is_shortest,
            breaks: trace.broken.clone(),
            shows: None,
            trace: trace.trace.clone(),
        }
    }

    /// What the trace is about, in one line.
    #[must_use]
    pub fn headline(&self) -> String {
        match (self.breaks.as_slice(), self.shows) {
            ([], Some(witness)) => format!("Witness: {}", witness.name()),
            ([], None) => "Nothing is broken".to_owned(),
            (broken, _) => format!("Broken: {}", names(broken)),
        }
    }

    /// How long the trace is, and whether it could be shorter.
    #[must_use]
    pub fn length(&self) -> String {
        let steps = self.trace.steps.len();
        let kind = if self.is_shortest { "the shortest there is" } else { "not known to be the shortest" };
        format!("{steps} {}, {kind}", if steps == 1 { "step" } else { "steps" })
    }

    /// Where the trace took place, in one line.
    #[must_use]
    pub fn setting(&self) -> String {
        format!("profile {}, rules {}; {}", self.profile, self.rules, self.bounds)
    }

    /// The trace in a form.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn render(&self, form: Form) -> anyhow::Result<String> {
        let heading = format!("{}\n{}\n{}\n", self.headline(), self.setting(), self.length());
        Ok(match form {
            Form::Text => format!("{heading}\n{}", self.trace),
            Form::Diagram => format!("{heading}\n{}", diagram(&self.trace)),
            Form::Mermaid => mermaid(self),
            Form::Html => html(self),
            Form::Json => TraceFile::of(self).to_json()?,
        })
    }
}

/// Writes to a file, or to stdout when there is none.
///
/// # Errors
/// When the file cannot be written.
pub fn write_out(text: &str, output: Option<&Path>) -> anyhow::Result<()> {
    match output {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
        }
        None => {
            print!("{text}");
            Ok(())
        }
    }
}

/// The names of properties, in one line.
#[must_use]
pub fn names(properties: &[Safety]) -> String {
    properties.iter().map(|safety| safety.name()).collect::<Vec<_>>().join(", ")
}

/// How a message is called in drawings: `m1`, `m2` and so on, in the order in which they were sent.
fn tag(message: usize) -> String {
    format!("m{}", message + 1)
}

/// Messages that one step sent, those that say the same together: their numbers, in order.
fn alike<'a>(trace: &'a Trace, sent: &[usize]) -> Vec<(Vec<usize>, &'a SentMessage)> {
    let mut groups: Vec<(Vec<usize>, &SentMessage)> = Vec::new();
    for number in sent {
        let Some(message) = trace.message(*number) else { continue };
        let same = |other: &SentMessage| {
            (other.from, other.name, &other.content) == (message.from, message.name, &message.content)
        };
        match groups.iter_mut().find(|(_, other)| same(other)) {
            Some((numbers, _)) => numbers.push(*number),
            None => groups.push((vec![*number], message)),
        }
    }
    groups
}

/// What a step did, with its message by number, in a few words.
fn brief(trace: &Trace, step: &Step) -> String {
    match step.message.and_then(|number| Some((number, trace.message(number)?))) {
        Some((number, message)) => {
            format!("{} {}: {} {}", tag(number), step.label.words(), message.name, message.content)
        }
        None => step.label.to_string(),
    }
}

/// In which step each message was sent, by its number; none for those on their way at the start.
fn sent_in(trace: &Trace) -> Vec<Option<usize>> {
    let mut sent = vec![None; trace.messages.len()];
    for (i, step) in trace.steps.iter().enumerate() {
        for number in &step.sent {
            if let Some(place) = sent.get_mut(*number) {
                *place = Some(i);
            }
        }
    }
    sent
}

/// The messages that are on their way at the end: sent, and neither arrived without leaving a copy nor lost.
fn still_on_their_way(trace: &Trace) -> Vec<usize> {
    let gone = |number: usize| {
        trace
            .steps
            .iter()
            .any(|step| step.message == Some(number) && step.label.fate() != Some(Fate::ArrivesAndStays))
    };
    (0..trace.messages.len()).filter(|number| !gone(*number)).collect()
}

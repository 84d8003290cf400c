//! A trace as a file. It names the profile and the rules, and describes each step by its event and by the message's
//! content. So a person can read it, and a step is found again by comparing it with what is possible in the state in
//! which it happened.

use super::TraceReport;
use figure2_core::ServerId;
use figure2_model::{ActionLabel, Command, Fate, LocalEvent, NodeEvent, Safety, Witness};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the field `format` of a trace file says.
const FORMAT: &str = "figure2-trace";

/// The version of the format that is written, and the only one that is read.
const VERSION: u32 = 1;

/// A trace file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceFile {
    format: String,
    version: u32,
    /// The profile whose cluster took the steps.
    pub profile: String,
    /// The rules it took them by.
    pub rules: String,
    /// The profile's bounds, in words.
    pub bounds: String,
    /// The names of the properties that the end breaks.
    pub breaks: Vec<String>,
    /// The name of the witness that the end shows, if the trace was made for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shows: Option<String>,
    /// Whether there is no shorter way to it.
    pub shortest: bool,
    /// The steps.
    pub steps: Vec<FileStep>,
}

/// A step in a trace file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileStep {
    /// What happened.
    pub what: String,
    /// At which server.
    pub server: u8,
    /// With which message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Which command a client gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<u8>,
    /// The records of how many steps became durable, or were kept in a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u8>,
    /// To which server a leader was asked to hand over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u8>,
}

/// Why a trace file cannot be used. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TraceFileError {
    /// Not JSON, or fields are missing, of another type, or unknown.
    #[error("it is not a trace file: {0}; `figure2 check --trace FILE` writes one")]
    Damaged(#[from] serde_json::Error),
    /// Some other JSON.
    #[error("its format is {0:?}, not {FORMAT:?}; `figure2 check --trace FILE` writes the right one")]
    Format(String),
    /// Written by another version.
    #[error(
        "its version is {0}, and this figure2 reads {VERSION}; use the figure2 that wrote it, or check again"
    )]
    Version(u64),
    /// The bounds that are named are not those of the profile.
    #[error(
        "profile {profile} has other bounds now, so the steps mean something else; check again\n  \
         in the file: {file}\n  now:         {now}"
    )]
    Bounds {
        /// The profile.
        profile: String,
        /// The file's bounds.
        file: String,
        /// The profile's bounds.
        now: String,
    },
    /// A property or a witness that does not exist.
    #[error("it speaks of {0:?}, which is none of the model's properties; use the figure2 that wrote it")]
    UnknownProperty(String),
    /// It has nothing to reproduce.
    #[error("it names no property that its steps break or show: there is nothing to reproduce")]
    Pointless,
    /// A step that does not even look like one.
    #[error("step {number}: {problem}")]
    Step {
        /// The step's number, from 1.
        number: usize,
        /// What is wrong, and what is possible.
        problem: String,
    },
}

impl TraceFile {
    /// The file of an report.
    #[must_use]
    pub fn of(report: &TraceReport) -> TraceFile {
        TraceFile {
            format: FORMAT.to_owned(),
            version: VERSION,
            profile: report.profile.clone(),
            rules: report.rules.clone(),
            bounds: report.bounds.clone(),
            breaks: report.breaks.iter().map(|safety| safety.name().to_owned()).collect(),
            shows: report.shows.map(|witness| witness.name().to_owned()),
            shortest: report.is_shortest,
            steps: report.trace.steps.iter().map(|step| FileStep::of(&step.label)).collect(),
        }
    }

    /// The file's text: JSON.
    ///
    /// # Errors
    /// Those of the encoder, which has none for what is in here.
    pub fn to_json(&self) -> Result<String, TraceFileError> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The line of the file's text in which each step says what happened, from 1.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn lines_of_steps(&self) -> Result<Vec<usize>, TraceFileError> {
        let text = self.to_json()?;
        // In JSON a string has no line break, so only a field begins a line like this, and only steps have it.
        let says_what = |(_, line): &(usize, &str)| line.trim_start().starts_with("\"what\": ");
        Ok((1..).zip(text.lines()).filter(says_what).map(|(number, _)| number).collect())
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// When it is no trace file of this version, names unknown properties, or has steps that make no sense anywhere.
    pub fn from_json(text: &str) -> Result<TraceFile, TraceFileError> {
        // Format and version come first: a file of another version may well have other fields.
        let value: serde_json::Value = serde_json::from_str(text)?;
        if let Some(format) = value.get("format").filter(|format| *format != FORMAT) {
            return Err(TraceFileError::Format(format.as_str().unwrap_or("not a name").to_owned()));
        }
        if let Some(version) = value.get("version").and_then(serde_json::Value::as_u64)
            && version != u64::from(VERSION)
        {
            return Err(TraceFileError::Version(version));
        }
        let file: TraceFile = serde_json::from_value(value)?;
        file.expected_breaks()?;
        file.expected_witness()?;
        if file.breaks.is_empty() && file.shows.is_none() {
            return Err(TraceFileError::Pointless);
        }
        file.labels()?;
        Ok(file)
    }

    /// The properties that the end is said to break.
    ///
    /// # Errors
    /// When one does not exist.
    pub fn expected_breaks(&self) -> Result<Vec<Safety>, TraceFileError> {
        let find = |name: &String| Safety::ALL.into_iter().find(|safety| safety.name() == name);
        self.breaks
            .iter()
            .map(|name| find(name).ok_or_else(|| TraceFileError::UnknownProperty(name.clone())))
            .collect()
    }

    /// The witness that the end is said to show.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn expected_witness(&self) -> Result<Option<Witness>, TraceFileError> {
        let find = |name: &String| Witness::ALL.into_iter().find(|witness| witness.name() == name);
        let known = |name| find(name).ok_or_else(|| TraceFileError::UnknownProperty(name.clone()));
        self.shows.as_ref().map(known).transpose()
    }

    /// The steps, as the model knows them.
    ///
    /// # Errors
    /// When one is nothing that can happen anywhere.
    pub fn labels(&self) -> Result<Vec<ActionLabel>, TraceFileError> {
        let steps = (1..).zip(&self.steps);
        steps
            .map(|(number, step)| step.label().map_err(|problem| TraceFileError::Step { number, problem }))
            .collect()
    }
}

impl FileStep {
    fn of(label: &ActionLabel) -> FileStep {
        let (command, records) = match label {
            ActionLabel::Node(_, NodeEvent::ClientRequest(command)) => (Some(command.0), None),
            ActionLabel::Node(_, NodeEvent::Crash(records @ 1..) | NodeEvent::Write(records)) => {
                (None, Some(*records))
            }
            _ => (None, None),
        };
        let to = match label {
            ActionLabel::Node(_, NodeEvent::TransferLeadership(to)) => Some(to.0),
            _ => None,
        };
        FileStep {
            what: label.words().to_owned(),
            server: label.server().0,
            message: label.message().map(str::to_owned),
            command,
            records,
            to,
        }
    }

    fn label(&self) -> Result<ActionLabel, String> {
        let FileStep { what, server, message, command, records, to } = self;
        if let Some(fate) = Fate::ALL.into_iter().find(|fate| fate.words() == what) {
            let message = message.clone().ok_or_else(|| format!("{what:?} needs a message"))?;
            return Ok(ActionLabel::Message { fate, to: ServerId(*server), message });
        }
        let Some(kind) = LocalEvent::KINDS.into_iter().find(|kind| kind.words() == what) else {
            let fates = Fate::ALL.into_iter().map(Fate::words);
            let possible: Vec<&str> = fates.chain(LocalEvent::KINDS.iter().map(NodeEvent::words)).collect();
            return Err(format!("{what:?} is nothing that happens; possible are: {}", possible.join("; ")));
        };
        if message.is_some() {
            return Err(format!("{what:?} has no message"));
        }
        let event = match kind {
            NodeEvent::ClientRequest(_) => {
                let command = command.ok_or_else(|| format!("{what:?} needs a command"))?;
                NodeEvent::ClientRequest(Command(command))
            }
            NodeEvent::Write(_) => {
                NodeEvent::Write(records.ok_or_else(|| format!("{what:?} needs a number of records"))?)
            }
            NodeEvent::Crash(_) => NodeEvent::Crash(records.unwrap_or(0)),
            NodeEvent::TransferLeadership(_) => {
                let to = to.ok_or_else(|| format!("{what:?} needs a server to hand over to"))?;
                NodeEvent::TransferLeadership(ServerId(to))
            }
            other => other,
        };
        Ok(ActionLabel::Node(ServerId(*server), event))
    }
}

impl fmt::Display for FileStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The very words of the label, so that a step that is not possible can be compared with those that are.
        let server = ServerId(self.server);
        if let Some(to) = self.to {
            return write!(f, "{server} {} to {}", self.what, ServerId(to));
        }
        match (&self.message, self.command, self.records) {
            (Some(message), _, _) => write!(f, "{}: {message}", self.what),
            (None, Some(command), _) => write!(f, "{server} {} c{command}", self.what),
            (None, None, Some(records)) => write!(f, "{server} {}, records: {records}", self.what),
            (None, None, None) => write!(f, "{server} {}", self.what),
        }
    }
}

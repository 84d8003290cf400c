//! Reads the histories of Jepsen, Knossos, Porcupine and elle-cli. docs/linearizability.md lists formats and models.

mod build;
mod edn;
mod event;
mod forms;
mod grow;
mod json;
mod model;
mod others;
mod shape;
mod source;
mod text;
mod value;

use std::collections::BTreeMap;
use std::io::{self, Read};

pub(super) use model::{FREE, HELD};
pub use model::{Model, Operations};

use build::Builder;
use event::{Event, Fields, Raw, Speaker};
use forms::Forms;
use shape::Shape;

/// What a history is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// EDN: `{:process 0, :type :invoke, :f :read, :value nil}`, line by line or in one vector or list
    Edn,
    /// JSON: `{"process": 0, "type": "invoke", "f": "read", "value": null}`, line by line or in one array
    Json,
    /// Jepsen's history.txt: `0 :invoke :read nil`
    Text,
    /// The log of a Jepsen run, with the lines of its logger jepsen.util
    Log,
}

impl Format {
    /// The format in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Edn => "EDN",
            Self::Json => "JSON",
            Self::Text => "Jepsen's history.txt",
            Self::Log => "a log of Jepsen",
        }
    }
}

/// How to read a history; what is not said is recognised.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// What it is written in.
    pub format: Option<Format>,
    /// What its operations are about.
    pub model: Option<Model>,
    /// Fields that name the key; the usual ones if there are none.
    pub keys: Vec<String>,
    /// Fields that do not change what an operation does. Of `value` it says that of what reads are invoked with and
    /// writes come back with.
    pub ignored: Vec<String>,
    /// Whether a read that returned nil says nothing, as in Knossos, instead of that there was no value.
    pub nil_says_nothing: bool,
}

/// A history that was read.
#[derive(Clone, Debug)]
pub struct History {
    /// The operations in the order of their invocations; their places are numbers of events, from 1.
    pub operations: Operations,
    /// What it was written in.
    pub format: Format,
    /// What its operations are about.
    pub model: Model,
    /// Where a key was found, in words.
    pub keys: &'static str,
    /// Lines read, blank ones included.
    pub lines: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Events that speak of no client, by who is named instead.
    pub skipped: BTreeMap<String, u64>,
    /// What was noticed and makes no difference.
    pub notes: Vec<String>,
    places: Places,
}

impl History {
    /// Where the events stand in the file.
    pub fn places(&self) -> &Places {
        &self.places
    }
}

/// Where the events of a history stand.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The line of each event; empty if places are no numbers of events in a file.
    lines: Vec<u32>,
    several_on_a_line: bool,
}

impl Places {
    fn add(&mut self, line: u64) -> u64 {
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        self.several_on_a_line |= self.lines.last() == Some(&line);
        self.lines.push(line);
        self.lines.len() as u64
    }

    /// The line of an event, from 1.
    pub fn line(&self, place: u64) -> Option<u64> {
        let at = usize::try_from(place.checked_sub(1)?).ok()?;
        self.lines.get(at).map(|&line| u64::from(line))
    }

    /// What a place is called: the line, where every event has its own, else the event's number.
    pub fn word(&self) -> &'static str {
        if self.lines.is_empty() || self.several_on_a_line { "event" } else { "line" }
    }

    /// The number that goes with [`Places::word`].
    pub fn number(&self, place: u64) -> u64 {
        if self.several_on_a_line { place } else { self.line(place).unwrap_or(place) }
    }
}

/// Why a history cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("line {line}: {source}")]
    Io {
        /// The line being read, from 1.
        line: u64,
        /// What went wrong.
        source: io::Error,
    },
    /// A form is malformed, or cannot follow those before it.
    #[error("line {line}: {message}")]
    Line {
        /// The line, from 1.
        line: u64,
        /// What was expected.
        message: String,
    },
    /// It has no operations.
    #[error("no operations: the history is empty ({lines} lines, {skipped} events of no client{hint})")]
    Empty {
        /// Lines read.
        lines: u64,
        /// Events that speak of no client.
        skipped: u64,
        /// What may be wrong.
        hint: String,
    },
}

/// So many events are looked at before the model is decided.
const PREFIX: usize = 4096;

/// Reads a history; of the file no more is held than its longest form.
///
/// # Errors
/// The first form that is malformed, says something impossible, is not understood, or ends too early; a history without
/// operations.
pub fn read(source: impl Read, reading: &Reading) -> Result<History, ReadError> {
    read_counting(source, reading, &mut |_| ())
}

/// [`read`], and calls `progress` with the bytes read so far, now and then.
///
/// # Errors
/// Those of [`read`].
pub fn read_counting(
    source: impl Read,
    reading: &Reading,
    progress: &mut dyn FnMut(u64),
) -> Result<History, ReadError> {
    let fields = Fields { keys: reading.keys.clone(), ignored: reading.ignored.clone() };
    let mut forms = Forms::new(source, reading.format, fields);
    let mut order = Order::default();
    let mut places = Places::default();
    let mut skipped: BTreeMap<String, u64> = BTreeMap::new();
    let mut waiting: Vec<(Event, u64)> = Vec::new();
    let mut builder: Option<Builder> = None;
    let mut count = 0u64;
    while let Some((raw, line)) = forms.next()? {
        count += 1;
        if count.is_multiple_of(4096) {
            progress(forms.bytes());
        }
        let at = |message| ReadError::Line { line, message };
        order.check(&raw).map_err(at)?;
        order.note_fields(&raw);
        let place = places.add(line);
        match Event::of(raw, line, forms.fields()).map_err(at)? {
            Speaker::Other(who) => {
                let who =
                    if skipped.len() < 16 || skipped.contains_key(&who) { who } else { "others".to_owned() };
                *skipped.entry(who).or_default() += 1;
            }
            Speaker::Client(event) => match &mut builder {
                Some(builder) => builder.add(event, place, &places).map_err(at)?,
                None => {
                    waiting.push((event, place));
                    if waiting.len() == PREFIX {
                        builder = Some(begin(std::mem::take(&mut waiting), reading, &places)?);
                    }
                }
            },
        }
    }
    let builder = match builder {
        Some(builder) => builder,
        None if waiting.is_empty() => return Err(empty(forms.lines(), &skipped)),
        None => begin(waiting, reading, &places)?,
    };
    let (model, keys) = (builder.model(), builder.keys());
    let mut notes = order.notes();
    if forms.other_lines > 0 {
        notes.push(format!("{} lines of text are no events and were read past", forms.other_lines));
    }
    Ok(History {
        operations: builder.finish().map_err(|message| ReadError::Line { line: forms.lines(), message })?,
        format: forms.format().unwrap_or(Format::Edn),
        model: model.unwrap_or(Model::Set),
        keys,
        lines: forms.lines(),
        bytes: forms.bytes(),
        skipped,
        notes,
        places,
    })
}

/// Decides the model by the first events, and takes them in.
fn begin(events: Vec<(Event, u64)>, reading: &Reading, places: &Places) -> Result<Builder, ReadError> {
    let shape =
        Shape::of(&events, reading.model).map_err(|(line, message)| ReadError::Line { line, message })?;
    let ignores_values = reading.ignored.iter().any(|name| name == "value");
    let mut builder = Builder::new(shape, reading.nil_says_nothing, ignores_values);
    for (event, place) in events {
        let line = event.line;
        builder.add(event, place, places).map_err(|message| ReadError::Line { line, message })?;
    }
    Ok(builder)
}

fn empty(lines: u64, skipped: &BTreeMap<String, u64>) -> ReadError {
    let is_system = |who: &String| matches!(who.as_str(), "nemesis" | "logger" | "nobody");
    let hint = match skipped.keys().find(|who| !is_system(who)) {
        Some(who) => {
            format!("; a client's process is a whole number, and {who:?} is none: number the clients")
        }
        None => String::new(),
    };
    ReadError::Empty { lines, skipped: skipped.values().sum(), hint }
}

/// Whether events are told in their order. It is that of the forms in the file; indices must agree where they are given,
/// and times need not: clocks of several threads differ.
#[derive(Default)]
struct Order {
    index: Option<i128>,
    time: Option<f64>,
    backward: u64,
    most: f64,
    fields: Vec<String>,
}

impl Order {
    fn check(&mut self, raw: &Raw) -> Result<(), String> {
        match &raw.index {
            None | Some(value::Value::Nil) => {}
            Some(given) => {
                let index = given.integer().ok_or("expected index to be a whole number")?;
                if let Some(previous) = self.index.filter(|&previous| index >= 0 && previous >= index) {
                    return Err(format!(
                        "expected an index above {previous}, found {index}: events are out of order; sort them by \
                         index, or leave the field out if their order in the file is right"
                    ));
                }
                // Less than 0 stands for one that is not known.
                if index >= 0 {
                    self.index = Some(index);
                }
            }
        }
        if let Some(value::Value::Number(time)) = &raw.time
            && let Some(time) = time.parse::<f64>().ok().filter(|&time| time >= 0.0)
        {
            if let Some(previous) = self.time.filter(|&previous| previous > time) {
                self.backward += 1;
                self.most = self.most.max(previous - time);
            }
            self.time = Some(time);
        }
        Ok(())
    }

    fn note_fields(&mut self, raw: &Raw) {
        for name in &raw.unknown {
            if self.fields.len() < 16 && !self.fields.contains(name) {
                self.fields.push(name.clone());
            }
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.backward > 0 {
            let (times, most) = (self.backward, self.most);
            notes.push(format!(
                "time goes back {times} times, by {most} at most: the order is that of the file"
            ));
        }
        if !self.fields.is_empty() {
            notes.push(format!("fields of completions that were read past: {}", self.fields.join(", ")));
        }
        notes
    }
}

//! Reads histories as Jepsen writes them, one event a line, in EDN or JSON. docs/linearizability.md has the format.

use std::fmt;
use std::io::{self, BufRead};

use super::edn::{self, Value};
use super::history::{Action, Misuse, Operation, Outcome, Recorder};

/// How the lines of a history are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// By the first line: JSON if a quoted name follows its first brace, else EDN.
    Auto,
    /// `{:process 0, :type :invoke, :f :read, :value nil}`
    Edn,
    /// `{"process": 0, "type": "invoke", "f": "read", "value": null}`
    Json,
}

/// A history that was read.
#[derive(Clone, Debug)]
pub struct History {
    /// The operations in the order of their invocations; their places are line numbers.
    pub operations: Vec<Operation>,
    /// Lines read, blank ones included.
    pub lines: u64,
    /// Lines that speak of no client but of the nemesis.
    pub skipped: u64,
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
    /// A line is malformed, or cannot follow those before it.
    #[error("line {line}: {message}")]
    Line {
        /// The line, from 1.
        line: u64,
        /// What was expected.
        message: String,
    },
    /// It has no operations.
    #[error("no operations: the history is empty ({lines} lines, {skipped} of them of the nemesis)")]
    Empty {
        /// Lines read.
        lines: u64,
        /// Lines of the nemesis.
        skipped: u64,
    },
}

/// Reads a history.
///
/// # Errors
/// The first line that is malformed, says something impossible, or ends too early; a history without operations.
pub fn read(mut source: impl BufRead, format: Format) -> Result<History, ReadError> {
    let mut reader = Reader::default();
    let mut format = format;
    let mut line = String::new();
    loop {
        line.clear();
        let read = source.read_line(&mut line);
        let read = read.map_err(|source| ReadError::Io { line: reader.lines + 1, source })?;
        if read == 0 {
            break;
        }
        reader.lines += 1;
        if line.trim().is_empty() {
            continue;
        }
        if format == Format::Auto {
            let json = line.trim().strip_prefix('{').is_some_and(|rest| rest.trim_start().starts_with('"'));
            format = if json { Format::Json } else { Format::Edn };
        }
        if let Err(mut message) = reader.line(&line, format) {
            if !line.ends_with('\n') {
                message.push_str("; the line is the last and does not end: the file may be cut off");
            }
            return Err(ReadError::Line { line: reader.lines, message });
        }
    }
    let Reader { recorder, lines, skipped, .. } = reader;
    let operations = recorder.into_operations();
    if operations.is_empty() {
        return Err(ReadError::Empty { lines, skipped });
    }
    Ok(History { operations, lines, skipped })
}

/// The key of every operation in a history that names no keys.
const ONLY_KEY: &str = "";

#[derive(Default)]
struct Reader {
    recorder: Recorder,
    lines: u64,
    skipped: u64,
    /// Whether values are pairs of key and value, once that is known.
    keyed: Option<bool>,
    index: Option<u64>,
    time: Option<f64>,
}

impl Reader {
    fn line(&mut self, text: &str, format: Format) -> Result<(), String> {
        let value = match format {
            Format::Json => from_json(serde_json::from_str(text).map_err(|error| format!("JSON: {error}"))?),
            Format::Edn | Format::Auto => edn::parse(text.trim_end())
                .map_err(|error| format!("EDN, column {}: {}", error.column, error.message))?,
        };
        let Value::Map(fields) = value else {
            return Err("expected a map with process, type, f and value".to_owned());
        };
        let event = Event { fields };
        self.check_order(&event)?;
        let process = match event.field("process") {
            Some(Value::Name(name) | Value::Text(name)) if name.trim_start_matches(':') == "nemesis" => {
                self.skipped += 1;
                return Ok(());
            }
            Some(Value::Number(number)) => number.parse::<u64>().ok(),
            _ => None,
        };
        let process = process.ok_or("expected process to be a number from 0, or nemesis")?;
        match event.name("type").as_deref() {
            Some("invoke") => self.invoke(process, &event),
            Some(kind @ ("ok" | "fail" | "info")) => self.complete(process, kind, &event),
            _ => Err("expected type to be one of invoke, ok, fail, info".to_owned()),
        }
    }

    /// Indices increase and times do not decrease, where they are given.
    fn check_order(&mut self, event: &Event) -> Result<(), String> {
        if let Some(given) = event.field("index") {
            let index = if let Value::Number(number) = given { number.parse::<u64>().ok() } else { None };
            let index = index.ok_or("expected index to be a number from 0")?;
            if let Some(previous) = self.index.filter(|&previous| previous >= index) {
                return Err(format!(
                    "expected an index above {previous}, found {index}: lines are out of order"
                ));
            }
            self.index = Some(index);
        }
        if let Some(given) = event.field("time") {
            let time = if let Value::Number(number) = given { number.parse::<f64>().ok() } else { None };
            let time = time.ok_or("expected time to be a number")?;
            if let Some(previous) = self.time.filter(|&previous| previous > time) {
                return Err(format!(
                    "expected a time from {previous} on, found {time}: lines are out of order"
                ));
            }
            self.time = Some(time);
        }
        Ok(())
    }

    fn invoke(&mut self, process: u64, event: &Event) -> Result<(), String> {
        let function = event.function()?;
        let (key, value) = self.split(function, event.field("value").unwrap_or(&Value::Nil))?;
        let written = |value: &Value| {
            scalar(value)?.ok_or_else(|| format!("expected a value to {function}, found none"))
        };
        let action = match function {
            Function::Read => Action::Get,
            Function::Write => Action::Put(written(value)?),
            Function::Append => Action::Append(written(value)?),
            Function::Cas => match value {
                Value::Sequence(pair) if pair.len() == 2 => {
                    Action::Cas { expected: scalar(&pair[0])?, new: written(&pair[1])? }
                }
                _ => return Err("expected the value of cas to be [expected new]".to_owned()),
            },
        };
        self.recorder.invoke_at(self.lines, process, &key, action).map_err(explain)
    }

    fn complete(&mut self, process: u64, kind: &str, event: &Event) -> Result<(), String> {
        let function = event.function()?;
        let open = self.recorder.open_operation(process);
        let open = open.ok_or_else(|| Misuse::NothingToComplete { process }.to_string())?;
        let invoked = Function::of(&open.action);
        if function != invoked {
            let line = open.invoked;
            return Err(format!(
                "expected the completion of the {invoked} of line {line}, found a {function}"
            ));
        }
        let outcome = match (kind, function) {
            ("fail", _) => Outcome::Failed,
            ("info", _) => Outcome::Unknown,
            (_, Function::Read) => {
                let key = open.key.clone();
                let given = event.field("value").ok_or("expected the value that was read (nil for none)")?;
                let (found, value) = self.split(function, given)?;
                if found != key {
                    return Err(format!("expected the value of key {key:?}, found key {found:?}"));
                }
                Outcome::Ok { read: scalar(value)? }
            }
            _ => Outcome::Ok { read: None },
        };
        self.recorder.complete_at(self.lines, process, outcome).map_err(explain)
    }

    /// Takes apart `[key value]`, or gives a plain value the only key; a history does one or the other throughout.
    fn split<'a>(&mut self, function: Function, value: &'a Value) -> Result<(String, &'a Value), String> {
        let pair = match value {
            Value::Sequence(pair) if function == Function::Cas => {
                Some(pair).filter(|pair| matches!(pair.last(), Some(Value::Sequence(_))))
            }
            Value::Sequence(pair) => Some(pair),
            _ => None,
        };
        if *self.keyed.get_or_insert(pair.is_some()) != pair.is_some() {
            let message = "expected the same form of value on every line: [key value], or the value alone";
            return Err(message.to_owned());
        }
        match pair.map(Vec::as_slice) {
            None => Ok((ONLY_KEY.to_owned(), value)),
            Some([key, value]) => {
                Ok((scalar(key)?.ok_or("expected a key in [key value], found none")?, value))
            }
            Some(_) => Err("expected the value to be [key value]".to_owned()),
        }
    }
}

fn explain(misuse: Misuse) -> String {
    match misuse {
        Misuse::InvokedTwice { process, since } => {
            format!("process {process} invokes an operation, but that of line {since} has not completed")
        }
        other => other.to_string(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Function {
    Read,
    Write,
    Append,
    Cas,
}

impl Function {
    fn of(action: &Action) -> Self {
        match action {
            Action::Get => Self::Read,
            Action::Put(_) => Self::Write,
            Action::Append(_) => Self::Append,
            Action::Cas { .. } => Self::Cas,
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Append => "append",
            Self::Cas => "cas",
        })
    }
}

struct Event {
    fields: Vec<(Value, Value)>,
}

impl Event {
    fn field(&self, wanted: &str) -> Option<&Value> {
        let is_wanted = |name: &Value| matches!(name, Value::Name(name) | Value::Text(name) if name.trim_start_matches(':') == wanted);
        self.fields.iter().find(|(name, _)| is_wanted(name)).map(|(_, value)| value)
    }

    fn name(&self, wanted: &str) -> Option<String> {
        match self.field(wanted) {
            Some(Value::Name(name) | Value::Text(name)) => Some(name.trim_start_matches(':').to_owned()),
            _ => None,
        }
    }

    fn function(&self) -> Result<Function, String> {
        match self.name("f").as_deref() {
            Some("read" | "get") => Ok(Function::Read),
            Some("write" | "put") => Ok(Function::Write),
            Some("append") => Ok(Function::Append),
            Some("cas") => Ok(Function::Cas),
            _ => Err("expected f to be one of read, write, append, cas (or get, put)".to_owned()),
        }
    }
}

/// A single value as text; `None` for nil.
fn scalar(value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::Nil => Ok(None),
        Value::Bool(truth) => Ok(Some(truth.to_string())),
        Value::Number(text) | Value::Text(text) | Value::Name(text) => Ok(Some(text.clone())),
        Value::Sequence(_) | Value::Map(_) => {
            Err("expected a single value: text, a number, a keyword, true, false or nil".to_owned())
        }
    }
}

fn from_json(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(truth) => Value::Bool(truth),
        serde_json::Value::Number(number) => Value::Number(number.to_string()),
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(values) => Value::Sequence(values.into_iter().map(from_json).collect()),
        serde_json::Value::Object(fields) => Value::Map(
            fields.into_iter().map(|(name, value)| (Value::Text(name), from_json(value))).collect(),
        ),
    }
}

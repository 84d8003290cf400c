//! What one form of a history says: the fields of an event, those that name its key, and all others.

use super::value::Value;

/// Fields that say which object an operation is about, in a history that keeps it beside the value.
const KEYS: &[&str] = &["key", "k", "register", "reg", "account", "object", "resource", "lock", "mutex"];

/// Fields that say nothing about what an operation does.
const HARMLESS: &[&str] = &[
    "error",
    "exception",
    "ex",
    "cause",
    "node",
    "host",
    "thread",
    "worker",
    "op-index",
    "op_index",
    "final?",
    "final",
    "timeout",
    "latency",
    "duration",
    "start",
    "end",
    "clock",
    "clock-offsets",
    "debug",
    "log",
    "message",
    "msg",
    "comment",
    "note",
    "stacktrace",
    "end-process?",
    "process-name",
    "position",
    "concurrency",
];

/// Fields that may make an operation another one, wherever they stand.
const TELLING: &[&str] = &[
    "id",
    "name",
    "table",
    "row",
    "column",
    "collection",
    "bucket",
    "path",
    "topic",
    "queue",
    "partition",
    "shard",
    "database",
    "db",
    "namespace",
    "variable",
    "var",
    "item",
    "counter",
    "set",
    "version",
    "revision",
    "mod-revision",
    "ttl",
    "lease",
    "expected",
    "old",
    "new",
    "prev",
    "previous",
    "condition",
    "if-match",
    "match",
    "amount",
    "delta",
    "from",
    "to",
    "input",
    "output",
    "result",
    "return",
    "returned",
    "response",
    "arg",
    "args",
    "argument",
    "arguments",
    "ops",
    "txn",
    "consistency",
    "isolation",
    "stale",
    "serializable",
    "serializable?",
    "linearizable",
    "quorum",
    "token",
    "fence",
    "dir",
    "field",
    "accounts",
    "registers",
    "keys",
    "values",
];

/// At most so many fields of a form are noted that are not known.
const UNKNOWN: usize = 64;

fn is_telling(name: &str) -> bool {
    TELLING.contains(&name) || KEYS.contains(&name)
}

/// Which fields are read, by the words of the caller.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    /// Fields that name the key; the usual ones if there are none.
    pub(super) keys: Vec<String>,
    /// Fields that do not change what an operation does.
    pub(super) ignored: Vec<String>,
}

impl Fields {
    fn is_key(&self, name: &str) -> bool {
        if self.is_ignored(name) {
            false
        } else if self.keys.is_empty() {
            KEYS.contains(&name)
        } else {
            self.keys.iter().any(|key| key == name)
        }
    }

    fn is_ignored(&self, name: &str) -> bool {
        self.ignored.iter().any(|ignored| ignored == name)
    }

    /// Whether an event needs the value of this field.
    pub(super) fn is_needed(&self, name: &str) -> bool {
        matches!(name, "process" | "type" | "f" | "value" | "index" | "time") || self.is_key(name)
    }
}

/// The fields of a form, as they stand there.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) process: Option<Value>,
    pub(super) kind: Option<Value>,
    pub(super) function: Option<Value>,
    pub(super) value: Option<Value>,
    pub(super) index: Option<Value>,
    pub(super) time: Option<Value>,
    /// The fields that name the key, in the order of their names.
    pub(super) keys: Vec<(String, Value)>,
    /// Fields that are not known to say nothing.
    pub(super) unknown: Vec<String>,
}

impl Raw {
    /// Takes in the value of a field that is needed.
    ///
    /// # Errors
    /// The field stands there twice.
    pub(super) fn add(&mut self, name: &str, value: Value) -> Result<(), String> {
        let place = match name {
            "process" => &mut self.process,
            "type" => &mut self.kind,
            "f" => &mut self.function,
            "value" => &mut self.value,
            "index" => &mut self.index,
            "time" => &mut self.time,
            _ => match self.keys.binary_search_by(|(key, _)| key.as_str().cmp(name)) {
                Ok(_) => return Err(twice(name)),
                Err(at) => {
                    self.keys.insert(at, (name.to_owned(), value));
                    return Ok(());
                }
            },
        };
        if place.replace(value).is_some() { Err(twice(name)) } else { Ok(()) }
    }

    /// Takes note of a field whose value was read past.
    pub(super) fn note(&mut self, name: &str, fields: &Fields) {
        let is_known = HARMLESS.contains(&name) || fields.is_ignored(name);
        // Any is enough to refuse an invocation; what refuses a completion is always noted.
        let is_room = self.unknown.len() < UNKNOWN || is_telling(name);
        if !is_known && is_room && !self.unknown.iter().any(|known| known == name) {
            self.unknown.push(name.to_owned());
        }
    }
}

fn twice(name: &str) -> String {
    format!("the field {name} stands there twice")
}

/// What becomes of an operation in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

/// An event of a client.
#[derive(Debug)]
pub(super) struct Event {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    pub(super) process: u64,
    pub(super) kind: Kind,
    pub(super) function: String,
    pub(super) value: Option<Value>,
    /// The key, if fields of its own name it: names and values.
    pub(super) keys: Vec<(String, String)>,
}

/// Who an event speaks of.
#[derive(Debug)]
pub(super) enum Speaker {
    Client(Event),
    /// No client, but this one: the nemesis, a logger.
    Other(String),
}

impl Event {
    /// The event that a form at `line` tells.
    ///
    /// # Errors
    /// What is missing, or cannot be understood.
    pub(super) fn of(raw: Raw, line: u64, fields: &Fields) -> Result<Speaker, String> {
        let process = raw.process.as_ref().ok_or(
            "expected the field process: which client it is has to be known to match invocations and completions",
        )?;
        let process = match (process, process.integer()) {
            (_, Some(number)) => u64::try_from(number).map_err(|_| wrong_process(process))?,
            (Value::Number(_) | Value::Opaque(_), None) => return Err(wrong_process(process)),
            (other, None) => return Ok(Speaker::Other(other.word().unwrap_or("nobody").to_owned())),
        };
        let kind = match raw.kind.as_ref().and_then(Value::word) {
            Some("invoke") => Kind::Invoke,
            Some("ok") => Kind::Ok,
            Some("fail") => Kind::Fail,
            Some("info") => Kind::Info,
            _ => return Err("expected type to be one of invoke, ok, fail, info".to_owned()),
        };
        refuse_unknown(&raw, kind, fields)?;
        let function =
            raw.function.as_ref().and_then(Value::word).ok_or("expected f to name an operation")?;
        let mut keys = Vec::with_capacity(raw.keys.len());
        for (name, value) in &raw.keys {
            let value = value.scalar().map_err(|message| format!("{name}: {message}"))?;
            // A completion need not repeat the key.
            match value {
                Some(value) => keys.push((name.clone(), value)),
                None if kind == Kind::Invoke => {
                    return Err(format!("expected a key in the field {name}, found none"));
                }
                None => {}
            }
        }
        Ok(Speaker::Client(Self {
            line,
            process,
            kind,
            function: function.to_owned(),
            value: raw.value,
            keys,
        }))
    }

    /// The key that the fields name; `None` if none does.
    pub(super) fn key(&self) -> Option<String> {
        match self.keys.as_slice() {
            [] => None,
            [(_, value)] => Some(value.clone()),
            several => Some(
                several.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", "),
            ),
        }
    }
}

fn wrong_process(found: &Value) -> String {
    let found = match found {
        Value::Number(number) => number.as_str(),
        _ => "something else",
    };
    format!("expected process to be a number from 0 for a client, or a name for what is none; found {found}")
}

/// A field that may change what an operation does is never read past: of an invocation any that is not known, of a
/// completion one whose name says so.
fn refuse_unknown(raw: &Raw, kind: Kind, fields: &Fields) -> Result<(), String> {
    let is_refused = |name: &&String| kind == Kind::Invoke || is_telling(name);
    match raw.unknown.iter().find(is_refused) {
        Some(name) if KEYS.contains(&name.as_str()) && !fields.keys.is_empty() => Err(format!(
            "the field {name} may be part of the key: say --key {name} too, or --ignore {name} if it is not"
        )),
        Some(name) => Err(format!(
            "the field {name} is not known and may change what the operation does: say --key {name} if it names the \
             object, --ignore {name} if it makes no difference; else put it into value"
        )),
        None => Ok(()),
    }
}

//! Finds out from the first events of a history what holds for all of it: the model, and where the keys are.

use std::collections::BTreeSet;

use super::event::{Event, Kind};
use super::model::Model;
use super::value::Value;

/// Where an operation says which object it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyed {
    /// In fields of their own.
    Field,
    /// In the value: `[key value]`.
    Pair,
    /// Nowhere: there is one object.
    No,
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// `None`: a set or a counter, which only a read tells apart.
    pub(super) model: Option<Model>,
    pub(super) keyed: Keyed,
}

/// What an operation is called in each model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Read,
    Write,
    Append,
    Cas,
    Acquire,
    Release,
    Add,
    Increment,
    Decrement,
    Transact,
}

impl Function {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "read" | "get" | "r" => Self::Read,
            "write" | "put" | "w" => Self::Write,
            "append" => Self::Append,
            "cas" | "compare-and-set" | "compare-and-swap" | "compare_and_set" => Self::Cas,
            "acquire" | "lock" => Self::Acquire,
            "release" | "unlock" => Self::Release,
            "add" => Self::Add,
            "increment" | "incr" | "inc" => Self::Increment,
            "decrement" | "decr" | "dec" => Self::Decrement,
            "txn" => Self::Transact,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Append => "append",
            Self::Cas => "cas",
            Self::Acquire => "acquire",
            Self::Release => "release",
            Self::Add => "add",
            Self::Increment => "increment",
            Self::Decrement => "decrement",
            Self::Transact => "txn",
        }
    }

    /// Whether the model has it.
    fn belongs_to(self, model: Model) -> bool {
        match self {
            Self::Read => !matches!(model, Model::Mutex | Model::Transactions),
            Self::Write | Self::Cas => matches!(model, Model::Register | Model::Versioned),
            Self::Append => model == Model::Register,
            Self::Acquire | Self::Release => model == Model::Mutex,
            Self::Add => matches!(model, Model::Set | Model::Counter),
            Self::Increment | Self::Decrement => model == Model::Counter,
            Self::Transact => model == Model::Transactions,
        }
    }
}

/// The function of an event, which the model must have.
///
/// # Errors
/// It has not; and what it has.
pub(super) fn function(event: &Event, model: Option<Model>) -> Result<Function, String> {
    let name = &event.function;
    let known = Function::of(name);
    let fits = |function: &Function| match model {
        Some(model) => function.belongs_to(model),
        None => function.belongs_to(Model::Set) || function.belongs_to(Model::Counter),
    };
    known.filter(fits).ok_or_else(|| match model {
        Some(model) => {
            let (words, functions) = (model.words(), model.functions());
            format!("expected f to be one of {functions}, as this is taken for a history of a {words}; found {name:?}")
        }
        None => format!("expected f to be one of add, increment, decrement, read; found {name:?}"),
    })
}

impl Shape {
    /// What the first events say, if the caller does not say it.
    pub(super) fn of(events: &[(Event, u64)], model: Option<Model>) -> Result<Self, (u64, String)> {
        let invocations: Vec<&Event> =
            events.iter().map(|entry| &entry.0).filter(|event| event.kind == Kind::Invoke).collect();
        let is_field = invocations.first().is_some_and(|event| !event.keys.is_empty());
        let (model, is_versioned) = match model {
            Some(Model::Versioned) => (Some(Model::Versioned), true),
            Some(model) => (Some(model), false),
            None => match recognise(&invocations)? {
                Some(Model::Register) if versions(&invocations, is_field) => {
                    refuse_collections(&invocations, is_field)?;
                    (Some(Model::Versioned), true)
                }
                model => (model, false),
            },
        };
        let keyed = if is_field {
            Keyed::Field
        } else if has_pairs(&invocations, model, is_versioned) {
            Keyed::Pair
        } else {
            Keyed::No
        };
        Ok(Self { model, keyed })
    }
}

/// The model whose operations these are; `None` for a set or a counter.
fn recognise(invocations: &[&Event]) -> Result<Option<Model>, (u64, String)> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for event in invocations {
        match Function::of(&event.function) {
            Some(function) => found.insert(function.name()),
            None => return Err((event.line, unknown(&event.function))),
        };
    }
    let has = |name: &str| found.contains(name);
    if has("txn") {
        return Ok(Some(Model::Transactions));
    }
    if has("acquire") || has("release") {
        return Ok(Some(Model::Mutex));
    }
    if has("increment") || has("decrement") {
        return Ok(Some(Model::Counter));
    }
    Ok(if has("add") { None } else { Some(Model::Register) })
}

fn unknown(name: &str) -> String {
    let models =
        [Model::Register, Model::Versioned, Model::Mutex, Model::Set, Model::Counter, Model::Transactions];
    let all: Vec<String> =
        models.iter().map(|model| format!("{}: {}", model.words(), model.functions())).collect();
    let advice = match name {
        "enqueue" | "dequeue" | "drain" | "transfer" | "send" | "poll" => {
            "; there is no model of queues, logs or bank accounts"
        }
        _ => "; if it is one of these, convert its name so",
    };
    format!(
        "expected f to name an operation of a model that there is ({}); found {name:?}{advice}",
        all.join("; ")
    )
}

fn value<'a>(event: &'a &Event) -> &'a Value {
    event.value.as_ref().unwrap_or(&Value::Nil)
}

/// Whether the values of reads and writes are `[version value]`.
fn versions(invocations: &[&Event], is_field: bool) -> bool {
    invocations.iter().any(|event| {
        let value = value(event);
        match (Function::of(&event.function), value.pair()) {
            (Some(Function::Read | Function::Write), Some((first, second))) => {
                let is_version = |value: &Value| *value == Value::Nil || value.integer().is_some();
                let inner =
                    if is_field || *first == Value::Nil { Some((first, second)) } else { second.pair() };
                inner.is_some_and(|(version, _)| is_version(version))
            }
            (Some(Function::Cas), Some((first, second))) => {
                let inner = if is_field || *first == Value::Nil {
                    Some(second)
                } else {
                    second.pair().map(|pair| pair.1)
                };
                inner.is_some_and(Value::is_sequence)
            }
            _ => false,
        }
    })
}

/// Refuses writes that tell a version before they are done: what looks like one may be a part of a value.
fn refuse_collections(invocations: &[&Event], is_field: bool) -> Result<(), (u64, String)> {
    let tells = |event: &&&Event| {
        let pair = value(event).pair();
        let pair = if is_field || pair.is_some_and(|pair| *pair.0 == Value::Nil) {
            pair
        } else {
            pair.and_then(|pair| pair.1.pair())
        };
        Function::of(&event.function) != Some(Function::Read)
            && pair.is_some_and(|(version, _)| *version != Value::Nil)
    };
    match invocations.iter().find(tells) {
        Some(event) => Err((
            event.line,
            "expected [nil value] of a write that is not done yet: if its value is [version value], say --model \
             versioned; a register whose values are collections has no model, unless they are written as text"
                .to_owned(),
        )),
        None => Ok(()),
    }
}

/// Whether values are pairs of key and value, by the first that tells.
fn has_pairs(invocations: &[&Event], model: Option<Model>, is_versioned: bool) -> bool {
    let told = invocations.iter().find_map(|event| {
        let value = value(event);
        let pair = value.pair();
        match Function::of(&event.function)? {
            Function::Transact => Some(false),
            Function::Read | Function::Write if is_versioned => match pair {
                Some((Value::Nil, _)) => Some(false),
                Some((_, second)) => Some(second.is_sequence() || *second == Value::Nil),
                None => None,
            },
            Function::Cas if is_versioned => {
                pair.map(|(_, second)| second.pair().is_some_and(|(_, change)| change.is_sequence()))
            }
            Function::Cas => match value {
                Value::Sequence(values) => match values.as_slice() {
                    [_, second] if second.is_sequence() => Some(true),
                    [_, _, _] => Some(true),
                    // The change alone, or a cas without a key among others that have one.
                    _ => None,
                },
                _ => None,
            },
            // What is added may be anything; a read says whether there are keys.
            Function::Add if model != Some(Model::Counter) => None,
            _ => Some(value.is_sequence()),
        }
    });
    let added = || {
        invocations.iter().any(|event| {
            Function::of(&event.function) == Some(Function::Add) && value(event).pair().is_some()
        })
    };
    told.unwrap_or_else(added)
}

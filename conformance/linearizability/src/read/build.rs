//! From events to operations: invocations and completions are matched, and each value taken apart by the model.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Places;
use super::event::{Event, Kind};
use super::grow::Grow;
use super::model::{Model, Operations};
use super::others::{mutex, transact, versioned};
use super::shape::{Function, Keyed, Shape, function};
use super::value::Value;
use crate::history::{Action, Misuse, Outcome, Recorder};
use crate::objects::{transaction, versioned};
use crate::packed::Packed;

/// The key of every operation in a history that names no keys.
const ONLY_KEY: &str = "";

/// Takes in a history's events.
pub(super) struct Builder {
    shape: Shape,
    nil_says_nothing: bool,
    ignores_values: bool,
    /// What reads in flight were invoked with, by process.
    read_with: BTreeMap<u64, Value>,
    records: Records,
}

enum Records {
    Register(Kept<Action>),
    Mutex(Kept<Action>),
    Versioned(Kept<versioned::Act>),
    Grow(Grow),
    Transactions(Recorder<transaction::Act>),
}

/// Operations of which those that are done do not stay as they are.
struct Kept<A> {
    recorder: Recorder<A>,
    packed: Packed<A>,
}

impl<A> Default for Kept<A> {
    fn default() -> Self {
        Self { recorder: Recorder::new(), packed: Packed::default() }
    }
}

impl<A: Serialize + DeserializeOwned> Kept<A> {
    fn pack(&mut self) -> Result<(), String> {
        self.packed.add(self.recorder.take_done()).map_err(|damaged| damaged.to_string())
    }

    fn finish(mut self) -> Result<Packed<A>, String> {
        self.packed.add(self.recorder.into_operations()).map_err(|damaged| damaged.to_string())?;
        Ok(self.packed)
    }
}

impl Builder {
    /// `ignores_values`: what reads are invoked with and writes come back with makes no difference.
    pub(super) fn new(shape: Shape, nil_says_nothing: bool, ignores_values: bool) -> Self {
        let records = match shape.model {
            Some(Model::Register) => Records::Register(Kept::default()),
            Some(Model::Mutex) => Records::Mutex(Kept::default()),
            Some(Model::Versioned) => Records::Versioned(Kept::default()),
            Some(Model::Transactions) => Records::Transactions(Recorder::new()),
            Some(Model::Set | Model::Counter) | None => {
                Records::Grow(Grow::new(shape.model, nil_says_nothing))
            }
        };
        Self { shape, nil_says_nothing, ignores_values, read_with: BTreeMap::new(), records }
    }

    pub(super) fn model(&self) -> Option<Model> {
        match &self.records {
            Records::Grow(grow) => grow.model(),
            _ => self.shape.model,
        }
    }

    pub(super) fn keys(&self) -> &'static str {
        match (self.shape.keyed, self.shape.model) {
            (Keyed::Field, _) => "keys in a field",
            (Keyed::Pair, _) => "keys in the value",
            (Keyed::No, Some(Model::Transactions)) => "registers named in each step",
            (Keyed::No, _) => "no keys",
        }
    }

    /// Takes in an event at a place.
    ///
    /// # Errors
    /// What it says is impossible, or not understood.
    pub(super) fn add(&mut self, event: Event, place: u64, places: &Places) -> Result<(), String> {
        let function = function(&event, self.model())?;
        self.check_key_field(&event)?;
        let (keyed, ignores_values) = (self.shape.keyed, self.ignores_values);
        let step = Step { event: &event, function, keyed, ignores_values, place, places };
        if function == Function::Read && !ignores_values {
            step.check_read(&mut self.read_with)?;
        }
        match &mut self.records {
            Records::Register(kept) => {
                register(&mut kept.recorder, &step, self.nil_says_nothing)?;
                kept.pack()
            }
            Records::Mutex(kept) => {
                mutex(&mut kept.recorder, &step)?;
                kept.pack()
            }
            Records::Versioned(kept) => {
                versioned(&mut kept.recorder, &step, self.nil_says_nothing)?;
                kept.pack()
            }
            Records::Grow(grow) => grow.add(&step),
            Records::Transactions(recorder) => transact(recorder, &step),
        }
    }

    fn check_key_field(&self, event: &Event) -> Result<(), String> {
        match (self.shape.keyed, event.keys.first()) {
            (Keyed::Field, None) if event.kind == Kind::Invoke => {
                Err("expected a key in a field, as the operations before have one".to_owned())
            }
            (Keyed::Pair | Keyed::No, Some((name, _))) => Err(format!(
                "the field {name} would name the key, but the operations before have none there: give it to all, or \
                 say --ignore {name} if it makes no difference"
            )),
            _ => Ok(()),
        }
    }

    /// The operations.
    ///
    /// # Errors
    /// They are of a model that was not decided.
    pub(super) fn finish(self) -> Result<Operations, String> {
        Ok(match self.records {
            Records::Register(kept) => Operations::Register(kept.finish()?),
            Records::Mutex(kept) => Operations::Mutex(kept.finish()?),
            Records::Versioned(kept) => Operations::Versioned(kept.finish()?),
            Records::Grow(grow) => grow.finish()?,
            Records::Transactions(recorder) => Operations::Transactions(recorder.into_operations()),
        })
    }
}

/// An event on its way into the records.
pub(super) struct Step<'a> {
    pub(super) event: &'a Event,
    pub(super) function: Function,
    pub(super) ignores_values: bool,
    keyed: Keyed,
    place: u64,
    places: &'a Places,
}

impl Step<'_> {
    pub(super) fn kind(&self) -> Kind {
        self.event.kind
    }

    pub(super) fn value(&self) -> &Value {
        self.event.value.as_ref().unwrap_or(&Value::Nil)
    }

    /// The key, and what is left of the value.
    pub(super) fn split(&self) -> Result<(String, &Value), String> {
        let value = self.value();
        match self.keyed {
            Keyed::Field => Ok((self.event.key().unwrap_or_default(), value)),
            Keyed::No => Ok((ONLY_KEY.to_owned(), value)),
            Keyed::Pair => match value.pair() {
                Some((key, value)) => {
                    Ok((key.scalar()?.ok_or("expected a key in [key value], found none")?, value))
                }
                None if value.is_sequence() => Err("expected the value to be [key value]".to_owned()),
                None => Err(SAME_FORM.to_owned()),
            },
        }
    }

    /// A single value, of an operation that names no key in it.
    pub(super) fn scalar(&self, value: &Value) -> Result<Option<String>, String> {
        match self.keyed {
            Keyed::No if value.is_sequence() => Err(format!("{SAME_FORM}; found a collection here")),
            _ => value.scalar(),
        }
    }

    /// What must be written.
    fn written(&self, value: &Value) -> Result<String, String> {
        self.scalar(value)?.ok_or_else(|| format!("expected a value to {}, found none", self.function.name()))
    }

    pub(super) fn invoke<A>(&self, recorder: &mut Recorder<A>, key: &str, action: A) -> Result<(), String> {
        let result = recorder.invoke_at(self.place, self.event.process, key, action);
        result.map_err(|misuse| self.explain(misuse))
    }

    pub(super) fn complete<A>(&self, recorder: &mut Recorder<A>, outcome: Outcome) -> Result<(), String> {
        let result = recorder.complete_at(self.place, self.event.process, outcome);
        result.map_err(|misuse| self.explain(misuse))
    }

    /// Checks that this event completes an operation of its function and key.
    pub(super) fn match_open<A>(
        &self,
        recorder: &Recorder<A>,
        function_of: impl Fn(&A) -> Function,
    ) -> Result<String, String> {
        let process = self.event.process;
        let open = recorder.open_operation(process);
        let open = open.ok_or_else(|| Misuse::NothingToComplete { process }.to_string())?;
        let (invoked, found) = (function_of(&open.action), self.function);
        if invoked != found {
            let (line, invoked, found) = (self.line(open.invoked), invoked.name(), found.name());
            return Err(format!("expected the completion of the {invoked} of line {line}, found a {found}"));
        }
        let key = self.event.key().unwrap_or_else(|| open.key.clone());
        if self.keyed == Keyed::Field && key != open.key {
            return Err(wrong_key(&open.key, &key));
        }
        Ok(open.key.clone())
    }

    /// The value that an operation which took effect came back with, of the key that it was invoked with.
    pub(super) fn returned(&self, key: &str) -> Result<&Value, String> {
        if self.event.value.is_none() {
            let function = self.function.name();
            return Err(format!(
                "expected the value that was {function} (nil for none), found no field value"
            ));
        }
        let (found, value) = self.split()?;
        if self.keyed == Keyed::Pair && found != key { Err(wrong_key(key, &found)) } else { Ok(value) }
    }

    /// Checks what a write came back with: what it was invoked with, or nothing. Otherwise it may have written
    /// something else, into another object, or nothing at all. `asked` reads an invocation.
    pub(super) fn check_written<A: PartialEq>(
        &self,
        recorder: &Recorder<A>,
        asked: impl Fn(&Self) -> Result<(String, A), String>,
    ) -> Result<(), String> {
        if self.event.kind != Kind::Ok || self.ignores_values || *self.value() == Value::Nil {
            return Ok(());
        }
        let Some(open) = recorder.open_operation(self.event.process) else { return Ok(()) };
        let is_its = |key: &str| self.keyed != Keyed::Pair || key == open.key;
        let is_same = match self.split() {
            Ok((key, Value::Nil)) => is_its(&key),
            _ => asked(self).is_ok_and(|(key, action)| is_its(&key) && action == open.action),
        };
        if is_same { Ok(()) } else { Err(self.came_back_with_another(open.invoked)) }
    }

    /// What to say of a write that came back with something else than it was invoked with.
    pub(super) fn came_back_with_another(&self, invoked: u64) -> String {
        let (name, line) = (self.function.name(), self.line(invoked));
        let cas =
            if self.function == Function::Cas { " (one that changed nothing is told as fail)" } else { "" };
        format!(
            "this {name} came back with another value than that of line {line}, and no model here says what that \
             means{cas}: say --ignore value if what it returns makes no difference"
        )
    }

    /// Checks that a read returned what it was invoked with, if that was anything: it may be a key, or a version.
    fn check_read(&self, invoked_with: &mut BTreeMap<u64, Value>) -> Result<(), String> {
        let process = self.event.process;
        if self.event.kind == Kind::Invoke {
            let (_, value) = self.split()?;
            let says_nothing = |value: &Value| *value == Value::Nil;
            let is_nothing = says_nothing(value)
                || value.pair().is_some_and(|(one, other)| says_nothing(one) && says_nothing(other));
            if !is_nothing {
                invoked_with.insert(process, value.clone());
            }
            return Ok(());
        }
        match invoked_with.remove(&process) {
            Some(asked) if self.event.kind == Kind::Ok && self.split().is_ok_and(|(_, told)| *told != asked) => {
                Err("this read was invoked with another value than it returned, and no model here says what that \
                     means: if it names the object, put it into the field key; say --ignore value if it makes no \
                     difference"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn line(&self, place: u64) -> u64 {
        self.places.line(place).unwrap_or(place)
    }

    fn explain(&self, misuse: Misuse) -> String {
        match misuse {
            Misuse::InvokedTwice { process, since } => {
                let line = self.line(since);
                format!("process {process} invokes an operation, but that of line {line} has not completed")
            }
            other => other.to_string(),
        }
    }
}

const SAME_FORM: &str = "expected the same form of value on every line: [key value], or the value alone";

fn wrong_key(key: &str, found: &str) -> String {
    format!("expected the value of key {key:?}, found key {found:?}")
}

fn register(recorder: &mut Recorder, step: &Step<'_>, nil_says_nothing: bool) -> Result<(), String> {
    if step.kind() == Kind::Invoke {
        let (key, action) = asked(step)?;
        return step.invoke(recorder, &key, action);
    }
    let key = step.match_open(recorder, |action| match action {
        Action::Get => Function::Read,
        Action::Put(_) => Function::Write,
        Action::Append(_) => Function::Append,
        Action::Cas { .. } => Function::Cas,
    })?;
    if step.function != Function::Read {
        step.check_written(recorder, asked)?;
    }
    let outcome = match (step.kind(), step.function) {
        (Kind::Fail, _) => Outcome::Failed,
        (Kind::Ok, Function::Read) => match step.scalar(step.returned(&key)?)? {
            None if nil_says_nothing => Outcome::Unknown,
            read => Outcome::Ok { read },
        },
        (Kind::Ok, _) => Outcome::Ok { read: None },
        _ => Outcome::Unknown,
    };
    step.complete(recorder, outcome)
}

/// The key and what is asked of it.
fn asked(step: &Step<'_>) -> Result<(String, Action), String> {
    if step.function == Function::Cas {
        return change(step);
    }
    let (key, value) = step.split()?;
    let action = match step.function {
        Function::Write => Action::Put(step.written(value)?),
        Function::Append => Action::Append(step.written(value)?),
        // A read's value is what its completion says; here it only has to be of the same form.
        _ => step.scalar(value).map(|_| Action::Get)?,
    };
    Ok((key, action))
}

/// Takes apart `[old new]`, `[key [old new]]` or `[key old new]`.
fn change(step: &Step<'_>) -> Result<(String, Action), String> {
    let form = match step.keyed {
        Keyed::Pair => "[key [old new]] or [key old new]",
        _ => "[expected new]",
    };
    let wrong = || format!("expected the value of cas to be {form}");
    let Value::Sequence(values) = step.value() else { return Err(wrong()) };
    let (key, expected, new) = match (step.keyed, values.as_slice()) {
        (Keyed::Pair, [key, change]) => match change.pair() {
            Some((expected, new)) => (Some(key), expected, new),
            None => {
                return Err(format!(
                    "{}: a cas of two values names no key, and the other operations have theirs in the value",
                    wrong()
                ));
            }
        },
        (Keyed::Pair, [key, expected, new]) => (Some(key), expected, new),
        (Keyed::Field | Keyed::No, [expected, new]) => (None, expected, new),
        _ => return Err(wrong()),
    };
    let key = match key {
        Some(key) => key.scalar()?.ok_or("expected a key in [key [old new]], found none")?,
        None => step.event.key().unwrap_or_else(|| ONLY_KEY.to_owned()),
    };
    let action = Action::Cas { expected: step.scalar(expected)?, new: step.written(new)? };
    Ok((key, action))
}

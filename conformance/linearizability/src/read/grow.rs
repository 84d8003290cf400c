//! Sets and counters. Both have additions and reads; the value that the first read returns shows which of them it is.

use std::collections::HashSet;
use std::sync::Arc;

use super::build::Step;
use super::event::Kind;
use super::model::{Model, Operations};
use super::shape::Function;
use super::value::Value;
use crate::history::{Operation, Outcome, Recorder};
use crate::objects::{counter, set};

/// An operation of which it is not known yet what it is about.
#[derive(PartialEq)]
enum Act {
    /// Adds this, as it is written.
    Add(Arc<str>, Function),
    Read,
    Members(Arc<[Arc<str>]>),
    Sum(i128),
}

/// Takes in the events of a set or a counter.
pub(super) struct Grow {
    model: Option<Model>,
    nil_says_nothing: bool,
    recorder: Recorder<Act>,
    /// Each element once.
    names: HashSet<Arc<str>>,
}

impl Grow {
    pub(super) fn new(model: Option<Model>, nil_says_nothing: bool) -> Self {
        Self { model, nil_says_nothing, recorder: Recorder::new(), names: HashSet::new() }
    }

    pub(super) fn model(&self) -> Option<Model> {
        self.model
    }

    fn name(&mut self, text: &str) -> Arc<str> {
        match self.names.get(text) {
            Some(name) => Arc::clone(name),
            None => {
                let name: Arc<str> = text.into();
                self.names.insert(Arc::clone(&name));
                name
            }
        }
    }

    pub(super) fn add(&mut self, step: &Step<'_>) -> Result<(), String> {
        if step.kind() == Kind::Invoke {
            let (key, mut action) = asked(step)?;
            if let Act::Add(amount, _) = &mut action {
                if self.model == Some(Model::Counter) {
                    whole(amount)?;
                }
                *amount = self.name(amount);
            }
            return step.invoke(&mut self.recorder, &key, action);
        }
        let key = step.match_open(&self.recorder, |action| match action {
            Act::Add(_, function) => *function,
            _ => Function::Read,
        })?;
        if step.function != Function::Read {
            step.check_written(&self.recorder, asked)?;
        }
        let outcome = match (step.kind(), step.function) {
            (Kind::Fail, _) => Outcome::Failed,
            (Kind::Ok, Function::Read) if self.nil_says_nothing && *step.returned(&key)? == Value::Nil => {
                Outcome::Unknown
            }
            (Kind::Ok, Function::Read) => {
                let seen = self.seen(step.returned(&key)?)?;
                if let Some(action) = self.recorder.open_action(step.event.process) {
                    *action = seen;
                }
                Outcome::Ok { read: None }
            }
            (Kind::Ok, _) => Outcome::Ok { read: None },
            _ => Outcome::Unknown,
        };
        step.complete(&mut self.recorder, outcome)
    }

    /// What a read returned, which decides the model if nothing has.
    fn seen(&mut self, value: &Value) -> Result<Act, String> {
        let model = match (self.model, value) {
            (Some(model), _) => model,
            (None, Value::Sequence(_)) => Model::Set,
            (None, Value::Number(_)) => Model::Counter,
            (None, _) => {
                return Err("expected a read to return elements (a set) or a number (a counter); if nil only says that \
                            they are not known, say --nil unknown"
                    .to_owned());
            }
        };
        self.model = Some(model);
        match (model, value) {
            (Model::Set, Value::Sequence(values)) => {
                let mut elements = Vec::with_capacity(values.len());
                for value in values {
                    let element = value.scalar()?.ok_or("expected an element, found nil")?;
                    elements.push(self.name(&element));
                }
                elements.sort_unstable();
                if let Some(pair) = elements.windows(2).find(|pair| pair[0] == pair[1]) {
                    let element = &pair[0];
                    return Err(format!(
                        "expected each element once, as in a set; {element} stands there twice"
                    ));
                }
                Ok(Act::Members(elements.into()))
            }
            (Model::Set, _) => Err(
                "expected the elements of a set, in a vector, list or set; if nil only says that they are \
                 not known, say --nil unknown"
                    .to_owned(),
            ),
            (_, Value::Number(number)) => Ok(Act::Sum(whole(number)?)),
            _ => Err("expected the number that a counter holds".to_owned()),
        }
    }

    /// The operations. Without a read that returned, whatever it is holds: it counts as a set.
    pub(super) fn finish(self) -> Result<Operations, String> {
        let operations = self.recorder.into_operations();
        if self.model == Some(Model::Counter) {
            let convert = |action: Act| {
                Ok(match action {
                    Act::Add(amount, Function::Decrement) => {
                        counter::Act::Add(whole(&amount)?.checked_neg().ok_or("an amount is too large")?)
                    }
                    Act::Add(amount, _) => counter::Act::Add(whole(&amount)?),
                    Act::Sum(sum) => counter::Act::Read(sum),
                    _ => counter::Act::Read(0),
                })
            };
            return Ok(Operations::Counter(converted(operations, convert)?));
        }
        let convert = |action: Act| {
            Ok(match action {
                Act::Add(element, _) => set::Act::Add(element),
                Act::Members(elements) => set::Act::Read(elements),
                _ => set::Act::Read(Arc::new([])),
            })
        };
        Ok(Operations::Set(converted(operations, convert)?))
    }
}

/// The key and what is asked of it.
fn asked(step: &Step<'_>) -> Result<(String, Act), String> {
    let (key, value) = step.split()?;
    let action = match step.function {
        Function::Read => Act::Read,
        function => match (function, step.scalar(value)?) {
            (Function::Increment | Function::Decrement, None) => Act::Add("1".into(), function),
            (_, Some(amount)) => Act::Add(amount.into(), function),
            _ => return Err("expected a value to add, found none".to_owned()),
        },
    };
    Ok((key, action))
}

fn whole(text: &str) -> Result<i128, String> {
    text.parse::<i64>()
        .map(i128::from)
        .map_err(|_| format!("expected a whole number to count with, found {text:?}"))
}

fn converted<A>(
    operations: Vec<Operation<Act>>,
    convert: impl Fn(Act) -> Result<A, String>,
) -> Result<Vec<Operation<A>>, String> {
    let one = |operation: Operation<Act>| {
        let Operation { process, key, action, outcome, invoked, completed } = operation;
        Ok(Operation { process, key, action: convert(action)?, outcome, invoked, completed })
    };
    operations.into_iter().map(one).collect()
}

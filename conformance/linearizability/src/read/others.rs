//! The operations of mutexes, versioned registers and transactions, from their events.

use super::build::Step;
use super::event::Kind;
use super::model::{FREE, HELD};
use super::shape::Function;
use super::value::Value;
use crate::history::{Action, Outcome, Recorder};
use crate::objects::{transaction, versioned};

pub(super) fn mutex(recorder: &mut Recorder, step: &Step<'_>) -> Result<(), String> {
    if step.kind() == Kind::Invoke {
        let (key, value) = step.split()?;
        if *value != Value::Nil {
            return Err(
                "expected no value, or [key nil]: if it names the lock, put it into the field key".to_owned()
            );
        }
        let (from, to) = if step.function == Function::Acquire { (FREE, HELD) } else { (HELD, FREE) };
        return step.invoke(
            recorder,
            &key,
            Action::Cas { expected: Some(from.to_owned()), new: to.to_owned() },
        );
    }
    step.match_open(recorder, |action| match action {
        Action::Cas { new, .. } if new == HELD => Function::Acquire,
        _ => Function::Release,
    })?;
    // What it came back with may be a fence, of which this model knows nothing.
    step.check_written(recorder, |_| Err(String::new()))?;
    let outcome = match step.kind() {
        Kind::Ok => Outcome::Ok { read: None },
        Kind::Fail => Outcome::Failed,
        _ => Outcome::Unknown,
    };
    step.complete(recorder, outcome)
}

/// The version and the rest of `[version value]`; nil is neither.
fn version(value: &Value) -> Result<(Option<u64>, &Value), String> {
    if *value == Value::Nil {
        return Ok((None, value));
    }
    let (version, value) = value.pair().ok_or("expected [version value]")?;
    let number = match version {
        Value::Nil => None,
        other => {
            let number = other.integer().and_then(|number| u64::try_from(number).ok());
            Some(number.ok_or("expected the version to be a whole number or nil")?)
        }
    };
    Ok((number, value))
}

pub(super) fn versioned(
    recorder: &mut Recorder<versioned::Act>,
    step: &Step<'_>,
    nil_says_nothing: bool,
) -> Result<(), String> {
    use versioned::Act;
    if step.kind() == Kind::Invoke {
        let (key, value) = step.split()?;
        return step.invoke(recorder, &key, asked_of_version(step, value)?);
    }
    let key = step.match_open(recorder, |action| match action {
        Act::Read { .. } => Function::Read,
        Act::Write { .. } => Function::Write,
        Act::Cas { .. } => Function::Cas,
    })?;
    let outcome = match step.kind() {
        Kind::Ok => {
            let told = match (&step.event.value, step.function) {
                (Some(_), _) | (None, Function::Read) => step.returned(&key)?,
                // A write need not say which version it made.
                (None, _) => &Value::Nil,
            };
            let (found, value) = version(told)?;
            let is_told = *value != Value::Nil && !step.ignores_values;
            let asked = is_told.then(|| asked_of_version(step, told));
            let mut outcome = Outcome::Ok { read: None };
            let invoked = recorder.open_operation(step.event.process).map_or(0, |open| open.invoked);
            match recorder.open_action(step.event.process) {
                Some(Act::Read { version, value: seen }) => {
                    (*version, *seen) = (found, value.scalar()?);
                    if nil_says_nothing && seen.is_none() && version.is_none() {
                        outcome = Outcome::Unknown;
                    }
                }
                Some(open) => {
                    if found == Some(0) {
                        return Err("expected a version from 1 after a write, found 0".to_owned());
                    }
                    let before = open.clone();
                    if let Act::Write { version, .. } | Act::Cas { version, .. } = open {
                        *version = found;
                    }
                    // What was known at the invocation must be what is told now.
                    let is_other = asked.is_some_and(|asked| asked.as_ref() != Ok(&*open));
                    let is_known = before.version().is_some() && !step.ignores_values;
                    if is_other || (is_known && before != *open) {
                        return Err(step.came_back_with_another(invoked));
                    }
                }
                None => {}
            }
            outcome
        }
        Kind::Fail => Outcome::Failed,
        _ => Outcome::Unknown,
    };
    step.complete(recorder, outcome)
}

/// What `[version value]` asks for. The version is the one that it makes, where an invocation knows it.
fn asked_of_version(step: &Step<'_>, value: &Value) -> Result<versioned::Act, String> {
    use versioned::Act;
    let (version, value) = version(value)?;
    Ok(match step.function {
        Function::Write => {
            let value = value.scalar()?.ok_or("expected a value to write, found none")?;
            Act::Write { version, value }
        }
        Function::Cas => {
            let (expected, new) =
                value.pair().ok_or("expected the value of cas to be [version [old new]]")?;
            let new = new.scalar()?.ok_or("expected a value to cas, found none")?;
            Act::Cas { version, expected: expected.scalar()?, new }
        }
        _ => Act::Read { version: None, value: None },
    })
}

pub(super) fn transact(recorder: &mut Recorder<transaction::Act>, step: &Step<'_>) -> Result<(), String> {
    if step.kind() == Kind::Invoke {
        let (key, value) = step.split()?;
        return step.invoke(recorder, &key, transaction::Act(steps(value)?));
    }
    step.match_open(recorder, |_| Function::Transact)?;
    let outcome = match step.kind() {
        Kind::Ok => {
            let found = steps(step.value())?;
            let same = |(one, other): (&transaction::Step, &transaction::Step)| match (one, other) {
                (transaction::Step::Read(one, _), transaction::Step::Read(other, _)) => one == other,
                (one, other) => one == other,
            };
            if let Some(action) = recorder.open_action(step.event.process) {
                if action.0.len() != found.len() || !action.0.iter().zip(&found).all(same) {
                    return Err("expected the steps of the transaction as they were invoked".to_owned());
                }
                action.0 = found;
            }
            Outcome::Ok { read: None }
        }
        Kind::Fail => Outcome::Failed,
        _ => Outcome::Unknown,
    };
    step.complete(recorder, outcome)
}

/// Takes apart `[[:read x 1] [:write y 2]]`.
fn steps(value: &Value) -> Result<Vec<transaction::Step>, String> {
    let Value::Sequence(steps) = value else {
        return Err("expected the value of txn to be its steps, [[:read x nil] [:write y 1]]".to_owned());
    };
    let one = |step: &Value| {
        let Value::Sequence(parts) = step else { return Err("expected a step, [:read x nil]".to_owned()) };
        let [function, register, value] = parts.as_slice() else {
            return Err("expected a step of three parts, [:read x nil]".to_owned());
        };
        let register = register.scalar()?.ok_or("expected the name of a register, found none")?;
        match function.word().and_then(Function::of) {
            Some(Function::Read) => Ok(transaction::Step::Read(register, value.scalar()?)),
            Some(Function::Write) => {
                let value = value.scalar()?.ok_or("expected a value to write, found none")?;
                Ok(transaction::Step::Write(register, value))
            }
            _ => {
                Err("expected a step to be a read or a write; Elle judges transactions that append to lists"
                    .to_owned())
            }
        }
    };
    steps.iter().map(one).collect()
}

//! A violation as it is shown: the window's operations in words and with their places, whatever they are about.

use super::history::{Action, Operation, Outcome};
use super::linearization_proof::write;
use super::objects::{Object, Shrunk};
use super::orders::{Attempt, attempts};
use super::read::{FREE, HELD, Places};
use super::shrink::Window;

/// Longest value inside a lane, and in a list, in characters.
const IN_LANE: usize = 16;
const IN_LIST: usize = 120;

/// How an operation ended, as far as the window goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It took effect before its completion.
    Ok,
    /// It took no effect.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// An operation of a window.
#[derive(Clone, Debug)]
pub struct Bar {
    /// The client.
    pub process: u64,
    /// What it did and saw, in few words.
    pub short: String,
    /// The same, with longer values.
    pub long: String,
    /// How it ended.
    pub ended: Ended,
    /// Place of the invocation.
    pub invoked: u64,
    /// Place of the completion; none if the outcome is unknown.
    pub completed: Option<u64>,
}

/// A window of operations that no order explains.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What is there before, in words.
    pub before: String,
    /// The operations, in the order of their invocations.
    pub bars: Vec<Bar>,
    /// Operations outside the window that wrote what was seen in it, or failed to. They are no part of the argument.
    pub outside: Vec<Bar>,
    /// Whether none of the operations can be left out, by the steps of the reduction.
    pub minimal: bool,
    /// Whether every order was tried, and none found.
    pub confirmed: bool,
    /// Orders that were tried, the longest first.
    pub orders: Vec<Attempt>,
    /// What else may explain it.
    pub hints: Vec<String>,
}

impl Picture {
    /// Of a window of operations on a key; `is_mutex`: on a lock.
    pub(crate) fn of_window(window: &Window, is_mutex: bool) -> Self {
        let label = if is_mutex { label_of_mutex } else { label };
        let bars = |operations: &[Operation]| {
            operations.iter().map(|one| bar(one, |most| label(one, most))).collect()
        };
        let step = |state: &Option<String>, operation: &Operation| {
            if operation.observed().is_some_and(|seen| seen != state.as_deref()) {
                return None;
            }
            let mut next = state.clone();
            write(&mut next, &operation.action);
            Some(next)
        };
        let show = |state: &Option<String>| match state.as_deref() {
            Some(state @ (FREE | HELD)) if is_mutex => state.to_owned(),
            state => value(state, IN_LIST),
        };
        Self {
            before: show(&window.initial),
            bars: bars(&window.operations),
            outside: if is_mutex { Vec::new() } else { bars(&window.outside) },
            minimal: window.minimal,
            confirmed: window.confirmed.is_some(),
            orders: attempts(&window.operations, window.initial.clone(), step, show),
            hints: Vec::new(),
        }
    }

    /// Of a window of operations on another object.
    pub(crate) fn of_object<A: Object>(window: &Shrunk<A>) -> Self {
        let step = |state: &A::State, operation: &Operation<A>| operation.action.step(state);
        Self {
            before: A::show(&window.initial),
            bars: window.operations.iter().map(|one| bar(one, |most| one.action.label(most))).collect(),
            outside: Vec::new(),
            minimal: window.minimal,
            confirmed: window.confirmed.is_some(),
            orders: attempts(&window.operations, window.initial.clone(), step, A::show),
            hints: Vec::new(),
        }
    }

    /// How much the window claims, in words.
    pub fn strength(&self) -> &'static str {
        match (self.minimal, self.confirmed) {
            (true, true) => "none can be left out; every order was tried",
            (true, false) => "none can be left out",
            (false, true) => "every order was tried; fewer may do: time for reducing was up",
            (false, false) => "fewer may do: time for reducing was up",
        }
    }

    /// What one of the orders tried comes to, in words.
    pub fn told(&self, attempt: &Attempt) -> String {
        let number = |at: &usize| (at + 1).to_string();
        let steps: Vec<String> = attempt.steps.iter().map(|(at, _)| number(at)).collect();
        let there = attempt.steps.last().map_or(&self.before, |step| &step.1);
        let stuck: Vec<String> = attempt.stuck.iter().map(number).collect();
        let begins =
            if steps.is_empty() { "no operation can come first".to_owned() } else { steps.join(", ") };
        format!("{begins}; then there is {there}, and {} would have to come, but cannot", stuck.join(" or "))
    }
}

impl Bar {
    /// What it did and saw, how it ended, and where.
    pub fn described(&self, places: &Places, word: &str) -> String {
        let (label, invoked) = (&self.long, places.number(self.invoked));
        match (self.ended, self.completed) {
            (Ended::Ok, Some(completed)) => {
                format!("{label} ok, {word} {invoked} to {}", places.number(completed))
            }
            (Ended::Failed, Some(completed)) => {
                format!("{label} FAILED, {word} {invoked} to {}", places.number(completed))
            }
            _ => format!("{label} of unknown outcome, from {word} {invoked}"),
        }
    }
}

fn bar<A>(operation: &Operation<A>, label: impl Fn(usize) -> String) -> Bar {
    let ended = match operation.outcome {
        Outcome::Ok { .. } if operation.completed.is_some() => Ended::Ok,
        Outcome::Failed => Ended::Failed,
        _ => Ended::Unknown,
    };
    Bar {
        process: operation.process,
        short: label(IN_LANE),
        long: label(IN_LIST),
        ended,
        invoked: operation.invoked,
        completed: operation.completed.filter(|_| ended != Ended::Unknown),
    }
}

fn value(text: Option<&str>, most: usize) -> String {
    let Some(text) = text else { return "no value".to_owned() };
    let characters = text.chars().count();
    if characters <= most {
        return format!("{text:?}");
    }
    // The end of a value tells more than its beginning: appends go there.
    let tail: String = text.chars().skip(characters - most).collect();
    format!("{:?} ({characters} characters)", format!("…{tail}"))
}

fn label(operation: &Operation, most: usize) -> String {
    match &operation.action {
        Action::Get => match &operation.outcome {
            Outcome::Ok { read } => format!("get -> {}", value(read.as_deref(), most)),
            _ => "get".to_owned(),
        },
        Action::Put(text) => format!("put {}", value(Some(text), most)),
        Action::Append(piece) => format!("append {}", value(Some(piece), most)),
        Action::Cas { expected, new } => {
            format!("cas {} -> {}", value(expected.as_deref(), most), value(Some(new), most))
        }
    }
}

fn label_of_mutex(operation: &Operation, _: usize) -> String {
    match &operation.action {
        Action::Cas { new, .. } if new == HELD => "acquire".to_owned(),
        _ => "release".to_owned(),
    }
}

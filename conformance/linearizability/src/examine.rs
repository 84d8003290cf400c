//! Judges a history that was read, whatever it is about, key by key.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::history::{Action, Operation, Outcome};
use super::objects::{Object, Shrunk, counter, matters, refute, set, transaction, versioned};
use super::packed::Packed;
use super::picture::Picture;
use super::read::{FREE, HELD, History, Operations};
use super::search::{Budget, Found};
use super::{Limits, Summary, Verdict, decide};

/// What to judge a history by.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// What every key holds at first; `None`: nothing.
    pub initial: Option<String>,
    /// What may be spent.
    pub limits: Limits,
    /// Whether the first key that is not linearizable is enough.
    pub first: bool,
}

/// What was found out about one key.
#[derive(Clone, Debug)]
pub enum Told {
    /// There is an order that explains the operations; it was replayed.
    Holds,
    /// No order explains the operations, not even those of this window alone.
    Violated(Box<Picture>),
    /// Neither was shown, for this reason.
    Unfinished(String),
}

/// A key and what was found out about it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The key; empty if the history names none.
    pub key: String,
    /// Its operations, all of them.
    pub operations: usize,
    /// The verdict on them.
    pub told: Told,
}

/// What was found out about a history.
#[derive(Clone, Debug)]
pub struct Examined {
    /// Each key that was judged, in order.
    pub findings: Vec<Finding>,
    /// Keys that were not, because an earlier one is violated.
    pub not_judged: usize,
}

impl Examined {
    /// The verdict on the whole.
    pub fn summary(&self) -> Summary {
        let any = |wanted: fn(&Told) -> bool| self.findings.iter().any(|finding| wanted(&finding.told));
        if any(|told| matches!(told, Told::Violated(_))) {
            Summary::Violated
        } else if self.findings.is_empty() || any(|told| matches!(told, Told::Unfinished(_))) {
            Summary::Unfinished
        } else {
            Summary::Holds
        }
    }
}

/// How an examination is getting on, for another thread to tell.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes read.
    pub bytes: AtomicU64,
    /// Keys in all; none before the history is read.
    pub keys: AtomicU64,
    /// Keys judged.
    pub judged: AtomicU64,
    /// Operations in all.
    pub operations: AtomicU64,
    /// Completions that searches went through, those of reductions included.
    pub completions: AtomicU64,
}

/// Judges a history.
///
/// # Errors
/// The first value asked for makes no sense for the model; what does.
pub fn examine(history: &History, question: &Question, progress: &Progress) -> Result<Examined, String> {
    let initial = question.initial.as_deref();
    match &history.operations {
        Operations::Register(all) => {
            let judge = |all: &[&Operation], budget: Budget<'_>| registers(all, initial, false, budget);
            Ok(by_packed_key(all, question, progress, judge))
        }
        Operations::Mutex(all) => {
            let first = initial.unwrap_or(FREE);
            if first != FREE && first != HELD {
                return Err(format!("--initial {first:?}: a mutex is {FREE} or {HELD} at first"));
            }
            Ok(by_packed_key(all, question, progress, |all, budget| {
                registers(all, Some(first), true, budget)
            }))
        }
        Operations::Versioned(all) => {
            let first = versioned::State { version: 0, value: question.initial.clone() };
            Ok(by_packed_key(all, question, progress, |all, budget| object(all, &first, budget)))
        }
        Operations::Transactions(all) => {
            let first = transaction::State { initial: question.initial.clone(), ..Default::default() };
            Ok(by_key(all, question, progress, |all, budget| {
                let mut told = object(all, &first, budget);
                if let Told::Violated(picture) = &mut told {
                    picture.hints.extend(hint_of_transactions(all, initial, &first, budget));
                }
                told
            }))
        }
        Operations::Counter(all) => {
            let first: i128 = match initial {
                None => 0,
                Some(text) => text
                    .parse::<i64>()
                    .map(i128::from)
                    .map_err(|_| format!("--initial {text:?}: a counter begins with a whole number"))?,
            };
            Ok(by_key(all, question, progress, |all: &[&Operation<counter::Act>], budget| {
                object(all, &first, budget)
            }))
        }
        Operations::Set(all) => {
            if let Some(text) = initial {
                return Err(format!("--initial {text:?}: a set begins empty; leave it out"));
            }
            let first = Default::default();
            Ok(by_key(all, question, progress, |all: &[&Operation<set::Act>], budget| {
                object(all, &first, budget)
            }))
        }
    }
}

fn by_key<A>(
    all: &[Operation<A>],
    question: &Question,
    progress: &Progress,
    judge: impl Fn(&[&Operation<A>], Budget<'_>) -> Told,
) -> Examined {
    let mut keys: BTreeMap<&str, Vec<&Operation<A>>> = BTreeMap::new();
    for operation in all {
        keys.entry(&operation.key).or_default().push(operation);
    }
    let of = |key: &str, budget: Budget<'_>| {
        let all = keys.get(key).map_or(&[][..], Vec::as_slice);
        (all.len(), judge(all, budget))
    };
    each(keys.keys().copied(), all.len(), question, progress, of)
}

/// [`by_key`] of operations that are unpacked when it is their turn.
fn by_packed_key<A: Serialize + DeserializeOwned>(
    packed: &Packed<A>,
    question: &Question,
    progress: &Progress,
    judge: impl Fn(&[&Operation<A>], Budget<'_>) -> Told,
) -> Examined {
    let of = |key: &str, budget: Budget<'_>| match packed.of(key) {
        Ok(all) => (all.len(), judge(&all.iter().collect::<Vec<_>>(), budget)),
        Err(damaged) => (0, Told::Unfinished(damaged.to_string())),
    };
    each(packed.keys(), packed.len(), question, progress, of)
}

/// Judges key after key; `judge` says how many operations a key has, too.
fn each<'k>(
    keys: impl ExactSizeIterator<Item = &'k str>,
    operations: usize,
    question: &Question,
    progress: &Progress,
    judge: impl Fn(&str, Budget<'_>) -> (usize, Told),
) -> Examined {
    let mut budget = Budget { ticks: Some(&progress.completions), ..Budget::of(question.limits) };
    if question.first {
        budget.second_opinion /= 4;
    }
    progress.operations.store(operations as u64, Ordering::Relaxed);
    progress.keys.store(keys.len() as u64, Ordering::Relaxed);
    let mut examined = Examined { findings: Vec::with_capacity(keys.len()), not_judged: 0 };
    let mut is_enough = false;
    for key in keys {
        if is_enough {
            examined.not_judged += 1;
            continue;
        }
        let (operations, told) = judge(key, budget);
        is_enough = question.first && matches!(told, Told::Violated(_));
        examined.findings.push(Finding { key: key.to_owned(), operations, told });
        progress.judged.fetch_add(1, Ordering::Relaxed);
    }
    examined
}

fn registers(all: &[&Operation], initial: Option<&str>, is_mutex: bool, budget: Budget<'_>) -> Told {
    match decide(all, initial, budget) {
        Verdict::Holds => Told::Holds,
        Verdict::Unfinished(reason) => Told::Unfinished(reason),
        Verdict::Violated(window) => {
            let mut picture = Picture::of_window(&window, is_mutex);
            if !is_mutex {
                picture.hints = hints(all, &window.operations, initial, budget);
            }
            Told::Violated(Box::new(picture))
        }
    }
}

/// What else may explain a violation: another first value, or reads of nil that say nothing.
fn hints(all: &[&Operation], window: &[Operation], initial: Option<&str>, budget: Budget<'_>) -> Vec<String> {
    let mut hints = Vec::new();
    let reads = || window.iter().filter(|one| one.action == Action::Get).filter_map(Operation::observed);
    let begins = |text: &str| {
        all.iter().any(|one| match &one.action {
            Action::Get => false,
            Action::Put(written) | Action::Cas { new: written, .. } => text.starts_with(written.as_str()),
            // What is appended to no value begins with it.
            Action::Append(piece) => text.starts_with(piece.as_str()),
        })
    };
    let from_nowhere = reads().flatten().find(|text| !begins(text));
    if let (None, Some(text)) = (initial, from_nowhere) {
        let held = match decide(all, Some(text), budget) {
            Verdict::Holds => "with it this key holds",
            Verdict::Violated(_) => "with it this key is violated, too",
            Verdict::Unfinished(_) => "with it this key was not decided",
        };
        hints.push(format!(
            "{text:?} was read and never written: if the store answers so for a key without a value, say --initial \
             {text:?}; {held}"
        ));
    }
    if reads().any(|seen| seen.is_none()) {
        let without: Vec<&Operation> = all
            .iter()
            .copied()
            .filter(|one| one.action != Action::Get || one.outcome != Outcome::Ok { read: None })
            .collect();
        if matches!(decide(&without, initial, budget), Verdict::Holds) {
            hints.push(
                "a read of nil counts as one that found no value; if it only says that the value is not known, as in \
                 Knossos, say --nil unknown: with it this key holds"
                    .to_owned(),
            );
        }
    }
    hints
}

/// A first value that explains what transactions read and none wrote.
fn hint_of_transactions(
    all: &[&Operation<transaction::Act>],
    initial: Option<&str>,
    first: &transaction::State,
    budget: Budget<'_>,
) -> Option<String> {
    let steps = || all.iter().filter(|one| one.outcome != Outcome::Failed).flat_map(|one| &one.action.0);
    let written: HashSet<(&str, &str)> = steps()
        .filter_map(|step| match step {
            transaction::Step::Write(register, value) => Some((register.as_str(), value.as_str())),
            transaction::Step::Read(..) => None,
        })
        .collect();
    let is_written = |register: &str, value: &str| written.contains(&(register, value));
    let value = steps().find_map(|step| match step {
        transaction::Step::Read(register, Some(value)) if !is_written(register, value) => Some(value.clone()),
        _ => None,
    });
    let value = value.filter(|_| initial.is_none())?;
    let state = transaction::State { initial: Some(value.clone()), ..first.clone() };
    let held = match object(all, &state, budget) {
        Told::Holds => "with it the history holds",
        Told::Violated(_) => "with it the history is violated, too",
        Told::Unfinished(_) => "with it the history was not decided",
    };
    Some(format!(
        "{value:?} was read and never written: if registers begin with it, say --initial {value:?}; {held}"
    ))
}

fn object<A: Object>(all: &[&Operation<A>], initial: &A::State, budget: Budget<'_>) -> Told {
    let operations: Vec<&Operation<A>> = all.iter().copied().filter(|operation| matters(operation)).collect();
    match A::search(&operations, initial, budget) {
        Found::Order(order) => match refute(&operations, initial, &order) {
            None => Told::Holds,
            Some(refusal) => Told::Unfinished(format!(
                "the order found is no linearization ({refusal}): a defect of the checker"
            )),
        },
        Found::Violation { forced } => {
            let window = Shrunk::of(&operations, initial, forced.as_deref(), budget);
            if window.confirmed == Some(false) {
                let reason = "the window of the violation has an order after all: a defect of the checker";
                return Told::Unfinished(reason.to_owned());
            }
            Told::Violated(Box::new(Picture::of_object(&window)))
        }
        Found::Unfinished(reason) => Told::Unfinished(reason),
    }
}

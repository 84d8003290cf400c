//! What can still be observed: the part of the future that decides which values are worth telling apart.
//!
//! At a place `now` of the history, let G be the observation invoked after `now` that completes first. Whatever the
//! key holds now, G takes effect later. If the value now, with what is appended to it, is not to be what G saw, it is
//! overwritten before G takes effect, and whoever observes it does so before G: it is invoked before G completes. So
//! the observations that matter are those not complete at `now` and invoked before G completes, a few more than there
//! are clients. A value that is a prefix of nothing they saw cannot be observed before it is overwritten.

use std::collections::HashMap;

use super::configuration::Value;
use super::digest::{Digest, Prefixes};
use super::history::{Action, Operation};

/// Longer texts are not searched for an appended piece: the piece counts as observable.
const SEARCHED: usize = 512;
/// At most this many observations are searched for an appended piece.
const SEARCHES: usize = 64;

/// One operation that saw a value, or of unknown outcome and would have had to. There may be millions.
#[derive(Debug)]
struct Observation<'a> {
    operation: &'a Operation,
    /// Its place in the list of operations.
    at: u32,
    /// Whether what it saw can have begun in one way only: with one put or compare-and-set, or with the first value.
    /// Once that is overwritten, it does not come back.
    sole: bool,
}

impl<'a> Observation<'a> {
    fn invoked(&self) -> u64 {
        self.operation.invoked
    }

    fn completed(&self) -> u64 {
        self.operation.deadline()
    }

    fn text(&self) -> Option<&'a str> {
        self.operation.observed().flatten()
    }
}

/// An observation that matters now.
#[derive(Debug)]
struct Watched<'a> {
    /// Its place among the observations.
    at: usize,
    value: Value,
    /// The prefixes of what it saw, if there are appends.
    prefixes: Option<Prefixes<'a>>,
}

/// The observations that saw a put's value as a prefix: place of invocation, and the latest completion of this one
/// and all before.
type SeenBy = Vec<(u64, u64)>;

/// Which values can still be observed, at a place in the history that moves forward.
#[derive(Debug)]
pub(crate) struct Observability<'a> {
    /// By invocation.
    observations: Vec<Observation<'a>>,
    /// For each observation, the first completion of it and all after.
    first_completion: Vec<u64>,
    /// For each observation, the last completion of it and all before.
    last_completion: Vec<u64>,
    /// Whether the key has appends: without them a value is observed as it was put, or not at all.
    appends: bool,
    seen_by: HashMap<Digest, SeenBy>,
    /// Invocations of puts, in order.
    puts: Vec<u64>,
    /// For each observation that saw what a put of unknown outcome may have begun: the classes of these puts, and what
    /// they put.
    put_classes: HashMap<usize, Vec<(u32, Digest)>>,
    /// The observations that matter now.
    watched: Vec<Watched<'a>>,
    /// The first observation not yet watched.
    next: usize,
    /// The first observation invoked after now.
    ahead: usize,
    /// The first put invoked after now.
    next_put: usize,
    /// When the last observation completes.
    end: u64,
}

impl<'a> Observability<'a> {
    /// For the operations of one key, in the order of their invocations; the key first holds `initial`.
    /// `classes` gives the class of each put with unknown outcome.
    pub(crate) fn new(
        operations: &[&'a Operation],
        initial: Option<&str>,
        classes: &HashMap<Digest, u32>,
    ) -> Self {
        let appends = operations.iter().any(|operation| matches!(operation.action, Action::Append(_)));
        let mut observations: Vec<Observation<'a>> = Vec::new();
        let mut put_classes: HashMap<usize, Vec<(u32, Digest)>> = HashMap::new();
        let mut seen_by: HashMap<Digest, SeenBy> = HashMap::new();
        let mut puts = Vec::new();
        // How often a value is put in place of another, or there at first.
        let mut begins: HashMap<Digest, u32> = HashMap::new();
        for (at, &operation) in operations.iter().enumerate() {
            if let Some(text) = operation.observed() {
                // Nothing but the first value is no value.
                let sole = text.is_none();
                observations.push(Observation { operation, at: at as u32, sole });
            }
            match &operation.action {
                Action::Put(text) => {
                    let text = Digest::of(text.as_bytes());
                    seen_by.entry(text).or_default();
                    *begins.entry(text).or_default() += 1;
                    puts.push(operation.invoked);
                }
                Action::Cas { new, .. } => *begins.entry(Digest::of(new.as_bytes())).or_default() += 1,
                Action::Get | Action::Append(_) => {}
            }
        }
        match initial {
            Some(text) => *begins.entry(Digest::of(text.as_bytes())).or_default() += 1,
            // What is appended to no value begins with the empty text.
            None if appends => *begins.entry(Digest::EMPTY).or_default() += 1,
            None => {}
        }
        let mut lengths: Vec<usize> = begins.keys().map(Digest::length).collect();
        lengths.sort_unstable();
        lengths.dedup();
        for (number, observation) in observations.iter_mut().enumerate() {
            let mut ways = 0;
            for prefix in observable_prefixes(observation.text(), appends, &lengths) {
                ways += begins.get(&prefix).copied().unwrap_or(0);
                if let Some(list) = seen_by.get_mut(&prefix) {
                    let last = list.last().map_or(0, |entry| entry.1).max(observation.completed());
                    list.push((observation.invoked(), last));
                    if let Some(&class) = classes.get(&prefix) {
                        put_classes.entry(number).or_default().push((class, prefix));
                    }
                }
            }
            observation.sole |= ways == 1;
        }
        let mut first_completion: Vec<u64> = observations.iter().map(Observation::completed).collect();
        for at in (1..first_completion.len()).rev() {
            first_completion[at - 1] = first_completion[at - 1].min(first_completion[at]);
        }
        let mut last_completion: Vec<u64> = observations.iter().map(Observation::completed).collect();
        for at in 1..last_completion.len() {
            last_completion[at] = last_completion[at].max(last_completion[at - 1]);
        }
        let certain =
            observations.iter().map(Observation::completed).filter(|&completed| completed < u64::MAX);
        let end = certain.max().unwrap_or(0);
        let mut observability = Self {
            observations,
            first_completion,
            last_completion,
            appends,
            seen_by,
            puts,
            put_classes,
            watched: Vec::new(),
            next: 0,
            ahead: 0,
            next_put: 0,
            end,
        };
        observability.advance(0);
        observability
    }

    /// Moves on to the place `now`.
    pub(crate) fn advance(&mut self, now: u64) {
        while self.observations.get(self.ahead).is_some_and(|one| one.invoked() <= now) {
            self.ahead += 1;
        }
        while self.puts.get(self.next_put).is_some_and(|&invoked| invoked <= now) {
            self.next_put += 1;
        }
        let observations = &self.observations;
        self.watched.retain(|watched| observations[watched.at].completed() > now);
        let limit = self.next_observed();
        while let Some(one) = self.observations.get(self.next).filter(|one| one.invoked() < limit) {
            if one.completed() > now {
                let text = one.text();
                let prefixes = text.filter(|_| self.appends).map(|text| Prefixes::of(text.as_bytes()));
                self.watched.push(Watched { at: self.next, value: Value::of(text), prefixes });
            }
            self.next += 1;
        }
    }

    /// When the first observation to be invoked after now completes; never, if there is none.
    pub(crate) fn next_observed(&self) -> u64 {
        self.first_completion.get(self.ahead).copied().unwrap_or(u64::MAX)
    }

    /// When the next put is invoked; never, if there is none.
    pub(crate) fn next_put(&self) -> u64 {
        self.puts.get(self.next_put).copied().unwrap_or(u64::MAX)
    }

    /// The place after which nothing is observed any more for certain.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Whether `value`, or something appended to it, may be observed before it is overwritten.
    pub(crate) fn may_be_observed(&self, value: Value) -> bool {
        self.watched.iter().any(|watched| self.leads(value, watched))
    }

    /// Whether `value`, or something appended to it, may be what one of the watched saw.
    fn leads(&self, value: Value, watched: &Watched<'a>) -> bool {
        match (value, &watched.prefixes) {
            (Value::Unseen, _) => false,
            (Value::Text(digest), Some(prefixes)) => prefixes.contains(&digest),
            (Value::Absent, Some(_)) => true,
            _ => watched.value == value,
        }
    }

    /// Whether a write that makes `after` of `before` leaves every observation possible that is not done: false if
    /// `before` might have become what one saw, `after` will not, and that value begins in one way only.
    pub(crate) fn keeps(&self, before: Value, after: Value, is_done: impl Fn(u32) -> bool) -> bool {
        before == after
            || self.watched.iter().all(|watched| {
                let one = &self.observations[watched.at];
                let is_needed = one.sole && one.completed() < u64::MAX && self.leads(before, watched);
                !is_needed || self.leads(after, watched) || is_done(one.at)
            })
    }

    /// The place from which on `operation`, whenever it takes effect, only makes values that cannot be observed: never
    /// (`u64::MAX`) if it is not a write, or that cannot be told cheaply.
    pub(crate) fn unseen_from(&self, operation: &Operation) -> u64 {
        // The observations that decide are those of the module's argument, with the operation's own deadline as `now`.
        let after = self.observations.partition_point(|one| one.invoked() <= operation.deadline());
        let limit = self.first_completion.get(after).copied().unwrap_or(u64::MAX);
        match &operation.action {
            Action::Put(text) => {
                let list = self.seen_by.get(&Digest::of(text.as_bytes())).map_or(&[][..], Vec::as_slice);
                let deciding = list.partition_point(|entry| entry.0 < limit);
                deciding.checked_sub(1).map_or(0, |last| list[last].1)
            }
            Action::Append(piece) => self.last_seen_within(piece, operation.invoked, limit),
            Action::Get | Action::Cas { .. } => u64::MAX,
        }
    }

    fn last_seen_within(&self, piece: &str, invoked: u64, limit: u64) -> u64 {
        let mut seen = 0;
        let end = self.observations.partition_point(|one| one.invoked() < limit);
        for (searches, at) in (0..end).rev().enumerate() {
            if self.last_completion[at] <= invoked {
                break;
            }
            let one = &self.observations[at];
            let text = one.text();
            let too_long = text.is_some_and(|text| text.len() > SEARCHED);
            if searches == SEARCHES || too_long {
                return u64::MAX;
            }
            if text.is_some_and(|text| text.contains(piece)) {
                seen = seen.max(one.completed());
            }
        }
        seen
    }

    /// The place after which a put of this text, whenever it took effect, is observed no more.
    pub(crate) fn put_last_seen(&self, text: &Digest) -> u64 {
        self.seen_by.get(text).and_then(|list| list.last()).map_or(0, |entry| entry.1)
    }

    /// Classes of puts with unknown outcome whose value may be observed, each with its value.
    pub(crate) fn observable_puts(&self) -> Vec<(u32, Digest)> {
        let mut classes: Vec<(u32, Digest)> =
            self.watched.iter().filter_map(|one| self.put_classes.get(&one.at)).flatten().copied().collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// The pieces of these lengths that lead from `value` to another that may be observed.
    pub(crate) fn observable_appends(&self, value: Value, lengths: &[usize]) -> Vec<Digest> {
        let base = match value {
            Value::Absent => Digest::EMPTY,
            Value::Text(digest) => digest,
            Value::Unseen => return Vec::new(),
        };
        let watched = self.watched.iter().filter_map(|one| one.prefixes.as_ref());
        let fitting = watched.filter(|prefixes| prefixes.contains(&base));
        let mut pieces: Vec<Digest> = fitting
            .flat_map(|prefixes| lengths.iter().filter_map(|&length| prefixes.slice(base.length(), length)))
            .collect();
        pieces.sort_unstable();
        pieces.dedup();
        pieces
    }
}

/// The digests of the prefixes of an observed text that a put may have made it start with: those of these lengths, or
/// without appends the text itself.
fn observable_prefixes(text: Option<&str>, appends: bool, lengths: &[usize]) -> Vec<Digest> {
    let Some(text) = text else { return Vec::new() };
    if !appends {
        return vec![Digest::of(text.as_bytes())];
    }
    let text = text.as_bytes();
    let (mut prefix, mut prefixes) = (Digest::EMPTY, Vec::new());
    for &length in lengths.iter().take_while(|&&length| length <= text.len()) {
        prefix.extend(&text[prefix.length()..length]);
        prefixes.push(prefix);
    }
    prefixes
}

//! The search for an order: just-in-time linearization over the operations in flight. docs/linearizability.md says
//! why it is sound and complete.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::Limits;
use super::classes::Classes;
use super::configuration::{Configuration, Configurations, Value, in_order, settle};
use super::digest::Digest;
use super::history::{Action, Operation, Outcome};
use super::in_flight::{Event, Events, InFlight, complete, finish};
use super::observability::Observability;

/// A forced beginning is noted once in so many completions, and so many are kept.
const CUT_EVERY: usize = 64;
const CUTS: usize = 4;

/// Memory for the second opinion on a window, in bytes.
const SECOND_OPINION: usize = 16 << 20;

/// What one search may spend.
#[derive(Clone, Copy, Debug)]
pub struct Budget<'a> {
    /// Configurations held at once.
    pub(crate) configurations: usize,
    /// When to give up.
    pub(crate) deadline: Option<Instant>,
    /// Bytes that a second opinion on a window may take.
    pub(crate) second_opinion: usize,
    /// Where completions are counted that were gone through.
    pub(crate) ticks: Option<&'a AtomicU64>,
}

impl Budget<'_> {
    /// What `limits` allow from now on.
    pub(crate) fn of(limits: Limits) -> Self {
        Self {
            configurations: limits.configurations,
            deadline: Instant::now().checked_add(limits.time),
            second_opinion: SECOND_OPINION,
            ticks: None,
        }
    }

    /// Counts a completion that was gone through.
    pub(crate) fn progress(&self) {
        if let Some(ticks) = self.ticks {
            ticks.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// # Errors
    /// Time is up.
    pub(crate) fn check_time(&self, place: u64) -> Result<(), String> {
        let late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if late { Err(format!("out of time at place {place}")) } else { Ok(()) }
    }

    /// One more step of a search, which holds so many configurations.
    ///
    /// # Errors
    /// They are too many, or time is up.
    pub(crate) fn spend(&self, steps: &mut usize, held: usize, place: u64) -> Result<(), String> {
        if held > self.configurations {
            return Err(format!(
                "more than {} configurations at once, at place {place}",
                self.configurations
            ));
        }
        *steps += 1;
        if steps.is_multiple_of(256) { self.check_time(place) } else { Ok(()) }
    }
}

/// What a search found. Operations are named by their places in the list that was searched.
#[derive(Debug)]
pub enum Found {
    /// This order explains everything. It leaves out operations of unknown outcome that took no effect.
    Order(Vec<u32>),
    /// No order does. If `forced` is there, then whatever order there could be begins with these operations, or with
    /// others that leave the same behind: without them, and from the value that they leave, it is violated too.
    Violation { forced: Option<Vec<u32>> },
    /// The budget was spent first.
    Unfinished(String),
}

/// An operation as the search sees it.
#[derive(Clone, Copy, Debug)]
struct Condensed {
    kind: Kind,
    /// What a put or an append writes, or a compare-and-set puts in place.
    text: Digest,
    /// What a get or a compare-and-set must find.
    sees: Value,
    /// From when on it can only make values that cannot be observed.
    unseen_from: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Get,
    Put,
    Append,
    Cas,
}

/// Looks for an order of the operations of one key, given in the order of their invocations, none of which says
/// nothing ([`Operation::matters`]), from the value `initial`.
pub(crate) fn search(operations: &[&Operation], initial: Option<&str>, budget: Budget<'_>) -> Found {
    let classes = Classes::new(operations);
    let observability = Observability::new(operations, initial, classes.puts());
    let mut search = Search {
        operations,
        condensed: Vec::new(),
        observability,
        classes,
        budget,
        now: 0,
        in_flight: InFlight::default(),
        configurations: Configurations::default(),
        settled: Vec::new(),
        settled_at: 0,
        forced: VecDeque::new(),
        completions: 0,
        steps: 0,
    };
    search.run(initial)
}

fn condense(operation: &Operation, observability: &Observability<'_>) -> Condensed {
    let (kind, text) = match &operation.action {
        Action::Get => (Kind::Get, Digest::EMPTY),
        Action::Put(text) => (Kind::Put, Digest::of(text.as_bytes())),
        Action::Append(piece) => (Kind::Append, Digest::of(piece.as_bytes())),
        Action::Cas { new, .. } => (Kind::Cas, Digest::of(new.as_bytes())),
    };
    let sees = operation.observed().map_or(Value::Unseen, Value::of);
    Condensed { kind, text, sees, unseen_from: observability.unseen_from(operation) }
}

/// The number of a bit.
fn slot(bit: u128) -> usize {
    bit.trailing_zeros() as usize
}

struct Search<'a, 'b> {
    operations: &'b [&'a Operation],
    /// The operations in flight, by the number of their bit.
    condensed: Vec<Condensed>,
    observability: Observability<'a>,
    classes: Classes,
    budget: Budget<'b>,
    /// The place of the last event.
    now: u64,
    in_flight: InFlight,
    configurations: Configurations,
    /// The beginning of the order, as far as all configurations that are left share it, and when it was last added to.
    settled: Vec<u32>,
    settled_at: usize,
    /// Forced beginnings: the count of completions, and how much of `settled` it is.
    forced: VecDeque<(usize, usize)>,
    completions: usize,
    steps: usize,
}

impl Search<'_, '_> {
    fn run(&mut self, initial: Option<&str>) -> Found {
        let events = Events::of(self.operations);
        let mut start = Configurations::default();
        if let Some(first) = self.normal(Configuration::start(Value::of(initial))) {
            start.insert(first);
        }
        self.configurations = start;
        for (count, event) in events.enumerate() {
            if count.is_multiple_of(1024)
                && let Err(reason) = self.budget.check_time(self.now)
            {
                return Found::Unfinished(reason);
            }
            if self.now >= self.observability.end() {
                break;
            }
            if event.completes {
                if let Err(reason) = self.complete(event.operation) {
                    return Found::Unfinished(reason);
                }
                self.move_on(event);
                self.budget.progress();
                self.note_forced();
            } else {
                self.move_on(event);
                if let Err(reason) = self.invoke(event.operation) {
                    return Found::Unfinished(reason);
                }
            }
            if self.configurations.is_empty() {
                return self.violation();
            }
        }
        match self.configurations.iter().next() {
            Some(one) => {
                let mut order = std::mem::take(&mut self.settled);
                order.extend(in_order(&one.order));
                Found::Order(finish(self.operations, order))
            }
            None => self.violation(),
        }
    }

    /// Moves to the place of an event. When an observation is over, values that only it could see become one.
    fn move_on(&mut self, event: Event) {
        self.now = event.place;
        self.observability.advance(event.place);
        if event.completes && self.operations[event.operation as usize].observed().is_some() {
            self.normalise();
        }
    }

    fn normalise(&mut self) {
        let mut normal = Configurations::default();
        for one in std::mem::take(&mut self.configurations).into_vec() {
            if let Some(one) = self.normal(one) {
                normal.insert(one);
            }
        }
        self.configurations = normal;
    }

    fn invoke(&mut self, operation: u32) -> Result<(), String> {
        let source = self.operations[operation as usize];
        if source.outcome == Outcome::Unknown {
            self.classes.invoke(source, &self.observability);
            return Ok(());
        }
        let bit = self.in_flight.add(operation, source.invoked)?;
        let condensed = condense(source, &self.observability);
        match self.condensed.get_mut(slot(bit)) {
            Some(place) => *place = condensed,
            // Bits are given from the lowest on, so the next place is that of this one.
            None => self.condensed.push(condensed),
        }
        self.normalise();
        Ok(())
    }

    /// Keeps the configurations in which the operation has taken effect, after letting it, and whatever of the other
    /// operations in flight may go before it, take effect in the others.
    fn complete(&mut self, operation: u32) -> Result<(), String> {
        let Some(bit) = self.in_flight.bit_of(operation) else { return Ok(()) };
        let configurations = std::mem::take(&mut self.configurations);
        let (this, mut steps) = (&*self, self.steps);
        let successors = |from: &Configuration| {
            this.successors(from, operation).into_iter().filter_map(move |step| this.normal(step))
        };
        let spend = |held| this.budget.spend(&mut steps, held, this.now);
        let survivors = complete(configurations, bit, successors, spend)?;
        self.steps = steps;
        self.in_flight.remove(bit);
        self.completions += 1;
        if self.classes.is_empty() {
            self.configurations = survivors;
        } else {
            let mut survivors = survivors.into_vec();
            self.classes.settle(&mut survivors);
            for one in survivors {
                self.configurations.insert(one);
            }
        }
        Ok(())
    }

    /// What `from` becomes if one more operation takes effect.
    fn successors(&self, from: &Configuration, completing: u32) -> Vec<Configuration> {
        let mut results = Vec::new();
        if !self.classes.is_empty() {
            let mut before_put = from.clone();
            self.take_unseen(&mut before_put, 0);
            results = self.classes.successors(from, &before_put, &self.observability);
        }
        for &(bit, operation) in self.in_flight.entries() {
            let condensed = &self.condensed[slot(bit)];
            // Before the completing operation, one that makes nothing observable can wait for the next put: see `put`.
            let can_wait = operation != completing && condensed.unseen_from <= self.now;
            if from.done & bit != 0 || can_wait {
                continue;
            }
            let value = match (condensed.kind, from.value) {
                // A get takes effect as soon as its value is there: see `normal`.
                (Kind::Get, _) => continue,
                (Kind::Put, _) => Value::Text(condensed.text),
                (Kind::Append, Value::Absent) => Value::Text(condensed.text),
                (Kind::Append, Value::Text(before)) => Value::Text(before.then(&condensed.text)),
                (Kind::Append, Value::Unseen) => Value::Unseen,
                (Kind::Cas, found) if found == condensed.sees => Value::Text(condensed.text),
                (Kind::Cas, _) => continue,
            };
            let mut next = from.clone();
            if condensed.kind == Kind::Put {
                self.take_unseen(&mut next, bit);
            }
            next.take(operation);
            next.done |= bit;
            next.value = value;
            results.push(next);
        }
        results.retain(|next| self.keeps_what_is_needed(from.value, next));
        results
    }

    /// Whether `next`, the step from the value `before`, leaves every operation that only that value could serve
    /// served, or able to be.
    fn keeps_what_is_needed(&self, before: Value, next: &Configuration) -> bool {
        let is_done = |operation: u32| {
            self.in_flight.entries().iter().any(|&(bit, one)| one == operation && next.done & bit != 0)
        };
        self.observability.keeps(before, next.value, is_done)
    }

    /// Lets the writes in flight that can only make values that cannot be observed take effect, but for the one with
    /// the bit `but`: right before a put, or when the value cannot be observed anyway, it costs nothing.
    fn take_unseen(&self, one: &mut Configuration, but: u128) {
        for &(bit, operation) in self.in_flight.entries() {
            if bit != but && one.done & bit == 0 && self.condensed[slot(bit)].unseen_from <= self.now {
                one.take(operation);
                one.done |= bit;
            }
        }
    }

    /// The configuration with everything done that costs nothing, and a value that cannot be observed replaced by
    /// [`Value::Unseen`]. `None` if an operation that has to see another value will not.
    fn normal(&self, mut one: Configuration) -> Option<Configuration> {
        if !self.observability.may_be_observed(one.value) {
            one.value = Value::Unseen;
            self.take_unseen(&mut one, 0);
            return (!self.is_doomed(&one)).then_some(one);
        }
        for &(bit, operation) in self.in_flight.entries() {
            let condensed = &self.condensed[slot(bit)];
            if one.done & bit == 0 && condensed.kind == Kind::Get && condensed.sees == one.value {
                one.take(operation);
                one.done |= bit;
            }
        }
        Some(one)
    }

    /// For a value that cannot be observed: whether the next observation completes before a put can come.
    fn is_doomed(&self, one: &Configuration) -> bool {
        let mut deadline = self.observability.next_observed();
        for &(bit, operation) in self.in_flight.entries().iter().filter(|entry| one.done & entry.0 == 0) {
            match self.condensed[slot(bit)].kind {
                Kind::Get | Kind::Cas => {
                    deadline = deadline.min(self.operations[operation as usize].deadline())
                }
                Kind::Put => return false,
                Kind::Append => {}
            }
        }
        deadline < u64::MAX
            && self.observability.next_put() >= deadline
            && self.classes.puts_seen_until() <= self.now
    }

    /// With one configuration left, what it has done is forced, and need not be kept as what configurations share.
    fn note_forced(&mut self) {
        let is_cut = self.completions.is_multiple_of(CUT_EVERY);
        if !is_cut && self.completions < self.settled_at + CUT_EVERY {
            return;
        }
        let Some(one) = self.configurations.single_mut() else { return };
        settle(one.order.take(), &mut self.settled);
        self.settled_at = self.completions;
        if is_cut {
            self.forced.push_back((self.completions, self.settled.len()));
            if self.forced.len() > CUTS {
                self.forced.pop_front();
            }
        }
    }

    fn violation(&self) -> Found {
        // Enough of the past stays in the window for it to be likely to show what went wrong.
        let early = |entry: &&(usize, usize)| entry.0 + 2 * CUT_EVERY <= self.completions;
        let cut = self.forced.iter().rev().find(early).or(self.forced.front());
        Found::Violation { forced: cut.map(|entry| self.settled[..entry.1].to_vec()) }
    }
}

//! A set that only grows. Its search tries nothing: at every completion the next step is forced.
//!
//! Adding commutes with adding, so an element is put in as late as it may be: when the operation that adds it completes,
//! or when a read that saw it takes effect. A read takes effect as late as it may, too: at its completion, or before an
//! element is put in that it did not see. What must go in at a moment is then known, and whatever the order is, the set
//! held at least that by then.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::{Object, shortened};
use crate::history::{Operation, Outcome};
use crate::search::{Budget, Found};

/// An operation, with what it saw.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Put this element in.
    Add(Arc<str>),
    /// Saw these elements, in order, each once.
    Read(Arc<[Arc<str>]>),
}

impl Object for Act {
    type State = BTreeSet<Arc<str>>;

    fn step(&self, state: &Self::State) -> Option<Self::State> {
        match self {
            Self::Add(element) => {
                let mut next = state.clone();
                next.insert(Arc::clone(element));
                Some(next)
            }
            Self::Read(seen) => seen.iter().eq(state.iter()).then(|| state.clone()),
        }
    }

    fn is_read(&self) -> bool {
        matches!(self, Self::Read(_))
    }

    fn is_always_possible(&self) -> bool {
        matches!(self, Self::Add(_))
    }

    fn level(state: &Self::State) -> i128 {
        state.len() as i128
    }

    fn ceiling(&self) -> Option<i128> {
        match self {
            Self::Add(_) => None,
            Self::Read(seen) => Some(seen.len() as i128),
        }
    }

    fn search(operations: &[&Operation<Self>], initial: &Self::State, budget: Budget<'_>) -> Found {
        Forced::new(operations, initial).run(budget)
    }

    fn parts(&self) -> Vec<&str> {
        match self {
            Self::Add(element) => vec![element],
            Self::Read(seen) => seen.iter().map(|element| &**element).collect(),
        }
    }

    fn restricted(&self, parts: &HashSet<&str>) -> Option<Self> {
        match self {
            Self::Add(element) => parts.contains(&**element).then(|| self.clone()),
            Self::Read(seen) => {
                Some(Self::Read(seen.iter().filter(|element| parts.contains(&***element)).cloned().collect()))
            }
        }
    }

    fn label(&self, most: usize) -> String {
        match self {
            Self::Add(element) => format!("add {}", shortened(element, most)),
            Self::Read(seen) => format!("read -> {}", shown(seen.iter(), most)),
        }
    }

    fn show(state: &Self::State) -> String {
        shown(state.iter(), 120)
    }
}

fn shown<'a>(elements: impl Iterator<Item = &'a Arc<str>>, most: usize) -> String {
    let elements: Vec<&str> = elements.map(|element| &**element).collect();
    format!("{{{}}}", shortened(&elements.join(" "), most))
}

/// The search; elements are numbered.
struct Forced<'a, 'b> {
    operations: &'b [&'a Operation<Act>],
    /// For a read what it saw, in order; for an addition the one element.
    elements: Vec<Vec<u32>>,
    holds: Vec<bool>,
    size: usize,
    /// Additions in flight that must take effect, by element.
    certain: HashMap<u32, Vec<u32>>,
    /// Additions of unknown outcome, by element: one of each is enough.
    unknown: HashMap<u32, u32>,
    /// Reads in flight that have not taken effect.
    reads: Vec<u32>,
    done: Vec<bool>,
    order: Vec<u32>,
}

/// No order explains what happened so far.
struct Violated;

impl<'a, 'b> Forced<'a, 'b> {
    fn new(operations: &'b [&'a Operation<Act>], initial: &BTreeSet<Arc<str>>) -> Self {
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut number = |element: &'a str| {
            let next = numbers.len() as u32;
            *numbers.entry(element).or_insert(next)
        };
        let numbered = operations.iter().map(|operation| match &operation.action {
            Act::Add(element) => vec![number(element)],
            Act::Read(seen) => {
                let mut seen: Vec<u32> = seen.iter().map(|element| number(element)).collect();
                seen.sort_unstable();
                seen
            }
        });
        let elements: Vec<Vec<u32>> = numbered.collect();
        let mut holds = vec![false; numbers.len()];
        // An initial element that no operation names is seen by no read: it counts all the same.
        for element in initial {
            if let Some(&number) = numbers.get(&**element) {
                holds[number as usize] = true;
            }
        }
        Self {
            operations,
            elements,
            holds,
            size: initial.len(),
            certain: HashMap::new(),
            unknown: HashMap::new(),
            reads: Vec::new(),
            done: vec![false; operations.len()],
            order: Vec::new(),
        }
    }

    fn run(mut self, budget: Budget<'_>) -> Found {
        let mut events: Vec<(u64, u32, bool)> = Vec::with_capacity(2 * self.operations.len());
        for (at, operation) in self.operations.iter().enumerate() {
            events.push((operation.invoked, at as u32, false));
            if operation.deadline() < u64::MAX {
                events.push((operation.deadline(), at as u32, true));
            }
        }
        events.sort_unstable();
        for (count, (place, operation, completes)) in events.into_iter().enumerate() {
            if count.is_multiple_of(256)
                && let Err(reason) = budget.check_time(place)
            {
                return Found::Unfinished(reason);
            }
            if completes {
                budget.progress();
                if self.complete(operation).is_err() {
                    return Found::Violation { forced: None };
                }
            } else {
                self.invoke(operation);
            }
        }
        Found::Order(self.order)
    }

    fn take(&mut self, operation: u32) {
        self.done[operation as usize] = true;
        self.order.push(operation);
    }

    fn invoke(&mut self, operation: u32) {
        let at = operation as usize;
        if self.operations[at].action.is_read() {
            if self.sees_all(operation) && self.elements[at].len() == self.size {
                self.take(operation);
            } else {
                self.reads.push(operation);
            }
            return;
        }
        let element = self.elements[at][0];
        if self.operations[at].outcome == Outcome::Unknown {
            self.unknown.entry(element).or_insert(operation);
        } else if self.holds[element as usize] {
            self.take(operation);
        } else {
            self.certain.entry(element).or_default().push(operation);
        }
    }

    fn complete(&mut self, operation: u32) -> Result<(), Violated> {
        let at = operation as usize;
        if self.done[at] {
            return Ok(());
        }
        if self.operations[at].action.is_read() {
            let seen = self.elements[at].len();
            let own = self.elements[at].clone();
            self.read_before(|search, other| {
                let other = &search.elements[other as usize];
                other.len() < seen && other.iter().all(|element| own.binary_search(element).is_ok())
            })?;
            self.read(operation)
        } else {
            let element = self.elements[at][0];
            self.read_before(|search, other| {
                search.elements[other as usize].binary_search(&element).is_err()
            })?;
            if !self.done[at] {
                self.put_in(element)?;
                self.read_what_fits();
            }
            Ok(())
        }
    }

    /// Lets the reads in flight for which `first` holds take effect, those that saw least first.
    fn read_before(&mut self, first: impl Fn(&Self, u32) -> bool) -> Result<(), Violated> {
        let mut due: Vec<u32> = self.reads.iter().copied().filter(|&read| first(self, read)).collect();
        due.sort_by_key(|&read| self.elements[read as usize].len());
        due.into_iter().try_for_each(|read| self.read(read))
    }

    /// Lets a read take effect, after putting in what it saw.
    fn read(&mut self, operation: u32) -> Result<(), Violated> {
        if self.done[operation as usize] {
            return Ok(());
        }
        if !self.sees_all(operation) {
            return Err(Violated);
        }
        for element in self.elements[operation as usize].clone() {
            if !self.holds[element as usize] {
                self.put_in(element)?;
            }
        }
        self.read_what_fits();
        Ok(())
    }

    /// Whether a read saw all that the set holds.
    fn sees_all(&self, read: u32) -> bool {
        self.elements[read as usize].iter().filter(|&&element| self.holds[element as usize]).count()
            == self.size
    }

    fn put_in(&mut self, element: u32) -> Result<(), Violated> {
        // The others that add the same change nothing any more.
        let adding = self.certain.remove(&element).unwrap_or_default();
        if adding.is_empty() {
            let operation = *self.unknown.get(&element).ok_or(Violated)?;
            self.take(operation);
        }
        for operation in adding {
            self.take(operation);
        }
        self.holds[element as usize] = true;
        self.size += 1;
        Ok(())
    }

    /// Lets the reads in flight take effect that saw just what the set holds.
    fn read_what_fits(&mut self) {
        let fitting: Vec<u32> = self
            .reads
            .iter()
            .copied()
            .filter(|&read| self.elements[read as usize].len() == self.size && self.sees_all(read))
            .collect();
        for read in fitting {
            self.take(read);
        }
        let done = &self.done;
        self.reads.retain(|&read| !done[read as usize]);
    }
}

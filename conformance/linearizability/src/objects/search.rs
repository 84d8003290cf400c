//! Searches an order on any object: just-in-time linearization, with the rules that hold for every object. A read
//! takes effect as soon as it can. Among operations in flight that do the same, the one that completes first goes
//! first. Operations of unknown outcome are counted by kind. docs/linearizability.md gives the reasons.

use std::collections::{HashMap, VecDeque};

use super::Object;
use crate::configuration::{Configuration, Configurations, in_order, settle};
use crate::history::{Operation, Outcome};
use crate::in_flight::{Events, InFlight, complete, finish};
use crate::search::{Budget, Found};

/// So many of the last forced beginnings are kept: the first of them leaves enough of the past in the window of a
/// violation to show what went wrong.
const CUTS: usize = 8;

/// Operations of unknown outcome that do the same.
struct Class<'a, A> {
    action: &'a A,
    /// Those invoked so far, in the order of their invocations.
    operations: Vec<u32>,
    /// How many have taken effect in every configuration.
    taken: u32,
}

struct Search<'a, 'b, A: Object> {
    operations: &'b [&'a Operation<A>],
    budget: Budget<'b>,
    in_flight: InFlight,
    classes: Vec<Class<'a, A>>,
    class_of: HashMap<&'a A, usize>,
    configurations: Configurations<A::State>,
    /// For each operation, the lowest ceiling of it and all that are invoked later.
    ceilings: Vec<i128>,
    /// Operations invoked so far.
    invoked: usize,
    place: u64,
    steps: usize,
}

/// Looks for an order of the operations of one object, in the order of their invocations, none of which says nothing.
pub(super) fn search<A: Object>(
    operations: &[&Operation<A>],
    initial: &A::State,
    budget: Budget<'_>,
) -> Found {
    let mut ceilings = vec![i128::MAX; operations.len() + 1];
    for (at, operation) in operations.iter().enumerate().rev() {
        let own =
            Some(operation).filter(|one| one.deadline() < u64::MAX).and_then(|one| one.action.ceiling());
        ceilings[at] = ceilings[at + 1].min(own.unwrap_or(i128::MAX));
    }
    let mut search = Search {
        operations,
        budget,
        in_flight: InFlight::default(),
        classes: Vec::new(),
        class_of: HashMap::new(),
        configurations: Configurations::default(),
        ceilings,
        invoked: 0,
        place: 0,
        steps: 0,
    };
    search.configurations.insert(Configuration::start(initial.clone()));
    search.run()
}

impl<'a, A: Object> Search<'a, '_, A> {
    fn run(&mut self) -> Found {
        // Behind the last operation that asks something of the state, all that is left can take effect as it completes.
        let asks = self.operations.iter().filter(|one| !one.action.is_always_possible());
        let end = asks.map(|one| one.deadline()).filter(|&place| place < u64::MAX).max().unwrap_or(0);
        // The beginning that all configurations shared when there was one left, and how long it was the last few times.
        let mut settled: Vec<u32> = Vec::new();
        let mut forced: VecDeque<usize> = VecDeque::new();
        for event in Events::of(self.operations) {
            if self.place >= end {
                break;
            }
            self.place = event.place;
            if event.completes {
                if let Err(reason) = self.complete(event.operation) {
                    return Found::Unfinished(reason);
                }
                if let Some(one) = self.configurations.single_mut() {
                    settle(one.order.take(), &mut settled);
                    forced.push_back(settled.len());
                    if forced.len() > CUTS {
                        forced.pop_front();
                    }
                }
                self.budget.progress();
            } else if let Err(reason) = self.invoke(event.operation) {
                return Found::Unfinished(reason);
            }
            if self.configurations.is_empty() {
                settled.truncate(forced.front().copied().unwrap_or(0));
                return Found::Violation { forced: (!forced.is_empty()).then_some(settled) };
            }
        }
        match self.configurations.iter().next() {
            Some(one) => {
                settled.extend(in_order(&one.order));
                Found::Order(finish(self.operations, settled))
            }
            None => Found::Violation { forced: None },
        }
    }

    fn invoke(&mut self, operation: u32) -> Result<(), String> {
        let operations = self.operations;
        let source = operations[operation as usize];
        self.invoked += 1;
        if source.outcome == Outcome::Unknown {
            let next = self.classes.len();
            let class = *self.class_of.entry(&source.action).or_insert(next);
            if class == next {
                self.classes.push(Class { action: &source.action, operations: Vec::new(), taken: 0 });
            }
            self.classes[class].operations.push(operation);
            return Ok(());
        }
        self.in_flight.add(operation, source.invoked)?;
        if source.action.is_read() {
            self.normalise();
        }
        Ok(())
    }

    fn normalise(&mut self) {
        let mut normal = Configurations::default();
        for one in std::mem::take(&mut self.configurations).into_vec() {
            normal.insert(self.normal(one));
        }
        self.configurations = normal;
    }

    /// The configuration with every read done that can take effect.
    fn normal(&self, mut one: Configuration<A::State>) -> Configuration<A::State> {
        for &(bit, operation) in self.in_flight.entries() {
            let action = &self.operations[operation as usize].action;
            if one.done & bit == 0 && action.is_read() && action.step(&one.value).is_some() {
                one.take(operation);
                one.done |= bit;
            }
        }
        one
    }

    /// Keeps the configurations in which the operation has taken effect, after letting it, and whatever may go before
    /// it, take effect in the others.
    fn complete(&mut self, operation: u32) -> Result<(), String> {
        let Some(bit) = self.in_flight.bit_of(operation) else { return Ok(()) };
        let configurations = std::mem::take(&mut self.configurations);
        let (this, mut steps) = (&*self, self.steps);
        let successors = |from: &Configuration<A::State>| {
            this.successors(from).into_iter().map(move |step| this.normal(step))
        };
        let spend = |held| this.budget.spend(&mut steps, held, this.place);
        let survivors = complete(configurations, bit, successors, spend)?;
        self.steps = steps;
        self.in_flight.remove(bit);
        self.configurations = survivors;
        self.settle();
        Ok(())
    }

    fn successors(&self, from: &Configuration<A::State>) -> Vec<Configuration<A::State>> {
        let mut results = Vec::new();
        let mut tried: Vec<&A> = Vec::new();
        let mut order = self.in_flight.entries().to_vec();
        order.sort_unstable_by_key(|entry| self.operations[entry.1 as usize].deadline());
        for (bit, operation) in order {
            let action = &self.operations[operation as usize].action;
            if from.done & bit != 0 || action.is_read() || tried.contains(&action) {
                continue;
            }
            tried.push(action);
            if let Some(state) = action.step(&from.value) {
                let mut next = from.clone();
                next.take(operation);
                next.done |= bit;
                next.value = state;
                results.push(next);
            }
        }
        for (number, class) in self.classes.iter().enumerate() {
            let used = class.taken + from.used(number as u32);
            // One of known outcome that does the same goes first: it has to take effect anyway.
            let Some(&operation) = class.operations.get(used as usize) else { continue };
            if tried.contains(&class.action) {
                continue;
            }
            if let Some(state) = class.action.step(&from.value).filter(|state| *state != from.value) {
                let mut next = from.clone();
                next.take(operation);
                next.count_use(number as u32);
                next.value = state;
                results.push(next);
            }
        }
        results.retain(|next| self.is_within_ceilings(next));
        results
    }

    /// Whether all that has to take effect still can, as far as levels tell.
    fn is_within_ceilings(&self, one: &Configuration<A::State>) -> bool {
        let level = A::level(&one.value);
        let waiting = self.in_flight.entries().iter().filter(|entry| one.done & entry.0 == 0);
        level <= self.ceilings[self.invoked]
            && waiting
                .filter_map(|entry| self.operations[entry.1 as usize].action.ceiling())
                .all(|ceiling| level <= ceiling)
    }

    /// Counts what all configurations used once, here, instead of in each of them.
    fn settle(&mut self) {
        if self.classes.is_empty() {
            return;
        }
        let mut all = std::mem::take(&mut self.configurations).into_vec();
        if let Some((first, rest)) = all.split_first() {
            let mut common = first.used.clone();
            for entry in &mut common {
                entry.1 = rest
                    .iter()
                    .map(|one| one.used(entry.0))
                    .min()
                    .map_or(entry.1, |least| least.min(entry.1));
            }
            for (class, count) in common {
                self.classes[class as usize].taken += count;
                for one in &mut all {
                    for entry in one.used.iter_mut().filter(|entry| entry.0 == class) {
                        entry.1 -= count;
                    }
                }
            }
        }
        for mut one in all {
            one.used.retain(|entry| entry.1 > 0);
            self.configurations.insert(one);
        }
    }
}

//! Operations of unknown outcome. They never have to take effect, so two that would do the same are interchangeable
//! once both are invoked: all that counts is how many of a class have taken effect.

use std::collections::HashMap;

use super::configuration::{Configuration, Value};
use super::digest::Digest;
use super::history::{Action, Operation, Outcome};
use super::observability::Observability;

/// Operations of unknown outcome that do the same.
#[derive(Debug, Default)]
struct Class {
    /// In the order of their invocations.
    operations: Vec<u32>,
    invoked: u32,
    /// How many have taken effect in every configuration.
    taken: u32,
}

/// All the classes of one key.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    classes: Vec<Class>,
    puts: HashMap<Digest, u32>,
    appends: HashMap<Digest, u32>,
    append_lengths: Vec<usize>,
    /// Compare-and-sets by what they expect: class and new value.
    cas: HashMap<Value, Vec<(u32, Digest)>>,
    /// The place after which no put of unknown outcome invoked so far is observed.
    puts_seen_until: u64,
}

impl Classes {
    pub(crate) fn new(operations: &[&Operation]) -> Self {
        let mut all = Self::default();
        for (at, operation) in operations.iter().enumerate() {
            if operation.outcome == Outcome::Unknown {
                let class = all.class_of(&operation.action);
                if let Some(class) = class {
                    all.classes[class as usize].operations.push(at as u32);
                }
            }
        }
        all.append_lengths = all.appends.keys().map(Digest::length).collect();
        all.append_lengths.sort_unstable();
        all.append_lengths.dedup();
        all
    }

    /// The class of an action, made if there is none yet; a get has none.
    fn class_of(&mut self, action: &Action) -> Option<u32> {
        let next = self.classes.len() as u32;
        let class = match action {
            Action::Get => return None,
            Action::Put(text) => *self.puts.entry(Digest::of(text.as_bytes())).or_insert(next),
            Action::Append(piece) => *self.appends.entry(Digest::of(piece.as_bytes())).or_insert(next),
            Action::Cas { expected, new } => {
                let new = Digest::of(new.as_bytes());
                let alike = self.cas.entry(Value::of(expected.as_deref())).or_default();
                if !alike.iter().any(|entry| entry.1 == new) {
                    alike.push((next, new));
                }
                alike.iter().find(|entry| entry.1 == new)?.0
            }
        };
        if class == next {
            self.classes.push(Class::default());
        }
        Some(class)
    }

    pub(crate) fn puts(&self) -> &HashMap<Digest, u32> {
        &self.puts
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    pub(crate) fn puts_seen_until(&self) -> u64 {
        self.puts_seen_until
    }

    /// Takes note that an operation of unknown outcome was invoked.
    pub(crate) fn invoke(&mut self, operation: &Operation, observability: &Observability<'_>) {
        if let Action::Put(text) = &operation.action {
            let until = observability.put_last_seen(&Digest::of(text.as_bytes()));
            self.puts_seen_until = self.puts_seen_until.max(until);
        }
        if let Some(class) = self.class_of(&operation.action) {
            self.classes[class as usize].invoked += 1;
        }
    }

    fn available(&self, class: u32, from: &Configuration) -> bool {
        let known = &self.classes[class as usize];
        known.taken + from.used(class) < known.invoked
    }

    /// What `from` becomes if one more operation of unknown outcome takes effect, for each that makes a difference: a
    /// value that cannot be observed makes none for the better. `before_put` is `from` with everything done that costs
    /// nothing right before a put.
    pub(crate) fn successors(
        &self,
        from: &Configuration,
        before_put: &Configuration,
        observability: &Observability<'_>,
    ) -> Vec<Configuration> {
        let mut results = Vec::new();
        let mut add = |base: &Configuration, class: u32, text: Digest| {
            let value = Value::Text(text);
            let differs = value != from.value || base.done != from.done;
            if differs && self.available(class, from) && observability.may_be_observed(value) {
                let known = &self.classes[class as usize];
                let mut next = base.clone();
                next.take(known.operations[(known.taken + from.used(class)) as usize]);
                next.count_use(class);
                next.value = value;
                results.push(next);
            }
        };
        if !self.puts.is_empty() {
            for (class, text) in observability.observable_puts() {
                add(before_put, class, text);
            }
        }
        if !self.appends.is_empty() {
            for piece in observability.observable_appends(from.value, &self.append_lengths) {
                if let Some(&class) = self.appends.get(&piece) {
                    let base = if let Value::Text(base) = from.value { base } else { Digest::EMPTY };
                    add(from, class, base.then(&piece));
                }
            }
        }
        for &(class, text) in self.cas.get(&from.value).map_or(&[][..], Vec::as_slice) {
            add(from, class, text);
        }
        results
    }

    /// Counts what all of these configurations used once, here, instead of in each of them.
    pub(crate) fn settle(&mut self, configurations: &mut [Configuration]) {
        let Some(first) = configurations.first() else { return };
        let mut common = first.used.clone();
        for one in &configurations[1..] {
            for entry in &mut common {
                entry.1 = entry.1.min(one.used(entry.0));
            }
        }
        common.retain(|entry| entry.1 > 0);
        for &(class, count) in &common {
            self.classes[class as usize].taken += count;
            for one in &mut *configurations {
                for entry in &mut one.used {
                    if entry.0 == class {
                        entry.1 -= count;
                    }
                }
            }
        }
        if !common.is_empty() {
            for one in configurations {
                one.used.retain(|entry| entry.1 > 0);
            }
        }
    }
}

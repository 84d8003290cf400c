//! Several registers that are read and written in one step, as Knossos' multi-register.

use std::collections::{BTreeMap, HashSet};

use super::{Object, shortened};

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Saw this value of the register; `None`: none.
    Read(String, Option<String>),
    /// Wrote this value to the register.
    Write(String, String),
}

impl Step {
    fn register(&self) -> &str {
        match self {
            Self::Read(register, _) | Self::Write(register, _) => register,
        }
    }
}

/// A transaction: its steps, in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Act(pub Vec<Step>);

/// The registers: what all hold at first, and what was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// What a register holds that was not written.
    pub initial: Option<String>,
    /// What was written.
    pub written: BTreeMap<String, String>,
}

impl Object for Act {
    type State = State;

    fn step(&self, state: &State) -> Option<State> {
        let mut next = state.clone();
        for step in &self.0 {
            match step {
                Step::Read(register, seen) => {
                    if next.written.get(register).or(next.initial.as_ref()) != seen.as_ref() {
                        return None;
                    }
                }
                Step::Write(register, value) => {
                    next.written.insert(register.clone(), value.clone());
                }
            }
        }
        Some(next)
    }

    fn is_read(&self) -> bool {
        self.0.iter().all(|step| matches!(step, Step::Read(..)))
    }

    fn is_always_possible(&self) -> bool {
        self.0.iter().all(|step| matches!(step, Step::Write(..)))
    }

    fn level(_: &State) -> i128 {
        0
    }

    fn ceiling(&self) -> Option<i128> {
        None
    }

    fn parts(&self) -> Vec<&str> {
        self.0.iter().map(Step::register).collect()
    }

    fn restricted(&self, parts: &HashSet<&str>) -> Option<Self> {
        let kept: Vec<Step> = self.0.iter().filter(|step| parts.contains(step.register())).cloned().collect();
        (!kept.is_empty()).then_some(Self(kept))
    }

    fn label(&self, most: usize) -> String {
        let one = |step: &Step| match step {
            Step::Read(register, seen) => {
                let seen = seen
                    .as_ref()
                    .map_or("no value".to_owned(), |seen| format!("{:?}", shortened(seen, most)));
                format!("{register} -> {seen}")
            }
            Step::Write(register, value) => format!("{register} := {:?}", shortened(value, most)),
        };
        self.0.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    fn show(state: &State) -> String {
        if state.written.is_empty() {
            return match &state.initial {
                Some(initial) => format!("{initial:?} in each register"),
                None => "no values".to_owned(),
            };
        }
        let one = |(register, value): (&String, &String)| format!("{register} = {:?}", shortened(value, 40));
        state.written.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

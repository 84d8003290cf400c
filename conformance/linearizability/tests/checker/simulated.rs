//! Histories of a simulated key: each operation takes effect at one instant, so what comes out is linearizable.

use figure2_linearizability::{Action, Operation, Outcome, Recorder};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// What clients do.
#[derive(Clone, Copy)]
pub struct Mix {
    pub clients: u64,
    pub operations: usize,
    /// Weights of get, put, append and compare-and-set.
    pub weights: [u32; 4],
    /// Values are drawn from as many; 0: each is new.
    pub values: u32,
    /// Of 1000 operations, so many time out, half of them without effect or with a late one.
    pub unknown: u32,
    /// Of 1000 operations, so many fail.
    pub failed: u32,
}

struct Client {
    action: Option<Action>,
    /// The outcome, once the operation has taken effect or been given up.
    outcome: Option<Outcome>,
}

pub struct Simulated {
    mix: Mix,
    random: SmallRng,
    value: Option<String>,
    recorder: Recorder,
    /// Operations that timed out and may still take effect.
    late: Vec<Action>,
    made: u32,
}

impl Simulated {
    pub fn new(mix: Mix, seed: u64) -> Self {
        let random = SmallRng::seed_from_u64(seed);
        Self { mix, random, value: None, recorder: Recorder::new(), late: Vec::new(), made: 0 }
    }

    /// The value before the first operation.
    pub fn start_with(&mut self, value: Option<&str>) {
        self.value = value.map(str::to_owned);
    }

    pub fn run(mut self) -> Vec<Operation> {
        let mut clients: Vec<Client> =
            (0..self.mix.clients).map(|_| Client { action: None, outcome: None }).collect();
        let mut invoked = 0;
        while invoked < self.mix.operations || clients.iter().any(|client| client.action.is_some()) {
            let process = self.random.random_range(0..self.mix.clients);
            let client = &mut clients[process as usize];
            if let Some(outcome) = client.outcome.take() {
                self.recorder.complete(process, outcome).unwrap();
                client.action = None;
            } else if let Some(action) = client.action.clone() {
                client.outcome = Some(self.take_effect(action));
            } else if invoked < self.mix.operations {
                let action = self.action();
                self.recorder.invoke(process, "key", action.clone()).unwrap();
                client.action = Some(action);
                invoked += 1;
            }
            if !self.late.is_empty() && self.random.random_ratio(1, 20) {
                let at = self.random.random_range(0..self.late.len());
                let action = self.late.swap_remove(at);
                self.apply(&action);
            }
        }
        self.recorder.into_operations()
    }

    fn text(&mut self) -> String {
        self.made += 1;
        if self.mix.values == 0 {
            format!("{};", self.made)
        } else {
            // Some values are prefixes of others, and concatenations of others.
            ["a", "b", "ab", "aa", ""][self.random.random_range(0..self.mix.values) as usize].to_owned()
        }
    }

    fn action(&mut self) -> Action {
        let [get, put, append, cas] = self.mix.weights;
        let drawn = self.random.random_range(0..get + put + append + cas);
        if drawn < get {
            Action::Get
        } else if drawn < get + put {
            Action::Put(self.text())
        } else if drawn < get + put + append {
            Action::Append(self.text())
        } else {
            let guess = if self.random.random_bool(0.5) { self.value.clone() } else { Some(self.text()) };
            Action::Cas { expected: guess, new: self.text() }
        }
    }

    fn take_effect(&mut self, action: Action) -> Outcome {
        let drawn = self.random.random_range(0..1000);
        if drawn < self.mix.failed {
            return Outcome::Failed;
        }
        if drawn < self.mix.failed + self.mix.unknown {
            if self.random.random_bool(0.5) {
                self.apply(&action);
            } else if self.random.random_bool(0.5) {
                self.late.push(action);
            }
            return Outcome::Unknown;
        }
        let read = if action == Action::Get { self.value.clone() } else { None };
        if self.apply(&action) { Outcome::Ok { read } } else { Outcome::Failed }
    }

    /// False for a compare-and-set that finds another value.
    fn apply(&mut self, action: &Action) -> bool {
        match action {
            Action::Get => {}
            Action::Put(text) => self.value = Some(text.clone()),
            Action::Append(piece) => self.value.get_or_insert_default().push_str(piece),
            Action::Cas { expected, new } => {
                if self.value != *expected {
                    return false;
                }
                self.value = Some(new.clone());
            }
        }
        true
    }
}

/// Changes one thing that clients were told, so that the history may no longer be linearizable.
pub fn tamper(operations: &mut [Operation], random: &mut SmallRng) {
    let at = random.random_range(0..operations.len());
    let other = random.random_range(0..operations.len());
    let value_of = |operation: &Operation| match (&operation.action, &operation.outcome) {
        (Action::Put(text) | Action::Append(text) | Action::Cas { new: text, .. }, _) => Some(text.clone()),
        (Action::Get, Outcome::Ok { read }) => read.clone(),
        (Action::Get, _) => None,
    };
    let borrowed = value_of(&operations[other]);
    let operation = &mut operations[at];
    if operation.completed.is_none() {
        return;
    }
    match (&operation.action, random.random_range(0..3)) {
        (Action::Get, 0) => {
            let text = borrowed.clone().unwrap_or_default() + "a";
            operation.outcome = Outcome::Ok { read: Some(text) };
        }
        (Action::Get, _) => operation.outcome = Outcome::Ok { read: borrowed },
        (_, 0) => operation.outcome = Outcome::Failed,
        (_, _) => operation.outcome = Outcome::Ok { read: None },
    }
}

//! Objects other than registers: agreement with the definition on thousands of tiny histories, of which some hold by
//! construction and some have one thing changed.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use figure2_linearizability::objects::{Object, counter, general, set, transaction, versioned};
use figure2_linearizability::{Limits, Operation, Outcome};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Every order that respects time, tried without a clever step.
fn by_definition<A: Object>(operations: &[Operation<A>], state: &A::State, done: u32) -> bool {
    let left: Vec<usize> = (0..operations.len()).filter(|at| done >> at & 1 == 0).collect();
    let ends = |at: &usize| match operations[*at].outcome {
        Outcome::Ok { .. } => operations[*at].completed.unwrap(),
        _ => u64::MAX,
    };
    let first = left.iter().map(ends).min().unwrap_or(u64::MAX);
    first == u64::MAX
        || left.iter().filter(|&&at| operations[at].invoked < first).any(|&at| {
            let next = operations[at].action.step(state);
            next.is_some_and(|next| by_definition(operations, &next, done | 1 << at))
        })
}

/// A history of some clients, each operation of which takes effect at a moment within its span; `act` says what it then
/// does and sees.
fn simulate<A: Object>(
    random: &mut SmallRng,
    initial: &A::State,
    act: impl Fn(&mut SmallRng, &A::State) -> A,
) -> Vec<Operation<A>> {
    let count = random.random_range(2..9);
    // Moments of invocation, effect and completion, of at most three at once.
    let mut spans: Vec<[u32; 3]> = (0..count)
        .map(|at| {
            let begin = at * 10 + random.random_range(0..10);
            let effect = begin + random.random_range(1..25);
            [begin, effect, effect + random.random_range(1..25)]
        })
        .collect();
    spans.sort_unstable();
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|&at| (spans[at][1], at));
    let mut state = initial.clone();
    let mut operations: Vec<Option<Operation<A>>> = vec![None; spans.len()];
    for at in order {
        let action = act(random, &state);
        let is_unknown = random.random_ratio(1, 5);
        let happens = !is_unknown || random.random_bool(0.5);
        if happens && let Some(next) = action.step(&state) {
            state = next;
        }
        // No two events share a place.
        let place = |moment: u32, kind: u64| u64::from(moment) * 64 + kind * 16 + at as u64 + 1;
        let [begin, _, end] = spans[at];
        operations[at] = Some(Operation {
            process: at as u64,
            key: String::new(),
            action,
            outcome: if is_unknown { Outcome::Unknown } else { Outcome::Ok { read: None } },
            invoked: place(begin, 0),
            completed: (!is_unknown).then(|| place(end, 1)),
        });
    }
    let mut operations: Vec<Operation<A>> = operations.into_iter().flatten().collect();
    operations.sort_by_key(|operation| operation.invoked);
    // Of unknown outcome a read says nothing: such a one is left out, as the reader would.
    operations.retain(|one| one.outcome != Outcome::Unknown || !one.action.is_read());
    operations
}

/// Compares on many histories, each as it was simulated and with one operation changed.
fn agree<A: Object + Debug>(
    initial: &A::State,
    act: impl Fn(&mut SmallRng, &A::State) -> A,
    change: impl Fn(&mut SmallRng, &mut A),
) {
    let mut violated = 0;
    for seed in 0..3000 {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut operations = simulate(&mut random, initial, &act);
        if operations.is_empty() {
            continue;
        }
        for changed in [false, true] {
            if changed {
                let at = random.random_range(0..operations.len());
                change(&mut random, &mut operations[at].action);
            }
            let right = by_definition(&operations, initial, 0);
            assert!(right || changed, "seed {seed}: {operations:#?}");
            violated += u32::from(!right);
            assert_eq!(
                general(&operations, initial, Limits::default()),
                Some(right),
                "{seed}: {operations:#?}"
            );
            let own = figure2_linearizability::objects::decide(&operations, initial, Limits::default());
            assert_eq!(own, Some(right), "{seed}: {operations:#?}");
        }
    }
    // Both kinds occur.
    assert!((300..2800).contains(&violated), "{violated} of 3000 changed histories are violated");
}

#[test]
fn versioned_registers() {
    use versioned::Act;
    let values = ["a", "b", "c"];
    let known = |random: &mut SmallRng, version: u64| random.random_ratio(3, 4).then_some(version);
    agree(
        &versioned::State::default(),
        |random, state: &versioned::State| match random.random_range(0..3) {
            0 => Act::Read { version: known(random, state.version), value: state.value.clone() },
            1 => {
                let value = (*values.choose(random).unwrap()).to_owned();
                Act::Write { version: known(random, state.version + 1), value }
            }
            _ => {
                let new = (*values.choose(random).unwrap()).to_owned();
                Act::Cas { version: known(random, state.version + 1), expected: state.value.clone(), new }
            }
        },
        |random, act: &mut Act| match act {
            Act::Read { version: Some(version), .. } if random.random_bool(0.5) => *version += 1,
            Act::Read { value, .. } => *value = Some((*values.choose(random).unwrap()).to_owned()),
            Act::Write { version, .. } | Act::Cas { version, .. } => {
                *version = Some(random.random_range(1..4))
            }
        },
    );
}

#[test]
fn counters() {
    use counter::Act;
    agree(
        &0,
        |random, state: &i128| match random.random_range(0..2) {
            0 => Act::Read(*state),
            _ => Act::Add(*[1, 1, 2, -1].choose(random).unwrap()),
        },
        |random, act: &mut Act| match act {
            Act::Read(seen) => *seen += random.random_range(1..3),
            Act::Add(amount) => *amount += 1,
        },
    );
}

#[test]
fn sets() {
    use set::Act;
    let elements: Vec<Arc<str>> = ["a", "b", "c", "d"].map(Arc::from).to_vec();
    let draw = |random: &mut SmallRng| Arc::clone(elements.choose(random).unwrap());
    agree(
        &BTreeSet::new(),
        |random, state: &BTreeSet<Arc<str>>| match random.random_range(0..2) {
            0 => Act::Read(state.iter().cloned().collect()),
            _ => Act::Add(draw(random)),
        },
        |random, act: &mut Act| match act {
            Act::Add(element) => *element = draw(random),
            Act::Read(seen) => {
                let mut changed: BTreeSet<Arc<str>> = seen.iter().cloned().collect();
                let element = draw(random);
                if !changed.remove(&element) {
                    changed.insert(element);
                }
                *seen = changed.into_iter().collect();
            }
        },
    );
}

#[test]
fn transactions() {
    use transaction::{Act, State, Step};
    let registers = ["x", "y"];
    agree(
        &State { initial: Some("0".into()), ..State::default() },
        |random, state: &State| {
            let step = |random: &mut SmallRng| {
                let register = (*registers.choose(random).unwrap()).to_owned();
                if random.random_bool(0.6) {
                    let seen = state.written.get(&register).cloned().or(state.initial.clone());
                    Step::Read(register, seen)
                } else {
                    Step::Write(register, random.random_range(0..3).to_string())
                }
            };
            let steps: Vec<Step> = (0..random.random_range(1..3)).map(|_| step(random)).collect();
            // A read after a write of the same register would see it: keep reads first.
            let (reads, writes): (Vec<Step>, Vec<Step>) =
                steps.into_iter().partition(|step| matches!(step, Step::Read(..)));
            Act(reads.into_iter().chain(writes).collect())
        },
        |random, act: &mut Act| match act.0.first_mut() {
            Some(Step::Read(_, seen)) => *seen = Some(random.random_range(0..3).to_string()),
            Some(Step::Write(_, value)) => *value = "7".to_owned(),
            None => {}
        },
    );
}

/// A set with many elements and reads is decided without trying orders, and a violation comes down to few of them.
#[test]
fn a_large_set() {
    let done = |action, place: u64| Operation {
        process: place % 5,
        key: String::new(),
        action,
        outcome: Outcome::Ok { read: None },
        invoked: 2 * place,
        completed: Some(2 * place + 1),
    };
    let mut operations: Vec<Operation<set::Act>> = Vec::new();
    let mut held: BTreeSet<Arc<str>> = BTreeSet::new();
    for number in 0..2000u64 {
        let element: Arc<str> = number.to_string().into();
        held.insert(Arc::clone(&element));
        operations.push(done(set::Act::Add(element), operations.len() as u64 + 1));
        if number % 100 == 99 {
            operations
                .push(done(set::Act::Read(held.iter().cloned().collect()), operations.len() as u64 + 1));
        }
    }
    let decide = |operations: &[Operation<set::Act>]| {
        figure2_linearizability::objects::decide(operations, &BTreeSet::new(), Limits::default())
    };
    assert_eq!(decide(&operations), Some(true));
    held.remove("1234");
    operations.push(done(set::Act::Read(held.into_iter().collect()), operations.len() as u64 + 1));
    assert_eq!(decide(&operations), Some(false));
}

//! Agreement with the definition, on thousands of tiny histories.

use figure2_linearizability::exhaustive::is_linearizable;
use figure2_linearizability::{Limits, Operation, Verdict, check};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::simulated::{Mix, Simulated, tamper};

const MEMORY: usize = 256 << 20;

/// How many histories to try: `LINEAR_SEEDS`, or `few`.
fn seeds(few: u64) -> u64 {
    std::env::var("LINEAR_SEEDS").ok().map_or(few, |text| text.parse().expect("a number of seeds"))
}

/// A mix drawn with the seed.
fn mix(seed: u64) -> Mix {
    let mut random = SmallRng::seed_from_u64(seed ^ 0x5eed);
    let weights =
        [[2, 2, 0, 0], [2, 1, 1, 1], [2, 0, 2, 0], [2, 1, 0, 2], [2, 1, 3, 0], [1, 3, 2, 0], [2, 2, 2, 0]];
    Mix {
        clients: random.random_range(2..6),
        operations: random.random_range(3..15),
        weights: weights[random.random_range(0..weights.len())],
        values: [0, 0, 1, 2, 3, 4, 5][random.random_range(0..7)],
        unknown: [0, 150, 400][random.random_range(0..3)],
        failed: [0, 100][random.random_range(0..2)],
    }
}

fn initial(seed: u64) -> Option<&'static str> {
    [None, Some(""), Some("a"), Some("z")][(seed % 4) as usize]
}

fn show(operations: &[Operation]) -> String {
    let line = |one: &Operation| {
        format!("{}..{:?} p{} {:?} {:?}\n", one.invoked, one.completed, one.process, one.action, one.outcome)
    };
    operations.iter().map(line).collect()
}

/// The checker's answer, which must be one; and for a violation its window must be violated by the definition.
fn answer(operations: &[Operation], initial: Option<&str>) -> bool {
    let report = check(operations, initial, Limits::default());
    match &report.keys[0].verdict {
        Verdict::Holds => true,
        Verdict::Unfinished(reason) => panic!("{initial:?}: {reason}\n{}", show(operations)),
        Verdict::Violated(window) => {
            assert_eq!(window.confirmed, Some(true), "{}", show(operations));
            assert!(window.minimal);
            let references: Vec<&Operation> = window.operations.iter().collect();
            assert_eq!(is_linearizable(&references, window.initial.as_deref(), MEMORY), Some(false));
            false
        }
    }
}

#[test]
fn simulated_histories_hold() {
    for seed in 0..seeds(10_000) {
        let mut simulated = Simulated::new(mix(seed), seed);
        simulated.start_with(initial(seed));
        let operations = simulated.run();
        assert!(answer(&operations, initial(seed)), "seed {seed}:\n{}", show(&operations));
    }
}

#[test]
fn verdicts_agree_with_the_definition() {
    let mut counts = [0u64; 2];
    let seeds = seeds(20_000);
    for seed in 0..seeds {
        let mut simulated = Simulated::new(mix(seed), seed);
        simulated.start_with(initial(seed));
        let mut operations = simulated.run();
        let mut random = SmallRng::seed_from_u64(seed);
        for _ in 0..random.random_range(1..4) {
            tamper(&mut operations, &mut random);
        }
        let references: Vec<&Operation> = operations.iter().collect();
        // A few have too many orders to try them all.
        let Some(expected) = is_linearizable(&references, initial(seed), MEMORY) else { continue };
        assert_eq!(answer(&operations, initial(seed)), expected, "seed {seed}:\n{}", show(&operations));
        counts[usize::from(expected)] += 1;
    }
    assert!(
        counts[0] > seeds / 5 && counts[1] > seeds / 5 && counts[0] + counts[1] > seeds / 100 * 99,
        "too few to tell: {counts:?}"
    );
}

//! Whole clusters of the core alone, on a bad day: messages dropped, duplicated and reordered, servers that crash and
//! lose what was not durable. The paper's safety properties are checked after every step. The choices are random but
//! seeded, and a failure names its seed.

use crate::common::simulation::Simulation;
use figure2_core::RuleSet;

const STEPS: usize = 3_000;
const SEEDS: u64 = 100;

/// Runs one bad day and then a good one, on which the cluster must make progress.
fn run(servers: u8, seed: u64) -> Simulation {
    let mut simulation = Simulation::new(servers, seed);
    for _ in 0..STEPS {
        simulation.random_step();
        simulation.check();
    }
    simulation.heal();
    simulation.check();
    simulation
}

/// Rules: L4, RV2, AE3, P1. Pitfalls 29, 38.
#[test]
fn no_two_leaders_in_a_term_no_diverging_logs_and_no_diverging_services() {
    let (mut elections, mut applied, mut crashes, mut installed) = (0, 0, 0, 0);
    let mut rules = RuleSet::EMPTY;
    for servers in [3, 4, 5] {
        for seed in 0..SEEDS {
            let simulation = run(servers, seed);
            elections += simulation.elections();
            applied += simulation.applied();
            crashes += simulation.crashes;
            installed += simulation.installed;
            rules = rules.union(simulation.rules);
        }
    }
    println!(
        "{elections} leaders, {applied} entries applied, {crashes} crashes, {installed} snapshots installed"
    );
    println!("rules: {:?}", rules.iter().map(figure2_core::Rule::id).collect::<Vec<_>>());
    assert!(
        elections > 1_000 && applied > 2_000 && crashes > 4_000 && installed > 40,
        "too calm to show anything"
    );
}

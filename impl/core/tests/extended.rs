//! The extensions beside Figure 2: with none turned on nothing differs, and servers of one cluster may differ in them.

use crate::common::simulation::Simulation;
use figure2_core::{Extensions, Rule, RuleSet};

const PRE_VOTE: Extensions = Extensions { pre_vote: true, check_quorum: false };
const CHECK_QUORUM: Extensions = Extensions { pre_vote: false, check_quorum: true };

/// Runs clusters of two to five servers, each step by both sets of rules where `compares`.
fn run(seeds: u64, extensions: impl Fn(u8) -> Extensions, transfers: bool, compares: bool) -> RuleSet {
    let mut rules = RuleSet::EMPTY;
    let mut compared = 0;
    for seed in 0..seeds {
        let servers = u8::try_from(2 + seed % 4).unwrap();
        let mut simulation = Simulation::with(servers, seed, &extensions);
        simulation.transfers = transfers;
        simulation.compares = compares;
        for _ in 0..1_500 {
            simulation.random_step();
            simulation.check();
        }
        simulation.heal();
        simulation.check();
        rules = rules.union(simulation.rules);
        compared += simulation.compared;
    }
    if compares {
        assert!(compared > 100_000, "{compared} steps are too few to say anything");
    }
    rules
}

/// Rules: C1, L1D, A2.
#[test]
fn with_nothing_turned_on_the_extended_rules_take_the_steps_of_figure_2() {
    let rules = run(150, |_| Extensions::NONE, false, true);
    for rule in [Rule::C2, Rule::L4, Rule::AE3, Rule::L1D, Rule::IS8] {
        assert!(rules.contains(rule), "{rule:?} did not fire");
    }
    for rule in [Rule::PV1, Rule::CQ1, Rule::CQ2, Rule::LT1] {
        assert!(!rules.contains(rule), "{rule:?} fired");
    }
}

const ALL: [Rule; 13] = [
    Rule::PV1,
    Rule::PV1R,
    Rule::PV2,
    Rule::PV2C,
    Rule::PV2U,
    Rule::PV3,
    Rule::CQ1,
    Rule::CQ2,
    Rule::LT1,
    Rule::LT2,
    Rule::LT3,
    Rule::LT4,
    Rule::LT5,
];

/// Rules: PV1, PV1R, PV2, PV2C, PV2U, PV3, CQ1, CQ2, LT1, LT2, LT3, LT4, LT5.
#[test]
fn clusters_with_all_extensions_are_safe_and_recover_under_random_events() {
    let rules = run(60, |_| Extensions::ALL, true, false);
    let missing: Vec<_> = ALL.iter().filter(|rule| !rules.contains(**rule)).collect();
    // Where all ask first, few elections are called while anybody is in contact.
    assert!(missing.is_empty() || missing == [&Rule::CQ2], "{missing:?} did not fire");
}

/// Rules: PV1, PV3, CQ1, CQ2, LT3.
#[test]
fn clusters_whose_servers_differ_are_safe_and_recover_under_random_events() {
    let of =
        |id| [Extensions::ALL, Extensions::NONE, PRE_VOTE, CHECK_QUORUM, Extensions::ALL][usize::from(id)];
    let rules = run(60, of, true, false);
    let missing: Vec<_> = ALL.iter().filter(|rule| !rules.contains(**rule)).collect();
    assert!(missing.is_empty(), "{missing:?} did not fire");
}

/// Rules: LT1, LT2, LT3, LT4, LT5.
#[test]
fn transfers_are_safe_and_recover_without_any_other_extension() {
    let rules = run(60, |_| Extensions::NONE, true, false);
    for rule in [Rule::LT1, Rule::LT2, Rule::LT3, Rule::LT4] {
        assert!(rules.contains(rule), "{rule:?} did not fire");
    }
    assert!(rules.contains(Rule::LT5), "a transfer is given up by a leader with no option, too");
}

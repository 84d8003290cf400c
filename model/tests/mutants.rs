//! Every broken rule is caught, by the property that names what it breaks.

use figure2_model::mutants::mutants;
use figure2_model::{CheckOptions, Outcome, Verdict};

#[test]
fn every_mutant_is_killed_by_its_property() {
    let options = CheckOptions::default();
    let mut survivors = Vec::new();
    for mutant in mutants() {
        let report = mutant.check(&options, &mut |_| ()).unwrap();
        let is_killed = report.always == [(mutant.killed_by, Outcome::Broken)];
        match report.verdict {
            Verdict::Violated(trace)
                if is_killed && trace.is_shortest && trace.broken == [mutant.killed_by] => {}
            verdict => survivors.push((mutant.id, mutant.bug, verdict)),
        }
    }
    assert!(survivors.is_empty(), "{survivors:#?}");
}

#[test]
fn without_the_bug_the_same_spaces_hold() {
    // Else a property could "kill" because it is broken itself. The large spaces among them are the profiles'.
    let options = CheckOptions { max_states: Some(30_000), ..CheckOptions::default() };
    let mut finished = 0;
    for mutant in mutants() {
        match figure2_model::check(&mutant.profile, &options, &mut |_| ()).unwrap().verdict {
            Verdict::Holds => finished += 1,
            Verdict::Unfinished(_) => {}
            verdict => panic!("{}: {verdict:?}", mutant.id),
        }
    }
    assert!(finished >= 5, "only {finished} of the spaces are small enough");
}

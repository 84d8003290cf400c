//! Runs that begin in states of the model.

use crate::failure;
use figure2_model::Prefix;
use figure2_simulate::{Batch, Defect, Failure, Feature, Plan, Plans, Run, States, Verdict, reduce, run};
use figure2_trace::Reader;
use figure2_validate::validate;
use std::sync::{Arc, Mutex};

fn states(profile: &str) -> Arc<States> {
    Arc::new(States::of(profile).unwrap())
}

/// The first plan whose start has all these features.
pub(crate) fn with(profile: &str, features: &[Feature]) -> Plan {
    let states = states(profile);
    let plans = (1..1000).map(|seed| Plan::of_state(seed, &states));
    let has_all = |plan: &Plan| {
        let start = plan.start.as_ref().unwrap();
        features.iter().all(|feature| start.features().contains(feature))
    };
    plans.into_iter().find(has_all).unwrap()
}

#[test]
fn from_states_of_every_profile_clusters_serve_again_and_nothing_committed_is_lost() {
    let states = states("all");
    let failed = Mutex::new(Vec::new());
    let batch = |jobs| {
        let plans = Plans::States(Arc::clone(&states));
        let batch = Batch { seed: 1, seeds: 240, plans, jobs, defect: None };
        batch.run(&|plan, over| {
            if !matches!(over.verdict, Verdict::Holds) {
                failed.lock().unwrap().push((plan.seed, over.verdict.clone()));
            }
        })
    };
    let done = batch(2);
    assert!(failed.lock().unwrap().is_empty(), "{failed:?}");
    let figures = &done.figures;
    assert!(figures.starts.len() > 150 && figures.deepest > 50, "{figures:?}");
    let all =
        [Feature::Committed, Feature::Conflicting, Feature::Lagging, Feature::Snapshot, Feature::OnTheirWay];
    for feature in all {
        assert!(figures.features.get(&feature).is_some_and(|runs| *runs >= 10), "{:?}", figures.features);
    }
    // What the walks of other threads have met changes nothing.
    assert_eq!(batch(1).digest, done.digest);
}

#[test]
fn a_plan_that_begins_in_a_state_is_the_same_run_from_its_file() {
    let plan = with("snapshot-crash", &[Feature::Snapshot, Feature::OnTheirWay]);
    let again = Plan::parse(&plan.text()).unwrap();
    assert_eq!(again, plan);
    assert_eq!(run(&again, None).digest(), run(&plan, None).digest());
}

/// Whether a recording, as it stands in a file, is refused for a message that nobody sent.
fn is_unsent(recording: &[u8]) -> bool {
    let reader = Reader::of_text("t", recording.to_vec()).unwrap();
    let rejection = validate(vec![reader]).unwrap().rejection;
    rejection.is_some_and(|rejection| rejection.what.contains("never sent"))
}

#[test]
fn a_recording_says_what_was_on_its_way_when_it_began() {
    let over = run(&with("election", &[Feature::OnTheirWay]), None);
    assert!(!is_unsent(&over.text()));
    let text = String::from_utf8(over.text()).unwrap();
    let (header, rest) = text.split_once('\n').unwrap();
    let begin = header.find(",\"on_their_way\"").unwrap();
    assert!(is_unsent(format!("{}}}\n{rest}", &header[..begin]).as_bytes()));
}

#[test]
fn a_committed_entry_that_is_lost_is_found() {
    let mut plan = with("snapshot", &[Feature::Committed]);
    assert!(matches!(run(&plan, None).verdict, Verdict::Holds));
    let start = plan.start.as_mut().unwrap();
    start.disks.iter_mut().for_each(|disk| disk.log = Default::default());
    start.on_their_way.clear();
    let failure = failure(run(&plan, None));
    assert!(matches!(failure, Failure::NotLinearizable { .. }), "{failure}");
}

/// Runs states until one fails.
pub(crate) fn first_failure(defect: Defect) -> (Plan, Run) {
    let states = states("all");
    for seed in 1..=300 {
        let plan = Plan::of_state(seed, &states);
        let over = run(&plan, Some(defect));
        if matches!(over.verdict, Verdict::Failed(_)) {
            return (plan, over);
        }
    }
    panic!("no state found the defect {defect}");
}

#[test]
fn a_plan_that_fails_is_reduced_to_a_start_with_nothing_on_its_way_that_plays_no_part() {
    let defect = Defect::FirstEntryKept;
    let (plan, over) = first_failure(defect);
    let reduced = reduce(&plan, &failure(over), Some(defect), 200);
    let start = reduced.plan.start.as_ref().unwrap();
    assert!(start.on_their_way.is_empty(), "{start}");
    assert!(start.features().contains(&Feature::Conflicting), "{start}");
    assert!(matches!(run(&reduced.plan, None).verdict, Verdict::Holds), "it is the defect that fails");
}

#[test]
fn a_start_that_makes_no_sense_is_refused_with_what_would() {
    let plan = with("snapshot-crash", &[Feature::Snapshot, Feature::OnTheirWay]);
    let refused = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        Plan::parse(&plan.text()).unwrap_err()
    };
    assert!(refused(&|plan| plan.servers = 2).contains("3 disks"));
    assert!(
        refused(&|plan| {
            let start = plan.start.as_mut().unwrap();
            start.on_their_way[0].message.to = start.on_their_way[0].message.from;
        })
        .contains("a message from")
    );
    assert!(
        refused(&|plan| plan.start.as_mut().unwrap().on_their_way[0].after_ms = u64::MAX).contains("a day")
    );
    let other = |plan: &mut Plan| {
        for disk in &mut plan.start.as_mut().unwrap().disks {
            if let Some(snapshot) = disk.log.snapshot().cloned() {
                let data = Prefix::default();
                let snapshot = figure2_core::Snapshot { data, ..snapshot };
                disk.log = figure2_core::Log::from_parts(Some(snapshot), Vec::new());
            }
        }
    };
    assert!(refused(&other).contains("other entries than it says"));
    assert!(States::of("none").err().unwrap().contains("possible are all, election,"));
}

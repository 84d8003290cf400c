//! The node is what the model says, on a profile with crashes and snapshots; and a node with a defect is not.

#![allow(clippy::unwrap_used)]

use figure2_conform::{Defect, Difference, DifferenceFile, Infeasible, Setup, Walks, cover, walk};
use figure2_model::{Bounds, Budget, Edges, EdgesError, NodeEvent, Profile, System, profile};
use serde_json::{Value, json};

/// Small, and with all that defects need: crashes, snapshots, and a service that gets entries again.
fn small() -> Profile {
    let mut profile = profile("snapshot-crash").unwrap();
    profile.bounds =
        Bounds { client_requests: 1, terms: 1, duplications: Budget::AtMost(0), ..profile.bounds };
    profile
}

fn edges(profile: &Profile) -> Edges {
    profile.cluster(&System::default()).unwrap().edges(1_000_000).unwrap()
}

#[test]
fn each_edge_of_a_profile_with_crashes_and_snapshots_is_taken_by_real_nodes() {
    let profile = small();
    let edges = edges(&profile);
    let covered = cover(&edges, &profile.bounds, None).unwrap();
    assert_eq!(covered.difference, None);
    assert_eq!(covered.edges, edges.edges - edges.losses);
    assert_eq!(covered.steps, edges.steps.len() as u64);
    assert!(covered.edges > 10_000, "{} edges", covered.edges);
    let fired: Vec<_> = covered.rules.iter().collect();
    assert!(fired.len() > 25, "{fired:?}");
}

/// Each edge of a profile is taken by real nodes. A test for each profile: they run side by side.
fn is_taken_by_real_nodes(name: &str) {
    let profile = profile(name).unwrap();
    let edges = profile.cluster(&System::default()).unwrap().edges(2_000_000).unwrap();
    let covered = cover(&edges, &profile.bounds, None).unwrap();
    assert_eq!(covered.difference, None, "{name}");
    assert_eq!(covered.edges, edges.edges - edges.losses, "{name}");
}

#[test]
fn each_edge_with_pre_votes_is_taken_by_real_nodes() {
    is_taken_by_real_nodes("pre-vote");
}

#[test]
fn each_edge_with_leaders_that_check_their_quorum_is_taken_by_real_nodes() {
    is_taken_by_real_nodes("check-quorum");
}

/// Among the events is a command that a leader refuses, for it hands over.
#[test]
fn each_edge_with_leaders_that_hand_over_is_taken_by_real_nodes() {
    is_taken_by_real_nodes("transfer");
}

#[test]
fn each_edge_with_servers_of_different_rules_is_taken_by_real_nodes() {
    is_taken_by_real_nodes("mixed-rules");
}

#[test]
fn each_defect_of_a_node_is_found_and_its_file_repeats_it() {
    let profile = small();
    let edges = edges(&profile);
    for defect in Defect::ALL
        .into_iter()
        .filter(|defect| *defect != Defect::FailureIgnored && *defect != Defect::LogNotSynced)
    {
        let covered = cover(&edges, &profile.bounds, Some(defect)).unwrap();
        let difference = covered.difference.unwrap_or_else(|| panic!("not found: {defect}"));
        let Difference { events, fields, .. } = &difference;
        assert!(!events.is_empty(), "{defect}");
        let expected = match defect {
            Defect::SentBeforeSync | Defect::StaleOutbox => "sent and saved, in order",
            Defect::RecordForgotten => "log on disk",
            Defect::SnapshotWithoutTrim => "disk",
            Defect::ApplyRepeated => "deliveries",
            Defect::FailureIgnored => "up",
            Defect::LogNotSynced => "log on disk",
        };
        let differing: Vec<&str> = fields.iter().map(|field| &*field.field).collect();
        assert!(differing.contains(&expected), "{defect}: {differing:?}");

        check_file(&small_in_full(), defect, &difference);
    }
}

/// The file of a difference leads to the same difference, and to none once the defect is gone.
fn check_file(profile: &Profile, defect: Defect, difference: &Difference) {
    let text = DifferenceFile::of(profile, Some(defect), difference).to_json().unwrap();
    assert!(DifferenceFile::is_meant(&text));
    let mut file = DifferenceFile::from_json(&text).unwrap();
    assert_eq!(file.repeat().unwrap().as_ref(), Some(difference), "{defect}");
    assert!(file.is_of(difference), "{defect}");
    file.defect = None;
    assert_eq!(file.repeat().unwrap(), None, "{defect}: without it nothing differs");
}

/// The profile that [`small`] lowers.
fn small_in_full() -> Profile {
    profile("snapshot-crash").unwrap()
}

/// The file of a difference that has a snapshot in a message.
fn file_of_a_difference() -> Value {
    let profile = small();
    let edges = edges(&profile);
    let covered = cover(&edges, &profile.bounds, Some(Defect::SnapshotWithoutTrim)).unwrap();
    let file =
        DifferenceFile::of(&small_in_full(), Some(Defect::SnapshotWithoutTrim), &covered.difference.unwrap());
    serde_json::from_str(&file.to_json().unwrap()).unwrap()
}

#[test]
fn a_file_that_cannot_be_repeated_is_refused_with_the_reason() {
    let whole = file_of_a_difference();
    let refusal = |file: &Value| match DifferenceFile::from_json(&file.to_string()) {
        Ok(file) => file.repeat().unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    let receive = |data: Value| {
        let snapshot = json!({ "last_included_index": 1, "last_included_term": 1, "data": data });
        let message = json!({ "InstallSnapshot": { "term": 1, "snapshot": snapshot } });
        json!({ "event": { "receive": { "from": 1, "to": 0, "message": message } } })
    };
    for (field, value, expected) in [
        ("format", json!("figure2-trace"), "its format is not"),
        ("version", json!(2), "its version is 2"),
        ("version", json!("1"), "it is damaged"),
        ("profile", json!("monthly"), "there is no profile monthly"),
        ("bounds", json!("7 servers"), "has other bounds now"),
        ("server", json!(3), "has no server S3"),
        ("server", Value::Null, "it is damaged"),
        ("defect", json!("everything"), "it is damaged"),
        ("steps", json!([]), "it has no step"),
        ("differs", json!([]), "nothing in which the last one differs"),
        ("differs", json!([{ "field": "log" }]), "it is damaged"),
        ("steps", json!([{ "event": "sleep" }]), "it is damaged"),
        ("steps", json!([{ "event": "restart" }]), "step 1: it cannot happen to the model's machine"),
        ("steps", json!([{ "event": "election_timeout", "writer_is_late": true }]), "to a node whose writer"),
        (
            "steps",
            json!([receive(json!(vec![1; 100]))]),
            "100 commands, and a log of the model has at most 7",
        ),
        (
            "steps",
            json!([{ "event": { "receive": { "from": 9, "to": 0, "message":
            { "RequestVoteReply": { "term": 1, "vote_granted": true } } } } }]),
            "step 1: it cannot happen",
        ),
    ] {
        let mut file = whole.clone();
        file[field] = value;
        let refusal = refusal(&file);
        assert!(refusal.contains(expected), "{field}: {refusal}");
    }
    let text = whole.to_string();
    for cut in [0, 1, text.len() / 2, text.len() - 1] {
        assert!(DifferenceFile::from_json(&text[..cut]).is_err(), "cut off at {cut}");
    }
    assert!(!DifferenceFile::is_meant("{}") && !DifferenceFile::is_meant("figure2-conform-trace"));
}

#[test]
fn walks_find_a_defect_and_no_difference_without_one() {
    let profile = profile("snapshot").unwrap();
    let walks = Walks { walks: 200, actions: 100, seed: 1 };
    let walked = walk(&profile, walks, None).unwrap();
    assert_eq!(walked.difference, None);
    assert_eq!(walked.walks, 200);
    assert!(walked.replayed > 5_000, "{} steps", walked.replayed);
    let again = walk(&profile, walks, None).unwrap();
    assert_eq!((again.replayed, again.rules), (walked.replayed, walked.rules), "the seed decides");
    let defective = walk(&profile, walks, Some(Defect::RecordForgotten)).unwrap();
    assert!(defective.difference.is_some());
}

/// One server whose writes lag by up to three steps, are lost in a crash but for any prefix, or fail.
fn lagging() -> Profile {
    profile("power-loss-1").unwrap()
}

#[test]
fn each_edge_of_a_profile_whose_writes_lag_is_taken_by_real_nodes() {
    let profile = lagging();
    let edges = edges(&profile);
    let covered = cover(&edges, &profile.bounds, None).unwrap();
    assert_eq!(covered.difference, None);
    // A leader that stepped down because its write stalled had taken in all that waits before that write ended, so the
    // next save takes all of it.
    assert_eq!(covered.edges + covered.infeasible_edges(), edges.edges);
    assert!(covered.infeasible.keys().eq([&Infeasible::SavesPart]), "{:?}", covered.infeasible);
    assert!(covered.edges > 100 * covered.infeasible_edges(), "{:?}", covered.infeasible);
    let fails = |step: &figure2_model::NodeStep| step.event == NodeEvent::FailWrite;
    assert!(edges.steps.iter().any(|edge| fails(&edge.step)));
    let keeps = |step: &figure2_model::NodeStep| step.event == NodeEvent::Crash(2);
    assert!(edges.steps.iter().any(|edge| keeps(&edge.step)));
    assert!(covered.replayed > covered.steps, "each step is taken with its writer early and late");
}

#[test]
fn what_no_node_does_is_counted_with_the_reason_and_all_else_is_covered() {
    let mut profile = profile("power-loss-batch").unwrap();
    profile.bounds = Bounds { terms: 1, ..profile.bounds };
    let edges = edges(&profile);
    let covered = cover(&edges, &profile.bounds, None).unwrap();
    assert_eq!(covered.difference, None);
    assert_eq!(covered.edges + covered.infeasible_edges(), edges.edges - edges.losses);
    assert!(covered.edges > 2 * covered.infeasible_edges(), "{:?}", covered.infeasible);
    let reasons: Vec<Infeasible> = covered.infeasible.into_keys().collect();
    assert!(reasons.contains(&Infeasible::SavesPart), "{reasons:?}");
    assert!(!reasons.contains(&Infeasible::ServesDuringInstall), "no snapshots: {reasons:?}");
}

#[test]
fn what_a_node_owes_while_its_writes_lag_is_compared_on_walks() {
    for (name, walks) in [("power-loss", 300), ("power-loss-batch", 300), ("nightly-disk", 300)] {
        let profile = profile(name).unwrap();
        let walked = walk(&profile, Walks { walks, actions: 100, seed: 1 }, None).unwrap();
        assert_eq!(walked.difference, None, "{name}");
        assert!(walked.replayed > 5_000, "{name}: {} steps", walked.replayed);
    }
}

#[test]
fn a_failed_write_that_is_ignored_is_found_where_writes_fail_and_nowhere_else() {
    let defect = Defect::FailureIgnored;
    let profile = lagging();
    let covered = cover(&edges(&profile), &profile.bounds, Some(defect)).unwrap();
    let difference = covered.difference.unwrap();
    assert_eq!(difference.events.last().unwrap().event, NodeEvent::FailWrite);
    assert!(difference.fields.iter().any(|field| field.field == "up"), "{difference}");
    check_file(&profile, defect, &difference);

    let profile = small();
    assert_eq!(cover(&edges(&profile), &profile.bounds, Some(defect)).unwrap().difference, None);
}

#[test]
fn a_reply_that_leaves_when_the_save_begins_is_found_where_writes_lag() {
    let profile = profile("power-loss").unwrap();
    let walks = Walks { walks: 100, actions: 100, seed: 1 };
    let (_, difference) = walk(&profile, walks, Some(Defect::SentBeforeSync)).unwrap().difference.unwrap();
    assert_eq!(difference.fields[0].field, "sent and saved");
    check_file(&profile, Defect::SentBeforeSync, &difference);
}

#[test]
fn a_profile_with_too_many_states_is_refused() {
    let cluster = small().cluster(&System::default()).unwrap();
    assert_eq!(cluster.edges(10).unwrap_err(), EdgesError::TooManyStates(10));
}

const ON_LOG: Setup = Setup { defect: None, log: true };

/// One term and one request, crashes and snapshots.
#[test]
fn each_edge_is_taken_by_real_nodes_that_recover_from_their_logs() {
    let profile = small();
    let edges = edges(&profile);
    let covered = cover(&edges, &profile.bounds, ON_LOG).unwrap();
    assert_eq!(covered.difference, None);
    assert_eq!(covered.edges, edges.edges - edges.losses);
    let crashes = |step: &figure2_model::NodeStep| matches!(step.event, NodeEvent::Crash(_));
    assert!(edges.steps.iter().any(|edge| crashes(&edge.step)));
}

#[test]
fn a_log_that_does_not_sync_is_found_and_so_is_one_that_forgets_a_record() {
    let profile = small();
    let edges = edges(&profile);
    for defect in [Defect::LogNotSynced, Defect::RecordForgotten] {
        let setup = Setup { defect: Some(defect), ..ON_LOG };
        let difference = cover(&edges, &profile.bounds, setup).unwrap().difference.unwrap();
        assert!(difference.fields.iter().any(|field| field.field.ends_with("on disk")), "{difference}");
        let text = DifferenceFile::of(&small_in_full(), setup, &difference).to_json().unwrap();
        let mut file = DifferenceFile::from_json(&text).unwrap();
        assert_eq!(file.repeat().unwrap().as_ref(), Some(&difference));
        file.defect = None;
        assert!(file.log && file.repeat().unwrap().is_none());
    }
}

#[test]
fn nodes_whose_writes_lag_and_fail_recover_from_their_logs() {
    let profile = lagging();
    let covered = cover(&edges(&profile), &profile.bounds, ON_LOG).unwrap();
    assert_eq!(covered.difference, None);
    let walks = Walks { walks: 100, actions: 100, seed: 1 };
    let walked = walk(&with_snapshots(), walks, ON_LOG).unwrap();
    assert_eq!(walked.difference, None);
    assert!(walked.replayed > 1_000, "{} steps", walked.replayed);
}

/// Walks through it take snapshots, and crash.
fn with_snapshots() -> Profile {
    profile("nightly-disk").unwrap()
}

//! The node is what the model says, on a profile with crashes and snapshots; and a node with a defect is not.

#![allow(clippy::unwrap_used)]

use figure2_conformance::conform::{Defect, Difference, Walks, cover, walk};
use figure2_model::{Bounds, Budget, Edges, EdgesError, Profile, System, profile};

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

#[test]
fn each_defect_of_a_node_is_found() {
    let profile = small();
    let edges = edges(&profile);
    for defect in Defect::ALL {
        let covered = cover(&edges, &profile.bounds, Some(defect)).unwrap();
        let Difference { events, fields, .. } =
            covered.difference.unwrap_or_else(|| panic!("not found: {defect}"));
        assert!(!events.is_empty(), "{defect}");
        let expected = match defect {
            Defect::SentBeforeSync | Defect::StaleOutbox => "sent and saved, in order",
            Defect::RecordForgotten => "log on disk",
            Defect::SnapshotWithoutTrim => "disk",
            Defect::ApplyRepeated => "deliveries",
        };
        let differing: Vec<&str> = fields.iter().map(|field| field.field).collect();
        assert!(differing.contains(&expected), "{defect}: {differing:?}");
    }
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

#[test]
fn what_cannot_be_driven_is_refused() {
    let lagging = profile("power-loss").unwrap();
    let cluster = lagging.cluster(&System::default()).unwrap();
    assert_eq!(cluster.edges(1_000).unwrap_err(), EdgesError::LaggingWrites);
    assert!(walk(&lagging, Walks { walks: 1, actions: 1, seed: 0 }, None).is_err());
    let cluster = small().cluster(&System::default()).unwrap();
    assert_eq!(cluster.edges(10).unwrap_err(), EdgesError::TooManyStates(10));
}

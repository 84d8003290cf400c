//! Long histories on one key: how long they take. `LINEAR_OPERATIONS` sets their length (docs/linearizability.md).

use std::time::{Duration, Instant};

use figure2_linearizability::{Action, Limits, Operation, Outcome, Summary, Verdict, check};

use crate::simulated::{Mix, Simulated};

fn length() -> usize {
    std::env::var("LINEAR_OPERATIONS")
        .ok()
        .map_or(20_000, |text| text.parse().expect("a number of operations"))
}

/// Times a check of a history that holds, then of one in which a get near the end returns a value that a put wrote
/// long before.
fn measure(name: &str, mix: Mix) {
    let mut operations = Simulated::new(mix, 1).run();
    let time = |operations: &[Operation]| {
        let start = Instant::now();
        let report = check(operations, None, Limits::default());
        (report, start.elapsed())
    };
    let (report, holds) = time(&operations);
    assert_eq!(report.summary(), Summary::Holds, "{name}: {:?}", report.keys[0].verdict);

    let early = operations[..operations.len() / 2].iter().find_map(|operation| match &operation.action {
        Action::Put(text) if mix.values == 0 => Some(text.clone()),
        _ => None,
    });
    let tampered = early.unwrap_or_else(|| "nowhere".to_owned());
    let get =
        operations.iter().rposition(|operation| matches!(operation.outcome, Outcome::Ok { read: Some(_) }));
    operations[get.expect("there are gets")].outcome = Outcome::Ok { read: Some(tampered) };
    let (report, violated) = time(&operations);
    let Verdict::Violated(window) = &report.keys[0].verdict else {
        panic!("{name}: {:?}", report.keys[0].verdict);
    };
    assert!(window.minimal && window.confirmed == Some(true) && window.operations.len() <= 8, "{window:#?}");
    println!("{name}: {} operations hold in {holds:?}; a violation shown in {violated:?}", operations.len());
    // Far above what it takes, far below what a search that grows faster than the history would.
    assert!(holds + violated < Duration::from_secs(60), "{name}: {holds:?}, {violated:?}");
}

fn mix(weights: [u32; 4], values: u32, unknown: u32) -> Mix {
    Mix { clients: 8, operations: length(), weights, values, unknown, failed: 10 }
}

#[test]
fn reads_and_writes() {
    measure("get and put", mix([1, 1, 0, 0], 0, 0));
    measure("get and put, 4 values", mix([1, 1, 0, 0], 4, 0));
    measure("get and put, 1% unknown", mix([1, 1, 0, 0], 0, 10));
}

#[test]
fn appends() {
    measure("get, put and append", mix([4, 1, 4, 0], 0, 0));
    measure("get, put and append, 1% unknown", mix([4, 1, 4, 0], 0, 10));
    measure("get, put and append, many puts", mix([1, 1, 1, 0], 0, 10));
}

#[test]
fn appends_alone() {
    measure("appends and few gets", mix([1, 0, 1000, 0], 0, 0));
    measure("appends and few gets, 1% unknown", mix([1, 0, 1000, 0], 0, 10));
}

#[test]
fn compare_and_sets() {
    measure("get, put and cas, 4 values", mix([1, 1, 0, 1], 4, 0));
    measure("get, put and cas, new values, 1% unknown", mix([1, 1, 0, 1], 0, 10));
}

#[test]
fn many_clients() {
    let clients = |clients| Mix { clients, ..mix([1, 1, 1, 0], 0, 10) };
    measure("16 clients", clients(16));
    measure("32 clients, get and put", Mix { weights: [1, 1, 0, 0], ..clients(32) });
}

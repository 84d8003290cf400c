//! `--tcp` as a whole: this program starts three of itself, and each kind answers clients.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::process::Command;

#[test]
fn each_kind_answers_its_clients_over_tcp() {
    let program = env!("CARGO_BIN_EXE_figure2-bench-node");
    let words = "--tcp --clients 2 --rounds 1 --warm-up 0.1 --seconds 0.3";
    let output = Command::new(program).args(words.split(' ')).output().unwrap();
    let [told, problems] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{told}\n{problems}");
    for kind in ["figure2", "floor", "figure2 without TLS"] {
        let row = told.lines().find_map(|line| line.strip_prefix(&format!("| 2 | {kind} | ")));
        let cells: Vec<f64> = row
            .unwrap_or_else(|| unreachable!("no row of {kind}: {told}"))
            .split('|')
            .filter_map(|cell| cell.trim().replace(',', "").parse().ok())
            .collect();
        let [operations, p50, p99, servers, clients, syncs, bytes, start, after] = cells[..] else {
            unreachable!("{told}")
        };
        assert!(operations > 5.0 && p50 <= p99 && servers > 0.0 && clients > 0.0, "{told}");
        // Two voters of three have a command before it is answered, with 2 at most in a sync.
        assert!(syncs > 0.9 && bytes > 250.0, "{told}");
        assert!(start > 1.0 && after > 1.0, "{told}");
    }
}

//! Lines in etcd's form, damaged one at a time: removed, told twice, or changed in one field. What is found of each kind
//! of line is compared with a list; docs/etcd.md explains what is not found.

use crate::falsify::{leaves, recorded_with};
use figure2::Extensions;
use figure2_audit::etcd::audit_lines;
use figure2_audit::text;
use figure2_trace::Reader;
use figure2_validate::tell_as_etcd;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// So many lines of each kind are damaged, spread over a trace.
const LINES: usize = 3;

/// A trace that etcd's raft itself told: three nodes, crashes, lost messages and a snapshot.
const REAL: &str = include_str!("../../../audit/tests/etcd/inputs/etcd-crashes-and-losses.ndjson");

/// A recording of ours, in etcd's form.
pub fn told(id: &str) -> String {
    // The form has no pre-votes, so what they cause would be unexplained.
    let recording = recorded_with(id, Extensions::NONE);
    let mut text = Vec::new();
    tell_as_etcd(&|| Reader::of_text("t", recording.clone()), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn exit_code(text: &str) -> u8 {
    // A line that can no longer be read is found, too.
    audit_lines("t", text.as_bytes(), false).map_or(2, |report| report.exit_code())
}

/// What a line does, and with which message.
fn kind(line: &Value) -> String {
    let event = &line["event"];
    let name = event["name"].as_str().unwrap();
    match (event["msg"]["type"].as_str(), event["msg"]["reject"].as_bool()) {
        (Some(message), Some(true)) => format!("{name} {message} (rejects)"),
        (Some(message), _) => format!("{name} {message}"),
        _ => name.to_owned(),
    }
}

/// Another value for a field: one that could stand there.
fn other(path: &str, value: &Value) -> Value {
    let next = |all: &[&str], text: &str| {
        let place = all.iter().position(|one| *one == text).unwrap();
        Value::from(all[(place + 1) % all.len()])
    };
    match value {
        Value::Number(number) => (number.as_u64().unwrap() + 1).into(),
        Value::Bool(truth) => (!truth).into(),
        Value::String(text) if path.ends_with("/name") => next(
            &[
                "Ready",
                "Commit",
                "Replicate",
                "InitState",
                "ApplyConfChange",
                "ChangeConf",
                "BecomeCandidate",
                "BecomeLeader",
                "BecomeFollower",
                "SendAppendEntriesRequest",
                "SendAppendEntriesResponse",
                "ReceiveAppendEntriesRequest",
                "ReceiveAppendEntriesResponse",
                "SendRequestVoteRequest",
                "SendRequestVoteResponse",
                "ReceiveRequestVoteRequest",
                "ReceiveRequestVoteResponse",
            ],
            text,
        ),
        Value::String(text) if path.ends_with("/role") => {
            next(&["StateFollower", "StateCandidate", "StateLeader"], text)
        }
        Value::String(text) if path.ends_with("/type") => next(
            &[
                "MsgApp",
                "MsgHeartbeat",
                "MsgSnap",
                "MsgAppResp",
                "MsgHeartbeatResp",
                "MsgVote",
                "MsgVoteResp",
            ],
            text,
        ),
        Value::String(number) => (number.parse::<u64>().unwrap() % 3 + 1).to_string().into(),
        _ => unreachable!("only leaves are changed"),
    }
}

/// Of each kind of line and damage, how many were tried, and how many found.
#[derive(Default)]
struct Table(BTreeMap<(String, String), (usize, usize)>);

impl Table {
    fn canaries(&mut self, trace: &str) {
        assert_eq!(exit_code(trace), 0, "a good trace");
        let lines: Vec<Value> = trace.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut kinds: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        lines.iter().enumerate().for_each(|(i, line)| kinds.entry(kind(line)).or_default().push(i));
        for (kind, places) in kinds {
            for i in 0..places.len().min(LINES) {
                self.damage(trace, &lines, &kind, places[i * places.len() / places.len().min(LINES)]);
            }
        }
    }

    fn damage(&mut self, trace: &str, lines: &[Value], kind: &str, place: usize) {
        let all: Vec<&str> = trace.lines().collect();
        let mut judge = |damage: &str, instead: &[&str]| {
            let damaged: Vec<&str> =
                [&all[..place], instead, &all[place + 1..]].into_iter().flatten().copied().collect();
            let found = exit_code(&(damaged.join("\n") + "\n")) != 0;
            let (tried, hits) = self.0.entry((kind.to_owned(), damage.to_owned())).or_default();
            *tried += 1;
            *hits += usize::from(found);
        };
        judge("removed", &[]);
        judge("told twice", &[all[place], all[place]]);
        for path in leaves(&lines[place]) {
            if path == "/tag" {
                continue;
            }
            let mut changed = lines[place].clone();
            let value = changed.pointer_mut(&path).unwrap();
            *value = other(&path, value);
            let damage = path.trim_start_matches("/event/").replace('/', ".");
            judge(&damage, &[&changed.to_string()]);
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for ((kind, damage), (tried, found)) in &self.0 {
            let found = match found {
                0 => "none",
                found if found == tried => "all",
                _ => "some",
            };
            writeln!(text, "{kind}: {damage}: {found}").unwrap();
        }
        text
    }
}

#[test]
fn recordings_hold_in_etcds_form() {
    for id in [
        "Figure82C",
        "Figure8Unreliable2C",
        "SnapshotInstallUnreliable2D",
        "SnapshotInstallCrash3D",
        "Rejoin2B",
    ] {
        let report = audit_lines(id, told(id).as_bytes(), false).unwrap();
        assert_eq!(report.exit_code(), 0, "{}", text(&report));
        assert!(
            report.elections > 1 && report.committed > 0 && report.lines > 300,
            "{id}: {} lines",
            report.lines
        );
    }
}

/// What is missed in recordings, and not in the trace of etcd's raft: a candidate of ours asks again, and a
/// follower answers twice for an index, for it is told of a commit at once; more is lost.
const MISSED_IN_RECORDINGS: [&str; 15] = [
    "ReceiveAppendEntriesRequest MsgApp: msg.commit",
    "ReceiveAppendEntriesRequest MsgApp: msg.entries",
    "ReceiveAppendEntriesRequest MsgApp: msg.index",
    "ReceiveAppendEntriesRequest MsgApp: told twice",
    "ReceiveAppendEntriesResponse MsgAppResp: msg.from",
    "ReceiveAppendEntriesResponse MsgAppResp: removed",
    "ReceiveAppendEntriesResponse MsgAppResp: told twice",
    "ReceiveRequestVoteRequest MsgVote: told twice",
    "ReceiveRequestVoteResponse MsgVoteResp: msg.from",
    "SendAppendEntriesRequest MsgApp: msg.entries",
    "SendAppendEntriesRequest MsgApp: msg.to",
    "SendAppendEntriesRequest MsgApp: removed",
    "SendAppendEntriesResponse MsgAppResp: msg.reject",
    "SendRequestVoteRequest MsgVote: msg.to",
    "SendRequestVoteRequest MsgVote: removed",
];

#[test]
fn what_is_found_of_each_damage_to_a_trace_of_etcd_is_as_listed() {
    let mut table = Table::default();
    table.canaries(REAL);
    let listed = include_str!("inputs/canaries.txt");
    let found = table.text();
    if let Ok(path) = std::env::var("FIGURE2_CANARIES") {
        std::fs::write(path, &found).unwrap();
    }
    let differ: Vec<&str> =
        found.lines().filter(|line| !listed.lines().any(|listed| listed == *line)).collect();
    assert!(differ.is_empty(), "{differ:#?}; FIGURE2_CANARIES=FILE writes the new list");
    assert_eq!(
        found.lines().count(),
        listed.lines().count(),
        "a kind of line or of damage is no longer tried"
    );
}

#[test]
fn damage_to_a_recording_is_found_but_for_what_is_listed() {
    let mut table = Table::default();
    table.canaries(&told("Persist12C"));
    let listed = include_str!("inputs/canaries.txt");
    let is_listed = |damage: &String| {
        MISSED_IN_RECORDINGS.contains(&damage.as_str())
            || ["some", "none"]
                .iter()
                .any(|found| listed.lines().any(|line| line == format!("{damage}: {found}")))
    };
    let missed = table.0.iter().filter(|(_, (tried, found))| found < tried);
    let missed: Vec<String> = missed.map(|((kind, damage), _)| format!("{kind}: {damage}")).collect();
    let unlisted: Vec<&String> = missed.iter().filter(|damage| !is_listed(damage)).collect();
    assert!(unlisted.is_empty(), "{unlisted:#?}");
    assert!(table.0.len() > 200 && missed.len() < table.0.len() / 8, "{} of {}", missed.len(), table.0.len());
}

//! "Known leader was elected", by itself: runs of three servers that differ in whom a follower takes for its leader.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

use figure2_audit::{Property, Report, Verdict, audit};
use figure2_trace::Reader;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A recording that is written line by line.
#[derive(Default)]
struct Recording {
    lines: Vec<String>,
    /// For each server, the number of its last line.
    seq: BTreeMap<u8, u64>,
}

impl Recording {
    fn line(&mut self, server: u8, event: Value) {
        let seq = self.seq.entry(server).or_default();
        *seq += 1;
        let at = self.lines.len();
        let line = json!({ "server": server, "run": 1, "seq": *seq, "at": at, "event": event });
        self.lines.push(line.to_string());
    }

    fn start(&mut self, server: u8) {
        let persistent =
            json!({ "current_term": 0, "voted_for": null, "log": { "snapshot": null, "entries": [] } });
        let config = json!({
            "servers": 3, "max_entries_per_message": 1, "max_message_bytes": 1, "max_in_flight_bytes": 1,
            "max_command_bytes": 1, "max_uncommitted_bytes": 1, "snapshot_patience": 1, "max_retained_bytes": 0,
        });
        self.line(server, json!({ "start": { "config": config, "persistent": persistent } }));
    }

    /// A step in term 1 of a server that has voted for server 0. Its changes become durable at once.
    fn step(&mut self, server: u8, input: Value, role: &str, leader: Option<u8>) {
        let votes = input == "ElectionTimeout" || input["Receive"]["message"]["RequestVote"].is_object();
        let vote = json!({ "TermAndVote": { "current_term": 1, "voted_for": 0 } });
        let changes = if votes { vec![vote] } else { Vec::new() };
        let mut state = json!({
            "current_term": 1, "voted_for": 0, "role": role,
            "commit_index": 0, "last_applied": 0, "last_log_index": 0, "last_log_term": 0,
        });
        if let Some(leader) = leader {
            state["leader"] = leader.into();
        }
        let step = json!({ "input": input, "outcome": "Done", "changes": changes, "state": state });
        self.line(server, json!({ "step": step }));
        if votes {
            self.line(server, json!("write"));
            self.line(server, json!("durable"));
        }
    }

    fn receive(&mut self, from: u8, to: u8, message: Value, role: &str, leader: Option<u8>) {
        self.step(to, json!({ "Receive": { "from": from, "to": to, "message": message } }), role, leader);
    }

    fn judged(&self) -> Report {
        let header = json!({ "format": "figure2-node-trace", "version": 1, "servers": 3, "began": 0 });
        let end = json!({ "end": self.lines.len() });
        let text = format!("{header}\n{}\n{end}\n", self.lines.join("\n"));
        audit(&|| Ok(vec![Reader::of_text("t", text.clone())?])).unwrap()
    }
}

/// Servers 1 and 2 vote for server 0.
fn votes() -> Recording {
    let mut recording = Recording::default();
    (0..3).for_each(|server| recording.start(server));
    recording.step(0, json!("ElectionTimeout"), "candidate", None);
    let request = json!({ "RequestVote": { "term": 1, "last_log_index": 0, "last_log_term": 0 } });
    (1..3).for_each(|voter| recording.receive(0, voter, request.clone(), "follower", None));
    recording
}

/// Server 0 wins the election of term 1.
fn won(recording: &mut Recording) {
    let vote = json!({ "RequestVoteReply": { "term": 1, "vote_granted": true } });
    recording.receive(1, 0, vote, "leader", Some(0));
}

/// A server hears a heartbeat of term 1, and takes `leader` for the leader.
fn follows(recording: &mut Recording, server: u8, leader: u8) {
    let heartbeat = json!({ "AppendEntries": {
        "term": 1, "prev_log_index": 0, "prev_log_term": 0, "entries": [], "leader_commit": 0,
    } });
    recording.receive(leader, server, heartbeat, "follower", Some(leader));
}

fn verdict(report: &Report) -> Verdict {
    report.rows.iter().find(|row| row.property == Property::KnownLeader).unwrap().verdict
}

/// The one violation, and what is said of it.
fn violated(recording: &Recording) -> String {
    let report = recording.judged();
    let [violation] = &report.violations[..] else { panic!("{:?}", report.violations) };
    assert_eq!((violation.property, report.exit_code()), (Property::KnownLeader, 1));
    violation.what.clone()
}

#[test]
fn the_one_that_was_elected_may_be_taken_for_the_leader() {
    let mut recording = votes();
    won(&mut recording);
    follows(&mut recording, 1, 0);
    follows(&mut recording, 2, 0);
    let report = recording.judged();
    assert_eq!((verdict(&report), report.elections, report.exit_code()), (Verdict::Holds, 1, 0));
}

#[test]
fn a_run_in_which_nobody_names_a_leader_does_not_exercise_it() {
    assert_eq!(verdict(&votes().judged()), Verdict::NotExercised);
}

#[test]
fn one_that_was_never_elected_in_the_term_may_not() {
    let mut recording = votes();
    won(&mut recording);
    follows(&mut recording, 1, 2);
    let what = violated(&recording);
    assert_eq!(what, "server 1 takes server 2 for the leader of term 1, and server 0 was elected");
}

#[test]
fn nor_may_one_be_taken_for_it_before_another_is_elected() {
    let mut recording = votes();
    follows(&mut recording, 1, 2);
    won(&mut recording);
    let what = violated(&recording);
    assert_eq!(
        what,
        "server 0 takes server 0 for the leader of term 1, and another server takes server 2 for it"
    );
}

#[test]
fn two_servers_may_not_name_two_leaders_of_a_term_though_no_election_is_recorded() {
    let mut recording = votes();
    follows(&mut recording, 1, 0);
    follows(&mut recording, 2, 1);
    let what = violated(&recording);
    assert_eq!(
        what,
        "server 2 takes server 1 for the leader of term 1, and another server takes server 0 for it"
    );
}

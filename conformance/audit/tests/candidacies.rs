//! "Candidacies were pre-voted", "pre-votes bind nobody" and "contact protects": runs of three servers with PreVote and
//! CheckQuorum that differ in one line from a good one.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

use figure2_audit::{Property, Report, Verdict, audit};
use figure2_trace::Reader;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A server's term, vote and role.
type Held<'a> = (u64, Option<u8>, &'a str);

/// A recording that is written line by line.
#[derive(Clone, Default)]
struct Recording {
    lines: Vec<String>,
    /// For each server, the number of its last line, and its term and vote.
    servers: BTreeMap<u8, (u64, u64, Option<u8>)>,
}

impl Recording {
    /// Three servers start, with these extensions.
    fn of(extensions: &Value) -> Recording {
        let mut recording = Recording::default();
        let persistent =
            json!({ "current_term": 0, "voted_for": null, "log": { "snapshot": null, "entries": [] } });
        let config = json!({
            "servers": 3, "max_entries_per_message": 1, "max_message_bytes": 1, "max_in_flight_bytes": 1,
            "max_command_bytes": 1, "max_uncommitted_bytes": 1, "snapshot_patience": 1, "max_retained_bytes": 0,
            "extensions": extensions,
        });
        for server in 0..3 {
            recording.line(server, &json!({ "start": { "config": config, "persistent": persistent } }));
        }
        recording
    }

    fn line(&mut self, server: u8, event: &Value) {
        let (seq, ..) = self.servers.entry(server).or_default();
        *seq += 1;
        let at = self.lines.len();
        let line = json!({ "server": server, "run": 1, "seq": *seq, "at": at, "event": event });
        self.lines.push(line.to_string());
    }

    /// A step. What it changes of term and vote becomes durable at once.
    fn step(&mut self, server: u8, input: Value, (term, vote, role): Held<'_>) {
        let (_, known_term, known_vote) = self.servers[&server];
        let changes = if (known_term, known_vote) == (term, vote) {
            json!([])
        } else {
            json!([{ "TermAndVote": { "current_term": term, "voted_for": vote } }])
        };
        let state = json!({
            "current_term": term, "voted_for": vote, "role": role,
            "commit_index": 0, "last_applied": 0, "last_log_index": 0, "last_log_term": 0,
        });
        let step = json!({ "input": input, "outcome": "Done", "changes": changes, "state": state });
        self.line(server, &json!({ "step": step }));
        if (known_term, known_vote) != (term, vote) {
            self.line(server, &json!("write"));
            self.line(server, &json!("durable"));
        }
        let held = self.servers.get_mut(&server).unwrap();
        (held.1, held.2) = (term, vote);
    }

    fn receive(&mut self, from: u8, to: u8, message: Value, held: Held<'_>) {
        self.step(to, json!({ "Receive": { "from": from, "to": to, "message": message } }), held);
    }

    /// The server tells another that it would vote for it.
    fn says_yes(&mut self, server: u8, to: u8, term: u64) {
        let sent = json!({ "to": to, "message": "PreVoteReply", "term": term, "index": 0, "entries": 0, "success": true });
        self.line(server, &json!({ "sent": sent }));
    }

    fn judged(&self) -> Report {
        let header = json!({ "format": "figure2-node-trace", "version": 1, "servers": 3, "began": 0 });
        let end = json!({ "end": self.lines.len() });
        let text = format!("{header}\n{}\n{end}\n", self.lines.join("\n"));
        audit(&|| Ok(vec![Reader::of_text("t", text.clone())?])).unwrap()
    }
}

fn all() -> Value {
    json!({ "pre_vote": true, "check_quorum": true })
}

fn pre_vote(term: u64) -> Value {
    json!({ "PreVote": { "term": term, "last_log_index": 0, "last_log_term": 0 } })
}

fn pre_vote_reply(term: u64, granted: bool) -> Value {
    json!({ "PreVoteReply": { "term": term, "vote_granted": granted } })
}

fn request(term: u64, transfer: bool) -> Value {
    json!({ "RequestVote": { "term": term, "last_log_index": 0, "last_log_term": 0, "transfer": transfer } })
}

fn vote(term: u64) -> Value {
    json!({ "RequestVoteReply": { "term": term, "vote_granted": true } })
}

fn heartbeat(term: u64) -> Value {
    json!({ "AppendEntries": {
        "term": term, "prev_log_index": 0, "prev_log_term": 0, "entries": [], "leader_commit": 0,
    } })
}

const LEADS: Held<'_> = (1, Some(0), "leader");
const FOLLOWS: Held<'_> = (1, Some(0), "follower");

/// Server 0 asks, and server 1 says yes.
fn asks() -> Recording {
    let mut recording = Recording::of(&all());
    recording.step(0, json!("ElectionTimeout"), (0, None, "pre_candidate"));
    recording.receive(0, 1, pre_vote(1), (0, None, "follower"));
    recording.says_yes(1, 0, 1);
    recording
}

/// Server 0 is elected, and both others hear of it.
fn elected() -> Recording {
    let mut recording = asks();
    recording.receive(1, 0, pre_vote_reply(1, true), (1, Some(0), "candidate"));
    recording.receive(0, 1, request(1, false), FOLLOWS);
    recording.receive(1, 0, vote(1), LEADS);
    for follower in [1, 2] {
        recording.receive(
            0,
            follower,
            heartbeat(1),
            (1, if follower == 1 { Some(0) } else { None }, "follower"),
        );
    }
    recording
}

#[track_caller]
fn breaks(recording: &Recording, property: Property) {
    let report = recording.judged();
    let all: Vec<_> = report.violations.iter().map(|found| (found.property, found.what.clone())).collect();
    assert!(all.iter().any(|(found, _)| *found == property), "not {}, but {all:?}", property.name());
    assert_eq!(report.exit_code(), 1);
}

#[track_caller]
fn holds(recording: &Recording) {
    let report = recording.judged();
    assert_eq!(report.exit_code(), 0, "{:?}", report.violations);
}

#[test]
fn a_good_election_exercises_all_three() {
    let mut good = elected();
    // Server 2 asks while the others are in contact, and is refused.
    good.step(2, json!("ElectionTimeout"), (1, None, "pre_candidate"));
    good.receive(2, 1, pre_vote(2), FOLLOWS);
    good.receive(1, 2, pre_vote_reply(1, false), (1, None, "pre_candidate"));
    good.receive(0, 2, heartbeat(1), (1, None, "follower"));
    let report = good.judged();
    assert_eq!((report.exit_code(), report.elections), (0, 1), "{:?}", report.violations);
    for property in [Property::PreVoted, Property::PreVotesBindNobody, Property::ContactProtects] {
        let row = report.rows.iter().find(|row| row.property == property).unwrap();
        assert_eq!(row.verdict, Verdict::Holds, "{}", property.name());
    }
}

#[test]
fn a_server_that_asks_first_does_not_stand_by_itself() {
    let mut bad = Recording::of(&all());
    bad.step(0, json!("ElectionTimeout"), (1, Some(0), "candidate"));
    breaks(&bad, Property::PreVoted);
    let mut without = Recording::of(&json!({ "check_quorum": true }));
    without.step(0, json!("ElectionTimeout"), (1, Some(0), "candidate"));
    holds(&without);
}

#[test]
fn a_refusal_a_yes_for_another_term_and_half_of_the_servers_are_no_majority() {
    for reply in [pre_vote_reply(0, false), pre_vote_reply(2, true)] {
        let mut bad = asks();
        bad.receive(1, 0, reply, (1, Some(0), "candidate"));
        breaks(&bad, Property::PreVoted);
    }
    // A yes from before its timer elapsed again is not of interest any more.
    let mut bad = asks();
    bad.receive(1, 0, pre_vote_reply(2, true), (0, None, "pre_candidate"));
    bad.step(0, json!("ElectionTimeout"), (0, None, "pre_candidate"));
    bad.receive(1, 0, pre_vote_reply(0, false), (1, Some(0), "candidate"));
    breaks(&bad, Property::PreVoted);
}

#[test]
fn a_yes_raises_no_term_and_neither_does_a_question() {
    let mut bad = asks();
    bad.receive(2, 0, pre_vote_reply(7, true), (7, None, "follower"));
    breaks(&bad, Property::PreVoted);
    let mut bad = asks();
    bad.receive(0, 2, pre_vote(7), (7, None, "follower"));
    breaks(&bad, Property::PreVoted);
    breaks(&bad, Property::PreVotesBindNobody);
    let mut good = asks();
    good.receive(2, 0, pre_vote_reply(7, false), (7, None, "follower"));
    holds(&good);
}

#[test]
fn a_question_does_not_take_the_vote() {
    let mut bad = asks();
    bad.receive(0, 2, pre_vote(1), (0, Some(0), "follower"));
    breaks(&bad, Property::PreVotesBindNobody);
}

#[test]
fn a_pre_vote_is_not_counted_as_a_vote() {
    let mut bad = asks();
    bad.receive(1, 0, pre_vote_reply(1, true), (1, Some(0), "candidate"));
    bad.receive(2, 0, pre_vote_reply(1, true), LEADS);
    breaks(&bad, Property::PreVotesBindNobody);
}

#[test]
fn a_vote_of_another_term_does_not_elect() {
    let mut bad = asks();
    bad.receive(1, 0, pre_vote_reply(1, true), (1, Some(0), "candidate"));
    bad.receive(1, 0, vote(0), LEADS);
    breaks(&bad, Property::PreVotesBindNobody);
}

#[test]
fn a_vote_of_an_older_term_that_is_late_takes_no_vote_away() {
    let mut good = asks();
    good.receive(1, 0, pre_vote_reply(1, true), (1, Some(0), "candidate"));
    good.receive(0, 1, request(1, false), FOLLOWS);
    good.receive(2, 0, vote(0), (1, Some(0), "candidate"));
    good.receive(1, 0, vote(1), LEADS);
    holds(&good);
}

#[test]
fn no_yes_while_in_contact_and_none_that_nobody_asked_for() {
    let mut bad = elected();
    bad.receive(2, 1, pre_vote(2), FOLLOWS);
    bad.says_yes(1, 2, 2);
    breaks(&bad, Property::ContactProtects);
    let mut bad = elected();
    bad.receive(2, 0, pre_vote(2), LEADS);
    bad.says_yes(0, 2, 2);
    breaks(&bad, Property::ContactProtects);
    let mut bad = elected();
    bad.says_yes(1, 2, 2);
    breaks(&bad, Property::ContactProtects);
    // Its own timer elapses: it is in contact no longer.
    let mut good = elected();
    good.step(1, json!("ElectionTimeout"), (1, Some(0), "pre_candidate"));
    good.receive(2, 1, pre_vote(2), (1, Some(0), "pre_candidate"));
    good.says_yes(1, 2, 2);
    holds(&good);
}

#[test]
fn in_contact_only_a_candidate_that_the_leader_told_is_listened_to() {
    let told = |transfer| {
        let mut recording = elected();
        recording.receive(0, 2, json!({ "TimeoutNow": { "term": 1 } }), (2, Some(2), "candidate"));
        recording.receive(2, 1, request(2, transfer), (2, Some(2), "follower"));
        recording
    };
    breaks(&told(false), Property::ContactProtects);
    holds(&told(true));
}

#[test]
fn a_leader_tells_a_server_to_stand_in_its_own_term_and_no_older_one() {
    let told = |term: u64, stands_in: u64| {
        let mut recording = elected();
        let message = json!({ "TimeoutNow": { "term": term } });
        recording.receive(0, 1, message, (stands_in, Some(1), "candidate"));
        recording
    };
    holds(&told(1, 2));
    breaks(&told(0, 2), Property::PreVoted);
    breaks(&told(1, 3), Property::PreVoted);
}

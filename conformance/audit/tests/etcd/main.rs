//! Lines as etcd's raft writes them, made by hand from the public format, and a trace that it wrote itself.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

mod candidates;

use figure2_audit::etcd::{audit_files, audit_lines};
use figure2_audit::{Cause, Clock, Property, Report, Verdict, html, json, junit, text};
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

/// A trace that etcd's raft (3.6.0) itself told: three nodes, crashes, lost messages and a snapshot.
const REAL: &str = include_str!("inputs/etcd-crashes-and-losses.ndjson");
const CRASH_BEFORE_READY: &str = include_str!("inputs/t01-etcd-crash-before-ready.ndjson");
const TWO_LEADERS_BY_ROLE: &str = include_str!("inputs/etcd-min-two-leaders-by-role.ndjson");

/// Node, role, term, vote, commit and last index, then the event's name and the message, if there is one.
fn line(node: u64, role: &str, state: [u64; 4], name: &str, message: Option<String>) -> String {
    let [term, vote, commit, log] = state;
    let message = message.map_or(String::new(), |message| format!(r#","msg":{message}"#));
    format!(
        r#"{{"name":"{name}","nid":"{node}","state":{{"term":{term},"vote":"{vote}","commit":{commit}}},"role":"State{role}","log":{log},"conf":[["1","2","3"],[]]{message}}}"#
    )
}

/// A line about a message, of which only `fields` are not 0: sender, addressee and term, then log term, index, entries
/// and commit.
fn about(kind: &str, [from, to, term]: [u64; 3], fields: [u64; 4]) -> Option<String> {
    let [log_term, index, entries, commit] = fields;
    Some(format!(
        r#"{{"type":"{kind}","term":{term},"from":"{from}","to":"{to}","entries":{entries},"logTerm":{log_term},"index":{index},"commit":{commit},"vote":"0","reject":false,"rejectHint":0}}"#
    ))
}

/// Node 1 is elected in term 1 by node 2, and commits an entry that node 2 acknowledged; then node 2 is elected by node 3.
fn good() -> Vec<String> {
    const NOTHING: [u64; 4] = [0; 4];
    let mut lines = Vec::new();
    let mut tell = |node, role: &str, state: [u64; 4], name: &str, message| {
        lines.push(line(node, role, state, name, message));
    };
    for node in [1, 2, 3] {
        tell(node, "Follower", NOTHING, "InitState", None);
    }
    // 4 to 15: node 1 is elected.
    let (one, two) = ([1, 1, 0, 0], [1, 0, 0, 0]);
    let ask = |to| about("MsgVote", [1, to, 1], NOTHING);
    let grant = |from| about("MsgVoteResp", [from, 1, 1], NOTHING);
    tell(1, "Candidate", one, "BecomeCandidate", None);
    tell(1, "Candidate", one, "SendRequestVoteResponse", grant(1));
    tell(1, "Candidate", one, "SendRequestVoteRequest", ask(2));
    tell(1, "Candidate", one, "SendRequestVoteRequest", ask(3));
    tell(1, "Candidate", one, "Ready", None);
    tell(1, "Candidate", one, "ReceiveRequestVoteResponse", grant(1));
    tell(2, "Follower", NOTHING, "ReceiveRequestVoteRequest", ask(2));
    tell(2, "Follower", two, "BecomeFollower", None);
    tell(2, "Follower", two, "SendRequestVoteResponse", grant(2));
    tell(2, "Follower", [1, 1, 0, 0], "Ready", None);
    tell(1, "Candidate", one, "ReceiveRequestVoteResponse", grant(2));
    tell(1, "Leader", one, "BecomeLeader", None);
    // 16 to 27: an entry is committed.
    let has = [1, 1, 0, 1];
    let acknowledged = |from| about("MsgAppResp", [from, 1, 1], [0, 1, 0, 0]);
    let entry = about("MsgApp", [1, 2, 1], [0, 0, 1, 0]);
    tell(1, "Leader", one, "Replicate", None);
    tell(1, "Leader", has, "SendAppendEntriesResponse", acknowledged(1));
    tell(1, "Leader", has, "SendAppendEntriesRequest", entry.clone());
    tell(1, "Leader", has, "Ready", None);
    tell(1, "Leader", has, "ReceiveAppendEntriesResponse", acknowledged(1));
    tell(1, "Leader", has, "Commit", None);
    tell(2, "Follower", [1, 1, 0, 0], "ReceiveAppendEntriesRequest", entry);
    tell(2, "Follower", has, "SendAppendEntriesResponse", acknowledged(2));
    tell(2, "Follower", has, "Ready", None);
    tell(1, "Leader", has, "ReceiveAppendEntriesResponse", acknowledged(2));
    tell(1, "Leader", [1, 1, 1, 1], "Commit", None);
    tell(1, "Leader", [1, 1, 1, 1], "Ready", None);
    // 28 to 40: node 2 is elected.
    let two = [2, 2, 0, 1];
    let ask = |to| about("MsgVote", [2, to, 2], [1, 1, 0, 0]);
    let grant = |from| about("MsgVoteResp", [from, 2, 2], NOTHING);
    tell(2, "Candidate", two, "BecomeCandidate", None);
    tell(2, "Candidate", two, "SendRequestVoteRequest", ask(1));
    tell(2, "Candidate", two, "SendRequestVoteResponse", grant(2));
    tell(2, "Candidate", two, "SendRequestVoteRequest", ask(3));
    tell(2, "Candidate", two, "Ready", None);
    tell(2, "Candidate", two, "ReceiveRequestVoteResponse", grant(2));
    tell(3, "Follower", NOTHING, "ReceiveRequestVoteRequest", ask(3));
    tell(3, "Follower", [2, 0, 0, 0], "BecomeFollower", None);
    tell(3, "Follower", [2, 0, 0, 0], "SendRequestVoteResponse", grant(3));
    tell(3, "Follower", [2, 2, 0, 0], "Ready", None);
    tell(2, "Candidate", two, "ReceiveRequestVoteResponse", grant(3));
    tell(2, "Leader", two, "BecomeLeader", None);
    tell(2, "Leader", two, "Ready", None);
    lines
}

fn judged(lines: &[String]) -> Report {
    audit_lines("etcd.ndjson", lines.join("\n").as_bytes(), false).unwrap()
}

fn judged_text(text: &str) -> Report {
    audit_lines("etcd.ndjson", text.as_bytes(), false).unwrap()
}

fn verdict(report: &Report, property: Property) -> Verdict {
    report.rows.iter().find(|row| row.property == property).unwrap().verdict
}

fn causes(report: &Report) -> Vec<Cause> {
    report.unexplained.iter().map(|found| found.cause).collect()
}

#[test]
fn a_good_trace_holds_and_what_it_cannot_show_is_said() {
    let report = judged(&good());
    assert_eq!(report.exit_code(), 0, "{}", text(&report));
    assert_eq!((report.lines, report.elections, report.servers, report.committed), (40, 2, 3, 1));
    for (property, expected) in [
        (Property::ElectionSafety, Verdict::Holds),
        (Property::OneVote, Verdict::Holds),
        (Property::LeaderCompleteness, Verdict::HoldsInPart),
        (Property::CommittedOnMajority, Verdict::HoldsInPart),
        (Property::NothingGoesBack, Verdict::HoldsInPart),
        (Property::LeaderAppendOnly, Verdict::HoldsInPart),
        (Property::CommittedAgree, Verdict::HoldsInPart),
        (Property::StateMachineSafety, Verdict::NotShown),
        (Property::KnownLeader, Verdict::NotShown),
    ] {
        assert_eq!(verdict(&report, property), expected, "{}", property.name());
    }
    assert!(report.notes.iter().any(|note| note.contains("missing")), "what a lost line could hide");
    let wrapped: Vec<String> = good()
        .iter()
        .map(|line| format!(r#"{{"level":"debug","ts":1.5,"msg":"trace","tag":"trace","event":{line}}}"#))
        .collect();
    assert_eq!(judged(&wrapped).exit_code(), 0, "as a logger wraps it");
    let mut beside = wrapped;
    beside.insert(3, r#"{"level":"info","ts":1.5,"msg":"raft.node: 1 elected leader"}"#.into());
    let report = judged(&beside);
    assert_eq!((report.exit_code(), report.lines), (0, 40), "a logger's other lines are passed over");
    assert!(report.notes.iter().any(|note| note.starts_with("1 lines are no events")));
    assert_eq!(judged_text(REAL).exit_code(), 0, "{}", text(&judged_text(REAL)));
}

#[test]
fn a_crash_before_the_ready_is_no_violation_and_each_role_is_evidence() {
    let report = judged_text(CRASH_BEFORE_READY);
    assert_eq!(report.exit_code(), 0, "{}", text(&report));
    let report = judged_text(TWO_LEADERS_BY_ROLE);
    assert_eq!(report.exit_code(), 1, "{}", text(&report));
    assert_eq!(verdict(&report, Property::ElectionSafety), Verdict::Violated);
    assert!(report.violations[0].what.contains("nodes 1 and 2 both lead term 2"));

    // The same crash after a Ready: the trace does not tell whether the write ended.
    let mut lines: Vec<String> = CRASH_BEFORE_READY.lines().map(str::to_owned).collect();
    lines.insert(9, line(1, "Follower", [2, 2, 0, 0], "Ready", None));
    let report = judged(&lines);
    assert_eq!((report.exit_code(), causes(&report)), (2, vec![Cause::Restart]));
    // And after the vote was received: it must have been durable.
    let grant = about("MsgVoteResp", [1, 2, 2], [0; 4]);
    lines.insert(10, line(2, "Candidate", [2, 2, 0, 0], "ReceiveRequestVoteResponse", grant));
    let report = judged(&lines);
    assert_eq!(verdict(&report, Property::OneVote), Verdict::Violated);
}

/// The good trace, with the line of that number and those behind it replaced.
fn changed(number: usize, with: &[String]) -> Report {
    let mut lines = good();
    let end = lines.len().min(number - 1 + with.len());
    lines.splice(number - 1..end, with.iter().cloned());
    judged(&lines)
}

#[test]
fn each_property_that_it_shows_can_be_broken() {
    let broken = |number: usize, with: &[String], property: Property| {
        let report = changed(number, with);
        assert_eq!(verdict(&report, property), Verdict::Violated, "{}:\n{}", property.name(), text(&report));
        assert_eq!(report.exit_code(), 1);
    };
    let plain = |node, role: &str, state, name: &str| line(node, role, state, name, None);
    broken(41, &[plain(3, "Leader", [2, 3, 0, 0], "Ready")], Property::ElectionSafety);
    let heartbeat = about("MsgHeartbeat", [3, 1, 2], [0; 4]);
    broken(
        41,
        &[line(1, "Follower", [1, 1, 1, 1], "ReceiveAppendEntriesRequest", heartbeat)],
        Property::ElectionSafety,
    );
    broken(41, &[plain(3, "Leader", [3, 3, 0, 0], "Ready")], Property::LeaderCompleteness);
    broken(41, &[plain(1, "Follower", [1, 1, 2, 2], "Ready")], Property::LeaderCompleteness);
    let second = about("MsgVoteResp", [2, 3, 1], [0; 4]);
    broken(24, &[line(2, "Follower", [1, 1, 0, 1], "SendRequestVoteResponse", second)], Property::OneVote);
    broken(41, &[plain(3, "Follower", [2, 1, 0, 0], "Ready")], Property::OneVote);
    broken(41, &[plain(3, "Follower", [2, 0, 0, 0], "InitState")], Property::OneVote);
    broken(41, &[plain(3, "Follower", [1, 0, 0, 0], "Ready")], Property::OneVote);
    let to_both = about("MsgVoteResp", [3, 1, 2], [0; 4]);
    broken(
        41,
        &[line(1, "Candidate", [2, 1, 1, 1], "ReceiveRequestVoteResponse", to_both)],
        Property::OneVote,
    );
    broken(28, &[plain(1, "Leader", [1, 1, 0, 1], "Ready")], Property::NothingGoesBack);
    broken(28, &[plain(1, "Leader", [1, 1, 0, 0], "Ready")], Property::LeaderAppendOnly);
    broken(41, &[plain(3, "Follower", [2, 2, 1, 0], "Ready")], Property::CommittedAgree);
    let lacks = [plain(2, "Follower", [1, 1, 0, 0], "Ready"), plain(3, "Follower", [0, 0, 0, 0], "Ready")];
    broken(28, &lacks, Property::CommittedOnMajority);
    broken(28, &[plain(2, "Follower", [1, 1, 0, 0], "InitState")], Property::Recoverable);
    let other_term = about("MsgApp", [1, 2, 1], [0, 1, 0, 1]);
    let wrong = line(1, "Leader", [1, 1, 1, 1], "SendAppendEntriesRequest", other_term);
    broken(28, &[wrong], Property::LogMatching);
}

#[test]
fn what_nothing_explains_is_named() {
    let named = |number: usize, with: &[String], cause: Cause| {
        let report = changed(number, with);
        assert!(causes(&report).contains(&cause), "{}:\n{}", cause.name(), text(&report));
        assert_eq!(report.exit_code(), 2, "{}", text(&report));
        assert!(report.sentence().contains(cause.name()));
    };
    let plain = |node, role: &str, state, name: &str| line(node, role, state, name, None);
    let ready = plain(1, "Follower", [0, 0, 0, 0], "Ready");
    // A leader whom nobody else is known to have voted for, and one that no line made leader.
    named(14, &[plain(1, "Candidate", [1, 1, 0, 0], "Ready")], Cause::Leader);
    named(41, &[plain(3, "Leader", [3, 3, 0, 1], "Ready")], Cause::Leader);
    // A commit without the acknowledgement of node 2.
    named(25, &[plain(1, "Leader", [1, 1, 0, 1], "Ready")], Cause::Commit);
    // A reply that nobody sent, and one that left before the Ready.
    named(23, &[plain(2, "Follower", [1, 1, 0, 1], "Ready")], Cause::Message);
    named(24, &[plain(3, "Follower", [0, 0, 0, 0], "Ready")], Cause::Message);
    // A term, a role, a vote, a log, a commit index, a configuration.
    for state in [[4, 0, 0, 0], [2, 2, 1, 1], [2, 2, 0, 1]] {
        named(41, &[plain(3, "Follower", state, "Ready")], Cause::Change);
    }
    named(41, &[plain(2, "Follower", [2, 2, 0, 1], "Ready")], Cause::Change);
    named(
        41,
        &[plain(3, "Follower", [2, 2, 0, 0], "Ready").replace("\"3\"],[]", "\"4\"],[]")],
        Cause::Change,
    );
    // A request without its answer, an answer without its request.
    named(36, &[plain(3, "Follower", [2, 0, 0, 0], "Ready")], Cause::Step);
    let answer = about("MsgVoteResp", [3, 2, 2], [0; 4]);
    named(41, &[line(3, "Follower", [2, 2, 0, 0], "SendRequestVoteResponse", answer)], Cause::Step);
    named(1, &[ready], Cause::Step);
    // A message of another term than its sender's; a candidate without a vote.
    let early = about("MsgHeartbeat", [2, 1, 3], [0; 4]);
    named(40, &[line(2, "Leader", [2, 2, 0, 1], "SendAppendEntriesRequest", early)], Cause::Line);
    named(41, &[plain(1, "Candidate", [2, 0, 1, 1], "BecomeCandidate")], Cause::Line);
    // A term that goes back with what was handed over, and nobody received.
    named(
        28,
        &[plain(3, "Follower", [5, 0, 0, 0], "Ready"), plain(3, "Follower", [4, 0, 0, 0], "InitState")],
        Cause::Restart,
    );
    named(41, &[plain(3, "Follower", [2, 2, 0, 0], "Defragment")], Cause::Event);
    let lines = good();
    assert_eq!(causes(&judged(&lines[..35])), [Cause::End]);
    let report = audit_lines("t", lines[..35].join("\n").as_bytes(), true).unwrap();
    assert_eq!(report.exit_code(), 0, "--cut-off");
}

#[test]
fn lines_that_are_lost_make_no_violation() {
    let lines: Vec<&str> = REAL.lines().collect();
    let mut random = SmallRng::seed_from_u64(1);
    for round in 0..60 {
        let lost: f64 = [0.001, 0.01, 0.1, 0.5][round % 4];
        let kept: Vec<&str> = lines.iter().filter(|_| !random.random_bool(lost)).copied().collect();
        let report = judged_text(&kept.join("\n"));
        assert_ne!(report.exit_code(), 1, "{lost}: {}", text(&report));
        let (from, to) =
            (random.random_range(1..lines.len() / 2), random.random_range(lines.len() / 2..lines.len()));
        let report = judged_text(&lines[from..to].join("\n"));
        assert_eq!(report.exit_code(), 2, "without its beginning: {}", text(&report));
        let report = judged_text(&lines[..to].join("\n"));
        assert!(report.violations.is_empty() && causes(&report).iter().all(|cause| *cause == Cause::End));
    }
    // All acknowledgements that leaders received, and all votes.
    for (lost, cause) in
        [("ReceiveAppendEntriesResponse", Cause::Commit), ("ReceiveRequestVoteResponse", Cause::Leader)]
    {
        let kept: Vec<&str> = lines.iter().filter(|line| !line.contains(lost)).copied().collect();
        let report = judged_text(&kept.join("\n"));
        assert!(report.exit_code() == 2 && causes(&report).contains(&cause), "{lost}: {}", text(&report));
    }
}

#[test]
fn of_several_files_what_one_received_may_stand_before_what_the_other_sent() {
    let lines = good();
    let of = |node: u64| -> String {
        let own = lines.iter().filter(|line| line.contains(&format!(r#""nid":"{node}""#)));
        own.map(|line| format!("{line}\n")).collect()
    };
    let directory = tempfile::tempdir().unwrap();
    let paths = [1, 2, 3].map(|node| {
        let path = directory.path().join(format!("{node}.ndjson"));
        std::fs::write(&path, of(node)).unwrap();
        path
    });
    let report = audit_files(&paths, false).unwrap();
    assert_eq!((report.exit_code(), report.lines, report.servers), (0, 40, 3), "{}", text(&report));
    assert!(report.notes.iter().any(|note| note.contains("one file")));
    // One node alone: what others sent is not known, and said so.
    let report = audit_files(&paths[..1], false).unwrap();
    assert_eq!(report.exit_code(), 0, "{}", text(&report));
    assert!(
        report.notes.iter().any(|note| note.starts_with("2 messages came from nodes without lines ([2])"))
    );
}

#[test]
fn the_reports_tell_it_all_and_the_time_line_counts_lines() {
    let mut lines = good();
    lines.remove(24);
    let report = judged(&lines);
    assert_eq!(report.timeline.clock, Clock::Lines);
    let page = html(&report);
    assert!(page.contains("line 1<") && page.contains("line 39, ") && !page.contains("0 s<"), "{page}");
    assert!(page.contains("Unexplained") && page.contains("a commit without its acknowledgements (1)"));
    let document: serde_json::Value = serde_json::from_str(&json(&report).unwrap()).unwrap();
    assert_eq!(document["exit_code"], 2);
    let found = document["unexplained"].as_array().unwrap();
    let commit = found.iter().find(|found| found["cause"] == "commit").unwrap();
    assert_eq!(commit["first"]["line"], 25);
    assert_eq!(document["timeline"]["clock"], "lines");
    assert!(junit(&report).unwrap().contains("a commit without its acknowledgements"));
    let words = text(&report);
    assert!(
        words
            .contains("UNEXPLAINED a commit without its acknowledgements (1 times), first at etcd.ndjson:25")
    );
    assert!(words.contains("note: a line that is missing"), "{words}");
}

#[test]
fn what_is_no_such_trace_is_refused() {
    let refused = |text: &str| {
        audit_lines("e", text.as_bytes(), false).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(refused("").contains("the trace has no event"));
    assert!(refused("{\"a\":1}\n").contains("the trace has no event"));
    assert!(refused("hello\n").contains("e:1: not a trace line of etcd's raft"));
    let cut = format!("{}\n{}", good()[0], &good()[1][..40]);
    assert!(refused(&cut).contains("e:2: not a trace line") && refused(&cut).contains("--cut-off"));
    assert!(audit_lines("e", cut.as_bytes(), true).is_ok());
    let absurd = good()[0].replace("\"log\":0", "\"log\":18446744073709551615");
    assert!(refused(&absurd).contains("no term and no index that a cluster reaches"), "{}", refused(&absurd));
}

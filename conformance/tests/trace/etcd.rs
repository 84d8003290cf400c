//! Lines as etcd's raft writes them, made by hand from the public format.

use figure2_conformance::audit::etcd::audit_lines;
use figure2_conformance::audit::{Property, Report, Verdict};

/// Node, role, term, vote, commit and last index, then the event's name and the message, if there is one.
fn line(node: u64, role: &str, state: [u64; 4], name: &str, message: Option<String>) -> String {
    let [term, vote, commit, log] = state;
    let message = message.map_or(String::new(), |message| format!(r#","msg":{message}"#));
    format!(
        r#"{{"name":"{name}","nid":"{node}","state":{{"term":{term},"vote":"{vote}","commit":{commit}}},"role":"State{role}","log":{log},"conf":[["1","2","3"],[]]{message}}}"#
    )
}

fn message(kind: &str, [from, to, term, index]: [u64; 4], reject: bool) -> Option<String> {
    Some(format!(
        r#"{{"type":"{kind}","term":{term},"from":"{from}","to":"{to}","entries":0,"logTerm":0,"index":{index},"commit":0,"vote":"0","reject":{reject},"rejectHint":0}}"#
    ))
}

/// Node 1 is elected in term 1 by node 2, and commits an entry that node 2 acknowledged; then node 2 is elected.
fn good() -> Vec<String> {
    vec![
        line(1, "Follower", [0, 0, 0, 0], "InitState", None),
        line(2, "Follower", [0, 0, 0, 0], "InitState", None),
        line(3, "Follower", [0, 0, 0, 0], "InitState", None),
        line(1, "Candidate", [1, 1, 0, 0], "BecomeCandidate", None),
        line(1, "Candidate", [1, 1, 0, 0], "SendRequestVoteRequest", message("MsgVote", [1, 2, 1, 0], false)),
        line(2, "Follower", [1, 0, 0, 0], "BecomeFollower", None),
        line(
            2,
            "Follower",
            [1, 0, 0, 0],
            "SendRequestVoteResponse",
            message("MsgVoteResp", [2, 1, 1, 0], false),
        ),
        line(1, "Leader", [1, 1, 0, 0], "BecomeLeader", None),
        line(
            1,
            "Leader",
            [1, 1, 0, 1],
            "SendAppendEntriesResponse",
            message("MsgAppResp", [1, 1, 1, 1], false),
        ),
        line(
            2,
            "Follower",
            [1, 1, 0, 1],
            "SendAppendEntriesResponse",
            message("MsgAppResp", [2, 1, 1, 1], false),
        ),
        line(1, "Leader", [1, 1, 1, 1], "Commit", None),
        line(2, "Candidate", [2, 2, 0, 1], "BecomeCandidate", None),
        line(3, "Follower", [2, 0, 0, 0], "BecomeFollower", None),
        line(
            3,
            "Follower",
            [2, 2, 0, 0],
            "SendRequestVoteResponse",
            message("MsgVoteResp", [3, 2, 2, 0], false),
        ),
        line(2, "Leader", [2, 2, 0, 1], "BecomeLeader", None),
    ]
}

fn judged(lines: &[String]) -> Report {
    audit_lines("etcd.ndjson", lines.join("\n").as_bytes()).unwrap()
}

fn verdict(report: &Report, property: Property) -> Verdict {
    report.rows.iter().find(|row| row.property == property).unwrap().verdict
}

#[test]
fn a_good_trace_holds_and_what_it_cannot_show_is_said() {
    let report = judged(&good());
    assert_eq!((report.exit_code(), report.lines, report.elections, report.servers), (0, 15, 2, 3));
    for property in [
        Property::ElectionSafety,
        Property::OneVote,
        Property::LeaderCompleteness,
        Property::CommittedOnMajority,
        Property::NothingGoesBack,
        Property::LeaderAppendOnly,
    ] {
        assert_eq!(verdict(&report, property), Verdict::Holds, "{}", property.name());
    }
    for property in [Property::LogMatching, Property::StateMachineSafety, Property::Recoverable] {
        assert_eq!(verdict(&report, property), Verdict::NotShown, "{}", property.name());
    }
    let wrapped: Vec<String> = good()
        .iter()
        .map(|line| format!(r#"{{"level":"debug","ts":1.5,"msg":"trace","tag":"trace","event":{line}}}"#))
        .collect();
    assert_eq!(judged(&wrapped).exit_code(), 0, "as a logger wraps it");
}

#[test]
fn each_property_that_it_shows_can_be_broken() {
    let falsified = |place: usize, with: String, property: Property| {
        let mut lines = good();
        lines[place] = with;
        let report = judged(&lines);
        assert_eq!(verdict(&report, property), Verdict::Violated, "{}", property.name());
        assert!(report.violations.iter().any(|v| v.property == property && v.place.line >= 1));
    };
    falsified(14, line(2, "Leader", [1, 2, 0, 1], "BecomeLeader", None), Property::ElectionSafety);
    falsified(14, line(3, "Leader", [3, 3, 0, 0], "BecomeLeader", None), Property::LeaderCompleteness);
    let grant = message("MsgVoteResp", [2, 3, 1, 0], false);
    falsified(9, line(2, "Follower", [1, 1, 0, 1], "SendRequestVoteResponse", grant), Property::OneVote);
    falsified(12, line(2, "Follower", [1, 0, 0, 1], "BecomeFollower", None), Property::OneVote);
    let refuses = message("MsgAppResp", [2, 1, 1, 1], true);
    let refused = line(2, "Follower", [1, 1, 0, 1], "SendAppendEntriesResponse", refuses);
    falsified(9, refused, Property::CommittedOnMajority);
    falsified(11, line(1, "Leader", [1, 1, 0, 1], "Ready", None), Property::NothingGoesBack);
    falsified(11, line(1, "Leader", [1, 1, 1, 0], "Ready", None), Property::LeaderAppendOnly);
}

#[test]
fn what_is_no_such_trace_is_refused() {
    let refused = |text: &str| {
        audit_lines("e", text.as_bytes()).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(refused("").contains("the trace is empty"));
    assert!(refused("{\"a\":1}\n").contains("e:1: not a trace line of etcd's raft"));
    let cut = format!("{}\n{}", good()[0], &good()[1][..40]);
    assert!(refused(&cut).contains("e:2: not a trace line"), "{}", refused(&cut));
}

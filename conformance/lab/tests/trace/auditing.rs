//! The audit says that good runs hold, and names the property that a falsified one breaks.

use crate::falsify::{Lines, recorded};
use figure2_audit::{Property, Report, Verdict, audit};
use figure2_model::Safety;
use figure2_trace::Reader;
use serde_json::{Value, json};

fn judged(text: Vec<u8>) -> Report {
    audit(&|| Ok(vec![Reader::of_text("t", text.clone())?])).unwrap()
}

fn state(line: &Value) -> &Value {
    &line["event"]["step"]["state"]
}

fn is_append(line: &Value) -> bool {
    line.pointer("/event/step/changes/0/Append").is_some()
}

fn is_received(line: &Value, message: &str) -> bool {
    line.pointer(&format!("/event/step/input/Receive/message/{message}")).is_some()
}

fn wins(line: &Value) -> bool {
    state(line)["role"] == "leader"
        && is_received(line, "RequestVoteReply")
        && line["event"]["step"]["changes"] == json!([])
}

/// Falsifies one line of a good run; all that the audit then says.
fn falsified(id: &str, fits: impl Fn(&Value) -> bool, change: impl Fn(&mut Value)) -> Report {
    let mut lines = Lines::of(&recorded(id));
    let place = lines.find(fits);
    change(&mut lines.lines[place]);
    judged(lines.renumbered())
}

#[track_caller]
fn names(report: &Report, property: Property) {
    let row = report.rows.iter().find(|row| row.property == property).unwrap();
    let all: Vec<String> =
        report.violations.iter().map(|v| format!("{}: {}", v.property.name(), v.what)).collect();
    assert_eq!(row.verdict, Verdict::Violated, "not {}, but {all:?}", property.name());
    assert_eq!(report.exit_code(), 1);
}

#[test]
fn the_names_are_the_models_and_what_recordings_do_not_show_is_left_to_others() {
    let names = Property::ALL.map(Property::name);
    let of_model = Safety::ALL.map(Safety::name);
    assert!(names.iter().all(|name| of_model.contains(name)), "{names:?}");
    let left: Vec<&str> = of_model.into_iter().filter(|name| !names.contains(name)).collect();
    // What a leader counts, for its limits and of who answered it, is in no recording; nor the log of a server that asks.
    let not_shown =
        ["within the limits", "linearizable", "pre-votes are deserved", "leads with a quorum", "hands over"];
    assert_eq!(left, not_shown);
}

#[test]
fn recorded_runs_hold_and_exercise_every_property() {
    let mut exercised = Vec::new();
    for id in ["Figure8Unreliable2C", "SnapshotInstallUnCrash2D", "SnapshotInstallCrash3D"] {
        let report = judged(recorded(id));
        assert_eq!(report.exit_code(), 0, "{id}: {}", report.sentence());
        let (elections, committed, steps) = (report.elections, report.committed, report.steps);
        assert!(elections > 2 && committed > 50 && steps > 1000, "{id}: {elections}, {committed}, {steps}");
        let rows = report.rows.iter().filter(|row| row.verdict == Verdict::Holds && row.checks > 0);
        exercised.extend(rows.map(|row| row.property));
    }
    for property in Property::ALL {
        assert!(exercised.contains(&property), "{} was not exercised", property.name());
    }
}

#[test]
fn where_all_take_snapshots_little_is_kept() {
    let report = judged(recorded("SnapshotInstallUnCrash3D"));
    assert!(report.committed > 300 && report.widest < 60, "{} of {}", report.widest, report.committed);
}

#[test]
fn a_second_leader_of_a_term() {
    let follows = |line: &Value| state(line)["role"] == "follower" && is_received(line, "AppendEntries");
    let report = falsified("Persist12C", follows, |line| {
        line["event"]["step"]["state"]["role"] = "leader".into();
    });
    names(&report, Property::ElectionSafety);
}

#[test]
fn a_leader_that_deletes() {
    let leads = |line: &Value| state(line)["role"] == "leader" && is_append(line);
    let report = falsified("Persist12C", leads, |line| {
        line["event"]["step"]["changes"].as_array_mut().unwrap().insert(0, json!({"Truncate": {"from": 1}}));
    });
    names(&report, Property::LeaderAppendOnly);
}

#[test]
fn two_commands_in_one_entry() {
    let follower = |line: &Value| is_append(line) && is_received(line, "AppendEntries");
    let report = falsified("Persist12C", follower, |line| {
        line["event"]["step"]["changes"][0]["Append"]["entries"][0]["command"] = "t:another".into();
    });
    names(&report, Property::LogMatching);
}

#[test]
fn a_leader_without_a_committed_entry() {
    let later = |line: &Value| wins(line) && state(line)["last_log_index"].as_u64() > Some(1);
    let report = falsified("Persist12C", later, |line| {
        line["event"]["step"]["changes"] = json!([{"Truncate": {"from": 1}}]);
    });
    names(&report, Property::LeaderCompleteness);
}

#[test]
fn a_service_that_applies_something_else() {
    let report = falsified(
        "Persist12C",
        |line| line["event"]["deliver"].is_object(),
        |line| {
            line["event"]["deliver"]["command"] = "t:another".into();
        },
    );
    names(&report, Property::StateMachineSafety);
}

#[test]
fn a_double_vote() {
    let mut lines = Lines::of(&recorded("Persist12C"));
    let place = lines.find(|line| {
        line["event"]["sent"]["message"] == "RequestVoteReply" && line["event"]["sent"]["success"] == true
    });
    let mut second = lines.lines[place].clone();
    let to = second["event"]["sent"]["to"].as_u64().unwrap();
    let server = second["server"].as_u64().unwrap();
    second["event"]["sent"]["to"] = (3 - to - server).into();
    lines.lines.insert(place + 1, second);
    names(&judged(lines.renumbered()), Property::OneVote);
}

#[test]
fn a_vote_forgotten_in_a_crash() {
    let restarts = |line: &Value| {
        line["run"] == 2 && line.pointer("/event/start/persistent/voted_for").is_some_and(Value::is_u64)
    };
    let report = falsified("Persist12C", restarts, |line| {
        line["event"]["start"]["persistent"]["voted_for"] = Value::Null;
    });
    names(&report, Property::OneVote);
    names(&report, Property::Recoverable);
}

#[test]
fn two_committed_entries_at_an_index() {
    let follower = |line: &Value| is_append(line) && is_received(line, "AppendEntries");
    let report = falsified("Persist12C", follower, |line| {
        let term = &mut line["event"]["step"]["changes"][0]["Append"]["entries"][0]["term"];
        *term = (term.as_u64().unwrap() + 1).into();
    });
    names(&report, Property::CommittedAgree);
}

#[test]
fn a_commit_that_only_the_leader_has_on_its_disk() {
    let mut lines = Lines::of(&recorded("BasicAgree2B"));
    let place = lines.find(wins);
    let leader = lines.lines[place]["server"].clone();
    lines.lines.retain(|line| line["event"] != "durable" || line["server"] == leader);
    names(&judged(lines.renumbered()), Property::CommittedOnMajority);
}

#[test]
fn a_committed_entry_that_is_lost() {
    let mut lines = Lines::of(&recorded("BasicAgree2B"));
    // At the end of the run two of three servers delete the first entry, and write that.
    for server in 0..2 {
        let last = lines.find_last(|line| line["server"] == server && line["event"]["step"].is_object());
        let mut step = lines.lines[last].clone();
        step["event"]["step"]["changes"] = json!([{"Truncate": {"from": 1}}]);
        let stop = lines.find_last(|line| line["server"] == server && line["event"]["stop"].is_object());
        let line = |event: &str| json!({"server": server, "run": 1, "seq": 0, "at": 0, "event": event});
        lines.lines.splice(stop..stop, [step, line("write"), line("durable")]);
    }
    names(&judged(lines.renumbered()), Property::CommittedOnMajority);
}

#[test]
fn a_commit_index_that_goes_back() {
    let mut lines = Lines::of(&recorded("Persist12C"));
    let commits = lines.find(|line| state(line)["commit_index"].as_u64() > Some(0));
    let server = lines.lines[commits]["server"].clone();
    let next = lines.lines[commits + 1..]
        .iter()
        .position(|line| line["server"] == server && state(line).is_object());
    lines.lines[commits + 1 + next.unwrap()]["event"]["step"]["state"]["commit_index"] = 0.into();
    names(&judged(lines.renumbered()), Property::NothingGoesBack);
}

#[test]
fn an_entry_left_out_of_what_the_service_gets() {
    let mut lines = Lines::of(&recorded("Persist12C"));
    let place = lines.find(|line| line["event"]["deliver"]["index"] == 1 && line["run"] == 2);
    lines.lines.remove(place);
    names(&judged(lines.renumbered()), Property::AppliedInOrder);
}

#[test]
fn a_snapshot_that_is_not_the_prefix() {
    let installs = |line: &Value| {
        line["event"]["step"]["outcome"] == "Installed"
            && line.pointer("/event/step/changes/0/Snapshot").is_some()
    };
    let report = falsified("SnapshotInstall2D", installs, |line| {
        line["event"]["step"]["changes"][0]["Snapshot"]["snapshot"]["data"] = "t:another".into();
    });
    names(&report, Property::SnapshotIsPrefix);
    let takes = |line: &Value| line["event"]["step"]["outcome"] == "SnapshotTaken";
    let report = falsified("SnapshotInstall2D", takes, |line| {
        let snapshot = &mut line["event"]["step"]["changes"][0]["Snapshot"]["snapshot"];
        snapshot["last_included_term"] = (snapshot["last_included_term"].as_u64().unwrap() + 1).into();
    });
    names(&report, Property::SnapshotIsPrefix);
}

#[test]
fn a_disk_that_lost_an_entry() {
    let restarts = |line: &Value| {
        let entries = line.pointer("/event/start/persistent/log/entries").and_then(Value::as_array);
        line["run"] == 2 && entries.is_some_and(|entries| !entries.is_empty())
    };
    let report = falsified("Persist12C", restarts, |line| {
        line["event"]["start"]["persistent"]["log"]["entries"].as_array_mut().unwrap().pop();
    });
    names(&report, Property::Recoverable);
}

#[test]
fn a_leader_whose_own_vote_is_not_on_its_disk() {
    let mut lines = Lines::of(&recorded("Persist12C"));
    let wins = lines.find(wins);
    let leader = lines.lines[wins]["server"].clone();
    let vote =
        lines.lines[..wins].iter().rposition(|line| line["event"] == "durable" && line["server"] == leader);
    lines.lines.remove(vote.unwrap());
    names(&judged(lines.renumbered()), Property::ElectionDurable);
}

#[test]
fn a_candidate_that_takes_entries() {
    let takes = |line: &Value| is_received(line, "AppendEntries");
    let report = falsified("Persist12C", takes, |line| {
        line["event"]["step"]["state"]["role"] = "candidate".into();
    });
    names(&report, Property::FollowersAccept);
}

#[test]
fn a_follower_that_names_another_leader() {
    let takes = |line: &Value| is_received(line, "AppendEntries");
    let report = falsified("Persist12C", takes, |line| {
        let leader = &mut line["event"]["step"]["state"]["leader"];
        *leader = (1 - leader.as_u64().unwrap().min(1)).into();
    });
    names(&report, Property::KnownLeader);
}

#[test]
fn a_server_that_names_a_leader_before_another_is_elected() {
    let mut lines = Lines::of(&recorded("Persist12C"));
    let wins = lines.find(wins);
    let (leader, term) = (lines.lines[wins]["server"].clone(), term_of(&lines.lines[wins]));
    let voter =
        lines.lines[..wins].iter().rposition(|line| line["server"] != leader && term_of(line) == term);
    let voter = voter.unwrap();
    lines.lines[voter]["event"]["step"]["state"]["leader"] = lines.lines[voter]["server"].clone();
    names(&judged(lines.renumbered()), Property::KnownLeader);
}

/// The term after a step; null for another line.
fn term_of(line: &Value) -> Value {
    line.pointer("/event/step/state/current_term").cloned().unwrap_or_default()
}

#[test]
fn a_rejected_message() {
    let takes = |line: &Value| is_received(line, "RequestVote");
    let report = falsified("Persist12C", takes, |line| {
        line["event"]["step"]["outcome"] = json!({"Rejected": "FromSelf"});
    });
    names(&report, Property::NoRejection);
}

#[test]
fn files_of_single_servers_are_judged_together_and_alone() {
    let all = Lines::of(&recorded("SnapshotInstallCrash2D"));
    let of = |server: u64| {
        let mut part = all.clone();
        part.lines.retain(|line| line["server"] == server);
        part.text()
    };
    let open = |servers: &[u64]| {
        let readers = servers.iter().map(|server| Reader::of_text(&format!("server-{server}"), of(*server)));
        readers.collect::<Result<Vec<_>, _>>()
    };
    let together = audit(&|| open(&[2, 0, 1])).unwrap();
    assert_eq!((together.exit_code(), together.servers), (0, 3), "{}", together.sentence());
    let alone = audit(&|| open(&[1])).unwrap();
    assert_eq!((alone.exit_code(), alone.servers, alone.cluster), (0, 1, 3), "{}", alone.sentence());
}

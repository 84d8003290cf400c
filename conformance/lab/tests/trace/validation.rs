//! Good traces are valid, and one change anywhere makes them invalid.

use crate::falsify::{Lines, leaves, other, recorded};
use figure2_trace::Reader;
use figure2_validate::{Counts, validate};
use serde_json::Value;

/// What was consumed, or the first thing that cannot be.
fn judge(text: Vec<u8>) -> Result<Counts, String> {
    let reader = Reader::of_text("t", text).map_err(|error| error.to_string())?;
    let report = validate(vec![reader]).map_err(|error| error.to_string())?;
    report.rejection.map_or(Ok(report.counts), |rejection| Err(rejection.to_string()))
}

fn refusal(text: Vec<u8>) -> String {
    judge(text).err().unwrap_or_default()
}

#[test]
fn recorded_runs_are_valid_and_what_was_consumed_is_counted() {
    let text = recorded("SnapshotInstallCrash3D");
    let counts = judge(text.clone()).unwrap();
    let lines = text.iter().filter(|byte| **byte == b'\n').count() as u64 - 2;
    assert_eq!((counts.lines, counts.servers.len()), (lines, 3));
    assert!(counts.restarts > 5 && counts.restarts == counts.runs - 3, "{counts:?}");
    assert!(counts.steps > 1000 && counts.writes > 100 && counts.received > 500, "{counts:?}");
    assert!(counts.delivered > 300 && counts.unchecked == 0, "{counts:?}");
}

#[test]
fn every_field_changed_alone_is_refused() {
    let good = Lines::of(&recorded("Persist12C"));
    let mut changed = 0;
    for place in (0..good.lines.len()).step_by(7) {
        for leaf in leaves(&good.lines[place]["event"]) {
            // Nothing follows from these: nothing in the run comes near its limits, the command was refused, and another
            // server sent just the same message.
            let refused = good.lines[place].pointer("/event/step/outcome/NotLeader").is_some();
            let is_limit = leaf.contains("/config/") && !leaf.ends_with("/servers");
            if is_limit || (refused && leaf == "/step/input/Propose") || leaf == "/step/input/Receive/from" {
                continue;
            }
            let mut bad = good.clone();
            let field = bad.lines[place].pointer_mut(&format!("/event{leaf}")).unwrap();
            *field = other(field);
            assert!(judge(bad.text()).is_err(), "line {}: {leaf} of {}", place + 2, good.lines[place]);
            changed += 1;
        }
    }
    assert!(changed > 500, "{changed}");
}

#[test]
fn a_line_dropped_or_two_swapped_leave_a_gap() {
    let good = Lines::of(&recorded("Persist12C"));
    for place in (0..good.lines.len()).step_by(5) {
        let mut dropped = good.clone();
        dropped.lines.remove(place);
        let line = &good.lines[place];
        let is_last = good.lines[place + 1..]
            .iter()
            .all(|later| (&later["server"], &later["run"]) != (&line["server"], &line["run"]));
        // The last line of a run leaves no gap: without it the run ended in a crash.
        assert!(is_last || refusal(dropped.text()).contains("lines are missing"), "line {}", place + 2);
        let next = (place + 1..good.lines.len()).find(|next| {
            (&good.lines[*next]["server"], &good.lines[*next]["run"]) == (&line["server"], &line["run"])
        });
        if let Some(next) = next {
            let mut swapped = good.clone();
            swapped.lines.swap(place, next);
            assert!(refusal(swapped.text()).contains("lines are missing, repeated or out of order"));
        }
    }
}

#[test]
fn a_forger_who_numbers_the_lines_anew_is_found_by_what_they_say() {
    let good = Lines::of(&recorded("Persist12C"));
    let changes = |i: usize| {
        let changes = good.lines[i].pointer("/event/step/changes").and_then(Value::as_array);
        changes.is_some_and(|changes| !changes.is_empty())
    };
    let mut forgeries = 0;
    for server in 0..3 {
        let of_server = (0..good.lines.len()).filter(|i| good.lines[*i]["server"] == server);
        let steps: Vec<usize> = of_server.filter(|i| good.lines[*i]["event"]["step"].is_object()).collect();
        for pair in steps.windows(2) {
            let [step, next] = pair else { unreachable!() };
            // Of steps that change nothing that lasts, one less, or another order, can be just as well.
            if !changes(*step) || good.lines[*step]["run"] != good.lines[*next]["run"] {
                continue;
            }
            let mut bad = good.clone();
            bad.lines.remove(*step);
            assert!(judge(bad.renumbered()).is_err(), "line {} dropped", step + 2);
            let mut bad = good.clone();
            bad.lines.swap(*step, *next);
            assert!(judge(bad.renumbered()).is_err(), "lines {} and {} swapped", step + 2, next + 2);
            forgeries += 2;
        }
    }
    assert!(forgeries > 30, "{forgeries}");
}

/// Falsifies the first line that fits, and says what the refusal begins with.
fn falsified(id: &str, fits: impl Fn(&Value) -> bool, change: impl Fn(&mut Lines, usize)) -> (usize, String) {
    let mut lines = Lines::of(&recorded(id));
    let place = lines.find(fits);
    change(&mut lines, place);
    (place + 2, refusal(lines.renumbered()))
}

#[test]
fn the_first_impossible_step_is_named_with_its_rule() {
    let grants = |line: &Value| {
        line["event"]["sent"]["message"] == "RequestVoteReply" && line["event"]["sent"]["success"] == true
    };
    let (line, told) = falsified(
        "Persist12C",
        |line| line.pointer("/event/step/changes/0/Append").is_some(),
        |lines, place| {
            lines.lines[place]["event"]["step"]["state"]["last_log_index"] = 9.into();
        },
    );
    assert!(told.starts_with(&format!("t:{line}: server ")), "{told}");
    assert!(told.contains("the step leaves another state") && told.contains("rule L2: "), "{told}");

    let (_, told) = falsified("Persist12C", grants, |lines, place| {
        let sent = lines.lines.remove(place);
        let before = lines.lines[..place]
            .iter()
            .rposition(|line| line["event"] == "write" && line["server"] == sent["server"]);
        lines.lines.insert(before.unwrap(), sent);
    });
    assert!(told.contains("a message leaves before the changes of its step"), "{told}");

    let (_, told) = falsified("Persist12C", grants, |lines, place| {
        lines.lines.remove(place);
    });
    assert!(told.contains("is not the next one the steps made"), "{told}");

    // A heartbeat that changes nothing: only its sender can tell that it did not say this.
    let mut lines = Lines::of(&recorded("Persist12C"));
    let commit = "/event/step/input/Receive/message/AppendEntries/leader_commit";
    let known = |line: &Value| line.pointer("/event/step/state/commit_index").cloned();
    let place = lines.lines.iter().enumerate().rposition(|(at, line)| {
        let before = lines.lines[..at].iter().rev().filter(|other| other["server"] == line["server"]);
        line.pointer(commit).is_some_and(|index| index.as_u64() > Some(1))
            && before.filter_map(known).next() == known(line)
    });
    let place = place.unwrap();
    *lines.lines[place].pointer_mut(commit).unwrap() = 1.into();
    let told = refusal(lines.text());
    assert!(told.contains("a message is received that S") && told.contains("never sent"), "{told}");

    let (_, told) = falsified(
        "Persist12C",
        |line| line["event"] == "durable",
        |lines, place| {
            lines.lines.remove(place);
        },
    );
    assert!(told.contains("told of a write that is not durable"), "{told}");

    let restart = |line: &Value| line["run"] == 2 && line["event"]["start"].is_object();
    let (_, told) = falsified("Persist12C", restart, |lines, place| {
        lines.lines[place]["event"]["start"]["persistent"]["voted_for"] = Value::Null;
    });
    assert!(told.contains("restarts from something else than what it had made durable"), "{told}");

    let (_, told) = falsified(
        "Persist12C",
        |line| line["event"]["deliver"].is_object(),
        |lines, place| {
            lines.lines[place]["event"]["deliver"]["command"] = "t:another".into();
        },
    );
    assert!(told.contains("is not what is committed"), "{told}");

    let offered = |line: &Value| line["event"]["deliver_snapshot"].is_object();
    let (_, told) = falsified("SnapshotInstall2D", offered, |lines, place| {
        lines.lines[place]["event"]["deliver_snapshot"]["data"] = "t:another".into();
    });
    assert!(told.contains("a snapshot is handed to the service that no leader sent"), "{told}");
}

#[test]
fn of_several_files_each_is_read_and_unknown_senders_are_counted() {
    let all = Lines::of(&recorded("Persist12C"));
    let of = |server: u64| {
        let mut part = all.clone();
        part.lines.retain(|line| line["server"] == server);
        Reader::of_text(&format!("server-{server}"), part.text()).unwrap()
    };
    let report = validate((0..3).map(of).collect()).unwrap();
    assert!(report.rejection.is_none(), "{:?}", report.rejection);
    assert_eq!((report.counts.files, report.counts.unchecked), (3, 0));
    let report = validate(vec![of(1)]).unwrap();
    assert!(report.rejection.is_none() && report.counts.unchecked > 10, "{:?}", report.counts);
}

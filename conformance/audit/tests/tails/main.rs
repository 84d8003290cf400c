//! Recordings of processes that were killed: what their lost tails explain is excused and counted, what they cannot explain
//! is a violation. Each case that is excused is also judged uncut, where it is a violation.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod builder;

use builder::{Recording, audited, candidate, cluster, named, state};
use figure2_audit::{CAN_HIDE, Property, Verdict, audit, html, json, junit, text};

/// What one recording has that must be excused when `cut` ends without its last line, and violated when it does not.
#[track_caller]
fn excused_if_cut(recordings: &[Recording], cut: usize, property: Property) {
    let whole = audited(recordings);
    assert!(named(&whole).contains(&property), "uncut: {:?}", whole.violations);
    assert_eq!(whole.exit_code(), 1);
    let mut recordings = recordings.to_vec();
    recordings[cut].is_cut = true;
    let report = audited(&recordings);
    assert!(report.violations.is_empty(), "cut: {:?}", report.violations);
    assert_eq!(report.exit_code(), 0, "{}", report.sentence());
    let row = report.rows.iter().find(|row| row.property == property).unwrap();
    assert_eq!((row.excused, row.verdict), (1, Verdict::HoldsInPart));
    let tail = report.tails.iter().find(|tail| tail.file.as_ref() == recordings[cut].name).unwrap();
    assert_eq!(tail.excused, 1, "{:?}", report.tails);
}

/// The finding is a violation, whichever of the first three recordings is cut.
#[track_caller]
fn violated_even_if_cut(recordings: &[Recording], property: Property) {
    for cut in 0..3 {
        let mut recordings = recordings.to_vec();
        recordings[cut].is_cut = true;
        let report = audited(&recordings);
        assert!(named(&report).contains(&property), "cut {}: {:?}", recordings[cut].name, report.violations);
        assert_eq!(report.exit_code(), 1);
    }
}

/// Server 0 wins term 1 with the vote of server 1.
fn elected() -> [Recording; 3] {
    let [mut a, mut b, c] = cluster();
    a.times_out(1);
    b.votes_for(0, 1);
    a.wins(1, 1);
    [a, b, c]
}

#[test]
fn a_restart_with_more_than_the_lines_show() {
    let [a, mut b, c] = elected();
    b.at = 900;
    let mut again = Recording::of("b2", 1);
    again.at = 2000;
    again.starts((2, Some(1)), &[(1, "t:x")]);
    again.step("\"ElectionTimeout\"", &candidate(3, 1), state(3, Some(1), "candidate", None, 0, (1, 1)));
    let recordings = [a, b, c, again];
    excused_if_cut(&recordings, 1, Property::Recoverable);
}

#[test]
fn a_leader_that_no_line_elects() {
    let [a, b, mut c] = cluster();
    c.follows(0, 1);
    excused_if_cut(&[a, b, c], 0, Property::KnownLeader);
}

#[test]
fn a_vote_that_no_line_gives() {
    let [mut a, b, c] = cluster();
    a.times_out(1);
    a.wins(1, 1);
    excused_if_cut(&[a, b, c], 1, Property::OneVote);
}

#[test]
fn a_commit_that_needs_the_acknowledgement_of_the_hidden_server() {
    let [mut a, b, c] = elected();
    a.appends(1, &[(1, "t:x")], 0);
    a.commits(1, 1, (1, 1));
    excused_if_cut(&[a, b, c], 1, Property::CommittedOnMajority);
}

#[test]
fn two_leaders_of_a_term() {
    let [a, mut b, mut c] = elected();
    c.times_out(1);
    b.votes_for(2, 1);
    c.wins(1, 1);
    violated_even_if_cut(&[a, b, c], Property::ElectionSafety);
}

#[test]
fn a_vote_that_was_durable_and_is_lost_after_the_restart() {
    let [a, b, c] = elected();
    let mut again = Recording::of("b2", 1);
    again.at = 2000;
    again.starts((1, None), &[]);
    violated_even_if_cut(&[a, b, c, again], Property::OneVote);
}

#[test]
fn a_vote_that_was_given_in_the_tail_and_is_lost_after_the_restart() {
    // Server 0 has heard the vote of server 1, which restarts without it.
    let [mut a, b, c] = cluster();
    a.times_out(1);
    a.wins(1, 1);
    let mut again = Recording::of("b2", 1);
    again.at = 2000;
    again.starts((0, None), &[]);
    violated_even_if_cut(&[a, b, c, again], Property::OneVote);
}

#[test]
fn a_vote_that_was_given_in_the_tail_and_another_after_the_restart() {
    let [mut a, b, c] = cluster();
    a.times_out(1);
    a.wins(1, 1);
    let mut again = Recording::of("b2", 1);
    again.at = 2000;
    again.starts((1, Some(2)), &[]);
    violated_even_if_cut(&[a, b, c, again], Property::OneVote);
}

/// Server 1 has two entries on its disk, of which the first is committed, and restarts with others.
fn restarts_with(ballot: (u64, Option<u8>), entries: &[(u64, &str)]) -> [Recording; 4] {
    let [mut a, mut b, c] = elected();
    a.appends(1, &[(1, "t:x")], 0);
    b.takes(0, 1, &[(1, "t:x")], 0);
    a.commits(1, 1, (1, 1));
    b.takes(0, 1, &[(1, "t:y")], 1);
    let mut again = Recording::of("b2", 1);
    again.at = 2000;
    again.starts(ballot, entries);
    [a, b, c, again]
}

#[test]
fn entries_that_were_durable_and_are_lost_after_the_restart() {
    let all = [(1, "t:x"), (1, "t:y")];
    violated_even_if_cut(&restarts_with((1, Some(0)), &all[..1]), Property::Recoverable);
    violated_even_if_cut(&restarts_with((7, None), &all[..1]), Property::Recoverable);
    // Another leader may have replaced the second entry, but not the first, which is committed.
    excused_if_cut(&restarts_with((7, None), &[all[0], (6, "t:z")]), 1, Property::Recoverable);
    violated_even_if_cut(&restarts_with((7, None), &[(6, "t:z")]), Property::Recoverable);
}

#[test]
fn a_file_without_lines_is_a_run_of_any_server() {
    let [a, b, c] = elected();
    let mut again = Recording::of("b2", 1);
    again.at = 2000;
    again.starts((3, None), &[]);
    let recordings = [a, b, c, again];
    assert_eq!(named(&audited(&recordings)), [Property::Recoverable]);
    for nothing in ["", "{\"format\":\"figure2-no", builder::HEADER, &format!("{}\n", builder::HEADER)] {
        let mut recordings = recordings.to_vec();
        recordings.push(Recording::raw("empty", nothing));
        let report = audited(&recordings);
        assert_eq!(report.exit_code(), 0, "{nothing:?}: {}", report.sentence());
        assert!(report.notes.iter().any(|note| note.starts_with("empty has no line")), "{:?}", report.notes);
        assert_eq!(report.tails.len(), 4, "each server's file ends: {:?}", report.tails);
    }
    let report = audited(&[Recording::raw("empty", "")]);
    assert_eq!((report.exit_code(), report.lines), (2, 0));
}

#[test]
fn a_servers_files_are_taken_in_turn_even_if_their_clocks_overlap() {
    let [a, mut b, c] = elected();
    // Its last lines are told later than the first ones of its next life.
    b.at = 3000;
    b.takes(0, 1, &[(1, "t:x")], 0);
    let mut again = Recording::of("b2", 1);
    again.at = 2000;
    again.starts((1, Some(0)), &[(1, "t:x")]);
    again.idles();
    let report = audited(&[a, again, c, b]);
    assert!(report.violations.is_empty(), "{:?}", report.violations);
}

#[test]
fn a_line_that_is_lost_in_the_middle_is_an_error() {
    let [mut a, b, c] = elected();
    a.is_cut = true;
    a.lines.remove(2);
    let error = builder::try_audit(&[a, b, c]).unwrap_err().to_string();
    assert!(error.contains("line 3 of the run should stand here, not 4"), "{error}");
}

#[test]
fn every_report_names_the_tails_and_what_they_can_hide() {
    let [mut a, mut b, mut c] = cluster();
    c.follows(0, 1);
    b.is_cut = true;
    a.is_cut = true;
    let mut again = Recording::of("a2", 0);
    again.at = 2_000_000;
    again.starts((1, Some(0)), &[]);
    let report = audited(&[a, b, c, again]);
    let words = text(&report);
    assert!(
        words.contains(
            "hidden: server 0 from 0.000 s (a ends) until 2.000 s (a2 starts); 2 judgements excused"
        ),
        "{words}"
    );
    assert!(
        words.contains("hidden: server 1 from 0.000 s (b ends) to the end; 0 judgements excused"),
        "{words}"
    );
    assert!(words.contains(CAN_HIDE));
    assert!(words.contains(
        "verdict: holds, as far as the recordings go: 2 tails are hidden, and excuse 2 judgements"
    ));
    let page = html(&report);
    assert!(page.contains("<h2>Hidden</h2>") && page.contains(CAN_HIDE) && page.contains("(a ends)"));
    let document: serde_json::Value = serde_json::from_str(&json(&report).unwrap()).unwrap();
    assert_eq!(document["tails"][0]["until_file"], "a2");
    assert_eq!(document["tails"][1]["until"], serde_json::Value::Null);
    assert_eq!(document["tails_can_hide"], CAN_HIDE);
    assert_eq!(document["exit_code"], 0);
    let cases = junit(&report).unwrap();
    assert!(cases.contains("skipped") && cases.contains("to the end; 0 judgements excused"), "{cases}");
}

#[test]
fn of_a_recording_without_its_oldest_part_the_report_says_what_was_not_judged() {
    let [a, b, c] = elected();
    let open = || [&a, &b, &c].map(Recording::reader).into_iter().collect::<Result<Vec<_>, _>>();
    let late = audit(&|| Ok(open()?.into_iter().map(|reader| reader.that_begins_late()).collect())).unwrap();
    assert_eq!(late.notes.len(), 3);
    assert!(late.notes[0].starts_with("a lacks its oldest pieces"), "{:?}", late.notes);
    assert!(audit(&open).unwrap().notes.is_empty());
}

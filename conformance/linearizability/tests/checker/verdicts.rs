//! What the checker must refuse, and what it must accept.

use std::time::Duration;

use figure2_linearizability::{Action, Limits, Operation, Outcome, Summary, Verdict, Window, check, draw};

fn get(read: &str) -> (Action, Outcome) {
    (Action::Get, Outcome::Ok { read: Some(read.into()) })
}

fn get_none() -> (Action, Outcome) {
    (Action::Get, Outcome::Ok { read: None })
}

fn put(text: &str) -> (Action, Outcome) {
    (Action::Put(text.into()), Outcome::Ok { read: None })
}

fn append(piece: &str) -> (Action, Outcome) {
    (Action::Append(piece.into()), Outcome::Ok { read: None })
}

fn cas(expected: &str, new: &str) -> (Action, Outcome) {
    (Action::Cas { expected: Some(expected.into()), new: new.into() }, Outcome::Ok { read: None })
}

fn unknown((action, _): (Action, Outcome)) -> (Action, Outcome) {
    (action, Outcome::Unknown)
}

fn failed((action, _): (Action, Outcome)) -> (Action, Outcome) {
    (action, Outcome::Failed)
}

/// Operations from their spans: process, invocation, completion (0: none) and what happened.
fn history(spans: &[(u64, u64, u64, (Action, Outcome))]) -> Vec<Operation> {
    let operation =
        |(process, invoked, completed, (action, outcome)): &(u64, u64, u64, (Action, Outcome))| Operation {
            process: *process,
            key: "k".into(),
            action: action.clone(),
            outcome: outcome.clone(),
            invoked: *invoked,
            completed: Some(*completed).filter(|&place| place > 0),
        };
    let mut operations: Vec<Operation> = spans.iter().map(operation).collect();
    operations.sort_by_key(|operation| operation.invoked);
    operations
}

/// One operation after the other, by one client each.
fn in_turn(steps: &[(Action, Outcome)]) -> Vec<Operation> {
    let span = |(at, step): (usize, &(Action, Outcome))| {
        (at as u64, 2 * at as u64 + 1, 2 * at as u64 + 2, step.clone())
    };
    history(&steps.iter().enumerate().map(span).collect::<Vec<_>>())
}

#[track_caller]
fn holds(operations: &[Operation]) {
    let report = check(operations, None, Limits::default());
    assert_eq!(report.summary(), Summary::Holds, "{report:#?}");
}

/// The window of the violation, which must have this many operations, each of them needed.
#[track_caller]
fn violated(operations: &[Operation], size: usize) -> Window {
    let report = check(operations, None, Limits::default());
    assert_eq!(report.summary(), Summary::Violated, "{report:#?}");
    let Verdict::Violated(window) = report.keys[0].verdict.clone() else { panic!("{report:#?}") };
    assert!(window.minimal && window.confirmed == Some(true), "{window:#?}");
    assert_eq!(window.operations.len(), size, "{window:#?}");
    window
}

#[test]
fn a_stale_read() {
    let noise = [put("x"), get("x"), put("y"), get("y")];
    let stale = [put("a"), put("b"), get("a")];
    let window = violated(&in_turn(&[&noise[..], &stale, &noise].concat()), 3);
    assert_eq!(window.operations.iter().map(|one| one.process).collect::<Vec<_>>(), [4, 5, 6]);
}

#[test]
fn a_lost_write() {
    violated(&in_turn(&[put("a"), append("b"), get("a")]), 3);
    violated(&in_turn(&[put("a"), get_none()]), 2);
    violated(&in_turn(&[put("a"), get("a"), append("b"), append("c"), get("ac")]), 4);
}

#[test]
fn a_doubled_append() {
    violated(&in_turn(&[put("x"), append("a"), get("xaa")]), 3);
    // One of unknown outcome takes effect once at most, too.
    violated(&in_turn(&[put("x"), unknown(append("a")), get("xaa")]), 3);
}

#[test]
fn reordered_appends() {
    violated(&in_turn(&[append("a"), append("b"), get("ba")]), 3);
    // Concurrent ones may come in either order, but in one for all.
    let gets = |first: &str, second: &str| {
        history(&[
            (1, 1, 5, append("a")),
            (2, 2, 6, append("b")),
            (3, 7, 8, get(first)),
            (4, 9, 10, get(second)),
        ])
    };
    holds(&gets("ab", "ab"));
    holds(&gets("ba", "ba"));
    violated(&gets("ab", "ba"), 4);
}

#[test]
fn a_value_from_nowhere() {
    violated(&in_turn(&[put("a"), get("a"), get("z"), put("b"), get("b")]), 1);
    violated(&in_turn(&[append("a"), append("b"), get("abz")]), 3);
}

#[test]
fn a_value_from_the_future() {
    violated(&in_turn(&[get("a"), put("a")]), 1);
    holds(&history(&[(1, 1, 3, get("a")), (2, 2, 4, put("a"))]));
}

#[test]
fn a_failed_operation_that_is_seen() {
    let window = violated(&in_turn(&[put("a"), failed(put("b")), get("b")]), 1);
    assert_eq!(window.outside.len(), 1);
    assert_eq!(window.outside[0].process, 1);
    holds(&in_turn(&[put("a"), failed(put("b")), get("a")]));
}

#[test]
fn two_compare_and_sets_of_one_value() {
    let both = |second: (Action, Outcome)| {
        history(&[(1, 1, 2, put("a")), (2, 3, 6, cas("a", "b")), (3, 4, 5, second), (4, 7, 8, get("b"))])
    };
    violated(&both(cas("a", "c")), 3);
    holds(&both(failed(cas("a", "c"))));
    holds(&both(unknown(cas("a", "c"))));
    violated(&in_turn(&[put("a"), cas("b", "c")]), 1);
    let absent = (Action::Cas { expected: None, new: "a".into() }, Outcome::Ok { read: None });
    holds(&in_turn(&[absent.clone(), get("a")]));
    violated(&in_turn(&[put("x"), absent]), 2);
}

#[test]
fn a_get_that_goes_back() {
    // Both gets overlap the put, but one follows the other.
    let gets = |first, second| history(&[(1, 1, 10, put("a")), (2, 2, 3, first), (3, 4, 5, second)]);
    holds(&gets(get_none(), get("a")));
    violated(&gets(get("a"), get_none()), 3);
}

#[test]
fn overlapping_operations() {
    // All three overlap; the value read last decides.
    for last in ["a", "b", "ab", "ba"] {
        let operations = history(&[
            (1, 1, 6, put(&last[..1])),
            (2, 2, 7, if last.len() == 1 { put("c") } else { append(&last[1..]) }),
            (3, 8, 9, get(last)),
        ]);
        holds(&operations);
    }
    // A long put spans everything and is never seen.
    holds(&history(&[(1, 1, 20, put("z")), (2, 2, 3, put("a")), (3, 4, 5, get("a")), (2, 6, 7, put("b"))]));
    violated(
        &history(&[(1, 1, 6, put("z")), (2, 2, 3, put("a")), (3, 4, 5, get("z")), (2, 7, 8, get("a"))]),
        4,
    );
}

#[test]
fn unknown_operations_take_effect_late_or_never() {
    let with = |reads: &[&str]| {
        let mut steps = vec![put("a"), unknown(put("b"))];
        steps.extend(reads.iter().map(|read| get(read)));
        in_turn(&steps)
    };
    holds(&with(&["a", "a", "a"]));
    holds(&with(&["a", "a", "b", "b"]));
    holds(&with(&["b", "b"]));
    violated(&with(&["a", "b", "a"]), 4);
    // One without any completion is the same.
    holds(&history(&[
        (1, 1, 2, put("a")),
        (2, 3, 0, append("b")),
        (3, 4, 5, get("a")),
        (3, 6, 7, get("ab")),
    ]));
    // Nothing takes effect before it is invoked.
    violated(&in_turn(&[get("b"), unknown(put("b"))]), 1);
    // A get that nobody saw the end of says nothing.
    holds(&in_turn(&[put("a"), unknown(get("z")), get("a")]));
}

#[test]
fn an_unknown_put_hides_an_append_that_overlaps_it() {
    let operations = |unknown_put| {
        history(&[
            (1, 1, 2, put("a")),
            (2, 3, 8, append("z")),
            (3, 4, 0, unknown_put),
            (4, 5, 6, get("a")),
            (5, 7, 9, get("b")),
        ])
    };
    holds(&operations(unknown(put("b"))));
    holds(&operations(unknown(put("a"))).into_iter().filter(|one| one.process != 5).collect::<Vec<_>>());
    violated(&operations(unknown(put("c"))), 1);
}

#[test]
fn an_unknown_put_of_the_value_that_is_there_hides_a_put_that_overlaps_it() {
    let operations = |unknown_put| {
        history(&[
            (1, 1, 2, put("a")),
            (2, 3, 8, put("z")),
            (3, 4, 0, unknown_put),
            (4, 5, 6, cas("a", "b")),
            (5, 9, 10, get("b")),
        ])
    };
    holds(&operations(unknown(put("a"))));
    violated(&operations(unknown(put("c"))), 4);
}

#[test]
fn many_unknown_writes_cost_little() {
    let mut steps = Vec::new();
    for number in 0..600 {
        steps.push(put(&format!("v{number}")));
        steps.push(unknown(put(&format!("u{number}"))));
        steps.push(unknown(append(&format!("+{number}"))));
        steps.push(unknown(cas(&format!("v{number}"), &format!("c{number}"))));
        steps.push(get(&format!("{}{number}", ["v", "u", "c"][number % 3])));
    }
    steps.push(get("u0+7"));
    holds(&in_turn(&steps));
    steps.push(get("u0+7+7"));
    let window = violated(&in_turn(&steps), 3);
    assert_eq!(window.operations[2].action, Action::Get);
}

#[test]
fn keys_are_independent() {
    let mut operations = in_turn(&[put("a"), put("b"), get("a")]);
    operations[1].key = "other".into();
    let report = check(&operations, None, Limits::default());
    assert_eq!(report.summary(), Summary::Holds);
    assert_eq!(report.keys.iter().map(|key| key.operations).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn the_first_value_is_what_the_caller_says() {
    let operations = in_turn(&[get(""), append("a"), get("a")]);
    assert_eq!(check(&operations, Some(""), Limits::default()).summary(), Summary::Holds);
    violated(&operations, 1);
}

#[test]
fn a_spent_budget_is_never_a_pass() {
    let unfinished = |operations: &[Operation], limits| {
        let report = check(operations, None, limits);
        assert_eq!(report.summary(), Summary::Unfinished, "{report:#?}");
        let Verdict::Unfinished(reason) = &report.keys[0].verdict else { panic!("{report:#?}") };
        reason.clone()
    };
    let mut spans: Vec<_> = (0..12).map(|at| (at, at + 1, at + 101, put(&format!("{at}")))).collect();
    for at in 0..12 {
        spans.push((20, 200 + 2 * at, 201 + 2 * at, get("3")));
        spans.push((30 + at, 20 + at, 301 + at, get(&format!("{at}"))));
    }
    let operations = history(&spans);
    let few = Limits { configurations: 1, ..Limits::default() };
    assert!(unfinished(&operations, few).contains("configurations"));
    let spans: Vec<_> = (0..600).map(|at| (at, at + 1, 0, put("x"))).collect();
    assert_eq!(check(&history(&spans), None, few).summary(), Summary::Holds);
    let mut spans: Vec<_> = (0..129).map(|at| (at, at + 1, at + 201, put("x"))).collect();
    spans.push((200, 900, 901, get("x")));
    assert!(unfinished(&history(&spans), Limits::default()).contains("in flight"));
    let mut long: Vec<_> = (0..2000).map(|at| put(&format!("{at}"))).collect();
    long.push(get("1999"));
    let no_time = Limits { time: Duration::ZERO, ..Limits::default() };
    assert!(unfinished(&in_turn(&long), no_time).contains("time"));
    assert_eq!(check(&[], None, Limits::default()).summary(), Summary::Unfinished);
}

#[test]
fn the_drawing_shows_who_did_what_when() {
    let operations = history(&[
        (1, 1, 9, put("a")),
        (2, 2, 3, get("a")),
        (2, 4, 7, unknown(append("-"))),
        (2, 8, 12, get("a-")),
        (3, 10, 11, get("a")),
        (3, 13, 14, get("a")),
    ]);
    let window = violated(&operations, 4);
    let expected = r#"  before: no value
  process 1  |-put "a"-|
  process 2    |-----------append "-"- - - - - - -
                 |-get -> "a-"-|
  process 3                       |-get -> "a"-|
   1  process 1: put "a" ok, line 1 to 9
   2  process 2: append "-" of unknown outcome, from line 4
   3  process 2: get -> "a-" ok, line 8 to 12
   4  process 3: get -> "a" ok, line 13 to 14
"#;
    assert_eq!(draw(&window, "line"), expected);
}

#[test]
fn a_wide_drawing_shows_numbers() {
    let steps: Vec<_> = (0..9).map(|at| append(&format!("a piece of text, number {at};"))).collect();
    let mut text: String = (0..8).rev().map(|at| format!("a piece of text, number {at};")).collect();
    text.push_str("a piece of text, number 8;");
    let window = violated(&in_turn(&[&steps[..], &[get(&text)]].concat()), 10);
    let drawing = draw(&window, "event");
    assert!(drawing.lines().all(|line| line.chars().count() < 200), "{drawing}");
    assert!(drawing.contains("  process 3                       |-4-|\n"), "{drawing}");
    assert!(
        drawing.contains("\n   4  process 3: append \"a piece of text, number 3;\" ok, event 7 to 8\n"),
        "{drawing}"
    );
    assert!(drawing.contains("get -> \"…"), "{drawing}");
}

//! A window of operations as text: a lane for each client, time from left to right.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::history::{Action, Operation, Outcome};
use super::shrink::Window;

/// Longest value inside a lane, and in the list below, in characters.
const IN_LANE: usize = 16;
const IN_LIST: usize = 120;
/// Wider drawings show numbers in the lanes instead of the operations.
const WIDTH: usize = 150;

/// Draws the window: each operation from its invocation to its completion, `|-put "a"-|`; one of unknown outcome has no
/// end, `|-put "a"- - -`. Below, each operation with its places in the history. `place` names the places, such as
/// "line".
pub fn draw(window: &Window, place: &str) -> String {
    let mut text = String::new();
    let before = value(window.initial.as_deref(), IN_LIST);
    let _ = writeln!(text, "  before: {before}");
    let labels: Vec<String> = window.operations.iter().map(|operation| label(operation, IN_LANE)).collect();
    let mut lanes = Lanes::new(&window.operations, &labels);
    if lanes.width > WIDTH {
        let numbers: Vec<String> = (1..=labels.len()).map(|number| number.to_string()).collect();
        lanes = Lanes::new(&window.operations, &numbers);
    }
    text.push_str(&lanes.text);
    for (at, operation) in window.operations.iter().enumerate() {
        let _ =
            writeln!(text, "{:>4}  process {}: {}", at + 1, operation.process, described(operation, place));
    }
    for operation in &window.outside {
        let described = described(operation, place);
        let _ = writeln!(text, "      outside, process {}: {described}", operation.process);
    }
    text
}

fn described(operation: &Operation, place: &str) -> String {
    let label = label(operation, IN_LIST);
    let (invoked, completed) = (operation.invoked, operation.completed);
    match (&operation.outcome, completed) {
        (Outcome::Ok { .. }, Some(completed)) => format!("{label} ok, {place} {invoked} to {completed}"),
        (Outcome::Failed, Some(completed)) => format!("{label} FAILED, {place} {invoked} to {completed}"),
        _ => format!("{label} of unknown outcome, from {place} {invoked}"),
    }
}

fn value(text: Option<&str>, most: usize) -> String {
    let Some(text) = text else { return "no value".to_owned() };
    let characters = text.chars().count();
    if characters <= most {
        return format!("{text:?}");
    }
    // The end of a value tells more than its beginning: appends go there.
    let tail: String = text.chars().skip(characters - most).collect();
    format!("{:?} ({characters} characters)", format!("…{tail}"))
}

fn label(operation: &Operation, most: usize) -> String {
    match &operation.action {
        Action::Get => match &operation.outcome {
            Outcome::Ok { read } => format!("get -> {}", value(read.as_deref(), most)),
            _ => "get".to_owned(),
        },
        Action::Put(text) => format!("put {}", value(Some(text), most)),
        Action::Append(piece) => format!("append {}", value(Some(piece), most)),
        Action::Cas { expected, new } => {
            format!("cas {} -> {}", value(expected.as_deref(), most), value(Some(new), most))
        }
    }
}

/// The drawing of the lanes.
struct Lanes {
    text: String,
    width: usize,
}

impl Lanes {
    fn new(operations: &[Operation], labels: &[String]) -> Self {
        let columns = Columns::new(operations, labels);
        // An operation of unknown outcome fills its lane to the end; what its client does next needs another.
        let mut lanes: BTreeMap<u64, Vec<Vec<usize>>> = BTreeMap::new();
        for (at, operation) in operations.iter().enumerate() {
            let rows = lanes.entry(operation.process).or_default();
            let is_free = |row: &Vec<usize>| {
                row.last().is_none_or(|&last| operations[last].deadline() < operation.invoked)
            };
            match rows.iter_mut().find(|row| is_free(row)) {
                Some(row) => row.push(at),
                None => rows.push(vec![at]),
            }
        }
        let title = |process: &u64| format!("process {process}");
        let margin = lanes.keys().map(|process| title(process).len()).max().unwrap_or(0);
        let mut text = String::new();
        for (process, rows) in &lanes {
            for (row, members) in rows.iter().enumerate() {
                let title = if row == 0 { title(process) } else { String::new() };
                let mut line = format!("  {title:margin$}  ");
                let start = line.len();
                for &at in members {
                    let (from, to) = (columns.of(operations[at].invoked), columns.end(&operations[at]));
                    let drawn = line.chars().count() - start;
                    line.extend(std::iter::repeat_n(' ', from.saturating_sub(drawn)));
                    line.push_str(&bar(&operations[at], &labels[at], to - from));
                }
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
        Self { text, width: columns.width }
    }
}

/// One operation of `width` columns.
fn bar(operation: &Operation, label: &str, width: usize) -> String {
    let space = width.saturating_sub(label.chars().count() + 2);
    let left = space / 2;
    let right = space - left;
    if operation.deadline() < u64::MAX {
        format!("|{}{label}{}|", "-".repeat(left), "-".repeat(right))
    } else {
        format!("|{}{label}{}", "-".repeat(left), "- ".repeat(right.div_ceil(2) + 1))
    }
}

/// Which column each event is drawn in: as few as leave room for the labels.
struct Columns {
    places: BTreeMap<u64, usize>,
    width: usize,
}

impl Columns {
    fn new(operations: &[Operation], labels: &[String]) -> Self {
        let mut events: BTreeMap<u64, Option<usize>> = BTreeMap::new();
        for (at, operation) in operations.iter().enumerate() {
            events.insert(operation.invoked, None);
            if operation.deadline() < u64::MAX {
                events.insert(operation.deadline(), Some(at));
            }
        }
        let room = |at: usize| labels[at].chars().count() + 4;
        let mut places: BTreeMap<u64, usize> = BTreeMap::new();
        let mut next = 0;
        for (place, completes) in events {
            if let Some(at) = completes {
                let from = places.get(&operations[at].invoked).copied().unwrap_or(0);
                next = next.max(from + room(at));
            }
            places.insert(place, next);
            next += 2;
        }
        let open = (0..operations.len()).filter(|&at| operations[at].deadline() == u64::MAX);
        let needed =
            open.map(|at| places.get(&operations[at].invoked).copied().unwrap_or(0) + room(at)).max();
        Self { width: next.max(needed.unwrap_or(0)), places }
    }

    fn of(&self, place: u64) -> usize {
        self.places.get(&place).copied().unwrap_or(0)
    }

    fn end(&self, operation: &Operation) -> usize {
        if operation.deadline() < u64::MAX { self.of(operation.deadline()) } else { self.width }
    }
}

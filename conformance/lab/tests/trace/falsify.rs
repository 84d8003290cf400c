//! Good traces of the lab, and what makes bad ones of them.

use figure2::Extensions;
use figure2_lab::suite::{Mode, RunOptions, run, select};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the nodes of a lab test recorded; the test passed, so the run is good.
pub fn recorded(id: &str) -> Vec<u8> {
    recorded_with(id, Extensions::ALL)
}

/// The same, of nodes that do this much beyond Figure 2.
pub fn recorded_with(id: &str, extensions: Extensions) -> Vec<u8> {
    let test = select(&[id.into()]).unwrap()[0];
    let report =
        run(test, RunOptions { mode: Mode::Virtual, disk: false, extensions, seed: 1, keep_trace: true });
    report.outcome.unwrap();
    report.recording.unwrap().to_vec()
}

/// A trace's lines, to be changed.
#[derive(Clone)]
pub struct Lines {
    header: Value,
    pub lines: Vec<Value>,
}

impl Lines {
    pub fn of(text: &[u8]) -> Lines {
        let mut lines: Vec<Value> =
            text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(parse).collect();
        let header = lines.remove(0);
        assert!(lines.pop().unwrap().get("end").is_some());
        Lines { header, lines }
    }

    /// The text, with the numbers of the lines as they are.
    pub fn text(&self) -> Vec<u8> {
        let end = serde_json::json!({ "end": self.lines.len() });
        let all = [&self.header].into_iter().chain(&self.lines).chain([&end]);
        all.flat_map(|line| format!("{line}\n").into_bytes()).collect()
    }

    /// The text with all lines numbered anew, as a forger would do it.
    pub fn renumbered(mut self) -> Vec<u8> {
        let mut last: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        for line in &mut self.lines {
            let key = (line["server"].as_u64().unwrap(), line["run"].as_u64().unwrap());
            let seq = last.entry(key).or_default();
            *seq += 1;
            line["seq"] = (*seq).into();
        }
        self.text()
    }

    /// The place of the first line that fits.
    pub fn find(&self, fits: impl Fn(&Value) -> bool) -> usize {
        self.lines.iter().position(fits).unwrap()
    }

    /// The place of the last line that fits.
    pub fn find_last(&self, fits: impl Fn(&Value) -> bool) -> usize {
        self.lines.iter().rposition(fits).unwrap()
    }
}

fn parse(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap()
}

/// The ways to all numbers and strings below a value, as JSON pointers.
pub fn leaves(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(value, String::new(), &mut found);
    found
}

fn collect(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, below)| collect(below, format!("{path}/{name}"), found));
        }
        Value::Array(places) => {
            places.iter().enumerate().for_each(|(i, below)| collect(below, format!("{path}/{i}"), found));
        }
        Value::Number(_) | Value::String(_) | Value::Bool(_) => found.push(path),
        Value::Null => {}
    }
}

/// Another value of the same kind.
pub fn other(value: &Value) -> Value {
    match value {
        Value::Number(number) => (number.as_u64().unwrap() + 1).into(),
        Value::Bool(truth) => (!truth).into(),
        Value::String(text) => format!("{text}'").into(),
        _ => unreachable!("only leaves are changed"),
    }
}

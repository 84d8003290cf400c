//! Writes histories as Jepsen does, one event a line, in JSON; [`read`](super::read) reads them.

use super::history::{Action, Operation, Outcome};
use serde_json::{Value, json};

/// The history as text. An operation of unknown outcome that never completed has only its invocation.
pub fn write(operations: &[Operation]) -> String {
    let mut events: Vec<(u64, Value)> = Vec::with_capacity(2 * operations.len());
    for operation in operations {
        let Operation { process, key, action, outcome, invoked, completed } = operation;
        let (function, asked) = match action {
            Action::Get => ("read", Value::Null),
            Action::Put(text) => ("write", json!(text)),
            Action::Append(piece) => ("append", json!(piece)),
            Action::Cas { expected, new } => ("cas", json!([expected, new])),
        };
        let event = |kind: &str, value: &Value| json!({"process": process, "type": kind, "f": function, "value": [key, value]});
        events.push((*invoked, event("invoke", &asked)));
        if let Some(completed) = completed {
            events.push((
                *completed,
                match outcome {
                    Outcome::Ok { read } if *action == Action::Get => event("ok", &json!(read)),
                    Outcome::Ok { .. } => event("ok", &asked),
                    Outcome::Failed => event("fail", &asked),
                    Outcome::Unknown => event("info", &asked),
                },
            ));
        }
    }
    events.sort_by_key(|(place, _)| *place);
    events.iter().map(|(_, event)| format!("{event}\n")).collect()
}

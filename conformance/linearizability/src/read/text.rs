//! Jepsen's histories as text: `history.txt`, and the log of a run that has the same lines among others.

use super::edn::{Parser, Stop};
use super::event::Raw;
use super::value::Value;

/// What a line of text is.
#[derive(Debug)]
pub(super) enum Line {
    /// An event, and whether an error is told behind it, which may go on over the next lines.
    Event(Box<Raw>, bool),
    /// Something else.
    Other,
}

/// Reads a line of `history.txt`: process, type, f, value and an error, with white space between.
///
/// # Errors
/// It begins like an event, and is none.
pub(super) fn history_line(line: &str) -> Result<Line, String> {
    let mut rest = line;
    let (process, kind) = (word(&mut rest), word(&mut rest));
    let is_process = process.starts_with(':') || process.bytes().all(|byte| byte.is_ascii_digit());
    if process.is_empty() || !is_process {
        return Ok(Line::Other);
    }
    if !kind.starts_with(':') {
        return Err(format!("expected :invoke, :ok, :fail or :info after the process, found {kind:?}"));
    }
    let mut raw = Raw {
        process: Some(match process.strip_prefix(':') {
            Some(name) => Value::Name(name.to_owned()),
            None => Value::Number(process.to_owned()),
        }),
        kind: Some(Value::Name(kind[1..].to_owned())),
        ..Raw::default()
    };
    let function = word(&mut rest);
    match function.strip_prefix(':') {
        Some(name) if !name.is_empty() => raw.function = Some(Value::Name(name.to_owned())),
        _ => {
            return Err(
                "expected the operation, such as :read, after the type: is the line cut off?".to_owned()
            );
        }
    }
    let mut parser = Parser::new(rest.as_bytes(), 0, true);
    match parser.value(0) {
        Ok(Some(value)) => raw.value = Some(value),
        Ok(None) => return Err("expected a value after the operation: is the line cut off?".to_owned()),
        Err(Stop::Malformed { message, .. }) => return Err(format!("the value: {message}")),
        Err(Stop::Incomplete) => return Err("the value does not end: is the line cut off?".to_owned()),
    }
    let has_error = !rest[parser.at()..].trim().is_empty();
    Ok(Line::Event(Box::new(raw), has_error))
}

/// Takes the next word off the line.
fn word<'a>(rest: &mut &'a str) -> &'a str {
    let line = rest.trim_start();
    let end = line.find(char::is_whitespace).unwrap_or(line.len());
    *rest = &line[end..];
    &line[..end]
}

/// The part of a log's line that may be an event: what the logger `jepsen.util` said.
pub(super) fn logged(line: &str) -> Option<&str> {
    let (_, said) = line.split_once("jepsen.util")?;
    let said = said.strip_prefix(" - ").or_else(|| said.strip_prefix(": "))?;
    Some(said.trim_start())
}

/// Whether the first lines of a file are those of `history.txt`.
pub(super) fn is_history(line: &str) -> bool {
    matches!(history_line(line), Ok(Line::Event(..)))
}

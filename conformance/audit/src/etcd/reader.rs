//! Reads events from the lines of a log: bare, or as a logger wraps them, with other lines of the logger between.

use super::auditor::Auditor;
use super::line::Event;
use crate::property::Here;
use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::io::BufRead;
use std::sync::Arc;

/// A line: the event itself, or a logger's line around it.
#[derive(Deserialize)]
struct Wrapped {
    event: Event,
}

/// Some other line of a logger.
#[derive(Deserialize)]
struct Beside {
    event: Option<IgnoredAny>,
    nid: Option<IgnoredAny>,
}

/// Whether a line looks like one of such a trace: an object with `nid` and `state`, or a logger's line around one.
#[must_use]
pub fn recognises(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "nid")]
        _nid: IgnoredAny,
        #[serde(rename = "state")]
        _state: IgnoredAny,
    }
    #[derive(Deserialize)]
    struct Around {
        #[serde(rename = "event")]
        _event: Head,
    }
    serde_json::from_slice::<Around>(line).is_ok() || serde_json::from_slice::<Head>(line).is_ok()
}

impl Auditor {
    /// Hands each event of a log to `each`, with its place noted.
    pub(super) fn read(
        &mut self,
        name: &Arc<str>,
        mut lines: impl BufRead,
        each: &mut dyn FnMut(&mut Auditor, &Event),
    ) -> anyhow::Result<()> {
        let before = self.lines;
        let (mut number, mut bytes) = (0, Vec::new());
        loop {
            bytes.clear();
            number += 1;
            let read = lines.read_until(b'\n', &mut bytes);
            if read.with_context(|| format!("{name}:{number}: cannot be read"))? == 0 {
                break;
            }
            let is_last = bytes.last() != Some(&b'\n');
            let text = bytes.trim_ascii();
            let text = if number == 1 { text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text) } else { text };
            if text.is_empty() {
                continue;
            }
            let event = match event(text) {
                Ok(Some(event)) => event,
                Ok(None) => {
                    self.other_lines += 1;
                    continue;
                }
                Err(_) if is_last && self.cut_off => break,
                Err(error) => {
                    let hint = if is_last {
                        " (is the trace cut off here? --cut-off judges what there is)"
                    } else {
                        ""
                    };
                    bail!("{name}:{number}: not a trace line of etcd's raft: {error}{hint}");
                }
            };
            self.lines += 1;
            // The lines have no clock that all loggers share, so their order is the time.
            let (position, server, at) = (self.lines, event.node, self.lines);
            self.notes.findings.here = Here { file: name.clone(), line: number, position, server, at };
            each(self, &event);
        }
        if self.lines == before {
            bail!(
                "{name}: the trace has no event: was etcd's raft built with the tag with_tla and given a TraceLogger?"
            );
        }
        Ok(())
    }
}

/// The event of a line; none if it is another line of the logger.
fn event(text: &[u8]) -> Result<Option<Event>, serde_json::Error> {
    let wrapped = match serde_json::from_slice::<Wrapped>(text) {
        Ok(wrapped) => return Ok(Some(wrapped.event)),
        Err(error) => error,
    };
    let bare = match serde_json::from_slice::<Event>(text) {
        Ok(event) => return Ok(Some(event)),
        Err(error) => error,
    };
    match serde_json::from_slice::<Beside>(text) {
        Ok(Beside { event: None, nid: None }) => Ok(None),
        Ok(Beside { event: Some(_), .. }) => Err(wrapped),
        _ => Err(bare),
    }
}

//! Judges the trace lines that etcd's raft writes when it is built with its tag `with_tla`: one JSON object a line,
//! an event with the node's term, vote, role, commit and last index, and its message, if it has one.
//!
//! The lines do not show the terms and contents of entries, what is on a disk, or what a service applies. What they
//! show is judged in two ways (docs/etcd.md):
//!
//! - **Violated**: no missing lines could explain it. Two leaders of a term, two votes.
//! - **Unexplained**: a complete trace of a correct cluster would not have it. A leader that no line made one, a
//!   message that nobody sent. Either lines are missing, or the cluster misbehaved; the trace does not show which.

mod auditor;
mod ballots;
mod elections;
mod leading;
mod line;
mod network;
mod node;
mod notes;
mod reader;

use super::Report;
use anyhow::Context as _;
use auditor::Auditor;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

pub use reader::recognises;

/// Judges such traces: the lines of one in their order, those of several one file after the other. With `cut_off`, a last
/// line that is not whole is left out, and a step that lacks its end is no finding.
///
/// # Errors
/// When a file cannot be read, has no event, or is something else.
pub fn audit_files(paths: &[PathBuf], cut_off: bool) -> anyhow::Result<Report> {
    let mut auditor = Auditor::new(paths.len() < 2, cut_off);
    let open = |path: &PathBuf| -> anyhow::Result<(Arc<str>, BufReader<File>)> {
        let name: Arc<str> = path.display().to_string().into();
        let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
        Ok((name, BufReader::new(file)))
    };
    if paths.len() > 1 {
        // What one node received may stand in an earlier file than what the other sent.
        for path in paths {
            let (name, lines) = open(path)?;
            auditor.read(&name, lines, &mut |auditor, event| auditor.learn(event))?;
        }
        (auditor.lines, auditor.other_lines) = (0, 0);
    }
    let mut files = Vec::new();
    for path in paths {
        let (name, lines) = open(path)?;
        auditor.read(&name, lines, &mut |auditor, event| auditor.take(event))?;
        files.push(name);
    }
    Ok(auditor.finish(files))
}

/// Judges the lines of one trace.
///
/// # Errors
/// When they cannot be read, or are something else.
pub fn audit_lines(name: &str, lines: impl BufRead, cut_off: bool) -> anyhow::Result<Report> {
    let mut auditor = Auditor::new(true, cut_off);
    let name: Arc<str> = name.into();
    auditor.read(&name, lines, &mut |auditor, event| auditor.take(event))?;
    Ok(auditor.finish(vec![name]))
}

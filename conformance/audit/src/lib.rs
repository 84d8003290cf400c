//! # figure2-audit
//!
//! Judges recorded runs of a cluster: whether the paper's properties, and those they rest on, hold over the whole run.
//! It reads traces of figure2's nodes ([`audit`], docs/conformance.md) and of etcd's raft ([`etcd`], docs/etcd.md).
//!
//! The judge must not share code with what it judges. So this crate depends on `figure2-trace`, which has the format of
//! a recording, and on no other crate of figure2. It runs no rule of the protocol: it compares what each server does with
//! what that server and the others did before.
//!
//! It reads a trace once, line by line, and keeps: for each server the terms of its log (two numbers for each run of equal
//! terms) in memory and on disk, and its changes that are not durable yet; for each election its winner; for each index
//! between the lowest snapshot of any server and the highest entry, some 100 bytes about the entry; and a bounded time
//! line. So the memory does not grow with the trace of a cluster that takes snapshots.
//!
//! ```
//! use figure2_audit::{Verdict, audit};
//! use figure2_trace::Reader;
//!
//! let text = r#"{"format":"figure2-node-trace","version":1,"servers":3,"began":0}
//! {"server":0,"run":1,"seq":1,"at":0,"event":{"stop":{"failure":null}}}
//! {"end":1}
//! "#;
//! let report = audit(&|| Ok(vec![Reader::of_text("example", text)?]))?;
//! assert!(report.rows.iter().all(|row| row.verdict == Verdict::NotExercised));
//! # Ok::<(), figure2_trace::TraceError>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod candidacy;
mod context;
pub mod etcd;
mod event;
mod in_memory;
mod index_window;
mod judge;
mod logs;
mod merged;
mod number;
mod page;
mod property;
mod report;
mod server;
mod tails;
mod term_runs;
mod timeline;
mod unexplained;
mod votes;

pub use context::{Arrival, Context, Moment};
pub use in_memory::InMemory;
pub use property::{Property, Verdict, Violation};
pub use report::{html, json, junit, text};
pub use tails::{CAN_HIDE, Tail};
pub use timeline::{Clock, Kind, Mark, Timeline};
pub use unexplained::{Cause, Unexplained};

use event::{Content, Event};
use figure2_trace::{InstallSnapshot, Message, Reader, TraceError};
use judge::Judge;
use merged::Merged;
use std::sync::Arc;

/// A property in a report.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The property.
    pub property: Property,
    /// Whether it holds.
    pub verdict: Verdict,
    /// How often it was looked at.
    pub checks: u64,
    /// How often it did not hold.
    pub broken: u64,
    /// How often it would not have held, and a tail can explain that ([`Tail`]).
    pub excused: u64,
}

/// What came out.
#[derive(Debug)]
pub struct Report {
    /// Where the lines came from.
    pub files: Vec<Arc<str>>,
    /// How many lines were judged.
    pub lines: u64,
    /// How many servers there are in the cluster, and in the trace.
    pub cluster: usize,
    /// Servers in the trace.
    pub servers: usize,
    /// Steps of servers.
    pub steps: u64,
    /// Elections won.
    pub elections: usize,
    /// Entries known to be committed.
    pub committed: u64,
    /// All properties.
    pub rows: Vec<Row>,
    /// The first violation of each property, in the order in which they were found.
    pub violations: Vec<Violation>,
    /// What nothing in the trace explains: of each cause the first. Only a trace of etcd's raft has such findings; in ours,
    /// the numbers of the lines show whether one is missing.
    pub unexplained: Vec<Unexplained>,
    /// What the recordings lack of servers whose processes were killed.
    pub tails: Vec<Tail>,
    /// What the verdict rests on.
    pub notes: Vec<String>,
    /// How often an entry was met that lies below all snapshots, so that there was nothing to compare it with.
    pub uncompared: u64,
    /// The most indexes that were kept at once.
    pub widest: usize,
    /// What happened when.
    pub timeline: Timeline,
    /// The lines around each violation, as a diagram needs them.
    pub contexts: Vec<Context>,
}

impl Report {
    /// 0 all that was exercised holds, but for what tails hide ([`Report::tails`]); 1 something is violated; 2 nothing was there to judge, not all could be, or
    /// something is not explained.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if !self.violations.is_empty() {
            1
        } else if self.steps == 0 || self.uncompared > 0 || !self.unexplained.is_empty() {
            2
        } else {
            0
        }
    }

    /// The verdict on the whole in a line.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self.exit_code() {
            1 => format!("violated: {}", self.names().join(", ")),
            0 if self.tails.is_empty() => "holds".to_owned(),
            0 => format!(
                "holds, as far as the recordings go: {} tails are hidden, and excuse {} judgements",
                self.tails.len(),
                self.rows.iter().map(|row| row.excused).sum::<u64>()
            ),
            _ if self.steps == 0 => "unusable: no server takes a step".to_owned(),
            _ if !self.unexplained.is_empty() => {
                let names: Vec<&str> = self.unexplained.iter().map(|found| found.cause.name()).collect();
                format!("unexplained: {} (lines are missing, or the cluster misbehaved)", names.join(", "))
            }
            _ => format!("unfinished: {} entries could not be compared with any other", self.uncompared),
        }
    }

    fn names(&self) -> Vec<&'static str> {
        self.violations.iter().map(|violation| violation.property.name()).collect()
    }
}

/// What is said of a file that was cut off before its first line.
const EMPTY: &str = "has no line: its process was killed before the first was written. It may be a run of any server, so each \
server is taken to have a tail from where a file of it ends";

/// What is said of a recording whose oldest pieces were removed.
const LATE: &str =
    "lacks its oldest pieces: what a server did before its first start in the others was not judged";

/// Judges the traces of one cluster, or of some of its servers. `open` opens them, and once more if something is
/// violated: for what stands around it.
///
/// # Errors
/// When a trace cannot be used: then there is no verdict.
pub fn audit(open: &dyn Fn() -> Result<Vec<Reader>, TraceError>) -> Result<Report, TraceError> {
    let readers = open()?;
    let files: Vec<Arc<str>> = readers.iter().map(|reader| reader.file().clone()).collect();
    let cluster = readers.iter().map(|reader| reader.header().servers).max().unwrap_or_default();
    let late: Vec<Arc<str>> =
        readers.iter().filter(|reader| reader.begins_late()).map(|reader| reader.file().clone()).collect();
    let mut judge = Judge::new(cluster, files.len() == 1 && late.is_empty());
    for envelope in readers.iter().flat_map(|reader| &reader.header().on_their_way) {
        if let Message::InstallSnapshot(InstallSnapshot { term, snapshot }) = &envelope.message {
            let last = (snapshot.last_included_index, snapshot.last_included_term);
            judge.logs.is_there(last, Content::of(snapshot.data.as_str()), *term);
        }
    }
    let mut lines = 0;
    let mut merged = Merged::<Event>::new(readers)?;
    let empty = merged.empty();
    while let Some(next) = merged.next_line()? {
        lines = next.position;
        let (source, at, file, ends) = (next.source, next.at, next.file.clone(), next.ends);
        judge.take(next);
        // A file without lines may be a run of any server that does not run.
        if ends.is_some_and(|is_whole| !is_whole || !empty.is_empty()) {
            judge.cut_off(source, at, &file);
        }
    }
    judge.finish();
    let told = |files: &[Arc<str>], what: &str| {
        files.iter().map(|file| format!("{file} {what}")).collect::<Vec<_>>()
    };
    let notes = [told(&empty, EMPTY), told(&late, LATE)].concat();
    let violations = &judge.findings.violations;
    let contexts = if violations.is_empty() { Vec::new() } else { context::around(open()?, violations)? };
    Ok(Report { files, lines, notes, contexts, ..conclude(judge, cluster) })
}

/// The report of what was judged, as far as the judge knows it.
fn conclude(judge: Judge, cluster: u8) -> Report {
    Report {
        files: Vec::new(),
        lines: 0,
        cluster: cluster.into(),
        servers: judge.servers(),
        steps: judge.steps,
        elections: judge.elections(),
        committed: judge.logs.committed,
        rows: rows(&judge.findings),
        unexplained: Vec::new(),
        tails: judge.findings.tails.all(),
        violations: judge.findings.violations,
        notes: Vec::new(),
        uncompared: judge.logs.window.missed,
        widest: judge.logs.window.widest,
        timeline: judge.timeline,
        contexts: Vec::new(),
    }
}

fn rows(findings: &property::Findings) -> Vec<Row> {
    let row = |property| Row {
        property,
        verdict: findings.verdict(property),
        checks: findings.checks(property),
        broken: findings.broken(property),
        excused: findings.excused(property),
    };
    Property::ALL.into_iter().map(row).collect()
}

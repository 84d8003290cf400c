//! Shards: a command does a part of its work on each of several machines, and `figure2 merge` adds their reports up.

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What a report begins with.
const FORMAT: &str = "figure2-shard";
const VERSION: u32 = 1;

/// One part of several: the `index`-th of `of`, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    of: u64,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Shard = Shard { index: 1, of: 1 };

    /// Which one it is, from 0 on, and how many there are.
    #[must_use]
    pub fn parts(self) -> (u64, u64) {
        (self.index - 1, self.of)
    }

    /// Which of so many pieces of work are its own: those of all shards together are all of them, and each belongs to one.
    ///
    /// # Errors
    /// When there are fewer pieces than shards: one of them would show nothing.
    pub fn of(self, pieces: u64) -> anyhow::Result<Range<u64>> {
        ensure!(
            pieces >= self.of,
            "--shard {self}: there is work for {pieces} shards; use no more, or ask for more work"
        );
        // u128, for the products of large numbers.
        let end = |index: u64| (u128::from(pieces) * u128::from(index) / u128::from(self.of)) as u64;
        Ok(end(self.index - 1)..end(self.index))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let number = |text: &str| text.parse::<u64>().ok();
        let parsed = text.split_once('/').and_then(|(index, of)| Some((number(index)?, number(of)?)));
        match parsed {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Shard { index, of }),
            _ => Err("a shard is its number, from 1 on, and how many there are: 2/4".to_owned()),
        }
    }
}

/// The options of commands whose work can be divided.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ShardArgs {
    /// Do only this part of the work, the I-th of N: the others are for other machines
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Write what came out to this file, for `figure2 merge`
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

impl ShardArgs {
    /// The part of the work that is to be done.
    #[must_use]
    pub fn shard(&self) -> Shard {
        self.shard.unwrap_or(Shard::WHOLE)
    }

    /// Writes the report, if one is wanted.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, report: impl FnOnce() -> Report) -> anyhow::Result<()> {
        match &self.report {
            None => Ok(()),
            Some(path) => report().write(path),
        }
    }
}

/// What came out of a shard, or of several together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    format: String,
    version: u32,
    /// Of figure2.
    figure2: String,
    /// The hash of the rules and of the model that were built in.
    rules: String,
    command: String,
    /// All that decides what the whole work is.
    arguments: BTreeMap<String, String>,
    /// How many pieces the whole work has: seeds, rounds, walks, mutants.
    pieces: u64,
    /// Which of them these are, from 0 on.
    from: u64,
    until: u64,
    /// As the command exits: 0 holds, 1 failed, 2 unfinished.
    exit_code: u8,
    /// What was done, by its name.
    counts: BTreeMap<String, u64>,
    /// What does not hold, and how it is repeated, a line each.
    wrong: Vec<String>,
}

impl Report {
    /// The report on these pieces of a command's work.
    #[must_use]
    pub fn new(
        command: &str,
        arguments: &[(&str, String)],
        pieces: u64,
        own: Range<u64>,
        exit_code: u8,
    ) -> Report {
        Report {
            format: FORMAT.to_owned(),
            version: VERSION,
            figure2: env!("CARGO_PKG_VERSION").to_owned(),
            rules: figure2_model::SOURCES.to_owned(),
            command: command.to_owned(),
            arguments: arguments.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            pieces,
            from: own.start,
            until: own.end,
            exit_code,
            counts: BTreeMap::new(),
            wrong: Vec::new(),
        }
    }

    /// Adds how often something was done.
    #[must_use]
    pub fn with(mut self, name: &str, count: u64) -> Report {
        *self.counts.entry(name.to_owned()).or_default() += count;
        self
    }

    /// Adds what does not hold.
    #[must_use]
    pub fn wrong(mut self, lines: impl IntoIterator<Item = String>) -> Report {
        self.wrong.extend(lines);
        self
    }

    fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("--report {} cannot be written", path.display()))
    }

    fn read(path: &Path) -> anyhow::Result<Report> {
        let name = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("{name} cannot be read"))?;
        Report::parse(&text).with_context(|| name.to_string())
    }

    fn parse(text: &str) -> anyhow::Result<Report> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let head: Head = serde_json::from_str(text).context("it is no report of a shard (--report FILE)")?;
        ensure!(
            (head.format.as_str(), head.version) == (FORMAT, VERSION),
            "it is {} version {}, and read is {FORMAT} version {VERSION}: merge with the figure2 that wrote it",
            head.format,
            head.version
        );
        let report: Report = serde_json::from_str(text).context("it is damaged")?;
        ensure!(
            report.from < report.until && report.until <= report.pieces,
            "it is damaged: pieces {} to {} of {}",
            report.from,
            report.until,
            report.pieces
        );
        Ok(report)
    }

    /// Why this and another one are not parts of the same work.
    fn differs(&self, other: &Report) -> Option<String> {
        let differ = |what: &str, one: &str, two: &str| Some(format!("{what}: {one}, and {two}"));
        if self.figure2 != other.figure2 {
            return differ("versions of figure2", &self.figure2, &other.figure2);
        }
        if self.rules != other.rules {
            return differ("hashes of the rules", &self.rules, &other.rules);
        }
        if self.command != other.command {
            return differ("commands", &self.command, &other.command);
        }
        let names = self.arguments.keys().chain(other.arguments.keys());
        for name in names {
            let value = |report: &Report| report.arguments.get(name).cloned().unwrap_or_default();
            if value(self) != value(other) {
                return differ(name, &value(self), &value(other));
            }
        }
        (self.pieces != other.pieces)
            .then(|| format!("pieces of work: {}, and {}", self.pieces, other.pieces))
    }

    /// How the process that tells of it exits.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments: Vec<String> =
            self.arguments.iter().map(|(name, value)| format!(" --{name} {value}")).collect();
        writeln!(f, "figure2 {}{}", self.command, arguments.concat())?;
        for (name, count) in &self.counts {
            writeln!(f, "  {name:<28} {count}")?;
        }
        for line in &self.wrong {
            writeln!(f, "  {line}")?;
        }
        match self.exit_code {
            0 => writeln!(f, "verdict: holds"),
            1 => writeln!(f, "verdict: FAILED"),
            _ => writeln!(f, "verdict: unfinished"),
        }
    }
}

/// Adds up the reports of all shards of one work.
///
/// # Errors
/// When they are not all of one work, with what differs; when two have the same piece; when a piece is missing.
pub fn merge(mut reports: Vec<Report>) -> anyhow::Result<Report> {
    reports.sort_by_key(|report| report.from);
    let mut rest = reports.into_iter();
    let Some(mut sum) = rest.next() else { bail!("no report: name at least one") };
    ensure!(sum.from == 0, "a shard is missing: pieces 0 to {} of {}", sum.from - 1, sum.pieces);
    for report in rest {
        if let Some(what) = sum.differs(&report) {
            bail!("these are not the shards of one run; different {what}");
        }
        ensure!(
            report.from >= sum.until,
            "two shards have done piece {}: name each report once",
            report.from
        );
        ensure!(
            report.from == sum.until,
            "a shard is missing: pieces {} to {} of {}",
            sum.until,
            report.from - 1,
            sum.pieces
        );
        sum.until = report.until;
        for (name, count) in report.counts {
            *sum.counts.entry(name).or_default() += count;
        }
        sum.wrong.extend(report.wrong);
        // A failure is a fact, whatever else was not finished.
        sum.exit_code = match (sum.exit_code, report.exit_code) {
            (1, _) | (_, 1) => 1,
            (one, other) => one.max(other),
        };
    }
    ensure!(
        sum.until == sum.pieces,
        "a shard is missing: pieces {} to {} of {}",
        sum.until,
        sum.pieces - 1,
        sum.pieces
    );
    Ok(sum)
}

/// Add up the reports of shards (--shard I/N --report FILE).
///
/// All shards of one run must be there, each once, of the same figure2 with the same rules and arguments.
///
/// Exit code 0: all hold; 1: something failed in one; 2: one was not finished, or the reports do not make up one run.
#[derive(Clone, Debug, clap::Args)]
pub struct MergeArgs {
    /// The reports
    #[arg(required = true, value_name = "REPORT")]
    pub reports: Vec<PathBuf>,
    /// Write the sum to this file, as a report of the whole
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// When a report cannot be read, or they do not make up one run, with the reason.
pub fn run(args: &MergeArgs) -> anyhow::Result<std::process::ExitCode> {
    let reports = args.reports.iter().map(|path| Report::read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let shards = reports.len();
    let sum = merge(reports)?;
    print!("{shards} shards of {sum}");
    if let Some(path) = &args.output {
        sum.write(path)?;
    }
    Ok(sum.exit_code().into())
}

#[cfg(test)]
mod tests;

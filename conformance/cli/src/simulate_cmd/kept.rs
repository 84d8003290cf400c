//! Keeps a few runs of a batch, and writes their files.

use anyhow::Context;
use figure2_simulate::{Plan, Run, Verdict};

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which runs of a batch leave files: plan, recording and history.
#[derive(Clone, Copy, Debug)]
pub struct Keep<'a> {
    /// Of so many runs at most: those that fail first, by their seeds.
    pub most: usize,
    /// Into this directory, and where fewer fail also those of the first that hold. Without it only those that fail, into
    /// the current directory.
    pub directory: Option<&'a Path>,
}

impl Default for Keep<'_> {
    /// Three that fail, into the current directory.
    fn default() -> Self {
        Keep { most: 3, directory: None }
    }
}

impl Keep<'_> {
    /// Where files go.
    pub(super) fn directory(&self) -> &Path {
        self.directory.unwrap_or(Path::new("."))
    }
}

/// A run that is kept in memory until the batch is over.
pub(super) struct KeptRun {
    pub(super) plan: Plan,
    pub(super) run: Run,
}

/// The first runs, those that failed before those that came to no verdict before those that hold, whatever order they end
/// in.
pub(super) struct Kept<'a> {
    keep: Keep<'a>,
    /// By the rank of the verdict, and the place in the batch.
    runs: BTreeMap<(u8, u64), KeptRun>,
}

/// The rank of those that hold.
const HOLDS: u8 = 2;

impl<'a> Kept<'a> {
    pub(super) fn new(keep: Keep<'a>) -> Kept<'a> {
        Kept { keep, runs: BTreeMap::new() }
    }

    /// Looks at a run; `place` is its place in the batch. The very first that does not hold is always kept, for its plan
    /// is reduced.
    pub(super) fn see(&mut self, place: u64, plan: &Plan, run: &Run) {
        let rank = match run.verdict {
            Verdict::Failed(_) => 0,
            Verdict::Unfinished(_) => 1,
            Verdict::Holds if self.keep.directory.is_none() => return,
            Verdict::Holds => HOLDS,
        };
        self.runs.insert((rank, place), KeptRun { plan: plan.clone(), run: run.clone() });
        while self.runs.len() > self.keep.most.max(1) {
            self.runs.pop_last();
        }
    }

    /// The first, unless it holds.
    pub(super) fn first_bad(&self) -> Option<&KeptRun> {
        self.runs.first_key_value().filter(|((rank, _), _)| *rank < HOLDS).map(|(_, kept)| kept)
    }

    /// Writes the files of all that are kept.
    pub(super) fn write(&self) -> anyhow::Result<()> {
        for KeptRun { plan, run } in self.runs.values().take(self.keep.most) {
            write_files(self.keep.directory(), &plan.seed.to_string(), plan, run)?;
        }
        Ok(())
    }
}

/// Writes the plan, the recording and the history of a run, and says so unless it holds; the plan's path.
pub(super) fn write_files(directory: &Path, name: &str, plan: &Plan, run: &Run) -> anyhow::Result<PathBuf> {
    let path = |ending: &str| directory.join(format!("figure2-simulation-{name}.{ending}"));
    let write = |ending: &str, content: &[u8]| {
        let path = path(ending);
        fs::write(&path, content).with_context(|| format!("{} cannot be written", path.display()))
    };
    write("plan.json", plan.text().as_bytes())?;
    write("trace.jsonl", &run.text())?;
    write("history.jsonl", figure2_linearizability::write(&run.history).as_bytes())?;
    if !matches!(run.verdict, Verdict::Holds) {
        println!(
            "  written: {}, {}, {}",
            path("plan.json").display(),
            path("trace.jsonl").display(),
            path("history.jsonl").display()
        );
    }
    Ok(path("plan.json"))
}

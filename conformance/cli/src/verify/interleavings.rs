//! The part of `figure2 verify` that explores the interleavings of the node's tasks. It starts `cargo loom` as a
//! separate process, because everything in it is built with `--cfg loom`, and reads the result.

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What replaces the flags that `cargo loom` passes.
const REPLACES_FLAGS: [&str; 2] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"];

/// A file that only a checkout of figure2 has, from its root.
const SCENARIOS: &str = "loom-tests/Cargo.toml";

/// `cargo loom`, ready to be run.
pub struct Interleavings {
    root: PathBuf,
    cargo: OsString,
}

/// What `cargo loom` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// 0 holds, 1 violated, 2 unfinished.
    pub code: u8,
    /// What was explored, a line each.
    pub lines: Vec<String>,
}

impl Interleavings {
    /// Finds what `cargo loom` needs, before anything else takes its time.
    ///
    /// # Errors
    /// When the sources or cargo are not there, or the environment would break the build; with what to do.
    pub fn prepare() -> anyhow::Result<Interleavings> {
        let current = std::env::current_dir().context("the current directory cannot be read")?;
        let is_root = |folder: &&Path| folder.join(SCENARIOS).is_file();
        let root = current.ancestors().find(is_root).unwrap_or(&current);
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let environment = REPLACES_FLAGS.into_iter().find(|name| std::env::var_os(name).is_some());
        Self::found(root, cargo, environment).context(
            "the interleavings of the node's tasks cannot be explored (without them: verify --without-loom)",
        )
    }

    fn found(root: &Path, cargo: OsString, replaced_by: Option<&str>) -> anyhow::Result<Interleavings> {
        ensure!(
            root.join(SCENARIOS).is_file(),
            "`cargo loom` builds the node from its sources, and {} is in no checkout of figure2: go to one",
            root.display()
        );
        let version = Command::new(&cargo).arg("--version").current_dir(root).stdout(Stdio::null()).status();
        if !version.as_ref().is_ok_and(|status| status.success()) {
            bail!("{} does not run: install Rust, with cargo in the PATH", cargo.display());
        }
        if let Some(name) = replaced_by {
            bail!("{name} is set, and replaces the flags that `cargo loom` builds with: unset it");
        }
        Ok(Interleavings { root: root.to_path_buf(), cargo })
    }

    /// Runs `cargo loom`; what it prints is printed.
    ///
    /// # Errors
    /// When the place of its result cannot be prepared. Whatever else goes wrong is an outcome.
    pub fn run(&self) -> anyhow::Result<Outcome> {
        // In its own target directory, and not the result of an earlier run.
        let directory = self.root.join("loom-tests/target");
        let file = directory.join(format!("verify-{}.json", std::process::id()));
        std::fs::create_dir_all(&directory)
            .with_context(|| format!("{} cannot be made", directory.display()))?;
        if file.exists() {
            std::fs::remove_file(&file).with_context(|| format!("{} cannot be removed", file.display()))?;
        }
        let mut command = Command::new(&self.cargo);
        command.args([OsStr::new("loom"), OsStr::new("--json"), file.as_os_str()]);
        let status = command.current_dir(&self.root).stdin(Stdio::null()).status();
        let document = std::fs::read_to_string(&file);
        // It has been read, or is not there.
        let _ = std::fs::remove_file(&file);
        Ok(match status {
            Ok(status) => outcome(status.code(), document.ok().as_deref()),
            Err(error) => Outcome::unfinished(format!("cargo loom did not start: {error}")),
        })
    }
}

/// The document that `cargo loom --json FILE` writes.
#[derive(Deserialize)]
struct Document {
    format: String,
    version: u64,
    verdict: String,
    loom: Vec<Exploration>,
    mutants: Vec<Mutant>,
    shuttle: Vec<Exploration>,
}

#[derive(Deserialize)]
struct Exploration {
    outcome: String,
    /// loom: the most preemptions.
    bound: Option<usize>,
    threads: Option<usize>,
    interleavings: Option<u64>,
}

#[derive(Deserialize)]
struct Mutant {
    outcome: String,
}

impl Outcome {
    fn unfinished(why: String) -> Outcome {
        Outcome { code: 2, lines: vec![format!("  {:<10} {why}", "UNFINISHED")] }
    }
}

/// What an exit code and a document say together. They must agree: each is only as good as the other.
fn outcome(exit_code: Option<i32>, document: Option<&str>) -> Outcome {
    let ended =
        exit_code.map_or("was ended by a signal".to_owned(), |code| format!("ended with code {code}"));
    let Some(document) = document else {
        return Outcome::unfinished(format!("cargo loom {ended}, and left no result"));
    };
    let document: Document = match serde_json::from_str(document) {
        Ok(document) => document,
        Err(error) => {
            return Outcome::unfinished(format!("the result of cargo loom cannot be read: {error}"));
        }
    };
    if (document.format.as_str(), document.version) != ("figure2-loom", 1) {
        let Document { format, version, .. } = document;
        return Outcome::unfinished(format!(
            "the result of cargo loom is {format} {version}, and unknown here"
        ));
    }
    let Document { verdict, loom, mutants, shuttle, .. } = document;
    let explorations = || loom.iter().chain(&shuttle);
    let is_broken = explorations().any(|row| row.outcome == "violated")
        || mutants.iter().any(|row| row.outcome == "survives");
    let is_whole = [loom.len(), mutants.len(), shuttle.len()].iter().all(|rows| *rows > 0)
        && explorations().all(|row| row.outcome == "finished")
        && mutants.iter().all(|row| row.outcome == "found");
    let code = match (exit_code, verdict.as_str()) {
        (Some(1), _) | (_, "violated") => 1,
        _ if is_broken => 1,
        (Some(0), "holds") if is_whole => 0,
        _ => 2,
    };
    let mut lines = Vec::new();
    let mut bounds: Vec<Option<usize>> = loom.iter().map(|row| row.bound).collect();
    bounds.sort_unstable();
    bounds.dedup();
    for bound in bounds {
        let rows: Vec<&Exploration> = loom.iter().filter(|row| row.bound == bound).collect();
        let bound = bound.map_or("no bound".to_owned(), |bound| format!("bound {bound}"));
        lines.push(explored(&bound, "all within it", &rows));
    }
    if loom.is_empty() {
        lines.push(explored("loom", "nothing", &[]));
    }
    lines.push(explored("shuttle", "a sample", &shuttle.iter().collect::<Vec<_>>()));
    let found = mutants.iter().filter(|row| row.outcome == "found").count();
    let verdict = match (found, mutants.len()) {
        (_, 0) => "UNFINISHED",
        (found, all) if found == all => "found",
        _ if mutants.iter().any(|row| row.outcome == "survives") => "SURVIVE",
        _ => "UNFINISHED",
    };
    lines.push(format!(
        "  {verdict:<10} {:<12} {found} of {} mutants of these sources",
        "mutants",
        mutants.len()
    ));
    if code != 0 {
        lines.push(format!("  cargo loom {ended}"));
    }
    Outcome { code, lines }
}

fn explored(what: &str, how: &str, rows: &[&Exploration]) -> String {
    let finished = rows.iter().filter(|row| row.outcome == "finished").count();
    let verdict = if rows.iter().any(|row| row.outcome == "violated") {
        "VIOLATED"
    } else if rows.is_empty() || finished < rows.len() {
        "UNFINISHED"
    } else {
        "holds"
    };
    let interleavings: u64 = rows.iter().filter_map(|row| row.interleavings).sum();
    let mut line = format!(
        "  {verdict:<10} {what:<12} {interleavings:>11} interleavings ({how}), {finished} of {} scenarios finished",
        rows.len()
    );
    let threads = || rows.iter().filter_map(|row| row.threads);
    if let (Some(least), Some(most)) = (threads().min(), threads().max()) {
        // Writing to a string cannot fail.
        let _ = write!(line, ", {least} to {most} threads");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn document() -> Value {
        let row = |bound: usize, threads: usize, interleavings: u64| {
            json!({ "scenario": "s", "extra": 0, "outcome": "finished", "bound": bound, "threads": threads,
                "interleavings": interleavings, "seconds": 0.5 })
        };
        json!({
            "format": "figure2-loom", "version": 1, "verdict": "holds", "seconds": 1.5,
            "loom": [row(2, 5, 10), row(3, 3, 200), row(2, 4, 1)],
            "mutants": [{ "mutant": "m", "outcome": "found", "scenario": "s", "seconds": 0.5 }],
            "shuttle": [row(3, 9, 7)],
        })
    }

    fn code(exit_code: Option<i32>, change: impl FnOnce(&mut Value)) -> u8 {
        let mut document = document();
        change(&mut document);
        outcome(exit_code, Some(&document.to_string())).code
    }

    #[test]
    fn what_was_explored_is_summed_up_by_bound() {
        let outcome = outcome(Some(0), Some(&document().to_string()));
        assert_eq!(outcome.code, 0);
        let lines = [
            "  holds      bound 2               11 interleavings (all within it), 2 of 2 scenarios finished, 4 to 5 threads",
            "  holds      bound 3              200 interleavings (all within it), 1 of 1 scenarios finished, 3 to 3 threads",
            "  holds      shuttle                7 interleavings (a sample), 1 of 1 scenarios finished, 9 to 9 threads",
            "  found      mutants      1 of 1 mutants of these sources",
        ];
        assert_eq!(outcome.lines, lines);
    }

    #[test]
    fn a_violation_is_code_1_whoever_tells_of_it() {
        assert_eq!(code(Some(1), |_| ()), 1);
        assert_eq!(code(Some(0), |document| document["verdict"] = json!("violated")), 1);
        assert_eq!(code(Some(2), |document| document["loom"][1]["outcome"] = json!("violated")), 1);
        assert_eq!(code(Some(0), |document| document["shuttle"][0]["outcome"] = json!("violated")), 1);
        assert_eq!(code(Some(0), |document| document["mutants"][0]["outcome"] = json!("survives")), 1);
    }

    #[test]
    fn whatever_is_not_whole_is_code_2() {
        assert_eq!(code(Some(2), |_| ()), 2);
        assert_eq!(code(Some(101), |_| ()), 2);
        assert_eq!(code(None, |_| ()), 2);
        assert_eq!(code(Some(0), |document| document["verdict"] = json!("unfinished")), 2);
        for part in ["loom", "mutants", "shuttle"] {
            assert_eq!(code(Some(0), |document| document[part] = json!([])), 2, "{part} without rows");
            assert_eq!(code(Some(0), |document| document[part] = json!(null)), 2, "{part} not run");
            assert_eq!(
                code(Some(0), |document| document[part][0]["outcome"] = json!("unfinished")),
                2,
                "{part}"
            );
        }
    }

    #[test]
    fn no_result_an_unreadable_and_an_unknown_one_are_code_2_and_say_so() {
        let without = outcome(Some(101), None);
        assert_eq!((without.code, without.lines.len()), (2, 1));
        assert!(without.lines[0].contains("ended with code 101, and left no result"), "{without:?}");
        let unreadable = outcome(Some(0), Some("{"));
        assert!(unreadable.code == 2 && unreadable.lines[0].contains("cannot be read"), "{unreadable:?}");
        let mut next = document();
        next["version"] = json!(2);
        let next = outcome(Some(0), Some(&next.to_string()));
        assert!(next.code == 2 && next.lines[0].contains("figure2-loom 2"), "{next:?}");
    }

    #[test]
    fn what_is_missing_is_said_before_anything_runs() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let cargo = OsString::from(env!("CARGO"));
        let problem = |root: &Path, cargo: &OsString, replaced_by| {
            Interleavings::found(root, cargo.clone(), replaced_by).err().map(|error| error.to_string())
        };
        assert_eq!(problem(root, &cargo, None), None);
        let gone = problem(&root.join("gone"), &cargo, None).unwrap();
        assert!(gone.contains("gone") && gone.contains("is in no checkout of figure2: go to one"), "{gone}");
        let no_cargo = problem(root, &"no-such-cargo".into(), None).unwrap();
        assert!(no_cargo.contains("no-such-cargo") && no_cargo.contains("install Rust"), "{no_cargo}");
        let flags = problem(root, &cargo, Some("RUSTFLAGS")).unwrap();
        assert!(flags.contains("RUSTFLAGS is set") && flags.contains("unset it"), "{flags}");
    }
}

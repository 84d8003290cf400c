//! Instructions, counted by valgrind: the same on a busy machine as on an idle one.
//!
//! A program runs twice, and does in the second run more of the same; what start and end take is in both counts, and
//! so not in their difference.

use crate::baseline::{Baseline, Change, Counts, TOLERANCE};
use crate::search::COUNTED_PROFILE;
use crate::steps::CASES;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The counts to compare with.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt");

/// How often a step is taken in the shorter run, and in the longer one.
const STEPS: [usize; 2] = [1_000, 3_000];

/// How many states are generated in the shorter run, and in the longer one.
const STATES: [usize; 2] = [100_000, 300_000];

const NO_VALGRIND: &str = "valgrind, which counts the instructions, is not installed: it is a package of most systems \
                           (Debian and Ubuntu: apt-get install valgrind; Fedora: dnf install valgrind)";

const HOW_TO_BLESS: &str = "if this is meant to be, write down the new counts with the change that makes them:\n  \
                            cargo bench-instructions --bless";

/// Counts, and compares with the file or writes it. The exit code says whether the file's counts are kept to.
///
/// # Errors
/// When nothing can be counted, or the file cannot be used.
pub fn run(bless: bool) -> Result<ExitCode, String> {
    // Read first: counting takes a while.
    let before = if bless { None } else { Some(read_baseline(Path::new(BASELINE))?) };
    let counts = count_all()?;
    let now = Baseline { compiler: env!("BENCHES_RUSTC").to_owned(), counts };
    let Some(before) = before else {
        fs::write(BASELINE, now.to_text()).map_err(|error| format!("{BASELINE}: {error}"))?;
        println!("{}written to {BASELINE}", now.to_text());
        return Ok(ExitCode::SUCCESS);
    };
    Ok(compare(&before, &now))
}

fn read_baseline(file: &Path) -> Result<Baseline, String> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("{name}: {error}; {HOW_TO_BLESS}"))?;
    Baseline::from_text(&text).map_err(|problem| format!("{name}: {problem}; {HOW_TO_BLESS}"))
}

/// Prints the table. The exit code is 1 when some count is too high, or is on one side only.
fn compare(before: &Baseline, now: &Baseline) -> ExitCode {
    println!("{:<28} {:>10} {:>10} {:>8}", "instructions", "before", "now", "change");
    let mut failed = false;
    let names: BTreeSet<&String> = before.counts.keys().chain(now.counts.keys()).collect();
    for name in names {
        let (old, new) = (before.counts.get(name).copied(), now.counts.get(name).copied());
        let change = Change::between(old, new);
        failed |= change.fails();
        let number = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
        let percent = match (old, new) {
            (Some(old), Some(new)) => format!("{:+.1} %", (new as f64 / old as f64 - 1.0) * 100.0),
            _ => "-".to_owned(),
        };
        let remark = match change {
            Change::Kept => "",
            Change::Better => "  better: bless it, so that it stays",
            Change::Worse => "  WORSE",
            Change::New => "  NOT IN THE FILE",
            Change::Gone => "  NOT MEASURED",
        };
        println!("{name:<28} {:>10} {:>10} {percent:>8}{remark}", number(old), number(new));
    }
    if before.compiler != now.compiler {
        println!("\nbefore: the code of {}; now: of {}", before.compiler, now.compiler);
    }
    if failed {
        println!(
            "\nmore than {TOLERANCE} % above benches/instructions.txt, or not the same list; {HOW_TO_BLESS}"
        );
        return ExitCode::from(1);
    }
    println!("\nno count is more than {TOLERANCE} % above benches/instructions.txt");
    ExitCode::SUCCESS
}

fn count_all() -> Result<Counts, String> {
    let mut counts = Counts::new();
    for case in CASES {
        eprintln!("counting: {case}");
        let [short, long] = STEPS;
        let less = run_counted(&["steps", case, &short.to_string()])?;
        let more = run_counted(&["steps", case, &long.to_string()])?;
        let steps = (long - short) as u64;
        counts.insert(format!("core/{case}"), per(more.instructions, less.instructions, steps)?);
    }
    eprintln!("counting: states of {COUNTED_PROFILE}");
    let [short, long] = STATES;
    let less = run_counted(&["states", &short.to_string()])?;
    let more = run_counted(&["states", &long.to_string()])?;
    let generated = |run: &Counted| run.output.trim().parse::<u64>().map_err(|error| error.to_string());
    let states = generated(&more)?.saturating_sub(generated(&less)?);
    counts.insert("model/generated-state".to_owned(), per(more.instructions, less.instructions, states)?);
    Ok(counts)
}

/// The difference of two runs for each of the things that only the longer one did.
fn per(more: u64, less: u64, things: u64) -> Result<u64, String> {
    let each = more.checked_sub(less).and_then(|difference| (difference + things / 2).checked_div(things));
    each.ok_or_else(|| format!("{less} instructions, then {more} for {things} more: the runs make no sense"))
}

/// What a run under valgrind tells.
struct Counted {
    instructions: u64,
    output: String,
}

/// Runs this program with those arguments under valgrind.
fn run_counted(arguments: &[&str]) -> Result<Counted, String> {
    let program = env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", "--vgdb=no"]);
    let output = valgrind.arg(program).args(arguments).output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => NO_VALGRIND.to_owned(),
        _ => format!("valgrind: {error}"),
    })?;
    let told = String::from_utf8_lossy(&output.stderr);
    match instructions_in(&told) {
        Some(instructions) if output.status.success() => {
            Ok(Counted { instructions, output: String::from_utf8_lossy(&output.stdout).into_owned() })
        }
        _ => Err(format!("valgrind with {}: {}\n{told}", arguments.join(" "), output.status)),
    }
}

/// The count in what valgrind tells, such as `==7== I   refs:      1,234`.
fn instructions_in(told: &str) -> Option<u64> {
    let line = told.lines().find(|line| line.contains(" I ") && line.contains("refs:"))?;
    let digits = line.split("refs:").nth(1)?.trim().replace(',', "");
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_what_valgrind_tells() {
        let told = "==7== Cachegrind, a cache profiler\n==7== \n==7== I   refs:      1,234,567\n";
        assert_eq!(instructions_in(told), Some(1_234_567));
        assert_eq!(instructions_in("==7== I refs:        89"), Some(89));
        assert_eq!(instructions_in("==7== Cachegrind, a cache profiler\n"), None);
    }

    #[test]
    fn a_difference_is_shared_out_and_rounded() {
        assert_eq!(per(1_000_150, 1_000_000, 100), Ok(2));
        assert!(per(1, 2, 100).is_err());
        assert!(per(2, 1, 0).is_err());
    }

    #[test]
    fn the_file_under_version_control_can_be_read() {
        let counts = read_baseline(Path::new(BASELINE)).unwrap().counts;
        let names: Vec<String> = CASES.iter().map(|case| format!("core/{case}")).collect();
        assert!(names.iter().all(|name| counts.contains_key(name)), "{counts:?}");
    }

    #[test]
    fn without_the_file_it_is_said_how_to_write_it() {
        let problem = read_baseline(Path::new("nowhere/instructions.txt")).unwrap_err();
        assert!(problem.contains("--bless"), "{problem}");
    }
}

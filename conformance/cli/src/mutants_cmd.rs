//! `figure2 mutants`: breaks the rules one by one, and says which property catches each.

mod table;

pub use table::TableArgs;

use crate::shard::{Report, ShardArgs};
use anyhow::{Context, bail};
use figure2_model::CheckOptions;
use figure2_model::mutants::table::{committed, judge};
use figure2_model::mutants::{
    Case, Expected, Fate, Row, cases, outcome, page, run as run_cases, space, summaries,
};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// Most mutants at a time.
const MOST_JOBS: usize = 256;

/// Break the rules of Figure 2 one by one, from outside the core, and say which property catches each mutant.
///
/// Exit code 0: every mutant is killed by its property, every change that is said to break none breaks none, and the kill
/// table that was built in says that the profiles of `all` see a break of each rule; 1: not so, or the page given with
/// --check is not what this run says; 2: a search was not finished, the kill table is stale, or nothing could be run.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct MutantsArgs {
    /// Something else about the mutants
    #[command(subcommand)]
    pub command: Option<MutantsCommand>,
    /// Only this one; repeatable
    #[arg(long, value_name = "ID")]
    pub id: Vec<String>,
    /// How many to try at a time; by default one per CPU
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Give up on one after so many seconds
    #[arg(long, value_name = "S")]
    pub time_limit: Option<u64>,
    /// How to tell the result; what is not text goes to stdout alone
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// Compare the page in this file with what this run says
    #[arg(long, value_name = "FILE", conflicts_with_all = ["id", "shard"])]
    pub check: Option<PathBuf>,
    /// A part of the mutants
    #[command(flatten)]
    pub shards: ShardArgs,
}

/// What else there is to do with mutants.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum MutantsCommand {
    /// What becomes of each mutant in each profile that every change is checked with.
    Table(TableArgs),
}

/// How the result is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A line for each, as it is done.
    Text,
    /// The page of the docs, of all that were tried.
    Markdown,
    /// For other programs.
    Json,
}

/// Runs the command.
///
/// # Errors
/// When the arguments make no sense, with what is possible, or a file cannot be read.
pub fn run(args: &MutantsArgs) -> anyhow::Result<ExitCode> {
    if let Some(MutantsCommand::Table(args)) = &args.command {
        return table::run(args);
    }
    let all = select(&args.id)?;
    let pieces = all.len() as u64;
    let own = args.shards.shard().of(pieces)?;
    let (start, end) = (usize::try_from(own.start)?, usize::try_from(own.end)?);
    let selected = all.get(start..end).unwrap_or_default().to_vec();
    let jobs = args.jobs.unwrap_or_else(|| available_parallelism().map_or(1, usize::from).min(MOST_JOBS));
    if !(1..=MOST_JOBS).contains(&jobs) {
        bail!("--jobs {jobs}; possible are 1 to {MOST_JOBS}");
    }
    if args.time_limit == Some(0) {
        bail!("--time-limit 0 explores nothing; possible are 1 and more");
    }
    let options =
        CheckOptions { time_limit: args.time_limit.map(Duration::from_secs), ..CheckOptions::default() };
    let table = committed().context("the kill table that was built in")?;
    let begin = Instant::now();
    let tell = |row: &Row| {
        if args.format == Format::Text {
            println!("{}", line(row));
        }
    };
    let rows = run_cases(&selected, jobs, &options, &tell)?;
    match args.format {
        Format::Text => {
            if args.id.is_empty() {
                println!("\n{}", summaries());
            }
            println!("{}", summary(&rows, begin.elapsed()));
        }
        Format::Markdown => print!("{}", page(&rows, &table)),
        Format::Json => println!("{}", json(&rows)?),
    }
    args.shards.write(|| {
        let wrong = rows.iter().filter(|row| matches!(row.fate, Fate::Wrong(_) | Fate::Unfinished(_)));
        let ids: Vec<&str> = all.iter().map(Case::id).collect();
        let arguments = [
            ("id", ids.join(",")),
            ("time-limit", args.time_limit.map(|s| s.to_string()).unwrap_or_default()),
        ];
        let count = |is_so: fn(&Fate) -> bool| rows.iter().filter(|row| is_so(&row.fate)).count() as u64;
        Report::new("mutants", &arguments, pieces, own, exit_code(&rows))
            .with("tried", rows.len() as u64)
            .with("killed", count(|fate| matches!(fate, Fate::Killed { .. })))
            .with("break nothing, as argued", count(|fate| matches!(fate, Fate::Holds)))
            .with("do not recover", count(|fate| matches!(fate, Fate::Unrecovered { .. })))
            .wrong(wrong.map(|row| format!("{}: {}", row.case.id(), outcome(row))))
    })?;
    let mut codes = vec![exit_code(&rows)];
    if args.id.is_empty() {
        let flaws = judge(&table);
        flaws.iter().for_each(|flaw| eprintln!("{flaw}"));
        codes.push(table::exit_code(&flaws));
    }
    if let Some(path) = &args.check {
        let there = std::fs::read_to_string(path)
            .with_context(|| format!("--check: {} cannot be read", path.display()))?;
        if there != page(&rows, &table) {
            let name = path.display();
            eprintln!(
                "{name} is out of date. Write it anew with\n    figure2 mutants --format markdown > {name}"
            );
            codes.push(1);
        }
    }
    // What is wrong is a fact, whatever else was not finished.
    let code = if codes.contains(&1) { 1 } else { codes.into_iter().max().unwrap_or_default() };
    Ok(ExitCode::from(code))
}

fn select(ids: &[String]) -> anyhow::Result<Vec<Case>> {
    let all = cases();
    for id in ids {
        if all.iter().all(|case| case.id() != id) {
            let possible: Vec<_> = all.iter().map(Case::id).collect();
            bail!("--id {id}: there is no such mutant; possible are {}", possible.join(", "));
        }
    }
    Ok(all.into_iter().filter(|case| ids.is_empty() || ids.iter().any(|id| id == case.id())).collect())
}

/// 1 when something is not as it must be, else 2 when a search was not finished.
fn exit_code(rows: &[Row]) -> u8 {
    let is_wrong = rows.iter().any(|row| matches!(row.fate, Fate::Wrong(_)));
    let is_unfinished = rows.iter().any(|row| matches!(row.fate, Fate::Unfinished(_)));
    if is_wrong { 1 } else { u8::from(is_unfinished) * 2 }
}

fn line(row: &Row) -> String {
    let (case, seconds) = (&row.case, row.elapsed.as_secs_f64());
    let told = match (&row.fate, case.expected()) {
        (Fate::Killed { steps }, Expected::KilledBy(safety)) => {
            format!("killed in {steps} steps by: {}", safety.name())
        }
        (Fate::Holds, _) => "breaks nothing, as argued".to_owned(),
        (Fate::Unrecovered { steps, stuck }, _) => format!("does not recover after {steps} steps: {stuck}"),
        (Fate::Wrong(_), _) => format!("WRONG: {}", outcome(row)),
        _ => outcome(row),
    };
    format!(
        "{:<14} {:<5} {told}; {} states, {seconds:.2} s\n{:20} {} [{}]",
        case.id(),
        case.rule().id(),
        row.distinct,
        "",
        case.bug(),
        space(case.profile()),
    )
}

fn summary(rows: &[Row], elapsed: Duration) -> String {
    let count = |is_meant: fn(&Fate) -> bool| rows.iter().filter(|row| is_meant(&row.fate)).count();
    format!(
        "{} mutants killed, {} changes break nothing as argued, {} wrong, {} unfinished; {:.0} s",
        count(|fate| matches!(fate, Fate::Killed { .. } | Fate::Unrecovered { .. })),
        count(|fate| *fate == Fate::Holds),
        count(|fate| matches!(fate, Fate::Wrong(_))),
        count(|fate| matches!(fate, Fate::Unfinished(_))),
        elapsed.as_secs_f64(),
    )
}

#[derive(Serialize)]
struct Document {
    format: &'static str,
    version: u32,
    /// As the process exits: 0 as it must be, 1 not so, 2 unfinished.
    exit_code: u8,
    mutants: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    id: &'static str,
    rule: &'static str,
    bug: &'static str,
    /// The property that must be broken; none when no property must be.
    must_break: Option<&'static str>,
    outcome: &'static str,
    /// Steps of the shortest trace, of one that is killed.
    steps: Option<usize>,
    bounds: String,
    has_script: bool,
    states_distinct: u64,
    seconds: f64,
}

fn json(rows: &[Row]) -> anyhow::Result<String> {
    let entry = |row: &Row| Entry {
        id: row.case.id(),
        rule: row.case.rule().id(),
        bug: row.case.bug(),
        must_break: match row.case.expected() {
            Expected::KilledBy(safety) => Some(safety.name()),
            Expected::Survives(..) => None,
        },
        outcome: match row.fate {
            Fate::Killed { .. } => "killed",
            Fate::Holds => "holds",
            Fate::Unrecovered { .. } => "unrecovered",
            Fate::Wrong(_) => "wrong",
            Fate::Unfinished(_) => "unfinished",
        },
        steps: match row.fate {
            Fate::Killed { steps } | Fate::Unrecovered { steps, .. } => Some(steps),
            _ => None,
        },
        bounds: row.case.profile().bounds.to_string(),
        has_script: !row.case.profile().script.is_empty(),
        states_distinct: row.distinct,
        seconds: row.elapsed.as_secs_f64(),
    };
    let document = Document {
        format: "figure2-mutants",
        version: 1,
        exit_code: exit_code(rows),
        mutants: rows.iter().map(entry).collect(),
    };
    Ok(serde_json::to_string_pretty(&document)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> MutantsArgs {
        MutantsArgs {
            command: None,
            id: Vec::new(),
            jobs: None,
            time_limit: None,
            format: Format::Text,
            check: None,
            shards: ShardArgs::default(),
        }
    }

    #[test]
    fn an_unknown_mutant_and_silly_numbers_are_refused_with_what_is_possible() {
        let unknown = run(&MutantsArgs { id: vec!["C9".into()], ..args() }).unwrap_err().to_string();
        assert!(unknown.contains("C9") && unknown.contains("V8, "), "{unknown}");
        let jobs = run(&MutantsArgs { jobs: Some(0), ..args() }).unwrap_err().to_string();
        assert!(jobs.contains("1 to 256"), "{jobs}");
        let limit = run(&MutantsArgs { time_limit: Some(0), ..args() }).unwrap_err().to_string();
        assert!(limit.contains("1 and more"), "{limit}");
    }

    #[test]
    fn one_that_is_killed_is_told_with_its_property_and_one_that_is_not_is_exit_code_1() {
        let rows = run_cases(&select(&["D1-alone".into()]).unwrap(), 1, &CheckOptions::default(), &|_| ());
        let mut rows = rows.unwrap();
        assert_eq!(exit_code(&rows), 0);
        assert!(
            line(&rows[0]).contains("killed in 3 steps by: committed on a majority"),
            "{}",
            line(&rows[0])
        );
        let document: serde_json::Value = serde_json::from_str(&json(&rows).unwrap()).unwrap();
        assert_eq!(document["mutants"][0]["steps"], 3);
        rows[0].fate = Fate::Unfinished("a limit".into());
        assert_eq!(exit_code(&rows), 2);
        rows.push(Row { fate: Fate::Wrong("survives".into()), ..rows[0].clone() });
        assert_eq!(exit_code(&rows), 1);
        assert!(line(&rows[1]).contains("WRONG: survives"), "{}", line(&rows[1]));
    }
}

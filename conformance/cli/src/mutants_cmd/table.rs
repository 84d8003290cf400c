//! `figure2 mutants table`: the result of each mutant in each profile that every change is checked with.

mod explore;
mod sample;

use anyhow::{Context, bail};
use figure2_model::mutants::table::{Cell, Effort, Flaw, Said, Table, cells, hash, judge, references};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

/// Says what becomes of each mutant in each profile that names its rule, from a table that takes hours to make: without
/// --run, --merge and --sample the table is only judged.
///
/// Exit code 0: each rule has a profile that sees a break of it, each mutant that breaks safety dies, and what should break
/// nothing breaks nothing; 1: not so, or a sample says something else than the table; 2: the table is stale, something in
/// it is unfinished, or nothing could be done.
#[derive(Clone, Debug, clap::Args)]
pub struct TableArgs {
    /// The table
    #[arg(long, value_name = "FILE", default_value = "model/kill-table.txt")]
    pub file: PathBuf,
    /// Explore what is missing or outdated, and add it to the file, line by line: it may be stopped at any time
    #[arg(long)]
    pub run: bool,
    /// With --run: only the I-th of N parts
    #[arg(long, value_name = "I/N", value_parser = shard, requires = "run")]
    pub shard: Option<(usize, usize)>,
    /// With --run: what is unfinished, too
    #[arg(long, requires = "run")]
    pub unfinished: bool,
    /// With --run: only this mutant; repeatable
    #[arg(long, value_name = "ID", requires = "run")]
    pub id: Vec<String>,
    /// With --run: only this profile; repeatable
    #[arg(long, value_name = "NAME", requires = "run")]
    pub profile: Vec<String>,
    /// With --run: most distinct states of a place; with more it is unfinished
    #[arg(long, value_name = "N", default_value_t = 100_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_states: u64,
    /// With --run: longest time for a place, in seconds; with more it is unfinished
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    pub time_limit: Option<u64>,
    /// With --run: most memory of the process, in megabytes; where it takes more, what is explored then is unfinished
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_memory: Option<u64>,
    /// How many places are explored at a time; by default one per CPU
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// Take over what these tables say, such as those of other parts; repeatable
    #[arg(long, value_name = "FILE", conflicts_with = "run")]
    pub merge: Vec<PathBuf>,
    /// Explore some places anew, drawn by this seed, and compare with the table
    #[arg(long, value_name = "SEED", conflicts_with_all = ["run", "merge"])]
    pub sample: Option<u64>,
    /// With --sample: for how many minutes
    #[arg(long, value_name = "M", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub minutes: u64,
}

/// Runs the command.
///
/// # Errors
/// When the arguments make no sense, or a file cannot be read or written.
pub fn run(args: &TableArgs) -> anyhow::Result<ExitCode> {
    let jobs = args.jobs.map_or_else(|| available_parallelism().map_or(1, usize::from).min(256), usize::from);
    let mut table = match read(&args.file) {
        // Whoever makes a table begins with none.
        Err(error) if args.run || !args.merge.is_empty() => {
            if args.file.exists() {
                return Err(error);
            }
            Table::default()
        }
        other => other?,
    };
    for other in &args.merge {
        let lines = read(other)?.lines().to_vec();
        lines.into_iter().for_each(|line| take_over(&mut table, line));
    }
    if !args.merge.is_empty() {
        replace(&args.file, &table)?;
    }
    if args.run {
        let plan = plan(args, &table)?;
        let effort = Effort {
            max_states: args.max_states,
            time_limit: args.time_limit.map(Duration::from_secs),
            max_memory: args.max_memory.map(|megabytes| megabytes.saturating_mul(1_000_000)),
        };
        explore::explore(&args.file, &mut table, plan, jobs, &effort)?;
        replace(&args.file, &table)?;
    }
    // What was written, and not what was meant.
    let table = read(&args.file)?;
    println!("{}", summary(&table));
    let flaws = judge(&table);
    flaws.iter().for_each(|flaw| println!("{flaw}"));
    let mut code = exit_code(&flaws);
    if let Some(seed) = args.sample.filter(|_| !flaws.iter().any(|flaw| matches!(flaw, Flaw::Stale { .. }))) {
        code = code.max(sample::sample(&table, seed, Duration::from_secs(args.minutes * 60), jobs)?);
    }
    Ok(ExitCode::from(code))
}

/// 1 when something is wrong, else 2 when too little is known.
pub fn exit_code(flaws: &[Flaw]) -> u8 {
    if flaws.iter().any(|flaw| !flaw.is_open()) { 1 } else { u8::from(!flaws.is_empty()) * 2 }
}

fn read(file: &Path) -> anyhow::Result<Table> {
    let name = file.display();
    let text = fs::read_to_string(file).with_context(|| {
        format!("the kill table {name} cannot be read (model/kill-table.txt is in a checkout of figure2)")
    })?;
    Table::parse(&text).with_context(|| format!("{name} is no kill table"))
}

/// Takes over a line, unless that would put what is outdated, or unfinished, in the place of what is not.
fn take_over(table: &mut Table, line: figure2_model::mutants::table::Line) {
    let mut merged = Table::default();
    merged.insert(line.clone());
    let all = references().into_iter().chain(cells());
    let Some(cell) = all.into_iter().find(|cell| merged.get(cell).is_some()) else { return };
    let is_better = table.get(&cell).is_none_or(|there| matches!(there.said, Said::Unfinished(_)));
    if is_better {
        table.insert(line);
    }
}

/// Puts the table in the place of the file, all of it or nothing.
fn replace(file: &Path, table: &Table) -> anyhow::Result<()> {
    let beside = file.with_extension("new");
    fs::write(&beside, table.text()).with_context(|| format!("{} cannot be written", beside.display()))?;
    fs::rename(&beside, file).with_context(|| format!("{} cannot be written", file.display()))
}

/// What is to be explored: the places that are missing or outdated, and were chosen.
fn plan(args: &TableArgs, table: &Table) -> anyhow::Result<Vec<Cell>> {
    let all = cells();
    for id in &args.id {
        if all.iter().all(|cell| cell.id() != id) {
            bail!("--id {id}: no profile names the rule of such a mutant; see figure2 mutants");
        }
    }
    for name in &args.profile {
        if all.iter().all(|cell| cell.profile.name != *name) {
            bail!("--profile {name}: there is no such profile in `all`; see figure2 check --list");
        }
    }
    let is_chosen = |cell: &Cell| {
        (args.id.is_empty() || args.id.iter().any(|id| id == cell.id()))
            && (args.profile.is_empty() || args.profile.contains(&cell.profile.name))
    };
    let is_due = |cell: &Cell| match table.get(cell).map(|line| &line.said) {
        None => true,
        Some(Said::Unfinished(_)) => args.unfinished,
        Some(_) => false,
    };
    let (part, parts) = args.shard.unwrap_or((1, 1));
    let chosen =
        all.into_iter().enumerate().filter(|(place, _)| place % parts == part - 1).map(|(_, cell)| cell);
    Ok(chosen.filter(is_chosen).filter(is_due).collect())
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let parts =
        text.split_once('/').and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
    parts
        .filter(|(part, parts)| (1..=*parts).contains(part))
        .ok_or_else(|| "a part is I/N, with I from 1 to N: 1/4, 2/4 ...".to_owned())
}

fn summary(table: &Table) -> String {
    let cells = cells();
    let count = |is_meant: fn(&Said) -> bool| {
        cells.iter().filter(|cell| table.get(cell).is_some_and(|line| is_meant(&line.said))).count()
    };
    format!(
        "kill table of {} places: {} killed, {} other states, {} the same count, {} unfinished; made with {}, needed {}",
        cells.len(),
        count(|said| matches!(said, Said::Killed(_) | Said::Unrecovered)),
        count(|said| matches!(said, Said::Other(_) | Said::Unplayable)),
        count(|said| *said == Said::Same),
        count(|said| matches!(said, Said::Unfinished(_))),
        table.hash.as_deref().unwrap_or("what is missing yet"),
        hash(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: TableArgs,
    }

    fn args(line: &[&str]) -> TableArgs {
        Cli::try_parse_from([&["table"], line].concat()).unwrap_or_else(|error| panic!("{error}")).args
    }

    #[test]
    fn parts_together_are_the_whole_and_no_place_is_in_two() {
        let table = Table::default();
        let of = |shard: &str| plan(&args(&["--run", "--shard", shard]), &table).unwrap();
        let parts: Vec<usize> = ["1/3", "2/3", "3/3"].map(|shard| of(shard).len()).to_vec();
        assert_eq!(parts.iter().sum::<usize>(), cells().len());
        for wrong in ["0/3", "4/3", "3", "a/b"] {
            assert!(Cli::try_parse_from(["table", "--run", "--shard", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_run_goes_on_where_it_was_stopped_and_a_sample_says_the_same_until_the_table_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kill-table.txt");
        let name = file.display().to_string();
        let line = ["--run", "--file", &name, "--profile", "too-large", "--jobs", "1"];
        // One profile alone is no whole table.
        assert_eq!(run(&args(&line)).unwrap(), ExitCode::from(2));
        let whole = fs::read_to_string(&file).unwrap();
        let table = read(&file).unwrap();
        let due = plan(&args(&line), &table).unwrap();
        assert!(due.is_empty(), "{} places are left", due.len());
        // Stopped in the middle of its last line: that one is explored again, and the others are not.
        fs::write(&file, &whole[..whole.len() - 5]).unwrap();
        assert_eq!(plan(&args(&line), &read(&file).unwrap()).unwrap().len(), 1);
        assert_eq!(run(&args(&line)).unwrap(), ExitCode::from(2));
        assert_eq!(fs::read_to_string(&file).unwrap(), whole);

        assert_eq!(sample::sample(&table, 1, Duration::from_secs(60), 1).unwrap(), 0);
        let mut wrong = table.clone();
        for line in table.lines().iter().filter(|line| matches!(line.said, Said::Same | Said::Killed(_))) {
            wrong.insert(figure2_model::mutants::table::Line { said: Said::Other(vec![]), ..line.clone() });
        }
        assert_eq!(sample::sample(&wrong, 1, Duration::from_secs(60), 1).unwrap(), 1);
        assert_eq!(sample::sample(&Table::default(), 1, Duration::from_secs(60), 1).unwrap(), 2);
    }

    #[test]
    fn what_is_wrong_outweighs_what_is_not_known() {
        let stale = Flaw::Stale { missing: 1, outdated: 0 };
        let lives = Flaw::Lives { id: "C1".to_owned(), unfinished: vec![] };
        assert_eq!(exit_code(&[]), 0);
        assert_eq!(exit_code(std::slice::from_ref(&stale)), 2);
        assert_eq!(exit_code(&[stale, lives]), 1);
    }
}

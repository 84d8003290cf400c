//! Explores places of the table, several at a time, and writes each result as soon as it is known.

use anyhow::{Context, anyhow};
use figure2_model::mutants::table::{Cell, Effort, Line, Reference, Said, Table, references};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// Distinct states of the first round: most mutants that die at all die within so many, and all others are left for the
/// second, so that most is known soon.
const FIRST_ROUND: u64 = 300_000;

/// Why a place is unfinished whose own states are all known.
const NOTHING_TO_COMPARE: &str = "Figure 2 is unfinished here";

/// Explores the places, and what is needed of Figure 2 for them, and adds each line to the file when it is known.
///
/// # Errors
/// When the file cannot be written, or a search could not begin.
pub fn explore(
    file: &Path,
    table: &mut Table,
    plan: Vec<Cell>,
    jobs: usize,
    effort: &Effort,
) -> anyhow::Result<()> {
    // Where Figure 2 is known, the mutants that make no difference were found when it was explored.
    let is_needed = |reference: &Cell| plan.iter().any(|cell| cell.place() == reference.place());
    let is_due = |reference: &Cell| table.get(reference).is_none_or(|line| line.said != Said::Right);
    let due: Vec<Cell> = references().into_iter().filter(|cell| is_needed(cell) && is_due(cell)).collect();
    let planned = plan.len() + due.len();
    let lines = Lines { file: open(file)?, begin: Instant::now(), done: 0, planned, table };
    println!("{} places in {} profiles", plan.len(), due.len());
    let lines = Mutex::new(lines);
    let plan: Vec<Cell> = each_reference(&due, &plan, jobs, &lines, effort)?;
    let first = Effort { max_states: FIRST_ROUND.min(effort.max_states), ..*effort };
    let later = Mutex::new(Vec::new());
    each(&plan, jobs, |cell| match compare(cell, &lines, &first)? {
        Line { said: Said::Unfinished(_), .. } if first != *effort => {
            later.lock().unwrap_or_else(PoisonError::into_inner).push(cell.clone());
            Ok(())
        }
        line => guard(&lines).add(line),
    })?;
    let mut later = later.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{} places are larger", later.len());
    // The small ones first: most is known soon.
    later.sort_by_cached_key(|cell| counts(&guard(&lines), cell));
    each(&later, jobs, |cell| {
        let line = compare(cell, &lines, effort)?;
        guard(&lines).add(line)
    })
}

/// Explores the profiles under the rules of Figure 2, and says of which mutants it is known then that they make no difference
/// there. The others are left.
fn each_reference(
    due: &[Cell],
    plan: &[Cell],
    jobs: usize,
    lines: &Mutex<Lines<'_>>,
    effort: &Effort,
) -> anyhow::Result<Vec<Cell>> {
    each(due, jobs, |cell| {
        let reference = Reference::explore(cell, effort)?;
        guard(lines).add(reference.line().clone())?;
        for cell in plan.iter().filter(|other| other.place() == cell.place()) {
            if let Some(line) = reference.line_of_same(cell) {
                guard(lines).add(line)?;
            }
        }
        Ok(())
    })?;
    Ok(plan.iter().filter(|cell| guard(lines).table.get(cell).is_none_or(is_unfinished)).cloned().collect())
}

fn is_unfinished(line: &Line) -> bool {
    matches!(line.said, Said::Unfinished(_))
}

/// Explores a place. One that is not killed stays unfinished where it is not known how many states there are under the
/// rules of Figure 2.
fn compare(cell: &Cell, lines: &Mutex<Lines<'_>>, effort: &Effort) -> anyhow::Result<Line> {
    let figure2 = counts(&guard(lines), cell);
    let line = cell.explore(figure2, effort)?;
    Ok(match line.said {
        Said::Right => Line { said: Said::Unfinished(NOTHING_TO_COMPARE.to_owned()), ..line },
        _ => line,
    })
}

fn guard<'a, 'b>(lines: &'a Mutex<Lines<'b>>) -> MutexGuard<'a, Lines<'b>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

fn counts(lines: &Lines<'_>, cell: &Cell) -> Option<(u64, u64)> {
    figure2(lines.table, cell)
}

/// How many states, distinct and generated, a place has under the rules of Figure 2, if that is known.
pub fn figure2(table: &Table, cell: &Cell) -> Option<(u64, u64)> {
    let reference = references().into_iter().find(|reference| reference.place() == cell.place())?;
    let line = table.get(&reference).filter(|line| line.said == Said::Right)?;
    Some((line.distinct, line.generated))
}

/// The lines, as they come.
struct Lines<'a> {
    file: File,
    begin: Instant,
    done: usize,
    planned: usize,
    table: &'a mut Table,
}

impl Lines<'_> {
    /// Adds a line. It is on the disk when this returns.
    fn add(&mut self, line: Line) -> anyhow::Result<()> {
        self.file.write_all(format!("{line}\n").as_bytes()).context("the kill table cannot be written")?;
        self.file.sync_data().context("the kill table cannot be written")?;
        self.tell(&line.to_string().replace('\t', "  "));
        self.table.insert(line);
        Ok(())
    }

    fn tell(&mut self, what: &str) {
        self.done += 1;
        let (done, planned, seconds) = (self.done, self.planned, self.begin.elapsed().as_secs());
        println!("[{done}/{planned}, {seconds} s] {what}");
    }
}

/// The file, ready for more lines: a last line that has no end is taken off.
fn open(file: &Path) -> anyhow::Result<File> {
    let name = file.display();
    let mut open = OpenOptions::new()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .open(file)
        .with_context(|| format!("the kill table {name} cannot be written"))?;
    let mut text = String::new();
    open.read_to_string(&mut text).with_context(|| format!("the kill table {name} cannot be read"))?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    open.set_len(whole as u64).with_context(|| format!("the kill table {name} cannot be written"))?;
    open.seek(SeekFrom::End(0)).with_context(|| format!("the kill table {name} cannot be written"))?;
    if whole == 0 {
        open.write_all(Table::head().as_bytes())
            .with_context(|| format!("the kill table {name} cannot be written"))?;
    }
    Ok(open)
}

/// Does something with each, `jobs` of them at a time, in their order. The first error ends it.
pub fn each<T: Sync>(
    items: &[T],
    jobs: usize,
    work: impl Fn(&T) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let worker = || {
        while !failed.load(Ordering::Relaxed) {
            let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            work(item).inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(worker)).collect();
        let ended =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        ended.collect::<Vec<_>>().into_iter().collect::<anyhow::Result<()>>()
    })
    .map_err(|error| anyhow!("{error:#}"))
}

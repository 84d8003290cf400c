//! Repeats some places of the table.

use super::explore::{each, figure2};
use figure2_model::mutants::table::{Cell, Effort, Line, Said, Subject, Table, cells, references};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Distinct states a second that a slow and busy machine explores with one thread: places that would take longer than
/// there is time are left out.
const SLOW: u64 = 100_000;

/// Explores places of a table that is not stale, in an order drawn by the seed, until the time is up, and compares. Returns
/// the exit code: 1 when one says something else now, 2 when none could be repeated.
///
/// # Errors
/// When a search could not begin.
pub fn sample(table: &Table, seed: u64, time: Duration, jobs: usize) -> anyhow::Result<u8> {
    let end = Instant::now() + time;
    let mut drawn: Vec<Cell> = references().into_iter().chain(cells()).collect();
    drawn.shuffle(&mut StdRng::seed_from_u64(seed));
    let (repeated, different) = (AtomicUsize::new(0), AtomicUsize::new(0));
    println!("\nrepeated, as seed {seed} draws them, for at most {} s:", time.as_secs());
    each(&drawn, jobs, |cell| {
        let left = end.saturating_duration_since(Instant::now());
        let Some(there) = table.get(cell).filter(|line| may_be_repeated(line, left)) else { return Ok(()) };
        let by_figure2 = match cell.subject {
            Subject::Figure2 => None,
            Subject::Case(_) => figure2(table, cell),
        };
        let effort = Effort { max_states: u64::MAX, time_limit: Some(left), max_memory: None };
        let now = cell.explore(by_figure2, &effort)?;
        if matches!(now.said, Said::Unfinished(_)) && Instant::now() >= end {
            println!("  no time   {}", told(there));
            return Ok(());
        }
        repeated.fetch_add(1, Ordering::Relaxed);
        if now == *there {
            println!("  the same  {}", told(there));
        } else {
            different.fetch_add(1, Ordering::Relaxed);
            println!("  DIFFERENT {}\n       now  {}", told(there), told(&now));
        }
        Ok(())
    })?;
    let (repeated, different) = (repeated.into_inner(), different.into_inner());
    println!("{repeated} of {} places repeated, {different} different", drawn.len());
    Ok(if different > 0 { 1 } else { u8::from(repeated == 0) * 2 })
}

fn may_be_repeated(line: &Line, left: Duration) -> bool {
    !matches!(line.said, Said::Unfinished(_)) && line.distinct / SLOW < left.as_secs()
}

fn told(line: &Line) -> String {
    line.to_string().replace('\t', "  ")
}

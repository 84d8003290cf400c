//! Our searches and stateright's on its own example, each in a process of its own, so that its memory is its own; in
//! turns, so that whatever else the machine does meets all of them.

use crate::options::Comparison;
use crate::search::{Figures, Order, Search, no_such_profile};
use std::env;
use std::path::Path;
use std::process::Command;

/// Runs all searches, and prints what came out.
///
/// # Errors
/// When a search fails.
pub fn run(comparison: &Comparison) -> Result<(), String> {
    let Comparison { profile, bfs_depth, dfs_depth, threads, runs } = comparison;
    if figure2_model::profile(profile).is_none() {
        return Err(format!("--profile: {}", no_such_profile(profile)));
    }
    let program = env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let ours = Search::Figure2 { profile: profile.clone(), threads: *threads };
    let theirs = |order, depth| Search::Stateright { order, depth, threads: *threads };
    let on_timely = Search::Timely { profile: profile.clone(), threads: *threads };
    let processes = Search::Processes { profile: profile.clone() };
    let searches =
        [theirs(Order::Breadth, *bfs_depth), theirs(Order::Depth, *dfs_depth), ours, on_timely, processes];
    println!(
        "stateright: examples/raft.rs of 0.31.0, 3 servers, to depth {bfs_depth} (bfs) and {dfs_depth} (dfs), {threads} threads"
    );
    println!("figure2:    profile {profile}, all of it, {threads} threads\n");
    println!("{}", heading());
    let mut results: [Vec<Figures>; 5] = Default::default();
    for run in 1..=*runs {
        for (search, results) in searches.iter().zip(&mut results) {
            let figures = in_a_process(&program, search)?;
            println!("{}", row(&format!("{} {run}", search.name()), &Measured::of(&figures)));
            results.push(figures);
        }
    }
    println!();
    let medians: Vec<Measured> = results.iter().filter_map(|results| median(results)).collect();
    for (search, median) in searches.iter().zip(&medians) {
        println!("{}", row(&format!("{} median", search.name()), median));
    }
    println!();
    if let [breadth, depth, ours, on_timely, processes] = &medians[..] {
        println!("{}", ratio("figure2 dfs", &searches[0], breadth, ours));
        println!("{}", ratio("figure2 dfs", &searches[1], depth, ours));
        println!("{}", ratio("figure2 timely", &searches[2], ours, on_timely));
        println!("{}", ratio("figure2 timely x 2", &searches[3], on_timely, processes));
        let cpu = processes.cpu_seconds / on_timely.cpu_seconds;
        println!("figure2 timely x 2 / figure2 timely: {cpu:.2} x the CPU seconds");
    }
    let counts =
        |results: &Vec<Figures>| results.first().map(|figures| (figures.distinct, figures.generated));
    if counts(&results[2]) != counts(&results[3]) || counts(&results[2]) != counts(&results[4]) {
        return Err("the two engines found different states of the same profile".to_owned());
    }
    println!();
    for (search, results) in searches.iter().zip(&results) {
        let verdict = results.first().map_or("", |figures| &figures.verdict);
        println!("{}: {verdict}", search.name());
    }
    Ok(())
}

fn in_a_process(program: &Path, search: &Search) -> Result<Figures, String> {
    let output = Command::new(program).args(search.arguments()).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    if !output.status.success() {
        let problem = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}: {problem}", search.name(), output.status));
    }
    String::from_utf8_lossy(&output.stdout).parse()
}

/// A row of the table, as numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Measured {
    generated: f64,
    distinct: f64,
    seconds: f64,
    cpu_seconds: f64,
    generated_a_second: f64,
    distinct_a_second: f64,
    generated_a_cpu_second: f64,
    bytes: Option<f64>,
    bytes_a_state: Option<f64>,
}

impl Measured {
    fn of(figures: &Figures) -> Measured {
        let (generated, distinct) = (figures.generated as f64, figures.distinct as f64);
        let (seconds, cpu_seconds) = (figures.seconds.max(1e-9), figures.cpu_seconds.max(1e-9));
        let bytes = figures.bytes.map(|bytes| bytes as f64);
        Measured {
            generated,
            distinct,
            seconds,
            cpu_seconds,
            generated_a_second: generated / seconds,
            distinct_a_second: distinct / seconds,
            generated_a_cpu_second: generated / cpu_seconds,
            bytes,
            bytes_a_state: bytes.map(|bytes| bytes / distinct.max(1.0)),
        }
    }
}

/// The median of each column.
fn median(results: &[Figures]) -> Option<Measured> {
    let rows: Vec<Measured> = results.iter().map(Measured::of).collect();
    let middle = |column: &dyn Fn(&Measured) -> Option<f64>| {
        let mut values: Vec<f64> = rows.iter().filter_map(column).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    Some(Measured {
        generated: middle(&|row| Some(row.generated))?,
        distinct: middle(&|row| Some(row.distinct))?,
        seconds: middle(&|row| Some(row.seconds))?,
        cpu_seconds: middle(&|row| Some(row.cpu_seconds))?,
        generated_a_second: middle(&|row| Some(row.generated_a_second))?,
        distinct_a_second: middle(&|row| Some(row.distinct_a_second))?,
        generated_a_cpu_second: middle(&|row| Some(row.generated_a_cpu_second))?,
        bytes: middle(&|row| row.bytes),
        bytes_a_state: middle(&|row| row.bytes_a_state),
    })
}

fn heading() -> String {
    format!(
        "{:<22} {:>10} {:>10} {:>7} {:>7} {:>12} {:>12} {:>16} {:>14} {:>12}",
        "",
        "generated",
        "distinct",
        "s",
        "CPU s",
        "generated/s",
        "distinct/s",
        "generated/CPU s",
        "bytes at peak",
        "bytes/state"
    )
}

fn row(name: &str, measured: &Measured) -> String {
    let told = |value: Option<f64>, digits: usize| {
        value.map_or("unknown".to_owned(), |value| format!("{value:.digits$}"))
    };
    let Measured { generated, distinct, seconds, cpu_seconds, .. } = measured;
    let Measured { generated_a_second, distinct_a_second, generated_a_cpu_second, .. } = measured;
    format!(
        "{name:<22} {generated:>10} {distinct:>10} {seconds:>7.2} {cpu_seconds:>7.2} {generated_a_second:>12.0} \
         {distinct_a_second:>12.0} {generated_a_cpu_second:>16.0} {:>14} {:>12}",
        told(measured.bytes, 0),
        told(measured.bytes_a_state, 1),
    )
}

/// How a search of ours compares with another one.
fn ratio(name: &str, search: &Search, theirs: &Measured, ours: &Measured) -> String {
    let memory = match (ours.bytes_a_state, theirs.bytes_a_state) {
        (Some(ours), Some(theirs)) => format!("{:.4} x the bytes a distinct state", ours / theirs),
        _ => "bytes a distinct state: unknown".to_owned(),
    };
    format!(
        "{name} / {}: {:.2} x the states generated a second ({:.2} x a CPU second), {:.2} x the distinct states a \
         second, {memory}",
        search.name(),
        ours.generated_a_second / theirs.generated_a_second,
        ours.generated_a_cpu_second / theirs.generated_a_cpu_second,
        ours.distinct_a_second / theirs.distinct_a_second,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(seconds: f64, bytes: Option<u64>) -> Figures {
        let cpu_seconds = 2.0 * seconds;
        Figures { generated: 100, distinct: 50, seconds, cpu_seconds, bytes, verdict: String::new() }
    }

    #[test]
    fn the_median_is_the_middle_one_of_each_column() {
        let results = [figures(4.0, Some(500)), figures(1.0, Some(100)), figures(2.0, Some(5_000))];
        let median = median(&results).unwrap();
        assert_eq!((median.seconds, median.bytes), (2.0, Some(500.0)));
        assert_eq!((median.generated_a_second, median.distinct_a_second), (50.0, 25.0));
        assert_eq!((median.generated_a_cpu_second, median.bytes_a_state), (25.0, Some(10.0)));
    }

    #[test]
    fn ratios_are_ours_to_theirs() {
        let (theirs, ours) = (Measured::of(&figures(4.0, Some(500))), Measured::of(&figures(1.0, Some(50))));
        let search = Search::Stateright { order: Order::Depth, depth: 3, threads: 1 };
        let text = ratio("figure2 dfs", &search, &theirs, &ours);
        assert!(text.contains("stateright dfs: 4.00 x the states"), "{text}");
        assert!(text.contains("0.1000 x the bytes"), "{text}");
        let unknown = ratio("figure2 dfs", &search, &Measured::of(&figures(4.0, None)), &ours);
        assert!(unknown.contains("unknown"), "{unknown}");
    }
}

//! How a space grows with its bounds: what one more term, command or crash costs.

use figure2_model::{Apply, Bounds, CheckOptions, Profile, Report, System, Verdict, profile};
use figure2_timely::Plan;
use std::time::Duration;

/// The profile whose bounds are varied.
const BASE: &str = "replication";

/// A rung: terms, commands, crashes, snapshots.
const RUNGS: [[u8; 4]; 9] = [
    [2, 1, 0, 0],
    [2, 2, 0, 0],
    [3, 1, 0, 0],
    [3, 2, 0, 0],
    [3, 3, 0, 0],
    [4, 2, 0, 0],
    [3, 2, 1, 0],
    [3, 2, 2, 0],
    [3, 2, 1, 1],
];

/// Searches each rung, and prints what it has.
///
/// # Errors
/// When a search cannot be begun, or something is broken.
pub fn run(seconds: usize, threads: usize) -> Result<(), String> {
    let base = profile(BASE).ok_or_else(|| format!("there is no profile {BASE}"))?;
    println!("bounds of {BASE}, by figure2 timely on {threads} threads, at most {seconds} s a rung\n");
    println!(
        "{:<42} {:>14} {:>8} {:>7} {:>12} {:>10} {:>9}",
        "terms, commands, crashes, snapshots", "states", "s", "levels", "widest", "states/s", "MB"
    );
    for rung in RUNGS {
        let profile = with(&base, rung);
        let time_limit = Some(Duration::from_secs(seconds as u64));
        let options = CheckOptions { threads, time_limit, ..CheckOptions::default() };
        let plan = Plan::of_threads(threads);
        let report = figure2_timely::check(&System::default(), &profile, &options, &plan, &mut |_| ())
            .map_err(|error| error.to_string())?;
        println!("{}", row(rung, &report)?);
    }
    Ok(())
}

fn with(base: &Profile, [terms, client_requests, crashes, snapshots]: [u8; 4]) -> Profile {
    // The moment of an application only makes no difference where nobody takes a snapshot of what was applied.
    let apply = if snapshots > 0 { Apply::Separately } else { base.bounds.apply };
    let bounds = Bounds { terms, client_requests, crashes, snapshots, apply, ..base.bounds };
    // What it shows and which rules fire is another question than how large it is.
    Profile { bounds, sometimes: Vec::new(), rules: Vec::new(), ..base.clone() }
}

fn row(rung: [u8; 4], report: &Report) -> Result<String, String> {
    let more = match &report.verdict {
        Verdict::Holds => "",
        Verdict::Unfinished(_) => "> ",
        other => return Err(format!("{rung:?}: {other:?}")),
    };
    let [terms, commands, crashes, snapshots] = rung;
    Ok(format!(
        "{:<42} {:>14} {:>8.1} {:>7} {:>12} {:>10.0} {:>9}",
        format!("{terms}, {commands}, {crashes}, {snapshots}"),
        format!("{more}{}", report.distinct),
        report.elapsed.as_secs_f64(),
        format!("{more}{}", report.levels.len()),
        report.levels.iter().max().copied().unwrap_or_default(),
        report.rate(),
        report.peak_memory.map_or("?".to_owned(), |bytes| (bytes / 1_000_000).to_string()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rung_has_its_own_bounds_and_says_when_it_was_not_finished() {
        let base = profile(BASE).unwrap();
        let small = with(&base, [2, 1, 0, 0]);
        assert_eq!((small.bounds.terms, small.bounds.client_requests), (2, 1));
        let search = |max_states| {
            let options = CheckOptions { max_states, ..CheckOptions::default() };
            let plan = Plan::of_threads(1);
            figure2_timely::check(&System::default(), &small, &options, &plan, &mut |_| ()).unwrap()
        };
        let (part, whole) = (search(Some(1000)), search(None));
        assert!(row([2, 1, 0, 0], &part).unwrap().contains("> "));
        let told = row([2, 1, 0, 0], &whole).unwrap();
        assert!(!told.contains('>') && told.contains(&whole.distinct.to_string()), "{told}");
    }
}

//! The tables, and the goals.

use crate::contest::Series;
use crate::measure::Figures;
use crate::system::System;

/// The medians, a row for each system and number of clients.
pub fn table(all: &[Series]) -> String {
    let mut rows = vec![
        "| clients | system | operations/s | p50, µs | p99, µs | CPU s / 100,000 | MiB at peak |".to_owned(),
        "|---|---|---|---|---|---|---|".to_owned(),
    ];
    rows.extend(all.iter().map(|series| {
        let of = |column: fn(&Figures) -> f64| median(series.rounds.iter().map(column));
        let memory = median(series.rounds.iter().filter_map(|figures| figures.memory));
        format!(
            "| {} | {} | {} | {:.1} | {:.1} | {:.3} | {} |",
            series.clients,
            series.system,
            thousands(of(|figures| figures.operations)),
            of(|figures| figures.p50),
            of(|figures| figures.p99),
            of(|figures| figures.cpu),
            if memory.is_nan() { "unknown".to_owned() } else { format!("{memory:.0}") },
        )
    }));
    rows.join("\n")
}

/// How many operations figure2 does for each of another system's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The other system.
    pub other: System,
    /// The number of clients.
    pub clients: usize,
    /// Of the medians.
    pub of_medians: f64,
    /// The least of a single round.
    pub least: f64,
    /// The most of a single round.
    pub most: f64,
}

/// All ratios that were measured.
pub fn ratios(all: &[Series]) -> Vec<Ratio> {
    let operations = |series: &Series| median(series.rounds.iter().map(|figures| figures.operations));
    let others = all.iter().filter(|series| series.system != System::Figure2);
    let pairs = others.filter_map(|theirs| {
        let ours = |of: &&Series| of.system == System::Figure2 && of.clients == theirs.clients;
        Some((all.iter().find(ours)?, theirs))
    });
    pairs
        .map(|(ours, theirs)| {
            let rounds = ours.rounds.iter().zip(&theirs.rounds);
            let each: Vec<f64> = rounds.map(|(ours, theirs)| ours.operations / theirs.operations).collect();
            Ratio {
                other: theirs.system,
                clients: theirs.clients,
                of_medians: operations(ours) / operations(theirs),
                least: each.iter().copied().fold(f64::INFINITY, f64::min),
                most: each.iter().copied().fold(0.0, f64::max),
            }
        })
        .collect()
}

/// The ratios as a table.
pub fn ratio_table(ratios: &[Ratio]) -> String {
    let mut rows = vec![
        "| clients | ratio | of the medians | of single rounds |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    rows.extend(ratios.iter().map(|ratio| {
        let Ratio { other, clients, of_medians, least, most } = ratio;
        format!("| {clients} | figure2 / {other} | {of_medians:.2} | {least:.2} to {most:.2} |")
    }));
    rows.join("\n")
}

/// A goal, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// What is asked.
    pub asked: String,
    /// What was measured.
    pub measured: f64,
    /// Whether it is met.
    pub is_met: bool,
}

/// The goals: ahead of both with every number of clients, and twice openraft with 64 and with 256.
pub fn goals(ratios: &[Ratio]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for Ratio { other, clients, of_medians: measured, .. } in ratios {
        let (other, clients, measured) = (*other, *clients, *measured);
        let asked = format!("{clients} clients: ahead of {other}");
        goals.push(Goal { asked, measured, is_met: measured > 1.0 });
        if other == System::Openraft && matches!(clients, 64 | 256) {
            let asked = format!("{clients} clients: twice {other}");
            goals.push(Goal { asked, measured, is_met: measured >= 2.0 });
        }
    }
    goals
}

/// The goals, a line each.
pub fn goal_list(goals: &[Goal]) -> String {
    let lines = goals.iter().map(|Goal { asked, measured, is_met }| {
        format!("{} {asked} ({measured:.2} times)", if *is_met { "met:   " } else { "missed:" })
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The middle one; of an even number, the mean of the two in the middle. None at all: not a number.
fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2);
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2);
    upper.zip(lower).map_or(f64::NAN, |(upper, lower)| f64::midpoint(*upper, *lower))
}

/// A number with commas.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(system: System, clients: usize, operations: &[f64]) -> Series {
        let figures = |operations: &f64| Figures {
            operations: *operations,
            p50: 1.0,
            p99: 2.0,
            cpu: 0.5,
            memory: None,
        };
        Series { system, clients, rounds: operations.iter().map(figures).collect() }
    }

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median([5.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([1.0, 4.0].into_iter()), 2.5);
        assert!(median(std::iter::empty()).is_nan());
    }

    #[test]
    fn ratios_are_of_medians_and_of_rounds() {
        let all = [
            series(System::Figure2, 64, &[200.0, 300.0, 400.0]),
            series(System::Openraft, 64, &[100.0, 100.0, 400.0]),
            series(System::Openraft, 1, &[100.0]),
        ];
        let expected = Ratio { other: System::Openraft, clients: 64, of_medians: 3.0, least: 1.0, most: 3.0 };
        assert_eq!(ratios(&all), [expected]);
        assert!(ratio_table(&ratios(&all)).ends_with("| 64 | figure2 / openraft | 3.00 | 1.00 to 3.00 |"));
    }

    #[test]
    fn goals_are_met_or_missed() {
        let ratio = |other, clients, of_medians| Ratio { other, clients, of_medians, least: 0.0, most: 9.0 };
        let met = |ratio| goals(&[ratio]).iter().map(|goal| goal.is_met).collect::<Vec<_>>();
        assert_eq!(met(ratio(System::Openraft, 64, 1.99)), [true, false]);
        assert_eq!(met(ratio(System::Openraft, 256, 2.0)), [true, true]);
        assert_eq!(met(ratio(System::Openraft, 1024, 1.5)), [true]);
        assert_eq!(met(ratio(System::Raft, 64, 1.0)), [false]);
        let missed = goal_list(&goals(&[ratio(System::Raft, 64, 0.9)]));
        assert_eq!(missed, "missed: 64 clients: ahead of raft (0.90 times)");
    }

    #[test]
    fn a_table_has_a_row_for_each_series() {
        let text = table(&[series(System::Raft, 1, &[1_234_567.0])]);
        assert!(text.ends_with("| 1 | raft | 1,234,567 | 1.0 | 2.0 | 0.500 | unknown |"), "{text}");
    }
}

//! The tables.

use crate::comparison::Series;
use crate::measure::{DiskFigures, Figures};
use crate::system::{System, VOTERS};

/// The medians, a row for each system and number of clients.
pub fn table(all: &[Series]) -> String {
    let on_disk = all.iter().flat_map(|series| &series.rounds).any(|figures| figures.disk.is_some());
    let (names, lines) =
        if on_disk { (" syncs/operation | bytes/operation |", "---|---|") } else { ("", "") };
    let mut rows = vec![
        format!(
            "| clients | system | operations/s | p50, µs | p99, µs | CPU s / 100,000 |{names} MiB at peak |"
        ),
        format!("|---|---|---|---|---|---|{lines}---|"),
    ];
    rows.extend(all.iter().map(|series| {
        let of = |column: fn(&Figures) -> f64| median_of(series, column);
        let memory = median(series.rounds.iter().filter_map(|figures| figures.memory));
        let of_disk = |column: fn(DiskFigures) -> f64| {
            median(series.rounds.iter().filter_map(|figures| figures.disk.map(column)))
        };
        let disk = if on_disk {
            format!(" {:.3} | {:.0} |", of_disk(|disk| disk.syncs), of_disk(|disk| disk.bytes))
        } else {
            String::new()
        };
        format!(
            "| {} | {} | {} | {:.1} | {:.1} | {:.3} |{disk} {} |",
            series.case.clients,
            series.case.system,
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
    let operations = |series: &Series| median_of(series, |figures| figures.operations);
    let others = all.iter().filter(|series| series.case.system != System::Figure2);
    let pairs = others.filter_map(|theirs| {
        let ours = |of: &&Series| of.case.system == System::Figure2 && of.case.clients == theirs.case.clients;
        Some((all.iter().find(ours)?, theirs))
    });
    pairs
        .map(|(ours, theirs)| {
            let rounds = ours.rounds.iter().zip(&theirs.rounds);
            let (least, most) = range(rounds.map(|(ours, theirs)| ours.operations / theirs.operations));
            let of_medians = operations(ours) / operations(theirs);
            Ratio { other: theirs.case.system, clients: theirs.case.clients, of_medians, least, most }
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

/// How long commands take with segments that change and with segments that do not.
pub fn segment_table(segments: &[Series]) -> String {
    let mut rows = vec![
        "| clients | segments of | changes of a log | operations/s | p50, µs | p99, µs |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    rows.extend(segments.iter().map(|series| {
        let disk =
            |figures: &Figures| figures.disk.map_or(f64::NAN, |disk| disk.segments / f64::from(VOTERS));
        format!(
            "| {} | {} MiB | {:.1} | {} | {:.1} | {:.1} |",
            series.case.clients,
            series.case.segment_bytes.unwrap_or_default() >> 20,
            median_of(series, disk),
            thousands(median_of(series, |figures| figures.operations)),
            median_of(series, |figures| figures.p50),
            median_of(series, |figures| figures.p99),
        )
    }));
    rows.join("\n")
}

/// The median of all rounds.
pub fn median_of(series: &Series, column: impl Fn(&Figures) -> f64) -> f64 {
    median(series.rounds.iter().map(column))
}

/// The least and the most.
pub fn range(figures: impl Iterator<Item = f64>) -> (f64, f64) {
    figures.fold((f64::INFINITY, 0.0), |(least, most), figure| (least.min(figure), most.max(figure)))
}

/// The middle one; of an even number, the mean of the two in the middle. None at all: not a number.
pub fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2);
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2);
    upper.zip(lower).map_or(f64::NAN, |(upper, lower)| f64::midpoint(*upper, *lower))
}

/// A number with commas.
pub fn thousands(number: f64) -> String {
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
pub mod tests {
    use super::*;
    use crate::comparison::Case;

    pub fn series(system: System, clients: usize, operations: &[f64]) -> Series {
        let figures = |operations: &f64| Figures {
            operations: *operations,
            p50: 1.0,
            p99: 2.0,
            cpu: 0.5,
            memory: None,
            disk: None,
        };
        let case = Case { system, clients, segment_bytes: None };
        Series { case, rounds: operations.iter().map(figures).collect() }
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
    fn a_table_has_a_row_for_each_series() {
        let text = table(&[series(System::Raft, 1, &[1_234_567.0])]);
        assert!(text.ends_with("| 1 | raft | 1,234,567 | 1.0 | 2.0 | 0.500 | unknown |"), "{text}");
    }
    #[test]
    fn on_disk_a_table_has_two_columns_more() {
        let mut series = series(System::Floor, 16, &[1000.0]);
        series.rounds[0].disk = Some(DiskFigures { syncs: 0.25, bytes: 512.4, segments: 6.0 });
        let text = table(std::slice::from_ref(&series));
        assert!(
            text.ends_with("| 16 | floor | 1,000 | 1.0 | 2.0 | 0.500 | 0.250 | 512 | unknown |"),
            "{text}"
        );
        series.case.segment_bytes = Some(2 << 20);
        assert!(segment_table(&[series]).ends_with("| 16 | 2 MiB | 2.0 | 1,000 | 1.0 | 2.0 |"));
    }
}

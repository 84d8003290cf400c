//! The tables of what was measured over TCP.

use super::case::Kind;
use super::comparison::{TcpFigures, TcpSeries};
use crate::report::{median, range, thousands};

/// The median of all rounds.
pub fn median_of(series: &TcpSeries, column: impl Fn(&TcpFigures) -> f64) -> f64 {
    median(series.rounds.iter().map(column))
}

/// The medians, a row for each case.
pub fn table(all: &[TcpSeries]) -> String {
    let mut rows = vec![
        "| clients | system | operations/s | p50, µs | p99, µs | CPU s / 100,000: servers | clients | syncs/operation \
         | bytes/operation | MB at the start | MB after the load |"
            .to_owned(),
        "|---|---|---|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    rows.extend(all.iter().map(|series| {
        let of = |column: fn(&TcpFigures) -> f64| median_of(series, column);
        format!(
            "| {} | {} | {} | {:.1} | {:.1} | {:.3} | {:.3} | {:.3} | {:.0} | {:.1} | {:.1} |",
            series.case.clients,
            series.case.kind,
            thousands(of(|figures| figures.operations)),
            of(|figures| figures.p50),
            of(|figures| figures.p99),
            of(|figures| figures.servers_cpu),
            of(|figures| figures.clients_cpu),
            of(|figures| figures.syncs),
            of(|figures| figures.bytes),
            of(|figures| figures.at_start),
            of(|figures| figures.after_load),
        )
    }));
    rows.join("\n")
}

/// How many operations figure2 does for each of another kind's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TcpRatio {
    /// The other kind.
    pub other: Kind,
    /// The number of clients.
    pub clients: usize,
    /// Of the medians.
    pub of_medians: f64,
    /// The least of a single round.
    pub least: f64,
    /// The most of a single round.
    pub most: f64,
}

/// figure2 beside each of the others.
pub fn ratios(all: &[TcpSeries]) -> Vec<TcpRatio> {
    let others = all.iter().filter(|series| series.case.kind != Kind::Figure2);
    let pairs = others.filter_map(|theirs| {
        let ours = |of: &&TcpSeries| of.case.kind == Kind::Figure2 && of.case.clients == theirs.case.clients;
        Some((all.iter().find(ours)?, theirs))
    });
    pairs
        .map(|(ours, theirs)| {
            let operations = |series| median_of(series, |figures| figures.operations);
            let rounds = ours.rounds.iter().zip(&theirs.rounds);
            let (least, most) = range(rounds.map(|(ours, theirs)| ours.operations / theirs.operations));
            let of_medians = operations(ours) / operations(theirs);
            TcpRatio { other: theirs.case.kind, clients: theirs.case.clients, of_medians, least, most }
        })
        .collect()
}

/// The ratios as a table.
pub fn ratio_table(ratios: &[TcpRatio]) -> String {
    let mut rows = vec![
        "| clients | ratio | of the medians | of single rounds |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    rows.extend(ratios.iter().map(|ratio| {
        let TcpRatio { other, clients, of_medians, least, most } = ratio;
        format!("| {clients} | figure2 / {other} | {of_medians:.2} | {least:.2} to {most:.2} |")
    }));
    rows.join("\n")
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::tcp::case::TcpCase;

    pub fn series(kind: Kind, clients: usize, operations: &[f64]) -> TcpSeries {
        let figures = |operations: &f64| TcpFigures {
            operations: *operations,
            p50: 1.0,
            p99: 2.0,
            servers_cpu: 1.5,
            clients_cpu: 0.5,
            syncs: 0.25,
            bytes: 512.4,
            at_start: 8.0,
            after_load: 32.0,
        };
        TcpSeries { case: TcpCase { kind, clients }, rounds: operations.iter().map(figures).collect() }
    }

    #[test]
    fn a_table_has_a_row_for_each_case() {
        let text = table(&[series(Kind::Plain, 64, &[900.0, 1100.0])]);
        let row =
            "| 64 | figure2 without TLS | 1,000 | 1.0 | 2.0 | 1.500 | 0.500 | 0.250 | 512 | 8.0 | 32.0 |";
        assert!(text.ends_with(row), "{text}");
        let columns: Vec<_> = text.lines().map(|line| line.matches('|').count()).collect();
        assert_eq!(columns, [12, 12, 12]);
    }

    #[test]
    fn ratios_are_of_medians_and_of_rounds() {
        let all = [
            series(Kind::Figure2, 64, &[50.0, 60.0, 90.0]),
            series(Kind::Floor, 64, &[100.0, 100.0, 100.0]),
            series(Kind::Plain, 1, &[100.0]),
        ];
        let expected = TcpRatio { other: Kind::Floor, clients: 64, of_medians: 0.6, least: 0.5, most: 0.9 };
        assert_eq!(ratios(&all), [expected]);
        assert!(ratio_table(&ratios(&all)).ends_with("| 64 | figure2 / floor | 0.60 | 0.50 to 0.90 |"));
    }
}

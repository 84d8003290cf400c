//! What is to be reached, and what became of it.

use crate::comparison::Series;
use crate::options::{CHANGING, UNCHANGING};
use crate::report::{Ratio, median_of};
use crate::restart::Start;
use crate::system::System;

/// A goal, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// What is asked.
    pub asked: String,
    /// What was measured, with its unit.
    pub measured: String,
    /// Whether it is met.
    pub is_met: bool,
}

pub fn times(asked: String, measured: f64, is_met: bool) -> Goal {
    Goal { asked, measured: format!("{measured:.2} times"), is_met }
}

/// In memory: ahead of both with every number of clients, and twice openraft with 64 and with 256.
pub fn in_memory(ratios: &[Ratio]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for Ratio { other, clients, of_medians: measured, .. } in ratios {
        let (other, clients, measured) = (*other, *clients, *measured);
        goals.push(times(format!("{clients} clients: ahead of {other}"), measured, measured > 1.0));
        if other == System::Openraft && matches!(clients, 64 | 256) {
            goals.push(times(format!("{clients} clients: twice {other}"), measured, measured >= 2.0));
        }
    }
    goals
}

/// On disk: ahead of openraft and at least 60 % of the floor with every number of clients, and p99 with segment changes at
/// most twice what it is without.
pub fn on_disk(ratios: &[Ratio], segments: &[Series]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for Ratio { other, clients, of_medians: measured, .. } in ratios {
        let (clients, measured) = (*clients, *measured);
        match other {
            System::Floor => {
                let asked = format!("{clients} clients: at least 0.6 times the floor");
                goals.push(times(asked, measured, measured >= 0.6));
            }
            System::Openraft => {
                goals.push(times(format!("{clients} clients: ahead of openraft"), measured, measured > 1.0));
            }
            System::Figure2 | System::Raft => {}
        }
    }
    let p99 = |bytes| {
        let series = segments.iter().find(|series| series.case.segment_bytes == Some(bytes))?;
        Some(median_of(series, |figures| figures.p99))
    };
    if let Some((with, without)) = p99(CHANGING).zip(p99(UNCHANGING)) {
        let (measured, asked) = (with / without, "p99 with segment changes: at most twice that without");
        goals.push(times(asked.to_owned(), measured, measured <= 2.0));
    }
    goals
}

/// After a restart: the first answer within 3 s.
pub fn of_restarts(starts: &[Start]) -> Vec<Goal> {
    let goal = |start: &Start| Goal {
        asked: format!("{}: an answer within 3 s of the start", start.what),
        measured: format!("{:.2} s", start.answered.as_secs_f64()),
        is_met: start.answered.as_secs_f64() <= 3.0,
    };
    starts.iter().map(goal).collect()
}

/// The goals, a line each.
pub fn list(goals: &[Goal]) -> String {
    let lines = goals.iter().map(|Goal { asked, measured, is_met }| {
        format!("{} {asked} ({measured})", if *is_met { "met:   " } else { "missed:" })
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::series;

    fn ratio(other: System, clients: usize, of_medians: f64) -> Ratio {
        Ratio { other, clients, of_medians, least: 0.0, most: 9.0 }
    }

    fn met(goals: &[Goal]) -> Vec<bool> {
        goals.iter().map(|goal| goal.is_met).collect()
    }

    #[test]
    fn goals_are_met_or_missed() {
        let met = |ratio| met(&in_memory(&[ratio]));
        assert_eq!(met(ratio(System::Openraft, 64, 1.99)), [true, false]);
        assert_eq!(met(ratio(System::Openraft, 256, 2.0)), [true, true]);
        assert_eq!(met(ratio(System::Openraft, 1024, 1.5)), [true]);
        assert_eq!(met(ratio(System::Raft, 64, 1.0)), [false]);
        let missed = list(&in_memory(&[ratio(System::Raft, 64, 0.9)]));
        assert_eq!(missed, "missed: 64 clients: ahead of raft (0.90 times)");
    }

    #[test]
    fn on_disk_the_floor_is_the_measure() {
        let ratios = [
            ratio(System::Floor, 1, 0.6),
            ratio(System::Floor, 16, 0.59),
            ratio(System::Openraft, 1, 1.01),
            ratio(System::Openraft, 16, 1.0),
            ratio(System::Raft, 1, 0.1),
        ];
        assert_eq!(met(&on_disk(&ratios, &[])), [true, false, true, false]);
        let with = |bytes, p99| {
            let mut series = series(System::Figure2, 256, &[1.0]);
            series.case.segment_bytes = Some(bytes);
            series.rounds[0].p99 = p99;
            series
        };
        for (p99, is_met) in [(20.0, true), (20.1, false)] {
            assert_eq!(met(&on_disk(&[], &[with(CHANGING, p99), with(UNCHANGING, 10.0)])), [is_met]);
        }
    }
}

//! What is to be reached over TCP.

use super::case::Kind;
use super::comparison::TcpSeries;
use super::report::{TcpRatio, median_of};
use crate::goals::{Goal, times};

/// The number of clients for which there is a limit on the CPU.
const CPU_CLIENTS: usize = 64;

/// At least half the floor, and TLS costing at most 15 %, with every number of clients; at most 2 CPU seconds of the servers
/// for 100,000 operations with 64 clients; and less than 64 MB for each server at rest, before and after.
pub fn goals(all: &[TcpSeries], ratios: &[TcpRatio]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for TcpRatio { other, clients, of_medians: measured, .. } in ratios {
        let least = match other {
            Kind::Floor => 0.5,
            Kind::Plain => 0.85,
            Kind::Figure2 => continue,
        };
        let asked = format!("{clients} clients: at least {least} times {other}");
        goals.push(times(asked.replace("times floor", "times the floor"), *measured, *measured >= least));
    }
    let ours = || all.iter().filter(|series| series.case.kind == Kind::Figure2);
    if let Some(series) = ours().find(|series| series.case.clients == CPU_CLIENTS) {
        let cpu = median_of(series, |figures| figures.servers_cpu);
        goals.push(Goal {
            asked: format!(
                "{CPU_CLIENTS} clients: at most 2 CPU seconds of the servers for 100,000 operations"
            ),
            measured: format!("{cpu:.2} s"),
            is_met: cpu <= 2.0,
        });
    }
    // Where the system does not tell, it is not known to be met.
    let of = |series: &TcpSeries| {
        let [start, after] = [median_of(series, |of| of.at_start), median_of(series, |of| of.after_load)];
        if start.is_nan() || after.is_nan() { f64::NAN } else { start.max(after) }
    };
    let most = ours().map(of).fold(0.0, |most: f64, of| if of.is_nan() { of } else { most.max(of) });
    goals.push(Goal {
        asked: "a server at rest: less than 64 MB".to_owned(),
        measured: format!("{most:.1} MB at most"),
        is_met: most < 64.0,
    });
    goals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goals::list;
    use crate::tcp::ratios;
    use crate::tcp::report::tests::series;

    fn outcome(all: &[TcpSeries]) -> String {
        list(&goals(all, &ratios(all)))
    }

    #[test]
    fn goals_are_met_or_missed() {
        let all = |ours: f64| {
            let of = |kind, operations: f64| series(kind, 64, &[operations]);
            [of(Kind::Figure2, ours), of(Kind::Floor, 100.0), of(Kind::Plain, 58.0)]
        };
        let met = "met:    64 clients: at least 0.5 times the floor (0.50 times)\n\
                   met:    64 clients: at least 0.85 times figure2 without TLS (0.86 times)\n\
                   met:    64 clients: at most 2 CPU seconds of the servers for 100,000 operations (1.50 s)\n\
                   met:    a server at rest: less than 64 MB (32.0 MB at most)";
        assert_eq!(outcome(&all(50.0)), met);
        let missed = outcome(&all(49.0));
        assert!(
            missed.starts_with("missed: 64 clients: at least 0.5 times the floor (0.49 times)\nmissed: "),
            "{missed}"
        );
    }

    #[test]
    fn cpu_counts_with_64_clients_and_memory_with_all() {
        let mut all = [series(Kind::Figure2, 64, &[1.0]), series(Kind::Figure2, 1024, &[1.0])];
        let met = |all: &[TcpSeries]| goals(all, &[]).iter().map(|goal| goal.is_met).collect::<Vec<_>>();
        all[1].rounds[0].servers_cpu = 9.0;
        assert_eq!(met(&all), [true, true]);
        all[0].rounds[0].servers_cpu = 2.01;
        all[1].rounds[0].after_load = 64.0;
        assert_eq!(met(&all), [false, false]);
        all[1].rounds[0].after_load = f64::NAN;
        assert_eq!(met(&all), [false, false], "what is not known is not met");
        // What others take is no goal.
        let mut floor = series(Kind::Floor, 64, &[1.0]);
        (floor.rounds[0].servers_cpu, floor.rounds[0].at_start) = (9.0, 99.0);
        assert_eq!(met(&[floor]), [true]);
    }
}

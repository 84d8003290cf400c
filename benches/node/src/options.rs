//! The command line.

use crate::comparison::Case;
use crate::disk::Medium;
use crate::measure::{Measurement, Threads};
use crate::system::System;
use crate::tcp::Serve;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// figure2 beside openraft 0.10 and raft-rs 0.7 (batch_append): three voters in one process, in memory or, with --durable,
/// on disk; commands of 128 bytes. Each client sends its next command when the last one is committed and applied on the
/// leader.
///
/// Each measurement is a process of its own. In each round every system has its turn with every number of clients, and
/// another system begins in the next round. The tables have the medians of the rounds. docs/benchmarks.md says what the
/// figures mean, and what not.
#[derive(Parser, Clone, Debug, PartialEq)]
#[command(
    name = "cargo bench-node",
    bin_name = "cargo bench-node",
    after_help = "Exit code: 0 done, 1 with --goals a goal is missed, 2 nothing could be measured, or a bad option.",
    args_conflicts_with_subcommands = true
)]
pub struct Options {
    #[command(subcommand)]
    pub task: Option<Task>,
    #[command(flatten)]
    pub comparison: Comparison,
}

/// Which systems are compared, and how long.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Each voter has its log on disk, with real syncs; and the floor is measured, too: the protocol's syncs and messages
    /// and nothing else
    #[arg(long)]
    pub durable: bool,
    /// figure2 alone, beside a floor: each voter is a process of its own, with its log on disk and real syncs. They speak with
    /// each other over TCP with mutual TLS, and, for the record, without; clients come over TCP, too
    #[arg(long, conflicts_with_all = ["durable", "systems", "threads"])]
    pub tcp: bool,
    /// In place of all else: how long a server with 1 GiB of log takes from its start to its first answer. With --goals it
    /// exits with 1 if that is more than 3 s
    #[arg(long, conflicts_with_all = ["durable", "tcp", "quick", "rounds", "seconds", "warm_up", "clients", "systems", "threads"])]
    pub restart: bool,
    /// Where the logs are, in a directory that is removed at the end; it must be on a disk. Where this program was built,
    /// if none is named
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Short measurements: 0.3 s to warm up, 0.8 s measured, 5 rounds; on disk and over TCP 0.2 s, 0.5 s, 3 rounds. Less than
    /// two minutes in all
    #[arg(long, conflicts_with_all = ["rounds", "seconds", "warm_up"])]
    pub quick: bool,
    /// Exit with 1 where a goal is missed. In memory: ahead of both others with every number of clients, and twice as much
    /// as openraft with 64 and with 256. On disk: ahead of openraft and at least 60 % of the floor with every number of
    /// clients, and p99 with segment changes at most twice what it is without. Over TCP: at least half the floor, and 85 % of
    /// what it is without TLS, with every number of clients; with 64 at most 2 CPU seconds of the servers for 100,000
    /// commands; and less than 64 MB for a server at rest
    #[arg(long, conflicts_with_all = ["clients", "systems", "threads"])]
    pub goals: bool,
    /// How often each measurement is repeated
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// How long each measurement lasts
    #[arg(long, value_name = "S", default_value = "2", value_parser = seconds, allow_negative_numbers = true)]
    pub seconds: Duration,
    /// How long the system runs before each measurement
    #[arg(long, value_name = "S", default_value = "0.5", value_parser = seconds, allow_negative_numbers = true)]
    pub warm_up: Duration,
    /// Numbers of clients, with commas between them [default: 1,64,256,1024; on disk 16, too]
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = clients)]
    pub clients: Vec<usize>,
    /// Systems, with commas between them [default: all]
    #[arg(long, value_enum, value_name = "NAME,NAME", value_delimiter = ',')]
    pub systems: Vec<System>,
    /// Who runs on which of tokio's two worker threads
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub threads: Threads,
}

/// Bytes of a segment where systems are compared, as figure2-wal has them by default. Two for each voter are zeroed before
/// each measurement.
pub const SEGMENT_BYTES: u64 = 16 << 20;

/// Bytes of a segment, and clients, for the time of a command with segment changes and without.
pub const CHANGING: u64 = 2 << 20;
pub const UNCHANGING: u64 = 64 << 20;
pub const CHANGING_CLIENTS: usize = 256;

impl Comparison {
    /// What `--quick` and the other options stand for is put in place.
    ///
    /// # Errors
    /// What makes no sense together.
    pub fn resolved(mut self) -> Result<Comparison, String> {
        if self.quick {
            let ms = Duration::from_millis;
            (self.rounds, self.warm_up, self.seconds) =
                if self.durable || self.tcp { (3, ms(200), ms(500)) } else { (5, ms(300), ms(800)) };
        }
        if self.clients.is_empty() {
            self.clients = if self.durable { vec![1, 16, 64, 256, 1024] } else { vec![1, 64, 256, 1024] };
        }
        if self.systems.is_empty() {
            self.systems = System::all(self.durable);
        }
        if !self.durable && self.systems.contains(&System::Floor) {
            return Err("the floor is one of disks: --systems floor needs --durable".to_owned());
        }
        // What is named twice is measured once.
        let (mut clients, mut systems) = (Vec::new(), Vec::new());
        self.clients.iter().for_each(|count| {
            if !clients.contains(count) {
                clients.push(*count)
            }
        });
        self.systems.iter().for_each(|system| {
            if !systems.contains(system) {
                systems.push(*system)
            }
        });
        (self.clients, self.systems) = (clients, systems);
        Ok(self)
    }

    /// What is measured in each round; what stands together takes turns. The first are those of the comparison.
    pub fn cases(&self) -> Vec<Vec<Case>> {
        let segment_bytes = self.durable.then_some(SEGMENT_BYTES);
        let together = |clients| {
            self.systems.iter().map(move |system| Case { system: *system, clients, segment_bytes }).collect()
        };
        self.clients.iter().copied().map(together).collect()
    }

    /// figure2 with segments that change all the time, and with segments that do not; on disk only, where all is measured.
    pub fn segment_cases(&self) -> Vec<Vec<Case>> {
        if !self.durable
            || !self.systems.contains(&System::Figure2)
            || !self.clients.contains(&CHANGING_CLIENTS)
        {
            return Vec::new();
        }
        let case =
            |bytes| Case { system: System::Figure2, clients: CHANGING_CLIENTS, segment_bytes: Some(bytes) };
        vec![vec![case(CHANGING), case(UNCHANGING)]]
    }

    /// A measurement of this comparison.
    pub fn measurement(&self, system: System, clients: usize, medium: Medium) -> Measurement {
        let (threads, warm_up, time) = (self.threads, self.warm_up, self.seconds);
        Measurement { system, medium, clients, threads, warm_up, time }
    }
}

/// What a process that this one starts does.
#[derive(Subcommand, Clone, Debug, PartialEq)]
pub enum Task {
    /// One measurement in this process; prints its figures as JSON
    #[command(hide = true)]
    Measure(Measure),
    /// A voter of --tcp; standard input and output are for whoever has started it
    #[command(hide = true)]
    Serve(Serve),
}

#[derive(Args, Clone, Debug, PartialEq)]
pub struct Measure {
    #[arg(value_enum)]
    system: System,
    #[arg(value_parser = clients)]
    clients: usize,
    #[arg(value_enum)]
    threads: Threads,
    #[arg(value_parser = seconds)]
    warm_up: Duration,
    #[arg(value_parser = seconds)]
    time: Duration,
    /// The directory for the logs; without it they are in memory
    #[arg(requires = "segment_bytes")]
    directory: Option<PathBuf>,
    segment_bytes: Option<u64>,
}

impl From<&Measurement> for Vec<String> {
    fn from(measurement: &Measurement) -> Vec<String> {
        let Measurement { system, medium, clients, threads, warm_up, time } = measurement;
        let seconds = |time: &Duration| time.as_secs_f64().to_string();
        let what = [system.to_string(), clients.to_string(), threads.to_string()];
        let place = match medium {
            Medium::Memory => Vec::new(),
            Medium::Disk { directory, segment_bytes } => {
                vec![directory.display().to_string(), segment_bytes.to_string()]
            }
        };
        let times = [seconds(warm_up), seconds(time)];
        std::iter::once("measure".to_owned()).chain(what).chain(times).chain(place).collect()
    }
}

impl From<Measure> for Measurement {
    fn from(told: Measure) -> Measurement {
        let Measure { system, clients, threads, warm_up, time, directory, segment_bytes } = told;
        let medium = match directory.zip(segment_bytes) {
            None => Medium::Memory,
            Some((directory, segment_bytes)) => Medium::Disk { directory, segment_bytes },
        };
        Measurement { system, medium, clients, threads, warm_up, time }
    }
}

fn seconds(word: &str) -> Result<Duration, String> {
    let problem = || "it must be a number of seconds, above 0 and at most 3600".to_owned();
    let number: f64 = word.parse().map_err(|_| problem())?;
    if number > 0.0 && number <= 3600.0 { Ok(Duration::from_secs_f64(number)) } else { Err(problem()) }
}

fn clients(word: &str) -> Result<usize, String> {
    match word.parse() {
        Ok(count @ 1..=100_000) => Ok(count),
        _ => Err("it must be a number from 1 to 100000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::case::Kind;
    use clap::CommandFactory as _;
    use std::ffi::OsString;

    fn parse(line: &str) -> Result<Options, String> {
        let words = std::iter::once("bench-node").chain(line.split_whitespace());
        Options::try_parse_from(words).map_err(|error| error.to_string())
    }

    fn resolve(line: &str) -> Result<Comparison, String> {
        parse(line)?.comparison.resolved()
    }

    #[test]
    fn the_definition_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn options_change_what_they_name() {
        let comparison =
            resolve("--rounds 9 --seconds 0.5 --clients 1,64,1 --systems figure2,openraft").unwrap();
        assert_eq!((comparison.rounds, comparison.seconds), (9, Duration::from_millis(500)));
        assert_eq!(
            (comparison.clients, comparison.systems),
            (vec![1, 64], vec![System::Figure2, System::Openraft])
        );
        let quick = resolve("--quick --goals").unwrap();
        assert_eq!((quick.rounds, quick.seconds), (5, Duration::from_millis(800)));
        assert_eq!((quick.clients, quick.systems), (vec![1, 64, 256, 1024], System::all(false)));
    }

    #[test]
    fn on_disk_there_is_a_floor_and_segments_change() {
        let comparison = resolve("--durable --quick --dir /somewhere").unwrap();
        assert_eq!((comparison.rounds, comparison.seconds), (3, Duration::from_millis(500)));
        assert_eq!(
            (&comparison.clients[..], &comparison.systems),
            (&[1, 16, 64, 256, 1024][..], &System::all(true))
        );
        let cases = comparison.cases();
        assert_eq!((cases.len(), cases[0].len()), (5, 4));
        let sizes: Vec<_> =
            comparison.segment_cases().concat().iter().map(|case| case.segment_bytes).collect();
        assert_eq!(sizes, [Some(CHANGING), Some(UNCHANGING)]);
        assert_eq!(resolve("--quick").unwrap().segment_cases(), [] as [Vec<Case>; 0]);
        assert!(resolve("--quick").unwrap().cases().concat().iter().all(|case| case.segment_bytes.is_none()));
    }

    #[test]
    fn over_tcp_it_is_as_quick_as_on_disk_and_has_the_clients_of_memory() {
        let comparison = resolve("--tcp --quick --goals").unwrap();
        assert_eq!((comparison.rounds, comparison.seconds), (3, Duration::from_millis(500)));
        assert_eq!(comparison.clients, [1, 64, 256, 1024]);
        assert_eq!(resolve("--tcp --clients 8,8,2").unwrap().clients, [8, 2]);
    }

    #[test]
    fn a_voter_is_what_its_arguments_say() {
        let (directory, certificates) = ("/some/where".into(), Some("/some/certificates".into()));
        let with = Serve { kind: Kind::Floor, voter: 2, directory, segment_bytes: 4096, certificates };
        let without = Serve { kind: Kind::Plain, certificates: None, ..with.clone() };
        for serve in [with, without] {
            let words = Vec::<OsString>::from(&serve).join(" ".as_ref());
            let Some(Task::Serve(told)) = parse(&words.to_string_lossy()).unwrap().task else {
                unreachable!("{words:?}")
            };
            assert_eq!(told, serve);
        }
        assert!(parse("serve floor 3 /some/where 4096").unwrap_err().contains("3"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_is_wrong() {
        for (line, what) in [
            ("--rounds 0", "--rounds"),
            ("--seconds never", "number of seconds"),
            ("--seconds -1", "seconds"),
            ("--clients 0", "from 1 to"),
            ("--systems etcd", "figure2, openraft, raft"),
            ("--systems floor", "needs --durable"),
            ("--goals --clients 1", "cannot be used with"),
            ("--quick --rounds 9", "cannot be used with"),
            ("--restart --durable", "cannot be used with"),
            ("--tcp --durable", "cannot be used with"),
            ("--tcp --systems raft", "cannot be used with"),
            ("--restart --tcp", "cannot be used with"),
            ("--quik", "--quik"),
        ] {
            let outcome = resolve(line);
            assert!(outcome.as_ref().is_err_and(|problem| problem.contains(what)), "{line}: {outcome:?}");
        }
    }

    #[test]
    fn a_measurement_is_what_its_arguments_say() {
        let (warm_up, time) = (Duration::from_millis(300), Duration::from_secs(2));
        let disk = Medium::Disk { directory: "/some/where".into(), segment_bytes: 4096 };
        for medium in [Medium::Memory, disk] {
            let (system, threads) = (System::Raft, Threads::Split);
            let measurement = Measurement { system, medium, clients: 64, threads, warm_up, time };
            let words = Vec::from(&measurement).join(" ");
            let Some(Task::Measure(told)) = parse(&words).unwrap().task else { unreachable!("{words}") };
            assert_eq!(Measurement::from(told), measurement);
        }
    }
}

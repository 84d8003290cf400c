//! One search in this process, and its figures.

use crate::memory;
use crate::options::count;
use crate::stateright_raft::RaftModelCfg;
use clap::{Subcommand, ValueEnum};
use cpu_time::ProcessTime;
use figure2_model::{CheckOptions, Profile, Report, System, Verdict, check, profile, profiles};
use figure2_timely::{Hosts, Plan};
use stateright::actor::Network;
use stateright::{Checker, Model};
use std::fmt;
use std::net::TcpListener;
use std::str::FromStr;
use std::thread;
use std::time::Instant;

/// A model, and how it is searched.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// Ours, depth first, through all of a profile
    #[command(name = "search-figure2", hide = true)]
    Figure2 {
        /// The profile's name
        profile: String,
        /// Threads of the search
        #[arg(value_parser = count)]
        threads: usize,
    },
    /// Ours, breadth first on Timely Dataflow, through all of a profile
    #[command(name = "search-timely", hide = true)]
    Timely {
        /// The profile's name
        profile: String,
        /// Threads of the search
        #[arg(value_parser = count)]
        threads: usize,
    },
    /// The same by two processes of one thread each, on loopback; here they are threads of one, so that their processor time
    /// and memory are counted together
    #[command(name = "search-processes", hide = true)]
    Processes {
        /// The profile's name
        profile: String,
    },
    /// stateright's example as its own `check` command sets it up, down to a depth: its terms have no bound
    #[command(name = "search-stateright", hide = true)]
    Stateright {
        /// In which order
        order: Order,
        /// Longest path, counted in states
        #[arg(value_parser = count)]
        depth: usize,
        /// Threads of the search
        #[arg(value_parser = count)]
        threads: usize,
    },
}

/// The order of a search.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Breadth first, as the example's own command does it
    #[value(name = "bfs")]
    Breadth,
    /// Depth first, as ours
    #[value(name = "dfs")]
    Depth,
}

impl Search {
    /// A short name for tables.
    pub fn name(&self) -> &'static str {
        match self {
            Search::Figure2 { .. } => "figure2 dfs",
            Search::Timely { .. } => "figure2 timely",
            Search::Processes { .. } => "figure2 timely x 2",
            Search::Stateright { order: Order::Breadth, .. } => "stateright bfs",
            Search::Stateright { order: Order::Depth, .. } => "stateright dfs",
        }
    }

    /// The arguments with which this program does the search.
    pub fn arguments(&self) -> Vec<String> {
        match self {
            Search::Figure2 { profile, threads } => {
                vec!["search-figure2".to_owned(), profile.clone(), threads.to_string()]
            }
            Search::Timely { profile, threads } => {
                vec!["search-timely".to_owned(), profile.clone(), threads.to_string()]
            }
            Search::Processes { profile } => vec!["search-processes".to_owned(), profile.clone()],
            Search::Stateright { order, depth, threads } => {
                let order = match order {
                    Order::Breadth => "bfs",
                    Order::Depth => "dfs",
                };
                let command = "search-stateright".to_owned();
                vec![command, order.to_owned(), depth.to_string(), threads.to_string()]
            }
        }
    }

    /// Searches.
    ///
    /// # Errors
    /// When there is no such profile, or our search did not visit every state.
    pub fn run(&self) -> Result<Figures, String> {
        match self {
            Search::Figure2 { profile, threads } => figure2(profile, *threads, |profile, options| {
                check(profile, options, &mut |_| ()).map_err(|error| error.to_string())
            }),
            Search::Timely { profile, threads } => figure2(profile, *threads, |profile, options| {
                let plan = Plan::of_threads(*threads);
                figure2_timely::check(&System::default(), profile, options, &plan, &mut |_| ())
                    .map_err(|error| error.to_string())
            }),
            Search::Processes { profile } => figure2(profile, 1, two_processes),
            Search::Stateright { order, depth, threads } => Ok(stateright(*order, *depth, *threads)),
        }
    }
}

/// What a search found and took.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// States generated, repeats included.
    pub generated: u64,
    /// Distinct states.
    pub distinct: u64,
    /// How long the search took.
    pub seconds: f64,
    /// How long its threads ran, in all: on a busy machine that says more.
    pub cpu_seconds: f64,
    /// Most resident memory, less that before the search, in bytes; none where the system does not tell.
    pub bytes: Option<u64>,
    /// What the search says of the model.
    pub verdict: String,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.map_or("unknown".to_owned(), |bytes| bytes.to_string());
        let Figures { generated, distinct, seconds, cpu_seconds, verdict, .. } = self;
        write!(f, "{generated} {distinct} {seconds} {cpu_seconds} {bytes} {verdict}")
    }
}

impl FromStr for Figures {
    type Err = String;

    fn from_str(line: &str) -> Result<Figures, String> {
        let words: Vec<&str> = line.trim().splitn(6, ' ').collect();
        let [generated, distinct, seconds, cpu_seconds, bytes, verdict] = words[..] else {
            return Err(format!("not the figures of a search: {line}"));
        };
        let number = |word: &str| word.parse().map_err(|error| format!("{word}: {error}"));
        let time = |word: &str| word.parse().map_err(|error| format!("{word}: {error}"));
        Ok(Figures {
            generated: number(generated)?,
            distinct: number(distinct)?,
            seconds: time(seconds)?,
            cpu_seconds: time(cpu_seconds)?,
            bytes: if bytes == "unknown" { None } else { Some(number(bytes)?) },
            verdict: verdict.to_owned(),
        })
    }
}

fn figure2(
    name: &str,
    threads: usize,
    check: impl FnOnce(&Profile, &CheckOptions) -> Result<Report, String>,
) -> Result<Figures, String> {
    let profile = profile(name).ok_or_else(|| no_such_profile(name))?;
    let start = Start::now();
    let options = CheckOptions { threads, ..CheckOptions::default() };
    let report = check(&profile, &options)?;
    let (_, cpu_seconds, bytes) = start.elapsed();
    if report.verdict != Verdict::Holds {
        return Err(format!("{name}: {:?}; check it first", report.verdict));
    }
    Ok(Figures {
        generated: report.generated,
        distinct: report.distinct,
        seconds: report.elapsed.as_secs_f64(),
        cpu_seconds,
        bytes,
        verdict: "all properties hold in every state".to_owned(),
    })
}

/// A search by two processes.
fn two_processes(profile: &Profile, options: &CheckOptions) -> Result<Report, String> {
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let free = || free().map(|address| address.to_string()).map_err(|error| error.to_string());
    let addresses = vec![free()?, free()?];
    let search = |process: usize| {
        let hosts = Hosts::new(addresses.clone(), process).map_err(|error| error.to_string())?;
        let plan = Plan { hosts: Some(hosts), ..Plan::of_threads(1) };
        figure2_timely::check(&System::default(), profile, options, &plan, &mut |_| ())
            .map_err(|error| error.to_string())
    };
    thread::scope(|scope| {
        let second = scope.spawn(|| search(1));
        let first = search(0);
        // Both have the same report, or the same reason why not.
        second.join().map_err(|_| "the second process panicked".to_owned())??;
        first
    })
}

/// Why a profile cannot be searched.
pub fn no_such_profile(name: &str) -> String {
    let possible: Vec<String> = profiles().into_iter().map(|profile| profile.name).collect();
    format!("there is no profile {name}; possible are {}", possible.join(", "))
}

fn stateright(order: Order, depth: usize, threads: usize) -> Figures {
    let example = RaftModelCfg { server_count: 3, network: Network::new_unordered_nonduplicating([]) };
    let start = Start::now();
    let builder = example.into_model().checker().target_max_depth(depth).threads(threads);
    match order {
        Order::Breadth => figures_of(&builder.spawn_bfs().join(), &start),
        Order::Depth => figures_of(&builder.spawn_dfs().join(), &start),
    }
}

fn figures_of<M>(checker: &impl Checker<M>, start: &Start) -> Figures
where
    M: Model,
    M::State: Clone + PartialEq,
    M::Action: Clone + PartialEq,
{
    let (seconds, cpu_seconds, bytes) = start.elapsed();
    let mut found: Vec<&str> = checker.discoveries().into_keys().collect();
    found.sort_unstable();
    let verdict =
        format!("found: {}", if found.is_empty() { "nothing".to_owned() } else { found.join(", ") });
    let (generated, distinct) = (checker.state_count() as u64, checker.unique_state_count() as u64);
    Figures { generated, distinct, seconds, cpu_seconds, bytes, verdict }
}

/// The clocks and the memory as a search begins.
struct Start {
    time: Instant,
    cpu: ProcessTime,
    resident: Option<u64>,
}

impl Start {
    fn now() -> Start {
        Start { time: Instant::now(), cpu: ProcessTime::now(), resident: memory::resident() }
    }

    /// Seconds, CPU seconds, and the most bytes beyond those at the beginning.
    fn elapsed(&self) -> (f64, f64, Option<u64>) {
        let bytes = memory::peak().zip(self.resident).map(|(peak, before)| peak.saturating_sub(before));
        (self.time.elapsed().as_secs_f64(), self.cpu.elapsed().as_secs_f64(), bytes)
    }
}

/// The profile whose states are generated to count instructions.
pub const COUNTED_PROFILE: &str = "replication";

/// Generates at least so many states of [`COUNTED_PROFILE`] in one thread, always the same ones, and tells how many
/// it was. Unlike a check it does not look up from time to time how the search is getting on, which would make the
/// count of instructions depend on the clock.
///
/// # Errors
/// When the model refuses the profile.
pub fn generate(count: usize) -> Result<u64, String> {
    let profile = profile(COUNTED_PROFILE).ok_or_else(|| no_such_profile(COUNTED_PROFILE))?;
    let cluster = profile.cluster(&System::default()).map_err(|error| error.to_string())?;
    let checker = cluster.checker().threads(1).target_state_count(count).spawn_dfs().join();
    Ok(checker.state_count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_survive_the_way_to_the_parent() {
        let figures = Figures {
            generated: 7,
            distinct: 3,
            seconds: 0.125,
            cpu_seconds: 0.25,
            bytes: None,
            verdict: "found: Election Safety".to_owned(),
        };
        assert_eq!(figures.to_string().parse(), Ok(figures.clone()));
        let told = Figures { bytes: Some(4096), ..figures };
        assert_eq!(told.to_string().parse(), Ok(told));
        assert!("7 3 1 x 4096 nothing".parse::<Figures>().is_err());
        assert!("7 3".parse::<Figures>().is_err());
    }

    #[test]
    fn generating_twice_is_the_same() {
        assert_eq!(generate(5_000), generate(5_000));
    }

    #[test]
    fn the_example_is_searched_in_both_orders_and_its_figures_are_taken() {
        for order in [Order::Breadth, Order::Depth] {
            let figures = stateright(order, 5, 1);
            assert!(figures.generated > figures.distinct && figures.distinct > 100, "{figures:?}");
        }
    }

    #[test]
    fn an_unknown_profile_is_refused_with_what_is_possible() {
        let search = Search::Figure2 { profile: "elections".to_owned(), threads: 1 };
        assert!(search.run().is_err_and(|problem| problem.contains("election-5")));
    }
}

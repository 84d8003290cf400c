//! The command line.

use crate::search::Search;
use clap::{Args, Parser, Subcommand};

/// Benchmarks: our search beside that of stateright's Raft example, and the instructions of a step.
#[derive(Parser)]
#[command(
    name = "figure2-benches",
    after_help = "Exit code: 0 done, 1 more instructions than the file says, 2 nothing could be measured."
)]
struct Options {
    #[command(subcommand)]
    task: Task,
}

/// What to do.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Compare our search with that of stateright's Raft example, in turn (cargo bench-model)
    #[command(name = "model", bin_name = "cargo bench-model")]
    Comparison(Comparison),
    /// How a space grows with its bounds: each rung's states, as far as they can be found in so many seconds
    /// (cargo bench-ladder)
    #[command(bin_name = "cargo bench-ladder")]
    Ladder {
        /// Longest time for a rung
        #[arg(long, value_name = "S", default_value = "120", value_parser = count)]
        seconds: usize,
        /// Threads of each search
        #[arg(long, value_name = "N", default_value = "2", value_parser = count)]
        threads: usize,
    },
    /// Count instructions of steps of the core, and of a generated state of the model, and compare them with
    /// benches/instructions.txt (cargo bench-instructions)
    #[command(bin_name = "cargo bench-instructions")]
    Instructions {
        /// Write them to benches/instructions.txt instead
        #[arg(long)]
        bless: bool,
    },
    /// In a process of its own: one search.
    #[command(flatten)]
    Search(Search),
    /// In a process of its own: a step of the core, over and over
    #[command(hide = true)]
    Steps {
        /// Which step
        case: String,
        /// How often
        #[arg(value_parser = count)]
        count: usize,
    },
    /// In a process of its own: states of the model
    #[command(hide = true)]
    States {
        /// At least so many
        #[arg(value_parser = count)]
        count: usize,
    },
}

/// How two models are compared.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Our profile
    #[arg(long, value_name = "NAME", default_value = "replication")]
    pub profile: String,
    /// Longest path in stateright's example, counted in states, when it is searched breadth first
    #[arg(long, value_name = "N", default_value = "10", value_parser = count)]
    pub bfs_depth: usize,
    /// The same, when it is searched depth first: then far fewer states are within the same depth, because those that were
    /// first reached on a longer way are not visited again
    #[arg(long, value_name = "N", default_value = "13", value_parser = count)]
    pub dfs_depth: usize,
    /// Threads of each search
    #[arg(long, value_name = "N", default_value = "2", value_parser = count)]
    pub threads: usize,
    /// How often each is searched; the medians are compared
    #[arg(long, value_name = "N", default_value = "3", value_parser = count)]
    pub runs: usize,
}

/// Reads the arguments.
///
/// # Errors
/// When they make no sense, with what is wrong; and the help, if they ask for that.
pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Task, clap::Error> {
    let program = "figure2-benches".to_owned();
    Options::try_parse_from(std::iter::once(program).chain(arguments)).map(|options| options.task)
}

/// A number of things, at least one.
pub fn count(word: &str) -> Result<usize, String> {
    match word.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("it must be a number, at least 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Order;
    use clap::CommandFactory as _;

    fn parse_words(line: &str) -> Result<Task, String> {
        parse(line.split_whitespace().map(str::to_owned)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_definition_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn a_search_is_what_its_arguments_say() {
        let searches = [
            Search::Figure2 { profile: "crash".to_owned(), threads: 2 },
            Search::Timely { profile: "crash".to_owned(), threads: 1 },
            Search::Processes { profile: "crash".to_owned() },
            Search::Stateright { order: Order::Breadth, depth: 12, threads: 2 },
            Search::Stateright { order: Order::Depth, depth: 9, threads: 1 },
        ];
        for search in searches {
            assert_eq!(parse_words(&search.arguments().join(" ")), Ok(Task::Search(search)));
        }
    }

    #[test]
    fn options_change_what_they_name() {
        let usual = Comparison {
            profile: "replication".to_owned(),
            bfs_depth: 10,
            dfs_depth: 13,
            threads: 2,
            runs: 3,
        };
        assert_eq!(parse_words("model"), Ok(Task::Comparison(usual)));
        let changed =
            Comparison { profile: "crash".to_owned(), bfs_depth: 7, dfs_depth: 8, threads: 1, runs: 5 };
        let line = "model --profile crash --bfs-depth 7 --dfs-depth 8 --threads 1 --runs 5";
        assert_eq!(parse_words(line), Ok(Task::Comparison(changed)));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_is_wrong() {
        for (line, what) in [
            ("model --runs 0", "at least 1"),
            ("model --runs", "a value is required"),
            ("model --run 1", "--run"),
            ("instructions --bles", "--bles"),
            ("search-stateright wide 3 1", "bfs, dfs"),
            ("", "model"),
        ] {
            assert!(parse_words(line).is_err_and(|problem| problem.contains(what)), "{line}");
        }
    }
}

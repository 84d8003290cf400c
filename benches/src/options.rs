//! The command line.

use crate::search::{Order, Search};
use std::str::FromStr;

/// What is possible.
pub const USAGE: &str = "\
cargo bench-model [options]      our search and that of stateright's Raft example, alternately
  --profile NAME                 the profile to search [replication]
  --bfs-depth N, --dfs-depth N   longest path in stateright's example, counted in states [10 and 13]
  --threads N                    threads of each search [2]
  --runs N                       how often each is searched; the medians are compared [3]
cargo bench-instructions         instructions of steps of the core, and of a generated state of the model;
                                 compared with benches/instructions.txt
  --bless                        write them to benches/instructions.txt instead
exit code: 0 done, 1 more instructions than the file says, 2 nothing could be measured";

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Compare two models.
    Comparison(Comparison),
    /// Count instructions.
    Instructions {
        /// Whether the counts become the ones to compare with.
        bless: bool,
    },
    /// In a process of its own: one search.
    Search(Search),
    /// In a process of its own: a step of the core, over and over.
    Steps {
        /// Which step.
        case: String,
        /// How often.
        count: usize,
    },
    /// In a process of its own: states of the model.
    States {
        /// At least so many.
        count: usize,
    },
}

/// How two models are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Our profile.
    pub profile: String,
    /// Longest path in stateright's example, counted in states, when it is searched breadth first.
    pub bfs_depth: usize,
    /// The same, when it is searched depth first: then far fewer states are within the same depth, for those that
    /// were first reached on a longer way are not looked at again.
    pub dfs_depth: usize,
    /// Threads of each search.
    pub threads: usize,
    /// How often each is searched.
    pub runs: usize,
}

impl Default for Comparison {
    fn default() -> Self {
        Comparison { profile: "replication".to_owned(), bfs_depth: 10, dfs_depth: 13, threads: 2, runs: 3 }
    }
}

/// Reads the arguments.
///
/// # Errors
/// When they make no sense, with what is wrong.
pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Task, String> {
    let arguments: Vec<String> = arguments.collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["model", ref options @ ..] => comparison(options).map(Task::Comparison),
        ["instructions"] => Ok(Task::Instructions { bless: false }),
        ["instructions", "--bless"] => Ok(Task::Instructions { bless: true }),
        ["search-figure2", profile, threads] => Ok(Task::Search(Search::Figure2 {
            profile: profile.to_owned(),
            threads: count("threads", threads)?,
        })),
        ["search-stateright", order, depth, threads] => {
            let order = match order {
                "bfs" => Order::Breadth,
                "dfs" => Order::Depth,
                _ => return Err(format!("{order}: possible are bfs and dfs")),
            };
            let (depth, threads) = (count("depth", depth)?, count("threads", threads)?);
            Ok(Task::Search(Search::Stateright { order, depth, threads }))
        }
        ["steps", case, number] => Ok(Task::Steps { case: case.to_owned(), count: count("steps", number)? }),
        ["states", number] => Ok(Task::States { count: count("states", number)? }),
        _ => Err(format!("not understood: {}", arguments.join(" "))),
    }
}

fn comparison(options: &[&str]) -> Result<Comparison, String> {
    let mut comparison = Comparison::default();
    for pair in options.chunks(2) {
        let [name, value] = *pair else { return Err(format!("{} needs a value", pair.join(" "))) };
        match name {
            "--profile" => value.clone_into(&mut comparison.profile),
            "--bfs-depth" => comparison.bfs_depth = count(name, value)?,
            "--dfs-depth" => comparison.dfs_depth = count(name, value)?,
            "--threads" => comparison.threads = count(name, value)?,
            "--runs" => comparison.runs = count(name, value)?,
            _ => return Err(format!("{name}: there is no such option")),
        }
    }
    Ok(comparison)
}

fn count(name: &str, value: &str) -> Result<usize, String> {
    match usize::from_str(value) {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{name} {value}: it must be a number, at least 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(line: &str) -> Result<Task, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_search_is_what_its_arguments_say() {
        let searches = [
            Search::Figure2 { profile: "crash".to_owned(), threads: 2 },
            Search::Stateright { order: Order::Breadth, depth: 12, threads: 2 },
            Search::Stateright { order: Order::Depth, depth: 9, threads: 1 },
        ];
        for search in searches {
            assert_eq!(parse(search.arguments().into_iter()), Ok(Task::Search(search)));
        }
    }

    #[test]
    fn options_change_what_they_name() {
        assert_eq!(parse_words("model"), Ok(Task::Comparison(Comparison::default())));
        let changed =
            Comparison { profile: "crash".to_owned(), bfs_depth: 7, dfs_depth: 8, threads: 1, runs: 5 };
        let line = "model --profile crash --bfs-depth 7 --dfs-depth 8 --threads 1 --runs 5";
        assert_eq!(parse_words(line), Ok(Task::Comparison(changed)));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_is_wrong() {
        for (line, what) in [
            ("model --runs 0", "--runs 0"),
            ("model --runs", "needs a value"),
            ("model --run 1", "no such option"),
            ("instructions --bles", "not understood"),
            ("", "not understood"),
        ] {
            assert!(parse_words(line).is_err_and(|problem| problem.contains(what)), "{line}");
        }
    }
}

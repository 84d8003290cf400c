//! Benchmarks. `cargo bench-model` and `cargo bench-instructions` from the repository's root run them;
//! docs/benchmarks.md says what they measure.

mod baseline;
mod comparison;
mod instructions;
mod ladder;
mod memory;
mod options;
mod search;
mod stateright_raft;
mod steps;

use mimalloc::MiMalloc;
use options::Task;
use std::process::ExitCode;

/// As the command `figure2`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Exit codes: 0 done, 1 more instructions than before, 2 nothing could be measured.
fn main() -> ExitCode {
    let task = match options::parse(std::env::args().skip(1)) {
        Ok(task) => task,
        // Prints the problem, or the help that was asked for.
        Err(error) => error.exit(),
    };
    let done = match task {
        Task::Comparison(options) => comparison::run(&options).map(|()| ExitCode::SUCCESS),
        Task::Ladder { seconds, threads } => ladder::run(seconds, threads).map(|()| ExitCode::SUCCESS),
        Task::Instructions { bless } => instructions::run(bless),
        Task::Search(search) => search.run().map(|result| {
            println!("{result}");
            ExitCode::SUCCESS
        }),
        Task::Steps { case, count } => steps::repeat(&case, count).map(|()| ExitCode::SUCCESS),
        Task::States { count } => search::generate(count).map(|generated| {
            println!("{generated}");
            ExitCode::SUCCESS
        }),
    };
    done.unwrap_or_else(|problem| {
        eprintln!("{problem}");
        ExitCode::from(2)
    })
}

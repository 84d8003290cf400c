//! loom over the node's engine. `cargo loom` from the repository's root runs it; docs/concurrency.md says what it
//! covers.

#[cfg(not(loom))]
compile_error!(
    "loom-tests needs `--cfg loom`, which the alias `cargo loom` passes as build.rustflags. RUSTFLAGS and \
     CARGO_ENCODED_RUSTFLAGS in the environment, and target.*.rustflags in a cargo configuration or in a \
     CARGO_TARGET_*_RUSTFLAGS, silently replace it: unset them and run `cargo loom` again from the repository's root"
);

#[cfg(loom)]
mod build;
#[cfg(all(loom, not(shuttle)))]
mod checkpoint;
#[cfg(loom)]
mod child;
#[cfg(all(loom, not(shuttle)))]
mod control;
#[cfg(loom)]
mod explore;
#[cfg(loom)]
mod fakes;
#[cfg(loom)]
mod mutants;
#[cfg(loom)]
mod node;
#[cfg(loom)]
mod options;
#[cfg(loom)]
mod pool;
#[cfg(loom)]
mod report;
#[cfg(loom)]
mod run;
#[cfg(loom)]
mod scenarios;
#[cfg(loom)]
mod setup;

#[cfg(loom)]
fn main() -> std::process::ExitCode {
    // Set, and yet with --cfg loom, or this would not have been compiled. The programs for shuttle and the mutants need
    // other flags, which it would replace.
    if let Some(name) =
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"].iter().find(|name| std::env::var_os(name).is_some())
    {
        eprintln!("{name} is set, and replaces the flags that `cargo loom` passes: unset it and try again");
        return std::process::ExitCode::from(2);
    }
    match options::parse(std::env::args().skip(1)) {
        Ok(options::Command::Child(job)) => child::explore(&job),
        Ok(options::Command::Control) => run::control(),
        Ok(options::Command::List) => run::list(),
        Ok(options::Command::Run(options)) => run::run(&options),
        // Prints the problem, or the help that was asked for.
        Err(error) => error.exit(),
    }
}

#[cfg(not(loom))]
fn main() {}

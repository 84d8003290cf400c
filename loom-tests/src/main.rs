//! loom over the node's engine. `cargo loom` from the repository's root runs it; docs/concurrency.md says what it
//! covers.

#[cfg(not(loom))]
compile_error!(
    "loom-tests needs `--cfg loom`, which the alias `cargo loom` passes as build.rustflags. RUSTFLAGS, \
     CARGO_ENCODED_RUSTFLAGS and CARGO_BUILD_RUSTFLAGS in the environment, and target.*.rustflags in a cargo \
     configuration, silently replace them: unset them and run `cargo loom` again from the repository's root"
);

#[cfg(loom)]
mod campaign;
#[cfg(loom)]
mod child;
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
mod scenarios;
#[cfg(loom)]
mod setup;
#[cfg(loom)]
mod workshop;

#[cfg(loom)]
fn main() -> std::process::ExitCode {
    match options::parse(std::env::args().skip(1)) {
        Ok(options::Command::Child(job)) => child::explore(&job),
        Ok(options::Command::List) => campaign::list(),
        Ok(options::Command::Campaign(options)) => campaign::run(&options),
        Err(problem) => {
            eprintln!("{problem}\n\n{}", options::USAGE);
            std::process::ExitCode::from(2)
        }
    }
}

#[cfg(not(loom))]
fn main() {}

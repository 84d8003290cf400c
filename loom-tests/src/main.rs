//! loom over the node's engine. `cargo loom` from the repository's root runs it; see docs/concurrency.md.

#[cfg(not(loom))]
compile_error!(
    "loom-tests needs `--cfg loom`, which the alias `cargo loom` passes as build.rustflags. RUSTFLAGS, \
     CARGO_ENCODED_RUSTFLAGS and CARGO_BUILD_RUSTFLAGS in the environment, and target.*.rustflags in a cargo \
     configuration, silently replace them: unset them and run `cargo loom` again"
);

#[cfg(loom)]
mod explore;
#[cfg(loom)]
mod fakes;
#[cfg(loom)]
mod node;
#[cfg(loom)]
mod scenarios;
#[cfg(loom)]
mod setup;

fn main() {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    let bound = args.next().and_then(|b| b.parse().ok());
    let limits = explore::Limits { bound, time: std::time::Duration::from_secs(60), checkpoint: None, draws: 1000, seed: 1 };
    for scenario in scenarios::ALL {
        if scenario.name.contains(&name) {
            let t = std::time::Instant::now();
            let run = scenario.run;
            let e0 = explore::interleavings();
            let e = explore::explore(&limits, move || run(scenario.extra));
            println!("{} {:?} {} {:?}", scenario.name, e, e.interleavings - e0, t.elapsed());
        }
    }
}

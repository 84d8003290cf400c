//! The core's step with anything that can happen, in any order: every message from every peer, lies included. It must not
//! panic, and must keep the promises that a server can keep alone ([`promises`]).
//!
//! bolero draws bytes, and [`input`] makes inputs of them. What once failed is kept in `corpus` and read at each run.
//! `BOLERO_RANDOM_TEST_TIME_MS` says for how long the ordinary test draws; `cargo bolero` can drive it with a fuzzer.

#![allow(clippy::unwrap_used, clippy::panic)]

mod input;
mod promises;

use figure2_core::{Persistent, Rule, RuleSet, ServerId};
use input::{Bytes, Server};
use promises::Watched;

/// Most steps of one run.
const STEPS: usize = 400;

/// Writes bytes that failed to the file that the environment variable `FIGURE2_FUZZ_KEEP` names, to be kept in `corpus`. Of
/// several, the last ones that bolero shrank them to stay.
struct KeptOnFailure<'a>(&'a [u8]);

impl Drop for KeptOnFailure<'_> {
    fn drop(&mut self) {
        if let Some(to) = std::env::var_os("FIGURE2_FUZZ_KEEP").filter(|_| std::thread::panicking()) {
            // A failure here must not hide the one that is told.
            drop(std::fs::write(to, self.0));
        }
    }
}

/// Takes all steps that the bytes say.
fn run(bytes: &[u8]) -> Watched {
    let _kept = KeptOnFailure(bytes);
    let mut bytes = Bytes::new(bytes);
    let server = Server::new(ServerId(0), bytes.config(), Persistent::default()).unwrap();
    let mut watched = Watched::new(server);
    for _ in 0..STEPS {
        if bytes.is_empty() {
            break;
        }
        match bytes.below(64) {
            0 => watched.restart(),
            1..=40 => {
                let input =
                    bytes.input(watched.server(), watched.persisted(), watched.offers(), watched.sent());
                watched.step(input);
            }
            // What was asked for is done, as a sound driver does it.
            _ => watched.settle(),
        }
    }
    watched
}

#[test]
fn no_input_breaks_a_promise() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let mut kept = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        run(&std::fs::read(file.unwrap().path()).unwrap());
        kept += 1;
    }
    assert!(kept > 0, "the corpus is kept");
    let (mut runs, mut fired) = (0u64, RuleSet::EMPTY);
    bolero::check!().with_type::<Vec<u8>>().with_max_len(2048).for_each(|bytes: &Vec<u8>| {
        runs += 1;
        fired = fired.union(run(bytes).fired());
    });
    let rules = Rule::ALL.iter().filter(|rule| fired.contains(**rule)).count();
    println!("{kept} kept; {runs} runs, in which {rules} of {} rules fired", Rule::ALL.len());
}

/// Bytes that are any, but the same in each run: by them the rules are reached, or the test above says nothing.
#[test]
fn what_is_drawn_fires_every_rule() {
    let mut fired = RuleSet::EMPTY;
    let mut state = 1u64;
    for _ in 0..3000 {
        let bytes: Vec<u8> = (0..3000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state.to_le_bytes()[6]
            })
            .collect();
        fired = fired.union(run(&bytes).fired());
    }
    // P1 is a start, which is no step.
    fired.insert(Rule::P1);
    let silent: Vec<&str> =
        Rule::ALL.iter().filter(|rule| !fired.contains(**rule)).map(|rule| rule.id()).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

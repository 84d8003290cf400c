//! The clients: each asks for one thing after the other, from whichever server answers.

use crate::cluster::{Cluster, lock};
use crate::wire::Answer;
use figure2_linearizability::{Action, Outcome, Recorder};
use figure2_store::{Reply, Request};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long a client waits for one server.
const ATTEMPT: Duration = Duration::from_millis(300);
/// How long it tries, before nobody knows what will become of its request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many keys there are.
const KEYS: u64 = 8;

/// What all clients share.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) cluster: Cluster,
    pub(crate) history: Arc<Mutex<Recorder>>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) seed: u64,
}

impl Clients {
    /// One client, until it is to stop.
    pub(crate) fn run(&self, client: u64) {
        let mut random = StdRng::seed_from_u64(self.seed ^ client.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (mut believed, mut number) = (0, 0);
        while !self.stop.load(Ordering::Relaxed) {
            number += 1;
            let key = format!("k{}", random.random_range(0..KEYS));
            let text = format!("{client}.{number};");
            let action = match random.random_range(0..10) {
                0..4 => Action::Get,
                4..8 => Action::Put(text),
                _ => Action::Append(text),
            };
            // Some are large enough to fill a segment soon.
            let size = if random.random_ratio(1, 50) { random.random_range(0..100_000) } else { 0 };
            self.ask(Request { client, number, key, action, size }, &mut believed, &mut random);
        }
    }

    /// Reads every key, once all is over: what was acknowledged must be there.
    pub(crate) fn read_all(&self, client: u64) -> bool {
        let mut random = StdRng::seed_from_u64(self.seed);
        let mut believed = 0;
        (0..KEYS).all(|key| {
            let (number, key, action) = (key + 1, format!("k{key}"), Action::Get);
            self.ask(Request { client, number, key, action, size: 0 }, &mut believed, &mut random)
        })
    }

    /// Asks until there is an answer; false when it is given up.
    fn ask(&self, request: Request, believed: &mut usize, random: &mut StdRng) -> bool {
        let client = request.client;
        let command = request.encode();
        // The harness gives each client requests one at a time.
        let _ = lock(&self.history).invoke(client, &request.key, request.action);
        let give_up = Instant::now() + PATIENCE;
        let outcome = loop {
            if Instant::now() >= give_up || self.cluster.failure().is_some() {
                break Outcome::Unknown;
            }
            match self.cluster.ask(*believed, &command, ATTEMPT) {
                Some(Answer::Reply(Reply::Read(read))) => break Outcome::Ok { read },
                Some(Answer::Reply(Reply::Done)) => break Outcome::Ok { read: None },
                Some(Answer::Reply(Reply::Refused)) => break Outcome::Failed,
                // Asked again it keeps its number, and is done once.
                Some(Answer::NotTaken | Answer::Unknown) | None => {}
            }
            *believed = random.random_range(0..self.cluster.size());
            thread::sleep(Duration::from_millis(random.random_range(1..20)));
        };
        let answered = outcome != Outcome::Unknown;
        let _ = lock(&self.history).complete(client, outcome);
        answered
    }
}

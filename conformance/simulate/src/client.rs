//! The clients. Each asks a server, waits, asks another server, and finally gives up. What they see is the history
//! that is judged.

use super::cluster::{Answer, Cluster};
use super::plan::Plan;
use figure2_linearizability::{Action, Outcome};
use figure2_store::{Reply, Request};
use figure2_validate::instrument::mix;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long a client waits for one server.
const ATTEMPT: Duration = Duration::from_millis(400);
/// How long it tries before it gives up, and nobody knows whether its request will be done.
const PATIENCE: Duration = Duration::from_millis(2500);
/// How long a client of a busy server waits at first before it asks again, at most; then twice as long, and four times. Without
/// that, most of what is proposed in some plans is refused.
const BUSY_PAUSE_MS: u64 = 40;
/// What the seed is mixed with here.
const CLIENT: u64 = 12;
const SIZES: u64 = 14;

pub(super) struct Client {
    cluster: Cluster,
    id: u64,
    random: StdRng,
    /// Where the sizes of its commands come from.
    sizes: StdRng,
    requests: u64,
    /// Whom it asks first.
    believed: u8,
    /// What it read last.
    seen: Option<String>,
}

impl Client {
    pub(super) fn new(cluster: Cluster, id: u64) -> Client {
        let random = |purpose| StdRng::seed_from_u64(mix(&[cluster.plan().seed, purpose, id]));
        let (random, sizes) = (random(CLIENT), random(SIZES));
        Client { cluster, id, random, sizes, requests: 0, believed: 0, seen: None }
    }

    /// Asks for one thing after the other, until it is dropped.
    pub(super) async fn run(mut self) {
        loop {
            let Plan { keys, pause_ms, .. } = *self.cluster.plan();
            let pause = self.random.random_range(0..=pause_ms);
            sleep(Duration::from_millis(pause)).await;
            let key = format!("k{}", self.random.random_range(0..keys));
            let action = self.action();
            let Plan { limits, sizes, .. } = self.cluster.plan();
            let size = sizes.next_command(limits, &mut self.sizes);
            self.ask_padded(&key, action, size, PATIENCE).await;
        }
    }

    /// Asks until it is told, or gives up; whether it was told.
    pub(super) async fn ask(&mut self, key: &str, action: Action, patience: Duration) -> bool {
        self.ask_padded(key, action, 0, patience).await
    }

    /// Asks with a command of at least `size` bytes.
    async fn ask_padded(&mut self, key: &str, action: Action, size: u64, patience: Duration) -> bool {
        self.requests += 1;
        let request = Request { client: self.id, number: self.requests, key: key.to_owned(), action, size };
        let command = request.encode();
        let give_up = Instant::now() + patience;
        self.cluster.invoke(self.id, &request);
        let mut started = false;
        let mut busy_since = None;
        let mut pause_ms = BUSY_PAUSE_MS;
        while Instant::now() < give_up {
            let answer = timeout(ATTEMPT, self.cluster.ask(self.believed, &request, command.clone())).await;
            match answer {
                Ok(Answer::Reply(reply)) => {
                    let outcome = match reply {
                        Reply::Done => Outcome::Ok { read: None },
                        Reply::Read(read) => {
                            self.seen.clone_from(&read);
                            Outcome::Ok { read }
                        }
                        Reply::Refused => Outcome::Failed,
                    };
                    self.cluster.complete(self.id, outcome);
                    return true;
                }
                Ok(Answer::NotLeader) => {}
                // A leader that nobody answers is busy for good: after a while another is asked.
                Ok(Answer::Busy) if busy_since.get_or_insert_with(Instant::now).elapsed() < ATTEMPT => {
                    sleep(Duration::from_millis(self.random.random_range(1..pause_ms))).await;
                    pause_ms = (pause_ms * 2).min(BUSY_PAUSE_MS * 4);
                    continue;
                }
                Ok(Answer::Busy) => (busy_since, pause_ms) = (None, BUSY_PAUSE_MS),
                // Nobody has taken it, and nobody will.
                Ok(Answer::TooLarge) => {
                    self.cluster.complete(self.id, Outcome::Failed);
                    return true;
                }
                // It may be in a log, and done later.
                Ok(Answer::Lost) | Err(_) => started = true,
            }
            self.believed = self.random.random_range(0..self.cluster.plan().servers);
            sleep(Duration::from_millis(self.random.random_range(1..40))).await;
        }
        self.cluster.complete(self.id, if started { Outcome::Unknown } else { Outcome::Failed });
        false
    }

    fn action(&mut self) -> Action {
        let text = format!("{}.{};", self.id, self.requests + 1);
        match self.random.random_range(0..10) {
            0..4 => Action::Get,
            4..6 => Action::Put(text),
            6..9 => Action::Append(text),
            _ => Action::Cas { expected: self.seen.clone(), new: text },
        }
    }
}

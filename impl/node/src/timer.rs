//! Election timeouts and heartbeats, on tokio's clock.

use crate::{Options, RoleName};
use core::ops::Range;
use core::time::Duration;
use figure2_core::ServerId;
use figure2_engine::{Due, Monitor, Timers};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep_until};

/// When the two timers elapse.
pub(crate) struct Deadlines {
    random: StdRng,
    election_timeout: Range<Duration>,
    heartbeat_interval: Duration,
    election: Instant,
    heartbeat: Instant,
}

impl Deadlines {
    pub(crate) fn new(me: ServerId, options: &Options) -> Self {
        // An odd constant with well-mixed bits, so that servers with equal seeds draw different timeouts.
        let mixed = |seed: u64| seed ^ (u64::from(me.0) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let now = Instant::now();
        Deadlines {
            random: options.seed.map_or_else(StdRng::from_os_rng, |seed| StdRng::seed_from_u64(mixed(seed))),
            election_timeout: options.election_timeout.clone(),
            heartbeat_interval: options.heartbeat_interval,
            election: now,
            heartbeat: now,
        }
    }
}

impl Timers for Deadlines {
    type Instant = Instant;

    fn restart_election(&mut self) {
        self.election = Instant::now() + self.random.random_range(self.election_timeout.clone());
    }

    fn restart_heartbeat(&mut self) {
        self.heartbeat = Instant::now() + self.heartbeat_interval;
    }

    fn due(&self, role: RoleName) -> Due<Instant> {
        let now = Instant::now();
        match role {
            _ if self.election <= now => Due::Election,
            RoleName::Leader | RoleName::Candidate | RoleName::PreCandidate if self.heartbeat <= now => {
                Due::Heartbeat
            }
            _ => Due::At(self.next(role)),
        }
    }

    fn next(&self, role: RoleName) -> Instant {
        match role {
            RoleName::Follower => self.election,
            // A leader's election timer shows whether its own writes make progress, and whether a majority answers.
            RoleName::PreCandidate | RoleName::Candidate | RoleName::Leader => {
                self.election.min(self.heartbeat)
            }
        }
    }
}

/// Sleeps until a timer elapses, and steps it; until the node stops. It is woken when a deadline moves closer than the one
/// that it sleeps on: by a shorter draw, or because the role has changed.
pub(crate) async fn run(monitor: &Monitor<Deadlines>) {
    let _stop_at_end = monitor.stop_at_end();
    while let Some(moment) = monitor.timeout() {
        tokio::select! {
            biased;
            () = monitor.timer.wait() => {}
            () = sleep_until(moment) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test fails by panicking

    use super::*;
    use crate::codec::{FIRST_VERSION, Frame, decode_message, encode};
    use crate::{Cluster, Index, Peer, Persister, Raft, Term};
    use figure2_core::{AppendEntries, Envelope, Message};
    use std::sync::{Arc, Mutex};
    use tokio::sync::mpsc;
    use tokio::time::sleep;

    /// A peer that notes when it is first asked whether it would vote.
    #[derive(Clone, Default)]
    struct Asked(Arc<Mutex<Option<Instant>>>);

    impl Peer for Asked {
        fn send(&self, frame: Frame) {
            if let Message::PreVote(_) = decode_message(&frame).unwrap().message {
                self.0.lock().unwrap().get_or_insert(Instant::now());
            }
        }
    }

    fn heartbeat() -> Frame {
        let message = Message::AppendEntries(AppendEntries {
            term: Term(1),
            prev_log_index: Index::ZERO,
            prev_log_term: Term::ZERO,
            entries: Vec::new(),
            leader_commit: Index::ZERO,
        });
        let envelope = Envelope { from: ServerId(1), to: ServerId(0), message };
        encode(&Cluster::numbered(2), FIRST_VERSION, &envelope).unwrap()
    }

    /// The timer sleeps on the first draw while a heartbeat brings a second one, which may end earlier.
    #[tokio::test(start_paused = true)]
    async fn election_timeouts_are_as_drawn() {
        let mut late = Vec::new();
        for seed in 0..400 {
            let (options, asked) = (Options { seed: Some(seed), ..Options::default() }, Asked::default());
            let (apply, _messages) = mpsc::channel::<crate::ApplyMsg>(1);
            let peers = [1, 2].map(|id| (id, asked.clone()));
            // The same seed draws the same.
            let mut drawn = Deadlines::new(ServerId(0), &options);
            let raft = Raft::new(0, peers, Persister::new(), apply, options).await.unwrap();
            drawn.restart_election();
            sleep(Duration::from_millis(100)).await;
            raft.handle(heartbeat()).unwrap();
            drawn.restart_election();
            sleep(Duration::from_secs(1)).await;
            raft.stop();
            // tokio's timers are as fine as a millisecond.
            let off = asked.0.lock().unwrap().unwrap().saturating_duration_since(drawn.election);
            if off > Duration::from_millis(1) {
                late.push(off);
            }
        }
        assert!(late.is_empty(), "{} of 400 came late, by up to {:?}", late.len(), late.iter().max());
    }
}

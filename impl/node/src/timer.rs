//! Election timeouts and heartbeats, on tokio's clock.

use crate::engine::{Due, Monitor, Timers};
use crate::{Options, RoleName};
use core::ops::Range;
use core::time::Duration;
use figure2_core::ServerId;
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
        let seed = options.seed ^ (u64::from(me.0) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let now = Instant::now();
        Deadlines {
            random: StdRng::seed_from_u64(seed),
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
            RoleName::Follower | RoleName::Candidate if self.election <= now => Due::Election,
            RoleName::Leader | RoleName::Candidate if self.heartbeat <= now => Due::Heartbeat,
            RoleName::Follower => Due::At(self.election),
            RoleName::Candidate => Due::At(self.election.min(self.heartbeat)),
            RoleName::Leader => Due::At(self.heartbeat),
        }
    }
}

/// Sleeps until a timer elapses, and steps it; until the node stops.
///
/// It need not be woken when a deadline moves: deadlines of the present role only move away, and a server that steps
/// down was to send a heartbeat sooner than it may call an election.
pub(crate) async fn run(monitor: &Monitor<Deadlines>) {
    let _stop_at_end = monitor.stop_at_end();
    while let Some(moment) = monitor.timeout() {
        tokio::select! {
            biased;
            () = monitor.timer_stop.wait() => return,
            () = sleep_until(moment) => {}
        }
    }
}

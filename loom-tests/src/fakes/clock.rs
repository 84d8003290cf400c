//! A clock that is as late as a scenario wants.

use figure2_engine::{Due, RoleName, Timers};
use std::collections::VecDeque;

/// A clock that has come to 0, and the election timeouts that are drawn.
pub struct Clock {
    draws: VecDeque<u64>,
    election: u64,
}

/// A deadline that never comes.
const NEVER: u64 = u64::MAX;

impl Clock {
    /// Nothing ever elapses.
    pub fn still() -> Clock {
        Clock::drawing([])
    }

    /// The election timer has elapsed.
    pub fn election_due() -> Clock {
        Clock::drawing([0])
    }

    /// The first election timeout is long, and the next one is over at once.
    pub fn shortened() -> Clock {
        Clock::drawing([NEVER, 0])
    }

    fn drawing<const N: usize>(draws: [u64; N]) -> Clock {
        Clock { draws: VecDeque::from(draws), election: NEVER }
    }
}

impl Timers for Clock {
    type Instant = u64;

    fn restart_election(&mut self) {
        self.election = self.draws.pop_front().unwrap_or(NEVER);
    }

    fn restart_heartbeat(&mut self) {}

    fn due(&self, _: RoleName) -> Due<u64> {
        if self.election == 0 { Due::Election } else { Due::At(self.election) }
    }

    fn next(&self, _: RoleName) -> u64 {
        self.election
    }
}

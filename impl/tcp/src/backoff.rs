//! How long to wait before a reconnection.

use crate::config::Limits;
use crate::reason::Reason;
use core::time::Duration;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Twice as long each time, less up to a half by chance, so that servers that lost each other at once do not all return at
/// once.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    refused: Duration,
    next: Duration,
    random: StdRng,
}

impl Backoff {
    pub(crate) fn new(limits: &Limits, seed: u64) -> Backoff {
        Backoff {
            first: limits.first_backoff,
            longest: limits.longest_backoff,
            refused: limits.refused_backoff,
            next: limits.first_backoff,
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// How long to wait after a connection that lasted for so long, or was not made, and ended for this reason.
    pub(crate) fn after(&mut self, reason: &Reason, lasted: Duration) -> Duration {
        if reason.for_good() {
            return self.jitter(self.refused);
        }
        // One that is accepted and closed at once must not be retried without a pause.
        if lasted >= self.longest {
            self.next = self.first;
        }
        let wait = self.next;
        self.next = self.next.saturating_mul(2).min(self.longest);
        self.jitter(wait)
    }

    fn jitter(&mut self, wait: Duration) -> Duration {
        wait.mul_f64(self.random.random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew_after_a_connection_that_lasted() {
        let limits = Limits::default();
        let mut backoff = Backoff::new(&limits, 1);
        let mut most = limits.first_backoff;
        for _ in 0..20 {
            let wait = backoff.after(&Reason::Closed, Duration::ZERO);
            assert!((most / 2..=most).contains(&wait), "{wait:?} of {most:?}");
            most = (most * 2).min(limits.longest_backoff);
        }
        let wait = backoff.after(&Reason::Closed, limits.longest_backoff);
        assert!(wait <= limits.first_backoff);
        let wait = backoff.after(&Reason::Closed, Duration::ZERO);
        assert!(wait > limits.first_backoff / 2, "the second of a new series: {wait:?}");
    }

    #[test]
    fn a_refusal_for_good_is_tried_rarely() {
        let limits = Limits::default();
        let mut backoff = Backoff::new(&limits, 1);
        let reason = Reason::OtherDisk { server: 2, known: 1, found: 2 };
        assert!(backoff.after(&reason, Duration::ZERO) >= limits.refused_backoff / 2);
    }

    #[test]
    fn equal_seeds_give_equal_waits_and_others_do_not() {
        let waits = |seed| {
            let mut backoff = Backoff::new(&Limits::default(), seed);
            (0..8).map(|_| backoff.after(&Reason::Closed, Duration::ZERO)).collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}

//! The kinds of faults, and the order in which they come.

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use std::collections::BTreeMap;
use std::fmt;

/// What happens to servers, or between them, while clients ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// One server, two or all are killed with SIGKILL, and started again.
    Kill,
    /// A server is stopped with SIGSTOP for longer than an election timeout, and goes on where it was.
    Stop,
    /// Connections are reset and new ones refused, in both directions: between two servers, or of one with all others.
    Cut,
    /// Bytes in one direction vanish, and the connections stay: between two servers, or all from or all to one.
    HalfOpen,
    /// Connections are reset when all but the last byte of what was sent has arrived.
    Reset,
    /// Bytes arrive later.
    Delay,
    /// Only so many bytes a second arrive.
    Throttle,
    /// A server comes back with an empty directory: the others must refuse it for good, and take it with its old one.
    Wipe,
    /// The link of a server's network namespace goes down, and comes up again: packets are lost, and TCP sends them again.
    LinkDown,
}

impl Fault {
    /// All of them.
    pub const ALL: [Fault; 9] = [
        Fault::Kill,
        Fault::Stop,
        Fault::Cut,
        Fault::HalfOpen,
        Fault::Reset,
        Fault::Delay,
        Fault::Throttle,
        Fault::Wipe,
        Fault::LinkDown,
    ];

    /// Its name, in a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Fault::Kill => "kill",
            Fault::Stop => "stop",
            Fault::Cut => "cut",
            Fault::HalfOpen => "half-open",
            Fault::Reset => "reset",
            Fault::Delay => "delay",
            Fault::Throttle => "throttle",
            Fault::Wipe => "wipe",
            Fault::LinkDown => "link-down",
        }
    }

    /// How many of it are in a series.
    const fn share(self) -> usize {
        match self {
            Fault::Kill => 4,
            Fault::Stop | Fault::Cut | Fault::HalfOpen | Fault::Reset | Fault::LinkDown => 2,
            Fault::Delay | Fault::Throttle | Fault::Wipe => 1,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the servers are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The harness carries their messages between their standard inputs and outputs.
    Pipes,
    /// TCP with mutual TLS on loopback, through proxies of the harness.
    Tcp,
    /// The same, with each server in a network namespace of its own, joined to the proxies by a pair of virtual links.
    /// Linux, as root.
    Namespaces,
}

impl Network {
    /// What can happen there.
    #[must_use]
    pub fn faults(self) -> Vec<Fault> {
        let possible = |fault: &Fault| match (self, fault) {
            (_, Fault::Kill) | (Network::Namespaces, _) => true,
            (Network::Pipes, _) => false,
            (Network::Tcp, fault) => *fault != Fault::LinkDown,
        };
        Fault::ALL.into_iter().filter(possible).collect()
    }
}

/// How often each kind happened.
pub type Counts = BTreeMap<Fault, u64>;

/// Draws kinds: shuffled series, each of which has every kind, so that none is left out for long.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    kinds: Vec<Fault>,
    left: Vec<Fault>,
}

impl Series {
    pub(crate) fn of(kinds: &[Fault]) -> Series {
        Series { kinds: kinds.to_vec(), left: Vec::new() }
    }

    /// How many faults a series has.
    pub(crate) fn length(&self) -> usize {
        self.kinds.iter().map(|kind| kind.share()).sum()
    }

    /// The next one; none if there are no kinds.
    pub(crate) fn draw(&mut self, random: &mut StdRng) -> Option<Fault> {
        if self.left.is_empty() {
            self.left = self.kinds.iter().flat_map(|kind| std::iter::repeat_n(*kind, kind.share())).collect();
            self.left.shuffle(random);
        }
        self.left.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn each_series_has_every_kind() {
        let mut random = StdRng::seed_from_u64(1);
        for network in [Network::Pipes, Network::Tcp, Network::Namespaces] {
            let kinds = network.faults();
            let mut series = Series::of(&kinds);
            for _ in 0..3 {
                let mut drawn: Vec<_> =
                    (0..series.length()).filter_map(|_| series.draw(&mut random)).collect();
                drawn.sort_unstable();
                drawn.dedup();
                assert_eq!(drawn, kinds);
            }
        }
        assert_eq!(Network::Pipes.faults(), [Fault::Kill]);
        assert!(!Network::Tcp.faults().contains(&Fault::LinkDown));
        assert_eq!(Network::Namespaces.faults(), Fault::ALL);
    }
}

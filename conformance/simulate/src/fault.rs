//! The faults of a plan.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When it begins, in ms.
    pub at_ms: u64,
    /// How long it lasts, in ms.
    pub for_ms: u64,
    /// What it is.
    pub kind: Kind,
}

/// What can go wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The process of a server ends: a write under way is done, what only the process knew is gone.
    Crash(Target),
    /// A server loses its power: of a write under way, all or nothing stays.
    PowerLoss(Target),
    /// A server's process is killed. Another one begins to recover what the system's cache shows, and then the server loses
    /// its power.
    CrashThenPowerLoss(Target),
    /// All servers lose their power.
    Blackout,
    /// Nothing reaches the server, and nothing leaves it.
    Isolated(Target),
    /// Nothing reaches the server, but what it sends arrives.
    Deaf(Target),
    /// Nothing that the server sends arrives, but it hears the others.
    Mute(Target),
    /// These servers and the others do not reach each other.
    Split(Vec<u8>),
    /// What one server sends does not reach another; the way back is open.
    OneWay {
        /// Who is not heard.
        from: u8,
        /// By whom.
        to: u8,
    },
    /// Of 1000 messages so many are lost.
    Lossy(u16),
    /// Of 1000 messages so many arrive twice.
    Duplicating(u16),
    /// Messages take up to so many ms more, each another time: they overtake each other.
    Reordering(u64),
    /// Each write of the server takes so many ms.
    SlowDisk(Target, u64),
    /// No write of the server comes to an end before the fault does.
    HungDisk(Target),
    /// There is no room on the server's disk. A write that needs some fails, and the server stops; started again, it fails
    /// again.
    FullDisk(Target),
    /// Each write of the server fails, and it stops; started again, it fails again.
    FailingDisk {
        /// Whose.
        server: Target,
        /// Whether what it reports as failed is written all the same.
        written: bool,
    },
    /// Of 1000 writes to a stream so many are cut short, and the connection is reset.
    Resets(u16),
    /// All connections that the server has when it begins are dead from then on, and nobody is told.
    HalfOpen(Target),
    /// No fault, but as unforeseen: whoever leads is asked to hand over to this server.
    Transfer {
        /// Who is to lead.
        to: u8,
    },
}

/// Which server a fault meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Who leads when the fault begins; the first server when nobody does.
    Leader,
    /// This one.
    Server(u8),
}

/// The sorts of faults that a run may have: each run draws which of them it has, for a cluster that only meets a few
/// of them gets into states that one which meets all of them never lives to see.
pub(super) const SORTS: usize = 14;

/// The same for servers with the log: there are faults more that only it tells apart.
pub(super) const SORTS_ON_LOG: usize = 16;

/// The same for servers with the log whose messages go over streams.
pub(super) const SORTS_ON_STREAMS: usize = 18;

impl Kind {
    /// One that leaves most servers and their ways alone, so that it may last: the others can go on.
    pub(super) fn draw_lasting(servers: u8, random: &mut StdRng) -> Kind {
        // All that meet one server or one way.
        let sorts = [0, 1, 3, 4, 5, 10, 11, 12, 13, 13];
        Kind::draw(*sorts.choose(random).unwrap_or(&13), servers, random)
    }

    pub(super) fn draw(sort: usize, servers: u8, random: &mut StdRng) -> Kind {
        let any = Target::Server(random.random_range(0..servers));
        let target = if random.random_bool(0.4) { Target::Leader } else { any };
        match sort {
            0 => Kind::Crash(target),
            1 => Kind::PowerLoss(target),
            2 => Kind::Blackout,
            3 => Kind::Isolated(target),
            4 => Kind::Deaf(target),
            5 => Kind::Mute(target),
            6 => Kind::Split((0..servers).filter(|_| random.random_bool(0.5)).collect()),
            7 => Kind::Lossy(random.random_range(50..500)),
            8 => Kind::Duplicating(random.random_range(50..500)),
            9 => Kind::Reordering(random.random_range(20..800)),
            10 => Kind::SlowDisk(target, random.random_range(20..1500)),
            11 => Kind::HungDisk(target),
            12 => Kind::FailingDisk { server: target, written: random.random_bool(0.5) },
            14 => Kind::CrashThenPowerLoss(target),
            15 => Kind::FullDisk(target),
            16 => Kind::Resets(random.random_range(2..50)),
            17 => Kind::HalfOpen(target),
            _ => {
                let from = random.random_range(0..servers);
                // Another one, unless there is none.
                let to = (from + random.random_range(1..servers.max(2))) % servers;
                Kind::OneWay { from, to }
            }
        }
    }

    /// The servers that it names.
    pub(super) fn servers(&self) -> Vec<u8> {
        match self.target() {
            Some(Target::Server(server)) => vec![server],
            _ => match self {
                Kind::Split(servers) => servers.clone(),
                Kind::OneWay { from, to } => vec![*from, *to],
                Kind::Transfer { to } => vec![*to],
                _ => Vec::new(),
            },
        }
    }

    /// Whom it meets, if that is one server.
    #[must_use]
    pub fn target(&self) -> Option<Target> {
        match self {
            Kind::Crash(target)
            | Kind::PowerLoss(target)
            | Kind::CrashThenPowerLoss(target)
            | Kind::FullDisk(target)
            | Kind::HalfOpen(target)
            | Kind::Isolated(target)
            | Kind::Deaf(target)
            | Kind::Mute(target)
            | Kind::SlowDisk(target, _)
            | Kind::HungDisk(target)
            | Kind::FailingDisk { server: target, .. } => Some(*target),
            Kind::Blackout
            | Kind::Split(_)
            | Kind::OneWay { .. }
            | Kind::Lossy(_)
            | Kind::Duplicating(_)
            | Kind::Reordering(_)
            | Kind::Resets(_)
            | Kind::Transfer { .. } => None,
        }
    }

    pub(super) fn longest_ms(&self) -> u64 {
        match self {
            Kind::SlowDisk(_, ms) | Kind::Reordering(ms) => *ms,
            _ => 0,
        }
    }

    /// Whether it is one of connections, which only streams have.
    pub(super) fn is_of_streams(&self) -> bool {
        matches!(self, Kind::Resets(_) | Kind::HalfOpen(_))
    }

    /// Its name in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Crash(_) => "crash",
            Kind::PowerLoss(_) => "power loss",
            Kind::CrashThenPowerLoss(_) => "crash, then power loss",
            Kind::FullDisk(_) => "full disk",
            Kind::Blackout => "blackout",
            Kind::Isolated(_) => "isolated",
            Kind::Deaf(_) => "deaf",
            Kind::Mute(_) => "mute",
            Kind::Split(_) => "split",
            Kind::OneWay { .. } => "one-way cut",
            Kind::Lossy(_) => "lossy",
            Kind::Duplicating(_) => "duplicating",
            Kind::Reordering(_) => "reordering",
            Kind::SlowDisk(..) => "slow disk",
            Kind::HungDisk(_) => "hung disk",
            Kind::FailingDisk { .. } => "failing disk",
            Kind::Resets(_) => "resets",
            Kind::HalfOpen(_) => "half-open",
            Kind::Transfer { .. } => "transfer",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Leader => f.write_str("the leader"),
            Target::Server(server) => write!(f, "server {server}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.at_ms, self.at_ms.saturating_add(self.for_ms));
        write!(f, "{from} to {to} ms: {}", self.kind.name())?;
        match &self.kind {
            Kind::Split(servers) => write!(f, ", servers {servers:?} from the others"),
            Kind::OneWay { from, to } => write!(f, ", from server {from} to server {to}"),
            Kind::Transfer { to } => write!(f, ", to server {to}"),
            Kind::Lossy(per_mille) | Kind::Duplicating(per_mille) => {
                write!(f, ", {per_mille} of 1000 messages")
            }
            Kind::Resets(per_mille) => write!(f, ", {per_mille} of 1000 writes"),
            Kind::Reordering(ms) => write!(f, ", up to {ms} ms"),
            Kind::SlowDisk(target, ms) => write!(f, ", {target}, {ms} ms"),
            Kind::FailingDisk { server, written: true } => write!(f, ", {server}, though it writes"),
            kind => kind.target().map_or(Ok(()), |target| write!(f, ", {target}")),
        }
    }
}

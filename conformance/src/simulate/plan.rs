//! What happens to a simulated cluster, and when.

use crate::tester::mix;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What stands at the beginning of a plan's file.
const FORMAT: &str = "figure2-simulation";
/// The version of plans that this program writes and reads.
const VERSION: u32 = 1;

/// A run: the cluster, its clients, its weather and its faults. All else (when messages arrive, what the clients ask,
/// when elections are called) follows from the seed.
///
/// The faults are a list, each with its beginning and its end, so that any of them can be left out and the rest still
/// make sense: this is how a failing run is reduced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    format: String,
    version: u32,
    /// Where all chance comes from that the plan does not fix.
    pub seed: u64,
    /// Servers of the cluster.
    pub servers: u8,
    /// Clients, each with one request at a time.
    pub clients: u8,
    /// How many keys they share.
    pub keys: u8,
    /// Longest pause of a client between two requests, in ms.
    pub pause_ms: u64,
    /// A service takes a snapshot when it has applied so many entries since the last; 0: never.
    pub snapshot_every: u64,
    /// Whether Raft switches to a leader's snapshot by itself, or the service is asked.
    pub install_automatically: bool,
    /// How long messages take in calm weather, in ms.
    pub delay_ms: Span,
    /// How long a write takes in calm weather, in ms.
    pub write_ms: Span,
    /// Until when faults happen, in ms; then all of them end, and the cluster must recover.
    pub faults_until_ms: u64,
    /// The faults, in the order in which they begin.
    pub faults: Vec<Fault>,
}

/// From the first number to the second, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span(pub u64, pub u64);

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
    /// Of 1000 messages so many are lost.
    Lossy(u16),
    /// Of 1000 messages so many arrive twice.
    Duplicating(u16),
    /// Messages take up to so many ms more, each another time: they overtake each other.
    Reordering(u64),
    /// Each write of the server takes so many ms.
    SlowDisk(Target, u64),
    /// Each write of the server fails, and it stops; started again, it fails again.
    FailingDisk {
        /// Whose.
        server: Target,
        /// Whether what it reports as failed is written all the same.
        written: bool,
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
const SORTS: usize = 12;

impl Plan {
    /// The plan of a seed: faults for `seconds`, about one each second and a half.
    #[must_use]
    pub fn of_seed(seed: u64, seconds: u64) -> Plan {
        let random = &mut StdRng::seed_from_u64(mix(&[seed, PLAN]));
        let servers = *[3, 3, 3, 5, 5, 1].choose(random).unwrap_or(&3);
        let faults_until_ms = seconds.saturating_mul(1000);
        let sorts: Vec<usize> = (0..SORTS).filter(|_| random.random_bool(0.5)).collect();
        let mut faults: Vec<Fault> = Vec::new();
        let mut at_ms = 0;
        while let Some(sort) = sorts.choose(random) {
            at_ms += random.random_range(100..3000);
            if at_ms >= faults_until_ms {
                break;
            }
            let for_ms =
                *[random.random_range(10..500), random.random_range(500..6000)].choose(random).unwrap_or(&10);
            faults.push(Fault { at_ms, for_ms, kind: Kind::draw(*sort, servers, random) });
        }
        Plan {
            format: FORMAT.to_owned(),
            version: VERSION,
            seed,
            servers,
            clients: random.random_range(1..=5),
            keys: random.random_range(1..=3),
            pause_ms: *[100, 300, 1000].choose(random).unwrap_or(&300),
            snapshot_every: *[0, 10, 50].choose(random).unwrap_or(&10),
            install_automatically: random.random_bool(0.5),
            delay_ms: *[Span(0, 2), Span(1, 10), Span(5, 40)].choose(random).unwrap_or(&Span(1, 10)),
            write_ms: *[Span(0, 0), Span(0, 5), Span(2, 20)].choose(random).unwrap_or(&Span(0, 5)),
            faults_until_ms,
            faults,
        }
    }

    /// Reads a plan from the text of its file.
    ///
    /// # Errors
    /// When it is none, or its numbers make no sense, in words.
    pub fn parse(text: &str) -> Result<Plan, String> {
        let plan: Plan = serde_json::from_str(text).map_err(|error| format!("not a plan: {error}"))?;
        if (plan.format.as_str(), plan.version) != (FORMAT, VERSION) {
            let Plan { format, version, .. } = plan;
            return Err(format!("this is {format} version {version}; read is {FORMAT} version {VERSION}"));
        }
        plan.check().map(|()| plan)
    }

    /// The text of its file.
    #[must_use]
    pub fn text(&self) -> String {
        // A plan has no maps and no floats, so it always has a text.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    fn check(&self) -> Result<(), String> {
        const DAY: u64 = 24 * 3600 * 1000;
        if !(1..=9).contains(&self.servers) {
            return Err(format!("servers: {}; possible are 1 to 9", self.servers));
        }
        if self.clients == 0 || self.keys == 0 {
            return Err("clients and keys: at least 1".to_owned());
        }
        let spans = [self.delay_ms, self.write_ms];
        if spans.iter().any(|Span(least, most)| least > most || *most > DAY) {
            return Err("delay_ms and write_ms: from the smaller to the greater, at most a day".to_owned());
        }
        for fault in &self.faults {
            let server = fault.kind.servers().into_iter().find(|server| *server >= self.servers);
            if let Some(server) = server {
                return Err(format!("{fault}: there is no server {server}"));
            }
            let longest = fault.kind.longest_ms().max(fault.at_ms).max(fault.for_ms);
            if longest > DAY || self.faults_until_ms > DAY || self.pause_ms > DAY {
                return Err(format!("{fault}: no time can be over a day"));
            }
        }
        Ok(())
    }
}

/// What the seed is mixed with, so that the parts of a run do not draw the same numbers.
const PLAN: u64 = 10;

impl Kind {
    fn draw(sort: usize, servers: u8, random: &mut StdRng) -> Kind {
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
            _ => Kind::FailingDisk { server: target, written: random.random_bool(0.5) },
        }
    }

    /// The servers that it names.
    fn servers(&self) -> Vec<u8> {
        match self.target() {
            Some(Target::Server(server)) => vec![server],
            _ => match self {
                Kind::Split(servers) => servers.clone(),
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
            | Kind::Isolated(target)
            | Kind::Deaf(target)
            | Kind::Mute(target)
            | Kind::SlowDisk(target, _)
            | Kind::FailingDisk { server: target, .. } => Some(*target),
            Kind::Blackout | Kind::Split(_) | Kind::Lossy(_) | Kind::Duplicating(_) | Kind::Reordering(_) => {
                None
            }
        }
    }

    fn longest_ms(&self) -> u64 {
        match self {
            Kind::SlowDisk(_, ms) | Kind::Reordering(ms) => *ms,
            _ => 0,
        }
    }

    /// Its name in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Crash(_) => "crash",
            Kind::PowerLoss(_) => "power loss",
            Kind::Blackout => "blackout",
            Kind::Isolated(_) => "isolated",
            Kind::Deaf(_) => "deaf",
            Kind::Mute(_) => "mute",
            Kind::Split(_) => "split",
            Kind::Lossy(_) => "lossy",
            Kind::Duplicating(_) => "duplicating",
            Kind::Reordering(_) => "reordering",
            Kind::SlowDisk(..) => "slow disk",
            Kind::FailingDisk { .. } => "failing disk",
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
            Kind::Lossy(per_mille) | Kind::Duplicating(per_mille) => {
                write!(f, ", {per_mille} of 1000 messages")
            }
            Kind::Reordering(ms) => write!(f, ", up to {ms} ms"),
            Kind::SlowDisk(target, ms) => write!(f, ", {target}, {ms} ms"),
            Kind::FailingDisk { server, written: true } => write!(f, ", {server}, though it writes"),
            kind => kind.target().map_or(Ok(()), |target| write!(f, ", {target}")),
        }
    }
}

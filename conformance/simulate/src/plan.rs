//! A plan: what a simulated cluster consists of, and which faults happen to it at which time.

use super::fault::{Fault, Kind, SORTS, SORTS_ON_LOG, SORTS_ON_STREAMS};
use super::sizes::{Limits, Sizes, Span};
use super::start::Start;
use super::states::States;
use figure2_core::Extensions;
use figure2_validate::instrument::mix;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// What stands at the beginning of a plan's file.
const FORMAT: &str = "figure2-simulation";
/// What the seed is mixed with, so that the parts of a run do not draw the same numbers.
const PLAN: u64 = 10;
const LOG: u64 = 15;
const EXTENSIONS: u64 = 16;
const TRANSFERS: u64 = 17;
const STREAMS: u64 = 19;
/// The version of plans that this program writes and reads.
const VERSION: u32 = 3;

/// A run: the cluster, its clients, its delays and its faults. All else (when messages arrive, what the clients ask,
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
    /// Whether each server has its log, on a simulated disk of its own; else its state is in memory, and changes as a whole.
    #[serde(default)]
    pub log: bool,
    /// Whether messages go over streams of bytes, through the transport (figure2-tcp); else each travels by itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub streams: bool,
    /// A service takes a snapshot when it has applied so many entries since the last; 0: never.
    pub snapshot_every: u64,
    /// Whether Raft switches to a leader's snapshot by itself, or the service is asked.
    pub install_automatically: bool,
    /// How long a service takes to load a leader's snapshot, in ms; meanwhile it applies nothing.
    pub install_ms: u64,
    /// How long messages take without faults, in ms.
    pub delay_ms: Span,
    /// How long a write takes without faults, in ms.
    pub write_ms: Span,
    /// What each server does beyond Figure 2, in the order of their ids. Servers that are left out do nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extensions>,
    /// The limits of all nodes.
    pub limits: Limits,
    /// How large commands and snapshots are.
    pub sizes: Sizes,
    /// Where it begins, if not with empty disks and nothing on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// Whether, once the cluster has recovered, the disk of its leader hangs: another one must serve.
    pub leader_hangs: bool,
    /// Until when faults happen, in ms; then all of them end, and the cluster must recover.
    pub faults_until_ms: u64,
    /// The faults, in the order in which they begin.
    pub faults: Vec<Fault>,
}

/// The longest pause of clients is one of these. What a run costs grows with what is asked in it, and beyond: each restart
/// recovers all that was logged. So few plans have much of it, and in most an hour of faults costs a fraction.
const PAUSES_MS: [u64; 12] = [100, 300, 300, 300, 1000, 1000, 1000, 1000, 1000, 3000, 3000, 3000];

fn is_false(flag: &bool) -> bool {
    !flag
}

/// What every version of a plan has.
#[derive(Deserialize)]
struct Kept {
    format: String,
    version: u32,
}

impl Plan {
    /// The plan of a seed: faults for `seconds`, about one each second and a half; in one plan of four fewer, that last, and
    /// leave most servers alone. The servers of every other plan have the log.
    #[must_use]
    pub fn of_seed(seed: u64, seconds: u64) -> Plan {
        Plan::drawn(seed, seconds, mix(&[seed, LOG]).is_multiple_of(2))
    }

    /// The plan of a seed, with the log.
    #[must_use]
    pub fn on_log(seed: u64, seconds: u64) -> Plan {
        Plan::drawn(seed, seconds, true)
    }

    /// The plan of a seed, with the log, and with the transport over streams.
    #[must_use]
    pub fn on_streams(seed: u64, seconds: u64) -> Plan {
        let mut plan = Plan::drawn(seed, seconds, true);
        plan.streams = true;
        // A server alone has nobody to connect to.
        plan.servers = plan.servers.max(3);
        let random = &mut StdRng::seed_from_u64(mix(&[seed, PLAN, STREAMS]));
        plan.faults = faults(SORTS_ON_STREAMS, plan.servers, plan.faults_until_ms, random);
        plan.faults.extend(transfers(plan.servers, plan.faults_until_ms, random));
        plan.faults.sort_by_key(|fault| fault.at_ms);
        plan.extensions = extensions(plan.servers, random);
        plan
    }

    fn drawn(seed: u64, seconds: u64, log: bool) -> Plan {
        let mut plan = Plan::in_memory(seed, seconds);
        if log {
            plan.log = true;
            let random = &mut StdRng::seed_from_u64(mix(&[seed, PLAN, LOG]));
            plan.faults = faults(SORTS_ON_LOG, plan.servers, plan.faults_until_ms, random);
        }
        let random = &mut StdRng::seed_from_u64(mix(&[seed, EXTENSIONS]));
        plan.extensions = extensions(plan.servers, random);
        let random = &mut StdRng::seed_from_u64(mix(&[seed, TRANSFERS]));
        plan.faults.extend(transfers(plan.servers, plan.faults_until_ms, random));
        plan.faults.sort_by_key(|fault| fault.at_ms);
        plan
    }

    /// What a server does beyond Figure 2.
    #[must_use]
    pub fn extensions_of(&self, server: u8) -> Extensions {
        self.extensions.get(usize::from(server)).copied().unwrap_or(Extensions::NONE)
    }

    /// Whether all servers have all extensions: then no server disturbs a majority.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        (0..self.servers).all(|server| self.extensions_of(server) == Extensions::ALL)
    }

    fn in_memory(seed: u64, seconds: u64) -> Plan {
        let random = &mut StdRng::seed_from_u64(mix(&[seed, PLAN]));
        let servers = *[3, 3, 3, 5, 5, 1].choose(random).unwrap_or(&3);
        let faults_until_ms = seconds.saturating_mul(1000);
        let faults = faults(SORTS, servers, faults_until_ms, random);
        let limits = Limits::draw(random);
        let snapshot_every = *[0, 10, 50].choose(random).unwrap_or(&10);
        Plan {
            format: FORMAT.to_owned(),
            version: VERSION,
            seed,
            servers,
            clients: random.random_range(1..=5),
            keys: random.random_range(1..=3),
            log: false,
            streams: false,
            pause_ms: *PAUSES_MS.choose(random).unwrap_or(&1000),
            snapshot_every,
            install_automatically: random.random_bool(0.5),
            install_ms: *[0, 0, 0, 50, 300, 1000].choose(random).unwrap_or(&0),
            delay_ms: *[Span(0, 2), Span(1, 10), Span(5, 40)].choose(random).unwrap_or(&Span(1, 10)),
            write_ms: *[Span(0, 0), Span(0, 5), Span(2, 20)].choose(random).unwrap_or(&Span(0, 5)),
            sizes: Sizes::draw(&limits, snapshot_every, random),
            extensions: Vec::new(),
            limits,
            start: None,
            leader_hangs: servers > 2 && random.random_bool(0.25),
            faults_until_ms,
            faults,
        }
    }

    /// The plan of a seed that begins in a state of the model, and has no faults: what is on its way arrives, and then the
    /// cluster must recover.
    #[must_use]
    pub fn of_state(seed: u64, states: &States) -> Plan {
        let mut plan = Plan::of_seed(seed, 0);
        plan.leader_hangs = false;
        if let Some(start) = states.start(seed) {
            let is_guarded = plan.is_guarded();
            plan.servers = u8::try_from(start.disks.len()).unwrap_or(plan.servers);
            let rest = if is_guarded { Extensions::ALL } else { Extensions::NONE };
            if !plan.extensions.is_empty() {
                plan.extensions.resize(plan.servers.into(), rest);
            }
            plan.faults_until_ms = start.until_ms();
            plan.start = Some(start);
        }
        plan
    }

    /// Reads a plan from the text of its file.
    ///
    /// # Errors
    /// When it is none, or its numbers make no sense, in words.
    pub fn parse(text: &str) -> Result<Plan, String> {
        let unreadable = |error: serde_json::Error| format!("not a plan: {error}");
        let Kept { format, version } = serde_json::from_str(text).map_err(unreadable)?;
        if (format.as_str(), version) != (FORMAT, VERSION) {
            return Err(format!(
                "this is {format} version {version}, and read is {FORMAT} version {VERSION}: a plan of another version \
                 has other limits and sizes, and would be another run. Simulate with the figure2 that wrote it, or draw a \
                 new plan with --seed"
            ));
        }
        let plan: Plan = serde_json::from_str(text).map_err(unreadable)?;
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
        if self.extensions.len() > usize::from(self.servers) {
            return Err("extensions: of more servers than there are".to_owned());
        }
        self.limits.check()?;
        self.sizes.check()?;
        if let Some(start) = &self.start {
            start.check(self.servers)?;
            if start.until_ms() > DAY {
                return Err("start: no time can be over a day".to_owned());
            }
        }
        if self.leader_hangs && self.servers < 3 {
            return Err(format!("leader_hangs: with {} servers no other can serve", self.servers));
        }
        for fault in &self.faults {
            let server = fault.kind.servers().into_iter().find(|server| *server >= self.servers);
            if let Some(server) = server {
                return Err(format!("{fault}: there is no server {server}"));
            }
            if fault.kind.is_of_streams() && !self.streams {
                return Err(format!("{fault}: without streams there are no connections"));
            }
            let longest = fault.kind.longest_ms().max(fault.at_ms).max(fault.for_ms);
            if longest > DAY || self.faults_until_ms > DAY || self.pause_ms > DAY || self.install_ms > DAY {
                return Err(format!("{fault}: no time can be over a day"));
            }
        }
        Ok(())
    }
}

/// What the servers do beyond Figure 2: in half of the plans everything, in a quarter each something else, and in the others
/// nothing.
fn extensions(servers: u8, random: &mut StdRng) -> Vec<Extensions> {
    let mut any = |_| Extensions { pre_vote: random.random_bool(0.5), check_quorum: random.random_bool(0.5) };
    let mixed: Vec<Extensions> = (0..servers).map(&mut any).collect();
    match random.random_range(0..4) {
        0 => Vec::new(),
        1 => mixed,
        _ => vec![Extensions::ALL; servers.into()],
    }
}

/// In one plan of three the leader is asked to hand over now and then.
fn transfers(servers: u8, until_ms: u64, random: &mut StdRng) -> Vec<Fault> {
    let mut transfers = Vec::new();
    if random.random_range(0..3) > 0 {
        return transfers;
    }
    let mut at_ms = random.random_range(1000..8000);
    while at_ms < until_ms {
        transfers.push(Fault {
            at_ms,
            for_ms: 0,
            kind: Kind::Transfer { to: random.random_range(0..servers) },
        });
        at_ms += random.random_range(500..15_000);
    }
    transfers
}

/// The faults of a plan, of half of the first so many sorts.
fn faults(sorts: usize, servers: u8, until_ms: u64, random: &mut StdRng) -> Vec<Fault> {
    let sorts: Vec<usize> = (0..sorts).filter(|_| random.random_bool(0.5)).collect();
    if servers > 2 && random.random_bool(0.25) {
        lasting(servers, until_ms, random)
    } else {
        quick(&sorts, servers, until_ms, random)
    }
}

/// Faults of these sorts, about one each second and a half, none of which lasts longer than 6 s.
fn quick(sorts: &[usize], servers: u8, until_ms: u64, random: &mut StdRng) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    let mut at_ms = 0;
    while let Some(sort) = sorts.choose(random) {
        at_ms += random.random_range(100..3000);
        if at_ms >= until_ms {
            break;
        }
        let for_ms =
            *[random.random_range(10..500), random.random_range(500..6000)].choose(random).unwrap_or(&10);
        faults.push(Fault { at_ms, for_ms, kind: Kind::draw(*sort, servers, random) });
    }
    faults
}

/// Faults that last, and leave most servers alone: longer than those have to make progress. One or a few at a time, and then
/// none for a while.
fn lasting(servers: u8, until_ms: u64, random: &mut StdRng) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    let mut at_ms = random.random_range(1000..4000);
    while at_ms < until_ms {
        let for_ms = random.random_range(11_000..15_000);
        for _ in 0..random.random_range(1..=servers / 2) {
            let kind = Kind::draw_lasting(servers, random);
            faults.push(Fault { at_ms, for_ms, kind });
        }
        at_ms += for_ms + random.random_range(1000..4000);
    }
    faults
}

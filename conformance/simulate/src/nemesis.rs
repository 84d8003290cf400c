//! Applies the faults of the moment to messages and writes.

use super::fault::Kind;
use super::plan::Plan;
use super::sizes::Span;
use figure2_validate::instrument::mix;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// More messages than any sound run has: the servers keep each other busy. None passes beyond.
pub const STORM: u64 = 3_000_000;

/// What happened in a run, or in several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages handed to the network.
    pub messages: u64,
    /// Messages that did not arrive.
    pub lost: u64,
    /// Messages that arrived twice.
    pub duplicated: u64,
    /// Writes begun.
    pub writes: u64,
    /// Writes that were reported as failed.
    pub failed_writes: u64,
    /// Writes under way that a crash, or a loss of power, undid.
    pub undone_writes: u64,
    /// Snapshots that services wrote to their logs' disks.
    pub snapshots: u64,
    /// Snapshots that could not be written.
    pub failed_snapshots: u64,
    /// Recoveries of a log that found the last write torn, and cut it off.
    pub cut_writes: u64,
    /// Runs whose servers have the log.
    pub on_log: u64,
    /// Servers that were started again.
    pub restarts: u64,
    /// Runs whose servers have the transport, over streams.
    pub on_streams: u64,
    /// Connections of streams.
    pub connections: u64,
    /// Those that were reset, in the middle of a frame perhaps.
    pub resets: u64,
    /// Those that died without anybody being told.
    pub forgotten: u64,
    /// Faults that began, by their names.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Counts) {
        let Counts { messages, lost, duplicated, writes, failed_writes, undone_writes, .. } = other;
        let Counts { snapshots, failed_snapshots, cut_writes, on_log, restarts, faults, .. } = other;
        let Counts { on_streams, connections, resets, forgotten, .. } = other;
        self.messages += messages;
        self.lost += lost;
        self.duplicated += duplicated;
        self.writes += writes;
        self.failed_writes += failed_writes;
        self.undone_writes += undone_writes;
        self.snapshots += snapshots;
        self.failed_snapshots += failed_snapshots;
        self.cut_writes += cut_writes;
        self.on_log += on_log;
        self.restarts += restarts;
        self.on_streams += on_streams;
        self.connections += connections;
        self.resets += resets;
        self.forgotten += forgotten;
        for (name, count) in faults {
            *self.faults.entry(name).or_default() += count;
        }
    }
}

/// A cheap handle to the nemesis of a run: it carries out the plan's faults, and says what becomes of messages and writes.
#[derive(Clone)]
pub(super) struct Nemesis(Arc<Mutex<State>>);

struct State {
    random: StdRng,
    delay_ms: Span,
    write_ms: Span,
    /// By their place in the plan.
    active: BTreeMap<usize, Active>,
    /// How many faults have begun or ended.
    changes: u64,
    counts: Counts,
}

struct Active {
    kind: Kind,
    /// Whom it meets, if that is one server.
    server: Option<u8>,
}

/// What happens to a message: when it arrives, in ms from now; twice, once or never.
pub(super) struct Fate {
    pub(super) first: Option<u64>,
    pub(super) second: Option<u64>,
}

/// What a write comes to.
pub(super) struct Writing {
    pub(super) takes_ms: u64,
    pub(super) fails: Option<WriteFailure>,
}

/// How a write fails.
#[derive(Clone, Copy)]
pub(super) struct WriteFailure {
    /// Whether it is written all the same.
    pub(super) written: bool,
    /// Whether there is no room.
    pub(super) full: bool,
}

/// What the seed is mixed with here.
const WEATHER: u64 = 11;

impl Nemesis {
    pub(super) fn new(plan: &Plan) -> Nemesis {
        Nemesis(Arc::new(Mutex::new(State {
            random: StdRng::seed_from_u64(mix(&[plan.seed, WEATHER])),
            delay_ms: plan.delay_ms,
            write_ms: plan.write_ms,
            active: BTreeMap::new(),
            changes: 0,
            counts: Counts { on_log: plan.log.into(), on_streams: plan.streams.into(), ..Counts::default() },
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, place: usize, kind: &Kind, server: Option<u8>) {
        let mut state = self.lock();
        *state.counts.faults.entry(kind.name()).or_default() += 1;
        state.changes += 1;
        state.active.insert(place, Active { kind: kind.clone(), server });
    }

    /// Somebody asks the leader to hand over. For the servers' situation, nothing changes by that.
    pub(super) fn asks_for_transfer(&self, kind: &Kind) {
        *self.lock().counts.faults.entry(kind.name()).or_default() += 1;
    }

    pub(super) fn end(&self, place: usize) {
        let mut state = self.lock();
        let ended = state.active.remove(&place);
        state.changes += u64::from(ended.is_some());
    }

    /// All faults end.
    pub(super) fn clears_up(&self) {
        self.lock().active.clear();
    }

    /// Whether a fault keeps the server from running.
    pub(super) fn keeps_down(&self, server: u8) -> bool {
        self.lock().active.values().any(|active| match active.kind {
            Kind::Blackout => true,
            Kind::Crash(_) | Kind::PowerLoss(_) | Kind::CrashThenPowerLoss(_) => {
                active.server == Some(server)
            }
            _ => false,
        })
    }

    /// Whether a message gets from one server to another at this moment.
    pub(super) fn passes(&self, from: u8, to: u8) -> bool {
        !self.lock().cut(from, to)
    }

    pub(super) fn fate(&self, from: u8, to: u8) -> Fate {
        self.lock().fate(from, to)
    }

    pub(super) fn writing(&self, server: u8) -> Writing {
        self.lock().writing(server)
    }

    /// Whether a fault makes the server's writes fail.
    pub(super) fn fails_writes(&self, server: u8) -> bool {
        self.lock().active.values().any(|active| {
            matches!(active.kind, Kind::FailingDisk { .. } | Kind::FullDisk(_))
                && active.server == Some(server)
        })
    }

    /// Whether no write of the server comes to an end.
    pub(super) fn hangs(&self, server: u8) -> bool {
        let state = self.lock();
        state
            .active
            .values()
            .any(|active| matches!(active.kind, Kind::HungDisk(_)) && active.server == Some(server))
    }

    /// How many faults have begun or ended, and whether one of them loses or delays messages of all servers.
    pub(super) fn changes(&self) -> (u64, bool) {
        let state = self.lock();
        let is_rough =
            |active: &Active| matches!(active.kind, Kind::Lossy(_) | Kind::Reordering(_) | Kind::Resets(_));
        (state.changes, state.active.values().any(is_rough))
    }

    /// Whether a fault meets the disk of the server.
    pub(super) fn has_bad_disk(&self, server: u8) -> bool {
        let is_of_disk = |kind: &Kind| {
            matches!(
                kind,
                Kind::SlowDisk(..) | Kind::HungDisk(_) | Kind::FailingDisk { .. } | Kind::FullDisk(_)
            )
        };
        let state = self.lock();
        state.active.values().any(|active| active.server == Some(server) && is_of_disk(&active.kind))
    }

    /// A number below `below`.
    pub(super) fn draw(&self, below: u64) -> u64 {
        self.lock().random.random_range(0..below.max(1))
    }

    pub(super) fn lost_on_the_way(&self) {
        self.lock().counts.lost += 1;
    }

    /// Whether the connection on which something is written is reset.
    pub(super) fn resets(&self) -> bool {
        let mut state = self.lock();
        let per_mille = state.active.values().filter_map(|active| match active.kind {
            Kind::Resets(per_mille) => Some(per_mille),
            _ => None,
        });
        let per_mille = per_mille.max().unwrap_or_default();
        let resets = state.happens(per_mille);
        state.counts.resets += u64::from(resets);
        resets
    }

    pub(super) fn connected(&self) {
        self.lock().counts.connections += 1;
    }

    pub(super) fn forgotten_connection(&self) {
        self.lock().counts.forgotten += 1;
    }

    pub(super) fn undone_write(&self) {
        self.lock().counts.undone_writes += 1;
    }

    pub(super) fn cut_write(&self) {
        self.lock().counts.cut_writes += 1;
    }

    pub(super) fn failed_write(&self) {
        self.lock().counts.failed_writes += 1;
    }

    pub(super) fn written_snapshot(&self) {
        self.lock().counts.snapshots += 1;
    }

    pub(super) fn failed_snapshot(&self) {
        self.lock().counts.failed_snapshots += 1;
    }

    pub(super) fn restarted(&self) {
        self.lock().counts.restarts += 1;
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }
}

impl State {
    fn cut(&self, from: u8, to: u8) -> bool {
        self.active.values().any(|active| {
            let (sends, hears) = (active.server == Some(from), active.server == Some(to));
            match &active.kind {
                Kind::Isolated(_) => sends || hears,
                Kind::Deaf(_) => hears,
                Kind::Mute(_) => sends,
                Kind::OneWay { from: cut_from, to: cut_to } => (*cut_from, *cut_to) == (from, to),
                Kind::Split(side) => side.contains(&from) != side.contains(&to),
                _ => false,
            }
        })
    }

    fn fate(&mut self, from: u8, to: u8) -> Fate {
        self.counts.messages += 1;
        let (mut lossy, mut duplicating, mut reordering) = (0, 0, 0);
        for active in self.active.values() {
            match active.kind {
                Kind::Lossy(per_mille) => lossy = lossy.max(per_mille),
                Kind::Duplicating(per_mille) => duplicating = duplicating.max(per_mille),
                Kind::Reordering(ms) => reordering = reordering.max(ms),
                _ => {}
            }
        }
        let lost = self.cut(from, to) || self.counts.messages > STORM || self.happens(lossy);
        if lost {
            self.counts.lost += 1;
            return Fate { first: None, second: None };
        }
        let twice = self.happens(duplicating);
        self.counts.duplicated += u64::from(twice);
        let first = Some(self.delay(reordering));
        let second = twice.then(|| self.delay(reordering));
        Fate { first, second }
    }

    fn delay(&mut self, reordering: u64) -> u64 {
        let Span(least, most) = self.delay_ms;
        self.random.random_range(least..=most.saturating_add(reordering))
    }

    fn happens(&mut self, per_mille: u16) -> bool {
        per_mille > 0 && self.random.random_range(0..1000) < per_mille
    }

    fn writing(&mut self, server: u8) -> Writing {
        self.counts.writes += 1;
        let Span(least, most) = self.write_ms;
        let mut takes_ms = self.random.random_range(least..=most);
        let mut fails = None;
        for active in self.active.values().filter(|active| active.server == Some(server)) {
            match active.kind {
                Kind::SlowDisk(_, ms) => takes_ms = takes_ms.max(ms),
                Kind::FailingDisk { written, .. } => fails = Some(WriteFailure { written, full: false }),
                Kind::FullDisk(_) => fails = Some(WriteFailure { written: false, full: true }),
                _ => {}
            }
        }
        Writing { takes_ms, fails }
    }
}

//! Short runs of a server, as its log sees them.

use bytes::Bytes;
use figure2::{Change, Cluster, Identity, Index, Persistent, Record, ServerId, SnapshotData, Term};
use figure2_core::{Entry, Snapshot};
use figure2_testing::storage::placed;
use figure2_wal::Options;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

pub type State = Persistent<Bytes, SnapshotData>;
pub type Save = Vec<Change<Bytes, SnapshotData>>;

/// What a server saves, one record after the other.
pub struct Run {
    pub name: String,
    pub saves: Vec<Save>,
    pub options: Options,
}

/// Server 300 of the servers 10, 300 and 70,000 of group 5.
pub fn me() -> Identity {
    Identity { server: 300, cluster: Cluster::new(5, &[10, 300, 70_000].into()) }
}

impl Run {
    pub fn new(name: impl Into<String>, saves: Vec<Save>) -> Run {
        let mut state = State::default();
        let mut placed_next = |save| {
            let placed = placed(state.log.last_index(), save);
            state.apply_record(record(&placed));
            placed
        };
        let saves = saves.into_iter().map(&mut placed_next).collect();
        // A segment takes a few writes.
        let options = Options::default().segment_bytes(4096 + 1000).zeroed_at_once(4096).helper_thread(false);
        Run { name: name.into(), saves, options }
    }

    /// The states after none of the saves, after the first, and so on.
    pub fn states(&self) -> Vec<State> {
        let mut state = State::default();
        let mut states = vec![state.clone()];
        for save in &self.saves {
            state.apply_record(record(save));
            states.push(state.clone());
        }
        states
    }
}

pub fn record(save: &Save) -> Record<Bytes, SnapshotData> {
    save.iter().cloned().collect()
}

fn vote(term: u64, voted_for: Option<u8>) -> Change<Bytes, SnapshotData> {
    Change::TermAndVote { current_term: Term(term), voted_for: voted_for.map(ServerId) }
}

/// Entries of this term whose commands differ.
fn append(term: u64, lengths: &[usize], salt: u8) -> Change<Bytes, SnapshotData> {
    let entry = |(place, length): (usize, &usize)| {
        let byte = |at: usize| (at as u8).wrapping_mul(31) ^ salt ^ (place as u8) << 5 ^ (term as u8);
        Entry { term: Term(term), command: (0..*length).map(byte).collect::<Vec<_>>().into() }
    };
    Change::Append { first_index: Index(0), entries: lengths.iter().enumerate().map(entry).collect() }
}

fn truncate(from: u64) -> Change<Bytes, SnapshotData> {
    Change::Truncate { from: Index(from) }
}

fn snapshot(index: u64, term: u64, length: usize, keep_suffix: bool) -> Change<Bytes, SnapshotData> {
    let data = (0..length).map(|at| (at as u64 ^ index) as u8).collect::<Vec<_>>().into();
    let snapshot = Snapshot { last_included_index: Index(index), last_included_term: Term(term), data };
    Change::Snapshot { snapshot, keep_suffix }
}

pub fn election() -> Run {
    let saves = vec![
        vec![vote(1, None)],
        vec![vote(1, Some(2))],
        vec![vote(2, Some(1)), append(2, &[20], 0)],
        vec![vote(3, None)],
        vec![vote(4, Some(0))],
    ];
    Run::new("an election", saves)
}

pub fn appends() -> Run {
    let mut saves = vec![vec![vote(1, Some(1))]];
    saves.extend((0..12).map(|salt| vec![append(1, &[100, 0, 70], salt)]));
    Run::new("appends", saves)
}

pub fn new_leader() -> Run {
    let mut saves = vec![vec![vote(1, Some(1)), append(1, &[60; 3], 0)]];
    for term in 2..8 {
        saves.push(vec![vote(term, None)]);
        // The last entries give way to as many others, and to others of another length.
        saves.push(vec![truncate(term), append(term, &[60, 60], term as u8)]);
        saves.push(vec![append(term, &[90, 90], 100 + term as u8)]);
    }
    saves.push(vec![truncate(2)]);
    saves.push(vec![vote(9, Some(2))]);
    Run::new("a new leader", saves)
}

pub fn snapshots() -> Run {
    let mut saves = vec![vec![vote(1, Some(1))]];
    for round in 0..5u64 {
        let salt = round as u8 * 10;
        saves.push(vec![append(1, &[120, 120], salt)]);
        saves.push(vec![append(1, &[120, 120], salt + 1)]);
        saves.push(vec![append(1, &[150], salt + 2)]);
        // All but the last two entries are covered.
        saves.push(vec![snapshot(5 * round + 3, 1, 200 + round as usize, true)]);
    }
    saves.push(vec![vote(2, Some(0))]);
    saves.push(vec![append(2, &[10], 99)]);
    Run::new("snapshots", saves)
}

pub fn leaders_snapshot() -> Run {
    let saves = vec![
        vec![vote(1, Some(2)), append(1, &[100, 100, 100], 0)],
        vec![append(1, &[100, 100, 100], 1)],
        vec![append(1, &[100, 100, 100], 2)],
        // The log is longer, and all of it goes.
        vec![vote(3, None), snapshot(4, 3, 700, false)],
        vec![append(3, &[80, 80], 3)],
        vec![append(3, &[80, 80], 4), vote(4, Some(0))],
        vec![snapshot(20, 4, 100, false)],
        vec![append(4, &[300], 5)],
        vec![append(4, &[300], 6)],
        vec![snapshot(21, 4, 50, true), truncate(22), append(5, &[30], 7)],
        vec![append(5, &[300], 8)],
        vec![append(5, &[300], 9)],
    ];
    Run::new("a leader's snapshot", saves)
}

pub fn large() -> Run {
    let saves = vec![
        vec![append(1, &[40], 0)],
        vec![append(1, &[3000, 10], 1)],
        vec![append(1, &[40], 2)],
        vec![snapshot(3, 1, 10, true)],
        vec![append(1, &[2500], 3)],
        vec![append(1, &[30], 4)],
        vec![append(1, &[30], 5)],
    ];
    Run::new("large writes", saves)
}

/// One entry takes the place of another, over and over: the log's length says nothing of what was lost.
pub fn overwrites() -> Run {
    let mut saves = vec![vec![vote(1, Some(1)), append(1, &[60; 3], 0)]];
    for term in 2..12 {
        saves.push(vec![vote(term, None)]);
        saves.push(vec![truncate(3), append(term, &[100 + 30 * (term as usize % 5)], term as u8)]);
    }
    Run::new("overwrites", saves)
}

/// A record as a server in this state may write it.
pub fn draw(random: &mut StdRng, state: &State, salt: u8) -> Save {
    let last_index = state.log.last_index();
    let mut state = state.clone();
    let mut save = Vec::new();
    for _ in 0..random.random_range(1..=3) {
        let (base, last) = (state.log.base_index().0, state.log.last_index().0);
        let term = state.current_term.0.max(1);
        let change = match random.random_range(0..8) {
            0 => vote(term + 1, random.random_bool(0.5).then(|| random.random_range(0..3))),
            1 if last > base => truncate(random.random_range(base + 1..=last)),
            2 if last > base => {
                let index = random.random_range(base + 1..=last);
                let at = state.log.term_at(Index(index)).unwrap();
                snapshot(index, at.0, random.random_range(0..300), true)
            }
            3 if random.random_ratio(1, 3) => {
                snapshot(last + random.random_range(1..9), term, random.random_range(0..300), false)
            }
            _ => {
                let count = random.random_range(1..4);
                let lengths: Vec<_> = (0..count).map(|_| random.random_range(0..150)).collect();
                append(term, &lengths, salt)
            }
        };
        state.apply(change.clone());
        save.push(change);
    }
    placed(last_index, save)
}

/// Changes as a server may make them, drawn from a seed.
pub fn random(seed: u64) -> Run {
    let mut random = StdRng::seed_from_u64(seed);
    let mut state = State::default();
    let mut saves = Vec::new();
    for salt in 0..16u8 {
        let save = draw(&mut random, &state, salt);
        state.apply_record(record(&save));
        saves.push(save);
    }
    Run::new(format!("the random run {seed}"), saves)
}

/// All runs, the shortest first.
pub fn all() -> Vec<Run> {
    let mut runs =
        vec![election(), large(), overwrites(), leaders_snapshot(), appends(), snapshots(), new_leader()];
    runs.extend([random(0), random(1)]);
    runs
}

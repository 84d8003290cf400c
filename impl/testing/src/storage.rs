//! What a node relies on in its [`Storage`].

mod records;

use bytes::Bytes;
use figure2::{
    Change, Cluster, Identity, Index, Loaded, Persistent, ServerId, SnapshotData, SnapshotWriter, Storage,
    Term,
};
use figure2_core::{Entry, Snapshot};
use records::{Records, record};
pub use records::{in_memory, placed};
use std::future::{Future, poll_fn};
use std::io::{self, Write as _};
use std::pin::pin;
use std::task::Poll;

/// What outlives a storage: a directory, a disk, a block of memory. The suite opens a storage on it, drops that, and opens
/// another one, as a server does that restarts.
pub trait Medium: Send + Sync {
    /// The storage.
    type Storage: Storage;

    /// Opens the storage that is on the medium. Never two at the same time.
    fn open(&self) -> impl Future<Output = Self::Storage> + Send;

    /// The machine crashes: whatever is not durable is lost. Called while no storage is open. A medium that cannot do this to
    /// itself leaves it away; then the suite shows nothing about a loss of power.
    fn crash(&self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// What a storage does not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{check}: {what}")]
pub struct Wrong {
    /// The check that found it.
    pub check: &'static str,
    /// What is wrong.
    pub what: String,
}

/// Runs all checks, each on a new medium, and stops at the first that finds something wrong.
///
/// # Errors
/// What is wrong.
pub async fn check<M: Medium, F: Future<Output = M>>(new: impl Fn() -> F) -> Result<(), Wrong> {
    let named = |check| move |what| Wrong { check, what };
    an_empty_one_has_nothing(new().await).await.map_err(named("an empty storage has nothing"))?;
    it_keeps_whose_it_is(new().await).await.map_err(named("a storage keeps whose it is"))?;
    every_change_is_kept(new().await).await.map_err(named("every kind of change is kept"))?;
    changes_of_one_record_are_in_order(new().await)
        .await
        .map_err(named("the changes of a record are made in their order"))?;
    any_size_is_kept(new().await).await.map_err(named("commands and snapshots of any size are kept"))?;
    snapshots_are_written_where_it_says(new().await)
        .await
        .map_err(named("a snapshot that was written where the storage says is kept"))?;
    for seed in 0..RANDOM_RUNS {
        random_records_are_kept(new().await, seed).await.map_err(named("random records are kept"))?;
    }
    for polls in 1..=3 {
        a_save_that_is_given_up_is_whole(new().await, polls)
            .await
            .map_err(named("of a save that is given up all is kept, or nothing"))?;
    }
    Ok(())
}

/// How many runs with random records there are.
const RANDOM_RUNS: u64 = 20;

/// How many records each of them has.
const RANDOM_RECORDS: usize = 60;

type State = Persistent<Bytes, SnapshotData>;

/// Server 300 of the servers 10, 300 and 70,000 of group 5.
fn me() -> Identity {
    Identity { server: 300, cluster: Cluster::new(5, &[10, 300, 70_000].into()) }
}

async fn load(storage: &mut impl Storage) -> Result<Loaded, String> {
    storage.load(&me()).await.map_err(|error| format!("it cannot be loaded: {error}"))
}

/// Opens the storage, as a server that restarts does, after a crash if there can be one.
async fn restart<M: Medium>(medium: &M) -> Result<(M::Storage, State), String> {
    medium.crash().await;
    let mut storage = medium.open().await;
    let loaded = load(&mut storage).await?;
    Ok((storage, loaded.persistent))
}

async fn save(storage: &mut impl Storage, changes: Vec<Change<Bytes, SnapshotData>>) -> Result<(), String> {
    storage.save(record(changes)).await.map_err(|error| format!("a record cannot be saved: {error}"))
}

fn same(found: &State, expected: &State, after: &str) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let brief = |state: &State| {
        let (first, last) = (state.log.base_index().next(), state.log.last_index());
        let (term, vote) = (state.current_term, state.voted_for);
        format!(
            "term {term}, vote {vote:?}, snapshot through {}, entries {first} to {last}",
            state.log.base_index()
        )
    };
    let (found, expected) = (brief(found), brief(expected));
    if found == expected {
        return Err(format!("after {after} the contents of the log are others: {found}"));
    }
    Err(format!("after {after} it has {found}; saved was {expected}"))
}

/// Saves records one after the other, and compares what is there after a restart following each.
async fn keep<M: Medium>(
    medium: &M,
    records: Vec<(&str, Vec<Change<Bytes, SnapshotData>>)>,
) -> Result<(), String> {
    let (mut storage, mut expected) = restart(medium).await?;
    for (what, changes) in records {
        let changes = placed(expected.log.last_index(), changes);
        expected.apply_record(record(changes.clone()));
        save(&mut storage, changes).await?;
        drop(storage);
        let (again, found) = restart(medium).await?;
        same(&found, &expected, what)?;
        storage = again;
    }
    Ok(())
}

async fn an_empty_one_has_nothing(medium: impl Medium) -> Result<(), String> {
    for _ in 0..2 {
        let mut storage = medium.open().await;
        let loaded = load(&mut storage).await?;
        if loaded != Loaded::default() {
            return Err(format!("nothing was saved, and it has {loaded:?}"));
        }
    }
    Ok(())
}

async fn it_keeps_whose_it_is(medium: impl Medium) -> Result<(), String> {
    let (mut storage, _) = restart(&medium).await?;
    save(&mut storage, vec![term_and_vote(1, None)]).await?;
    drop(storage);
    let mut storage = medium.open().await;
    // As a server that was given the wrong storage: it must be told whose that is.
    let stranger = Identity { server: 10, ..me() };
    let loaded = storage.load(&stranger).await.map_err(|error| format!("it cannot be loaded: {error}"))?;
    if loaded.identity == Some(me()) {
        Ok(())
    } else {
        Err(format!("the first record was saved by {}, and it says {:?}", me(), loaded.identity))
    }
}

fn term_and_vote(term: u64, voted_for: Option<u8>) -> Change<Bytes, SnapshotData> {
    Change::TermAndVote { current_term: Term(term), voted_for: voted_for.map(ServerId) }
}

/// An append whose first index is [filled in](records::placed) once it is known where the log ends.
fn append_at_end(entries: Vec<Entry<Bytes>>) -> Change<Bytes, SnapshotData> {
    Change::Append { first_index: Index::ZERO, entries }
}

fn append(term: u64, commands: &[&'static str]) -> Change<Bytes, SnapshotData> {
    let entry =
        |command: &&'static str| Entry { term: Term(term), command: Bytes::from_static(command.as_bytes()) };
    append_at_end(commands.iter().map(entry).collect())
}

fn truncate(from: u64) -> Change<Bytes, SnapshotData> {
    Change::Truncate { from: Index(from) }
}

fn snapshot(
    index: u64,
    term: u64,
    data: impl Into<SnapshotData>,
    keep_suffix: bool,
) -> Change<Bytes, SnapshotData> {
    let snapshot =
        Snapshot { last_included_index: Index(index), last_included_term: Term(term), data: data.into() };
    Change::Snapshot { snapshot, keep_suffix }
}

async fn every_change_is_kept(medium: impl Medium) -> Result<(), String> {
    let data = Bytes::from_static;
    let records = vec![
        ("a term", vec![term_and_vote(1, None)]),
        ("a vote", vec![term_and_vote(1, Some(2))]),
        ("a first entry", vec![append(1, &["a"])]),
        ("several entries, one of them empty", vec![append(1, &["b", "", "c"])]),
        ("the end of the log was deleted", vec![truncate(3)]),
        ("other entries in its place", vec![append(2, &["d", "e", "f"])]),
        ("a snapshot of a prefix", vec![snapshot(3, 2, data(b"abd"), true)]),
        ("an entry after it", vec![append(2, &["g"])]),
        ("a later snapshot", vec![snapshot(5, 2, data(b"abdef"), true)]),
        ("a snapshot of all there is", vec![snapshot(6, 2, data(b""), true)]),
        ("entries after that", vec![append(3, &["h", "of", "no", "majority"])]),
        (
            "a leader's snapshot in place of a log that is longer",
            vec![snapshot(9, 4, data(b"its own"), false)],
        ),
        ("entries after that", vec![append(4, &["i", "j"])]),
        ("all of these were deleted", vec![truncate(10)]),
        ("another one in their place", vec![append(5, &["k"])]),
        ("the greatest term", vec![term_and_vote(u64::MAX >> 1, Some(0))]),
        ("a term in which nobody got the vote", vec![term_and_vote((u64::MAX >> 1) + 1, None)]),
    ];
    keep(&medium, records).await
}

async fn changes_of_one_record_are_in_order(medium: impl Medium) -> Result<(), String> {
    let data = Bytes::from_static(b"state");
    let records = vec![
        (
            "a term, a vote and entries at once",
            vec![term_and_vote(1, None), append(1, &["a", "b"]), term_and_vote(2, Some(1))],
        ),
        ("a deletion and what takes its place", vec![truncate(2), append(2, &["c"]), append(2, &["d"])]),
        (
            "entries that are deleted again at once",
            vec![append(2, &["e", "f"]), truncate(4), append(3, &["g"])],
        ),
        (
            "a snapshot and entries after it",
            vec![append(3, &["h"]), snapshot(4, 3, data.clone(), true), append(3, &["i"])],
        ),
        (
            "a leader's snapshot and its entries",
            vec![snapshot(40, 5, data, false), append(5, &["j"]), term_and_vote(6, None)],
        ),
    ];
    keep(&medium, records).await
}

async fn any_size_is_kept(medium: impl Medium) -> Result<(), String> {
    let bytes = |length: usize| Bytes::from((0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>());
    let entry = |command| Entry { term: Term(1), command };
    let large = |length| append_at_end(vec![entry(bytes(length))]);
    let many = append_at_end(vec![entry(bytes(10)); 20_000]);
    let records = vec![
        ("an entry of 64 KiB", vec![large(64 << 10)]),
        ("an entry of 8 MiB", vec![large(8 << 20)]),
        ("an entry of an odd size", vec![large((1 << 20) + 1)]),
        ("20,000 entries", vec![many]),
        ("a snapshot of 16 MiB", vec![snapshot(1000, 1, bytes(16 << 20), true)]),
        ("an entry after all that", vec![append(1, &["small"])]),
    ];
    keep(&medium, records).await
}

/// Only of a storage that has a place for its service's snapshots.
async fn snapshots_are_written_where_it_says(medium: impl Medium) -> Result<(), String> {
    let (mut storage, mut expected) = restart(&medium).await?;
    let changes = placed(Index::ZERO, vec![term_and_vote(1, None), append(1, &["a", "b", "c", "d"])]);
    expected.apply_record(record(changes.clone()));
    save(&mut storage, changes).await?;
    for index in 1..=3 {
        let Some(store) = storage.snapshots() else { return Ok(()) };
        let written = |bytes: &[u8]| {
            let mut writer = SnapshotWriter::to(Some(&*store))?;
            bytes.chunks(1000).try_for_each(|piece| writer.write_all(piece))?;
            io::Result::Ok(writer)
        };
        let told = |error| format!("a snapshot cannot be written: {error}");
        let state = vec![index as u8; 100_000 * index as usize];
        drop(written(b"given up").map_err(told)?);
        let data = written(&state).and_then(SnapshotWriter::finish).map_err(told)?;
        save(&mut storage, vec![snapshot(index, 1, data, true)]).await?;
        expected.apply_record(record(vec![snapshot(index, 1, state, true)]));
        drop((store, storage));
        let (again, found) = restart(&medium).await?;
        same(&found, &expected, &format!("{index} snapshots that were written as streams"))?;
        storage = again;
    }
    Ok(())
}

async fn random_records_are_kept(medium: impl Medium, seed: u64) -> Result<(), String> {
    let (mut storage, mut expected) = restart(&medium).await?;
    let mut records = Records::new(seed);
    for number in 1..=RANDOM_RECORDS {
        let changes = records.next(&expected);
        expected.apply_record(record(changes.clone()));
        save(&mut storage, changes).await?;
        if records.restarts() || number == RANDOM_RECORDS {
            drop(storage);
            let (again, found) = restart(&medium).await?;
            same(&found, &expected, &format!("{number} records of seed {seed}"))?;
            storage = again;
        }
    }
    Ok(())
}

/// The future of a save is dropped after so many polls, as that of a task that is ended is: of its record all is there
/// afterwards, or nothing.
async fn a_save_that_is_given_up_is_whole(medium: impl Medium, polls: usize) -> Result<(), String> {
    let (mut storage, mut before) = restart(&medium).await?;
    let changes =
        placed(before.log.last_index(), vec![term_and_vote(1, Some(1)), append(1, &["a", "b", "c"])]);
    before.apply_record(record(changes.clone()));
    save(&mut storage, changes).await?;
    let changes =
        placed(before.log.last_index(), vec![truncate(2), append(2, &["x"; 100]), term_and_vote(2, None)]);
    let mut after = before.clone();
    after.apply_record(record(changes.clone()));
    {
        let mut saving = pin!(storage.save(record(changes)));
        let mut polled = 0;
        poll_fn(|context| {
            polled += 1;
            if saving.as_mut().poll(context).is_ready() || polled >= polls {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
    drop(storage);
    let (_, found) = restart(&medium).await?;
    if found == before {
        return Ok(());
    }
    same(&found, &after, "a save that was given up, of which not nothing is there,")
}

//! figure2's own storage in memory passes the suite, and the suite finds what a storage does wrong.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

use bytes::Bytes;
use figure2::{Change, Identity, Loaded, Persistent, Persister, Record, SnapshotData, Storage, StorageError};
use figure2_testing::storage::{Medium, Wrong, check};
use std::sync::{Arc, Mutex};

#[derive(Default)]
struct Memory(Persister);

impl Medium for Memory {
    type Storage = Persister;

    async fn open(&self) -> Persister {
        self.0.clone()
    }
}

#[tokio::test]
async fn the_persister_passes() {
    check(|| async { Memory::default() }).await.unwrap();
}

/// What a storage can do wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// It forgets whose it is.
    Nobodys,
    /// It gives back what another server may have.
    NotEmpty,
    /// It forgets the vote.
    VoteForgotten,
    /// It does not delete.
    Undeleted,
    /// It keeps the entries that a leader's snapshot takes the place of.
    SuffixKept,
    /// It makes a record's changes in reverse.
    Reversed,
    /// It loses entries that are too large for it.
    LargeLost,
    /// Of a save that is given up a part is there.
    Torn,
    /// Each tenth record is lost.
    TenthLost,
}

#[derive(Default)]
struct Contents {
    identity: Option<Identity>,
    persistent: Persistent<Bytes, SnapshotData>,
    saves: u64,
}

#[derive(Clone)]
struct Faulty(Fault, Arc<Mutex<Contents>>);

impl Medium for Faulty {
    type Storage = Faulty;

    async fn open(&self) -> Faulty {
        self.clone()
    }
}

impl Storage for Faulty {
    async fn load(&mut self, me: &Identity) -> Result<Loaded, StorageError> {
        let mut contents = self.1.lock().unwrap();
        let identity = contents.identity.clone().filter(|_| contents.saves > 0 && self.0 != Fault::Nobodys);
        contents.identity.get_or_insert_with(|| me.clone());
        let mut persistent = contents.persistent.clone();
        if self.0 == Fault::NotEmpty && contents.saves == 0 {
            persistent.current_term = figure2::Term(1);
        }
        Ok(Loaded { identity, persistent })
    }

    async fn save(&mut self, record: Record<Bytes, SnapshotData>) -> Result<(), StorageError> {
        let mut changes: Vec<Change<Bytes, SnapshotData>> = record.into_iter().collect();
        let lost = {
            let mut contents = self.1.lock().unwrap();
            contents.saves += 1;
            self.0 == Fault::TenthLost && contents.saves.is_multiple_of(10)
        };
        if lost {
            return Ok(());
        }
        if self.0 == Fault::Reversed {
            changes.reverse();
        }
        for mut change in changes {
            match (&mut change, self.0) {
                (Change::TermAndVote { voted_for, .. }, Fault::VoteForgotten) => *voted_for = None,
                (Change::Truncate { .. }, Fault::Undeleted) => continue,
                (Change::Snapshot { keep_suffix, .. }, Fault::SuffixKept) => *keep_suffix = true,
                (Change::Append { entries, .. }, Fault::LargeLost) => {
                    entries.retain(|entry| entry.command.len() < 1 << 20);
                }
                _ => {}
            }
            self.1.lock().unwrap().persistent.apply(change);
            if self.0 == Fault::Torn {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn each_fault_is_found_by_the_check_that_is_there_for_it() {
    for (fault, by) in [
        (Fault::Nobodys, "a storage keeps whose it is"),
        (Fault::NotEmpty, "an empty storage has nothing"),
        (Fault::VoteForgotten, "every kind of change is kept"),
        (Fault::Undeleted, "every kind of change is kept"),
        (Fault::SuffixKept, "every kind of change is kept"),
        (Fault::Reversed, "the changes of a record are made in their order"),
        (Fault::LargeLost, "commands and snapshots of any size are kept"),
        (Fault::Torn, "of a save that is given up all is kept, or nothing"),
        (Fault::TenthLost, "every kind of change is kept"),
    ] {
        let Wrong { check, what } = check(|| async move { Faulty(fault, Arc::default()) })
            .await
            .expect_err(&format!("{fault:?} is not found"));
        assert_eq!(check, by, "{fault:?}: {what}");
    }
}

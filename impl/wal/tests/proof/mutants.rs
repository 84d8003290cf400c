//! The log with one rule broken. Each must be found by what the other tests look at: a rule that could go unnoticed is not
//! needed, or not tested.

use super::judge::Wrong;
use super::runs::{self, Run};
use super::{crashes, failures, rot};
use figure2_wal::rules::{GroupState, NameOf, Rules};
use std::io;

macro_rules! mutants {
    ($($name:ident { $($rule:tt)* })*) => {
        $(
            #[derive(Clone, Default)]
            struct $name;

            impl Rules for $name {
                $($rule)*
            }
        )*

        #[test]
        fn every_mutant_is_found() {
            let found = [$((stringify!($name), find::<$name>())),*];
            let mut survivors = Vec::new();
            for (name, found) in &found {
                match found {
                    Some((by, wrong)) => println!("{name}: {by}: {}", wrong.chars().take(220).collect::<String>()),
                    None => survivors.push(name),
                }
            }
            println!("{} mutants of {} are found", found.len() - survivors.len(), found.len());
            assert!(survivors.is_empty(), "not found: {survivors:?}");
        }
    };
}

/// By what it is found, and what is found.
fn find<R: Rules>() -> Option<(String, Wrong)> {
    let failures =
        |run: &Run| Some((format!("failing operations of {}", run.name), failures::explore::<R>(run).err()?));
    let rot = |run: &Run| Some((format!("rot after {}", run.name), rot::explore::<R>(run).err()?));
    let crashes =
        |run: &Run| Some((format!("crash points of {}", run.name), crashes::explore::<R>(run).err()?));
    let runs = runs::all();
    // What is quick to look at comes first.
    let (quick, others) = runs.split_at(2);
    None.or_else(|| quick.iter().find_map(failures))
        .or_else(|| runs[..3].iter().find_map(rot))
        .or_else(|| others.iter().find_map(failures))
        .or_else(|| others.iter().find_map(rot))
        .or_else(|| runs.iter().find_map(crashes))
}

mutants! {
    ChecksumWithoutEpoch {
        fn is_of_epoch(&self, _: u64, _: u64) -> bool { true }
    }
    NumbersUnchecked {
        fn follows(&self, _: u64, _: u64) -> bool { true }
    }
    WriteProvesItself {
        fn names_as_proven(&self, _: u64, number: u64) -> u64 { number }
    }
    RotIsCutOff {
        fn is_rot(&self, _: u64, _: u64) -> bool { false }
    }
    NotLookedBehind {
        fn looks_behind(&self) -> bool { false }
    }
    NotWrittenAnew {
        fn writes_anew(&self) -> bool { false }
    }
    NotSyncedAfterRecovery {
        fn syncs_anew(&self) -> bool { false }
    }
    WriteNotSynced {
        fn syncs_write(&self) -> bool { false }
    }
    HeadNotSynced {
        fn syncs_head(&self) -> bool { false }
    }
    SnapshotNotSynced {
        fn syncs_snapshot(&self) -> bool { false }
    }
    IdentityNotSynced {
        fn syncs_identity(&self) -> bool { false }
    }
    DirectoryNotSyncedAfterIdentity {
        fn syncs_directory(&self, after: NameOf) -> bool { after != NameOf::Identity }
    }
    DirectoryNotSyncedAfterSegment {
        fn syncs_directory(&self, after: NameOf) -> bool { after != NameOf::Segment }
    }
    SegmentRecycledBeforeItsNameIsGone {
        fn syncs_directory(&self, after: NameOf) -> bool { after != NameOf::Retired }
    }
    DirectoryNotSyncedAfterSnapshot {
        fn syncs_directory(&self, after: NameOf) -> bool { after != NameOf::Snapshot }
    }
    DirectoryNotSyncedAfterRecovery {
        fn syncs_directory(&self, after: NameOf) -> bool { after != NameOf::Recovered }
    }
    FailedSyncTriedAgain {
        fn after_failed_sync(&self, _: io::Error, again: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
            again()
        }
    }
    FailureForgotten {
        fn stays_failed(&self) -> bool { false }
    }
    DropsWhatIsNotCovered {
        fn is_covered(&self, highest: u64, snapshot: u64) -> bool { highest <= snapshot + 1 }
    }
    DropsBeforeTheSnapshotIsDurable {
        fn drops_after_sync(&self) -> bool { false }
    }
    VoteNotCarried {
        fn carries(&self, state: &GroupState) -> GroupState { GroupState { vote: None, ..state.clone() } }
    }
    TermNotCarried {
        fn carries(&self, state: &GroupState) -> GroupState { GroupState { term: 0, vote: None, ..state.clone() } }
    }
    TruncationNotWritten {
        fn writes_truncation(&self) -> bool { false }
    }
    DiscardedSuffixComesBack {
        fn keeps_suffix(&self, _: bool) -> bool { true }
    }
    CutNotOverwritten {
        fn overwrites_cut(&self) -> bool { false }
    }
    SnapshotUnchecked {
        fn checks_snapshot(&self) -> bool { false }
    }
    IdentityAfterTheFirstWrite {
        fn identity_first(&self) -> bool { false }
    }
}

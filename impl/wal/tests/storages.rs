//! The log passes the suite for storages: on files, on files with a helper thread, and on the simulated disk, which loses
//! what was not synced whenever the suite crashes it.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use figure2_testing::disk::{Disk, DiskFs, Keep};
use figure2_testing::storage::{Medium, check};
use figure2_wal::{DiskStorage, Options};
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

fn small() -> Options {
    Options::default().segment_bytes(16 << 10).zeroed_at_once(4 << 10).helper_thread(false)
}

struct Directory(TempDir, Options);

impl Medium for Directory {
    type Storage = DiskStorage;

    async fn open(&self) -> DiskStorage {
        DiskStorage::open(self.0.path(), self.1).unwrap()
    }
}

#[tokio::test]
async fn it_passes_on_files() {
    check(|| async { Directory(TempDir::new().unwrap(), small()) }).await.unwrap();
}

#[tokio::test]
async fn it_passes_on_files_with_a_helper_thread() {
    check(|| async { Directory(TempDir::new().unwrap(), small().helper_thread(true)) }).await.unwrap();
}

struct Simulated(Disk, AtomicU64);

impl Medium for Simulated {
    type Storage = DiskStorage<DiskFs>;

    async fn open(&self) -> Self::Storage {
        DiskStorage::on(self.0.open().unwrap(), small())
    }

    async fn crash(&self) {
        match self.1.fetch_add(1, Ordering::Relaxed) {
            crashes if crashes % 3 == 0 => self.0.kill(),
            crashes if crashes % 3 == 1 => self.0.power_loss(&Keep::Nothing),
            crashes => self.0.power_loss(&Keep::Drawn(crashes)),
        }
    }
}

#[tokio::test]
async fn it_passes_on_the_simulated_disk() {
    check(|| async { Simulated(Disk::new(1), AtomicU64::new(0)) }).await.unwrap();
}

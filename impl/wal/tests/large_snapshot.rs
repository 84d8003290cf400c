//! A snapshot that is larger than the memory that a server may take: alone in its process, whose memory is measured.

#![allow(clippy::unwrap_used)] // a test fails by panicking

#[path = "../examples/large_snapshot/run.rs"]
mod run;

use tempfile::TempDir;

const MIB: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_256_mib_is_taken_and_recovered_from_within_64_mib() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let told = run::take_and_restart(directory.path(), 256 * MIB).await.unwrap();
    println!("{told}");
    let Some(peak) = run::peak_memory() else { return println!("this system does not tell the memory") };
    assert!(peak < 64 * MIB, "{} MiB", peak / MIB);
}

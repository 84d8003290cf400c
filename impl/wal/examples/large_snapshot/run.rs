//! A server whose service has a large state. The example runs it with 4 GiB, a test with less.

use figure2::codec::Frame;
use figure2::{ApplyMsg, Options, Peer, ProposalOutcome, Raft};
use figure2_wal::DiskStorage;
use std::error::Error;
use std::fmt;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// Why it failed.
pub type Failed = Box<dyn Error + Send + Sync>;

/// The way to another server, of which there is none.
struct Nobody;

impl Peer for Nobody {
    fn send(&self, _frame: Frame) {}
}

/// How long it took.
pub struct Took {
    length: u64,
    writing: Duration,
    restart: Duration,
    reading: Duration,
}

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a snapshot of {} MiB: written in {:.1} s, checked at the restart in {:.1} s, read by the service in {:.1} s",
            self.length >> 20,
            self.writing.as_secs_f64(),
            self.restart.as_secs_f64(),
            self.reading.as_secs_f64()
        )
    }
}

/// The state, a piece at a time: each is another one.
fn piece(place: u64, buffer: &mut [u8]) {
    for (at, bytes) in buffer.chunks_mut(8).enumerate() {
        let word = (place << 20 | at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
        bytes.copy_from_slice(&word[..bytes.len()]);
    }
}

const PIECE: usize = 64 << 10;

async fn start(directory: &Path) -> Result<(Raft, mpsc::Receiver<ApplyMsg>), Failed> {
    let storage = DiskStorage::open(directory, figure2_wal::Options::default())?;
    let (apply, applied) = mpsc::channel::<ApplyMsg>(64);
    let raft = Raft::new(1, std::iter::empty::<(u64, Nobody)>(), storage, apply, Options::default()).await?;
    let mut status = raft.watch();
    while !raft.term_and_leadership().1 {
        status.changed().await.ok_or("the server has stopped")?;
    }
    Ok((raft, applied))
}

/// Has a server take a snapshot of that many bytes, and another one start from it.
pub async fn take_and_restart(directory: &Path, length: u64) -> Result<Took, Failed> {
    let (raft, _applied) = start(directory).await?;
    let proposal = raft.propose("the command that makes the state".into())?;
    let index = proposal.index;
    if proposal.await != ProposalOutcome::Applied {
        return Err("the command was not applied".into());
    }
    let began = Instant::now();
    let mut writer = raft.snapshot_writer()?;
    let data = spawn_blocking(move || {
        let mut buffer = vec![0; PIECE];
        for place in 0..length / PIECE as u64 {
            piece(place, &mut buffer);
            writer.write_all(&buffer)?;
        }
        writer.finish()
    })
    .await??;
    raft.snapshot(index, data);
    // It is durable once a later command is.
    let later = raft.propose("a later command".into())?;
    if raft.status().snapshot_index != index || later.await != ProposalOutcome::Applied {
        return Err("the snapshot was not taken".into());
    }
    let writing = began.elapsed();
    raft.shutdown().await;

    let began = Instant::now();
    let (raft, _applied) = start(directory).await?;
    let restart = began.elapsed();
    let began = Instant::now();
    let snapshot = raft.latest_snapshot().ok_or("the snapshot is gone")?;
    if (snapshot.last_included_index, snapshot.data.len()) != (index, length / PIECE as u64 * PIECE as u64) {
        return Err(format!("another snapshot: {snapshot:?}").into());
    }
    spawn_blocking(move || {
        let mut reader = snapshot.data.reader()?;
        let (mut found, mut expected) = (vec![0; PIECE], vec![0; PIECE]);
        for place in 0..length / PIECE as u64 {
            piece(place, &mut expected);
            reader.read_exact(&mut found)?;
            if found != expected {
                return Err(Failed::from(format!("piece {place} is another one")));
            }
        }
        Ok(())
    })
    .await??;
    let reading = began.elapsed();
    raft.shutdown().await;
    Ok(Took { length, writing, restart, reading })
}

/// The most memory that this process has needed so far, in bytes; none where the system does not tell.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

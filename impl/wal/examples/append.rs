//! How fast the log takes records on real files, beside the floor: a bare write and sync into a file that is zeroed.
//!
//! `cargo run --release -p figure2-wal --example append -- DIRECTORY` (on the disk that is to be measured; the current
//! directory if none is given). Both take turns, so a disk that is slow for a while is slow for both.

use bytes::Bytes;
use cpu_time::ProcessTime;
use figure2::{Change, Cluster, Identity, Record, SnapshotData, Term};
use figure2_core::Entry;
use figure2_wal::{DiskStorage, Options};
use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

const ROUNDS: usize = 20;
const WRITES: usize = 100;
const COMMAND: usize = 128;
/// About what the log writes for an entry and for a write beside the command.
const OVERHEAD: (usize, usize) = (21, 56);
const FLOOR_BYTES: u64 = 64 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).unwrap_or(".".to_owned());
    let directory = tempfile::tempdir_in(directory)?;
    println!(
        "{COMMAND}-byte commands, {ROUNDS} rounds of {WRITES} writes each, on real files, floor and log in turns"
    );
    println!("batch   floor/s   p50 ms   p99 ms     log/s   p50 ms   p99 ms   entries/s   log/floor");
    for batch in [1, 16, 128] {
        measure(directory.path(), batch)?;
    }
    Ok(())
}

/// So many entries, appended at the end.
fn record(storage: &DiskStorage, batch: usize) -> Record<Bytes, SnapshotData> {
    let entry = Entry { term: Term(1), command: Bytes::from_static(&[7; COMMAND]) };
    let first_index = storage.last_index().unwrap_or_default().next();
    [Change::Append { first_index, entries: vec![entry; batch] }].into_iter().collect()
}

fn measure(directory: &Path, batch: usize) -> Result<(), Box<dyn Error>> {
    let me = Identity { server: 0, cluster: Cluster::numbered(1) };
    let mut storage = DiskStorage::open(directory.join(format!("log-{batch}")), Options::default())?;
    storage.read(&me)?;
    storage.write(record(&storage, batch))?;

    let floor = File::create(directory.join(format!("floor-{batch}")))?;
    for offset in (0..FLOOR_BYTES).step_by(1 << 20) {
        floor.write_all_at(&vec![0; 1 << 20], offset)?;
    }
    floor.sync_all()?;
    let bytes = vec![7; OVERHEAD.1 + batch * (COMMAND + OVERHEAD.0)];
    let mut offset = 0;

    // The first segment is prepared before the measurement, as it is before a server has work to do.
    std::thread::sleep(Duration::from_secs(1));
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for _ in 0..WRITES {
            let begun = Instant::now();
            floor.write_all_at(&bytes, offset)?;
            floor.sync_data()?;
            floors.push(begun.elapsed());
            offset = (offset + bytes.len() as u64) % (FLOOR_BYTES - bytes.len() as u64);
        }
        for _ in 0..WRITES {
            let record = record(&storage, batch);
            let begun = Instant::now();
            storage.write(record)?;
            ours.push(begun.elapsed());
        }
    }
    let (floor, log) = (Figures::of(floors), Figures::of(ours));
    let entries = log.rate * batch as f64;
    println!("{batch:>5} {floor} {log} {entries:>11.0} {:>10.0}%", 100.0 * log.rate / floor.rate);
    if batch == 128 {
        drop(storage);
        restart(directory, &me)?;
    }
    Ok(())
}

/// How long it takes to read a log of a gigabyte again.
fn restart(directory: &Path, me: &Identity) -> Result<(), Box<dyn Error>> {
    let directory = directory.join("restart");
    let mut storage = DiskStorage::open(&directory, Options::default())?;
    storage.read(me)?;
    let bytes = 1 << 30;
    let batch = 4096;
    for _ in 0..bytes / (batch * (COMMAND + OVERHEAD.0)) {
        storage.write(record(&storage, batch))?;
    }
    drop(storage);
    let (begun, cpu) = (Instant::now(), ProcessTime::now());
    let mut storage = DiskStorage::open(&directory, Options::default())?;
    let loaded = storage.read(me)?;
    let entries = loaded.persistent.log.entries().len();
    let (took, cpu) = (begun.elapsed().as_secs_f64(), cpu.elapsed().as_secs_f64());
    println!(
        "a restart with {entries} entries, 1 GiB of log: {took:.2} s, {cpu:.2} s of CPU (files in the system's cache)"
    );
    Ok(())
}

struct Figures {
    rate: f64,
    median: Duration,
    slowest: Duration,
}

impl Figures {
    fn of(mut times: Vec<Duration>) -> Figures {
        times.sort();
        let total: Duration = times.iter().sum();
        Figures {
            rate: times.len() as f64 / total.as_secs_f64(),
            median: times[times.len() / 2],
            slowest: times[times.len() * 99 / 100],
        }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(f, "{:>9.0} {:>8.3} {:>8.3}", self.rate, milliseconds(self.median), milliseconds(self.slowest))
    }
}

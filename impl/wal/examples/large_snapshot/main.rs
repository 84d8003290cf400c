//! Takes a large snapshot, and starts from it again, within little memory.
//!
//! `cargo run --release -p figure2-wal --example large_snapshot -- MIB [DIRECTORY]`: a server on real files whose service has
//! a state of so many MiB (4096 if none are given), which it makes as it goes and never holds. Ends with 1 when the server
//! needed more than 64 MiB of memory. The directory is the current one if none is given, on a disk with room for five times
//! the state.

mod run;

use std::process::ExitCode;

/// More than this, the process must not need.
const LIMIT_MIB: u64 = 64;

fn main() -> Result<ExitCode, run::Failed> {
    let mut arguments = std::env::args().skip(1);
    let mib: u64 = arguments.next().map_or(Ok(4096), |mib| mib.parse())?;
    let directory = arguments.next().unwrap_or(".".to_owned());
    let free = rustix::fs::statvfs(directory.as_str())?;
    let (free, needed) = (free.f_bavail * free.f_frsize, 5 * (mib << 20));
    if free < needed {
        println!("{} MiB are free, and {} are needed: name another directory", free >> 20, needed >> 20);
        return Ok(ExitCode::from(2));
    }
    let directory = tempfile::tempdir_in(directory)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let told = runtime.block_on(run::take_and_restart(directory.path(), mib << 20))?;
    println!("{told}");
    let Some(peak) = run::peak_memory() else {
        println!("this system does not tell how much memory a process needed at most");
        return Ok(ExitCode::from(2));
    };
    println!("memory at most: {} MiB, of {LIMIT_MIB} allowed", peak >> 20);
    Ok(ExitCode::from(u8::from(peak > LIMIT_MIB << 20)))
}

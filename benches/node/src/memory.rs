//! How much memory this process takes, as Linux tells it.

use std::fs;

/// The most resident memory so far, in bytes; none where the system does not tell.
pub fn peak() -> Option<u64> {
    of_status("VmHWM:")
}

/// The resident memory now, in bytes; none where the system does not tell.
pub fn now() -> Option<u64> {
    of_status("VmRSS:")
}

fn of_status(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

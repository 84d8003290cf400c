//! What of the unsynced operations a loss of power leaves.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Bytes of a sector: a disk writes all of it or nothing.
pub const SECTOR: u64 = 512;

/// What of that which was not synced is on the disk after a loss of power. Operations are counted from 0, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// All.
    All,
    /// The first so many operations.
    First(usize),
    /// All but one.
    AllBut(usize),
    /// One alone.
    Only(usize),
    /// Those before one, and of that one, a write, the first so many bytes.
    Beginning(usize, u64),
    /// Those before one, and of that one, a write, all but the first so many bytes.
    End(usize, u64),
    /// Drawn: each operation, and of a write each sector.
    Drawn(u64),
}

/// An operation that was not synced.
#[derive(Clone, Debug)]
pub(super) enum Unsynced {
    Write { inode: u64, offset: u64, bytes: Bytes },
    Length { inode: u64, length: u64 },
    Create { name: String, inode: u64 },
    Rename { from: String, to: String, inode: u64 },
    Remove { name: String, inode: u64 },
}

impl Keep {
    /// What is left of these operations, in their order.
    pub(super) fn of(&self, unsynced: &[Unsynced]) -> Vec<Unsynced> {
        let mut random = match self {
            Keep::Drawn(seed) => Some(StdRng::seed_from_u64(*seed)),
            _ => None,
        };
        let mut kept = Vec::new();
        for (place, operation) in unsynced.iter().enumerate() {
            match *self {
                Keep::Nothing => {}
                Keep::All => kept.push(operation.clone()),
                Keep::First(count) if place < count => kept.push(operation.clone()),
                Keep::AllBut(one) if place != one => kept.push(operation.clone()),
                Keep::Only(one) if place == one => kept.push(operation.clone()),
                Keep::Beginning(one, _) | Keep::End(one, _) if place < one => kept.push(operation.clone()),
                Keep::Beginning(one, length) if place == one => kept.extend(part(operation, 0..length)),
                Keep::End(one, from) if place == one => kept.extend(part(operation, from..u64::MAX)),
                _ => {}
            }
            let Some(random) = &mut random else { continue };
            match operation {
                Unsynced::Write { .. } => {
                    let sectors = sectors(operation);
                    kept.extend(sectors.into_iter().filter(|_| random.random()));
                }
                _ if random.random() => kept.push(operation.clone()),
                _ => {}
            }
        }
        kept
    }

    /// All choices for these operations.
    pub(super) fn choices(unsynced: &[Unsynced]) -> Vec<Keep> {
        let count = unsynced.len();
        let mut choices = vec![Keep::Nothing];
        if count == 0 {
            return choices;
        }
        choices.push(Keep::All);
        for place in 0..count {
            choices.extend([Keep::First(place), Keep::AllBut(place), Keep::Only(place)]);
            let Some(Unsynced::Write { bytes, offset, .. }) = unsynced.get(place) else { continue };
            let length = bytes.len() as u64;
            let first = SECTOR - offset % SECTOR;
            let mut tears: Vec<u64> =
                (0..).map(|n| first + n * SECTOR).take_while(|at| *at < length).collect();
            // Within the last one, too: a file system may have written what a sector never had.
            let last = tears.last().copied().unwrap_or(0);
            tears.extend((last + 1..length).step_by(24));
            tears.push(length - 1);
            for at in tears {
                choices.extend([Keep::Beginning(place, at), Keep::End(place, at)]);
            }
        }
        choices
    }
}

fn part(operation: &Unsynced, range: std::ops::Range<u64>) -> Option<Unsynced> {
    let Unsynced::Write { inode, offset, bytes } = operation else { return None };
    let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
    let (from, to) = (at(range.start), at(range.end));
    Some(Unsynced::Write { inode: *inode, offset: offset + from as u64, bytes: bytes.slice(from..to) })
}

/// A write's sectors.
fn sectors(write: &Unsynced) -> Vec<Unsynced> {
    let Unsynced::Write { offset, bytes, .. } = write else { return Vec::new() };
    let length = bytes.len() as u64;
    let mut from = 0;
    let mut sectors = Vec::new();
    while from < length {
        let to = (from + SECTOR - (offset + from) % SECTOR).min(length);
        sectors.extend(part(write, from..to));
        from = to;
    }
    sectors
}

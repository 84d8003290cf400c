//! The numbers of the lines.

use crate::Problem;
use std::collections::BTreeMap;

/// Watches that no line of a file is missing, repeated or out of order.
#[derive(Debug, Default)]
pub struct Sequence {
    /// For each server, the number of the last line of each run.
    last: BTreeMap<u8, Vec<u64>>,
}

impl Sequence {
    /// The next line has these numbers.
    ///
    /// # Errors
    /// [`Problem::Gap`] or [`Problem::RunMissing`].
    pub fn follow(&mut self, server: u8, run: u32, seq: u64) -> Result<(), Problem> {
        let runs = self.last.entry(server).or_default();
        let place = usize::try_from(run).unwrap_or(usize::MAX).wrapping_sub(1);
        if place == runs.len() {
            runs.push(0);
        }
        let begun = u32::try_from(runs.len()).unwrap_or(u32::MAX);
        let Some(last) = runs.get_mut(place) else {
            return Err(Problem::RunMissing { server, expected: begun.saturating_add(1), found: run });
        };
        let expected = *last + 1;
        *last = seq;
        if seq == expected { Ok(()) } else { Err(Problem::Gap { server, run, expected, found: seq }) }
    }
}

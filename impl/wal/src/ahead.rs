//! Reads the segments one after the other, the next one while the last one is looked at: on a disk, a large log is read in
//! the time of the slower of the two, not of both.

use crate::error::WalError;
use crate::fs::Fs;
use crate::names;
use crate::scan::read_into;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

/// Buffers, used again and again: fresh memory for each segment would cost more than reading it.
const BUFFERS: usize = 2;

/// Reads the segments at these places, and gives each to `look`, in this order, until one of them fails.
pub(crate) fn read<F: Fs>(
    fs: &F,
    places: &[u64],
    mut look: impl FnMut(u64, &[u8]) -> Result<(), WalError>,
) -> Result<(), WalError> {
    // Where nothing blocks, a test wants the same order each time, and there is nothing to be gained.
    if !fs.blocks() || places.len() < 2 {
        let mut bytes = Vec::new();
        return places.iter().try_for_each(|place| {
            read_into(fs, &names::segment(*place), &mut bytes)?;
            look(*place, &bytes)
        });
    }
    let (give, given) = sync_channel(BUFFERS);
    let (give_back, given_back) = channel();
    (0..BUFFERS).for_each(|_| _ = give_back.send(Vec::new()));
    thread::scope(move |scope| {
        let reader = move || {
            for place in places {
                // No buffer comes back, or nobody takes one, when looking has failed.
                let Ok(mut bytes) = given_back.recv() else { return };
                let read = read_into(fs, &names::segment(*place), &mut bytes);
                if give.send((*place, read.map(|()| bytes))).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("figure2-wal-read".to_owned())
            .spawn_scoped(scope, reader)
            .map_err(WalError::io("starting a thread that reads", "the log"))?;
        for (place, read) in given {
            let bytes = read?;
            look(place, &bytes)?;
            // The thread has ended, after the last one.
            let _ = give_back.send(bytes);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test fails by panicking

    use super::*;
    use crate::std_fs::StdFs;
    use std::io::ErrorKind;
    use tempfile::TempDir;

    fn segments(lengths: &[usize]) -> (TempDir, StdFs) {
        let directory = TempDir::new().unwrap();
        for (place, length) in (1..).zip(lengths) {
            std::fs::write(directory.path().join(names::segment(place)), vec![place as u8; *length]).unwrap();
        }
        let fs = StdFs::open(directory.path()).unwrap();
        (directory, fs)
    }

    #[test]
    fn each_segment_is_seen_once_and_in_order_whatever_its_length() {
        let lengths = [70, 3, 0, 500, 1];
        let (_directory, fs) = segments(&lengths);
        let mut seen = Vec::new();
        read(&fs, &[1, 2, 3, 4, 5], |place, bytes| {
            assert!(bytes.iter().all(|byte| u64::from(*byte) == place));
            seen.push((place, bytes.len()));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, (1..).zip(lengths).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_failure_ends_it() {
        let (_directory, fs) = segments(&[1; 6]);
        let mut seen = Vec::new();
        let outcome = read(&fs, &[1, 2, 9, 3], |place, _| {
            seen.push(place);
            Ok(())
        });
        let missing = |error: &WalError| error.to_string().contains(&names::segment(9));
        assert!(outcome.as_ref().is_err_and(missing), "{outcome:?}");
        assert_eq!(seen, [1, 2], "what was read before is seen");

        let mut seen = Vec::new();
        let refuse = || WalError::io("looking", "segment")(ErrorKind::Other.into());
        let outcome = read(&fs, &[1, 2, 3, 4, 5, 6], |place, _| {
            seen.push(place);
            if place < 2 {
                return Ok(());
            }
            // The thread has read what it can, and waits for a buffer.
            thread::sleep(std::time::Duration::from_millis(50));
            Err(refuse())
        });
        assert!(outcome.is_err());
        assert_eq!(seen, [1, 2], "nothing is seen after a refusal");
    }
}

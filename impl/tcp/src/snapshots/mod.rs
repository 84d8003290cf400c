//! Snapshots: a connection of their own, so that messages never wait behind one, and a chunk at a time, so that no side
//! ever has more of one in memory. A transfer that breaks goes on where it was.

mod receive;
mod send;

use crate::framing::Reader;
use crate::opening::Said;
use crate::reason::Reason;
use std::io;
use tokio::task::JoinError;

pub(crate) use receive::{Partials, receive};
pub(crate) use send::{Slot, keep};

/// The next that the other side says, but that it is there.
async fn hear(reader: &mut Reader) -> Result<Said, Reason> {
    loop {
        let frame = reader.next().await?;
        if !frame.is_empty() {
            return match Said::decode(frame)? {
                Said::Refused { for_good, text } => Err(Reason::Refused { for_good, text }),
                said => Ok(said),
            };
        }
    }
}

/// What a blocking piece of work has given.
fn joined<T>(result: Result<io::Result<T>, JoinError>) -> io::Result<T> {
    result.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests;

//! Snapshots: a connection of their own, so that messages never wait behind one, and a chunk at a time, so that no side
//! ever has more of one in memory. A transfer that breaks goes on where it was.

mod receive;
mod send;

pub(crate) use receive::{Partials, receive};
pub(crate) use send::{Slot, keep};

#[cfg(test)]
mod tests;

//! Names of the servers and of their ends on the network.

use crate::labrpc::EndName;

/// A server's name on the network.
pub(super) fn id(server: usize) -> u32 {
    u32::try_from(server).unwrap_or(u32::MAX)
}

/// The end on which a server, in its current generation, calls another.
pub(super) fn end_name(from: usize, generation: u32, to: usize) -> EndName {
    EndName { caller: id(from), target: id(to), generation }
}

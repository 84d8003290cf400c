//! Profiles that break a property: what happens when an assumption of Raft does not hold.

use super::{BASE, Profile, new};
use crate::cluster::bounds::Bounds;
use crate::properties::{Safety, Witness};

/// Raft assumes that what a server wrote is there when it restarts (Figure 2, "Persistent state on all servers"). A server
/// that comes back under its id with an empty disk can vote again in a term in which it has voted: two leaders. So a
/// transport must refuse it (docs/transport.md, "Disks"); then it is one that stays down, as other profiles have them.
pub fn lost_disk() -> Profile {
    Profile {
        always: vec![Safety::ElectionSafety],
        sometimes: vec![Witness::Leader],
        ..new(
            "lost-disk",
            "A server that is down loses its disk, and comes back under its old id: two leaders in one term.",
            Bounds { terms: 1, crashes: 1, lost_disks: true, ..BASE },
        )
    }
}

//! Which servers a cluster has, and their ids outside of this process.

use figure2_core::{MAX_SERVERS, ServerId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The servers of a cluster, and the group that they are of. The core knows a server by its place among them, a small
/// [`ServerId`]; messages and disks know it by its id.
///
/// An id is given to one server for ever: whoever lost its disk comes back under another one, or it could vote twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cluster {
    group: u64,
    /// In ascending order: the place is the core's id.
    voters: Arc<[u64]>,
}

impl Cluster {
    /// The servers with these ids, of this group.
    #[must_use]
    pub fn new(group: u64, voters: &BTreeSet<u64>) -> Cluster {
        Cluster { group, voters: voters.iter().copied().collect() }
    }

    /// The servers 0, 1, 2 and so on, of group 0.
    #[must_use]
    pub fn numbered(servers: u8) -> Cluster {
        Cluster { group: 0, voters: (0..u64::from(servers)).collect() }
    }

    /// The group. One process may run servers of several.
    #[must_use]
    pub fn group(&self) -> u64 {
        self.group
    }

    /// The ids of the servers that vote, in ascending order.
    #[must_use]
    pub fn voters(&self) -> &[u64] {
        &self.voters
    }

    /// How many servers there are, if the core can have as many: from 1 to 64.
    #[must_use]
    pub fn size(&self) -> Option<u8> {
        u8::try_from(self.voters.len()).ok().filter(|size| (1..=MAX_SERVERS).contains(size))
    }

    /// The id of a server; none for a place that no server has.
    #[must_use]
    pub fn id(&self, server: ServerId) -> Option<u64> {
        self.voters.get(usize::from(server.0)).copied()
    }

    /// The place of a server; none for an id that no server has.
    #[must_use]
    pub fn place(&self, id: u64) -> Option<ServerId> {
        let place = self.voters.binary_search(&id).ok()?;
        u8::try_from(place).ok().map(ServerId)
    }
}

/// What a server's storage must know of it: on the storage of another one it could vote twice, or forget what it promised.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The server's id.
    pub server: u64,
    /// The cluster it is of.
    pub cluster: Cluster,
}

impl core::fmt::Display for Identity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Identity { server, cluster } = self;
        write!(f, "server {server} of the servers {:?} of group {}", cluster.voters(), cluster.group())
    }
}

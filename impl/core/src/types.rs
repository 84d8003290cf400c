//! Terms, indexes and server identities: the three numbers Figure 2 is written in.

use core::fmt;

/// A term: Raft's logical clock (section 5.1). Terms count from 1; 0 is "before the first election", and the term
/// of the empty prefix of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Term(pub u64);

impl Term {
    /// Before the first election.
    pub const ZERO: Term = Term(0);

    /// The following term. Saturates: a term of `u64::MAX` is refused as absurd long before (see
    /// [`MAX_TERM`](crate::MAX_TERM)).
    #[must_use]
    #[inline]
    pub fn next(self) -> Term {
        Term(self.0.saturating_add(1))
    }
}

/// A position in the log. The first entry has index 1 (Figure 2); 0 is the empty prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Index(pub u64);

impl Index {
    /// The empty prefix: no entry has this index.
    pub const ZERO: Index = Index(0);

    /// The following index (saturating).
    #[must_use]
    #[inline]
    pub fn next(self) -> Index {
        Index(self.0.saturating_add(1))
    }

    /// The preceding index; that of 0 is 0.
    #[must_use]
    #[inline]
    pub fn prev(self) -> Index {
        Index(self.0.saturating_sub(1))
    }

    /// This index moved on by `count` entries (saturating).
    #[must_use]
    #[inline]
    pub fn plus(self, count: usize) -> Index {
        Index(self.0.saturating_add(count as u64))
    }

    /// How many entries lie in `(earlier, self]`; 0 when `earlier` is not earlier.
    #[must_use]
    #[inline]
    pub fn since(self, earlier: Index) -> usize {
        usize::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(usize::MAX)
    }
}

/// A server's place in the cluster, from 0: the paper's candidateId and leaderId.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ServerId(pub u8);

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S{}", self.0)
    }
}

/// A set of servers: those that vote in a cluster, or the votes that a candidate has. A set and not a count, so that a
/// duplicated reply counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ServerSet(u64);

impl ServerSet {
    /// The empty set.
    pub const EMPTY: ServerSet = ServerSet(0);

    /// The servers `0..count`; none of them if there cannot be as many ([`MAX_SERVERS`](crate::MAX_SERVERS)).
    #[must_use]
    #[inline]
    pub const fn first(count: u8) -> ServerSet {
        match count {
            0 => ServerSet::EMPTY,
            1..=crate::MAX_SERVERS => ServerSet(u64::MAX >> (crate::MAX_SERVERS - count)),
            _ => ServerSet::EMPTY,
        }
    }

    /// Adds a server; adding it twice is adding it once. Ids of [`MAX_SERVERS`](crate::MAX_SERVERS) and above are
    /// never members of a cluster, and are ignored.
    #[inline]
    pub fn insert(&mut self, server: ServerId) {
        self.0 |= 1u64.checked_shl(u32::from(server.0)).unwrap_or(0);
    }

    /// Takes a server out.
    #[inline]
    pub fn remove(&mut self, server: ServerId) {
        self.0 &= !1u64.checked_shl(u32::from(server.0)).unwrap_or(0);
    }

    /// Whether the server is in the set.
    #[must_use]
    #[inline]
    pub fn contains(self, server: ServerId) -> bool {
        self.0 & 1u64.checked_shl(u32::from(server.0)).unwrap_or(0) != 0
    }

    /// How many servers of the set come before this one, if it is in the set.
    #[must_use]
    #[inline]
    pub fn place_of(self, server: ServerId) -> Option<usize> {
        if !self.contains(server) {
            return None;
        }
        // The servers 0, 1, 2 and so on stand each in its own place: no bits to count.
        let is_dense = self.0 & self.0.wrapping_add(1) == 0;
        Some(if is_dense { usize::from(server.0) } else { ServerSet(self.0 & ((1 << server.0) - 1)).len() })
    }

    /// How many servers are in the set.
    #[must_use]
    #[inline]
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether the set is empty.
    #[must_use]
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, in order.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = ServerId> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let first = u8::try_from(rest.trailing_zeros()).ok().filter(|_| rest != 0)?;
            rest &= rest - 1;
            Some(ServerId(first))
        })
    }
}

//! What two servers say to each other before anything else, so that they speak a version that both know.

use super::{Cluster, CodecError, serial};
use crate::codec::Frame;
use core::fmt;
use core::ops::RangeInclusive;
use serde::{Deserialize, Serialize};

/// First byte of a hello.
const HELLO_FORMAT: u8 = 0x48;

/// The layout of a hello's own head.
const LAYOUT: u8 = 1;

/// Versions of the messages that a server can read and write, from the lowest to the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    lowest: u8,
    highest: u8,
}

impl Versions {
    /// Those that this build knows.
    pub const KNOWN: Versions = Versions { lowest: 1, highest: 1 };

    /// From one to another, both included; none when there is none between them.
    #[must_use]
    pub fn new(versions: RangeInclusive<u8>) -> Option<Versions> {
        let (lowest, highest) = (*versions.start(), *versions.end());
        (lowest <= highest).then_some(Versions { lowest, highest })
    }

    /// Whether a version is one of them.
    #[must_use]
    pub fn contains(self, version: u8) -> bool {
        (self.lowest..=self.highest).contains(&version)
    }

    /// The highest version that both know.
    #[must_use]
    pub fn highest_common(self, other: Versions) -> Option<u8> {
        let (lowest, highest) = (self.lowest.max(other.lowest), self.highest.min(other.highest));
        (lowest <= highest).then_some(highest)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lowest == self.highest {
            write!(f, "{}", self.lowest)
        } else {
            write!(f, "{} to {}", self.lowest, self.highest)
        }
    }
}

/// Who speaks, to whom, and which versions it knows. Each side of a connection sends one, and
/// [agrees](Self::agree) with the other's.
///
/// ```
/// use figure2::{Cluster, codec::{Hello, Versions}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cluster = Cluster::new(0, &[1, 2, 5].into());
/// let ours = Hello::new(Versions::KNOWN, &cluster, 1, 5);
/// // What comes back on the connection to server 5:
/// # let bytes = Hello::new(Versions::KNOWN, &cluster, 5, 1).encode()?.into_bytes();
/// let theirs = Hello::decode(bytes)?;
/// let version = ours.agree(&theirs)?;
/// assert!(Versions::KNOWN.contains(version));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    versions: Versions,
    group: u64,
    voters: Vec<u64>,
    from: u64,
    to: u64,
}

/// Why two servers cannot talk to each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HelloError {
    /// It is not the server that it was taken for.
    #[error("it is server {found}, and not server {expected}: correct the address of server {expected}")]
    Server {
        /// Who answers there.
        found: u64,
        /// Who was expected.
        expected: u64,
    },
    /// It takes this server for another one.
    #[error(
        "it takes this server, {us}, for server {expected}: correct the address of server {expected} at the other end"
    )]
    Addressee {
        /// This server.
        us: u64,
        /// Whom it speaks to.
        expected: u64,
    },
    /// It is of another cluster.
    #[error(
        "it is of group {found_group} with the servers {found:?}, and not of group {group} with the servers {expected:?}: \
         correct the address, or the list of servers"
    )]
    Cluster {
        /// Its group.
        found_group: u64,
        /// The servers that it knows.
        found: Vec<u64>,
        /// Our group.
        group: u64,
        /// The servers that we know.
        expected: Vec<u64>,
    },
    /// There is no version that both know.
    #[error(
        "it speaks version {theirs} of the messages, and this server {ours}: update one release after the other, for each \
         reads the last one's messages"
    )]
    Version {
        /// Those that this server knows.
        ours: Versions,
        /// Those that the other one knows.
        theirs: Versions,
    },
}

impl Hello {
    /// What one server of a cluster says to another.
    #[must_use]
    pub fn new(versions: Versions, cluster: &Cluster, from: u64, to: u64) -> Hello {
        Hello { versions, group: cluster.group(), voters: cluster.voters().to_vec(), from, to }
    }

    /// The server that says it.
    #[must_use]
    pub fn from(&self) -> u64 {
        self.from
    }

    /// The group that it speaks of.
    #[must_use]
    pub fn group(&self) -> u64 {
        self.group
    }

    /// The version of all messages of this connection: the highest that both know.
    ///
    /// # Errors
    /// When the other one is not whom this one speaks to, or both know no version.
    pub fn agree(&self, theirs: &Hello) -> Result<u8, HelloError> {
        if (self.group, &self.voters) != (theirs.group, &theirs.voters) {
            return Err(HelloError::Cluster {
                found_group: theirs.group,
                found: theirs.voters.clone(),
                group: self.group,
                expected: self.voters.clone(),
            });
        }
        if theirs.from != self.to {
            return Err(HelloError::Server { found: theirs.from, expected: self.to });
        }
        if theirs.to != self.from {
            return Err(HelloError::Addressee { us: self.from, expected: theirs.to });
        }
        let (ours, theirs) = (self.versions, theirs.versions);
        ours.highest_common(theirs).ok_or(HelloError::Version { ours, theirs })
    }

    /// Its bytes.
    ///
    /// # Errors
    /// None that a list of at most 64 servers can cause.
    pub fn encode(&self) -> Result<Frame, CodecError> {
        serial::write(HELLO_FORMAT, LAYOUT, self, 32 + 9 * self.voters.len()).map(Frame::from)
    }

    /// Reads one.
    ///
    /// # Errors
    /// When the bytes are not exactly one hello.
    pub fn decode(frame: impl Into<Frame>) -> Result<Hello, CodecError> {
        let layouts = Versions { lowest: LAYOUT, highest: LAYOUT };
        let (hello, payload) = serial::begin(HELLO_FORMAT, layouts, frame.into())?.read::<Hello>()?;
        payload.end()?;
        if hello.versions.lowest > hello.versions.highest {
            return Err(CodecError::Malformed("no version is both".to_owned()));
        }
        Ok(hello)
    }
}

//! What a transport tells of itself.

use crate::reason::Reason;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// What a transport tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportStatus {
    /// The peers, by their id.
    pub peers: BTreeMap<u64, PeerStatus>,
    /// Connections from outside that have not said yet who they are.
    pub handshakes: usize,
    /// Connections from peers.
    pub accepted: usize,
    /// How many connections from outside were closed before they had said who they are.
    pub turned_away: u64,
    /// This server's certificate; none without TLS.
    pub certificate: Option<CertificateStatus>,
}

/// How it stands with a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerStatus {
    /// Whether messages can be sent to it now.
    pub connected: bool,
    /// The version of the messages to it.
    pub version: u8,
    /// Bytes of messages that wait for it.
    pub queued_bytes: usize,
    /// Messages to it that were dropped, because too much waited or there was no connection.
    pub dropped: u64,
    /// How often a connection to it was made.
    pub connections: u64,
    /// Why the last connection to it, or the last try, ended.
    pub last_reason: Option<Reason>,
    /// Whether it has come back with another disk, or says that this server has: only an operator can help.
    pub refused_for_good: bool,
}

/// This server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateStatus {
    /// When it expires; none when it could not be read.
    pub not_after: Option<SystemTime>,
    /// How often certificates were read: 1 at first, and one more with each reload.
    pub generation: u64,
}

impl CertificateStatus {
    /// Whole days until it expires; below zero when it has expired.
    ///
    /// ```
    /// use figure2_tcp::CertificateStatus;
    /// use std::time::{Duration, SystemTime};
    ///
    /// let now = SystemTime::UNIX_EPOCH;
    /// let not_after = Some(now + Duration::from_secs(10 * 86_400));
    /// assert_eq!(CertificateStatus { not_after, generation: 1 }.days_left(now), Some(10));
    /// ```
    #[must_use]
    pub fn days_left(&self, now: SystemTime) -> Option<i64> {
        const DAY: i64 = 86_400;
        let seconds = match self.not_after?.duration_since(now) {
            Ok(left) => i64::try_from(left.as_secs()).ok()?,
            Err(past) => i64::try_from(past.duration().as_secs()).ok()?.checked_neg()?.checked_sub(1)?,
        };
        Some(seconds.div_euclid(DAY))
    }
}

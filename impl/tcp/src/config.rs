//! What a transport is told, checked before anything is opened.

use crate::files::FileWork;
use crate::tls::Credentials;
use core::time::Duration;
use figure2::Cluster;
use figure2::codec::MESSAGE_LIMIT;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Who this server is, who its peers are, and how they are told from strangers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This server's id.
    pub server: u64,
    /// The group, as in [`figure2::Options`].
    pub group: u64,
    /// The other servers of the cluster, by their id: `host:port`.
    pub peers: BTreeMap<u64, String>,
    /// The name of this server's disk: the one that a log gave itself when it was first written, and that is lost with it
    /// (`figure2_wal::DiskStorage::disk`). Peers remember it, and refuse this server with any other.
    ///
    /// The log names its disk with its first write. So write an empty record before the name is first told to anybody:
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path().join("log");
    /// use figure2::{Cluster, Identity, Record};
    /// use figure2_wal::{DiskStorage, Options};
    ///
    /// let me = Identity { server: 1, cluster: Cluster::new(0, &[1, 2, 3].into()) };
    /// let mut storage = DiskStorage::open(directory, Options::default())?;
    /// storage.read(&me)?;
    /// storage.write(Record::default())?;
    /// let disk = storage.disk().ok_or("it was read")?.0;
    /// # storage.read(&me)?;
    /// # assert_eq!(storage.disk().map(|disk| disk.0), Some(disk));
    /// # Ok(())
    /// # }
    /// ```
    pub disk: u128,
    /// The file in which this server keeps its peers' disks, made when it is not there, in a directory that is. It belongs
    /// beside the log. None: they are forgotten when the process ends, and so only good for trials.
    pub known_disks: Option<PathBuf>,
    /// How peers are told from strangers.
    pub security: Security,
    /// What a peer or a stranger may cost.
    pub limits: Limits,
    /// How often the files of the certificate are looked at for a change.
    pub reload_interval: Duration,
    /// When certificates have changed, connections made with the earlier ones end within this time, one after the other.
    pub old_connections_end_within: Duration,
    /// The log says each day how long this server's certificate is valid. With fewer days than this it is a warning.
    pub warn_days: u32,
    /// Where the jitter of reconnections comes from: the operating system if there is none.
    pub seed: Option<u64>,
    /// Where files are read and written: those of the certificates, of the known disks, and snapshots.
    pub file_work: FileWork,
}

/// How peers are told from strangers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Security {
    /// Mutual TLS 1.3: each side shows a certificate of the authority, which names its server.
    Tls(Credentials),
    /// No encryption, and whoever connects is believed: for a trial on one machine. All addresses must be on loopback.
    PlainOnLoopback,
}

/// What a peer or a stranger may cost: bytes, connections, time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest frame that a peer may send, in bytes; a connection holds one at a time. It must be enough for the longest
    /// message: see `max_message_bytes` and `max_command_bytes` of [`figure2::Options`].
    pub max_frame_bytes: usize,
    /// Most bytes of messages that wait for a peer. Beyond it new ones are dropped, as a network may drop them. One
    /// message always fits. It should be above `max_in_flight_bytes` of [`figure2::Options`].
    pub max_queue_bytes: usize,
    /// Longest snapshot that is taken in, in bytes.
    pub max_snapshot_bytes: u64,
    /// Most connections at once that have not said yet who they are. With one more, the oldest of them is closed.
    pub max_handshakes: usize,
    /// Most bytes that a connection may send before its hello has been accepted.
    pub max_handshake_bytes: u64,
    /// So long may a handshake take, from the first byte of TLS until both sides have accepted the other's hello.
    pub handshake_timeout: Duration,
    /// How often a connection without messages says that it is there.
    pub keepalive: Duration,
    /// A connection on which nothing arrives for so long is closed.
    pub idle_timeout: Duration,
    /// So long may a peer take to accept 64 KiB.
    pub write_timeout: Duration,
    /// The first reconnection waits so long, less up to a half by chance; each further one twice as long.
    pub first_backoff: Duration,
    /// The longest wait before a reconnection.
    pub longest_backoff: Duration,
    /// The wait before a reconnection after a refusal that only an operator can lift.
    pub refused_backoff: Duration,
    /// A part of a snapshot is kept for so long after its connection broke, to be continued; and whoever sends a snapshot
    /// that the node has not asked for again gives it up after this time.
    pub snapshot_patience: Duration,
}

impl Default for Limits {
    /// Frames of 64 MiB (the longest message), a queue of 16 MiB, snapshots of 16 GiB, 64 handshakes of 64 KiB and 5 s,
    /// a word every second and silence of at most 5 s, 10 s for 64 KiB, reconnections after 50 ms to 2 s and 30 s after
    /// a refusal, and 60 s of patience with a snapshot.
    fn default() -> Limits {
        let s = Duration::from_secs;
        Limits {
            max_frame_bytes: MESSAGE_LIMIT,
            max_queue_bytes: 16 << 20,
            max_snapshot_bytes: 16 << 30,
            max_handshakes: 64,
            max_handshake_bytes: 64 << 10,
            handshake_timeout: s(5),
            keepalive: s(1),
            idle_timeout: s(5),
            write_timeout: s(10),
            first_backoff: Duration::from_millis(50),
            longest_backoff: s(2),
            refused_backoff: s(30),
            snapshot_patience: s(60),
        }
    }
}

/// Why a configuration makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is a peer with this server's own id.
    #[error("server {0} is its own peer: list the other servers only")]
    OwnPeer(u64),
    /// The number of servers cannot be a cluster.
    #[error("{0} servers: a cluster has from 1 to 64, this one included")]
    Servers(usize),
    /// An address has no port.
    #[error("the address {address:?} of server {server} is not host:port: write it as 10.0.0.2:7000")]
    Address {
        /// Whose it is.
        server: u64,
        /// What was given.
        address: String,
    },
    /// Two peers have one address.
    #[error("servers {0} and {1} both have the address {2:?}: give each its own")]
    SameAddress(u64, u64, String),
    /// Plain text would leave the machine.
    #[error(
        "{what} is {address}, and without TLS each address must be one of loopback, as 127.0.0.1:7000: use Security::Tls"
    )]
    NotLoopback {
        /// Which address it is.
        what: String,
        /// The address.
        address: String,
    },
    /// A limit does not go with another.
    #[error("{name} is {value}: {problem}")]
    Limit {
        /// The limit.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
}

impl Config {
    /// A configuration with the default limits, of group 0, whose known disks are forgotten when the process ends. It looks
    /// for changed certificates each minute, ends old connections within a minute, and warns 30 days before the expiry.
    pub fn new(
        server: u64,
        peers: impl IntoIterator<Item = (u64, String)>,
        disk: u128,
        security: Security,
    ) -> Config {
        Config {
            server,
            group: 0,
            peers: peers.into_iter().collect(),
            disk,
            known_disks: None,
            security,
            limits: Limits::default(),
            reload_interval: Duration::from_secs(60),
            old_connections_end_within: Duration::from_secs(60),
            warn_days: 30,
            seed: None,
            file_work: FileWork::Threads,
        }
    }

    /// The servers of the cluster: this one and its peers.
    #[must_use]
    pub fn cluster(&self) -> Cluster {
        Cluster::new(self.group, &self.peers.keys().copied().chain([self.server]).collect())
    }

    /// # Errors
    /// The first thing that makes no sense.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.peers.contains_key(&self.server) {
            return Err(ConfigError::OwnPeer(self.server));
        }
        let servers = self.peers.len() + 1;
        if self.cluster().size().is_none() {
            return Err(ConfigError::Servers(servers));
        }
        let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
        for (&server, address) in &self.peers {
            let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            if port.and_then(|(_, port)| port.parse::<u16>().ok()).is_none() {
                return Err(ConfigError::Address { server, address: address.clone() });
            }
            if let Some(other) = seen.insert(address, server) {
                return Err(ConfigError::SameAddress(other, server, address.clone()));
            }
            if self.security == Security::PlainOnLoopback {
                loopback(&format!("the address of server {server}"), address)?;
            }
        }
        self.limits.check()?;
        let positive = |name, value: Duration, problem: &str| positive(name, value, problem);
        positive("reload_interval", self.reload_interval, "look at the certificates each minute or so")?;
        positive("old_connections_end_within", self.old_connections_end_within, "give it a minute or so")
    }
}

/// # Errors
/// When it is not an address of loopback.
pub(crate) fn loopback(what: &str, address: &str) -> Result<(), ConfigError> {
    let is_loopback = address.parse::<SocketAddr>().is_ok_and(|address| match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    });
    if is_loopback {
        return Ok(());
    }
    Err(ConfigError::NotLoopback { what: what.to_owned(), address: address.to_owned() })
}

fn limit<T>(name: &'static str, value: impl ToString, problem: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::Limit { name, value: value.to_string(), problem: problem.into() })
}

fn positive(name: &'static str, value: Duration, advice: &str) -> Result<(), ConfigError> {
    if value.is_zero() {
        limit(name, format!("{value:?}"), format!("it must be above zero: {advice}"))
    } else {
        Ok(())
    }
}

impl Limits {
    fn check(&self) -> Result<(), ConfigError> {
        if !(4096..=MESSAGE_LIMIT).contains(&self.max_frame_bytes) {
            let problem = format!("it must be from 4,096 to {MESSAGE_LIMIT}, the longest message");
            return limit("max_frame_bytes", self.max_frame_bytes, problem);
        }
        if self.max_queue_bytes == 0 {
            return limit("max_queue_bytes", 0, "nothing could be sent: 16 MiB is a good choice");
        }
        if self.max_handshakes < 8 {
            let problem = "peers that reconnect at once would displace each other: give it 8 or more";
            return limit("max_handshakes", self.max_handshakes, problem);
        }
        if self.max_handshake_bytes < 16 << 10 {
            let problem = "a certificate chain may need 16 KiB: give it that or more";
            return limit("max_handshake_bytes", self.max_handshake_bytes, problem);
        }
        for (name, value) in [
            ("handshake_timeout", self.handshake_timeout),
            ("keepalive", self.keepalive),
            ("write_timeout", self.write_timeout),
            ("first_backoff", self.first_backoff),
            ("refused_backoff", self.refused_backoff),
            ("snapshot_patience", self.snapshot_patience),
        ] {
            positive(name, value, "see the default")?;
        }
        if self.idle_timeout < self.keepalive.saturating_mul(2) {
            let problem = format!(
                "a connection says every {:?} (keepalive) that it is there, and one late word must not end it: give it at \
                 least twice that",
                self.keepalive
            );
            return limit("idle_timeout", format!("{:?}", self.idle_timeout), problem);
        }
        if self.longest_backoff < self.first_backoff {
            let problem = format!("it is below first_backoff, {:?}: raise it", self.first_backoff);
            return limit("longest_backoff", format!("{:?}", self.longest_backoff), problem);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let peers = [(2, "127.0.0.1:2".to_owned()), (3, "127.0.0.1:3".to_owned())];
        Config::new(1, peers, 7, Security::PlainOnLoopback)
    }

    fn told(change: impl Fn(&mut Config)) -> String {
        let mut config = config();
        change(&mut config);
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn a_sound_configuration_is_taken() {
        assert_eq!(config().check(), Ok(()));
        assert_eq!(config().cluster().voters(), [1, 2, 3]);
    }

    #[test]
    fn each_thing_that_makes_no_sense_is_told_with_what_to_do() {
        assert!(told(|c| c.server = 2).contains("list the other servers only"));
        assert!(
            told(|c| c.peers.extend((10..90).map(|id| (id, format!("127.0.0.1:{id}")))))
                .contains("from 1 to 64")
        );
        for address in ["nowhere", ":7000", "10.0.0.1", "10.0.0.1:", "10.0.0.1:99999"] {
            let told = told(|c| *c.peers.get_mut(&2).unwrap() = address.to_owned());
            assert!(told.contains("not host:port"), "{told}");
        }
        assert!(
            told(|c| *c.peers.get_mut(&3).unwrap() = "127.0.0.1:2".to_owned()).contains("servers 2 and 3")
        );
        for address in ["10.0.0.1:7000", "localhost:7000", "0.0.0.0:7000", "[::]:7000"] {
            let told = told(|c| *c.peers.get_mut(&2).unwrap() = address.to_owned());
            assert!(told.contains("use Security::Tls"), "{told}");
        }
        assert!(told(|c| c.limits.max_frame_bytes = 100).contains("max_frame_bytes is 100"));
        assert!(told(|c| c.limits.max_frame_bytes = usize::MAX).contains("the longest message"));
        assert!(told(|c| c.limits.max_queue_bytes = 0).contains("max_queue_bytes"));
        assert!(told(|c| c.limits.max_handshakes = 0).contains("max_handshakes"));
        assert!(told(|c| c.limits.max_handshake_bytes = 0).contains("max_handshake_bytes"));
        assert!(told(|c| c.limits.handshake_timeout = Duration::ZERO).contains("handshake_timeout"));
        assert!(told(|c| c.limits.idle_timeout = c.limits.keepalive).contains("idle_timeout"));
        assert!(told(|c| c.limits.longest_backoff = Duration::ZERO).contains("longest_backoff"));
        assert!(told(|c| c.reload_interval = Duration::ZERO).contains("reload_interval"));
        assert!(
            told(|c| c.old_connections_end_within = Duration::ZERO).contains("old_connections_end_within")
        );
    }

    #[test]
    fn names_of_hosts_are_taken_with_tls() {
        let path = || PathBuf::from("unused");
        let security = Security::Tls(Credentials { authority: path(), certificate: path(), key: path() });
        let peers = [(2, "raft-2.example.org:7000".to_owned()), (3, "[::1]:7000".to_owned())];
        assert_eq!(Config::new(1, peers, 7, security).check(), Ok(()));
    }
}

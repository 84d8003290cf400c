//! # figure2-tcp
//!
//! The transport of figure2: messages over TCP with mutual TLS. Each server is known by its certificate, and by its disk.
//!
//! - A connection for each direction carries messages; a second one a snapshot, which is never in memory as a whole.
//! - Both sides check that the other's certificate [names the server](server_name) that it says it is; messages must be in
//!   that server's name.
//! - Whoever comes back with another disk under its old id is refused for good: it may have forgotten a vote.
//! - Whatever a peer or a stranger does costs no more than [`Limits`] says, and ends with a reason in the log.
//!
//! `docs/transport.md` has the protocol, byte by byte, and `docs/security.md` what it defends against, and what it does not.
//!
//! ```no_run
//! use figure2::{ApplyMsg, Options, Persister, Raft};
//! use figure2_tcp::{Config, Credentials, Security, Tcp, Transport};
//! use tokio::sync::mpsc;
//!
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let security = Security::Tls(Credentials {
//!     authority: "certs/authority.pem".into(),
//!     certificate: "certs/server-1.pem".into(),
//!     key: "certs/server-1-key.pem".into(),
//! });
//! let peers = [(2, "10.0.0.2:7000".to_owned()), (3, "10.0.0.3:7000".to_owned())];
//! let config = Config { known_disks: Some("data/known-disks".into()), ..Config::new(1, peers, 0xD15C, security) };
//! let transport = Transport::start(config, Tcp::bind("10.0.0.1:7000").await?).await?;
//! let (apply, applied) = mpsc::channel::<ApplyMsg>(64);
//! let raft = Raft::new(1, transport.peers(), Persister::new(), apply, Options::default()).await?;
//! transport.serve(raft);
//! # Ok(())
//! # }
//! ```

mod accepted;
mod backoff;
#[cfg(feature = "certs")]
pub mod certs;
mod config;
mod connection;
mod dialer;
mod expiry;
mod files;
mod framing;
mod known;
mod network;
mod opening;
mod queue;
mod reason;
mod shared;
mod snapshots;
mod status;
mod stream;
mod tls;
mod transport;

pub use config::{Config, ConfigError, Limits, Security};
pub use files::FileWork;
pub use known::KnownError;
pub use network::{Network, Tcp};
pub use queue::Way;
pub use reason::Reason;
pub use status::{CertificateStatus, PeerStatus, TransportStatus};
pub use tls::{Credentials, CredentialsError, server_name};
pub use transport::{StartError, Transport};

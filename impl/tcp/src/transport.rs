//! The transport as a whole: started, given a node to hear for, asked how it is, and shut down.

use crate::config::{Config, ConfigError, Security, loopback};
use crate::known::{Known, KnownError};
use crate::network::Network;
use crate::queue::Way;
use crate::shared::Shared;
use crate::status::{CertificateStatus, TransportStatus};
use crate::tls::{Credentials, CredentialsError, Tls, server_name, stamp};
use crate::{accepted, dialer, snapshots};
use core::time::Duration;
use figure2::Raft;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::task::JoinError;
use tokio::time::{Instant, sleep};

const DAY: Duration = Duration::from_secs(86_400);

/// Why a transport could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The certificates cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The file of known disks cannot be used.
    #[error(transparent)]
    Known(#[from] KnownError),
    /// A thread for blocking work was lost.
    #[error("files could not be read: {0}")]
    Blocking(String),
    /// The listener's own address is not known.
    #[error("the address at which it listens is not known: {0}")]
    Listener(String),
}

impl From<JoinError> for StartError {
    fn from(error: JoinError) -> StartError {
        StartError::Blocking(error.to_string())
    }
}

/// A server's connections to its peers: a handle to them, cheap to clone.
///
/// It runs until it is [shut down](Self::shutdown); dropping the handles does not end it.
#[derive(Clone)]
pub struct Transport {
    shared: Arc<Shared>,
}

impl Transport {
    /// Checks the configuration, reads the certificates and the known disks, and begins to call the peers. Nobody is heard
    /// before there is a node to [serve](Self::serve). Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the configuration makes no sense, or a file cannot be used. Nothing is running then.
    pub async fn start(config: Config, network: impl Network) -> Result<Transport, StartError> {
        config.check()?;
        if config.security == Security::PlainOnLoopback {
            let address = network.local_address().map_err(|error| StartError::Listener(error.to_string()))?;
            loopback("this server's address", &address)?;
            tracing::warn!(server = config.server, "no TLS: whoever connects is believed");
        }
        let files = config.clone();
        let read = move || -> Result<_, StartError> {
            let tls = match &files.security {
                Security::Tls(credentials) => {
                    Some(Tls::read(credentials, &server_name(files.group, files.server), 1)?)
                }
                Security::PlainOnLoopback => None,
            };
            let known = Known::open(files.known_disks.as_deref(), files.group, files.server, files.disk)?;
            Ok((tls, known))
        };
        let (tls, known) = config.file_work.run(read).await??;
        if config.known_disks.is_none() {
            tracing::warn!(server = config.server, "no file of known disks: they are forgotten at the end");
        }
        let shared = Arc::new(Shared::new(config, Box::new(network), tls, known));
        for (peer, line) in &shared.lines {
            shared.spawn(dialer::keep(shared.clone(), *peer, line.clone()));
            shared.spawn(snapshots::keep(shared.clone(), *peer, line.clone()));
        }
        shared.spawn(accepted::listen(shared.clone()));
        if let Security::Tls(credentials) = &shared.config.security {
            shared.spawn(watch(shared.clone(), credentials.clone()));
        }
        Ok(Transport { shared })
    }

    /// The ways to all peers, for [`Raft::new`].
    #[must_use]
    pub fn peers(&self) -> Vec<(u64, Way)> {
        self.shared.lines.iter().map(|(id, line)| (*id, Way { line: line.clone() })).collect()
    }

    /// From now on this node takes in what arrives.
    pub fn serve(&self, raft: Raft) {
        self.shared.raft.send_replace(Some(raft));
    }

    /// Reads the certificates again now, and not only when their files are next looked at. New connections use them; those
    /// that were made with the earlier ones end within
    /// [`old_connections_end_within`](Config::old_connections_end_within). Without TLS it does nothing.
    ///
    /// # Errors
    /// What is wrong with the files. Those that were read before stay in use.
    pub async fn reload(&self) -> Result<(), StartError> {
        match &self.shared.config.security {
            Security::Tls(credentials) => reload(&self.shared, credentials).await,
            Security::PlainOnLoopback => Ok(()),
        }
    }

    /// How it stands with the peers, with strangers, and with the certificate.
    #[must_use]
    pub fn status(&self) -> TransportStatus {
        let (handshakes, accepted, turned_away) = self.shared.accepted.counts();
        TransportStatus {
            peers: self.shared.lines.keys().map(|id| (*id, self.shared.peer_status(*id))).collect(),
            handshakes,
            accepted,
            turned_away,
            certificate: certificate(&self.shared),
        }
    }

    /// Ends all connections and tasks, lets go of the node, and returns when that is done.
    pub async fn shutdown(&self) {
        self.shared.stop.send_replace(true);
        self.shared.tasks.closed().await;
        self.shared.raft.send_replace(None);
    }
}

impl core::fmt::Debug for Transport {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the transport of server {}", self.shared.config.server)
    }
}

fn certificate(shared: &Shared) -> Option<CertificateStatus> {
    let tls = shared.tls.as_ref()?.borrow().clone();
    Some(CertificateStatus { not_after: tls.not_after, generation: tls.generation })
}

async fn reload(shared: &Shared, credentials: &Credentials) -> Result<(), StartError> {
    let Some(tls) = &shared.tls else { return Ok(()) };
    let (files, name) = (credentials.clone(), server_name(shared.config.group, shared.config.server));
    let generation = tls.borrow().generation + 1;
    let read = shared.config.file_work.run(move || Tls::read(&files, &name, generation)).await??;
    tls.send_replace(Arc::new(read));
    tracing::info!(server = shared.config.server, generation, "the certificates were read again");
    tell_expiry(shared);
    Ok(())
}

/// Says in the log how long the certificate is valid.
fn tell_expiry(shared: &Shared) {
    let server = shared.config.server;
    match certificate(shared).and_then(|certificate| certificate.days_left(SystemTime::now())) {
        None => tracing::warn!(server, "it is not known when this server's certificate expires"),
        Some(days) if days < i64::from(shared.config.warn_days) => {
            tracing::warn!(
                server,
                days,
                "this server's certificate expires soon, or has expired: replace its files"
            );
        }
        Some(days) => tracing::info!(server, days, "days until this server's certificate expires"),
    }
}

/// Reads the certificates again when their files have changed, and says each day how long they are valid.
async fn watch(shared: Arc<Shared>, credentials: Credentials) {
    let look = || {
        let (credentials, file_work) = (credentials.clone(), shared.config.file_work);
        async move { file_work.run(move || stamp(&credentials)).await.ok() }
    };
    tell_expiry(&shared);
    let (mut told, mut failed) = (Instant::now(), None);
    loop {
        tokio::select! {
            biased;
            () = sleep(shared.config.reload_interval) => {}
            () = shared.stopped() => return,
        }
        let now = look().await;
        let read = shared.tls.as_ref().map(|tls| tls.borrow().stamp);
        if now != read && now != failed {
            // What fails is tried again when they change again: they are perhaps being written just now.
            failed = now;
            if let Err(error) = reload(&shared, &credentials).await {
                let server = shared.config.server;
                tracing::error!(server, %error, "the certificates could not be read again: the earlier ones stay in use");
            } else {
                told = Instant::now();
            }
        }
        if told.elapsed() >= DAY {
            tell_expiry(&shared);
            told = Instant::now();
        }
    }
}

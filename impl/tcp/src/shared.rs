//! What all tasks of a transport share.

use crate::accepted::Accepted;
use crate::config::Config;
use crate::known::Known;
use crate::network::AnyNetwork;
use crate::queue::Line;
use crate::reason::Reason;
use crate::snapshots::Partials;
use crate::status::PeerStatus;
use crate::tls::Tls;
use figure2::codec::{Hello, Versions};
use figure2::{Cluster, Raft};
use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::time::sleep;

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) cluster: Cluster,
    pub(crate) network: Box<dyn AnyNetwork>,
    /// None without TLS.
    pub(crate) tls: Option<watch::Sender<Arc<Tls>>>,
    pub(crate) known: Arc<Known>,
    /// The node that takes in what arrives.
    pub(crate) raft: watch::Sender<Option<Raft>>,
    pub(crate) stop: watch::Sender<bool>,
    /// Each task holds a receiver as long as it runs.
    pub(crate) tasks: watch::Sender<()>,
    pub(crate) lines: BTreeMap<u64, Arc<Line>>,
    pub(crate) accepted: Accepted,
    pub(crate) partials: Partials,
    states: Mutex<BTreeMap<u64, PeerStatus>>,
    random: Mutex<StdRng>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(
        config: Config,
        network: Box<dyn AnyNetwork>,
        tls: Option<Tls>,
        known: Known,
    ) -> Shared {
        let random = config.seed.map_or_else(StdRng::from_os_rng, |seed| {
            // Servers with one seed must not all reconnect at the same moments.
            StdRng::seed_from_u64(seed ^ config.server.wrapping_mul(0x9E37_79B9_7F4A_7C15))
        });
        let line = || Arc::new(Line::new(config.limits.max_queue_bytes));
        Shared {
            cluster: config.cluster(),
            network,
            tls: tls.map(|tls| watch::Sender::new(Arc::new(tls))),
            known: Arc::new(known),
            raft: watch::Sender::new(None),
            stop: watch::Sender::new(false),
            tasks: watch::Sender::new(()),
            lines: config.peers.keys().map(|id| (*id, line())).collect(),
            accepted: Accepted::default(),
            partials: config.peers.keys().map(|id| (*id, Arc::default())).collect(),
            states: Mutex::default(),
            random: Mutex::new(random),
            config,
        }
    }

    /// What this server says to another one.
    pub(crate) fn hello(&self, to: u64) -> Hello {
        Hello::new(Versions::KNOWN, &self.cluster, self.config.server, to)
    }

    /// A random number, for a seed or a name.
    pub(crate) fn random(&self) -> u64 {
        lock(&self.random).next_u64()
    }

    /// Runs until the transport is shut down, and is waited for there.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let running = self.tasks.subscribe();
        tokio::spawn(async move {
            task.await;
            drop(running);
        });
    }

    /// Returns when the transport is shut down.
    pub(crate) async fn stopped(&self) {
        // The sender is in `self`, so it is there.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Returns when a connection that was made with the certificates of this generation must end.
    pub(crate) async fn end_of(&self, generation: u64) -> Reason {
        let replaced = async {
            let Some(tls) = &self.tls else { return core::future::pending().await };
            let _ = tls.subscribe().wait_for(|tls| tls.generation > generation).await;
            let part = lock(&self.random).random_range(0.0..=1.0);
            sleep(self.config.old_connections_end_within.mul_f64(part)).await;
        };
        tokio::select! {
            biased;
            () = replaced => Reason::Reloaded,
            () = self.stopped() => Reason::Stopped,
        }
    }

    /// Changes what is told of a peer.
    pub(crate) fn note<T>(&self, peer: u64, change: impl FnOnce(&mut PeerStatus) -> T) -> T {
        change(lock(&self.states).entry(peer).or_default())
    }

    pub(crate) fn peer_status(&self, peer: u64) -> PeerStatus {
        let mut status = lock(&self.states).get(&peer).cloned().unwrap_or_default();
        if let Some(line) = self.lines.get(&peer) {
            status.version = line.version();
            status.queued_bytes = line.queue.bytes();
            status.dropped = line.queue.dropped();
        }
        status
    }
}

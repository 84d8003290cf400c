//! The transport passes the suite that every transport must pass: over TCP in real time, and in memory in virtual time.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use crate::common::{Hub, address, certificates, credentials, directory};
use figure2::Raft;
use figure2_tcp::{Config, Security, Tcp, Transport, Way};
use figure2_testing::transport::{self, Network as Suite};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

/// Starts the transport of a server at an address.
type Start = Arc<dyn Fn(Config, String) -> Pin<Box<dyn Future<Output = Transport> + Send>> + Send + Sync>;

/// Servers whose transport is shut down with them, and started anew when they return.
struct World {
    start: Start,
    addresses: BTreeMap<u64, String>,
    certificates: Option<PathBuf>,
    running: Arc<Mutex<BTreeMap<u64, Transport>>>,
}

impl World {
    fn config(&self, id: u64) -> Config {
        let security = match &self.certificates {
            Some(directory) => Security::Tls(credentials(directory, id)),
            None => Security::PlainOnLoopback,
        };
        let peers = self.addresses.iter().filter(|(peer, _)| **peer != id);
        let peers = peers.map(|(peer, address)| (*peer, address.clone()));
        Config { seed: Some(1), ..Config::new(id, peers, id.into(), security) }
    }
}

impl Suite for World {
    type Peer = Way;

    async fn peer(&self, from: u64, to: u64) -> Way {
        let mut running = self.running.lock().await;
        if let Entry::Vacant(place) = running.entry(from) {
            place.insert((self.start)(self.config(from), self.addresses[&from].clone()).await);
        }
        running[&from].peers().into_iter().find(|(id, _)| *id == to).unwrap().1
    }

    async fn serve(&self, id: u64, node: Raft) {
        self.running.lock().await[&id].serve(node);
    }

    async fn stop(&self, id: u64) {
        let stopped = self.running.lock().await.remove(&id);
        if let Some(transport) = stopped {
            transport.shutdown().await;
        }
    }
}

const SERVERS: [u64; 3] = [10, 20, 30];

async fn over_tcp(certificates: Option<PathBuf>) -> World {
    let mut addresses = BTreeMap::new();
    for id in SERVERS {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.insert(id, listener.local_addr().unwrap().to_string());
    }
    let start: Start = Arc::new(|config, address| {
        Box::pin(async move {
            let network = Tcp::bind(address).await.unwrap();
            Transport::start(config, network).await.unwrap()
        })
    });
    World { start, addresses, certificates, running: Arc::default() }
}

async fn in_memory(certificates: Option<PathBuf>) -> World {
    let hub = Hub::default();
    let addresses = SERVERS.into_iter().map(|id| (id, address(id))).collect();
    let start: Start = Arc::new(move |config, address| {
        let network = hub.listen(&address);
        Box::pin(async move { Transport::start(config, network).await.unwrap() })
    });
    World { start, addresses, certificates, running: Arc::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tcp_with_tls_it_passes() {
    let directory = directory();
    certificates(directory.path(), 10);
    transport::check(|| over_tcp(Some(directory.path().to_owned()))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tcp_in_plain_text_it_passes() {
    transport::check(|| over_tcp(None)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn in_memory_with_tls_it_passes_in_virtual_time() {
    let directory = directory();
    certificates(directory.path(), 10);
    transport::check(|| in_memory(Some(directory.path().to_owned()))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn in_memory_in_plain_text_it_passes_in_virtual_time() {
    transport::check(|| in_memory(None)).await.unwrap();
}

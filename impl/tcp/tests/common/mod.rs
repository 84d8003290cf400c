//! What the tests of the transport share: streams in memory, certificates, the log, and servers.

#![allow(dead_code)] // each test uses a part of it
#![allow(clippy::panic, clippy::unwrap_used)] // a test fails by panicking

use figure2::{ApplyMsg, Options, Persister, Raft};
use figure2_tcp::certs::{self, Request};
use figure2_tcp::{Config, Credentials, Network, Security, Transport};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tracing_subscriber::fmt::MakeWriter;

/// Bytes that a connection in memory holds in each direction.
const BUFFER: usize = 64 << 10;

type Listeners = Arc<Mutex<BTreeMap<String, mpsc::UnboundedSender<(DuplexStream, String)>>>>;

/// Connections in memory, by address.
#[derive(Clone, Default)]
pub struct Hub {
    listeners: Listeners,
    /// After so many bytes from the side that dialled, a connection breaks; 0: never.
    pub breaks_after: Arc<AtomicU64>,
}

/// The side of a connection that has dialled, which may break.
pub struct Dialled {
    stream: DuplexStream,
    breaks_after: Arc<AtomicU64>,
    written: u64,
}

impl AsyncRead for Dialled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Dialled {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let most = self.breaks_after.load(Ordering::Relaxed);
        if most > 0 && self.written >= most {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.written += written as u64;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Hub {
    /// Connects to an address, as anybody may.
    pub fn dial(&self, address: &str, from: &str) -> io::Result<DuplexStream> {
        let listeners = self.listeners.lock().unwrap();
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let listener = listeners.get(address).ok_or_else(refused)?;
        let (ours, theirs) = duplex(BUFFER);
        listener.send((theirs, from.to_owned())).map_err(|_| refused())?;
        Ok(ours)
    }

    /// Listens at an address, in the place of whoever did before.
    pub fn listen(&self, address: &str) -> Memory {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.listeners.lock().unwrap().insert(address.to_owned(), sender);
        Memory { hub: self.clone(), address: address.to_owned(), inbox: receiver.into() }
    }
}

/// A network in memory.
pub struct Memory {
    hub: Hub,
    address: String,
    inbox: tokio::sync::Mutex<mpsc::UnboundedReceiver<(DuplexStream, String)>>,
}

impl Network for Memory {
    type Stream = Dialled;

    async fn dial(&self, address: &str) -> io::Result<Dialled> {
        let stream = self.hub.dial(address, &self.address)?;
        Ok(Dialled { stream, breaks_after: self.hub.breaks_after.clone(), written: 0 })
    }

    async fn accept(&self) -> io::Result<(Dialled, String)> {
        let mut inbox = self.inbox.lock().await;
        // None once another one listens here.
        match inbox.recv().await {
            Some((stream, from)) => Ok((Dialled { stream, breaks_after: Arc::default(), written: 0 }, from)),
            None => std::future::pending().await,
        }
    }

    fn local_address(&self) -> io::Result<String> {
        Ok(self.address.clone())
    }
}

/// The address in memory of a server.
pub fn address(id: u64) -> String {
    format!("127.0.0.1:{id}")
}

/// A directory for a test, in the target directory.
pub fn directory() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Certificates of an authority for the servers 1, 2 and 3, valid for so many days.
pub fn certificates(directory: &Path, days: u32) {
    certs::make(directory, &Request { group: 0, servers: vec![1, 2, 3, 10, 20, 30], days }).unwrap();
}

/// The certificate of a server.
pub fn credentials(directory: &Path, id: u64) -> Credentials {
    Credentials {
        authority: directory.join("authority.pem"),
        certificate: directory.join(format!("server-{id}.pem")),
        key: directory.join(format!("server-{id}-key.pem")),
    }
}

/// A server of the servers 1, 2 and 3, whose disk is a hundred times its id.
pub fn config(id: u64, security: Security) -> Config {
    let peers = [1, 2, 3].into_iter().filter(|peer| *peer != id).map(|peer| (peer, address(peer)));
    Config { seed: Some(7), ..Config::new(id, peers, u128::from(id) * 100, security) }
}

/// A node with its storage in memory, on a transport.
pub async fn node(id: u64, transport: &Transport) -> (Raft, mpsc::Receiver<ApplyMsg>) {
    node_with(id, transport, Persister::new(), Options { seed: Some(id), ..Options::default() }).await
}

/// A node on a transport.
pub async fn node_with(
    id: u64,
    transport: &Transport,
    storage: impl figure2::Storage,
    options: Options,
) -> (Raft, mpsc::Receiver<ApplyMsg>) {
    let (apply, applied) = mpsc::channel::<ApplyMsg>(4096);
    let raft = Raft::new(id, transport.peers(), storage, apply, options).await.unwrap();
    transport.serve(raft.clone());
    (raft, applied)
}

/// What is logged on this thread.
#[derive(Clone, Default)]
pub struct Logs {
    text: Arc<Mutex<String>>,
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.lock().unwrap().push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Logs;

    fn make_writer(&'a self) -> Logs {
        self.clone()
    }
}

impl Logs {
    /// Gathers what this thread logs, as long as the guard lives.
    pub fn gather() -> (Logs, tracing::subscriber::DefaultGuard) {
        let logs = Logs::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(logs.clone())
            .with_ansi(false)
            .with_max_level(tracing::Level::DEBUG)
            .finish();
        (logs, tracing::subscriber::set_default(subscriber))
    }

    pub fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    /// How many lines have this.
    pub fn count(&self, what: &str) -> usize {
        self.text().lines().filter(|line| line.contains(what)).count()
    }

    /// Waits, for some time at most, until one line has all of this.
    pub async fn wait_for(&self, parts: &[&str]) {
        let there = async {
            while !self.text().lines().any(|line| parts.iter().all(|part| line.contains(part))) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        if timeout(Duration::from_secs(120), there).await.is_err() {
            panic!("no line of the log has {parts:?}:\n{}", self.text());
        }
    }
}

/// Waits, for some time at most, until it is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let so = async {
        while !is_so() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(Duration::from_secs(120), so).await.is_ok(), "it did not come to this: {what}");
}

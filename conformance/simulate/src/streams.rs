//! Streams of bytes between the servers, in virtual time: what figure2-tcp gets in the place of TCP.
//!
//! They do what TCP does. Bytes arrive once and in order. What is lost, or finds the way cut, is sent again until it passes,
//! and what comes after it waits. So a cut shorter than the transport's patience loses nothing, and makes everything late. A
//! process that ends closes its connections; a server that loses its power tells nobody, and its peers' connections stay
//! half-open until they notice.

use super::nemesis::Nemesis;
use bytes::{Buf as _, Bytes};
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use figure2_tcp::Network;
use figure2_testing::server_disk::Crash;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// Bytes that a stream holds in one direction: written, and not read yet.
const WINDOW: usize = 64 << 10;

/// What is lost is sent again after so long.
const AGAIN: Duration = Duration::from_millis(200);

/// All servers' streams. A cheap handle.
#[derive(Clone)]
pub(super) struct Streams(Arc<Hosts>);

struct Hosts {
    nemesis: Nemesis,
    hosts: Mutex<BTreeMap<u8, Host>>,
}

/// A server, as its peers reach it.
#[derive(Default)]
struct Host {
    /// Where it accepts connections, while its process runs.
    inbox: Option<mpsc::UnboundedSender<(End, String)>>,
    has_no_power: bool,
    connections: Vec<Weak<Connection>>,
}

/// A connection, as both of its ends share it.
struct Connection {
    nemesis: Nemesis,
    /// Who has dialled, and whom.
    servers: [u8; 2],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What goes from the end that has dialled to the other, and what comes back.
    ways: [Way; 2],
    /// It has been reset: what is on its way still arrives, and then both ends are told.
    is_reset: bool,
    /// Nothing arrives any more, and nobody is told.
    is_dead: bool,
    /// As `is_dead`, because of a server that has lost its power, and now has power again: it knows nothing of this
    /// connection, and says so when something arrives.
    is_unknown: bool,
}

#[derive(Default)]
struct Way {
    pieces: VecDeque<Piece>,
    bytes: usize,
    /// When the last piece arrives.
    arrives: Option<Instant>,
    /// Its writer is done; and its reader has been told.
    is_closed: bool,
    is_over: bool,
    /// Nobody reads here any more.
    is_unread: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Bytes written at once; none: the writer is done.
struct Piece {
    at: Instant,
    bytes: Bytes,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

/// The address of a server: one of loopback, as the transport without TLS demands.
pub(super) fn address(server: u8) -> String {
    format!("127.0.0.1:{}", u16::from(server) + 1)
}

fn server_at(address: &str) -> Option<u8> {
    let port: u16 = address.rsplit_once(':')?.1.parse().ok()?;
    u8::try_from(port.checked_sub(1)?).ok()
}

impl Streams {
    pub(super) fn new(nemesis: &Nemesis) -> Streams {
        Streams(Arc::new(Hosts { nemesis: nemesis.clone(), hosts: Mutex::default() }))
    }

    /// A server's process starts, and listens.
    pub(super) fn listen(&self, server: u8) -> Listener {
        let (sender, inbox) = mpsc::unbounded_channel();
        let mut hosts = lock(&self.0.hosts);
        let host = hosts.entry(server).or_default();
        (host.inbox, host.has_no_power) = (Some(sender), false);
        for connection in host.connections() {
            let mut state = lock(&connection.state);
            state.is_unknown = state.is_dead;
            state.wake();
        }
        Listener { streams: self.clone(), server, inbox: inbox.into() }
    }

    /// A server's process ends.
    pub(super) fn stop(&self, server: u8, crash: Crash) {
        let mut hosts = lock(&self.0.hosts);
        let host = hosts.entry(server).or_default();
        host.inbox = None;
        host.has_no_power = crash != Crash::Kill;
        for connection in host.connections() {
            let mut state = lock(&connection.state);
            match crash {
                Crash::Kill => state.is_reset = true,
                Crash::PowerLoss | Crash::KillThenPowerLoss => state.is_dead = true,
            }
            state.wake();
        }
    }

    /// All connections that the server has now are dead, and nobody is told: something between the servers has forgotten
    /// them.
    pub(super) fn forget(&self, server: u8) {
        let mut hosts = lock(&self.0.hosts);
        for connection in hosts.entry(server).or_default().connections() {
            lock(&connection.state).is_dead = true;
            self.0.nemesis.forgotten_connection();
        }
    }

    async fn dial(&self, from: u8, to: u8) -> io::Result<End> {
        let nemesis = &self.0.nemesis;
        loop {
            // There and back.
            let ways = [nemesis.fate(from, to).first, nemesis.fate(to, from).first];
            let [Some(there), Some(back)] = ways else {
                sleep(AGAIN).await;
                continue;
            };
            sleep(Duration::from_millis(there + back)).await;
            if let Some(connected) = self.connect(from, to) {
                return connected;
            }
            sleep(AGAIN).await;
        }
    }

    /// A connection to a server; none if it has no power, and so gives no answer.
    fn connect(&self, from: u8, to: u8) -> Option<io::Result<End>> {
        let mut hosts = lock(&self.0.hosts);
        let host = hosts.entry(to).or_default();
        if host.has_no_power {
            return None;
        }
        let refused = || Some(Err(io::ErrorKind::ConnectionRefused.into()));
        let Some(inbox) = host.inbox.clone() else { return refused() };
        let nemesis = self.0.nemesis.clone();
        let connection = Arc::new(Connection { nemesis, servers: [from, to], state: Mutex::default() });
        let end = |side| End { connection: connection.clone(), side, timer: None };
        if inbox.send((end(1), address(from))).is_err() {
            return refused();
        }
        for server in [from, to] {
            hosts.entry(server).or_default().connections.push(Arc::downgrade(&connection));
        }
        self.0.nemesis.connected();
        Some(Ok(end(0)))
    }
}

impl Host {
    /// Those that still exist.
    fn connections(&mut self) -> Vec<Arc<Connection>> {
        self.connections.retain(|connection| connection.strong_count() > 0);
        self.connections.iter().filter_map(Weak::upgrade).collect()
    }
}

impl State {
    fn wake(&mut self) {
        for way in &mut self.ways {
            way.reader.take().into_iter().chain(way.writer.take()).for_each(Waker::wake);
        }
    }
}

/// Where a server's process accepts connections.
pub(super) struct Listener {
    streams: Streams,
    server: u8,
    inbox: tokio::sync::Mutex<mpsc::UnboundedReceiver<(End, String)>>,
}

impl Network for Listener {
    type Stream = End;

    async fn dial(&self, address: &str) -> io::Result<End> {
        let to = server_at(address).ok_or(io::ErrorKind::AddrNotAvailable)?;
        self.streams.dial(self.server, to).await
    }

    async fn accept(&self) -> io::Result<(End, String)> {
        match self.inbox.lock().await.recv().await {
            Some(accepted) => Ok(accepted),
            // The process has ended.
            None => core::future::pending().await,
        }
    }

    fn local_address(&self) -> io::Result<String> {
        Ok(address(self.server))
    }
}

/// An end of a connection.
pub(super) struct End {
    connection: Arc<Connection>,
    /// 0 for the end that has dialled.
    side: usize,
    timer: Option<Pin<Box<Sleep>>>,
}

impl End {
    /// Whether what the other end sends passes now.
    fn hears(&self) -> bool {
        let [here, there] = self.servers();
        self.connection.nemesis.passes(there, here)
    }

    fn servers(&self) -> [u8; 2] {
        let [dialled, listens] = self.connection.servers;
        if self.side == 0 { [dialled, listens] } else { [listens, dialled] }
    }

    /// Puts a piece on its way to the other end.
    fn put(&self, state: &mut State, bytes: Bytes) {
        let [here, there] = self.servers();
        let delay = self.connection.nemesis.fate(here, there).first.map(Duration::from_millis);
        let Some(way) = state.ways.get_mut(self.side) else { return };
        let at = Instant::now() + delay.unwrap_or(AGAIN);
        let at = way.arrives.map_or(at, |before| before.max(at));
        (way.arrives, way.bytes) = (Some(at), way.bytes + bytes.len());
        way.pieces.push_back(Piece { at, bytes });
        if let Some(reader) = way.reader.take() {
            reader.wake();
        }
    }

    /// What has arrived; until when to wait for what is on its way, if anything is.
    fn read(&self, cx: &Context<'_>, buffer: &mut ReadBuf<'_>) -> Result<Poll<io::Result<()>>, Instant> {
        let now = Instant::now();
        let mut state = lock(&self.connection.state);
        let (is_dead, is_reset) = (state.is_dead, state.is_reset);
        let Some(way) = state.ways.get_mut(1 - self.side) else { return Ok(Poll::Ready(Err(reset()))) };
        let at = way.pieces.front().map(|piece| piece.at);
        if way.is_over {
            return Ok(Poll::Ready(Ok(())));
        }
        way.reader = Some(cx.waker().clone());
        if is_dead || (at.is_none() && !is_reset) {
            return Ok(Poll::Pending);
        }
        if let Some(at) = at.filter(|at| *at > now) {
            return Err(at);
        }
        if !self.hears() {
            return Err(now + AGAIN);
        }
        let Some(piece) = way.pieces.front_mut() else { return Ok(Poll::Ready(Err(reset()))) };
        if piece.bytes.is_empty() {
            way.is_over = true;
        }
        let length = piece.bytes.len().min(buffer.remaining());
        buffer.put_slice(piece.bytes.get(..length).unwrap_or_default());
        piece.bytes.advance(length);
        way.bytes -= length;
        if piece.bytes.is_empty() {
            way.pieces.pop_front();
        }
        if let Some(writer) = way.writer.take() {
            writer.wake();
        }
        Ok(Poll::Ready(Ok(())))
    }
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match self.read(cx, buffer) {
                Ok(read) => return read,
                Err(until) => {
                    let mut timer = Box::pin(sleep_until(until));
                    let elapsed = timer.as_mut().poll(cx);
                    self.timer = Some(timer);
                    ready!(elapsed);
                }
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.connection.state);
        if state.is_unknown && self.hears() {
            state.is_reset = true;
            state.is_dead = false;
            state.ways.iter_mut().for_each(|way| way.pieces.clear());
            state.wake();
        }
        let (is_reset, is_dead) = (state.is_reset, state.is_dead);
        let Some(way) = state.ways.get_mut(self.side) else { return Poll::Ready(Err(reset())) };
        if is_reset || way.is_closed || way.is_unread {
            return Poll::Ready(Err(reset()));
        }
        if way.bytes >= WINDOW {
            way.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let length = bytes.len().min(WINDOW - way.bytes);
        if is_dead {
            // The system takes it, and sends it again and again.
            way.bytes += length;
            return Poll::Ready(Ok(length));
        }
        // In the middle of a frame, perhaps: whoever writes does not know it yet.
        let cut = self.connection.nemesis.resets().then(|| self.connection.nemesis.draw(length as u64));
        let passes = cut.and_then(|cut| usize::try_from(cut).ok()).unwrap_or(length);
        if passes > 0 {
            self.put(&mut state, Bytes::copy_from_slice(bytes.get(..passes).unwrap_or(bytes)));
        }
        if cut.is_some() {
            state.is_reset = true;
            state.wake();
        }
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = lock(&self.connection.state);
        self.close(&mut state);
        Poll::Ready(Ok(()))
    }
}

impl End {
    /// No more will be written here.
    fn close(&self, state: &mut State) {
        let is_first =
            state.ways.get_mut(self.side).is_some_and(|way| !std::mem::replace(&mut way.is_closed, true));
        if is_first && !state.is_dead && !state.is_reset {
            self.put(state, Bytes::new());
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut state = lock(&self.connection.state);
        self.close(&mut state);
        if let Some(way) = state.ways.get_mut(1 - self.side) {
            way.is_unread = true;
            if let Some(writer) = way.writer.take() {
                writer.wake();
            }
        }
    }
}

//! The proxies between servers: one for each ordered pair, so that whatever bytes go from one server to another pass here.
//!
//! A server's transport dials its peers at addresses of the harness. What is done to bytes is set for a direction, from one
//! server to another: it holds for the connections of both, since either may have dialled.

use anyhow::Context as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::cluster::lock;

/// Most bytes that are read at once.
const CHUNK: usize = 16 << 10;
/// A direction of a connection holds at most so many chunks: 256 KiB. Beyond it, it reads no more.
const CHUNKS: usize = 16;
/// Most connections of an ordered pair at once: a transport has two, and those that just end.
const CONNECTIONS: usize = 16;
/// When one side has said all, the other may go on for so long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What is done to the bytes of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// They arrive.
    Clear,
    /// Connections are reset, and new ones refused.
    Refused,
    /// They vanish. A connection that has lost some is reset when there are more and they would arrive again.
    Swallowed,
    /// All of the next ones arrive but for the last byte; then the connection is reset.
    Broken,
    /// They arrive so much later.
    Delayed(Duration),
    /// So many arrive a second.
    Slow(u32),
}

/// What holds for a direction, and until when.
#[derive(Clone)]
struct Condition {
    weather: Weather,
    until: Instant,
    felt: Felt,
}

/// Whether a condition has met a connection or a byte: otherwise nothing happened.
#[derive(Clone, Default)]
pub(crate) struct Felt(Arc<AtomicBool>);

impl Felt {
    pub(crate) fn is_felt(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn feel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The bytes from one server to another.
struct Direction(watch::Sender<Condition>);

impl Direction {
    fn new() -> Arc<Direction> {
        let clear = Condition { weather: Weather::Clear, until: Instant::now(), felt: Felt::default() };
        Arc::new(Direction(watch::Sender::new(clear)))
    }

    fn now(&self) -> (Weather, Felt) {
        let condition = self.0.borrow();
        let weather = if Instant::now() < condition.until { condition.weather } else { Weather::Clear };
        (weather, condition.felt.clone())
    }

    /// Whether connections are refused now; then it is felt.
    fn refuses(&self) -> bool {
        let (weather, felt) = self.now();
        let refuses = weather == Weather::Refused;
        if refuses {
            felt.feel();
        }
        refuses
    }

    /// Returns once connections are refused.
    async fn refused(&self) {
        let mut changes = self.0.subscribe();
        while !self.refuses() {
            // The sender lives as long as the direction.
            let _ = changes.changed().await;
        }
    }

    /// A direction breaks once, whatever the number of its connections.
    fn breaks(&self) -> bool {
        self.0.send_if_modified(|condition| {
            let breaks = condition.weather == Weather::Broken;
            if breaks {
                condition.weather = Weather::Clear;
                condition.felt.feel();
            }
            breaks
        })
    }
}

/// The proxies between all servers.
pub(crate) struct Proxies {
    /// They end with it.
    _runtime: Runtime,
    servers: usize,
    /// From `a` to `b` at `a * servers + b`.
    directions: Vec<Arc<Direction>>,
    addresses: Vec<SocketAddr>,
    /// Where each server listens, as it last said.
    targets: Arc<Vec<Mutex<Option<SocketAddr>>>>,
}

impl Proxies {
    /// Starts them. Server `a` finds its peers at `near(a)`.
    pub(crate) fn start(servers: usize, near: impl Fn(usize) -> IpAddr) -> anyhow::Result<Proxies> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let directions: Vec<_> = (0..servers * servers).map(|_| Direction::new()).collect();
        let targets: Arc<Vec<Mutex<Option<SocketAddr>>>> =
            Arc::new((0..servers).map(|_| Mutex::default()).collect());
        let mut addresses = Vec::new();
        for (from, to) in pairs_with_itself(servers) {
            let listener =
                runtime.block_on(TcpListener::bind((near(from), 0))).context("a proxy cannot listen")?;
            addresses.push(listener.local_addr()?);
            if from == to {
                // Nobody dials itself: it only keeps the places of the others.
                continue;
            }
            let there = directions[from * servers + to].clone();
            let back = directions[to * servers + from].clone();
            let targets = targets.clone();
            runtime.spawn(listen(listener, there, back, move || *lock(&targets[to])));
        }
        Ok(Proxies { _runtime: runtime, servers, directions, addresses, targets })
    }

    /// Where server `from` finds server `to`.
    pub(crate) fn address(&self, from: usize, to: usize) -> SocketAddr {
        self.addresses[from * self.servers + to]
    }

    /// A server listens here from now on.
    pub(crate) fn set_target(&self, server: usize, address: SocketAddr) {
        *lock(&self.targets[server]) = Some(address);
    }

    /// Sets what is done to the bytes of a direction, for some time, and where it is noted that it did something.
    pub(crate) fn set(&self, from: usize, to: usize, weather: Weather, lasts: Duration, felt: &Felt) {
        let condition = Condition { weather, until: Instant::now() + lasts, felt: felt.clone() };
        self.directions[from * self.servers + to].0.send_replace(condition);
    }

    /// All bytes arrive again.
    pub(crate) fn heal(&self) {
        for (from, to) in pairs_with_itself(self.servers) {
            self.set(from, to, Weather::Clear, Duration::ZERO, &Felt::default());
        }
    }
}

fn pairs_with_itself(servers: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..servers).flat_map(move |from| (0..servers).map(move |to| (from, to)))
}

/// Accepts connections for an ordered pair.
async fn listen(
    listener: TcpListener,
    there: Arc<Direction>,
    back: Arc<Direction>,
    target: impl Fn() -> Option<SocketAddr>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let Ok((near, _)) = listener.accept().await else {
            // No file descriptors are left: some will be.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (there, back, target) = (there.clone(), back.clone(), target());
        tokio::spawn(async move {
            let _permit = permit;
            if there.refuses() || back.refuses() {
                return reset(&near);
            }
            // Nobody listens there: the connection ends, as one to a machine without that server.
            let Some(target) = target else { return reset(&near) };
            match TcpStream::connect(target).await {
                Ok(far) => carry(near, far, &there, &back).await,
                Err(_) => reset(&near),
            }
        });
    }
}

/// The other end is told that the connection is gone, whatever was on its way.
fn reset(stream: &TcpStream) {
    // A stream that is gone already needs none.
    let _ = stream.set_zero_linger();
}

/// Carries the bytes of a connection, until it ends or is reset.
async fn carry(mut near: TcpStream, mut far: TcpStream, there: &Direction, back: &Direction) {
    // What is late is late because it is to be.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ended = {
        let (near_from, near_to) = near.split();
        let (far_from, far_to) = far.split();
        let (forward, backward) = (pump(near_from, far_to, there), pump(far_from, near_to, back));
        tokio::pin!(forward, backward);
        tokio::select! {
            ended = &mut forward => last_words(ended, backward).await,
            ended = &mut backward => last_words(ended, forward).await,
            () = there.refused() => Err(gone()),
            () = back.refused() => Err(gone()),
        }
    };
    if ended.is_err() {
        reset(&near);
        reset(&far);
    }
}

/// One side has said all: the other may still say why it goes.
async fn last_words(ended: io::Result<()>, other: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    ended?;
    timeout(LAST_WORDS, other).await.unwrap_or(Ok(()))
}

fn gone() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

struct Chunk {
    due: Instant,
    bytes: Vec<u8>,
    /// The connection ends after it.
    breaks: bool,
}

/// Carries bytes in one direction until there are no more.
///
/// # Errors
/// When the connection is to be reset.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: &Direction,
) -> io::Result<()> {
    let (queue, mut waiting) = mpsc::channel::<Chunk>(CHUNKS);
    let take = async move {
        let mut has_lost = false;
        loop {
            let mut bytes = vec![0; CHUNK];
            let read = from.read(&mut bytes).await?;
            if read == 0 {
                return Ok::<(), io::Error>(());
            }
            bytes.truncate(read);
            let (weather, felt) = direction.now();
            let mut chunk = Chunk { due: Instant::now(), bytes, breaks: false };
            match weather {
                Weather::Swallowed => {
                    felt.feel();
                    has_lost = true;
                    continue;
                }
                // The other end must not take what follows for what is lost.
                _ if has_lost => return Err(gone()),
                Weather::Broken if direction.breaks() => {
                    chunk.bytes.truncate(read - 1);
                    chunk.breaks = true;
                }
                Weather::Delayed(time) => {
                    felt.feel();
                    chunk.due += time;
                }
                Weather::Clear | Weather::Refused | Weather::Broken | Weather::Slow(_) => {}
            }
            if queue.send(chunk).await.is_err() {
                return Err(gone());
            }
        }
    };
    let give = async move {
        while let Some(chunk) = waiting.recv().await {
            sleep_until(chunk.due).await;
            let mut rest = chunk.bytes.as_slice();
            while !rest.is_empty() {
                const TICK: Duration = Duration::from_millis(20);
                let at_once = match direction.now() {
                    (Weather::Slow(bytes), felt) => {
                        felt.feel();
                        sleep(TICK).await;
                        (bytes as usize / 50).clamp(1, rest.len())
                    }
                    _ => rest.len(),
                };
                let (now, later) = rest.split_at(at_once);
                to.write_all(now).await?;
                rest = later;
            }
            if chunk.breaks {
                return Err(gone());
            }
        }
        to.shutdown().await
    };
    tokio::try_join!(take, give).map(|_| ())
}

#[cfg(test)]
mod tests;

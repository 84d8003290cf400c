//! The floor over TCP: what the floor on disk does (`floor.rs`), with each voter in a process of its own.
//!
//! Voter 0 leads. It sends each batch to the two others in one frame, and writes it to its own disk at the same time. A
//! follower is one thread: it reads a frame, writes and syncs what is in it, and says so with one byte, and again. It
//! takes all that has arrived meanwhile together. Nothing is checked, and nothing is kept but the bytes.

use super::clients::answer;
use super::security::{Tls, credentials, name};
use super::server::{Serve, Sockets, Voter};
use super::wire::read_blocking;
use crate::floor::{Back, Batch, Floor, Hand, Nodes, on_disk};
use anyhow::{Context as _, Result};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream as Blocking;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

/// Most bytes of a frame: far more than all clients can have on their way.
const FRAME_LIMIT: usize = 64 << 20;

/// Bytes that are read from a connection at once.
const BUFFER: usize = 64 << 10;

/// What a follower says for each batch that is on its disk.
const DURABLE: u8 = 1;

struct Part {
    leads: bool,
    /// Its connections are there.
    connected: Arc<AtomicBool>,
}

impl Voter for Part {
    fn leads(&self) -> bool {
        self.leads
    }

    fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }
}

/// Starts a voter; the leader answers clients.
///
/// # Errors
/// When it cannot be started.
pub async fn start(told: &Serve, sockets: Sockets, peers: &[String]) -> Result<Box<dyn Voter>> {
    let tls = told.certificates.as_ref().map(|directory| Tls::read(&credentials(directory, told.voter)));
    let (tls, directory) = (tls.transpose()?, told.place()?.directory());
    let connected: Arc<AtomicBool> = Arc::default();
    if told.voter == 0 {
        let mut streams = Vec::new();
        for (voter, address) in (0..).zip(peers).skip(1) {
            streams.push((usize::from(voter), dial(voter, address, tls.as_ref()).await?));
        }
        connected.store(true, Ordering::Relaxed);
        let leader = Nodes::lead(|back| ways(&directory, streams, back))?;
        tokio::spawn(answer(sockets.clients, leader));
    } else {
        let (listener, told_so) = (sockets.peers.into_std()?, connected.clone());
        listener.set_nonblocking(false)?;
        let floor = Floor::open(&directory)?;
        std::thread::Builder::new().name("follower".to_owned()).spawn(move || {
            // The leader hears of it by the end of the connection.
            let _ = listener.accept().context("the leader").and_then(|(stream, _)| {
                stream.set_nodelay(true)?;
                follow(encrypted(stream, tls)?, floor, &told_so)
            });
        })?;
    }
    Ok(Box::new(Part { leads: told.voter == 0, connected }))
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn dial(voter: u8, address: &str, tls: Option<&Tls>) -> Result<Box<dyn Stream>> {
    let stream = TcpStream::connect(address).await.context("a follower")?;
    stream.set_nodelay(true)?;
    Ok(match tls {
        None => Box::new(stream),
        Some(tls) => Box::new(TlsConnector::from(tls.client.clone()).connect(name(voter)?, stream).await?),
    })
}

/// The ways to all three: its own disk, and two connections.
fn ways(directory: &Path, streams: Vec<(usize, Box<dyn Stream>)>, back: &Back) -> Result<Vec<Hand>> {
    let mut ways = vec![on_disk(0, directory, back)?];
    for (voter, stream) in streams {
        let (queue, mut batches) = mpsc::unbounded_channel::<Batch>();
        let (mut answers, mut requests) = split(stream);
        let lost = back.clone();
        tokio::spawn(async move {
            let (mut taken, mut frame) = (Vec::new(), Vec::new());
            while batches.recv_many(&mut taken, 16).await > 0 {
                frame.clear();
                taken.drain(..).for_each(|batch| put(&mut frame, &batch));
                if requests.write_all(&frame).await.is_err() || requests.flush().await.is_err() {
                    break;
                }
            }
            lost.lost();
        });
        let back = back.clone();
        tokio::spawn(async move {
            let mut told = [0; 64];
            while let Ok(count @ 1..) = answers.read(&mut told).await {
                back.durable(voter, count as u64);
            }
            back.lost();
        });
        ways.push(Box::new(move |batch| {
            // Its task has said that it has ended.
            let _ = queue.send(batch);
        }));
    }
    Ok(ways)
}

/// Appends a frame with all commands of a batch.
fn put(frame: &mut Vec<u8>, batch: &Batch) {
    let length: usize = batch.iter().map(Vec::len).sum();
    frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    batch.iter().for_each(|command| frame.extend_from_slice(command));
}

trait Both: Read + Write {}

impl<S: Read + Write> Both for S {}

fn encrypted(stream: Blocking, tls: Option<Tls>) -> Result<Box<dyn Both>> {
    Ok(match tls {
        None => Box::new(stream),
        Some(tls) => {
            let connection = rustls::ServerConnection::new(tls.server)?;
            let mut stream = rustls::StreamOwned::new(connection, stream);
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock)?;
            }
            Box::new(stream)
        }
    })
}

/// Does as the leader says, until it hangs up.
fn follow(stream: Box<dyn Both>, mut floor: Floor, connected: &AtomicBool) -> Result<()> {
    connected.store(true, Ordering::Relaxed);
    let mut stream = BufReader::with_capacity(BUFFER, stream);
    let mut batches: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut count = 0;
        // The first is waited for, and more are taken if they are there.
        while count == 0 || has_frame(stream.buffer()) {
            if batches.len() == count {
                batches.push(Vec::new());
            }
            read_blocking(&mut stream, FRAME_LIMIT, &mut batches[count])?;
            count += 1;
        }
        floor.write(batches[..count].iter().map(Vec::as_slice))?;
        stream.get_mut().write_all(&vec![DURABLE; count])?;
        stream.get_mut().flush()?;
    }
}

/// Whether these bytes begin with a whole frame.
fn has_frame(bytes: &[u8]) -> bool {
    let length = bytes.first_chunk().copied().map(u32::from_be_bytes);
    length.is_some_and(|length| bytes.len() - 4 >= length as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_one_frame_with_its_commands_and_is_known_to_be_whole() {
        let batch: Batch = Arc::new(vec![vec![1, 2], vec![3]]);
        let mut frame = Vec::new();
        put(&mut frame, &batch);
        assert_eq!(frame, [0, 0, 0, 3, 1, 2, 3]);
        assert!(has_frame(&frame));
        assert!((0..frame.len()).all(|cut| !has_frame(&frame[..cut])));
        let mut read = Vec::new();
        read_blocking(&mut &frame[..], FRAME_LIMIT, &mut read).unwrap();
        assert_eq!(read, [1, 2, 3]);
    }
}

//! A transport of one's own: three servers talk over TCP on loopback, each message in a frame, on a connection for each direction. It has no encryption, and believes whoever connects: an example, and nothing to run in production. `cargo run -p figure2 --example transport` runs it.

mod frames;

use figure2::codec::Frame;
use figure2::{ApplyMsg, Cluster, HandleError, Options, Peer, Persister, ProposalOutcome, Raft};
use frames::{call, pick_up, read_frame, write_frame};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// The way to a server: a queue of messages. Raft sends again what is lost, so a full queue loses messages, and never waits.
struct Way(mpsc::Sender<Frame>);

impl Peer for Way {
    fn send(&self, frame: Frame) {
        let _ = self.0.try_send(frame);
    }
}

/// Takes messages from the queue to a server; connects anew when the connection is lost.
async fn carry(
    (me, to): (u64, u64),
    address: SocketAddr,
    mut queue: mpsc::Receiver<Frame>,
) -> io::Result<()> {
    while let Some(frame) = queue.recv().await {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        // So far there is one version of the messages: what both agree on needs no keeping.
        call(&mut stream, &Cluster::numbered(3), me, to).await?;
        let mut next = Some(frame);
        while let Some(frame) = next {
            if write_frame(&mut stream, frame).await.is_err() {
                break;
            }
            next = queue.recv().await;
        }
    }
    Ok(())
}

/// Hands in what one connection brings. What the server has to say to it leaves by the other one.
async fn listen(raft: Raft, me: u64, mut stream: TcpStream) -> io::Result<()> {
    pick_up(&mut stream, &raft, me).await?;
    loop {
        match raft.handle(read_frame(&mut stream).await?) {
            // What it has no room for is sent again.
            Ok(()) | Err(HandleError::Busy) => {}
            Err(error) => return Err(io::Error::other(error)),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(TcpListener::bind("127.0.0.1:0").await?);
    }
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
    let (mut servers, mut channels) = (Vec::new(), Vec::new());
    for (me, listener) in (0..).zip(listeners) {
        let ways = (0..).zip(&addresses).filter(|(to, _)| *to != me).map(|(to, address)| {
            let (queue, messages) = mpsc::channel(64);
            tokio::spawn(carry((me, to), *address, messages));
            (to, Way(queue))
        });
        let (apply, applied) = mpsc::channel::<ApplyMsg>(64);
        let raft = Raft::new(me, ways, Persister::new(), apply, Options::default()).await?;
        servers.push(raft.clone());
        channels.push(applied);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(listen(raft.clone(), me, stream));
            }
        });
    }
    let proposal = loop {
        if let Some(proposal) = servers.iter().find_map(|raft| raft.propose("over TCP".into()).ok()) {
            break proposal;
        }
        sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(proposal.await, ProposalOutcome::Applied);
    for applied in &mut channels {
        println!("{:?}", applied.recv().await);
    }
    Ok(())
}

//! A transport of one's own: three servers talk over TCP on loopback, each request and reply in a frame. It has no encryption, and believes whoever connects: an example, and nothing to run in production. `cargo run -p figure2 --example transport` runs it.

mod frames;

use figure2::codec::Frame;
use figure2::{ApplyMsg, Cluster, Options, Peer, Persister, ProposalOutcome, Raft, Replies};
use frames::{call, pick_up, read_frame, write_frame};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// The way to a server: a queue of requests. Raft sends again what is lost, so a full queue loses messages, and never waits.
struct Way(mpsc::Sender<(Frame, Replies)>);

impl Peer for Way {
    fn send(&self, request: Frame, replies: &Replies) {
        let _ = self.0.try_send((request, replies.clone()));
    }
}

type Queue = mpsc::Receiver<(Frame, Replies)>;

/// Takes requests from the queue to a server; connects anew when the connection is lost.
async fn carry((me, to): (u64, u64), address: SocketAddr, mut queue: Queue) -> io::Result<()> {
    while let Some((request, replies)) = queue.recv().await {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        // So far there is one version of the messages: what both agree on needs no keeping.
        call(&mut stream, &Cluster::numbered(3), me, to).await?;
        let (mut reader, mut writer) = stream.into_split();
        let reading = tokio::spawn(async move {
            while let Ok(reply) = read_frame(&mut reader).await {
                replies.deliver(reply);
            }
        });
        let mut next = Some(request);
        while let Some(request) = next {
            if write_frame(&mut writer, request).await.is_err() {
                break;
            }
            next = queue.recv().await.map(|(request, _)| request);
        }
        reading.abort();
    }
    Ok(())
}

/// Answers the requests of one connection, in turn: a slow disk delays those behind.
async fn answer(raft: Raft, me: u64, mut stream: TcpStream) -> io::Result<()> {
    pick_up(&mut stream, &raft, me).await?;
    loop {
        // Without a reply, it is as if it were lost.
        let Some(reply) = raft.call(read_frame(&mut stream).await?).await else { continue };
        write_frame(&mut stream, reply).await?;
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
            let (queue, requests) = mpsc::channel(64);
            tokio::spawn(carry((me, to), *address, requests));
            (to, Way(queue))
        });
        let (apply, applied) = mpsc::channel::<ApplyMsg>(64);
        let raft = Raft::new(me, ways, Persister::new(), apply, Options::default()).await?;
        servers.push(raft.clone());
        channels.push(applied);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(raft.clone(), me, stream));
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

//! A transport of one's own: three servers talk over TCP on loopback, each request and reply in a frame. It has no encryption, and believes whoever connects: an example, and nothing to run in production.
//! `cargo run -p figure2 --example transport` runs it.

mod frames;

use bytes::Bytes;
use figure2::{ApplyMsg, Options, Peer, Persister, ProposalOutcome, Raft, Replies, ServerId};
use frames::{read_frame, write_frame};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// The way to a server: a queue of requests. Raft sends again what is lost, so a full queue loses messages, and never waits.
struct Way(mpsc::Sender<(Bytes, Replies)>);

impl Peer for Way {
    fn send(&self, request: Bytes, replies: &Replies) {
        let _ = self.0.try_send((request, replies.clone()));
    }
}

/// Takes requests from the queue to the server; connects anew when the connection is lost.
async fn carry(address: SocketAddr, mut requests: mpsc::Receiver<(Bytes, Replies)>) {
    while let Some((request, replies)) = requests.recv().await {
        let Ok(stream) = TcpStream::connect(address).await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (mut reader, mut writer) = stream.into_split();
        let reading = tokio::spawn(async move {
            while let Ok(reply) = read_frame(&mut reader).await {
                replies.deliver(&reply);
            }
        });
        let mut next = Some(request);
        while let Some(request) = next {
            if write_frame(&mut writer, &request).await.is_err() {
                break;
            }
            next = requests.recv().await.map(|(request, _)| request);
        }
        reading.abort();
    }
}

/// Answers the requests of one connection, in turn: a slow disk delays those behind.
async fn answer(raft: Raft, mut stream: TcpStream) {
    while let Ok(request) = read_frame(&mut stream).await {
        // Without a reply, it is as if it were lost.
        let Some(reply) = raft.call(&request).await else { continue };
        if write_frame(&mut stream, &reply).await.is_err() {
            return;
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
    for (id, listener) in (0..).map(ServerId).zip(listeners) {
        let ways = addresses.iter().map(|address| {
            let (queue, requests) = mpsc::channel(64);
            tokio::spawn(carry(*address, requests));
            Way(queue)
        });
        let (apply, applied) = mpsc::channel(64);
        let raft = Raft::make(ways.collect(), id, Persister::new(), apply, Options::default())?;
        servers.push(raft.clone());
        channels.push(applied);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(raft.clone(), stream));
            }
        });
    }
    let leads = |raft: &&Raft| raft.get_state().1;
    while !servers.iter().any(|raft| leads(&raft)) {
        sleep(Duration::from_millis(50)).await;
    }
    let Some(leader) = servers.iter().find(leads) else { return Err("the leader is gone again".into()) };
    let proposal = leader.propose("over TCP".into())?;
    assert_eq!(proposal.await, ProposalOutcome::Applied);
    for applied in &mut channels {
        if let Some(ApplyMsg::Command { index, command, .. }) = applied.recv().await {
            println!("committed at {index}: {command:?}");
        }
    }
    Ok(())
}

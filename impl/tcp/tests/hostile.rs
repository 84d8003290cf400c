//! What a hostile peer or a stranger does costs a bounded amount, and ends with a reason in the log: in memory and in
//! virtual time, so that each time limit is looked at.

#![allow(clippy::unwrap_used)] // a test fails by panicking

#[path = "hostile/attacker.rs"]
mod attacker;

use crate::common::{Hub, Logs, address, certificates, config, credentials, directory, node, until};
use attacker::{Attacker, TlsClient};
use figure2::codec::Frame;
use figure2::{Peer, Raft};
use figure2_tcp::{Config, Reason, Security, Transport};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use tracing::subscriber::DefaultGuard;

/// Server 1, whom the others attack.
struct Victim {
    hub: Hub,
    directory: TempDir,
    transport: Transport,
    _raft: Raft,
    logs: Logs,
    _guard: DefaultGuard,
}

impl Victim {
    async fn new() -> Victim {
        Victim::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Victim {
        let (logs, guard) = Logs::gather();
        let (hub, directory) = (Hub::default(), directory());
        certificates(directory.path(), 10);
        let mut config = config(1, Security::Tls(credentials(directory.path(), 1)));
        change(&mut config);
        let transport = Transport::start(config, hub.listen(&address(1))).await.unwrap();
        let (raft, _applied) = node(1, &transport).await;
        Victim { hub, directory, transport, _raft: raft, logs, _guard: guard }
    }

    /// A client with the certificate of a server.
    fn client(&self, id: u64) -> TlsClient {
        TlsClient::new(&credentials(self.directory.path(), id))
    }

    /// A connection with the certificate of server 2, on which nothing was said.
    async fn stranger(&self) -> Attacker {
        self.client(2).connect(&self.hub).await.unwrap()
    }

    /// A connection of server 2, after the opening.
    async fn peer(&self) -> Attacker {
        let mut attacker = self.stranger().await;
        attacker.open(2, 1, 200).await;
        attacker
    }

    /// The log has a line with this reason, and the connection is closed.
    async fn closes(&self, mut attacker: Attacker, reason: &str) {
        attacker.read_to_end().await;
        self.logs.wait_for(&[reason]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn garbage_instead_of_tls() {
    let victim = Victim::new().await;
    let mut stream = victim.hub.dial(&address(1), "a stranger").unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.len() < 100);
    victim.logs.wait_for(&["turned away", "a stranger", "the TLS handshake failed"]).await;
}

#[tokio::test(start_paused = true)]
async fn garbage_of_who_has_a_certificate() {
    let victim = Victim::new().await;
    let mut attacker = victim.stranger().await;
    attacker.frame(b"\x12garbage").await;
    victim.closes(attacker, "not this protocol").await;
    let mut attacker = victim.peer().await;
    attacker.frame(b"\x12garbage").await;
    victim.closes(attacker, "a message that no correct peer sends: undecodable").await;
    let mut attacker = victim.peer().await;
    attacker.frame(&[0x54, 1, 99]).await;
    victim.closes(attacker, "not this protocol: a frame of an unknown kind").await;
}

#[tokio::test(start_paused = true)]
async fn giant_lengths() {
    let victim = Victim::new().await;
    let mut attacker = victim.stranger().await;
    attacker.raw(&u32::MAX.to_be_bytes()).await;
    victim.closes(attacker, "a frame of more than 2048 bytes").await;
    let mut attacker = victim.peer().await;
    attacker.raw(&u32::MAX.to_be_bytes()).await;
    victim.closes(attacker, "a frame of more than 67108864 bytes").await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_of_too_many_bytes() {
    let victim = Victim::with(|config| config.limits.max_handshake_bytes = 16 << 10).await;
    let mut stream = victim.hub.dial(&address(1), "a stranger").unwrap();
    // The beginning of a ClientHello that announces 65,000 bytes, in records of 16 KiB.
    let mut message = vec![1, 0, 0xFD, 0xE8];
    message.resize(65_004, 0);
    for record in message.chunks(16 << 10) {
        let length = u16::try_from(record.len()).unwrap().to_be_bytes();
        let _ = stream.write_all(&[&[22, 3, 1], &length[..], record].concat()).await;
    }
    victim.logs.wait_for(&["turned away", "more than 16384 bytes before its hello was accepted"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_valid_peer_cannot_speak_as_another() {
    let victim = Victim::new().await;
    let mut attacker = victim.stranger().await;
    attacker.hello(3, 1, 300).await;
    let told = attacker.refusal().await;
    assert!(told.contains("its certificate names") && told.contains("server-3.group-0.figure2"), "{told}");
    victim.closes(attacker, "its certificate names").await;
    // Nor is the disk that it named kept: server 3 is accepted with its own.
    let mut third = victim.client(3).connect(&victim.hub).await.unwrap();
    third.open(3, 1, 301).await;
    // What it says in the name of another is not heard, either.
    let mut attacker = victim.peer().await;
    attacker.frame(&attacker::request_vote(3, 1)).await;
    victim.closes(attacker, "server 2 sent it in the name of another server").await;
}

#[tokio::test(start_paused = true)]
async fn wrong_ids() {
    let victim = Victim::new().await;
    for (from, to, expected) in [
        (77, 1, "it says that it is server 77, which is not of this cluster"),
        (1, 1, "it says that it is server 1, which is not of this cluster"),
        (2, 3, "it takes this server, 1, for server 3"),
    ] {
        let mut attacker = victim.stranger().await;
        attacker.hello(from, to, 200).await;
        let told = attacker.refusal().await;
        assert!(told.contains(expected), "{told}");
        victim.closes(attacker, expected).await;
    }
    let mut attacker = victim.stranger().await;
    attacker.hello_of(&[1, 2], 2, 1, 200).await;
    assert!(attacker.refusal().await.contains("and not of group 0 with the servers [1, 2, 3]"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_called_must_be_the_one_that_was_meant() {
    let victim = Victim::new().await;
    // Server 3 listens where server 2 should.
    let security = Security::Tls(credentials(victim.directory.path(), 3));
    let impostor = Transport::start(config(3, security), victim.hub.listen(&address(2))).await.unwrap();
    let (_raft, _applied) = node(3, &impostor).await;
    victim.logs.wait_for(&["server=1 peer=2", "the TLS handshake failed", "server-2.group-0.figure2"]).await;
    let told = victim.transport.status().peers[&2].clone();
    assert!(!told.connected && matches!(told.last_reason, Some(Reason::Tls(_))), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn foreign_expired_and_missing_certificates() {
    let victim = Victim::new().await;
    let foreign = directory();
    certificates(foreign.path(), 10);
    let own = credentials(victim.directory.path(), 2);
    let client = TlsClient::trusting(&own.authority, Some(&credentials(foreign.path(), 2)));
    client.fails(&victim.hub).await;
    victim
        .logs
        .wait_for(&["turned away", "the TLS handshake failed", "invalid peer certificate: BadSignature"])
        .await;
    let expired = attacker::expired(victim.directory.path(), 2);
    TlsClient::trusting(&own.authority, Some(&expired)).fails(&victim.hub).await;
    victim.logs.wait_for(&["turned away", "the TLS handshake failed", "certificate expired"]).await;
    TlsClient::trusting(&own.authority, None).fails(&victim.hub).await;
    victim.logs.wait_for(&["turned away", "the TLS handshake failed", "peer sent no certificates"]).await;
    assert_eq!(victim.transport.status().accepted, 0);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_with_a_wildcard_is_nobodys() {
    let victim = Victim::new().await;
    let wildcard = attacker::named(victim.directory.path(), "*.group-0.figure2");
    let mut attacker = TlsClient::new(&wildcard).connect(&victim.hub).await.unwrap();
    attacker.hello(2, 1, 200).await;
    let told = attacker.refusal().await;
    assert!(told.contains("*.group-0.figure2") && told.contains("server-2.group-0.figure2"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn half_open_connections() {
    let victim = Victim::new().await;
    let begun = Instant::now();
    let mut silent = victim.hub.dial(&address(1), "a stranger").unwrap();
    silent.read_to_end(&mut Vec::new()).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 5);
    victim.logs.wait_for(&["turned away", "the handshake took longer than 5s"]).await;
    // With a certificate, and then silent.
    let begun = Instant::now();
    victim.closes(victim.stranger().await, "the handshake took longer than 5s").await;
    assert_eq!(begun.elapsed().as_secs(), 5);
    // A peer that is silent after the opening.
    let begun = Instant::now();
    victim.closes(victim.peer().await, "nothing arrived for 5s (idle_timeout)").await;
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader() {
    let victim = Victim::new().await;
    // Server 2 is called, and reads nothing after the opening.
    let listener = victim.hub.listen(&address(2));
    let server = attacker::TlsServer::new(&credentials(victim.directory.path(), 2));
    let mut attacker = server.accept(&listener).await;
    attacker.answer(2, 1, 200).await;
    until("it is connected", || victim.transport.status().peers[&2].connected).await;
    let (_, way) = victim.transport.peers().into_iter().find(|(id, _)| *id == 2).unwrap();
    let begun = Instant::now();
    for _ in 0..1000 {
        way.send(Frame::from(vec![0x12; 100_000]));
    }
    let queued = victim.transport.status().peers[&2].clone();
    assert!(queued.queued_bytes <= 16 << 20, "{queued:?}");
    assert!(queued.dropped > 800, "{queued:?}");
    // It says that it is there, so this is not silence.
    let keeps = tokio::spawn(async move {
        while attacker.try_frame(b"").await {
            sleep(Duration::from_secs(1)).await;
        }
    });
    victim.logs.wait_for(&["server=1 peer=2", "did not accept 64 KiB within 10s"]).await;
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert_eq!(victim.transport.status().peers[&2].queued_bytes, 0);
    keeps.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn thousands_of_connections() {
    let victim = Victim::new().await;
    let mut held = Vec::new();
    for number in 0..5000 {
        held.push(victim.hub.dial(&address(1), &format!("stranger {number}")).unwrap());
        if number % 100 == 0 {
            // The listener takes them in.
            sleep(Duration::from_millis(1)).await;
            assert!(victim.transport.status().handshakes <= 64);
        }
    }
    sleep(Duration::from_millis(1)).await;
    let status = victim.transport.status();
    assert_eq!(status.handshakes, 64);
    assert_eq!(status.turned_away, 5000 - 64);
    // They are closed, and a peer gets in among them.
    assert_eq!(held[0].read(&mut [0]).await.unwrap(), 0);
    let _peer = victim.peer().await;
    until("it is accepted", || victim.transport.status().accepted == 1).await;
    victim.logs.wait_for(&["turned away", "too many connections that had not said who they are"]).await;
    // They cannot fill the log, either.
    sleep(Duration::from_secs(2)).await;
    let mut late = victim.hub.dial(&address(1), "a late one").unwrap();
    late.write_all(b"garbage").await.unwrap();
    victim.logs.wait_for(&["turned away", "a late one", "left_out="]).await;
    let lines = victim.logs.count("turned away");
    assert!((20..200).contains(&lines), "{lines}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_has_one_connection_of_a_kind() {
    let victim = Victim::new().await;
    let mut held = Vec::new();
    for _ in 0..50 {
        held.push(victim.peer().await);
    }
    until("all have said who they are", || victim.transport.status().handshakes == 0).await;
    assert_eq!(victim.transport.status().accepted, 1);
    let last = held.pop().unwrap();
    for replaced in held {
        victim.closes(replaced, "the same server connected again").await;
    }
    assert_eq!(victim.transport.status().accepted, 1);
    victim.closes(last, "nothing arrived for 5s (idle_timeout)").await;
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_none() {
    let victim = Victim::with(|config| config.limits.max_snapshot_bytes = 1000).await;
    for (frames, expected) in [
        (vec![attacker::begin(1001)], "1001 bytes, of at most 1000 (max_snapshot_bytes)"),
        (vec![attacker::begin(10), attacker::chunk(11)], "more than the 10 bytes of the snapshot"),
        (vec![attacker::begin(10), attacker::end(b"early")], "something else than the rest of a snapshot"),
        (vec![attacker::begin(0), attacker::end(b"garbage")], "a message that no correct peer sends"),
        (vec![attacker::chunk(1)], "something else than a snapshot's beginning"),
    ] {
        let mut attacker = victim.stranger().await;
        attacker.open_for_snapshots(2, 1, 200).await;
        for frame in frames {
            attacker.frame(&frame).await;
        }
        victim.closes(attacker, expected).await;
    }
    let mut attacker = victim.stranger().await;
    attacker.open_for_snapshots(2, 1, 200).await;
    attacker.raw(&(1_u32 << 20).to_be_bytes()).await;
    victim.closes(attacker, "a frame of more than 262208 bytes").await;
}

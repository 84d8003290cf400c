//! A connection, from its first byte until both sides know who the other is.

use crate::framing::{Reader, Writer, frames};
use crate::known::Verdict;
use crate::opening::{CHUNK_LIMIT, Lane, OPENING_LIMIT, Said};
use crate::reason::Reason;
use crate::shared::Shared;
use crate::stream::{Allowance, BoxStream, Limited};
use crate::tls::{check_name, tls_name};
use core::time::Duration;
use figure2::codec::Frame;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use tokio::time::{sleep, timeout};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A connection on which both sides have said who they are.
pub(crate) struct Connection {
    pub(crate) peer: u64,
    pub(crate) lane: Lane,
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    /// The version of the messages that both agreed on.
    pub(crate) version: u8,
    /// Of which certificates it was made.
    pub(crate) generation: u64,
}

/// A connection whose other side is not known yet, but for its certificate.
struct Stranger {
    reader: Reader,
    writer: Writer,
    chain: Option<Vec<CertificateDer<'static>>>,
    generation: u64,
    allowance: Allowance,
}

impl Stranger {
    fn new(
        shared: &Shared,
        stream: BoxStream,
        chain: Option<&[CertificateDer<'static>]>,
        generation: u64,
        allowance: Allowance,
    ) -> Stranger {
        let (reader, writer) = frames(stream, OPENING_LIMIT, &shared.config.limits);
        Stranger { reader, writer, chain: chain.map(<[_]>::to_vec), generation, allowance }
    }

    /// With a certificate, it must be that of this server.
    fn is(&self, shared: &Shared, server: u64) -> Result<(), Reason> {
        if shared.tls.is_none() {
            return Ok(());
        }
        check_name(self.chain.as_deref(), shared.config.group, server)
    }

    async fn hear(&mut self) -> Result<Said, Reason> {
        match Said::decode(self.reader.next().await?)? {
            Said::Refused { for_good, text } => Err(Reason::Refused { for_good, text }),
            said => Ok(said),
        }
    }

    async fn say(&mut self, said: &Said) -> Result<(), Reason> {
        self.writer.send(&[said.encode()?]).await
    }

    /// The other side is told why, as far as it listens.
    async fn refuse(mut self, reason: Reason) -> Reason {
        refuse(&mut self.writer, &reason).await;
        self.writer.close().await;
        reason
    }

    fn accepted(mut self, shared: &Shared, peer: u64, lane: Lane, version: u8) -> Connection {
        self.allowance.lift();
        let limit = shared.config.limits.max_frame_bytes;
        self.reader.allow(if lane == Lane::Messages { limit } else { CHUNK_LIMIT.min(limit) });
        let Stranger { reader, writer, generation, .. } = self;
        Connection { peer, lane, reader, writer, version, generation }
    }
}

/// Says why a connection will be closed.
pub(crate) async fn refuse(writer: &mut Writer, reason: &Reason) {
    let text: String = reason.to_string().chars().filter(|character| !character.is_control()).collect();
    if let Ok(frame) = (Said::Refused { for_good: reason.for_good(), text }).encode() {
        // It may be gone.
        let _ = writer.send(&[frame]).await;
    }
}

/// Calls a peer.
pub(crate) async fn call(shared: &Shared, peer: u64, lane: Lane) -> Result<Connection, Reason> {
    let within = shared.config.limits.handshake_timeout;
    in_time(within, async {
        let address = shared.config.peers.get(&peer).ok_or(Reason::UnknownServer(peer))?;
        let stream = shared.network.dial(address).await.map_err(|error| Reason::Io(error.to_string()))?;
        let allowance = Allowance::new(shared.config.limits.max_handshake_bytes);
        let limited = Limited::new(stream, allowance.clone());
        let stranger = match &shared.tls {
            None => Stranger::new(shared, Box::new(limited), None, 0, allowance),
            Some(tls) => {
                let tls = tls.borrow().clone();
                let name = tls_name(shared.config.group, peer)?;
                let stream = TlsConnector::from(tls.client.clone()).connect(name, limited).await?;
                let chain = stream.get_ref().1.peer_certificates().map(<[_]>::to_vec);
                Stranger::new(shared, Box::new(stream), chain.as_deref(), tls.generation, allowance)
            }
        };
        greet(shared, stranger, peer, lane).await
    })
    .await
}

/// The opening, from the side that has dialled.
async fn greet(shared: &Shared, mut other: Stranger, peer: u64, lane: Lane) -> Result<Connection, Reason> {
    if let Err(reason) = other.is(shared, peer) {
        return Err(other.refuse(reason).await);
    }
    let ours = shared.hello(peer);
    other.say(&Said::Hello { lane, disk: shared.config.disk, hello: ours.clone() }).await?;
    let Said::Hello { lane: theirs, disk, hello } = other.hear().await? else {
        return Err(Reason::Garbage("something else than a hello".to_owned()));
    };
    if theirs != lane {
        return Err(Reason::Garbage("a hello for another kind of connection".to_owned()));
    }
    match judge(shared, &ours, &hello, disk).await {
        Ok(version) => {
            other.say(&Said::Ready).await?;
            Ok(other.accepted(shared, peer, lane, version))
        }
        Err(reason) => Err(other.refuse(reason).await),
    }
}

/// Answers whoever has dialled.
pub(crate) async fn answer(shared: &Shared, stream: BoxStream) -> Result<Connection, Reason> {
    let within = shared.config.limits.handshake_timeout;
    in_time(within, async {
        let allowance = Allowance::new(shared.config.limits.max_handshake_bytes);
        let limited = Limited::new(stream, allowance.clone());
        let stranger = match &shared.tls {
            None => Stranger::new(shared, Box::new(limited), None, 0, allowance),
            Some(tls) => {
                let tls = tls.borrow().clone();
                let stream = TlsAcceptor::from(tls.server.clone()).accept(limited).await?;
                let chain = stream.get_ref().1.peer_certificates().map(<[_]>::to_vec);
                Stranger::new(shared, Box::new(stream), chain.as_deref(), tls.generation, allowance)
            }
        };
        meet(shared, stranger).await
    })
    .await
}

/// The opening, from the side that was dialled. Nothing that the other side says of itself counts before its certificate
/// was seen to be that of the server that it says it is.
async fn meet(shared: &Shared, mut other: Stranger) -> Result<Connection, Reason> {
    let Said::Hello { lane, disk, hello } = other.hear().await? else {
        return Err(Reason::Garbage("something else than a hello".to_owned()));
    };
    let peer = hello.from();
    let known = shared.lines.contains_key(&peer);
    let is_peer = if known { other.is(shared, peer) } else { Err(Reason::UnknownServer(peer)) };
    if let Err(reason) = is_peer {
        return Err(other.refuse(reason).await);
    }
    let ours = shared.hello(peer);
    let running = shared.raft.borrow().as_ref().is_some_and(|raft| !raft.is_stopped());
    if !running {
        return Err(other.refuse(Reason::Stopped).await);
    }
    let version = match judge(shared, &ours, &hello, disk).await {
        Ok(version) => version,
        Err(reason) => return Err(other.refuse(reason).await),
    };
    other.say(&Said::Hello { lane, disk: shared.config.disk, hello: ours }).await?;
    let Said::Ready = other.hear().await? else {
        return Err(Reason::Garbage("something else than its acceptance".to_owned()));
    };
    Ok(other.accepted(shared, peer, lane, version))
}

/// Whether the other side's hello goes with ours, and its disk is the one that it had: the version of the messages.
async fn judge(
    shared: &Shared,
    ours: &figure2::codec::Hello,
    theirs: &figure2::codec::Hello,
    disk: u128,
) -> Result<u8, Reason> {
    let version = ours.agree(theirs)?;
    let server = theirs.from();
    if shared.known.verdict(server, disk) == Verdict::New {
        let known: Arc<_> = shared.known.clone();
        let added = shared.config.file_work.run(move || known.add(server, disk)).await;
        added.map_err(|error| Reason::Known(error.to_string()))?.map_err(|e| Reason::Known(e.to_string()))?;
        tracing::info!(
            server = shared.config.server,
            peer = server,
            disk = format!("{disk:032x}"),
            "a new disk is known"
        );
    }
    match shared.known.verdict(server, disk) {
        Verdict::Same => Ok(version),
        Verdict::Other(known) => Err(Reason::OtherDisk { server, known, found: disk }),
        Verdict::New => Err(Reason::Known("the disk is not known".to_owned())),
    }
}

async fn in_time<T>(
    within: Duration,
    handshake: impl Future<Output = Result<T, Reason>>,
) -> Result<T, Reason> {
    timeout(within, handshake).await.unwrap_or(Err(Reason::HandshakeTimeout(within)))
}

/// Runs until it is done, and meanwhile says on the connection that this side is there. What cannot be said is no reason to
/// end: the other direction will give one.
pub(crate) async fn keeping_alive<T>(
    writer: &mut Writer,
    keepalive: Duration,
    running: impl Future<Output = T>,
) -> T {
    let mut running = core::pin::pin!(running);
    let mut sound = true;
    loop {
        tokio::select! {
            biased;
            done = &mut running => return done,
            () = sleep(keepalive), if sound => {
                sound = writer.send(&[Frame::default()]).await.is_ok();
            }
        }
    }
}

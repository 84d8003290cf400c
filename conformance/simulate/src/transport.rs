//! The ways from a server to its peers: the network of messages, or figure2-tcp over streams.

use super::cluster::Cluster;
use super::defect::Defect;
use super::network::Link;
use super::streams::{Streams, address};
use super::verdict::Failure;
use figure2::codec::{Frame, decode_message};
use figure2::{Peer, Snapshot};
use figure2_core::Message;
use figure2_tcp::{Config, FileWork, Limits, Security, Transport};
use figure2_validate::instrument::mix;
use std::time::Duration;

/// What the seed is mixed with here.
const TRANSPORT: u64 = 18;

/// The way to one peer.
pub(super) enum Way {
    /// Each message travels by itself.
    Messages(Link),
    /// The real transport carries them.
    Streamed(Streamed),
}

impl Peer for Way {
    fn send(&self, frame: Frame) {
        match self {
            Way::Messages(link) => link.send(frame),
            Way::Streamed(streamed) => streamed.send(frame),
        }
    }

    fn version(&self) -> u8 {
        match self {
            Way::Messages(link) => link.version(),
            Way::Streamed(streamed) => streamed.way.version(),
        }
    }

    fn send_snapshot(&self, message: Frame, snapshot: &Snapshot) -> bool {
        match self {
            Way::Messages(link) => link.send_snapshot(message, snapshot),
            Way::Streamed(Streamed { link, way }) => {
                link.cluster.sent_snapshot(link.from, link.to, snapshot.last_included_index);
                way.send_snapshot(message, snapshot)
            }
        }
    }
}

/// The way to one peer over streams: what is sent is looked at, as on the network of messages.
pub(super) struct Streamed {
    link: Link,
    way: figure2_tcp::Way,
}

impl Streamed {
    fn send(&self, frame: Frame) {
        let Link { cluster, from, to, .. } = &self.link;
        match decode_message(&frame).map(|envelope| envelope.message) {
            Err(error) => {
                let what = format!("a message that is none: {error}");
                return cluster.fail(Failure::Limit { server: *from, what });
            }
            // Seen when it leaves: the leader may never hear it, and then is judged more mildly.
            Ok(Message::AppendEntriesReply(reply)) => {
                if cluster.holds_back(*from, *to, &reply.result) {
                    return;
                }
                cluster.answered(*to, *from, &reply);
            }
            Ok(message) if message.is_request() => cluster.sent(*from, *to, &message, frame.len() as u64),
            Ok(_) => {}
        }
        self.way.send(frame);
    }
}

/// Patience that fits the time in which a cluster must recover ([`RECOVERY`](super::run::RECOVERY)): the defaults are for
/// networks on which a connection may well say nothing for a second or two.
fn limits(defect: Option<Defect>) -> Limits {
    let ms = Duration::from_millis;
    let idle_timeout = match defect {
        Some(Defect::HalfOpenUnnoticed) => Duration::from_secs(3600),
        _ => ms(1000),
    };
    Limits {
        keepalive: ms(300),
        idle_timeout,
        handshake_timeout: ms(1000),
        longest_backoff: ms(500),
        ..Limits::default()
    }
}

/// Starts the transport of a server's process.
pub(super) async fn start(
    cluster: &Cluster,
    streams: &Streams,
    server: u8,
    generation: u32,
) -> Result<Transport, Failure> {
    let others = (0..cluster.plan().servers).filter(|other| *other != server);
    let peers = others.map(|other| (u64::from(other), address(other)));
    let seed = mix(&[cluster.plan().seed, TRANSPORT, server.into(), generation.into()]);
    let config = Config {
        limits: limits(cluster.defect),
        seed: Some(seed),
        file_work: FileWork::InPlace,
        ..Config::new(server.into(), peers, 1 + u128::from(server), Security::PlainOnLoopback)
    };
    let started = Transport::start(config, streams.listen(server)).await;
    started.map_err(|error| Failure::Harness { what: format!("the transport of server {server}: {error}") })
}

/// The ways from a server to its peers.
pub(super) fn ways(cluster: &Cluster, server: u8, transport: Option<&Transport>) -> Vec<(u64, Way)> {
    let link = |to| Link::new(cluster, server, to);
    match transport {
        None => {
            let others = (0..cluster.plan().servers).filter(|to| *to != server);
            others.map(|to| (u64::from(to), Way::Messages(link(to)))).collect()
        }
        Some(transport) => {
            let of_peer = |(to, way): (u64, figure2_tcp::Way)| {
                let link = link(u8::try_from(to).unwrap_or(u8::MAX));
                (to, Way::Streamed(Streamed { link, way }))
            };
            transport.peers().into_iter().map(of_peer).collect()
        }
    }
}

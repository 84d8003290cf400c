//! A server's transport: TCP with mutual TLS, and what the server tells the harness of it.

use crate::server::{Defect, Life, Out};
use crate::wire::FromServer;
use anyhow::Context as _;
use figure2::{Cluster, Identity, Raft, Record, RoleName};
use figure2_tcp::{Config, Credentials, Limits, Security, Tcp, Transport};
use figure2_wal::DiskStorage;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How a server reaches the others over TCP.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// The address at which it listens, as `host:port`; with port 0 the system chooses one.
    pub listen: String,
    /// Where it finds the others, by their id, as `host:port`.
    pub peers: BTreeMap<u64, String>,
    /// The directory of the certificates, as `figure2 certs` writes them.
    pub certificates: PathBuf,
}

/// How often a server looks whether there is something new to tell.
const LOOK: Duration = Duration::from_millis(50);

/// Starts the transport, on a log that was opened and not read yet. Where it listens.
pub(crate) async fn start(
    life: &Life,
    wiring: &Wiring,
    disk: &mut DiskStorage,
) -> anyhow::Result<(Transport, SocketAddr)> {
    let me = Identity { server: life.id, cluster: Cluster::new(0, &(0..life.servers).collect()) };
    disk.read(&me)?;
    // The log names its disk with its first write.
    disk.write(Record::default())?;
    let named = disk.disk().context("a log that was read has a disk")?.0;
    let Wiring { listen, peers, certificates } = wiring;
    let security = Security::Tls(Credentials {
        authority: certificates.join("authority.pem"),
        certificate: certificates.join(format!("server-{}.pem", life.id)),
        key: certificates.join(format!("server-{}-key.pem", life.id)),
    });
    let named = match life.defect {
        Some(Defect::SameDiskName) => u128::from(life.id),
        _ => named,
    };
    let config = Config {
        known_disks: Some(life.directory.join("known-disks")),
        limits: quick_limits(),
        ..Config::new(life.id, peers.clone(), named, security)
    };
    let tcp = Tcp::bind(listen.as_str()).await.with_context(|| format!("{listen} cannot be listened at"))?;
    let address = tcp.address()?;
    Ok((Transport::start(config, tcp).await?, address))
}

/// As short as the election timeouts of a quick cluster, so that what the transport does after a time is done in a storm.
fn quick_limits() -> Limits {
    let ms = Duration::from_millis;
    Limits {
        handshake_timeout: ms(1000),
        keepalive: ms(100),
        idle_timeout: ms(600),
        write_timeout: ms(1000),
        first_backoff: ms(20),
        longest_backoff: ms(200),
        refused_backoff: ms(400),
        ..Limits::default()
    }
}

/// Tells the harness how the server stands, as often as that changes, as long as the process runs.
pub(crate) async fn report(raft: Raft, transport: Transport, out: Out) {
    let mut told = None;
    loop {
        let (mut connected, mut refused) = (BTreeSet::new(), BTreeSet::new());
        for (peer, status) in transport.status().peers {
            if status.connected {
                connected.insert(peer);
            }
            if status.refused_for_good {
                refused.insert(peer);
            }
        }
        let status = raft.status();
        let now = (status.last_applied.0, status.role == RoleName::Leader, connected, refused);
        if told.as_ref() != Some(&now) {
            let (applied, leads, connected, refused) = now.clone();
            out.tell(&FromServer::Stands { applied, leads, connected, refused });
            told = Some(now);
        }
        tokio::time::sleep(LOOK).await;
    }
}

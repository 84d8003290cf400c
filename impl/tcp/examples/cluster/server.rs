//! One server: the node, its log in a directory, its transport, and the service, which adds up numbers.

use crate::Result;
use bytes::Bytes;
use figure2::{ApplyMsg, Cluster, Identity, Options, ProposalOutcome, ProposeError, Raft, Record};
use figure2_tcp::{Config, Credentials, Security, Tcp, Transport};
use figure2_wal::DiskStorage;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::sync::mpsc;

/// Runs until the input ends.
#[tokio::main(worker_threads = 2)]
pub async fn serve(id: u64, directory: &Path, addresses: &[String]) -> Result<()> {
    // What goes wrong is told on standard error.
    tracing_subscriber::fmt().with_max_level(tracing::Level::ERROR).with_writer(std::io::stderr).init();
    let servers = (0..).zip(addresses.iter().cloned());
    let (own, peers): (Vec<_>, Vec<_>) = servers.partition(|(server, _)| *server == id);
    let own = own.first().ok_or("its own address is among them")?.1.clone();

    let me = Identity { server: id, cluster: Cluster::new(0, &(0..addresses.len() as u64).collect()) };
    let data = directory.join(format!("server-{id}"));
    let mut storage = DiskStorage::open(&data, figure2_wal::Options::default())?;
    storage.read(&me)?;
    // The log names its disk with its first write, and the peers remember that name.
    storage.write(Record::default())?;
    let disk = storage.disk().ok_or("it was read")?.0;

    let certs = directory.join("certs");
    let security = Security::Tls(Credentials {
        authority: certs.join("authority.pem"),
        certificate: certs.join(format!("server-{id}.pem")),
        key: certs.join(format!("server-{id}-key.pem")),
    });
    let config =
        Config { known_disks: Some(data.join("known-disks")), ..Config::new(id, peers, disk, security) };
    let transport = Transport::start(config, Tcp::bind(own).await?).await?;
    let (apply, applied) = mpsc::channel(64);
    let raft = Raft::new(id, transport.peers(), storage, apply, Options::default()).await?;
    transport.serve(raft.clone());
    let sum = Arc::new(AtomicU64::new(0));
    tokio::spawn(count(applied, sum.clone()));

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        println!("{}", answer(&raft, &sum, &line).await?);
    }
    raft.shutdown().await;
    transport.shutdown().await;
    Ok(())
}

/// The service. It takes no snapshots, so it is sent none, and after a restart it adds up the log again.
async fn count(mut applied: mpsc::Receiver<ApplyMsg>, sum: Arc<AtomicU64>) {
    while let Some(message) = applied.recv().await {
        if let ApplyMsg::Command { command, .. } = message
            && let Ok(number) = command.as_ref().try_into().map(u64::from_be_bytes)
        {
            sum.fetch_add(number, Ordering::Relaxed);
        }
    }
}

/// Does what a line asks for.
async fn answer(raft: &Raft, sum: &AtomicU64, line: &str) -> Result<String> {
    Ok(match line.split_once(' ').unwrap_or((line, "")) {
        ("add", number) => {
            let number: u64 = number.parse()?;
            match raft.propose(Bytes::copy_from_slice(&number.to_be_bytes())) {
                Ok(proposal) => match proposal.await {
                    ProposalOutcome::Applied => "applied",
                    ProposalOutcome::Lost => "lost",
                    ProposalOutcome::Unknown => "unknown",
                },
                // Nothing was taken, so it can be asked for again.
                Err(ProposeError::NotLeader { .. } | ProposeError::Transferring { .. }) => "lost",
                Err(other) => return Ok(other.to_string()),
            }
            .to_owned()
        }
        ("transfer", to) => match raft.transfer_leadership(to.parse()?) {
            Ok(()) => "transferring".to_owned(),
            Err(error) => error.to_string(),
        },
        _ => {
            let status = raft.status();
            format!("{} {} {}", status.role, status.term, sum.load(Ordering::Relaxed))
        }
    })
}

//! A server's process: started from its disk, and ended.

use super::cluster::Cluster;
use super::defect::Defect;
use super::network::Link;
use super::start::Start;
use super::verdict::Failure;
use super::{service, transport};
use figure2::codec::{FIRST_VERSION, encode};
use figure2::{Install, Options, Raft};
use figure2_store::Store;
use figure2_testing::server_disk::Crash;
use figure2_validate::instrument::mix;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// What the seed is mixed with here.
const SERVER: u64 = 13;

impl Cluster {
    /// Starts a server from what its disk has; for the first time, from what the plan's start puts there.
    pub(super) async fn start(&self, server: u8) -> Result<(), Failure> {
        let start = self.plan().start.as_ref();
        let Some((generation, recovered)) = self.with(server, |member| {
            member.generation += 1;
            let filled = match start {
                Some(start) if member.generation == 1 => member.disk.fill(start.disk(server)),
                _ => Ok(()),
            };
            (member.generation, filled.and_then(|()| member.disk.recover()))
        }) else {
            return Ok(());
        };
        let (disk, snapshot) = recovered.map_err(|what| Failure::Log { server, what })?;
        if generation > 1 {
            self.nemesis.restarted();
        }
        let store = match snapshot {
            None => Store::default(),
            Some(snapshot) => {
                let data = snapshot.data.to_bytes().map_err(|error| error.to_string());
                let store = data.and_then(|data| Store::decode(&data));
                store.map_err(|what| Failure::Service { server, what })?
            }
        };
        let (apply, messages) = mpsc::channel::<figure2::ApplyMsg>(16);
        let mut options = Options {
            install: if self.plan().install_automatically {
                Install::Automatic
            } else {
                Install::Conditional
            },
            extensions: self.plan().extensions_of(server),
            record: true,
            seed: Some(mix(&[self.plan().seed, SERVER, server.into(), generation.into()])),
            ..Options::default()
        };
        if !self.has(Defect::LimitsIgnored) {
            options = self.plan().limits.set(options);
        }
        if self.has(Defect::NoElections) && generation > 1 {
            options.election_timeout = Duration::from_secs(60)..Duration::from_secs(61);
        }
        let transport = match &self.streams {
            None => None,
            Some(streams) => Some(transport::start(self, streams, server, generation).await?),
        };
        let peers = transport::ways(self, server, transport.as_ref());
        let raft = Raft::new(server.into(), peers, disk, apply, options).await;
        let raft = raft.map_err(|error| Failure::Service { server, what: error.to_string() })?;
        if let Some(transport) = &transport {
            transport.serve(raft.clone());
        }
        let raft = Arc::new(raft);
        self.with(server, |member| {
            member.store = store;
            member.raft = Some(raft.clone());
            member.transport = transport;
        });
        tokio::spawn(service::run(self.clone(), server, generation, raft, messages));
        Ok(())
    }

    /// What was on its way before the servers started comes to the network.
    pub(super) fn begin_messages(&self) {
        for (after_ms, message) in self.plan().start.iter().flat_map(Start::messages) {
            let (from, to) = (message.from.0, message.to.0);
            // Whatever the model sends has a form.
            if let Ok(frame) =
                encode(&figure2::Cluster::numbered(self.plan().servers), FIRST_VERSION, &message)
            {
                let link = Link::new(self, from, to);
                tokio::spawn(link.carry_late(after_ms, frame.into_bytes().into(), message.message));
            }
        }
    }

    /// Ends a server.
    pub(super) fn stop(&self, server: u8, crash: Crash) {
        if let Some(streams) = &self.streams {
            streams.stop(server, crash);
        }
        self.with(server, |member| {
            if let Some(raft) = member.raft.take() {
                raft.stop();
            }
            if let Some(transport) = member.transport.take() {
                tokio::spawn(async move { transport.shutdown().await });
            }
            member.disk.crash(crash);
            // Whoever waits learns that the server is gone.
            member.waiting.clear();
        });
    }

    /// All connections of a server are dead, and nobody is told.
    pub(super) fn forget_connections(&self, server: u8) {
        if let Some(streams) = &self.streams {
            streams.forget(server);
        }
    }
}

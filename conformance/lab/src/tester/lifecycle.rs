//! Starts, crashes, connects and disconnects servers.

use super::applier::{self, Applier};
use super::cluster::{Applying, Cluster, State, purpose};
use super::failure::Failure;
use super::names::{end_name, id};
use crate::raft::Raft;
use figure2::{Index, Install, Options};
use figure2_validate::instrument::mix;
use std::sync::Arc;
use tokio::sync::mpsc;

impl Cluster {
    /// Stops a server: cuts it off and kills it. Its successor finds what was durable at this moment; on a simulated disk,
    /// and perhaps what was under way.
    pub async fn crash(&self, server: usize) {
        self.cut_off(server).await;
        self.0.network.delete_server(id(server));
        let mut state = self.lock().await;
        let member = &mut state.members[server];
        // Killed first: from here on it counts no write as done, so what is kept has all that it ever counted on.
        if let Some(raft) = member.raft.take() {
            self.0.trace.watch(server, None);
            raft.kill();
            if let Some(transport) = member.transport.take() {
                transport.shutdown().await;
            }
            match member.kept.crash() {
                None => self.record(format_args!("tester: crash S{server}")),
                Some(how) => self.record(format_args!("tester: crash S{server}, {how}")),
            }
        }
    }

    /// Starts a server, or restarts it: with what its predecessor had made durable, and with fresh ends, so that the
    /// predecessor's calls fail. It is not connected yet.
    ///
    /// # Errors
    /// [`Failure::Make`]; [`Failure::Disk`]; [`Failure::BadSnapshot`] when the service cannot read the snapshot it starts from.
    pub async fn start(&self, server: usize) -> Result<(), Failure> {
        self.crash(server).await;
        let mut state = self.lock().await;
        let member = &mut state.members[server];
        member.generation += 1;
        member.last_applied = Index::ZERO;
        let generation = member.generation;
        let (storage, snapshot) = member.kept.recover().map_err(|cause| Failure::Disk { server, cause })?;
        self.record(format_args!("tester: start S{server}.{generation}"));
        if self.applying() == Applying::Automatic
            && let Some(snapshot) = snapshot
        {
            let data = snapshot.to_bytes().map_err(|error| Failure::BadSnapshot {
                server,
                index: Index::ZERO,
                reason: format!("it cannot be read: {error}"),
            })?;
            applier::load(&mut state, server, &data, None)?;
        }
        let ends = (0..self.servers()).map(|target| {
            let name = end_name(server, generation, target);
            let end = self.0.network.make_end(name);
            self.0.network.connect(name, id(target));
            end
        });
        // As the lab's channel: a server waits until its service has taken what it delivers.
        let (apply, messages) = mpsc::channel::<figure2::ApplyMsg>(1);
        let options = Options {
            install: match self.applying() {
                Applying::Automatic => Install::Automatic,
                Applying::Plain | Applying::Conditional => Install::Conditional,
            },
            extensions: self.0.settings.extensions,
            record: true,
            seed: Some(mix(&[self.0.settings.seed, purpose::SERVER, server as u64, generation.into()])),
            // The lab measures the log after each snapshot.
            max_retained_bytes: 0,
            ..Options::default()
        };
        let me = u8::try_from(server).unwrap_or(u8::MAX);
        let (made, transport) = match &self.0.tcp {
            None => (Raft::make(ends.collect(), me, storage, apply, options).await, None),
            Some(tcp) => {
                let transport = tcp.start(server).await.map_err(|reason| Failure::Runtime { reason })?;
                let counts = &self.0.network;
                (Raft::make_over_tcp(&transport, counts, me, storage, apply, options).await, Some(transport))
            }
        };
        let raft = made.map_err(|cause| Failure::Make { server, cause })?;
        state.members[server].raft = Some(raft.clone());
        state.members[server].transport = transport;
        self.0.trace.watch(server, Some(raft.clone()));
        self.0.network.add_server(id(server), Arc::new(raft.clone()));
        let applier = Applier { cluster: self.clone(), server, generation, raft, last_applied: Index::ZERO };
        tokio::spawn(applier.run(messages));
        Ok(())
    }

    /// Connects a server with all servers that are connected.
    pub async fn connect(&self, server: usize) {
        let mut state = self.lock().await;
        self.record(format_args!("tester: connect S{server}"));
        state.members[server].connected = true;
        for (other, member) in state.members.iter().enumerate() {
            if member.connected {
                self.enable(&state, server, other, true);
            }
        }
    }

    /// Cuts a server off, in both directions. Over TCP it cannot be done, and fails the test.
    pub async fn disconnect(&self, server: usize) {
        self.needs_simulated("servers that are cut off");
        self.cut_off(server).await;
    }

    /// Over TCP there is no simulated network: a test that needs one must not pass.
    fn needs_simulated(&self, what: &'static str) {
        if self.0.tcp.is_some() {
            self.fail(Failure::NotOverTcp { what });
        }
    }

    async fn cut_off(&self, server: usize) {
        let mut state = self.lock().await;
        if state.members[server].connected {
            self.record(format_args!("tester: disconnect S{server}"));
        }
        state.members[server].connected = false;
        for other in 0..self.servers() {
            self.enable(&state, server, other, false);
        }
    }

    fn enable(&self, state: &State, one: usize, other: usize, enabled: bool) {
        for (from, to) in [(one, other), (other, one)] {
            let end = end_name(from, state.members[from].generation, to);
            self.0.network.enable(end, enabled);
        }
    }

    /// Whether the network is reliable from now on.
    pub fn set_reliable(&self, reliable: bool) {
        self.needs_simulated("a network that loses and delays messages");
        self.record(format_args!("tester: reliable {reliable}"));
        self.0.network.set_reliable(reliable);
    }
}

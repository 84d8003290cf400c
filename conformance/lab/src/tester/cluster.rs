//! The cluster under test, and what a scenario can do to it.

use super::checks::Claim;
use super::failure::Failure;
use super::logs::AppliedLogs;
use super::names::id;
use super::storage::{Kept, Medium};
use super::tcp::Tcp;
use super::trace::{STORM, Trace, TraceSummary};
use crate::labrpc::Network;
use crate::raft::{Raft, Started};
use bytes::Bytes;
use figure2::{Identity, Index};
use figure2_tcp::Transport;
use figure2_validate::instrument::mix;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::{MutexGuard, watch};
use tokio::time::{Instant, timeout};

/// How a test's service applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applying {
    /// Without snapshots.
    Plain,
    /// With snapshots as in the 2021 edition: the service is asked before a snapshot is installed.
    Conditional,
    /// With snapshots as in the editions since 2023: Raft switches by itself.
    Automatic,
}

/// How a test wants its cluster.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many servers.
    pub servers: usize,
    /// Whether the network starts reliable.
    pub reliable: bool,
    /// How the service applies.
    pub applying: Applying,
    /// Where the servers keep what must survive a crash.
    pub medium: Medium,
    /// Whether they speak TCP with mutual TLS on loopback, in real time, and not the simulated network.
    pub tcp: bool,
    /// What the servers do beyond Figure 2.
    pub extensions: figure2::Extensions,
    /// Where all chance comes from.
    pub seed: u64,
    /// Whether to keep the trace's text, beside its digest.
    pub keep_trace: bool,
}

/// The figures of the lab's line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Time since the test started, on the test's own clock.
    pub took: Duration,
    /// Calls made, failed ones included.
    pub rpcs: u64,
    /// Bytes of requests and delivered replies.
    pub bytes: u64,
    /// The highest index that was applied as an entry.
    pub commits: u64,
}

/// A cluster under test; a cheap handle to it.
#[derive(Clone)]
pub struct Cluster(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) network: Network,
    pub(super) trace: Arc<Trace>,
    started: Instant,
    random: Mutex<StdRng>,
    warnings: Mutex<Vec<String>>,
    failure: watch::Sender<Option<Failure>>,
    /// The tester's own lock. The 2021 service holds it while it waits for Raft, hence not a blocking one.
    state: tokio::sync::Mutex<State>,
    /// What the servers' transports need; none on the simulated network.
    pub(super) tcp: Option<Tcp>,
    /// Where the servers' directories are, if they are on files, and certificates. It is removed with the cluster.
    _directory: Option<TempDir>,
}

pub(crate) struct State {
    pub(super) members: Vec<Member>,
    pub(super) logs: AppliedLogs,
}

/// One server of the cluster.
pub(crate) struct Member {
    /// None while it is down.
    pub(super) raft: Option<Raft>,
    /// How often it was started.
    pub(super) generation: u32,
    /// Later editions: the last index its service has.
    pub(super) last_applied: Index,
    pub(super) connected: bool,
    /// Over TCP, while it is up.
    pub(super) transport: Option<Transport>,
    pub(super) kept: Kept,
}

/// What the seed is mixed with, so that the parts of a run do not draw the same numbers.
pub(super) mod purpose {
    pub const NETWORK: u64 = 1;
    pub const SCENARIO: u64 = 2;
    pub const SERVER: u64 = 3;
    pub const DISK: u64 = 4;
}

impl Cluster {
    /// Makes the cluster, starts all servers and connects them.
    ///
    /// # Errors
    /// [`Failure::Make`]; [`Failure::Runtime`] when no directory can be made.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn new(settings: Settings) -> Result<Cluster, Failure> {
        let trace = Arc::new(Trace::new(settings.servers, settings.keep_trace));
        let network = Network::new(mix(&[settings.seed, purpose::NETWORK]), trace.clone());
        network.set_reliable(settings.reliable);
        network.set_long_delays(true);
        let directory = match settings.medium {
            Medium::Memory | Medium::SimulatedDisk if !settings.tcp => None,
            _ => Some(tempfile::tempdir()),
        };
        let directory =
            directory.transpose().map_err(|error| Failure::Runtime { reason: error.to_string() })?;
        let tcp = match &directory {
            Some(directory) if settings.tcp => {
                let tcp = Tcp::new(settings.servers, directory.path());
                Some(tcp.map_err(|reason| Failure::Runtime { reason })?)
            }
            _ => None,
        };
        let servers = figure2::Cluster::numbered(u8::try_from(settings.servers).unwrap_or(u8::MAX));
        let member = |server: usize| Member {
            raft: None,
            generation: 0,
            last_applied: Index::ZERO,
            connected: false,
            transport: None,
            kept: Kept::new(
                settings.medium,
                Identity { server: server as u64, cluster: servers.clone() },
                settings.seed,
                directory.as_ref().map(TempDir::path),
            ),
        };
        let cluster = Cluster(Arc::new(Inner {
            settings,
            network,
            trace,
            started: Instant::now(),
            random: Mutex::new(StdRng::seed_from_u64(mix(&[settings.seed, purpose::SCENARIO]))),
            warnings: Mutex::default(),
            failure: watch::Sender::new(None),
            state: tokio::sync::Mutex::new(State {
                members: (0..settings.servers).map(member).collect(),
                logs: AppliedLogs::new(settings.servers),
            }),
            tcp,
            _directory: directory,
        }));
        for server in 0..settings.servers {
            cluster.start(server).await?;
        }
        for server in 0..settings.servers {
            cluster.connect(server).await;
        }
        Ok(cluster)
    }

    /// How many servers there are, up or down.
    #[must_use]
    pub fn servers(&self) -> usize {
        self.0.settings.servers
    }

    /// How the service applies.
    #[must_use]
    pub fn applying(&self) -> Applying {
        self.0.settings.applying
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.0.network
    }

    /// A random number from 0 to `below` - 1, for the scenario's choices; 0 when `below` is 0.
    #[must_use]
    pub fn random(&self, below: u64) -> u64 {
        let mut random = self.0.random.lock().unwrap_or_else(PoisonError::into_inner);
        if below == 0 { 0 } else { random.random_range(0..below) }
    }

    /// A random server.
    #[must_use]
    pub fn random_server(&self) -> usize {
        usize::try_from(self.random(self.servers() as u64)).unwrap_or_default()
    }

    /// A random number as a command, so many that no two are alike.
    #[must_use]
    pub fn random_command(&self) -> Bytes {
        self.random(1 << 63).to_string().into()
    }

    /// Adds a line to the trace.
    pub fn record(&self, what: fmt::Arguments<'_>) {
        self.0.trace.record(what);
    }

    /// Notes something worth a look that is no failure.
    pub fn warn(&self, warning: impl Into<String>) {
        self.0.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning.into());
    }

    /// What was noted with [`warn`](Self::warn).
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.0.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fails the test, from outside the scenario. The first failure counts.
    pub fn fail(&self, failure: Failure) {
        self.record(format_args!("failure: {failure}"));
        self.0.failure.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(failure);
            is_first
        });
    }

    /// Waits until the test is failed from outside the scenario, or nothing but messages happens any more.
    pub async fn failed(&self) -> Failure {
        let mut failure = self.0.failure.subscribe();
        let told = async {
            loop {
                if let Some(failure) = failure.borrow_and_update().clone() {
                    return failure;
                }
                // The sender lives as long as the cluster, which `self` keeps alive.
                let _ = failure.changed().await;
            }
        };
        tokio::select! {
            biased;
            failure = told => failure,
            () = self.0.trace.storm() => Failure::Storm { events: STORM },
        }
    }

    pub(crate) async fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().await
    }

    /// The running server; none while it is down.
    pub async fn raft(&self, server: usize) -> Option<Raft> {
        self.lock().await.members[server].raft.clone()
    }

    /// Whether the server is up.
    pub async fn is_up(&self, server: usize) -> bool {
        self.lock().await.members[server].raft.is_some()
    }

    /// Whether the server is connected.
    pub async fn is_connected(&self, server: usize) -> bool {
        self.lock().await.members[server].connected
    }

    /// Gives a command to one server, leader or not.
    ///
    /// # Errors
    /// [`Failure::ServerDown`].
    pub async fn submit(&self, server: usize, command: impl Into<Bytes>) -> Result<Started, Failure> {
        let raft = self.raft(server).await.ok_or(Failure::ServerDown { server })?;
        Ok(raft.start(command.into()))
    }

    /// What the servers that are up say of themselves.
    pub async fn claims(&self) -> Vec<Claim> {
        self.claims_where(|_| true).await
    }

    /// What the connected servers say of themselves.
    pub async fn connected_claims(&self) -> Vec<Claim> {
        self.claims_where(|member| member.connected).await
    }

    async fn claims_where(&self, wanted: impl Fn(&Member) -> bool) -> Vec<Claim> {
        let state = self.lock().await;
        let members = state.members.iter().enumerate().filter(|(_, member)| wanted(member));
        members
            .filter_map(|(server, member)| {
                let (term, is_leader) = member.raft.as_ref()?.get_state();
                Some(Claim { server, term, is_leader })
            })
            .collect()
    }

    /// Bytes of the largest persisted Raft state over all servers, up or down.
    pub async fn log_size(&self) -> usize {
        let state = self.lock().await;
        state.members.iter().map(|member| member.kept.raft_state_size()).max().unwrap_or(0)
    }

    /// Calls handed to the server since it was last started.
    #[must_use]
    pub fn server_calls(&self, server: usize) -> u64 {
        self.0.network.server_calls(id(server))
    }

    /// Time since the test started.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// The figures so far.
    pub async fn figures(&self) -> Figures {
        Figures {
            took: self.elapsed(),
            rpcs: self.0.network.total_calls(),
            bytes: self.0.network.total_bytes(),
            commits: self.lock().await.logs.highest().0,
        }
    }

    /// Checks that every server that should be up is.
    ///
    /// # Errors
    /// [`Failure::ServerStopped`].
    pub async fn none_stopped(&self) -> Result<(), Failure> {
        let state = self.lock().await;
        for (server, member) in state.members.iter().enumerate() {
            if let Some(cause) = member.raft.as_ref().and_then(Raft::failure) {
                return Err(Failure::ServerStopped { server, cause: cause.to_string() });
            }
        }
        Ok(())
    }

    /// Ends the simulation: closes the network, kills the servers unless the tester's lock stays taken for
    /// `patience`, and closes the trace.
    pub async fn shut_down(&self, patience: Duration) -> TraceSummary {
        self.0.network.close();
        let summary = self.0.trace.finish();
        if let Ok(mut state) = timeout(patience, self.lock()).await {
            for member in &mut state.members {
                if let Some(raft) = member.raft.take() {
                    raft.kill();
                    if let Some(transport) = member.transport.take() {
                        transport.shutdown().await;
                    }
                    // Files are closed before their directory goes.
                    member.kept.crash();
                }
            }
        }
        summary
    }
}

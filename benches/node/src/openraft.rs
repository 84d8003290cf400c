//! openraft: three nodes with the settings of openraft's own benchmark (`benchmarks/minimal` in its repository), whose
//! store and network these are in essence: a log and a state machine in memory, and calls in place of a network. On disk
//! the log is written to `figure2-wal`, too.

use crate::disk::{LogWriter, Medium};
use crate::system::{Cluster, Execute, KEPT, VOTERS};
use anyhow::{Result, anyhow};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::type_config::alias::{SnapshotOf, VoteOf};
use openraft::{Config, Raft, RaftTypeConfig, SnapshotPolicy};
use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

mod store;

use store::{LogStore, StateMachine};

type NodeId = u64;
type Node = Raft<TypeConfig, Arc<StateMachine>>;

/// A command: shared, not copied, when an entry is cloned.
#[derive(Clone, Debug)]
pub struct Command(pub bytes::Bytes);

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// The types of openraft's benchmark, but for the command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TypeConfig;

impl RaftTypeConfig for TypeConfig {
    type D = Command;
    type R = ();
    type NodeId = NodeId;
    type Node = ();
    type Term = u64;
    type LeaderId = openraft::impls::leader_id_adv::LeaderId<u64, NodeId>;
    type Vote = openraft::impls::Vote<Self::LeaderId>;
    type Payload = openraft::EntryPayload<Command, NodeId, ()>;
    type Entry = openraft::type_config::alias::DefaultEntryOf<Self>;
    type AsyncRuntime = openraft_rt_tokio::TokioRuntime;
    type Responder<T>
        = openraft::impls::OneshotResponder<Self, T>
    where
        T: Send + 'static;
    type Batch<T>
        = openraft::impls::InlineBatch<T>
    where
        T: Send + 'static;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

/// The cluster, seen by its clients.
#[derive(Clone)]
pub struct Nodes {
    leader: Node,
    /// Kept alive.
    _all: Arc<OnceLock<Vec<Node>>>,
}

impl Cluster for Nodes {
    async fn start(medium: &Medium) -> Result<Nodes> {
        let config = Config {
            election_timeout_min: 200,
            election_timeout_max: 2000,
            purge_batch_size: 1024,
            max_payload_entries: 1024,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(medium.compact_every()),
            max_in_snapshot_log_to_keep: KEPT,
            ..Config::default()
        };
        let config = Arc::new(config.validate()?);
        let router = Router::default();
        let mut nodes = Vec::new();
        for voter in 0..VOTERS {
            let disk = match medium.place(voter) {
                None => None,
                Some(place) => Some(LogWriter::open(place).await?),
            };
            let (log, machine) = (Arc::new(LogStore::new(disk)), Arc::new(StateMachine::default()));
            nodes.push(Raft::new(voter.into(), config.clone(), router.clone(), log, machine).await?);
        }
        let leader = nodes.first().cloned().ok_or_else(|| anyhow!("no nodes"))?;
        let _ = router.nodes.set(nodes.clone());
        leader.initialize((0..u64::from(VOTERS)).collect::<BTreeSet<_>>()).await?;
        for node in &nodes {
            // The membership is entry 0, the leader's own first entry is 1.
            node.wait(Some(Duration::from_secs(10))).applied_index(Some(1), "the cluster begins").await?;
        }
        Ok(Nodes { leader, _all: router.nodes })
    }
}

impl Execute for Nodes {
    async fn execute(&self, command: Vec<u8>) -> Result<()> {
        self.leader.client_write(Command(command.into())).await?;
        Ok(())
    }
}

/// Knows all nodes, once they are made.
#[derive(Clone, Default)]
struct Router {
    nodes: Arc<OnceLock<Vec<Node>>>,
}

impl RaftNetworkFactory<TypeConfig> for Router {
    type Network = Network;

    async fn new_client(&mut self, target: NodeId, _: &()) -> Network {
        Network { nodes: self.nodes.clone(), target }
    }
}

/// The way to a node: calls.
struct Network {
    nodes: Arc<OnceLock<Vec<Node>>>,
    target: NodeId,
}

impl Network {
    fn node(&self) -> Result<&Node, Unreachable<TypeConfig>> {
        let node = self.nodes.get().zip(usize::try_from(self.target).ok());
        node.and_then(|(nodes, target)| nodes.get(target))
            .ok_or_else(|| Unreachable::from_string("the cluster is still being made"))
    }
}

/// The other node has stopped.
fn stopped(error: impl fmt::Display) -> Unreachable<TypeConfig> {
    Unreachable::from_string(error.to_string())
}

impl RaftNetworkV2<TypeConfig> for Network {
    type SnapshotData = u64;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        Ok(self.node()?.append_entries(request).await.map_err(stopped)?)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        _: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        Ok(self.node()?.vote(request).await.map_err(stopped)?)
    }

    async fn full_snapshot(
        &mut self,
        vote: VoteOf<TypeConfig>,
        snapshot: SnapshotOf<TypeConfig, u64>,
        _: impl Future<Output = ReplicationClosed> + Send + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        Ok(self.node()?.install_full_snapshot(vote, snapshot).await.map_err(stopped)?)
    }
}

//! The lab's Raft tests, one function each, and how they are selected and run.
//!
//! [`TESTS`] is the list: the 2021 edition's 2A to 2D, and what later editions (3A to 3D) added or changed. A test that
//! is the same in both is listed once and answers to both names; the scenarios of 2D run twice, since the service
//! applies differently in the later editions. Last come checks of limits that the lab's page states and its tests do
//! not measure.

mod batch;
mod clients;
mod elections;
mod limits;
mod persistence;
mod replication;
mod run;
mod select;
mod snapshots;
mod stable_leader;

pub use batch::{Batch, Progress, Summary, seed_of_round};
pub use run::{Mode, Report, RunOptions, TIME_LIMIT, run};
pub use select::{UnknownTest, select};

use crate::tester::{Applying, Cluster, Failure};
use bytes::Bytes;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::task::JoinError;

/// What a scenario's function returns.
pub type Running = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// One test.
#[derive(Clone, Copy, Debug)]
pub struct LabTest {
    /// Its name without the part, as in the lab's sources: `Figure8Unreliable`.
    pub name: &'static str,
    /// Its part: `2A` to `2D`, `3B` or `3D` for what only later editions have, `limits`.
    pub part: &'static str,
    /// The part under which later editions have the very same test.
    pub later_part: Option<&'static str>,
    /// What the lab prints.
    pub title: &'static str,
    /// How many servers.
    pub servers: usize,
    /// Whether the network starts reliable.
    pub reliable: bool,
    /// Which fault of the simulated network it needs, if any: then it does not run over TCP.
    pub needs: Option<&'static str>,
    /// How the service applies.
    pub applying: Applying,
    /// The scenario.
    pub scenario: fn(Cluster) -> Running,
}

impl LabTest {
    /// Name and part: `Figure8Unreliable2C`. Unique.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}{}", self.name, self.part)
    }

    /// The id under the later edition's part, if the test is the same there.
    #[must_use]
    pub fn later_id(&self) -> Option<String> {
        self.later_part.map(|part| format!("{}{part}", self.name))
    }

    /// As the lab prints it: `Test (2C): Figure 8 (unreliable)`.
    #[must_use]
    pub fn heading(&self) -> String {
        format!("Test ({}): {}", self.part, self.title)
    }

    const fn unreliable(self) -> LabTest {
        LabTest { reliable: false, needs: Some("a network that loses and delays messages"), ..self }
    }

    const fn cuts_off(self) -> LabTest {
        LabTest { needs: Some("servers that are cut off"), ..self }
    }

    const fn applying(self, applying: Applying) -> LabTest {
        LabTest { applying, ..self }
    }
}

macro_rules! test {
    ($part:literal $(= $later:literal)?, $name:literal, $servers:literal, $title:literal, $scenario:path) => {
        LabTest {
            name: $name,
            part: $part,
            later_part: test!(@later $($later)?),
            title: $title,
            servers: $servers,
            reliable: true,
            needs: None,
            applying: Applying::Plain,
            scenario: |cluster| Box::pin($scenario(cluster)),
        }
    };
    (@later) => { None };
    (@later $later:literal) => { Some($later) };
}

/// All tests, in the lab's order.
pub static TESTS: &[LabTest] = &[
    test!("2A" = "3A", "InitialElection", 3, "initial election", elections::initial_election),
    test!("2A" = "3A", "ReElection", 3, "election after network failure", elections::reelection).cuts_off(),
    test!("2A" = "3A", "ManyElections", 7, "multiple elections", elections::many_elections).cuts_off(),
    test!("2B" = "3B", "BasicAgree", 3, "basic agreement", replication::basic_agreement),
    test!("2B", "BasicAgreeFive", 5, "basic agreement, five servers", replication::basic_agreement),
    test!("2B" = "3B", "RPCBytes", 3, "RPC byte count", replication::rpc_bytes),
    test!(
        "2B" = "3B",
        "FailAgree",
        3,
        "agreement despite follower disconnection",
        replication::follower_disconnection
    )
    .cuts_off(),
    test!(
        "2B" = "3B",
        "FailNoAgree",
        5,
        "no agreement if too many followers disconnect",
        replication::too_many_disconnected
    )
    .cuts_off(),
    test!("2B" = "3B", "ConcurrentStarts", 3, "concurrent Start()s", stable_leader::concurrent_starts),
    test!("2B" = "3B", "Rejoin", 3, "rejoin of partitioned leader", replication::rejoin).cuts_off(),
    test!(
        "2B" = "3B",
        "Backup",
        5,
        "leader backs up quickly over incorrect follower logs",
        replication::backup
    )
    .cuts_off(),
    test!("2B" = "3B", "Count", 3, "RPC counts aren't too high", stable_leader::rpc_counts),
    test!("3B", "FollowerFailure", 3, "progressive failure of followers", replication::failure_of_followers)
        .cuts_off(),
    test!("3B", "LeaderFailure", 3, "failure of leaders", replication::failure_of_leaders).cuts_off(),
    test!("2C" = "3C", "Persist1", 3, "basic persistence", persistence::basic_persistence).cuts_off(),
    test!("2C" = "3C", "Persist2", 5, "more persistence", persistence::more_persistence).cuts_off(),
    test!(
        "2C" = "3C",
        "Persist3",
        3,
        "partitioned leader and one follower crash, leader restarts",
        persistence::leader_and_follower_crash
    )
    .cuts_off(),
    test!("2C" = "3C", "Figure8", 5, "Figure 8", persistence::figure_8),
    test!("2C" = "3C", "UnreliableAgree", 5, "unreliable agreement", clients::unreliable_agreement)
        .unreliable(),
    test!("2C" = "3C", "Figure8Unreliable", 5, "Figure 8 (unreliable)", persistence::figure_8_unreliable)
        .unreliable(),
    test!("2C" = "3C", "ReliableChurn", 5, "churn", clients::churn).cuts_off(),
    test!("2C" = "3C", "UnreliableChurn", 5, "unreliable churn", clients::churn).unreliable(),
    test!("2D", "SnapshotBasic", 3, "snapshots basic", snapshots::basic).applying(Applying::Conditional),
    test!("2D", "SnapshotInstall", 3, "install snapshots (disconnect)", snapshots::install_after_cut)
        .applying(Applying::Conditional)
        .cuts_off(),
    test!(
        "2D",
        "SnapshotInstallUnreliable",
        3,
        "install snapshots (disconnect+unreliable)",
        snapshots::install_after_cut
    )
    .applying(Applying::Conditional)
    .unreliable(),
    test!("2D", "SnapshotInstallCrash", 3, "install snapshots (crash)", snapshots::install_after_crash)
        .applying(Applying::Conditional),
    test!(
        "2D",
        "SnapshotInstallUnCrash",
        3,
        "install snapshots (unreliable+crash)",
        snapshots::install_after_crash
    )
    .applying(Applying::Conditional)
    .unreliable(),
    test!("3D", "SnapshotBasic", 3, "snapshots basic", snapshots::basic).applying(Applying::Automatic),
    test!("3D", "SnapshotInstall", 3, "install snapshots (disconnect)", snapshots::install_after_cut)
        .applying(Applying::Automatic)
        .cuts_off(),
    test!(
        "3D",
        "SnapshotInstallUnreliable",
        3,
        "install snapshots (disconnect+unreliable)",
        snapshots::install_after_cut
    )
    .applying(Applying::Automatic)
    .unreliable(),
    test!("3D", "SnapshotInstallCrash", 3, "install snapshots (crash)", snapshots::install_after_crash)
        .applying(Applying::Automatic),
    test!(
        "3D",
        "SnapshotInstallUnCrash",
        3,
        "install snapshots (unreliable+crash)",
        snapshots::install_after_crash
    )
    .applying(Applying::Automatic)
    .unreliable(),
    test!("3D", "SnapshotAllCrash", 3, "crash and restart all servers", snapshots::all_crash)
        .applying(Applying::Automatic),
    test!("3D", "SnapshotInit", 3, "snapshot initialization after crash", snapshots::initialization)
        .applying(Applying::Automatic),
    test!("limits", "HeartbeatRate", 3, "at most ten heartbeats a second", limits::heartbeat_rate),
    test!("limits", "NewLeader", 5, "a new leader within five seconds", limits::leader_within_five_seconds)
        .cuts_off(),
];

/// The tester's election timeout, the unit of many pauses.
const fn second() -> Duration {
    Duration::from_secs(1)
}

/// A number as a command.
fn number(value: u64) -> Bytes {
    value.to_string().into()
}

/// What a task of a scenario returned; its panic as a failure.
fn joined<T>(result: Result<T, JoinError>) -> Result<T, Failure> {
    result.map_err(|error| Failure::Panic { message: error.to_string() })
}

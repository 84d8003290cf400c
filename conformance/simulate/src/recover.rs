//! Checks that the cluster recovers once all faults have ended.

use super::client::Client;
use super::cluster::Cluster;
use super::fault::{Kind, Target};
use super::run::{LOOK, RECOVERY, supervised};
use super::start::KEY;
use super::verdict::Failure;
use figure2_linearizability::Action;
use std::cell::Cell;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How long it may take until all services are equal, while those that lag come nearer.
const CATCH_UP: Duration = Duration::from_secs(60);
/// The place of the fault that the plan's list does not have: the leader's disk hangs.
const HANGS: usize = usize::MAX;

/// The number of the first client after the plan's. Each check has clients of its own: the service takes a request with a
/// client and a number that it knows for a repeated one, and does not do it again.
fn first(cluster: &Cluster) -> u64 {
    u64::from(cluster.plan().clients) + 1
}

/// A request of a fresh client is answered.
pub(super) async fn served(cluster: &Cluster) -> Result<(), Failure> {
    let mut client = Client::new(cluster.clone(), first(cluster));
    if client.ask("k0", Action::Append("recovered;".into()), RECOVERY).await {
        Ok(())
    } else {
        Err(Failure::NoLeader { waited: RECOVERY })
    }
}

/// A client reads what the commands of the start have done, if it has any: whether one was lost, the history shows.
pub(super) async fn read_back(cluster: &Cluster, client: u64) -> Result<(), Failure> {
    if cluster.plan().start.is_none() {
        return Ok(());
    }
    let mut client = Client::new(cluster.clone(), first(cluster) + client);
    tokio::select! {
        is_read = client.ask(KEY, Action::Get, RECOVERY) => {
            is_read.then_some(()).ok_or(Failure::NoLeader { waited: RECOVERY })
        }
        stopped = supervised(cluster) => stopped,
    }
}

/// The disk of the leader hangs, and another server leads and serves. The old leader can serve as long as it does not
/// step down: its followers' disks are a majority.
pub(super) async fn succeeded(cluster: &Cluster) -> Result<(), Failure> {
    let server = cluster.resolve(Target::Leader);
    cluster.nemesis.begin(HANGS, &Kind::HungDisk(Target::Leader), Some(server));
    let mut client = Client::new(cluster.clone(), first(cluster) + 2);
    let succeeded = async {
        let mut has_successor = false;
        // A request that was asked when another led already.
        while !(client.ask("k0", Action::Append("succeeded;".into()), RECOVERY).await && has_successor) {
            sleep(LOOK).await;
            has_successor = cluster.leader().is_some_and(|leader| leader != server);
        }
    };
    let succeeded = timeout(RECOVERY, succeeded).await;
    cluster.nemesis.end(HANGS);
    succeeded.map_err(|_| Failure::NoSuccessor { server, waited: RECOVERY })
}

/// All services hold the same. Somebody must go on asking meanwhile: a leader commits what former leaders left only with
/// an entry of its own term (section 5.4.2). Whoever was away for long may lack thousands of entries, which small messages
/// bring one by one: so the time begins anew whenever the last comes nearer to the first.
///
/// The client is given up in the middle of a request, whose outcome stays unknown.
pub(super) async fn equal(cluster: &Cluster, client: u64) -> Result<(), Failure> {
    let mut client = Client::new(cluster.clone(), first(cluster) + client);
    let has_asked = Cell::new(false);
    let asks = async {
        loop {
            client.ask("k0", Action::Append("equal;".into()), RECOVERY).await;
            has_asked.set(true);
            sleep(5 * LOOK).await;
        }
    };
    let compares = async {
        let began = Instant::now();
        let (mut nearest, mut since) = (u64::MAX, began);
        while since.elapsed() < RECOVERY && began.elapsed() < CATCH_UP {
            sleep(LOOK).await;
            let stores = cluster.stores();
            if has_asked.get() && stores.windows(2).all(|pair| pair[0] == pair[1]) {
                return Ok(());
            }
            let applied = || stores.iter().map(|store| store.applied.0);
            let lag = applied().max().unwrap_or(0) - applied().min().unwrap_or(0);
            if lag < nearest {
                (nearest, since) = (lag, Instant::now());
            }
        }
        let applied: Vec<String> = cluster.stores().iter().map(|store| store.applied.to_string()).collect();
        let what = format!("they hold entries up to {}, and not the same map", applied.join(", "));
        Err(Failure::Diverged { waited: began.elapsed(), what })
    };
    tokio::select! {
        equal = compares => equal,
        () = asks => Ok(()),
    }
}

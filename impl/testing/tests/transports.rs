//! The transports of figure2's examples pass the suite, and the suite finds what a transport does wrong.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

use figure2::codec::Frame;
use figure2::{Peer, Raft};
use figure2_testing::transport::{Network, Wrong, check};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a transport can do wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// It drops what is long.
    LongDropped,
    /// A server that was away is not reached any more.
    NotReachedAgain,
    /// It drops snapshots that are longer than other messages can be.
    SnapshotsDropped,
    /// Sending waits while the other server is away.
    Waits,
}

type Nodes = Arc<Mutex<BTreeMap<u64, Raft>>>;

/// Within this process, with or without a fault.
#[derive(Clone, Default)]
struct InProcess {
    nodes: Nodes,
    was_away: Arc<Mutex<Vec<u64>>>,
    fault: Option<Fault>,
}

struct Way {
    network: InProcess,
    to: u64,
}

impl Peer for Way {
    fn send(&self, frame: Frame) {
        let fault = self.network.fault;
        let target = self.network.nodes.lock().unwrap().get(&self.to).cloned();
        let length = frame.len();
        if fault == Some(Fault::LongDropped) && length > 1 << 20
            || fault == Some(Fault::SnapshotsDropped) && length > 64 << 20
            || fault == Some(Fault::NotReachedAgain)
                && self.network.was_away.lock().unwrap().contains(&self.to)
        {
            return;
        }
        let Some(target) = target else {
            if fault == Some(Fault::Waits) {
                std::thread::sleep(Duration::from_millis(1));
            }
            return;
        };
        // It may have stopped meanwhile.
        let _ = target.handle(frame);
    }
}

impl Network for InProcess {
    type Peer = Way;

    async fn peer(&self, _: u64, to: u64) -> Way {
        Way { network: self.clone(), to }
    }

    async fn serve(&self, id: u64, node: Raft) {
        self.nodes.lock().unwrap().insert(id, node);
    }

    async fn stop(&self, id: u64) {
        self.nodes.lock().unwrap().remove(&id);
        self.was_away.lock().unwrap().push(id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transport_within_the_process_passes() {
    check(|| async { InProcess::default() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_is_found_by_the_check_that_is_there_for_it() {
    let found = [
        (Fault::LongDropped, "messages of every size arrive unchanged"),
        (Fault::NotReachedAgain, "a server that was away is reached again, and meanwhile the others go on"),
        (Fault::SnapshotsDropped, "a snapshot of 66 MiB arrives"),
        (Fault::Waits, "sending does not wait"),
    ]
    .map(|(fault, by)| {
        tokio::spawn(async move {
            let new = || async move { InProcess { fault: Some(fault), ..InProcess::default() } };
            let Wrong { check, what } = check(new).await.expect_err(&format!("{fault:?} is not found"));
            assert_eq!(check, by, "{fault:?}: {what}");
        })
    });
    for found in found {
        found.await.unwrap();
    }
}

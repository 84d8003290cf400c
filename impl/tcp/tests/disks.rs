//! A server that comes back with another disk under its old id is refused for good, and both sides say so.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use crate::common::{
    Hub, Logs, address, certificates, config, credentials, directory, node, node_with, until,
};
use figure2::{Cluster, Extensions, Identity, Options as NodeOptions, Persister, Record};
use figure2_tcp::{Config, KnownError, Reason, Security, StartError, Transport};
use figure2_wal::{DiskStorage, Options};
use std::path::Path;

fn with_file(id: u64, place: &Path) -> Config {
    let security = Security::Tls(credentials(place, id));
    Config { known_disks: Some(place.join(format!("known-{id}"))), ..config(id, security) }
}

#[tokio::test(start_paused = true)]
async fn a_server_with_another_disk_is_refused_for_good_and_both_sides_say_so() {
    let (logs, _guard) = Logs::gather();
    let (hub, place) = (Hub::default(), directory());
    certificates(place.path(), 10);
    let start = async |config: Config| {
        let network = hub.listen(&address(config.server));
        let id = config.server;
        let transport = Transport::start(config, network).await.unwrap();
        let node = node(id, &transport).await;
        (transport, node)
    };
    let (first, first_node) = start(with_file(1, place.path())).await;
    let (second, second_node) = start(with_file(2, place.path())).await;
    let connected = |of: &Transport, to: u64| of.status().peers[&to].connected;
    until("both are connected", || connected(&first, 2) && connected(&second, 1)).await;

    // It returns with the same disk, and is taken.
    second.shutdown().await;
    second_node.0.shutdown().await;
    let (second, second_node) = start(with_file(2, place.path())).await;
    until("both are connected again", || connected(&first, 2) && connected(&second, 1)).await;

    // It returns with another one, having forgotten all it knew. Server 1 remembers, even if it restarts itself.
    second.shutdown().await;
    second_node.0.shutdown().await;
    first.shutdown().await;
    first_node.0.shutdown().await;
    std::fs::remove_file(place.path().join("known-2")).unwrap();
    let (first, _first_node) = start(with_file(1, place.path())).await;
    let wiped = Config { disk: 999, ..with_file(2, place.path()) };
    let (second, _second_node) = start(wiped).await;
    let words =
        "server 2 has disk 000000000000000000000000000003e7, and had disk 000000000000000000000000000000c8";
    logs.wait_for(&["ERROR", "server=1 peer=2", "refused for good", words]).await;
    logs.wait_for(&["ERROR", "server=2 peer=1", "the other side refuses this server", words]).await;
    until("both tell it in their status", || {
        first.status().peers[&2].refused_for_good && second.status().peers[&1].refused_for_good
    })
    .await;
    let reason = second.status().peers[&1].last_reason.clone().unwrap();
    assert!(matches!(reason, Reason::Refused { for_good: true, .. }), "{reason:?}");
    // However long it goes on, it is not heard.
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    assert!(!connected(&first, 2) && !connected(&second, 1));
    assert_eq!((first.status().accepted, second.status().accepted), (0, 0));
    // With its old disk it is taken again.
    second.shutdown().await;
    std::fs::remove_file(place.path().join("known-2")).unwrap();
    let (second, _second_node) = start(with_file(2, place.path())).await;
    until("it is taken with its old disk", || connected(&first, 2) && connected(&second, 1)).await;
}

/// Two clusters have servers of the same ids, and certificates of one authority. A server of one is given the addresses of
/// the other by mistake.
#[tokio::test(start_paused = true)]
async fn a_server_of_another_cluster_is_not_heard() {
    let (logs, _guard) = Logs::gather();
    let (hub, place) = (Hub::default(), directory());
    certificates(place.path(), 10);
    let mut ours = Vec::new();
    for id in 1..=3 {
        let transport =
            Transport::start(with_file(id, place.path()), hub.listen(&address(id))).await.unwrap();
        ours.push((node(id, &transport).await, transport));
    }
    let status = |of: usize| ours[of].0.0.status();
    let leads = |of: usize| ours[of].0.0.term_and_leadership().1;
    until("somebody leads", || (0..3).any(leads)).await;
    let all_connected = |of: usize| ours[of].1.status().peers.values().all(|peer| peer.connected);
    until("all are connected", || (0..3).all(all_connected)).await;
    let lost = (0..3).find(|of| !leads(*of)).unwrap();
    ours[lost].1.shutdown().await;
    ours[lost].0.0.shutdown().await;

    // Their server asks for no pre-votes, so its terms would be seen.
    let id = lost as u64 + 1;
    let place_of_theirs = place.path().join("theirs");
    std::fs::create_dir(&place_of_theirs).unwrap();
    let theirs = Config {
        disk: 4242,
        known_disks: Some(place_of_theirs.join("known")),
        ..with_file(id, place.path())
    };
    let transport = Transport::start(theirs, hub.listen(&address(id))).await.unwrap();
    let options = NodeOptions { extensions: Extensions::NONE, seed: Some(9), ..NodeOptions::default() };
    let (stray, _applied) = node_with(id, &transport, Persister::new(), options).await;
    let others: Vec<usize> = (0..3).filter(|of| *of != lost).collect();
    let terms = || others.iter().map(|of| status(*of).term).collect::<Vec<_>>();
    let before = terms();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert!(stray.status().term.0 > 20, "it calls elections: {:?}", stray.status());
    assert_eq!(terms(), before, "and nobody hears of them");
    assert_eq!(stray.status().commit_index.0, 0, "it hears nobody");
    logs.wait_for(&["ERROR", &format!("peer={id}"), "refused for good", "has disk"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_lost_its_own_disk_does_not_start() {
    let (hub, place) = (Hub::default(), directory());
    certificates(place.path(), 10);
    let config = with_file(1, place.path());
    Transport::start(config.clone(), hub.listen(&address(1))).await.unwrap().shutdown().await;
    let wiped = Config { disk: 999, ..config };
    let error = Transport::start(wiped, hub.listen(&address(1))).await.unwrap_err();
    assert!(
        matches!(error, StartError::Known(KnownError::OwnDisk { known: 100, found: 999, .. })),
        "{error}"
    );
}

/// The log's name for its disk is what the transport tells: it must be the same after each restart, and another one on an
/// empty directory.
#[test]
fn the_log_names_its_disk_once_for_all() {
    let place = directory();
    let me = Identity { server: 1, cluster: Cluster::new(0, &[1, 2, 3].into()) };
    let name = |directory: &Path| {
        let options = Options::default().helper_thread(false);
        let mut storage = DiskStorage::open(directory, options).unwrap();
        storage.read(&me).unwrap();
        storage.write(Record::default()).unwrap();
        storage.disk().unwrap()
    };
    let (one, other) = (place.path().join("one"), place.path().join("other"));
    let first = name(&one);
    assert_eq!(name(&one), first);
    assert_ne!(name(&other), first);
    std::fs::remove_dir_all(&one).unwrap();
    assert_ne!(name(&one), first);
}

//! Certificates are replaced without a restart.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use crate::common::{Hub, Logs, address, certificates, config, credentials, directory, node, until};
use figure2::Raft;
use figure2_tcp::{Config, CredentialsError, Security, StartError, Transport};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, sleep};

/// The files of the new authority, in the place of the old ones.
fn replace(place: &Path, days: u32) {
    let new = directory();
    certificates(new.path(), days);
    for entry in fs::read_dir(new.path()).unwrap() {
        let entry = entry.unwrap();
        fs::rename(entry.path(), place.join(entry.file_name())).unwrap();
    }
}

async fn pair(place: &Path, hub: &Hub) -> [(Transport, Raft); 2] {
    let start = async |id| {
        let security = Security::Tls(credentials(place, id));
        let config = Config { old_connections_end_within: Duration::from_secs(30), ..config(id, security) };
        let transport = Transport::start(config, hub.listen(&address(id))).await.unwrap();
        let (raft, _) = node(id, &transport).await;
        (transport, raft)
    };
    let pair = [start(1).await, start(2).await];
    let connected = || pair[0].0.status().peers[&2].connected && pair[1].0.status().peers[&1].connected;
    until("both are connected", connected).await;
    pair
}

fn days_left(transport: &Transport) -> i64 {
    transport.status().certificate.unwrap().days_left(SystemTime::now()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn new_certificates_are_used_without_a_restart_and_old_connections_end_in_time() {
    let (logs, _guard) = Logs::gather();
    let (hub, place) = (Hub::default(), directory());
    certificates(place.path(), 10);
    let pair = pair(place.path(), &hub).await;
    assert_eq!(days_left(&pair[0].0), 9);
    logs.wait_for(&["WARN", "server=1 days=9"]).await;
    replace(place.path(), 100);
    let begun = Instant::now();
    for (transport, _) in &pair {
        transport.reload().await.unwrap();
        assert_eq!(days_left(transport), 99);
        assert_eq!(transport.status().certificate.unwrap().generation, 2);
    }
    logs.wait_for(&["INFO", "server=1 days=99"]).await;
    // The first authority is believed by nobody now: a new connection shows that the new certificates are used.
    until("both have connected anew", || {
        let [first, second] = &pair;
        let (first, second) = (first.0.status().peers[&2].clone(), second.0.status().peers[&1].clone());
        first.connections >= 2 && second.connections >= 2 && first.connected && second.connected
    })
    .await;
    assert!(begun.elapsed() <= Duration::from_secs(31), "{:?}", begun.elapsed());
    logs.wait_for(&["certificates were replaced since it was made"]).await;
    // Then all are of the new ones, and stay.
    sleep(Duration::from_secs(40)).await;
    let connections = || [pair[0].0.status().peers[&2].connections, pair[1].0.status().peers[&1].connections];
    let before = connections();
    sleep(Duration::from_secs(600)).await;
    assert_eq!(connections(), before);
}

#[tokio::test(start_paused = true)]
async fn changed_files_are_seen_without_being_told() {
    let (hub, place) = (Hub::default(), directory());
    certificates(place.path(), 10);
    let pair = pair(place.path(), &hub).await;
    sleep(Duration::from_secs(150)).await;
    assert_eq!(pair[0].0.status().certificate.unwrap().generation, 1, "nothing has changed");
    replace(place.path(), 100);
    sleep(Duration::from_secs(61)).await;
    assert_eq!(pair[0].0.status().certificate.unwrap().generation, 2);
    assert_eq!(days_left(&pair[0].0), 99);
}

#[tokio::test(start_paused = true)]
async fn the_days_that_are_left_are_told_each_day() {
    let (logs, _guard) = Logs::gather();
    let (hub, place) = (Hub::default(), directory());
    certificates(place.path(), 100);
    let mut config = config(1, Security::Tls(credentials(place.path(), 1)));
    // Its peers are not there, and it need not call them all the time.
    config.limits.longest_backoff = Duration::from_secs(86_400);
    let _transport = Transport::start(config, hub.listen(&address(1))).await.unwrap();
    let days = "days until this server's certificate expires";
    logs.wait_for(&["INFO", days, "days=99"]).await;
    assert_eq!(logs.count(days), 1);
    sleep(Duration::from_secs(3 * 86_400 + 3600)).await;
    assert_eq!(logs.count(days), 4);
}

#[tokio::test(start_paused = true)]
async fn files_that_cannot_be_used_leave_the_earlier_ones_in_use() {
    let (logs, _guard) = Logs::gather();
    let (hub, place) = (Hub::default(), directory());
    certificates(place.path(), 10);
    let pair = pair(place.path(), &hub).await;
    fs::write(place.path().join("server-1.pem"), "half of a certifi").unwrap();
    let error = pair[0].0.reload().await.unwrap_err();
    assert!(error.to_string().contains("server-1.pem"), "{error}");
    assert!(matches!(error, StartError::Credentials(CredentialsError::File { .. })), "{error}");
    logs.wait_for(&["ERROR", "the earlier ones stay in use", "server-1.pem"]).await;
    assert_eq!(pair[0].0.status().certificate.unwrap().generation, 1);
    sleep(Duration::from_secs(300)).await;
    assert!(pair[0].0.status().peers[&2].connected);
    assert_eq!(pair[0].0.status().peers[&2].connections, 1);
}

#[tokio::test(start_paused = true)]
async fn files_that_do_not_go_together_are_refused_at_the_start() {
    let (hub, place) = (Hub::default(), directory());
    certificates(place.path(), 10);
    let own = credentials(place.path(), 1);
    let other = credentials(place.path(), 2);
    let file = |name: &str| place.path().join(name);
    fs::write(file("empty.pem"), "").unwrap();
    for (credentials, expected) in [
        (other.clone(), "names [\"server-2.group-0.figure2\"], and not server-1.group-0.figure2"),
        (figure2_tcp::Credentials { key: other.key.clone(), ..own.clone() }, "do not go together"),
        (
            figure2_tcp::Credentials { key: own.certificate.clone(), ..own.clone() },
            "must be a private key in PEM",
        ),
        (figure2_tcp::Credentials { authority: file("nowhere.pem"), ..own.clone() }, "nowhere.pem: "),
        (figure2_tcp::Credentials { authority: file("empty.pem"), ..own.clone() }, "no certificate in it"),
    ] {
        let config = config(1, Security::Tls(credentials));
        let error = Transport::start(config, hub.listen(&address(1))).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

//! The tester's checks bite: each is shown what it must refuse.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

use bytes::Bytes;
use figure2::{Index, Term};
use figure2_lab::tester::{
    AppliedLogs, Applying, Claim, Cluster, Failure, Medium, Settings, Waited, common_term, leader_of,
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

fn claim(server: usize, term: u64, is_leader: bool) -> Claim {
    Claim { server, term: Term(term), is_leader }
}

#[test]
fn two_leaders_in_one_term_are_refused_and_the_highest_term_wins() {
    let one_term = [claim(0, 3, true), claim(1, 3, false), claim(2, 3, true)];
    assert!(matches!(
        leader_of(&one_term),
        Err(Failure::TwoLeaders { term: Term(3), servers }) if servers == [0, 2]
    ));
    let lower_term = [claim(0, 2, true), claim(1, 2, true), claim(2, 5, true)];
    assert!(matches!(leader_of(&lower_term), Err(Failure::TwoLeaders { term: Term(2), .. })));
    assert!(matches!(leader_of(&[claim(0, 3, true), claim(1, 4, true), claim(2, 4, false)]), Ok(Some(1))));
    assert!(matches!(leader_of(&[claim(0, 3, false)]), Ok(None)));
}

#[test]
fn different_terms_are_refused() {
    assert!(matches!(common_term(&[claim(0, 2, true), claim(2, 2, false)]), Ok(Some(Term(2)))));
    assert!(matches!(
        common_term(&[claim(0, 2, true), claim(2, 1, false)]),
        Err(Failure::TermsDiffer { first: 0, second: 2, .. })
    ));
    assert!(matches!(common_term(&[]), Ok(None)));
}

fn value(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[test]
fn a_value_that_differs_from_any_servers_is_refused() {
    let mut logs = AppliedLogs::new(3);
    logs.apply(0, Index(1), value("a")).unwrap();
    logs.apply(1, Index(1), value("a")).unwrap();
    let refused = logs.apply(2, Index(1), value("b"));
    assert!(matches!(refused, Err(Failure::ApplyMismatch { index: Index(1), server: 2, other: 0, .. })));
    assert_eq!(logs.committed(Index(1)).unwrap(), (2, Some(value("a"))));
    let snapshot = [(Index(1), value("b"))].into();
    assert!(matches!(logs.replace(2, snapshot), Err(Failure::ApplyMismatch { .. })));
}

#[test]
fn an_index_whose_predecessor_was_not_applied_is_refused() {
    let mut logs = AppliedLogs::new(2);
    logs.apply(0, Index(1), value("a")).unwrap();
    logs.apply(0, Index(2), value("b")).unwrap();
    let refused = logs.apply(0, Index(4), value("d"));
    assert!(matches!(
        refused,
        Err(Failure::ApplyOutOfOrder { server: 0, index: Index(4), expected: Index(3) })
    ));
    assert!(matches!(logs.apply(1, Index(2), value("b")), Err(Failure::ApplyOutOfOrder { server: 1, .. })));
    assert_eq!(logs.highest(), Index(2));
    // After a snapshot the log goes on from there.
    logs.replace(1, [(Index(2), value("b"))].into()).unwrap();
    logs.apply(1, Index(3), value("c")).unwrap();
}

async fn cluster(servers: usize) -> Cluster {
    let settings = Settings {
        extensions: figure2::Extensions::ALL,
        servers,
        reliable: true,
        applying: Applying::Plain,
        medium: Medium::Memory,
        tcp: false,
        seed: 5,
        keep_trace: false,
    };
    Cluster::new(settings).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn no_majority_no_leader_and_a_leader_where_none_may_be_is_refused() {
    let c = cluster(3).await;
    let leader = c.one_leader().await.unwrap();
    assert!(matches!(c.no_leader().await, Err(Failure::UnexpectedLeader { server, .. }) if server == leader));
    assert!(c.terms_agree().await.unwrap() >= Term(1));
    for server in 0..3 {
        c.disconnect(server).await;
    }
    c.connect((leader + 1) % 3).await;
    let started = Instant::now();
    assert!(matches!(c.one_leader().await, Err(Failure::NoLeader)));
    assert!(
        started.elapsed() >= Duration::from_millis(4500) && started.elapsed() < Duration::from_millis(5500)
    );
    c.no_leader().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn agreement_that_does_not_come_is_refused_after_two_or_ten_seconds() {
    let c = cluster(3).await;
    assert_eq!(c.one(value("first"), 3, false).await.unwrap(), Index(1));
    let leader = c.one_leader().await.unwrap();
    c.disconnect((leader + 1) % 3).await;
    for (retry, least, most) in [(false, 2.0, 2.1), (true, 10.0, 12.1)] {
        let started = Instant::now();
        let refused = c.one(value("by all"), 3, retry).await;
        assert!(matches!(refused, Err(Failure::NoAgreement { expected: 3, .. })));
        let took = started.elapsed().as_secs_f64();
        assert!((least..most).contains(&took), "{took}");
    }
    assert!(c.one(value("by two"), 2, false).await.is_ok());
    let index = Index(2);
    assert!(matches!(
        c.none_committed(index, "in this test").await,
        Err(Failure::PrematureCommit { applied: 2, .. })
    ));
    assert!(matches!(
        c.wait(index, 3, None).await,
        Err(Failure::TooFewApplied { index: Index(2), applied: 2, wanted: 3 })
    ));
}

#[tokio::test(start_paused = true)]
async fn waiting_gives_up_when_a_term_passes_but_only_after_a_sleep() {
    let c = cluster(3).await;
    c.one(value("one"), 3, false).await.unwrap();
    let term = c.terms_agree().await.unwrap();
    let earlier = Some(Term(term.0 - 1));
    assert_eq!(c.wait(Index(1), 3, earlier).await.unwrap(), Waited::Applied(value("one")));
    assert_eq!(c.wait(Index(2), 3, earlier).await.unwrap(), Waited::TermPassed);
    assert!(matches!(c.wait(Index(2), 3, Some(term)).await, Err(Failure::TooFewApplied { applied: 0, .. })));
}

#[tokio::test(start_paused = true)]
async fn what_a_server_applied_counts_while_it_is_down() {
    let c = cluster(3).await;
    c.one(value("one"), 3, false).await.unwrap();
    for server in 0..3 {
        c.crash(server).await;
    }
    assert_eq!(c.committed(Index(1)).await.unwrap(), (3, Some(value("one"))));
    assert!(matches!(c.submit(0, value("two")).await, Err(Failure::ServerDown { server: 0 })));
    assert!(matches!(c.one_leader().await, Err(Failure::NoLeader)));
}

#[tokio::test(start_paused = true)]
async fn a_crashed_leader_is_unheard_and_its_successor_knows_what_was_durable() {
    let c = cluster(3).await;
    c.one(value("one"), 3, false).await.unwrap();
    let leader = c.one_leader().await.unwrap();
    let (old, size) = (c.raft(leader).await.unwrap(), c.log_size().await);
    assert!(size > 0);
    c.crash(leader).await;
    assert!(old.is_killed() && !c.is_up(leader).await && !c.is_connected(leader).await);
    c.start(leader).await.unwrap();
    assert!(c.is_up(leader).await && !c.is_connected(leader).await, "a restart does not connect");
    assert_eq!(c.server_calls(leader), 0);
    c.connect(leader).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(c.one(value("two"), 3, true).await.unwrap(), Index(2));
}

#[tokio::test(start_paused = true)]
async fn connecting_enables_only_ways_to_connected_servers() {
    let c = cluster(3).await;
    let leader = c.one_leader().await.unwrap();
    let [first, second] = [1, 2].map(|i| (leader + i) % 3);
    c.disconnect(first).await;
    c.disconnect(second).await;
    // The leader and `second` are connected again, `first` is not: it must hear from neither.
    c.connect(second).await;
    let calls = c.server_calls(first);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(c.server_calls(first), calls);
    c.one(value("two of three"), 2, true).await.unwrap();
    assert_eq!(c.server_calls(first), calls);
}

//! The simulated network against its description: drop rates, delays, counts, and what a dead call is.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

use bytes::Bytes;
use figure2_lab::labrpc::{
    CallEvent, CallId, ClientEnd, EndName, Handler, Handling, Network, NoObserver, Observer,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

const END: EndName = EndName { caller: 1, target: 0, generation: 1 };
const REQUEST: Bytes = Bytes::from_static(b"0123456789");
const REPLY: Bytes = Bytes::from_static(b"reply");

/// Answers after a while; counts what it started and what it finished.
#[derive(Default)]
struct Server {
    takes: Duration,
    started: Arc<AtomicU64>,
    finished: Arc<AtomicU64>,
}

impl Server {
    fn taking(milliseconds: u64) -> Arc<Server> {
        Arc::new(Server { takes: ms(milliseconds), ..Server::default() })
    }

    fn finished(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }
}

impl Handler for Server {
    fn handle(&self, _request: Bytes) -> Handling {
        self.started.fetch_add(1, Ordering::Relaxed);
        let (takes, finished) = (self.takes, Arc::clone(&self.finished));
        Box::pin(async move {
            sleep(takes).await;
            finished.fetch_add(1, Ordering::Relaxed);
            Some(REPLY)
        })
    }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A network with one server and one enabled end toward it.
fn network(server: Arc<Server>) -> (Network, ClientEnd) {
    observed(server, 7, Arc::new(NoObserver))
}

fn observed(server: Arc<Server>, seed: u64, observer: Arc<dyn Observer>) -> (Network, ClientEnd) {
    let network = Network::new(seed, observer);
    let end = network.make_end(END);
    network.connect(END, 0);
    network.enable(END, true);
    network.add_server(0, server);
    (network, end)
}

/// One call after the other: what each returned, and how long it took.
async fn calls(end: &ClientEnd, count: usize) -> Vec<(Option<Bytes>, u64)> {
    let mut results = Vec::new();
    for _ in 0..count {
        let started = Instant::now();
        let reply = end.call(REQUEST).await;
        results.push((reply, u64::try_from(started.elapsed().as_millis()).unwrap()));
    }
    results
}

fn assert_about(what: &str, found: usize, of: usize, share: f64) {
    let found = found as f64 / of as f64;
    assert!((found - share).abs() < 0.015, "{what}: {found:.3}, expected about {share:.3}");
}

#[tokio::test(start_paused = true)]
async fn a_reliable_call_arrives_at_once_and_counts_both_ways() {
    let (network, end) = network(Server::taking(0));
    assert_eq!(calls(&end, 3).await, vec![(Some(REPLY), 0); 3]);
    assert_eq!((network.total_calls(), network.total_bytes(), network.server_calls(0)), (3, 3 * 15, 3));
}

#[tokio::test(start_paused = true)]
async fn toward_a_disabled_end_or_an_absent_server_calls_fail_late_and_count_their_request() {
    for absent in [false, true] {
        for (long, below) in [(true, 7000), (false, 100)] {
            let (network, end) = network(Server::taking(0));
            network.set_long_delays(long);
            if absent {
                network.delete_server(0);
            } else {
                network.enable(END, false);
            }
            let results = calls(&end, 2000).await;
            assert!(results.iter().all(|(reply, _)| reply.is_none()));
            let (least, most) = extremes(&results);
            assert!(least < below / 50 && most < below && most > below - below / 50, "{least} to {most}");
            assert_eq!((network.total_calls(), network.total_bytes()), (2000, 20_000));
            assert_eq!(network.server_calls(0), 0);
        }
    }
}

fn extremes(results: &[(Option<Bytes>, u64)]) -> (u64, u64) {
    let times = || results.iter().map(|(_, took)| *took);
    (times().min().unwrap(), times().max().unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_unreliable_network_delays_requests_and_drops_a_tenth_each_way() {
    const CALLS: usize = 20_000;
    let server = Server::taking(0);
    let (network, end) = network(server.clone());
    network.set_reliable(false);
    let results = calls(&end, CALLS).await;

    let mut delays: Vec<u64> = results.iter().map(|(_, took)| *took).collect();
    delays.sort_unstable();
    delays.dedup();
    assert_eq!(delays, (0..=26).collect::<Vec<_>>());

    let handled = usize::try_from(server.finished()).unwrap();
    let replied = results.iter().filter(|(reply, _)| reply.is_some()).count();
    assert_about("requests that arrive", handled, CALLS, 0.9);
    assert_about("replies that arrive", replied, handled, 0.9);
    assert_eq!(network.server_calls(0), handled as u64);
    assert_eq!(network.total_calls(), CALLS as u64);
    assert_eq!(network.total_bytes(), (CALLS * REQUEST.len() + replied * REPLY.len()) as u64);
}

#[tokio::test(start_paused = true)]
async fn long_reordering_holds_back_two_replies_in_three_on_a_reliable_network_too() {
    const CALLS: usize = 20_000;
    let (network, end) = network(Server::taking(0));
    network.set_long_reordering(true);
    let results = calls(&end, CALLS).await;
    assert!(results.iter().all(|(reply, _)| reply.is_some()));
    let held: Vec<_> = results.into_iter().filter(|(_, took)| *took > 0).collect();
    assert_about("replies held back", held.len(), CALLS, 2.0 / 3.0);
    let (least, most) = extremes(&held);
    assert!(least == 200 && (2100..2200).contains(&most), "{least} to {most}");
    // 200 + rand(1 + rand(2000)): on average about 200 + 2000 / 4.
    let mean = held.iter().map(|(_, took)| took).sum::<u64>() / held.len() as u64;
    assert!((690..710).contains(&mean), "{mean}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_checked_after_a_reply_was_held_back_and_its_bytes_count_at_the_end() {
    let (network, end) = network(Server::taking(0));
    network.set_long_reordering(true);
    let mut held_back = 0;
    for _ in 0..20 {
        network.enable(END, true);
        network.add_server(0, Server::taking(0));
        let before = network.total_bytes();
        let call = tokio::spawn({
            let end = end.clone();
            async move { end.call(REQUEST).await }
        });
        sleep(ms(1)).await;
        if call.is_finished() {
            continue;
        }
        held_back += 1;
        network.enable(END, false);
        network.delete_server(0);
        assert_eq!(network.total_bytes() - before, 10, "only the request so far");
        assert_eq!(call.await.unwrap(), Some(REPLY));
        assert_eq!(network.total_bytes() - before, 15);
    }
    assert!(held_back > 5, "{held_back}");
}

type Event = Box<dyn FnOnce(&Network) + Send>;

fn at(event: impl FnOnce(&Network) + Send + 'static) -> Event {
    Box::new(event)
}

/// What a call returns, and after how many milliseconds, when these things happen at these milliseconds.
async fn with_events(server: Arc<Server>, events: Vec<(u64, Event)>) -> (Option<Bytes>, u64) {
    let (network, end) = network(server);
    let started = Instant::now();
    let call = tokio::spawn(async move { (end.call(REQUEST).await, started.elapsed()) });
    for (at, event) in events {
        sleep_until(started + ms(at)).await;
        event(&network);
    }
    let (reply, took) = call.await.unwrap();
    (reply, u64::try_from(took.as_millis()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_dies_fails_at_the_next_check_and_the_handler_still_ends() {
    let server = Server::taking(1000);
    let cut = with_events(server.clone(), vec![(250, at(|n| n.enable(END, false)))]).await;
    assert_eq!(cut, (None, 300));
    assert_eq!(server.finished(), 0);
    sleep(ms(701)).await;
    assert_eq!(server.finished(), 1, "what the handler does stands");

    let deleted = with_events(Server::taking(1000), vec![(120, at(|n| n.delete_server(0)))]).await;
    assert_eq!(deleted, (None, 200));
    let replaced =
        with_events(Server::taking(1000), vec![(120, at(|n| n.add_server(0, Server::taking(0))))]).await;
    assert_eq!(replaced, (None, 200));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_dies_just_before_its_reply_fails() {
    let cut = with_events(Server::taking(50), vec![(20, at(|n| n.enable(END, false)))]).await;
    assert_eq!(cut, (None, 50));
}

#[tokio::test(start_paused = true)]
async fn a_cut_between_two_checks_goes_unnoticed() {
    let healed = with_events(
        Server::taking(300),
        vec![(110, at(|n| n.enable(END, false))), (190, at(|n| n.enable(END, true)))],
    )
    .await;
    assert_eq!(healed, (Some(REPLY), 300));
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_take_as_long_as_it_likes() {
    assert_eq!(with_events(Server::taking(60_000), vec![]).await, (Some(REPLY), 60_000));
}

#[tokio::test(start_paused = true)]
async fn settings_are_sampled_when_a_call_starts() {
    // The calls start while the network is reliable; that it becomes unreliable meanwhile loses none of them.
    let (network, end) = network(Server::taking(10));
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let end = end.clone();
            tokio::spawn(async move { end.call(REQUEST).await })
        })
        .collect();
    sleep(ms(1)).await;
    network.set_reliable(false);
    for call in calls {
        assert_eq!(call.await.unwrap(), Some(REPLY));
    }
}

#[tokio::test(start_paused = true)]
async fn a_servers_count_starts_over_with_its_successor_and_ignores_calls_of_its_predecessor() {
    let (network, end) = network(Server::taking(0));
    calls(&end, 3).await;
    assert_eq!(network.server_calls(0), 3);
    network.add_server(0, Server::taking(0));
    assert_eq!(network.server_calls(0), 0);
    calls(&end, 1).await;
    assert_eq!((network.server_calls(0), network.total_calls()), (1, 4));
}

#[tokio::test(start_paused = true)]
async fn a_closed_network_fails_calls_at_once() {
    let (network, end) = network(Server::taking(0));
    network.close();
    assert_eq!(calls(&end, 1).await, [(None, 0)]);
    assert_eq!(network.total_calls(), 0);
}

#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Observer for Recorder {
    fn observe(&self, call: CallId, event: CallEvent<'_>) {
        self.0.lock().unwrap().push(format!("{} {event:?}", call.number));
    }
}

#[tokio::test(start_paused = true)]
async fn the_seed_decides_what_happens() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let recorder = Arc::new(Recorder::default());
        let (network, end) = observed(Server::taking(5), seed, recorder.clone());
        network.set_reliable(false);
        network.set_long_reordering(true);
        calls(&end, 100).await;
        runs.push(std::mem::take(&mut *recorder.0.lock().unwrap()));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

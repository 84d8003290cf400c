//! One call, from its start to its reply or failure.

use super::event::{CallEvent, CallId, EndName};
use super::network::{Route, Shared};
use bytes::Bytes;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// How often a call looks whether it is dead while the handler runs.
const DEAD_CHECK: Duration = Duration::from_millis(100);
/// An unreliable network delays a request by less than this many milliseconds.
const SHORT_DELAY_MS: u64 = 27;
/// An unreliable network loses this many requests, and this many replies, in a thousand.
const LOST_PER_MILLE: u64 = 100;
/// Long reordering holds back this many replies in `HELD_BACK_OF`.
const HELD_BACK: u64 = 600;
const HELD_BACK_OF: u64 = 900;
/// A reply held back waits at least this long, and less than `HOLD_SPREAD_MS` longer.
const HOLD_LEAST_MS: u64 = 200;
const HOLD_SPREAD_MS: u64 = 2000;
/// A call toward a server that is cut off fails after less than this many milliseconds.
const LONG_FAILURE_MS: u64 = 7000;
const SHORT_FAILURE_MS: u64 = 100;

/// Processes a call: the reply, or none when it failed.
pub(super) async fn process(network: &Shared, end: EndName, request: Bytes) -> Option<Bytes> {
    let sampled = network.begin(end, request.len())?;
    let call = sampled.call;
    network.observer.observe(call, CallEvent::Called { request: &request });
    let Some(route) = sampled.route else {
        fail_late(network, call, sampled.long_delays).await;
        return None;
    };
    if !sampled.reliable {
        sleep(Duration::from_millis(network.random(SHORT_DELAY_MS))).await;
        if network.random(1000) < LOST_PER_MILLE {
            network.observer.observe(call, CallEvent::RequestDropped);
            return None;
        }
    }
    let reply = hand_over(network, call, &route, request).await?;
    if !sampled.reliable && network.random(1000) < LOST_PER_MILLE {
        network.observer.observe(call, CallEvent::ReplyDropped);
        return None;
    }
    if sampled.long_reordering && network.random(HELD_BACK_OF) < HELD_BACK {
        // The inner draw makes short delays more frequent than long ones, as in the lab.
        let spread = 1 + network.random(HOLD_SPREAD_MS);
        let delay = Duration::from_millis(HOLD_LEAST_MS + network.random(spread));
        network.observer.observe(call, CallEvent::ReplyHeldBack { delay });
        sleep(delay).await;
    }
    network.count_reply(reply.len());
    network.observer.observe(call, CallEvent::Replied { reply: &reply });
    Some(reply)
}

/// Lets the caller wait as for a server that does not answer.
async fn fail_late(network: &Shared, call: CallId, long_delays: bool) {
    let below = if long_delays { LONG_FAILURE_MS } else { SHORT_FAILURE_MS };
    let delay = Duration::from_millis(network.random(below));
    network.observer.observe(call, CallEvent::NoRoute { delay });
    sleep(delay).await;
}

/// Runs the handler; its reply, unless there is none or the call died meanwhile.
async fn hand_over(network: &Shared, call: CallId, route: &Route, request: Bytes) -> Option<Bytes> {
    network.count_handed(route);
    network.observer.observe(call, CallEvent::Handed);
    let (done, mut result) = oneshot::channel();
    let handling = route.handler.handle(request);
    // On its own task: when the call dies, the handler still runs to its end.
    network.runtime.spawn(async move {
        // The receiver is gone when the call died; then nobody wants the reply.
        let _ = done.send(handling.await);
    });
    let reply = loop {
        if let Ok(result) = timeout(DEAD_CHECK, &mut result).await {
            break result.ok().flatten();
        }
        if network.is_dead(call.end, route) {
            break None;
        }
    };
    if network.is_dead(call.end, route) {
        network.observer.observe(call, CallEvent::Dead);
        return None;
    }
    if reply.is_none() {
        network.observer.observe(call, CallEvent::NoReply);
    }
    reply
}

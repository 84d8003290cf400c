//! The network: every message on its own way, as the weather will have it.

use super::weather::Weather;
use super::world::World;
use bytes::Bytes;
use figure2::{Peer, Replies};
use std::time::Duration;
use tokio::time::sleep;

/// The way from one server to another, and back for the reply.
pub(super) struct Link {
    pub(super) world: World,
    pub(super) weather: Weather,
    pub(super) from: u8,
    pub(super) to: u8,
}

impl Peer for Link {
    fn send(&self, request: Bytes, replies: &Replies) {
        let Link { from, to, .. } = *self;
        let fate = self.weather.fate(from, to);
        for delay in fate.first.into_iter().chain(fate.second) {
            let (world, weather) = (self.world.clone(), self.weather.clone());
            let (request, replies) = (request.clone(), replies.clone());
            tokio::spawn(async move {
                if !arrives(&weather, from, to, delay).await {
                    return;
                }
                let Some(server) = world.running(to) else { return weather.lost_on_the_way() };
                let Some(reply) = server.call(&request).await else { return };
                let fate = weather.fate(to, from);
                if let Some(delay) = fate.second {
                    let (weather, reply, replies) = (weather.clone(), reply.clone(), replies.clone());
                    tokio::spawn(async move {
                        if arrives(&weather, to, from, delay).await {
                            replies.deliver(&reply);
                        }
                    });
                }
                if let Some(delay) = fate.first
                    && arrives(&weather, to, from, delay).await
                {
                    replies.deliver(&reply);
                }
            });
        }
    }
}

/// Waits until a message has crossed; false if the way is cut by then.
async fn arrives(weather: &Weather, from: u8, to: u8, delay_ms: u64) -> bool {
    if delay_ms > 0 {
        sleep(Duration::from_millis(delay_ms)).await;
    }
    let passes = weather.passes(from, to);
    if !passes {
        weather.lost_on_the_way();
    }
    passes
}

//! An apply channel, between the applier and a service.

use super::Shop;
use crate::explore::{Mutex, Waiters, lock, wait_for, wake};
use core::future::poll_fn;
use core::task::Poll;
use figure2_engine::{ApplyMsg, Service};
use std::collections::VecDeque;
use std::sync::Arc;

/// An apply channel with a service behind it that reads when it likes.
pub struct Channel {
    capacity: usize,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<ApplyMsg>,
    sender: Waiters,
    receiver: Waiters,
    sender_gone: bool,
    receiver_gone: bool,
}

/// The applier's end.
pub struct Sender(Arc<Channel>);

impl Channel {
    pub fn new(capacity: usize) -> (Sender, Arc<Channel>) {
        let channel = Arc::new(Channel { capacity, queue: Mutex::default() });
        (Sender(channel.clone()), channel)
    }

    /// The next message; none when the applier is gone.
    async fn receive(&self) -> Option<ApplyMsg> {
        let (message, sender) = wait_for(
            &self.queue,
            |queue| &mut queue.receiver,
            |queue| {
                let message = queue.messages.pop_front();
                (message.is_some() || queue.sender_gone).then(|| (message, queue.sender.take()))
            },
        )
        .await;
        wake(sender);
        message
    }

    /// A service that takes in what the channel brings, until the applier is gone.
    pub async fn serve(&self, shop: Shop) {
        while let Some(message) = self.receive().await {
            shop.take(message).await;
        }
    }

    /// The service is gone.
    pub fn close(&self) {
        let sender = {
            let mut queue = lock(&self.queue);
            queue.receiver_gone = true;
            queue.sender.take()
        };
        wake(sender);
    }
}

impl Service for Sender {
    async fn deliver(&mut self, message: ApplyMsg) -> bool {
        let mut message = Some(message);
        poll_fn(|context| {
            let receiver = {
                let mut queue = lock(&self.0.queue);
                if queue.receiver_gone {
                    return Poll::Ready(false);
                }
                if queue.messages.len() >= self.0.capacity {
                    queue.sender.add(context);
                    return Poll::Pending;
                }
                queue.messages.extend(message.take());
                queue.receiver.take()
            };
            wake(receiver);
            Poll::Ready(true)
        })
        .await
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let receiver = {
            let mut queue = lock(&self.0.queue);
            queue.sender_gone = true;
            queue.receiver.take()
        };
        wake(receiver);
    }
}

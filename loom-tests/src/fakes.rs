//! A disk, a way to the peers, a service and a clock, as small as possible, on the explored primitives; each asserts
//! what the engine may do with it.

mod channel;
mod clock;
mod disk;
mod service;
mod wire;

pub use channel::Channel;
pub use clock::Clock;
pub use disk::Disk;
pub use service::{Book, Habits, Shop};
pub use wire::{Sent, Wire};

/// The engine, as explored.
pub type Monitor = figure2_engine::Monitor<Clock>;

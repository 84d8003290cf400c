//! The lab's simulated network.
//!
//! A [`Network`] connects named [`ClientEnd`]s to servers. Requests and replies are bytes: whoever calls has encoded
//! them, so what crosses the network is what would cross a wire. A call either yields a reply or fails; why it failed
//! the caller cannot tell.
//!
//! What a call meets is decided when its processing starts, from the settings of that moment:
//!
//! - The end is enabled and its server is there. An unreliable network first delays the request by 0 to 26 ms and
//!   drops one in ten. Then the handler runs. Every 100 ms, and once more when it is done, the call looks whether it is
//!   dead: the end disabled, or the server deleted or replaced. A dead call fails, though what the handler did stands.
//!   An unreliable network drops one reply in ten. With long reordering, two replies in three are held back 200 to
//!   2,199 ms; nothing is checked after that.
//! - Otherwise the call fails after 0 to 6,999 ms with long delays, or 0 to 99 ms without.
//!
//! Messages are never duplicated, and a call has no other time limit.
//!
//! Counts: a call adds 1 to the calls and its request to the bytes when its processing starts, whatever becomes of
//! it; a reply adds to the bytes only when delivered. A server's own count rises when a call is handed to it, and
//! starts over when the server is replaced.
//!
//! All chance comes from one generator seeded by the network's creator, and nothing iterates over a hash table, so on
//! tokio's paused clock with one thread the same seed gives the same run.

mod call;
mod event;
mod network;

pub use event::{CallEvent, CallId, EndName, NoObserver, Observer};
pub use network::{ClientEnd, Handler, Handling, Network};

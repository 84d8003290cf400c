//! # figure2-testing
//!
//! Test suites for whoever gives a figure2 node a storage or a transport of their own: [`storage::check`] and
//! [`transport::check`]. Each runs all that the node relies on, and says in one sentence what does not hold. figure2's own
//! storages and the transports of its examples pass them.
//!
//! For tests of several processes, [`addresses::free`] has ports that nobody takes in between.
//!
//! It is for tests: no crate that ships depends on it. It knows the public interface of `figure2` and of the core, and
//! nothing of how the node is made.
//!
//! ```
//! use figure2::Persister;
//! use figure2_testing::storage::{self, Medium};
//!
//! /// What outlives a storage: here the memory that its clones share.
//! #[derive(Default)]
//! struct Memory(Persister);
//!
//! impl Medium for Memory {
//!     type Storage = Persister;
//!
//!     async fn open(&self) -> Persister {
//!         self.0.clone()
//!     }
//! }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), storage::Wrong> {
//! storage::check(|| async { Memory::default() }).await
//! # }
//! ```

pub mod addresses;
pub mod disk;
pub mod server_disk;
pub mod storage;
pub mod transport;

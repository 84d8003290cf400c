//! # figure2-validate
//!
//! Records real nodes, and replays what they recorded through the core.
//!
//! - [`Recorder`] collects the events of recorded nodes and keeps them as a capture. [`open`] reads a file as the lines of
//!   a trace ([`figure2_trace`]), whether it is a capture or text.
//! - `convert` turns the core's types into the structs of a trace ([`ToTrace`]) and back.
//! - [`validate`] replays every recorded step through the core. [`tell_as_etcd`] does the same, and writes a recording in
//!   the form of etcd's raft.
//! - [`instrument`] watches a whole run of a cluster, in the lab and in simulations: it records all nodes, and at the end
//!   validates the recording, and has [`figure2_audit`] audit it.
//!
//! This crate must not decide anything of the protocol: the core says what a step must answer, change and send. It cannot
//! find an error of the core itself. The audit does that, which must depend on neither the core nor this crate.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod capture;
mod convert;
mod etcd;
mod files;
pub mod instrument;
mod pieces;
mod recorded;
mod recorder;
mod replay;

pub use convert::ToTrace;
pub use etcd::tell as tell_as_etcd;
pub use files::{beginning_of, is_recording, of_bytes, open, text_of};
pub use pieces::Rotation;
pub use recorded::Recorded;
pub use recorder::{Recorder, ToFile};
pub use replay::{Counts, Rejection, Report, validate};

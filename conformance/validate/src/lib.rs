//! # figure2-validate
//!
//! Records real nodes, and replays what they recorded through the core.
//!
//! - [`Recorder`] takes in what recorded nodes emit and keeps it as a capture. [`open`] reads a file as the lines of a
//!   trace ([`figure2_trace`]), whether it is a capture or text.
//! - `convert` turns the core's types into the structs of a trace ([`ToTrace`]) and back.
//! - [`validate`] takes every recorded step again with the core. [`tell_as_etcd`] does the same, and tells a recording in
//!   the form of etcd's raft.
//! - [`instrument`] watches over a whole run of a cluster, in the lab and in simulations alike: it records all nodes, and
//!   at the end has the recording validated, and audited by [`figure2_audit`].
//!
//! This crate must not decide anything of the protocol: the core says what a step must answer, change and send. Where the
//! core itself is wrong nothing is found here; that is the audit's part, which must know neither the core nor this crate.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod capture;
mod convert;
mod etcd;
mod files;
pub mod instrument;
mod recorder;
mod replay;

pub use convert::ToTrace;
pub use etcd::tell as tell_as_etcd;
pub use files::{is_recording, of_bytes, open, text_of};
pub use recorder::{Recorder, ToFile};
pub use replay::{Counts, Rejection, Report, validate};

//! `--tcp`: each voter is a process of its own, with its log on disk; voters speak TLS with each other, and clients come
//! over TCP.
//!
//! This process has the clients. It starts the three others, which are this program too, and asks them what they cost.

pub mod case;
mod clients;
mod comparison;
mod figure2;
mod floor;
mod goals;
mod processes;
mod report;
mod security;
mod server;
mod wire;

pub use comparison::run;
pub use goals::goals;
pub use report::{ratio_table, ratios, table};
pub use server::{Serve, serve};

//! Counterexamples: told, drawn, written to a file, taken again, and played in a browser.

#![allow(clippy::unwrap_used, clippy::panic)]

mod command;
mod docs;
mod file;
mod fixture;
mod formats;
mod page;
mod renderings;

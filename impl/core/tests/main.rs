//! The tests of the core, one file for each subject.
//!
//! A test that guards rules says so in its doc comment, `Rules: AE3, AE4. Pitfall 3.`, and the tables of
//! `docs/rules.md` and `docs/rule-checks.md` are made from these lines (see `rules_doc.rs`).

#![allow(clippy::unwrap_used, clippy::panic)]

mod append_entries;
mod backtracking;
mod check_quorum;
mod cluster;
mod commit;
mod common;
mod coverage;
mod effects;
mod elections;
mod extended;
mod golden;
mod histories;
mod leader;
mod limits;
mod overriding;
mod pitfalls;
mod pre_vote;
mod renaming;
mod restart;
mod rules_doc;
mod snapshots;
mod snapshots_sent;
mod stalled;
mod transfer;
mod validation;
mod views;
mod votes;

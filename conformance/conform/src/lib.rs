//! # figure2-conform
//!
//! Drives real nodes along the steps of the model. After each step, what the node holds, wrote and sent must equal what
//! the model says (docs/conformance.md).
//!
//! [`cover`] covers every edge of a profile, [`walk`] takes random walks. A [`DifferenceFile`] keeps a [`Difference`], so
//! that it can be repeated. A [`Defect`] around a node must be found.
//!
//! This crate must not decide anything of the protocol: the model says what is right. A step that no node can take is
//! counted, with the reason ([`Infeasible`]), and never skipped silently.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod convert;
mod cover;
mod defect;
mod difference;
mod disk;
mod file;
mod harness;
mod journal;
mod node_under_test;
mod paths;
mod pending;
mod walk;
mod writer;

pub use convert::{translate, translate_persistent};
pub use cover::{Covered, Infeasibles, cover};
pub use defect::{Defect, Setup};
pub use difference::Differing;
pub use file::{DifferenceFile, DifferenceFileError};
pub use paths::Infeasible;
pub use walk::{Walked, Walks, walk};
pub use writer::StepInput;

use figure2_core::ServerId;
use figure2_model::{CheckError, Cluster, Node as ModelNode, NodeStep, Profile, System, describe_envelope};
use node_under_test::NodeUnderTest;
use std::fmt;
use writer::Writer;

/// A node that is not what the model says, and how it got there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The server.
    pub server: ServerId,
    /// What happened to it, from its first start to the step that differs.
    pub events: Vec<StepInput>,
    /// The fields that differ.
    pub fields: Vec<Differing>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "DIFFERS {}, step {}:", self.server, self.events.len())?;
        for (number, StepInput { event, writer_is_late }) in (1..).zip(&self.events) {
            let writer = if *writer_is_late { ", and its writer has yet to run" } else { "" };
            writeln!(f, "{number:4} {}{writer}", event.map(describe_envelope))?;
        }
        for field in &self.fields {
            writeln!(f, "{field}")?;
        }
        Ok(())
    }
}

/// The profile's cluster from its servers' first start, each server under its own name.
fn unscripted(profile: &Profile) -> Result<Cluster, CheckError> {
    let unscripted = Profile { script: Vec::new(), ..profile.clone() };
    Ok(unscripted.cluster(&System::default())?.with_symmetry(false))
}

/// Gives a step to a node, and notes it. The fields in which it then differs from the model; an event that the node
/// cannot take is one.
fn drive(
    node: &mut NodeUnderTest,
    step: &NodeStep,
    writer_is_late: bool,
    after: &ModelNode,
    events: &mut Vec<StepInput>,
) -> Vec<Differing> {
    let input = StepInput { event: step.event.clone(), writer_is_late };
    let mut fields = Vec::new();
    if let Err(error) = node.happen(&input) {
        fields.push(Differing::new("the event", &"can happen", &format!("{error:#}")));
    }
    fields.extend(node.differing(after, &step.visible));
    events.push(input);
    fields
}

//! Compares a node with the model, field by field, and shows both sides of each difference.

use super::convert;
use bytes::Bytes;
use figure2::SnapshotData;
use figure2_core::{Config, Index, Persistent, Role, Server, ServerId, Snapshot};
use figure2_model::{Command, Prefix};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A field in which the two differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Differing {
    /// The field.
    pub field: Cow<'static, str>,
    /// What the model says.
    pub model: String,
    /// What the node has.
    pub node: String,
}

impl Differing {
    /// With both sides as they are shown.
    pub fn new(field: &'static str, model: &impl fmt::Debug, node: &impl fmt::Debug) -> Differing {
        Differing { field: field.into(), model: format!("{model:?}"), node: format!("{node:?}") }
    }
}

impl fmt::Display for Differing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  model: {}\n  node:  {}", self.field, self.model, self.node)
    }
}

/// All that a server holds in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    id: ServerId,
    config: Config,
    persistent: Persistent<Bytes, SnapshotData>,
    role: Role,
    commit_index: Index,
    last_applied: Index,
    offered: Option<Snapshot<SnapshotData>>,
}

impl Held {
    /// What a node's server holds.
    pub fn of_node(server: &Server<Bytes, SnapshotData>) -> Held {
        Held {
            id: server.id(),
            config: server.config(),
            persistent: server.persistent().clone(),
            role: server.role().clone(),
            commit_index: server.commit_index(),
            last_applied: server.last_applied(),
            offered: server.offered().cloned(),
        }
    }

    /// What the model's server holds.
    fn of_model(server: &Server<Command, Prefix>) -> Held {
        Held {
            id: server.id(),
            config: server.config(),
            persistent: convert::persistent(server.persistent()),
            role: server.role().clone(),
            commit_index: server.commit_index(),
            last_applied: server.last_applied(),
            offered: server.offered().map(convert::snapshot),
        }
    }

    /// Notes the fields in which they differ; none on a side means that the server is down there.
    pub fn compare(
        model: Option<&Server<Command, Prefix>>,
        node: Option<&Held>,
        differing: &mut Vec<Differing>,
    ) {
        let model = model.map(Held::of_model);
        let (Some(model), Some(node)) = (&model, node) else {
            if model.is_some() != node.is_some() {
                differing.push(Differing::new("up", &model.is_some(), &node.is_some()));
            }
            return;
        };
        macro_rules! compare {
            ($($name:literal: $($field:ident).+),* $(,)?) => {
                $(if model.$($field).+ != node.$($field).+ {
                    differing.push(Differing::new($name, &model.$($field).+, &node.$($field).+));
                })*
            };
        }
        compare! {
            "id": id,
            "config": config,
            "current_term": persistent.current_term,
            "voted_for": persistent.voted_for,
            "log": persistent.log,
            "role": role,
            "commit_index": commit_index,
            "last_applied": last_applied,
            "offered snapshot": offered,
        }
    }

    /// Notes the fields in which two disks differ.
    pub fn compare_disks(
        model: &Persistent<Bytes, SnapshotData>,
        node: &Persistent<Bytes, SnapshotData>,
        differing: &mut Vec<Differing>,
    ) {
        if model.current_term != node.current_term {
            differing.push(Differing::new("current_term on disk", &model.current_term, &node.current_term));
        }
        if model.voted_for != node.voted_for {
            differing.push(Differing::new("voted_for on disk", &model.voted_for, &node.voted_for));
        }
        if model.log != node.log {
            differing.push(Differing::new("log on disk", &model.log, &node.log));
        }
    }
}

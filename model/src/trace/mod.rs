//! A path through the model, described step by step: what happened, which rules fired, which messages travelled from
//! which step to which, and what changed. The steps are repeated on the model itself to make a trace; nothing here
//! knows how a server behaves.

pub mod counterexample;
pub mod label;
pub mod replay;
pub mod view;

use crate::cluster::Cluster;
use crate::cluster::action::Action;
use crate::cluster::state::{EnvelopeId, State};
use crate::properties::{Safety, Witness};
use crate::trace::label::{ActionLabel, envelope_of};
use crate::trace::view::{Field, describe_message, fields};
use figure2_core::{RuleSet, ServerId};
use std::fmt;

/// A path through the model, as a reader follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// All messages of the trace. A message's place here is its number, which it keeps as long as it is on its way.
    pub messages: Vec<SentMessage>,
    /// The nodes at the start, by server id.
    pub start: Vec<Vec<Field>>,
    /// The numbers of the messages that are on their way at the start.
    pub on_their_way: Vec<usize>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMessage {
    /// The sender.
    pub from: ServerId,
    /// The addressee.
    pub to: ServerId,
    /// The paper's name of the message.
    pub name: &'static str,
    /// What it says besides its name, in one line.
    pub content: String,
}

impl fmt::Display for SentMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}→{} {}", self.name, self.from, self.to, self.content)
    }
}

/// One step of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What happened.
    pub label: ActionLabel,
    /// The number of the message that arrived or was lost.
    pub message: Option<usize>,
    /// The rules that fired.
    pub rules: RuleSet,
    /// What changed.
    pub changes: Vec<Change>,
    /// The numbers of the messages that came on their way.
    pub sent: Vec<usize>,
    /// The nodes after the step, by server id.
    pub nodes: Vec<Vec<Field>>,
    /// The properties, of those that the cluster is checked for, that held before the step and do not hold after it.
    pub breaks: Vec<Safety>,
    /// The witnesses that the state after the step shows and the one before does not.
    pub shows: Vec<Witness>,
}

/// A field of a node that a step changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub server: ServerId,
    /// The field's name.
    pub field: &'static str,
    /// Its value before; none where there was no such field: a follower has no next_index.
    pub from: Option<String>,
    /// Its value after; none where there is no such field any more.
    pub to: Option<String>,
}

impl Change {
    /// Whether it tells more than that a field came with its role, or went with it.
    pub fn is_news(&self) -> bool {
        let is_empty = |value: &str| matches!(value, "none" | "0" | "[]");
        match (&self.from, &self.to) {
            (Some(_), Some(_)) => true,
            (None, Some(to)) => !is_empty(to),
            (_, None) => false,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Up, down, follower, candidate and leader need no name.
        let name = if matches!(self.field, "node" | "role") { "" } else { self.field };
        let gap = if name.is_empty() { "" } else { " " };
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "{name}{gap}{from}→{to}"),
            (None, Some(to)) => write!(f, "{name}{gap}{to}"),
            (_, None) => write!(f, "{name}{gap}gone"),
        }
    }
}

impl Step {
    /// The changes worth telling, one line a node.
    pub fn change_lines(&self) -> Vec<String> {
        let mut lines: Vec<(ServerId, String)> = Vec::new();
        for change in self.changes.iter().filter(|change| change.is_news()) {
            match lines.iter_mut().find(|(server, _)| *server == change.server) {
                Some((_, line)) => line.push_str(&format!(" {change}")),
                None => lines.push((change.server, format!("{} {change}", change.server))),
            }
        }
        lines.into_iter().map(|(_, line)| line).collect()
    }
}

impl Trace {
    /// Takes the actions from the cluster's start, as far as they are possible.
    pub fn follow(cluster: &Cluster, actions: &[Action]) -> Trace {
        Trace::follow_to_end(cluster, actions).0
    }

    /// As [`follow`](Self::follow), with the state at the end.
    pub fn follow_to_end(cluster: &Cluster, actions: &[Action]) -> (Trace, State) {
        let mut builder = TraceBuilder::new(cluster);
        for action in actions {
            let Some((next, rules)) = cluster.act(&builder.state, *action) else { break };
            builder.step(*action, next, rules);
        }
        (builder.trace, builder.state)
    }

    /// The nodes before a step, by the step's place in the trace.
    pub fn nodes_before(&self, step: usize) -> &[Vec<Field>] {
        let before = step.checked_sub(1).and_then(|earlier| self.steps.get(earlier));
        before.map_or(&self.start, |earlier| &earlier.nodes)
    }

    /// The message of that number.
    pub fn message(&self, number: usize) -> Option<&SentMessage> {
        self.messages.get(number)
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.steps.len().to_string().len();
        for (i, step) in self.steps.iter().enumerate() {
            write!(f, "{:>width$}. {}", i + 1, step.label)?;
            if !step.rules.is_empty() {
                let ids: Vec<&str> = step.rules.iter().map(|rule| rule.id()).collect();
                write!(f, "  [{}]", ids.join(" "))?;
            }
            writeln!(f)?;
            for change in step.change_lines() {
                writeln!(f, "{:width$}    {change}", "")?;
            }
            for message in step.sent.iter().filter_map(|number| self.message(*number)) {
                writeln!(f, "{:width$}    sends {message}", "")?;
            }
            for broken in &step.breaks {
                writeln!(f, "{:width$}  ✗ breaks: {}", "", broken.name())?;
            }
        }
        Ok(())
    }
}

/// Tells a trace as the states come.
struct TraceBuilder<'a> {
    cluster: &'a Cluster,
    state: State,
    /// The messages on their way, with their numbers.
    known: Vec<(usize, EnvelopeId)>,
    trace: Trace,
}

impl<'a> TraceBuilder<'a> {
    fn new(cluster: &'a Cluster) -> TraceBuilder<'a> {
        let start = cluster.start();
        let nodes = cluster.nodes(start).map(fields).collect();
        let trace = Trace { messages: Vec::new(), start: nodes, on_their_way: Vec::new(), steps: Vec::new() };
        let mut builder = TraceBuilder { cluster, state: start.clone(), known: Vec::new(), trace };
        builder.trace.on_their_way = builder.number_new(None, start);
        builder
    }

    fn step(&mut self, action: Action, next: State, rules: RuleSet) {
        let (cluster, before) = (self.cluster, &self.state);
        let message = envelope_of(before, action).and_then(|envelope| self.number_of(envelope));
        let gone = message.filter(|_| !matches!(action, Action::Duplicate(_)));
        let Some(label) = cluster.label(before, action) else { return };
        let nodes: Vec<Vec<Field>> = cluster.nodes(&next).map(fields).collect();
        let changes = changes(self.trace.nodes_before(self.trace.steps.len()), &nodes);
        let broken = |state: &State| cluster.broken(state).intersection(cluster.always());
        let breaks = broken(&next).iter().filter(|safety| !broken(before).contains(*safety)).collect();
        let is_new = |witness: &Witness| !cluster.shows(before, *witness) && cluster.shows(&next, *witness);
        let shows = Witness::ALL.into_iter().filter(is_new).collect();
        let sent = self.number_new(gone, &next);
        self.trace.steps.push(Step { label, message, rules, changes, sent, nodes, breaks, shows });
        self.state = next;
    }

    fn number_of(&self, envelope: EnvelopeId) -> Option<usize> {
        self.known.iter().find(|(_, other)| *other == envelope).map(|(number, _)| *number)
    }

    /// Forgets the messages that are not on their way any more, `gone` among them, and numbers those that are new.
    fn number_new(&mut self, gone: Option<usize>, next: &State) -> Vec<usize> {
        let on_their_way = next.network.envelopes();
        self.known.retain(|(number, envelope)| Some(*number) != gone && on_their_way.contains(envelope));
        // The network keeps its messages in the order of their hashes; a reader wants them by address.
        let is_new = |envelope: &EnvelopeId| self.number_of(*envelope).is_none();
        let mut new: Vec<EnvelopeId> = on_their_way.iter().copied().filter(is_new).collect();
        new.sort_by_key(|id| {
            let envelope = self.cluster.envelope(*id);
            (envelope.from, envelope.to, describe_message(&envelope.message))
        });
        let mut numbers = Vec::new();
        for id in new {
            let number = self.trace.messages.len();
            let envelope = self.cluster.envelope(id);
            let (name, content) = describe_message(&envelope.message);
            self.trace.messages.push(SentMessage { from: envelope.from, to: envelope.to, name, content });
            self.known.push((number, id));
            numbers.push(number);
        }
        numbers
    }
}

fn changes(before: &[Vec<Field>], after: &[Vec<Field>]) -> Vec<Change> {
    let mut changes = Vec::new();
    for ((id, old), new) in (0u8..).map(ServerId).zip(before).zip(after) {
        let value = |fields: &[Field], name: &str| {
            fields.iter().find(|field| field.name == name).map(|field| field.value.clone())
        };
        for Field { name, value: to } in new {
            let from = value(old, name);
            if from.as_ref() != Some(to) {
                changes.push(Change { server: id, field: name, from, to: Some(to.clone()) });
            }
        }
        for Field { name, value: from } in old.iter().filter(|field| value(new, field.name).is_none()) {
            changes.push(Change { server: id, field: name, from: Some(from.clone()), to: None });
        }
    }
    changes
}

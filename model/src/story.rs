//! What happened along a path through the model, told step by step: who did what, which rules fired, which messages
//! travelled from which step to which, and what changed. A story is made by taking the steps again on the model
//! itself; nothing here knows how a server behaves.

use crate::actions::Action;
use crate::cluster::Cluster;
use crate::label::{ActionLabel, letter_of};
use crate::properties::{Safety, Witness};
use crate::state::{LetterId, State};
use crate::view::{Field, describe_message, fields};
use figure2_core::{RuleSet, ServerId};
use std::fmt;

/// A path through the model, as a reader follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// All messages of the story. A message's place here is its number, which it keeps as long as it is on its way.
    pub letters: Vec<Letter>,
    /// The machines at the start, by server id.
    pub start: Vec<Vec<Field>>,
    /// The numbers of the messages that are on their way at the start.
    pub on_their_way: Vec<usize>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The sender.
    pub from: ServerId,
    /// The addressee.
    pub to: ServerId,
    /// The paper's name of the message.
    pub name: &'static str,
    /// What it says besides its name, in one line.
    pub content: String,
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}→{} {}", self.name, self.from, self.to, self.content)
    }
}

/// One step of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What happened.
    pub label: ActionLabel,
    /// The number of the message that arrived or was lost.
    pub letter: Option<usize>,
    /// The rules that fired.
    pub rules: RuleSet,
    /// What changed.
    pub changes: Vec<Change>,
    /// The numbers of the messages that came on their way.
    pub sent: Vec<usize>,
    /// The machines after the step, by server id.
    pub machines: Vec<Vec<Field>>,
    /// The properties, of those that the cluster is checked for, that held before the step and do not hold after it.
    pub breaks: Vec<Safety>,
    /// The witnesses that the state after the step shows and the one before does not.
    pub shows: Vec<Witness>,
}

/// A field of a machine that a step changed.
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
        let name = if matches!(self.field, "machine" | "role") { "" } else { self.field };
        let gap = if name.is_empty() { "" } else { " " };
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "{name}{gap}{from}→{to}"),
            (None, Some(to)) => write!(f, "{name}{gap}{to}"),
            (_, None) => write!(f, "{name}{gap}gone"),
        }
    }
}

impl Step {
    /// The changes worth telling, one line a machine.
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

impl Story {
    /// Takes the actions from the cluster's start, as far as they are possible.
    pub fn follow(cluster: &Cluster, actions: &[Action]) -> Story {
        Story::follow_to_end(cluster, actions).0
    }

    /// As [`follow`](Self::follow), with the state at the end.
    pub fn follow_to_end(cluster: &Cluster, actions: &[Action]) -> (Story, State) {
        let mut teller = Teller::new(cluster);
        for action in actions {
            let Some((next, rules)) = cluster.act(&teller.state, *action) else { break };
            teller.step(*action, next, rules);
        }
        (teller.story, teller.state)
    }

    /// The machines before a step, by the step's place in the story.
    pub fn machines_before(&self, step: usize) -> &[Vec<Field>] {
        let before = step.checked_sub(1).and_then(|earlier| self.steps.get(earlier));
        before.map_or(&self.start, |earlier| &earlier.machines)
    }

    /// The message of that number.
    pub fn letter(&self, number: usize) -> Option<&Letter> {
        self.letters.get(number)
    }
}

impl fmt::Display for Story {
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
            for letter in step.sent.iter().filter_map(|number| self.letter(*number)) {
                writeln!(f, "{:width$}    sends {letter}", "")?;
            }
            for broken in &step.breaks {
                writeln!(f, "{:width$}  ✗ breaks: {}", "", broken.name())?;
            }
        }
        Ok(())
    }
}

/// Tells a story as the states come.
struct Teller<'a> {
    cluster: &'a Cluster,
    state: State,
    /// The messages on their way, with their numbers.
    known: Vec<(usize, LetterId)>,
    story: Story,
}

impl<'a> Teller<'a> {
    fn new(cluster: &'a Cluster) -> Teller<'a> {
        let start = cluster.start();
        let machines = cluster.hosts(start).map(fields).collect();
        let story =
            Story { letters: Vec::new(), start: machines, on_their_way: Vec::new(), steps: Vec::new() };
        let mut teller = Teller { cluster, state: start.clone(), known: Vec::new(), story };
        teller.story.on_their_way = teller.number_new(None, start);
        teller
    }

    fn step(&mut self, action: Action, next: State, rules: RuleSet) {
        let (cluster, before) = (self.cluster, &self.state);
        let letter = letter_of(before, action).and_then(|letter| self.number_of(letter));
        let gone = letter.filter(|_| !matches!(action, Action::Duplicate(_)));
        let Some(label) = cluster.label(before, action) else { return };
        let machines: Vec<Vec<Field>> = cluster.hosts(&next).map(fields).collect();
        let changes = changes(self.story.machines_before(self.story.steps.len()), &machines);
        let broken = |state: &State| cluster.broken(state).intersection(cluster.always());
        let breaks = broken(&next).iter().filter(|safety| !broken(before).contains(*safety)).collect();
        let is_new = |witness: &Witness| !cluster.shows(before, *witness) && cluster.shows(&next, *witness);
        let shows = Witness::ALL.into_iter().filter(is_new).collect();
        let sent = self.number_new(gone, &next);
        self.story.steps.push(Step { label, letter, rules, changes, sent, machines, breaks, shows });
        self.state = next;
    }

    fn number_of(&self, letter: LetterId) -> Option<usize> {
        self.known.iter().find(|(_, other)| *other == letter).map(|(number, _)| *number)
    }

    /// Forgets the messages that are not on their way any more, `gone` among them, and numbers those that are new.
    fn number_new(&mut self, gone: Option<usize>, next: &State) -> Vec<usize> {
        let on_their_way = next.network.letters();
        self.known.retain(|(number, letter)| Some(*number) != gone && on_their_way.contains(letter));
        // The network keeps its messages in the order of their hashes; a reader wants them by address.
        let is_new = |letter: &LetterId| self.number_of(*letter).is_none();
        let mut new: Vec<LetterId> = on_their_way.iter().copied().filter(is_new).collect();
        new.sort_by_key(|id| {
            let letter = self.cluster.letter(*id);
            (letter.from, letter.to, describe_message(&letter.message))
        });
        let mut numbers = Vec::new();
        for id in new {
            let number = self.story.letters.len();
            let letter = self.cluster.letter(id);
            let (name, content) = describe_message(&letter.message);
            self.story.letters.push(Letter { from: letter.from, to: letter.to, name, content });
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

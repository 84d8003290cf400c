//! Machines and messages of fair runs, and the steps between them, each computed once. They are kept apart from those of
//! the search: a fair run goes beyond the search's bounds, and must leave nothing there.

use crate::bounds::{Apply, Bounds};
use crate::cluster::System;
use crate::event::NodeEvent;
use crate::hashed::digest;
use crate::host::{Ballot, Host, Letter, Recovery};
use crate::prefix::Command;
use crate::properties::SafetySet;
use figure2_core::{AppendResult, Message, Role};
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::hash::Hash;
use std::sync::Arc;

/// The number of a machine.
pub type HostId = u32;
/// The number of a message.
pub type LetterId = u32;

/// What happens to a machine in a fair run.
pub type Event = NodeEvent<LetterId>;

/// What comes of an event.
#[derive(Clone, Debug)]
pub struct Step {
    /// The machine afterwards.
    pub host: HostId,
    /// What it sent.
    pub sent: SmallVec<[LetterId; 4]>,
    /// Whether its election timer started anew.
    pub restarts_timer: bool,
}

/// The command that a client asks for when faults have ended. None of a profile's requests has this number, and its size
/// fits every limit.
pub const NEW_COMMAND: Command = Command(0);

/// All that fair runs of a cluster have met.
pub struct World {
    system: System,
    bounds: Bounds,
    hosts: Numbered<Host>,
    letters: Numbered<Letter>,
    steps: HashMap<(HostId, Event), Option<Step>, ahash::RandomState>,
}

impl World {
    /// An empty one. Services apply what is committed at once, and writes are done within a step.
    pub fn new(system: &System, bounds: &Bounds) -> World {
        World {
            system: system.clone(),
            bounds: Bounds { apply: Apply::AtOnce, unwritten: 0, ..*bounds },
            hosts: Numbered::default(),
            letters: Numbered::default(),
            steps: HashMap::default(),
        }
    }

    /// How many machines, messages and steps are held.
    pub fn len(&self) -> usize {
        self.hosts.all.len() + self.letters.all.len() + self.steps.len()
    }

    /// The rules and the machines.
    pub fn system(&self) -> &System {
        &self.system
    }

    /// The bounds that fair runs keep: limits in bytes, and how a leader sends.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The number of a machine. What only the search's properties look at is left out.
    pub fn add_host(&mut self, host: &Host) -> HostId {
        self.hosts.number(Host {
            ballot: Ballot::default(),
            recovery: Recovery::None,
            breaches: SafetySet::EMPTY,
            installed: false,
            ..host.clone()
        })
    }

    /// The number of a message.
    pub fn add_letter(&mut self, letter: &Letter) -> LetterId {
        self.letters.number(letter.clone())
    }

    /// The machine of a number.
    pub fn host(&self, id: HostId) -> &Host {
        self.hosts.get(id)
    }

    /// The message of a number.
    pub fn letter(&self, id: LetterId) -> &Letter {
        self.letters.get(id)
    }

    /// What comes of an event. None when it cannot happen to the machine.
    pub fn step(&mut self, host: HostId, event: Event) -> Option<Step> {
        if let Some(known) = self.steps.get(&(host, event)) {
            return known.clone();
        }
        let step = self.compute(host, event);
        self.steps.insert((host, event), step.clone());
        step
    }

    fn compute(&mut self, id: HostId, event: Event) -> Option<Step> {
        let stepper = self.system.stepper(&self.bounds);
        let stepped =
            stepper.apply_event(self.hosts.get(id), event.map(|letter| self.letters.get(*letter)))?;
        let sent = stepped.sent.iter().map(|letter| self.add_letter(letter)).collect();
        Some(Step { host: self.add_host(&stepped.host), sent, restarts_timer: stepped.restarts_timer })
    }
}

/// Whether a message is one that a cluster at rest sends: a heartbeat, or the answer that it matches.
pub fn is_of_rest(letter: &Letter) -> bool {
    match &letter.message {
        Message::AppendEntries(message) => message.entries.is_empty(),
        Message::AppendEntriesReply(reply) => matches!(reply.result, AppendResult::Success { .. }),
        _ => false,
    }
}

/// What a machine and the messages from and to it say of it, whatever the servers are called.
pub fn nameless(host: &Host) -> u64 {
    let vote = |vote: Option<figure2_core::ServerId>| vote.map(|vote| vote == host.id);
    let role = host.server.as_ref().map(|server| match server.role() {
        Role::Follower { leader } => {
            (0_u8, vec![leader.map_or(0, |leader| 1 + u64::from(leader == host.id))])
        }
        Role::Candidate { votes } => (1, vec![votes.len() as u64]),
        Role::Leader { progress, .. } => {
            let mut known: Vec<u64> = progress.iter().map(digest).collect();
            known.sort_unstable();
            (2, known)
        }
    });
    let server = host.server.as_ref().map(|server| {
        let persistent = server.persistent();
        let ballot = (persistent.current_term, vote(persistent.voted_for));
        (
            ballot,
            persistent.log.clone(),
            server.commit_index(),
            server.last_applied(),
            server.offered().cloned(),
        )
    });
    let disk = (host.disk.current_term, vote(host.disk.voted_for), &host.disk.log);
    digest(&(role, server, disk, host.unwritten.len(), host.service, &host.answering))
}

/// Values with numbers, each value once.
struct Numbered<T> {
    all: Vec<Arc<T>>,
    numbers: HashMap<Arc<T>, u32, ahash::RandomState>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Numbered { all: Vec::new(), numbers: HashMap::default() }
    }
}

impl<T: Hash + Eq> Numbered<T> {
    fn number(&mut self, value: T) -> u32 {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        // A world is emptied long before there are so many.
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let value = Arc::new(value);
        self.all.push(Arc::clone(&value));
        self.numbers.insert(value, number);
        number
    }

    fn get(&self, number: u32) -> &T {
        &self.all[number as usize]
    }
}

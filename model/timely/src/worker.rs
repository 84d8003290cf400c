//! A worker: it expands states of a level, and keeps those of the next one that it finds.

use crate::level::{Edge, Level};
use crate::recent::Recent;
use crate::seen::LookUp;
use crate::shared::{Shared, lock};
use crate::travel::{Encoded, Inbox, Outbox, Sent, What};
use crate::waiting::{Entry, Place};
use figure2_model::{Expansion, Next, PackedState, State};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use timely::dataflow::operators::Capability;

/// So many states are expanded together: what is looked up for all of them is read at once.
const TOGETHER: usize = 16;

/// What follows on so many states is looked up together, part by part of what was seen.
const LOOKED_UP: usize = 256;

/// A level that is not over.
struct Current {
    /// With it, other workers do not take the next level for complete.
    capability: Capability<u32>,
    /// All of it was found, and some of its states may wait.
    is_found: bool,
}

/// What a worker has for itself: all else is [`Shared`].
pub(crate) struct Worker {
    shared: Arc<Shared>,
    index: u64,
    /// The level of which states are expanded, or found yet.
    current: Option<Current>,
    /// States of the level that is being found.
    found: Level,
    recent: Recent,
    expansion: Expansion,
    /// What is looked up next: keys that were found, each with the key before it.
    edges: Vec<Edge>,
    look_up: LookUp,
    inbox: Inbox,
    outbox: Outbox,
}

impl Worker {
    /// A worker that begins with the states of the first level that fall to it.
    pub(crate) fn new(shared: Arc<Shared>, index: usize, capability: Capability<u32>) -> Worker {
        let index = index as u64;
        let mut worker = Worker {
            found: Level::new(place(&shared, 0, index)),
            outbox: Outbox::new(index, shared.plan.window),
            shared,
            index,
            current: Some(Current { capability, is_found: false }),
            recent: Recent::new(),
            expansion: Expansion::default(),
            edges: Vec::new(),
            look_up: LookUp::default(),
            inbox: Inbox::default(),
        };
        worker.begin();
        worker
    }

    /// Takes in the states of the first level that fall to this worker. The first one of a process notes those of the levels before,
    /// too.
    fn begin(&mut self) {
        let shared = self.shared.clone();
        if shared.thread_of(self.index) == 0 {
            shared.know_levels_before();
        }
        let (mut entries, index) = (Vec::new(), self.index);
        let begun = shared.begin(index, |entry, before| {
            self.edges.push((entry.state.key(), before));
            entries.push(entry);
            if entries.len() == LOOKED_UP {
                self.begin_with(&mut entries);
            }
        });
        self.begin_with(&mut entries);
        begun.unwrap_or_else(|error| shared.fail(error.to_string()));
    }

    /// Takes in states of the first level, whose keys are those of the edges.
    fn begin_with(&mut self, entries: &mut Vec<Entry>) {
        let known = self.found.len();
        self.shared.seen.look_up(&self.edges, &mut self.look_up);
        for (place, entry) in entries.drain(..).enumerate() {
            if self.look_up.is_new(place) {
                self.found.push(entry);
            }
        }
        self.note(known);
    }

    /// Something was looked up, before which so many states of the level were known here.
    fn note(&mut self, known: u64) {
        self.shared.distinct.fetch_add(self.found.len() - known, Ordering::Relaxed);
        self.edges.clear();
        if let Some(what) = self.found.failure() {
            self.shared.fail(what.clone());
        }
    }

    /// States of the level that is being found arrive from other processes, and word of what was taken in there. Who sent states is
    /// answered.
    pub(crate) fn take_in(&mut self, arrived: impl Iterator<Item = Sent>, mut send: impl FnMut(Sent)) {
        let mut taken: BTreeMap<u64, u64> = BTreeMap::new();
        for Sent { from, what, .. } in arrived {
            match what {
                What::Taken(bytes) => self.outbox.taken(from, bytes),
                What::Parcel(encoded) => {
                    *taken.entry(from).or_default() += encoded.len();
                    let known = self.found.len();
                    if let Err(what) = self.open(from, encoded) {
                        self.shared.fail(what);
                    }
                    self.note(known);
                }
            }
        }
        for (to, bytes) in taken {
            send(Sent { to, from: self.index, what: What::Taken(bytes) });
        }
    }

    fn open(&mut self, from: u64, encoded: Encoded) -> Result<(), String> {
        let (shared, look_up) = (self.shared.clone(), &mut self.look_up);
        let opened = self.inbox.open(&shared.space, shared.process_of(from), encoded)?;
        self.edges.extend(opened.edges());
        shared.seen.look_up(&self.edges, look_up);
        if (opened.len()..self.edges.len()).any(|place| look_up.is_new(place)) {
            return Err(format!("process {}: keys came before their state", shared.process_of(from)));
        }
        opened.states(&shared.space, |place| look_up.is_new(place), |entry| self.found.push(entry))
    }

    /// States of a level that are to be expanded, with the capability of what is said of that level; all of it is here, and the
    /// one before is over everywhere. There are none where something that was found before is yet to be sent.
    pub(crate) fn next(&mut self, is_here: impl Fn(&u32) -> bool) -> Option<(Capability<u32>, Vec<Entry>)> {
        loop {
            let current = self.current.as_mut().filter(|current| is_here(current.capability.time()))?;
            let capability = current.capability.clone();
            let time = *capability.time();
            if !current.is_found {
                current.is_found = true;
                self.outbox.begin_level();
                // What this worker finds from now on is of the next level.
                let level = Level::new(place(&self.shared, time + 1, self.index));
                let level = std::mem::replace(&mut self.found, level);
                if !self.shared.meet(self.index, self.shared.first_level + time, level) {
                    self.current = None;
                    return None;
                }
            }
            if self.outbox.is_full() {
                // Those who take in what was sent will say so.
                return None;
            }
            if !self.outbox.is_empty() {
                return Some((capability, Vec::new()));
            }
            match self.shared.take(self.index) {
                Some(entries) => return Some((capability, entries)),
                // What still waits is with the workers that have taken it.
                None => {
                    let capability = capability.delayed(&(time + 1));
                    self.current = Some(Current { capability, is_found: false });
                }
            }
        }
    }

    /// Judges and expands some states of a level.
    pub(crate) fn expand(&mut self, time: u32, entries: &[Entry], mut send: impl FnMut(Sent)) {
        let shared = self.shared.clone();
        let (process, depth) = (shared.plan.process(), shared.first_level + time);
        for looked_up in entries.chunks(LOOKED_UP) {
            let (mut found, known): (Vec<Next<'_>>, u64) =
                (Vec::with_capacity(self.edges.capacity()), self.found.len());
            let mut of_others: Vec<(u64, Edge, Next<'_>)> = Vec::new();
            for together in looked_up.chunks(TOGETHER) {
                let (recent, edges) = (&mut self.recent, &mut self.edges);
                shared.follow(depth, together, &mut self.expansion, |before, key, next| {
                    if recent.knows(key, before) {
                        return;
                    }
                    let worker = shared.worker_of(key);
                    if shared.process_of(worker) == process {
                        edges.push((key, before));
                        found.push(next);
                    } else {
                        of_others.push((worker, (key, before), next));
                    }
                });
            }
            shared.seen.look_up(&self.edges, &mut self.look_up);
            for (place, ((key, _), next)) in self.edges.iter().zip(&found).enumerate() {
                if self.look_up.is_new(place) {
                    self.found.push(Entry { state: next.state(*key), changed: next.changed() });
                }
            }
            self.note(known);
            self.outbox.touch(of_others.iter().map(|(_, (key, _), _)| *key));
            for (worker, edge, next) in of_others {
                let packed = || PackedState::new(&next.state(edge.0), next.changed());
                self.outbox.put(worker, edge, packed);
            }
            if let Err(what) = self.outbox.send(&shared.space, false, &mut send) {
                shared.fail(what);
            }
        }
        if let Err(what) = self.outbox.send(&shared.space, true, &mut send) {
            shared.fail(what);
        }
        shared.space.count(&mut self.expansion);
    }
}

/// Where states of a level go that are too many for the memory.
fn place(shared: &Shared, time: u32, index: u64) -> Option<Place> {
    shared.spill.clone().map(|spill| (spill, format!("frontier-{time}-{index}")))
}

impl Shared {
    /// Notes the states of the levels before the first one, as far as this process owns them.
    fn know_levels_before(&self) {
        let edges = lock(&self.edges);
        let is_own = |key: u64| self.process_of(self.worker_of(key)) == self.plan.process();
        for level in 0..edges.levels() {
            let known = edges.of_level(level, |some| {
                some.iter().filter(|(key, _)| is_own(*key)).for_each(|(key, _)| self.seen.know(*key));
            });
            known.unwrap_or_else(|error| self.fail(error.to_string()));
        }
    }

    /// Judges some states, and gives what follows on them: the key of which, its own, and what it is.
    fn follow<'a>(
        &'a self,
        depth: u32,
        entries: &'a [Entry],
        expansion: &mut Expansion,
        mut give: impl FnMut(u64, u64, Next<'a>),
    ) {
        if self.is_over.load(Ordering::Relaxed) {
            return;
        }
        self.space.look_ahead(entries.iter().map(|entry| (&entry.state, entry.changed)));
        for Entry { state, changed } in entries {
            if !self.space.judge(state, *changed) {
                lock(&self.broken).push(state.key());
                self.last_level.store(depth, Ordering::SeqCst);
            }
        }
        if self.is_broken() {
            return;
        }
        let states: SmallVec<[&State; TOGETHER]> = entries.iter().map(|entry| &entry.state).collect();
        let goes_on = self.space.expand(&states, expansion, |place, key, next| {
            give(states.get(place).map_or(key, |state| state.key()), key, next);
        });
        if !goes_on && self.space.limit().is_some() {
            self.is_over.store(true, Ordering::SeqCst);
        }
    }
}

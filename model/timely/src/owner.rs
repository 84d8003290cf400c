//! A worker: the states that it owns, from their arrival to what follows on them.

use crate::level::{Level, Telling};
use crate::recent::Recent;
use crate::shared::{Shared, lock};
use crate::table::Table;
use crate::travel::{Found, Inbox, Outbox, Sent, touch};
use crate::waiting::{Entry, Place};
use figure2_model::{Expansion, Next, PackedState, State};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use timely::dataflow::operators::Capability;

/// So many states are expanded together: what is looked up for all of them is read at once.
const TOGETHER: usize = 16;

/// A level, while the worker has something to do with it.
pub(crate) struct Mine {
    capability: Capability<u32>,
    level: Level,
    is_closed: bool,
}

/// What a worker keeps of the states that it owns.
pub(crate) struct Owner {
    shared: Arc<Shared>,
    index: u64,
    seen: Table<()>,
    recent: Recent,
    expansion: Expansion,
    inbox: Inbox,
    outbox: Outbox,
    /// The levels that are not over: the one that is expanded, and the one that is found.
    levels: BTreeMap<u32, Mine>,
}

impl Owner {
    /// A worker that knows the states of the levels before the first one.
    pub(crate) fn new(shared: Arc<Shared>, index: usize) -> Owner {
        let index = index as u64;
        let mut seen = Table::new();
        let edges = lock(&shared.edges);
        for level in 0..edges.levels() {
            let known = edges.of_level(level, |some| {
                for (key, _) in some.iter().filter(|(key, _)| shared.owner(*key) == index) {
                    seen.add(*key, ());
                }
            });
            known.unwrap_or_else(|error| shared.fail(error.to_string()));
        }
        drop(edges);
        let (recent, expansion, levels) = (Recent::new(), Expansion::default(), BTreeMap::new());
        Owner {
            shared,
            index,
            seen,
            recent,
            expansion,
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            levels,
        }
    }

    /// The search begins, with the states of the first level that this worker owns. Where checkpoints are made, or processes
    /// search together, all workers go from level to level together, also those that have none.
    pub(crate) fn begin(&mut self, capability: &Capability<u32>) {
        let (mut level, seen) = (Level::new(place(&self.shared, 0, self.index)), &mut self.seen);
        let begun = self.shared.begin(self.index, |entry, before| {
            if level.find(entry.state.key(), before, seen) {
                level.push(entry);
            }
        });
        let failure = begun.err().map(|error| error.to_string()).or_else(|| level.failure().cloned());
        failure.into_iter().for_each(|what| self.shared.fail(what));
        self.shared.distinct.fetch_add(level.len(), Ordering::Relaxed);
        if self.shared.meets() || level.len() > 0 {
            let mine = Mine { capability: capability.clone(), level, is_closed: false };
            self.levels.insert(*capability.time(), mine);
        }
    }

    /// States of a level arrive, their own workers' or others'.
    pub(crate) fn take_in(&mut self, capability: &Capability<u32>, batch: &mut Vec<Sent>) {
        let level = &mut mine_at(&mut self.levels, capability, &self.shared, self.index).level;
        let touched = batch.iter().map(|sent| match sent {
            Sent::State(found) => touch(level, &self.seen, found.entry.state.key()),
            Sent::Parcel { .. } => 0,
        });
        black_box(touched.fold(0, u64::wrapping_add));
        let before = level.len();
        for sent in batch.drain(..) {
            match sent {
                Sent::State(Found { entry, before }) => {
                    if level.find(entry.state.key(), before, &mut self.seen) {
                        level.push(entry);
                    }
                }
                Sent::Parcel { from, parcel, .. } => {
                    let (seen, space) = (&mut self.seen, &self.shared.space);
                    if let Err(what) = self.inbox.open(space, (from, parcel), level, seen) {
                        self.shared.fail(what);
                    }
                }
            }
        }
        if let Some(what) = level.failure() {
            self.shared.fail(what.clone());
        }
        self.shared.distinct.fetch_add(level.len() - before, Ordering::Relaxed);
    }

    /// The level that has states to be expanded, if all of it is here, and the one before is over everywhere.
    pub(crate) fn next(&mut self, is_here: impl Fn(&u32) -> bool) -> Option<(Capability<u32>, Mine)> {
        loop {
            let level = self.levels.first_entry().filter(|level| is_here(level.key()))?;
            let mut mine = level.remove();
            let goes_on = mine.is_closed || self.close(&mut mine);
            if goes_on && !mine.level.is_over() {
                return Some((mine.capability.clone(), mine));
            }
        }
    }

    /// All of a level is here. Whether it is to be expanded.
    fn close(&mut self, mine: &mut Mine) -> bool {
        let shared = self.shared.clone();
        let time = *mine.capability.time();
        let depth = shared.first_level + time;
        mine.is_closed = true;
        let count = || *lock(&shared.levels).entry(depth).or_default() += mine.level.len();
        if shared.meets() {
            count();
            if !shared.meet(self.index, depth, &mine.level) {
                return false;
            }
            // Also who has no states of this level meets the others at the next one.
            let next = mine.capability.delayed(&(time + 1));
            mine_at(&mut self.levels, &next, &shared, self.index);
        } else {
            if depth > shared.last_level.load(Ordering::SeqCst) || shared.is_over.load(Ordering::SeqCst) {
                return false;
            }
            count();
        }
        let edges = mine.level.close();
        if let Err(error) = lock(&shared.edges).add(depth, edges) {
            shared.fail(error.to_string());
        }
        true
    }

    /// Judges and expands some states of a level.
    pub(crate) fn expand(&mut self, mut mine: Mine, mut send: impl FnMut(Sent)) {
        let entries = match mine.level.pop(&self.shared.space) {
            Ok(entries) => entries.unwrap_or_default(),
            Err(what) => {
                self.shared.fail(what);
                Vec::new()
            }
        };
        let time = *mine.capability.time();
        let depth = self.shared.first_level + time;
        let later = mine.capability.delayed(&(time + 1));
        self.levels.insert(time, mine);
        let level = &mut mine_at(&mut self.levels, &later, &self.shared, self.index).level;
        let known = level.len();
        let process = self.shared.plan.process();
        let mut found: Vec<(u64, u64, Next<'_>)> = Vec::new();
        for together in entries.chunks(TOGETHER) {
            found.clear();
            let (shared, recent) = (&self.shared, &mut self.recent);
            shared.take(depth, together, &mut self.expansion, |before, key, next| {
                if !recent.knows(key, before) {
                    found.push((key, before, next));
                }
            });
            let touched = found.iter().map(|(key, ..)| touch(level, &self.seen, *key));
            black_box(touched.fold(0, u64::wrapping_add));
            for (key, before, next) in &found {
                let owner = shared.owner(*key);
                if owner == self.index {
                    if level.find(*key, *before, &mut self.seen) {
                        level.push(Entry { state: next.state(*key), changed: next.changed() });
                    }
                } else if shared.process_of(owner) == process {
                    let entry = Entry { state: next.state(*key), changed: next.changed() };
                    send(Sent::State(Found { entry, before: *before }));
                } else {
                    match level.tell(*key, *before) {
                        Telling::State => {
                            let packed = PackedState::new(&next.state(*key), next.changed());
                            self.outbox.put(owner, packed, *before);
                        }
                        Telling::Before => self.outbox.put_again(owner, (*key, *before)),
                        Telling::Nothing => {}
                    }
                }
            }
            if let Err(what) = self.outbox.send(&shared.space, process, false, &mut send) {
                shared.fail(what);
            }
        }
        if let Err(what) = self.outbox.send(&self.shared.space, process, true, &mut send) {
            self.shared.fail(what);
        }
        if let Some(what) = level.failure() {
            self.shared.fail(what.clone());
        }
        self.shared.distinct.fetch_add(level.len() - known, Ordering::Relaxed);
        self.shared.space.count(&mut self.expansion);
    }
}

/// Where states of a level go that are too many for the memory.
fn place(shared: &Shared, time: u32, index: u64) -> Option<Place> {
    shared.spill.clone().map(|spill| (spill, format!("frontier-{time}-{index}")))
}

fn mine_at<'a>(
    levels: &'a mut BTreeMap<u32, Mine>,
    capability: &Capability<u32>,
    shared: &Shared,
    index: u64,
) -> &'a mut Mine {
    let time = *capability.time();
    levels.entry(time).or_insert_with(|| Mine {
        capability: capability.clone(),
        level: Level::new(place(shared, time, index)),
        is_closed: false,
    })
}

impl Shared {
    /// Judges some states, and gives what follows on them: the key of which, its own, and what it is.
    fn take<'a>(
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

//! The end of a search: what all processes found is put together, and each of them has the whole.

use crate::link::{Link, Part, Whole, Words};
use crate::shared::{Shared, lock};
use figure2_model::{Report, Searched};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// So long the first process waits until the others have heard the conclusion.
const LAST_WORDS: Duration = Duration::from_secs(5);

const PAUSE: Duration = Duration::from_millis(5);

impl Part {
    /// Adds what another process found.
    fn add(&mut self, other: &Part) {
        self.counted.add(&other.counted);
        self.levels.resize(self.levels.len().max(other.levels.len()), 0);
        self.levels.iter_mut().zip(&other.levels).for_each(|(level, more)| *level += more);
        self.limit = self.limit.take().or_else(|| other.limit.clone());
        self.failure = self.failure.take().or_else(|| other.failure.clone());
        self.panic = self.panic.take().or_else(|| other.panic.clone());
        self.broken = [self.broken, other.broken].into_iter().flatten().min();
        self.peak_memory = self.peak_memory.zip(other.peak_memory).map(|(one, more)| one + more);
    }
}

impl Shared {
    /// The conclusion of what this process found, if it is the only one.
    pub(crate) fn conclude_alone(&self, part: Part) -> Report {
        let way = part.broken.and_then(|key| self.way(key, |level, key| Some(self.before(level, key))));
        self.conclude(part, way)
    }

    /// The same of all processes. None when one is lost.
    pub(crate) fn conclude_together(
        &self,
        link: &Link,
        part: Part,
        listeners: &[JoinHandle<()>],
    ) -> Option<Report> {
        if !link.is_first() {
            link.say(0, &Words::Ended(Box::new(part.clone())));
            let (_, Words::Concluded(whole)) = link.hear()? else { return None };
            link.end();
            let Whole { others, way } = *whole;
            return Some(self.conclude_with(part, &others, way));
        }
        let parts = link.hear_all(|words| match words {
            Words::Ended(part) => Some(*part),
            _ => None,
        })?;
        let parts: Vec<(usize, Part)> = [(0, part.clone())].into_iter().chain(parts).collect();
        let sum = |of: usize| {
            let others = parts.iter().filter(|(process, _)| *process != of).map(|(_, part)| part.clone());
            others.reduce(|mut sum, part| {
                sum.add(&part);
                sum
            })
        };
        let broken = parts.iter().filter_map(|(_, part)| part.broken).min();
        let way = broken.and_then(|key| self.way(key, |level, key| self.before_anywhere(link, level, key)));
        if link.lost().is_some() {
            return None;
        }
        // Who has heard it leaves, and is not missed.
        link.conclude();
        for process in link.peers() {
            let whole = Whole { others: sum(process).unwrap_or_default(), way: way.clone() };
            link.say(process, &Words::Concluded(Box::new(whole)));
        }
        // Who closes a connection too early may take from the other side what it has not read.
        let deadline = Instant::now() + LAST_WORDS;
        while !listeners.iter().all(JoinHandle::is_finished) && Instant::now() < deadline {
            thread::sleep(PAUSE);
        }
        link.end();
        Some(self.conclude_with(part, &sum(0).unwrap_or_default(), way))
    }

    fn conclude_with(&self, own: Part, others: &Part, way: Option<Vec<u64>>) -> Report {
        let mut whole = own;
        whole.add(others);
        self.space.add(&others.counted);
        if let Some(limit) = &whole.limit {
            self.space.hit(limit.clone());
        }
        self.conclude(whole, way)
    }

    fn conclude(&self, whole: Part, way: Option<Vec<u64>>) -> Report {
        // Levels follow on each other: a state of one was found from a state of the one before.
        let levels: Vec<u64> = whole.levels.into_iter().filter(|states| *states > 0).collect();
        self.space.conclude(Searched {
            distinct: levels.iter().sum(),
            levels,
            peak_memory: whole.peak_memory,
            panic: whole.panic,
            failure: whole.failure,
            way,
        })
    }

    /// The keys on the way to a state of the last level, without the start's: a start has itself before it. `before` tells the
    /// key before a key on a level, if it is there.
    fn way(&self, to: u64, before: impl Fn(u32, u64) -> Option<Option<u64>>) -> Option<Vec<u64>> {
        let levels = lock(&self.edges).levels();
        let (mut way, mut key) = (Vec::new(), to);
        for level in (1..levels).rev() {
            // The levels after that of the state do not have it.
            let Some(before) = before(level, key)? else { continue };
            way.push(key);
            key = before;
        }
        way.reverse();
        Some(way)
    }

    /// The key before a key on a level, from the process that owns it. None when that is lost.
    fn before_anywhere(&self, link: &Link, level: u32, key: u64) -> Option<Option<u64>> {
        let process = self.process_of(self.worker_of(key));
        if process == self.plan.process() {
            return Some(self.before(level, key));
        }
        link.say(process, &Words::Asked { level, key });
        match link.hear()? {
            (_, Words::Before(before)) => Some(before),
            _ => None,
        }
    }
}

//! What the workers of a process share, and where they meet.

use crate::checkpoint::{CheckpointError, Marks, Resumed, Writer, no_checkpoint};
use crate::edges::Edges;
use crate::gate::Gate;
use crate::level::Level;
use crate::link::{Agreed, Counts, Link, Part, Standing, Words};
use crate::plan::{EngineError, Plan};
use crate::seen::{PARTS, Seen};
use crate::spill::Spill;
use crate::waiting::Entry;
use figure2_model::{Changed, CheckOptions, Counted, Limit, Space};
use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the workers share.
pub(crate) struct Shared {
    pub space: Space,
    pub plan: Plan,
    pub options: CheckOptions,
    /// A limit was hit, or nothing can be written any more: nothing more is done.
    pub is_over: AtomicBool,
    /// What failed: what could not be written, or made sense of.
    failure: Mutex<Option<String>>,
    /// The keys of broken states, all of one level.
    pub broken: Mutex<Vec<u64>>,
    /// The level that has them: it is judged to its end everywhere, and none follows.
    pub last_level: AtomicU32,
    pub distinct: AtomicU64,
    /// The states that this process owns, by their keys.
    pub seen: Seen,
    /// The states of the level that is expanded, as far as each worker has found them.
    current: Vec<Mutex<Level>>,
    /// How many states of each level this process owns.
    pub levels: Mutex<BTreeMap<u32, u64>>,
    /// How many states each level has, in all processes, as far as the workers have met.
    totals: Mutex<Vec<u64>>,
    /// The states with those before them.
    pub edges: Mutex<Edges>,
    /// Where goes what need not be in memory, if it is not to be there.
    pub spill: Option<Spill>,
    /// The level with which this search begins.
    pub first_level: u32,
    /// The checkpoint with which it begins, if there is one.
    resumed: Option<Resumed>,
    checkpoints: Option<Mutex<Writer>>,
    /// What the workers have written of a checkpoint.
    marks: Mutex<Marks>,
    /// What the workers that have met do.
    agreed: Mutex<Agreed>,
    pub gate: Gate,
    /// The words with other processes, if there are any.
    pub link: Option<Link>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The connections for states, by process.
pub(crate) type Data = Vec<Option<TcpStream>>;

impl Shared {
    /// A search from the start, or from its checkpoint on, once all processes are there.
    pub(crate) fn new(
        space: Space,
        options: &CheckOptions,
        plan: &Plan,
    ) -> Result<(Shared, Data), EngineError> {
        let process = plan.process();
        if plan.checkpoints.is_some() || plan.hosts.is_some() {
            space.record();
        }
        let opened = plan.checkpoints.as_ref().map(|found| Writer::open(found, &space, process));
        let (writer, resumed) = opened.transpose()?.unzip();
        let joined = plan.hosts.as_ref().map(|hosts| {
            let terms = [
                ("search", space.identity()),
                ("build", env!("CARGO_PKG_VERSION").to_owned()),
                ("processes", hosts.processes().to_string()),
                ("--threads", plan.threads.to_string()),
                ("--checkpoint", writer.as_ref().map_or("none".to_owned(), Writer::began_with)),
            ];
            Link::join(hosts, &terms.into_iter().map(|(name, term)| (name.to_owned(), term)).collect())
        });
        let (link, data) = joined.transpose()?.unzip();
        let resumed = resumed.flatten();
        let spill = plan.spills.as_ref().map(|spills| Spill::open(spills, process)).transpose()?;
        // A checkpoint has the edges in any case.
        let mut edges = Edges::new(match (&writer, &spill) {
            (Some(writer), _) => Some(writer.edges()?),
            (None, Some(spill)) => Some(spill.file("edges")?),
            (None, None) => None,
        });
        let (mut levels, mut totals, seen) = (BTreeMap::new(), Vec::new(), Seen::new());
        if let Some(resumed) = &resumed {
            resumed.edges()?.into_iter().try_for_each(|file| edges.attach(file))?;
            // They count once, as what was counted then.
            let own = |states: &u64| if process == 0 { *states } else { 0 };
            totals = resumed.levels().to_vec();
            let (states, processes) = (totals.iter().sum::<u64>(), plan.processes() as u64);
            seen.reserve(states / processes.max(1));
            levels = (0..).zip(totals.iter().map(own)).collect();
            if process == 0 {
                space.go_on_from(resumed.counted());
            }
        }
        let shared = Shared {
            space,
            plan: plan.clone(),
            options: *options,
            is_over: AtomicBool::new(false),
            failure: Mutex::default(),
            broken: Mutex::default(),
            last_level: AtomicU32::new(u32::MAX),
            distinct: AtomicU64::new(levels.values().sum()),
            seen,
            current: (0..plan.threads).map(|_| Mutex::new(Level::new(None))).collect(),
            levels: Mutex::new(levels),
            totals: Mutex::new(totals),
            edges: Mutex::new(edges),
            spill,
            first_level: resumed.as_ref().map_or(0, Resumed::level),
            resumed,
            checkpoints: writer.map(Mutex::new),
            marks: Mutex::default(),
            agreed: Mutex::default(),
            gate: Gate::new(plan.threads),
            link,
        };
        Ok((shared, data.unwrap_or_default()))
    }

    /// Gives the states of the first level that fall to a worker, each with the key of a state before it.
    pub(crate) fn begin(&self, worker: u64, mut give: impl FnMut(Entry, u64)) -> Result<(), CheckpointError> {
        if let Some(resumed) = &self.resumed {
            return resumed.states(
                &self.space,
                |key| self.worker_of(key) == worker,
                |state, changed, before| give(Entry { state, changed }, before),
            );
        }
        for state in self.space.start() {
            let key = state.key();
            if self.worker_of(key) == worker {
                self.space.generate(1);
                give(Entry { state, changed: Changed::All }, key);
            }
        }
        Ok(())
    }

    /// The worker to which a key falls, of all: its process owns the state.
    pub(crate) fn worker_of(&self, key: u64) -> u64 {
        key % self.plan.workers().max(1) as u64
    }

    /// The process of a worker.
    pub(crate) fn process_of(&self, worker: u64) -> usize {
        usize::try_from(worker).unwrap_or_default() / self.plan.threads.max(1)
    }

    /// Which thread of its process a worker is.
    pub(crate) fn thread_of(&self, worker: u64) -> usize {
        usize::try_from(worker).unwrap_or_default() % self.plan.threads.max(1)
    }

    /// Something failed: the search ends, and is unfinished. The first reason counts.
    pub(crate) fn fail(&self, what: String) {
        lock(&self.failure).get_or_insert(what);
        self.is_over.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.last_level.load(Ordering::SeqCst) < u32::MAX
    }

    /// Whether a worker has panicked or a process is lost: nobody waits for the others any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.gate.is_abandoned() || self.link.as_ref().is_some_and(|link| link.lost().is_some())
    }

    /// What this process has done so far.
    pub(crate) fn counts(&self, memory: Option<u64>) -> Counts {
        Counts {
            generated: self.space.generated(),
            distinct: self.distinct.load(Ordering::Relaxed),
            memory,
            disk: self.spill.as_ref().map_or(0, Spill::bytes),
            limit: self.space.limit(),
        }
    }

    /// How many states each level has, as far as it is known here.
    pub(crate) fn sizes(&self) -> Vec<u64> {
        match &self.link {
            Some(_) => lock(&self.totals).clone(),
            None => lock(&self.levels).values().copied().collect(),
        }
    }

    /// What this process found.
    pub(crate) fn part(&self, peak_memory: Option<u64>, panic: Option<String>) -> Part {
        Part {
            counted: self.space.counted(),
            levels: lock(&self.levels).values().copied().collect(),
            limit: self.space.limit(),
            panic,
            failure: lock(&self.failure).clone(),
            broken: lock(&self.broken).iter().min().copied(),
            peak_memory,
        }
    }

    /// What is done with a level, as all stand.
    fn decide(&self, sum: Standing) -> Agreed {
        let most = self.options.max_states.filter(|most| sum.expanded > *most);
        most.into_iter().for_each(|most| self.space.hit(Limit::States(most)));
        let goes_on = sum.states > 0 && !sum.is_over && most.is_none();
        let is_due = goes_on && self.checkpoints.as_ref().is_some_and(|writer| lock(writer).is_due());
        Agreed { states: sum.states, goes_on, is_due }
    }

    /// All workers of all processes have all states of a level, and nothing of it is expanded: if a checkpoint is due, it is
    /// made. Whether the level is expanded.
    pub(crate) fn meet(&self, worker: u64, depth: u32, level: Level) -> bool {
        *lock(&self.levels).entry(depth).or_default() += level.len();
        if let Some(current) = self.current.get(self.thread_of(worker)) {
            *lock(current) = level;
        }
        if self.gate.wait() {
            let own = Standing {
                level: depth,
                states: lock(&self.levels).get(&depth).copied().unwrap_or_default(),
                expanded: self.space.expanded(),
                is_over: self.is_broken()
                    || self.is_over.load(Ordering::SeqCst)
                    || self.space.limit().is_some(),
            };
            let agreed = match &self.link {
                Some(link) => link.agree(own, |sum| self.decide(sum)).unwrap_or_default(),
                None => self.decide(own),
            };
            if !agreed.goes_on {
                // A level that is not expanded does not count.
                lock(&self.levels).remove(&depth);
            }
            *lock(&self.agreed) = agreed;
        }
        self.gate.wait();
        let agreed = *lock(&self.agreed);
        if agreed.is_due {
            self.write(worker, depth);
        }
        if agreed.goes_on {
            self.close(worker, depth);
        }
        if self.gate.wait() {
            lock(&self.totals).push(agreed.states);
            // All must do the same: so what each does is decided here, by one.
            if lock(&self.failure).is_some() {
                lock(&self.agreed).goes_on = false;
            }
        }
        self.gate.wait();
        lock(&self.agreed).goes_on
    }

    /// Closes a worker's part of a level: what is found from now on is of the next one.
    fn close(&self, worker: u64, depth: u32) {
        let share = |thread: usize| PARTS * thread / self.plan.threads.max(1);
        let thread = self.thread_of(worker);
        self.seen.close(share(thread)..share(thread + 1), |edges| {
            if let Err(error) = lock(&self.edges).add(depth, edges) {
                self.fail(error.to_string());
            }
        });
    }

    /// Some states of the level that is expanded: of those that the worker has found, or else of others'. None when no more wait.
    pub(crate) fn take(&self, worker: u64) -> Option<Vec<Entry>> {
        if self.is_over.load(Ordering::Relaxed) {
            return None;
        }
        let (mine_and_behind, before) =
            self.current.split_at_checked(self.thread_of(worker)).map(|(a, b)| (b, a))?;
        mine_and_behind.iter().chain(before).find_map(|level| {
            lock(level).pop(&self.space, self.plan.turn).unwrap_or_else(|what| {
                self.fail(what);
                None
            })
        })
    }

    /// Writes a worker's part of a checkpoint; the last worker completes it.
    fn write(&self, worker: u64, depth: u32) {
        let (Some(writer), Some(level)) = (&self.checkpoints, self.current.get(self.thread_of(worker)))
        else {
            return;
        };
        let (directory, process) = {
            let writer = lock(writer);
            (writer.directory().to_path_buf(), writer.process())
        };
        match Writer::frontier((&directory, process), depth, worker, &lock(level), self) {
            Ok(marks) => lock(&self.marks).extend(marks),
            Err(what) => self.fail(what),
        }
        if self.gate.wait()
            && let Err(error) = self.complete(&mut lock(writer))
        {
            self.fail(error);
        }
        self.gate.wait();
    }

    /// The workers of this process are done: the next search may go on from the checkpoint. Threads that only speak with other
    /// processes may be about to end and not gone yet, so it is not left to them.
    pub(crate) fn release(&self) {
        self.checkpoints.iter().for_each(|writer| lock(writer).release());
    }

    /// Completes a checkpoint, once all workers of this process have written theirs.
    fn complete(&self, writer: &mut Writer) -> Result<(), String> {
        let mut marks = std::mem::take(&mut *lock(&self.marks));
        let failure = lock(&self.failure).clone();
        let added = match failure {
            Some(failure) => Err(failure),
            None => writer.add(&self.space, &lock(&self.edges)).map_err(no_checkpoint),
        };
        let wrote = added.map(|more| {
            marks.extend(more);
            (marks, self.space.counted())
        });
        let lost = || Err("another process is lost".to_owned());
        let Some(link) = &self.link else {
            let (marks, counted) = wrote?;
            return writer.complete(&lock(&self.totals), marks, counted).map_err(no_checkpoint);
        };
        if !link.is_first() {
            link.say(0, &Words::Wrote(wrote));
            return match link.hear() {
                Some((_, Words::Completed(completed))) => completed,
                _ => lost(),
            };
        }
        let wrote_by_others = link.hear_all(|words| match words {
            Words::Wrote(wrote) => Some(wrote),
            _ => None,
        });
        let Some(others) = wrote_by_others else { return lost() };
        let all = others
            .into_iter()
            .map(|(process, wrote)| wrote.map_err(|what| format!("process {process}: {what}")));
        let (mut files, mut counted) = (Marks::new(), Counted::default());
        let added = [wrote].into_iter().chain(all).try_for_each(|wrote| {
            let (marks, of_process) = wrote?;
            files.extend(marks);
            counted.add(&of_process);
            Ok(())
        });
        let completed =
            added.and_then(|()| writer.complete(&lock(&self.totals), files, counted).map_err(no_checkpoint));
        link.say_to_all(&Words::Completed(completed.clone()));
        completed
    }

    /// The key before a key on a level, if this process owns it.
    pub(crate) fn before(&self, level: u32, key: u64) -> Option<u64> {
        let before = lock(&self.edges).before(level, key);
        before.unwrap_or_else(|error| {
            self.fail(error.to_string());
            None
        })
    }
}

//! One server's log across its crashes, for a harness that runs whole nodes: on a simulated [`Disk`], or on files.
//!
//! A [`ServerDisk`] is what outlives the server's process. [`ServerDisk::recover`] gives a [`Life`], which a process writes
//! through until it ends; a write is begun, takes as long as the harness wants, and is done. [`ServerDisk::crash`] ends the
//! process: a write that is under way gets to some operation on the disk, and of what was not synced is left what the
//! [`Crash`] and the seed say.
//!
//! It remembers what it acknowledged. A recovery that finds anything else, but for the write that was under way, is
//! [`Broken`], and so is one that the log refuses. So a log that forgets is found even where the cluster makes up for it.

use crate::disk::{Disk, DiskFs, Failure, Keep};
use figure2::{
    Change, Command, Identity, Loaded, Persistent, Record, SnapshotData, SnapshotStore, StorageError,
};
use figure2_wal::rules::{AsWritten, Rules};
use figure2_wal::{DiskStorage, Fs, Options, StdFs, WalError};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Operations of a save, and some more: one that is under way in a crash gets as far as any of them, or is done.
const OPERATIONS_OF_SAVE: u64 = 4;

/// Operations of a recovery, and some more.
const OPERATIONS_OF_RECOVERY: u64 = 12;

type State = Persistent<Command, SnapshotData>;

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// By kill -9: what it wrote can be read, synced or not. On files it is the only one that there is.
    Kill,
    /// With its machine: of what was not synced, any part is left.
    PowerLoss,
    /// By kill -9. Another process begins to recover what the cache shows, and then the machine loses its power.
    KillThenPowerLoss,
}

impl Crash {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Crash::Kill => "kill -9",
            Crash::PowerLoss => "loss of power",
            Crash::KillThenPowerLoss => "kill -9, then loss of power",
        }
    }
}

/// The log broke a promise.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Broken {
    /// It does not recover.
    #[error("recovery refuses it: {0}")]
    Refused(WalError),
    /// It cannot be written.
    #[error("it cannot be written: {0}")]
    Unwritten(StorageError),
    /// Its snapshot cannot be read.
    #[error("its snapshot cannot be read: {0}")]
    Unreadable(Arc<io::Error>),
    /// It recovers something else than what was acknowledged.
    #[error("it has {found}; acknowledged was {acknowledged}{under_way}")]
    Forgot {
        /// What it has.
        found: String,
        /// What was acknowledged.
        acknowledged: String,
        /// What would have been there if the write under way were done, if there was one.
        under_way: String,
    },
}

/// One server's log. Clones are the same.
#[derive(Clone)]
pub struct ServerDisk(Arc<Mutex<Inner>>);

struct Inner {
    place: Place,
    me: Identity,
    options: Options,
    random: StdRng,
    /// Rises with each start and each crash: who has another number is dead.
    life: u64,
    log: Option<Box<dyn Log>>,
    acknowledged: State,
    under_way: Option<UnderWay>,
}

/// A write that a process has begun.
struct UnderWay {
    /// As the process gave it: a snapshot in it may be a file of the log's own.
    record: Record<Command, SnapshotData>,
    /// The same without files: these end with the process.
    in_memory: Record<Command, SnapshotData>,
}

/// Where it is.
enum Place {
    Simulated { disk: Disk, open: fn(DiskFs, Options) -> Box<dyn Log> },
    Files(PathBuf),
}

/// A log, by whichever rules and on whichever file system.
trait Log: Send {
    fn read(&mut self, me: &Identity) -> Result<Loaded, WalError>;
    fn write(&mut self, record: Record<Command, SnapshotData>) -> Result<(), WalError>;
    fn cut(&self) -> usize;
    fn snapshots(&self) -> Option<Arc<dyn SnapshotStore>>;
}

impl<F: Fs, R: Rules> Log for DiskStorage<F, R> {
    fn read(&mut self, me: &Identity) -> Result<Loaded, WalError> {
        DiskStorage::read(self, me)
    }

    fn write(&mut self, record: Record<Command, SnapshotData>) -> Result<(), WalError> {
        DiskStorage::write(self, record)
    }

    fn cut(&self) -> usize {
        self.recovery().map_or(0, |recovery| recovery.cut.len())
    }

    fn snapshots(&self) -> Option<Arc<dyn SnapshotStore>> {
        figure2::Storage::snapshots(self)
    }
}

fn locked() -> WalError {
    WalError::Locked { directory: "the simulated disk".to_owned() }
}

fn open<R: Rules>(fs: DiskFs, options: Options) -> Box<dyn Log> {
    Box::new(DiskStorage::<DiskFs, R>::with_rules(fs, options))
}

impl ServerDisk {
    /// On an empty simulated disk, whose chance comes from the seed. What the log does beside its writes it does in a fixed
    /// order, without a thread of its own.
    #[must_use]
    pub fn new(me: Identity, seed: u64, options: Options) -> ServerDisk {
        ServerDisk::with_rules::<AsWritten>(me, seed, options)
    }

    /// As [`new`](Self::new), with rules that may be broken.
    #[must_use]
    pub fn with_rules<R: Rules>(me: Identity, seed: u64, options: Options) -> ServerDisk {
        let place = Place::Simulated { disk: Disk::new(seed), open: open::<R> };
        ServerDisk::at(place, me, seed, options.helper_thread(false))
    }

    /// In a directory, on files. It is made if it is not there.
    #[must_use]
    pub fn in_directory(me: Identity, directory: impl Into<PathBuf>, options: Options) -> ServerDisk {
        ServerDisk::at(Place::Files(directory.into()), me, 0, options)
    }

    fn at(place: Place, me: Identity, seed: u64, options: Options) -> ServerDisk {
        ServerDisk(Arc::new(Mutex::new(Inner {
            place,
            me,
            options,
            random: StdRng::seed_from_u64(seed),
            life: 0,
            log: None,
            acknowledged: State::default(),
            under_way: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked while holding it has failed the test.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The simulated disk, if it is on one.
    #[must_use]
    pub fn disk(&self) -> Option<Disk> {
        match &self.lock().place {
            Place::Simulated { disk, .. } => Some(disk.clone()),
            Place::Files(_) => None,
        }
    }

    /// What it acknowledged, or found when it recovered.
    #[must_use]
    pub fn acknowledged(&self) -> State {
        self.lock().acknowledged.clone()
    }

    /// Puts a state on it, as the first process would, and ends that one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn fill(&self, state: State) -> Result<(), Broken> {
        let State { current_term, voted_for, log } = state;
        let mut changes = vec![Change::TermAndVote { current_term, voted_for }];
        changes.extend(
            log.snapshot()
                .map(|snapshot| Change::Snapshot { snapshot: snapshot.clone(), keep_suffix: false }),
        );
        let (first_index, entries) = (log.base_index().next(), log.entries().to_vec());
        if !entries.is_empty() {
            changes.push(Change::Append { first_index, entries });
        }
        let (life, _) = self.recover()?;
        let written = life.begin(changes.into_iter().collect()).and_then(|()| life.finish());
        self.crash(Crash::Kill);
        written.map_err(Broken::Unwritten)
    }

    /// Recovers the log for a new process. Whoever had it before is dead from now on.
    ///
    /// # Errors
    /// When the log refuses, or has anything else than what was acknowledged, with or without the write under way.
    pub fn recover(&self) -> Result<(Life, Loaded), Broken> {
        let mut inner = self.lock();
        inner.life += 1;
        inner.log = None;
        let mut log = inner.open().map_err(Broken::Refused)?;
        let loaded = log.read(&inner.me).map_err(Broken::Refused)?;
        let found = &in_memory(&loaded.persistent)?;
        let under_way = inner.under_way.take().map(|write| {
            let mut state = inner.acknowledged.clone();
            state.apply_record(write.in_memory);
            state
        });
        let is = |state: &State| state == found;
        if !is(&inner.acknowledged) && !under_way.as_ref().is_some_and(is) {
            return Err(Broken::Forgot {
                found: describe(found),
                acknowledged: describe(&inner.acknowledged),
                under_way: under_way.map_or_else(String::new, |state| format!(", or {}", describe(&state))),
            });
        }
        let undone = under_way.is_some_and(|state| !is(&state));
        inner.acknowledged = found.clone();
        let life = Life { disk: self.clone(), number: inner.life, cut: log.cut() > 0, undone };
        inner.log = Some(log);
        Ok((life, loaded))
    }

    /// What a process would recover if the simulated machine lost its power now, and with it all that is not synced. Nothing
    /// changes. On files it is what was acknowledged.
    ///
    /// # Errors
    /// When the log would refuse.
    pub fn durable(&self) -> Result<State, Broken> {
        let inner = self.lock();
        let Place::Simulated { disk, open } = &inner.place else { return Ok(inner.acknowledged.clone()) };
        let copy = disk.copy();
        copy.power_loss(&Keep::Nothing);
        let fs = copy.open().map_err(|_| Broken::Refused(locked()))?;
        let mut log = open(fs, inner.options);
        in_memory(&log.read(&inner.me).map_err(Broken::Refused)?.persistent)
    }

    /// The process ends, in the middle of the write that is under way, if there is one.
    pub fn crash(&self, crash: Crash) {
        let mut inner = self.lock();
        inner.life += 1;
        let inner = &mut *inner;
        let Inner { place, me, options, random, log, under_way, .. } = inner;
        let log = log.take();
        let Place::Simulated { disk, open } = place else { return };
        if let (Some(mut log), Some(write)) = (log, under_way.as_ref()) {
            disk.crash_at(disk.operations() + random.random_range(0..OPERATIONS_OF_SAVE));
            // Whether it got to its end or not, nobody is told.
            let _ = log.write(write.record.clone());
        }
        if crash != Crash::PowerLoss {
            disk.kill();
        }
        if crash == Crash::KillThenPowerLoss
            && let Ok(fs) = disk.open()
        {
            disk.crash_at(disk.operations() + random.random_range(0..OPERATIONS_OF_RECOVERY));
            // What it says to a process that ends counts for nothing; the next one is asked.
            let _ = open(fs, *options).read(me);
        }
        if crash != Crash::Kill {
            disk.power_loss(&match random.random_range(0..4) {
                0 => Keep::Nothing,
                1 => Keep::All,
                _ => Keep::Drawn(random.random()),
            });
        }
    }
}

impl Inner {
    fn open(&self) -> Result<Box<dyn Log>, WalError> {
        match &self.place {
            Place::Simulated { disk, open } => match disk.open() {
                Ok(fs) => Ok(open(fs, self.options)),
                Err(_) => Err(locked()),
            },
            Place::Files(directory) => {
                DiskStorage::<StdFs>::open(directory, self.options).map(|log| Box::new(log) as Box<dyn Log>)
            }
        }
    }
}

/// A log, as one process has it. Clones are the same process.
#[derive(Clone)]
pub struct Life {
    disk: ServerDisk,
    number: u64,
    cut: bool,
    undone: bool,
}

impl Life {
    /// Whether its recovery cut off the log's end.
    #[must_use]
    pub fn has_cut(&self) -> bool {
        self.cut
    }

    /// Whether a write was under way when the process before this one ended, and is not there.
    #[must_use]
    pub fn has_undone(&self) -> bool {
        self.undone
    }

    /// Begins a write, which is under way until [`finish`](Self::finish).
    ///
    /// # Errors
    /// When the process has ended, or a snapshot in the record cannot be read.
    pub fn begin(&self, record: Record<Command, SnapshotData>) -> Result<(), StorageError> {
        let mut inner = self.living()?;
        let changes = record.changes().iter().cloned().map(change_in_memory);
        let in_memory = changes.collect::<io::Result<_>>();
        let in_memory = in_memory
            .map_err(|error| StorageError::failed(format!("its snapshot cannot be read: {error}")))?;
        inner.under_way = Some(UnderWay { record, in_memory });
        Ok(())
    }

    /// Where its service writes snapshots; none once the process has ended.
    #[must_use]
    pub fn snapshots(&self) -> Option<Arc<dyn SnapshotStore>> {
        self.living().ok()?.log.as_ref()?.snapshots()
    }

    /// Does the write that is under way: it is durable when this returns `Ok`.
    ///
    /// # Errors
    /// When it may not be, or the process has ended.
    pub fn finish(&self) -> Result<(), StorageError> {
        let mut inner = self.living()?;
        let record = inner.under_way.as_ref().map(|write| write.record.clone());
        let (Some(record), Some(log)) = (record, inner.log.as_mut()) else { return Ok(()) };
        log.write(record)?;
        if let Some(write) = inner.under_way.take() {
            inner.acknowledged.apply_record(write.in_memory);
        }
        Ok(())
    }

    /// As [`finish`](Self::finish), and the operation on the simulated disk that comes after so many others fails, if the
    /// write has as many.
    ///
    /// # Errors
    /// As there.
    pub fn finish_with(&self, failure: Failure, after: u64) -> Result<(), StorageError> {
        self.finish_while(|disk| disk.fail_at(disk.operations() + after, failure))
    }

    /// As [`finish`](Self::finish), with no room on the simulated disk but what its files take already.
    ///
    /// # Errors
    /// As there.
    pub fn finish_on_full_disk(&self) -> Result<(), StorageError> {
        self.finish_while(|disk| disk.limit(Some(disk.files().iter().map(|(_, length)| length).sum())))
    }

    fn finish_while(&self, plan: impl FnOnce(&Disk)) -> Result<(), StorageError> {
        drop(self.living()?);
        let disk = self.disk.disk();
        if let Some(disk) = &disk {
            plan(disk);
        }
        let done = self.finish();
        if let Some(disk) = disk {
            disk.heal();
        }
        done
    }

    fn living(&self) -> Result<MutexGuard<'_, Inner>, StorageError> {
        let inner = self.disk.lock();
        if inner.life == self.number { Ok(inner) } else { Err(StorageError::failed("the process has ended")) }
    }
}

/// A state that does not need its storage: a snapshot's file can be read as long as the process that has it runs.
fn in_memory(state: &State) -> Result<State, Broken> {
    crate::storage::in_memory(state).map_err(|error| Broken::Unreadable(Arc::new(error)))
}

/// The same, for a change.
fn change_in_memory(change: Change<Command, SnapshotData>) -> io::Result<Change<Command, SnapshotData>> {
    let Change::Snapshot { mut snapshot, keep_suffix } = change else { return Ok(change) };
    snapshot.data = snapshot.data.to_bytes()?.into();
    Ok(Change::Snapshot { snapshot, keep_suffix })
}

fn describe(state: &State) -> String {
    let Persistent { current_term, voted_for, log } = state;
    let vote = voted_for.map_or_else(|| "no vote".to_owned(), |server| format!("a vote for {server}"));
    let base = log.base_index();
    format!(
        "term {current_term}, {vote}, a snapshot up to index {base}, entries up to index {} of term {}",
        log.last_index(),
        log.last_term()
    )
}

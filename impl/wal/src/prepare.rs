//! Segments ahead of use, and away after it, in small steps that no write has to wait for.
//!
//! A segment gets its name in the log only when its head is durable, and is written only when its name is. A segment that
//! is not needed any more loses its name in the log, durably, before its file becomes another one.

use crate::error::WalError;
use crate::format::DiskId;
use crate::format::files::SegmentHead;
use crate::fs::Fs;
use crate::names;
use crate::options::Options;
use crate::rules::{NameOf, Rules};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// A segment that can be written: its head and its name are durable.
pub(crate) struct Ready<F: Fs> {
    pub(crate) place: u64,
    pub(crate) epoch: u64,
    pub(crate) file: F::File,
    /// Bytes that can be written without growing the file, its head included.
    pub(crate) size: u64,
}

/// What is to be done.
pub(crate) struct Orders {
    /// Segments that are not needed any more.
    pub(crate) retired: Vec<u64>,
    /// Files that are not needed any more.
    pub(crate) removed: Vec<String>,
    /// The place of the segment that will be needed next.
    pub(crate) wanted: Option<u64>,
    /// A write waits for it: what can be left out is left out.
    pub(crate) urgent: bool,
}

impl Orders {
    pub(crate) const NONE: Orders =
        Orders { retired: Vec::new(), removed: Vec::new(), wanted: None, urgent: false };
}

/// A segment on its way.
enum Job<F: Fs> {
    Zero { name: String, file: F::File, at: u64, recycled: bool },
    Head { name: String, file: F::File, recycled: bool },
    Name { name: String, ready: Ready<F> },
    Durable { ready: Ready<F> },
}

/// Most bytes of files that are kept to become segments, however many: but one file always may be.
const SPARE_BYTES: u64 = 32 << 20;

/// Most files that are kept to become segments. A snapshot makes several needless at once, if they are small.
const SPARES: u64 = 8;

/// Prepares segments.
pub(crate) struct Workshop<F: Fs, R> {
    fs: Arc<F>,
    rules: R,
    disk: DiskId,
    options: Options,
    retired: VecDeque<u64>,
    removed: VecDeque<String>,
    /// Files that lost their names in the log, which is not durable yet.
    unsynced: Vec<String>,
    spares: Vec<String>,
    next_spare: u64,
    job: Option<Job<F>>,
    /// What is written to zero a piece, while a segment is zeroed.
    zeros: Vec<u8>,
}

impl<F: Fs, R: Rules> Workshop<F, R> {
    /// With spare files that are there, and the number of the next one.
    pub(crate) fn new(
        fs: Arc<F>,
        rules: R,
        disk: DiskId,
        options: Options,
        spares: Vec<String>,
        next_spare: u64,
    ) -> Self {
        Workshop {
            fs,
            rules,
            disk,
            options,
            retired: VecDeque::new(),
            removed: VecDeque::new(),
            unsynced: Vec::new(),
            spares,
            next_spare,
            job: None,
            zeros: Vec::new(),
        }
    }

    /// Does one step. Whether there was something to do, and a segment if one is ready now.
    pub(crate) fn step(&mut self, orders: &mut Orders) -> Result<(bool, Option<Ready<F>>), WalError> {
        self.retired.extend(orders.retired.drain(..));
        self.removed.extend(orders.removed.drain(..));
        let done = |()| (true, None);
        if orders.urgent && (self.job.is_some() || orders.wanted.is_some()) {
            return Ok((true, self.prepare(orders)?));
        }
        if let Some(place) = self.retired.pop_front() {
            return self.retire(place).map(done);
        }
        if !self.unsynced.is_empty() {
            if self.rules.syncs_directory(NameOf::Retired) {
                self.fs.sync_dir().map_err(WalError::io("a sync", "the directory"))?;
            }
            self.spares.append(&mut self.unsynced);
            return Ok((true, None));
        }
        if self.job.is_some() || orders.wanted.is_some() {
            return Ok((true, self.prepare(orders)?));
        }
        if let Some(name) = self.removed.pop_front() {
            return match self.fs.remove(&name) {
                // Somebody else has removed it: it was not needed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(done(())),
                removed => removed.map_err(WalError::io("removing it", &name)).map(done),
            };
        }
        Ok((false, None))
    }

    /// Takes a segment out of the log.
    fn retire(&mut self, place: u64) -> Result<(), WalError> {
        let name = names::segment(place);
        let length = || self.fs.length(&self.fs.open(&name)?);
        let length = length().map_err(WalError::io("opening it", &name))?;
        let most = (SPARE_BYTES / self.options.segment_bytes.max(1)).clamp(1, SPARES);
        let kept = (self.spares.len() + self.unsynced.len()) as u64;
        if kept < most && length <= 2 * self.options.segment_bytes {
            let spare = self.new_spare();
            self.fs.rename(&name, &spare).map_err(WalError::io("renaming it", &name))?;
            self.unsynced.push(spare);
            return Ok(());
        }
        self.fs.remove(&name).map_err(WalError::io("removing it", &name))
    }

    fn new_spare(&mut self) -> String {
        let name = names::spare(self.next_spare);
        self.next_spare += 1;
        name
    }

    /// The next step towards the segment that is wanted.
    fn prepare(&mut self, orders: &mut Orders) -> Result<Option<Ready<F>>, WalError> {
        let Some(job) = self.job.take() else {
            self.job = Some(self.begin()?);
            return Ok(None);
        };
        self.job = match job {
            Job::Zero { name, file, at, recycled } if at < self.options.segment_bytes && !orders.urgent => {
                let length = self.options.zeroed_at_once.clamp(1, self.options.segment_bytes - at);
                self.zeros.resize(usize::try_from(length).unwrap_or(1 << 20), 0);
                self.fs.write_at(&file, &self.zeros, at).map_err(WalError::io("a write", &name))?;
                self.fs.sync_data(&file).map_err(WalError::io("a sync", &name))?;
                Some(Job::Zero { name, file, at: at + self.zeros.len() as u64, recycled })
            }
            Job::Zero { name, file, recycled, .. } => {
                self.zeros = Vec::new();
                Some(Job::Head { name, file, recycled })
            }
            Job::Head { name, file, recycled } => {
                let Some(place) = orders.wanted else { return Ok(None) };
                let ready = self.head(&name, file, place, recycled)?;
                Some(Job::Name { name, ready })
            }
            Job::Name { name, ready } => {
                let to = names::segment(ready.place);
                self.fs.rename(&name, &to).map_err(WalError::io("renaming it", &name))?;
                Some(Job::Durable { ready })
            }
            Job::Durable { ready } => {
                if self.rules.syncs_directory(NameOf::Segment) {
                    self.fs.sync_dir().map_err(WalError::io("a sync", "the directory"))?;
                }
                orders.wanted = None;
                orders.urgent = false;
                return Ok(Some(ready));
            }
        };
        Ok(None)
    }

    /// A spare file, or a new one.
    fn begin(&mut self) -> Result<Job<F>, WalError> {
        if let Some(name) = self.spares.pop() {
            let file = self.fs.open(&name).map_err(WalError::io("opening it", &name))?;
            let at = self.fs.length(&file).map_err(WalError::io("telling its length", &name))?;
            // It may be one that was being zeroed when the server stopped.
            return Ok(Job::Zero { name, file, at, recycled: true });
        }
        let name = self.new_spare();
        let file = self.fs.create(&name).map_err(WalError::io("making it", &name))?;
        Ok(Job::Zero { name, file, at: 0, recycled: false })
    }

    fn head(&self, name: &str, file: F::File, place: u64, recycled: bool) -> Result<Ready<F>, WalError> {
        let epoch = self.fs.random().map_err(WalError::io("drawing a random number", name))? as u64;
        let head = SegmentHead { place, epoch, disk: self.disk, recycled };
        self.fs.write_at(&file, &head.encode(), 0).map_err(WalError::io("a write", name))?;
        if self.rules.syncs_head() {
            self.fs.sync_data(&file).map_err(WalError::io("a sync", name))?;
        }
        let length = self.fs.length(&file).map_err(WalError::io("telling its length", name))?;
        Ok(Ready { place, epoch, file, size: length.max(self.options.segment_bytes) })
    }
}

//! The machine: its disk, its cache, and what is planned for it.

mod operation;

pub(super) use operation::Operation;

use super::Failure;
use super::keep::{Keep, Unsynced};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// A file, whatever its name.
#[derive(Default)]
struct Inode {
    /// As it is read.
    cached: Vec<u8>,
    /// As it is on the disk.
    durable: Vec<u8>,
    /// Whoever has it open.
    open: Arc<()>,
}

type Names = BTreeMap<String, u64>;

pub(super) struct Machine {
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    cached: Names,
    durable: Names,
    unsynced: Vec<Unsynced>,
    /// Numbers the processes; files that another one opened are closed.
    process: u64,
    locked: bool,
    /// Between a crash and what follows, a loss of power or the start of another process.
    down: bool,
    operations: u64,
    crash_at: Option<u64>,
    failures: BTreeMap<u64, Failure>,
    unreadable: Vec<(String, Range<u64>)>,
    limit: Option<u64>,
    random: StdRng,
}

fn ended() -> io::Error {
    io::Error::other("the machine has crashed, or the process has ended")
}

fn not_found(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no file {name}"))
}

impl Machine {
    pub(super) fn new(seed: u64) -> Machine {
        Machine {
            inodes: BTreeMap::new(),
            next_inode: 0,
            cached: Names::new(),
            durable: Names::new(),
            unsynced: Vec::new(),
            process: 0,
            locked: false,
            down: false,
            operations: 0,
            crash_at: None,
            failures: BTreeMap::new(),
            unreadable: Vec::new(),
            limit: None,
            random: StdRng::seed_from_u64(seed),
        }
    }

    pub(super) fn copy(&self) -> Machine {
        let copy = |inode: &Inode| Inode {
            cached: inode.cached.clone(),
            durable: inode.durable.clone(),
            open: Arc::default(),
        };
        Machine {
            inodes: self.inodes.iter().map(|(number, inode)| (*number, copy(inode))).collect(),
            next_inode: self.next_inode,
            cached: self.cached.clone(),
            durable: self.durable.clone(),
            unsynced: self.unsynced.clone(),
            process: self.process + 1,
            locked: false,
            down: self.down,
            operations: 0,
            crash_at: None,
            failures: BTreeMap::new(),
            unreadable: self.unreadable.clone(),
            limit: self.limit,
            random: self.random.clone(),
        }
    }

    pub(super) fn start(&mut self) -> io::Result<u64> {
        if self.locked {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "the directory is locked"));
        }
        self.locked = true;
        self.process += 1;
        Ok(self.process)
    }

    pub(super) fn process(&self) -> u64 {
        self.process
    }

    pub(super) fn unlock(&mut self, process: u64) {
        if process == self.process {
            self.locked = false;
        }
    }

    pub(super) fn kill(&mut self) {
        self.process += 1;
        self.locked = false;
        self.down = false;
        self.crash_at = None;
    }

    pub(super) fn choices(&self) -> Vec<Keep> {
        Keep::choices(&self.unsynced)
    }

    pub(super) fn power_loss(&mut self, keep: &Keep) {
        self.kill();
        for operation in keep.of(&std::mem::take(&mut self.unsynced)) {
            self.make_durable(operation);
        }
        self.cached = self.durable.clone();
        self.forget_files();
        for inode in self.inodes.values_mut() {
            inode.cached = inode.durable.clone();
        }
    }

    fn make_durable(&mut self, operation: Unsynced) {
        match operation {
            Unsynced::Length { inode, length } => {
                if let Some(inode) = self.inodes.get_mut(&inode) {
                    inode.durable.resize(inode.durable.len().max(length as usize), 0);
                }
            }
            Unsynced::Write { inode, offset, bytes } => {
                let Some(inode) = self.inodes.get_mut(&inode) else { return };
                // What stands behind the file's end is not there.
                let Some(room) = inode.durable.get_mut(offset as usize..) else { return };
                let length = room.len().min(bytes.len());
                room[..length].copy_from_slice(&bytes[..length]);
            }
            Unsynced::Create { name, inode } => {
                self.durable.insert(name, inode);
            }
            Unsynced::Rename { from, to, inode } => {
                if self.durable.get(&from) == Some(&inode) {
                    self.durable.remove(&from);
                    self.durable.insert(to, inode);
                }
            }
            Unsynced::Remove { name, inode } => {
                if self.durable.get(&name) == Some(&inode) {
                    self.durable.remove(&name);
                }
            }
        }
    }

    /// Files without a name that nobody has open are gone.
    fn forget_files(&mut self) {
        let Machine { inodes, cached, durable, unsynced, .. } = self;
        let pending = |number: u64| {
            unsynced.iter().any(|operation| match operation {
                Unsynced::Create { inode, .. } | Unsynced::Rename { inode, .. } => *inode == number,
                _ => false,
            })
        };
        let named = |number: u64| cached.values().chain(durable.values()).any(|inode| *inode == number);
        inodes
            .retain(|number, inode| named(*number) || pending(*number) || Arc::strong_count(&inode.open) > 1);
        unsynced.retain(|operation| match operation {
            Unsynced::Write { inode, .. } | Unsynced::Length { inode, .. } => inodes.contains_key(inode),
            _ => true,
        });
    }

    pub(super) fn operations(&self) -> u64 {
        self.operations
    }

    pub(super) fn crash_at(&mut self, operation: u64) {
        self.crash_at = Some(operation);
    }

    pub(super) fn fail_at(&mut self, operation: u64, failure: Failure) {
        self.failures.insert(operation, failure);
    }

    pub(super) fn heal(&mut self) {
        self.failures.clear();
        self.limit = None;
    }

    pub(super) fn flip(&mut self, file: &str, offset: u64, bits: u8) -> bool {
        let Some(inode) = self.cached.get(file).and_then(|inode| self.inodes.get_mut(inode)) else {
            return false;
        };
        let places = [inode.cached.get_mut(offset as usize), inode.durable.get_mut(offset as usize)];
        places.into_iter().flatten().map(|byte| *byte ^= bits).count() > 0
    }

    pub(super) fn fail_reads(&mut self, file: &str, bytes: Range<u64>) {
        self.unreadable.push((file.to_owned(), bytes));
    }

    pub(super) fn limit(&mut self, bytes: Option<u64>) {
        self.limit = bytes;
    }

    pub(super) fn files(&self) -> Vec<(String, u64)> {
        let length = |inode| self.inodes.get(inode).map_or(0, |inode| inode.cached.len() as u64);
        self.cached.iter().map(|(name, inode)| (name.clone(), length(inode))).collect()
    }

    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (name, inode) in &self.durable {
            (name, self.inodes.get(inode).map(|inode| &inode.durable)).hash(&mut hasher);
        }
        hasher.finish()
    }

    pub(super) fn random(&mut self) -> u128 {
        self.random.random()
    }

    fn runs(&self, process: u64) -> io::Result<()> {
        if self.down || process != self.process { Err(ended()) } else { Ok(()) }
    }

    pub(super) fn list(&self, process: u64) -> io::Result<Vec<String>> {
        self.runs(process)?;
        Ok(self.cached.keys().cloned().collect())
    }

    pub(super) fn find(&self, process: u64, name: &str) -> io::Result<u64> {
        self.runs(process)?;
        self.cached.get(name).copied().ok_or_else(|| not_found(name))
    }

    pub(super) fn hold(&self, inode: u64) -> Arc<()> {
        self.inodes.get(&inode).map(|inode| inode.open.clone()).unwrap_or_default()
    }

    pub(super) fn length(&self, process: u64, inode: u64) -> io::Result<u64> {
        self.runs(process)?;
        let inode = self.inodes.get(&inode).ok_or_else(|| not_found("that is open"))?;
        Ok(inode.cached.len() as u64)
    }

    pub(super) fn read(&self, process: u64, number: u64, to: &mut [u8], offset: u64) -> io::Result<()> {
        self.runs(process)?;
        let inode = self.inodes.get(&number).ok_or_else(|| not_found("that is open"))?;
        let end = offset + to.len() as u64;
        let bad = |(name, range): &(String, Range<u64>)| {
            self.cached.get(name) == Some(&number) && range.start < end && offset < range.end
        };
        if self.unreadable.iter().any(bad) {
            return Err(io::Error::other("the disk cannot read this"));
        }
        let from = inode.cached.get(offset as usize..end as usize);
        to.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

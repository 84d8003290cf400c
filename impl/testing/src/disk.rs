//! A disk that crashes where a test says so, for [`figure2_wal`].
//!
//! A [`Disk`] is what outlives a process and a machine. [`Disk::open`] gives a [`DiskFs`], a directory on it, to a storage.
//! What a file system may do to what was not synced, a test can ask for, one choice at a time, or drawn from a seed:
//!
//! - [`Disk::kill`] ends the process: all that it wrote can be read, synced or not.
//! - [`Disk::power_loss`] ends the machine: what was synced stays, and what was not is kept, lost or torn as [`Keep`] says.
//!   Writes, lengths of files and changes of names are apart, and may be there in any order.
//! - [`Disk::crash_at`] ends the one or the other at an operation that is to come.
//! - [`Disk::fail_at`] makes an operation fail: with an error, after a part of a write, or because the disk is full. A sync
//!   that failed has lost what was not synced, and the system's cache shows it still, as Linux does.
//! - [`Disk::flip`] changes a bit of what is durable, [`Disk::fail_reads`] makes a place unreadable, [`Disk::limit`] makes
//!   the disk small, and [`Disk::watch`] is told of every operation before it happens, and may take its time.
//!
//! [`Disk::copy`] gives a second disk with the same contents: a test goes on from one state in many ways.
//!
//! What it does not do: write a sector in part, or damage bytes beside those that are written (disks that are sold for
//! servers promise as much); lose a change of a name whose sync failed, and yet go on (file systems that cannot write their
//! journal stop).

mod keep;
mod machine;

pub use keep::{Keep, SECTOR};

use figure2_wal::Fs;
use machine::{Machine, Operation as Op};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// With an error. Nothing of it happened; a sync has lost what it should have made durable.
    Error,
    /// A write has happened up to half; any other operation fails with an error.
    Part,
    /// The disk is full. Nothing of it happened.
    Full,
}

/// Something that a process asks of the disk, and that changes it or makes it durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its number, from 0.
    pub number: u64,
    /// What it is, in words.
    pub what: String,
}

type Watcher = Arc<dyn Fn(&Operation) + Send + Sync>;

/// A disk, with the machine that it is in. Clones are the same disk.
#[derive(Clone)]
pub struct Disk {
    machine: Arc<Mutex<Machine>>,
    watcher: Arc<Mutex<Option<Watcher>>>,
}

impl Disk {
    /// An empty disk. What the log draws at random comes from the seed.
    #[must_use]
    pub fn new(seed: u64) -> Disk {
        Disk { machine: Arc::new(Mutex::new(Machine::new(seed))), watcher: Arc::default() }
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        // A test that panicked while it had it is over anyway.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the directory for a process. It is locked until what is given back is dropped, or the process ends.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when it is locked.
    pub fn open(&self) -> io::Result<DiskFs> {
        let process = self.machine().start()?;
        Ok(DiskFs { disk: self.clone(), process, locks: true })
    }

    /// Opens the directory without a lock, to look at it.
    #[must_use]
    pub fn look(&self) -> DiskFs {
        DiskFs { disk: self.clone(), process: self.machine().process(), locks: false }
    }

    /// A second disk with the same contents, out of reach of the processes that run on this one, and with nothing planned.
    #[must_use]
    pub fn copy(&self) -> Disk {
        Disk { machine: Arc::new(Mutex::new(self.machine().copy())), watcher: Arc::default() }
    }

    /// The process ends, by kill -9 for instance: what it wrote can still be read, whether it was synced or not.
    pub fn kill(&self) {
        self.machine().kill();
    }

    /// The machine loses power: what was synced stays, and of the rest what `keep` says. Processes end.
    pub fn power_loss(&self, keep: &Keep) {
        self.machine().power_loss(keep);
    }

    /// The choices that there are for what was not synced: nothing, all, each beginning, all but one, one alone, and each
    /// write torn at each sector and within its last one, with its beginning or with its end.
    #[must_use]
    pub fn choices(&self) -> Vec<Keep> {
        self.machine().choices()
    }

    /// How many operations there were.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.machine().operations()
    }

    /// The process ends, or the machine does, when the operation of this number begins: all operations fail from then on,
    /// until [`kill`](Self::kill) or [`power_loss`](Self::power_loss) says which it was. After a kill the operation has
    /// happened; after a loss of power it is one of those that were not synced.
    pub fn crash_at(&self, operation: u64) {
        self.machine().crash_at(operation);
    }

    /// The operation of this number fails.
    pub fn fail_at(&self, operation: u64, failure: Failure) {
        self.machine().fail_at(operation, failure);
    }

    /// No operation that is to come fails any more, and there is room again.
    pub fn heal(&self) {
        self.machine().heal();
    }

    /// Flips these bits of a byte, in the cache and on the disk. False when there is no such byte.
    pub fn flip(&self, file: &str, offset: u64, bits: u8) -> bool {
        self.machine().flip(file, offset, bits)
    }

    /// Reads of these bytes of a file fail from now on.
    pub fn fail_reads(&self, file: &str, bytes: Range<u64>) {
        self.machine().fail_reads(file, bytes);
    }

    /// The disk has room for so many bytes in all files.
    pub fn limit(&self, bytes: Option<u64>) {
        self.machine().limit(bytes);
    }

    /// Who is told of each operation before it happens: to note it, or to make it wait.
    pub fn watch(&self, watcher: impl Fn(&Operation) + Send + Sync + 'static) {
        *self.watcher.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(watcher));
    }

    /// Names and lengths of the files that a process sees.
    #[must_use]
    pub fn files(&self) -> Vec<(String, u64)> {
        self.machine().files()
    }

    /// A number that is the same for disks whose durable contents are.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.machine().fingerprint()
    }

    fn operation<T>(
        &self,
        process: u64,
        op: Op<'_>,
        then: impl FnOnce(&mut Machine, u64) -> io::Result<T>,
    ) -> io::Result<T> {
        let watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(watcher) = watcher {
            let (number, what) = {
                let machine = self.machine();
                (machine.operations(), machine.describe(&op))
            };
            watcher(&Operation { number, what });
        }
        let mut machine = self.machine();
        let inode = machine.perform(process, op)?;
        then(&mut machine, inode)
    }
}

/// A directory on a [`Disk`], as a process has it open.
pub struct DiskFs {
    disk: Disk,
    process: u64,
    locks: bool,
}

/// A file that a process has open.
pub struct DiskFile {
    inode: u64,
    _open: Arc<()>,
}

impl Drop for DiskFs {
    fn drop(&mut self) {
        if self.locks {
            self.disk.machine().unlock(self.process);
        }
    }
}

impl Fs for DiskFs {
    type File = DiskFile;

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.machine().list(self.process)
    }

    fn create(&self, name: &str) -> io::Result<DiskFile> {
        let open = |machine: &mut Machine, inode| Ok(DiskFile { inode, _open: machine.hold(inode) });
        self.disk.operation(self.process, Op::Create(name), open)
    }

    fn open(&self, name: &str) -> io::Result<DiskFile> {
        let machine = self.disk.machine();
        let inode = machine.find(self.process, name)?;
        Ok(DiskFile { inode, _open: machine.hold(inode) })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.operation(self.process, Op::Rename(from, to), |_, _| Ok(()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.operation(self.process, Op::Remove(name), |_, _| Ok(()))
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.disk.operation(self.process, Op::SyncDir, |_, _| Ok(()))
    }

    fn length(&self, file: &DiskFile) -> io::Result<u64> {
        self.disk.machine().length(self.process, file.inode)
    }

    fn read_at(&self, file: &DiskFile, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.machine().read(self.process, file.inode, buffer, offset)
    }

    fn write_at(&self, file: &DiskFile, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.operation(self.process, Op::Write { inode: file.inode, bytes, offset }, |_, _| Ok(()))
    }

    fn sync_data(&self, file: &DiskFile) -> io::Result<()> {
        self.disk.operation(self.process, Op::Sync { inode: file.inode }, |_, _| Ok(()))
    }

    fn random(&self) -> io::Result<u128> {
        Ok(self.disk.machine().random())
    }

    fn blocks(&self) -> bool {
        false
    }
}

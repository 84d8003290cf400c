//! What a process asks of the disk: what each operation changes in the cache, and what it makes durable.

use super::{Inode, Machine, ended, not_found};
use crate::disk::Failure;
use crate::disk::keep::Unsynced;
use bytes::Bytes;
use std::io;

/// An operation that changes the disk, or makes it durable.
pub(in crate::disk) enum Operation<'a> {
    Create(&'a str),
    Rename(&'a str, &'a str),
    Remove(&'a str),
    SyncDir,
    Write { inode: u64, bytes: &'a [u8], offset: u64 },
    Sync { inode: u64 },
}

impl Machine {
    pub(in crate::disk) fn describe(&self, operation: &Operation<'_>) -> String {
        let name = |inode: u64| {
            self.cached.iter().find(|(_, found)| **found == inode).map_or("a removed file", |(name, _)| name)
        };
        match *operation {
            Operation::Create(file) => format!("create {file}"),
            Operation::Rename(from, to) => format!("rename {from} to {to}"),
            Operation::Remove(file) => format!("remove {file}"),
            Operation::SyncDir => "sync the directory".to_owned(),
            Operation::Write { inode, bytes, offset } => {
                format!("write {} bytes at {offset} of {}", bytes.len(), name(inode))
            }
            Operation::Sync { inode } => format!("sync {}", name(inode)),
        }
    }

    /// Does an operation, or what is planned for it. Gives back the file that was made.
    pub(in crate::disk) fn perform(&mut self, process: u64, operation: Operation<'_>) -> io::Result<u64> {
        self.runs(process)?;
        let number = self.operations;
        self.operations += 1;
        let crashes = self.crash_at == Some(number);
        let failure = self.failures.get(&number).copied();
        let outcome = match failure {
            None => self.perform_now(operation, crashes),
            Some(failure) => self.fail(operation, failure),
        };
        if crashes {
            self.down = true;
            return Err(ended());
        }
        outcome
    }

    fn fail(&mut self, operation: Operation<'_>, failure: Failure) -> io::Result<u64> {
        if let Operation::Sync { inode: lost } = operation {
            // The pages count as clean from now on, and can still be read.
            self.unsynced.retain(|operation| match operation {
                Unsynced::Write { inode, .. } | Unsynced::Length { inode, .. } => *inode != lost,
                _ => true,
            });
        }
        if let (Failure::Part, Operation::Write { inode, bytes, offset }) = (failure, &operation) {
            self.write(*inode, &bytes[..bytes.len() / 2], *offset)?;
        }
        Err(match failure {
            Failure::Full => io::Error::new(io::ErrorKind::StorageFull, "the disk is full"),
            Failure::Error | Failure::Part => io::Error::other("the disk failed"),
        })
    }

    fn perform_now(&mut self, operation: Operation<'_>, crashes: bool) -> io::Result<u64> {
        match operation {
            Operation::Create(name) => self.create(name),
            Operation::Rename(from, to) => {
                let inode = self.cached.remove(from).ok_or_else(|| not_found(from))?;
                self.cached.insert(to.to_owned(), inode);
                self.unsynced.push(Unsynced::Rename { from: from.to_owned(), to: to.to_owned(), inode });
                Ok(inode)
            }
            Operation::Remove(name) => {
                let inode = self.cached.remove(name).ok_or_else(|| not_found(name))?;
                self.unsynced.push(Unsynced::Remove { name: name.to_owned(), inode });
                Ok(inode)
            }
            Operation::Write { inode, bytes, offset } => self.write(inode, bytes, offset).map(|()| inode),
            // What it made durable before the crash is one of the choices.
            Operation::SyncDir | Operation::Sync { .. } if crashes => Ok(0),
            Operation::SyncDir => {
                self.sync(|operation| !matches!(operation, Unsynced::Write { .. } | Unsynced::Length { .. }));
                self.forget_files();
                Ok(0)
            }
            Operation::Sync { inode: synced } => {
                self.sync(|operation| match operation {
                    Unsynced::Write { inode, .. } | Unsynced::Length { inode, .. } => *inode == synced,
                    _ => false,
                });
                Ok(synced)
            }
        }
    }

    fn sync(&mut self, which: impl Fn(&Unsynced) -> bool) {
        let (synced, rest) = std::mem::take(&mut self.unsynced).into_iter().partition::<Vec<_>, _>(which);
        self.unsynced = rest;
        synced.into_iter().for_each(|operation| self.make_durable(operation));
    }

    fn create(&mut self, name: &str) -> io::Result<u64> {
        if self.cached.contains_key(name) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("there is a file {name}")));
        }
        let inode = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(inode, Inode::default());
        self.cached.insert(name.to_owned(), inode);
        self.unsynced.push(Unsynced::Create { name: name.to_owned(), inode });
        Ok(inode)
    }

    fn write(&mut self, number: u64, bytes: &[u8], offset: u64) -> io::Result<()> {
        let used: u64 = self.inodes.values().map(|inode| inode.cached.len() as u64).sum();
        let inode = self.inodes.get_mut(&number).ok_or_else(|| not_found("that is open"))?;
        let before = inode.cached.len() as u64;
        let end = offset + bytes.len() as u64;
        let grows = end.saturating_sub(before);
        let room = self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(used));
        let end = if grows > room { (before + room).max(offset) } else { end };
        let written = &bytes[..(end - offset) as usize];
        inode.cached.resize(before.max(end) as usize, 0);
        // What the cache shows may be longer than the file will be: after a failed sync.
        let pending = self.unsynced.iter().filter_map(|operation| match operation {
            Unsynced::Length { inode, length } if *inode == number => Some(*length),
            _ => None,
        });
        if end > pending.max().unwrap_or(0).max(inode.durable.len() as u64) {
            self.unsynced.push(Unsynced::Length { inode: number, length: end });
        }
        if !written.is_empty() {
            inode.cached[offset as usize..end as usize].copy_from_slice(written);
            let bytes = Bytes::copy_from_slice(written);
            self.unsynced.push(Unsynced::Write { inode: number, offset, bytes });
        }
        if grows > room {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is full"));
        }
        Ok(())
    }
}

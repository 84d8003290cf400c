//! What the core asks of a command: a copy, and its size.

use alloc::string::String;
use alloc::vec::Vec;

/// A service's command. The rules never look into it; they count its bytes, for whatever grows has a limit.
pub trait Command: Clone {
    /// How many bytes it takes in a message or on a disk, without what the entry adds
    /// ([`Entry::OVERHEAD`](crate::Entry::OVERHEAD)).
    fn size(&self) -> u64;
}

macro_rules! sized_by_type {
    ($($type:ty)*) => { $(impl Command for $type {
        fn size(&self) -> u64 {
            size_of::<$type>() as u64
        }
    })* };
}

sized_by_type!(() u8 u16 u32 u64 u128);

impl Command for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }
}

impl Command for String {
    fn size(&self) -> u64 {
        self.len() as u64
    }
}

impl Command for &str {
    fn size(&self) -> u64 {
        self.len() as u64
    }
}

#[cfg(feature = "bytes")]
impl Command for bytes::Bytes {
    fn size(&self) -> u64 {
        self.len() as u64
    }
}

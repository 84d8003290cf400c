//! Flow control: how many bytes may be on their way from a worker to those of other processes.

use std::collections::BTreeMap;

/// How many bytes a worker has sent to each other one that are not acknowledged yet. When a worker or its connection is slow, those who
/// send to it wait, so nothing piles up in memory.
pub(crate) struct Window {
    /// So many bytes may be on their way to a worker before nothing more is sent to it.
    most: u64,
    on_the_way: BTreeMap<u64, u64>,
}

impl Window {
    pub(crate) fn new(most: u64) -> Window {
        Window { most, on_the_way: BTreeMap::new() }
    }

    /// Bytes were sent to a worker.
    pub(crate) fn sent(&mut self, to: u64, bytes: u64) {
        *self.on_the_way.entry(to).or_default() += bytes;
    }

    /// A worker has acknowledged bytes: it has taken them in.
    pub(crate) fn taken(&mut self, by: u64, bytes: u64) {
        if let Some(on_the_way) = self.on_the_way.get_mut(&by) {
            *on_the_way = on_the_way.saturating_sub(bytes);
        }
    }

    /// Whether something may be sent to a worker.
    pub(crate) fn is_open(&self, to: u64) -> bool {
        self.on_the_way.get(&to).is_none_or(|on_the_way| *on_the_way < self.most)
    }

    /// Whether something may be sent to every worker.
    pub(crate) fn is_open_to_all(&self) -> bool {
        self.on_the_way.values().all(|on_the_way| *on_the_way < self.most)
    }
}

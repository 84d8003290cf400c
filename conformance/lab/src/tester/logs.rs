//! What every server has applied, as the tester records it.

use super::failure::Failure;
use bytes::Bytes;
use figure2::Index;
use std::collections::BTreeMap;

/// The recorded log of every server. A crash does not erase a record: what a server once applied stays decided.
#[derive(Clone, Debug)]
pub struct AppliedLogs {
    logs: Vec<BTreeMap<Index, Bytes>>,
    highest: Index,
}

impl AppliedLogs {
    /// Empty logs of that many servers.
    #[must_use]
    pub fn new(servers: usize) -> AppliedLogs {
        AppliedLogs { logs: vec![BTreeMap::new(); servers], highest: Index::ZERO }
    }

    /// Compares a command with what any server applied at that index.
    ///
    /// # Errors
    /// [`Failure::ApplyMismatch`].
    pub fn compare(&self, server: usize, index: Index, command: &Bytes) -> Result<(), Failure> {
        for (other, log) in self.logs.iter().enumerate() {
            if let Some(other_value) = log.get(&index).filter(|value| *value != command) {
                return Err(Failure::ApplyMismatch {
                    index,
                    server,
                    value: command.clone(),
                    other,
                    other_value: other_value.clone(),
                });
            }
        }
        Ok(())
    }

    /// Records that `server` applied `command` at `index`.
    ///
    /// # Errors
    /// [`Failure::ApplyMismatch`], and [`Failure::ApplyOutOfOrder`] when the server did not apply the index before.
    pub fn apply(&mut self, server: usize, index: Index, command: Bytes) -> Result<(), Failure> {
        self.compare(server, index, &command)?;
        let log = &mut self.logs[server];
        if index != Index(1) && !log.contains_key(&index.prev()) {
            let expected = log.last_key_value().map_or(Index(1), |(last, _)| last.next());
            return Err(Failure::ApplyOutOfOrder { server, index, expected });
        }
        log.insert(index, command);
        self.highest = self.highest.max(index);
        Ok(())
    }

    /// Takes `entries` for the whole log of a server that switched to a snapshot.
    ///
    /// # Errors
    /// [`Failure::ApplyMismatch`].
    pub fn replace(&mut self, server: usize, entries: BTreeMap<Index, Bytes>) -> Result<(), Failure> {
        for (index, command) in &entries {
            self.compare(server, *index, command)?;
        }
        self.logs[server] = entries;
        Ok(())
    }

    /// How many servers applied the index, and what. Servers that are down or cut off count by what they had applied.
    ///
    /// # Errors
    /// [`Failure::ApplyMismatch`] when their values differ.
    pub fn committed(&self, index: Index) -> Result<(usize, Option<Bytes>), Failure> {
        let mut found: Option<(usize, &Bytes)> = None;
        let mut count = 0;
        for (server, log) in self.logs.iter().enumerate() {
            let Some(value) = log.get(&index) else { continue };
            count += 1;
            match found {
                Some((other, other_value)) if other_value != value => {
                    return Err(Failure::ApplyMismatch {
                        index,
                        server,
                        value: value.clone(),
                        other,
                        other_value: other_value.clone(),
                    });
                }
                Some(_) => {}
                None => found = Some((server, value)),
            }
        }
        Ok((count, found.map(|(_, value)| value.clone())))
    }

    /// One server's record.
    #[must_use]
    pub fn of(&self, server: usize) -> &BTreeMap<Index, Bytes> {
        &self.logs[server]
    }

    /// The highest index that any server applied as an entry.
    #[must_use]
    pub fn highest(&self) -> Index {
        self.highest
    }
}

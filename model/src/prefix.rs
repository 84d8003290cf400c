//! The service of the model: its state is the sequence of commands it applied.

use figure2_core::{Entry, Index, Log};
use std::fmt;

/// A client's command: the number of its request, from 1. Each request has its own, so that two entries are the
/// same entry exactly when their commands are equal.
pub type Command = u8;

/// Longest log that a model can hold.
pub const MAX_LOG: usize = 7;

/// The commands at indexes 1, 2, ...: the state of the model's service, and the content of its snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    len: u8,
    commands: [Command; MAX_LOG],
}

impl Prefix {
    /// Adds the command at the next index. Beyond `MAX_LOG` (which bounds exclude) only the length is kept.
    pub fn push(&mut self, command: Command) {
        if let Some(place) = self.commands.get_mut(usize::from(self.len)) {
            *place = command;
        }
        self.len = self.len.saturating_add(1);
    }

    /// Index of the last command; 0 when there is none.
    pub fn last_index(&self) -> Index {
        Index(u64::from(self.len))
    }

    /// The command at `index`, if there is one.
    pub fn get(&self, index: Index) -> Option<Command> {
        let position = usize::try_from(index.0).ok()?.checked_sub(1)?;
        if position < usize::from(self.len) { self.commands.get(position).copied() } else { None }
    }

    /// The commands beyond another prefix; all of them have their indexes, the others are 0.
    pub fn beyond(&self, earlier: Prefix) -> impl Iterator<Item = Command> {
        self.commands.into_iter().take(usize::from(self.len)).skip(usize::from(earlier.len))
    }

    /// All commands that a log holds, those under its snapshot included.
    pub fn of_log(log: &Log<Command, Prefix>) -> Prefix {
        let mut prefix = log.snapshot().map_or(Prefix::default(), |snapshot| snapshot.data);
        for Entry { command, .. } in log.entries() {
            prefix.push(*command);
        }
        prefix
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[")?;
        for (i, command) in self.commands.iter().take(usize::from(self.len)).enumerate() {
            write!(f, "{}c{command}", if i == 0 { "" } else { " " })?;
        }
        write!(f, "]")
    }
}

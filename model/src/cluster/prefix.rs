//! The service of the model: its state is the sequence of commands it applied.

use figure2_core::{Entry, Index, Log};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A client's command: the number of its request, from 1. Each request has its own, so that two entries are the
/// same entry exactly when their commands are equal. It takes as many bytes as its number says, so that commands differ
/// in size, and limits in bytes can be met by some and not by others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Command(pub u8);

impl figure2_core::Command for Command {
    fn size(&self) -> u64 {
        u64::from(self.0)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// Longest log that a model can hold.
pub const MAX_LOG: usize = 7;

/// The commands at indexes 1, 2, ...: the state of the model's service, and the content of its snapshots.
///
/// In a file it is the list of its commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "Vec<Command>", try_from = "Vec<Command>")]
pub struct Prefix {
    len: u8,
    commands: [Command; MAX_LOG],
}

/// More commands than a model's log can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} commands, and a log of the model has at most {MAX_LOG}")]
pub struct TooLong(usize);

impl TryFrom<Vec<Command>> for Prefix {
    type Error = TooLong;

    fn try_from(commands: Vec<Command>) -> Result<Prefix, TooLong> {
        if commands.len() > MAX_LOG {
            return Err(TooLong(commands.len()));
        }
        let mut prefix = Prefix::default();
        commands.into_iter().for_each(|command| prefix.push(command));
        Ok(prefix)
    }
}

impl From<Prefix> for Vec<Command> {
    fn from(prefix: Prefix) -> Vec<Command> {
        (1..=prefix.last_index().0).filter_map(|index| prefix.get(Index(index))).collect()
    }
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

    /// The commands beyond another prefix; all of them have their indexes.
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
            write!(f, "{}{command}", if i == 0 { "" } else { " " })?;
        }
        write!(f, "]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_made_of_its_commands_unless_it_is_longer_than_any() {
        let prefix = Prefix::try_from(vec![Command(3), Command(1)]).unwrap();
        assert_eq!(
            (prefix.get(Index(1)), prefix.get(Index(2)), prefix.get(Index(3))),
            (Some(Command(3)), Some(Command(1)), None)
        );
        assert_eq!(Vec::from(prefix), [Command(3), Command(1)]);
        assert_eq!(Prefix::try_from(vec![Command(1); 100]), Err(TooLong(100)));
    }
}

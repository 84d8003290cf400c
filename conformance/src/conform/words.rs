//! What the model says, in the node's types: commands and snapshots become bytes.

use bytes::Bytes;
use figure2_core::{
    AppendEntries, Change, Entry, Envelope, Index, InstallSnapshot, Log, Message, Persistent, Snapshot,
};
use figure2_model as model;

/// A message, as a node sends it.
pub type Letter = Envelope<Bytes, Bytes>;

/// A command.
pub fn command(command: model::Command) -> Bytes {
    Bytes::copy_from_slice(&[command])
}

/// The content of a service: its commands, a byte each.
pub fn content(prefix: &model::Prefix) -> Vec<u8> {
    (1..=prefix.last_index().0).filter_map(|index| prefix.get(Index(index))).collect()
}

/// A snapshot.
pub fn snapshot(snapshot: &Snapshot<model::Prefix>) -> Snapshot<Bytes> {
    Snapshot {
        last_included_index: snapshot.last_included_index,
        last_included_term: snapshot.last_included_term,
        data: content(&snapshot.data).into(),
    }
}

fn entries(entries: &[Entry<model::Command>]) -> Vec<Entry<Bytes>> {
    entries.iter().map(|entry| Entry { term: entry.term, command: command(entry.command) }).collect()
}

/// A log.
pub fn log(log: &Log<model::Command, model::Prefix>) -> Log<Bytes, Bytes> {
    Log::from_parts(log.snapshot().map(snapshot), entries(log.entries()))
}

/// What must survive a crash.
pub fn persistent(persistent: &Persistent<model::Command, model::Prefix>) -> Persistent<Bytes, Bytes> {
    Persistent {
        current_term: persistent.current_term,
        voted_for: persistent.voted_for,
        log: log(&persistent.log),
    }
}

/// A change of it.
pub fn change(change: &Change<model::Command, model::Prefix>) -> Change<Bytes, Bytes> {
    match change {
        Change::TermAndVote { current_term, voted_for } => {
            Change::TermAndVote { current_term: *current_term, voted_for: *voted_for }
        }
        Change::Append { entries: appended } => Change::Append { entries: entries(appended) },
        Change::Truncate { from } => Change::Truncate { from: *from },
        Change::Snapshot { snapshot: taken, keep_suffix } => {
            Change::Snapshot { snapshot: snapshot(taken), keep_suffix: *keep_suffix }
        }
    }
}

/// A message.
pub fn letter(letter: &model::Message) -> Letter {
    let message = match &letter.message {
        Message::RequestVote(m) => Message::RequestVote(m.clone()),
        Message::RequestVoteReply(m) => Message::RequestVoteReply(m.clone()),
        Message::AppendEntries(m) => Message::AppendEntries(AppendEntries {
            term: m.term,
            prev_log_index: m.prev_log_index,
            prev_log_term: m.prev_log_term,
            entries: entries(&m.entries),
            leader_commit: m.leader_commit,
        }),
        Message::AppendEntriesReply(m) => Message::AppendEntriesReply(m.clone()),
        Message::InstallSnapshot(m) => {
            Message::InstallSnapshot(InstallSnapshot { term: m.term, snapshot: snapshot(&m.snapshot) })
        }
        Message::InstallSnapshotReply(m) => Message::InstallSnapshotReply(m.clone()),
    };
    Envelope { from: letter.from, to: letter.to, message }
}

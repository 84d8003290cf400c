//! Translates from the model's types to the node's: commands and snapshots become bytes.

use bytes::Bytes;
use figure2::SnapshotData;
use figure2_core::{
    AppendEntries, Change, Entry, Envelope, InstallSnapshot, Log, Message, Persistent, Snapshot,
};
use figure2_model as model;

/// A message, as a node sends it.
pub type Letter = Envelope<Bytes, SnapshotData>;

/// A command: as many bytes as its number says, each of which is its number. So its size is what the model says, too.
pub fn command(command: model::Command) -> Bytes {
    vec![command.0; usize::from(command.0)].into()
}

/// The content of a service: its commands, a byte each.
pub fn content(prefix: &model::Prefix) -> Vec<u8> {
    Vec::from(*prefix).into_iter().map(|command: model::Command| command.0).collect()
}

/// A snapshot.
pub fn snapshot(snapshot: &Snapshot<model::Prefix>) -> Snapshot<SnapshotData> {
    translate_snapshot(snapshot, |prefix| content(prefix).into())
}

/// A snapshot with other data.
fn translate_snapshot<S, T>(snapshot: &Snapshot<S>, data: impl Fn(&S) -> T) -> Snapshot<T> {
    Snapshot {
        last_included_index: snapshot.last_included_index,
        last_included_term: snapshot.last_included_term,
        data: data(&snapshot.data),
    }
}

fn entries(entries: &[Entry<model::Command>]) -> Vec<Entry<Bytes>> {
    translate_entries(entries, |command| self::command(*command))
}

/// Entries with other commands.
fn translate_entries<C, D>(entries: &[Entry<C>], command: impl Fn(&C) -> D) -> Vec<Entry<D>> {
    entries.iter().map(|entry| Entry { term: entry.term, command: command(&entry.command) }).collect()
}

/// A log with other commands and snapshots.
fn translate_log<C, S, D, T>(
    log: &Log<C, S>,
    command: impl Fn(&C) -> D,
    data: impl Fn(&S) -> T,
) -> Log<D, T> {
    let snapshot = log.snapshot().map(|snapshot| translate_snapshot(snapshot, data));
    Log::from_parts(snapshot, translate_entries(log.entries(), command))
}

/// What must survive a crash.
pub fn persistent(persistent: &Persistent<model::Command, model::Prefix>) -> Persistent<Bytes, SnapshotData> {
    translate_persistent(persistent, |command| self::command(*command), |prefix| content(prefix).into())
}

/// What must survive a crash, with other commands and snapshots.
pub fn translate_persistent<C, S, D, T>(
    persistent: &Persistent<C, S>,
    command: impl Fn(&C) -> D,
    data: impl Fn(&S) -> T,
) -> Persistent<D, T> {
    Persistent {
        current_term: persistent.current_term,
        voted_for: persistent.voted_for,
        log: translate_log(&persistent.log, command, data),
    }
}

/// A change of it.
pub fn change(change: &Change<model::Command, model::Prefix>) -> Change<Bytes, SnapshotData> {
    match change {
        Change::TermAndVote { current_term, voted_for } => {
            Change::TermAndVote { current_term: *current_term, voted_for: *voted_for }
        }
        Change::Append { first_index, entries: appended } => {
            Change::Append { first_index: *first_index, entries: entries(appended) }
        }
        Change::Truncate { from } => Change::Truncate { from: *from },
        Change::Snapshot { snapshot: taken, keep_suffix } => {
            Change::Snapshot { snapshot: snapshot(taken), keep_suffix: *keep_suffix }
        }
    }
}

/// A message.
pub fn letter(letter: &model::Envelope) -> Letter {
    translate(letter, |command| self::command(*command), |prefix| content(prefix).into())
}

/// A message with other commands and snapshots.
pub fn translate<C, S, D, T>(
    letter: &Envelope<C, S>,
    command: impl Fn(&C) -> D,
    data: impl Fn(&S) -> T,
) -> Envelope<D, T> {
    let message = match &letter.message {
        Message::RequestVote(m) => Message::RequestVote(m.clone()),
        Message::RequestVoteReply(m) => Message::RequestVoteReply(m.clone()),
        Message::AppendEntries(m) => Message::AppendEntries(AppendEntries {
            term: m.term,
            prev_log_index: m.prev_log_index,
            prev_log_term: m.prev_log_term,
            entries: translate_entries(&m.entries, command),
            leader_commit: m.leader_commit,
        }),
        Message::AppendEntriesReply(m) => Message::AppendEntriesReply(m.clone()),
        Message::InstallSnapshot(m) => Message::InstallSnapshot(InstallSnapshot {
            term: m.term,
            snapshot: translate_snapshot(&m.snapshot, data),
        }),
        Message::InstallSnapshotReply(m) => Message::InstallSnapshotReply(m.clone()),
        Message::PreVote(m) => Message::PreVote(m.clone()),
        Message::PreVoteReply(m) => Message::PreVoteReply(m.clone()),
        Message::TimeoutNow(m) => Message::TimeoutNow(m.clone()),
    };
    Envelope { from: letter.from, to: letter.to, message }
}

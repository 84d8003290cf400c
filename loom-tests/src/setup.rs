//! Brings servers to the state in which a scenario begins, by hand-written messages, before any thread runs.

use bytes::Bytes;
use figure2_core::Persistent;
use figure2_core::{
    AppendEntries, AppendEntriesReply, AppendResult, Batch, Config, Effects, Entry, Index, Input,
    InstallSnapshot, Log, Message, RequestVote, RequestVoteReply, ServerId, Term,
};
use figure2_engine::{Command, SnapshotData};
use figure2_engine::{Envelope, Server, Snapshot};

/// The server under exploration.
pub const ME: ServerId = ServerId(0);
/// Another server: the leader, where ME follows; the follower that answers, where ME leads.
pub const S1: ServerId = ServerId(1);
/// A third one.
pub const S2: ServerId = ServerId(2);

/// A server and what its disk holds.
pub struct Start {
    pub server: Server,
    pub durable: Persistent<Command, SnapshotData>,
}

/// The command that stands at an index, where a scenario fixes it.
pub fn command(index: u64) -> Command {
    Bytes::from(format!("command {index}"))
}

/// The service's state after an index.
pub fn state_after(index: u64) -> SnapshotData {
    format!("state after {index}").into()
}

/// A follower of three in term 1, whose log holds that many entries of term 1, none known to be committed.
pub fn follower(entries: u64) -> Start {
    let log = Log::from_parts(None, (1..=entries).map(entry).collect());
    restarted(3, Persistent { current_term: Term(1), voted_for: None, log })
}

/// The only server of its cluster, and leader of term 1.
pub fn leader_alone() -> Start {
    let mut start = restarted(1, Persistent::default());
    start.step(Input::ElectionTimeout);
    start
}

/// The leader of three in term 1, which S1 is known to follow. S2 is silent.
pub fn leader_of_three() -> Start {
    leading(restarted(3, Persistent::default()))
}

/// The same, with room for the uncommitted entry of one command of 8 bytes.
pub fn leader_of_three_with_little_room() -> Start {
    let config = Config { max_uncommitted_bytes: 24, ..Config::new(3) };
    leading(started(config, Persistent::default()))
}

fn leading(mut start: Start) -> Start {
    start.step(Input::ElectionTimeout);
    start.step(Input::Receive(Envelope {
        from: S1,
        to: ME,
        message: Message::RequestVoteReply(RequestVoteReply { term: Term(1), vote_granted: true }),
    }));
    start.step(Input::Receive(append_succeeded(S1, 0)));
    start
}

/// A server started from what its disk holds.
pub fn restarted(servers: u8, durable: Persistent<Command, SnapshotData>) -> Start {
    started(Config::new(servers), durable)
}

fn started(config: Config, durable: Persistent<Command, SnapshotData>) -> Start {
    match Server::new(ME, config, durable.clone()) {
        Ok(server) => Start { server, durable },
        Err(error) => unreachable!("a scenario begins with sound state: {error}"),
    }
}

impl Start {
    /// A step whose effects are carried out at once; messages are lost.
    fn step(&mut self, input: Input<Command, SnapshotData>) {
        let effects: Effects<Command, SnapshotData> = self.server.step(input);
        let mut batch = Batch::default();
        batch.push((), effects);
        let durable = batch.persist(|record| {
            self.durable.apply_record(record);
            Ok::<(), ()>(())
        });
        if let Some(persisted) = durable.ok().and_then(|durable| durable.persisted) {
            self.step(Input::Persisted(persisted));
        }
    }
}

fn entry(index: u64) -> Entry<Command> {
    Entry { term: Term(1), command: command(index) }
}

/// S1, leader of term 1, sends the entries after `prev` up to `last`.
pub fn append_entries(prev: u64, last: u64, leader_commit: u64) -> Envelope {
    let message = AppendEntries {
        term: Term(1),
        prev_log_index: Index(prev),
        prev_log_term: Term(prev.min(1)),
        entries: (prev + 1..=last).map(entry).collect(),
        leader_commit: Index(leader_commit),
    };
    Envelope { from: S1, to: ME, message: Message::AppendEntries(message) }
}

/// S2, leader of term 2, sends a heartbeat.
pub fn heartbeat_of_term_2() -> Envelope {
    let message = AppendEntries {
        term: Term(2),
        prev_log_index: Index::ZERO,
        prev_log_term: Term::ZERO,
        entries: Vec::new(),
        leader_commit: Index::ZERO,
    };
    Envelope { from: S2, to: ME, message: Message::AppendEntries(message) }
}

/// A follower of term 1 says that its log matches up to `match_index`.
pub fn append_succeeded(from: ServerId, match_index: u64) -> Envelope {
    let result = AppendResult::Success { match_index: Index(match_index) };
    let message = AppendEntriesReply { term: Term(1), result };
    Envelope { from, to: ME, message: Message::AppendEntriesReply(message) }
}

/// S1, leader of term 1, sends its snapshot.
pub fn snapshot_from_leader(index: u64) -> Envelope {
    let snapshot =
        Snapshot { last_included_index: Index(index), last_included_term: Term(1), data: state_after(index) };
    let message = InstallSnapshot { term: Term(1), snapshot };
    Envelope { from: S1, to: ME, message: Message::InstallSnapshot(message) }
}

/// A candidate of term 2 asks for a vote.
pub fn vote_request(from: ServerId) -> Envelope {
    let message =
        RequestVote { term: Term(2), last_log_index: Index(9), last_log_term: Term(1), transfer: false };
    Envelope { from, to: ME, message: Message::RequestVote(message) }
}

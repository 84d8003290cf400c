//! Builders and readers that keep the tests to one screen each. Indexes and terms are written as plain numbers; the
//! server under test is S0.

pub mod simulation;

use figure2_core::{
    AppendEntries, AppendEntriesReply, AppendResult, Batch, Change, Config, Entry, Envelope, Extensions,
    Index, Input, InstallSnapshot, InstallSnapshotReply, Message, Outcome, Persisted, Persistent, PreVote,
    PreVoteReply, ProgressState, Record, RequestVote, RequestVoteReply, Rule, ServerId, Snapshot, Term,
    TimeoutNow,
};

pub type Server = figure2_core::Server<u8, u8>;
pub type Effects = figure2_core::Effects<u8, u8>;
pub type Disk = Persistent<u8, u8>;
pub type Msg = Message<u8, u8>;

pub const S0: ServerId = ServerId(0);
pub const S1: ServerId = ServerId(1);
pub const S2: ServerId = ServerId(2);
pub const S3: ServerId = ServerId(3);
pub const S4: ServerId = ServerId(4);

/// A command that tells which entry it belongs to, so that a wrong entry shows.
pub fn command(term: u64, index: u64) -> u8 {
    u8::try_from(term * 16 + index).unwrap()
}

/// Entries of these terms, the first at index `first`.
pub fn entries(first: u64, terms: &[u64]) -> Vec<Entry<u8>> {
    (first..)
        .zip(terms)
        .map(|(index, term)| Entry { term: Term(*term), command: command(*term, index) })
        .collect()
}

/// A snapshot whose last entry has this index and term.
pub fn snapshot(index: u64, term: u64) -> Snapshot<u8> {
    Snapshot { last_included_index: Index(index), last_included_term: Term(term), data: command(term, index) }
}

/// A persistent state: the log has entries of these terms, from index 1 on.
pub fn disk(current_term: u64, voted_for: Option<ServerId>, terms: &[u64]) -> Disk {
    let mut disk = Disk::default();
    disk.apply(Change::TermAndVote { current_term: Term(current_term), voted_for });
    disk.apply(Change::Append { first_index: Index(1), entries: entries(1, terms) });
    disk
}

/// A persistent state whose log begins with a snapshot, followed by entries of these terms.
pub fn disk_after(current_term: u64, base: Snapshot<u8>, terms: &[u64]) -> Disk {
    let mut disk = disk(current_term, None, &[]);
    let first = base.last_included_index.0 + 1;
    disk.apply(Change::Snapshot { snapshot: base, keep_suffix: false });
    disk.apply(Change::Append { first_index: Index(first), entries: entries(first, terms) });
    disk
}

/// S0 as a follower in a cluster of that many servers.
pub fn follower(servers: u8, disk: Disk) -> Server {
    Server::new(S0, Config::new(servers), disk).unwrap()
}

/// A cluster of that many servers, with these extensions.
pub fn extended(servers: u8, extensions: Extensions) -> Config {
    Config { extensions, ..Config::new(servers) }
}

/// Servers that ask before they stand for election.
pub const PRE_VOTE: Extensions = Extensions { pre_vote: true, check_quorum: false };

/// Leaders that count who answers.
pub const CHECK_QUORUM: Extensions = Extensions { pre_vote: false, check_quorum: true };

/// S0 as a follower that has heard from the leader of its term.
pub fn follower_of(leader: ServerId, servers: u8, disk: Disk) -> Server {
    follower_with(Config::new(servers), leader, disk)
}

/// The same, with this configuration.
pub fn follower_with(config: Config, leader: ServerId, disk: Disk) -> Server {
    let mut server = Server::new(S0, config, disk).unwrap();
    let term = server.current_term().0;
    let _ = receive(&mut server, leader, append(term, (0, 0), &[], 0));
    server
}

/// S0 as a candidate in the term after the disk's; its own vote is durable and counted.
pub fn candidate(servers: u8, disk: Disk) -> Server {
    let mut server = follower(servers, disk);
    let effects = server.step(Input::ElectionTimeout);
    let _ = settle(&mut server, effects);
    server
}

/// S0 as the leader of the term after the disk's, elected by S1 and on. Its first heartbeats are out, unanswered.
pub fn leader(servers: u8, disk: Disk) -> Server {
    leader_of(Config::new(servers), disk)
}

/// The same, with this configuration.
pub fn leader_of(config: Config, disk: Disk) -> Server {
    let mut server = Server::new(S0, config, disk).unwrap();
    let effects = server.step(Input::ElectionTimeout);
    let _ = settle(&mut server, effects);
    let votes_needed = u8::try_from(server.config().majority()).unwrap() - 1;
    if config.extensions.pre_vote {
        let next = server.current_term().0 + 1;
        for voter in (1..=votes_needed).map(ServerId) {
            let effects = receive(&mut server, voter, pre_vote_reply(next, true));
            let _ = settle(&mut server, effects);
        }
    }
    let term = server.current_term().0;
    for voter in (1..=votes_needed).map(ServerId) {
        let effects = receive(&mut server, voter, vote(term, true));
        let _ = settle(&mut server, effects);
    }
    assert!(server.is_leader());
    server
}

/// A message arrives.
pub fn receive(server: &mut Server, from: ServerId, message: Msg) -> Effects {
    let to = server.id();
    server.step(Input::Receive(Envelope { from, to, message }))
}

/// A command arrives and its write becomes durable; the entries are not sent yet.
pub fn propose_durably(server: &mut Server, command: u8) {
    let effects = server.step(Input::Propose(command));
    assert!(matches!(effects.outcome(), Outcome::Proposed { .. }));
    let _ = settle(server, effects);
}

/// Makes the effects durable, tells the server so, and returns all messages that this set free.
pub fn settle(server: &mut Server, effects: Effects) -> Vec<Envelope<u8, u8>> {
    let mut batch = Batch::default();
    batch.push((), effects);
    let durable = batch.persist(|_| Ok::<(), ()>(())).unwrap();
    let mut sent = Vec::new();
    if let Some(persisted) = durable.persisted {
        let effects = server.step(Input::Persisted(persisted));
        sent = settle(server, effects);
    }
    for released in durable.released {
        sent.extend(released.messages);
    }
    sent
}

/// All messages of a step that became durable, without telling the server.
pub fn sent(effects: Effects) -> Vec<Envelope<u8, u8>> {
    let mut batch = Batch::default();
    batch.push((), effects);
    let durable = batch.persist(|_| Ok::<(), ()>(())).unwrap();
    durable.released.into_iter().flat_map(|released| released.messages).collect()
}

/// The only message of a step that became durable: to whom, and what.
pub fn only(effects: Effects) -> (ServerId, Msg) {
    let mut sent = sent(effects);
    assert_eq!(sent.len(), 1, "{sent:?}");
    let envelope = sent.remove(0);
    (envelope.to, envelope.message)
}

/// The reply of a step.
pub fn reply(effects: Effects) -> Msg {
    only(effects).1
}

/// The record of a step, change by change.
pub fn changes(effects: &Effects) -> Vec<Change<u8, u8>> {
    let record: &Record<u8, u8> = effects.record();
    record.changes().to_vec()
}

/// The write of an earlier step became durable.
pub fn persisted(term: u64, last_log_index: u64) -> Input<u8, u8> {
    Input::Persisted(Persisted { current_term: Term(term), last_log_index: Index(last_log_index) })
}

/// Whether the step fired the rule.
pub fn fired(effects: &Effects, rule: Rule) -> bool {
    effects.rules().contains(rule)
}

/// RequestVote of a candidate whose last entry has this (index, term).
pub fn request_vote(term: u64, last: (u64, u64)) -> Msg {
    let (last_log_index, last_log_term) = (Index(last.0), Term(last.1));
    Message::RequestVote(RequestVote { term: Term(term), last_log_index, last_log_term, transfer: false })
}

/// RequestVote of a candidate that the leader told to stand.
pub fn request_vote_after_transfer(term: u64, last: (u64, u64)) -> Msg {
    let (last_log_index, last_log_term) = (Index(last.0), Term(last.1));
    Message::RequestVote(RequestVote { term: Term(term), last_log_index, last_log_term, transfer: true })
}

/// RequestVote reply.
pub fn vote(term: u64, vote_granted: bool) -> Msg {
    Message::RequestVoteReply(RequestVoteReply { term: Term(term), vote_granted })
}

/// PreVote of a server that would stand in this term, and whose last entry has this (index, term).
pub fn pre_vote(term: u64, last: (u64, u64)) -> Msg {
    let (last_log_index, last_log_term) = (Index(last.0), Term(last.1));
    Message::PreVote(PreVote { term: Term(term), last_log_index, last_log_term })
}

/// PreVote reply.
pub fn pre_vote_reply(term: u64, vote_granted: bool) -> Msg {
    Message::PreVoteReply(PreVoteReply { term: Term(term), vote_granted })
}

/// TimeoutNow.
pub fn timeout_now(term: u64) -> Msg {
    Message::TimeoutNow(TimeoutNow { term: Term(term) })
}

/// AppendEntries with entries of these terms after `prev`, an (index, term).
pub fn append(term: u64, prev: (u64, u64), terms: &[u64], leader_commit: u64) -> Msg {
    Message::AppendEntries(AppendEntries {
        term: Term(term),
        prev_log_index: Index(prev.0),
        prev_log_term: Term(prev.1),
        entries: entries(prev.0 + 1, terms),
        leader_commit: Index(leader_commit),
    })
}

fn append_reply(term: u64, result: AppendResult) -> Msg {
    Message::AppendEntriesReply(AppendEntriesReply { term: Term(term), result })
}

/// AppendEntries reply: the log matches up to this index.
pub fn success(term: u64, match_index: u64) -> Msg {
    append_reply(term, AppendResult::Success { match_index: Index(match_index) })
}

/// AppendEntries reply: the request's term is old.
pub fn stale_term(term: u64) -> Msg {
    append_reply(term, AppendResult::StaleTerm)
}

/// AppendEntries reply: the consistency check failed at `prev_log_index`.
pub fn conflict(term: u64, prev_log_index: u64, conflict_index: u64, conflict_term: Option<u64>) -> Msg {
    conflict_while_installing(term, prev_log_index, conflict_index, conflict_term, None)
}

/// The same, of a follower whose service is installing the snapshot that ends at this index.
pub fn conflict_while_installing(
    term: u64,
    prev_log_index: u64,
    conflict_index: u64,
    conflict_term: Option<u64>,
    installing: Option<u64>,
) -> Msg {
    append_reply(
        term,
        AppendResult::Conflict {
            prev_log_index: Index(prev_log_index),
            conflict_index: Index(conflict_index),
            conflict_term: conflict_term.map(Term),
            installing: installing.map(Index),
        },
    )
}

/// InstallSnapshot.
pub fn install(term: u64, snapshot: Snapshot<u8>) -> Msg {
    Message::InstallSnapshot(InstallSnapshot { term: Term(term), snapshot })
}

/// InstallSnapshot reply.
pub fn install_reply(term: u64, last_included_index: Option<u64>) -> Msg {
    let last_included_index = last_included_index.map(Index);
    Message::InstallSnapshotReply(InstallSnapshotReply { term: Term(term), last_included_index })
}

/// Terms of the stored entries, in order.
pub fn terms(server: &Server) -> Vec<u64> {
    server.log().entries().iter().map(|entry| entry.term.0).collect()
}

/// What a leader knows of a server: (next_index, match_index, whether it sends entries without waiting for replies).
pub fn progress(server: &Server, of: ServerId) -> (u64, u64, bool) {
    let Some(known) = server.progress_of(of) else { panic!("not a leader") };
    (known.next_index.0, known.match_index.0, known.is_replicating())
}

/// Bytes of so many of these tests' entries.
pub fn bytes(entries: u64) -> u64 {
    entries * entries_of_one_byte()
}

fn entries_of_one_byte() -> u64 {
    Entry { term: Term(1), command: 0u8 }.size()
}

/// Bytes in flight to a follower that is sent entries.
pub fn in_flight(server: &Server, to: ServerId) -> u64 {
    match server.progress_of(to).unwrap().state {
        ProgressState::Replicate { in_flight } => in_flight,
        other => panic!("{to} is not replicating: {other:?}"),
    }
}

//! What happens to the server, out of bytes. Half of all numbers are near those that the server has, so that the rules are
//! reached and not only the validation; the others are any.

use figure2_core::{
    AppendEntries, AppendEntriesReply, AppendResult, Config, Entry, Envelope, Extensions, Index, Input,
    InstallSnapshot, InstallSnapshotReply, MAX_INDEX, MAX_TERM, Message, Persisted, PreVote, PreVoteReply,
    RequestVote, RequestVoteReply, ServerId, Snapshot, Term, TimeoutNow,
};

pub type Server = figure2_core::Server<u8, u8>;

/// How far the largest numbers that peers name stay below those that are refused: a server must follow whatever term it
/// accepts, and at the very end of all terms there is no next one to stand in.
const ROOM: u64 = 1 << 20;

/// The bytes that are not read yet. At their end all is zero.
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Bytes(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub fn below(&mut self, count: u8) -> u8 {
        self.next() % count
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    fn word(&mut self) -> u64 {
        u64::from_le_bytes([(); 8].map(|()| self.next()))
    }

    /// A number near this one, or an extreme one, or any.
    fn near(&mut self, number: u64, most: u64) -> u64 {
        match self.below(16) {
            0..=5 => number,
            6 | 7 => number.saturating_add(1),
            8 | 9 => number.saturating_sub(1),
            10 | 11 => number.saturating_add(u64::from(self.below(8))),
            12 | 13 => number.saturating_sub(u64::from(self.below(8))),
            14 => {
                let extremes = [0, 1, most - ROOM, most - ROOM - 1, most + 1, u64::MAX];
                extremes[usize::from(self.below(6))]
            }
            _ => match self.word() {
                accepted if accepted <= most => accepted.min(most - ROOM),
                refused => refused,
            },
        }
    }

    fn term(&mut self, server: &Server) -> Term {
        Term(self.near(server.current_term().0, MAX_TERM.0))
    }

    fn index(&mut self, server: &Server) -> Index {
        let log = server.log();
        let places = [log.last_index(), log.base_index(), server.commit_index(), server.last_applied()];
        let place = places[usize::from(self.below(4))];
        Index(self.near(place.0, MAX_INDEX.0))
    }

    /// An index and mostly the term that the server has there.
    fn position(&mut self, server: &Server) -> (Index, Term) {
        let index = self.index(server);
        let held = server.log().term_at(index);
        match held {
            Some(term) if self.below(4) > 0 => (index, term),
            _ => (index, self.term(server)),
        }
    }

    fn optional_index(&mut self, server: &Server) -> Option<Index> {
        self.flag().then(|| self.index(server))
    }

    /// A cluster of up to five servers, with small limits.
    pub fn config(&mut self) -> Config {
        let small = |bytes: &mut Self| 1 + u64::from(bytes.below(32)) * 4;
        Config {
            max_entries_per_message: 1 + u32::from(self.below(4)),
            max_message_bytes: small(self),
            max_in_flight_bytes: small(self),
            max_command_bytes: if self.below(16) > 0 { 64 } else { 0 },
            max_uncommitted_bytes: small(self) * 4,
            snapshot_patience: 1 + self.below(3),
            max_retained_bytes: u64::from(self.below(2)) * 64,
            extensions: Extensions { pre_vote: self.flag(), check_quorum: self.flag() },
            ..Config::new(1 + self.below(5))
        }
    }

    fn snapshot(&mut self, server: &Server) -> Snapshot<u8> {
        let (last_included_index, last_included_term) = self.position(server);
        Snapshot { last_included_index, last_included_term, data: self.next() }
    }

    fn message(&mut self, server: &Server) -> Message<u8, u8> {
        let term = self.term(server);
        match self.below(9) {
            0 => {
                let (last_log_index, last_log_term) = self.position(server);
                Message::RequestVote(RequestVote {
                    term,
                    last_log_index,
                    last_log_term,
                    transfer: self.flag(),
                })
            }
            1 => Message::RequestVoteReply(RequestVoteReply { term, vote_granted: self.flag() }),
            2 => {
                let (prev_log_index, prev_log_term) = self.position(server);
                let count = self.below(5);
                let mut last = prev_log_term;
                let entries = (0..count).map(|_| {
                    last = if self.below(8) > 0 { last.max(Term(1)) } else { self.term(server) };
                    Entry { term: last, command: self.next() }
                });
                let entries = entries.collect();
                let leader_commit = self.index(server);
                Message::AppendEntries(AppendEntries {
                    term,
                    prev_log_index,
                    prev_log_term,
                    entries,
                    leader_commit,
                })
            }
            3 => {
                let result = match self.below(4) {
                    0 | 1 => AppendResult::Success { match_index: self.index(server) },
                    2 => AppendResult::StaleTerm,
                    _ => AppendResult::Conflict {
                        prev_log_index: self.index(server),
                        conflict_index: self.index(server),
                        conflict_term: self.flag().then(|| self.term(server)),
                        installing: self.optional_index(server),
                    },
                };
                Message::AppendEntriesReply(AppendEntriesReply { term, result })
            }
            4 => Message::InstallSnapshot(InstallSnapshot { term, snapshot: self.snapshot(server) }),
            5 => {
                let last_included_index = self.optional_index(server);
                Message::InstallSnapshotReply(InstallSnapshotReply { term, last_included_index })
            }
            6 => {
                let (last_log_index, last_log_term) = self.position(server);
                Message::PreVote(PreVote { term, last_log_index, last_log_term })
            }
            7 => Message::PreVoteReply(PreVoteReply { term, vote_granted: self.flag() }),
            _ => Message::TimeoutNow(TimeoutNow { term }),
        }
    }

    /// What a sound peer may answer to a message: that all is well, or that it has less than the server thought.
    fn answer(&mut self, server: &Server, request: &Envelope<u8, u8>) -> Option<Envelope<u8, u8>> {
        let is_well = self.below(4) > 0;
        let message = match &request.message {
            Message::RequestVote(m) => {
                Message::RequestVoteReply(RequestVoteReply { term: m.term, vote_granted: is_well })
            }
            Message::PreVote(m) => Message::PreVoteReply(PreVoteReply {
                term: if is_well { m.term } else { server.current_term() },
                vote_granted: is_well,
            }),
            Message::AppendEntries(m) => {
                let last = m.prev_log_index;
                let result = if is_well {
                    AppendResult::Success { match_index: last.plus(m.entries.len()) }
                } else {
                    AppendResult::Conflict {
                        prev_log_index: last,
                        conflict_index: Index(1.max(last.0.saturating_sub(self.below(8).into()))),
                        conflict_term: None,
                        installing: None,
                    }
                };
                Message::AppendEntriesReply(AppendEntriesReply { term: m.term, result })
            }
            Message::InstallSnapshot(m) => {
                let last_included_index = Some(m.snapshot.last_included_index);
                Message::InstallSnapshotReply(InstallSnapshotReply { term: m.term, last_included_index })
            }
            _ => return None,
        };
        Some(Envelope { from: request.to, to: request.from, message })
    }

    /// What happens next. `persisted` is what was last written, `offers` what the service was ever offered, and `sent` what
    /// the server said last.
    pub fn input(
        &mut self,
        server: &Server,
        persisted: Option<Persisted>,
        offers: &[Snapshot<u8>],
        sent: &[Envelope<u8, u8>],
    ) -> Input<u8, u8> {
        match self.below(20) {
            0 | 1 => Input::ElectionTimeout,
            2 => Input::HeartbeatTimeout,
            3 => Input::Propose(self.next()),
            4 => Input::Replicate,
            5 => Input::SendCommit,
            6 | 7 => persisted.map_or(Input::Replicate, Input::Persisted),
            8 => Input::Applied { index: self.index(server) },
            9 => Input::SnapshotTaken { index: self.index(server), data: self.next() },
            10 => match offers.len() {
                0 => Input::HeartbeatTimeout,
                // The service answers for a snapshot that it was offered, once or again, in time or late.
                count => Input::CondInstallSnapshot(offers[usize::from(self.next()) % count].clone()),
            },
            11 => Input::TransferLeadership { to: ServerId(self.below(6)) },
            12..=15 if !sent.is_empty() => {
                let request = &sent[usize::from(self.next()) % sent.len()];
                self.answer(server, request).map_or(Input::HeartbeatTimeout, Input::Receive)
            }
            _ => {
                // Mostly from a peer to this server.
                let from = ServerId(if self.below(16) > 0 { 1 + self.below(4) } else { self.next() });
                let to = if self.below(32) > 0 { server.id() } else { ServerId(self.next()) };
                Input::Receive(Envelope { from, to, message: self.message(server) })
            }
        }
    }
}

//! Figure 2, State, and Rules for Servers: persistent state, the rules for all servers, impossible messages.

use super::Mutant;
use super::bug::{Fx, Saved, Server, broken, mutants};
use super::spaces::{ALONE, ELECTION, NEEDS, Needs, entries, one_term};
use super::tools::{change_memory, persisted_now, propose_and_count, stand_and_count, uncommitted};
use crate::cluster::node::Envelope;
use crate::cluster::prefix::{Command, Prefix};
use figure2_core::{
    AppendResult, Apply, Config, Index, Log, Message, Persisted, Persistent, Rejection, Role, ServerId, Term,
};

/// A server's persistent state.
type Kept = Persistent<Command, Prefix>;

pub fn mutants() -> Vec<Mutant> {
    mutants![
        {
            "V8" breaks P1: "term and vote are forgotten on restart";
            ElectionSafety in Needs { crashes: 1, ..ELECTION };
            Persistence {
                fn restart(&self, id: ServerId, config: Config, persistent: Kept) -> Server {
                    let forgetful = Persistent { current_term: Term::ZERO, voted_for: None, ..persistent };
                    Figure2.restart(id, config, forgetful)
                }
            }
        }
        {
            "V8-vote" breaks P1: "the vote is forgotten on restart";
            OneVote in Needs { crashes: 1, ..ELECTION };
            Persistence {
                fn restart(&self, id: ServerId, config: Config, persistent: Kept) -> Server {
                    Figure2.restart(id, config, Persistent { voted_for: None, ..persistent })
                }
            }
        }
        {
            "P1-log" breaks P1: "the log is forgotten on restart";
            LeaderCompleteness in Needs { crashes: 1, ..entries(1) };
            Persistence {
                fn restart(&self, id: ServerId, config: Config, persistent: Kept) -> Server {
                    Figure2.restart(id, config, Persistent { log: Log::default(), ..persistent })
                }
            }
        }
        {
            "P1-base" breaks P1: "after a restart the entries count from 1, as if no snapshot stood before them";
            CommittedAgree in Needs { terms: 2, crashes: 1, snapshots: 1, client_requests: 3, ..ALONE };
            Persistence {
                fn restart(&self, id: ServerId, config: Config, persistent: Kept) -> Server {
                    let log = Log::from_parts(None, persistent.log.entries().to_vec());
                    Figure2.restart(id, config, Persistent { log, ..persistent })
                }
            }
        }
        {
            "P2-term" breaks P2: "a newer term is adopted in memory, and not in the record";
            OneVote in Needs { terms: 1, crashes: 1, ..NEEDS };
            Persistence {
                fn save(&self, s: &mut Server, fx: &mut Fx, change: Saved) {
                    match change {
                        Saved::TermAndVote { voted_for: None, .. } => change_memory(s, change),
                        other => Figure2.save(s, fx, other),
                    }
                }
            }
        }
        {
            "P2-vote" breaks P2: "a vote is given in memory, and not in the record";
            ElectionSafety in Needs { crashes: 1, ..ELECTION };
            Persistence {
                fn save(&self, s: &mut Server, fx: &mut Fx, change: Saved) {
                    match change {
                        Saved::TermAndVote { voted_for: Some(other), .. } if other != s.id() => {
                            change_memory(s, change);
                        }
                        other => Figure2.save(s, fx, other),
                    }
                }
            }
        }
        {
            "P2-append" breaks P2: "entries are appended in memory, and not in the record";
            CommittedOnMajority in one_term(1);
            Persistence {
                fn save(&self, s: &mut Server, fx: &mut Fx, change: Saved) {
                    match change {
                        Saved::Append { .. } => change_memory(s, change),
                        other => Figure2.save(s, fx, other),
                    }
                }
            }
        }
        {
            "P2-truncate" breaks P2: "conflicting entries are deleted in memory, and not in the record";
            CommittedOnMajority in entries(2);
            Persistence {
                fn save(&self, s: &mut Server, fx: &mut Fx, change: Saved) {
                    match change {
                        Saved::Truncate { .. } => change_memory(s, change),
                        other => Figure2.save(s, fx, other),
                    }
                }
            }
        }
        {
            "D1-self" breaks P3: "a leader counts its own entries before they are durable";
            CommittedOnMajority in Needs { unwritten: 1, ..one_term(1) };
            Leaders {
                fn propose(&self, s: &mut Server, fx: &mut Fx, command: Command) {
                    propose_and_count(s, fx, command);
                }
            }
        }
        {
            "D1-alone" breaks P3: "a server that is alone commits its entries before they are durable";
            CommittedOnMajority in Needs { unwritten: 1, client_requests: 1, ..ALONE };
            Leaders {
                fn propose(&self, s: &mut Server, fx: &mut Fx, command: Command) {
                    propose_and_count(s, fx, command);
                }
            }
        }
        {
            "P3-end" breaks P3: "a write that is done stands for the log's end of now, not of when it began";
            CommittedOnMajority in Needs { unwritten: 2, client_requests: 2, ..ALONE };
            Candidates {
                fn persisted(&self, s: &mut Server, fx: &mut Fx, persisted: Persisted) {
                    let last_log_index = s.log().last_index();
                    Figure2.persisted(s, fx, Persisted { last_log_index, ..persisted });
                }
            }
        }
        {
            "P3-alone" breaks P3: "a server that is alone counts its own vote before it is durable";
            ElectionDurable in Needs { unwritten: 1, ..ALONE };
            Candidates {
                fn start_election(&self, s: &mut Server, fx: &mut Fx, transfer: bool) {
                    stand_and_count(s, fx, transfer);
                }
            }
        }
        {
            "P3-older" breaks P3: "a server that is alone takes the write of an older term for its vote in this one";
            ElectionDurable in Needs { terms: 2, unwritten: 2, ..ALONE };
            Candidates {
                fn persisted(&self, s: &mut Server, fx: &mut Fx, persisted: Persisted) {
                    persisted_now(s, fx, persisted);
                }
            }
        }
        {
            "C3" breaks A1: "entries that are not committed are applied";
            StateMachineSafety in one_term(1);
            AllServers {
                fn next_apply(&self, s: &Server, limit: usize) -> Option<Apply<Command, Prefix>> {
                    uncommitted(s, limit)
                }
            }
        }
        {
            "C3-answer" breaks A1: "clients are answered from entries that are not committed";
            Linearizable in Needs { clients: true, ..entries(2) };
            AllServers {
                fn next_apply(&self, s: &Server, limit: usize) -> Option<Apply<Command, Prefix>> {
                    uncommitted(s, limit)
                }
            }
        }
        {
            "A1-again" breaks A1: "last_applied stays where it is: an entry is applied again and again";
            AppliedInOrder in Needs { client_requests: 1, ..ALONE };
            AllServers {
                fn applied(&self, _: &mut Server, _: &mut Fx, _: Index) {}
            }
        }
        {
            "A1-gap" breaks A1: "last_applied moves one too far: an entry is left out";
            AppliedInOrder in Needs { client_requests: 3, ..ALONE };
            AllServers {
                fn applied(&self, s: &mut Server, fx: &mut Fx, index: Index) {
                    Figure2.applied(s, fx, index.next());
                }
            }
        }
        {
            "A1-newest" breaks A1: "only the newest committed entry is applied";
            AppliedInOrder in Needs { client_requests: 2, ..ALONE };
            AllServers {
                fn next_apply(&self, s: &Server, limit: usize) -> Option<Apply<Command, Prefix>> {
                    let first_index = s.commit_index();
                    let entries = s.log().entries_from(first_index, limit).to_vec();
                    (first_index > s.last_applied()).then_some(Apply::Entries { first_index, entries })
                }
            }
        }
        {
            "A2-role" breaks A2: "a newer term is adopted, and the role kept: votes and leadership go over into it";
            ElectionSafety in NEEDS;
            AllServers {
                fn observe_term(&self, s: &mut Server, fx: &mut Fx, term: Term) {
                    if term > s.current_term() {
                        self.save(s, fx, Saved::TermAndVote { current_term: term, voted_for: None });
                    }
                }
            }
        }
        {
            "A2-leader" breaks A2: "a newer term is adopted, and the leader of the old one still named";
            KnownLeader in NEEDS;
            AllServers {
                fn observe_term(&self, s: &mut Server, fx: &mut Fx, term: Term) {
                    let leader = s.leader().filter(|_| term > s.current_term());
                    Figure2.observe_term(s, fx, term);
                    if let Some(leader) = leader {
                        self.recognise_leader(s, fx, leader);
                    }
                }
            }
        }
        {
            "A2-equal" breaks A2: "a message of the same term counts as newer: the vote in it is forgotten";
            ElectionSafety in ELECTION;
            AllServers {
                fn observe_term(&self, s: &mut Server, fx: &mut Fx, term: Term) {
                    if term == s.current_term() && matches!(s.role(), Role::Follower { .. }) {
                        self.save(s, fx, Saved::TermAndVote { current_term: term, voted_for: None });
                    }
                    Figure2.observe_term(s, fx, term);
                }
            }
        }
        {
            "A2-back" breaks A2: "an older term is adopted, too";
            OneVote in NEEDS;
            AllServers {
                fn observe_term(&self, s: &mut Server, fx: &mut Fx, term: Term) {
                    if term < s.current_term() {
                        self.save(s, fx, Saved::TermAndVote { current_term: term, voted_for: None });
                        self.become_follower(s, fx);
                    }
                    Figure2.observe_term(s, fx, term);
                }
            }
        }
        {
            "V6" breaks A2: "a vote reply with a higher term is taken as a grant";
            ElectionSafety in Needs { terms: 3, ..entries(1) };
            Rules {
                fn receive(&self, s: &mut Server, fx: &mut Fx, envelope: Envelope) {
                    match &envelope.message {
                        Message::RequestVoteReply(m) if m.term > s.current_term() => {
                            self.add_vote(s, fx, envelope.from);
                        }
                        _ => Figure2.receive(s, fx, envelope),
                    }
                }
            }
        }
        {
            "V1-end" breaks V1: "a reply that matches up to the end of the leader's log counts as impossible";
            NoRejection in one_term(1);
            Validation {
                fn validate(&self, s: &Server, envelope: &Envelope) -> Result<(), Rejection> {
                    match &envelope.message {
                        Message::AppendEntriesReply(m) => match m.result {
                            AppendResult::Success { match_index }
                                if match_index > Index::ZERO && match_index >= s.log().last_index() =>
                            {
                                Err(Rejection::AbsurdIndex(match_index))
                            }
                            _ => Figure2.validate(s, envelope),
                        },
                        _ => Figure2.validate(s, envelope),
                    }
                }
            }
        }
        {
            "V1-committed" breaks V1: "entries that are already committed here count as contradicting";
            NoRejection in one_term(1);
            Validation {
                fn validate(&self, s: &Server, envelope: &Envelope) -> Result<(), Rejection> {
                    match &envelope.message {
                        Message::AppendEntries(m)
                            if !m.entries.is_empty() && m.prev_log_index < s.commit_index() =>
                        {
                            Err(Rejection::ContradictsCommitted(m.prev_log_index.next()))
                        }
                        _ => Figure2.validate(s, envelope),
                    }
                }
            }
        }
    ]
}

//! How a server comes to stand for election and to lead, and what it says of others who ask: judged by what it received,
//! line by line, and by nothing that it says of itself.

use super::event::{Extensions, Input, Message, Outcome, Received, Role, State, Step};
use super::property::{Findings, Property};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// So many PreVotes of a peer are remembered that were not answered with yes: a server answers in the order in which it was
/// asked, and far fewer wait for a write.
const ASKED: usize = 4096;

/// Servers that said yes to a server, for a term.
#[derive(Clone, Debug, Default)]
struct Yes {
    term: u64,
    from: BTreeSet<u8>,
}

impl Yes {
    /// One that is late, for an older term, takes nothing away.
    fn add(&mut self, term: u64, from: u8) {
        if term < self.term {
            return;
        }
        if self.term != term {
            *self = Yes { term, from: BTreeSet::new() };
        }
        self.from.insert(from);
    }

    /// Whether they and the server itself are a majority for the term.
    fn is_majority(&self, term: u64, majority: usize) -> bool {
        let others = if self.term == term { self.from.len() } else { 0 };
        others + 1 >= majority
    }
}

/// What one server's inputs say of its elections, since it started.
#[derive(Clone, Debug)]
pub(super) struct Candidacy {
    extensions: Extensions,
    majority: usize,
    pre_votes: Yes,
    votes: Yes,
    /// It leads, or has heard from a leader of its term since its election timer last elapsed.
    in_contact: bool,
    /// By peer, the terms for which it asked for a pre-vote, in order, and whether the answer may be yes.
    asked: BTreeMap<u8, VecDeque<(u64, bool)>>,
}

impl Candidacy {
    /// Of a server that starts.
    pub(super) fn starts(extensions: Extensions, majority: usize) -> Candidacy {
        let (pre_votes, votes) = (Yes::default(), Yes::default());
        Candidacy { extensions, majority, pre_votes, votes, in_contact: false, asked: BTreeMap::new() }
    }

    /// A step of the server.
    pub(super) fn step(&mut self, id: u8, before: &State, step: &Step, findings: &mut Findings) {
        let after = &step.state;
        let received = match &step.input {
            Input::Receive(received) if !matches!(step.outcome, Outcome::Rejected(_)) => Some(received),
            _ => None,
        };
        if let Some(received) = received {
            self.receives(before, received);
        }
        if let Some(Received { from, message: Message::PreVote(_) }) = received {
            let stays = step.changes.is_empty() && after.role == before.role;
            findings.expect(Property::PreVotesBindNobody, stays, || {
                format!("server {id} changes when server {from} asks it for a pre-vote")
            });
        }
        if let Some(Received { from, message: Message::RequestVote(request) }) = received
            && self.extensions.check_quorum
            && self.in_contact
            && request.term > before.current_term
            && !request.transfer
        {
            let stays = after.current_term == before.current_term;
            findings.expect(Property::ContactProtects, stays, || {
                format!("server {id} is in contact with a leader, and listens to the candidate {from}")
            });
        }
        if after.current_term > before.current_term {
            let stands = after.voted_for == Some(id) && matches!(after.role, Role::Candidate | Role::Leader);
            let is_due =
                if stands { self.may_stand(before, after, &step.input) } else { brings_term(received) };
            findings.expect(Property::PreVoted, is_due, || {
                let what = if stands { "stands for election" } else { "takes over the term" };
                format!(
                    "server {id} {what} in term {}, and nothing that it received calls for it",
                    after.current_term
                )
            });
        }
        let is_elected = after.role == Role::Leader
            && (before.role, before.current_term) != (Role::Leader, after.current_term);
        if is_elected {
            let term = after.current_term;
            findings.expect(
                Property::PreVotesBindNobody,
                self.votes.is_majority(term, self.majority),
                || {
                    format!(
                        "server {id} leads term {term} with the votes of {:?} and its own",
                        self.votes.from
                    )
                },
            );
        }
        self.moves_on(before, step, received);
    }

    fn receives(&mut self, before: &State, received: &Received) {
        let from = received.from;
        match &received.message {
            Message::RequestVoteReply(reply) if reply.vote_granted => self.votes.add(reply.term, from),
            Message::PreVoteReply(reply) if reply.vote_granted && before.role == Role::PreCandidate => {
                self.pre_votes.add(reply.term, from);
            }
            Message::PreVote(request) => {
                let asked = self.asked.entry(from).or_default();
                asked.push_back((request.term, !self.in_contact));
                if asked.len() > ASKED {
                    asked.pop_front();
                }
            }
            _ => {}
        }
    }

    /// Whether a server may stand for election now: by itself, asked or not as its options say, or because a leader that is
    /// not of the past told it to.
    fn may_stand(&self, before: &State, after: &State, input: &Input) -> bool {
        match input {
            Input::ElectionTimeout => !self.extensions.pre_vote || self.majority <= 1,
            Input::Receive(Received { message: Message::PreVoteReply(reply), .. }) => {
                let term = before.current_term + 1;
                reply.vote_granted
                    && before.role == Role::PreCandidate
                    && (reply.term, after.current_term) == (term, term)
                    && self.pre_votes.is_majority(term, self.majority)
            }
            Input::Receive(Received { message: Message::TimeoutNow(head), .. }) => {
                head.term >= before.current_term && after.current_term == head.term + 1
            }
            _ => false,
        }
    }

    /// What is so after the step.
    fn moves_on(&mut self, before: &State, step: &Step, received: Option<&Received>) {
        let after = &step.state;
        let timer_elapsed = matches!(step.input, Input::ElectionTimeout);
        if timer_elapsed || after.role != Role::PreCandidate {
            self.pre_votes = Yes::default();
        }
        let hears_leader = received.is_some_and(|received| match &received.message {
            Message::AppendEntries(head) | Message::InstallSnapshot(head) => head.term == after.current_term,
            _ => false,
        });
        let stays = self.in_contact
            && !timer_elapsed
            && before.role != Role::Leader
            && after.current_term == before.current_term;
        self.in_contact = after.role == Role::Leader || hears_leader || stays;
    }

    /// The server tells a peer that it would vote for it in this term. It answers in the order in which it was asked.
    pub(super) fn says_yes(&mut self, id: u8, to: u8, term: u64, findings: &mut Findings) {
        let mut may = false;
        if let Some(asked) = self.asked.get_mut(&to) {
            while let Some((asked_term, is_allowed)) = asked.pop_front() {
                if asked_term == term && is_allowed {
                    may = true;
                    break;
                }
            }
        }
        findings.expect(Property::ContactProtects, may, || {
            format!(
                "server {id} grants server {to} a pre-vote for term {term}, which it was not asked for while out of contact \
                 with a leader"
            )
        });
    }
}

/// Whether a message of this kind can bring a term: a PreVote, and a yes to one, name a term that nobody need have.
fn brings_term(received: Option<&Received>) -> bool {
    received.is_some_and(|received| match &received.message {
        Message::PreVote(_) => false,
        Message::PreVoteReply(reply) => !reply.vote_granted,
        _ => true,
    })
}

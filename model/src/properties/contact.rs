//! Properties of the extensions: PreVote, CheckQuorum and leadership transfer. They are judged step by step, from what
//! happened to a node and what it did then. What a server has heard so far the model remembers by itself, from the messages
//! that arrived: a server that counts wrongly is not believed.

use crate::cluster::event::NodeEvent;
use crate::cluster::node::{Envelope, Node};
use crate::cluster::prefix::{Command, Prefix};
use crate::cluster::step::Stepped;
use crate::properties::{Safety, SafetySet};
use figure2_core::{Message, PreVote, Role, Server, ServerId, ServerSet};

type ModelServer = Server<Command, Prefix>;

/// What the model remembers of a server for these properties. It is empty where no extension is used, and after a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Contact {
    /// Who has granted the pre-vote for which the server, a pre-candidate, asks.
    pub pre_votes: ServerSet,
    /// Who has answered the server, a leader that checks its quorum, in its term and since its election timer last elapsed.
    pub heard: ServerSet,
    /// To whom the server, a leader, was asked to hand over since its election timer last elapsed.
    pub successor: Option<ServerId>,
}

impl Contact {
    /// The same under other names.
    #[must_use]
    pub fn renamed(self, name: impl Fn(ServerId) -> ServerId) -> Contact {
        Contact {
            pre_votes: renamed_set(self.pre_votes, &name),
            heard: renamed_set(self.heard, &name),
            successor: self.successor.map(&name),
        }
    }

    /// With what an event tells a server.
    fn told(mut self, server: &ModelServer, event: NodeEvent<&Envelope>) -> Contact {
        match event {
            NodeEvent::ElectionTimeout => self.pre_votes = ServerSet::EMPTY,
            NodeEvent::TransferLeadership(to)
                if server.is_leader() && to != server.id() && server.config().voters.contains(to) =>
            {
                self.successor = Some(to);
            }
            NodeEvent::Receive(Envelope { from, message, .. }) => match message {
                Message::PreVoteReply(m) if m.vote_granted && m.term == server.current_term().next() => {
                    self.pre_votes.insert(*from);
                }
                Message::AppendEntriesReply(_) | Message::InstallSnapshotReply(_)
                    if message.term() == server.current_term() =>
                {
                    self.heard.insert(*from);
                }
                _ => {}
            },
            _ => {}
        }
        self
    }

    /// What still matters after a step.
    fn kept(self, old: &ModelServer, new: &ModelServer, event: NodeEvent<&Envelope>) -> Contact {
        let is_same_term = old.current_term() == new.current_term();
        let asks = is_same_term && matches!(new.role(), Role::PreCandidate { .. });
        let leads_on = is_same_term && old.is_leader() && new.is_leader();
        let waits_on = leads_on && !matches!(event, NodeEvent::ElectionTimeout);
        let counts = waits_on && new.config().extensions.check_quorum;
        Contact {
            pre_votes: if asks { self.pre_votes } else { ServerSet::EMPTY },
            heard: if counts { self.heard } else { ServerSet::EMPTY },
            successor: self.successor.filter(|_| waits_on),
        }
    }
}

fn renamed_set(servers: ServerSet, name: impl Fn(ServerId) -> ServerId) -> ServerSet {
    let mut renamed = ServerSet::EMPTY;
    servers.iter().for_each(|id| renamed.insert(name(id)));
    renamed
}

/// Judges what came of an event, and remembers it.
pub fn judge(stepped: &mut Stepped, before: &Node, event: NodeEvent<&Envelope>) {
    let (Some(old), Some(new)) = (&before.server, &stepped.node.server) else { return };
    let step = Step { old, new, known: before.contact.told(old, event), event, stepped };
    let mut broken = SafetySet::EMPTY;
    for (safety, holds) in [
        (Safety::PreVoted, step.term_grows_by_pre_votes()),
        (Safety::PreVotesBindNobody, step.pre_vote_changes_nothing()),
        (Safety::PreVotesDeserved, step.pre_vote_is_deserved()),
        (Safety::ContactProtects, step.contact_protects()),
        (Safety::LeadsWithQuorum, step.leads_with_quorum()),
        (Safety::HandsOver, step.hands_over()),
    ] {
        if !holds {
            broken.insert(safety);
        }
    }
    let contact = step.known.kept(old, new, event);
    stepped.node.contact = contact;
    stepped.node.violations = stepped.node.violations.union(broken);
}

/// Whom a step tells to stand for election, in the moment in which the leader finds that it may. A write that was under way
/// may hold the message back: then it says nothing of the moment in which it leaves.
pub fn told_to_stand(sent: &[Envelope], event: NodeEvent<()>) -> Option<ServerId> {
    let is_told = |envelope: &&Envelope| matches!(envelope.message, Message::TimeoutNow(_));
    let told = sent.iter().find(is_told).map(|envelope| envelope.to);
    told.filter(|_| !matches!(event, NodeEvent::Write(_)))
}

/// Whether a server that is told to stand has the leader's whole log, or is past the leader's term: then it does not stand.
pub fn has_whole_log(leader: &Node, told: &Node) -> bool {
    let Some(server) = &leader.server else { return true };
    let term = told.server.as_ref().map_or(told.disk.current_term, Server::current_term);
    let (ours, theirs) = (server.log(), told.log());
    if term > server.current_term() {
        return true;
    }
    let mut index = ours.base_index().max(theirs.base_index());
    while index < ours.last_index() {
        index = index.next();
        if ours.entry(index) != theirs.entry(index) {
            return false;
        }
    }
    theirs.last_index() >= ours.last_index()
}

/// A step of a server that was up before and is up after it.
struct Step<'a> {
    old: &'a ModelServer,
    new: &'a ModelServer,
    /// What the model knows of the server with the event.
    known: Contact,
    event: NodeEvent<&'a Envelope>,
    stepped: &'a Stepped,
}

impl Step<'_> {
    fn message(&self) -> Option<&Message<Command, Prefix>> {
        match self.event {
            NodeEvent::Receive(envelope) => Some(&envelope.message),
            _ => None,
        }
    }

    fn is_majority(&self, others: ServerSet) -> bool {
        others.len() + 1 >= self.old.config().majority()
    }

    fn changes_nothing(&self) -> bool {
        self.old == self.new && !self.stepped.restarts_timer
    }

    fn grants_pre_vote(&self) -> bool {
        let is_grant =
            |sent: &Envelope| matches!(&sent.message, Message::PreVoteReply(reply) if reply.vote_granted);
        self.stepped.sent.iter().any(is_grant)
    }

    /// A server with PreVote comes to a newer term because somebody is in it; because the leader tells it to stand; or by a
    /// candidacy for which a majority, with itself, has pre-voted.
    fn term_grows_by_pre_votes(&self) -> bool {
        let (before, after) = (self.old.current_term(), self.new.current_term());
        if !self.old.config().extensions.pre_vote || after <= before {
            return true;
        }
        match self.message() {
            Some(message) if message.current_term() == Some(after) => true,
            Some(Message::TimeoutNow(m)) => m.term >= before && after == m.term.next(),
            _ => after == before.next() && self.is_majority(self.known.pre_votes),
        }
    }

    /// Whoever is asked for a pre-vote stays as it is. A pre-vote makes at most the pre-candidate stand that asked for it, and
    /// is no vote.
    fn pre_vote_changes_nothing(&self) -> bool {
        match self.message() {
            Some(Message::PreVote(_)) => self.changes_nothing(),
            Some(Message::PreVoteReply(reply)) if reply.vote_granted => {
                match (self.old.role(), self.new.role()) {
                    (Role::PreCandidate { .. }, Role::PreCandidate { .. }) => {
                        self.old.persistent() == self.new.persistent()
                    }
                    (Role::PreCandidate { .. }, Role::Candidate { votes, .. }) => {
                        let id = self.new.id();
                        self.new.current_term() == self.old.current_term().next()
                            && self.new.voted_for() == Some(id)
                            && votes.iter().all(|voter| voter == id)
                    }
                    _ => self.changes_nothing(),
                }
            }
            _ => true,
        }
    }

    /// A pre-vote goes only to a server that asks for a term which is new here, with a log that is at least as up-to-date.
    fn pre_vote_is_deserved(&self) -> bool {
        let Some(Message::PreVote(PreVote { term, last_log_index, last_log_term })) = self.message() else {
            return true;
        };
        let log = self.old.log();
        !self.grants_pre_vote()
            || *term > self.old.current_term()
                && (*last_log_term, *last_log_index) >= (log.last_term(), log.last_index())
    }

    /// A server in contact with a leader grants no pre-vote; and if it has CheckQuorum, a candidate of a newer term changes
    /// nothing at it, unless the leader asked for the election: then nothing is kept from the candidate.
    fn contact_protects(&self) -> bool {
        if !self.old.is_in_contact() {
            return true;
        }
        match self.message() {
            Some(Message::PreVote(_)) => !self.grants_pre_vote(),
            Some(Message::RequestVote(m)) if m.term > self.old.current_term() => {
                if m.transfer {
                    self.new.current_term() == m.term
                } else {
                    !self.old.config().extensions.check_quorum || self.changes_nothing()
                }
            }
            _ => true,
        }
    }

    /// A leader with CheckQuorum leads on after its election timer elapsed only if, with itself, a majority has answered in
    /// its term since the timer elapsed before.
    fn leads_with_quorum(&self) -> bool {
        let is_asked = matches!(self.event, NodeEvent::ElectionTimeout)
            && self.old.config().extensions.check_quorum
            && self.old.is_leader()
            && self.new.is_leader();
        !is_asked || self.is_majority(self.known.heard)
    }

    /// A leader that hands over takes no commands, until its election timer elapses. Only its successor is told to stand, and
    /// stands at once; but not if it is in a newer term by then.
    fn hands_over(&self) -> bool {
        let leads_on = self.old.is_leader()
            && self.new.is_leader()
            && self.old.current_term() == self.new.current_term();
        let takes = leads_on
            && self.known.successor.is_some()
            && self.new.log().last_index() > self.old.log().last_index();
        let waits_on = matches!(self.event, NodeEvent::ElectionTimeout) && self.new.transfer_to().is_some();
        let told = told_to_stand(&self.stepped.sent, self.event.map(|_| ()));
        let stands = match self.message() {
            Some(Message::TimeoutNow(m)) if m.term < self.old.current_term() => self.changes_nothing(),
            Some(Message::TimeoutNow(m)) => {
                self.old.is_leader()
                    || self.new.current_term() == m.term.next() && self.new.voted_for() == Some(self.new.id())
            }
            _ => true,
        };
        !takes && !waits_on && stands && (told.is_none() || told == self.known.successor)
    }
}

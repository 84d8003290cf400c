//! A fair run: what follows, round by round, once faults have ended.
//!
//! A round is as long as an election timeout. In it the heartbeat interval elapses once or more at every leader and
//! candidate, all messages arrive, and a leader without a client's command in its term gets one. Then election timers
//! elapse: the leader's own, and, of the servers whose timer was not restarted during the round, that of one, in
//! turn. The others' timers do not elapse before the messages of that one have arrived: this is the paper's timing
//! requirement (section 5.6). Each server is first once in a while: random timeouts ensure that (section 5.2).

use super::world::{EnvelopeId, Event, NEW_COMMAND, NodeId, World, is_of_rest};
use crate::cluster::bounds::Sending;
use crate::cluster::node::Node;
use figure2_core::{Index, Role, Server, ServerId};
use smallvec::SmallVec;
use std::collections::VecDeque;

/// The servers in an order.
pub type Order = SmallVec<[u8; 5]>;
/// The nodes, by server id.
pub type Nodes = SmallVec<[NodeId; 5]>;

/// Most messages that arrive before a cluster must have come to rest, or is held never to.
const MOST_MESSAGES: usize = 2_000;

/// Most that a service is given after one event, likewise.
const MOST_SERVED: usize = 50;

/// What happened to a node in a fair run, or to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A round begins.
    Round(u32),
    /// An event at a server.
    Event(ServerId, Event),
}

/// Messages go to and fro without an end, or a service is given the same without an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endless;

/// A fair run under way.
pub struct Run<'w> {
    world: &'w mut World,
    nodes: Nodes,
    queue: VecDeque<EnvelopeId>,
    /// The servers whose election timer started anew in this round.
    restarted: u8,
    /// Whether anything but heartbeats and the answers that they match was sent in this round.
    is_busy: bool,
    /// Up to where each server, as leader, has told its followers what is committed.
    told: SmallVec<[Index; 5]>,
    /// A service was given something without an end.
    is_endless: bool,
    /// What happened, if it is to be told.
    trace: Option<Vec<Told>>,
}

/// What a round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Whether the election timer of a server that does not lead elapsed.
    pub timed_out: bool,
    /// Whether anything but heartbeats and the answers that they match was sent.
    pub is_busy: bool,
}

impl<'w> Run<'w> {
    /// From these nodes, with nothing on its way.
    pub fn new(world: &'w mut World, nodes: Nodes, trace: bool) -> Run<'w> {
        let told = nodes.iter().map(|_| Index::ZERO).collect();
        let trace = trace.then(Vec::new);
        Run {
            world,
            nodes,
            queue: VecDeque::new(),
            restarted: 0,
            is_busy: false,
            told,
            is_endless: false,
            trace,
        }
    }

    /// At rest nothing is on its way, and what is committed has been told.
    pub fn begin_at_rest(&mut self) {
        for id in 0..self.told.len() {
            self.told[id] = self.commit_index(id);
        }
    }

    /// The nodes.
    pub fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// What happened.
    pub fn into_story(self) -> Vec<Told> {
        self.trace.unwrap_or_default()
    }

    /// Faults end: nodes that are down start again, writes become durable, services catch up; and these messages, and what
    /// comes of them, arrive.
    pub fn end_faults(&mut self, order: &[u8], envelopes: &[EnvelopeId]) -> Result<(), Endless> {
        self.queue.extend(envelopes);
        for id in order {
            self.happens(*id, Event::Restart);
            let unwritten = self.node(*id).map_or(0, |node| node.unwritten.len());
            self.happens(*id, Event::Write(u8::try_from(unwritten).unwrap_or(u8::MAX)));
            self.serve(*id);
        }
        self.quiet(order)
    }

    /// One round, in which the servers come in this order.
    pub fn round(&mut self, number: u32, order: &[u8]) -> Result<Round, Endless> {
        self.tell(Told::Round(number));
        (self.restarted, self.is_busy) = (0, false);
        for id in order {
            if self.server(*id).is_some_and(|server| !matches!(server.role(), Role::Follower { .. })) {
                self.happens(*id, Event::HeartbeatTimeout);
            }
        }
        self.quiet(order)?;
        for id in order {
            if self.server(*id).is_some_and(lacks_new_command) {
                self.happens(*id, Event::ClientRequest(NEW_COMMAND));
                self.quiet(order)?;
            }
        }
        for id in order {
            if self.leads(*id) {
                self.happens(*id, Event::ElectionTimeout);
            }
        }
        self.quiet(order)?;
        let elapsed = order.iter().find(|id| !self.leads(**id) && self.restarted & (1 << **id) == 0).copied();
        if let Some(first) = elapsed {
            self.happens(first, Event::ElectionTimeout);
            self.quiet(order)?;
        }
        Ok(Round { timed_out: elapsed.is_some(), is_busy: self.is_busy })
    }

    /// All messages arrive, the oldest first, and leaders send what is due, until nothing is left.
    fn quiet(&mut self, order: &[u8]) -> Result<(), Endless> {
        let mut arrived = 0;
        loop {
            while let Some(envelope) = self.queue.pop_front() {
                let to = self.world.envelope(envelope).to.0;
                self.happens(to, Event::Receive(envelope));
                arrived += 1;
                if arrived > MOST_MESSAGES || self.is_endless {
                    return Err(Endless);
                }
            }
            if self.world.bounds().sending == Sending::Separately {
                for id in order {
                    self.send_what_is_due(*id);
                }
            }
            if self.queue.is_empty() {
                break;
            }
        }
        self.begin_at_rest();
        if self.is_endless { Err(Endless) } else { Ok(()) }
    }

    /// Where a leader sends by steps of their own, it does what a node does: it tells what was committed, once for all of it,
    /// and else sends the entries that are due.
    fn send_what_is_due(&mut self, id: u8) {
        let Some(server) = self.server(id).filter(|server| server.is_leader()) else { return };
        let place = usize::from(id);
        let (commit_index, has_entries) = (server.commit_index(), server.has_entries_to_send());
        if self.told.get(place).is_some_and(|told| *told < commit_index) {
            self.told[place] = commit_index;
            self.happens(id, Event::SendCommit);
        } else if has_entries {
            self.happens(id, Event::Replicate);
        }
    }

    /// An event at a node, if it is possible there; then its service does its part.
    fn happens(&mut self, id: u8, event: Event) {
        if self.step(id, event) {
            self.serve(id);
        }
    }

    /// The service gets what it may have, and answers.
    fn serve(&mut self, id: u8) {
        for _ in 0..MOST_SERVED {
            if !self.step(id, Event::AnswerSnapshot) && !self.step(id, Event::Apply) {
                return;
            }
        }
        self.is_endless = true;
    }

    fn step(&mut self, id: u8, event: Event) -> bool {
        let place = usize::from(id);
        let Some(step) = self.nodes.get(place).and_then(|node| self.world.step(*node, event)) else {
            return false;
        };
        self.tell(Told::Event(ServerId(id), event));
        self.nodes[place] = step.node;
        self.restarted |= u8::from(step.restarts_timer) << id;
        for envelope in step.sent {
            self.is_busy |= !is_of_rest(self.world.envelope(envelope));
            self.queue.push_back(envelope);
        }
        true
    }

    fn tell(&mut self, told: Told) {
        if let Some(trace) = &mut self.trace {
            trace.push(told);
        }
    }

    fn node(&self, id: u8) -> Option<&Node> {
        self.nodes.get(usize::from(id)).map(|node| self.world.node(*node))
    }

    fn server(&self, id: u8) -> Option<&Server<crate::Command, crate::Prefix>> {
        self.node(id).and_then(|node| node.server.as_ref())
    }

    fn leads(&self, id: u8) -> bool {
        self.server(id).is_some_and(Server::is_leader)
    }

    fn commit_index(&self, place: usize) -> Index {
        let node = self.nodes.get(place).map(|node| self.world.node(*node));
        node.and_then(|node| node.server.as_ref()).map(Server::commit_index).unwrap_or_default()
    }

    /// What is still missing: one leader whose term all servers are in, equal logs, the new command committed in the leader's
    /// term and applied by every service. Nothing, when all of it is there.
    pub fn missing(&self) -> Option<Missing> {
        let nodes: SmallVec<[&Node; 5]> = self.nodes.iter().map(|node| self.world.node(*node)).collect();
        let servers: SmallVec<[&Server<_, _>; 5]> =
            nodes.iter().filter_map(|node| node.server.as_ref()).collect();
        let mut leaders = servers.iter().filter(|server| server.is_leader());
        let (Some(leader), None) = (leaders.next(), leaders.next()) else { return Some(Missing::OneLeader) };
        if servers.len() < nodes.len()
            || servers.iter().any(|server| server.current_term() != leader.current_term())
        {
            return Some(Missing::OneTerm);
        }
        if lacks_new_command(leader) || leader.commit_index() < leader.log().last_index() {
            return Some(Missing::Commit);
        }
        let ends = |server: &Server<_, _>| (server.log().last_index(), server.log().last_term());
        if servers.iter().any(|server| ends(server) != ends(leader)) {
            return Some(Missing::EqualLogs);
        }
        let is_behind = |server: &&Server<_, _>| {
            server.commit_index() < leader.commit_index() || server.last_applied() < leader.commit_index()
        };
        if servers.iter().any(is_behind)
            || nodes.iter().any(|node| node.service.last_index() < leader.commit_index())
        {
            return Some(Missing::Applied);
        }
        None
    }
}

/// What a cluster that is at rest has not got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No server leads, or several do.
    OneLeader,
    /// Some server is in another term than the leader.
    OneTerm,
    /// A command of the leader's term is not committed.
    Commit,
    /// Some server's log ends elsewhere than the leader's.
    EqualLogs,
    /// Some server does not know what is committed, or its service has not applied it.
    Applied,
}

/// Whether a leader has taken no new command in its term.
fn lacks_new_command(server: &Server<crate::Command, crate::Prefix>) -> bool {
    let is_new = |entry: &figure2_core::Entry<crate::Command>| {
        entry.term == server.current_term() && entry.command == NEW_COMMAND
    };
    // A leader's own entries are the last of its log.
    server.is_leader() && !server.log().entries().iter().any(is_new)
}

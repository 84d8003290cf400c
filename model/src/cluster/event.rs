//! The list of everything that can happen to a node of the cluster. What a node does with an event is one function,
//! [`Stepper::apply_event`](crate::cluster::step::Stepper::apply_event).

use crate::cluster::prefix::Command;
use figure2_core::ServerId;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt;

/// Something that happens to one node. `M` is what is known of a message that arrives: its content, its number, or its
/// description. What happens to messages alone is in [`Action`](crate::Action).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeEvent<M> {
    /// A message arrives.
    Receive(M),
    /// The election timer elapses.
    ElectionTimeout,
    /// The heartbeat interval of a leader, a candidate or a pre-candidate elapses.
    HeartbeatTimeout,
    /// A client gives a leader a command (the lab's Start). The leader replicates it in the same step, unless the bounds
    /// make that a step of its own.
    ClientRequest(Command),
    /// A leader sends followers the entries that they lack, a message each.
    Replicate,
    /// A leader tells followers its commit_index.
    SendCommit,
    /// Somebody asks a leader to hand over to this server.
    TransferLeadership(ServerId),
    /// The records of so many steps, the oldest of those that are not durable, become durable in one write.
    Write(u8),
    /// A write fails: the server stops.
    FailWrite,
    /// The node loses its power. Of what is not durable, the disk keeps the records of so many steps, the oldest.
    Crash(u8),
    /// The node loses its power in the middle of a write, and the disk keeps a part of it: only where a broken
    /// durability policy lets writes be torn.
    TornCrash,
    /// A node that is down loses its disk, and gets an empty one: only where the bounds say so. No server may come back
    /// like that (docs/transport.md).
    LoseDisk,
    /// The node starts from its disk.
    Restart,
    /// The service gets the next committed entry, or a snapshot that it has yet to answer.
    Apply,
    /// The service takes a snapshot of what it has applied.
    TakeSnapshot,
    /// The service answers the snapshot that it was given (the lab's CondInstallSnapshot).
    AnswerSnapshot,
}

/// An event that is no message's arrival.
pub type LocalEvent = NodeEvent<Infallible>;

impl<M> NodeEvent<M> {
    /// The same event, with something else known of the message.
    pub fn map<'a, N>(&'a self, message: impl FnOnce(&'a M) -> N) -> NodeEvent<N> {
        match self {
            NodeEvent::Receive(known) => NodeEvent::Receive(message(known)),
            NodeEvent::ElectionTimeout => NodeEvent::ElectionTimeout,
            NodeEvent::HeartbeatTimeout => NodeEvent::HeartbeatTimeout,
            NodeEvent::ClientRequest(command) => NodeEvent::ClientRequest(*command),
            NodeEvent::Replicate => NodeEvent::Replicate,
            NodeEvent::SendCommit => NodeEvent::SendCommit,
            NodeEvent::TransferLeadership(to) => NodeEvent::TransferLeadership(*to),
            NodeEvent::Write(steps) => NodeEvent::Write(*steps),
            NodeEvent::FailWrite => NodeEvent::FailWrite,
            NodeEvent::Crash(kept) => NodeEvent::Crash(*kept),
            NodeEvent::TornCrash => NodeEvent::TornCrash,
            NodeEvent::LoseDisk => NodeEvent::LoseDisk,
            NodeEvent::Restart => NodeEvent::Restart,
            NodeEvent::Apply => NodeEvent::Apply,
            NodeEvent::TakeSnapshot => NodeEvent::TakeSnapshot,
            NodeEvent::AnswerSnapshot => NodeEvent::AnswerSnapshot,
        }
    }

    /// In words, without what it is about.
    pub fn words(&self) -> &'static str {
        match self {
            NodeEvent::Receive(_) => "receives",
            NodeEvent::ElectionTimeout => "election timeout",
            NodeEvent::HeartbeatTimeout => "heartbeat timeout",
            NodeEvent::ClientRequest(_) => "client request",
            NodeEvent::Replicate => "replicates",
            NodeEvent::SendCommit => "tells its commit_index",
            NodeEvent::TransferLeadership(_) => "is asked to hand over",
            NodeEvent::Write(_) => "write is durable",
            NodeEvent::FailWrite => "write fails",
            NodeEvent::Crash(_) => "crashes",
            NodeEvent::TornCrash => "crashes in the middle of a write",
            NodeEvent::LoseDisk => "loses its disk",
            NodeEvent::Restart => "restarts",
            NodeEvent::Apply => "applies",
            NodeEvent::TakeSnapshot => "service takes a snapshot",
            NodeEvent::AnswerSnapshot => "service answers the snapshot",
        }
    }
}

impl NodeEvent<u32> {
    /// The event and what it is about in one number, by which a search remembers what came of it.
    pub(crate) fn code(self) -> u32 {
        let (kind, operand) = match self {
            NodeEvent::Receive(message) => (0, message),
            NodeEvent::ElectionTimeout => (1, 0),
            NodeEvent::HeartbeatTimeout => (2, 0),
            NodeEvent::ClientRequest(command) => (3, u32::from(command.0)),
            NodeEvent::Crash(kept) => (4, u32::from(kept)),
            NodeEvent::TornCrash => (5, 0),
            NodeEvent::Restart => (6, 0),
            NodeEvent::Write(steps) => (7, u32::from(steps)),
            NodeEvent::FailWrite => (8, 0),
            NodeEvent::Apply => (9, 0),
            NodeEvent::TakeSnapshot => (10, 0),
            NodeEvent::AnswerSnapshot => (11, 0),
            NodeEvent::Replicate => (12, 0),
            NodeEvent::SendCommit => (13, 0),
            NodeEvent::TransferLeadership(to) => (14, u32::from(to.0)),
            NodeEvent::LoseDisk => (15, 0),
        };
        operand << KIND_BITS | kind
    }

    /// The event of a number.
    pub(crate) fn of_code(code: u32) -> Option<NodeEvent<u32>> {
        let (kind, operand) = (code & ((1 << KIND_BITS) - 1), code >> KIND_BITS);
        let arrives = std::iter::once(NodeEvent::Receive(operand));
        let others = LocalEvent::KINDS.iter().map(|kind| match kind.at_node() {
            NodeEvent::ClientRequest(_) => NodeEvent::ClientRequest(Command(operand.to_le_bytes()[0])),
            NodeEvent::Crash(_) => NodeEvent::Crash(operand.to_le_bytes()[0]),
            NodeEvent::Write(_) => NodeEvent::Write(operand.to_le_bytes()[0]),
            NodeEvent::TransferLeadership(_) => {
                NodeEvent::TransferLeadership(ServerId(operand.to_le_bytes()[0]))
            }
            event => event,
        });
        arrives.chain(others).find(|event| event.code() & ((1 << KIND_BITS) - 1) == kind)
    }
}

/// How many bits of a code say what kind of event it is. The others are for the operand: 134 million messages.
const KIND_BITS: u32 = 5;

impl LocalEvent {
    /// One of each kind.
    pub const KINDS: [LocalEvent; 15] = [
        NodeEvent::ElectionTimeout,
        NodeEvent::HeartbeatTimeout,
        NodeEvent::ClientRequest(Command(0)),
        NodeEvent::Replicate,
        NodeEvent::SendCommit,
        NodeEvent::TransferLeadership(ServerId(0)),
        NodeEvent::Crash(0),
        NodeEvent::TornCrash,
        NodeEvent::Write(0),
        NodeEvent::FailWrite,
        NodeEvent::LoseDisk,
        NodeEvent::Restart,
        NodeEvent::Apply,
        NodeEvent::TakeSnapshot,
        NodeEvent::AnswerSnapshot,
    ];

    /// The same event, where messages may arrive too.
    pub fn at_node<M>(self) -> NodeEvent<M> {
        self.map(|never| match *never {})
    }
}

impl<M: fmt::Display> fmt::Display for NodeEvent<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())?;
        match self {
            NodeEvent::Receive(message) => write!(f, " {message}"),
            NodeEvent::ClientRequest(command) => write!(f, " {command}"),
            NodeEvent::TransferLeadership(to) => write!(f, " to {to}"),
            NodeEvent::Crash(records @ 1..) | NodeEvent::Write(records) => write!(f, ", records: {records}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_a_code_of_its_own_from_which_it_is_found() {
        let with = |operand: u8| {
            let local = LocalEvent::KINDS.iter().map(move |kind| match kind.at_node() {
                NodeEvent::ClientRequest(_) => NodeEvent::ClientRequest(Command(operand)),
                NodeEvent::Crash(_) => NodeEvent::Crash(operand),
                NodeEvent::Write(_) => NodeEvent::Write(operand),
                NodeEvent::TransferLeadership(_) => NodeEvent::TransferLeadership(ServerId(operand)),
                event => event,
            });
            local.chain([NodeEvent::Receive(u32::from(operand) << 19)])
        };
        let mut events: Vec<NodeEvent<u32>> = with(0).chain(with(7)).chain(with(200)).collect();
        events.dedup();
        for event in &events {
            assert_eq!(NodeEvent::of_code(event.code()), Some(*event));
        }
        assert_eq!(NodeEvent::of_code((1 << KIND_BITS) - 1), None);
    }
}

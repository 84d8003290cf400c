//! All nodes together. Each line is judged by itself, then as the next line of its node, then against what other
//! nodes' lines say of votes, leaders, commits and messages.

use super::ballots::{Ballot, Votes};
use super::elections::{Elections, shows_leader};
use super::line::{Event, Message, Name, Role, Type};
use super::network::{Network, Origin, contradiction};
use super::node::{self, Node};
use super::notes::Notes;
use crate::property::{Findings, Property};
use crate::timeline::Clock;
use crate::unexplained::{Cause, Collected};
use crate::{Kind, Report, Timeline, rows};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What such a trace does not show.
const NOT_SHOWN: [Property; 10] = [
    Property::StateMachineSafety,
    Property::AppliedInOrder,
    Property::SnapshotIsPrefix,
    Property::ElectionDurable,
    Property::FollowersAccept,
    Property::KnownLeader,
    Property::NoRejection,
    Property::PreVoted,
    Property::PreVotesBindNobody,
    Property::ContactProtects,
];

/// What it shows in part.
const IN_PART: [Property; 7] = [
    Property::LeaderAppendOnly,
    Property::LogMatching,
    Property::LeaderCompleteness,
    Property::CommittedAgree,
    Property::CommittedOnMajority,
    Property::NothingGoesBack,
    Property::Recoverable,
];

/// What a report on such a trace says of lines that may be missing.
const LOST: &str = "a line that is missing is named where another one needs it. It can hide: that a message was sent or \
received, where nothing followed from it; the last steps of a node; a restart that lost nothing; two votes of a node, or \
two leaders, of which only one is told";

/// What is known of all nodes so far.
pub(super) struct Auditor {
    pub(super) notes: Notes,
    timeline: Timeline,
    nodes: BTreeMap<u64, Node>,
    votes: Votes,
    elections: Elections,
    network: Network,
    pub(super) cut_off: bool,
    pub(super) lines: u64,
    /// Lines of a logger that are no events.
    pub(super) other_lines: u64,
    voters: usize,
}

impl Auditor {
    pub(super) fn new(in_order: bool, cut_off: bool) -> Auditor {
        Auditor {
            notes: Notes { findings: Findings::new(&NOT_SHOWN, &IN_PART), unexplained: Collected::default() },
            timeline: Timeline::of(Clock::Lines),
            nodes: BTreeMap::new(),
            votes: Votes::default(),
            elections: Elections::default(),
            network: Network::new(in_order),
            cut_off,
            lines: 0,
            other_lines: 0,
            voters: 0,
        }
    }

    /// Of several files, what was sent, and who has lines.
    pub(super) fn learn(&mut self, event: &Event) {
        self.network.tells(event.node);
        if let Some(message) = event.msg.as_ref().filter(|_| event.name.sends()) {
            self.network.send(message);
        }
    }

    pub(super) fn take(&mut self, event: &Event) {
        let id = event.node;
        self.timeline.tick(self.lines);
        self.voters = self.voters.max(event.conf.0.0.len());
        self.look(event);
        let (mut node, before) = match self.nodes.remove(&id) {
            Some(mut node) => {
                let before = Some((node.held, node.is_loaded()));
                node.follow(event, &mut self.notes);
                (node, before)
            }
            None => (self.first(event), None),
        };
        self.mark(event, before.map(|(held, _)| held));
        self.lead(event, &node);
        if node.is_loaded() {
            if self.network.in_order {
                self.votes.agree(id, Ballot::of(event.state), &mut self.notes);
            }
            self.elections.commits(event.state.term, event.state.commit, &mut self.notes);
        }
        if self.network.in_order {
            self.elections.has_log(id, event.log, &mut self.notes);
        }
        let rises = before.is_some_and(|(held, _)| event.state.commit > held.state.commit);
        if event.role == Role::Leader && event.name == Name::Commit && rises {
            self.elections.leader_commits(event);
        }
        if let Some(message) = &event.msg {
            if event.name.sends() {
                if event.role == Role::Leader
                    && message.kind == Type::App
                    && event.name == Name::SendAppendEntriesRequest
                {
                    node.leading.says(
                        id,
                        event.state.term,
                        (message.index, message.log_term),
                        &mut self.notes,
                    );
                }
                self.network.send(message);
            }
            if event.name.receives() {
                self.received(message, &mut node);
            }
        }
        match event.name {
            Name::Ready => self.network.ready(id),
            Name::InitState => self.network.restart(id),
            _ => {}
        }
        self.nodes.insert(id, node);
    }

    /// A node has its first line.
    fn first(&mut self, event: &Event) -> Node {
        let id = event.node;
        let late = self.network.late(id);
        self.notes.explained(Cause::Message, late == 0, || {
            format!("{late} messages of node {id} were received before this, its first line")
        });
        self.network.tells(id);
        let mut node = Node::new(event);
        if event.name == Name::InitState {
            node.follow(event, &mut self.notes);
        } else {
            self.notes.explained(Cause::Step, false, || {
                format!("the first line of node {id} is no InitState: the trace lacks its beginning")
            });
        }
        node
    }

    /// What a line says by itself.
    fn look(&mut self, event: &Event) {
        let Event { name, node, state, role, log, msg, .. } = event;
        let notes = &mut self.notes;
        notes.expect(Property::CommittedAgree, state.commit <= *log, || {
            format!("node {node} holds index {} committed, and its log ends at {log}", state.commit)
        });
        let asks = matches!(role, Role::Candidate | Role::Leader);
        notes.expect(Property::OneVote, !asks || state.vote == 0 || state.vote == *node, || {
            format!("node {node} is candidate or leader of term {}, and votes for {}", state.term, state.vote)
        });
        notes.explained(Cause::Line, !asks || state.vote != 0, || {
            format!("node {node} is candidate or leader of term {}, and has no vote for itself", state.term)
        });
        notes.explained(Cause::Line, state.term > 0 || state.vote == 0, || {
            format!("node {node} votes for {} in no term", state.vote)
        });
        if let Name::Other(other) = name {
            // Of these it is known that nothing follows from them.
            let is_known = matches!(other.as_str(), "SendSnapshot" | "ReceiveSnapshot" | "ReduceNextIndex");
            notes.explained(Cause::Event, is_known, || {
                format!("node {node}: what happens at \"{other}\" is not known to this program")
            });
        } else {
            notes.explained(Cause::Line, msg.is_some() == (name.sends() || name.receives()), || {
                format!("node {node}: {name:?} with a message that does not belong there, or without its own")
            });
        }
        let Some(message) = msg.as_ref().filter(|_| name.sends() || name.receives()) else { return };
        let matched = self.nodes.get(node).and_then(|node| node.leading.has_heard_of(message.to));
        if let Some(what) = contradiction(event, message, matched) {
            notes.explained(Cause::Line, false, || what);
        }
    }

    /// What a line shows of the leaders of terms.
    fn lead(&mut self, event: &Event, node: &Node) {
        let Some((leader, term)) = shows_leader(event) else { return };
        if self.elections.leads(leader, term, &mut self.notes) {
            self.timeline.mark(self.lines, leader, Kind::Leader, term);
        }
        if event.role != Role::Leader {
            return;
        }
        self.elections.leader_line(event, &mut self.notes);
        self.notes.explained(Cause::Leader, node.was_made_leader(), || {
            format!("node {leader} leads term {term}, and no line made it leader")
        });
        if event.name == Name::BecomeLeader {
            let (wins, count, of) = node.votes();
            let against = node.conf().halves().any(|voters| {
                self.votes.against(leader, term, voters) > voters.len() - (voters.len() / 2 + 1)
            });
            self.notes.expect(Property::OneVote, !against, || {
                format!("node {leader} becomes leader of term {term}; most voters voted for another")
            });
            self.notes.explained(Cause::Leader, wins, || {
                format!("node {leader} becomes leader of term {term}; it received the votes of {count} of {of} voters")
            });
        }
    }

    fn received(&mut self, message: &Message, node: &mut Node) {
        let Message { kind, term, from, to, index, reject, .. } = *message;
        let origin = self.network.receive(message);
        let what = match origin {
            Origin::Sent | Origin::Unknown => "",
            Origin::Queued => "is received, and no Ready of its sender handed it over",
            Origin::Nobody => "is received, and nobody sent it",
        };
        self.notes.explained(Cause::Message, what.is_empty(), || {
            format!("a {} of {from} to {to}, term {term}, index {index}, {what}", kind.name())
        });
        let sender = if from == node.id() { Some(node) } else { self.nodes.get_mut(&from) };
        let mut sender = sender;
        if let Some(sender) = sender.as_deref_mut().filter(|_| kind == Type::AppResp && !reject) {
            let (known, highest) = sender.acknowledged;
            if term > known || (term == known && index > highest) {
                sender.acknowledged = (term, index);
            }
        }
        self.votes.received(message, sender.map(|sender| &mut sender.kept), &mut self.notes);
    }

    fn mark(&mut self, event: &Event, before: Option<node::Held>) {
        let (id, term, at) = (event.node, event.state.term, self.lines);
        match event.name {
            Name::InitState if before.is_some() => self.timeline.mark(at, id, Kind::Restart, term),
            Name::InitState => self.timeline.mark(at, id, Kind::Start, term),
            Name::BecomeCandidate => self.timeline.mark(at, id, Kind::Candidate, term),
            Name::BecomeFollower if before.is_some_and(|held| held.role == Role::Leader) => {
                self.timeline.mark(at, id, Kind::SteppedDown, term);
            }
            _ => {}
        }
        self.timeline.commit(at, event.state.commit);
    }

    pub(super) fn finish(mut self, files: Vec<Arc<str>>) -> Report {
        let owing: Vec<String> =
            self.nodes.iter().filter_map(|(id, node)| Some(format!("node {id}: {}", node.owes()?))).collect();
        self.notes.explained(Cause::End, owing.is_empty() || self.cut_off, || owing.join("; "));
        let mut notes = vec![LOST.to_owned()];
        let (unchecked, senders) = self.network.unchecked();
        if unchecked > 0 {
            notes.push(format!("{unchecked} messages came from nodes without lines ({senders:?}): whether they were sent is not known"));
        }
        if self.other_lines > 0 {
            notes.push(format!("{} lines are no events, and were passed over", self.other_lines));
        }
        if !self.network.in_order {
            notes.push("of several files, what depends on the order between nodes was not judged: put all lines into one file".to_owned());
        }
        Report {
            files,
            lines: self.lines,
            cluster: self.voters.max(self.nodes.len()),
            servers: self.nodes.len(),
            steps: self.lines,
            elections: self.elections.count(),
            committed: self.elections.committed(),
            rows: rows(&self.notes.findings),
            violations: self.notes.findings.violations,
            unexplained: self.notes.unexplained.first,
            tails: Vec::new(),
            notes,
            uncompared: 0,
            widest: 0,
            timeline: self.timeline,
            contexts: Vec::new(),
        }
    }
}

//! The trace lines that etcd's raft writes when it is built with its tag `with_tla`: one JSON object a line, an event
//! with the node's term, vote, role, commit and last index, and the message it is about, if it is about one.
//!
//! They show neither the terms and contents of entries, nor what is on a disk, nor what a service applies. What they
//! show is judged twice (docs/conformance.md):
//!
//! - **Violated** is what no lines that may be missing could make right: two leaders of a term, two votes.
//! - **Unexplained** is what a whole trace of a correct cluster would not have: a leader that no line made one, a message
//!   that nobody sent. Lines are missing there, or the cluster misbehaved; the trace does not tell which.

mod ballots;
mod elections;
mod leading;
mod line;
mod network;
mod node;
mod notes;

use super::property::{Findings, Here, Property};
use super::timeline::Clock;
use super::unexplained::{Cause, Collected};
use super::{Kind, Report, Timeline, rows};
use anyhow::{Context as _, bail};
use ballots::{Ballot, Votes};
use elections::{Elections, shows_leader};
use line::{Event, Message, Name, Role, Type};
use network::{Network, Origin, contradiction};
use node::Node;
use notes::Notes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

/// What such a trace does not show.
const NOT_SHOWN: [Property; 6] = [
    Property::StateMachineSafety,
    Property::AppliedInOrder,
    Property::SnapshotIsPrefix,
    Property::ElectionDurable,
    Property::FollowersAccept,
    Property::NoRejection,
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

/// A line: the event itself, or a logger's line around it.
#[derive(Deserialize)]
struct Wrapped {
    event: Event,
}

/// Some other line of a logger.
#[derive(Deserialize)]
struct Beside {
    event: Option<IgnoredAny>,
    nid: Option<IgnoredAny>,
}

/// Whether a line looks like one of such a trace: an object with `nid` and `state`, or a logger's line around one.
pub(crate) fn recognises(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "nid")]
        _nid: IgnoredAny,
        #[serde(rename = "state")]
        _state: IgnoredAny,
    }
    #[derive(Deserialize)]
    struct Around {
        #[serde(rename = "event")]
        _event: Head,
    }
    serde_json::from_slice::<Around>(line).is_ok() || serde_json::from_slice::<Head>(line).is_ok()
}

/// Judges such traces: the lines of one in their order, those of several one file after the other. With `cut_off`, a last
/// line that is not whole is left out, and a step that lacks its end is no finding.
///
/// # Errors
/// When a file cannot be read, has no event, or is something else.
pub fn audit_files(paths: &[PathBuf], cut_off: bool) -> anyhow::Result<Report> {
    let mut auditor = Auditor::new(paths.len() < 2, cut_off);
    let open = |path: &PathBuf| -> anyhow::Result<(Arc<str>, BufReader<File>)> {
        let name: Arc<str> = path.display().to_string().into();
        let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
        Ok((name, BufReader::new(file)))
    };
    if paths.len() > 1 {
        // What one node received may stand in an earlier file than what the other sent.
        for path in paths {
            let (name, lines) = open(path)?;
            auditor.read(&name, lines, &mut |auditor, event| auditor.learn(event))?;
        }
        (auditor.lines, auditor.other_lines) = (0, 0);
    }
    let mut files = Vec::new();
    for path in paths {
        let (name, lines) = open(path)?;
        auditor.read(&name, lines, &mut |auditor, event| auditor.take(event))?;
        files.push(name);
    }
    Ok(auditor.finish(files))
}

/// Judges the lines of one trace.
///
/// # Errors
/// When they cannot be read, or are something else.
pub fn audit_lines(name: &str, lines: impl BufRead, cut_off: bool) -> anyhow::Result<Report> {
    let mut auditor = Auditor::new(true, cut_off);
    let name: Arc<str> = name.into();
    auditor.read(&name, lines, &mut |auditor, event| auditor.take(event))?;
    Ok(auditor.finish(vec![name]))
}

struct Auditor {
    notes: Notes,
    timeline: Timeline,
    nodes: BTreeMap<u64, Node>,
    votes: Votes,
    elections: Elections,
    network: Network,
    cut_off: bool,
    lines: u64,
    /// Lines of a logger that are no events.
    other_lines: u64,
    voters: usize,
}

impl Auditor {
    fn new(in_order: bool, cut_off: bool) -> Auditor {
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

    fn read(
        &mut self,
        name: &Arc<str>,
        mut lines: impl BufRead,
        each: &mut dyn FnMut(&mut Auditor, &Event),
    ) -> anyhow::Result<()> {
        let before = self.lines;
        let (mut number, mut bytes) = (0, Vec::new());
        loop {
            bytes.clear();
            number += 1;
            let read = lines.read_until(b'\n', &mut bytes);
            if read.with_context(|| format!("{name}:{number}: cannot be read"))? == 0 {
                break;
            }
            let is_last = bytes.last() != Some(&b'\n');
            let text = bytes.trim_ascii();
            let text = if number == 1 { text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text) } else { text };
            if text.is_empty() {
                continue;
            }
            let event = match event(text) {
                Ok(Some(event)) => event,
                Ok(None) => {
                    self.other_lines += 1;
                    continue;
                }
                Err(_) if is_last && self.cut_off => break,
                Err(error) => {
                    let hint = if is_last {
                        " (is the trace cut off here? --cut-off judges what there is)"
                    } else {
                        ""
                    };
                    bail!("{name}:{number}: not a trace line of etcd's raft: {error}{hint}");
                }
            };
            self.lines += 1;
            // The lines have no clock that all loggers share, so their order is the time.
            let (position, server, at) = (self.lines, event.node, self.lines);
            self.notes.findings.here = Here { file: name.clone(), line: number, position, server, at };
            each(self, &event);
        }
        if self.lines == before {
            bail!(
                "{name}: the trace has no event: was etcd's raft built with the tag with_tla and given a TraceLogger?"
            );
        }
        Ok(())
    }

    /// Of several files, what was sent, and who has lines.
    fn learn(&mut self, event: &Event) {
        self.network.tells(event.node);
        if let Some(message) = event.msg.as_ref().filter(|_| event.name.sends()) {
            self.network.send(message);
        }
    }

    fn take(&mut self, event: &Event) {
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

    fn finish(mut self, files: Vec<Arc<str>>) -> Report {
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
            notes,
            uncompared: 0,
            widest: 0,
            timeline: self.timeline,
            surroundings: Vec::new(),
        }
    }
}

/// The event of a line; none if it is another line of the logger.
fn event(text: &[u8]) -> Result<Option<Event>, serde_json::Error> {
    let wrapped = match serde_json::from_slice::<Wrapped>(text) {
        Ok(wrapped) => return Ok(Some(wrapped.event)),
        Err(error) => error,
    };
    let bare = match serde_json::from_slice::<Event>(text) {
        Ok(event) => return Ok(Some(event)),
        Err(error) => error,
    };
    match serde_json::from_slice::<Beside>(text) {
        Ok(Beside { event: None, nid: None }) => Ok(None),
        Ok(Beside { event: Some(_), .. }) => Err(wrapped),
        _ => Err(bare),
    }
}

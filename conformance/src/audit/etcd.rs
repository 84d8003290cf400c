//! The trace lines that etcd's raft writes when it is built with its tag `with_tla`: one JSON object a line, an event
//! with the node's term, vote, commit and last index, and the message it is about, if it is about one.
//!
//! They show neither the terms and contents of entries, nor what is on a disk, nor what a service applies, so
//! the properties of entries cannot be judged from them (docs/conformance.md). What they show is judged: who leads,
//! who votes for whom, that nothing goes back, how long the logs are, and what was acknowledged before it was committed.

use super::property::{Findings, Here, Property};
use super::{Kind, Report, Timeline, rows};
use anyhow::{Context as _, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

/// What such a trace does not show.
const NOT_SHOWN: [Property; 9] = [
    Property::LogMatching,
    Property::StateMachineSafety,
    Property::CommittedAgree,
    Property::AppliedInOrder,
    Property::SnapshotIsPrefix,
    Property::Recoverable,
    Property::ElectionDurable,
    Property::FollowersAccept,
    Property::NoRejection,
];

/// A line: the event itself, or a logger's line around it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Recorded {
    Wrapped { event: Event },
    Bare(Event),
}

#[derive(Deserialize)]
struct Event {
    name: String,
    nid: String,
    state: State,
    role: String,
    /// The last index.
    log: u64,
    /// The voters, and those of the configuration that is left.
    conf: (Vec<String>, Vec<String>),
    msg: Option<Message>,
}

#[derive(Clone, Copy, Deserialize)]
struct State {
    term: u64,
    #[serde(deserialize_with = "number")]
    vote: u64,
    commit: u64,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    term: u64,
    from: String,
    to: String,
    index: u64,
    #[serde(default)]
    reject: bool,
}

fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// A node, as far as the lines show it.
#[derive(Clone, Copy)]
struct Node {
    state: State,
    is_leader: bool,
    last_index: u64,
    /// The last vote it told of: term and candidate.
    promised: (u64, u64),
    /// The term, and the last index it acknowledged in it.
    acknowledged: (u64, u64),
}

struct Auditor {
    findings: Findings,
    timeline: Timeline,
    nodes: BTreeMap<u64, Node>,
    leaders: BTreeMap<u64, u64>,
    /// For each term, the highest index that its leader committed.
    committed: BTreeMap<u64, u64>,
    lines: u64,
    voters: usize,
}

/// Judges such traces, one after the other.
///
/// # Errors
/// When a file cannot be read, has no event, or is something else.
pub fn audit_files(paths: &[PathBuf]) -> anyhow::Result<Report> {
    let mut auditor = Auditor::new();
    let mut files: Vec<Arc<str>> = Vec::new();
    for path in paths {
        let name: Arc<str> = path.display().to_string().into();
        let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
        auditor.read(&name, BufReader::new(file))?;
        files.push(name);
    }
    Ok(auditor.finish(files))
}

/// Judges the lines of one trace.
///
/// # Errors
/// When they cannot be read, or are something else.
pub fn audit_lines(name: &str, lines: impl BufRead) -> anyhow::Result<Report> {
    let mut auditor = Auditor::new();
    let name: Arc<str> = name.into();
    auditor.read(&name, lines)?;
    Ok(auditor.finish(vec![name]))
}

impl Auditor {
    fn new() -> Auditor {
        Auditor {
            findings: Findings::new(NOT_SHOWN.to_vec()),
            timeline: Timeline::default(),
            nodes: BTreeMap::new(),
            leaders: BTreeMap::new(),
            committed: BTreeMap::new(),
            lines: 0,
            voters: 0,
        }
    }

    fn read(&mut self, name: &Arc<str>, lines: impl BufRead) -> anyhow::Result<()> {
        let before = self.lines;
        for (line, number) in lines.lines().zip(1..) {
            let line = line.with_context(|| format!("{name}:{number}: cannot be read"))?;
            if line.trim().is_empty() {
                continue;
            }
            let recorded: Recorded = serde_json::from_str(&line).with_context(|| {
                format!("{name}:{number}: not a trace line of etcd's raft (is the trace cut off here?)")
            })?;
            let (Recorded::Wrapped { event } | Recorded::Bare(event)) = recorded;
            let node: u64 =
                event.nid.parse().with_context(|| format!("{name}:{number}: nid is not a number"))?;
            self.lines += 1;
            let server = u8::try_from(node).unwrap_or(u8::MAX);
            // The lines have no clock of their own, so their order is the time.
            self.findings.here =
                Here { file: name.clone(), line: number, position: self.lines, server, at: self.lines };
            self.timeline.tick(self.lines);
            self.take(node, server, &event);
        }
        if self.lines == before {
            bail!(
                "{name}: the trace is empty: was etcd's raft built with the tag with_tla and given a TraceLogger?"
            );
        }
        Ok(())
    }

    fn take(&mut self, id: u64, server: u8, event: &Event) {
        let Event { name, state, log, conf, msg, .. } = event;
        self.voters = self.voters.max(conf.0.len());
        let is_leader = event.role == "StateLeader";
        let starts = name == "InitState";
        let fresh =
            Node { state: *state, is_leader, last_index: *log, promised: (0, 0), acknowledged: (0, 0) };
        let before = self.nodes.get(&id).copied();
        if let Some(before) = before {
            self.compare(id, &before, event, starts);
        }
        if starts {
            let kind = if before.is_some() { Kind::Restart } else { Kind::Start };
            self.timeline.mark(self.lines, server, kind, state.term);
        }
        let mut node = Node {
            promised: before.map_or((0, 0), |node| node.promised),
            acknowledged: before.map_or((0, 0), |node| node.acknowledged),
            ..fresh
        };
        match name.as_str() {
            "BecomeCandidate" => self.timeline.mark(self.lines, server, Kind::Candidate, state.term),
            "BecomeLeader" => self.elected(id, server, &node),
            _ => {}
        }
        if let Some(message) = msg.as_ref().filter(|message| message.from == event.nid) {
            self.sent(id, &mut node, name, message);
        }
        self.nodes.insert(id, node);
        let committed_before = before.map_or(0, |before| before.state.commit);
        if state.commit > committed_before && !starts {
            self.timeline.commit(self.lines, state.commit);
            if is_leader && before.is_some_and(|before| before.is_leader) {
                self.committed(id, &node, conf);
            }
        }
    }

    /// What relates a node's state to the one before.
    fn compare(&mut self, id: u64, before: &Node, event: &Event, starts: bool) {
        let (old, new) = (before.state, event.state);
        let stands = new.term > old.term || (new.term == old.term && (old.vote == 0 || new.vote == old.vote));
        self.findings.expect(Property::OneVote, stands, || {
            format!(
                "node {id} goes from term {} and vote {} to {} and {}",
                old.term, old.vote, new.term, new.vote
            )
        });
        if starts {
            return;
        }
        self.findings.expect(Property::NothingGoesBack, new.commit >= old.commit, || {
            format!("node {id} goes back from commit {} to {}", old.commit, new.commit)
        });
        if before.is_leader && event.role == "StateLeader" && old.term == new.term {
            self.findings.expect(Property::LeaderAppendOnly, event.log >= before.last_index, || {
                format!(
                    "node {id}, leader of term {}: its log shrinks from {} to {}",
                    new.term, before.last_index, event.log
                )
            });
        }
    }

    fn elected(&mut self, id: u64, server: u8, node: &Node) {
        let (term, last_index) = (node.state.term, node.last_index);
        let first = *self.leaders.entry(term).or_insert(id);
        self.findings.expect(Property::ElectionSafety, first == id, || {
            format!("nodes {first} and {id} both lead term {term}")
        });
        if let Some((in_term, index)) = self.committed.range(..term).next_back() {
            let (in_term, index) = (*in_term, *index);
            self.findings.expect(Property::LeaderCompleteness, last_index >= index, || {
                format!("node {id} leads term {term} with a log up to {last_index}; {index} was committed in term {in_term}")
            });
        }
        self.timeline.mark(self.lines, server, Kind::Leader, term);
    }

    /// A node tells others of its vote, or acknowledges entries.
    fn sent(&mut self, id: u64, node: &mut Node, name: &str, message: &Message) {
        let to: u64 = message.to.parse().unwrap_or_default();
        let vote = match name {
            "SendRequestVoteRequest" => Some(id),
            "SendRequestVoteResponse" if !message.reject => Some(to),
            _ => None,
        };
        if let Some(vote) = vote {
            let promised = node.promised;
            self.findings.expect(Property::OneVote, promised.0 != message.term || promised.1 == vote, || {
                format!(
                    "node {id} votes for {vote} in term {}, after a vote for {}",
                    message.term, promised.1
                )
            });
            node.promised = (message.term, vote);
        }
        if message.kind == "MsgAppResp" && !message.reject {
            let (term, index) = node.acknowledged;
            let highest = if term == message.term { index.max(message.index) } else { message.index };
            node.acknowledged = (message.term, highest);
        }
    }

    /// A leader commits: so many voters must have acknowledged it in its term.
    fn committed(&mut self, id: u64, leader: &Node, conf: &(Vec<String>, Vec<String>)) {
        let State { term, commit, .. } = leader.state;
        let highest = self.committed.entry(term).or_default();
        *highest = commit.max(*highest);
        for voters in [&conf.0, &conf.1].into_iter().filter(|voters| !voters.is_empty()) {
            let acknowledged = |voter: &&String| {
                let node = voter.parse().ok().and_then(|voter: u64| self.nodes.get(&voter));
                // A voter without lines may have.
                node.is_none_or(|node| node.acknowledged.0 == term && node.acknowledged.1 >= commit)
            };
            let count = voters.iter().filter(acknowledged).count();
            self.findings.expect(Property::CommittedOnMajority, count > voters.len() / 2, || {
                format!("node {id} commits index {commit} in term {term}, which {count} of {} voters acknowledged", voters.len())
            });
        }
    }

    fn finish(self, files: Vec<Arc<str>>) -> Report {
        Report {
            files,
            lines: self.lines,
            cluster: self.voters.max(self.nodes.len()),
            servers: self.nodes.len(),
            steps: self.lines,
            elections: self.leaders.len(),
            committed: self.committed.values().max().copied().unwrap_or_default(),
            rows: rows(&self.findings),
            violations: self.findings.violations,
            uncompared: 0,
            widest: 0,
            timeline: self.timeline,
            surroundings: Vec::new(),
        }
    }
}

//! Replays every recorded step through the core, and checks that each received message was sent.
//!
//! Nothing of the protocol is decided here: the core says what each step must answer, change and send. In addition
//! the node around the core is checked. It must have reported a write to the core only when the write was durable,
//! sent exactly what the steps produced and not before their changes were durable, delivered what was committed, and
//! restarted from what had been saved.

mod in_memory;
mod network;
mod queue;
mod replayed_node;

pub(crate) use in_memory::InMemory;
use network::Network;

use crate::convert::{Content, ReplayPayload, ToCore as _};
use figure2::record::Event;
use figure2_core::{Persistent, Rule, RuleSet, ServerId, ServerSet, Snapshot};
use figure2_trace::{Line, Payload, Place, Problem, Reader, Sequence, TraceError, v1};
use replayed_node::ReplayedNode;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

type Disk<P> = Persistent<ReplayPayload<P>, ReplayPayload<P>>;

/// What was consumed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files.
    pub files: u64,
    /// Lines between the first and the last of each.
    pub lines: u64,
    /// Servers.
    pub servers: BTreeSet<u8>,
    /// Starts of servers.
    pub runs: u64,
    /// Restarts that were held against what had been saved.
    pub restarts: u64,
    /// Steps taken again.
    pub steps: u64,
    /// Writes.
    pub writes: u64,
    /// Messages that left.
    pub sent: u64,
    /// Messages that arrived.
    pub received: u64,
    /// Of these, how many came from servers whose trace is not there, or cut off.
    pub unchecked: u64,
    /// Entries and snapshots handed to the services.
    pub delivered: u64,
    /// The rules that fired.
    pub rules: RuleSet,
}

/// The first line that is rejected, and why.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// Where it stands.
    pub place: Place,
    /// The server.
    pub server: u8,
    /// Its run.
    pub run: u32,
    /// What cannot be.
    pub what: String,
    /// What should stand there, if that can be said.
    pub expected: Option<String>,
    /// What stands there.
    pub found: Option<String>,
    /// The rules that fire when the core takes the step.
    pub rules: RuleSet,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: server {}, run {}: {}", self.place, self.server, self.run, self.what)?;
        if let Some(expected) = &self.expected {
            write!(f, "\n  expected: {expected}")?;
        }
        if let Some(found) = &self.found {
            write!(f, "\n  found:    {found}")?;
        }
        for rule in self.rules.iter() {
            write!(f, "\n  rule {}: {} ({})", rule.id(), rule.text(), rule.place())?;
        }
        Ok(())
    }
}

/// What does not fit in an event, before its place is known.
pub(crate) struct Mismatch {
    what: String,
    expected: Option<String>,
    found: Option<String>,
    rules: RuleSet,
}

impl Mismatch {
    fn new(what: impl Into<String>) -> Mismatch {
        Mismatch { what: what.into(), expected: None, found: None, rules: RuleSet::EMPTY }
    }

    fn expected(self, expected: impl fmt::Display) -> Mismatch {
        Mismatch { expected: Some(expected.to_string()), ..self }
    }

    fn found(self, found: impl fmt::Display) -> Mismatch {
        Mismatch { found: Some(found.to_string()), ..self }
    }
}

/// How a validation ended.
#[derive(Debug)]
pub struct Report {
    /// What was consumed, up to the rejection if there is one.
    pub counts: Counts,
    /// The first thing that cannot be; none when the trace is valid.
    pub rejection: Option<Rejection>,
}

/// Takes the traces again, one file after the other, in the order in which they began: several files of one server are
/// its runs in order.
///
/// # Errors
/// When a trace cannot be used, or none has a line: then there is no verdict.
pub fn validate(mut readers: Vec<Reader>) -> Result<Report, TraceError> {
    readers.sort_by_key(|reader| reader.header().began);
    let mut validator = Validator::default();
    let mut empty = None;
    for mut reader in readers {
        let lines = validator.counts.lines;
        if reader.begins_late() {
            validator.lacks_a_run();
        }
        if let Some(rejection) = validator.read(&mut reader)? {
            return Ok(Report { counts: validator.counts, rejection: Some(rejection) });
        }
        if validator.counts.lines == lines {
            validator.lacks_a_run();
            empty = empty.or(Some(reader));
        }
    }
    if let Some(reader) = empty.filter(|_| validator.counts.lines == 0) {
        return Err(reader.error(Problem::Empty));
    }
    Ok(validator.finish())
}

struct Validator<P> {
    counts: Counts,
    network: Network,
    /// What each server can find on its disk when it starts next; none after a trace that is cut off.
    disks: BTreeMap<u8, Option<Vec<Disk<P>>>>,
}

/// One file, as far as it was read.
struct Progress<P> {
    /// By server and run. Of a server's older run, the tasks may have something under way while the newer starts.
    nodes: BTreeMap<(u8, u32), ReplayedNode<P>>,
}

impl<P> Default for Progress<P> {
    fn default() -> Self {
        Progress { nodes: BTreeMap::new() }
    }
}

impl<P> Default for Validator<P> {
    fn default() -> Self {
        Validator { counts: Counts::default(), network: Network::default(), disks: BTreeMap::new() }
    }
}

impl Validator<Payload> {
    fn read(&mut self, reader: &mut Reader) -> Result<Option<Rejection>, TraceError> {
        self.counts.files += 1;
        let cluster = reader.header().servers;
        for envelope in &reader.header().on_their_way {
            self.network.was_sent(&envelope.clone().to_core());
        }
        let file = reader.file().clone();
        let mut progress = Progress::default();
        let mut sequence = Sequence::default();
        loop {
            let parsed = match reader.next_line()? {
                None => break,
                Some(raw) => raw.parse().map(|line: Line| (raw.number, line)),
            };
            let (number, line) = parsed.map_err(|problem| reader.error(problem))?;
            let Line { server, run, seq, .. } = line;
            sequence.follow(server, run, seq).map_err(|problem| reader.error(problem))?;
            let place = Place { file: file.clone(), line: number };
            if let Err(rejection) = self.line(&mut progress, cluster, place, line) {
                return Ok(Some(*rejection));
            }
        }
        for ((server, _), node) in progress.nodes {
            let is_known = reader.is_whole() && !self.network.is_incomplete();
            self.disks.insert(server, is_known.then(|| node.recoverable()));
            if !reader.is_whole() {
                self.network.is_cut_off(ServerId(server));
            }
        }
        Ok(None)
    }
}

impl<P: Content> Validator<P> {
    /// After all lines.
    fn finish(mut self) -> Report {
        let unsent = self.network.finish();
        self.counts.unchecked = unsent.unchecked;
        Report { counts: self.counts, rejection: unsent.rejection }
    }

    /// A whole run is missing. It may be of any server.
    fn lacks_a_run(&mut self) {
        self.network.lacks_a_run();
        self.disks.values_mut().for_each(|found| *found = None);
    }

    /// Takes a line.
    fn line(
        &mut self,
        progress: &mut Progress<P>,
        cluster: u8,
        place: Place,
        line: Line<v1::Event<P, P>>,
    ) -> Result<(), Box<Rejection>> {
        let Line { server, run, .. } = line;
        self.counts.lines += 1;
        self.take(progress, cluster, &place, line).map_err(|mismatch| {
            let Mismatch { what, expected, found, rules } = mismatch;
            Box::new(Rejection { place, server, run, what, expected, found, rules })
        })
    }

    fn take(
        &mut self,
        progress: &mut Progress<P>,
        cluster: u8,
        place: &Place,
        line: Line<v1::Event<P, P>>,
    ) -> Result<(), Mismatch> {
        let Line { server, run, event, .. } = line;
        let event = event.to_core();
        let counts = &mut self.counts;
        if let Event::Start { config, persistent } = event {
            if config.voters != ServerSet::first(cluster) {
                let mismatch =
                    Mismatch::new("the server starts in a cluster of another size than the header's");
                return Err(mismatch.expected(cluster).found(config.servers()));
            }
            let before = progress.nodes.get(&(server, run.wrapping_sub(1))).map(ReplayedNode::recoverable);
            let before = before.or_else(|| self.disks.remove(&server).flatten());
            if before.is_some() {
                counts.restarts += 1;
                counts.rules.insert(Rule::P1);
            }
            counts.runs += 1;
            counts.servers.insert(server);
            self.network.is_recorded(ServerId(server));
            let node = ReplayedNode::start(ServerId(server), config, persistent, before)?;
            progress.nodes.insert((server, run), node);
            progress.nodes.retain(|(other, older), _| *other != server || older.saturating_add(1) >= run);
            return Ok(());
        }
        let Some(node) = progress.nodes.get_mut(&(server, run)) else {
            return Err(Mismatch::new("a run begins with its start"));
        };
        match event {
            Event::Start { .. } => Ok(()),
            Event::Step(step) => {
                counts.steps += 1;
                if let figure2_core::Input::Receive(envelope) = &step.input {
                    counts.received += 1;
                    self.network.received(place, server, run, envelope);
                }
                counts.rules = counts.rules.union(node.step(step)?);
                Ok(())
            }
            Event::Write => {
                counts.writes += 1;
                node.write()
            }
            Event::Durable => node.durable(),
            Event::Sent(sent) => {
                counts.sent += 1;
                let envelope = node.sent(&sent)?;
                self.network.sent(place, &envelope)
            }
            Event::Deliver { index, term, command } => {
                counts.delivered += 1;
                node.deliver(index, term, &command)
            }
            Event::DeliverSnapshot { index, term, data } => {
                counts.delivered += 1;
                let (last_included_index, last_included_term) = (index, term);
                node.deliver_snapshot(&Snapshot { last_included_index, last_included_term, data })
            }
            Event::Stop { .. } => {
                node.stop();
                Ok(())
            }
        }
    }
}

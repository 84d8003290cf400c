//! Judges a run line by line. What a server does is compared with what it and the others did before, and with nothing
//! else: no rule of the protocol is run here.

use super::candidacy::Candidacy;
use super::event::{Change, Content, Event, Input, Message, Name, Outcome, Role, Sent, State, Step};
use super::logs::{Logs, Writer};
use super::merged::Next;
use super::property::{Findings, Here, Property};
use super::server::{Ballot, Kept, Life, Server, show};
use super::tails;
use super::timeline::{Kind, Timeline};
use super::votes::Votes;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) struct Judge {
    pub(super) findings: Findings,
    pub(super) timeline: Timeline,
    pub(super) logs: Logs,
    servers: BTreeMap<u8, Box<Server>>,
    /// Who won each election, and what its log was.
    leaders: BTreeMap<u64, u8>,
    /// Whom servers named as the leader of a term.
    named: BTreeMap<u64, u8>,
    votes: Votes,
    /// How many servers of the cluster are more than half.
    majority: usize,
    pub(super) steps: u64,
}

impl Judge {
    /// For a cluster of that many servers. With `in_order`, the lines come in an order in which things can have
    /// happened; else only each server's do.
    pub(super) fn new(servers: u8, in_order: bool) -> Judge {
        Judge {
            findings: Findings::new(&[], &[]),
            timeline: Timeline::default(),
            logs: Logs::new(servers, in_order),
            servers: BTreeMap::new(),
            leaders: BTreeMap::new(),
            named: BTreeMap::new(),
            votes: Votes::default(),
            majority: usize::from(servers) / 2 + 1,
            steps: 0,
        }
    }

    /// How many elections were won.
    pub(super) fn elections(&self) -> usize {
        self.leaders.len()
    }

    /// How many servers there were.
    pub(super) fn servers(&self) -> usize {
        self.servers.len()
    }

    /// The next line.
    pub(super) fn take(&mut self, next: Next<Event>) {
        let Next { source, file, number, at, position, line, .. } = next;
        let (id, event) = (line.server, line.event);
        let life = Life { source, run: line.run };
        self.findings.here = Here { file, line: number, position, server: id.into(), at };
        self.timeline.tick(at);
        if let Event::Start { config, persistent } = &event {
            let candidacy = Candidacy::starts(config.extensions, self.majority);
            return self.start(id, life, &Kept::of(persistent), persistent, candidacy);
        }
        let Some(mut server) = self.servers.remove(&id) else { return };
        // Of an older run, only what its tasks had under way.
        let is_present = server.life == life;
        match event {
            Event::Step(step) if is_present => self.step(id, &mut server, &step),
            Event::Write if is_present => {
                let changes = std::mem::take(&mut server.unwritten);
                server.writing.extend(changes);
            }
            Event::Durable if is_present => self.durable(id, &mut server),
            Event::Sent(Sent { message: Name::PreVoteReply, success: true, to, term }) if is_present => {
                server.candidacy.says_yes(id, to, term, &mut self.findings);
            }
            Event::Sent(sent) => self.sent(id, &mut server, &sent),
            Event::Deliver { index, term, command } => {
                self.deliver(&mut server, is_present, (index, term), command);
            }
            Event::DeliverSnapshot { index, term, data } => {
                self.deliver_snapshot(&server, is_present, (index, term), data);
            }
            Event::Stop(_) if is_present => {
                self.timeline.mark(at, id.into(), Kind::Stop, server.state.current_term);
            }
            _ => {}
        }
        self.servers.insert(id, server);
    }

    /// A file ends here whose process was killed: its servers' tails begin.
    pub(super) fn cut_off(&mut self, source: usize, at: u64, file: &Arc<str>) {
        for (id, server) in self.servers.iter().filter(|(_, server)| server.life.source == source) {
            self.findings.tails.begin(*id, server, at, file);
        }
    }

    /// After the last line.
    pub(super) fn finish(&mut self) {
        self.votes.finish(&mut self.findings);
        self.logs.finish(&mut self.findings);
    }

    fn start(
        &mut self,
        id: u8,
        life: Life,
        found: &Kept,
        persistent: &super::event::Persistent,
        candidacy: Candidacy,
    ) {
        let findings = &mut self.findings;
        let (at, term) = (findings.here.at, found.ballot.term);
        let log = &persistent.log;
        let mut last = found.term_runs.term_at(found.term_runs.base()).unwrap_or_default();
        let grows = log.entries.iter().all(|entry| {
            let grows = entry.term >= last && entry.term > 0;
            last = entry.term;
            grows
        });
        findings.expect(Property::Recoverable, grows && last <= term, || {
            format!("server {id} starts from a log whose terms go back, or beyond its term {term}")
        });
        let tail = findings.tails.end(id, found.ballot, at, &findings.here.file);
        let mut promised = Ballot::default();
        if let Some(server) = self.servers.get(&id) {
            let (disk, ballot) = (&server.disk, found.ballot);
            findings.expect(Property::OneVote, disk.ballot.allows(ballot), || {
                format!(
                    "server {id} had {} on its disk, and restarts with {}",
                    show(disk.ballot),
                    show(ballot)
                )
            });
            promised = server.promised;
            findings.expect(Property::OneVote, promised.allows(ballot), || {
                format!("server {id} told of {}, and restarts with {}", show(promised), show(ballot))
            });
            let is_committed = |index, term| self.logs.is_committed(index, term);
            let lost = tail.and_then(|_| tails::lost(server, found, is_committed));
            match (server.may_find(found), tail) {
                (false, Some(tail)) if lost.is_none() => findings.excuse(Property::Recoverable, tail),
                (may_find, _) => {
                    findings.expect(Property::Recoverable, may_find, || {
                        let what = lost.unwrap_or_else(|| "not with what it had made durable".into());
                        format!(
                            "server {id} restarts with a log up to index {} (term {}), {what}",
                            found.term_runs.last(),
                            found.term_runs.last_term()
                        )
                    });
                }
            }
            self.timeline.mark(at, id.into(), Kind::Restart, term);
        } else {
            self.timeline.mark(at, id.into(), Kind::Start, term);
        }
        self.votes.starts(id, found.ballot, findings);
        self.logs.start(id, term, &found.term_runs, log, findings);
        self.servers.insert(id, Box::new(Server::start(life, found.clone(), promised, candidacy)));
    }

    fn step(&mut self, id: u8, server: &mut Server, step: &Step) {
        self.steps += 1;
        let (before, after) = (server.state, step.state);
        self.compare(id, &before, step);
        server.candidacy.step(id, &before, step, &mut self.findings);
        let is_elected = after.role == Role::Leader
            && (before.role, before.current_term) != (Role::Leader, after.current_term);
        for change in &step.changes {
            let writer = Writer { server: id, term: after.current_term, commit_before: before.commit_index };
            self.logs.change(&writer, &server.memory.term_runs, change, &mut self.findings);
            server.memory.apply(change);
            if let Change::Snapshot { snapshot, .. } = change {
                let index = snapshot.last_included_index;
                let installed = index > before.commit_index;
                let kind = if installed { Kind::SnapshotInstalled } else { Kind::SnapshotTaken };
                self.timeline.mark(self.findings.here.at, id.into(), kind, index);
            }
        }
        let held = &server.memory;
        let adds_up = (held.ballot.term, held.ballot.vote, held.term_runs.last(), held.term_runs.last_term())
            == (after.current_term, after.voted_for, after.last_log_index, after.last_log_term);
        self.findings.expect(Property::Recoverable, adds_up, || {
            format!(
                "server {id} holds {} and a log up to {}, but its changes add up to {} and {}",
                show(Ballot { term: after.current_term, vote: after.voted_for }),
                after.last_log_index,
                show(held.ballot),
                held.term_runs.last()
            )
        });
        server.unwritten.extend(step.changes.iter().cloned());
        if after.role == Role::Leader {
            let own = Ballot { term: after.current_term, vote: Some(id) };
            let durable = server.disk.ballot;
            self.findings.expect(Property::ElectionDurable, durable == own, || {
                format!("server {id} leads term {}, with {} on its disk", own.term, show(durable))
            });
        }
        if is_elected {
            self.elected(id, server, after.current_term);
        }
        if after.commit_index > before.commit_index {
            let term = after.current_term;
            let range = (before.commit_index, after.commit_index);
            self.logs.commit(id, &server.memory.term_runs, term, range, &mut self.findings);
            self.timeline.commit(self.findings.here.at, after.commit_index);
        }
        if step.outcome == Outcome::Installed {
            server.delivered = after.last_applied;
        }
        server.state = after;
        if step.changes.iter().any(|change| matches!(change, Change::Snapshot { .. })) {
            self.prune(server);
        }
    }

    /// What relates a step's state to the one before.
    fn compare(&mut self, id: u8, before: &State, step: &Step) {
        let (after, findings) = (&step.state, &mut self.findings);
        let ballot = |state: &State| Ballot { term: state.current_term, vote: state.voted_for };
        let allowed = ballot(before).allows(ballot(after));
        findings.expect(Property::OneVote, allowed, || {
            format!("server {id} goes from {} to {}", show(ballot(before)), show(ballot(after)))
        });
        if ballot(before) != ballot(after) {
            self.votes.shows(id, ballot(after), findings);
        }
        let grows = after.commit_index >= before.commit_index && after.last_applied >= before.last_applied;
        findings.expect(Property::NothingGoesBack, grows, || {
            format!(
                "server {id} goes back from commit_index {} and last_applied {} to {} and {}",
                before.commit_index, before.last_applied, after.commit_index, after.last_applied
            )
        });
        let leads = |state: &State| state.role == Role::Leader;
        if leads(before) && leads(after) && before.current_term == after.current_term {
            let deletes = |change: &Change| {
                matches!(change, Change::Truncate { .. } | Change::Snapshot { keep_suffix: false, .. })
            };
            let keeps = after.last_log_index >= before.last_log_index && !step.changes.iter().any(deletes);
            findings.expect(Property::LeaderAppendOnly, keeps, || {
                format!("server {id}, leader of term {}, deletes entries of its log", after.current_term)
            });
        }
        if let Input::Receive(received) = &step.input {
            let is_taken = !matches!(step.outcome, Outcome::Rejected(_));
            findings.expect(Property::NoRejection, is_taken, || {
                format!("server {id} rejects a message from server {}", received.from)
            });
            match &received.message {
                Message::RequestVote(head) => {
                    self.votes.hears(received.from, head.term, received.from, findings);
                }
                Message::RequestVoteReply(reply) if reply.vote_granted => {
                    self.votes.hears(received.from, reply.term, id, findings);
                }
                _ => {}
            }
            if let (Message::AppendEntries(head) | Message::InstallSnapshot(head), true) =
                (&received.message, is_taken)
            {
                let is_current = head.term == after.current_term;
                findings.expect(
                    Property::FollowersAccept,
                    !is_current || after.role == Role::Follower,
                    || {
                        format!(
                            "server {id} takes entries or a snapshot of term {} as {:?}",
                            head.term, after.role
                        )
                    },
                );
            }
        }
        if let Some(leader) = after.leader {
            let term = after.current_term;
            let named = *self.named.entry(term).or_insert(leader);
            let elected = self.leaders.get(&term).copied();
            if elected.is_none() {
                self.votes.names(leader, term, findings);
            }
            let is_known = leader == named && elected.is_none_or(|elected| leader == elected);
            findings.expect(Property::KnownLeader, is_known, || {
                let other = match elected {
                    Some(elected) => format!("server {elected} was elected"),
                    None => format!("another server takes server {named} for it"),
                };
                format!("server {id} takes server {leader} for the leader of term {term}, and {other}")
            });
        }
        let at = findings.here.at;
        match (before.role, after.role) {
            (Role::Leader, Role::Follower | Role::PreCandidate | Role::Candidate) => {
                self.timeline.mark(at, id.into(), Kind::SteppedDown, after.current_term);
            }
            (_, Role::Candidate) if before.current_term != after.current_term => {
                self.timeline.mark(at, id.into(), Kind::Candidate, after.current_term);
            }
            _ => {}
        }
    }

    fn elected(&mut self, id: u8, server: &Server, term: u64) {
        let first = *self.leaders.entry(term).or_insert(id);
        self.votes.elects(term);
        self.findings.expect(Property::ElectionSafety, first == id, || {
            format!("servers {first} and {id} both lead term {term}")
        });
        let named = self.named.get(&term).copied().unwrap_or(id);
        self.findings.expect(Property::KnownLeader, named == id, || {
            format!("server {id} leads term {term}, and another server took server {named} for its leader")
        });
        self.timeline.mark(self.findings.here.at, id.into(), Kind::Leader, term);
        self.logs.elected(id, term, &server.memory.term_runs, &mut self.findings);
    }

    fn durable(&mut self, id: u8, server: &mut Server) {
        for change in std::mem::take(&mut server.writing) {
            self.logs.durable(id, &server.disk.term_runs, &change, &mut self.findings);
            server.disk.apply(&change);
        }
    }

    /// A vote that is told to others, in a reply or as one's own candidacy, is given for good.
    fn sent(&mut self, id: u8, server: &mut Server, sent: &Sent) {
        let vote = match sent.message {
            Name::RequestVote => id,
            Name::RequestVoteReply if sent.success => sent.to,
            _ => return,
        };
        let told = Ballot { term: sent.term, vote: Some(vote) };
        let promised = server.promised;
        let stands = promised.term != told.term || promised.vote == told.vote;
        self.findings.expect(Property::OneVote, stands, || {
            format!("server {id} told of {}, and now tells of {}", show(promised), show(told))
        });
        if told.term >= promised.term {
            server.promised = told;
        }
    }

    fn deliver(&mut self, server: &mut Server, is_present: bool, entry: (u64, u64), command: Content) {
        let (index, id) = (entry.0, self.findings.here.server);
        if is_present {
            let due = server.delivered + 1;
            self.findings.expect(Property::AppliedInOrder, index == due, || {
                format!("the service of server {id} gets index {index}, when {due} is due")
            });
            let commit_index = server.state.commit_index;
            self.findings.expect(Property::StateMachineSafety, index <= commit_index, || {
                format!("server {id} applies index {index}, but holds only {commit_index} committed")
            });
            server.delivered = index;
        }
        self.logs.apply(entry, command, &mut self.findings);
    }

    fn deliver_snapshot(&mut self, server: &Server, is_present: bool, last: (u64, u64), data: Content) {
        let (index, id, delivered) = (last.0, self.findings.here.server, server.delivered);
        if is_present {
            self.findings.expect(Property::AppliedInOrder, index >= delivered, || {
                format!(
                    "the service of server {id} gets a snapshot of index {index}, after index {delivered}"
                )
            });
        }
        self.logs.offered(last, data, &mut self.findings);
    }

    /// Forgets what every server has in a snapshot, in memory and on disk.
    fn prune(&mut self, stepping: &Server) {
        let bases = self.servers.values().map(AsRef::as_ref).chain([stepping]).map(|server| {
            server.memory.term_runs.base().min(server.disk.term_runs.base()).min(server.delivered)
        });
        if let Some(lowest) = bases.min() {
            self.logs.prune(lowest);
        }
    }
}

//! What a line changes in its node, and whether the lines before it explain why it is there.

use super::{Held, Node, Start};
use crate::etcd::line::{Event, Name, Role, State, Type};
use crate::etcd::notes::Notes;
use crate::unexplained::Cause;

impl Node {
    /// What the line does before it is told, as far as that is known; and whether it can stand here.
    pub(super) fn effects(&mut self, event: &Event, expected: &mut Held, notes: &mut Notes) {
        let id = self.id;
        match &event.name {
            Name::BecomeFollower => self.becomes_follower(event, expected, notes),
            Name::BecomeCandidate => {
                expected.state.term += 1;
                expected.state.vote = id;
                expected.role = Role::Candidate;
                notes.explained(Cause::Change, self.held.role != Role::Leader, || {
                    format!("node {id} leads, and becomes a candidate")
                });
            }
            Name::BecomeLeader => {
                expected.role = Role::Leader;
                let heard = self.last == Name::ReceiveRequestVoteResponse;
                notes.explained(Cause::Leader, self.held.role == Role::Candidate && heard, || {
                    format!(
                        "node {id} becomes leader of term {}, and no vote it received makes it that",
                        event.state.term
                    )
                });
            }
            Name::Commit => {
                let after = matches!(self.last, Name::ReceiveAppendEntriesResponse | Name::ApplyConfChange);
                notes.explained(Cause::Step, self.held.role == Role::Leader && after, || {
                    format!("node {id} looks at its commit index, and no line before says why")
                });
                self.leading.commits(event, &self.held, expected, notes);
            }
            Name::Replicate | Name::ChangeConf => {
                notes.explained(Cause::Line, self.held.role == Role::Leader, || {
                    format!("node {id} takes in an entry and does not lead")
                });
            }
            Name::SendAppendEntriesResponse => self.answers(event, expected, notes),
            Name::SendRequestVoteResponse => self.answers_vote(event, expected, notes),
            Name::SendRequestVoteRequest => self.asks(event, notes),
            Name::ApplyConfChange => self.applies(event, expected),
            _ => {}
        }
    }

    fn becomes_follower(&mut self, event: &Event, expected: &mut Held, notes: &mut Notes) {
        let (id, term) = (self.id, event.state.term);
        expected.role = Role::Follower;
        match self.start {
            Start::Begins => {
                // Everything comes from the disk.
                (expected.state, expected.log) = (event.state, self.held.log);
                self.load(event, notes);
                return;
            }
            Start::Loaded if self.held.state.term == 0 && term == 1 => {
                expected.state = State { term, vote: 0, ..self.held.state };
                return;
            }
            Start::Loaded if self.last == Name::InitState => return,
            _ => {}
        }
        let before = self.held;
        if term > before.state.term {
            expected.state = State { term, vote: 0, ..before.state };
        }
        let hears = |kinds: &[Type]| {
            self.about.as_ref().is_some_and(|about| about.term == term && kinds.contains(&about.kind))
        };
        let is_told = if term > before.state.term {
            // Messages that look for votes before an election, or hand leadership on, are in no trace.
            self.last.receives() && hears(&Type::ALL) || before.role == Role::PreCandidate
        } else {
            match before.role {
                // It may notice that it reaches no majority.
                Role::Leader | Role::PreCandidate => true,
                Role::Candidate => {
                    self.last.receives() && hears(&[Type::App, Type::Heartbeat, Type::Snap, Type::VoteResp])
                }
                Role::Follower => false,
            }
        };
        notes.explained(Cause::Step, is_told, || {
            format!("node {id} becomes a follower in term {term}, and no line before says why")
        });
    }

    fn answers(&mut self, event: &Event, expected: &mut Held, notes: &mut Notes) {
        let Some(message) = &event.msg else { return };
        let (id, before) = (self.id, self.held);
        if message.to == id {
            return self.leading.appends(event, message, expected, notes);
        }
        let asked = self.about.take().filter(|about| about.from == message.to && about.kind.is_from_leader());
        let Some(asked) = asked else {
            return notes.explained(Cause::Step, false, || {
                format!(
                    "node {id} answers {} with a {}, and no line before is its request",
                    message.to,
                    message.kind.name()
                )
            });
        };
        let answer = (message.kind, message.index, message.reject);
        let mut fits = vec![];
        if asked.term < event.state.term {
            fits.push((Type::AppResp, 0, false));
            if asked.kind == Type::Snap {
                fits.push((Type::HeartbeatResp, 0, false));
            }
        } else {
            match asked.kind {
                Type::Heartbeat => {
                    fits.push((Type::HeartbeatResp, 0, false));
                    expected.state.commit = before.state.commit.max(asked.commit);
                }
                Type::Snap => {
                    let last = asked.entries;
                    fits.push((Type::AppResp, before.state.commit.max(last), false));
                    fits.push((Type::AppResp, before.state.commit, false));
                    // It may be installed later, and this says only that the node is there.
                    fits.push((Type::HeartbeatResp, 0, false));
                    if message.kind == Type::AppResp && message.index == last && last > before.state.commit {
                        expected.state.commit = last;
                        if last > before.log || event.log == last {
                            expected.log = last;
                        }
                    }
                }
                _ => {
                    let last = asked.last();
                    fits.push((Type::AppResp, last, false));
                    fits.push((Type::AppResp, asked.index, true));
                    let is_old = asked.index < before.state.commit;
                    if is_old {
                        // What is committed is the same in both logs, and so some look no further.
                        fits.push((Type::AppResp, before.state.commit, false));
                    }
                    let looks = !is_old || (message.index == last && last > before.state.commit);
                    if !message.reject && looks {
                        expected.state.commit = before.state.commit.max(asked.commit.min(last));
                        // An entry that differs goes, with all behind it.
                        let deletes = asked.entries > 0 && event.log == last;
                        expected.log = if deletes { last } else { before.log.max(last) };
                    }
                }
            }
        }
        notes.explained(Cause::Step, fits.contains(&answer), || {
            format!(
                "node {id} answers {}'s {} of index {} with another {} than that asks for",
                asked.from,
                asked.kind.name(),
                asked.index,
                message.kind.name()
            )
        });
    }

    fn answers_vote(&mut self, event: &Event, expected: &mut Held, notes: &mut Notes) {
        let Some(message) = &event.msg else { return };
        let id = self.id;
        if !message.reject && event.state.vote == message.to && expected.state.vote == 0 {
            // The vote is noted before the reply is told, or after it.
            expected.state.vote = message.to;
        }
        let asked = if message.to == id {
            // A candidate tells itself of its own vote.
            self.campaign.tells_itself(message)
        } else {
            self.about.take().is_some_and(|about| about.kind == Type::Vote && about.from == message.to)
        };
        notes.explained(Cause::Step, asked, || {
            format!("node {id} answers {} with a MsgVoteResp, and no line before is its request", message.to)
        });
    }

    fn asks(&mut self, event: &Event, notes: &mut Notes) {
        let Some(message) = &event.msg else { return };
        let id = self.id;
        let is_part = self.campaign.asks(message);
        notes.explained(Cause::Step, is_part, || {
            format!(
                "node {id} asks {} for a vote, and {} is no voter, or it asked others otherwise",
                message.to, message.to
            )
        });
    }

    fn applies(&mut self, event: &Event, expected: &mut Held) {
        let State { term, commit, .. } = event.state;
        // The first configuration comes as entries that are committed as they are made.
        let is_first = self.start == Start::Loaded && term == 1 && self.held.log == 0 && commit == event.log;
        if is_first {
            expected.log = event.log;
            expected.state.commit = commit;
        }
        // A snapshot is installed with its configuration; entries behind it may stay.
        let fits = commit > self.held.state.commit && (event.log == commit || event.log == self.held.log);
        if fits && self.snapshots.contains(&commit) {
            (expected.log, expected.state.commit) = (event.log, commit);
            self.snapshots.retain(|other| *other > commit);
            self.installs = true;
            // The service may install it when the node no longer follows.
            self.campaign.asks_anew();
        }
    }
}

//! One node, line by line: each line must follow from the one before.
//!
//! A line shows what the node held when it wrote the line, and what it did. So term, vote, role, log, commit index
//! and configuration of the next line are known, except for what that line itself changes. Some lines must be
//! followed by others: a request by its answer, an acknowledgement by a look of the leader at its commit index.
//! Nothing in the trace explains a deviation.

mod effects;

use super::ballots::{Ballot, Kept};
use super::leading::{Campaign, Leading};
use super::line::{Conf, Event, Message, Name, Role, State, Type, Voters};
use super::notes::Notes;
use crate::Property;
use crate::unexplained::Cause;

/// So many snapshots may wait to be installed at once.
const SNAPSHOTS: usize = 16;

/// What a line must be followed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The node becomes a follower in this term.
    Follower(u64),
    /// It answers the request.
    Answer,
    /// It looks at its commit index.
    Commit,
    /// It becomes leader.
    Leader,
}

impl Due {
    fn words(self) -> &'static str {
        match self {
            Due::Follower(_) => "becomes a follower of its term",
            Due::Answer => "answers it",
            Due::Commit => "looks at its commit index",
            Due::Leader => "becomes leader",
        }
    }
}

/// How far a node is with its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Its disk is not loaded yet; the lines show nothing of it.
    Begins,
    /// It is, and the node may still get its first configuration.
    Loaded,
    Over,
}

/// What a node held on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) state: State,
    pub(super) role: Role,
    pub(super) log: u64,
}

impl Held {
    pub(super) fn on(event: &Event) -> Held {
        Held { state: event.state, role: event.role, log: event.log }
    }
}

pub(super) struct Node {
    id: u64,
    pub(super) kept: Kept,
    /// What it holds after its last line.
    pub(super) held: Held,
    conf: Conf,
    /// The voters that the last line brings, if it brings any.
    new_voters: Option<Voters>,
    start: Start,
    /// What the last line was.
    last: Name,
    /// What must come next.
    due: Option<Due>,
    /// The message that the present step is about.
    about: Option<Message>,
    /// Last indexes of snapshots that it received, and may install yet.
    snapshots: Vec<u64>,
    /// The present line installs one.
    installs: bool,
    campaign: Campaign,
    pub(super) leading: Leading,
    /// The highest index that it acknowledged and its leader heard, with the term.
    pub(super) acknowledged: (u64, u64),
}

impl Node {
    /// A node at its first line.
    pub(super) fn new(event: &Event) -> Node {
        Node {
            id: event.node,
            kept: Kept::default(),
            held: Held::on(event),
            conf: event.conf.clone(),
            new_voters: None,
            start: Start::Over,
            last: event.name.clone(),
            due: None,
            about: None,
            snapshots: Vec::new(),
            installs: false,
            campaign: Campaign::default(),
            leading: Leading::default(),
            acknowledged: (0, 0),
        }
    }

    /// Its number.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Whether the lines show what is on the disk of a node that starts.
    pub(super) fn is_loaded(&self) -> bool {
        self.start != Start::Begins
    }

    /// Whether the node leads since a line that made it leader.
    pub(super) fn was_made_leader(&self) -> bool {
        self.leading.is_known()
    }

    /// What must still follow the last line.
    pub(super) fn owes(&self) -> Option<String> {
        let due = self.due?;
        Some(match &self.about {
            Some(about) => {
                format!("a {} of {} was received, and no line {}", about.kind.name(), about.from, due.words())
            }
            None => format!("no line {}", due.words()),
        })
    }

    /// The next line of the node.
    pub(super) fn follow(&mut self, event: &Event, notes: &mut Notes) {
        if event.name == Name::InitState {
            return self.restart(event, notes);
        }
        self.settle(event, notes);
        self.leading.is_in(event.state.term);
        let before = self.held;
        if let Name::Other(_) = event.name {
            self.held = Held::on(event);
        } else {
            let mut expected = before;
            self.effects(event, &mut expected, notes);
            self.compare(event, expected, notes);
        }
        self.held = Held::on(event);
        self.configured(event, notes);
        self.ballot(event, notes);
        self.open(event, before);
        self.last = event.name.clone();
    }

    fn restart(&mut self, event: &Event, notes: &mut Notes) {
        self.held = Held::on(event);
        self.conf = event.conf.clone();
        self.new_voters = None;
        (self.due, self.about) = (None, None);
        self.snapshots.clear();
        self.campaign = Campaign::default();
        self.leading = Leading::default();
        self.last = Name::InitState;
        // The line is told before the disk is loaded; then term and vote are 0.
        self.start = Start::Begins;
        if event.state.term > 0 {
            self.load(event, notes);
        }
    }

    /// The line shows what was on the disk.
    fn load(&mut self, event: &Event, notes: &mut Notes) {
        self.start = Start::Loaded;
        let ballot = Ballot::of(event.state);
        self.kept.loads(self.id, ballot, notes);
        let (term, index) = self.acknowledged;
        // In a later term, a leader may have had it deleted.
        let stands = ballot.term != term || event.log >= index;
        notes.expect(Property::Recoverable, stands, || {
            format!(
                "node {} restarts with a log up to {}; in term {term} its leader heard that it has {index}",
                self.id, event.log
            )
        });
    }

    /// The line is what was due, or nothing was.
    fn settle(&mut self, event: &Event, notes: &mut Notes) {
        let Some(due) = self.due else { return };
        let is_snapshot = self.about.as_ref().is_some_and(|about| about.kind == Type::Snap);
        if due == Due::Answer && is_snapshot && event.name == Name::ApplyConfChange {
            return;
        }
        let to = event.msg.as_ref().map(|message| message.to);
        let is = match due {
            Due::Follower(term) => event.name == Name::BecomeFollower && event.state.term == term,
            Due::Answer => {
                matches!(event.name, Name::SendAppendEntriesResponse | Name::SendRequestVoteResponse)
                    && to == self.about.as_ref().map(|about| about.from)
            }
            Due::Commit => event.name == Name::Commit,
            Due::Leader => event.name == Name::BecomeLeader,
        };
        notes.explained(Cause::Step, is, || format!("node {}: {}", self.id, self.owes().unwrap_or_default()));
        self.due = None;
    }

    /// What the line shows, and what it should.
    fn compare(&self, event: &Event, expected: Held, notes: &mut Notes) {
        let found = Held::on(event);
        let differs = |what: &str, from: &dyn std::fmt::Debug, to: &dyn std::fmt::Debug| {
            format!("node {}: {what} is {to:?} here, and no line makes it that from {from:?}", self.id)
        };
        // Of term and vote, what goes back is told with the ballots.
        let (before, term) = (self.held.state.term, found.state.term);
        notes.explained(Cause::Change, term == expected.state.term || term < before, || {
            differs("the term", &expected.state.term, &found.state.term)
        });
        let vote = (expected.state.vote, found.state.vote);
        let is_other = found.state.term == expected.state.term && vote.0 != vote.1;
        notes.explained(Cause::Change, !is_other, || differs("the vote", &vote.0, &vote.1));
        notes.explained(
            Cause::Change,
            found.role == expected.role || found.may_look_for_votes(expected),
            || differs("the role", &expected.role, &found.role),
        );
        notes.explained(Cause::Change, found.log == expected.log, || {
            differs("the last index", &expected.log, &found.log)
        });
        notes.explained(Cause::Change, found.state.commit == expected.state.commit, || {
            differs("the commit index", &expected.state.commit, &found.state.commit)
        });
    }

    /// The configuration changes where a line brings another.
    fn configured(&mut self, event: &Event, notes: &mut Notes) {
        let brought = self.new_voters.take();
        let applies = self.last == Name::ApplyConfChange;
        let is_restored = std::mem::take(&mut self.installs);
        let expected = brought.as_ref().unwrap_or(&self.conf.0);
        let fits = is_restored || (event.conf.0 == *expected && (applies || event.conf.1 == self.conf.1));
        notes.explained(Cause::Change, fits, || {
            format!(
                "node {}: the voters are {:?} here, and no line makes them that from {:?}",
                self.id, event.conf.0.0, expected.0
            )
        });
        if event.conf != self.conf {
            self.leading.reconfigured();
        }
        self.conf = event.conf.clone();
        if event.name == Name::ApplyConfChange {
            self.new_voters = event.new_voters();
        }
    }

    fn ballot(&mut self, event: &Event, notes: &mut Notes) {
        let is_of_start = matches!(event.name, Name::ApplyConfChange | Name::BecomeFollower);
        if self.start == Start::Begins && !is_of_start {
            // Some versions show what was loaded on the first line.
            notes.explained(Cause::Step, self.last != Name::ApplyConfChange, || {
                format!("node {} starts, and no line shows what it loaded", self.id)
            });
            self.load(event, notes);
        }
        if self.start == Start::Begins {
            return;
        }
        if !is_of_start {
            self.start = Start::Over;
        }
        let mut ballot = Ballot::of(event.state);
        self.kept.shows(self.id, ballot, notes);
        if event.name == Name::Ready {
            self.kept.hands_over(ballot);
        }
        let granted = event.msg.as_ref().filter(|message| {
            event.name == Name::SendRequestVoteResponse && !message.reject && message.from == self.id
        });
        if let Some(message) = granted {
            let given = Ballot { term: message.term, vote: message.to };
            notes.expect(Property::OneVote, !ballot.contradicts(given), || {
                format!("node {} has {ballot}, and gives one to {}", self.id, given.vote)
            });
            ballot = given;
            self.kept.shows(self.id, ballot, notes);
            if ballot.term == self.held.state.term {
                self.held.state.vote = message.to;
            }
        }
    }

    /// What the line begins.
    fn open(&mut self, event: &Event, before: Held) {
        let State { term, .. } = event.state;
        match &event.name {
            Name::BecomeFollower => {
                // The request that made it one is still to be answered.
                let asks = self.about.as_ref().filter(|about| about.term == term);
                match asks.map(|about| about.kind) {
                    Some(Type::App | Type::Heartbeat | Type::Snap | Type::Vote) => {
                        self.due = Some(Due::Answer)
                    }
                    _ => self.about = None,
                }
                self.leading = Leading::default();
                self.campaign = Campaign::default();
            }
            Name::BecomeCandidate => {
                self.about = None;
                self.campaign = Campaign::new(&self.conf);
            }
            Name::BecomeLeader => {
                self.about = None;
                self.leading = Leading::new(self.id, term, event.log);
            }
            Name::Replicate | Name::ChangeConf => {
                self.about = None;
                self.leading.proposed();
            }
            name if name.receives() => self.receives(event, before),
            // A snapshot's configuration comes before its answer.
            Name::ApplyConfChange => {}
            _ => self.about = None,
        }
    }

    fn receives(&mut self, event: &Event, before: Held) {
        self.about = event.msg.clone();
        let Some(message) = &event.msg else { return };
        let (term, role) = (before.state.term, before.role);
        if message.kind == Type::Snap && message.term >= term {
            if self.snapshots.len() == SNAPSHOTS {
                self.snapshots.remove(0);
            }
            self.snapshots.push(message.entries);
        }
        self.due = if message.term < term {
            None
        } else if message.term > term {
            // A voter that hears from its leader may ignore a candidate.
            (message.kind != Type::Vote).then_some(Due::Follower(message.term))
        } else {
            match message.kind {
                Type::Vote => Some(Due::Answer),
                Type::App | Type::Heartbeat | Type::Snap => match role {
                    Role::Follower => Some(Due::Answer),
                    Role::Candidate | Role::PreCandidate => Some(Due::Follower(term)),
                    Role::Leader => None,
                },
                Type::VoteResp if role == Role::Candidate => {
                    self.campaign.heard(message.from, !message.reject);
                    let (wins, ..) = self.conf.majority(|voter| self.campaign.must_count_vote_of(voter));
                    (wins && self.conf.halves().next().is_some()).then_some(Due::Leader)
                }
                Type::AppResp if role == Role::Leader && !message.reject => {
                    let rises = self.leading.heard(message.from, message.index);
                    (rises && self.conf.has(message.from)).then_some(Due::Commit)
                }
                _ => None,
            }
        };
    }

    /// How many of the voters whose votes decide were heard to vote for the node, and of how many.
    pub(super) fn votes(&self) -> (bool, usize, usize) {
        self.conf.majority(|voter| self.campaign.has_vote_of(voter))
    }

    /// The configuration on its last line.
    pub(super) fn conf(&self) -> &Conf {
        &self.conf
    }
}

impl Held {
    /// A node begins to look for votes before an election, and gives up, without a line of its own.
    fn may_look_for_votes(&self, expected: Held) -> bool {
        self.role == Role::PreCandidate && matches!(expected.role, Role::Follower | Role::Candidate)
    }
}

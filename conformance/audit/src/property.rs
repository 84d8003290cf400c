//! The properties of a run, and the findings about them.

use super::tails::Tails;
use figure2_trace::Place;
use serde::Serialize;
use std::sync::Arc;

/// A property of a whole run. The first five are the paper's Figure 3; the names are the model's, and nothing else is
/// shared with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Property {
    /// At most one server leads a term.
    ElectionSafety,
    /// A leader deletes nothing of its log.
    LeaderAppendOnly,
    /// Entries of equal index and term have equal commands, and so have all before them.
    LogMatching,
    /// What was committed in a term is in the logs of the leaders of all later terms.
    LeaderCompleteness,
    /// No two services apply different entries at an index, nor one that is not committed.
    StateMachineSafety,
    /// A server gives one vote a term, and takes neither vote nor term back, across crashes.
    OneVote,
    /// All servers hold the same entries committed.
    CommittedAgree,
    /// A committed entry is on the disks of a majority, and stays there.
    CommittedOnMajority,
    /// commit_index and last_applied never go back while a server is up.
    NothingGoesBack,
    /// A service gets entry after entry, without a gap and without a repeat.
    AppliedInOrder,
    /// A snapshot stands for a committed prefix, with that prefix' last term, and comes from a service that had it.
    SnapshotIsPrefix,
    /// What a server writes adds up to what it holds, and a restart finds it.
    Recoverable,
    /// On the disk of a server that leads a term are that term and its vote for itself.
    ElectionDurable,
    /// A server that takes a leader's AppendEntries or InstallSnapshot is a follower from then on.
    FollowersAccept,
    /// The leader that a server names is the one that was elected in its term.
    KnownLeader,
    /// No server rejects a peer's message.
    NoRejection,
    /// A term grows only by a message that brings it, or for a candidacy: of a server whose timer elapsed and, if it is to
    /// ask first, that a majority said yes to; or that a leader told to stand.
    PreVoted,
    /// Whoever is asked for a pre-vote stays as it is, and pre-votes are no votes: a leader has the votes of a majority.
    PreVotesBindNobody,
    /// A server in contact with a leader grants no pre-vote; with CheckQuorum no candidate moves it, but one that a leader
    /// told to stand.
    ContactProtects,
}

impl Property {
    /// All of them.
    pub const ALL: [Property; 19] = [
        Property::ElectionSafety,
        Property::LeaderAppendOnly,
        Property::LogMatching,
        Property::LeaderCompleteness,
        Property::StateMachineSafety,
        Property::OneVote,
        Property::CommittedAgree,
        Property::CommittedOnMajority,
        Property::NothingGoesBack,
        Property::AppliedInOrder,
        Property::SnapshotIsPrefix,
        Property::Recoverable,
        Property::ElectionDurable,
        Property::FollowersAccept,
        Property::KnownLeader,
        Property::NoRejection,
        Property::PreVoted,
        Property::PreVotesBindNobody,
        Property::ContactProtects,
    ];

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Property::ElectionSafety => "election safety",
            Property::LeaderAppendOnly => "leader append-only",
            Property::LogMatching => "log matching",
            Property::LeaderCompleteness => "leader completeness",
            Property::StateMachineSafety => "state machine safety",
            Property::OneVote => "one vote per term",
            Property::CommittedAgree => "committed entries agree",
            Property::CommittedOnMajority => "committed on a majority",
            Property::NothingGoesBack => "nothing goes back",
            Property::AppliedInOrder => "applied in order",
            Property::SnapshotIsPrefix => "snapshot is the prefix",
            Property::Recoverable => "disk is recoverable",
            Property::ElectionDurable => "elections are durable",
            Property::FollowersAccept => "only followers accept",
            Property::KnownLeader => "known leader was elected",
            Property::NoRejection => "no correct message rejected",
            Property::PreVoted => "candidacies were pre-voted",
            Property::PreVotesBindNobody => "pre-votes bind nobody",
            Property::ContactProtects => "contact protects",
        }
    }

    /// Where the paper states it, or what it rests on.
    #[must_use]
    pub fn place(self) -> &'static str {
        match self {
            Property::ElectionSafety => "Figure 3; section 5.2",
            Property::LeaderAppendOnly | Property::LogMatching => "Figure 3; section 5.3",
            Property::LeaderCompleteness => "Figure 3; section 5.4",
            Property::StateMachineSafety => "Figure 3; section 5.4.3",
            Property::OneVote => "Figure 2, State; section 5.2",
            Property::CommittedAgree | Property::CommittedOnMajority => "sections 5.3, 5.4",
            Property::NothingGoesBack => "Figure 2, Volatile state",
            Property::AppliedInOrder => "Figure 2, Rules for Servers, All 1",
            Property::SnapshotIsPrefix => "section 7",
            Property::Recoverable | Property::ElectionDurable => "Figure 2, Persistent state",
            Property::FollowersAccept => "Figure 2, Rules for Servers, Candidates 3",
            Property::KnownLeader => "section 8",
            Property::NoRejection => "section 5.1 (a crash-failure protocol)",
            Property::PreVoted => "sections 5.1, 5.2; thesis, sections 9.6, 3.10",
            Property::PreVotesBindNobody => "section 5.2; thesis, section 9.6",
            Property::ContactProtects => "thesis, sections 9.6, 4.2.3",
        }
    }
}

/// A property that a line breaks.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which.
    pub property: Property,
    /// The line.
    pub place: Place,
    /// How many lines of all files were read before it, in the order in which they were judged.
    pub position: u64,
    /// The server.
    pub server: u64,
    /// When: microseconds, on the recordings' clock.
    pub at: u64,
    /// What is wrong.
    pub what: String,
}

/// A property's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was looked at, and holds.
    Holds,
    /// The trace shows only a part of it, and that holds.
    HoldsInPart,
    /// It does not hold.
    Violated,
    /// Nothing happened that could have broken it.
    NotExercised,
    /// Such a trace cannot show it.
    NotShown,
}

impl Verdict {
    /// In words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::HoldsInPart => "holds, as far as it is shown",
            Verdict::Violated => "VIOLATED",
            Verdict::NotExercised => "not exercised",
            Verdict::NotShown => "not shown by such a trace",
        }
    }
}

/// The line that is being judged.
#[derive(Clone, Debug)]
pub(super) struct Here {
    pub(super) file: Arc<str>,
    pub(super) line: u64,
    pub(super) position: u64,
    pub(super) server: u64,
    pub(super) at: u64,
}

/// What was looked at, and what was wrong.
pub(super) struct Findings {
    pub(super) here: Here,
    checks: [u64; Property::ALL.len()],
    broken: [u64; Property::ALL.len()],
    excused: [u64; Property::ALL.len()],
    hidden: &'static [Property],
    in_part: &'static [Property],
    /// The first of each property.
    pub(super) violations: Vec<Violation>,
    /// What the recordings of killed processes lack.
    pub(super) tails: Tails,
}

impl Findings {
    /// Of a trace that cannot show some properties, and others only in part.
    pub(super) fn new(hidden: &'static [Property], in_part: &'static [Property]) -> Findings {
        Findings {
            here: Here { file: "".into(), line: 0, position: 0, server: 0, at: 0 },
            checks: [0; Property::ALL.len()],
            broken: [0; Property::ALL.len()],
            excused: [0; Property::ALL.len()],
            hidden,
            in_part,
            violations: Vec::new(),
            tails: Tails::default(),
        }
    }

    /// Looks at a property here; whether it holds.
    pub(super) fn expect(&mut self, property: Property, holds: bool, what: impl FnOnce() -> String) -> bool {
        self.checks[property as usize] += 1;
        if !holds {
            self.broken[property as usize] += 1;
            if self.broken[property as usize] == 1 {
                let Here { file, line, position, server, at } = self.here.clone();
                let place = Place { file, line };
                self.violations.push(Violation { property, place, position, server, at, what: what() });
            }
        }
        holds
    }

    /// What a line shows would break a property, and a server's tail can explain it.
    pub(super) fn excuse(&mut self, property: Property, tail: usize) {
        self.excused[property as usize] += 1;
        self.tails.excuse(tail);
    }

    /// The same, by the tails in which these servers are now, a bit each.
    pub(super) fn excuse_open(&mut self, property: Property, servers: u64) {
        self.excused[property as usize] += 1;
        self.tails.excuse_open(servers);
    }

    pub(super) fn verdict(&self, property: Property) -> Verdict {
        if self.broken[property as usize] > 0 {
            Verdict::Violated
        } else if self.hidden.contains(&property) {
            Verdict::NotShown
        } else if self.checks[property as usize] + self.excused[property as usize] == 0 {
            Verdict::NotExercised
        } else if self.in_part.contains(&property) || self.excused[property as usize] > 0 {
            Verdict::HoldsInPart
        } else {
            Verdict::Holds
        }
    }

    pub(super) fn checks(&self, property: Property) -> u64 {
        self.checks[property as usize]
    }

    pub(super) fn excused(&self, property: Property) -> u64 {
        self.excused[property as usize]
    }

    pub(super) fn broken(&self, property: Property) -> u64 {
        self.broken[property as usize]
    }
}

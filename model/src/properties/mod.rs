//! What must always hold, and what must hold in some state so that the check means something.

pub mod action_properties;
pub mod contact;
pub mod invariants;

/// A property of every reachable state. The first five are the paper's Figure 3; the others are what makes those
/// hold. The last six are what the thesis' extensions promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Safety {
    /// "At most one leader can be elected in a given term." Section 5.2.
    ElectionSafety,
    /// "A leader never overwrites or deletes entries in its log; it only appends new entries." Section 5.3.
    LeaderAppendOnly,
    /// "If two logs contain an entry with the same index and term, then the logs are identical in all entries up
    /// through the given index." Section 5.3.
    LogMatching,
    /// "If a log entry is committed in a given term, then that entry will be present in the logs of the leaders for
    /// all higher-numbered terms." Section 5.4.
    LeaderCompleteness,
    /// "If a server has applied a log entry at a given index to its state machine, no other server will ever apply a
    /// different log entry for the same index." Section 5.4.3. Checked against the entry first committed there.
    StateMachineSafety,
    /// A server never goes back to an older term, and in a term never takes its vote back or gives another, across
    /// crashes.
    OneVote,
    /// What a server holds committed is what was first committed at that index.
    CommittedAgree,
    /// A committed entry is on the disks of a majority, and stays there: no minority of crashes can lose it.
    CommittedOnMajority,
    /// commit_index and last_applied never go back while a server is up, nor the service's state, nor match_index
    /// while it leads.
    NothingGoesBack,
    /// The service gets entry after entry, without a gap and without a repeat.
    AppliedInOrder,
    /// A snapshot holds exactly the committed prefix that it stands for, with that prefix's last term.
    SnapshotIsPrefix,
    /// A server can always start from what its disk holds.
    Recoverable,
    /// On the disk of a server that leads a term are that term and its vote for itself: no crash lets it help another
    /// leader of the term. (A leader's entries may lag behind, its election may not.)
    ElectionDurable,
    /// A server that takes a leader's AppendEntries or InstallSnapshot is a follower from then on.
    FollowersAccept,
    /// The leader that a server names was elected in the server's current term: a service sends its clients there.
    KnownLeader,
    /// No server rejects a message, for all peers are correct.
    NoRejection,
    /// What a leader has in flight to each follower, and what waits to be committed, is what it counts; and that, what
    /// one message carries, and what it takes from clients stays within the limits that it was given.
    WithinLimits,
    /// What clients were answered could have come from one node that does one command after the other. (Section 8:
    /// "linearizable semantics".)
    Linearizable,
    /// A server with PreVote stands only with the pre-votes of a majority, or because the leader asked for it; else its
    /// term grows only by what others are in already. (Thesis, section 9.6.)
    PreVoted,
    /// Whoever is asked for a pre-vote stays as it is: its term, its vote, its timer. A pre-vote is no vote, and makes
    /// at most the server stand that asked for it.
    PreVotesBindNobody,
    /// A pre-vote is granted for a term that is new to whoever grants it, to a server with a log that is at least as
    /// up-to-date.
    PreVotesDeserved,
    /// A server in contact with a leader grants no pre-vote; with CheckQuorum no candidate moves it, but one that the leader
    /// asked to stand. (Thesis, sections 9.6, 4.2.3 and 3.10.)
    ContactProtects,
    /// A leader with CheckQuorum leads on only if a majority answered it since its election timer last elapsed. (Thesis,
    /// section 6.2.)
    LeadsWithQuorum,
    /// A leader that hands over takes no commands until an election timeout has passed, and tells only its successor to
    /// stand, once that has all its entries. The successor stands at once, unless the leader's term is over. (Thesis,
    /// section 3.10.)
    HandsOver,
}

impl Safety {
    /// Those of Figure 2 and section 7.
    pub const FIGURE_2: [Safety; 18] = [
        Safety::ElectionSafety,
        Safety::LeaderAppendOnly,
        Safety::LogMatching,
        Safety::LeaderCompleteness,
        Safety::StateMachineSafety,
        Safety::OneVote,
        Safety::CommittedAgree,
        Safety::CommittedOnMajority,
        Safety::NothingGoesBack,
        Safety::AppliedInOrder,
        Safety::SnapshotIsPrefix,
        Safety::Recoverable,
        Safety::ElectionDurable,
        Safety::FollowersAccept,
        Safety::KnownLeader,
        Safety::NoRejection,
        Safety::WithinLimits,
        Safety::Linearizable,
    ];

    /// All of them.
    pub const ALL: [Safety; 24] = [
        Safety::ElectionSafety,
        Safety::LeaderAppendOnly,
        Safety::LogMatching,
        Safety::LeaderCompleteness,
        Safety::StateMachineSafety,
        Safety::OneVote,
        Safety::CommittedAgree,
        Safety::CommittedOnMajority,
        Safety::NothingGoesBack,
        Safety::AppliedInOrder,
        Safety::SnapshotIsPrefix,
        Safety::Recoverable,
        Safety::ElectionDurable,
        Safety::FollowersAccept,
        Safety::KnownLeader,
        Safety::NoRejection,
        Safety::WithinLimits,
        Safety::Linearizable,
        Safety::PreVoted,
        Safety::PreVotesBindNobody,
        Safety::PreVotesDeserved,
        Safety::ContactProtects,
        Safety::LeadsWithQuorum,
        Safety::HandsOver,
    ];

    /// The property's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Safety::ElectionSafety => "election safety",
            Safety::LeaderAppendOnly => "leader append-only",
            Safety::LogMatching => "log matching",
            Safety::LeaderCompleteness => "leader completeness",
            Safety::StateMachineSafety => "state machine safety",
            Safety::OneVote => "one vote per term",
            Safety::CommittedAgree => "committed entries agree",
            Safety::CommittedOnMajority => "committed on a majority",
            Safety::NothingGoesBack => "nothing goes back",
            Safety::AppliedInOrder => "applied in order",
            Safety::SnapshotIsPrefix => "snapshot is the prefix",
            Safety::Recoverable => "disk is recoverable",
            Safety::ElectionDurable => "elections are durable",
            Safety::FollowersAccept => "only followers accept",
            Safety::KnownLeader => "known leader was elected",
            Safety::NoRejection => "no correct message rejected",
            Safety::WithinLimits => "within the limits",
            Safety::Linearizable => "linearizable",
            Safety::PreVoted => "candidacies were pre-voted",
            Safety::PreVotesBindNobody => "pre-votes bind nobody",
            Safety::PreVotesDeserved => "pre-votes are deserved",
            Safety::ContactProtects => "contact protects",
            Safety::LeadsWithQuorum => "leads with a quorum",
            Safety::HandsOver => "hands over",
        }
    }
}

/// A set of properties: a bit for each, as its number says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SafetySet(u32);

const _: () = assert!(Safety::ALL.len() <= 24, "a packed SafetySet has no bit for some property");

impl SafetySet {
    /// None of them.
    pub const EMPTY: SafetySet = SafetySet(0);

    /// Adds a property.
    pub fn insert(&mut self, safety: Safety) {
        self.0 |= 1 << (safety as u8);
    }

    /// Whether the property is one of them.
    #[must_use]
    pub fn contains(self, safety: Safety) -> bool {
        self.0 & (1 << (safety as u8)) != 0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in either.
    #[must_use]
    pub fn union(self, other: SafetySet) -> SafetySet {
        SafetySet(self.0 | other.0)
    }

    /// Those in both.
    #[must_use]
    pub fn intersection(self, other: SafetySet) -> SafetySet {
        SafetySet(self.0 & other.0)
    }

    /// As a number below 2^24.
    pub(crate) fn packed(self) -> u32 {
        self.0
    }

    /// Out of the number again.
    pub(crate) fn unpacked(number: u32) -> SafetySet {
        SafetySet(number)
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Safety> {
        Safety::ALL.into_iter().filter(move |safety| self.contains(*safety))
    }
}

impl FromIterator<Safety> for SafetySet {
    fn from_iter<I: IntoIterator<Item = Safety>>(properties: I) -> Self {
        let mut set = SafetySet::EMPTY;
        properties.into_iter().for_each(|safety| set.insert(safety));
        set
    }
}

/// Something that some reachable state must show: without it the search did not reach what it is meant to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Witness {
    /// A server leads.
    Leader,
    /// Two servers lead at the same time, in different terms: an old leader that does not know yet.
    TwoLeaders,
    /// A leader holds its entry to be committed.
    Commit,
    /// A service switched to a snapshot from the leader.
    InstalledSnapshot,
    /// A server crashed, restarted with a vote or entries on its disk, and took part again.
    RecoveredCrash,
    /// An entry of an older term is on a majority of the disks and not committed (Figure 8, c).
    Figure8,
    /// An entry of an older term is committed, together with one of the leader's own term (Figure 8, e).
    OlderCommitted,
    /// Two clients were answered.
    TwoAnswers,
    /// A server gave two clients the same index, in different terms, and the earlier command is the one committed
    /// there: a service that waits for "something at my index" answers the wrong client. (The Students' Guide,
    /// "reappearing indices".)
    ReappearingIndex,
    /// A follower is down, and its leader waits for it to install the snapshot that it said it has: it has it no more.
    InstallerDown,
    /// The server whose snapshot a follower is installing is down.
    SenderDown,
}

impl Witness {
    /// All of them.
    pub const ALL: [Witness; 11] = [
        Witness::Leader,
        Witness::TwoLeaders,
        Witness::Commit,
        Witness::InstalledSnapshot,
        Witness::RecoveredCrash,
        Witness::Figure8,
        Witness::OlderCommitted,
        Witness::TwoAnswers,
        Witness::ReappearingIndex,
        Witness::InstallerDown,
        Witness::SenderDown,
    ];

    /// The witness' name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Witness::Leader => "a leader",
            Witness::TwoLeaders => "two leaders, in different terms",
            Witness::Commit => "a commit",
            Witness::InstalledSnapshot => "an installed snapshot",
            Witness::RecoveredCrash => "a recovered crash",
            Witness::Figure8 => "an older entry on a majority, uncommitted",
            Witness::OlderCommitted => "an older entry committed with a newer",
            Witness::TwoAnswers => "two clients answered",
            Witness::ReappearingIndex => "an index given twice, the earlier command committed",
            Witness::InstallerDown => "a follower down while it installs a snapshot",
            Witness::SenderDown => "a server down while its snapshot is installed",
        }
    }
}

//! The identifiers of the rules, and where each stands in the paper. Every step says which rules fired; coverage, the
//! "why" of a trace and the rule table all read this list.

macro_rules! rules {
    (@decision) => { None };
    (@decision $decision:literal) => { Some($decision) };
    ($($variant:ident $id:literal $function:literal $(by $decision:literal)? $place:literal $text:literal)*) => {
        /// A rule of Figure 2, of section 7's snapshots, or of the thesis' extensions, by its place there.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[repr(u8)]
        pub enum Rule {
            $(#[doc = concat!($place, ": ", $text)] $variant,)*
        }

        impl Rule {
            /// All rules, in the order of the paper.
            pub const ALL: &[Rule] = &[$(Rule::$variant),*];

            /// A short stable identifier, such as `AE3`.
            pub const fn id(self) -> &'static str {
                match self { $(Rule::$variant => $id),* }
            }

            /// The function in which the rule fires: `Trait::method` in `figure2_core::rules`.
            pub const fn function(self) -> &'static str {
                match self { $(Rule::$variant => $function),* }
            }

            /// The function that decides whether the rule fires, where that is another than [`Rule::function`]. It
            /// changes nothing, so a mutant can decide otherwise and leave the rest as it is.
            pub const fn decision(self) -> Option<&'static str> {
                match self { $(Rule::$variant => rules!(@decision $($decision)?)),* }
            }

            /// Where the paper states the rule.
            pub const fn place(self) -> &'static str {
                match self { $(Rule::$variant => $place),* }
            }

            /// The rule in one sentence.
            pub const fn text(self) -> &'static str {
                match self { $(Rule::$variant => $text),* }
            }
        }
    };
}

rules! {
    P1 "P1" "Persistence::restart" "Figure 2, State; section 5.1"
        "a server starts from its persistent state; commit_index and last_applied start at the snapshot"
    P2 "P2" "Persistence::save" "Figure 2, Persistent state"
        "what is persistent changes in memory and in the record that precedes every reply"
    P3 "P3" "Candidates::persisted" "Figure 2, Persistent state; thesis 10.2.1"
        "a candidate counts its own vote, and a leader its own entries, only when its disk has them"
    A1 "A1" "AllServers::applied" "Figure 2, Rules for Servers, All 1; section 5.3"
        "if commit_index > last_applied: apply the entries between, in order"
    A2 "A2" "AllServers::observe_term" "Figure 2, Rules for Servers, All 2; section 5.1"
        "a message with a newer term: adopt the term, forget the vote, become follower"
    F2 "F2" "Candidates::election_timeout" "Figure 2, Rules for Servers, Followers 2; section 5.2"
        "election timeout elapses without AppendEntries of the current leader or a granted vote: become candidate"
    C1 "C1" "Candidates::start_election" "Figure 2, Rules for Servers, Candidates 1; section 5.2"
        "increment current_term, vote for self, reset the election timer, ask all others for their vote"
    C1R "C1R" "Candidates::retry_votes" "sections 5.2 and 5.5"
        "requests are retried: ask again whoever has not granted the vote"
    C2 "C2" "Candidates::add_vote" "Figure 2, Rules for Servers, Candidates 2; section 5.2"
        "votes of a majority: become leader"
    C3 "C3" "AllServers::recognise_leader" "Figure 2, Rules for Servers, Candidates 3; section 5.2"
        "AppendEntries from the term's leader: a candidate becomes follower"
    C4 "C4" "Candidates::election_timeout" "Figure 2, Rules for Servers, Candidates 4; section 5.2"
        "a candidate's election timeout elapses: start another election"
    L1 "L1" "Leaders::become_leader" "Figure 2, Rules for Servers, Leaders 1; section 5.2"
        "upon election: next_index past the log's end, match_index 0, heartbeats to all"
    L1R "L1R" "Leaders::heartbeat" "Figure 2, Rules for Servers, Leaders 1; section 5.2"
        "repeat AppendEntries during idle periods"
    L1D "L1D" "Leaders::step_down_if_stalled" "thesis 10.2.1; figure2"
        "an election timeout passes and the leader's own write has made no progress: become follower"
    L2 "L2" "Leaders::propose" "Figure 2, Rules for Servers, Leaders 2; section 5.3"
        "a command from a client: append it to the own log"
    L2L "L2L" "Leaders::refuse_command" "figure2"
        "a command larger than max_command_bytes is refused"
    L2B "L2B" "Leaders::refuse_command" "figure2"
        "a command that does not fit beside what waits to be committed is refused"
    L3 "L3" "Replication::append_if_behind" "Figure 2, Rules for Servers, Leaders 3; section 5.3, thesis 10.2.2"
        "last log index >= next_index of a follower: send it the entries from next_index on"
    L3B "L3B" "Replication::append_to" by "Replication::next_batch"
        "thesis 10.2.2; figure2"
        "one message carries at most max_entries_per_message entries and max_message_bytes bytes, and always one entry"
    L3W "L3W" "Replication::append_if_behind" by "Replication::has_room"
        "thesis 10.2.2; figure2"
        "what is sent to a follower and not acknowledged stays within max_in_flight_bytes"
    L3S "L3S" "Leaders::append_accepted" "Figure 2, Rules for Servers, Leaders 3; section 5.3"
        "AppendEntries succeeded: update next_index and match_index of the follower"
    L3F "L3F" "Replication::append_refused" "Figure 2, Rules for Servers, Leaders 3; section 5.3"
        "AppendEntries refused because of inconsistency: move next_index back and try again"
    L4 "L4" "Leaders::advance_commit_index" "Figure 2, Rules for Servers, Leaders 4; sections 5.3, 5.4"
        "a majority holds N > commit_index and the entry at N is of the current term: commit_index = N"
    L4C "L4C" "Replication::send_commit" "section 5.3; figure2"
        "commit_index moved: tell the followers at once"
    RV1 "RV1" "RequestVoteReceiver::refuse_old_candidate" "Figure 2, RequestVote, receiver 1; section 5.1"
        "refuse the vote if the candidate's term is older"
    RV2 "RV2" "RequestVoteReceiver::grant_vote" "Figure 2, RequestVote, receiver 2; sections 5.2, 5.4"
        "grant it if the vote is free and the candidate's log is at least as up-to-date"
    RV2F "RV2F" "RequestVoteReceiver::request_vote" by "RequestVoteReceiver::vote_is_free"
        "Figure 2, RequestVote, receiver 2; section 5.2"
        "refuse it if the vote of this term went to another"
    RV2U "RV2U" "RequestVoteReceiver::request_vote" by "RequestVoteReceiver::candidate_is_up_to_date"
        "Figure 2, RequestVote, receiver 2; section 5.4.1"
        "refuse it if the candidate's log is less up-to-date"
    AE1 "AE1" "AppendEntriesReceiver::refuse_old_leader" "Figure 2, AppendEntries, receiver 1; section 5.1"
        "refuse if the leader's term is older"
    AE2 "AE2" "AppendEntriesReceiver::append_entries" by "AppendEntriesReceiver::find_mismatch"
        "Figure 2, AppendEntries, receiver 2; section 5.3"
        "refuse if the log has no entry at prev_log_index whose term is prev_log_term"
    AE3 "AE3" "AppendEntriesReceiver::append_entries" by "AppendEntriesReceiver::first_conflict"
        "Figure 2, AppendEntries, receiver 3; section 5.3"
        "an existing entry conflicts with a new one (same index, other term): delete it and all that follow"
    AE4 "AE4" "AppendEntriesReceiver::append_entries" by "AppendEntriesReceiver::new_entries"
        "Figure 2, AppendEntries, receiver 4; section 5.3"
        "append any entries not already in the log"
    AE5 "AE5" "AppendEntriesReceiver::append_entries" by "AppendEntriesReceiver::follower_commit_index"
        "Figure 2, AppendEntries, receiver 5; section 5.3"
        "leader_commit > commit_index: commit_index = min(leader_commit, index of last new entry)"
    R1 "R1" "AllServers::drops_stale_reply" by "AllServers::reply_is_stale"
        "section 5.1; Students' Guide, term confusion"
        "a reply of an older term is dropped"
    S1 "S1" "Snapshots::snapshot_taken" "section 7, Figure 12"
        "the service's snapshot takes the place of the prefix it covers"
    S1K "S1K" "Snapshots::snapshot_taken" by "Snapshots::retains_for_followers"
        "section 7; figure2"
        "a follower lacks an entry that the service's snapshot covers: keep the entries, up to max_retained_bytes"
    S2 "S2" "Replication::send_snapshot" "section 7, Figure 13"
        "the next entry to send is already discarded: send the snapshot instead"
    S2W "S2W" "Replication::await_snapshots" "section 5.5; figure2"
        "the snapshot is not acknowledged for snapshot_patience heartbeats: ask the follower where it stands"
    S3 "S3" "Replication::snapshot_acknowledged" "section 7, Figure 13"
        "the follower took the snapshot in: send nothing while it installs it, then continue after it"
    S3F "S3F" "Replication::snapshot_not_installed" "section 7; figure2"
        "a follower that had the snapshot has lost it: send it again"
    IS1 "IS1" "Snapshots::refuse_old_snapshot_sender" "Figure 13, InstallSnapshot, receiver 1"
        "refuse if the leader's term is older"
    IS5 "IS5" "Snapshots::offer_snapshot" "Figure 13, InstallSnapshot, receiver 5"
        "offer the snapshot to the service unless it is covered already; discard one with a smaller index"
    IS6 "IS6" "Snapshots::cond_install_snapshot" by "Snapshots::keeps_suffix"
        "Figure 13, InstallSnapshot, receiver 6"
        "the log has the snapshot's last entry: keep the entries that follow it"
    IS7 "IS7" "Snapshots::cond_install_snapshot" by "Snapshots::keeps_suffix"
        "Figure 13, InstallSnapshot, receiver 7"
        "otherwise discard the entire log"
    IS8 "IS8" "Snapshots::cond_install_snapshot" "Figure 13, InstallSnapshot, receiver 8; the lab's CondInstallSnapshot"
        "the service switches to the snapshot: log, commit_index and last_applied switch with it"
    IS8R "IS8R" "Snapshots::cond_install_snapshot" by "Snapshots::snapshot_is_old"
        "the lab's CondInstallSnapshot"
        "a snapshot that covers nothing beyond commit_index is old, and refused, and so is one that a leader's log contradicts"
    V1 "V1" "Rules::receive" by "Validation::validate"
        "section 5.1 (a crash-failure protocol); figure2"
        "a message that no correct peer could have sent to this server is rejected and changes nothing"
    PV1 "PV1" "PreVoting::ask_for_pre_votes" "thesis 9.6"
        "election timeout elapses: before the term grows, ask all others whether they would vote"
    PV1R "PV1R" "PreVoting::retry_pre_votes" "thesis 9.6; section 5.5"
        "pre-votes are asked for again from whoever has not granted one"
    PV2 "PV2" "PreVoting::pre_vote" "thesis 9.6"
        "grant a pre-vote to a server that would get the vote; term, vote and timer stay as they are"
    PV2C "PV2C" "PreVoting::pre_vote" by "PreVoting::contact_forbids"
        "thesis 9.6"
        "refuse a pre-vote while in contact with a leader"
    PV2U "PV2U" "PreVoting::pre_vote" by "PreVoting::would_vote"
        "thesis 9.6; section 5.4.1"
        "refuse a pre-vote for a term that is not new, or to a server whose log is less up-to-date"
    PV3 "PV3" "PreVoting::add_pre_vote" "thesis 9.6"
        "pre-votes of a majority: start an election"
    CQ1 "CQ1" "CheckQuorum::step_down_without_quorum" by "CheckQuorum::is_quorum"
        "thesis 6.2"
        "an election timeout passes without answers of a majority: the leader becomes follower"
    CQ2 "CQ2" "CheckQuorum::disregards_candidate" "thesis 4.2.3"
        "in contact with a leader, a vote request of a newer term is dropped, unless the leader asked for it"
    LT1 "LT1" "Transfer::transfer_leadership" "thesis 3.10"
        "asked to hand over, the leader names its successor and waits for it"
    LT2 "LT2" "Transfer::hand_over_if_caught_up" by "Transfer::has_caught_up"
        "thesis 3.10"
        "the successor's log matches to its end: send it TimeoutNow"
    LT3 "LT3" "TransferTarget::timeout_now" "thesis 3.10"
        "TimeoutNow of the current term: start an election at once"
    LT4 "LT4" "Transfer::refuse_while_transferring" "thesis 3.10"
        "while it hands over, the leader takes no commands"
    LT5 "LT5" "Transfer::give_up_transfer" "thesis 3.10"
        "an election timeout passes without a new term: the leader gives the transfer up"
}

/// A set of rules: those that fired in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RuleSet(u64);

// A RuleSet is one word; the build stops here if the list outgrows it.
const _: () = assert!(Rule::ALL.len() <= 64);

impl RuleSet {
    /// No rule.
    pub const EMPTY: RuleSet = RuleSet(0);

    /// Adds a rule.
    #[inline]
    pub fn insert(&mut self, rule: Rule) {
        self.0 |= 1 << (rule as u8);
    }

    /// Whether the rule is in the set.
    #[must_use]
    #[inline]
    pub fn contains(self, rule: Rule) -> bool {
        self.0 & (1 << (rule as u8)) != 0
    }

    /// The union of two sets.
    #[must_use]
    #[inline]
    pub fn union(self, other: RuleSet) -> RuleSet {
        RuleSet(self.0 | other.0)
    }

    /// Whether no rule fired.
    #[must_use]
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The rules, in the order of the paper.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = Rule> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let first = Rule::ALL.get(rest.trailing_zeros() as usize)?;
            rest &= rest - 1;
            Some(*first)
        })
    }
}

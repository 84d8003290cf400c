//! Broken rules. Each mutant is the rules of Figure 2 with one rule replaced by a bug that was made in a real
//! implementation, and names the property that must catch it: a check is worth what it catches.
//!
//! Reductions that are argued from the right rules could hide a bug in a wrong one, so mutants are explored with
//! entries applied separately. Symmetry stays: it needs only that rules treat all ids alike, and these do.

use crate::bounds::{Apply, Bounds, Budget};
use crate::check::{CheckError, CheckOptions, Progress, check_system};
use crate::cluster::System;
use crate::prefix::{Command, Prefix};
use crate::profiles::{Profile, figure8};
use crate::properties::Safety;
use crate::report::Report;
use crate::script::Scene;
use figure2_core::Rules;

mod bugs;

/// A broken rule, where it is explored, and what must catch it.
#[derive(Clone)]
pub struct Mutant {
    /// A short name, such as `C1`.
    pub id: &'static str,
    /// The bug.
    pub bug: &'static str,
    /// The property that must be broken.
    pub killed_by: Safety,
    /// Where it is explored.
    pub profile: Profile,
    /// The broken rules, or the machines that break them.
    pub system: System,
}

impl Mutant {
    /// Explores the mutant's profile under the mutant's rules, for the one property that must catch it. The search is
    /// breadth first with one thread, so the trace it finds is the shortest.
    ///
    /// # Errors
    /// As [`check_system`].
    pub fn check(
        &self,
        options: &CheckOptions,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Report, CheckError> {
        // The bug is near the start, and much else is far from it.
        let options = CheckOptions { breadth_first: true, threads: 1, ..*options };
        check_system(&self.system, &self.profile, &options, progress)
    }
}

/// What a mutant needs to show itself; all that is not named here is none.
#[derive(Clone, Copy)]
struct Needs {
    servers: u8,
    terms: u8,
    client_requests: u8,
    crashes: u8,
    snapshots: u8,
    in_flight: u8,
}

const NEEDS: Needs =
    Needs { servers: 3, terms: 2, client_requests: 0, crashes: 0, snapshots: 0, in_flight: 2 };

impl Needs {
    fn profile(self) -> Profile {
        let Needs { servers, terms, client_requests, crashes, snapshots, in_flight } = self;
        Profile {
            name: "mutant".to_owned(),
            description: "the least that shows the bug".to_owned(),
            bounds: Bounds {
                servers,
                terms,
                client_requests,
                crashes,
                losses: Budget::Unlimited,
                duplications: Budget::Unlimited,
                snapshots,
                unwritten: 0,
                failed_writes: 0,
                in_flight,
                entries_per_message: 1,
                apply: Apply::Separately,
                clients: false,
            },
            symmetry: true,
            script: Vec::new(),
            always: Vec::new(),
            sometimes: Vec::new(),
            rules: Vec::new(),
        }
    }
}

fn mutant<R>(id: &'static str, bug: &'static str, killed_by: Safety, mut profile: Profile) -> Mutant
where
    R: Rules<Command, Prefix> + Default + Send + Sync + 'static,
{
    profile.bounds.apply = Apply::Separately;
    profile.always = vec![killed_by];
    profile.sometimes.clear();
    profile.rules.clear();
    Mutant { id, bug, killed_by, profile, system: System::of(R::default()) }
}

/// S0 leads term 1 by the vote of S1, and has just sent c1 and c2 to it.
fn two_on_their_way() -> Profile {
    use Scene::{Exchange, LoseAll, Request, Timeout};
    let needs = Needs { terms: 1, client_requests: 2, snapshots: 1, in_flight: 4, ..NEEDS };
    let Profile { bounds, .. } = needs.profile();
    Profile {
        script: vec![Timeout(0), Exchange(0, 1), LoseAll, Request(0), Request(0)],
        bounds: Bounds { duplications: Budget::AtMost(0), losses: Budget::AtMost(0), ..bounds },
        ..needs.profile()
    }
}

/// S0 leads term 1 and has committed c1 with S1.
fn one_committed() -> Vec<Scene> {
    use Scene::{Exchange, LoseAll, Request, Timeout};
    vec![Timeout(0), Exchange(0, 1), Request(0), Exchange(0, 1), LoseAll]
}

/// S0 led term 1 and has c1 and c2, uncommitted; S1 leads term 2 and has committed c3 with S2.
fn conflicting_suffix() -> Vec<Scene> {
    use Scene::{Exchange, LoseAll, Request, Timeout};
    vec![
        Timeout(0),
        Exchange(0, 1),
        Exchange(0, 2),
        Request(0),
        Request(0),
        LoseAll,
        Timeout(1),
        Exchange(1, 2),
        LoseAll,
        Request(1),
        Exchange(1, 2),
        LoseAll,
    ]
}

/// All mutants.
pub fn mutants() -> Vec<Mutant> {
    let entries = |client_requests| Needs { client_requests, ..NEEDS };
    let snapshot = Needs { client_requests: 2, snapshots: 1, ..NEEDS };
    vec![
        mutant::<bugs::VoteOfOlderTerm>(
            "V1",
            "a vote reply of an older term is counted",
            Safety::ElectionSafety,
            Needs { in_flight: 3, ..NEEDS }.profile(),
        ),
        mutant::<bugs::VoteCountedTwice>(
            "V2",
            "a duplicated vote reply is counted twice",
            Safety::ElectionSafety,
            Needs { servers: 4, terms: 1, in_flight: 3, ..NEEDS }.profile(),
        ),
        mutant::<bugs::VoteForgottenOnLeader>(
            "V3",
            "the vote is cleared within a term, when a leader is heard",
            Safety::OneVote,
            Needs { terms: 1, ..NEEDS }.profile(),
        ),
        mutant::<bugs::NewerTermIsGrant>(
            "V6",
            "a vote reply with a higher term is taken as a grant",
            Safety::ElectionSafety,
            Needs { terms: 3, client_requests: 1, ..NEEDS }.profile(),
        ),
        mutant::<bugs::BallotForgotten>(
            "V8",
            "term and vote are forgotten on restart",
            Safety::ElectionSafety,
            Needs { terms: 1, crashes: 1, ..NEEDS }.profile(),
        ),
        mutant::<bugs::VoteForgotten>(
            "V8b",
            "the vote is forgotten on restart",
            Safety::OneVote,
            Needs { terms: 1, crashes: 1, ..NEEDS }.profile(),
        ),
        mutant::<bugs::AnyoneIsUpToDate>(
            "V9",
            "a vote is granted without the up-to-date check",
            Safety::LeaderCompleteness,
            entries(1).profile(),
        ),
        mutant::<bugs::CandidateStays>(
            "V10",
            "a candidate does not step down on AppendEntries of its own term",
            Safety::FollowersAccept,
            Needs { terms: 1, ..NEEDS }.profile(),
        ),
        mutant::<bugs::OlderTermCommitted>(
            "C1",
            "an entry of an earlier term is committed by counting (Figure 8)",
            Safety::LeaderCompleteness,
            figure8(),
        ),
        mutant::<bugs::CommitUnbounded>(
            "C2",
            "commit_index = leader_commit, not min with the last new entry",
            Safety::CommittedAgree,
            entries(2).profile(),
        ),
        mutant::<bugs::TailApplied>(
            "C3",
            "entries that are not committed are applied",
            Safety::StateMachineSafety,
            entries(1).profile(),
        ),
        mutant::<bugs::RefusalAcknowledges>(
            "C4",
            "a refusal advances match_index and the commit",
            Safety::LeaderCompleteness,
            entries(2).profile(),
        ),
        mutant::<bugs::QuorumMissorted>(
            "C5",
            "the quorum is read off a mis-sorted match_index",
            Safety::LeaderCompleteness,
            entries(1).profile(),
        ),
        mutant::<bugs::AlwaysTruncates>(
            "R1",
            "AppendEntries truncates without a conflict",
            Safety::LeaderCompleteness,
            entries(1).profile(),
        ),
        mutant::<bugs::MatchIndexGoesBack>(
            "R2",
            "match_index goes back on a late reply",
            Safety::NothingGoesBack,
            entries(1).profile(),
        ),
        mutant::<bugs::MatchIndexIsLogLength>(
            "R2b",
            "match_index is set from the length of the follower's log",
            Safety::CommittedOnMajority,
            entries(2).profile(),
        ),
        mutant::<bugs::HeartbeatUnchecked>(
            "R3",
            "heartbeats skip the consistency check",
            Safety::CommittedAgree,
            entries(2).profile(),
        ),
        mutant::<bugs::EdgeUnchecked>(
            "R5",
            "the consistency check is off by one at the snapshot's edge",
            Safety::LogMatching,
            Needs { client_requests: 3, ..snapshot }.profile(),
        ),
        mutant::<bugs::NeverTruncates>(
            "R6",
            "a conflicting entry is kept",
            Safety::CommittedAgree,
            entries(2).profile(),
        ),
        mutant::<bugs::OldSnapshotInstalled>(
            "S1",
            "an old snapshot is installed over a newer state",
            Safety::NothingGoesBack,
            snapshot.profile(),
        ),
        mutant::<bugs::WrongSnapshotTerm>(
            "S2",
            "a snapshot records the current term as its last included term",
            Safety::SnapshotIsPrefix,
            Profile { script: one_committed(), ..Needs { client_requests: 1, ..snapshot }.profile() },
        ),
        mutant::<bugs::SuffixThrownAway>(
            "S4",
            "installing a snapshot throws an acknowledged suffix away",
            Safety::CommittedOnMajority,
            two_on_their_way(),
        ),
        mutant::<bugs::SuffixAlwaysKept>(
            "S5",
            "installing a snapshot keeps a suffix that conflicts",
            Safety::Recoverable,
            Profile { script: conflicting_suffix(), ..Needs { client_requests: 3, ..snapshot }.profile() },
        ),
    ]
}

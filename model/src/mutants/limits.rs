//! Bugs in the limits of what is sent and accepted, and in a leader's counts for them; and in what it does beyond
//! Figure 2: sending a commit at once, and stepping down when its disk hangs.

use super::Mutant;
use super::bug::{Fx, Saved, Server, broken, mutants};
use super::spaces::{ALONE, FOUR, NEEDS, Needs};
use super::tools::all_committed;
use crate::cluster::bounds::{Limits, Sending};
use crate::cluster::prefix::Command;
use crate::cluster::script::ScriptStep::{self, Exchange, Heartbeat, LoseAll, Request, Timeout};
use figure2_core::{Entry, Outcome, Progress, ProgressState};

/// S0 leads term 1, and S1 is known to match.
const LED: &[ScriptStep] = &[Timeout(0), Exchange(0, 1)];

/// A leader and a follower, two commands, messages of two entries, and some limits.
const fn pair(limits: Limits) -> Needs {
    Needs { servers: 2, terms: 1, client_requests: 2, entries_per_message: 2, limits, script: LED, ..NEEDS }
}

/// The first entry, and one byte.
const ONE: u64 = 18;

pub fn mutants() -> Vec<Mutant> {
    mutants![
        {
            "L2L-none" breaks L2L: "a command is taken whatever its size";
            WithinLimits in Needs { client_requests: 1, limits: Limits { command: 0, ..Limits::NONE }, ..ALONE };
            Leaders {
                fn refuse_command(&self, s: &Server, fx: &mut Fx, entry: &Entry<Command>) -> Option<Outcome> {
                    Figure2.refuse_command(s, fx, entry).filter(|refusal| !matches!(refusal, Outcome::TooLarge { .. }))
                }
            }
        }
        {
            "L2B-none" breaks L2B: "a command is taken however much waits to be committed";
            WithinLimits in pair(Limits { uncommitted: ONE, ..Limits::NONE });
            Leaders {
                fn refuse_command(&self, s: &Server, fx: &mut Fx, entry: &Entry<Command>) -> Option<Outcome> {
                    Figure2.refuse_command(s, fx, entry).filter(|refusal| !matches!(refusal, Outcome::Busy { .. }))
                }
            }
        }
        {
            "L3B-bytes" breaks L3B: "a message is limited in entries, and not in bytes";
            WithinLimits in Needs {
                script: &[Timeout(0), Exchange(0, 1), Request(0), Request(0), LoseAll],
                ..pair(Limits { message: ONE, ..Limits::NONE })
            };
            Replication {
                fn next_batch<'a>(&self, s: &'a Server, known: &Progress) -> &'a [Entry<Command>] {
                    let limit = usize::try_from(s.config().max_entries_per_message).unwrap_or(usize::MAX);
                    s.log().entries_from(known.next_index, limit)
                }
            }
        }
        {
            "L3B-room" breaks L3B: "a message is as large as one may be, however little room is left in flight";
            WithinLimits in Needs {
                script: &[Timeout(0), Exchange(0, 1), Request(0), Request(0), LoseAll],
                ..pair(Limits { in_flight: ONE, ..Limits::NONE })
            };
            Replication {
                fn next_batch<'a>(&self, s: &'a Server, known: &Progress) -> &'a [Entry<Command>] {
                    let limit = usize::try_from(s.config().max_entries_per_message).unwrap_or(usize::MAX);
                    s.log().batch_from(known.next_index, limit, s.config().max_message_bytes)
                }
            }
        }
        {
            "L3W-none" breaks L3W: "a follower that does not answer is sent more and more";
            WithinLimits in pair(Limits { in_flight: ONE, ..Limits::NONE });
            Replication {
                fn has_room(&self, _: &Server, known: &Progress) -> bool {
                    known.is_replicating()
                }
            }
        }
        {
            "L3W-next" breaks L3W: "what is in flight is compared with the limit without what comes next";
            WithinLimits in pair(Limits { in_flight: ONE, ..Limits::NONE });
            Replication {
                fn has_room(&self, s: &Server, known: &Progress) -> bool {
                    match known.state {
                        ProgressState::Replicate { in_flight } => in_flight <= s.config().max_in_flight_bytes,
                        _ => false,
                    }
                }
            }
        }
        {
            "L3W-discarded" breaks L3W: "what the leader has discarded does not count as in flight: a follower that is gone is \
                sent more with each snapshot";
            WithinLimits in Needs {
                terms: 1,
                client_requests: 2,
                snapshots: 1,
                limits: Limits { in_flight: ONE, ..Limits::NONE },
                script: &[Timeout(0), Exchange(0, 1), Exchange(0, 2), Request(0), Exchange(0, 1), LoseAll],
                ..NEEDS
            };
            Replication {
                fn has_room(&self, s: &Server, known: &Progress) -> bool {
                    known.match_index < s.log().base_index() || Figure2.has_room(s, known)
                }
            }
        }
        {
            "L4C-log" breaks L4C: "followers are told at once that the whole log is committed";
            CommittedOnMajority in Needs {
                client_requests: 2,
                sending: Sending::Separately,
                script: &[Timeout(0), Exchange(0, 1), Exchange(0, 2), Request(0), Heartbeat(0), Exchange(0, 1), Exchange(0, 2), LoseAll],
                ..FOUR
            };
            Replication {
                fn send_commit(&self, s: &mut Server, fx: &mut Fx) {
                    Figure2.send_commit(&mut all_committed(s), fx);
                }
            }
        }
        {
            "L1D-vote" breaks L1D: "a leader that steps down for its disk forgets whom it voted for";
            OneVote in Needs { servers: 2, terms: 1, client_requests: 1, unwritten: 2, script: LED, ..NEEDS };
            Leaders {
                fn step_down_if_stalled(&self, s: &mut Server, fx: &mut Fx) {
                    Figure2.step_down_if_stalled(s, fx);
                    if !s.is_leader() {
                        let current_term = s.current_term();
                        self.save(s, fx, Saved::TermAndVote { current_term, voted_for: None });
                    }
                }
            }
        }
    ]
}

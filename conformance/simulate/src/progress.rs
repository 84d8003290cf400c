//! Checks progress while faults last: if they leave a majority of servers that reach each other, new entries must be
//! committed.
//!
//! A [`Situation`] says who runs, whose disk works, and who reaches whom. As long as it does not change and has a
//! majority that the rules give progress to, an entry must be committed within [`PROGRESS`]. Where all servers have
//! PreVote and CheckQuorum (Ongaro's thesis, 9.6 and 6.2), that is every connected majority. Under Figure 2 alone, a server
//! outside that the majority hears, but that does not hear all of the majority, can stop it for ever: as a leader that
//! never learns that nobody answers, or as a candidate of ever higher terms. Such a situation is *disturbed*: it is
//! measured, not judged.
//!
//! While a new leader brings followers what it inherited, that counts as progress, too. None of it may be committed
//! by counting (5.4.2), and with a small limit of bytes in flight it takes a round trip for each entry. It ends,
//! because a term adds nothing to what was inherited.

use super::verdict::Failure;
use figure2::{Index, Term};
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// How long nothing at all may be committed while a majority can make progress, and clients ask.
pub const PROGRESS: Duration = Duration::from_secs(10);

/// How it stands with the servers. While it is equal to itself, nothing has changed for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Situation {
    /// How many faults have begun or ended.
    pub(super) changes: u64,
    /// Messages are lost, or come late, whoever sends them.
    pub(super) rough: bool,
    /// All servers have the extensions by which nobody disturbs a majority.
    pub(super) guarded: bool,
    /// Who runs, on a disk that works.
    pub(super) sound: Vec<bool>,
    /// Who may send something: it runs, or a bad disk ends it over and over and it is started again.
    pub(super) present: Vec<bool>,
    /// Who gets a message to whom: by sender, then by receiver.
    pub(super) passes: Vec<Vec<bool>>,
}

/// What the leader of the latest term has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leading {
    /// Its term.
    pub(super) term: Term,
    /// Where its log ends.
    pub(super) last_log_index: Index,
    /// The highest index that a majority holds, as far as the leader knows.
    pub(super) held_by_majority: Index,
}

/// What the leader of the latest term found in its log.
#[derive(Clone, Copy, Debug, Default)]
struct Inherited {
    term: Term,
    /// Where its log ended when it was first seen to lead.
    last_log_index: Index,
    /// Up to where a majority is known to hold it.
    held: Index,
}

/// What can be asked of a situation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// These servers are a majority, sound, and reach each other; nobody outside disturbs them.
    Progresses(Vec<usize>),
    /// There is such a majority, but this server outside is heard by it, and does not hear all of it.
    Disturbed {
        /// The majority.
        majority: Vec<usize>,
        /// Who disturbs it.
        by: usize,
    },
    /// No majority is sound and connected, or the network is bad everywhere.
    Neither,
}

impl Situation {
    fn passes(&self, from: usize, to: usize) -> bool {
        self.passes.get(from).and_then(|row| row.get(to)).copied().unwrap_or(false)
    }

    /// What can be asked of it. Of several majorities, one that makes progress, if there is one.
    pub(super) fn standing(&self) -> Standing {
        let mut standing = Standing::Neither;
        if self.rough {
            return standing;
        }
        let servers = self.sound.len();
        // There are at most nine servers.
        for set in 0..1_u32 << servers.min(16) {
            let members: Vec<usize> = (0..servers).filter(|server| set & (1 << server) != 0).collect();
            let is_majority = members.len() * 2 > servers;
            if !is_majority || !self.is_connected(&members) {
                continue;
            }
            match self.disturber(&members).filter(|_| !self.guarded) {
                None => return Standing::Progresses(members),
                Some(by) => standing = Standing::Disturbed { majority: members, by },
            }
        }
        standing
    }

    fn is_connected(&self, members: &[usize]) -> bool {
        let sound = |server: &usize| self.sound.get(*server).copied().unwrap_or(false);
        let reaches_all = |from: &usize| members.iter().all(|to| to == from || self.passes(*from, *to));
        members.iter().all(|member| sound(member) && reaches_all(member))
    }

    /// A server outside that is heard by one of the members, if only by way of others outside, and does not hear all members.
    fn disturber(&self, members: &[usize]) -> Option<usize> {
        let mut heard = members.to_vec();
        let mut next = 0;
        while let Some(to) = heard.get(next).copied() {
            let senders =
                (0..self.present.len()).filter(|from| self.present[*from] && self.passes(*from, to));
            let new: Vec<usize> = senders.filter(|from| !heard.contains(from)).collect();
            heard.extend(new);
            next += 1;
        }
        let hears_all = |server: usize| members.iter().all(|member| self.passes(*member, server));
        heard.into_iter().find(|server| !members.contains(server) && !hears_all(*server))
    }
}

/// For how long situations of a kind lasted, and how long nothing was committed in one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// How many lasted at least [`PROGRESS`].
    pub long: u64,
    /// All of them together.
    pub lasted: Duration,
    /// The longest time without a commit.
    pub longest: Duration,
}

impl Waits {
    fn add(&mut self, other: &Waits) {
        self.long += other.long;
        self.lasted += other.lasted;
        self.longest = self.longest.max(other.longest);
    }
}

/// What became of progress while faults could happen, in a run or in several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progressed {
    /// While there was a majority that makes progress: this is judged.
    pub judged: Waits,
    /// While there was a majority, and a server outside disturbed it: this is not.
    pub disturbed: Waits,
}

impl Progressed {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Progressed) {
        self.judged.add(&other.judged);
        self.disturbed.add(&other.disturbed);
    }
}

impl fmt::Display for Progressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Progressed { judged, disturbed } = self;
        let seconds = |duration: Duration| duration.as_secs_f64();
        write!(
            f,
            "a connected majority for {:.0} s, {} times for {} s or more: an entry committed after at most {:.1} s; disturbed \
             by a server outside for {:.0} s: after at most {:.1} s, not judged",
            seconds(judged.lasted),
            judged.long,
            PROGRESS.as_secs(),
            seconds(judged.longest),
            seconds(disturbed.lasted),
            seconds(disturbed.longest),
        )
    }
}

/// Watches a run.
pub(super) struct Progress {
    situation: Situation,
    standing: Standing,
    /// When the situation began.
    since: Instant,
    /// When it was looked at last.
    seen: Instant,
    /// The highest index that was known to be committed.
    committed: Index,
    inherited: Inherited,
    /// When something was committed, or a follower brought closer to it.
    progressed_at: Instant,
    progressed: Progressed,
}

impl Progress {
    /// Begins now.
    pub(super) fn new() -> Progress {
        let now = Instant::now();
        Progress {
            situation: Situation::default(),
            standing: Standing::Neither,
            since: now,
            seen: now,
            committed: Index::ZERO,
            inherited: Inherited::default(),
            progressed_at: now,
            progressed: Progressed::default(),
        }
    }

    /// Looks at the cluster: how it stands with its servers, what any of them knows to be committed, and what the leader of
    /// the latest term has.
    ///
    /// # Errors
    /// When an entry should have been committed by now.
    pub(super) fn look(
        &mut self,
        situation: Situation,
        commit_index: Index,
        leading: Option<Leading>,
    ) -> Result<(), Failure> {
        let now = Instant::now();
        // What was seen last has lasted until now.
        let waits = match &self.standing {
            Standing::Progresses(_) => Some(&mut self.progressed.judged),
            Standing::Disturbed { .. } => Some(&mut self.progressed.disturbed),
            Standing::Neither => None,
        };
        let waited = now - self.since.max(self.progressed_at);
        if let Some(waits) = waits {
            waits.lasted += now - self.seen;
            waits.longest = waits.longest.max(waited);
            waits.long += u64::from(self.seen - self.since < PROGRESS && now - self.since >= PROGRESS);
        }
        self.seen = now;
        let commits = commit_index > self.committed;
        self.committed = self.committed.max(commit_index);
        let is_new = self.brings_inherited(leading) || commits;
        if is_new {
            self.progressed_at = now;
        }
        if situation != self.situation {
            self.standing = situation.standing();
            self.situation = situation;
            self.since = now;
        } else if let (Standing::Progresses(majority), false) = (&self.standing, is_new)
            && waited >= PROGRESS
        {
            return Err(Failure::NoProgress { majority: majority.clone(), waited: PROGRESS });
        }
        Ok(())
    }

    /// Whether a majority holds more of what the leader inherited than when this was last asked.
    fn brings_inherited(&mut self, leading: Option<Leading>) -> bool {
        let Some(Leading { term, last_log_index, held_by_majority }) = leading else { return false };
        if term > self.inherited.term {
            self.inherited = Inherited { term, last_log_index, held: Index::ZERO };
        }
        let Inherited { last_log_index, held, .. } = self.inherited;
        let holds = held_by_majority.min(last_log_index);
        self.inherited.held = held.max(holds);
        // The first that a leader hears of its followers is what they had.
        held > Index::ZERO && holds > held
    }

    /// What became of it so far.
    pub(super) fn sum(&self) -> Progressed {
        self.progressed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All servers sound, and these ways cut.
    fn cut(servers: usize, ways: &[(usize, usize)]) -> Situation {
        let passes = |from| (0..servers).map(|to| !ways.contains(&(from, to))).collect();
        Situation {
            sound: vec![true; servers],
            present: vec![true; servers],
            passes: (0..servers).map(passes).collect(),
            ..Situation::default()
        }
    }

    fn disturbed(situation: &Situation) -> Option<usize> {
        match situation.standing() {
            Standing::Disturbed { by, .. } => Some(by),
            _ => None,
        }
    }

    #[test]
    fn a_majority_makes_progress_where_who_is_outside_is_silent_or_hears_all_of_it() {
        for ways in [
            vec![],
            // Server 2 is cut off.
            vec![(2, 0), (2, 1), (0, 2), (1, 2)],
            // It is mute.
            vec![(2, 0), (2, 1)],
            // It reaches one of the others.
            vec![(2, 0)],
        ] {
            assert!(matches!(cut(3, &ways).standing(), Standing::Progresses(_)), "{ways:?}");
        }
        let mut down = cut(3, &[(0, 2), (1, 2)]);
        (down.sound[2], down.present[2]) = (false, false);
        assert_eq!(down.standing(), Standing::Progresses(vec![0, 1]));
    }

    #[test]
    fn who_is_heard_and_does_not_hear_all_of_a_majority_disturbs_it() {
        // Deaf; and between two servers nothing passes, so each is outside of a majority that the other is in.
        assert_eq!(disturbed(&cut(3, &[(0, 2), (1, 2)])), Some(2));
        assert!(disturbed(&cut(3, &[(0, 1), (1, 0)])).is_some());
        // Server 4 is heard by server 3 only, which is in no majority and hears all others.
        let by_way_of_another = [(0, 4), (1, 4), (2, 4), (3, 4), (4, 0), (4, 1), (4, 2), (3, 0), (3, 1)];
        assert_eq!(disturbed(&cut(5, &by_way_of_another)), Some(4));
    }

    #[test]
    fn with_all_extensions_nobody_disturbs_a_majority() {
        for ways in [&[(0, 2), (1, 2)][..], &[(0, 1), (1, 0)]] {
            let guarded = Situation { guarded: true, ..cut(3, ways) };
            assert!(matches!(guarded.standing(), Standing::Progresses(_)), "{ways:?}");
        }
    }

    #[test]
    fn nothing_is_asked_without_a_sound_majority_or_in_bad_weather() {
        let mut bad_disks = cut(3, &[]);
        (bad_disks.sound[0], bad_disks.sound[1]) = (false, false);
        assert_eq!(bad_disks.standing(), Standing::Neither);
        assert_eq!(cut(3, &[(0, 1), (1, 2), (2, 0)]).standing(), Standing::Neither);
        let rough = Situation { rough: true, ..cut(3, &[]) };
        assert_eq!(rough.standing(), Standing::Neither);
    }
}

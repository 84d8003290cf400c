//! What happened when: elections, commits, snapshots, starts and crashes, in bounded memory.

use serde::Serialize;

/// Most marks that are kept; what comes after is counted.
const MARKS: usize = 4000;

/// Most points of the commit curve; when there are more, every second one goes.
const POINTS: usize = 2000;

/// What a mark stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The server starts.
    Start,
    /// It starts again.
    Restart,
    /// It was killed or failed.
    Stop,
    /// It runs for leader.
    Candidate,
    /// It is elected.
    Leader,
    /// It leads no longer.
    SteppedDown,
    /// Its service took a snapshot.
    SnapshotTaken,
    /// It switched to a leader's snapshot.
    SnapshotInstalled,
}

/// What the moments of a time line are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Microseconds, on the recordings' clock.
    #[default]
    Microseconds,
    /// Numbers of lines: the trace tells no times.
    Lines,
}

/// A mark on the time line.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Mark {
    /// When, by the time line's clock.
    pub at: u64,
    /// The server.
    pub server: u64,
    /// What happened.
    pub kind: Kind,
    /// The server's term, or the snapshot's last index.
    pub number: u64,
}

/// What happened when.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Timeline {
    /// What the moments are.
    pub clock: Clock,
    /// The first thousands of marks, in order.
    pub marks: Vec<Mark>,
    /// How many more there were.
    pub more_marks: u64,
    /// Points (moment, index) of the highest commit_index of all servers.
    pub commits: Vec<(u64, u64)>,
    /// Of how many changes a point is one.
    stride: u64,
    changes: u64,
    /// The first and the last moment.
    pub first: u64,
    /// The last moment.
    pub last: u64,
}

impl Timeline {
    pub(super) fn of(clock: Clock) -> Timeline {
        Timeline { clock, ..Timeline::default() }
    }

    pub(super) fn mark(&mut self, at: u64, server: u64, kind: Kind, number: u64) {
        if self.marks.len() < MARKS {
            self.marks.push(Mark { at, server, kind, number });
        } else {
            self.more_marks += 1;
        }
    }

    pub(super) fn commit(&mut self, at: u64, index: u64) {
        if self.commits.last().is_some_and(|(_, highest)| *highest >= index) {
            return;
        }
        self.stride = self.stride.max(1);
        self.changes += 1;
        if self.changes.is_multiple_of(self.stride) {
            self.commits.push((at, index));
        }
        if self.commits.len() > POINTS {
            let mut place = 0;
            self.commits.retain(|_| {
                place += 1;
                place % 2 == 0
            });
            self.stride *= 2;
        }
    }

    pub(super) fn tick(&mut self, at: u64) {
        if self.last == 0 {
            self.first = at;
        }
        self.last = self.last.max(at);
    }

    /// How many marks of a kind are kept.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.marks.iter().filter(|mark| mark.kind == kind).count()
    }
}

//! Findings that nothing in a trace explains: lines are missing there, or the cluster misbehaved. The trace alone
//! does not show which, so such a finding is neither "violated" nor "holds".

use super::property::Here;
use figure2_trace::Place;
use serde::Serialize;

/// What is not explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Cause {
    /// A node leads, and no line made it leader, or not enough voters were heard to vote for it.
    Leader,
    /// A leader commits, and not enough voters were heard to have the entry; or it should commit, and does not.
    Commit,
    /// A message is received that nobody sent, or before it could leave.
    Message,
    /// A node's term, vote, role, log, commit or configuration is another than after its line before.
    Change,
    /// What must follow a line, a reply for instance, does not follow; or something follows that needs a line before.
    Step,
    /// A line contradicts itself.
    Line,
    /// A node restarts with less than what it had handed over to be written.
    Restart,
    /// An event that this program does not know.
    Event,
    /// The trace ends in the middle of a step.
    End,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 9] = [
        Cause::Leader,
        Cause::Commit,
        Cause::Message,
        Cause::Change,
        Cause::Step,
        Cause::Line,
        Cause::Restart,
        Cause::Event,
        Cause::End,
    ];

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Cause::Leader => "a leader that nothing made one",
            Cause::Commit => "a commit without its acknowledgements",
            Cause::Message => "a message that nobody sent",
            Cause::Change => "a change that no line makes",
            Cause::Step => "a step that lacks a line",
            Cause::Line => "a line that contradicts itself",
            Cause::Restart => "a restart with less than was handed to the disk",
            Cause::Event => "an event that is not known",
            Cause::End => "an end in the middle of a step",
        }
    }
}

/// The first line of its cause that is not explained.
#[derive(Clone, Debug)]
pub struct Unexplained {
    /// Of which kind.
    pub cause: Cause,
    /// The line.
    pub place: Place,
    /// The node.
    pub server: u64,
    /// What is not explained.
    pub what: String,
    /// How many lines there are of this cause.
    pub count: u64,
}

/// All that is not explained: of each cause the first, and how many.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) first: Vec<Unexplained>,
}

impl Collected {
    /// At a line, something is not explained.
    pub(super) fn add(&mut self, cause: Cause, here: &Here, what: impl FnOnce() -> String) {
        match self.first.iter_mut().find(|known| known.cause == cause) {
            Some(known) => known.count += 1,
            None => {
                let place = Place { file: here.file.clone(), line: here.line };
                self.first.push(Unexplained { cause, place, server: here.server, what: what(), count: 1 });
            }
        }
    }
}

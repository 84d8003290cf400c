//! Recovery as text.

use super::run::Missing;
use super::{OnTheirWay, ROUNDS, Share, Stuck, Unrecovered};
use std::fmt;

impl fmt::Display for Share {
    /// As the command line has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Share::All => f.write_str("all"),
            Share::OneIn { states, .. } => write!(f, "1/{states}"),
            Share::Part { states, index, of, .. } => write!(f, "1/{states}, part {} of {of}", index + 1),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Missing::OneLeader => "there is not exactly one leader",
            Missing::OneTerm => "a server is not in the leader's term",
            Missing::Commit => "a new command is not committed",
            Missing::EqualLogs => "the logs are not equal",
            Missing::Applied => "a service has not applied what is committed",
        })
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stuck::Endless { round } => {
                write!(f, "in round {round} messages, or what a service is given, come without an end")
            }
            Stuck::AtRest { round, missing: Some(missing) } => {
                write!(f, "round {round} changes nothing any more, and {missing}")
            }
            Stuck::AtRest { round, missing: None } => {
                write!(f, "all is well before round {round}, and yet more is sent than heartbeats")
            }
            Stuck::Returns { round, to } => {
                write!(f, "after round {round} all is as it was before round {to}, and so it goes on")
            }
            Stuck::TooLong { missing: Some(missing) } => write!(f, "after {ROUNDS} rounds {missing}"),
            Stuck::TooLong { missing: None } => write!(f, "after {ROUNDS} rounds it is not at rest"),
        }
    }
}

impl fmt::Display for Unrecovered {
    /// What becomes of the messages, what happens then, a line an event, and why that is no recovery.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "faults end, and all that is on its way {}:",
            match self.on_their_way {
                OnTheirWay::Arrive => "arrives",
                OnTheirWay::Lost => "is lost",
            }
        )?;
        for line in &self.trace {
            let indent = if line.starts_with("round ") { "  " } else { "    " };
            writeln!(f, "{indent}{line}")?;
        }
        write!(f, "no recovery: {}", self.stuck)
    }
}

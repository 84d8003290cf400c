//! The context of a violation: the lines around it. They are read a second time when there is one.

use super::Violation;
use super::merged::Merged;
use figure2_trace::{Event, Input, MessageName, Reader, Sent, TraceError};

/// So many lines before the violation are shown, and so many after it.
const BEFORE: u64 = 40;
const AFTER: u64 = 5;

/// The lines around a violation.
#[derive(Clone, Debug)]
pub struct Context {
    /// The lines, in order.
    pub moments: Vec<Moment>,
    /// Which of them breaks the property.
    pub broken: usize,
}

/// A line, in short.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Its server.
    pub server: u8,
    /// Its number in its file.
    pub number: u64,
    /// When it was told, in microseconds.
    pub at: u64,
    /// What it says.
    pub what: String,
    /// The message that leaves here.
    pub sends: Option<Sent>,
    /// The place, in the same list, where the message that arrives here left; or that it left earlier.
    pub receives: Option<Arrival>,
}

/// Where a message came from.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its sender.
    pub from: u8,
    /// Where it left, if that is among the lines shown.
    pub left: Option<usize>,
}

/// Those of each violation.
pub(super) fn around(readers: Vec<Reader>, violations: &[Violation]) -> Result<Vec<Context>, TraceError> {
    let mut found: Vec<Context> =
        violations.iter().map(|_| Context { moments: Vec::new(), broken: 0 }).collect();
    let last = violations.iter().map(|violation| violation.position + AFTER).max().unwrap_or_default();
    let mut merged = Merged::<Event>::new(readers)?;
    while let Some(next) = merged.next_line()? {
        if next.position > last {
            break;
        }
        for (violation, around) in violations.iter().zip(&mut found) {
            if (violation.position.saturating_sub(BEFORE)..=violation.position + AFTER)
                .contains(&next.position)
            {
                if next.position == violation.position {
                    around.broken = around.moments.len();
                }
                let moment =
                    moment(&around.moments, next.line.server, next.number, next.at, &next.line.event);
                around.moments.push(moment);
            }
        }
    }
    Ok(found)
}

fn moment(before: &[Moment], server: u8, number: u64, at: u64, event: &Event) -> Moment {
    let mut moment = Moment { server, number, at, what: String::new(), sends: None, receives: None };
    moment.what = match event {
        Event::Start { persistent, .. } => {
            format!("starts: term {}, log to {}", persistent.current_term, persistent.log.last_index())
        }
        Event::Step(step) => {
            let state = step.state;
            let input = match &step.input {
                Input::Receive(envelope) => {
                    let sent = Sent::of(envelope);
                    let left = before
                        .iter()
                        .rposition(|earlier| earlier.server == envelope.from && earlier.sends == Some(sent));
                    moment.receives = Some(Arrival { from: envelope.from, left });
                    format!("gets {} of S{}", name(&sent), envelope.from)
                }
                Input::Propose(command) => format!("proposes {command}"),
                Input::Applied { index } => format!("applied {index}"),
                Input::SnapshotTaken { index, .. } => format!("snapshot at {index}"),
                Input::CondInstallSnapshot(snapshot) => {
                    format!("switches to snapshot {}", snapshot.last_included_index)
                }
                Input::Persisted(_) => "is told of the write".into(),
                Input::ElectionTimeout => "election timeout".into(),
                Input::HeartbeatTimeout => "heartbeat timeout".into(),
                Input::Replicate => "replicates".into(),
                Input::SendCommit => "sends its commit_index".into(),
                Input::TransferLeadership { to } => format!("is asked to hand over to S{to}"),
            };
            let role = state.role;
            let (term, last, commit) = (state.current_term, state.last_log_index, state.commit_index);
            format!("{input}: {role}, term {term}, log to {last}, committed {commit}")
        }
        Event::Write => "writes".into(),
        Event::Durable => "the write is durable".into(),
        Event::Sent(sent) => {
            moment.sends = Some(*sent);
            format!("sends {} to S{}", name(sent), sent.to)
        }
        Event::Deliver { index, command, .. } => format!("hands {index} to the service: {command}"),
        Event::DeliverSnapshot { index, .. } => format!("hands snapshot {index} to the service"),
        Event::Stop { failure } => failure.clone().unwrap_or_else(|| "is killed".into()),
    };
    moment
}

fn name(sent: &Sent) -> String {
    let Sent { message, term, index, entries, success, .. } = sent;
    let yes = if *success { "yes" } else { "no" };
    match message {
        MessageName::RequestVote => format!("RequestVote(term {term}, last {index})"),
        MessageName::AppendEntries => format!("AppendEntries(term {term}, prev {index}, {entries} entries)"),
        MessageName::InstallSnapshot => format!("InstallSnapshot(term {term}, to {index})"),
        MessageName::PreVote => format!("PreVote(term {term}, last {index})"),
        MessageName::PreVoteReply => format!("PreVoteReply(term {term}, {yes})"),
        MessageName::TimeoutNow => format!("TimeoutNow(term {term})"),
        MessageName::RequestVoteReply => format!("RequestVoteReply(term {term}, {yes})"),
        MessageName::AppendEntriesReply => format!("AppendEntriesReply(term {term}, {yes}, {index})"),
        MessageName::InstallSnapshotReply => format!("InstallSnapshotReply(term {term}, {yes}, {index})"),
    }
}

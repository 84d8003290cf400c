//! The state of a node's writer, and which of the model's steps a node can take in it.
//!
//! In the model, any number of the oldest waiting steps can become durable together. A node's writer takes all that
//! waits when it runs, and takes nothing more until that is durable. So it matters when the writer runs, and the
//! harness decides that: at once after an event, or late.

use figure2_model::{Node as ModelNode, NodeEvent, NodeStep, Unwritten};
use serde::{Deserialize, Serialize};

/// What happens to a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepInput {
    /// What the model says that happens.
    pub event: NodeEvent<figure2_model::Envelope>,
    /// Whether the node's writer has yet to run when the next thing happens.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writer_is_late: bool,
}

/// Where the writer of a node is, after the harness has let it run or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Writer {
    /// How many steps the save holds that is under way; 0 while none is.
    saving: usize,
    /// How many of the steps that wait go before the service hears whether its snapshot is installed; 0 when it waits for
    /// nothing. The node tells it once that is durable, and hands nothing over before.
    before_answer: usize,
}

impl Writer {
    /// Where the writer is after a step of the machine `before`. None if no node can take the step from here, or none
    /// whose writer is late, or none whose writer is not.
    #[must_use]
    pub fn after(self, before: &ModelNode, step: &NodeStep, writer_is_late: bool) -> Option<Writer> {
        let waiting = &before.unwritten;
        // If no save is under way, the harness lets the writer take all before it ends the save.
        let taken = if self.saving > 0 { self.saving } else { waiting.len() };
        let mut saving = self.saving;
        match &step.event {
            NodeEvent::Restart | NodeEvent::Crash(0) => {
                return (!writer_is_late).then(Writer::default);
            }
            NodeEvent::Crash(kept) => {
                let more = waiting.get(usize::from(*kept)..taken)?;
                return (!writer_is_late && !has_record(more)).then(Writer::default);
            }
            NodeEvent::FailWrite => {
                return (!writer_is_late && has_record(waiting.get(..taken)?)).then(Writer::default);
            }
            NodeEvent::Write(steps) if usize::from(*steps) != taken => return None,
            NodeEvent::Write(_) => saving = 0,
            NodeEvent::Apply | NodeEvent::TakeSnapshot | NodeEvent::AnswerSnapshot
                if self.before_answer > 0 =>
            {
                return None;
            }
            _ => {}
        }
        let waiting = &step.after.unwritten;
        let saving = match (saving, waiting.is_empty()) {
            // An idle writer has one schedule: it is not counted twice. And while it saves, it does nothing else.
            (_, true) | (1.., _) if writer_is_late => return None,
            (_, true) => 0,
            (1.., _) => saving,
            (0, _) if writer_is_late => 0,
            // What is left has nothing to write: the writer would send it at once, before the model does.
            (0, _) if !has_record(waiting) => return None,
            (0, _) => waiting.len(),
        };
        let before_answer = match &step.event {
            _ if waiting.is_empty() => 0,
            NodeEvent::AnswerSnapshot if waiting.len() > before.unwritten.len() => waiting.len(),
            // The snapshot was refused: the model's step completes at once, but the node's answer waits behind the
            // pending write.
            NodeEvent::AnswerSnapshot => usize::MAX,
            NodeEvent::Write(steps) => self.before_answer.saturating_sub(usize::from(*steps)),
            _ => self.before_answer,
        };
        Some(Writer { saving, before_answer })
    }
}

fn has_record(steps: &[Unwritten]) -> bool {
    steps.iter().any(|step| !step.record().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NodeUnderTest, drive, unscripted};
    use figure2_core::{
        AppendEntries, Entry, Envelope, Index, InstallSnapshot, Message, ServerId, Snapshot, Term,
    };
    use figure2_model::{Bounds, Command, Prefix, profile};

    fn from_leader(message: Message<Command, Prefix>) -> NodeEvent<figure2_model::Envelope> {
        NodeEvent::Receive(Envelope { from: ServerId(0), to: ServerId(1), message })
    }

    /// Term 1: a snapshot of c1, and c2 after it.
    fn snapshot_and_entry() -> [NodeEvent<figure2_model::Envelope>; 2] {
        let (term, first) = (Term(1), Index(1));
        let mut data = Prefix::default();
        data.push(Command(1));
        let snapshot = Snapshot { last_included_index: first, last_included_term: term, data };
        let entries = vec![Entry { term, command: Command(2) }];
        let append = AppendEntries {
            term,
            prev_log_index: first,
            prev_log_term: term,
            entries,
            leader_commit: Index(2),
        };
        [
            from_leader(Message::InstallSnapshot(InstallSnapshot { term, snapshot })),
            from_leader(Message::AppendEntries(append)),
        ]
    }

    #[test]
    fn a_service_gets_nothing_more_until_its_snapshot_is_durable() {
        let mut profile = profile("nightly-disk").unwrap();
        profile.bounds = Bounds { unwritten: 2, ..profile.bounds };
        let cluster = unscripted(&profile).unwrap();
        let mut machine = cluster.nodes(cluster.start()).nth(1).unwrap().clone();
        let mut node = NodeUnderTest::new(machine.id, &profile.bounds, None.into()).unwrap();
        let (mut writer, mut events) = (Writer::default(), Vec::new());
        let [snapshot, entry] = snapshot_and_entry();
        for (event, is_possible) in [
            (snapshot, true),
            (NodeEvent::Write(1), true),
            (NodeEvent::Apply, true),
            (NodeEvent::AnswerSnapshot, true),
            (entry, true),
            (NodeEvent::Apply, false),
            // The writer took the first alone, and the second waits.
            (NodeEvent::Write(2), false),
            (NodeEvent::Crash(2), false),
            (NodeEvent::Write(1), true),
            (NodeEvent::Apply, true),
            (NodeEvent::Crash(1), true),
            (NodeEvent::Restart, true),
        ] {
            let step = cluster.node_step(&machine, event.clone()).unwrap();
            let after = writer.after(&machine, &step, false);
            assert_eq!(after.is_some(), is_possible, "{event:?}");
            let Some(after) = after else { continue };
            writer = after;
            assert_eq!(drive(&mut node, &step, false, &step.after, &mut events), [], "{event:?}");
            machine = step.after;
        }
    }

    #[test]
    fn a_late_writer_takes_together_what_an_early_one_takes_apart() {
        let profile = profile("power-loss-1").unwrap();
        let cluster = unscripted(&profile).unwrap();
        let start = cluster.nodes(cluster.start()).next().unwrap();
        let first = cluster.node_step(start, NodeEvent::ElectionTimeout).unwrap();
        let second = cluster.node_step(&first.after, NodeEvent::ElectionTimeout).unwrap();
        for (is_late, possible) in [(true, 2), (false, 1)] {
            let writer = Writer::default().after(start, &first, is_late).unwrap();
            let writer = writer.after(&first.after, &second, false).unwrap();
            for records in 1..=2 {
                for event in [NodeEvent::Write(records), NodeEvent::Crash(records)] {
                    let step = cluster.node_step(&second.after, event.clone()).unwrap();
                    let is_possible = writer.after(&second.after, &step, false).is_some();
                    assert_eq!(is_possible, records == possible, "late: {is_late}, {event:?}");
                }
            }
        }
    }
}

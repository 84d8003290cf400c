//! Where a node's writer is, and which of the model's steps a node can take then.
//!
//! In the model any of the oldest steps that wait can become durable together. A node's writer takes all that waits, when
//! it comes to it, and takes nothing more until that is durable. So which steps share a write is decided when the writer
//! runs, and the harness decides that: after each event the writer runs at once, or is late.

use figure2_model::{Host, MachineEvent, MachineStep, Unwritten};

/// What happens to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// What the model says that happens.
    pub event: MachineEvent,
    /// Whether the node's writer has yet to run when the next thing happens.
    pub writer_is_late: bool,
}

/// Where the writer of a node is, after the harness has let it run or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Writer {
    /// How many steps the save holds that is under way; 0 while none is.
    saving: usize,
    /// Whether the service may still wait to be told that its snapshot is installed: the node tells it once that is
    /// durable, and hands nothing over before.
    answering: bool,
}

impl Writer {
    /// Where the writer is after a step of the machine `before`. None if no node can take the step from here, or none
    /// whose writer is late, or none whose writer is not.
    #[must_use]
    pub fn after(self, before: &Host, step: &MachineStep, writer_is_late: bool) -> Option<Writer> {
        let waiting = &before.unwritten;
        // If no save is under way, the harness lets the writer take all before it ends the save.
        let taken = if self.saving > 0 { self.saving } else { waiting.len() };
        let mut saving = self.saving;
        match &step.event {
            MachineEvent::Restart | MachineEvent::Crash(0) => {
                return (!writer_is_late).then(Writer::default);
            }
            MachineEvent::Crash(kept) => {
                let more = waiting.get(usize::from(*kept)..taken)?;
                return (!writer_is_late && !has_record(more)).then(Writer::default);
            }
            MachineEvent::FailWrite => {
                return (!writer_is_late && has_record(waiting.get(..taken)?)).then(Writer::default);
            }
            MachineEvent::Write(steps) if usize::from(*steps) != taken => return None,
            MachineEvent::Write(_) => saving = 0,
            // The node replicates a command when its writer comes to it; the model's step has both.
            MachineEvent::ClientRequest(_) if self.saving > 0 || writer_is_late => {
                let is_alone = before.server.as_ref().is_some_and(|server| server.config().servers == 1);
                if !is_alone {
                    return None;
                }
            }
            MachineEvent::Apply | MachineEvent::TakeSnapshot | MachineEvent::AnswerSnapshot
                if self.answering =>
            {
                return None;
            }
            _ => {}
        }
        let waiting = &step.after.unwritten;
        let saving = match (saving, waiting.is_empty()) {
            // With nothing to do, the writer is neither late nor early; and while it saves, it does nothing else.
            (_, true) | (1.., _) if writer_is_late => return None,
            (_, true) => 0,
            (1.., _) => saving,
            (0, _) if writer_is_late => 0,
            // What is left has nothing to write: the writer would send it at once, before the model does.
            (0, _) if !has_record(waiting) => return None,
            (0, _) => waiting.len(),
        };
        let answering = self.answering || step.event == MachineEvent::AnswerSnapshot;
        Some(Writer { saving, answering: answering && !waiting.is_empty() })
    }
}

fn has_record(steps: &[Unwritten]) -> bool {
    steps.iter().any(|step| !step.record().is_empty())
}

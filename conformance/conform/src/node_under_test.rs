//! A real node under test: it gets the events of the model, and is compared with the model after each.

use super::convert;
use super::defect::{Defect, Setup};
use super::difference::{Differing, Held};
use super::disk::Disk;
use super::harness::{ApplyMode, Harness, Timeout, identity};
use super::journal::{Journal, Seen, Service, lock};
use super::pending::Pending;
use super::writer::StepInput;
use bytes::Bytes;
use figure2::codec::{self, FIRST_VERSION};
use figure2::{Cluster, Failure, HandleError, Position, ProposeError};
use figure2_core::{Config, Index, ServerId};
use figure2_model::{Apply, Bounds, Node as ModelNode, NodeEvent, Sending, Visible};
use std::sync::{Arc, Mutex};

/// One server: its disk, which outlives it, its service, and the node while it is up.
pub struct NodeUnderTest {
    id: ServerId,
    config: Config,
    sending: Sending,
    apply_mode: ApplyMode,
    journal: Journal,
    disk: Disk,
    service: Service,
    node: Option<Harness>,
    /// Whether writes lag: then the harness ends each save.
    lags: bool,
    /// Whether the service waits for an answer; and, where writes lag, what is on its way in the model and not yet from the node.
    pending: Pending,
    /// The last request that left in this life, or in the one before: for a defect.
    last_sent: Arc<Mutex<Option<Bytes>>>,
    setup: Setup,
}

impl NodeUnderTest {
    /// A server that has never run, started.
    ///
    /// # Errors
    /// When it cannot be made, with the reason.
    pub fn new(id: ServerId, bounds: &Bounds, setup: Setup) -> anyhow::Result<NodeUnderTest> {
        let journal = Journal::default();
        let mut node = NodeUnderTest {
            id,
            config: Config { extensions: bounds.extensions_of(id), ..bounds.config() },
            sending: bounds.sending,
            apply_mode: if bounds.apply == Apply::AtOnce { ApplyMode::AtOnce } else { ApplyMode::OneByOne },
            disk: Disk::new(identity(id, bounds.config()), journal.clone(), bounds.unwritten > 0, setup),
            journal,
            service: Service::default(),
            node: None,
            lags: bounds.unwritten > 0,
            pending: Pending::default(),
            last_sent: Arc::default(),
            setup,
        };
        node.start(false)?;
        Ok(node)
    }

    fn start(&mut self, again: bool) -> anyhow::Result<()> {
        let found = self.disk.read()?;
        let content = found.log.snapshot().map(|snapshot| snapshot.data.to_bytes()).transpose()?;
        self.service.restart(content.unwrap_or_default().into());
        let (journal, last_sent) = (self.journal.clone(), self.last_sent.clone());
        let stale =
            lock(&last_sent).take().filter(|_| again && self.setup.defect == Some(Defect::StaleOutbox));
        if let Some(bytes) = stale {
            journal.note(seen_in_bytes(&bytes));
        }
        let link = move |is_request: bool, message: Bytes| {
            journal.note(seen_in_bytes(&message));
            if is_request {
                *lock(&last_sent) = Some(message);
            }
        };
        let service = self.service.clone();
        let repeats = Mutex::new(again && self.setup.defect == Some(Defect::ApplyRepeated));
        let deliver = move |message: figure2::ApplyMsg| {
            if std::mem::take(&mut *lock(&repeats)) {
                service.take(message.clone());
            }
            service.take(message);
        };
        let mut node = Harness::new(self.id, self.config, self.disk.clone(), self.apply_mode, link, deliver)?;
        node.rest();
        self.node = Some(node);
        Ok(())
    }

    /// Something happens to it; afterwards it rests, but for a late writer.
    ///
    /// # Errors
    /// When it cannot happen to the node, with the reason.
    pub fn happen(&mut self, input: &StepInput) -> anyhow::Result<()> {
        let late = input.writer_is_late;
        match &input.event {
            NodeEvent::Restart => self.start(true)?,
            NodeEvent::Crash(kept) => {
                if *kept > 0 {
                    self.begin_save();
                    self.disk.complete();
                }
                self.disk.lose_power();
                self.stop();
            }
            NodeEvent::FailWrite => {
                self.begin_save();
                anyhow::ensure!(self.disk.is_saving(), "the node saves nothing");
                self.disk.fail();
                self.rest(false);
                if let Some(Failure::Storage(_)) = self.node.as_ref().and_then(Harness::failure) {
                    self.stop();
                }
            }
            NodeEvent::Write(_) => {
                self.begin_save();
                self.disk.complete();
                if let Some(node) = &mut self.node {
                    node.run_syncer();
                }
                self.rest(late);
            }
            event => {
                self.take(event, late)?;
                self.rest(late);
            }
        }
        self.disk.sync()?;
        anyhow::ensure!(!self.serves_too_early(), "the service got more before its snapshot was durable");
        Ok(())
    }

    /// Something happens to a node that is up.
    fn take(&mut self, event: &NodeEvent<figure2_model::Envelope>, late: bool) -> anyhow::Result<()> {
        let node = self.node.as_mut().ok_or_else(|| anyhow::anyhow!("the node is down"))?;
        match event {
            NodeEvent::Receive(letter) => {
                let cluster = Cluster::numbered(self.config.servers());
                let frame = codec::encode(&cluster, FIRST_VERSION, &convert::letter(letter))?;
                // What it rejects, the model's server rejects, too; a node that has stopped is found to differ.
                if let Err(error @ HandleError::Undecodable(_)) = node.handle(frame) {
                    return Err(error.into());
                }
            }
            NodeEvent::ElectionTimeout => node.fire(Timeout::Election),
            NodeEvent::HeartbeatTimeout => node.fire(Timeout::Heartbeat),
            NodeEvent::ClientRequest(command) => {
                let proposed = node.propose(convert::command(*command));
                let (index, term) = node.look(|server| (server.log().last_index(), server.current_term()));
                // Where the model's leader took a command that this one refuses, their logs differ, which is found.
                let is_refused = matches!(
                    proposed,
                    Err(ProposeError::TooLarge { .. }
                        | ProposeError::Busy { .. }
                        | ProposeError::Transferring { .. })
                );
                anyhow::ensure!(
                    is_refused || proposed == Ok(Position { index, term }),
                    "propose answered {proposed:?}, and the log ends at {index} in term {term}"
                );
                if self.sending == Sending::AtOnce {
                    node.replicate();
                }
            }
            NodeEvent::TransferLeadership(to) => {
                let transferred = node.transfer_leadership(*to);
                anyhow::ensure!(transferred.is_ok(), "the transfer is refused: {transferred:?}");
            }
            NodeEvent::Replicate => node.replicate(),
            NodeEvent::SendCommit => node.send_commit(),
            NodeEvent::Apply => anyhow::ensure!(node.hand_over(), "nothing was handed to the service"),
            NodeEvent::TakeSnapshot => {
                let content = self.service.content();
                node.snapshot(Index::ZERO.plus(content.len()), content.into());
            }
            NodeEvent::AnswerSnapshot => {
                let offered = self.service.take_offered();
                let offered =
                    offered.ok_or_else(|| anyhow::anyhow!("no snapshot was offered to the service"))?;
                let installed = node.cond_install_snapshot(offered.clone());
                self.pending.for_installed(installed, offered);
                self.rest(late);
                let is_answered = self.lags || !self.pending.installs();
                anyhow::ensure!(is_answered, "CondInstallSnapshot was not answered");
            }
            _ => {}
        }
        Ok(())
    }

    /// Lets the writer begin the save of all that waits, if it was late.
    fn begin_save(&mut self) {
        if !self.disk.is_saving() {
            self.rest(false);
        }
    }

    /// Lets the node run until it rests, its writer only if that is not late; then those who waited look for answers.
    fn rest(&mut self, writer_is_late: bool) {
        if let Some(node) = &mut self.node {
            if writer_is_late {
                node.rest_but_syncer();
            } else {
                node.rest();
            }
        }
        if let Some(installed) = self.pending.installed() {
            self.service.install(&installed);
        }
    }

    /// While the service waits to hear whether its snapshot is installed, it must get nothing.
    fn serves_too_early(&mut self) -> bool {
        self.pending.installs() && self.node.as_mut().is_some_and(Harness::hand_over)
    }

    /// The node is no more, and all that was in memory.
    fn stop(&mut self) {
        if let Some(node) = self.node.take() {
            node.stop();
        }
        self.pending.end();
        self.service.restart(Vec::new());
    }

    /// Where it differs from the model's machine after the last event; nowhere, if all is well.
    pub fn differing(&mut self, after: &ModelNode, visible: &[Visible]) -> Vec<Differing> {
        let mut differing = Vec::new();
        let model: Vec<Seen> = visible.iter().map(seen_in_model).collect();
        let node = self.journal.take();
        if self.lags {
            // Nothing waits any more: then nothing may be left that the node has not sent.
            let is_idle = after.server.is_some() && after.unwritten.is_empty();
            differing.extend(self.pending.compare(model, node, is_idle));
        } else if model != node {
            differing.push(Differing::new("sent and saved, in order", &model, &node));
        }
        if after.server.is_none() {
            self.pending.lose_unsent();
        }
        let held = self.node.as_ref().map(|node| node.look(Held::of_node));
        Held::compare(after.server.as_ref(), held.as_ref(), &mut differing);
        match self.disk.read() {
            Ok(disk) => Held::compare_disks(&convert::persistent(&after.disk), &disk, &mut differing),
            Err(error) => differing.push(Differing::new("disk", &after.disk, &error.to_string())),
        }
        let (model, node) = (convert::content(&after.service), self.service.content());
        if model != node && !self.pending.installs_content(&model) {
            differing.push(Differing::new("what the service applied", &model, &node));
        }
        let (model, node) = (after.answering.as_ref().map(convert::snapshot), self.service.offered());
        if model != node {
            differing.push(Differing::new("snapshot with the service", &model, &node));
        }
        if let Some(wrong) = self.service.wrong() {
            differing.push(Differing::new("deliveries", &"in order", &wrong));
        }
        if let Some(failure) = self.node.as_ref().and_then(Harness::failure) {
            differing.push(Differing::new("the node", &"runs", &failure.to_string()));
        }
        differing
    }
}

fn seen_in_bytes(bytes: &Bytes) -> Seen {
    codec::decode_message(bytes).map_or_else(Seen::Garbled, Seen::Sent)
}

fn seen_in_model(visible: &Visible) -> Seen {
    match visible {
        Visible::Sent(letter) => Seen::Sent(convert::letter(letter)),
        Visible::Saved(changes) => Seen::Saved(changes.iter().map(convert::change).collect()),
    }
}

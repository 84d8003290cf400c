//! One run of one server, replayed.

use super::queue::{Deliveries, Outbox, json};
use super::{Disk, Mismatch};
use crate::convert::{Content, ReplayPayload, ToTrace as _, same_changes, same_state};
use figure2::record::{Sent, State, Step};
use figure2_core::{
    Config, Envelope, Index, Input, Outcome, Persisted, RuleSet, Server, ServerId, Snapshot, Term,
};

pub(super) struct ReplayedNode<P> {
    server: Server<ReplayPayload<P>, ReplayPayload<P>>,
    outbox: Outbox<P>,
    deliveries: Deliveries<P>,
    /// A write is durable, and the very next step tells the server so.
    to_tell: Option<Persisted>,
    stopped: bool,
}

impl<P: Content> ReplayedNode<P> {
    /// A server starts. `before` has what it can find on its disk, if that is known.
    pub(super) fn start(
        id: ServerId,
        config: Config,
        persistent: Disk<P>,
        before: Option<Vec<Disk<P>>>,
    ) -> Result<ReplayedNode<P>, Mismatch> {
        if let Some(states) = before.filter(|states| !states.contains(&persistent)) {
            let expected: Vec<String> = states.iter().map(|state| json(&state.clone().to_trace())).collect();
            return Err(Mismatch::new(
                "the server restarts from something else than what it had made durable",
            )
            .expected(expected.join("\n            or "))
            .found(json(&persistent.to_trace())));
        }
        let server = Server::new(id, config, persistent.clone())
            .map_err(|error| Mismatch::new(format!("no server can start from this: {error}")))?;
        let deliveries = Deliveries::new(server.log().base_index());
        Ok(ReplayedNode {
            server,
            outbox: Outbox::new(persistent),
            deliveries,
            to_tell: None,
            stopped: false,
        })
    }

    /// Takes a step; the rules that fired.
    pub(super) fn step(
        &mut self,
        step: Step<ReplayPayload<P>, ReplayPayload<P>>,
    ) -> Result<RuleSet, Mismatch> {
        self.may_be_told(&step.input)?;
        let Step { input, outcome, changes, state } = step;
        let switching = match &input {
            Input::CondInstallSnapshot(snapshot) => Some(snapshot.last_included_index),
            _ => None,
        };
        let effects = self.server.step(input);
        let rules = effects.rules();
        let refuse = |what: &str, expected: String, found: String| {
            Err(Mismatch { what: what.into(), expected: Some(expected), found: Some(found), rules })
        };
        if *effects.outcome() != outcome {
            return refuse(
                "the step has another outcome",
                json(&effects.outcome().clone().to_trace()),
                json(&outcome.to_trace()),
            );
        }
        if !same_changes(effects.record().changes(), &changes) {
            return refuse(
                "the step makes other changes durable",
                json(&effects.record().changes().to_vec().to_trace()),
                json(&changes.to_trace()),
            );
        }
        let now = State::of(&self.server);
        if !same_state(now, state) {
            return refuse("the step leaves another state", json(&now.to_trace()), json(&state.to_trace()));
        }
        self.outbox.push(effects);
        self.deliveries.observe(&self.server, switching.filter(|_| outcome == Outcome::Installed));
        if let Some(index) = switching {
            self.deliveries.answered(index);
        }
        Ok(rules)
    }

    /// Whether the driver may tell the server this now.
    fn may_be_told(&mut self, input: &Input<ReplayPayload<P>, ReplayPayload<P>>) -> Result<(), Mismatch> {
        if self.stopped {
            return Err(Mismatch::new("a step after the stop"));
        }
        match (self.to_tell.take(), input) {
            (Some(due), Input::Persisted(told)) if due == *told => Ok(()),
            (Some(due), other) => Err(Mismatch::new(
                "a write is durable, and the next step must tell the server how far it reached",
            )
            .expected(json(&Input::<ReplayPayload<P>, ReplayPayload<P>>::Persisted(due).to_trace()))
            .found(json(&other.clone().to_trace()))),
            (None, Input::Persisted(_)) => {
                Err(Mismatch::new("the server is told of a write that is not durable")
                    .found(json(&input.clone().to_trace())))
            }
            (None, Input::Applied { index }) if *index > self.deliveries.last() => {
                Err(Mismatch::new("the server is told that the service has what it was not handed")
                    .expected(format!("at most index {}", self.deliveries.last()))
                    .found(format!("index {index}")))
            }
            (None, Input::CondInstallSnapshot(snapshot)) if !self.deliveries.is_offered(snapshot) => {
                Err(Mismatch::new("the service switches to a snapshot that no leader sent")
                    .found(json(&snapshot.clone().to_trace())))
            }
            (None, _) => Ok(()),
        }
    }

    pub(super) fn write(&mut self) -> Result<(), Mismatch> {
        self.outbox.write()
    }

    pub(super) fn durable(&mut self) -> Result<(), Mismatch> {
        self.to_tell = self.outbox.durable()?;
        Ok(())
    }

    pub(super) fn sent(
        &mut self,
        sent: &Sent,
    ) -> Result<Envelope<ReplayPayload<P>, ReplayPayload<P>>, Mismatch> {
        self.outbox.sent(sent)
    }

    pub(super) fn deliver(
        &mut self,
        index: Index,
        term: Term,
        command: &ReplayPayload<P>,
    ) -> Result<(), Mismatch> {
        self.deliveries.deliver(index, term, command)
    }

    pub(super) fn deliver_snapshot(&self, snapshot: &Snapshot<ReplayPayload<P>>) -> Result<(), Mismatch> {
        self.deliveries.deliver_snapshot(snapshot)
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
        self.outbox.stop();
    }

    pub(super) fn recoverable(&self) -> Vec<Disk<P>> {
        self.outbox.recoverable()
    }
}

//! Actions as text. An action names a message by its position in the network. A label names it by its content, so it
//! can be read, kept in a file, and found again by comparing it with what is possible.

use crate::cluster::Cluster;
use crate::cluster::action::Action;
use crate::cluster::event::{LocalEvent, NodeEvent};
use crate::cluster::state::{EnvelopeId, State};
use crate::trace::view::describe_envelope;
use figure2_core::ServerId;
use std::fmt;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It arrives.
    Arrives,
    /// It arrives, and a copy of it is still on its way.
    ArrivesAndStays,
    /// It is lost.
    Lost,
}

impl Fate {
    /// All of them.
    pub const ALL: [Fate; 3] = [Fate::Arrives, Fate::ArrivesAndStays, Fate::Lost];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Fate::Arrives => "arrives",
            Fate::ArrivesAndStays => "arrives, a copy stays",
            Fate::Lost => "lost",
        }
    }
}

/// An action in words. In one state, different actions have different labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionLabel {
    /// Something becomes of a message.
    Message {
        /// What.
        fate: Fate,
        /// The addressee.
        to: ServerId,
        /// The message in words.
        message: String,
    },
    /// Something else happens to a node.
    Node(ServerId, LocalEvent),
}

impl ActionLabel {
    /// Where it happens; for a message, the addressee.
    pub fn server(&self) -> ServerId {
        match self {
            ActionLabel::Message { to, .. } => *to,
            ActionLabel::Node(id, _) => *id,
        }
    }

    /// What becomes of a message, if it is about one.
    pub fn fate(&self) -> Option<Fate> {
        match self {
            ActionLabel::Message { fate, .. } => Some(*fate),
            ActionLabel::Node(..) => None,
        }
    }

    /// The message in words, if it is about one.
    pub fn message(&self) -> Option<&str> {
        match self {
            ActionLabel::Message { message, .. } => Some(message),
            ActionLabel::Node(..) => None,
        }
    }

    /// Whether a message is lost.
    pub fn is_loss(&self) -> bool {
        self.fate() == Some(Fate::Lost)
    }

    /// Whether a node loses its power.
    pub fn is_crash(&self) -> bool {
        matches!(self, ActionLabel::Node(_, NodeEvent::Crash(_) | NodeEvent::TornCrash))
    }

    /// In words, without what it is about.
    pub fn words(&self) -> &'static str {
        match self {
            ActionLabel::Message { fate, .. } => fate.words(),
            ActionLabel::Node(_, event) => event.words(),
        }
    }
}

impl fmt::Display for ActionLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ActionLabel::Message { fate, message, .. } => write!(f, "{}: {message}", fate.words()),
            ActionLabel::Node(id, event) => write!(f, "{id} {event}"),
        }
    }
}

/// The message that an action is about.
pub fn envelope_of(state: &State, action: Action) -> Option<EnvelopeId> {
    match action {
        Action::Deliver(position) | Action::Duplicate(position) | Action::Drop(position) => {
            state.network.envelope(position)
        }
        Action::Node(..) => None,
    }
}

impl Cluster {
    /// An action in words; none for a message that is not on its way.
    pub fn label(&self, state: &State, action: Action) -> Option<ActionLabel> {
        let fate = match action {
            Action::Deliver(_) => Fate::Arrives,
            Action::Duplicate(_) => Fate::ArrivesAndStays,
            Action::Drop(_) => Fate::Lost,
            Action::Node(id, event) => return Some(ActionLabel::Node(id, event)),
        };
        let envelope = self.envelope(envelope_of(state, action)?);
        Some(ActionLabel::Message { fate, to: envelope.to, message: describe_envelope(envelope) })
    }

    /// What can happen in a state, within the bounds, in words.
    pub fn labels(&self, state: &State) -> Vec<(Action, ActionLabel)> {
        let mut possible = Vec::new();
        self.possible(state, &mut possible);
        possible.retain(|action| self.act(state, *action).is_some());
        possible.into_iter().filter_map(|action| Some((action, self.label(state, action)?))).collect()
    }
}

//! Checks the network: every message that is received was sent before.

use super::queue::json;
use super::{Mismatch, Rejection};
use crate::convert::{ReplayPayload, ToTrace as _};
use figure2_core::{Envelope, RuleSet, ServerId, ServerSet};
use figure2_trace::Place;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

type Message = Envelope<ReplayPayload, ReplayPayload>;

/// All messages sent, and those received that nobody has sent yet. Messages may be lost, late, reordered and repeated,
/// so a set is kept, and not how often.
#[derive(Default)]
pub struct Network {
    sent: HashSet<u64>,
    unsent: HashMap<u64, Arrival>,
    recorded: ServerSet,
    cut_off: ServerSet,
}

struct Arrival {
    place: Place,
    server: u8,
    run: u32,
    from: ServerId,
    shown: String,
}

/// What came out at the end.
pub(super) struct Unsent {
    pub(super) rejection: Option<Rejection>,
    /// Kinds of messages from servers without a whole trace.
    pub(super) unchecked: u64,
}

impl Network {
    /// A trace of this server is there.
    pub(super) fn is_recorded(&mut self, server: ServerId) {
        self.recorded.insert(server);
    }

    /// But its end is missing.
    pub(super) fn is_cut_off(&mut self, server: ServerId) {
        self.cut_off.insert(server);
    }

    /// A server received a message. Its sender's trace may stand in a later file.
    pub(super) fn received(&mut self, place: &Place, server: u8, run: u32, message: &Message) {
        let digest = digest(message);
        if !self.sent.contains(&digest) {
            self.unsent.entry(digest).or_insert_with(|| Arrival {
                place: place.clone(),
                server,
                run,
                from: message.from,
                shown: json(&message.clone().to_trace()),
            });
        }
    }

    /// A message was on its way when the recording began.
    pub(super) fn was_sent(&mut self, message: &Message) {
        self.sent.insert(digest(message));
    }

    /// A server sent a message.
    pub(super) fn sent(&mut self, place: &Place, message: &Message) -> Result<(), Mismatch> {
        let digest = digest(message);
        self.sent.insert(digest);
        match self.unsent.remove(&digest) {
            // Within a file, the lines are in the order in which things happened.
            Some(arrival) if arrival.place.file == place.file => Err(Mismatch::new(format!(
                "the message leaves only now, and was received at {} already",
                arrival.place
            ))
            .found(arrival.shown)),
            _ => Ok(()),
        }
    }

    /// After all files: the first message that was received and never sent.
    pub(super) fn finish(self) -> Unsent {
        let mut unchecked = 0;
        let mut first: Option<Arrival> = None;
        for arrival in self.unsent.into_values() {
            if !self.recorded.contains(arrival.from) || self.cut_off.contains(arrival.from) {
                unchecked += 1;
            } else if first.as_ref().is_none_or(|first| arrival.place < first.place) {
                first = Some(arrival);
            }
        }
        let rejection = first.map(|Arrival { place, server, run, from, shown }| Rejection {
            place,
            server,
            run,
            what: format!("a message is received that {from} never sent"),
            expected: None,
            found: Some(shown),
            rules: RuleSet::EMPTY,
        });
        Unsent { rejection, unchecked }
    }
}

fn digest(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.hash(&mut hasher);
    hasher.finish()
}

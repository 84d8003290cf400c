//! Checks the network: every message that is received was sent before.

use super::queue::json;
use super::{Mismatch, Rejection};
use crate::convert::{Content, ReplayPayload, ToTrace as _};
use figure2_core::{Envelope, RuleSet, ServerId, ServerSet};
use figure2_trace::Place;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

type Message<P> = Envelope<ReplayPayload<P>, ReplayPayload<P>>;

/// All messages sent, and those received that nobody has sent yet. Messages may be lost, late, reordered and repeated,
/// so a set is kept, and not how often.
#[derive(Default)]
pub struct Network {
    sent: HashSet<u64>,
    unsent: HashMap<u64, Arrival>,
    recorded: ServerSet,
    cut_off: ServerSet,
    /// Any server may have sent what no line shows.
    incomplete: bool,
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

    /// A whole run of some server is missing.
    pub(super) fn lacks_a_run(&mut self) {
        self.incomplete = true;
    }

    /// Whether a whole run of some server is missing.
    pub(super) fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// A server received a message. Its sender's trace may stand in a later file.
    pub(super) fn received<P: Content>(&mut self, place: &Place, server: u8, run: u32, message: &Message<P>) {
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
    pub(super) fn was_sent<P: Content>(&mut self, message: &Message<P>) {
        self.sent.insert(digest(message));
    }

    /// A server sent a message.
    pub(super) fn sent<P: Content>(&mut self, place: &Place, message: &Message<P>) -> Result<(), Mismatch> {
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
            if self.incomplete || !self.recorded.contains(arrival.from) || self.cut_off.contains(arrival.from)
            {
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

fn digest<P: Content>(message: &Message<P>) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use figure2_core::{Index, Message as Content, RequestVote, Term};

    fn place(file: &str, line: u64) -> Place {
        Place { file: file.into(), line }
    }

    /// Server 0 asks server 1 for its vote.
    fn request(term: u64) -> Message<figure2_trace::Payload> {
        let request = RequestVote {
            term: Term(term),
            last_log_index: Index(0),
            last_log_term: Term(0),
            transfer: false,
        };
        Envelope { from: ServerId(0), to: ServerId(1), message: Content::RequestVote(request) }
    }

    /// A network of two servers whose recordings are there.
    fn recorded() -> Network {
        let mut network = Network::default();
        network.is_recorded(ServerId(0));
        network.is_recorded(ServerId(1));
        network
    }

    #[test]
    fn within_a_file_a_message_is_sent_before_it_is_received() {
        let mut network = recorded();
        assert!(network.sent(&place("all", 2), &request(1)).is_ok());
        network.received(&place("all", 3), 1, 1, &request(1));
        // It may arrive twice, and be sent again.
        network.received(&place("all", 4), 1, 1, &request(1));
        assert!(network.sent(&place("all", 5), &request(1)).is_ok());
        let end = network.finish();
        assert!(end.rejection.is_none() && end.unchecked == 0);
    }

    #[test]
    fn within_a_file_one_that_is_sent_only_later_is_refused() {
        let mut network = recorded();
        network.received(&place("all", 2), 1, 1, &request(1));
        // Another message does not matter.
        assert!(network.sent(&place("all", 3), &request(2)).is_ok());
        let mismatch = network.sent(&place("all", 4), &request(1)).unwrap_err();
        assert_eq!(mismatch.what, "the message leaves only now, and was received at all:2 already");
    }

    #[test]
    fn between_files_the_order_of_the_lines_says_nothing() {
        let mut network = recorded();
        network.received(&place("server-1", 2), 1, 1, &request(1));
        assert!(network.sent(&place("server-0", 9), &request(1)).is_ok());
        assert!(network.finish().rejection.is_none());
    }

    #[test]
    fn the_first_message_that_nobody_sent_is_refused_unless_its_sender_is_not_known_to_the_end() {
        let receives = |mut network: Network| {
            network.received(&place("all", 7), 1, 2, &request(2));
            network.received(&place("all", 5), 1, 1, &request(1));
            network.finish()
        };
        let end = receives(recorded());
        let rejection = end.rejection.unwrap();
        assert_eq!((rejection.place, rejection.server, rejection.run), (place("all", 5), 1, 1));
        assert_eq!((rejection.what.as_str(), end.unchecked), ("a message is received that S0 never sent", 0));

        let mut cut_off = recorded();
        cut_off.is_cut_off(ServerId(0));
        for network in [cut_off, Network::default()] {
            let end = receives(network);
            assert!(end.rejection.is_none() && end.unchecked == 2);
        }
    }

    #[test]
    fn a_message_that_was_on_its_way_when_the_recording_began_counts_as_sent() {
        let mut network = recorded();
        network.was_sent(&request(1));
        network.received(&place("all", 2), 1, 1, &request(1));
        assert!(network.finish().rejection.is_none());
    }
}

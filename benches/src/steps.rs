//! Typical steps of the core, each from a state that servers came to by stepping. Here are no rules: what servers do
//! is `figure2_core`'s business.

use figure2_core::{Batch, Config, Envelope, Index, Input, Message, Persistent, Server, ServerId};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::hint::black_box;

/// Every case, in the order of the table.
pub const CASES: [&str; 7] = [
    "clone",
    "election-timeout",
    "request-vote",
    "append-entries",
    "append-reply",
    "propose-and-replicate",
    "install-snapshot",
];

/// A server and what happens to it.
#[derive(Clone, Debug)]
struct Case {
    server: Server<u64, u64>,
    inputs: Vec<Input<u64, u64>>,
}

/// Does what happens in a case so many times, each time to a new clone of its server: the clone, the steps, and
/// dropping the server and the effects. The inputs are cloned, too, for a step takes them.
///
/// # Errors
/// When there is no such case.
pub fn repeat(name: &str, count: usize) -> Result<(), String> {
    let case = case(name).ok_or_else(|| format!("no case {name}; possible are {}", CASES.join(", ")))?;
    for _ in 0..count {
        let mut server = black_box(&case.server).clone();
        for input in black_box(&case.inputs) {
            drop(black_box(server.step(input.clone())));
        }
        drop(black_box(server));
    }
    Ok(())
}

fn case(name: &str) -> Option<Case> {
    let [leader, follower, other] = [ServerId(0), ServerId(1), ServerId(2)];
    match name {
        "clone" => Cluster::led_by(leader, None)?.case(follower, vec![]),
        "election-timeout" => Cluster::led_by(leader, None)?.case(follower, vec![Input::ElectionTimeout]),
        "request-vote" => {
            let mut cluster = Cluster::led_by(leader, None)?;
            cluster.give(follower, Input::ElectionTimeout)?;
            cluster.next_message(other, |message| matches!(message, Message::RequestVote(_)))
        }
        "append-entries" => Cluster::with_one_more(leader)?
            .next_message(follower, |message| matches!(message, Message::AppendEntries(_))),
        "append-reply" => {
            let mut cluster = Cluster::with_one_more(leader)?;
            for input in cluster.next_message(follower, |_| true)?.inputs {
                cluster.give(follower, input)?;
            }
            cluster.next_message(leader, |message| matches!(message, Message::AppendEntriesReply(_)))
        }
        "propose-and-replicate" => {
            Cluster::led_by(leader, None)?.case(leader, vec![Input::Propose(5), Input::Replicate])
        }
        "install-snapshot" => {
            let mut cluster = Cluster::led_by(leader, Some(other))?;
            cluster.give(leader, Input::SnapshotTaken { index: Index(ENTRIES), data: 10 })?;
            cluster.give(leader, Input::HeartbeatTimeout)?;
            // The leader learns from a refusal that the server lags, and sends the snapshot then.
            cluster.deliver_until(other, |message| matches!(message, Message::InstallSnapshot(_)))
        }
        _ => None,
    }
}

/// How many entries the logs hold.
const ENTRIES: u64 = 4;

/// Three servers, whose writes are durable at once, and the messages on their way.
#[derive(Clone, Debug)]
struct Cluster {
    servers: Vec<Server<u64, u64>>,
    network: VecDeque<Envelope<u64, u64>>,
}

impl Cluster {
    /// The leader has [`ENTRIES`] committed entries in its log, and so have the others, but for the one that is cut
    /// off from the beginning.
    fn led_by(leader: ServerId, cut_off: Option<ServerId>) -> Option<Cluster> {
        let server = |id| Server::new(ServerId(id), Config::new(3), Persistent::default()).ok();
        let servers: Option<Vec<_>> = (0..3).map(server).collect();
        let mut cluster = Cluster { servers: servers?, network: VecDeque::new() };
        cluster.give(leader, Input::ElectionTimeout)?;
        cluster.deliver_all(cut_off)?;
        for command in 1..=ENTRIES {
            cluster.give(leader, Input::Propose(command))?;
            cluster.give(leader, Input::Replicate)?;
            cluster.deliver_all(cut_off)?;
        }
        // The others learn what is committed.
        cluster.give(leader, Input::HeartbeatTimeout)?;
        cluster.deliver_all(cut_off)?;
        Some(cluster)
    }

    /// As above, and the leader has just sent one entry more.
    fn with_one_more(leader: ServerId) -> Option<Cluster> {
        let mut cluster = Cluster::led_by(leader, None)?;
        cluster.give(leader, Input::Propose(5))?;
        cluster.give(leader, Input::Replicate)?;
        Some(cluster)
    }

    fn case(self, id: ServerId, inputs: Vec<Input<u64, u64>>) -> Option<Case> {
        let server = self.servers.into_iter().nth(usize::from(id.0))?;
        Some(Case { server, inputs })
    }

    /// The arrival of the first such message that is on its way to a server.
    fn next_message(&self, to: ServerId, is_meant: impl Fn(&Message<u64, u64>) -> bool) -> Option<Case> {
        let envelope =
            self.network.iter().find(|envelope| envelope.to == to && is_meant(&envelope.message))?;
        self.clone().case(to, vec![Input::Receive(envelope.clone())])
    }

    /// A step, and the write it asks for; its messages are on their way then.
    fn give(&mut self, id: ServerId, input: Input<u64, u64>) -> Option<()> {
        let mut next = Some(input);
        while let Some(input) = next {
            let mut batch = Batch::default();
            batch.push((), self.servers.get_mut(usize::from(id.0))?.step(input));
            let Ok(durable) = batch.persist(|_| Ok::<(), Infallible>(()));
            for released in durable.released {
                self.network.extend(released.messages);
            }
            next = durable.persisted.map(Input::Persisted);
        }
        Some(())
    }

    /// Delivers, in order, until such a message to a server is the next one: its arrival.
    fn deliver_until(&mut self, to: ServerId, is_meant: impl Fn(&Message<u64, u64>) -> bool) -> Option<Case> {
        while let Some(envelope) = self.network.pop_front() {
            if envelope.to == to && is_meant(&envelope.message) {
                return self.clone().case(to, vec![Input::Receive(envelope)]);
            }
            self.give(envelope.to, Input::Receive(envelope))?;
        }
        None
    }

    /// Delivers until nothing is on its way; what one server is sent or sends is lost.
    fn deliver_all(&mut self, cut_off: Option<ServerId>) -> Option<()> {
        while let Some(envelope) = self.network.pop_front() {
            if ![envelope.from, envelope.to].iter().any(|id| Some(*id) == cut_off) {
                self.give(envelope.to, Input::Receive(envelope))?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use figure2_core::{Role, Term};

    fn before_and_after(name: &str) -> (Server<u64, u64>, Server<u64, u64>) {
        let case = case(name).unwrap();
        let mut after = case.server.clone();
        for input in case.inputs {
            drop(after.step(input));
        }
        (case.server, after)
    }

    #[test]
    fn logs_are_as_long_as_documented_when_a_case_begins() {
        for name in CASES {
            let (before, _) = before_and_after(name);
            let entries = match name {
                "append-reply" => ENTRIES + 1,
                "install-snapshot" => 0,
                _ => ENTRIES,
            };
            assert_eq!(before.log().last_index(), Index(entries), "{name}");
        }
    }

    #[test]
    fn a_timeout_starts_an_election_and_a_request_gets_the_vote() {
        let (before, after) = before_and_after("election-timeout");
        assert!(matches!(before.role(), Role::Follower { .. }));
        assert!(matches!(after.role(), Role::Candidate { .. }));
        let (before, after) = before_and_after("request-vote");
        assert_eq!(before.voted_for(), Some(ServerId(0)));
        assert_eq!((after.current_term(), after.voted_for()), (Term(2), Some(ServerId(1))));
    }

    #[test]
    fn entries_are_proposed_appended_and_committed() {
        let (before, after) = before_and_after("propose-and-replicate");
        assert!(before.is_leader());
        assert_eq!(after.log().last_index(), Index(ENTRIES + 1));
        let (before, after) = before_and_after("append-entries");
        assert_eq!(before.commit_index(), Index(ENTRIES));
        assert_eq!(after.log().last_index(), Index(ENTRIES + 1));
        let (before, after) = before_and_after("append-reply");
        assert_eq!((before.commit_index(), after.commit_index()), (Index(ENTRIES), Index(ENTRIES + 1)));
    }

    #[test]
    fn a_server_that_lags_behind_is_offered_the_snapshot() {
        let (before, after) = before_and_after("install-snapshot");
        assert!(before.offered().is_none());
        assert_eq!(after.offered().map(|snapshot| snapshot.last_included_index), Some(Index(ENTRIES)));
    }

    #[test]
    fn an_unknown_case_is_refused_with_what_is_possible() {
        assert!(repeat("install", 1).is_err_and(|problem| problem.contains("install-snapshot")));
    }
}

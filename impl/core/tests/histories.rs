//! Histories of five servers, step by step: an index that was handed out is filled by an earlier command, and
//! Figure 8 of the paper.

use crate::common::*;
use figure2_core::{Apply, Config, Entry, Envelope, Index, Input, Outcome, ServerId, Term};

const C1: u8 = 1;
const C2: u8 = 2;
const C3: u8 = 3;
const C4: u8 = 4;
const C5: u8 = 5;

/// Five servers whose messages are delivered one by one, to whom the test says.
struct Five(Vec<Server>);

impl Five {
    /// Five servers with entries of these terms; in term 1 if there are any, else as new.
    fn start_from(log: &[u64]) -> Five {
        let start = |id| {
            let state = disk(u64::from(!log.is_empty()), None, log);
            Server::new(ServerId(id), Config::new(5), state).unwrap()
        };
        Five((0..5).map(start).collect())
    }

    fn step(&mut self, id: usize, input: Input<u8, u8>) -> Vec<Envelope<u8, u8>> {
        let effects = self.0[id].step(input);
        settle(&mut self.0[id], effects)
    }

    /// Delivers what is addressed to one of `reachable`, and what they answer, until nothing is left.
    fn deliver(&mut self, mut messages: Vec<Envelope<u8, u8>>, reachable: &[usize]) {
        while let Some(envelope) = messages.pop() {
            let to = usize::from(envelope.to.0);
            if reachable.contains(&to) {
                messages.extend(self.step(to, Input::Receive(envelope)));
            }
        }
    }

    /// A crash: what is volatile is gone.
    fn restart(&mut self, id: usize) {
        let disk = self.0[id].persistent().clone();
        self.0[id] = Server::new(self.0[id].id(), Config::new(5), disk).unwrap();
    }

    /// Elections by these voters until one is won: a server that lagged behind first learns of the newer term. The
    /// first heartbeats are lost.
    fn elect(&mut self, id: usize, voters: &[usize]) {
        for _ in 0..3 {
            let requests = self.step(id, Input::ElectionTimeout);
            for request in requests.into_iter().filter(|r| voters.contains(&usize::from(r.to.0))) {
                for vote in self.step(usize::from(request.to.0), Input::Receive(request)) {
                    let _ = self.step(id, Input::Receive(vote));
                }
            }
            if self.0[id].is_leader() {
                return;
            }
        }
        panic!("S{id} was not elected: {:?}", self.0[id]);
    }

    fn start(&mut self, id: usize, command: u8) -> (u64, u64) {
        let effects = self.0[id].step(Input::Propose(command));
        let outcome = effects.outcome().clone();
        let _ = settle(&mut self.0[id], effects);
        let Outcome::Proposed { index, term } = outcome else { panic!("not the leader: {outcome:?}") };
        (index.0, term.0)
    }

    fn replicate(&mut self, id: usize, to: &[usize]) {
        let messages = self.step(id, Input::HeartbeatTimeout);
        let reachable: Vec<usize> = to.iter().copied().chain([id]).collect();
        self.deliver(messages, &reachable);
    }
}

/// Rules: AE3, L2, L4. Pitfalls 25, 27.
#[test]
fn an_index_handed_out_twice_can_go_to_the_earlier_command() {
    let mut five = Five::start_from(&[]);
    // S0 takes C1 and C2; they reach S1 only.
    five.elect(0, &[3, 4]);
    assert_eq!((five.start(0, C1), five.start(0, C2)), ((1, 1), (2, 1)));
    five.replicate(0, &[1]);
    // S2 wins and puts C3 at index 1, on S0.
    five.elect(2, &[3, 4]);
    assert_eq!(five.start(2, C3), (1, 2));
    five.replicate(2, &[0]);
    // S2 dies. S0 wins again, and hands out index 2 a second time: for C4.
    five.elect(0, &[3, 4]);
    assert_eq!(five.start(0, C4), (2, 3));
    // S1 wins with C1 and C2, adds C5, and commits all three.
    five.elect(1, &[3, 4]);
    assert_eq!(five.start(1, C5), (3, 4));
    five.replicate(1, &[0, 3, 4]);
    five.replicate(1, &[0, 3, 4]);
    for id in [0, 1, 3, 4] {
        let entry = |term, command| Entry { term: Term(term), command };
        let entries = vec![entry(1, C1), entry(1, C2), entry(4, C5)];
        let expected = Apply::Entries { first_index: Index(1), entries };
        assert_eq!(
            five.0[id].next_apply(8),
            Some(expected),
            "S{id}: index 2 is C2, of term 1, and not C4 of term 3"
        );
    }
}

/// Figure 8 (a) to (c): S0's entry of term 2 at index 2 is on a majority, S4 has one of term 3 there; S0 leads term 4.
fn figure_8_c() -> Five {
    let mut five = Five::start_from(&[1]);
    five.elect(0, &[1, 2]);
    assert_eq!(five.start(0, command(2, 2)), (2, 2));
    five.replicate(0, &[1]);
    five.restart(0);
    five.elect(4, &[2, 3]);
    assert_eq!(five.start(4, command(3, 2)), (2, 3));
    five.restart(4);
    five.elect(0, &[1, 2]);
    five.replicate(0, &[1, 2]);
    for id in [0, 1, 2] {
        assert_eq!(terms(&five.0[id]), [1, 2]);
    }
    five
}

/// Rules: L4. Pitfall 15.
#[test]
fn in_figure_8_d_an_entry_held_by_a_majority_is_overwritten_and_so_was_rightly_not_committed() {
    let mut five = figure_8_c();
    for server in &five.0 {
        assert_eq!(server.commit_index(), Index(0), "{}", server.id());
    }
    five.restart(0);
    five.elect(4, &[1, 2, 3]);
    assert_eq!(five.start(4, command(5, 3)), (3, 5));
    five.replicate(4, &[0, 1, 2, 3]);
    for server in &five.0 {
        assert_eq!(terms(server), [1, 3, 5], "{}", server.id());
    }
    assert_eq!(five.0[4].commit_index(), Index(3));
}

/// Rules: L4, RV2U. Pitfall 15.
#[test]
fn in_figure_8_e_an_entry_of_the_current_term_commits_all_before_it_and_bars_the_other_candidate() {
    let mut five = figure_8_c();
    assert_eq!(five.start(0, command(4, 3)), (3, 4));
    five.replicate(0, &[1, 2]);
    assert_eq!(five.0[0].commit_index(), Index(3));
    five.restart(4);
    for _ in 0..3 {
        let requests = five.step(4, Input::ElectionTimeout);
        five.deliver(requests, &[0, 1, 2, 3, 4]);
        assert!(!five.0[4].is_leader());
    }
}

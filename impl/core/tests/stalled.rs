//! A leader whose own write stalls: its entries leave before they are durable here (thesis, section 10.2.1), so only its
//! election timer can find that its disk hangs.

use crate::common::*;
use figure2_core::{Input, Rule};

/// S0 leads term 2 over an entry, and takes a command whose write does not end.
fn writing() -> Server {
    let mut server = leader(3, disk(1, None, &[1]));
    let effects = server.step(Input::Propose(command(2, 2)));
    assert!(!effects.record().is_empty());
    server
}

/// Its election timer elapses: whether it steps down.
fn steps_down(server: &mut Server) -> bool {
    let effects = server.step(Input::ElectionTimeout);
    assert!(effects.reset_election_timer(), "the timer starts anew, whether it leads or follows");
    assert!(effects.record().is_empty());
    assert_eq!(fired(&effects, Rule::L1D), !server.is_leader());
    assert!(sent(effects).is_empty());
    !server.is_leader()
}

/// Rules: L1D.
#[test]
fn a_leader_steps_down_when_its_write_lasts_for_an_election_timeout() {
    let mut server = writing();
    assert!(!steps_down(&mut server), "it may have begun a moment ago");
    assert!(steps_down(&mut server));
    assert_eq!((server.current_term().0, server.voted_for()), (2, Some(S0)), "term and vote stay");
}

/// Rules: L1D.
#[test]
fn a_slow_disk_costs_no_election() {
    let mut server = writing();
    for last in 2..10 {
        assert!(!steps_down(&mut server));
        let _ = server.step(Input::Propose(command(2, last + 1)));
        let _ = server.step(persisted(2, last));
    }
    assert!(!steps_down(&mut server), "each write ended between two timeouts");
    assert!(steps_down(&mut server), "but the last");
}

/// Rules: L1D.
#[test]
fn a_leader_without_a_write_under_way_leads_on() {
    let mut server = leader(3, disk(1, None, &[1]));
    for _ in 0..3 {
        assert!(!steps_down(&mut server));
    }
    propose_durably(&mut server, command(2, 2));
    for _ in 0..3 {
        assert!(!steps_down(&mut server));
    }
}

/// Rules: L1D. Pitfall 4.
#[test]
fn others_commit_without_the_leaders_disk_and_it_steps_down_all_the_same() {
    let mut server = leader(3, disk(1, None, &[]));
    let _ = server.step(Input::Propose(command(2, 1)));
    for peer in [S1, S2] {
        let _ = receive(&mut server, peer, success(2, 0));
        let _ = receive(&mut server, peer, success(2, 1));
    }
    assert_eq!(server.commit_index().0, 1);
    assert!(!steps_down(&mut server));
    assert!(steps_down(&mut server));
}

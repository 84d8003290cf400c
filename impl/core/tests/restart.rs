//! Starting from what survived a crash: Figure 2, State.

use crate::common::*;
use figure2_core::{
    Apply, Change, Config, Index, Input, MAX_INDEX, MAX_TERM, Outcome, Role, ServerId, Snapshot, StartError,
    Term,
};

/// Rules: P1. Pitfall 42.
#[test]
fn a_restarted_server_is_a_follower_with_its_term_vote_and_log_and_nothing_volatile() {
    let mut server = leader(3, disk(1, None, &[1]));
    propose_durably(&mut server, command(2, 2));
    let _ = receive(&mut server, S1, success(2, 2));
    assert_eq!(server.commit_index(), Index(2));
    let restarted = follower(3, server.persistent().clone());
    assert_eq!(restarted.persistent(), server.persistent());
    assert_eq!((restarted.current_term(), restarted.voted_for()), (Term(2), Some(S0)));
    assert_eq!(*restarted.role(), Role::Follower { leader: None });
    assert_eq!((restarted.commit_index(), restarted.last_applied()), (Index(0), Index(0)));
    assert_eq!(restarted.next_apply(8), None);
}

/// Rules: P1, S1. Pitfalls 19, 20.
#[test]
fn after_a_restart_from_a_snapshot_commit_and_apply_go_on_after_it() {
    let mut server = follower(3, disk_after(4, snapshot(5, 2), &[3, 3]));
    assert_eq!((server.commit_index(), server.last_applied()), (Index(5), Index(5)));
    assert_eq!(server.next_apply(8), None, "what the snapshot covers is not delivered again");
    let _ = receive(&mut server, S1, append(4, (7, 3), &[], 6));
    let expected = Apply::Entries { first_index: Index(6), entries: entries(6, &[3]) };
    assert_eq!(server.next_apply(8), Some(expected));
}

/// Rules: P1, IS5.
#[test]
fn an_offer_that_a_crash_cut_short_is_forgotten_and_can_be_made_again() {
    let mut server = follower(3, disk(4, None, &[1]));
    let _ = receive(&mut server, S1, install(4, snapshot(5, 2)));
    let mut restarted = follower(3, server.persistent().clone());
    assert_eq!(restarted.offered(), None);
    let _ = receive(&mut restarted, S1, install(4, snapshot(5, 2)));
    assert_eq!(restarted.offered(), Some(&snapshot(5, 2)));
}

/// Rules: P1, C1.
#[test]
fn a_server_with_nothing_but_a_snapshot_can_run_for_leader() {
    let mut server = follower(3, disk_after(4, snapshot(5, 2), &[]));
    let effects = server.step(Input::ElectionTimeout);
    assert_eq!(sent(effects).remove(0).message, request_vote(5, (5, 2)));
}

/// Rules: P1.
#[test]
fn a_cluster_needs_servers_members_and_room_for_an_entry() {
    let start = |id: u8, config| Server::new(ServerId(id), config, Disk::default()).err();
    assert_eq!(start(0, Config::new(0)), Some(StartError::NoVoters));
    assert_eq!(start(0, Config::new(65)), Some(StartError::NoVoters));
    assert_eq!(start(63, Config::new(64)), None);
    assert_eq!(start(3, Config::new(3)), Some(StartError::NotAMember(S3)));
    let config = Config { max_entries_per_message: 0, ..Config::new(3) };
    assert_eq!(start(0, config), Some(StartError::ZeroLimit("max_entries_per_message")));
    let config = Config { snapshot_patience: 0, ..Config::new(3) };
    assert_eq!(start(0, config), Some(StartError::ZeroLimit("snapshot_patience")));
}

/// Rules: P1. Pitfall 48.
#[test]
fn a_state_that_no_server_can_have_written_is_refused() {
    let snapshot_at = |last_included_index| Snapshot { last_included_index, ..snapshot(4, 2) };
    let absurd_snapshot = disk_after(3, snapshot_at(MAX_INDEX.next()), &[]);
    let mut absurd_entry = disk_after(3, snapshot_at(MAX_INDEX), &[]);
    assert!(Server::new(S0, Config::new(3), absurd_entry.clone()).is_ok());
    absurd_entry.apply(Change::Append { first_index: Index(5), entries: entries(5, &[3]) });
    let damaged = [
        ("terms go back", disk(3, None, &[1, 2, 1])),
        ("an entry without a term", disk(3, None, &[0, 1])),
        ("an entry of a term not seen yet", disk(3, None, &[1, 4])),
        ("an absurd term", disk(MAX_TERM.0 + 1, None, &[])),
        ("a snapshot of nothing", disk_after(3, snapshot(0, 1), &[])),
        ("a snapshot without a term", disk_after(3, snapshot(4, 0), &[])),
        ("a snapshot of a term not seen yet", disk_after(3, snapshot(4, 4), &[])),
        ("a snapshot at an absurd index", absurd_snapshot),
        ("entries up to an absurd index", absurd_entry),
        ("an entry older than the snapshot", disk_after(3, snapshot(4, 2), &[1])),
    ];
    for (what, state) in damaged {
        assert_eq!(Server::new(S0, Config::new(3), state).err(), Some(StartError::DamagedState), "{what}");
    }
}

/// Rules: P1, L2, S2.
#[test]
fn a_leader_over_a_snapshot_numbers_commands_after_it() {
    let mut server = leader(3, disk_after(4, snapshot(5, 2), &[]));
    let effects = server.step(Input::Propose(command(5, 6)));
    assert_eq!(*effects.outcome(), Outcome::Proposed { index: Index(6), term: Term(5) });
}

//! Renaming servers, which the model's symmetry rests on: to rename and then to step is to step and then to rename.

use crate::common::*;
use figure2_core::{Batch, Envelope, Extensions, Index, Input, ServerId};

/// S0 becomes S2, S1 becomes S0, S2 becomes S1.
const NAMES: [ServerId; 3] = [S2, S0, S1];
/// The way back.
const BACK: [ServerId; 3] = [S1, S2, S0];

fn from(from: ServerId, message: Msg) -> Input<u8, u8> {
    Input::Receive(Envelope { from, to: S0, message })
}

/// A life of S0 through all roles, with votes, entries, a commit, a snapshot of its own and one that is offered.
fn life() -> Vec<Input<u8, u8>> {
    vec![
        from(S1, request_vote(2, (0, 0))),
        from(S1, append(2, (0, 0), &[2], 0)),
        Input::ElectionTimeout,
        persisted(3, 1),
        Input::HeartbeatTimeout,
        from(S2, vote(3, true)),
        from(S2, success(3, 1)),
        Input::Propose(command(3, 2)),
        Input::Replicate,
        persisted(3, 2),
        from(S2, success(3, 2)),
        from(S1, conflict(3, 1, 1, None)),
        Input::Applied { index: Index(2) },
        Input::SnapshotTaken { index: Index(2), data: 7 },
        Input::HeartbeatTimeout,
        from(S2, append(4, (2, 3), &[4], 3)),
        from(S2, install(4, snapshot(9, 4))),
    ]
}

/// A life of S0 with all extensions: it asks for pre-votes, leads, is answered, hands over to S2, gives that up, steps down,
/// disregards a candidate, and is told to stand for election.
fn extended_life() -> Vec<Input<u8, u8>> {
    vec![
        from(S2, pre_vote(2, (0, 0))),
        Input::ElectionTimeout,
        Input::HeartbeatTimeout,
        from(S2, pre_vote_reply(2, true)),
        persisted(2, 0),
        from(S1, vote(2, true)),
        from(S2, success(2, 0)),
        Input::TransferLeadership { to: S2 },
        Input::ElectionTimeout,
        Input::TransferLeadership { to: S1 },
        from(S1, success(2, 0)),
        Input::ElectionTimeout,
        Input::ElectionTimeout,
        from(S2, append(3, (0, 0), &[], 0)),
        from(S1, request_vote(4, (0, 0))),
        from(S2, timeout_now(3)),
    ]
}

/// The input, under the other names.
fn renamed_input(input: &Input<u8, u8>) -> Input<u8, u8> {
    match input {
        Input::Receive(envelope) => Input::Receive(envelope.renamed(&NAMES)),
        Input::TransferLeadership { to } => Input::TransferLeadership { to: NAMES[usize::from(to.0)] },
        other => other.clone(),
    }
}

#[test]
fn a_renamed_server_does_what_the_server_does_under_the_other_names() {
    let server = does_the_same_renamed(follower(3, disk(1, None, &[])), life());
    assert!(server.offered().is_some());
}

/// Rules: PV1, PV3, CQ1, CQ2, LT1, LT2, LT3, LT5.
#[test]
fn a_renamed_server_with_extensions_does_what_the_server_does_under_the_other_names() {
    let server = Server::new(S0, extended(3, Extensions::ALL), disk(1, None, &[])).unwrap();
    let server = does_the_same_renamed(server, extended_life());
    assert_eq!(server.current_term().0, 4);
}

/// Takes the steps with the server and with the renamed one.
fn does_the_same_renamed(mut server: Server, life: Vec<Input<u8, u8>>) -> Server {
    let mut renamed = server.renamed(&NAMES);
    assert_eq!(renamed.id(), S2);
    for input in life {
        let renamed_input = renamed_input(&input);
        let told = format!("{input:?}");
        let (effects, renamed_effects) = (server.step(input), renamed.step(renamed_input));
        let leader = server.leader().map(|id| NAMES[usize::from(id.0)]);
        assert_eq!(renamed.leader(), leader, "{told}");
        let transfer_to = server.transfer_to().map(|id| NAMES[usize::from(id.0)]);
        assert_eq!(renamed.transfer_to(), transfer_to, "{told}");
        let (mut batch, mut renamed_batch) = (Batch::default(), Batch::default());
        batch.push((), effects);
        renamed_batch.push((), renamed_effects);
        assert_eq!(batch.renamed(&NAMES), renamed_batch, "{told}");
        assert_eq!(server.renamed(&NAMES), renamed, "{told}");
        assert_eq!(server.persistent().renamed(&NAMES), *renamed.persistent(), "{told}");
        assert_eq!(renamed.renamed(&BACK), server, "{told}");
    }
    server
}

#[test]
fn a_server_without_a_new_name_keeps_its_own() {
    let mut server = leader(3, disk(1, None, &[]));
    let _ = receive(&mut server, S2, success(2, 0));
    assert_eq!(server.renamed(&[]), server);
    let swapped = server.renamed(&[S1, S0]);
    assert_eq!((swapped.id(), swapped.voted_for()), (S1, Some(S1)));
    assert_eq!(progress(&swapped, S2), progress(&server, S2));
}

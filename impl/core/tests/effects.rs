//! What a step asks of its driver, and that it cannot be done in the wrong order.

use crate::common::*;
use figure2_core::{Batch, Change, Envelope, Index, Input, Message, Persisted, Persistent, Record, Term};

fn writes_nothing(record: Record<u8, u8>) -> Result<(), ()> {
    panic!("nothing to write, yet a write was asked for: {record:?}")
}

/// Rules: P2. Pitfall 29.
#[test]
fn steps_that_wait_together_share_one_record_and_keep_the_order_of_their_messages() {
    let mut server = follower(3, disk(4, None, &[]));
    let mut batch = Batch::default();
    batch.push("vote", receive(&mut server, S1, request_vote(5, (0, 0))));
    batch.push("entries", receive(&mut server, S1, append(5, (0, 0), &[5], 0)));
    batch.push("refused", receive(&mut server, S2, request_vote(5, (0, 0))));
    assert!(!batch.is_empty());
    let mut written = Vec::new();
    let durable = batch
        .persist(|record| {
            written.push(record);
            Ok::<(), ()>(())
        })
        .unwrap();
    assert_eq!(written.len(), 1, "one write for all");
    let expected = [
        Change::TermAndVote { current_term: Term(5), voted_for: None },
        Change::TermAndVote { current_term: Term(5), voted_for: Some(S1) },
        Change::Append { first_index: Index(1), entries: entries(1, &[5]) },
    ];
    assert_eq!(written[0].changes(), expected);
    let mut stored = disk(4, None, &[]);
    stored.apply_record(written.remove(0));
    assert_eq!(stored, *server.persistent());
    let answers =
        [("vote", S1, vote(5, true)), ("entries", S1, success(5, 1)), ("refused", S2, vote(5, false))];
    assert_eq!(durable.released.len(), answers.len());
    for (released, (tag, to, message)) in durable.released.into_iter().zip(answers) {
        assert_eq!(released.tag, tag);
        assert_eq!(released.messages.as_slice(), [Envelope { from: S0, to, message }]);
    }
    assert_eq!(durable.persisted, Some(Persisted { current_term: Term(5), last_log_index: Index(1) }));
}

/// Rules: P2. Pitfalls 43, 44.
#[test]
fn a_failed_write_releases_nothing() {
    let mut server = follower(3, disk(4, None, &[]));
    let mut batch = Batch::default();
    batch.push((), receive(&mut server, S1, request_vote(5, (0, 0))));
    assert_eq!(batch.persist(|_| Err("disk full")), Err("disk full"));
}

/// Rules: P2. Pitfall 45.
#[test]
fn memory_and_record_make_the_same_changes_in_the_same_order() {
    let mut stored = disk(1, None, &[1, 1]);
    let mut server = follower(3, stored.clone());
    let inputs = [
        append(2, (2, 1), &[2, 2, 2], 3),
        append(3, (3, 2), &[3], 4),
        request_vote(5, (9, 4)),
        install(5, snapshot(6, 4)),
    ];
    for message in inputs {
        let effects = receive(&mut server, S1, message);
        stored.apply_record(effects.record().clone());
        assert_eq!(stored, *server.persistent());
    }
    for input in [
        Input::SnapshotTaken { index: Index(2), data: 9 },
        Input::CondInstallSnapshot(snapshot(6, 4)),
        Input::ElectionTimeout,
    ] {
        let effects = server.step(input);
        assert!(!effects.record().is_empty());
        stored.apply_record(effects.record().clone());
        assert_eq!(stored, *server.persistent());
    }
}

/// Rules: P2.
#[test]
fn without_a_change_nothing_is_written() {
    let mut server = follower(3, disk(4, Some(S1), &[]));
    let mut batch = Batch::default();
    batch.push((), receive(&mut server, S1, append(4, (0, 0), &[], 0)));
    let durable = batch.persist(writes_nothing).unwrap();
    assert_eq!(durable.persisted, None);
    assert_eq!(durable.released.len(), 1);
    let empty = Batch::<u8, u8, ()>::default();
    assert!(empty.is_empty() && empty.persist(writes_nothing).unwrap().released.is_empty());
}

/// Rules: L3, P3. Pitfall 29.
#[test]
fn only_a_leaders_requests_may_leave_before_its_write() {
    let mut server = leader(3, disk(1, None, &[]));
    let _ = receive(&mut server, S1, success(2, 0));
    let _ = server.step(Input::Propose(command(2, 1)));
    let mut effects = server.step(Input::Replicate);
    let early = effects.take_early();
    assert_eq!(early.len(), 1);
    assert!(matches!(early[0].message, Message::AppendEntries(_)));
    assert!(sent(effects).is_empty(), "what left early does not leave again");
    assert_eq!(server.commit_index(), Index(0));
}

/// Rules: L3.
#[test]
fn what_is_not_taken_early_leaves_with_the_rest() {
    let mut server = leader(3, disk(1, None, &[]));
    let effects = server.step(Input::HeartbeatTimeout);
    assert_eq!(sent(effects).len(), 2);
}

/// Rules: C1, C1R, RV2. Pitfall 29.
#[test]
fn requests_for_votes_and_replies_never_leave_early() {
    let mut server = follower(3, disk(4, None, &[]));
    let mut timeout = server.step(Input::ElectionTimeout);
    assert!(timeout.take_early().is_empty());
    assert_eq!(sent(timeout).len(), 2);
    let mut retry = server.step(Input::HeartbeatTimeout);
    assert!(retry.take_early().is_empty());
    for message in [request_vote(6, (0, 0)), append(6, (0, 0), &[6], 0), install(6, snapshot(7, 6))] {
        let mut effects = receive(&mut server, S1, message);
        assert!(effects.take_early().is_empty());
        assert_eq!(sent(effects).len(), 1);
    }
}

/// Rules: P3.
#[test]
fn a_batch_tells_how_far_the_last_of_its_writes_goes() {
    let mut server = leader(3, disk(1, None, &[]));
    let mut batch = Batch::default();
    batch.push(1, server.step(Input::Propose(command(2, 1))));
    batch.push(2, server.step(Input::Propose(command(2, 2))));
    batch.push(3, server.step(Input::Replicate));
    assert_eq!(batch.record().changes().len(), 2);
    let durable = batch.persist(|_| Ok::<(), ()>(())).unwrap();
    assert_eq!(durable.persisted, Some(Persisted { current_term: Term(2), last_log_index: Index(2) }));
}

/// Rules: P2, P3. Pitfall 29.
#[test]
fn a_step_that_nobody_waits_for_is_written_and_releases_its_messages_if_it_has_any() {
    let mut server = leader(3, disk(1, None, &[]));
    let mut batch: Batch<u8, u8, Option<&str>> = Batch::default();
    batch.push_unwaited(server.step(Input::Propose(command(2, 1))));
    assert!(!batch.is_empty(), "it is to be written");
    batch.push_unwaited(server.step(Input::HeartbeatTimeout));
    batch.push(Some("a command"), server.step(Input::Propose(command(2, 2))));
    let mut written = Vec::new();
    let durable = batch
        .persist(|record| {
            written.extend(record);
            Ok::<(), ()>(())
        })
        .unwrap();
    assert_eq!(written.len(), 2);
    let sizes: Vec<_> =
        durable.released.iter().map(|released| (released.tag, released.messages.len())).collect();
    assert_eq!(sizes, [(None, 2), (Some("a command"), 0)]);
    assert_eq!(durable.persisted, Some(Persisted { current_term: Term(2), last_log_index: Index(2) }));
}

/// Rules: P2. Pitfalls 20, 45.
#[test]
fn a_snapshot_change_drops_exactly_the_covered_head() {
    for (index, keep_suffix, left) in
        [(2, true, &[2, 3][..]), (4, true, &[]), (9, true, &[]), (2, false, &[])]
    {
        let mut stored: Persistent<u8, u8> = disk(4, None, &[1, 1, 2, 3]);
        stored.apply(Change::Snapshot { snapshot: snapshot(index, 3), keep_suffix });
        assert_eq!(stored.log.entries().iter().map(|e| e.term.0).collect::<Vec<_>>(), left);
        assert_eq!(stored.log.base_index(), Index(index));
        assert_eq!(stored.log.last_index(), Index(index + left.len() as u64));
    }
}

//! What of a node's wishes a transfer follows.

use super::send::Slot;
use core::time::Duration;
use figure2::codec::Frame;
use figure2::{Index, Snapshot, Term};
use tokio::time::advance;

const PATIENCE: Duration = Duration::from_secs(60);

fn ask(slot: &Slot, index: u64, message: u8) {
    let snapshot =
        Snapshot { last_included_index: Index(index), last_included_term: Term(1), data: "state".into() };
    slot.ask(Frame::from(vec![message]), &snapshot);
}

#[tokio::test(start_paused = true)]
async fn the_same_snapshot_goes_on_with_the_later_message() {
    let slot = Slot::default();
    ask(&slot, 5, 1);
    let first = slot.begin(77).unwrap();
    ask(&slot, 5, 2);
    assert_eq!(slot.message(first.number), Some(Frame::from(vec![2])));
    // Also on the next connection, where it is still the same transfer.
    slot.end(first.number, false);
    let again = slot.begin(78).unwrap();
    assert_eq!((again.number, again.transfer), (first.number, Some(77)));
}

#[tokio::test(start_paused = true)]
async fn a_later_snapshot_waits_for_nothing_but_a_transfer_that_is_under_way() {
    let slot = Slot::default();
    ask(&slot, 5, 1);
    ask(&slot, 6, 2);
    let job = slot.begin(77).unwrap();
    assert_eq!(job.index, 6);
    ask(&slot, 7, 3);
    assert_eq!(slot.message(job.number), Some(Frame::from(vec![2])));
    slot.end(job.number, true);
    assert!(slot.begin(78).is_none(), "the leader asks for the later one, if it is needed");
    ask(&slot, 7, 4);
    assert_eq!(slot.begin(79).unwrap().index, 7);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_asked_for_again_is_given_up() {
    let slot = Slot::default();
    assert!(!slot.wants(PATIENCE));
    ask(&slot, 5, 1);
    advance(PATIENCE).await;
    assert!(slot.wants(PATIENCE));
    slot.begin(77).unwrap();
    // Another one is asked for meanwhile: the node still wants the peer to have one.
    ask(&slot, 6, 2);
    advance(PATIENCE).await;
    assert!(slot.wants(PATIENCE));
    advance(Duration::from_millis(1)).await;
    assert!(!slot.wants(PATIENCE));
}

//! Signals and answers.

use super::*;

#[test]
fn a_notification_before_the_wait_is_kept_once() {
    let signal = Signal::default();
    assert!(!is_ready(signal.wait()));
    signal.notify();
    signal.notify();
    assert!(is_ready(signal.wait()));
    assert!(!is_ready(signal.wait()));
}

#[test]
fn no_notification_between_threads_is_lost() {
    let (ping, pong) = (Arc::new(Signal::default()), Arc::new(Signal::default()));
    let (their_ping, their_pong) = (ping.clone(), pong.clone());
    let rounds = 10_000;
    let other = thread::spawn(move || {
        for _ in 0..rounds {
            block_on(their_ping.wait());
            their_pong.notify();
        }
    });
    for _ in 0..rounds {
        ping.notify();
        block_on(pong.wait());
    }
    other.join().unwrap();
}

#[test]
fn an_answer_arrives_or_is_known_not_to() {
    let (sender, receiver) = oneshot::channel();
    sender.send(1);
    assert_eq!(block_on(receiver), Some(1));
    let (sender, receiver) = oneshot::channel::<u8>();
    drop(sender);
    assert_eq!(block_on(receiver), None);
    let (sender, receiver) = oneshot::channel();
    let other = thread::spawn(move || sender.send(2));
    assert_eq!(block_on(receiver), Some(2));
    other.join().unwrap();
}

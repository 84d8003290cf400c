//! Who brings a command goes on with it, where commands come one at a time.

use super::*;
use crate::inbox::Pace;

/// A single server that leads, with a storage that is done at once.
struct Alone {
    monitor: Arc<Monitor<ElectAtOnce>>,
    hands: Arc<Hands>,
    tasks: Vec<Pin<Box<dyn Future<Output = ()>>>>,
    delivered: Arc<Mutex<Vec<u64>>>,
    may_help: bool,
}

impl Alone {
    fn new() -> Alone {
        let (monitor, delivered) = (monitor(1), Arc::<Mutex<Vec<u64>>>::default());
        let disk = Disk::default();
        let service = Witness { durable: disk.durable.clone(), delivered: delivered.clone() };
        let (writes, applies) = (monitor.clone(), monitor.clone());
        let applier = async move { applier::run(&applies, Install::Conditional, service).await };
        let applier = Arc::new(Helped::new(applier));
        let own = applier.clone();
        let writer = async move { writer::run(&writes, disk, Sent::default(), &own).await };
        let hands = Arc::new(Hands { writer: Helped::new(writer), applier });
        let (writer, applier) = (hands.clone(), hands.clone());
        let tasks: Vec<Pin<Box<dyn Future<Output = ()>>>> = vec![
            Box::pin(async move { writer.writer.run().await }),
            Box::pin(async move { applier.applier.run().await }),
        ];
        let mut alone = Alone { monitor, hands, tasks, delivered, may_help: true };
        alone.monitor.timeout();
        alone.run();
        assert!(alone.monitor.term_and_leadership().1);
        alone
    }

    /// The tasks do all that there is to do.
    fn run(&mut self) {
        for _ in 0..10 {
            for task in &mut self.tasks {
                assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
        }
    }

    /// A client brings a command: whether it has its answer before any task was let run, and has it afterwards in any case.
    fn is_answered_at_once(&mut self) -> bool {
        self.are_answered_at_once(1)[0]
    }

    /// The same of several clients, who bring theirs one after the other.
    fn are_answered_at_once(&mut self, clients: usize) -> Vec<bool> {
        let submit =
            |_| self.monitor.submit_and_help(Bytes::from_static(b"x"), &self.hands, || self.may_help);
        let submitted: Vec<Submitted> = (0..clients).map(submit).collect();
        let context = &mut Context::from_waker(Waker::noop());
        let polled: Vec<_> =
            submitted.into_iter().map(|mut one| (Pin::new(&mut one).poll(context), one)).collect();
        self.run();
        let mut at_once = Vec::new();
        for (answer, mut one) in polled {
            at_once.push(answer.is_ready());
            let answer = if answer.is_ready() { answer } else { Pin::new(&mut one).poll(context) };
            assert!(matches!(answer, Poll::Ready(Ok((_, ProposalOutcome::Applied)))), "{answer:?}");
        }
        at_once
    }

    /// Commands came one at a time until it shows.
    fn until_it_shows(&mut self) {
        for turn in 0..Pace::LONE_TURNS {
            assert!(!self.is_answered_at_once(), "others might have commands, too, at turn {turn}");
        }
    }
}

#[test]
fn a_client_that_is_alone_has_its_answer_at_once_and_lets_others_run_now_and_then() {
    let mut alone = Alone::new();
    alone.until_it_shows();
    for _ in 0..3 {
        for turn in 0..Pace::IN_A_ROW {
            assert!(alone.is_answered_at_once(), "turn {turn}");
        }
        assert!(!alone.is_answered_at_once(), "others were let run");
    }
    let total = u64::from(Pace::LONE_TURNS + 3 * (Pace::IN_A_ROW + 1));
    assert_eq!(*alone.delivered.lock().unwrap(), (1..=total).collect::<Vec<_>>());
    assert!(!alone.monitor.is_stopped());
}

#[test]
fn where_several_bring_commands_they_share_a_turn() {
    let mut alone = Alone::new();
    alone.until_it_shows();
    assert!(alone.is_answered_at_once());
    // Each of three that come one after the other is alone when it comes.
    assert_eq!(alone.are_answered_at_once(3), [true; 3]);
    for _ in 4..Pace::IN_A_ROW {
        assert!(alone.is_answered_at_once());
    }
    assert_eq!(alone.are_answered_at_once(3), [false; 3], "others were let run, and there were three");
    alone.until_it_shows();
    assert!(alone.is_answered_at_once());
}

/// The tasks are woken, as ever.
#[test]
fn who_may_not_help_leaves_it_to_the_tasks() {
    let mut alone = Alone::new();
    alone.until_it_shows();
    alone.may_help = false;
    for turn in 0..3 * Pace::IN_A_ROW {
        assert!(!alone.is_answered_at_once(), "turn {turn}");
    }
}

/// A stopped node takes nothing, whoever helps.
#[test]
fn a_client_that_is_alone_learns_of_the_end() {
    let mut alone = Alone::new();
    alone.until_it_shows();
    alone.monitor.stop();
    let submitted = alone.monitor.submit_and_help(Bytes::from_static(b"x"), &alone.hands, || true);
    assert_eq!(block_on(submitted), Err(ProposeError::Stopped));
}

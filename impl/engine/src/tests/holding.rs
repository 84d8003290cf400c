//! Submitted commands that wait for the end of a save, to share a message and the next save.

use super::*;

/// Messages with entries, and without, to one follower: how many entries, and leader_commit.
#[derive(Clone, Default)]
struct Appends(Arc<Mutex<Vec<(usize, u64)>>>);

impl Link for Appends {
    fn send(&self, envelope: Envelope) {
        if let (ServerId(1), Message::AppendEntries(append)) = (envelope.to, envelope.message) {
            self.0.lock().unwrap().push((append.entries.len(), append.leader_commit.0));
        }
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The leader of three, with a disk whose saves end when they are told to.
struct Leader {
    monitor: Arc<Monitor<ElectAtOnce>>,
    sender: Task,
    syncer: Option<Task>,
    sent: Appends,
    saves: Arc<Mutex<Vec<usize>>>,
    done: Arc<Signal>,
}

impl Leader {
    /// With messages of so many bytes, and sender and syncer as one task or as two.
    fn new(max_message_bytes: u64, one_task: bool) -> Leader {
        let config = Config { max_message_bytes, ..Config::new(3) };
        let server = Server::new(ServerId(0), config, Persistent::default()).unwrap();
        let monitor = Arc::new(Monitor::new(server, ElectAtOnce));
        let (sent, saves, done) = (Appends::default(), Arc::default(), Arc::<Signal>::default());
        let notes = Notes { sent: Sent::default(), at_save: Arc::clone(&saves), done: done.clone() };
        let (writes, sends, link) = (monitor.clone(), monitor.clone(), sent.clone());
        let (sender, syncer): (Task, Option<Task>) = if one_task {
            let nobody = Helped::new(async {});
            (Box::pin(async move { writer::run(&sends, notes, link, &nobody).await }), None)
        } else {
            let syncer: Task = Box::pin(async move { syncer::run(&writes, notes).await });
            (Box::pin(async move { sender::run(&sends, link).await }), Some(syncer))
        };
        let mut leader = Leader { monitor, sender, syncer, sent, saves, done };
        leader.monitor.timeout();
        leader.run();
        leader.done.notify();
        leader.run();
        vote_granted(&leader.monitor);
        append_succeeded(&leader.monitor, 0);
        leader.run();
        leader.saves.lock().unwrap().clear();
        leader
    }

    /// All that can be done until something is waited for; what was sent to one follower.
    fn run(&mut self) -> Vec<(usize, u64)> {
        for _ in 0..10 {
            for task in self.syncer.iter_mut().chain([&mut self.sender]) {
                assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
        }
        core::mem::take(&mut self.sent.0.lock().unwrap())
    }

    /// A client whose command is an entry of 24 bytes. It waits for the answer as long as it is kept.
    fn submit(&self) -> Submitted {
        self.monitor.submit(Bytes::from_static(b"8 bytes."))
    }

    fn saves(&self) -> usize {
        self.saves.lock().unwrap().len()
    }

    /// The save that is under way ends.
    fn saved(&mut self) -> Vec<(usize, u64)> {
        self.done.notify();
        self.run()
    }
}

#[test]
fn what_is_submitted_during_a_save_is_sent_and_saved_together_after_it() {
    for one_task in [false, true] {
        let mut leader = Leader::new(1 << 20, one_task);
        let first = leader.submit();
        assert_eq!((leader.run(), leader.saves()), (vec![(1, 0)], 1), "nothing is under way: at once");
        let others = [(); 3].map(|()| {
            let submitted = leader.submit();
            assert_eq!(leader.run(), [], "the save of the first is under way");
            submitted
        });
        assert_eq!((leader.saved(), leader.saves()), (vec![(3, 0)], 2), "one message, one save");
        append_succeeded(&leader.monitor, 4);
        assert_eq!((leader.run(), leader.monitor.status().commit_index), (vec![], Index(1)));
        // The word of the first commit waited, too.
        assert_eq!((leader.saved(), leader.monitor.status().commit_index), (vec![(0, 4)], Index(4)));
        leader.monitor.stop();
        drop((first, others));
    }
}

/// Whichever of the two tasks is first.
#[test]
fn the_next_save_has_what_waited_for_it_even_when_the_syncer_is_faster_than_the_sender() {
    let mut leader = Leader::new(1 << 20, false);
    let first = leader.submit();
    leader.run();
    let second = leader.submit();
    leader.run();
    leader.done.notify();
    for _ in 0..10 {
        let syncer = leader.syncer.as_mut().unwrap().as_mut();
        assert!(syncer.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(leader.saves(), 2);
    assert_eq!(leader.run(), [(1, 0)], "nor is the message forgotten");
    drop((first, second));
}

/// A disk that hangs holds up nothing that a majority of the others can commit.
#[test]
fn what_is_submitted_during_a_save_waits_no_longer_than_for_the_commit() {
    for one_task in [false, true] {
        let mut leader = Leader::new(1 << 20, one_task);
        let first = leader.submit();
        leader.run();
        let second = leader.submit();
        assert_eq!((leader.run(), leader.saves()), (vec![], 1));
        append_succeeded(&leader.monitor, 1);
        assert_eq!(leader.run(), [], "the leader's own save is part of the majority");
        append_succeeded_by(&leader.monitor, 2, 1);
        assert_eq!((leader.run(), leader.saves()), (vec![(1, 1)], 1), "committed without the leader's disk");
        drop((first, second));
    }
}

/// They are in no log yet, where their bytes have a limit; so there is one here.
#[test]
fn what_fills_a_message_does_not_wait() {
    for one_task in [false, true] {
        let mut leader = Leader::new(3 * 24, one_task);
        let first = leader.submit();
        leader.run();
        let others = [(); 2].map(|()| leader.submit());
        assert_eq!(leader.run(), []);
        let last = leader.submit();
        assert_eq!((leader.run(), leader.saves()), (vec![(3, 0)], 1));
        let next = leader.submit();
        assert_eq!(leader.run(), [], "the next ones fill none yet");
        drop((first, others, last, next));
    }
}

/// A client that is refused need not wait: whoever leads now is asked sooner.
#[test]
fn a_leader_that_steps_down_refuses_what_waits() {
    let mut leader = Leader::new(1 << 20, false);
    let first = leader.submit();
    leader.run();
    let mut second = pin!(leader.submit());
    leader.run();
    let vote =
        RequestVote { term: Term(2), last_log_index: Index(9), last_log_term: Term(1), transfer: false };
    let from = ServerId(2);
    leader.monitor.receive(Envelope { from, to: ServerId(0), message: Message::RequestVote(vote) }).unwrap();
    leader.run();
    let refused = Err(ProposeError::NotLeader { term: Term(2), leader: None });
    let told = second.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!((told, leader.saves()), (Poll::Ready(refused), 1), "the save has not ended");
    drop(first);
}

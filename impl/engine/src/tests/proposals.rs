//! Commands that are refused, and who waits for room.

use super::*;

/// A single server that leads, with room for the entries of two commands of 8 bytes, and what writes for it.
struct Small {
    monitor: Arc<Monitor<ElectAtOnce>>,
    syncer: Pin<Box<dyn Future<Output = ()>>>,
}

impl Small {
    fn new() -> Small {
        let config = Config { max_uncommitted_bytes: 2 * 24, max_command_bytes: 9, ..Config::new(1) };
        let server = Server::new(ServerId(0), config, Persistent::default()).unwrap();
        let monitor = Arc::new(Monitor::new(server, ElectAtOnce));
        let writes = monitor.clone();
        let syncer = Box::pin(async move { syncer::run(&writes, Disk::default()).await });
        let mut small = Small { monitor, syncer };
        small.monitor.timeout();
        small.write();
        assert!(small.monitor.term_and_leadership().1);
        small
    }

    /// All that waits becomes durable.
    fn write(&mut self) {
        for _ in 0..4 {
            assert!(self.syncer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    }
}

#[test]
fn a_refused_command_says_why() {
    let (term, command) = (Term(1), || Bytes::from_static(b"8 bytes."));
    let follower = monitor(3);
    assert_eq!(follower.propose(command()), Err(ProposeError::NotLeader { term: Term::ZERO, leader: None }));
    let mut small = Small::new();
    let leader = small.monitor.clone();
    for index in [Index(1), Index(2)] {
        assert_eq!(leader.propose(command()), Ok(Position { index, term }));
    }
    assert_eq!(leader.propose(command()), Err(ProposeError::Busy { uncommitted: 48, limit: 48 }));
    assert_eq!(leader.propose(Bytes::from(vec![0; 10])), Err(ProposeError::TooLarge { size: 10, limit: 9 }));
    small.write();
    assert_eq!(leader.propose(command()), Ok(Position { index: Index(3), term }));
    leader.stop();
    assert_eq!(leader.propose(command()), Err(ProposeError::Stopped));
}

#[test]
fn leadership_that_is_not_handed_over_says_why() {
    let follower = monitor(3);
    let not_leader = TransferError::NotLeader { term: Term::ZERO, leader: None };
    assert_eq!(follower.transfer_leadership(ServerId(1), 10), Err(not_leader));
    let small = Small::new();
    let leader = small.monitor.clone();
    assert_eq!(leader.transfer_leadership(ServerId(0), 10), Err(TransferError::LeadsAlready(10)));
    assert_eq!(leader.transfer_leadership(ServerId(1), 20), Err(TransferError::UnknownServer(20)));
    assert!(leader.propose(Bytes::from_static(b"8 bytes.")).is_ok(), "nothing has begun");
    leader.stop();
    assert_eq!(leader.transfer_leadership(ServerId(1), 20), Err(TransferError::Stopped));
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicU64);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_proposal_waits_for_room_and_may_be_given_up() {
    let mut small = Small::new();
    let leader = small.monitor.clone();
    let command = || Bytes::from_static(b"8 bytes.");
    assert!(is_ready(leader.propose_when_ready(command())) && leader.propose(command()).is_ok());
    let woken = Arc::<Count>::default();
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    let (mut first, mut second) =
        (Box::pin(leader.propose_when_ready(command())), Box::pin(leader.propose_when_ready(command())));
    for _ in 0..2 {
        assert!(
            first.as_mut().poll(&mut context).is_pending() && second.as_mut().poll(&mut context).is_pending()
        );
    }
    drop(second);
    small.write();
    assert_eq!(woken.0.load(Ordering::SeqCst), 1, "who gave up is not woken");
    let proposed = Poll::Ready(Ok(Position { index: Index(3), term: Term(1) }));
    assert_eq!(first.as_mut().poll(&mut context), proposed, "what was given up was not proposed");

    assert!(leader.propose(command()).is_ok());
    let mut last = Box::pin(leader.propose_when_ready(command()));
    assert!(last.as_mut().poll(&mut context).is_pending());
    leader.stop();
    assert_eq!(woken.0.load(Ordering::SeqCst), 2);
    assert_eq!(last.as_mut().poll(&mut context), Poll::Ready(Err(ProposeError::Stopped)));
    drop(last);
}

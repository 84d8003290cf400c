//! What a server can promise whatever its peers say.

use crate::input::Server;
use figure2_core::{
    Batch, Effects, Entry, Envelope, Index, Input, Message, Outcome, Persisted, Persistent, ProgressState,
    Role, RuleSet, Snapshot, Term,
};

/// How many of its last messages are answered.
const REMEMBERED: usize = 8;

/// A server, and what it has shown to the world.
pub struct Watched {
    server: Server,
    /// What its driver has made durable.
    disk: Persistent<u8, u8>,
    /// What waits for the next write.
    batch: Batch<u8, u8, ()>,
    persisted: Option<Persisted>,
    /// Every entry that was ever known to be committed, from index 1 on; none where a snapshot stood for it.
    committed: Vec<Option<(Term, u8)>>,
    /// Every snapshot that the service was offered since the server started.
    offers: Vec<Snapshot<u8>>,
    /// What it said last, the newest at the end.
    sent: Vec<Envelope<u8, u8>>,
    fired: RuleSet,
}

impl Watched {
    pub fn new(server: Server) -> Watched {
        Watched {
            server,
            disk: Persistent::default(),
            batch: Batch::default(),
            persisted: None,
            committed: Vec::new(),
            offers: Vec::new(),
            sent: Vec::new(),
            fired: RuleSet::EMPTY,
        }
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    pub fn persisted(&self) -> Option<Persisted> {
        self.persisted
    }

    pub fn offers(&self) -> &[Snapshot<u8>] {
        &self.offers
    }

    pub fn sent(&self) -> &[Envelope<u8, u8>] {
        &self.sent
    }

    pub fn fired(&self) -> RuleSet {
        self.fired
    }

    /// Takes a step, and looks whether all promises hold.
    pub fn step(&mut self, input: Input<u8, u8>) {
        let before = self.server.clone();
        let told = format!("{input:?}");
        let is_pre_vote = matches!(&input, Input::Receive(Envelope { message: Message::PreVote(_), .. }));
        let effects = self.server.step(input);
        self.fired = self.fired.union(effects.rules());
        if let Some(offered) = self.server.offered().filter(|offered| !self.offers.contains(offered)) {
            self.offers.push(offered.clone());
        }
        self.look(&before, &effects, &told);
        if is_pre_vote {
            assert_eq!(before, self.server, "a pre-vote changes something: {told}");
            assert!(effects.record().is_empty() && !effects.reset_election_timer(), "{told}");
        }
        self.batch.push((), effects);
    }

    /// Writes what waits, and tells the server.
    pub fn settle(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let disk = &mut self.disk;
        let durable = batch.persist(|record| {
            disk.apply_record(record);
            Ok::<(), ()>(())
        });
        let durable = durable.unwrap();
        assert_eq!(&self.disk, self.server.persistent(), "the records make the state");
        if let Some(persisted) = durable.persisted {
            self.persisted = Some(persisted);
            self.step(Input::Persisted(persisted));
        }
    }

    /// Crashes with what waits undone, and starts again. Nobody was told of what is lost, so it is forgotten here, too.
    pub fn restart(&mut self) {
        self.batch = Batch::default();
        self.persisted = None;
        self.offers.clear();
        let restarted = Server::new(self.server.id(), self.server.config(), self.disk.clone());
        self.server = restarted.unwrap_or_else(|error| panic!("{error}: {:?}", self.disk));
        self.committed.truncate(self.server.commit_index().since(Index::ZERO));
    }

    fn look(&mut self, before: &Server, effects: &Effects<u8, u8>, told: &str) {
        let server = &self.server;
        if let Outcome::Rejected(reason) = effects.outcome() {
            assert_eq!(before, server, "{reason}, and yet something changed: {told}");
            assert!(effects.is_empty(), "{reason}, and yet it answers: {told}");
        }
        assert!(server.current_term() >= before.current_term(), "the term goes back: {told}");
        if server.current_term() == before.current_term() && before.voted_for().is_some() {
            assert_eq!(server.voted_for(), before.voted_for(), "a second vote: {told}");
        }
        assert!(server.commit_index() >= before.commit_index(), "commit_index goes back: {told}");
        assert!(server.last_applied() >= before.last_applied(), "last_applied goes back: {told}");
        assert!(server.last_applied() <= server.commit_index(), "applied before it is committed: {told}");
        self.look_at_log(told);
        self.look_at_role(told);
        let mut state = before.persistent().clone();
        effects.record().changes().iter().for_each(|change| state.apply(change.clone()));
        assert_eq!(&state, server.persistent(), "what changed is not in the record: {told}");
        let mut all = Batch::default();
        all.push((), effects.clone());
        let sent = all.persist(|_| Ok::<(), ()>(())).unwrap().released;
        sent.iter().flat_map(|step| &step.messages).for_each(|sent| self.look_at_message(sent, told));
        self.sent.extend(sent.into_iter().flat_map(|step| step.messages));
        let forgotten = self.sent.len().saturating_sub(REMEMBERED);
        self.sent.drain(..forgotten);
        self.keep_committed(told);
    }

    fn look_at_log(&self, told: &str) {
        let log = self.server.log();
        assert!(log.base_index() <= self.server.commit_index(), "the snapshot is not committed: {told}");
        assert!(self.server.commit_index() <= log.last_index(), "more is committed than there is: {told}");
        let mut last = log.base_term();
        for Entry { term, .. } in log.entries() {
            assert!(*term >= last && *term > Term::ZERO, "terms go back along the log: {told}");
            last = *term;
        }
        assert!(last <= self.server.current_term(), "an entry of a term to come: {told}");
        if let Some(offered) = self.server.offered() {
            assert!(offered.last_included_index > Index::ZERO, "{told}");
        }
        let next = self.server.next_apply(3);
        if let Some(figure2_core::Apply::Entries { first_index, entries }) = next {
            assert_eq!(first_index, self.server.last_applied().next(), "{told}");
            assert!(first_index.plus(entries.len()).prev() <= self.server.commit_index(), "{told}");
        }
    }

    fn look_at_role(&self, told: &str) {
        let (server, config) = (&self.server, self.server.config());
        match server.role() {
            Role::Follower { leader } => {
                assert!(leader.is_none_or(|leader| config.voters.contains(leader)), "{told}");
            }
            Role::PreCandidate { votes } => assert!(votes.len() < config.majority(), "{told}"),
            Role::Candidate { votes, .. } => {
                assert_eq!(server.voted_for(), Some(server.id()), "{told}");
                assert!(votes.len() < config.majority(), "{told}");
            }
            Role::Leader { progress, heard, transfer_to, uncommitted, .. } => {
                assert_eq!(server.voted_for(), Some(server.id()), "{told}");
                assert!(
                    transfer_to.is_none_or(|to| to != server.id() && config.voters.contains(to)),
                    "{told}"
                );
                assert!(heard.iter().all(|peer| config.voters.contains(peer)), "{told}");
                let waits: u64 = server
                    .log()
                    .entries_from(server.commit_index().next(), usize::MAX)
                    .iter()
                    .map(Entry::size)
                    .sum();
                assert_eq!(*uncommitted, waits, "{told}");
                for known in progress {
                    assert!(known.match_index <= server.log().last_index(), "{told}");
                    if let ProgressState::Replicate { in_flight } = known.state {
                        let most = config.max_in_flight_bytes.max(config.max_message_bytes).max(64 + 64);
                        assert!(in_flight <= most, "{in_flight} bytes in flight, at most {most}: {told}");
                        assert!(known.next_index > known.match_index, "{told}");
                    }
                }
            }
        }
    }

    /// Where it goes, what term it names, and whether a server that knows nothing would find something wrong in it.
    fn look_at_message(&self, envelope: &Envelope<u8, u8>, told: &str) {
        let (server, config) = (&self.server, self.server.config());
        let Envelope { from, to, message } = envelope;
        assert!(*from == server.id() && *to != *from && config.voters.contains(*to), "{envelope:?}: {told}");
        match message {
            Message::PreVote(m) => assert_eq!(m.term, server.current_term().next(), "{told}"),
            Message::PreVoteReply(m) if m.vote_granted => {
                assert!(m.term > server.current_term() && !server.is_in_contact(), "{told}");
            }
            other => assert_eq!(other.term(), server.current_term(), "{told}"),
        }
        if matches!(message, Message::AppendEntries(_) | Message::InstallSnapshot(_) | Message::TimeoutNow(_))
        {
            assert!(server.is_leader(), "{told}");
        }
        let mut fresh = Server::new(*to, config, Persistent::default()).unwrap();
        let effects = fresh.step(Input::Receive(envelope.clone()));
        if let Outcome::Rejected(reason) = effects.outcome() {
            panic!("a new server rejects {envelope:?}: {reason}; {told}");
        }
    }

    /// What is committed stays what it is.
    fn keep_committed(&mut self, told: &str) {
        let log = self.server.log();
        let entries = log.entries();
        let held = |index: Index| {
            let place = index.since(log.base_index()).checked_sub(1)?;
            entries.get(place).map(|entry| (entry.term, entry.command))
        };
        let mut index = Index::ZERO;
        for known in &mut self.committed {
            index = index.next();
            match (*known, held(index)) {
                (Some(committed), Some(now)) => assert_eq!(committed, now, "at index {index}: {told}"),
                (None, now @ Some(_)) => *known = now,
                _ => {}
            }
        }
        // A snapshot may cover an index that no number of entries reaches.
        let most = self.server.commit_index().min(Index(4096));
        while index < most {
            index = index.next();
            self.committed.push(held(index));
        }
    }
}

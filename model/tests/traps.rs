//! Why PreVote and CheckQuorum belong together (thesis, section 6.2, 9.6): what each leaves open alone, while faults last.
//! A link that carries messages one way only is no fault that ends, so recovery does not see it. Three servers are driven by
//! the core's steps here, in rounds as long as an election timeout, as recovery drives them.

#![allow(clippy::unwrap_used)]

use figure2_core::{Batch, Config, Envelope, Extensions, Input, Persistent, Role, Server, ServerId, Term};
use std::collections::VecDeque;
use std::convert::Infallible;

const PRE_VOTE: Extensions = Extensions { pre_vote: true, check_quorum: false };
const CHECK_QUORUM: Extensions = Extensions { pre_vote: false, check_quorum: true };
const ROUNDS: usize = 12;

type Link = fn(from: u8, to: u8) -> bool;

/// All links are up.
fn whole(_: u8, _: u8) -> bool {
    true
}

struct Scene {
    servers: Vec<Server<u8, u8>>,
    /// Which messages arrive.
    link: Link,
    on_their_way: VecDeque<Envelope<u8, u8>>,
    /// Whose election timer started anew in this round.
    restarted: Vec<bool>,
    rounds: usize,
    /// Elections won.
    elections: usize,
}

impl Scene {
    /// S0 leads term 1, and has committed a command.
    fn new(extensions: [Extensions; 3]) -> Scene {
        let start = |(id, extensions)| {
            Server::new(ServerId(id), Config { extensions, ..Config::new(3) }, Persistent::default()).unwrap()
        };
        let servers = (0..).zip(extensions).map(start).collect();
        let restarted = vec![false; 3];
        let mut scene =
            Scene { servers, link: whole, on_their_way: VecDeque::new(), restarted, rounds: 0, elections: 0 };
        scene.step(0, Input::ElectionTimeout);
        scene.quiet();
        scene.rounds(1);
        assert!(scene.servers[0].is_leader() && scene.committed() == 1);
        scene.elections = 0;
        scene
    }

    fn step(&mut self, id: usize, input: Input<u8, u8>) {
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let led = self.servers[id].is_leader();
            let mut effects = self.servers[id].step(input);
            self.elections += usize::from(!led && self.servers[id].is_leader());
            self.restarted[id] |= effects.reset_election_timer();
            self.on_their_way.extend(effects.take_early());
            let mut batch = Batch::default();
            batch.push((), effects);
            let Ok(durable) = batch.persist(|_| Ok::<(), Infallible>(()));
            self.on_their_way.extend(durable.released.into_iter().flat_map(|released| released.messages));
            next = durable.persisted.map(Input::Persisted);
        }
    }

    fn quiet(&mut self) {
        while let Some(envelope) = self.on_their_way.pop_front() {
            if (self.link)(envelope.from.0, envelope.to.0) {
                self.step(usize::from(envelope.to.0), Input::Receive(envelope));
            }
        }
    }

    fn rounds(&mut self, rounds: usize) {
        for _ in 0..rounds {
            self.restarted.fill(false);
            for id in 0..3 {
                if !matches!(self.servers[id].role(), Role::Follower { .. }) {
                    self.step(id, Input::HeartbeatTimeout);
                }
            }
            self.quiet();
            for id in 0..3 {
                self.step(id, Input::Propose(1));
                self.step(id, Input::Replicate);
            }
            self.quiet();
            for id in 0..3 {
                if self.servers[id].is_leader() {
                    self.step(id, Input::ElectionTimeout);
                }
            }
            self.quiet();
            let turn = (0..3).map(|place| (place + self.rounds) % 3);
            let elapsed = turn.clone().find(|id| !self.servers[*id].is_leader() && !self.restarted[*id]);
            if let Some(id) = elapsed {
                self.step(id, Input::ElectionTimeout);
                self.quiet();
            }
            self.rounds += 1;
        }
    }

    /// The highest commit_index.
    fn committed(&self) -> u64 {
        self.servers.iter().map(|server| server.commit_index().0).max().unwrap_or_default()
    }

    /// How many commands are committed in some rounds, and how many elections won.
    fn in_rounds(&mut self, link: Link) -> (u64, usize) {
        let committed = self.committed();
        self.link = link;
        self.elections = 0;
        self.rounds(ROUNDS);
        (self.committed() - committed, self.elections)
    }
}

/// PreVote without CheckQuorum. A leader that hears nothing but is heard keeps its followers, and commits nothing: they hear
/// heartbeats, so they neither stand nor grant a pre-vote. CheckQuorum ends that.
#[test]
fn a_deaf_leader_whose_heartbeats_arrive_leads_for_ever_unless_it_checks_its_quorum() {
    let deaf: Link = |_, to| to != 0;
    for extensions in [Extensions::NONE, PRE_VOTE] {
        let mut scene = Scene::new([extensions; 3]);
        assert_eq!(scene.in_rounds(deaf), (0, 0), "{extensions:?}");
        assert!(scene.servers[0].is_leader() && scene.servers[0].current_term() == Term(1));
    }
    for extensions in [CHECK_QUORUM, Extensions::ALL] {
        let mut scene = Scene::new([extensions; 3]);
        let (committed, elections) = scene.in_rounds(deaf);
        assert!(
            committed >= 5 && elections == 1,
            "{extensions:?}: {committed} commands, {elections} elections"
        );
    }
}

/// CheckQuorum without PreVote. A follower that hears nothing, but is heard, raises its term at each election timeout; in
/// contact with the leader the others disregard it. By Figure 2 alone it deposes each leader.
#[test]
fn a_deaf_follower_deposes_leaders_only_where_neither_extension_is_on() {
    let deaf: Link = |_, to| to != 2;
    let mut scene = Scene::new([Extensions::NONE; 3]);
    let (_, elections) = scene.in_rounds(deaf);
    assert!(elections >= 3, "{elections}");
    for extensions in [PRE_VOTE, CHECK_QUORUM, Extensions::ALL] {
        let mut scene = Scene::new([extensions; 3]);
        let (committed, elections) = scene.in_rounds(deaf);
        assert_eq!((committed as usize, elections), (ROUNDS, 0), "{extensions:?}");
        let raised = scene.servers[2].current_term() > Term(1);
        assert_eq!(raised, !extensions.pre_vote, "{extensions:?}");
    }
}

/// CheckQuorum without PreVote, afterwards. When that follower hears again it is in a newer term. Its vote requests are
/// disregarded, and it refuses the leader's messages: only because it answers them, with its term, does the leader step
/// down and the cluster go on as one. With PreVote its term did not grow, and nothing of that happens.
#[test]
fn a_server_that_returns_in_a_newer_term_costs_a_leader_unless_it_asked_before_it_stood() {
    for (extensions, deposes) in
        [(Extensions::NONE, true), (CHECK_QUORUM, true), (PRE_VOTE, false), (Extensions::ALL, false)]
    {
        let mut scene = Scene::new([extensions; 3]);
        scene.in_rounds(|from, to| from != 2 && to != 2);
        let (committed, elections) = scene.in_rounds(whole);
        assert_eq!(elections > 0, deposes, "{extensions:?}: {elections} elections");
        assert!(committed >= 5, "{extensions:?}: {committed} commands");
        let term = scene.servers[0].current_term();
        assert!(scene.servers.iter().all(|server| server.current_term() == term), "{extensions:?}");
    }
}

/// PreVote protects nobody from a server without it: its newer term counts. CheckQuorum at the others does.
#[test]
fn a_plain_server_that_is_deaf_deposes_leaders_that_have_prevote_alone() {
    let deaf: Link = |_, to| to != 2;
    let elections = |extensions| Scene::new([extensions, extensions, Extensions::NONE]).in_rounds(deaf).1;
    assert!(elections(PRE_VOTE) >= 3, "{}", elections(PRE_VOTE));
    assert_eq!(elections(CHECK_QUORUM), 0);
    assert_eq!(elections(Extensions::ALL), 0);
}

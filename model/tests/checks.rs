//! What a verdict is worth: counts that can be repeated, limits that are never taken for completeness, witnesses that
//! must be found, panics that are not passes, and shortest traces.

use figure2_core::rules::{
    AllServers, AppendEntriesReceiver, Candidates, CheckQuorum, Leaders, Persistence, PreVoting, Replication,
    RequestVoteReceiver, Snapshots, Transfer, TransferTarget, Validation,
};
use figure2_core::{Command, Config, Effects, Extensions, Persistent, Rule, Rules, Server, ServerId, Term};
use figure2_model::{
    ActionLabel, Apply, Bounds, Budget, CheckError, CheckOptions, Limit, Limits, NodeEvent, Outcome, Profile,
    Reduction, Safety, ScriptStep, Sending, System, Unfinished, Verdict, Witness, check, check_system,
    profiles,
};
use std::time::Duration;

const BOUNDS: Bounds = Bounds {
    servers: 3,
    terms: 2,
    client_requests: 0,
    crashes: 1,
    losses: Budget::Unlimited,
    duplications: Budget::Unlimited,
    snapshots: 0,
    unwritten: 0,
    failed_writes: 0,
    in_flight: 2,
    entries_per_message: 1,
    sending: Sending::AtOnce,
    limits: Limits::NONE,
    apply: Apply::AtOnce,
    clients: false,
    extensions: Extensions::NONE,
    plain_servers: 0,
    transfers: 0,
    lost_disks: false,
};

fn small() -> Profile {
    Profile {
        name: "small".into(),
        description: "elections of two terms".into(),
        bounds: BOUNDS,
        symmetry: true,
        script: Vec::new(),
        always: Safety::ALL.to_vec(),
        sometimes: vec![Witness::Leader, Witness::RecoveredCrash],
        rules: vec![Rule::C2, Rule::C3],
    }
}

fn threads(threads: usize) -> CheckOptions {
    CheckOptions { threads, ..CheckOptions::default() }
}

fn quiet(_: &figure2_model::Progress) {}

#[test]
fn another_hash_finds_the_same_states() {
    let by = |rehash| check(&small(), &CheckOptions { rehash, ..threads(1) }, &mut quiet).unwrap();
    let usual = by(0);
    assert!(usual.expected_collisions() < 1e-6 && !usual.is_in_doubt());
    for seed in [1, 77, u64::MAX] {
        let other = by(seed);
        assert_eq!((other.rehash, other.verdict), (seed, usual.verdict.clone()));
        assert_eq!(
            (other.distinct, other.generated, other.rules),
            (usual.distinct, usual.generated, usual.rules.clone())
        );
    }
}

#[test]
fn counts_and_verdict_do_not_depend_on_threads() {
    for symmetry in [true, false] {
        let profile = Profile { symmetry, ..small() };
        let one = check(&profile, &threads(1), &mut quiet).unwrap();
        assert_eq!(one.verdict, Verdict::Holds);
        for _ in 0..3 {
            let two = check(&profile, &threads(2), &mut quiet).unwrap();
            assert_eq!((one.distinct, one.generated), (two.distinct, two.generated), "symmetry: {symmetry}");
            assert_eq!((&one.verdict, &one.rules), (&two.verdict, &two.rules));
        }
    }
}

#[test]
fn symmetry_takes_a_sixth_and_changes_no_verdict() {
    let with = check(&small(), &threads(2), &mut quiet).unwrap();
    let without = check(&Profile { symmetry: false, ..small() }, &threads(2), &mut quiet).unwrap();
    assert_eq!((&with.verdict, &with.sometimes), (&without.verdict, &without.sometimes));
    assert!(with.distinct * 6 >= without.distinct, "a class has at most 6 states");
    assert!(with.distinct * 5 < without.distinct, "{} of {}", with.distinct, without.distinct);
}

#[test]
fn a_limit_is_unfinished_and_says_which() {
    let states = check(&small(), &CheckOptions { max_states: Some(500), ..threads(2) }, &mut quiet).unwrap();
    assert_eq!(states.verdict, Verdict::Unfinished(Unfinished::Limit(Limit::States(500))));
    assert!(states.always.iter().all(|(_, outcome)| *outcome == Outcome::Open));

    let large = Profile { bounds: Bounds { terms: 3, in_flight: 4, ..BOUNDS }, ..small() };
    let limit = Duration::from_millis(50);
    let time = check(&large, &CheckOptions { time_limit: Some(limit), ..threads(2) }, &mut quiet).unwrap();
    assert_eq!(time.verdict, Verdict::Unfinished(Unfinished::Limit(Limit::Time(limit))));

    let memory = check(&large, &CheckOptions { max_memory: Some(1), ..threads(2) }, &mut quiet).unwrap();
    assert_eq!(memory.verdict, Verdict::Unfinished(Unfinished::Limit(Limit::Memory(1))));
}

#[test]
fn a_missing_witness_or_rule_is_not_a_pass() {
    let sometimes = vec![Witness::Leader, Witness::Commit];
    let report =
        check(&Profile { sometimes, rules: vec![Rule::L4, Rule::C2], ..small() }, &threads(2), &mut quiet);
    let report = report.unwrap();
    let missing = Verdict::Vacuous { witnesses: vec![Witness::Commit], rules: vec![Rule::L4] };
    assert_eq!(report.verdict, missing);
    assert_eq!(report.sometimes, [(Witness::Leader, Outcome::Found), (Witness::Commit, Outcome::NotFound)]);
}

/// Rules with a bug in a place that is seldom reached: becoming leader of term 2 panics.
#[derive(Clone)]
struct Panics;

impl<C: Command, S: Clone> Leaders<C, S> for Panics {
    fn become_leader(&self, s: &mut Server<C, S>, fx: &mut Effects<C, S>) {
        assert!(s.current_term() < Term(2), "no second term here");
        figure2_core::Figure2.become_leader(s, fx);
    }
}

/// Rules whose servers forget their vote in a crash.
#[derive(Clone)]
struct Forgets;

impl<C: Command, S: Clone> Persistence<C, S> for Forgets {
    fn restart(&self, id: ServerId, config: Config, persistent: Persistent<C, S>) -> Server<C, S> {
        Server::from_parts(id, config, Persistent { voted_for: None, ..persistent })
    }
}

/// Rules whose servers let their service have what is not committed yet.
#[derive(Clone)]
struct Hasty;

impl<C: Command, S: Clone> AllServers<C, S> for Hasty {
    fn next_apply(&self, s: &Server<C, S>, limit: usize) -> Option<figure2_core::Apply<C, S>> {
        let first_index = s.last_applied().next();
        let entries = s.log().entries_from(first_index, limit).to_vec();
        (!entries.is_empty()).then_some(figure2_core::Apply::Entries { first_index, entries })
    }
}

macro_rules! as_the_paper_says {
    ($type:ident: $($rules:ident)*) => { $(impl<C: Command, S: Clone> $rules<C, S> for $type {})* };
}

as_the_paper_says!(Panics: Persistence AllServers Replication RequestVoteReceiver AppendEntriesReceiver Candidates Snapshots Validation Transfer TransferTarget PreVoting CheckQuorum Rules);
as_the_paper_says!(Hasty: Persistence Replication Leaders RequestVoteReceiver AppendEntriesReceiver Candidates Snapshots Validation Transfer TransferTarget PreVoting CheckQuorum Rules);
as_the_paper_says!(Forgets: Replication Leaders AllServers RequestVoteReceiver AppendEntriesReceiver Candidates Snapshots Validation Transfer TransferTarget PreVoting CheckQuorum Rules);

#[test]
fn a_panic_is_not_a_pass() {
    for n in [1, 2] {
        match check_system(&System::of(Panics), &small(), &threads(n), &mut quiet).unwrap().verdict {
            Verdict::Unfinished(Unfinished::Panicked(message)) => {
                assert!(message.contains("no second term here"), "{message}");
            }
            verdict => panic!("{verdict:?}"),
        }
    }
}

#[test]
fn a_violation_is_told_by_its_shortest_trace() {
    let profile = Profile { always: vec![Safety::OneVote], ..small() };
    let report = check_system(&System::of(Forgets), &profile, &threads(2), &mut quiet).unwrap();
    let Verdict::Violated(trace) = report.verdict else { panic!("{:?}", report.verdict) };
    assert!(trace.is_shortest);
    assert_eq!(trace.broken, [Safety::OneVote]);
    let steps = &trace.trace.steps;
    let actions: Vec<String> = steps.iter().map(|step| step.label.to_string()).collect();
    let server = &actions[0][..2];
    assert_eq!(
        actions,
        [format!("{server} election timeout"), format!("{server} crashes"), format!("{server} restarts")]
    );
    assert_eq!(
        steps[0].change_lines(),
        [format!("{server} follower→candidate current_term 0→1 voted_for none→{server} votes {{{server}}}")]
    );
    let rules: Vec<&str> = steps[0].rules.iter().map(|rule| rule.id()).collect();
    assert_eq!(rules, ["P2", "P3", "F2", "C1"]);
}

#[test]
fn clients_that_are_answered_too_early_are_not_linearizable() {
    let bounds = Bounds { client_requests: 2, crashes: 0, clients: true, ..BOUNDS };
    let profile = Profile { bounds, always: vec![Safety::Linearizable], ..small() };
    // The service never ends to grow, so the space has no end; what is sought is near.
    let options = CheckOptions { breadth_first: true, max_states: Some(300_000), ..threads(1) };
    let report = check_system(&System::of(Hasty), &profile, &options, &mut quiet).unwrap();
    let Verdict::Violated(trace) = report.verdict else { panic!("{:?}", report.verdict) };
    assert_eq!(trace.broken, [Safety::Linearizable]);
    // Two leaders, each of which answers with an empty list.
    assert!(
        trace
            .trace
            .steps
            .iter()
            .filter(|step| matches!(step.label, ActionLabel::Node(_, NodeEvent::ClientRequest(_))))
            .count()
            == 2
    );
}

#[test]
fn reductions_change_no_verdict() {
    let profile = Profile {
        bounds: Bounds { client_requests: 1, terms: 1, ..BOUNDS },
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::RecoveredCrash],
        rules: vec![Rule::A1, Rule::L4],
        ..small()
    };
    let reduced = check(&profile, &threads(2), &mut quiet).unwrap();
    assert_eq!(reduced.verdict, Verdict::Holds);
    for reduction in Reduction::ALL {
        let whole = check(&profile.clone().without(reduction), &threads(2), &mut quiet).unwrap();
        assert_eq!((&whole.verdict, &whole.sometimes), (&reduced.verdict, &reduced.sometimes));
        assert!(whole.distinct > reduced.distinct, "{}: {}", reduction.name(), whole.distinct);
    }
}

#[test]
fn what_cannot_be_searched_is_refused() {
    assert_eq!(check(&small(), &threads(0), &mut quiet).unwrap_err(), CheckError::NoThreads);
    let bounds = Bounds { in_flight: 1, ..BOUNDS };
    let error = check(&Profile { bounds, ..small() }, &threads(1), &mut quiet).unwrap_err();
    assert_eq!(error.to_string(), "bounds of profile small: in flight: 1 (a broadcast alone needs 2)");
    let script = vec![ScriptStep::Timeout(0), ScriptStep::Restart(9)];
    let error = check(&Profile { script, ..small() }, &threads(1), &mut quiet).unwrap_err();
    assert!(error.to_string().starts_with("step 2 of the script, Restart(9)"), "{error}");
}

#[test]
fn every_profile_has_sensible_bounds_and_a_script_that_can_be_played() {
    for profile in profiles() {
        assert_eq!(profile.bounds.problem(), None, "{}", profile.name);
        let options = CheckOptions { max_states: Some(100), ..threads(1) };
        let report = check(&profile, &options, &mut quiet).unwrap();
        let is_small = report.verdict == Verdict::Holds && report.distinct < 100;
        let is_cut_off = report.verdict == Verdict::Unfinished(Unfinished::Limit(Limit::States(100)));
        assert!(is_small || is_cut_off, "{}: {:?}", profile.name, report.verdict);
    }
}

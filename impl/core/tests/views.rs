//! What a driver reads of the core: the kind and name of a message, sets, whether a step asks for anything, and what
//! errors say. No rule depends on these; logs, reports and the model do.

use crate::common::*;
use figure2_core::{
    Config, Index, Input, Log, MAX_SERVERS, Persistent, Rule, RuleSet, Server, ServerId, ServerSet,
    StartError, Term,
};

/// Rules: P2.
#[test]
fn a_step_is_empty_when_it_neither_writes_nor_sends() {
    let mut server = leader(3, disk(1, None, &[]));
    assert!(server.step(Input::Applied { index: Index(0) }).is_empty());
    let early = server.step(Input::HeartbeatTimeout);
    assert!(early.record().is_empty() && !early.is_empty(), "sends what may leave early");
    let written = receive(&mut server, S1, vote(7, false));
    assert!(!written.record().is_empty() && !written.is_empty(), "writes");
    assert!(sent(written).is_empty(), "and sends nothing");
    let reply = receive(&mut server, S1, request_vote(3, (0, 0)));
    assert!(reply.record().is_empty() && !reply.is_empty(), "replies");
    let mut candidate = candidate(3, disk(1, None, &[]));
    let messages = candidate.step(Input::HeartbeatTimeout);
    assert!(messages.record().is_empty() && !messages.is_empty(), "asks for votes again");
}

#[test]
fn every_message_has_the_papers_name_and_is_a_request_or_a_reply() {
    let messages = [
        (request_vote(1, (0, 0)), "RequestVote", true),
        (vote(1, true), "RequestVoteReply", false),
        (append(1, (0, 0), &[], 0), "AppendEntries", true),
        (success(1, 0), "AppendEntriesReply", false),
        (install(1, snapshot(1, 1)), "InstallSnapshot", true),
        (install_reply(1, None), "InstallSnapshotReply", false),
        (pre_vote(1, (0, 0)), "PreVote", true),
        (pre_vote_reply(1, true), "PreVoteReply", false),
        (timeout_now(1), "TimeoutNow", false),
    ];
    for (message, name, is_request) in messages {
        assert_eq!((message.name(), message.is_request()), (name, is_request));
    }
}

/// Rules: A2.
#[test]
fn only_a_pre_vote_and_a_granted_one_name_a_term_that_nobody_need_have() {
    let terms = |message: Msg| (message.term(), message.current_term());
    assert_eq!(terms(pre_vote(7, (0, 0))), (Term(7), None));
    assert_eq!(terms(pre_vote_reply(7, true)), (Term(7), None));
    assert_eq!(terms(pre_vote_reply(7, false)), (Term(7), Some(Term(7))));
    assert_eq!(terms(timeout_now(7)), (Term(7), Some(Term(7))));
    assert_eq!(terms(request_vote_after_transfer(7, (0, 0))), (Term(7), Some(Term(7))));
}

/// Rules: P1.
#[test]
fn a_log_from_its_parts_is_the_log_that_was_taken_apart() {
    let stored: Disk = disk_after(3, snapshot(4, 2), &[2, 3]);
    let log = Log::from_parts(stored.log.snapshot().cloned(), stored.log.entries().to_vec());
    assert_eq!(log, stored.log);
    assert_eq!((log.base_index(), log.last_index(), log.last_term()), (Index(4), Index(6), Term(3)));
}

/// Rules: P2.
#[test]
fn a_record_taken_change_by_change_is_the_whole_record() {
    let mut stored: Disk = Persistent::default();
    let mut server = follower(3, stored.clone());
    let effects = receive(&mut server, S1, append(2, (0, 0), &[1, 2], 0));
    let record = effects.record().clone();
    assert_eq!(record.clone().into_iter().collect::<Vec<_>>(), record.changes());
    record.into_iter().for_each(|change| stored.apply(change));
    assert_eq!(stored, *server.persistent());
}

#[test]
fn a_set_of_rules_knows_its_members_in_the_order_of_the_paper() {
    let mut rules = RuleSet::EMPTY;
    assert!(rules.is_empty() && rules.iter().next().is_none());
    for rule in [Rule::AE2, Rule::A1, Rule::AE2] {
        rules.insert(rule);
    }
    assert!(!rules.is_empty());
    assert_eq!(rules.iter().collect::<Vec<_>>(), [Rule::A1, Rule::AE2]);
    let mut more = RuleSet::EMPTY;
    more.insert(Rule::AE2);
    more.insert(Rule::V1);
    assert_eq!(rules.union(more).iter().collect::<Vec<_>>(), [Rule::A1, Rule::AE2, Rule::V1]);
}

#[test]
fn a_set_of_servers_counts_each_once_and_none_that_no_cluster_can_have() {
    let mut servers = ServerSet::EMPTY;
    assert!(servers.is_empty());
    for server in [S4, S1, S4, S2] {
        servers.insert(server);
    }
    assert_eq!((servers.len(), servers.is_empty()), (3, false));
    servers.remove(S2);
    servers.remove(S3);
    assert_eq!(servers.iter().collect::<Vec<_>>(), [S1, S4]);
    let last = ServerId(MAX_SERVERS - 1);
    servers.insert(last);
    assert!(servers.contains(last));
    let none = ServerId(MAX_SERVERS);
    servers.insert(none);
    servers.remove(none);
    assert!(!servers.contains(none));
    assert_eq!(servers.iter().collect::<Vec<_>>(), [S1, S4, last]);
}

#[test]
fn the_first_servers_are_a_set_unless_no_cluster_can_have_as_many() {
    let ids = |count| ServerSet::first(count).iter().map(|id| id.0).collect::<Vec<u8>>();
    assert_eq!((ids(0), ids(3)), (vec![], vec![0, 1, 2]));
    assert_eq!(ids(MAX_SERVERS), (0..MAX_SERVERS).collect::<Vec<_>>());
    assert!(ids(MAX_SERVERS + 1).is_empty());
}

#[test]
fn a_server_has_a_place_among_those_of_a_set() {
    let mut servers = ServerSet::EMPTY;
    [S1, S4, ServerId(MAX_SERVERS - 1)].into_iter().for_each(|id| servers.insert(id));
    let places = [S1, S4, ServerId(MAX_SERVERS - 1)].map(|id| servers.place_of(id));
    assert_eq!(places, [Some(0), Some(1), Some(2)]);
    assert_eq!([S0, S2, ServerId(MAX_SERVERS)].map(|id| servers.place_of(id)), [None; 3]);
}

#[test]
fn numbers_and_errors_read_as_they_should() {
    assert_eq!(format!("{} {} {}", Term(3), Index(4), ServerId(5)), "3 4 S5");
    let start =
        |servers, id| Server::<u8, u8>::new(id, Config::new(servers), Persistent::default()).unwrap_err();
    let errors = [
        (start(0, S0), "no voters"),
        (start(MAX_SERVERS + 1, S0), "1 to 64 are possible"),
        (start(3, S3), "S3 is not among the voters"),
        (StartError::ZeroLimit("snapshot_patience"), "snapshot_patience must be at least 1"),
        (StartError::DamagedState, "do not start this server again"),
    ];
    for (error, says) in errors {
        assert!(error.to_string().contains(says), "{error}");
    }
}

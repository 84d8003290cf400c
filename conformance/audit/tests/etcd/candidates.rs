//! Candidates that hear more, or ask otherwise, than in a quiet election.

use super::{about, causes, good, judged, line};
use figure2_audit::{Cause, text};

/// The good trace up to the second election, then node 2 asks node 3 in terms 2 and 3; node 3 gets the later request
/// first, grants it, and refuses the older one in the same term. Node 2 hears those answers in this order: the first is
/// the vote, if `vote_first`.
fn answered_twice(vote_first: bool) -> Vec<String> {
    let mut lines = good();
    lines.truncate(27);
    let mut tell = |node, role: &str, state: [u64; 4], name: &str, message| {
        lines.push(line(node, role, state, name, message));
    };
    let ask = |term| about("MsgVote", [2, 3, term], [1, 1, 0, 0]);
    let grant = |from, term| about("MsgVoteResp", [from, 2, term], [0; 4]);
    let refusal = || grant(3, 3).map(|text| text.replace(r#""reject":false"#, r#""reject":true"#));
    for term in [2, 3] {
        let asks = [term, 2, 0, 1];
        tell(2, "Candidate", asks, "BecomeCandidate", None);
        tell(2, "Candidate", asks, "SendRequestVoteResponse", grant(2, term));
        tell(2, "Candidate", asks, "SendRequestVoteRequest", ask(term));
        tell(2, "Candidate", asks, "Ready", None);
    }
    let (asks, voted) = ([3, 2, 0, 1], [3, 2, 0, 0]);
    tell(2, "Candidate", asks, "ReceiveRequestVoteResponse", grant(2, 3));
    tell(3, "Follower", [0; 4], "ReceiveRequestVoteRequest", ask(3));
    tell(3, "Follower", [3, 0, 0, 0], "BecomeFollower", None);
    tell(3, "Follower", [3, 0, 0, 0], "SendRequestVoteResponse", grant(3, 3));
    tell(3, "Follower", voted, "Ready", None);
    tell(3, "Follower", voted, "ReceiveRequestVoteRequest", ask(2));
    tell(3, "Follower", voted, "SendRequestVoteResponse", refusal());
    tell(3, "Follower", voted, "Ready", None);
    let answers = if vote_first { [grant(3, 3), refusal()] } else { [refusal(), grant(3, 3)] };
    for answer in answers {
        tell(2, "Candidate", asks, "ReceiveRequestVoteResponse", answer);
    }
    lines
}

#[test]
fn a_refusal_of_an_older_request_takes_no_vote_back() {
    let mut lines = answered_twice(false);
    assert_eq!(judged(&lines).exit_code(), 0, "etcd's raft would count the first answer only");
    lines.push(line(2, "Leader", [3, 2, 0, 1], "BecomeLeader", None));
    assert_eq!(judged(&lines).exit_code(), 0, "{}", text(&judged(&lines)));
    // Without the vote, it is no leader; and where the vote comes first, it must be one.
    lines.remove(lines.len() - 2);
    assert_eq!(causes(&judged(&lines)), [Cause::Leader]);
    assert_eq!(causes(&judged(&answered_twice(true))), [Cause::Step, Cause::End]);
}

#[test]
fn a_candidate_that_installs_a_snapshot_asks_with_its_new_last_index() {
    let mut lines = good();
    lines.truncate(27);
    let mut tell = |node, role: &str, state: [u64; 4], name: &str, message| {
        lines.push(line(node, role, state, name, message));
    };
    let snapshot = || about("MsgSnap", [1, 3, 1], [0, 0, 1, 0]);
    tell(1, "Leader", [1, 1, 1, 1], "SendAppendEntriesRequest", snapshot());
    tell(1, "Leader", [1, 1, 1, 1], "Ready", None);
    // Node 3 is offered it, and its service installs it when it no longer follows.
    tell(3, "Follower", [0; 4], "ReceiveAppendEntriesRequest", snapshot());
    tell(3, "Follower", [1, 0, 0, 0], "BecomeFollower", None);
    let is_there = about("MsgHeartbeatResp", [3, 1, 1], [0; 4]);
    tell(3, "Follower", [1, 0, 0, 0], "SendAppendEntriesResponse", is_there);
    let (asks, asks_again) = ([2, 3, 0, 0], [2, 3, 1, 1]);
    let ask = |index| about("MsgVote", [3, 2, 2], [index, index, 0, 0]);
    tell(3, "Candidate", asks, "BecomeCandidate", None);
    tell(3, "Candidate", asks, "SendRequestVoteRequest", ask(0));
    tell(3, "Candidate", asks_again, "ApplyConfChange", None);
    tell(3, "Candidate", asks_again, "SendRequestVoteRequest", ask(1));
    assert_eq!(judged(&lines).exit_code(), 0, "{}", text(&judged(&lines)));
    // Nothing else changes what it asks with.
    let otherwise = about("MsgVote", [3, 2, 2], [2, 1, 0, 0]);
    lines.push(line(3, "Candidate", asks_again, "SendRequestVoteRequest", otherwise));
    assert_eq!(causes(&judged(&lines)), [Cause::Step]);
}

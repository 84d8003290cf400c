//! Properties of one transition, judged from the node before the step, the node after it, and what the step sent.
//! The next state alone does not show a violation, so it is noted in the node.

use crate::cluster::node::{Envelope, Node, Recovery, TermVote};
use crate::cluster::prefix::{Command, Prefix};
use crate::properties::Safety;
use figure2_core::{AppendResult, Command as _, Config, Entry, Message, Role, Rule, RuleSet, Server, Term};

type ModelServer = Server<Command, Prefix>;

/// Judges a step as a whole.
pub fn judge(node: &mut Node, before: &Node, sent: &[Envelope], rules: RuleSet) {
    if let (Some(old), Some(new)) = (&before.server, &node.server) {
        if goes_back(old, new) {
            node.violations.insert(Safety::NothingGoesBack);
        }
        if !leader_only_appended(old, new) {
            node.violations.insert(Safety::LeaderAppendOnly);
        }
        if accepts_leader(sent, new.current_term()) && !matches!(new.role(), Role::Follower { .. }) {
            node.violations.insert(Safety::FollowersAccept);
        }
    }
    let config = node.server.as_ref().or(before.server.as_ref()).map(Server::config);
    if config.is_some_and(|config| !sent.iter().all(|envelope| is_small_enough(envelope, config))) {
        node.violations.insert(Safety::WithinLimits);
    }
    for envelope in sent {
        if !tell(&mut node.term_vote, envelope) {
            node.violations.insert(Safety::OneVote);
        }
    }
    bind(node);
    node.recovery = match node.recovery {
        Recovery::Restarted if takes_part(sent, rules) => Recovery::Rejoined,
        Recovery::Restarted => Recovery::Restarted,
        Recovery::None | Recovery::Rejoined => Recovery::None,
    };
}

/// What is durable binds a server too: a disk that went back would be as bad.
pub fn bind(node: &mut Node) {
    let durable = TermVote { term: node.disk.current_term, vote: node.disk.voted_for };
    let term_vote = &mut node.term_vote;
    if durable.term > term_vote.term {
        *term_vote = durable;
    } else if durable.term == term_vote.term {
        term_vote.vote = term_vote.vote.or(durable.vote);
    }
}

/// A message tells others a term, and maybe a vote in it: from now on the server is bound to them. False when it was
/// bound to something else.
fn tell(term_vote: &mut TermVote, envelope: &Envelope) -> bool {
    // A pre-vote names a term to come, and promises nothing.
    let Some(term) = envelope.message.current_term() else { return true };
    let vote = match &envelope.message {
        Message::RequestVote(_) => Some(envelope.from),
        Message::RequestVoteReply(reply) => reply.vote_granted.then_some(envelope.to),
        _ => None,
    };
    if term > term_vote.term {
        *term_vote = TermVote { term, vote };
        return true;
    }
    let stands =
        term == term_vote.term && (vote.is_none() || term_vote.vote.is_none() || vote == term_vote.vote);
    term_vote.vote = term_vote.vote.or(vote.filter(|_| stands));
    stands
}

/// Whether a message carries no more than one may; one entry always may.
fn is_small_enough(envelope: &Envelope, config: Config) -> bool {
    let Message::AppendEntries(m) = &envelope.message else { return true };
    let bytes: u64 = m.entries.iter().map(Entry::size).sum();
    m.entries.iter().all(|entry| entry.command.size() <= config.max_command_bytes)
        && (m.entries.len() <= 1
            || (m.entries.len() as u64 <= u64::from(config.max_entries_per_message)
                && bytes <= config.max_message_bytes))
}

/// Whether something went back in a step that must only grow.
fn goes_back(old: &ModelServer, new: &ModelServer) -> bool {
    let match_index_goes_back = match (old.role(), new.role()) {
        (Role::Leader { progress: before, .. }, Role::Leader { progress: after, .. }) => {
            old.current_term() == new.current_term()
                && before.iter().zip(after).any(|(before, after)| after.match_index < before.match_index)
        }
        _ => false,
    };
    match_index_goes_back
        || new.commit_index() < old.commit_index()
        || new.last_applied() < old.last_applied()
}

/// Whether a step answered the leader of a term as its follower: not with "your term is old".
fn accepts_leader(sent: &[Envelope], term: Term) -> bool {
    sent.iter().filter(|envelope| envelope.message.term() == term).any(|envelope| match &envelope.message {
        Message::AppendEntriesReply(reply) => reply.result != AppendResult::StaleTerm,
        Message::InstallSnapshotReply(reply) => reply.last_included_index.is_some(),
        _ => false,
    })
}

/// Whether a server that leads the same term before and after a step has kept all its entries.
fn leader_only_appended(old: &ModelServer, new: &ModelServer) -> bool {
    let leads = |server: &ModelServer| matches!(server.role(), Role::Leader { .. });
    if !(leads(old) && leads(new) && old.current_term() == new.current_term()) {
        return true;
    }
    if new.log().last_index() < old.log().last_index() {
        return false;
    }
    let mut index = old.log().base_index().max(new.log().base_index());
    while index < old.log().last_index() {
        index = index.next();
        if old.log().entry(index) != new.log().entry(index) {
            return false;
        }
    }
    true
}

/// Whether a step shows that the server takes part: it granted a vote, took in entries, or was elected.
fn takes_part(sent: &[Envelope], rules: RuleSet) -> bool {
    rules.contains(Rule::L1)
        || sent.iter().any(|envelope| match &envelope.message {
            Message::RequestVoteReply(reply) => reply.vote_granted,
            Message::AppendEntriesReply(reply) => matches!(reply.result, AppendResult::Success { .. }),
            _ => false,
        })
}

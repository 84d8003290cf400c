//! How scripts show what happens: messages in the paper's words, and states as the paper's figures draw them.

use crate::golden::cluster::{Effects, Envelope, Node, Server};
use figure2_core::{
    AppendResult, Change, Entry, Index, Message, Outcome, PreVoteReply, Progress, ProgressState,
    RequestVoteReply, Role, Rule, RuleSet, ServerId, SnapshotIgnored, Term,
};
use std::fmt::Write as _;

/// `3@2`: index 3, term 2.
pub fn position(index: Index, term: Term) -> String {
    format!("{index}@{term}")
}

/// The positions of entries, the first of which has index `first`.
fn positions<'a>(first: Index, entries: impl IntoIterator<Item = &'a Entry<String>>) -> String {
    let shown = entries.into_iter().enumerate().map(|(at, entry)| position(first.plus(at), entry.term));
    shown.collect::<Vec<_>>().join(" ")
}

/// Entries with their commands.
pub fn applied(first: Index, entries: &[Entry<String>]) -> String {
    let shown = |(at, entry): (usize, &Entry<String>)| {
        format!("{} {}", position(first.plus(at), entry.term), entry.command)
    };
    entries.iter().enumerate().map(shown).collect::<Vec<_>>().join(", ")
}

/// The rules that fired, in the order of the paper.
pub fn rules(rules: RuleSet) -> String {
    let ids: Vec<&str> = rules.iter().map(Rule::id).collect();
    if ids.is_empty() { "no rule".to_owned() } else { ids.join(" ") }
}

/// What a step answers.
pub fn outcome(outcome: &Outcome) -> String {
    let answer = match outcome {
        Outcome::Done => return String::new(),
        Outcome::Proposed { index, term } => format!("in the log at {}", position(*index, *term)),
        Outcome::NotLeader { term } => format!("not the leader of term {term}"),
        Outcome::TooLarge { size, limit } => format!("too large: {size} bytes, at most {limit}"),
        Outcome::Busy { uncommitted, limit } => {
            format!("busy: {uncommitted} bytes are not committed, at most {limit}")
        }
        Outcome::Transferring { to } => format!("it hands over to {to}"),
        Outcome::NoTransfer { to } => format!("it cannot hand over to {to}"),
        Outcome::SnapshotTaken => "taken".to_owned(),
        Outcome::SnapshotIgnored(SnapshotIgnored::AlreadyCovered) => {
            "ignored: the log is trimmed there already".to_owned()
        }
        Outcome::SnapshotIgnored(SnapshotIgnored::NotCommitted) => {
            "ignored: that entry is not committed".to_owned()
        }
        Outcome::SnapshotIgnored(SnapshotIgnored::FollowersLag) => {
            "ignored: a follower lacks these entries".to_owned()
        }
        Outcome::Installed => "it may".to_owned(),
        Outcome::InstallRefused => "it may not".to_owned(),
        Outcome::Rejected(why) => format!("rejected: {why}"),
    };
    format!(" ⇒ {answer}")
}

/// A message: from whom, to whom, and what it says.
pub fn envelope(envelope: &Envelope) -> String {
    let Message::AppendEntriesReply(reply) = &envelope.message else {
        let arguments = arguments(&envelope.message);
        let (name, term) = (envelope.message.name(), envelope.message.term());
        let line = format!("{}→{} {name} term={term} {arguments}", envelope.from, envelope.to);
        return line.trim_end().to_owned();
    };
    let result = match &reply.result {
        AppendResult::Success { match_index } => format!("success match_index={match_index}"),
        AppendResult::StaleTerm => "refused: an older term".to_owned(),
        AppendResult::Conflict { prev_log_index, conflict_index, conflict_term, installing } => {
            let mut text = format!("refused prev_log_index={prev_log_index} conflict_index={conflict_index}");
            if let Some(term) = conflict_term {
                write!(text, " conflict_term={term}").unwrap();
            }
            if let Some(index) = installing {
                write!(text, " installing={index}").unwrap();
            }
            text
        }
    };
    format!("{}→{} AppendEntriesReply term={} {result}", envelope.from, envelope.to, reply.term)
}

fn arguments<S>(message: &Message<String, S>) -> String {
    match message {
        Message::RequestVote(m) => {
            let transfer = if m.transfer { " transfer" } else { "" };
            format!("last={}{transfer}", position(m.last_log_index, m.last_log_term))
        }
        Message::PreVote(m) => format!("last={}", position(m.last_log_index, m.last_log_term)),
        Message::RequestVoteReply(RequestVoteReply { vote_granted, .. })
        | Message::PreVoteReply(PreVoteReply { vote_granted, .. }) => {
            if *vote_granted { "granted" } else { "refused" }.to_owned()
        }
        Message::TimeoutNow(_) => String::new(),
        Message::AppendEntries(m) => format!(
            "prev={} [{}] commit={}",
            position(m.prev_log_index, m.prev_log_term),
            positions(m.prev_log_index.next(), &m.entries),
            m.leader_commit
        ),
        Message::AppendEntriesReply(_) => String::new(),
        Message::InstallSnapshot(m) => {
            let snapshot = &m.snapshot;
            format!("last_included={}", position(snapshot.last_included_index, snapshot.last_included_term))
        }
        Message::InstallSnapshotReply(m) => match m.last_included_index {
            Some(index) => format!("accepted last_included_index={index}"),
            None => "refused: an older term".to_owned(),
        },
    }
}

fn role(role: &Role) -> &'static str {
    match role {
        Role::Follower { .. } => "follower",
        Role::PreCandidate { .. } => "pre-candidate",
        Role::Candidate { .. } => "candidate",
        Role::Leader { .. } => "leader",
    }
}

fn vote(voted_for: Option<ServerId>) -> String {
    voted_for.map_or_else(|| "none".to_owned(), |id| id.to_string())
}

/// What a step changed.
pub fn changes(before: &Server, after: &Server, effects: &Effects) -> Vec<String> {
    let mut changes = Vec::new();
    if role(before.role()) != role(after.role()) {
        changes.push(format!("becomes {}", role(after.role())));
    }
    if before.current_term() != after.current_term() {
        changes.push(format!("current_term={}", after.current_term()));
    }
    if before.voted_for() != after.voted_for() {
        changes.push(format!("voted_for={}", vote(after.voted_for())));
    }
    if before.leader() != after.leader() && matches!(after.role(), Role::Follower { .. }) {
        changes.push(format!("leader={}", vote(after.leader())));
    }
    if before.transfer_to() != after.transfer_to() && after.is_leader() {
        changes.push(format!("transfer_to={}", vote(after.transfer_to())));
    }
    let mut next = before.log().last_index().next();
    for change in effects.record().changes() {
        match change {
            Change::TermAndVote { .. } => {}
            Change::Append { first_index, entries } => {
                assert_eq!(*first_index, next, "an append is where the log ends");
                changes.push(format!("appends {}", positions(next, entries)));
            }
            Change::Truncate { from } => {
                changes.push(format!("deletes {}", deleted(before, *from)));
                next = *from;
            }
            Change::Snapshot { keep_suffix, .. } => changes.push(switched(after, *keep_suffix)),
        }
    }
    let offered = |server: &Server| server.offered().map(|offer| offer.last_included_index);
    if let Some(index) = offered(after).filter(|index| offered(before) != Some(*index)) {
        changes.push(format!("offers its service the snapshot of index {index}"));
    }
    if before.commit_index() != after.commit_index() {
        changes.push(format!("commit_index={}", after.commit_index()));
    }
    if before.last_applied() != after.last_applied() {
        changes.push(format!("last_applied={}", after.last_applied()));
    }
    if effects.reset_election_timer() {
        changes.push("restarts its election timer".to_owned());
    }
    changes
}

fn deleted(before: &Server, from: Index) -> String {
    positions(from, before.log().entries_from(from, usize::MAX))
}

fn switched(after: &Server, keep_suffix: bool) -> String {
    let log = after.log();
    let rest = if keep_suffix { positions(log.base_index().next(), log.entries()) } else { String::new() };
    let base = position(log.base_index(), log.base_term());
    let rest = if rest.is_empty() { "nothing".to_owned() } else { rest };
    format!("its log is the snapshot of {base}, then {rest}")
}

/// The state of some servers, one a line and below each other as in Figure 7: the log as a row of terms.
pub fn status(nodes: &[&Node]) -> String {
    let log_end = |node: &&Node| {
        node.server.as_ref().map_or(node.disk.log.last_index(), |server| server.log().last_index())
    };
    let longest = nodes.iter().map(log_end).max().unwrap_or_default();
    let indexes: String = (1..=longest.0).map(|index| format!("{index:>3} ")).collect();
    let mut text = String::new();
    if !indexes.is_empty() {
        writeln!(text, "{:36}{}", "", indexes.trim_end()).unwrap();
    }
    for node in nodes {
        text += &state_line(node);
        if let Some(server) = &node.server {
            text += &progress_lines(server);
        }
    }
    text
}

fn state_line(node: &Node) -> String {
    let id = node.id;
    let (what, disk) = match &node.server {
        // As long as a column is wide.
        Some(server) if matches!(server.role(), Role::PreCandidate { .. }) => {
            ("pre-cand.", server.persistent())
        }
        Some(server) => (role(server.role()), server.persistent()),
        None => ("down", &node.disk),
    };
    let mut line =
        format!("{id} {what:<9} term={:<3} voted_for={:<6}| ", disk.current_term.0, vote(disk.voted_for));
    let commit_index = node.server.as_ref().map_or(Index::ZERO, Server::commit_index);
    let last_applied = node.server.as_ref().map_or(Index::ZERO, Server::last_applied);
    let log = &disk.log;
    for index in (1..=log.last_index().0).map(Index) {
        let mark = match () {
            () if index <= last_applied => '✓',
            () if index <= commit_index => '·',
            () => ' ',
        };
        let term = log.entry(index).map_or_else(|| "~".to_owned(), |entry| entry.term.to_string());
        write!(line, "{term:>3}{mark}").unwrap();
    }
    if log.base_index() > Index::ZERO {
        write!(line, "  snapshot={}", position(log.base_index(), log.base_term())).unwrap();
    }
    let unwritten = node.waiting.iter().filter(|effects| !effects.record().is_empty()).count();
    if unwritten > 0 {
        write!(line, "  writes under way: {unwritten}").unwrap();
    }
    line.trim_end().to_owned() + "\n"
}

/// What a leader knows of its followers.
fn progress_lines(server: &Server) -> String {
    let mut text = String::new();
    for peer in server.config().peers_of(server.id()) {
        let Some(Progress { next_index, match_index, state }) = server.progress_of(peer) else { continue };
        let state = match state {
            ProgressState::Probe => "probe".to_owned(),
            ProgressState::Replicate { in_flight: 0 } => "replicate".to_owned(),
            ProgressState::Replicate { in_flight } => format!("replicate, {in_flight} bytes in flight"),
            ProgressState::Snapshot { acknowledged: true, .. } => "snapshot, being installed".to_owned(),
            ProgressState::Snapshot { unanswered, .. } => {
                format!("snapshot, sent {unanswered} heartbeats ago")
            }
        };
        writeln!(text, "   {peer} next_index={next_index} match_index={match_index} {state}").unwrap();
    }
    text
}

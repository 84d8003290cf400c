//! Small recordings, line by line.

use figure2_audit::{Property, Report, audit};
use figure2_trace::{Reader, TraceError};
use std::io::Cursor;

pub const HEADER: &str = r#"{"format":"figure2-node-trace","version":1,"servers":3,"began":1}"#;

const CONFIG: &str = r#"{"servers":3,"max_entries_per_message":1,"max_message_bytes":1,"max_in_flight_bytes":1,"max_command_bytes":1,"max_uncommitted_bytes":1,"snapshot_patience":1,"max_retained_bytes":0}"#;

/// A file of one server, and that server's state so far.
#[derive(Clone)]
pub struct Recording {
    pub name: &'static str,
    pub is_cut: bool,
    /// The time of the next line, in microseconds.
    pub at: u64,
    pub lines: Vec<String>,
    server: u8,
    seq: u64,
    last: (u64, u64),
    commit: u64,
    ballot: (u64, Option<u8>),
    raw: Option<String>,
}

/// Three servers that start with nothing.
pub fn cluster() -> [Recording; 3] {
    [("a", 0), ("b", 1), ("c", 2)].map(|(name, server)| {
        let mut recording = Recording::of(name, server);
        recording.starts((0, None), &[]);
        recording
    })
}

impl Recording {
    pub fn of(name: &'static str, server: u8) -> Recording {
        let (lines, last) = (Vec::new(), (0, 0));
        Recording {
            name,
            is_cut: false,
            at: 0,
            lines,
            server,
            seq: 0,
            last,
            commit: 0,
            ballot: (0, None),
            raw: None,
        }
    }

    pub fn raw(name: &'static str, text: &str) -> Recording {
        Recording { raw: Some(text.to_owned()), ..Recording::of(name, 0) }
    }

    fn line(&mut self, event: &str) {
        self.seq += 1;
        let (server, seq, at) = (self.server, self.seq, self.at);
        self.lines.push(format!(r#"{{"server":{server},"run":1,"seq":{seq},"at":{at},"event":{event}}}"#));
        self.at += 10;
    }

    pub fn starts(&mut self, (term, voted_for): (u64, Option<u8>), entries: &[(u64, &str)]) {
        self.ballot = (term, voted_for);
        let at = self.at;
        self.last = (entries.len() as u64, entries.last().map_or(0, |entry| entry.0));
        self.line(&format!(
            r#"{{"start":{{"config":{CONFIG},"persistent":{{"current_term":{term},"voted_for":{},"log":{{"snapshot":null,"entries":{}}}}}}}}}"#,
            maybe(voted_for),
            listed(entries)
        ));
        // All start at once, and then go on one after the other.
        self.at = at + 100 * u64::from(self.server) + 100;
    }

    /// A step, its changes, and both lines of their write.
    pub fn step(&mut self, input: &str, changes: &str, state: String) {
        self.line(&format!(
            r#"{{"step":{{"input":{input},"outcome":"Done","changes":[{changes}],"state":{state}}}}}"#
        ));
        if !changes.is_empty() {
            self.line("\"write\"");
            self.line("\"durable\"");
        }
    }

    pub fn times_out(&mut self, term: u64) {
        let me = self.server;
        let state = state(term, Some(me), "candidate", None, self.commit, self.last);
        self.step("\"ElectionTimeout\"", &candidate(term, me), state);
    }

    pub fn votes_for(&mut self, other: u8, term: u64) {
        let input = receive(
            other,
            self.server,
            &format!(r#"{{"RequestVote":{{"term":{term},"last_log_index":0,"last_log_term":0}}}}"#),
        );
        let state = state(term, Some(other), "follower", None, self.commit, self.last);
        self.at = self.at.max(400);
        self.step(&input, &vote(term, Some(other)), state);
    }

    /// It hears the vote of another server, and leads.
    pub fn wins(&mut self, term: u64, of: u8) {
        let message = format!(r#"{{"RequestVoteReply":{{"term":{term},"vote_granted":true}}}}"#);
        let input = receive(of, self.server, &message);
        self.at = self.at.max(500);
        self.step(&input, "", self.leads(term));
    }

    fn leads(&self, term: u64) -> String {
        state(term, Some(self.server), "leader", Some(self.server), self.commit, self.last)
    }

    /// A step that changes nothing since the start.
    pub fn idles(&mut self) {
        let (term, voted_for) = self.ballot;
        let state = state(term, voted_for, "follower", None, self.commit, self.last);
        self.step("\"HeartbeatTimeout\"", "", state);
    }

    pub fn appends(&mut self, term: u64, entries: &[(u64, &str)], commit: u64) {
        self.grow(entries, commit);
        self.step("{\"Propose\":\"t:x\"}", &append(entries), self.leads(term));
    }

    pub fn commits(&mut self, term: u64, commit: u64, last: (u64, u64)) {
        (self.commit, self.last) = (commit, last);
        self.at = self.at.max(700);
        self.step("\"HeartbeatTimeout\"", "", self.leads(term));
    }

    /// It gets entries of a leader.
    pub fn takes(&mut self, leader: u8, term: u64, entries: &[(u64, &str)], commit: u64) {
        self.grow(entries, commit);
        let message = format!(
            r#"{{"AppendEntries":{{"term":{term},"prev_log_index":0,"prev_log_term":0,"entries":[],"leader_commit":0}}}}"#
        );
        self.at = self.at.max(600);
        let state = state(term, Some(leader), "follower", Some(leader), self.commit, self.last);
        self.step(&receive(leader, self.server, &message), &append(entries), state);
    }

    /// It gets a heartbeat of a leader of a term that it did not know.
    pub fn follows(&mut self, leader: u8, term: u64) {
        let message = format!(
            r#"{{"AppendEntries":{{"term":{term},"prev_log_index":0,"prev_log_term":0,"entries":[],"leader_commit":0}}}}"#
        );
        self.at = self.at.max(600);
        let state = state(term, None, "follower", Some(leader), self.commit, self.last);
        self.step(&receive(leader, self.server, &message), &vote(term, None), state);
    }

    fn grow(&mut self, entries: &[(u64, &str)], commit: u64) {
        self.last = (self.last.0 + entries.len() as u64, entries.last().map_or(self.last.1, |entry| entry.0));
        self.commit = commit;
    }

    /// As `--cut-off` opens it.
    pub fn reader(&self) -> Result<Reader, TraceError> {
        Reader::of_lines(self.name.into(), Cursor::new(self.text().into_bytes()), true)
    }

    fn text(&self) -> String {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut text = format!("{HEADER}\n{}\n", self.lines.join("\n"));
        if self.is_cut {
            text.push_str("{\"server\":");
        } else {
            text.push_str(&format!("{{\"end\":{}}}\n", self.lines.len()));
        }
        text
    }
}

pub fn state(
    term: u64,
    voted_for: Option<u8>,
    role: &str,
    leader: Option<u8>,
    commit: u64,
    (last, last_term): (u64, u64),
) -> String {
    format!(
        r#"{{"current_term":{term},"voted_for":{},"role":"{role}","leader":{},"commit_index":{commit},"last_applied":0,"last_log_index":{last},"last_log_term":{last_term}}}"#,
        maybe(voted_for),
        maybe(leader)
    )
}

/// Term and vote.
pub fn vote(term: u64, voted_for: Option<u8>) -> String {
    format!(r#"{{"TermAndVote":{{"current_term":{term},"voted_for":{}}}}}"#, maybe(voted_for))
}

/// The change of a server that runs for leader.
pub fn candidate(term: u64, server: u8) -> String {
    vote(term, Some(server))
}

pub fn append(entries: &[(u64, &str)]) -> String {
    format!(r#"{{"Append":{{"entries":{}}}}}"#, listed(entries))
}

fn receive(from: u8, to: u8, message: &str) -> String {
    format!(r#"{{"Receive":{{"from":{from},"to":{to},"message":{message}}}}}"#)
}

fn listed(entries: &[(u64, &str)]) -> String {
    let listed: Vec<String> =
        entries.iter().map(|(term, command)| format!(r#"{{"term":{term},"command":"{command}"}}"#)).collect();
    format!("[{}]", listed.join(","))
}

fn maybe(server: Option<u8>) -> String {
    server.map_or("null".into(), |server| server.to_string())
}

pub fn audited(recordings: &[Recording]) -> Report {
    try_audit(recordings).unwrap()
}

/// Audits them as `--cut-off` does.
pub fn try_audit(recordings: &[Recording]) -> Result<Report, TraceError> {
    audit(&|| recordings.iter().map(Recording::reader).collect())
}

/// The properties that are violated.
pub fn named(report: &Report) -> Vec<Property> {
    report.violations.iter().map(|violation| violation.property).collect()
}

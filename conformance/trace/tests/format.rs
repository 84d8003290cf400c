//! Version 1 of the format, held by two files with every kind of event, input, message, change and outcome: what is read
//! from them is written back byte for byte. The second has what the thesis' extensions brought. The files must never change;
//! another format is another version.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

use figure2_trace::v1::{
    AppendResult, Change, End, Event, Header, Input, Line, Message, MessageName, Outcome, Rejection, Role,
    Sent, SnapshotIgnored,
};
use figure2_trace::{Reader, Sequence, Shown};
use std::collections::BTreeSet;

const VERSION_1: &str = include_str!("version1.jsonl");
const EXTENSIONS: &str = include_str!("version1-extensions.jsonl");

fn lines() -> Vec<Line> {
    lines_of(VERSION_1)
}

fn lines_of(text: &'static str) -> Vec<Line> {
    let mut reader = Reader::of_text("version1.jsonl", text).unwrap();
    let mut lines = Vec::new();
    while let Some(raw) = reader.next_line().unwrap() {
        lines.push(raw.parse().unwrap());
    }
    assert!(reader.is_whole());
    lines
}

#[test]
fn what_is_read_is_written_back_byte_for_byte() {
    for text in [VERSION_1, EXTENSIONS] {
        let (header, lines) = (header_of(text), lines_of(text));
        let mut written = vec![serde_json::to_string(&header).unwrap()];
        written.extend(lines.iter().map(|line| serde_json::to_string(line).unwrap()));
        let end = End { end: lines.len() as u64 };
        written.push(serde_json::to_string(&end).unwrap());
        for (written, held) in written.iter().zip(text.lines()) {
            assert_eq!(written, held);
        }
        assert_eq!(written.join("\n") + "\n", text);
    }
}

fn header_of(text: &str) -> Header {
    serde_json::from_str(text.lines().next().unwrap()).unwrap()
}

#[test]
fn a_header_without_messages_has_no_field_for_them() {
    let text = r#"{"format":"figure2-node-trace","version":1,"servers":3,"began":0}"#;
    let header: Header = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&header).unwrap(), text);
}

#[test]
fn the_lines_are_numbered() {
    let mut sequence = Sequence::default();
    for Line { server, run, seq, .. } in lines() {
        sequence.follow(server, run, seq).unwrap();
    }
    let mut sequence = Sequence::default();
    for Line { server, run, seq, .. } in lines_of(EXTENSIONS) {
        sequence.follow(server, run, seq).unwrap();
    }
}

/// The kinds that stand in a line. Whoever adds a kind adds a line to the file, too.
#[derive(Default)]
struct Kinds(BTreeSet<&'static str>);

impl Kinds {
    fn add(&mut self, kind: &'static str) {
        self.0.insert(kind);
    }

    fn event(&mut self, event: &Event) {
        let kind = match event {
            Event::Start { config, .. } => {
                if config.extensions.pre_vote {
                    self.add("pre_vote");
                }
                if config.extensions.check_quorum {
                    self.add("check_quorum");
                }
                "start"
            }
            Event::Step(step) => {
                self.input(&step.input);
                self.outcome(&step.outcome);
                step.changes.iter().for_each(|change| self.change(change));
                self.add(match step.state.role {
                    Role::Follower => "follower",
                    Role::PreCandidate => "pre-candidate",
                    Role::Candidate => "candidate",
                    Role::Leader => "leader",
                });
                "step"
            }
            Event::Write => "write",
            Event::Durable => "durable",
            Event::Sent(sent) => {
                self.add(match sent.message {
                    MessageName::RequestVote => "RequestVote sent",
                    MessageName::RequestVoteReply => "RequestVoteReply sent",
                    MessageName::AppendEntries => "AppendEntries sent",
                    MessageName::AppendEntriesReply => "AppendEntriesReply sent",
                    MessageName::InstallSnapshot => "InstallSnapshot sent",
                    MessageName::InstallSnapshotReply => "InstallSnapshotReply sent",
                    MessageName::PreVote => "PreVote sent",
                    MessageName::PreVoteReply => "PreVoteReply sent",
                    MessageName::TimeoutNow => "TimeoutNow sent",
                });
                "sent"
            }
            Event::Deliver { .. } => "deliver",
            Event::DeliverSnapshot { .. } => "deliver_snapshot",
            Event::Stop { .. } => "stop",
        };
        self.add(kind);
    }

    fn input(&mut self, input: &Input) {
        let kind = match input {
            Input::ElectionTimeout => "ElectionTimeout",
            Input::HeartbeatTimeout => "HeartbeatTimeout",
            Input::Receive(envelope) => {
                self.message(&envelope.message);
                "Receive"
            }
            Input::Propose(_) => "Propose",
            Input::Replicate => "Replicate",
            Input::SendCommit => "SendCommit",
            Input::Persisted(_) => "Persisted",
            Input::Applied { .. } => "Applied",
            Input::SnapshotTaken { .. } => "SnapshotTaken",
            Input::CondInstallSnapshot(_) => "CondInstallSnapshot",
            Input::TransferLeadership { .. } => "TransferLeadership",
        };
        self.add(kind);
    }

    fn message(&mut self, message: &Message) {
        let kind = match message {
            Message::RequestVote(request) if request.transfer => "RequestVote after a transfer",
            Message::RequestVote(_) => "RequestVote",
            Message::RequestVoteReply(_) => "RequestVoteReply",
            Message::AppendEntries(_) => "AppendEntries",
            Message::AppendEntriesReply(reply) => match reply.result {
                AppendResult::Success { .. } => "AppendEntriesReply Success",
                AppendResult::StaleTerm => "AppendEntriesReply StaleTerm",
                AppendResult::Conflict { .. } => "AppendEntriesReply Conflict",
            },
            Message::InstallSnapshot(_) => "InstallSnapshot",
            Message::InstallSnapshotReply(_) => "InstallSnapshotReply",
            Message::PreVote(_) => "PreVote",
            Message::PreVoteReply(_) => "PreVoteReply",
            Message::TimeoutNow(_) => "TimeoutNow",
        };
        self.add(kind);
    }

    fn change(&mut self, change: &Change) {
        let kind = match change {
            Change::TermAndVote { .. } => "TermAndVote",
            Change::Append { .. } => "Append",
            Change::Truncate { .. } => "Truncate",
            Change::Snapshot { .. } => "Snapshot",
        };
        self.add(kind);
    }

    fn outcome(&mut self, outcome: &Outcome) {
        let kind = match outcome {
            Outcome::Done => "Done",
            Outcome::Proposed { .. } => "Proposed",
            Outcome::NotLeader { .. } => "NotLeader",
            Outcome::TooLarge { .. } => "TooLarge",
            Outcome::Busy { .. } => "Busy",
            Outcome::Transferring { .. } => "Transferring",
            Outcome::NoTransfer { .. } => "NoTransfer",
            Outcome::SnapshotTaken => "outcome SnapshotTaken",
            Outcome::SnapshotIgnored(why) => match why {
                SnapshotIgnored::AlreadyCovered => "AlreadyCovered",
                SnapshotIgnored::NotCommitted => "NotCommitted",
                SnapshotIgnored::FollowersLag => "FollowersLag",
            },
            Outcome::Installed => "Installed",
            Outcome::InstallRefused => "InstallRefused",
            Outcome::Rejected(why) => match why {
                Rejection::UnknownSender(_) => "UnknownSender",
                Rejection::FromSelf => "FromSelf",
                Rejection::NotAddressedToUs(_) => "NotAddressedToUs",
                Rejection::AbsurdTerm(_) => "AbsurdTerm",
                Rejection::AbsurdIndex(_) => "AbsurdIndex",
                Rejection::InconsistentLog => "InconsistentLog",
                Rejection::SecondLeader(_) => "SecondLeader",
                Rejection::ContradictsCommitted(_) => "ContradictsCommitted",
            },
        };
        self.add(kind);
    }
}

#[test]
fn every_kind_stands_in_the_file() {
    let mut kinds = Kinds::default();
    lines().iter().for_each(|line| kinds.event(&line.event));
    // 8 events, 3 roles, 6 names of messages sent, 10 inputs, 8 messages, 4 changes, 19 outcomes.
    assert_eq!(kinds.0.len(), 8 + 3 + 6 + 10 + 8 + 4 + 19, "{:?}", kinds.0);
    lines_of(EXTENSIONS).iter().for_each(|line| kinds.event(&line.event));
    // 2 extensions, 1 role, 3 names of messages sent, 1 input, 4 messages, 2 outcomes more.
    assert_eq!(kinds.0.len(), 8 + 3 + 6 + 10 + 8 + 4 + 19 + 2 + 1 + 3 + 1 + 4 + 2, "{:?}", kinds.0);
}

#[test]
fn a_server_without_extensions_is_recorded_as_before_there_were_any() {
    let Event::Start { config, .. } = &lines()[0].event else { panic!("a server starts first") };
    assert!(config.extensions.is_none());
    assert!(!serde_json::to_string(config).unwrap().contains("extensions"));
}

#[test]
fn borrowed_content_is_written_as_a_payload_is() {
    for content in [&b"set x=1"[..], b"", &[0, 255], "\u{e4}".as_bytes(), &[7; 70]] {
        let encoded: Shown<'_> =
            serde::Deserialize::deserialize(serde::de::value::BorrowedBytesDeserializer::<
                serde::de::value::Error,
            >::new(content))
            .unwrap();
        let payload = figure2_trace::Payload::of(content);
        assert_eq!(serde_json::to_string(&encoded).unwrap(), serde_json::to_string(&payload).unwrap());
    }
}

#[test]
fn the_short_form_of_a_message_has_its_index_and_its_success() {
    let short = |text: &'static str| -> Vec<(u64, u64, bool)> {
        let sent = header_of(text).on_their_way.iter().map(Sent::of).collect::<Vec<_>>();
        sent.into_iter().map(|sent| (sent.index, sent.entries, sent.success)).collect()
    };
    let expected = [
        (7, 0, false), // RequestVote: last_log_index
        (0, 0, true),
        (4, 2, false), // AppendEntries: prev_log_index
        (6, 0, true),  // its reply: match_index
        (0, 0, false), // an older term
        (9, 0, false), // a conflict: prev_log_index
        (9, 0, false),
        (4, 0, false), // InstallSnapshot: last_included_index
        (4, 0, true),
        (0, 0, false),
    ];
    assert_eq!(short(VERSION_1), expected);
    let expected = [
        (7, 0, false), // PreVote: last_log_index
        (0, 0, true),
        (0, 0, false),
        (0, 0, false), // TimeoutNow
        (7, 0, false), // RequestVote
    ];
    assert_eq!(short(EXTENSIONS), expected);
}

//! Messages and states, and their bytes.

use super::*;

/// Every kind of message, and its head and payload: a change of format must be meant, and is a new version.
pub(super) fn golden_messages() -> Vec<(Packet, Vec<u8>)> {
    let conflict = |conflict_term, installing| AppendResult::Conflict {
        prev_log_index: Index(7),
        conflict_index: Index(4),
        conflict_term,
        installing,
    };
    let snapshot = Snapshot {
        last_included_index: Index(8),
        last_included_term: Term(2),
        data: SnapshotData::from("xyz"),
    };
    let vote =
        RequestVote { term: Term(3), last_log_index: Index(300), last_log_term: Term(2), transfer: false };
    let told = RequestVote { transfer: true, ..vote.clone() };
    let asks = PreVote { term: Term(3), last_log_index: Index(300), last_log_term: Term(2) };
    let would = PreVoteReply { term: Term(3), vote_granted: true };
    let would_not = PreVoteReply { term: Term(300), vote_granted: false };
    let granted = RequestVoteReply { term: Term(3), vote_granted: true };
    let installed = InstallSnapshotReply { term: Term(3), last_included_index: Some(Index(8)) };
    let refused = InstallSnapshotReply { term: Term(0x1_0000), last_included_index: None };
    let golden = |message, head, payload: &[u8]| (message, framed(MESSAGE_FORMAT, head, payload));
    vec![
        // Group 5, from, to, the kind. 300 does not fit one byte: tag FB, then two bytes, the lower first.
        golden(packet(1, 2, Message::RequestVote(vote)), "05 FB2C01 FC70110100 00 03 FB2C01 02", b""),
        golden(packet(2, 1, Message::RequestVoteReply(granted)), "05 FC70110100 FB2C01 01 03 01", b""),
        golden(append(vec![]), "05 0A FB2C01 02 03 07 02 06 00", b""),
        // Of each entry its term, what it carries, and how many bytes.
        golden(
            append(vec![entry(2, b"ab"), entry(3, b"")]),
            "05 0A FB2C01 02 03 07 02 06 02 020002 030000",
            b"ab",
        ),
        golden(
            append_reply(AppendResult::Success { match_index: Index(9) }),
            "05 FB2C01 0A 03 03 00 09",
            b"",
        ),
        golden(append_reply(AppendResult::StaleTerm), "05 FB2C01 0A 03 03 01", b""),
        golden(append_reply(conflict(Some(Term(2)), None)), "05 FB2C01 0A 03 03 02 07 04 0102 00", b""),
        golden(append_reply(conflict(None, Some(Index(8)))), "05 FB2C01 0A 03 03 02 07 04 00 0108", b""),
        // Index, term, the servers that vote, the length.
        golden(
            packet(0, 1, Message::InstallSnapshot(InstallSnapshot { term: Term(3), snapshot })),
            "05 0A FB2C01 04 03 08 02 03 0A FB2C01 FC70110100 03",
            b"xyz",
        ),
        golden(packet(1, 0, Message::InstallSnapshotReply(installed)), "05 FB2C01 0A 05 03 0108", b""),
        // 0x10000 takes four bytes after the tag FC.
        golden(packet(1, 0, Message::InstallSnapshotReply(refused)), "05 FB2C01 0A 05 FC00000100 00", b""),
        golden(packet(1, 2, Message::PreVote(asks)), "05 FB2C01 FC70110100 06 03 FB2C01 02", b""),
        golden(packet(2, 1, Message::PreVoteReply(would)), "05 FC70110100 FB2C01 07 03 01", b""),
        golden(packet(2, 1, Message::PreVoteReply(would_not)), "05 FC70110100 FB2C01 07 FB2C01 00", b""),
        golden(
            packet(0, 1, Message::TimeoutNow(TimeoutNow { term: Term(300) })),
            "05 0A FB2C01 08 FB2C01",
            b"",
        ),
        golden(packet(1, 2, Message::RequestVote(told)), "05 FB2C01 FC70110100 09 03 FB2C01 02", b""),
    ]
}

/// States and their bytes.
pub(super) fn golden_states() -> Vec<(Persistent<Command, ()>, Vec<u8>)> {
    let snapshot = Snapshot { last_included_index: Index(8), last_included_term: Term(2), data: () };
    vec![
        // Group 5, server 300, the servers that vote.
        (Persistent::default(), framed(STATE_FORMAT, "05 FB2C01 03 0A FB2C01 FC70110100 00 00 00 00", b"")),
        (
            Persistent {
                current_term: Term(5),
                voted_for: Some(ServerId(2)),
                log: Log::from_parts(Some(snapshot), vec![entry(3, b"ab"), entry(5, b"c")]),
            },
            framed(
                STATE_FORMAT,
                "05 FB2C01 03 0A FB2C01 FC70110100 05 01FC70110100
                 01 08 02 03 0A FB2C01 FC70110100 02 030002 050001",
                b"abc",
            ),
        ),
    ]
}

/// The state with some data in its snapshot: encoding must leave it out.
pub(super) fn with_data(state: &Persistent<Command, ()>) -> Persistent<Command, SnapshotData> {
    let snapshot = state.log.snapshot().map(|s| Snapshot {
        last_included_index: s.last_included_index,
        last_included_term: s.last_included_term,
        data: SnapshotData::from("not in the state"),
    });
    Persistent {
        current_term: state.current_term,
        voted_for: state.voted_for,
        log: Log::from_parts(snapshot, state.log.entries().to_vec()),
    }
}

//! Lengths: what is claimed before it is there, what is written at most, and how long it gets.

use super::*;

#[test]
fn huge_lengths_are_refused_before_they_are_allocated() {
    // Each ends with a length of 2^62: allocating it would end the process.
    let huge = "FD 0000000000000040";
    let heads = [
        "05 0A FB2C01 02 03 07 02 06",                      // the number of entries
        "05 0A FB2C01 02 03 07 02 06 01 02 00",             // the first command's length
        "05 0A FB2C01 04 03 08 02",                         // the number of servers
        "05 0A FB2C01 04 03 08 02 03 0A FB2C01 FC70110100", // the snapshot's length
    ];
    for head in heads {
        let bytes = framed(MESSAGE_FORMAT, &format!("{head} {huge}"), b"");
        assert!(matches!(decode_message(&bytes), Err(CodecError::Malformed(_))), "{head}");
    }
    let heads = [
        "05 FB2C01",                                           // the number of servers
        "05 FB2C01 03 0A FB2C01 FC70110100 00 00 00",          // the number of entries
        "05 FB2C01 03 0A FB2C01 FC70110100 00 00 00 01 01 00", // the first command's length
    ];
    for head in heads {
        let bytes = framed(STATE_FORMAT, &format!("{head} {huge}"), b"");
        assert!(matches!(decode_state(&bytes), Err(CodecError::Malformed(_))), "{head}");
    }
    // The length of the head itself.
    let bytes = [MESSAGE_FORMAT, 1, 0xFF, 0xFF, 0xFF, 0xFF, 5];
    assert!(matches!(decode_message(&bytes), Err(CodecError::Malformed(_))));
}

#[test]
fn honest_messages_of_every_size_pass_the_limit() {
    // Entries without a command claim the most memory per byte.
    for entries in [0, 1, 2040, 2044, 2048, 32_000, 32_768, 300_000, 600_000] {
        let message = append(vec![entry(3, b""); entries]);
        let bytes = encode_message(&message).unwrap();
        assert_eq!(decode_message(&bytes), Ok(message), "{entries} entries in {} bytes", bytes.len());
    }
}

#[test]
fn a_message_beyond_the_cap_is_neither_written_nor_read() {
    let command = Bytes::from(vec![0; MESSAGE_LIMIT]);
    let message = append(vec![Entry { term: Term(3), command: command.clone() }]);
    assert!(matches!(encode_message(&message), Err(CodecError::TooLong { limit: MESSAGE_LIMIT, .. })));
    // What another build may have sent.
    let head = format!("05 0A FB2C01 02 03 07 02 06 01 03 00 FC {:08X}", (MESSAGE_LIMIT as u32).swap_bytes());
    let bytes = framed(MESSAGE_FORMAT, &head, &command);
    let length = bytes.len();
    assert_eq!(decode_message(&bytes), Err(CodecError::TooLong { length, limit: MESSAGE_LIMIT }));
}

#[test]
fn a_snapshot_beyond_the_cap_of_other_messages_is_written_and_read() {
    let snapshot = Snapshot {
        last_included_index: Index(8),
        last_included_term: Term(2),
        data: SnapshotData::from(vec![7; MESSAGE_LIMIT + 1]),
    };
    let message = Message::InstallSnapshot(InstallSnapshot { term: Term(3), snapshot });
    let message = Envelope { from: ServerId(0), to: ServerId(1), message };
    let bytes = encode_message(&message).unwrap();
    assert!(decode_message(&bytes) == Ok(message));
    // Half of it: the length that it names is more than what follows.
    assert!(matches!(decode_message(&bytes[..bytes.len() / 2]), Err(CodecError::Malformed(_))));
}

/// The buffer is made large enough at once, whatever the numbers.
#[test]
fn an_encoding_is_no_longer_than_foreseen() {
    let large = |command: &'static [u8]| Entry { term: Term(u64::MAX), command: Bytes::from_static(command) };
    for entries in [vec![], vec![large(b"")], vec![large(&[0; 300]); 100], vec![large(&[0; 70_000]); 3]] {
        let mut message = append(entries.clone());
        if let Message::AppendEntries(message) = &mut message.message {
            let most = Index(u64::MAX);
            (message.term, message.prev_log_index, message.leader_commit) = (Term(u64::MAX), most, most);
        }
        let most = Cluster::new(u64::MAX, &[u64::MAX - 1, u64::MAX].into());
        let length = encode(&most, FIRST_VERSION, &message).unwrap().head.len();
        let room = serial::PREFIX + HEAD + ENTRY * entries.len();
        assert!(length <= room, "{length} bytes for {} entries", entries.len());
    }
}

#[test]
fn forty_small_commands_take_little_room() {
    let entries = (0..40).map(|_| entry(70, b"1234567890")).collect();
    let state = Persistent { current_term: Term(70), voted_for: None, log: Log::from_parts(None, entries) };
    let length = encode_state(&state).unwrap().len();
    assert!(length < 560, "{length} bytes");
}

//! A snapshot whose data goes beside its message.

use super::*;

fn install(data: &'static str) -> Packet {
    let (last_included_index, last_included_term) = (Index(7), Term(3));
    let snapshot = Snapshot { last_included_index, last_included_term, data: SnapshotData::from(data) };
    packet(0, 1, Message::InstallSnapshot(InstallSnapshot { term: Term(9), snapshot }))
}

fn without_data(message: &Packet) -> Result<Frame, CodecError> {
    encode_without_data(&cluster(), FIRST_VERSION, message)
}

#[test]
fn the_message_and_the_data_are_the_bytes_of_the_whole() {
    for data in ["", "x = 1"] {
        let message = install(data);
        let head = without_data(&message).unwrap().into_bytes();
        assert_eq!([&head[..], data.as_bytes()].concat(), encode_message(&message).unwrap());
        let decoded = decode_with_data(&cluster(), head.into(), SnapshotData::from(data));
        assert_eq!(decoded, Ok(message));
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let refused = |message: Frame, data: &'static str| {
        decode_with_data(&cluster(), message, SnapshotData::from(data)).unwrap_err().to_string()
    };
    let head = || without_data(&install("x = 1")).unwrap();
    assert!(refused(head(), "x = 10").contains("6 bytes of a snapshot of 5"));
    assert!(refused(head(), "").contains("0 bytes of a snapshot of 5"));
    let whole = encode_message(&install("x = 1")).unwrap();
    assert!(refused(whole.into(), "x = 1").contains("5 bytes too many"));
    let vote = append_reply(AppendResult::StaleTerm);
    assert!(refused(encode_message(&vote).unwrap().into(), "").contains("it brings no snapshot"));
    assert!(matches!(without_data(&vote), Err(CodecError::Malformed(_))));
    let other = Cluster::new(6, &[10, 300, 70_000].into());
    let error = decode_with_data(&other, head(), "x = 1".into()).unwrap_err();
    assert!(matches!(error, CodecError::Group { .. }), "{error}");
    let fewer = Cluster::new(5, &[10, 300].into());
    let error = decode_with_data(&fewer, head(), "x = 1".into()).unwrap_err();
    assert!(matches!(error, CodecError::Configuration { .. }), "{error}");
}

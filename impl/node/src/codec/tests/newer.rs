//! Two builds in one cluster: this one, and a newer one that knows a version 2. It exists in these tests only, to show that
//! the format can change: version 2 has a field more (the round of a leader's AppendEntries), and a message more
//! (TimeoutNow).

use super::*;
use serde::{Deserialize, Serialize};

/// The versions that the newer build knows.
fn newer() -> Versions {
    Versions::new(1..=2).unwrap()
}

/// What the newer build says.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    /// A message that version 1 has, too. In version 2 it has a round.
    Old { message: Packet, round: u64 },
    /// Version 2 alone has this one.
    TimeoutNow { term: u64 },
}

/// The head of version 2.
#[derive(Serialize, Deserialize)]
enum NewHead {
    Old { head: Head, round: u64 },
    TimeoutNow { group: u64, from: u64, to: u64, term: u64 },
}

/// As the newer build encodes: none for what the version does not have.
fn say(version: u8, said: &Said) -> Option<Frame> {
    match (version, said) {
        (1, Said::Old { message, .. }) => Some(encode(&cluster(), 1, message).unwrap()),
        (1, Said::TimeoutNow { .. }) => None,
        (2, Said::Old { message, round }) => {
            let (head, payload) = Head::split(message.clone(), &cluster()).unwrap();
            let head = serial::write(MESSAGE_FORMAT, 2, &NewHead::Old { head, round: *round }, 0).unwrap();
            Some(Frame { head, payload })
        }
        (2, Said::TimeoutNow { term }) => {
            let head = NewHead::TimeoutNow { group: 5, from: 10, to: 300, term: *term };
            Some(serial::write(MESSAGE_FORMAT, 2, &head, 0).unwrap().into())
        }
        (version, _) => panic!("version {version}"),
    }
}

/// As the newer build decodes.
fn hear(frame: Frame) -> Said {
    let begun = serial::begin(MESSAGE_FORMAT, newer(), frame).unwrap();
    let (head, round, mut payload) = if begun.version == 1 {
        let (head, payload) = begun.read::<Head>().unwrap();
        // What version 1 does not have is as if it were not said.
        (head, 0, payload)
    } else {
        match begun.read::<NewHead>().unwrap() {
            (NewHead::Old { head, round }, payload) => (head, round, payload),
            (NewHead::TimeoutNow { group: 5, term, .. }, _) => return Said::TimeoutNow { term },
            (NewHead::TimeoutNow { group, .. }, _) => panic!("group {group}"),
        }
    };
    Said::Old { message: head.join(&mut payload, Some(&cluster())).unwrap(), round }
}

/// What both ends of a connection from server 10 to server 300 agree on.
fn agreed(ours: Versions, theirs: Versions) -> Result<u8, HelloError> {
    let (to, from) = (Hello::new(ours, &cluster(), 10, 300), Hello::new(theirs, &cluster(), 300, 10));
    let arrived = Hello::decode(to.encode().unwrap().into_bytes()).unwrap();
    assert_eq!(arrived, to);
    let agreed = to.agree(&from);
    assert_eq!(from.agree(&arrived).ok(), agreed.clone().ok(), "one end agrees on something else");
    agreed
}

fn messages() -> Vec<Said> {
    let old = golden_messages().into_iter().map(|(message, _)| Said::Old { message, round: 7 });
    old.chain([Said::TimeoutNow { term: 3 }]).collect()
}

#[test]
fn a_newer_server_sends_an_older_one_what_that_knows_and_nothing_else() {
    let version = agreed(newer(), Versions::KNOWN).unwrap();
    assert_eq!(version, 1);
    let sent: Vec<Frame> = messages().iter().filter_map(|said| say(version, said)).collect();
    let golden = golden_messages();
    assert_eq!(sent.len(), golden.len(), "TimeoutNow is not sent");
    for (frame, (message, bytes)) in sent.into_iter().zip(golden) {
        assert_eq!(frame.clone().into_bytes(), bytes, "the round is not sent");
        assert_eq!(decode(&cluster(), frame), Ok(message));
    }
}

#[test]
fn a_newer_server_understands_an_older_one() {
    for (message, bytes) in golden_messages() {
        assert_eq!(hear(bytes.into()), Said::Old { message, round: 0 });
    }
}

#[test]
fn two_newer_servers_say_all() {
    let version = agreed(newer(), newer()).unwrap();
    assert_eq!(version, 2);
    for said in messages() {
        assert_eq!(hear(say(version, &said).unwrap()), said);
    }
}

#[test]
fn an_older_server_refuses_what_it_was_not_asked_for() {
    for said in messages() {
        let refused = decode(&cluster(), say(2, &said).unwrap());
        assert_eq!(refused, Err(CodecError::Version { found: 2, versions: Versions::KNOWN }));
    }
}

#[test]
fn servers_without_a_common_version_say_what_to_do() {
    let future = Versions::new(2..=3).unwrap();
    let refused = agreed(Versions::KNOWN, future).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "it speaks version 2 to 3 of the messages, and this server 1: update one release after the other, for each reads the \
         last one's messages"
    );
}

#[test]
fn a_hello_has_its_golden_bytes() {
    let hello = Hello::new(Versions::KNOWN, &cluster(), 10, 300);
    let golden = hex("48 01 11000000 0101 05 03 0A FB2C01 FC70110100 0A FB2C01");
    assert_eq!(hello.encode().unwrap().into_bytes(), golden);
    assert_eq!(Hello::decode(golden), Ok(hello));
}

#[test]
fn a_hello_of_another_server_or_cluster_is_refused() {
    let hello = |from, to| Hello::new(Versions::KNOWN, &cluster(), from, to);
    let other = |voters: &[u64]| {
        let voters = voters.iter().copied().collect();
        Hello::new(Versions::KNOWN, &Cluster::new(5, &voters), 300, 10)
    };
    assert_eq!(
        hello(10, 300).agree(&hello(70_000, 10)),
        Err(HelloError::Server { found: 70_000, expected: 300 })
    );
    assert_eq!(
        hello(10, 300).agree(&hello(300, 70_000)),
        Err(HelloError::Addressee { us: 10, expected: 70_000 })
    );
    let refused = hello(10, 300).agree(&other(&[10, 300])).unwrap_err();
    assert!(matches!(refused, HelloError::Cluster { .. }), "{refused}");
    for length in 0..18 {
        let bytes = hello(10, 300).encode().unwrap().into_bytes().slice(..length);
        assert!(Hello::decode(bytes).is_err(), "cut to {length} bytes");
    }
}

use super::*;
use figure2::Cluster;
use figure2::codec::Versions;

fn hello() -> Hello {
    Hello::new(Versions::KNOWN, &Cluster::new(5, &[1, 2, 300].into()), 1, 300)
}

fn all() -> Vec<Said> {
    vec![
        Said::Hello { lane: Lane::Messages, disk: 7, hello: hello() },
        Said::Hello { lane: Lane::Snapshots, disk: u128::MAX, hello: hello() },
        Said::Refused { for_good: true, text: "another disk".to_owned() },
        Said::Refused { for_good: false, text: String::new() },
        Said::Ready,
        Said::Begin { transfer: 1, index: 2, term: 3, length: u64::MAX },
        Said::Resume { offset: 300 },
        Said::Chunk(Bytes::from_static(b"part")),
        Said::End(Bytes::from_static(b"message")),
        Said::Done,
    ]
}

#[test]
fn what_is_said_is_heard() {
    for said in all() {
        let bytes = said.encode().unwrap().into_bytes();
        assert_eq!(Said::decode(bytes), Ok(said));
    }
}

#[test]
fn the_bytes_are_those_of_layout_1() {
    let hex = |said: &Said| {
        said.encode().unwrap().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let found: Vec<String> = all().iter().map(hex).collect();
    assert_eq!(
        found,
        [
            "540101000700000000000000000000000000000048010d000000010105030102fb2c0101fb2c01",
            "54010101ffffffffffffffffffffffffffffffff48010d000000010105030102fb2c0101fb2c01",
            "54010201616e6f74686572206469736b",
            "54010200",
            "540103",
            "540104010000000000000002000000000000000300000000000000ffffffffffffffff",
            "5401052c01000000000000",
            "54010670617274",
            "5401076d657373616765",
            "540108",
        ]
    );
}

#[test]
fn a_hello_of_the_largest_cluster_fits_into_the_opening() {
    let voters = (0..64).map(|place| u64::MAX - place).collect();
    let hello = Hello::new(Versions::KNOWN, &Cluster::new(u64::MAX, &voters), u64::MAX, u64::MAX - 1);
    let said = Said::Hello { lane: Lane::Messages, disk: u128::MAX, hello };
    assert!(said.encode().unwrap().len() < OPENING_LIMIT);
}

#[test]
fn a_long_text_is_cut_between_two_characters() {
    let said = Said::Refused { for_good: false, text: "ä".repeat(TEXT) };
    let Ok(Said::Refused { text, .. }) = Said::decode(said.encode().unwrap().into_bytes()) else {
        panic!("it is not heard")
    };
    assert_eq!(text, "ä".repeat(TEXT / 2));
}

#[test]
fn what_no_server_says_is_refused() {
    let refused = |bytes: &[u8]| Said::decode(Bytes::copy_from_slice(bytes)).unwrap_err().to_string();
    assert!(refused(b"").contains("format byte"));
    assert!(refused(b"GET / HTTP/1.1").contains("format byte"));
    assert!(refused(&[FORMAT]).contains("ends before its kind"));
    assert!(refused(&[FORMAT, 2, 3]).contains("update this server"));
    assert!(refused(&[FORMAT, 1, 99]).contains("unknown kind"));
    assert!(refused(&[FORMAT, 1, 3, 0]).contains("1 bytes of fields"));
    assert!(refused(&[FORMAT, 1, 6]).contains("a chunk of no bytes"));
    assert!(refused(&[FORMAT, 1, 2, 0, b'a', b'\n', b'b']).contains("control characters"));
    assert!(refused(&[FORMAT, 1, 2, 0, 0xFF]).contains("no text"));
    assert!(refused(&[FORMAT, 1, 2, 2]).contains("unknown kind"));
    let mut long = vec![FORMAT, 1, 6];
    long.resize(3 + CHUNK + 1, 0);
    assert!(refused(&long).contains("too many"));
    for said in all() {
        let bytes = said.encode().unwrap().into_bytes();
        let part = matches!(said, Said::Refused { .. } | Said::Chunk(_) | Said::End(_));
        for length in 0..bytes.len() {
            let cut = Said::decode(bytes.slice(..length));
            assert!(part || cut.is_err(), "{said:?} cut after {length} bytes");
        }
    }
}

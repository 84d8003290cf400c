//! Nothing is lost in the translation: tested with the file that has every kind of line (of figure2-trace's tests).

use super::{ReplayPayload, ToCore as _, ToTrace as _};

use figure2::record;
use figure2_core::Command as _;
use figure2_trace::{Header, Line, Payload, Sent};

const VERSION_1: &str = include_str!("../../../trace/tests/version1.jsonl");

fn lines() -> impl Iterator<Item = (&'static str, Line)> {
    let inner = VERSION_1.lines().filter(|text| text.starts_with(r#"{"server""#));
    inner.map(|text| (text, serde_json::from_str(text).unwrap()))
}

#[test]
fn every_kind_of_line_stays_what_it_is_through_the_cores_types() {
    let mut kinds = 0;
    for (text, Line { server, run, seq, at, event }) in lines() {
        let back = event.to_core().to_trace();
        assert_eq!(serde_json::to_string(&Line { server, run, seq, at, event: back }).unwrap(), text);
        kinds += 1;
    }
    assert!(kinds > 40, "{kinds}");
    let header: Header = serde_json::from_str(VERSION_1.lines().next().unwrap()).unwrap();
    for envelope in header.on_their_way {
        let core = envelope.clone().to_core();
        assert_eq!(record::Sent::of(&core).to_trace(), Sent::of(&envelope), "the short form of a message");
        let json = serde_json::to_string(&core.to_trace()).unwrap();
        assert_eq!(json, serde_json::to_string(&envelope).unwrap());
    }
}

#[test]
fn a_payload_counts_as_many_bytes_as_its_content() {
    for content in [&b"set x=1"[..], b"", &[0, 255], &[7; 70]] {
        assert_eq!(ReplayPayload(Payload::of(content)).size(), content.len() as u64);
    }
}

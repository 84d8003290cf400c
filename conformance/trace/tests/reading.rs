//! What is no trace, or not a whole one, is refused with its place and a reason.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use figure2_trace::{CAPTURE, Event, Line, Reader, Sequence, is_trace};

const HEADER: &str = r#"{"format":"figure2-node-trace","version":1,"servers":3,"began":0}"#;
const FIRST: &str = r#"{"server":0,"run":1,"seq":1,"at":0,"event":"write"}"#;
const SECOND: &str = r#"{"server":0,"run":1,"seq":2,"at":5,"event":"durable"}"#;

/// Reads all of a trace; how many lines, or why not.
fn read(text: &str) -> Result<u64, String> {
    let mut reader = Reader::of_text("t", text.as_bytes().to_vec()).map_err(|error| error.to_string())?;
    let (mut lines, mut sequence) = (0, Sequence::default());
    while let Some(raw) = reader.next_line().map_err(|error| error.to_string())? {
        lines += 1;
        let followed = raw.parse::<Event>();
        let followed = followed.and_then(|Line { server, run, seq, .. }| sequence.follow(server, run, seq));
        followed.map_err(|problem| reader.error(problem).to_string())?;
    }
    Ok(lines)
}

#[test]
fn a_whole_trace_is_read() {
    assert_eq!(read(&format!("{HEADER}\n{FIRST}\n{SECOND}\n{{\"end\":2}}\n")), Ok(2));
}

#[test]
fn what_is_not_whole_is_refused() {
    for (text, problem) in [
        (String::new(), "t:1: the trace is empty"),
        (format!("{HEADER}\n"), "t:2: the trace is empty"),
        (format!("{HEADER}\n{{\"end\":0}}\n"), "t:2: the trace is empty"),
        ("{\"format\":\"other\"}\n".into(), "t:1: not a trace of nodes"),
        ("hello\n".into(), "t:1: not a trace of nodes"),
        (HEADER.replace("1,", "7,"), "t:1: the trace has version 7"),
        (format!("{HEADER}\n{FIRST}\n"), "t:3: the trace is cut off"),
        (format!("{HEADER}\n{FIRST}\n{}", &SECOND[..20]), "t:3: the trace is cut off"),
        (format!("{HEADER}\n{FIRST}\n{{\"end\":1}}"), "t:3: the trace is cut off"),
        (format!("{HEADER}\n{FIRST}\n{{\"end\":2}}\n"), "t:3: the last line counts 2 lines, but there are 1"),
        (format!("{HEADER}\n{FIRST}\n{{\"end\":1}}\n{SECOND}\n"), "t:4: lines follow"),
        (
            format!("{HEADER}\n{SECOND}\n{{\"end\":1}}\n"),
            "t:2: server 0, run 1: line 1 of the run should stand here, not 2",
        ),
        (
            format!("{HEADER}\n{}\n", FIRST.replace("\"run\":1", "\"run\":2")),
            "t:2: server 0: run 1 should begin here, not 2",
        ),
        (format!("{HEADER}\n{}\n", FIRST.replace("write", "wrote")), "t:2: damaged line: unknown variant"),
        (format!("{HEADER}\n{}\n", FIRST.replace("seq", "sequence")), "t:2: damaged line: unknown field"),
    ] {
        let refused = read(&text).err().unwrap_or_default();
        assert!(refused.starts_with(problem), "{refused:?} instead of {problem:?}");
    }
}

#[test]
fn another_version_is_refused_with_what_to_do() {
    for version in [0, 2, 7] {
        let text =
            format!("{}\n{FIRST}\n{{\"end\":1}}\n", HEADER.replace("n\":1", &format!("n\":{version}")));
        assert_eq!(
            read(&text).unwrap_err(),
            format!(
                "t:1: the trace has version {version}; this program reads version 1: read it with the release of \
                 figure2 that recorded it, or record the run again with this one"
            )
        );
        assert!(is_trace(text.as_bytes()), "it is a trace all the same");
    }
}

#[test]
fn a_capture_is_not_text_and_the_refusal_says_what_makes_it_text() {
    let capture = [&CAPTURE[..], &[0; 8]].concat();
    let refused = Reader::of_text("t", capture).err().unwrap().to_string();
    assert!(refused.contains("figure2 trace FILE"), "{refused}");
}

#[test]
fn fields_of_an_event_that_are_not_known_are_ignored_and_no_others() {
    let step = r#"{"server":0,"run":1,"seq":1,"at":0,"event":{"step":{"input":"ElectionTimeout","outcome":"Done","changes":[{"Append":{"entries":[],"first_index":8}}],"state":{"current_term":1,"voted_for":null,"role":"follower","leader":2,"commit_index":0,"last_applied":0,"last_log_index":7,"last_log_term":1}}}}"#;
    assert_eq!(read(&format!("{HEADER}\n{step}\n{{\"end\":1}}\n")), Ok(1));
    for (known, unknown) in [
        (HEADER, HEADER.replace("\"began\"", "\"leader\":2,\"began\"")),
        (FIRST, FIRST.replace("\"at\"", "\"leader\":2,\"at\"")),
        (r#"{"end":1}"#, r#"{"end":1,"leader":2}"#.to_owned()),
    ] {
        let text = format!("{HEADER}\n{FIRST}\n{{\"end\":1}}\n").replace(known, &unknown);
        assert!(read(&text).unwrap_err().contains("unknown field `leader`"), "{unknown}");
    }
}

//! What is no trace, or not a whole one, is refused with its place and a reason.

use figure2_conformance::trace::{Line, Reader, Sequence};

const HEADER: &str = r#"{"format":"figure2-node-trace","version":1,"servers":3,"began":0}"#;
const FIRST: &str = r#"{"server":0,"run":1,"seq":1,"at":0,"event":"write"}"#;
const SECOND: &str = r#"{"server":0,"run":1,"seq":2,"at":5,"event":"durable"}"#;

/// Reads all of a trace; how many lines, or why not.
fn read(text: &str) -> Result<u64, String> {
    let mut reader = Reader::of_text("t", text.as_bytes().to_vec()).map_err(|error| error.to_string())?;
    let (mut lines, mut sequence) = (0, Sequence::default());
    while let Some(raw) = reader.next_line().map_err(|error| error.to_string())? {
        lines += 1;
        let followed = raw.parse::<figure2::record::Event<figure2_conformance::trace::Payload, ()>>();
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

//! The forms in which people write the same thing, and what is refused because reading past it might change the verdict.

use figure2_linearizability::{
    Examined, Format, History, Model, Progress, Question, ReadError, Reading, Summary, examine, read,
};

fn examined(history: &History) -> Examined {
    examine(history, &Question::default(), &Progress::default()).unwrap()
}

fn parse(text: &str) -> Result<History, ReadError> {
    read(text.as_bytes(), &Reading::default())
}

#[track_caller]
fn verdict(text: &str) -> Summary {
    examined(&parse(text).unwrap()).summary()
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    match parse(text) {
        Err(error) => assert!(error.to_string().contains(expected), "{error}"),
        Ok(history) => panic!("{history:?}"),
    }
}

/// An invocation and its completion.
fn done(process: u32, function: &str, asked: &str, told: &str) -> String {
    format!(
        "{{:process {process}, :type :invoke, :f :{function}, {asked}}}\n{{:process {process}, :type :ok, :f :{function}, {told}}}\n"
    )
}

/// A write of 1, a cas from 1 to 2, a read of what is given: right if it is 2.
fn three(write: &str, cas: &str, asked: &str, told: impl Fn(u32) -> String) -> [String; 2] {
    [2, 1].map(|read| {
        [done(0, "write", write, write), done(1, "cas", cas, cas), done(2, "read", asked, &told(read))]
            .concat()
    })
}

#[test]
fn cas_in_all_its_forms() {
    let value = |read: u32| format!(":value {read}");
    let pair = |read: u32| format!(":value [\"k\" {read}]");
    let keyed = |field: &'static str| move |read: u32| format!(":{field} \"k\", :value {read}");
    let versioned = |read: u32| format!(":value [\"k\" [2 {read}]]");
    for [right, wrong] in [
        three(":value 1", ":value [1 2]", ":value nil", value),
        three(":value [\"k\" 1]", ":value [\"k\" [1 2]]", ":value [\"k\" nil]", pair),
        three(":value [\"k\" 1]", ":value [\"k\" 1 2]", ":value [\"k\" nil]", pair),
        three(":key \"k\", :value 1", ":key \"k\", :value [1 2]", ":key \"k\"", keyed("key")),
        three(
            ":register \"k\", :value 1",
            ":register \"k\", :value [1 2]",
            ":register \"k\"",
            keyed("register"),
        ),
        three(":account \"k\", :value 1", ":account \"k\", :value [1 2]", ":account \"k\"", keyed("account")),
        three(":value [\"k\" [nil 1]]", ":value [\"k\" [nil [1 2]]]", ":value [\"k\" [nil nil]]", versioned),
    ] {
        assert_eq!(verdict(&right), Summary::Holds, "{right}");
        assert_eq!(verdict(&wrong), Summary::Violated, "{wrong}");
    }
    let pairs = done(0, "write", ":value [\"k\" 1]", ":value [\"k\" 1]");
    refused(&format!("{pairs}{}", done(1, "cas", ":value [1 2]", ":value [1 2]")), "names no key");
}

#[test]
fn a_field_that_may_change_the_meaning_is_used_or_refused() {
    let line = |fields: &str| format!("{{:process 0, :type :invoke, :f :write, :value 1{fields}}}\n");
    refused(&line(", :table \"t\""), "--key table");
    refused(&line(", :if-version 3"), "--ignore if-version");
    refused(
        &format!("{}{{:process 0, :type :ok, :f :write, :value 1, :revision 7}}", line("")),
        "--ignore revision",
    );
    refused(
        &format!("{}{}", line("").replace(":process 0", ":process 1"), line(", :key \"k\"")),
        "the field key",
    );
    refused(
        &format!("{}{}", line(", :key \"k\"").replace(":process 0", ":process 1"), line("")),
        "expected a key",
    );
    refused(&line(", :key nil"), "expected a key in the field key");
    // Of a completion, what is not known is only noted.
    let told = format!("{}{{:process 0, :type :ok, :f :write, :value 1, :attempts 7}}", line(""));
    assert!(parse(&told).unwrap().notes[0].contains("attempts"));
    let reading = |keys: &[&str], ignored: &[&str]| Reading {
        keys: keys.iter().map(|&name| name.to_owned()).collect(),
        ignored: ignored.iter().map(|&name| name.to_owned()).collect(),
        ..Reading::default()
    };
    let tables =
        [line(", :table \"t\""), line(", :table \"u\"").replace(":process 0", ":process 1")].concat();
    let history = read(tables.as_bytes(), &reading(&["table"], &[])).unwrap();
    assert_eq!(
        history.operations.registers().unwrap().iter().map(|one| one.key.as_str()).collect::<Vec<_>>(),
        ["t", "u"]
    );
    let history = read(tables.as_bytes(), &reading(&[], &["table"])).unwrap();
    assert_eq!(history.operations.registers().unwrap()[1].key, "");
    // Two fields make one key.
    let both = line(", :register 5, :account \"a\"");
    assert_eq!(parse(&both).unwrap().operations.registers().unwrap()[0].key, "account a, register 5");
}

#[test]
fn the_same_in_a_vector_a_list_with_tags_and_in_lines() {
    let events =
        [done(0, "write", ":value 1", ":value 1"), done(1, "read", ":value nil", ":value 0")].concat();
    let one_line = events.replace('\n', " ");
    let tagged = events.replace("{:process", "^{:line 3} #jepsen.history.Op{:process");
    for text in [
        events.clone(),
        one_line.clone(),
        format!("[{events}]"),
        format!("({one_line})"),
        format!("#jepsen.history.DenseHistory [{tagged}] ; the end"),
        format!(";; first\n#_ [{{:a 1}}] {tagged}"),
        format!("\u{feff}{}", events.replace('\n', "\r\n")),
    ] {
        assert_eq!(verdict(&text), Summary::Violated, "{text}");
        assert_eq!(verdict(&text.replace(":value 0", ":value 1")), Summary::Holds, "{text}");
    }
    refused(&format!("[{events}"), "closes what line 1 opens");
    refused(&format!("[{events})"), "expected ], found )");
    refused(&format!("{events}]"), "a bracket closes that was not opened");
    refused(&format!("[[{events}]]"), "expected a map");
    refused("{:history [{:process 0}]}", "expected the field process");
}

#[test]
fn places_are_lines_where_every_event_has_its_own() {
    let events = done(0, "write", ":value 1", ":value 1");
    let history = parse(&format!("; a comment\n{events}")).unwrap();
    let operation = &history.operations.registers().unwrap()[0];
    assert_eq!((history.places().word(), history.places().number(operation.invoked)), ("line", 2));
    let history = parse(&events.replace('\n', " ")).unwrap();
    let operation = &history.operations.registers().unwrap()[0];
    assert_eq!((history.places().word(), history.places().number(operation.invoked)), ("event", 1));
    assert_eq!(history.places().line(2), Some(1));
}

#[test]
fn json_in_lines_and_arrays() {
    let write =
        r#"{"process":0,"type":"invoke","f":"write","value":["k",1],"error":{"deep":[1,{"a":null}]}}"#;
    let ok = r#"{"process":0,"type":"ok","f":"write","value":["k",1]}"#;
    for text in [format!("{write}\n{ok}\n"), format!("[{write},\n{ok}]"), format!(" [ {write} , {ok} ] ")] {
        assert_eq!(verdict(&text), Summary::Holds, "{text}");
        assert_eq!(parse(&text).unwrap().format, Format::Json);
    }
    refused(&format!("[{write},{}", &ok[..20]), "cut off");
    refused(&format!("[{write},{ok}"), "closes what line 1 opens");
    refused(&write.replace("[\"k\",1]", "[\"k\",123456789012345678901]"), "write it as a string");
    refused(&write.replace("\"process\":0", "\"process\":0,\"process\":1"), "stands there twice");
}

#[test]
fn files_that_are_something_else_are_named() {
    for (bytes, expected) in [
        (&b"\x1f\x8b\x08\x00abc"[..], "compressed"),
        (b"\xff\xfe{\0:\0", "UTF-16"),
        (b"JEPSEN\x00\x01", "binary test file"),
        (b"PK\x03\x04", "archive"),
        (b"{:a \x00}", "not text"),
        (b"client,key,value\n1,2,3\n", "none of the formats"),
        (b"2024-01-01 INFO started\n2024-01-01 INFO stopped\n", "none of the formats"),
    ] {
        let error = read(bytes, &Reading::default()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let named = r#"{:process "c1", :type :invoke, :f :read, :value nil}"#;
    refused(named, "number the clients");
    refused(
        "{:process 0, :type :invoke, :f :transfer, :value {:from 1}}",
        "no model of queues, logs or bank accounts",
    );
    refused("{:process 0, :type :invoke, :f :txn, :value [[:append 1 2]]}", "Elle");
}

#[test]
fn a_text_history_is_cut_or_whole() {
    let text = "0\t:invoke\t:write\t[1 2]\n0\t:ok\t:write\t[1 2]\n";
    assert_eq!(parse(text).unwrap().format, Format::Text);
    for cut in 1..22 {
        assert!(parse(&text[..cut]).is_err(), "{:?}", &text[..cut]);
    }
    refused("0\t:invoke\t:write\t1\nsomething else\n", "expected process, type, f and value");
    let log = "INFO  jepsen.util - 0\t:invoke\t:write\t1\nINFO jepsen.util - 0\t:ok";
    refused(log, "is the line cut off?");
}

#[test]
fn nil_is_no_value_or_says_nothing() {
    let text =
        [done(0, "write", ":value 1", ":value 1"), done(1, "read", ":value nil", ":value nil")].concat();
    assert_eq!(verdict(&text), Summary::Violated);
    let knossos = Reading { nil_says_nothing: true, ..Reading::default() };
    assert_eq!(examined(&read(text.as_bytes(), &knossos).unwrap()).summary(), Summary::Holds);
}

#[test]
fn values_that_cannot_be_compared_are_refused_where_they_count() {
    let read_of = |value: &str| done(0, "read", ":value nil", &format!(":value {value}"));
    for value in ["#\"re\"", "#object[A 0x1 \"a\"]", "##NaN", "#:a{:b 1}", "{:a 1}"] {
        refused(&read_of(value), "expected a single value");
        let info = format!(
            "{{:process 0, :type :invoke, :f :write, :value 1}} {{:process 0, :type :info, :f :write, :value {value}, :error {value}}}"
        );
        assert_eq!(verdict(&info), Summary::Holds, "{value}");
    }
    // One number, however it is written.
    let text =
        [done(0, "write", ":value 0x10", ":value 16"), done(1, "read", ":value nil", ":value 16N")].concat();
    assert_eq!(verdict(&text), Summary::Holds);
}

#[test]
fn a_set_or_a_counter_is_told_by_what_is_read() {
    let add = done(0, "add", ":value 1", ":value 1");
    let with = |read: &str| format!("{add}{}", done(1, "read", ":value nil", &format!(":value {read}")));
    assert_eq!(parse(&with("[1]")).unwrap().model, Model::Set);
    assert_eq!(parse(&with("1")).unwrap().model, Model::Counter);
    assert_eq!(verdict(&with("#{}")), Summary::Violated);
    assert_eq!(verdict(&with("2")), Summary::Violated);
    refused(&with("[1 1]"), "stands there twice");
    refused(&with("nil"), "elements (a set) or a number (a counter)");
    refused(
        &format!("{}{}", with("1"), done(2, "read", ":value nil", ":value [1]")),
        "number that a counter holds",
    );
    let keyed =
        [done(0, "add", ":value [7 1]", ":value [7 1]"), done(1, "read", ":value [7 nil]", ":value [7 [1]]")];
    assert_eq!(parse(&keyed.concat()).unwrap().keys, "keys in the value");
    let counted =
        [done(0, "increment", ":value nil", ":value nil"), done(0, "decrement", ":value 3", ":value 3")];
    let counted = [counted.concat(), done(1, "read", ":value nil", ":value -2")].concat();
    assert_eq!(verdict(&counted), Summary::Holds);
}

/// What a write came back with is what it was invoked with, or nothing; else it may have done something else.
#[test]
fn what_a_completion_tells_is_used_or_refused() {
    let read = done(2, "read", ":value nil", ":value 1");
    let write = |told: &str| done(0, "write", ":value 1", told);
    for told in [":value 1", ":value nil", ":error nil"] {
        assert_eq!(verdict(&format!("{}{read}", write(told))), Summary::Holds, "{told}");
    }
    let pairs = |told: &str| done(0, "write", ":value [:k 1]", told);
    for told in [":value [:k 1]", ":value [:k nil]", ":value nil"] {
        assert_eq!(verdict(&pairs(told)), Summary::Holds, "{told}");
    }
    let versions = |asked: &str, told: &str| done(0, "write", asked, told);
    let increment = |told: &str| done(0, "increment", ":value nil", told);
    let another = "came back with another value than that of line 1";
    for text in [
        write(":value 2"),
        write(":value :ok"),
        pairs(":value [:l 1]"),
        pairs(":value [:k 2]"),
        pairs(":value 1"),
        done(0, "append", ":value \"a\"", ":value \"ba\""),
        done(0, "cas", ":value [1 2]", ":value [1 3]"),
        done(0, "cas", ":value [1 2]", ":value false"),
        done(0, "cas", ":value [:k [1 2]]", ":value [:k true]"),
        increment(":value 7"),
        done(0, "add", ":value 1", ":value 5"),
        done(0, "acquire", ":value nil", ":value 7"),
        versions(":value [:k [nil 3]]", ":value [:k [1 4]]"),
        versions(":value [:k [nil 3]]", ":value [:k 3]"),
    ] {
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains(another) || error.contains("expected [version value]"), "{text}{error}");
    }
    refused(&done(0, "cas", ":value [1 2]", ":value false"), "one that changed nothing is told as fail");
    refused(&write(":value 2"), "--ignore value");
    let ignored = Reading { ignored: vec!["value".to_owned()], ..Reading::default() };
    let history = read_as(&increment(":value 7"), &ignored);
    assert_eq!(examined(&history).summary(), Summary::Holds);

    // What a read is invoked with may be a key.
    let asked = |value: &str| format!("{}{}", write(":value 1"), done(2, "read", value, ":value 1"));
    assert_eq!(verdict(&asked(":value 1")), Summary::Holds);
    refused(&asked(":value 5"), "this read was invoked with another value than it returned");
    assert_eq!(examined(&read_as(&asked(":value 5"), &ignored)).summary(), Summary::Holds);
}

#[track_caller]
fn read_as(text: &str, reading: &Reading) -> History {
    read(text.as_bytes(), reading).unwrap()
}

/// A version is told when a write is done. One that is told before may be a part of the value, or a condition.
#[test]
fn versions_that_are_told_before_the_write_are_asked_about() {
    let filled = done(0, "write", ":value [:k [1 3]]", ":value [:k [1 3]]");
    refused(&filled, "--model versioned");
    refused(&done(0, "write", ":key 1, :value [1 3]", ":value [1 3]"), "values are collections");
    let versioned = Reading { model: Some(Model::Versioned), ..Reading::default() };
    assert_eq!(examined(&read_as(&filled, &versioned)).summary(), Summary::Holds);
    let other = done(0, "write", ":value [:k [5 3]]", ":value [:k [1 3]]");
    let error = read(other.as_bytes(), &versioned).unwrap_err().to_string();
    assert!(error.contains("came back with another value"), "{error}");
}

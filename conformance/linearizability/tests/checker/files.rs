//! Histories in files: what is read, and what is refused with its line.

use figure2_linearizability::{
    Action, Format, History, Limits, Outcome, ReadError, Reading, Summary, check, read,
};

fn edn(text: &str) -> Result<History, ReadError> {
    read(text.as_bytes(), &Reading::default())
}

fn forced(text: &str, format: Format) -> Result<History, ReadError> {
    read(text.as_bytes(), &Reading { format: Some(format), ..Reading::default() })
}

#[track_caller]
fn refused(text: &str, line: u64, expected: &str) {
    match edn(text) {
        Err(ReadError::Line { line: found, message }) => {
            assert_eq!(found, line, "{message}");
            assert!(message.contains(expected), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

const KEYED: &str = r#"{:type :info, :f :start-partition, :process :nemesis, :time 1, :value nil, :index 0}
{:process 0, :type :invoke, :f :write, :value [7 "a"], :time 10, :index 1}
#jepsen.history.Op{:process 1, :type :invoke, :f :read, :value [7 nil], :time 11, :index 2}
{:process 0, :type :ok, :f :write, :value [7 "a"], :time 12, :index 3}

{:process 1, :type :ok, :f :read, :value [7 "a"], :time 13, :index 5}
{:process 0, :type :invoke, :f :cas, :value [7 ["a" 5]], :time 14, :index 6}
{:process 0, :type :info, :f :cas, :value [7 :timed-out], :error :timeout, :time 15, :index 7}
{:process 2, :type :invoke, :f :append, :value [8 :x], :time 16, :index 8}
{:process 2, :type :fail, :f :append, :value :gone, :time 17, :index 9}
{:process 2, :type :invoke, :f :read, :value [8 nil], :time 18, :index 10}
{:process 2, :type :ok, :f :read, :value [8 nil], :time 18, :index 11}
{:process 0, :type :invoke, :f :get, :value [7 nil], :time 19, :index 12}
"#;

#[test]
fn edn_lines_with_keys() {
    let history = edn(KEYED).unwrap();
    assert_eq!((history.lines, history.skipped.get("nemesis")), (13, Some(&1)));
    let line = |place| history.places().line(place).unwrap();
    let operations = history.operations.registers().unwrap();
    let seen: Vec<_> = operations
        .iter()
        .map(|one| {
            (
                one.process,
                one.key.as_str(),
                one.action.clone(),
                one.outcome.clone(),
                line(one.invoked),
                one.completed.map(line),
            )
        })
        .collect();
    let ok = |read: Option<&str>| Outcome::Ok { read: read.map(str::to_owned) };
    let cas = Action::Cas { expected: Some("a".into()), new: "5".into() };
    assert_eq!(
        seen,
        [
            (0, "7", Action::Put("a".into()), ok(None), 2, Some(4)),
            (1, "7", Action::Get, ok(Some("a")), 3, Some(6)),
            (0, "7", cas, Outcome::Unknown, 7, Some(8)),
            (2, "8", Action::Append("x".into()), Outcome::Failed, 9, Some(10)),
            (2, "8", Action::Get, ok(None), 11, Some(12)),
            (0, "7", Action::Get, Outcome::Unknown, 13, None),
        ]
    );
    assert_eq!(check(&operations, None, Limits::default()).summary(), Summary::Holds);
}

#[test]
fn edn_and_json_say_the_same() {
    let plain = "{:process 0, :type :invoke, :f :cas, :value [nil -3]}\n{:process 0, :type :ok, :f :cas, :value [nil -3]}\n\
                 {:process 0, :type :invoke, :f :read, :value nil}\n{:process 0, :type :ok, :f :read, :value -3}";
    let json = r#"{"process": 0, "type": "invoke", "f": "cas", "value": [null, -3]}
{"process": 0, "type": "ok", "f": "cas", "value": [null, -3]}
{"process": 0, "type": "invoke", "f": "read"}
{"process": 0, "type": "ok", "f": "read", "value": -3}"#;
    let (from_edn, from_json) = (edn(plain).unwrap(), edn(json).unwrap());
    assert_eq!(from_edn.operations.registers().unwrap(), from_json.operations.registers().unwrap());
    assert_eq!(from_edn.operations.registers().unwrap()[0].key, "");
    assert!(forced(json, Format::Edn).is_err());
    assert!(forced(plain, Format::Json).is_err());
}

#[test]
fn nothing_to_check_is_an_error() {
    let nemesis = KEYED.lines().next().unwrap();
    for (text, lines) in [("", 0), ("\n\n", 2), (nemesis, 1)] {
        assert!(matches!(edn(text), Err(ReadError::Empty { lines: found, .. }) if found == lines), "{text}");
    }
}

#[test]
fn a_file_cut_anywhere_inside_a_line_is_refused() {
    let whole = KEYED.trim_end();
    let starts: Vec<usize> =
        std::iter::once(0).chain(whole.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut cuts = 0;
    for cut in 1..whole.len() {
        let start = starts.iter().rev().find(|&&start| start < cut).unwrap();
        let rest = &whole[*start..cut];
        // A cut right at the end of a line leaves a whole line.
        if rest.trim().is_empty() || rest.ends_with('\n') || whole[cut..].starts_with('\n') {
            continue;
        }
        let error = edn(&whole[..cut]).unwrap_err().to_string();
        assert!(error.contains("cut off"), "{error}");
        cuts += 1;
    }
    assert!(cuts > 800);
}

#[test]
fn impossible_histories_are_refused_with_their_line() {
    let invoke = "{:process 0, :type :invoke, :f :write, :value 1}\n";
    let ok = "{:process 0, :type :ok, :f :write, :value 1}\n";
    refused(&format!("{invoke}{invoke}"), 2, "that of line 1 has not completed");
    refused(&format!("{invoke}{ok}{ok}"), 3, "has invoked none");
    refused(
        &format!("{invoke}{}", ok.replace(":write", ":read")),
        2,
        "expected the completion of the write of line 1",
    );
    let read = "{:process 0, :type :invoke, :f :read, :value [1 nil]}\n";
    refused(
        &format!("{read}{}", read.replace(":invoke", ":ok").replace("1 nil", "2 5")),
        2,
        "expected the value of key \"1\"",
    );
    refused(&format!("{invoke}{ok}{read}"), 3, "same form");
    refused(&format!("{read}{{:process 0, :type :ok, :f :read}}"), 2, "expected the value that was read");
    let timed =
        |time: u32, index: u32| invoke.replace(":value", &format!(":time {time} :index {index} :value"));
    refused(&format!("{}{}", timed(5, 1), timed(6, 1)), 2, "out of order");
    let history =
        edn(&format!("{}{}{ok}", timed(5, 1), timed(4, 2).replace(":process 0", ":process 1"))).unwrap();
    assert!(history.notes[0].contains("time goes back 1 times, by 1 at most"), "{:?}", history.notes);
}

#[test]
fn malformed_lines_are_refused_with_what_was_expected() {
    let good = "{:process 9, :type :invoke, :f :read, :value nil}\n";
    for (line, expected) in [
        ("[1 2]", "expected a map"),
        ("{:type :invoke, :f :read}", "expected the field process"),
        ("{:process -1, :type :invoke, :f :read}", "expected process"),
        ("{:process 1.5, :type :invoke, :f :read}", "expected process"),
        ("{:process 0, :type :begin, :f :read}", "expected type"),
        ("{:process 0, :f :read}", "expected type"),
        ("{:process 0, :type :invoke, :f :transfer}", "expected f"),
        ("{:process 0, :type :invoke, :f :write, :value nil}", "expected a value to write"),
        ("{:process 0, :type :invoke, :f :write, :value {:a 1}}", "expected a single value"),
        ("{:process 0, :type :invoke, :f :cas, :value 3}", "[expected new]"),
        ("{:process 0, :type :invoke, :f :cas, :value [1 2 3]}", "[expected new]"),
        ("{:process 0, :type :invoke, :f :read, :index :first}", "expected index"),
        ("{:process 0, :process 1, :type :invoke, :f :read}", "process stands there twice"),
        ("{:process 0, :type :invoke, :f 12x, :value 1}", "EDN, column 32"),
        ("{\"process\": 0}", "expected"),
    ] {
        refused(&format!("{good}\n{line}\n"), 3, expected);
    }
    refused("{:process 0, :type :invoke, :f :read, :value [1 2 3]}", 1, "[key value]");
    refused("{\"process\": 0, \"type\": }\n", 1, "JSON");
    refused("{:process 0, :type :invoke, :f :read, :value \"a}\n", 1, "cut off");
    match read(&b"{:process 0, :f \"\xff\"}\n"[..], &Reading::default()) {
        Err(ReadError::Line { line: 1, message }) => assert!(message.contains("UTF-8"), "{message}"),
        other => panic!("{other:?}"),
    }
}

//! What a judged history looks like: the page, JSON, JUnit, and `--first`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use figure2_cli::linear_cmd::{LinearArgs, run};
use figure2_linearizability::{
    Judged, Limits, Progress, Question, Reading, examine, html, json, junit, read, text,
};

/// Two keys that are violated, one of them with an operation of unknown outcome, and one that holds.
const HISTORY: &str = r#"
{:process 0, :type :invoke, :f :write, :value ["a<b" "<1>"]}
{:process 0, :type :ok, :f :write, :value ["a<b" "<1>"]}
{:process 1, :type :invoke, :f :write, :value ["a<b" "2"]}
{:process 1, :type :info, :f :write, :value ["a<b" "2"]}
{:process 2, :type :invoke, :f :read, :value ["a<b" nil]}
{:process 2, :type :ok, :f :read, :value ["a<b" "2"]}
{:process 2, :type :invoke, :f :read, :value ["a<b" nil]}
{:process 2, :type :ok, :f :read, :value ["a<b" "<1>"]}
{:process 3, :type :invoke, :f :write, :value ["good" 1]}
{:process 3, :type :ok, :f :write, :value ["good" 1]}
{:process 3, :type :invoke, :f :read, :value ["z" nil]}
{:process 3, :type :ok, :f :read, :value ["z" 5]}
"#;

fn judged(first: bool, use_it: impl FnOnce(&Judged<'_>)) {
    let history = read(HISTORY.as_bytes(), &Reading::default()).unwrap();
    let question = Question { first, limits: Limits::default(), initial: None };
    let examined = examine(&history, &question, &Progress::default()).unwrap();
    use_it(&Judged {
        name: "some.edn".into(),
        history: &history,
        examined: &examined,
        reading: Duration::ZERO,
        judging: Duration::ZERO,
    });
}

#[test]
fn the_words_tell_form_model_window_and_the_order_that_goes_farthest() {
    judged(false, |judged| {
        let text = text(judged);
        for expected in [
            "EDN, model register, keys in the value; 13 lines, 6 operations on 3 keys\n",
            "key \"a<b\", 4 operations: violated: no order explains these 4 operations\n",
            "  process 1                 |-------------put \"2\"- - - - - - - -\n",
            "   4  process 2: get -> \"<1>\" ok, line 8 to 9\n",
            "  none can be left out; every order was tried\n",
            "  farthest: 1, 2, 3; then there is \"2\", and 4 would have to come, but cannot\n",
            "key \"good\", 1 operations: holds\n",
            "say --initial \"5\"; with it this key holds\n",
            "verdict: violated\n",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    });
}

#[test]
fn the_first_violated_key_is_enough_if_asked_for() {
    judged(true, |judged| {
        assert_eq!((judged.examined.findings.len(), judged.examined.not_judged), (1, 2));
        assert!(text(judged).contains("2 more keys were not judged (--first)\n"));
        assert!(junit(judged).unwrap().contains("2 more keys"));
    });
}

#[test]
fn the_page_draws_bars_and_orders_and_loads_nothing() {
    judged(false, |judged| {
        let page = html(judged);
        assert!(page.starts_with("<!DOCTYPE html>"));
        assert!(page.contains("default-src 'none'"));
        for forbidden in ["http://", "https://", "<script", "<link", "<img", "@import", "url("] {
            let rest = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!rest.contains(forbidden), "{forbidden}");
        }
        // A bar for each operation of both windows, one of them without an end; what is written is escaped.
        assert_eq!(page.matches("<rect class=\"bar\"").count(), 4);
        assert_eq!(page.matches("<rect class=\"bar open\"").count(), 1);
        assert!(page.contains("&lt;1&gt;") && !page.contains("<1>"));
        // Each process has a line, and each order a choice, a line of moments, and words.
        for process in ["process 0", "process 1", "process 2", "process 3"] {
            assert!(page.contains(process), "{process}");
        }
        for order in ["v0o0", "v1o0"] {
            assert!(page.contains(&format!("id=\"{order}\"")), "{order}");
            assert!(page.contains(&format!("for=\"{order}\"")), "{order}");
            assert_eq!(page.matches(&format!("class=\"order {order}\"")).count(), 2, "{order}");
        }
        assert!(page.contains("cannot come next"));
        well_formed(&page);
    });
}

/// Whether each element is closed where it must be, each id stands once, and each label belongs to one.
fn well_formed(page: &str) {
    const EMPTY: [&str; 4] = ["meta", "input", "br", "hr"];
    let mut open: Vec<&str> = Vec::new();
    let (mut ids, mut labelled) = (Vec::new(), Vec::new());
    let mut rest = page.strip_prefix("<!DOCTYPE html>").unwrap();
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').unwrap();
        assert!(!rest[..start].contains('>') || open.last() == Some(&"style"), "{}", &rest[..start]);
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "what </{name}> closes"),
            None => {
                let name = tag.split([' ', '/']).next().unwrap();
                assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "<{tag}>");
                assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
                let value = |name: &str| tag.split_once(name).and_then(|(_, rest)| rest.split('"').next());
                ids.extend(value(" id=\""));
                labelled.extend(value(" for=\""));
                if !EMPTY.contains(&name) && !tag.ends_with('/') {
                    open.push(name);
                }
            }
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    assert!(labelled.iter().all(|id| ids.contains(id)), "{labelled:?} in {ids:?}");
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert!(ids.len() == count && count > 1, "{ids:?}");
}

#[test]
fn json_and_junit_tell_each_key() {
    judged(false, |judged| {
        let document: serde_json::Value = serde_json::from_str(&json(judged).unwrap()).unwrap();
        assert_eq!(document["exit_code"], 1);
        assert_eq!(document["recognised"]["model"], "register");
        assert_eq!(document["keys"][1]["verdict"], "holds");
        let window = &document["keys"][0]["window"];
        assert_eq!(window["operations"][1]["outcome"], "unknown");
        assert_eq!(window["operations"][3]["invoked"], 8);
        assert_eq!(window["orders"][0]["stuck"], serde_json::json!([4]));
        let junit = junit(judged).unwrap();
        assert!(junit.contains("tests=\"3\"") && junit.contains("failures=\"2\""), "{junit}");
        assert!(junit.contains("not linearizable: no order explains these 4 operations"), "{junit}");
    });
}

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: LinearArgs,
}

#[test]
fn the_command_writes_the_report_into_a_file() {
    let path = |end: &str| -> PathBuf {
        [env!("CARGO_TARGET_TMPDIR"), &format!("report-{}.{end}", std::process::id())].iter().collect()
    };
    let (input, output) = (path("edn"), path("out"));
    std::fs::write(&input, HISTORY).unwrap();
    for (report, begins) in [("html", "<!DOCTYPE html>"), ("json", "{"), ("junit", "<?xml"), ("text", "EDN")]
    {
        let words =
            ["linear", input.to_str().unwrap(), "--report", report, "--output", output.to_str().unwrap()];
        let code = run(&Command::try_parse_from(words).unwrap().args).unwrap();
        assert_eq!(code, 1.into(), "{report}");
        assert!(std::fs::read_to_string(&output).unwrap().starts_with(begins), "{report}");
    }
    std::fs::remove_file(&input).unwrap();
    std::fs::remove_file(&output).unwrap();
}

use super::*;
use crate::read::value::Value;

fn parse(text: &str) -> Result<Value, Stop> {
    let mut parser = Parser::new(text.as_bytes(), 0, true);
    let value = parser.value(0)?;
    assert!(parser.skip_blank()?.is_none(), "something is left of {text}");
    Ok(value.unwrap_or(Value::Nil))
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn name(text: &str) -> Value {
    Value::Name(text.into())
}

fn number(text: &str) -> Value {
    Value::Number(text.into())
}

#[test]
fn reads_what_a_history_holds() {
    let line = r#"#jepsen.history.Op{:process 0, :f :write, :value ["k\n\u00e9\ud83d\ude00" -12N], :at #inst "x" :s #{\a}} ; end"#;
    let expected = Value::Map(vec![
        (name("process"), number("0")),
        (name("f"), name("write")),
        (name("value"), Value::Sequence(vec![text("k\né😀"), number("-12")])),
        (name("at"), text("x")),
        (name("s"), Value::Sequence(vec![text("a")])),
    ]);
    assert_eq!(parse(line), Ok(expected));
    let rest = vec![Value::Nil, Value::Bool(true), Value::Bool(false), number("1.5")];
    assert_eq!(parse("[nil true #_ (1 2) #_3 #_ #_ 4 5 false ^{:line 1} +1.5]"), Ok(Value::Sequence(rest)));
}

#[test]
fn numbers_are_one_however_they_are_written() {
    for (written, expected) in [
        ("12N", "12"),
        ("-0", "0"),
        ("0x1F", "31"),
        ("017", "15"),
        ("2r101", "5"),
        ("-36rZ", "-35"),
        ("1/3", "1/3"),
        ("1.50M", "1.50"),
        ("1e9", "1e9"),
    ] {
        assert_eq!(parse(written), Ok(number(expected)), "{written}");
    }
}

#[test]
fn what_has_no_value_is_told_from_what_has() {
    for written in [
        r#"#"re\"g\d+""#,
        r#"#object[java.net.SocketException 0x14570829 "Connection (reset"]"#,
        "#error {\n :cause \"]\"\n :via\n [{:type E}]}",
        "#:db{:code 3, :x [1]}",
        "#::{:a 1}",
        "#<SocketException java.net.SocketException: <broken> pipe ) }>",
        "##NaN",
        "#'user/x",
        "'x",
        "@(atom [1])",
        "#(+ 1 %)",
        "#?(:clj 1)",
        "#=(java.util.Date. 1)",
        "\\nosuchname",
    ] {
        assert!(matches!(parse(written), Ok(Value::Opaque(_))), "{written}: {:?}", parse(written));
    }
    for (written, expected) in
        [("\\u0041", "A"), ("\\o101", "A"), ("\\newline", "\n"), ("\\(", "("), ("\\é", "é")]
    {
        assert_eq!(parse(written), Ok(text(expected)), "{written}");
    }
    assert_eq!(parse("##Inf"), Ok(name("##Inf")));
}

#[test]
fn says_where_a_text_is_malformed() {
    for (text, place) in [
        ("{:a 1", 5),
        ("{:a}", 4),
        ("[1 2}", 4),
        ("\"abc", 4),
        ("[12x]", 1),
        (r#""\q""#, 2),
        (r#""\ud800""#, 2),
        ("[#_]", 3),
        ("[# x]", 2),
    ] {
        match parse(text) {
            Err(Stop::Malformed { at, message }) => assert_eq!(at, place, "{text}: {message}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn nesting_costs_no_stack() {
    for open in ["[", "{", "#{", "^", "#_", "#a ", "'", "#?(", "#_[", "^[", "#<"] {
        let deep = open.repeat(200_000);
        assert!(parse(&deep).is_err(), "{open}");
        assert!(Parser::new(deep.as_bytes(), 0, true).skip().is_err(), "{open}");
    }
    let nested = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    assert!(matches!(parse(&nested), Ok(Value::Sequence(_))));
}

#[test]
fn a_window_that_ends_too_early_asks_for_more() {
    let whole = r#"#jepsen.history.Op{:a [1 \x "s\"t" #"r" #object[A 0x1 "b"] #_c ^m {:d e}], :f nil} "#;
    for end in 0..whole.trim_end().len() {
        let part = &whole.as_bytes()[..end];
        let value = Parser::new(part, 0, false).value(0);
        assert!(matches!(value, Err(Stop::Incomplete)), "{end}: {value:?}");
        assert_eq!(Parser::new(part, 0, false).skip(), Err(Stop::Incomplete), "{end}");
    }
    let mut parser = Parser::new(whole.as_bytes(), 0, true);
    assert!(parser.value(0).is_ok());
    let end = parser.at();
    let mut parser = Parser::new(whole.as_bytes(), 0, true);
    assert_eq!(parser.skip(), Ok(()));
    assert_eq!(parser.at(), end);
}

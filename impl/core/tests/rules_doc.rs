//! `docs/rules.md` says which function is which rule and which test guards it. Its tables are made here, from
//! [`Rule::ALL`] and from the doc comments of the tests, so they cannot fall behind.

use crate::pitfalls;
use figure2_core::Rule;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const CRATE: &str = env!("CARGO_MANIFEST_DIR");
const HOW: &str = "docs/rules.md is out of date. Write it anew with\n    \
                   FIGURE2_BLESS=1 cargo test -p figure2-core --test unit rules_doc";

/// A test as its source shows it.
struct Guard {
    file: String,
    name: String,
    rules: Vec<String>,
    pitfalls: Vec<usize>,
}

impl Guard {
    fn link(&self) -> String {
        format!("[{}](../impl/core/tests/{})", self.name, self.file)
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust files of a folder of this crate, in order.
fn sources(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(CRATE).join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    files
}

/// What follows one of the labels in a doc comment, up to the full stop.
fn listed<'a>(doc: &'a str, labels: &[&str]) -> Vec<&'a str> {
    let found = labels.iter().find_map(|label| doc.split_once(label));
    let list = found.and_then(|(_, rest)| rest.split_once('.')).map_or("", |(list, _)| list);
    list.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
}

/// All tests of this crate's test program.
fn guards() -> Vec<Guard> {
    let mut guards = Vec::new();
    for path in sources("tests") {
        let (mut doc, mut is_test) = (String::new(), false);
        for line in read(&path).lines().map(str::trim) {
            if let Some(comment) = line.strip_prefix("/// ") {
                doc.push_str(comment);
                doc.push(' ');
            } else if line == "#[test]" {
                is_test = true;
            } else {
                if let Some(name) = line.strip_prefix("fn ").filter(|_| is_test) {
                    let pitfalls = listed(&doc, &["Pitfalls ", "Pitfall "]);
                    guards.push(Guard {
                        file: path.file_name().unwrap().to_string_lossy().into_owned(),
                        name: name.split('(').next().unwrap_or_default().to_owned(),
                        rules: listed(&doc, &["Rules: "]).into_iter().map(str::to_owned).collect(),
                        pitfalls: pitfalls.into_iter().map(|n| n.parse().unwrap()).collect(),
                    });
                }
                (doc, is_test) = (String::new(), false);
            }
        }
    }
    guards
}

/// The file of `src/rules` in which a trait has a method; none when there is no such method.
fn file_of(function: &str) -> Option<String> {
    let (of_trait, method) = function.split_once("::")?;
    let file = sources("src/rules").into_iter().find(|path| {
        let source = read(path);
        let declared = source.split_once(&format!("pub trait {of_trait}<")).map(|(_, body)| body);
        declared.is_some_and(|body| {
            ["(", "<"].iter().any(|open| body.contains(&format!("    fn {method}{open}")))
        })
    })?;
    Some(file.file_name()?.to_string_lossy().into_owned())
}

fn rule_table(guards: &[Guard]) -> String {
    let mut table =
        "| id | rule | place in the paper | function | tests |\n|---|---|---|---|---|\n".to_owned();
    for rule in Rule::ALL {
        let tests: Vec<String> =
            guards.iter().filter(|g| g.rules.iter().any(|id| id == rule.id())).map(Guard::link).collect();
        let file = file_of(rule.function()).unwrap_or_default();
        writeln!(
            table,
            "| **{}** | {} | {} | [{}](../impl/core/src/rules/{file}) | {} |",
            rule.id(),
            rule.text(),
            rule.place(),
            rule.function(),
            tests.join("<br>")
        )
        .unwrap();
    }
    table
}

fn pitfall_table(guards: &[Guard]) -> String {
    let mut table = "| no. | pitfall | tests of the core | elsewhere |\n|---|---|---|---|\n".to_owned();
    for (number, pitfalls::Pitfall(text, elsewhere)) in (1..).zip(&pitfalls::ALL) {
        let tests: Vec<String> =
            guards.iter().filter(|g| g.pitfalls.contains(&number)).map(Guard::link).collect();
        writeln!(table, "| {number} | {text} | {} | {elsewhere} |", tests.join("<br>")).unwrap();
    }
    table
}

/// Puts a table between its two marks.
fn put(document: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (head, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("docs/rules.md lacks {begin:?}"));
    let (_, tail) = rest.split_once(&end).unwrap_or_else(|| panic!("docs/rules.md lacks {end:?}"));
    format!("{head}{begin}\n{table}\n{end}{tail}")
}

#[test]
fn the_tables_of_the_rules_document_are_up_to_date() {
    let path = Path::new(CRATE).join("../../docs/rules.md");
    let document = read(&path);
    let guards = guards();
    let expected = put(&document, "rules", &rule_table(&guards));
    let expected = put(&expected, "pitfalls", &pitfall_table(&guards));
    if document == expected {
        return;
    }
    assert!(std::env::var_os("FIGURE2_BLESS").is_some(), "{HOW}");
    fs::write(&path, expected).unwrap();
}

#[test]
fn every_rule_is_a_function_and_has_a_test() {
    let guards = guards();
    for rule in Rule::ALL {
        assert!(file_of(rule.function()).is_some(), "{}: no {} in src/rules", rule.id(), rule.function());
        let guarded = guards.iter().any(|guard| guard.rules.iter().any(|id| id == rule.id()));
        assert!(guarded, "no test names the rule {}", rule.id());
    }
    assert_eq!(file_of("Leaders::no_such_rule"), None);
}

#[test]
fn every_pitfall_is_met_somewhere() {
    let guards = guards();
    for (number, pitfalls::Pitfall(text, elsewhere)) in (1..).zip(&pitfalls::ALL) {
        let tested = guards.iter().any(|guard| guard.pitfalls.contains(&number));
        assert!(tested || !elsewhere.is_empty(), "nobody looks after pitfall {number}: {text}");
    }
}

#[test]
fn tests_name_only_rules_and_pitfalls_that_exist() {
    let guards = guards();
    let marks: usize =
        sources("tests").iter().map(|p| read(p).lines().filter(|line| *line == "#[test]").count()).sum();
    assert_eq!(guards.len(), marks, "a test was not understood");
    for guard in guards {
        for id in &guard.rules {
            assert!(Rule::ALL.iter().any(|rule| rule.id() == id), "{}: there is no rule {id}", guard.name);
        }
        for number in &guard.pitfalls {
            assert!((1..=50).contains(number), "{}: there is no pitfall {number}", guard.name);
        }
    }
}

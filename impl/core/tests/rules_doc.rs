//! `docs/rules.md` says which function is which rule, and `docs/rule-checks.md` what guards it. Their tables are made here,
//! from [`Rule::ALL`], the sources of the rules, the doc comments of the tests, the scripts, and `docs/mutants.md`, so
//! they cannot fall behind.

mod mutants;
mod pages;
mod sources;

use crate::coverage::BEFORE_ANY_STEP;
use crate::pitfalls;
use figure2_core::Rule;
use mutants::Killer;
use pages::Facts;
use sources::{CRATE, Function, files, functions, functions_of, guards, read};
use std::fs;
use std::iter;
use std::path::Path;

const HOW: &str = "is out of date. Write it anew with\n    \
                   FIGURE2_BLESS=1 cargo test -p figure2-core --test unit rules_doc";

fn facts() -> Facts {
    Facts { guards: guards(), mutants: mutants::mutants(), functions: functions() }
}

/// Compares a page with what it must say, or writes it.
fn compare(name: &str, expected: impl FnOnce(&str) -> String) {
    let path = Path::new(CRATE).join("../../docs").join(name);
    let document = fs::read_to_string(&path).unwrap_or_default();
    let expected = expected(&document);
    if document == expected {
        return;
    }
    assert!(std::env::var_os("FIGURE2_BLESS").is_some(), "docs/{name} {HOW}");
    fs::write(&path, expected).unwrap();
}

#[test]
fn the_tables_of_the_rules_document_are_up_to_date() {
    let facts = facts();
    compare("rules.md", |document| {
        let document = pages::put(document, "rules", &pages::rule_table(&facts));
        pages::put(&document, "pitfalls", &pages::pitfall_table(&facts))
    });
}

#[test]
fn the_page_of_what_holds_each_rule_is_up_to_date() {
    compare("rule-checks.md", |_| pages::checks(&facts()));
}

#[test]
fn every_rule_has_its_functions_a_test_and_a_mutant() {
    let Facts { guards, mutants, functions } = facts();
    for rule in Rule::ALL.iter().copied() {
        let id = rule.id();
        for name in iter::once(rule.function()).chain(rule.decision()) {
            assert_eq!(functions.iter().filter(|f| f.name == name).count(), 1, "{id}: {name} in src/rules");
        }
        assert!(guards.iter().any(|guard| guard.guards(rule)), "no test names the rule {id}");
        assert!(
            !mutants::of_rule(&mutants, rule).is_empty(),
            "docs/mutants.md has no mutant of the rule {id}"
        );
    }
}

#[test]
fn a_rule_fires_in_the_function_that_is_named_for_it() {
    let functions = functions();
    for rule in Rule::ALL.iter().copied() {
        let id = rule.id();
        let firing: Vec<&Function> = functions.iter().filter(|f| f.fires(rule)).collect();
        let names: Vec<&str> = firing.iter().map(|f| f.name.as_str()).collect();
        if BEFORE_ANY_STEP.contains(&rule) {
            assert!(names.is_empty(), "{id} fires after all, in {names:?}");
            continue;
        }
        assert_eq!(names, [rule.function()], "{id}: where it fires, and what Rule::function names");
        if let Some((_, method)) = rule.decision().and_then(|decision| decision.split_once("::")) {
            assert!(firing[0].calls(method), "{id} fires in {}, and {method} is not asked", names[0]);
        }
    }
}

#[test]
fn functions_are_told_apart() {
    let source = "pub trait One<C>: Two<C> {\n    /// Not { here.\n    fn first(\n        &self,\n    ) {\n        \
                  fx.fired(Rule::L3B);\n    }\n    fn second(&self) { self.first() }\n}\n\nfn third() {\n}\n";
    let functions = functions_of("one.rs", source);
    let names: Vec<&str> = functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names, ["One::first", "One::second", "third"]);
    let fires = |rule| functions.iter().map(|f: &Function| f.fires(rule)).collect::<Vec<_>>();
    assert_eq!((fires(Rule::L3B), fires(Rule::L3)), (vec![true, false, false], vec![false; 3]));
    assert!(functions[1].calls("first") && !functions[1].calls("irst"));
}

#[test]
fn the_properties_that_break_are_those_of_the_model() {
    let model = read(&Path::new(CRATE).join("../../docs/model.md"));
    let mutants = mutants::mutants();
    assert!(mutants.len() > 150, "docs/mutants.md was not understood");
    for mutant in mutants {
        if let Killer::Property(property) = mutant.killer {
            assert!(model.contains(&property), "{}: docs/model.md has no property {property}", mutant.id);
        }
    }
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
        files("tests").iter().map(|p| read(p).lines().filter(|line| *line == "#[test]").count()).sum();
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

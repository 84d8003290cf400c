//! The tables of `docs/rules.md`, and the page `docs/rule-checks.md`.

use super::mutants::{self, Killer, Mutant};
use super::sources::{Function, Guard};
use crate::golden::{self, SCRIPTS};
use crate::pitfalls;
use figure2_core::Rule;
use std::fmt::Write as _;

const CHECKS: &str = "\
# What holds each rule

For every rule of [rules.md](rules.md): the tests of the core that guard it, the [golden scripts](scripts.md) that show it,
and its [mutants](mutants.md), which are bugs made in it on purpose, each with what notices it: a property of
[the model](model.md#properties), or that the cluster does not [recover](model.md#recovery). A mutant that nothing notices
is harmless or equivalent, for a reason that [mutants.md](mutants.md#changes-that-break-no-property) gives and checks.

This page is made from `Rule::ALL`, the doc comments of the tests, the first lines of the scripts, and mutants.md. A test
fails when it is out of date, and says how to write it anew.
";

/// Everything that the pages are made of.
pub struct Facts {
    pub guards: Vec<Guard>,
    pub mutants: Vec<Mutant>,
    pub functions: Vec<Function>,
}

impl Facts {
    fn guards_of(&self, rule: Rule) -> Vec<&Guard> {
        self.guards.iter().filter(|guard| guard.guards(rule)).collect()
    }

    /// Links to the function in which the rule fires, and to the one that decides where that is another.
    fn function_cell(&self, rule: Rule) -> String {
        let link = |name: &str| {
            let function = self.functions.iter().find(|function| function.name == name).unwrap();
            format!("[{name}](../impl/core/src/rules/{})", function.file)
        };
        match rule.decision() {
            None => link(rule.function()),
            Some(decision) => format!("{}, decided by {}", link(rule.function()), link(decision)),
        }
    }
}

fn scripts_of(rule: Rule) -> Vec<&'static str> {
    let shows = |script: &&&str| golden::header(script).rules.iter().any(|id| id == rule.id());
    SCRIPTS.iter().filter(shows).copied().collect()
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The table of the rules: one row each, and one link to each thing.
pub fn rule_table(facts: &Facts) -> String {
    let mut table = "| id | rule | place in the paper | function | tests | property | mutants |\n\
                     |---|---|---|---|---|---|---|\n"
        .to_owned();
    for rule in Rule::ALL.iter().copied() {
        let anchor = rule.id().to_lowercase();
        let mutants = mutants::of_rule(&facts.mutants, rule);
        let property = match mutants::killer(&mutants) {
            Killer::Property(property) => format!("[{property}](model.md#properties)"),
            Killer::Recovery => "[recovery](model.md#recovery)".to_owned(),
            Killer::Nothing(none) => format!("[{none}](mutants.md#changes-that-break-no-property)"),
        };
        let tests = count(facts.guards_of(rule).len(), "test");
        let tests = format!("{tests}, {}", count(scripts_of(rule).len(), "script"));
        writeln!(
            table,
            "| **{}** | {} | {} | {} | [{tests}](rule-checks.md#{anchor}-tests) | {property} | \
             [{}](rule-checks.md#{anchor}-mutants) |",
            rule.id(),
            rule.text(),
            rule.place(),
            facts.function_cell(rule),
            count(mutants.len(), "mutant"),
        )
        .unwrap();
    }
    table
}

/// The page with the tests, scripts and mutants of each rule.
pub fn checks(facts: &Facts) -> String {
    let mut page = CHECKS.to_owned();
    for rule in Rule::ALL.iter().copied() {
        let (id, text, place) = (rule.id(), rule.text(), rule.place());
        writeln!(page, "\n## {id}\n\n{text} ({place})\n\n### {id}: tests\n").unwrap();
        for guard in facts.guards_of(rule) {
            writeln!(page, "- {}", guard.link()).unwrap();
        }
        for script in scripts_of(rule) {
            writeln!(page, "- script [{script}](../impl/core/tests/scripts/{script})").unwrap();
        }
        writeln!(page, "\n### {id}: mutants\n\n| mutant | bug | noticed by |\n|---|---|---|").unwrap();
        for Mutant { id, bug, killer, .. } in mutants::of_rule(&facts.mutants, rule) {
            let by = match killer {
                Killer::Property(property) => property.clone(),
                Killer::Recovery => "recovery".to_owned(),
                Killer::Nothing(why) => format!("nothing: {why}"),
            };
            writeln!(page, "| `{id}` | {bug} | {by} |").unwrap();
        }
    }
    page
}

pub fn pitfall_table(facts: &Facts) -> String {
    let mut table = "| no. | pitfall | tests of the core | elsewhere |\n|---|---|---|---|\n".to_owned();
    for (number, pitfalls::Pitfall(text, elsewhere)) in (1..).zip(&pitfalls::ALL) {
        let tests: Vec<String> =
            facts.guards.iter().filter(|g| g.pitfalls.contains(&number)).map(Guard::link).collect();
        writeln!(table, "| {number} | {text} | {} | {elsewhere} |", tests.join("<br>")).unwrap();
    }
    table
}

/// Puts a table between its two marks in `docs/rules.md`.
pub fn put(document: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (head, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("docs/rules.md lacks {begin:?}"));
    let (_, tail) = rest.split_once(&end).unwrap_or_else(|| panic!("docs/rules.md lacks {end:?}"));
    format!("{head}{begin}\n{table}\n{end}{tail}")
}

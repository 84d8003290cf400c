//! The mutants of a rule, as `docs/mutants.md` lists them. It is read as text: the core knows nothing of the model, whose
//! program writes that page.

use super::sources::{CRATE, read};
use figure2_core::Rule;
use std::path::Path;

/// What notices a mutant.
#[derive(Clone, PartialEq, Eq)]
pub enum Killer {
    /// A property of the model.
    Property(String),
    /// The cluster does not recover once faults end.
    Recovery,
    /// Nothing, and the page says why: the change is harmless, or changes nothing at all.
    Nothing(String),
}

/// A rule with a bug in it.
pub struct Mutant {
    pub id: String,
    pub rule: String,
    pub bug: String,
    pub killer: Killer,
}

/// All mutants, in the order of the page.
pub fn mutants() -> Vec<Mutant> {
    let page = read(&Path::new(CRATE).join("../../docs/mutants.md"));
    let mut mutants = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let (title, text) = section.split_once('\n').unwrap_or((section, ""));
        let killer: fn(&str) -> Killer = match title {
            "Killed" => |property| Killer::Property(property.to_owned()),
            "Killed by recovery" => |_| Killer::Recovery,
            "Changes that break no property" => |why| {
                let word = why.trim_start_matches('*').split('.').next().unwrap_or_default();
                Killer::Nothing(word.to_lowercase())
            },
            _ => continue,
        };
        for row in text.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
            let [id, rule, bug, by, ..] = cells[..] else { panic!("not a row of mutants: {row}") };
            let (id, rule, bug) = (id.trim_matches('`').to_owned(), rule.to_owned(), bug.to_owned());
            mutants.push(Mutant { id, rule, bug, killer: killer(by) });
        }
    }
    mutants
}

/// Those of one rule.
pub fn of_rule(mutants: &[Mutant], rule: Rule) -> Vec<&Mutant> {
    mutants.iter().filter(|mutant| mutant.rule == rule.id()).collect()
}

/// The property that most of these mutants break, the first one of several; else recovery, else nothing.
pub fn killer(mutants: &[&Mutant]) -> Killer {
    let count = |killer: &Killer| mutants.iter().filter(|mutant| mutant.killer == *killer).count();
    let properties = mutants.iter().map(|mutant| &mutant.killer).filter(|k| matches!(k, Killer::Property(_)));
    if let Some(most) = properties.clone().map(count).max() {
        return properties.clone().find(|killer| count(killer) == most).unwrap().clone();
    }
    let recovers = mutants.iter().any(|mutant| mutant.killer == Killer::Recovery);
    if recovers { Killer::Recovery } else { Killer::Nothing("none".to_owned()) }
}

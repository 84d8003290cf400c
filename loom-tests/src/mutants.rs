//! Mutants of the engine, each with one error, to show that the scenarios find it.

mod list;

pub use list::all;

/// A mutant: texts of the engine, and what they are replaced by.
pub struct Mutant {
    /// Its name on the command line and in the table.
    pub name: &'static str,
    /// What is wrong with it.
    pub about: &'static str,
    /// The file, from impl/engine/src; a text that stands there exactly once; what takes its place.
    pub replacements: &'static [(&'static str, &'static str, &'static str)],
    /// The scenarios that are tried first.
    pub likely: &'static [&'static str],
}

/// Puts `new` in the place of `old`, which must stand in the text exactly once.
pub fn replace(text: &str, old: &str, new: &str) -> Result<String, String> {
    match text.matches(old).count() {
        1 => Ok(text.replacen(old, new, 1)),
        times => Err(format!("this text stands there {times} times, not once (adapt the mutant):\n{old}")),
    }
}

/// The mutant of that name.
pub fn find(name: &str) -> Result<&'static Mutant, String> {
    all().find(|mutant| mutant.name == name).ok_or_else(|| format!("no mutant {name}: --list shows them"))
}

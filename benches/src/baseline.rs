//! The instruction counts to compare with: a file under version control.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The counts of a machine's code: what was measured, and how many instructions it took.
pub type Counts = BTreeMap<String, u64>;

/// How much more than before is too much, in percent.
pub const TOLERANCE: u64 = 5;

/// Counts and the compiler whose code they are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The compiler's version and what it compiles for.
    pub compiler: String,
    /// The counts.
    pub counts: Counts,
}

const COMPILER: &str = "compiler: ";

impl Baseline {
    /// As it stands in the file.
    pub fn to_text(&self) -> String {
        let mut text = "# Instructions; `cargo bench-instructions --bless` writes this file.\n".to_owned();
        text.push_str(&format!("{COMPILER}{}\n", self.compiler));
        for (name, count) in &self.counts {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<28} {count}");
        }
        text
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// When a line is neither a comment nor the compiler nor a count, or no line names the compiler.
    pub fn from_text(text: &str) -> Result<Baseline, String> {
        let mut compiler = None;
        let mut counts = Counts::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix(COMPILER) {
                compiler = Some(name.to_owned());
            } else {
                let words: Vec<&str> = line.split_whitespace().collect();
                let count = words.get(1).and_then(|word| word.parse().ok());
                let (2, Some(count)) = (words.len(), count) else {
                    return Err(format!("not a name and a count: {line}"));
                };
                counts.insert(words[0].to_owned(), count);
            }
        }
        let compiler = compiler.ok_or_else(|| format!("no line begins with `{COMPILER}`"))?;
        Ok(Baseline { compiler, counts })
    }
}

/// What became of one count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Within the tolerance.
    Kept,
    /// Fewer instructions than before, by more than the tolerance.
    Better,
    /// More instructions than before, by more than the tolerance.
    Worse,
    /// It was not measured before.
    New,
    /// It was measured before only.
    Gone,
}

impl Change {
    /// From a count to another.
    pub fn between(before: Option<u64>, now: Option<u64>) -> Change {
        match (before, now) {
            (Some(before), Some(now)) if now * 100 > before * (100 + TOLERANCE) => Change::Worse,
            (Some(before), Some(now)) if now * 100 < before * (100 - TOLERANCE) => Change::Better,
            (Some(_), Some(_)) => Change::Kept,
            (None, _) => Change::New,
            (_, None) => Change::Gone,
        }
    }

    /// Whether it must not pass unnoticed.
    pub fn fails(self) -> bool {
        matches!(self, Change::Worse | Change::New | Change::Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let counts = [("clone".to_owned(), 90), ("request-vote".to_owned(), 1_234)];
        let baseline = Baseline { compiler: "rustc 1.88.0, some-target".to_owned(), counts: counts.into() };
        assert_eq!(Baseline::from_text(&baseline.to_text()), Ok(baseline));
    }

    #[test]
    fn a_damaged_file_is_refused() {
        for text in
            ["clone 90\n", "compiler: x\nclone\n", "compiler: x\nclone many\n", "compiler: x\na b 3\n"]
        {
            assert!(Baseline::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn more_than_the_tolerance_fails_and_less_does_not() {
        assert_eq!(Change::between(Some(100), Some(105)), Change::Kept);
        assert_eq!(Change::between(Some(100), Some(106)), Change::Worse);
        assert_eq!(Change::between(Some(100), Some(95)), Change::Kept);
        assert_eq!(Change::between(Some(100), Some(94)), Change::Better);
        assert!(Change::Worse.fails() && !Change::Kept.fails() && !Change::Better.fails());
    }

    #[test]
    fn a_count_that_only_one_side_has_fails() {
        assert!(Change::between(None, Some(1)).fails());
        assert!(Change::between(Some(1), None).fails());
    }
}

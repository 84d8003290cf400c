//! The table as a file with a line for each cell, so that lines can be added one by one and a diff can be read.

use super::cell::{Cell, cells, references};
use crate::properties::Safety;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::{self, Write};

/// What the table says of a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The rules of Figure 2: nothing is broken, and so many states are there.
    Right,
    /// These properties are broken.
    Killed(Vec<Safety>),
    /// From some state the cluster does not recover: asked of what breaks liveness alone.
    Unrecovered,
    /// No property is broken, and there are other states or steps than under the rules of Figure 2. What the profile must
    /// show and does not, by name.
    Other(Vec<String>),
    /// No property is broken, and there are as many states and steps as under the rules of Figure 2: the profile cannot
    /// see the change.
    Same,
    /// The profile's scripted beginning cannot be played under these rules.
    Unplayable,
    /// A limit was hit, or the search failed: nothing is known.
    Unfinished(String),
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The mutant, the survivor, or `Figure2`.
    pub id: String,
    /// The profile.
    pub place: String,
    /// What became of it there.
    pub said: Said,
    /// Distinct states that the search saw.
    pub distinct: u64,
    /// States that it generated, repeats included.
    pub generated: u64,
    /// What it was made with.
    pub digest: String,
}

/// A table that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What all of it was made with, as its head says; none while it is being made.
    pub hash: Option<String>,
    lines: Vec<Line>,
    /// Where the line of a place is.
    places: HashMap<(String, String), usize>,
}

/// Why a file is no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The first line is not that of a table.
    #[error("it does not begin with \"{HEAD}\"")]
    NoTable,
    /// A line that says nothing that is known.
    #[error("line {number} cannot be read: {line}")]
    Line {
        /// The line's number, from 1.
        number: usize,
        /// The line.
        line: String,
    },
}

const HEAD: &str = "# figure2 kill table, version 1";

/// What a whole table is made with now: the digests of all its places.
pub fn hash() -> String {
    let mut digest = Sha256::new();
    for cell in references().iter().chain(&cells()) {
        digest.update(format!("{} {} {}\n", cell.id(), cell.place(), cell.digest()));
    }
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

impl Table {
    /// Reads a table. A last line without its end was being written when the power went: it is left out.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Table, TableError> {
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let mut lines = whole.lines().enumerate();
        if lines.next().is_none_or(|(_, line)| line != HEAD) {
            return Err(TableError::NoTable);
        }
        let mut table = Table::default();
        for (place, line) in lines {
            if let Some(comment) = line.strip_prefix('#') {
                if let Some(hash) = comment.trim().strip_prefix("made with ") {
                    table.hash = Some(hash.to_owned());
                }
                continue;
            }
            let wrong = || TableError::Line { number: place + 1, line: line.to_owned() };
            table.insert(Line::parse(line).ok_or_else(wrong)?);
        }
        Ok(table)
    }

    /// Puts a line in the place of the one that stands for the same.
    pub fn insert(&mut self, line: Line) {
        let next = self.lines.len();
        let place = *self.places.entry((line.id.clone(), line.place.clone())).or_insert(next);
        match self.lines.get_mut(place) {
            Some(there) => *there = line,
            None => self.lines.push(line),
        }
    }

    /// The line of a place, if it was made with what is there now.
    pub fn get(&self, cell: &Cell) -> Option<&Line> {
        let place = self.places.get(&(cell.id().to_owned(), cell.place()))?;
        self.lines.get(*place).filter(|line| line.digest == cell.digest())
    }

    /// The line of a place, whatever it was made with.
    pub fn find(&self, cell: &Cell) -> Option<&Line> {
        self.places.get(&(cell.id().to_owned(), cell.place())).and_then(|place| self.lines.get(*place))
    }

    /// All its lines.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The head of a file to which lines are added.
    pub fn head() -> String {
        format!("{HEAD}\n# mutant\tprofile\tsaid\tof what\tdistinct\tgenerated\tmade with\n")
    }

    /// The whole file: the lines of the places that there are now, in order. It says what it was made with if none is
    /// missing.
    pub fn text(&self) -> String {
        let cells: Vec<Cell> = references().into_iter().chain(cells()).collect();
        let lines: Vec<&Line> = cells.iter().filter_map(|cell| self.get(cell)).collect();
        let mut text = Table::head();
        if lines.len() == cells.len() {
            let _ = writeln!(text, "# made with {}", hash());
        }
        lines.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        text
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { id, place, said, distinct, generated, digest } = self;
        let (word, what) = match said {
            Said::Right => ("right", String::new()),
            Said::Killed(broken) => {
                ("killed", broken.iter().map(|safety| safety.name()).collect::<Vec<_>>().join("; "))
            }
            Said::Unrecovered => ("unrecovered", String::new()),
            Said::Other(missing) => ("other", missing.join("; ")),
            Said::Same => ("same", String::new()),
            Said::Unplayable => ("unplayable", String::new()),
            Said::Unfinished(why) => ("unfinished", why.replace(['\t', '\n'], " ")),
        };
        let what = if what.is_empty() { "-" } else { &what };
        write!(f, "{id}\t{place}\t{word}\t{what}\t{distinct}\t{generated}\t{digest}")
    }
}

impl Line {
    fn parse(line: &str) -> Option<Line> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [id, place, word, what, distinct, generated, digest] = fields[..] else { return None };
        let list = || what.split("; ").filter(|what| *what != "-");
        let said = match word {
            "right" => Said::Right,
            "killed" => {
                let named = |name: &str| Safety::ALL.into_iter().find(|safety| safety.name() == name);
                let broken = list().map(named).collect::<Option<Vec<Safety>>>()?;
                Said::Killed((!broken.is_empty()).then_some(broken)?)
            }
            "unrecovered" => Said::Unrecovered,
            "other" => Said::Other(list().map(str::to_owned).collect()),
            "same" => Said::Same,
            "unplayable" => Said::Unplayable,
            "unfinished" => Said::Unfinished(what.to_owned()),
            _ => return None,
        };
        let (distinct, generated) = (distinct.parse().ok()?, generated.parse().ok()?);
        let (id, place, digest) = (id.to_owned(), place.to_owned(), digest.to_owned());
        Some(Line { id, place, said, distinct, generated, digest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::table::Effort;

    fn cell(id: &str, place: &str) -> Cell {
        cells().into_iter().find(|cell| cell.id() == id && cell.place() == place).unwrap()
    }

    fn line(said: Said, cell: &Cell) -> Line {
        let (id, place) = (cell.id().to_owned(), cell.place());
        Line { id, place, said, distinct: 7, generated: 9, digest: cell.digest() }
    }

    #[test]
    fn what_is_written_is_read_again_whatever_a_line_says() {
        let cell = cell("P3-end", "power-loss-1");
        for said in [
            Said::Right,
            Said::Killed(vec![Safety::OneVote, Safety::NoRejection]),
            Said::Unrecovered,
            Said::Other(vec![]),
            Said::Other(vec!["a commit".to_owned(), "AE3".to_owned()]),
            Said::Same,
            Said::Unplayable,
            Said::Unfinished("the time limit of 3 s was hit".to_owned()),
        ] {
            let line = line(said, &cell);
            let table = Table::parse(&format!("{}{line}\n", Table::head())).unwrap();
            assert_eq!(table.get(&cell), Some(&line));
        }
    }

    #[test]
    fn a_line_that_was_being_written_is_left_out_and_the_last_of_several_counts() {
        let cell = cell("P3-end", "power-loss-1");
        let (first, last) = (line(Said::Same, &cell), line(Said::Other(vec![]), &cell));
        let mut text = format!("{}{first}\n{last}\n", Table::head());
        assert_eq!(Table::parse(&text).unwrap().get(&cell), Some(&last));
        text.push_str(&first.to_string());
        for end in 1..first.to_string().len() {
            let torn = &text[..text.len() - end];
            assert_eq!(Table::parse(torn).unwrap().get(&cell), Some(&last));
        }
        assert_eq!(Table::parse("{}\n"), Err(TableError::NoTable));
        let wrong = format!("{}V8\telection\tbetter\t-\t1\t1\tff\n", Table::head());
        assert!(matches!(Table::parse(&wrong), Err(TableError::Line { number: 3, .. })));
    }

    #[test]
    fn a_line_that_was_made_with_something_else_does_not_count_and_is_not_written_again() {
        let cell = cell("P3-end", "power-loss-1");
        let mut table = Table::default();
        table.insert(Line { digest: "0".repeat(16), ..line(Said::Same, &cell) });
        assert_eq!(table.get(&cell), None);
        assert!(table.find(&cell).is_some());
        assert_eq!(table.text(), Table::head());
    }

    #[test]
    fn places_differ_in_what_they_are_made_with_and_a_limit_is_never_an_answer() {
        let (one, other) = (cell("P3-end", "power-loss-1"), cell("P3-older", "power-loss-1"));
        assert_ne!(one.digest(), other.digest());
        assert_ne!(one.digest(), cell("P3-end", "power-loss").digest());
        let reference = references().into_iter().find(|cell| cell.place() == "power-loss-1").unwrap();
        let effort = Effort { max_states: 100, time_limit: None, max_memory: None };
        let cut = reference.explore(None, &effort).unwrap();
        assert!(matches!(cut.said, Said::Unfinished(_)), "{cut}");
        let all = Effort { max_states: u64::MAX, ..effort };
        let right = reference.explore(None, &all).unwrap();
        assert_eq!(right.said, Said::Right);
        let counts = Some((right.distinct, right.generated));
        assert_eq!(one.explore(counts, &all).unwrap().said, Said::Killed(vec![Safety::CommittedOnMajority]));
        // Figure 8 does not come up where one server is alone.
        assert_eq!(cell("C1", "power-loss-1").explore(counts, &all).unwrap().said, Said::Same);
    }
}

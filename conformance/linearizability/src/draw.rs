//! A window of operations as text: a lane for each client, time from left to right.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::picture::{Bar, Picture};
use super::read::Places;
use super::shrink::Window;

/// Wider drawings show numbers in the lanes instead of the operations.
const WIDTH: usize = 150;

/// Draws the window: each operation from its invocation to its completion, `|-put "a"-|`; one of unknown outcome has no
/// end, `|-put "a"- - -`. Below, each operation with its places in the history. `place` names the places, such as
/// "line".
pub fn draw(window: &Window, place: &str) -> String {
    draw_picture(&Picture::of_window(window, false), &Places::default(), place)
}

/// [`draw`], of any picture.
pub(crate) fn draw_picture(picture: &Picture, places: &Places, word: &str) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "  before: {}", picture.before);
    let labels: Vec<String> = picture.bars.iter().map(|bar| bar.short.clone()).collect();
    let mut lanes = Lanes::new(&picture.bars, &labels);
    if lanes.width > WIDTH {
        let numbers: Vec<String> = (1..=labels.len()).map(|number| number.to_string()).collect();
        lanes = Lanes::new(&picture.bars, &numbers);
    }
    text.push_str(&lanes.text);
    for (at, bar) in picture.bars.iter().enumerate() {
        let _ = writeln!(text, "{:>4}  process {}: {}", at + 1, bar.process, bar.described(places, word));
    }
    for bar in &picture.outside {
        let _ = writeln!(text, "      outside, process {}: {}", bar.process, bar.described(places, word));
    }
    text
}

/// The lanes of the clients, each of one row or several: an operation of unknown outcome fills its row to the end, and
/// what its client does next needs another.
pub(crate) fn rows(bars: &[Bar]) -> BTreeMap<u64, Vec<Vec<usize>>> {
    let mut lanes: BTreeMap<u64, Vec<Vec<usize>>> = BTreeMap::new();
    for (at, bar) in bars.iter().enumerate() {
        let rows = lanes.entry(bar.process).or_default();
        let is_free = |row: &Vec<usize>| {
            row.last()
                .is_none_or(|&last| bars[last].completed.is_some_and(|completed| completed < bar.invoked))
        };
        match rows.iter_mut().find(|row| is_free(row)) {
            Some(row) => row.push(at),
            None => rows.push(vec![at]),
        }
    }
    lanes
}

/// The drawing of the lanes.
struct Lanes {
    text: String,
    width: usize,
}

impl Lanes {
    fn new(bars: &[Bar], labels: &[String]) -> Self {
        let columns = Columns::new(bars, labels);
        let lanes = rows(bars);
        let title = |process: &u64| format!("process {process}");
        let margin = lanes.keys().map(|process| title(process).len()).max().unwrap_or(0);
        let mut text = String::new();
        for (process, rows) in &lanes {
            for (row, members) in rows.iter().enumerate() {
                let title = if row == 0 { title(process) } else { String::new() };
                let mut line = format!("  {title:margin$}  ");
                let start = line.len();
                for &at in members {
                    let (from, to) = (columns.of(bars[at].invoked), columns.end(&bars[at]));
                    let drawn = line.chars().count() - start;
                    line.extend(std::iter::repeat_n(' ', from.saturating_sub(drawn)));
                    line.push_str(&drawn_bar(&bars[at], &labels[at], to - from));
                }
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
        Self { text, width: columns.width }
    }
}

/// One operation of `width` columns.
fn drawn_bar(bar: &Bar, label: &str, width: usize) -> String {
    let space = width.saturating_sub(label.chars().count() + 2);
    let left = space / 2;
    let right = space - left;
    if bar.completed.is_some() {
        format!("|{}{label}{}|", "-".repeat(left), "-".repeat(right))
    } else {
        format!("|{}{label}{}", "-".repeat(left), "- ".repeat(right.div_ceil(2) + 1))
    }
}

/// Which column each event is drawn in: as few as leave room for the labels.
pub(crate) struct Columns {
    places: BTreeMap<u64, usize>,
    /// Columns in all.
    pub(crate) width: usize,
}

impl Columns {
    pub(crate) fn new(bars: &[Bar], labels: &[String]) -> Self {
        let mut events: BTreeMap<u64, Option<usize>> = BTreeMap::new();
        for (at, bar) in bars.iter().enumerate() {
            events.insert(bar.invoked, None);
            if let Some(completed) = bar.completed {
                events.insert(completed, Some(at));
            }
        }
        let room = |at: usize| labels[at].chars().count() + 4;
        let mut places: BTreeMap<u64, usize> = BTreeMap::new();
        let mut next = 0;
        for (place, completes) in events {
            if let Some(at) = completes {
                let from = places.get(&bars[at].invoked).copied().unwrap_or(0);
                next = next.max(from + room(at));
            }
            places.insert(place, next);
            next += 2;
        }
        let open = (0..bars.len()).filter(|&at| bars[at].completed.is_none());
        let needed = open.map(|at| places.get(&bars[at].invoked).copied().unwrap_or(0) + room(at)).max();
        Self { width: next.max(needed.unwrap_or(0)), places }
    }

    pub(crate) fn of(&self, place: u64) -> usize {
        self.places.get(&place).copied().unwrap_or(0)
    }

    pub(crate) fn end(&self, bar: &Bar) -> usize {
        bar.completed.map_or(self.width, |completed| self.of(completed))
    }
}

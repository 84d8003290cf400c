//! A space-time diagram in characters. Time runs downwards, each server is a line, and a message is an arrow in the
//! row in which it arrives; its name is in the row in which it was sent.

use super::{alike, brief, still_on_their_way, tag};
use figure2_core::ServerId;
use figure2_model::{Fate, Field, SentMessage, Step, Trace};

/// No line is longer than this, in characters.
const WIDTH: usize = 118;

/// Room to the left of the first server, for the numbers of steps.
const MARGIN: usize = 6;

/// Room to the right of the last server, for what it sends.
const STUB: usize = 9;

/// The diagram, with a legend.
#[must_use]
pub fn diagram(trace: &Trace) -> String {
    let servers = trace.start.len();
    let mut drawing = Drawing { trace, gap: gap(servers), servers, text: String::new() };
    drawing.heading();
    for (i, step) in trace.steps.iter().enumerate() {
        drawing.step(i, step);
    }
    drawing.ending();
    drawing.text
}

fn gap(servers: usize) -> usize {
    match servers {
        0..=3 => 12,
        4 | 5 => 10,
        _ => 7,
    }
}

struct Drawing<'a> {
    trace: &'a Trace,
    gap: usize,
    servers: usize,
    text: String,
}

impl Drawing<'_> {
    fn column(&self, server: ServerId) -> usize {
        MARGIN + usize::from(server.0) * self.gap
    }

    fn words_from(&self) -> usize {
        MARGIN + self.servers.saturating_sub(1) * self.gap + STUB
    }

    /// A row of lines, as the nodes are.
    fn row(&self, nodes: &[Vec<Field>]) -> Vec<char> {
        let mut row = vec![' '; self.words_from()];
        for (id, node) in (0u8..).map(ServerId).zip(nodes) {
            put(&mut row, self.column(id), line_of(node));
        }
        row
    }

    /// Writes rows: the words go beside the first, and on, where they are long, beside copies of `below`.
    fn write(&mut self, mut row: Vec<char>, below: &[char], words: &str) {
        let room = WIDTH.saturating_sub(self.words_from());
        for line in wrap(words, room) {
            let drawn: String = row.iter().collect();
            self.text.push_str(format!("{drawn}{line}").trim_end());
            self.text.push('\n');
            row = below.to_vec();
        }
    }

    fn heading(&mut self) {
        let mut row = vec![' '; self.words_from()];
        for id in (0..self.servers).filter_map(|id| u8::try_from(id).ok()).map(ServerId) {
            for (i, character) in id.to_string().chars().enumerate() {
                put(&mut row, self.column(id) + i, character);
            }
        }
        self.write(row.clone(), &row, "");
        let start = self.row(&self.trace.start);
        self.write(start.clone(), &start, "");
        for (numbers, message) in alike(self.trace, &self.trace.on_their_way) {
            let words = format!("on its way: {}", self.announce(&numbers, message));
            self.write(start.clone(), &start, &words);
        }
    }

    fn step(&mut self, i: usize, step: &Step) {
        let before = self.row(self.trace.nodes_before(i));
        let after = self.row(&step.nodes);
        let mut row = before;
        self.draw_event(&mut row, step);
        for (place, character) in (i + 1).to_string().chars().enumerate() {
            put(&mut row, place + 1, character);
        }
        if !step.breaks.is_empty() {
            put(&mut row, 0, '✗');
        }
        self.write(row, &after, &brief(self.trace, step));
        for (numbers, message) in alike(self.trace, &step.sent) {
            let mut row = after.clone();
            put(&mut row, self.column(message.from), '├');
            for (place, character) in format!("─{}▸", range(&numbers)).chars().enumerate() {
                put(&mut row, self.column(message.from) + 1 + place, character);
            }
            let words = format!("  {}", self.announce(&numbers, message));
            self.write(row, &after, &words);
        }
        for line in step.change_lines() {
            self.write(after.clone(), &after, &format!("  {line}"));
        }
        if !step.breaks.is_empty() {
            let mut row = after.clone();
            put(&mut row, 0, '✗');
            self.write(row, &after, &format!("✗ BREAKS: {}", super::names(&step.breaks)));
        }
        self.write(after.clone(), &after, "");
    }

    fn draw_event(&self, row: &mut [char], step: &Step) {
        let Some(message) = step.message.and_then(|number| self.trace.message(number)) else {
            put(row, self.column(step.label.server()), if step.label.is_crash() { '†' } else { '●' });
            return;
        };
        let (from, to) = (self.column(message.from), self.column(message.to));
        let rightwards = to > from;
        let is_lost = step.label.is_loss();
        let stroke = match step.label.fate() {
            Some(Fate::Lost) => '╌',
            Some(Fate::ArrivesAndStays) => '═',
            _ => '─',
        };
        for column in from.min(to) + 1..from.max(to) {
            put(row, column, stroke);
        }
        put(row, from, if rightwards { '├' } else { '┤' });
        let before_target = if rightwards { to - 1 } else { to + 1 };
        if is_lost {
            put(row, before_target, '✗');
        } else {
            put(row, before_target, if rightwards { '▶' } else { '◀' });
            put(row, to, '●');
        }
        let name = step.message.map(tag).unwrap_or_default();
        let first = if rightwards { from + 2 } else { from.saturating_sub(1 + name.chars().count()) };
        for (place, character) in name.chars().enumerate() {
            put(row, first + place, character);
        }
    }

    fn announce(&self, numbers: &[usize], message: &SentMessage) -> String {
        let to: Vec<String> = numbers
            .iter()
            .filter_map(|number| self.trace.message(*number))
            .map(|other| other.to.to_string())
            .collect();
        format!("{} to {}: {} {}", range(numbers), to.join(", "), message.name, message.content)
    }

    fn ending(&mut self) {
        let left: Vec<String> = still_on_their_way(self.trace).into_iter().map(tag).collect();
        if !left.is_empty() {
            self.text.push_str(&format!("Still on their way at the end: {}\n", left.join(" ")));
        }
        self.text.push_str(
            "● acts   † crashes   ─m1─▶ arrives   ═m1═▶ arrives, a copy stays   ╌m1╌✗ lost   ├─m1▸ sends\n\
             │ follower   ┆ candidate   ┃ leader   · down   ✗ the step that breaks a property\n",
        );
    }
}

/// The numbers of messages, in order.
fn range(numbers: &[usize]) -> String {
    match numbers {
        [first, .., last] if last - first + 1 == numbers.len() => format!("{}-{}", tag(*first), last + 1),
        _ => numbers.iter().map(|number| tag(*number)).collect::<Vec<_>>().join(","),
    }
}

fn line_of(node: &[Field]) -> char {
    let value = |name: &str| node.iter().find(|field| field.name == name).map(|field| field.value.as_str());
    match (value("node"), value("role")) {
        (Some("down"), _) => '·',
        (_, Some("leader")) => '┃',
        (_, Some("candidate")) => '┆',
        _ => '│',
    }
}

fn put(row: &mut [char], place: usize, character: char) {
    if let Some(cell) = row.get_mut(place) {
        *cell = character;
    }
}

/// Breaks words into lines of at most `room` characters, the following ones set in; at least one line.
fn wrap(words: &str, room: usize) -> Vec<String> {
    let indent: String = words.chars().take_while(|c| *c == ' ').collect();
    let mut lines = Vec::new();
    let mut line = indent.clone();
    for word in words.split_whitespace() {
        let is_first = line.trim().is_empty();
        if !is_first && line.chars().count() + 1 + word.chars().count() > room {
            lines.push(std::mem::replace(&mut line, format!("{indent}    ")));
        }
        if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

//! A judged history as one HTML page that loads nothing. For each violation it shows the window as bars, with a line
//! for each process, and the orders that were tried, to choose among.

use std::fmt::Write as _;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::draw::{Columns, rows};
use super::orders::Attempt;
use super::picture::{Bar, Ended, Picture};
use super::report::{Judged, claim, title};
use super::{Finding, Summary, Told};

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const CSS: &str = include_str!("page.css");

/// Pixels of a column of text, of a row, and of a bar.
const COLUMN: usize = 8;
const ROW: usize = 46;
const BAR: usize = 26;
/// Where the first row begins, and the first bar.
const TOP: usize = 16;
const LEFT: usize = 110;
/// What an operation without an end is drawn beyond the last event.
const OPEN: usize = 40;
/// Longer windows are drawn with numbers instead of labels.
const LABELS: usize = 260;
/// At most this many violations are drawn.
const DRAWN: usize = 50;

/// The page.
pub fn html(judged: &Judged<'_>) -> String {
    let summary = judged.examined.summary();
    let (sentence, class) = match summary {
        Summary::Holds => ("linearizable", "good"),
        Summary::Violated => ("not linearizable", "bad"),
        Summary::Unfinished => ("not decided", "bad"),
    };
    let violated: Vec<(&Finding, &Picture)> = judged
        .examined
        .findings
        .iter()
        .filter_map(|finding| match &finding.told {
            Told::Violated(picture) => Some((finding, picture.as_ref())),
            _ => None,
        })
        .collect();
    let mut css = CSS.to_owned();
    for (number, (_, picture)) in violated.iter().take(DRAWN).enumerate() {
        for order in 0..picture.orders.len() {
            let id = id(number, order);
            // Writing to a String cannot fail.
            let _ = writeln!(css, "#{id}:checked~.drawing .{id}{{display:inline}}");
            let _ = writeln!(css, "#{id}:checked~.told .{id}{{display:block}}");
            let _ = writeln!(css, "#{id}:checked~.choices label[for={id}]{{outline:2px solid var(--order)}}");
        }
    }
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "figure2 linear: " (sentence) }
                style { (PreEscaped(&css)) }
            }
            body {
                h1 { (judged.name) ": " span class=(class) { (sentence) } }
                p.muted { (judged.read()) }
                @for note in &judged.history.notes { p.muted { "Note: " (note) } }
                @for (number, (finding, picture)) in violated.iter().take(DRAWN).enumerate() {
                    (violation(judged, number, finding, picture))
                }
                @if violated.len() > DRAWN {
                    p { (violated.len() - DRAWN) " more keys are violated and not drawn." }
                }
                (keys(judged))
                p.muted { "Made by figure2 linear." }
            }
        }
    };
    page.into_string()
}

fn id(violation: usize, order: usize) -> String {
    format!("v{violation}o{order}")
}

fn violation(judged: &Judged<'_>, number: usize, finding: &Finding, picture: &Picture) -> Markup {
    let places = judged.history.places();
    html! {
        section.violation {
            h2 { (title(finding)) ": " span.bad { (claim(picture)) } }
            p { "Before: " b.mono { (picture.before) } ". " (picture.strength()) "." }
            @for hint in &picture.hints { p.hint { "Hint: " (hint) } }
            // The choices come first, so that a style rule can show what belongs to the one that is checked.
            @for order in 0..picture.orders.len() {
                input.choice type="radio" name=(format!("v{number}")) id=(id(number, order)) checked[order == 0];
            }
            section.drawing aria-label="Operations, a line for each process" tabindex="0" { (drawing(number, picture)) }
            p.muted {
                "A bar runs from the invocation of an operation to its completion; one without an end has an unknown outcome. "
                "The line with numbers is an order that was tried: where each operation would take effect. "
                "Red are those of which one has to come next, and none can."
            }
            @if !picture.orders.is_empty() {
                div.choices {
                    "Orders tried: "
                    @for (order, attempt) in picture.orders.iter().enumerate() {
                        label for=(id(number, order)) { (order + 1) " (" (attempt.steps.len()) " of " (picture.bars.len()) ")" } " "
                    }
                }
                div.told {
                    @for (order, attempt) in picture.orders.iter().enumerate() {
                        div class=(format!("order {}", id(number, order))) { (told(picture, attempt)) }
                    }
                }
            }
            h3 { "Operations" }
            ol.mono {
                @for bar in &picture.bars {
                    li { "process " (bar.process) ": " (bar.described(places, places.word())) }
                }
            }
            @if !picture.outside.is_empty() {
                h3 { "Outside the window" }
                ul.mono {
                    @for bar in &picture.outside {
                        li { "process " (bar.process) ": " (bar.described(places, places.word())) }
                    }
                }
            }
        }
    }
}

fn told(picture: &Picture, attempt: &Attempt) -> Markup {
    html! {
        ol.mono {
            @for (at, there) in &attempt.steps {
                li { (at + 1) " " (picture.bars[*at].long) span.muted { " — then there is " (there) } }
            }
        }
        @for at in &attempt.stuck {
            p.bad.mono { "✗ " (at + 1) " " (picture.bars[*at].long) " cannot come next" }
        }
    }
}

/// The bars, and over them each of the orders.
fn drawing(number: usize, picture: &Picture) -> Markup {
    let short: Vec<String> =
        picture.bars.iter().enumerate().map(|(at, bar)| format!("{} {}", at + 1, bar.short)).collect();
    let mut labels = short;
    let mut columns = Columns::new(&picture.bars, &labels);
    if columns.width > LABELS {
        labels = (1..=picture.bars.len()).map(|at| at.to_string()).collect();
        columns = Columns::new(&picture.bars, &labels);
    }
    let lanes = rows(&picture.bars);
    let mut tops = vec![0; picture.bars.len()];
    let mut titles: Vec<(String, usize)> = Vec::new();
    let mut row = 0;
    for (process, rows) in &lanes {
        titles.push((format!("process {process}"), TOP + row * ROW));
        for members in rows {
            for &at in members {
                tops[at] = TOP + row * ROW;
            }
            row += 1;
        }
    }
    let layout = Layout { columns, tops };
    let (width, height) = (LEFT + layout.columns.width * COLUMN + OPEN + 20, TOP + row * ROW + 6);
    html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height) role="img"
            aria-label="The window that no order explains" {
            @for (title, top) in &titles {
                text.muted x="8" y=(top + BAR / 2 + 4) { (title) }
                line.lane x1=(LEFT - 10) x2=(width - 10) y1=(top + ROW - 9) y2=(top + ROW - 9) {}
            }
            @for (at, bar) in picture.bars.iter().enumerate() { (drawn(&layout, at, bar, &labels[at])) }
            @for (order, attempt) in picture.orders.iter().enumerate() {
                g class=(format!("order {}", id(number, order))) { (line(&layout, picture, attempt)) }
            }
        }
    }
}

struct Layout {
    columns: Columns,
    /// The upper edge of each bar.
    tops: Vec<usize>,
}

impl Layout {
    fn left(&self, bar: &Bar) -> usize {
        LEFT + self.columns.of(bar.invoked) * COLUMN
    }

    fn right(&self, bar: &Bar) -> usize {
        LEFT + self.columns.end(bar) * COLUMN + if bar.completed.is_none() { OPEN } else { 0 }
    }
}

fn drawn(layout: &Layout, at: usize, bar: &Bar, label: &str) -> Markup {
    let (left, right, top) = (layout.left(bar), layout.right(bar), layout.tops[at]);
    let class = if bar.ended == Ended::Unknown { "bar open" } else { "bar" };
    html! {
        g {
            title { (at + 1) ". process " (bar.process) ": " (bar.long) }
            rect class=(class) x=(left) y=(top) width=(right - left) height=(BAR) rx="3" {}
            text x=((left + right) / 2) y=(top + BAR / 2 + 4) text-anchor="middle" { (label) }
        }
    }
}

/// An order as a line through the moments at which its operations take effect, and marks on those that are stuck.
fn line(layout: &Layout, picture: &Picture, attempt: &Attempt) -> Markup {
    let mut points: Vec<(usize, usize, usize)> = Vec::new();
    let mut now = LEFT;
    for (number, (at, _)) in attempt.steps.iter().enumerate() {
        let bar = &picture.bars[*at];
        now = (now + 7).max(layout.left(bar) + 5).min(layout.right(bar));
        points.push((now, layout.tops[*at] + BAR, number + 1));
    }
    let path: Vec<String> = points.iter().map(|(x, y, _)| format!("{x},{y}")).collect();
    html! {
        polyline.path points=(path.join(" ")) {}
        @for (x, y, number) in &points {
            line.moment x1=(x) x2=(x) y1=(y - BAR) y2=(y) {}
            circle.moment cx=(x) cy=(y) r="7" {}
            text.moment x=(x) y=(y + 4) text-anchor="middle" { (number) }
        }
        @for at in &attempt.stuck {
            @let bar = &picture.bars[*at];
            rect.stuck x=(layout.left(bar)) y=(layout.tops[*at]) width=(layout.right(bar) - layout.left(bar)) height=(BAR) rx="3" {}
        }
    }
}

/// All keys that were judged; those that hold only if they are few.
fn keys(judged: &Judged<'_>) -> Markup {
    let findings = &judged.examined.findings;
    let holding = findings.iter().filter(|finding| matches!(finding.told, Told::Holds)).count();
    let listed = |finding: &&Finding| holding <= 200 || !matches!(finding.told, Told::Holds);
    html! {
        h2 { "Keys" }
        table {
            thead { tr { th { "key" } th { "operations" } th { "verdict" } } }
            tbody {
                @for finding in findings.iter().filter(listed) {
                    tr {
                        td.mono { @if finding.key.is_empty() { "(the only object)" } @else { (finding.key) } }
                        td.n { (finding.operations) }
                        @match &finding.told {
                            Told::Holds => td.good { "holds" },
                            Told::Violated(_) => td.bad { "violated" },
                            Told::Unfinished(reason) => td.bad { "unfinished: " (reason) },
                        }
                    }
                }
            }
        }
        @if holding > 200 { p { "and " (holding) " keys that hold" } }
        @if judged.examined.not_judged > 0 { p { (judged.examined.not_judged) " keys were not judged (--first)" } }
    }
}

//! A space-time diagram as SVG: time runs downwards, each server is a line, each message a slanting arrow from the
//! step that sent it to the step in which it arrives.

use super::{brief, sent_in, still_on_their_way, tag};
use figure2_core::ServerId;
use figure2_model::{Field, Step, Trace};
use maud::{Markup, html};

const TOP: usize = 46;
const ROW: usize = 40;
const LEFT: usize = 78;
/// Longest label beside a step, in characters; the whole is in its title.
const LABEL: usize = 44;

/// The drawing's looks. Custom properties let a page choose the colours; the fallbacks are for a light background.
const STYLE: &str = "\
.space-time{font:12px ui-monospace,Menlo,Consolas,monospace;background:var(--paper,#fff)}\
.space-time text{fill:var(--ink,#1c2430)}\
.space-time .muted{fill:var(--muted,#5c6773)}\
.space-time .band{fill:transparent}\
.space-time .now .band{fill:var(--now,#dbe9ff)}\
.space-time .broken .band{fill:var(--bad-paper,#fde4e1)}\
.space-time .broken text.label,.space-time .broken text.number{fill:var(--bad,#b3261e);font-weight:700}\
.space-time .life{stroke:var(--line,#9aa5b1);stroke-width:2}\
.space-time .life.candidate{stroke:var(--candidate,#b7791f);stroke-dasharray:4 3}\
.space-time .life.leader{stroke:var(--leader,#1a7f4b);stroke-width:6}\
.space-time .life.down{stroke-dasharray:1 6}\
.space-time .event{fill:var(--ink,#1c2430)}\
.space-time .broken .event{fill:var(--bad,#b3261e)}\
.space-time .message line{stroke:var(--message,#2b6cb0);stroke-width:1.5}\
.space-time .message path{fill:none;stroke:var(--message,#2b6cb0);stroke-width:1.5}\
.space-time .message text{fill:var(--message,#2b6cb0);stroke:var(--paper,#fff);stroke-width:4px;paint-order:stroke}\
.space-time .message.lost line,.space-time .message.open line{stroke-dasharray:5 4;stroke:var(--muted,#5c6773)}\
.space-time .message.lost path{stroke:var(--bad,#b3261e);stroke-width:2}\
.space-time .message.now line,.space-time .message.now path{stroke-width:3.2}\
.space-time .message.now text{font-weight:700}\
.space-time .later{opacity:.28}\
.space-time .life.later{opacity:.5}\
";

struct Drawing<'a> {
    trace: &'a Trace,
    lane: usize,
}

/// The diagram. Its groups carry the numbers of the steps, for a page that plays them.
#[must_use]
pub fn svg(trace: &Trace) -> Markup {
    let servers = trace.start.len();
    let drawing = Drawing { trace, lane: if servers <= 3 { 120 } else { 84 } };
    let words = drawing.words_from();
    let (width, height) = (words + LABEL * 7 + 10, drawing.y(trace.steps.len()) + ROW);
    let sent = sent_in(trace);
    html! {
        svg.space-time xmlns="http://www.w3.org/2000/svg" width=(width) height=(height)
            viewBox=(format!("0 0 {width} {height}")) role="img" aria-label="Space-time diagram" {
            style { (STYLE) }
            @for id in drawing.servers() {
                text x=(drawing.x(id)) y="18" text-anchor="middle" font-weight="700" { (id) }
            }
            @for (i, step) in trace.steps.iter().enumerate() { (drawing.band(i, step, width)) }
            @for id in drawing.servers() { (drawing.life(id)) }
            @for (i, step) in trace.steps.iter().enumerate() { (drawing.message(i, step, &sent)) }
            @for number in still_on_their_way(trace) { (drawing.open_message(number, &sent)) }
            @for (i, step) in trace.steps.iter().enumerate() { (drawing.event(i, step)) }
        }
    }
}

impl Drawing<'_> {
    fn servers(&self) -> impl Iterator<Item = ServerId> {
        (0u8..).map(ServerId).take(self.trace.start.len())
    }

    fn x(&self, server: ServerId) -> usize {
        LEFT + usize::from(server.0) * self.lane
    }

    /// Where step `i`, counted from 0, has its row.
    fn y(&self, i: usize) -> usize {
        TOP + i * ROW + ROW / 2
    }

    /// Where a message starts: in its step, or above the first one. Messages of one step start a little apart, so that
    /// no arrow lies on another.
    fn y_sent(&self, number: usize, sent: &[Option<usize>]) -> usize {
        let step = sent.get(number).copied().flatten();
        let messages = step
            .and_then(|step| self.trace.steps.get(step))
            .map_or(&self.trace.on_their_way, |step| &step.sent);
        let apart = messages.iter().position(|other| *other == number).unwrap_or_default().min(4) * 4;
        step.map_or(TOP - 16, |step| self.y(step)) + apart
    }

    fn words_from(&self) -> usize {
        LEFT + self.trace.start.len().saturating_sub(1) * self.lane + 34
    }

    /// What lies behind a step, and its words.
    fn band(&self, i: usize, step: &Step, width: usize) -> Markup {
        let words = brief(self.trace, step);
        let class = if step.breaks.is_empty() { "step" } else { "step broken" };
        let mark = if step.breaks.is_empty() { "" } else { "✗ " };
        html! {
            g class=(class) data-step=(i + 1) {
                title { (i + 1) ". " (words) @if !step.breaks.is_empty() { " — breaks " (super::names(&step.breaks)) } }
                rect.band x="0" y=(self.y(i) - ROW / 2) width=(width) height=(ROW) {}
                text.number.muted x="34" y=(self.y(i) + 4) text-anchor="end" { (mark) (i + 1) }
                text.label x=(self.words_from()) y=(self.y(i) + 4) { (shorten(&words)) }
            }
        }
    }

    /// A server's line, a piece for each step: what the server was after it.
    fn life(&self, id: ServerId) -> Markup {
        let mut pieces = vec![(0, TOP - 20, self.y(0), class_of(&self.trace.start, id))];
        for (i, step) in self.trace.steps.iter().enumerate() {
            pieces.push((i + 1, self.y(i), self.y(i + 1), class_of(&step.nodes, id)));
        }
        html! {
            @for (after, from, to, class) in pieces {
                line class=(format!("life {class}")) data-after=(after)
                    x1=(self.x(id)) x2=(self.x(id)) y1=(from) y2=(to) {}
            }
        }
    }

    /// The message of a step, from where it was sent to where it arrives or gets lost.
    fn message(&self, i: usize, step: &Step, sent: &[Option<usize>]) -> Markup {
        let Some((number, message)) =
            step.message.and_then(|number| Some((number, self.trace.message(number)?)))
        else {
            return html! {};
        };
        let is_lost = step.label.is_loss();
        let part = if is_lost { 0.72 } else { 1.0 };
        let arrow = Arrow::new(
            (self.x(message.from), self.y_sent(number, sent)),
            (self.x(message.to), self.y(i)),
            part,
        );
        let class = if is_lost { "message lost" } else { "message" };
        let sent_by = sent.get(number).copied().flatten().map_or(0, |step| step + 1);
        html! {
            g class=(class) data-sent=(sent_by) data-arrives=(i + 1) {
                title { (tag(number)) " " (message) }
                (arrow.line())
                @if is_lost { (arrow.cross()) } @else { (arrow.head()) }
                (arrow.name(&tag(number)))
            }
        }
    }

    /// A message that is on its way at the end.
    fn open_message(&self, number: usize, sent: &[Option<usize>]) -> Markup {
        let Some(message) = self.trace.message(number) else { return html! {} };
        let end = self.y(self.trace.steps.len());
        let arrow =
            Arrow::new((self.x(message.from), self.y_sent(number, sent)), (self.x(message.to), end), 0.5);
        let sent_by = sent.get(number).copied().flatten().map_or(0, |step| step + 1);
        html! {
            g.message.open data-sent=(sent_by) {
                title { (tag(number)) " " (message) ": still on its way" }
                (arrow.line())
                (arrow.name(&tag(number)))
            }
        }
    }

    fn event(&self, i: usize, step: &Step) -> Markup {
        let (x, y) = (self.x(step.label.server()), self.y(i));
        let class = if step.breaks.is_empty() { "step" } else { "step broken" };
        html! {
            g class=(class) data-step=(i + 1) {
                @if step.label.is_crash() {
                    rect.event x=(x - 5) y=(y - 5) width="10" height="10" {}
                } @else if !step.label.is_loss() {
                    circle.event cx=(x) cy=(y) r="5" {}
                }
            }
        }
    }
}

/// An arrow, as far as it is drawn.
struct Arrow {
    from: (f64, f64),
    to: (f64, f64),
    /// The direction, of length 1.
    along: (f64, f64),
}

impl Arrow {
    /// `part` of the way from one point to another; the whole way ends short of the point, where a dot is.
    fn new(from: (usize, usize), to: (usize, usize), part: f64) -> Arrow {
        let from = (from.0 as f64, from.1 as f64);
        let (dx, dy) = (to.0 as f64 - from.0, to.1 as f64 - from.1);
        let length = dx.hypot(dy).max(1.0);
        let along = (dx / length, dy / length);
        let drawn = (length - 7.0) * part;
        Arrow { from, to: (from.0 + along.0 * drawn, from.1 + along.1 * drawn), along }
    }

    fn line(&self) -> Markup {
        let (x1, y1, x2, y2) =
            (number(self.from.0), number(self.from.1), number(self.to.0), number(self.to.1));
        html! { line x1=(x1) y1=(y1) x2=(x2) y2=(y2) {} }
    }

    fn head(&self) -> Markup {
        let ((x, y), (ax, ay)) = (self.to, self.along);
        let side = |sign: f64| (x - ax * 8.0 - sign * ay * 4.0, y - ay * 8.0 + sign * ax * 4.0);
        let ((x1, y1), (x2, y2)) = (side(1.0), side(-1.0));
        html! { path d=(format!("M{x1:.1} {y1:.1}L{x:.1} {y:.1}L{x2:.1} {y2:.1}")) {} }
    }

    fn cross(&self) -> Markup {
        let (x, y) = self.to;
        let (left, right, top, bottom) = (x - 5.0, x + 5.0, y - 5.0, y + 5.0);
        html! { path d=(format!("M{left:.1} {top:.1}L{right:.1} {bottom:.1}M{left:.1} {bottom:.1}L{right:.1} {top:.1}")) {} }
    }

    /// The message's name, nearer to the end: arrows that start together have spread there.
    fn name(&self, name: &str) -> Markup {
        let at = |from: f64, to: f64| number(from + (to - from) * 0.6);
        html! {
            text x=(at(self.from.0, self.to.0)) y=(at(self.from.1, self.to.1)) text-anchor="middle" dy="-3" { (name) }
        }
    }
}

fn number(value: f64) -> String {
    format!("{value:.1}")
}

/// What a server's line shows of it.
fn class_of(nodes: &[Vec<Field>], id: ServerId) -> &str {
    let fields = nodes.get(usize::from(id.0)).map(Vec::as_slice).unwrap_or_default();
    let value = |name: &str| fields.iter().find(|field| field.name == name).map(|field| field.value.as_str());
    if value("node") == Some("down") { "down" } else { value("role").unwrap_or_default() }
}

fn shorten(words: &str) -> String {
    if words.chars().count() <= LABEL {
        return words.to_owned();
    }
    words.chars().take(LABEL - 1).chain(['…']).collect()
}

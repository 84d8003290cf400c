//! A report as one HTML page that loads nothing.

use super::context::{Context, Moment};
use super::report::tails;
use super::{CAN_HIDE, Clock, Kind, Mark, Report, Row, Timeline, Verdict, Violation};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const CSS: &str = "\
:root{color-scheme:light dark;--ink:#1c2430;--paper:#fff;--muted:#5c6773;--bad:#b3261e;--good:#1a7f4b;--line:#9aa5b1;--message:#2b6cb0}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--paper:#14181f;--muted:#9aa5b1;--bad:#ff8a80;--good:#6fdc9f;--message:#82b7f0}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:2rem auto;max-width:70rem;padding:0 1rem}\
table{border-collapse:collapse}th,td{text-align:left;padding:.2rem .8rem .2rem 0;border-bottom:1px solid var(--line);vertical-align:top}\
td.n{text-align:right;font-variant-numeric:tabular-nums}.bad{color:var(--bad);font-weight:700}.good{color:var(--good)}.muted{color:var(--muted)}\
.drawing{overflow-x:auto}svg{font:11px ui-monospace,Menlo,Consolas,monospace}svg text{fill:var(--ink)}svg .muted{fill:var(--muted)}\
svg line{stroke:var(--line)}svg .message{stroke:var(--message)}svg .curve{fill:none;stroke:var(--message);stroke-width:1.5}\
svg .broken{fill:var(--bad);font-weight:700}svg .leader{fill:var(--good)}svg .crash{fill:var(--bad)}svg .dot{fill:var(--ink)}";

/// Width of the time line, and where it begins.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 40.0;
const ROW: usize = 26;

/// The page.
#[must_use]
pub fn html(report: &Report) -> String {
    let sentence = report.sentence();
    let class = if report.exit_code() == 0 { "good" } else { "bad" };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "figure2 audit: " (sentence) }
                style { (PreEscaped(CSS)) }
            }
            body {
                h1 { "Audit: " span class=(class) { (sentence) } }
                p.muted { (report.files.join(", ")) }
                p {
                    (report.lines) " lines, " (report.servers) " of " (report.cluster) " servers, " (report.steps)
                    " steps, " (report.elections) " elections, " (report.committed) " entries committed"
                }
                (properties(report))
                @for (i, violation) in report.violations.iter().enumerate() {
                    (broken(violation, report.contexts.get(i)))
                }
                (unexplained(report))
                h2 { "Time line" }
                section.drawing aria-label="Time line" tabindex="0" { (timeline(&report.timeline)) }
                p.muted {
                    "● start, ✕ stop, ○ candidate, ▲ leader, ▽ stepped down, ◆ snapshot taken, ◇ installed; the curve: "
                    "the highest commit_index of all servers."
                    @if report.timeline.more_marks > 0 { " " (report.timeline.more_marks) " more marks are not drawn." }
                }
                p.muted { "Made by figure2 audit." }
            }
        }
    };
    page.into_string()
}

fn properties(report: &Report) -> Markup {
    html! {
        table {
            thead { tr { th { "property" } th { "verdict" } th { "checks" } th { "place" } } }
            tbody {
                @for Row { property, verdict, checks, broken, excused } in &report.rows {
                    tr {
                        th scope="row" { (property.name()) }
                        td class=(class(*verdict)) {
                            (verdict.word()) @if *broken > 0 { ", " (broken) " times" }
                            @if *excused > 0 { ", " (excused) " excused" }
                        }
                        td.n { (checks) }
                        td.muted { (property.place()) }
                    }
                }
            }
        }
    }
}

fn unexplained(report: &Report) -> Markup {
    html! {
        @if !report.unexplained.is_empty() {
            h2.bad { "Unexplained" }
            p { "Lines are missing there, or the cluster misbehaved: the trace does not tell which." }
            ul {
                @for found in &report.unexplained {
                    li { (found.cause.name()) " (" (found.count) "); first at " (found.place) ": " (found.what) }
                }
            }
        }
        @if !report.tails.is_empty() {
            h2 { "Hidden" }
            p { "What servers did without a line of their own: " (CAN_HIDE) "." }
            ul { @for line in tails(report) { li { (line) } } }
        }
        @for note in &report.notes { p.muted { "Note: " (note) "." } }
    }
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds | Verdict::HoldsInPart => "good",
        Verdict::Violated => "bad",
        Verdict::NotExercised | Verdict::NotShown => "muted",
    }
}

fn broken(violation: &Violation, around: Option<&Context>) -> Markup {
    html! {
        h2.bad { "Violated: " (violation.property.name()) }
        p { (violation.place) ": " (violation.what) }
        @if let Some(around) = around {
            section.drawing aria-label="Space-time diagram" tabindex="0" { (space_time(around)) }
        }
    }
}

/// Time runs downwards, a line for each server; an arrow from where a message left to where it arrived.
fn space_time(around: &Context) -> Markup {
    let mut servers: Vec<u8> = around.moments.iter().map(|moment| moment.server).collect();
    servers.sort_unstable();
    servers.dedup();
    let lane = |server: u8| 60 + 90 * servers.iter().position(|other| *other == server).unwrap_or_default();
    let row = |place: usize| 40 + 20 * place;
    let (words, height) = (60 + 90 * servers.len(), row(around.moments.len()));
    html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(words + 700) height=(height) role="img"
            aria-label="Space-time diagram around the violation" {
            @for server in &servers {
                text x=(lane(*server)) y="18" text-anchor="middle" { "S" (server) }
                line x1=(lane(*server)) x2=(lane(*server)) y1="24" y2=(height) {}
            }
            @for (i, moment) in around.moments.iter().enumerate() {
                @if let Some((from, left)) = moment.receives.and_then(|a| Some((a.from, a.left?))) {
                    line.message x1=(lane(from)) y1=(row(left)) x2=(lane(moment.server)) y2=(row(i)) {}
                }
                (label(moment, i == around.broken, lane(moment.server), words, row(i)))
            }
        }
    }
}

fn label(moment: &Moment, is_broken: bool, x: usize, words: usize, y: usize) -> Markup {
    let class = if is_broken { "broken" } else { "dot" };
    html! {
        circle class=(class) cx=(x) cy=(y) r=(if is_broken { 6 } else { 3 }) {}
        text class=(if is_broken { "broken" } else { "" }) x=(words) y=(y + 4) {
            (moment.number) " S" (moment.server) " " (moment.what)
        }
    }
}

fn timeline(timeline: &Timeline) -> Markup {
    let mut servers: Vec<u64> = timeline.marks.iter().map(|mark| mark.server).collect();
    servers.sort_unstable();
    servers.dedup();
    let span = timeline.last.saturating_sub(timeline.first).max(1) as f64;
    let x = |at: u64| LEFT + WIDTH * at.saturating_sub(timeline.first) as f64 / span;
    let y = |server: u64| 20 + ROW * servers.iter().position(|other| *other == server).unwrap_or_default();
    let bottom = 20 + ROW * servers.len();
    let highest = timeline.commits.last().map_or(1, |(_, index)| (*index).max(1)) as f64;
    let point = |(at, index): &(u64, u64)| {
        format!("{:.1},{:.1}", x(*at), bottom as f64 + 80.0 - 70.0 * *index as f64 / highest)
    };
    let (begins, ends) = match timeline.clock {
        Clock::Microseconds => ("0 s".to_owned(), format!("{:.1} s", span / 1e6)),
        Clock::Lines => (format!("line {}", timeline.first), format!("line {}", timeline.last)),
    };
    let curve: Vec<String> = timeline.commits.iter().map(point).collect();
    html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(LEFT + WIDTH + 20.0) height=(bottom + 110) role="img"
            aria-label="Elections, commits, snapshots and crashes" {
            @for server in &servers {
                text x="4" y=(y(*server) + 4) { "S" (server) }
                line x1=(LEFT) x2=(LEFT + WIDTH) y1=(y(*server)) y2=(y(*server)) {}
            }
            @for mark in &timeline.marks { (drawn(mark, x(mark.at), y(mark.server))) }
            polyline.curve points=(curve.join(" ")) {}
            text.muted x=(LEFT) y=(bottom + 100) { (begins) }
            text.muted x=(LEFT + WIDTH) y=(bottom + 100) text-anchor="end" { (ends) ", " (highest) " committed" }
        }
    }
}

fn drawn(mark: &Mark, x: f64, y: usize) -> Markup {
    let (sign, class, words) = match mark.kind {
        Kind::Start => ("●", "", "starts, term"),
        Kind::Restart => ("●", "", "restarts, term"),
        Kind::Stop => ("✕", "crash", "stops, term"),
        Kind::Candidate => ("○", "muted", "runs for term"),
        Kind::Leader => ("▲", "leader", "leads term"),
        Kind::SteppedDown => ("▽", "muted", "steps down, term"),
        Kind::SnapshotTaken => ("◆", "muted", "snapshot of index"),
        Kind::SnapshotInstalled => ("◇", "", "installs the snapshot of index"),
    };
    html! {
        text class=(class) x=(format!("{x:.1}")) y=(y + 4) text-anchor="middle" {
            title { "S" (mark.server) " " (words) " " (mark.number) } (sign)
        }
    }
}

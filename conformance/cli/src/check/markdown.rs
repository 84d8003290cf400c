//! A check as Markdown: for a job's summary or a comment. A violation comes with its diagram.

use super::conclusion::{Checked, Violation, sentence, word};
use super::text::grouped;
use crate::counterexample::mermaid;
use figure2_model::{Report, Verdict};
use std::fmt::Write as _;

/// The document.
#[must_use]
pub fn markdown(checked: &Checked, violations: &[Violation]) -> String {
    let mut text =
        String::from("## figure2 check\n\n| profile | verdict | distinct states | seconds | why |\n");
    text.push_str("|---|---|--:|--:|---|\n");
    for report in &checked.reports {
        let Report { profile, verdict, distinct, elapsed, .. } = report;
        let (seconds, distinct) = (elapsed.as_secs_f64(), grouped(*distinct));
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "| {profile} | **{}** | {distinct} | {seconds:.1} | {} |",
            word(verdict),
            sentence(verdict).replace('|', "\\|")
        );
    }
    for rule in &checked.never_fired {
        let _ = writeln!(text, "\n**{} never fired**: {} ({})", rule.id(), rule.text(), rule.place());
    }
    for report in &checked.reports {
        if let Verdict::Unrecovered { trace, run } = &report.verdict {
            let _ = write!(
                text,
                "\n### {}: no recovery\n\n{}\n\n<details><summary>Step by step</summary>\n\n```text\n{trace}\n{run}\n```\n\n</details>\n",
                report.profile, run.stuck
            );
        }
    }
    for Violation { report, file } in violations {
        let _ = write!(
            text,
            "\n### {}\n\n{}  \n{}; `figure2 replay {}`\n\n```mermaid\n{}```\n\n<details><summary>Step by step</summary>\n\n```text\n{}```\n\n</details>\n",
            report.headline(),
            report.setting(),
            report.length(),
            file.display(),
            mermaid(report),
            report.trace
        );
    }
    text
}

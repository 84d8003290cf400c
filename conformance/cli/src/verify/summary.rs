//! The summary: what was shown, and what was not.

use super::interleavings::Outcome;
use crate::check::Checked;
use crate::conform_cmd::ConformOutcome;
use crate::kill_cmd::KillOutcome;
use crate::lab_cmd::LabOutcome;
use crate::simulate_cmd::SimulateOutcome;
use figure2_lab::suite::TESTS;
use figure2_model::{Recovered, Report, Share, Verdict};

pub(super) fn print_checked(checked: &Checked) {
    println!("The rules of impl/core, explored in every interleaving within these bounds:");
    for report in &checked.reports {
        let verdict = match &report.verdict {
            Verdict::Holds => "holds",
            Verdict::Violated(_) => "VIOLATED",
            Verdict::Unrecovered { .. } => "UNRECOVERED",
            Verdict::Vacuous { .. } => "VACUOUS",
            Verdict::Unfinished(_) => "UNFINISHED",
        };
        println!("  {verdict:<10} {:<12} {:>11} states  {}", report.profile, report.distinct, report.bounds);
    }
    println!(
        "  always: election safety, leader append-only, log matching, leader completeness, state machine"
    );
    println!(
        "  safety, and what they rest on; a search that did not reach what it is there to check fails.\n"
    );
}

/// The part of the summary on recovery, which was judged in the same searches.
pub(super) fn recovered(checked: &Checked) -> String {
    let mut text = String::from(
        "From each of these states, once faults end, a cluster goes on: one leader, equal logs, a new command applied everywhere:\n",
    );
    let judged = checked.reports.iter().filter_map(|report| Some((report.recovered?, report)));
    let all: Vec<(Recovered, &Report)> = judged.collect();
    if all.is_empty() {
        return text + "  NOT RUN    recovery was not judged\n";
    }
    let (whole, sampled): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(recovered, _)| recovered.share == Share::All);
    for (share, of) in [("all", whole), ("a sample of the", sampled)] {
        let Some(rounds) = of.iter().map(|(recovered, _)| recovered.rounds).max() else { continue };
        let states: u64 = of.iter().map(|(_, report)| report.distinct).sum();
        let judged: u64 = of.iter().map(|(recovered, _)| recovered.judged).sum();
        let is_left = of
            .iter()
            .any(|(_, report)| !matches!(report.verdict, Verdict::Holds | Verdict::Unrecovered { .. }));
        let verdict =
            match of.iter().find(|(_, report)| matches!(report.verdict, Verdict::Unrecovered { .. })) {
                Some(_) => "UNRECOVERED",
                None if is_left => "UNFINISHED",
                None => "holds",
            };
        text.push_str(&format!(
            "  {verdict:<10} in {judged} states of {} profiles ({share} {states}), within {rounds} rounds\n",
            of.len()
        ));
    }
    text
}

pub(super) fn print_lab(
    in_memory: (u64, &LabOutcome),
    on_disk: Option<&(u64, LabOutcome)>,
    plain: (u64, &LabOutcome),
) {
    println!(
        "The node of impl/node, with its real lock, outbox, applier and encoding, on the lab's network:"
    );
    let on_disk = on_disk.map(|(seed, lab)| (*seed, lab));
    for (lab, storage) in [
        (Some(in_memory), "in memory"),
        (on_disk, "with the log on disks that crash"),
        (Some(plain), "in memory, under Figure 2 alone"),
    ] {
        let Some((seed, lab)) = lab else { continue };
        println!(
            "  {:<10} {} tests in {} rounds from seed {seed}, {storage}, {:.0} simulated seconds",
            if lab.passed { "passed" } else { "FAILED" },
            TESTS.len(),
            lab.summary.runs.len() / TESTS.len(),
            lab.summary.simulated().as_secs_f64()
        );
    }
    println!();
}

pub(super) fn print_conform(outcomes: &[ConformOutcome]) {
    println!(
        "The same node along the model's own steps: what it holds, writes and sends is what the model says:"
    );
    for ConformOutcome { holds, summary } in outcomes {
        println!("  {:<10} {summary}", if *holds { "holds" } else { "DIFFERS" });
    }
    println!();
}

pub(super) fn print_simulated(
    simulated: &SimulateOutcome,
    on_streams: &SimulateOutcome,
    from_states: &SimulateOutcome,
) {
    let name = |outcome: &SimulateOutcome| match outcome.code {
        0 => "holds",
        1 => "FAILED",
        _ => "UNFINISHED",
    };
    let done = &simulated.done;
    println!(
        "Clusters of these nodes, with crashes, losses of power, partitions, bad networks and bad disks:"
    );
    println!(
        "  {:<10} {} seeds ({} with the log), {:.0} simulated seconds, {} faults, {} requests: recorded, validated, audited,",
        name(simulated),
        done.runs,
        done.figures.counts.on_log,
        done.figures.simulated.as_secs_f64(),
        done.figures.counts.faults.values().sum::<u64>(),
        done.figures.operations,
    );
    println!(
        "             linearizable, an entry committed within 10 s while faults left a connected majority, and served"
    );
    println!("             again within 5 s of the last fault");
    let counts = &on_streams.done.figures.counts;
    println!(
        "  {:<10} {} seeds with the transport over streams: the same; {} connections, {} reset, {} died without a word",
        name(on_streams),
        on_streams.done.runs,
        counts.connections,
        counts.resets,
        counts.forgotten,
    );
    println!(
        "  {:<10} {} seeds that begin in {} different states of the model: the same, and served within 5 s\n",
        name(from_states),
        from_states.done.runs,
        from_states.done.figures.starts.len(),
    );
}

pub(super) fn print_killed(killed: &KillOutcome, over_tcp: &KillOutcome) {
    let name = |outcome: &KillOutcome| match outcome.code {
        0 => "holds",
        1 => "FAILED",
        _ => "UNFINISHED",
    };
    println!("Three processes, each with its log on real files, killed with SIGKILL under load:");
    println!(
        "  {:<10} {} kills, {} requests answered: each server recovered, nothing acknowledged was lost, and the\n\
         \x20            recordings of all lives pass the audit",
        name(killed),
        killed.figures.kills(),
        killed.figures.answered
    );
    let faults: Vec<_> =
        over_tcp.figures.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    println!(
        "  {:<10} over TCP with mutual TLS: {}; {} requests answered:\n\
         \x20            the same, and all servers were connected again and had the same at the end\n",
        name(over_tcp),
        faults.join(", "),
        over_tcp.figures.answered
    );
}

/// The part of the summary on the interleavings.
pub(super) fn told(loom: Option<&Outcome>) -> String {
    let mut text = String::from(
        "The tasks of impl/node (lock, outbox, sender, syncer, applier), with at most so many preemptions (loom), and drawn:\n",
    );
    match loom {
        Some(outcome) => outcome.lines.iter().for_each(|line| text.extend([line, "\n"])),
        None => {
            text.push_str("  NOT RUN    --without-loom: the only interleavings are those of the lab's runs\n")
        }
    }
    text
}

/// What the parts of this command leave open. Kept next to them, so that it changes when they do.
pub(super) const NOT_SHOWN: &str = "Not shown by this:
  clusters, terms, logs and numbers of faults beyond the bounds above (docs/model.md);
  progress while faults last, but for what the lab's tests and the simulated clusters wait for; that a cluster recovers
    from the states of a profile that the samples left out;
  interleavings of the tasks beyond the bounds above, and what tokio and std do below them
    (docs/concurrency.md);
  networks beyond one machine, and what a loss of power does to a real disk: it is simulated.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_tells_what_was_explored_or_that_nothing_was() {
        let outcome = Outcome { code: 0, lines: vec!["  holds      bound 2".into(), "  found".into()] };
        assert!(told(Some(&outcome)).ends_with("drawn:\n  holds      bound 2\n  found\n"));
        assert!(told(None).contains("\n  NOT RUN    --without-loom"));
    }
}

//! `figure2 check`: explores the model's profiles and says what holds.

mod arguments;
mod baseline;
mod both;
mod conclusion;
mod interrupt;
mod json;
mod junit;
mod markdown;
mod progress;
mod quiet;
mod sarif;
mod select;
mod text;

pub use arguments::{CheckArgs, Engine, Format, Recovery};
pub use conclusion::{Checked, Violation};
pub use json::json;
pub use junit::junit;
pub use markdown::markdown;
pub use sarif::sarif;
pub use select::find_profile;

use crate::counterexample::{FIGURE2, ReplayError, TraceFile, find_mutant, write_out};
use crate::shard::{Report as ShardReport, Shard};
use anyhow::Context;
use arguments::{command_to_repeat, options};
pub(crate) use baseline::Baseline;
use conclusion::sentence;
use figure2_model::mutants::{Case, Kind, Mutant, Survivor, survivors};
use figure2_model::{CheckOptions, Profile, Progress, Report, System, Verdict, check, profiles, unreached};
use figure2_timely::{Checkpoints, Plan};
use progress::ProgressReporter;
use select::select;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Runs the command.
///
/// # Errors
/// When the arguments make no sense, with what is possible, or a file cannot be written.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let mutant = args.mutant.as_deref().map(find_killed).transpose().context("--mutant")?;
    let selected = match &mutant {
        Some(mutant) => vec![mutant.profile().clone()],
        None => select(&args.profile)?,
    };
    let reduce = |profile: Profile| args.without.iter().copied().fold(profile, Profile::without);
    let selected: Vec<Profile> = selected.into_iter().map(reduce).collect();
    if args.list {
        let width = selected.iter().map(|profile| profile.name.len()).max().unwrap_or_default();
        for profile in selected {
            println!("{:<width$} {}", profile.name, profile.description);
            println!("{:<width$} {}", "", profile.bounds);
        }
        return Ok(ExitCode::SUCCESS);
    }
    // Stdout is for the document alone; who watches sees the words all the same.
    let is_document = args.format != Format::Text || args.output.is_some();
    let mut words = String::new();
    let mut tell = |text: &str| {
        words.push_str(text);
        if is_document {
            eprint!("{text}");
        } else {
            print!("{text}");
        }
    };
    let options = options(args)?;
    interrupt::listen()?;
    if args.hosts.is_some() {
        quiet::about_connections();
    }
    let agreed = args.baseline.as_deref().map(Baseline::read).transpose()?;
    let checked = match &mutant {
        Some(mutant) => {
            tell(&format!("mutant {}: {}\n", mutant.id(), mutant.bug()));
            let check = |profile: &Profile, progress: &mut dyn FnMut(&Progress)| match mutant.clone() {
                Case::Mutant(mutant) => {
                    Ok(Mutant { profile: profile.clone(), ..mutant }.check(&options, progress)?)
                }
                Case::Survivor(survivor) => {
                    Ok(Survivor { profile: profile.clone(), ..survivor }.check_recovery(&options)?)
                }
            };
            explore_by(&selected, &mut tell, |_| None, check)?
        }
        None => {
            let parts = (args.recovery, args.shards.shard);
            let plan = Plan {
                hosts: args.hosts()?,
                checkpoints: args.checkpoints()?,
                spills: args.spills()?,
                ..Plan::of_threads(options.threads)
            };
            explore_recovery(&selected, &options, (args.engine, plan), parts, &mut tell)?
        }
    };
    let rules = mutant.as_ref().map_or(FIGURE2, Case::id);
    let violations = violations(&selected, rules, &checked, &args.trace);
    for Violation { report, file } in &violations {
        write_out(&TraceFile::of(report).to_json()?, Some(file))?;
        let (profile, name) = (&report.profile, file.display());
        tell(&format!(
            "\ntrace of {profile}: {name}\n  figure2 replay {name} --format html --output trace.html\n"
        ));
    }
    let has_shrunk =
        agreed.as_ref().is_some_and(|agreed| has_shrunk(agreed, &selected, &checked.reports, &mut tell));
    if let Some(file) = &args.write_baseline {
        let mut agreed = if file.exists() { Baseline::read(file)? } else { Baseline::empty() };
        agreed.renew(&selected, &checked.reports, is_whole(&selected), args.because.as_deref())?;
        agreed.write(file)?;
        tell(&format!("\nbaseline: {}\n", file.display()));
    }
    tell(&format!("\nagain: {}\n", command_to_repeat(args)));
    let document = match args.format {
        Format::Text => words,
        Format::Json => json(&checked, &violations)?,
        Format::Junit => junit(&checked, &violations, is_whole(&selected))?,
        Format::Sarif => sarif(&checked, &violations)?,
        Format::Markdown => markdown(&checked, &violations),
    };
    if is_document {
        write_out(&document, args.output.as_deref())?;
    }
    args.shards.write(|| shard_report(args, &selected, &checked))?;
    // A profile that withered is a failure; what is unfinished is told as that.
    let code = checked.exit_code();
    Ok(ExitCode::from(if has_shrunk && code == 0 { 1 } else { code }))
}

/// What a shard did: each explores everything, and judges recovery in its own part of the states.
fn shard_report(args: &CheckArgs, selected: &[Profile], checked: &Checked) -> ShardReport {
    let (index, of) = args.shards.shard().parts();
    let names: Vec<&str> = selected.iter().map(|profile| profile.name.as_str()).collect();
    let states: Vec<String> = checked.reports.iter().map(|report| report.distinct.to_string()).collect();
    let arguments = [
        ("profile", names.join(",")),
        ("mutant", args.mutant.clone().unwrap_or_default()),
        ("without", args.without.iter().map(|reduction| reduction.name()).collect::<Vec<_>>().join(",")),
        ("recovery", args.recovery.map(|share| share.to_string()).unwrap_or_default()),
        ("rehash", args.rehash.unwrap_or_default().to_string()),
        // Shards that found different states are no shards of one run.
        ("states", states.join(",")),
    ];
    let judged = |report: &Report| report.recovered.map_or(0, |recovered| recovered.judged);
    let wrong = checked.reports.iter().filter(|report| !matches!(report.verdict, Verdict::Holds));
    ShardReport::new("check", &arguments, of, index..index + 1, checked.exit_code())
        .with("states judged for recovery", checked.reports.iter().map(judged).sum())
        .wrong(wrong.map(|report| format!("{}: {}", report.profile, sentence(&report.verdict))))
}

/// Tells what is smaller than the baseline says. Whether something is without a reason.
pub(crate) fn has_shrunk(
    agreed: &Baseline,
    selected: &[Profile],
    reports: &[Report],
    tell: &mut impl FnMut(&str),
) -> bool {
    let shrunk = agreed.compare(selected, reports, is_whole(selected));
    tell(&baseline::told(&shrunk, &agreed.behind(selected, reports)));
    shrunk.iter().any(|of| of.why.is_none())
}

/// The violations, each with the file for its trace: `file` itself when there is one profile to check, else `file`
/// with the profile's name in it.
fn violations(selected: &[Profile], rules: &str, checked: &Checked, file: &Path) -> Vec<Violation> {
    let name_of = |profile: &Profile| match selected {
        [_] => file.to_path_buf(),
        _ => {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let extension = file.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
            file.with_file_name(format!("{stem}-{}{}", profile.name, extension.unwrap_or_default()))
        }
    };
    let pairs = selected.iter().zip(&checked.reports);
    pairs.filter_map(|(profile, report)| Violation::of(profile, rules, report, name_of(profile))).collect()
}

fn is_whole(selected: &[Profile]) -> bool {
    profiles().iter().all(|profile| selected.iter().any(|other| other.name == profile.name))
}

/// Checks the profiles one after the other, and tells as it goes.
///
/// # Errors
/// When a check could not begin.
pub fn explore(
    selected: &[Profile],
    options: &CheckOptions,
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Checked> {
    let plan = Plan::of_threads(options.threads);
    explore_recovery(selected, options, (Engine::default(), plan), (None, None), tell)
}

/// The same by an engine, and recovery is judged from these states, or a part of them.
fn explore_recovery(
    selected: &[Profile],
    options: &CheckOptions,
    (engine, plan): (Engine, Plan),
    (recovery, shard): (Option<Recovery>, Option<Shard>),
    tell: &mut dyn FnMut(&str),
) -> anyhow::Result<Checked> {
    // Each profile has directories of its own.
    let of_profile = |profile: &Profile| plan.below(&profile.name);
    explore_by(
        selected,
        tell,
        |profile| of_profile(profile).checkpoints,
        |profile, progress| {
            let Recovery(share) = recovery.unwrap_or(Recovery(Some(profile.recovery())));
            let share = share.map(|share| match shard.map(Shard::parts) {
                Some((index, of)) => share.part(index, of),
                None => share,
            });
            let options = CheckOptions { recovery: share, ..*options };
            let on_timely = |progress: &mut dyn FnMut(&Progress)| {
                figure2_timely::check(&System::default(), profile, &options, &of_profile(profile), progress)
            };
            Ok(match engine {
                Engine::Stateright => check(profile, &options, progress)?,
                Engine::Timely => on_timely(progress)?,
                Engine::Both => both::agreed(on_timely(progress)?, &check(profile, &options, progress)?),
            })
        },
    )
}

fn explore_by(
    selected: &[Profile],
    tell: &mut dyn FnMut(&str),
    checkpoints: impl Fn(&Profile) -> Option<Checkpoints>,
    mut check: impl FnMut(&Profile, &mut dyn FnMut(&Progress)) -> anyhow::Result<Report>,
) -> anyhow::Result<Checked> {
    let begin = Instant::now();
    let mut checked = Checked { reports: Vec::new(), never_fired: Vec::new() };
    for profile in selected {
        if interrupt::has_been() {
            break;
        }
        tell(&text::heading(profile));
        let checkpoints = checkpoints(profile);
        let kept = || checkpoints.as_ref().and_then(Checkpoints::kept);
        kept().into_iter().for_each(|kept| tell(&text::goes_on(kept)));
        let mut reporter = ProgressReporter::new(&profile.name);
        let report = check(profile, &mut |progress| reporter.tell(progress))?;
        reporter.end();
        tell(&text::report(profile, &report));
        if matches!(report.verdict, Verdict::Unfinished(_)) {
            tell(&text::to_go_on(checkpoints.as_ref(), kept()));
        }
        checked.reports.push(report);
    }
    if is_whole(selected) {
        checked.never_fired = unreached(&checked.reports);
    }
    tell(&text::coverage(&checked, is_whole(selected)));
    tell(&text::summary(&checked.reports, begin.elapsed()));
    Ok(checked)
}

/// A mutant that a property kills, or one that recovery kills.
fn find_killed(id: &str) -> Result<Case, ReplayError> {
    let by_recovery = |survivor: &Survivor| survivor.kind == Kind::Liveness && survivor.id == id;
    match survivors().into_iter().find(by_recovery) {
        Some(survivor) => Ok(Case::Survivor(survivor)),
        None => find_mutant(id).map(Case::Mutant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use figure2_core::Rule;
    use figure2_model::Verdict;

    fn exit_code(reports: Vec<Report>, never_fired: Vec<Rule>) -> u8 {
        Checked { reports, never_fired }.exit_code()
    }

    #[test]
    fn an_unknown_profile_is_refused_with_what_is_possible() {
        let error = run(&CheckArgs { profile: vec!["elections".into()], ..arguments::tests::args() })
            .unwrap_err()
            .to_string();
        for profile in profiles() {
            assert!(error.contains(&profile.name), "{error}");
        }
    }

    #[test]
    fn a_limit_is_exit_code_2_and_a_broken_property_1() {
        let profile = profiles().into_iter().find(|profile| profile.name == "election").unwrap();
        let limited = CheckOptions { max_states: Some(1_000), ..CheckOptions::default() };
        let unfinished = check(&profile, &limited, &mut |_| ()).unwrap();
        assert_eq!(exit_code(vec![unfinished.clone()], vec![]), 2);
        let vacuous = Report {
            verdict: Verdict::Vacuous { witnesses: vec![], rules: vec![Rule::V1] },
            ..unfinished.clone()
        };
        assert_eq!(exit_code(vec![unfinished, vacuous.clone()], vec![]), 1);
        let holds = Report { verdict: Verdict::Holds, ..vacuous };
        assert_eq!(exit_code(vec![holds.clone()], vec![]), 0);
        assert_eq!(exit_code(vec![holds], vec![Rule::C1]), 1);
    }
}

//! `figure2 replay` and `figure2 witness`: show the steps of a trace file, or the shortest way to a witness.

use crate::check::find_profile;
use crate::conform_cmd;
use crate::counterexample::{FIGURE2, Form, TraceFile, TraceReport, names, write_out};
use anyhow::{Context, bail};
use figure2_conform::DifferenceFile;
use figure2_model::{CheckOptions, Replayed, Safety, System, Witness, shortest_witness};
use std::path::PathBuf;
use std::process::ExitCode;

/// Replay the steps of a trace file on the model, and show them.
///
/// Exit code 1: the steps break what the file says; 0: they do not, so the trace does not reproduce; 2: the file cannot
/// be used. For a file made by `witness`, 0 is that the steps show it, and 1 that they do not. A file made by `conform`
/// drives a real node again: 1 if it differs from the model, 0 if it no longer does.
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// The trace file, as `figure2 check --trace FILE` or `figure2 conform --trace FILE` writes it
    pub file: PathBuf,
    /// How to show the steps
    #[arg(long, value_enum, default_value = "text")]
    pub format: Form,
    /// Write them to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Take the steps by these rules instead of the file's: `figure2`, or a mutant's id
    #[arg(long, value_name = "RULES")]
    pub rules: Option<String>,
}

/// Show the shortest way to something that must be reachable.
///
/// Exit code 0: there is one; 1: there is none; 2: none was found before a limit, or nothing could be run.
#[derive(Clone, Debug, clap::Args)]
pub struct WitnessArgs {
    /// The profile to search
    #[arg(long, value_name = "NAME")]
    pub profile: String,
    /// What the last state must show, or a part of its name; without it, what the profile can show is listed
    #[arg(long, value_name = "WITNESS")]
    pub show: Option<String>,
    /// How to show the steps
    #[arg(long, value_enum, default_value = "text")]
    pub format: Form,
    /// Write them to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Give up after so many states; each takes about 1 KB
    #[arg(long, value_name = "N", default_value_t = CheckOptions::default().max_trace_states)]
    pub max_states: u64,
}

/// Runs `figure2 replay`.
///
/// # Errors
/// When the file cannot be used, with what to do, or the output cannot be written.
pub fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let name = args.file.display();
    let text = std::fs::read_to_string(&args.file).with_context(|| format!("{name} cannot be read"))?;
    if DifferenceFile::is_meant(&text) {
        if args.rules.is_some() || args.format != Form::Text {
            bail!(
                "{name} was written by `figure2 conform`: it goes with neither --rules nor another --format"
            );
        }
        return conform_cmd::repeat(&name.to_string(), &text, args.output.as_deref());
    }
    let file = TraceFile::from_json(&text).with_context(|| format!("{name} cannot be used"))?;
    let rules = args.rules.clone().unwrap_or_else(|| file.rules.clone());
    let (profile, replayed) = file.replay(Some(&rules)).with_context(|| format!("{name} cannot be used"))?;
    let (conclusion, code) = conclude(&file, &rules, &replayed)?;
    let recorded = file.expected_breaks()?;
    let is_asked = |safety: &Safety| profile.always.contains(safety) || recorded.contains(safety);
    let report = TraceReport {
        profile: profile.name.clone(),
        rules,
        bounds: profile.bounds.to_string(),
        is_shortest: file.shortest && replayed.possible_instead.is_none(),
        breaks: replayed.broken.into_iter().filter(is_asked).collect(),
        shows: file.expected_witness()?.filter(|witness| replayed.shown.contains(witness)),
        trace: replayed.trace,
    };
    write_out(&report.render(args.format)?, args.output.as_deref())?;
    eprintln!("{name}: {conclusion}");
    Ok(ExitCode::from(code))
}

/// What the steps amount to, and the exit code for it.
fn conclude(file: &TraceFile, rules: &str, replayed: &Replayed) -> anyhow::Result<(String, u8)> {
    let (expected, witness) = (file.expected_breaks()?, file.expected_witness()?);
    let not_reproduced = u8::from(witness.is_some() && expected.is_empty());
    let taken = replayed.trace.steps.len();
    if let Some(possible) = &replayed.possible_instead {
        let step = file.steps.get(taken).map(ToString::to_string).unwrap_or_default();
        let mut text = format!(
            "DOES NOT REPRODUCE under rules {rules}: step {}, {step:?}, is not possible there; possible are:",
            taken + 1
        );
        possible.iter().for_each(|label| text.push_str(&format!("\n  {label}")));
        return Ok((text, not_reproduced));
    }
    let shows = witness.is_none_or(|witness| replayed.shown.contains(&witness));
    let breaks = expected.iter().all(|safety| replayed.broken.contains(safety));
    Ok(match (breaks && shows, witness) {
        (true, Some(witness)) if expected.is_empty() => (format!("shows {} as recorded", witness.name()), 0),
        (true, _) => (format!("VIOLATED as recorded: {}", names(&expected)), 1),
        (false, _) if replayed.broken.is_empty() => (
            format!(
                "DOES NOT REPRODUCE under rules {rules}: all {taken} steps were taken, and nothing is broken"
            ),
            not_reproduced,
        ),
        // Something is broken, though not what the file says: that must not look like success.
        (false, _) => (format!("VIOLATED, but not as recorded: {}", names(&replayed.broken)), 1),
    })
}

/// Runs `figure2 witness`.
///
/// # Errors
/// When the arguments make no sense, with what is possible, or the output cannot be written.
pub fn run_witness(args: &WitnessArgs) -> anyhow::Result<ExitCode> {
    let profile = find_profile(&args.profile)?;
    let Some(wanted) = &args.show else {
        profile.sometimes.iter().for_each(|witness| println!("{}", witness.name()));
        return Ok(ExitCode::SUCCESS);
    };
    let fits = |witness: &&Witness| witness.name().contains(wanted.as_str());
    let found: Vec<&Witness> = Witness::ALL.iter().filter(fits).collect();
    let exact = found.iter().find(|witness| witness.name() == wanted.as_str());
    let witness = match (exact, found.as_slice()) {
        (Some(witness), _) => **witness,
        (None, [one]) => **one,
        _ => {
            let possible: Vec<&str> = Witness::ALL.iter().map(|witness| witness.name()).collect();
            bail!(
                "--show {wanted:?} is the name or part of the name of {} witnesses; possible are: {}",
                found.len(),
                possible.join("; ")
            );
        }
    };
    let options = CheckOptions { max_trace_states: args.max_states, ..CheckOptions::default() };
    let Some(trace) = shortest_witness(&System::default(), &profile, witness, &options, &mut |_| ())? else {
        bail!(
            "no state among the first {} shows {}; --max-states allows more",
            args.max_states,
            witness.name()
        );
    };
    let report = TraceReport {
        profile: profile.name.clone(),
        rules: FIGURE2.to_owned(),
        bounds: profile.bounds.to_string(),
        is_shortest: true,
        breaks: Vec::new(),
        shows: Some(witness),
        trace,
    };
    write_out(&report.render(args.format)?, args.output.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

//! `figure2 conform`: drives real nodes along the model's steps.

use crate::check::find_profile;
use crate::counterexample::write_out;
use crate::shard::{Report, ShardArgs};
use crate::values::conform_defect;
use anyhow::{Context, bail};
use figure2_conform::{Defect, Difference, DifferenceFile, Setup, Walks, cover, walk};
use figure2_core::{Rule, RuleSet};
use figure2_model::{Profile, System};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Drive real nodes along the model's steps: what they hold, write and send must be what the model says.
///
/// Exit code 0: each step was taken, and none differs; 1: one differs, told field by field with the way to it, which is
/// written to a file for `figure2 replay`; 2: the profile cannot be used.
#[derive(Clone, Debug, clap::Args)]
pub struct ConformArgs {
    /// The profile; `figure2 check --list` shows all. By default snapshot-crash, with one client request unless walks or
    /// another number are asked for
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Fewer crashes than the profile has, and with it fewer states
    #[arg(long, value_name = "N")]
    pub crashes: Option<u8>,
    /// Fewer client requests than the profile has
    #[arg(long, value_name = "N")]
    pub client_requests: Option<u8>,
    /// Fewer terms than the profile has
    #[arg(long, value_name = "N")]
    pub terms: Option<u8>,
    /// Most states of the cluster: beyond, there is no verdict
    #[arg(long, value_name = "N", default_value_t = 20_000_000, conflicts_with = "walks")]
    pub max_states: usize,
    /// Instead of every edge, so many random walks
    #[arg(long, value_name = "N")]
    pub walks: Option<u64>,
    /// Most actions of a walk
    #[arg(long, value_name = "N", default_value_t = 200, requires = "walks")]
    pub actions: u64,
    /// The seed of the first walk; each further one has the next
    #[arg(long, value_name = "N", default_value_t = 0, requires = "walks")]
    pub seed: u64,
    /// A part of the walks
    #[command(flatten)]
    pub shards: ShardArgs,
    /// The node has the log, on a simulated disk: it recovers from that, and what a loss of power would leave must be what the
    /// model says
    #[arg(long)]
    pub disk: bool,
    /// Puts a defect into the node: it must be found
    #[arg(long, value_name = "DEFECT", value_parser = conform_defect())]
    pub defect: Option<Defect>,
    /// Where the way to a difference goes
    #[arg(long, value_name = "FILE", default_value = "figure2-conform.json")]
    pub trace: PathBuf,
}

impl ConformArgs {
    fn profile(&self) -> anyhow::Result<Profile> {
        // All of the default profile takes minutes; with one request it still has all that crashes and snapshots do.
        let requests = if self.profile.is_none() && self.walks.is_none() { Some(1) } else { None };
        let name = self.profile.as_deref().unwrap_or("snapshot-crash");
        let mut profile = find_profile(name)?;
        let bounds = &mut profile.bounds;
        for (option, wished, bound) in [
            ("--crashes", self.crashes, &mut bounds.crashes),
            ("--client-requests", self.client_requests.or(requests), &mut bounds.client_requests),
            ("--terms", self.terms, &mut bounds.terms),
        ] {
            let wished = wished.unwrap_or(*bound);
            if wished > *bound {
                bail!("{option} {wished}: the profile {name} has {bound}, and it can only be less");
            }
            *bound = wished;
        }
        Ok(profile)
    }

    fn setup(&self) -> Setup {
        Setup { defect: self.defect, log: self.disk }
    }

    /// Tells the end; a difference also goes to its file.
    fn verdict(
        &self,
        profile: &Profile,
        difference: Option<&Difference>,
        holds: &str,
    ) -> anyhow::Result<bool> {
        let Some(difference) = difference else {
            println!("verdict: {holds}");
            return Ok(true);
        };
        print!("{difference}");
        // Bounds that were lowered are not the profile's.
        let file = DifferenceFile::of(&find_profile(&profile.name)?, self.setup(), difference);
        write_out(&file.to_json()?, Some(&self.trace))?;
        let name = self.trace.display();
        println!("verdict: the node is not what the model says\nagain: figure2 replay {name}");
        Ok(false)
    }
}

/// What came out.
pub struct ConformOutcome {
    /// Whether the node is what the model says.
    pub holds: bool,
    /// What was driven, in a few words.
    pub summary: String,
}

/// What `figure2 verify` runs: each of it takes seconds.
const SMALL: [&[&str]; 9] = [
    &[],
    &["--profile", "sending", "--client-requests", "2"],
    &["--profile", "sending-lag", "--client-requests", "1"],
    &["--profile", "snapshot", "--walks", "2000"],
    &["--profile", "power-loss", "--client-requests", "0"],
    &["--profile", "nightly-disk", "--terms", "1", "--client-requests", "1"],
    &["--profile", "power-loss-batch", "--walks", "2000"],
    &["--disk"],
    &["--disk", "--profile", "nightly-disk", "--walks", "500"],
];

/// Runs the command at small size: edges and walks, with and without writes that lag.
///
/// # Errors
/// When one of them could not be run.
pub(crate) fn run_small() -> anyhow::Result<Vec<ConformOutcome>> {
    #[derive(clap::Parser)]
    struct Words {
        #[command(flatten)]
        args: ConformArgs,
    }
    let mut outcomes = Vec::new();
    for words in SMALL {
        println!("$ figure2 conform {}", words.join(" "));
        let parsed = <Words as clap::Parser>::try_parse_from([&["conform"], words].concat())?;
        outcomes.push(drive(&parsed.args)?);
        println!();
    }
    Ok(outcomes)
}

/// Runs the command.
///
/// # Errors
/// When the profile cannot be used.
pub fn run(args: &ConformArgs) -> anyhow::Result<ExitCode> {
    Ok(if drive(args)?.holds { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn drive(args: &ConformArgs) -> anyhow::Result<ConformOutcome> {
    let profile = args.profile()?;
    println!("{}: {}\nbounds: {}", profile.name, profile.description, profile.bounds);
    if args.disk {
        println!("the node has the log, on a simulated disk");
    }
    match (args.defect, args.disk) {
        (Some(Defect::SnapshotWithoutTrim), true) => {
            bail!("--defect snapshot-without-trim: a log has no such defect; leave out --disk")
        }
        (Some(Defect::LogNotSynced), false) => {
            bail!("--defect log-not-synced: it is one of the log; add --disk")
        }
        _ => {}
    }
    if let Some(defect) = args.defect {
        println!("defect put into the node: {defect}");
    }
    match args.walks {
        None if args.shards.shard.is_some() => {
            bail!("--shard: the edges of a profile are covered as a whole; walks can be divided (--walks N)")
        }
        None if args.shards.report.is_some() => {
            bail!("--report: it is for walks (--walks N), which can be divided among machines")
        }
        None => run_cover(args, &profile),
        Some(walks) => run_walks(args, &profile, walks),
    }
}

fn run_cover(args: &ConformArgs, profile: &Profile) -> anyhow::Result<ConformOutcome> {
    let start = Instant::now();
    if !profile.script.is_empty() {
        bail!(
            "--profile {}: it begins with a script; nodes can only be driven from their first start",
            profile.name
        );
    }
    let edges = profile.cluster(&System::default())?.edges(args.max_states)?;
    println!(
        "model: {} states, {} edges ({} of them losses, which no server notices), {:.1} s",
        edges.states,
        edges.edges,
        edges.losses,
        start.elapsed().as_secs_f64()
    );
    println!("steps of single servers: {} between {} states of them", edges.steps.len(), edges.nodes.len());
    let start = Instant::now();
    let covered = cover(&edges, &profile.bounds, args.setup())?;
    let (all, seconds) = (edges.edges - edges.losses, start.elapsed().as_secs_f64());
    println!(
        "edges covered: {} of {all} ({:.2} %), by {} of {} steps",
        covered.edges,
        100.0 * covered.edges as f64 / (all as f64).max(1.0),
        covered.steps,
        edges.steps.len()
    );
    println!(
        "replayed: {} steps of {} nodes, {seconds:.1} s, {:.0} steps/s",
        covered.replayed,
        covered.nodes,
        covered.replayed as f64 / seconds.max(1e-9)
    );
    for (why, count) in &covered.infeasible {
        println!("not for nodes: {} edges by {} steps, which {why}", count.edges, count.steps);
    }
    print_rules(covered.rules);
    let left = all - covered.edges - covered.infeasible_edges();
    if covered.difference.is_none() && left > 0 {
        bail!("{left} edges were not covered, and no step differs: this is a fault of the harness");
    }
    let holds = if covered.infeasible.is_empty() {
        "every edge is covered, and the node is what the model says"
    } else {
        "every edge that a node can take is covered, and the node is what the model says"
    };
    let log = if args.disk { " on the log" } else { "" };
    let summary = format!("{}{log}: {} of {all} edges, {}", profile.name, covered.edges, profile.bounds);
    Ok(ConformOutcome { holds: args.verdict(profile, covered.difference.as_ref(), holds)?, summary })
}

fn run_walks(args: &ConformArgs, profile: &Profile, walks: u64) -> anyhow::Result<ConformOutcome> {
    let start = Instant::now();
    let own = args.shards.shard().of(walks)?;
    let part =
        Walks { walks: own.end - own.start, actions: args.actions, seed: args.seed.wrapping_add(own.start) };
    let walked = walk(profile, part, args.setup())?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "walked: {} walks, {} steps, {seconds:.1} s, {:.0} steps/s",
        walked.walks,
        walked.replayed,
        walked.replayed as f64 / seconds.max(1e-9)
    );
    print_rules(walked.rules);
    if walked.replayed == 0 {
        bail!("nothing was walked: give more --walks or --actions");
    }
    if let Some((seed, _)) = &walked.difference {
        println!("seed of the walk that differs: {seed}");
    }
    let difference = walked.difference.as_ref().map(|(_, difference)| difference);
    let log = if args.disk { " on the log" } else { "" };
    let summary = format!("{}{log}: {} steps on {} walks", profile.name, walked.replayed, walked.walks);
    let holds = args.verdict(profile, difference, "on all walks the node is what the model says")?;
    args.shards.write(|| {
        let arguments = [
            ("profile", profile.name.clone()),
            ("bounds", profile.bounds.to_string()),
            ("actions", args.actions.to_string()),
            ("seed", args.seed.to_string()),
            ("walks", walks.to_string()),
            ("disk", args.disk.to_string()),
            ("defect", args.defect.map(|defect| format!("{defect}")).unwrap_or_default()),
        ];
        let differs = walked.difference.as_ref().map(|(seed, _)| format!("the walk of seed {seed} differs"));
        Report::new("conform", &arguments, walks, own, u8::from(!holds))
            .with("walks", walked.walks)
            .with("steps", walked.replayed)
            .wrong(differs)
    })?;
    Ok(ConformOutcome { holds, summary })
}

fn print_rules(rules: RuleSet) {
    let missing: Vec<String> =
        Rule::ALL.iter().filter(|rule| !rules.contains(**rule)).map(|rule| format!("{rule:?}")).collect();
    let fired = Rule::ALL.len() - missing.len();
    println!("rules covered: {fired} of {}; not: {}", Rule::ALL.len(), missing.join(" "));
}

/// Takes the steps of a difference's file again, with a node: `figure2 replay` of such a file.
///
/// # Errors
/// When the file cannot be used, with what to do, or the output cannot be written.
pub(crate) fn repeat(name: &str, text: &str, output: Option<&Path>) -> anyhow::Result<ExitCode> {
    let unusable = || format!("{name} cannot be used");
    let file = DifferenceFile::from_json(text).with_context(unusable)?;
    let difference = file.repeat().with_context(unusable)?;
    let mut told = format!("{}, bounds: {}\n", file.profile, file.bounds);
    if file.log {
        told.push_str("the node has the log, on a simulated disk\n");
    }
    if let Some(defect) = file.defect {
        told.push_str(&format!("defect put into the node: {defect}\n"));
    }
    let (conclusion, code) = match &difference {
        Some(difference) if file.is_of(difference) => ("DIFFERS as recorded", ExitCode::from(1)),
        Some(_) => ("DIFFERS, but not as recorded", ExitCode::from(1)),
        None => ("NO LONGER DIFFERS: after each step the node is what the model says", ExitCode::SUCCESS),
    };
    if let Some(difference) = &difference {
        told.push_str(&difference.to_string());
    }
    write_out(&told, output)?;
    eprintln!("{name}: {conclusion}");
    Ok(code)
}

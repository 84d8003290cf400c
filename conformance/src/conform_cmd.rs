//! `figure2 conform`: traces of the model drive real nodes.

use crate::conform::{Defect, Difference, Walks, cover, walk};
use anyhow::bail;
use figure2_core::{Rule, RuleSet};
use figure2_model::{Profile, System, nightly_profiles, profile, profiles};
use std::process::ExitCode;
use std::time::Instant;

/// Drive real nodes along the model's steps: what they hold, write and send must be what the model says.
///
/// Exit code 0: each step was taken, and none differs; 1: one differs, told field by field with the way to it; 2: the
/// profile cannot be used.
#[derive(Clone, Debug, clap::Args)]
pub struct ConformArgs {
    /// The profile; `figure2 check --list` shows all. Its writes must be durable at once. By default snapshot-crash,
    /// with one client request unless walks or another number are asked for
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
    /// Puts a defect into the node: it must be found
    #[arg(long, value_name = "DEFECT")]
    pub defect: Option<Defect>,
}

impl ConformArgs {
    fn profile(&self) -> anyhow::Result<Profile> {
        // All of the default profile takes minutes; with one request it still has all that crashes and snapshots do.
        let requests = if self.profile.is_none() && self.walks.is_none() { Some(1) } else { None };
        let name = self.profile.as_deref().unwrap_or("snapshot-crash");
        let Some(mut profile) = profile(name) else {
            let all = profiles().into_iter().chain(nightly_profiles());
            let possible: Vec<String> = all.map(|profile| profile.name).collect();
            bail!("--profile {}: there is no such profile; possible are {}", name, possible.join(", "));
        };
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
}

/// Runs the command.
///
/// # Errors
/// When the profile cannot be used.
pub fn run(args: &ConformArgs) -> anyhow::Result<ExitCode> {
    let profile = args.profile()?;
    println!("{}: {}\nbounds: {}", profile.name, profile.description, profile.bounds);
    if let Some(defect) = args.defect {
        println!("defect put into the node: {defect}");
    }
    match args.walks {
        None => run_cover(args, &profile),
        Some(walks) => run_walks(args, &profile, walks),
    }
}

fn run_cover(args: &ConformArgs, profile: &Profile) -> anyhow::Result<ExitCode> {
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
    println!(
        "steps of single servers: {} between {} states of them",
        edges.steps.len(),
        edges.machines.len()
    );
    let start = Instant::now();
    let covered = cover(&edges, &profile.bounds, args.defect)?;
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
    print_rules(covered.rules);
    if covered.difference.is_none() && covered.edges != all {
        bail!(
            "{} edges were not covered, and no step differs: this is a fault of the harness",
            all - covered.edges
        );
    }
    Ok(verdict(covered.difference.as_ref(), "every edge is covered, and the node is what the model says"))
}

fn run_walks(args: &ConformArgs, profile: &Profile, walks: u64) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let walks = Walks { walks, actions: args.actions, seed: args.seed };
    let walked = walk(profile, walks, args.defect)?;
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
        println!(
            "again: figure2 conform --profile {} --walks 1 --actions {} --seed {seed}",
            profile.name, args.actions
        );
    }
    let difference = walked.difference.as_ref().map(|(_, difference)| difference);
    Ok(verdict(difference, "on all walks the node is what the model says"))
}

fn print_rules(rules: RuleSet) {
    let missing: Vec<String> =
        Rule::ALL.iter().filter(|rule| !rules.contains(**rule)).map(|rule| format!("{rule:?}")).collect();
    let fired = Rule::ALL.len() - missing.len();
    println!("rules covered: {fired} of {}; not: {}", Rule::ALL.len(), missing.join(" "));
}

fn verdict(difference: Option<&Difference>, holds: &str) -> ExitCode {
    match difference {
        None => {
            println!("verdict: {holds}");
            ExitCode::SUCCESS
        }
        Some(difference) => {
            print!("{difference}");
            println!("verdict: the node is not what the model says");
            ExitCode::from(1)
        }
    }
}

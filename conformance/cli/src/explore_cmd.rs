//! `figure2 explore`: stateright's Explorer on a profile, with actions and states that can be read.

use crate::check::find_profile;
use crate::counterexample::{find_mutant, svg};
use anyhow::Context;
use figure2_model::{Action, Cluster, Safety, State, System, Trace, Witness};
use stateright::{Model, Path, Property};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

/// Open stateright's Explorer on a profile in a browser: choose what happens next, and see what becomes of it.
#[derive(Clone, Debug, clap::Args)]
pub struct ExploreArgs {
    /// The profile
    #[arg(long, value_name = "NAME", required_unless_present = "mutant", conflicts_with = "mutant")]
    pub profile: Option<String>,
    /// A broken rule, in its own profile
    #[arg(long, value_name = "ID")]
    pub mutant: Option<String>,
    /// Where to listen. The Explorer asks nobody who they are: anything but a loopback address shows it to the network
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:3000")]
    pub address: SocketAddr,
}

/// Runs the command. It ends when it is interrupted.
///
/// # Errors
/// When there is no such profile, with those that there are, or the address cannot be used.
pub fn run(args: &ExploreArgs) -> anyhow::Result<ExitCode> {
    let mutant = args.mutant.as_deref().map(find_mutant).transpose().context("--mutant")?;
    let name = args.profile.as_deref().unwrap_or_default();
    let (profile, system) = match mutant {
        Some(mutant) => (mutant.profile, mutant.system),
        None => (find_profile(name)?, System::default()),
    };
    let explored = Explored::new(profile.cluster(&system)?);
    // The Explorer panics when it cannot listen; better to find out before.
    drop(
        TcpListener::bind(args.address)
            .with_context(|| format!("--address {} cannot be used", args.address))?,
    );
    println!("{}: {}\nbounds: {}", profile.name, profile.description, profile.bounds);
    println!("open http://{} in a browser; interrupt to end", args.address);
    if !args.address.ip().is_loopback() {
        println!("everyone who reaches {} can use it", args.address);
    }
    explored.checker().serve(args.address);
    Ok(ExitCode::SUCCESS)
}

/// A cluster whose actions and states are shown in words. The behaviour is the cluster's own.
pub struct Explored {
    cluster: Cluster,
}

impl Explored {
    /// The cluster, to be explored; with each state as it is, whatever names its servers have.
    pub fn new(cluster: Cluster) -> Self {
        Explored { cluster: cluster.with_symmetry(false) }
    }

    fn shown(&self, state: State) -> Shown {
        let description = self.cluster.describe(&state);
        Shown(state, description)
    }
}

/// An action with its words.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    action: Action,
    words: String,
}

/// A state with its description, node by node: the Explorer shows what `Debug` writes.
#[derive(Clone, PartialEq)]
pub struct Shown(State, String);

impl Hash for Shown {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1)
    }
}

macro_rules! conditions {
    ($function:ident: $($place:literal)*) => { [$($function::<$place>),*] };
}
/// stateright takes a property's condition as a function pointer: one for each place in the list of properties.
type Condition = fn(&Explored, &Shown) -> bool;

impl Model for Explored {
    type State = Shown;
    type Action = Choice;

    fn init_states(&self) -> Vec<Shown> {
        self.cluster.init_states().into_iter().map(|state| self.shown(state)).collect()
    }

    fn actions(&self, state: &Shown, actions: &mut Vec<Choice>) {
        let labels = self.cluster.labels(&state.0).into_iter();
        actions.extend(labels.map(|(action, label)| Choice { action, words: label.to_string() }));
    }

    fn next_state(&self, state: &Shown, choice: Choice) -> Option<Shown> {
        self.cluster.next_state(&state.0, choice.action).map(|state| self.shown(state))
    }

    fn format_action(&self, choice: &Choice) -> String {
        choice.words.clone()
    }

    /// What the step does, then the cluster after it.
    fn format_step(&self, state: &Shown, choice: Choice) -> Option<String> {
        let next = self.cluster.next_state(&state.0, choice.action)?;
        let from_here = self.cluster.clone().starting_in(state.0.clone());
        Some(format!("{}\n{}", Trace::follow(&from_here, &[choice.action]), self.cluster.describe(&next)))
    }

    fn as_svg(&self, path: Path<Shown, Choice>) -> Option<String> {
        let actions: Vec<Action> = path.into_actions().into_iter().map(|choice| choice.action).collect();
        Some(svg(&Trace::follow(&self.cluster, &actions)).into_string())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let upholds: [Condition; Safety::ALL.len()] =
            conditions!(upholds: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23);
        let shows: [Condition; Witness::ALL.len()] = conditions!(shows: 0 1 2 3 4 5 6 7 8 9 10);
        let always = Safety::ALL.into_iter().zip(upholds);
        let sometimes = Witness::ALL.into_iter().zip(shows);
        let always = always.map(|(safety, condition)| Property::always(safety.name(), condition));
        always
            .chain(sometimes.map(|(witness, condition)| Property::sometimes(witness.name(), condition)))
            .collect()
    }
}

fn upholds<const I: usize>(explored: &Explored, state: &Shown) -> bool {
    !explored.cluster.broken(&state.0).contains(Safety::ALL[I])
}

fn shows<const I: usize>(explored: &Explored, state: &Shown) -> bool {
    explored.cluster.shows(&state.0, Witness::ALL[I])
}

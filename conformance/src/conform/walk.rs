//! Walks through large profiles: whole clusters of real nodes, each step drawn among those the model allows.

use super::{Bench, Defect, Difference, drive, unscripted};
use figure2_core::{RuleSet, ServerId};
use figure2_model::{Cluster, Host, MachineEvent, Profile};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;

/// Which walks.
#[derive(Clone, Copy, Debug)]
pub struct Walks {
    /// How many.
    pub walks: u64,
    /// Most actions of each.
    pub actions: u64,
    /// The seed of the first; each further one has the next.
    pub seed: u64,
}

/// What was walked.
#[derive(Clone, Debug, Default)]
pub struct Walked {
    /// Walks.
    pub walks: u64,
    /// Steps that nodes took.
    pub replayed: u64,
    /// The rules that fired.
    pub rules: RuleSet,
    /// The first difference, and the seed of its walk: nothing was walked after it.
    pub difference: Option<(u64, Difference)>,
}

/// Walks from the first start of the profile's servers; a script of the profile is not played.
///
/// # Errors
/// When the model and the rules of Figure 2 part, or a node cannot be made.
pub fn walk(profile: &Profile, walks: Walks, defect: Option<Defect>) -> anyhow::Result<Walked> {
    let cluster = unscripted(profile)?;
    anyhow::ensure!(profile.bounds.unwritten == 0, figure2_model::EdgesError::LaggingWrites);
    let mut walked = Walked::default();
    for seed in (walks.seed..).take(usize::try_from(walks.walks)?) {
        if let Some(difference) = one(&cluster, profile, seed, walks.actions, defect, &mut walked)? {
            walked.difference = Some((seed, difference));
            return Ok(walked);
        }
        walked.walks += 1;
    }
    Ok(walked)
}

fn one(
    cluster: &Cluster,
    profile: &Profile,
    seed: u64,
    actions: u64,
    defect: Option<Defect>,
    walked: &mut Walked,
) -> anyhow::Result<Option<Difference>> {
    let mut random = SmallRng::seed_from_u64(seed);
    let servers = (0..profile.bounds.servers).map(ServerId);
    let benches: anyhow::Result<Vec<Bench>> =
        servers.clone().map(|id| Bench::new(id, &profile.bounds, defect)).collect();
    let mut benches = benches?;
    let mut events: Vec<Vec<MachineEvent>> = servers.map(|_| Vec::new()).collect();
    let mut state = cluster.start().clone();
    for _ in 0..actions {
        let mut possible = cluster.possible_actions(&state);
        possible.retain(|action| cluster.act(&state, *action).is_some());
        let Some(action) = possible.choose(&mut random).copied() else { break };
        let Some((next, rules)) = cluster.act(&state, action) else { break };
        if let Some((server, event)) = cluster.machine_event(&state, action) {
            let at = usize::from(server.0);
            let host = |state| -> anyhow::Result<&Host> {
                cluster.hosts(state).nth(at).ok_or_else(|| anyhow::anyhow!("{server} is not in the cluster"))
            };
            let step = cluster.machine_step(host(&state)?, event);
            let step =
                step.ok_or_else(|| anyhow::anyhow!("the model refuses what it allowed: {action:?}"))?;
            let (Some(bench), Some(events)) = (benches.get_mut(at), events.get_mut(at)) else { break };
            events.push(step.event.clone());
            let fields = drive(bench, &step, host(&next)?);
            walked.replayed += 1;
            walked.rules = walked.rules.union(rules);
            if !fields.is_empty() {
                return Ok(Some(Difference { server, events: std::mem::take(events), fields }));
            }
        }
        state = next;
    }
    Ok(None)
}

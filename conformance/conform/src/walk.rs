//! Random walks through large profiles: whole clusters of real nodes, each step drawn from those that the model
//! allows.

use super::{Difference, NodeUnderTest, Setup, StepInput, Writer, drive, unscripted};
use figure2_core::{RuleSet, ServerId};
use figure2_model::{Action, Cluster, NodeStep, Profile, State};
use rand::rngs::SmallRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};

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
pub fn walk(profile: &Profile, walks: Walks, setup: impl Into<Setup>) -> anyhow::Result<Walked> {
    let setup = setup.into();
    let cluster = unscripted(profile)?;
    let mut walked = Walked::default();
    for seed in (walks.seed..).take(usize::try_from(walks.walks)?) {
        if let Some(difference) = one(&cluster, profile, seed, walks.actions, setup, &mut walked)? {
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
    setup: Setup,
    walked: &mut Walked,
) -> anyhow::Result<Option<Difference>> {
    let mut random = SmallRng::seed_from_u64(seed);
    let nodes: anyhow::Result<Vec<Node>> =
        (0..profile.bounds.servers).map(|id| Node::new(ServerId(id), profile, setup)).collect();
    let mut nodes = nodes?;
    let mut state = cluster.start().clone();
    for _ in 0..actions {
        let mut possible = cluster.possible_actions(&state);
        possible.retain(|action| cluster.act(&state, *action).is_some());
        let lags = profile.bounds.unwritten > 0;
        let Some(chosen) = choose(cluster, &state, possible, &nodes, lags, &mut random)? else { break };
        let Some((next, rules)) = cluster.act(&state, chosen.action) else { break };
        if let Some(taken) = chosen.taken {
            let at = usize::from(taken.server.0);
            let Some(node) = nodes.get_mut(at) else { break };
            node.writer = taken.writer;
            let Some(after) = cluster.nodes(&next).nth(at) else { break };
            let fields = drive(&mut node.node, &taken.step, taken.writer_is_late, after, &mut node.events);
            walked.replayed += 1;
            walked.rules = walked.rules.union(rules);
            if !fields.is_empty() {
                let events = std::mem::take(&mut node.events);
                return Ok(Some(Difference { server: taken.server, events, fields }));
            }
        }
        state = next;
    }
    Ok(None)
}

/// A node of the cluster, and how it got where it is.
struct Node {
    node: NodeUnderTest,
    writer: Writer,
    events: Vec<StepInput>,
}

impl Node {
    fn new(id: ServerId, profile: &Profile, setup: Setup) -> anyhow::Result<Node> {
        let node = NodeUnderTest::new(id, &profile.bounds, setup)?;
        Ok(Node { node, writer: Writer::default(), events: Vec::new() })
    }
}

/// What happens next.
struct Chosen {
    action: Action,
    /// The step of a node, unless it is a loss.
    taken: Option<Taken>,
}

struct Taken {
    server: ServerId,
    step: NodeStep,
    writer_is_late: bool,
    /// Where the node's writer is afterwards.
    writer: Writer,
}

/// One of the possible actions that the nodes can take from where their writers are; none if there is none.
fn choose(
    cluster: &Cluster,
    state: &State,
    mut possible: Vec<Action>,
    nodes: &[Node],
    lags: bool,
    random: &mut SmallRng,
) -> anyhow::Result<Option<Chosen>> {
    while let Some(place) = (0..possible.len()).choose(random) {
        let action = possible.swap_remove(place);
        let Some((server, event)) = cluster.full_event(state, action) else {
            return Ok(Some(Chosen { action, taken: None }));
        };
        let at = usize::from(server.0);
        let (Some(before), Some(node)) = (cluster.nodes(state).nth(at), nodes.get(at)) else {
            anyhow::bail!("{server} is not in the cluster");
        };
        let step = cluster.node_step(before, event);
        let step = step.ok_or_else(|| anyhow::anyhow!("the model refuses what it allowed: {action:?}"))?;
        let late_first = lags && random.random_bool(0.5);
        for writer_is_late in [late_first, !late_first] {
            if let Some(writer) = node.writer.after(before, &step, writer_is_late) {
                let taken = Some(Taken { server, step, writer_is_late, writer });
                return Ok(Some(Chosen { action, taken }));
            }
        }
    }
    Ok(None)
}

//! Repeats recorded steps. Each is looked up among the possible ones, so nothing happens that the model would not do
//! by itself.

use crate::cluster::System;
use crate::cluster::action::Action;
use crate::profiles::Profile;
use crate::properties::{Safety, Witness};
use crate::search::check::CheckError;
use crate::trace::Trace;
use crate::trace::label::ActionLabel;

/// What became of recorded steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The steps that were taken: all, unless one was not possible.
    pub trace: Trace,
    /// What the last state breaks.
    pub broken: Vec<Safety>,
    /// What the last state shows.
    pub shown: Vec<Witness>,
    /// Where a step was not possible: what was. None when all steps were taken.
    pub possible_instead: Option<Vec<ActionLabel>>,
}

/// Takes steps again, from the start of a profile, under any rules and on any nodes.
///
/// # Errors
/// When the profile makes no sense under these rules.
pub fn replay(system: &System, profile: &Profile, labels: &[ActionLabel]) -> Result<Replayed, CheckError> {
    let cluster = profile.cluster(system)?;
    let mut actions: Vec<Action> = Vec::new();
    let mut state = cluster.start().clone();
    let mut possible_instead = None;
    for wanted in labels {
        let possible = cluster.labels(&state);
        let found = possible.iter().find(|(_, label)| label == wanted).map(|(action, _)| *action);
        let taken = found.and_then(|action| Some((action, cluster.act(&state, action)?.0)));
        let Some((action, next)) = taken else {
            possible_instead = Some(possible.into_iter().map(|(_, label)| label).collect());
            break;
        };
        actions.push(action);
        state = next;
    }
    Ok(Replayed {
        trace: Trace::follow(&cluster, &actions),
        broken: cluster.broken(&state).iter().collect(),
        shown: Witness::ALL.into_iter().filter(|witness| cluster.shows(&state, *witness)).collect(),
        possible_instead,
    })
}

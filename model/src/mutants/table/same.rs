//! Finds out whether a change makes a difference in a profile, without exploring the profile again.
//!
//! What an event does to a node depends on the node and the event alone, whatever the others do. Assume that the
//! nodes of a mutant start as those of Figure 2, and that every event that was tried on a node while the profile was
//! explored under Figure 2 does the same to it under the mutant. Then the mutant's search visits the same states by
//! the same steps, by induction over the search, which asks nothing else of the rules. A profile has millions of
//! states, but far fewer nodes in them.
//!
//! The converse need not hold: a step that differs may have found no room in the network. Such a mutant is explored.

use super::cell::{Cell, Effort};
use super::file::{Line, Said};
use crate::cluster::step::{Stepped, Stepper};
use crate::cluster::{Cluster, System};
use crate::search::check::CheckError;
use crate::search::tables::{Step, Tried};
use figure2_core::{Rule, ServerId};

/// A profile that was explored under the rules of Figure 2, with all that was tried on its nodes.
pub struct Reference {
    line: Line,
    cluster: Cluster,
    tried: Vec<Tried>,
}

impl Reference {
    /// Explores a place of Figure 2.
    ///
    /// # Errors
    /// As [`Cell::explore`].
    pub fn explore(cell: &Cell, effort: &Effort) -> Result<Reference, CheckError> {
        let (line, cluster) = cell.search(None, effort)?;
        let mut cluster = cluster.ok_or(CheckError::NoThreads)?;
        let tried = match line.said {
            Said::Right => cluster.tables_mut().map(crate::search::tables::Tables::tried).unwrap_or_default(),
            _ => Vec::new(),
        };
        Ok(Reference { line, cluster, tried })
    }

    /// What was found of Figure 2.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// What becomes of a mutant that makes no difference here; none if it does, or if that is not known.
    pub fn line_of_same(&self, cell: &Cell) -> Option<Line> {
        let is_known = !self.tried.is_empty() && cell.place() == self.line.place && !cell.breaks_liveness();
        (is_known && self.is_same(&cell.system())).then(|| Line {
            said: Said::Same,
            ..cell.line(Said::Same, self.line.distinct, self.line.generated)
        })
    }

    /// Whether a system does the same as Figure 2 in all that was tried.
    fn is_same(&self, system: &System) -> bool {
        let bounds = &self.cluster.bounds;
        let (figure2, other) = (System::default(), system.stepper(bounds));
        let figure2 = figure2.stepper(bounds);
        let starts = |id| {
            let extensions = bounds.extensions_of(id);
            figure2.first_start(id, extensions) == other.first_start(id, extensions)
        };
        (0..bounds.servers).map(ServerId).all(starts)
            && self.tried.iter().all(|tried| self.comes_of(&other, tried))
    }

    /// Whether the same comes of an event.
    fn comes_of(&self, stepper: &Stepper<'_>, tried: &Tried) -> bool {
        let tables = self.cluster.tables();
        let before = &tables.node(tried.node).content;
        let stepped =
            stepper.apply_event(before, tried.event.map(|envelope| self.cluster.envelope(*envelope)));
        match (stepped, tried.step) {
            (None, None) => true,
            (Some(stepped), Some(step)) => self.is_step(&stepped, tables.step(step)),
            _ => false,
        }
    }

    /// Whether it is the same step, but for the rules that fired: of these the search only asks whether a server was
    /// elected, and whether it took a command.
    fn is_step(&self, stepped: &Stepped, step: &Step) -> bool {
        let sent = step.sent.iter().map(|envelope| self.cluster.envelope(*envelope));
        stepped.node == self.cluster.tables().node(step.node).content
            && stepped.sent.iter().eq(sent)
            && [Rule::L1, Rule::L2]
                .iter()
                .all(|rule| stepped.rules.contains(*rule) == step.rules.contains(*rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::table::{cells, references};

    const EFFORT: Effort = Effort { max_states: 30_000, time_limit: None, max_memory: None };

    /// In the small profiles all mutants are explored as well. What the steps say is what exploring says.
    #[test]
    fn a_mutant_whose_steps_are_those_of_figure_2_has_its_states() {
        let (mut same, mut others) = (0, 0);
        for cell in references() {
            let reference = Reference::explore(&cell, &EFFORT).unwrap();
            if reference.line().said != Said::Right {
                continue;
            }
            let counts = (reference.line().distinct, reference.line().generated);
            for cell in cells().iter().filter(|other| other.profile == cell.profile) {
                let explored = cell.explore(Some(counts), &EFFORT).unwrap();
                match reference.line_of_same(cell) {
                    Some(line) => {
                        assert_eq!(line, explored, "{} in {}", cell.id(), cell.place());
                        same += 1;
                    }
                    None => others += 1,
                }
            }
        }
        assert!(same > 5 && others > 5, "{same} make no difference, {others} do");
    }
}

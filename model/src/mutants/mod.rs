//! Broken rules. Each mutant is the rules of Figure 2 with one rule replaced by a bug, or a node that handles the
//! effects of a step wrongly. It names the property that must catch it: a check is worth what it catches.
//!
//! The reductions are justified by the right rules and could hide a bug in a wrong one. So mutants are explored
//! without any: every renaming of a state is a state of its own, and entries are applied separately.

use crate::cluster::System;
use crate::profiles::Profile;
use crate::properties::Safety;
use crate::recovery::Share;
use crate::search::check::{CheckError, CheckOptions, Progress, check_system};
use crate::search::report::Report;
use figure2_core::Rule;

mod bases;
mod batches;
mod bug;
mod disk;
mod elections;
mod extensions;
mod followers;
mod leaders;
mod limits;
mod liveness;
mod merged;
mod page;
mod run;
mod snapshots;
mod spaces;
mod state;
mod survivors;
mod survivors_extensions;
mod survivors_flow;
pub mod table;
mod tools;
mod votes;

pub use page::{kind_name, outcome, page, space, summaries};
pub use run::{Case, Expected, Fate, Row, cases, run};

/// A broken rule, where it is explored, and what must catch it.
#[derive(Clone)]
pub struct Mutant {
    /// A short name, such as `C1`.
    pub id: &'static str,
    /// The rule that it breaks.
    pub rule: Rule,
    /// The bug.
    pub bug: &'static str,
    /// The property that must be broken.
    pub killed_by: Safety,
    /// Where it is explored.
    pub profile: Profile,
    /// The broken rules, or the nodes that break them.
    pub system: System,
    /// How the bug is written: what the kill table knows it by.
    pub source: &'static str,
}

impl Mutant {
    fn new(
        id: &'static str,
        rule: Rule,
        bug: &'static str,
        killed_by: Safety,
        profile: impl Into<Profile>,
        (system, source): (System, &'static str),
    ) -> Mutant {
        let profile = Profile { always: vec![killed_by], ..profile.into() };
        Mutant { id, rule, bug, killed_by, profile, system, source }
    }

    /// Explores the mutant's profile under the mutant's rules, for the one property that must catch it. The search is
    /// breadth first with one thread, so the trace it finds is the shortest.
    ///
    /// # Errors
    /// As [`check_system`].
    pub fn check(
        &self,
        options: &CheckOptions,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Report, CheckError> {
        // The bug is near the start, and much else is far from it.
        let options = CheckOptions { breadth_first: true, threads: 1, ..*options };
        check_system(&self.system, &self.profile, &options, progress)
    }
}

/// Why a change of a rule breaks no property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing changes: there are as many states, and as many steps between them, as under the rules of Figure 2.
    Equivalent,
    /// Servers do other things, and nothing that a property says is wrong with them.
    Harmless,
    /// Nothing wrong happens, but there is a state from which the cluster does not recover once faults end.
    Liveness,
}

/// A change of a rule that breaks no property, with the reason, and where that is checked.
#[derive(Clone)]
pub struct Survivor {
    /// A short name.
    pub id: &'static str,
    /// The rule that is changed.
    pub rule: Rule,
    /// The change.
    pub bug: &'static str,
    /// In which sense it does no harm.
    pub kind: Kind,
    /// Why nothing is broken.
    pub argument: &'static str,
    /// The space that is searched to the end, for every property.
    pub profile: Profile,
    /// The changed rules.
    pub system: System,
    /// How the change is written: what the kill table knows it by.
    pub source: &'static str,
}

impl Survivor {
    fn new(
        (id, rule, bug): (&'static str, Rule, &'static str),
        kind: Kind,
        argument: &'static str,
        profile: impl Into<Profile>,
        (system, source): (System, &'static str),
    ) -> Survivor {
        // States that are renamings of each other are taken for one: that needs only rules that treat all ids alike.
        let profile = Profile { always: Safety::ALL.to_vec(), symmetry: true, ..profile.into() };
        Survivor { id, rule, bug, kind, argument, profile, system, source }
    }

    /// Searches the survivor's space to the end, depth first.
    ///
    /// # Errors
    /// As [`check_system`].
    pub fn check(
        &self,
        options: &CheckOptions,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Report, CheckError> {
        self.check_by(&self.system, options, progress)
    }

    /// Searches the survivor's space for a state from which the cluster does not recover: for the shortest way to one, where
    /// there should be one.
    ///
    /// # Errors
    /// As [`check_system`].
    pub fn check_recovery(&self, options: &CheckOptions) -> Result<Report, CheckError> {
        let breadth_first = self.kind == Kind::Liveness;
        let options = CheckOptions { breadth_first, threads: 1, recovery: Some(Share::All), ..*options };
        check_system(&self.system, &self.profile, &options, &mut |_| ())
    }

    /// Searches the same space under the rules of Figure 2: the change shows in the number of states, or changes
    /// nothing.
    ///
    /// # Errors
    /// As [`check_system`].
    pub fn check_figure2(
        &self,
        options: &CheckOptions,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Report, CheckError> {
        self.check_by(&System::default(), options, progress)
    }

    fn check_by(
        &self,
        system: &System,
        options: &CheckOptions,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Report, CheckError> {
        let options = CheckOptions { breadth_first: false, threads: 1, ..*options };
        check_system(system, &self.profile, &options, progress)
    }
}

/// All changes that break no property, in the order of the paper's boxes.
pub fn survivors() -> Vec<Survivor> {
    let lists = [
        survivors::survivors(),
        survivors_flow::survivors(),
        liveness::survivors(),
        survivors_extensions::survivors(),
    ];
    lists.into_iter().flatten().collect()
}

/// All mutants, in the order of the paper's boxes.
pub fn mutants() -> Vec<Mutant> {
    let boxes = [
        state::mutants(),
        disk::mutants(),
        elections::mutants(),
        votes::mutants(),
        followers::mutants(),
        leaders::mutants(),
        snapshots::mutants(),
        bases::mutants(),
        batches::mutants(),
        limits::mutants(),
        merged::mutants(),
        extensions::mutants(),
    ];
    boxes.into_iter().flatten().collect()
}

//! A cell of the table: what is explored for it, and how.

use super::file::{Line, Said};
use crate::cluster::{Cluster, System};
use crate::mutants::{Case, Expected, Kind, Mutant, cases, mutants};
use crate::profiles::{Profile, profiles};
use crate::properties::Safety;
use crate::recovery::Share;
use crate::search::check::{CheckError, CheckOptions, search};
use crate::search::report::{Outcome, Report, Unfinished, Verdict};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Whose rules a line of the table is about.
#[derive(Clone)]
pub enum Subject {
    /// Those of Figure 2: what the others are compared with.
    Figure2,
    /// Those of a mutant or a survivor.
    Case(Box<Case>),
}

/// A place in the table.
#[derive(Clone)]
pub struct Cell {
    /// Whose rules are explored.
    pub subject: Subject,
    /// Where, with the reductions that are right for the subject.
    pub profile: Profile,
}

/// How far a cell may be explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Most distinct states.
    pub max_states: u64,
    /// Longest time.
    pub time_limit: Option<Duration>,
    /// Most memory of the process, in bytes.
    pub max_memory: Option<u64>,
}

/// Distinct states of the first stage: breadth first, so that a violation that is near is found at once.
const NEAR: u64 = 20_000;

/// All places of the table but those of Figure 2: each mutant and survivor in each profile of `all` that names its rule. A
/// change that is a mutant in other spaces is there as that.
pub fn cells() -> Vec<Cell> {
    let profiles = profiles();
    let in_profiles = |case: Case| {
        let named: Vec<Profile> =
            profiles.iter().filter(|profile| profile.names(case.rule())).cloned().collect();
        named.into_iter().map(move |profile| Cell::new(&case, profile))
    };
    cases().into_iter().filter(is_judged).flat_map(in_profiles).collect()
}

/// Whether the table says anything of a case.
pub fn is_judged(case: &Case) -> bool {
    twin(case).is_none()
}

/// The mutant that is the same change as a survivor: in some spaces it breaks nothing, in others it does.
pub fn twin(case: &Case) -> Option<Mutant> {
    let Case::Survivor(survivor) = case else { return None };
    mutants().into_iter().find(|mutant| mutant.rule == survivor.rule && mutant.source == survivor.source)
}

/// The places of Figure 2: each profile, and without symmetry where a mutant needs that.
pub fn references() -> Vec<Cell> {
    let mut references: Vec<Cell> = Vec::new();
    let as_they_are = profiles().into_iter();
    let needed = cells().into_iter().map(|cell| cell.profile).filter(|profile| !profile.symmetry);
    for profile in as_they_are.chain(needed) {
        if !references.iter().any(|other| other.profile == profile) {
            references.push(Cell { subject: Subject::Figure2, profile });
        }
    }
    references
}

impl Cell {
    fn new(case: &Case, profile: Profile) -> Cell {
        let profile = Profile { symmetry: profile.symmetry && case.is_symmetric(), ..profile };
        Cell { subject: Subject::Case(Box::new(case.clone())), profile }
    }

    /// What the subject is called in the table.
    pub fn id(&self) -> &'static str {
        match &self.subject {
            Subject::Figure2 => "Figure2",
            Subject::Case(case) => case.id(),
        }
    }

    /// What the profile is called in the table.
    pub fn place(&self) -> String {
        format!("{}{}", self.profile.name, if self.profile.symmetry { "" } else { "(asymmetric)" })
    }

    /// What it was made with, in 16 digits: 8 of the sources, and 8 of the profile and the mutant.
    pub fn digest(&self) -> String {
        let Profile { name, bounds, symmetry, script, always, sometimes, rules, description: _ } =
            &self.profile;
        let mut digest = Sha256::new();
        let mut add = |text: &str| {
            digest.update(text);
            digest.update([0]);
        };
        add(&format!("{name} {bounds:?} {symmetry} {script:?} {always:?} {sometimes:?} {rules:?}"));
        if let Subject::Case(case) = &self.subject {
            add(&format!("{} {}", case.id(), case.rule().id()));
            // Versions of the compiler differ in where they put spaces.
            add(&case.source().split_whitespace().collect::<String>());
        }
        let place: String = digest.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let sources = crate::SOURCES;
        format!("{}{place}", sources.get(..8).unwrap_or(sources))
    }

    /// Explores it: what is near first, breadth first, then all, depth first; with one thread, so that it can be repeated
    /// exactly. `figure2` is how many states, distinct and generated, the profile has under the rules of Figure 2.
    ///
    /// # Errors
    /// When the profile's bounds make no sense.
    pub fn explore(&self, figure2: Option<(u64, u64)>, effort: &Effort) -> Result<Line, CheckError> {
        self.search(figure2, effort).map(|(line, _)| line)
    }

    /// The rules and the nodes.
    pub(super) fn system(&self) -> System {
        match &self.subject {
            Subject::Figure2 => System::default(),
            Subject::Case(case) => case.system().clone(),
        }
    }

    /// As [`explore`](Self::explore), with the cluster that was explored; none where the profile's script cannot be played.
    pub(super) fn search(
        &self,
        figure2: Option<(u64, u64)>,
        effort: &Effort,
    ) -> Result<(Line, Option<Cluster>), CheckError> {
        let system = self.system();
        let far = CheckOptions {
            threads: 1,
            time_limit: effort.time_limit,
            max_states: Some(effort.max_states),
            max_memory: effort.max_memory,
            // A trace is at hand, and no shorter one is asked for.
            max_trace_states: 1,
            ..CheckOptions::default()
        };
        let near = CheckOptions { breadth_first: true, max_states: Some(NEAR.min(effort.max_states)), ..far };
        let recovery = |share| self.breaks_liveness().then_some(share);
        let near = CheckOptions { recovery: recovery(Share::All), ..near };
        let far = CheckOptions { recovery: recovery(self.profile.recovery()), ..far };
        let mut searched = Err(CheckError::NoThreads);
        for options in [near, far] {
            searched = search(&system, &self.profile, &options, &mut |_| ());
            let is_cut =
                |report: &Report| matches!(report.verdict, Verdict::Unfinished(Unfinished::Limit(_)));
            if !matches!(&searched, Ok((report, _)) if is_cut(report)) {
                break;
            }
        }
        match searched {
            Ok((report, cluster)) => {
                Ok((self.line(said(&report, figure2), report.distinct, report.generated), Some(cluster)))
            }
            Err(CheckError::Script(_)) => Ok((self.line(Said::Unplayable, 0, 0), None)),
            Err(error) => Err(error),
        }
    }

    /// Whether recovery is what must see it: it is judged as `check` does in the profile, and near the start in all states.
    pub(super) fn breaks_liveness(&self) -> bool {
        let expected = match &self.subject {
            Subject::Figure2 => None,
            Subject::Case(case) => Some(case.expected()),
        };
        matches!(expected, Some(Expected::Survives(Kind::Liveness, _)))
    }

    pub(super) fn line(&self, said: Said, distinct: u64, generated: u64) -> Line {
        Line {
            id: self.id().to_owned(),
            place: self.place(),
            said,
            distinct,
            generated,
            digest: self.digest(),
        }
    }
}

fn said(report: &Report, figure2: Option<(u64, u64)>) -> Said {
    let broken = report.always.iter().filter(|(_, outcome)| *outcome == Outcome::Broken);
    match &report.verdict {
        Verdict::Violated(_) => Said::Killed(broken.map(|(safety, _)| *safety).collect::<Vec<Safety>>()),
        Verdict::Unfinished(why) => Said::Unfinished(why.to_string()),
        Verdict::Unrecovered { .. } => Said::Unrecovered,
        Verdict::Holds | Verdict::Vacuous { .. } => match figure2 {
            None => Said::Right,
            Some(counts) if counts == (report.distinct, report.generated) => Said::Same,
            Some(_) => Said::Other(missing(&report.verdict)),
        },
    }
}

/// What the search should have reached and did not, by name.
fn missing(verdict: &Verdict) -> Vec<String> {
    let Verdict::Vacuous { witnesses, rules } = verdict else { return Vec::new() };
    let witnesses = witnesses.iter().map(|witness| witness.name().to_owned());
    witnesses.chain(rules.iter().map(|rule| rule.id().to_owned())).collect()
}

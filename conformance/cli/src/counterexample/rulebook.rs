//! Rules and profiles by their names in trace files.

use super::{TraceFile, TraceFileError};
use figure2_model::mutants::{Mutant, mutants};
use figure2_model::{CheckError, Profile, Reduction, Replayed, System, profile, profiles, replay};

/// The name of the rules as the paper states them.
pub const FIGURE2: &str = "figure2";

/// Why recorded steps cannot be taken again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] TraceFileError),
    /// There is no such profile.
    #[error("there is no profile {name} for rules {rules}; possible are {}", possible.join(", "))]
    UnknownProfile {
        /// What the file says.
        name: String,
        /// The file's rules.
        rules: String,
        /// The profiles there are.
        possible: Vec<String>,
    },
    /// There are no such rules.
    #[error("there are no rules {name}; possible are {}", possible.join(", "))]
    UnknownRules {
        /// What the file says.
        name: String,
        /// The rules there are.
        possible: Vec<String>,
    },
    /// The profile cannot be set up under these rules.
    #[error(transparent)]
    Check(#[from] CheckError),
}

impl TraceFile {
    /// Takes the steps again on the file's profile, under the file's rules or under others.
    ///
    /// # Errors
    /// When profile or rules are unknown, or the bounds are not the profile's any more.
    pub fn replay(&self, rules: Option<&str>) -> Result<(Profile, Replayed), ReplayError> {
        let profile = self.find_profile()?;
        let now = profile.bounds.to_string();
        // The profile without its reduction has other bounds, and other steps.
        let unreduced = profile.clone().without(Reduction::ApplyAtOnce);
        let profile = if unreduced.bounds.to_string() == self.bounds { unreduced } else { profile };
        if profile.bounds.to_string() != self.bounds {
            let (profile, file) = (self.profile.clone(), self.bounds.clone());
            return Err(TraceFileError::Bounds { profile, file, now }.into());
        }
        let labels = self.labels()?;
        let rules = rules.unwrap_or(&self.rules);
        let replayed = match rules {
            FIGURE2 => replay(&System::default(), &profile, &labels)?,
            id => replay(&find_mutant(id)?.system, &profile, &labels)?,
        };
        Ok((profile, replayed))
    }

    /// A mutant has a profile of its own.
    fn find_profile(&self) -> Result<Profile, ReplayError> {
        if self.rules != FIGURE2 {
            let own = find_mutant(&self.rules)?.profile;
            if own.name == self.profile {
                return Ok(own);
            }
        }
        profile(&self.profile).ok_or_else(|| ReplayError::UnknownProfile {
            name: self.profile.clone(),
            rules: self.rules.clone(),
            possible: profiles().into_iter().map(|profile| profile.name).collect(),
        })
    }
}

/// The mutant of that id.
///
/// # Errors
/// When there is none, with those that there are.
pub fn find_mutant(id: &str) -> Result<Mutant, ReplayError> {
    mutants().into_iter().find(|mutant| mutant.id == id).ok_or_else(|| ReplayError::UnknownRules {
        name: id.to_owned(),
        possible: [FIGURE2]
            .into_iter()
            .chain(mutants().iter().map(|mutant| mutant.id))
            .map(str::to_owned)
            .collect(),
    })
}

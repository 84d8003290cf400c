//! Compares what the profiles cover with what was last agreed on.
//!
//! A check can lose its value without failing: somebody lowers a bound to save time, or a rule changes and half the
//! states are no longer reached. So a file keeps the bounds, the counts and the rules that fired, and a profile that
//! is smaller than the file says fails, unless the file gives a reason.

mod covered;

use anyhow::{Context, bail};
use covered::Covered;
use figure2_model::{Profile, Report, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const FORMAT: &str = "figure2-baseline";
const VERSION: u32 = 1;

/// The file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    format: String,
    version: u32,
    /// By the profile's name.
    profiles: BTreeMap<String, Covered>,
    /// Why profiles became smaller.
    smaller: Vec<Reason>,
}

/// Why something of a profile became smaller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    profile: String,
    /// What became smaller, as the command names it: `states_distinct`, `bounds.terms`, `rules.AE3`.
    what: String,
    from: String,
    to: String,
    why: String,
}

/// Something that is smaller than it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The profile.
    pub profile: String,
    /// What of it.
    pub what: String,
    /// As it was.
    pub from: String,
    /// As it is.
    pub to: String,
    /// Why, if the file says so.
    pub why: Option<String>,
}

impl Baseline {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn read(file: &Path) -> anyhow::Result<Baseline> {
        let name = file.display();
        let text = fs::read_to_string(file).with_context(|| {
            format!("the baseline {name} cannot be read (model/baseline.json is in a checkout of figure2)")
        })?;
        let baseline: Baseline =
            serde_json::from_str(&text).with_context(|| format!("{name} is no baseline"))?;
        if (baseline.format.as_str(), baseline.version) != (FORMAT, VERSION) {
            bail!("{name} is no baseline of version {VERSION}");
        }
        Ok(baseline)
    }

    /// The one that was committed with these sources.
    ///
    /// # Errors
    /// When it is none.
    pub fn built_in() -> anyhow::Result<Baseline> {
        let text = include_str!("../../../../model/baseline.json");
        serde_json::from_str(text).context("model/baseline.json is no baseline")
    }

    /// How many distinct states a profile has.
    #[must_use]
    pub fn states_of(&self, profile: &str) -> Option<u64> {
        self.profiles.get(profile).map(|covered| covered.states_distinct)
    }

    /// One that says nothing yet.
    #[must_use]
    pub fn empty() -> Baseline {
        Baseline {
            format: FORMAT.to_owned(),
            version: VERSION,
            profiles: BTreeMap::new(),
            smaller: Vec::new(),
        }
    }

    /// What is smaller than here, in profiles that were searched to their ends. `is_whole` says that all profiles were
    /// checked: then none may be missing.
    #[must_use]
    pub fn compare(&self, profiles: &[Profile], reports: &[Report], is_whole: bool) -> Vec<Shrunk> {
        let mut shrunk = Vec::new();
        for (name, was) in &self.profiles {
            let found = profiles.iter().zip(reports).find(|(profile, _)| profile.name == *name);
            match found {
                Some((profile, report)) if is_finished(report) => {
                    shrunk.extend(was.shrunk_to(name, &Covered::of(profile, report)));
                }
                None if is_whole => {
                    let states = was.states_distinct.to_string();
                    shrunk.push(Shrunk::of(name, "profile", &states, "gone"));
                }
                Some(_) | None => {}
            }
        }
        for of in &mut shrunk {
            let is_it = |reason: &&Reason| {
                (&reason.profile, &reason.what, &reason.to) == (&of.profile, &of.what, &of.to)
                    && !reason.why.trim().is_empty()
            };
            of.why = self.smaller.iter().find(is_it).map(|reason| reason.why.clone());
        }
        shrunk
    }

    /// Profiles of which it says nothing, or which cover more by now: nothing is wrong, but the file is behind.
    #[must_use]
    pub fn behind(&self, profiles: &[Profile], reports: &[Report]) -> Vec<String> {
        let is_behind = |(profile, report): &(&Profile, &Report)| {
            is_finished(report) && self.profiles.get(&profile.name) != Some(&Covered::of(profile, report))
        };
        profiles.iter().zip(reports).filter(is_behind).map(|(profile, _)| profile.name.clone()).collect()
    }

    /// Takes over what the reports say, and notes why something is smaller than before.
    ///
    /// # Errors
    /// When something is, and no reason is given; or when a report is of a search that did not end.
    pub fn renew(
        &mut self,
        profiles: &[Profile],
        reports: &[Report],
        is_whole: bool,
        because: Option<&str>,
    ) -> anyhow::Result<()> {
        if let Some(report) = reports.iter().find(|report| !is_finished(report)) {
            bail!(
                "profile {} was not searched to its end, or does not hold: no baseline is written",
                report.profile
            );
        }
        let because = because.map(str::trim).filter(|why| !why.is_empty());
        for Shrunk { profile, what, from, to, why } in self.compare(profiles, reports, is_whole) {
            let Some(why) = why.or_else(|| because.map(str::to_owned)) else {
                bail!("{profile}: {what} was {from} and is {to}. Say why with --because");
            };
            self.smaller.retain(|reason| (&reason.profile, &reason.what) != (&profile, &what));
            self.smaller.push(Reason { profile, what, from, to, why });
        }
        if is_whole {
            self.profiles.clear();
        }
        for (profile, report) in profiles.iter().zip(reports) {
            self.profiles.insert(profile.name.clone(), Covered::of(profile, report));
        }
        Ok(())
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(file, text).with_context(|| format!("the baseline {} cannot be written", file.display()))
    }
}

/// A table of what shrank, and where the file is behind.
#[must_use]
pub fn told(shrunk: &[Shrunk], behind: &[String]) -> String {
    let mut text = String::new();
    if shrunk.is_empty() {
        text.push_str("no profile is smaller than the baseline\n");
    } else {
        text.push_str(&format!(
            "{:<24} {:<26} {:>14} {:>14}  why\n",
            "smaller than the baseline", "", "was", "is"
        ));
    }
    for Shrunk { profile, what, from, to, why } in shrunk {
        let why = why.as_deref().unwrap_or("NOT SAID");
        text.push_str(&format!("{profile:<24} {what:<26} {from:>14} {to:>14}  {why}\n"));
    }
    if !behind.is_empty() {
        text.push_str(&format!(
            "the baseline is not what was found for: {}. To agree on that:\n    figure2 check --write-baseline FILE\n",
            behind.join(", ")
        ));
    }
    text
}

/// Whether a count says something: a search that was broken off counts too little.
fn is_finished(report: &Report) -> bool {
    matches!(report.verdict, Verdict::Holds | Verdict::Vacuous { .. })
}

impl Shrunk {
    fn of(profile: &str, what: &str, from: &str, to: &str) -> Shrunk {
        let [profile, what, from, to] = [profile, what, from, to].map(str::to_owned);
        Shrunk { profile, what, from, to, why: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use figure2_model::Share;
    use figure2_model::{Budget, CheckOptions, check, profile};

    fn checked() -> (Vec<Profile>, Vec<Report>) {
        let profile = profile("power-loss-1").unwrap();
        let report = check(&profile, &CheckOptions::default(), &mut |_| ()).unwrap();
        (vec![profile], vec![report])
    }

    fn whats(shrunk: &[Shrunk]) -> Vec<&str> {
        shrunk.iter().map(|of| of.what.as_str()).collect()
    }

    #[test]
    fn the_same_search_is_not_smaller_and_each_kind_of_loss_is_told() {
        let (profiles, reports) = checked();
        let mut baseline = Baseline::empty();
        assert_eq!(baseline.behind(&profiles, &reports), ["power-loss-1"]);
        baseline.renew(&profiles, &reports, false, None).unwrap();
        assert_eq!(baseline.compare(&profiles, &reports, false), []);
        assert!(baseline.behind(&profiles, &reports).is_empty());

        let mut smaller = profiles.clone();
        smaller[0].bounds.terms -= 1;
        smaller[0].bounds.losses = Budget::AtMost(9);
        smaller[0].always.pop();
        smaller[0].sometimes.pop();
        let mut fewer = reports.clone();
        fewer[0].distinct -= 1;
        fewer[0].generated -= 1;
        let fired = fewer[0].rules.iter_mut().find(|(_, count)| *count > 0).unwrap();
        fired.1 = 0;
        let shrunk = baseline.compare(&smaller, &fewer, false);
        let expected = [
            "bounds.losses",
            "bounds.terms",
            "states_distinct",
            "states_generated",
            "rules.P1",
            "always.linearizable",
            "sometimes.a recovered crash",
        ];
        assert_eq!(whats(&shrunk), expected);
        assert!(told(&shrunk, &[]).matches("NOT SAID").count() == expected.len());
    }

    #[test]
    fn recovery_that_is_judged_in_fewer_states_or_in_none_is_smaller() {
        let options = |recovery| CheckOptions { recovery, ..CheckOptions::default() };
        let profiles = vec![profile("too-large").unwrap()];
        let report = |recovery| vec![check(&profiles[0], &options(recovery), &mut |_| ()).unwrap()];
        let all = report(Some(Share::All));
        let some = report(Some(Share::OneIn { states: 2, seed: 1 }));
        let mut baseline = Baseline::empty();
        baseline.renew(&profiles, &all, false, None).unwrap();
        assert_eq!(baseline.compare(&profiles, &all, false), []);
        for fewer in [&some, &report(None)] {
            assert_eq!(whats(&baseline.compare(&profiles, fewer, false)), ["recovery"]);
        }
        let mut without = Baseline::empty();
        without.renew(&profiles, &report(None), false, None).unwrap();
        assert_eq!(without.compare(&profiles, &all, false), []);
        assert_eq!(without.behind(&profiles, &all), ["too-large"]);
    }

    #[test]
    fn a_profile_that_is_gone_or_has_another_beginning_is_smaller() {
        let (profiles, reports) = checked();
        let mut baseline = Baseline::empty();
        baseline.renew(&profiles, &reports, false, None).unwrap();
        assert_eq!(whats(&baseline.compare(&[], &[], true)), ["profile"]);
        assert!(baseline.compare(&[], &[], false).is_empty(), "it was not asked for");
        let mut other = profiles.clone();
        other[0].script = profile("reappearing-index").unwrap().script;
        assert_eq!(whats(&baseline.compare(&other, &reports, true)), ["script"]);
    }

    #[test]
    fn a_smaller_baseline_is_written_only_with_a_reason_which_is_kept() {
        let (profiles, reports) = checked();
        let mut baseline = Baseline::empty();
        let mut larger = reports.clone();
        larger[0].distinct += 1;
        baseline.renew(&profiles, &larger, false, None).unwrap();
        let refused = baseline.renew(&profiles, &reports, false, Some(" ")).unwrap_err().to_string();
        assert!(refused.contains("states_distinct") && refused.contains("--because"), "{refused}");
        let unchanged = baseline.clone();
        baseline.renew(&profiles, &reports, false, Some("one state was unreachable")).unwrap();
        assert!(baseline.compare(&profiles, &reports, false).is_empty());
        let text = serde_json::to_string(&baseline).unwrap();
        assert!(text.contains("one state was unreachable"), "{text}");
        // A reason that stands beside the old figures is one, too; for that figure and no other.
        let with_reason = Baseline { smaller: baseline.smaller.clone(), ..unchanged };
        let why = |reports: &[Report]| with_reason.compare(&profiles, reports, false)[0].why.clone();
        assert_eq!(why(&reports).as_deref(), Some("one state was unreachable"));
        let mut fewer = reports.clone();
        fewer[0].distinct -= 1;
        assert_eq!(why(&fewer), None);
    }

    #[test]
    fn an_unfinished_search_says_nothing_and_is_no_baseline() {
        let (profiles, reports) = checked();
        let mut baseline = Baseline::empty();
        baseline.renew(&profiles, &reports, false, None).unwrap();
        let limit = CheckOptions { max_states: Some(100), ..CheckOptions::default() };
        let cut = vec![check(&profiles[0], &limit, &mut |_| ()).unwrap()];
        assert!(baseline.compare(&profiles, &cut, false).is_empty());
        assert!(baseline.renew(&profiles, &cut, false, Some("time")).is_err());
    }
}

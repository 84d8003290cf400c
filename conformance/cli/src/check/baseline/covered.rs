//! Which figures of a profile are compared.

use super::Shrunk;
use figure2_model::Share;
use figure2_model::{Apply, Bounds, Budget, Profile, Report, Sending};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a profile covered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Covered {
    /// What may be more, or less; unlimited is null.
    bounds: BTreeMap<String, Option<u64>>,
    /// The servers' limits, in words.
    limits: String,
    /// The scripted beginning.
    script: Vec<String>,
    pub states_distinct: u64,
    states_generated: u64,
    /// The rules that fired.
    rules: Vec<String>,
    /// The properties that must hold in every state.
    always: Vec<String>,
    /// The witnesses that some state must show.
    sometimes: Vec<String>,
    /// Recovery is judged in one of so many states: 1 is all, null none.
    #[serde(default)]
    recovery: Option<u64>,
}

impl Covered {
    pub fn of(profile: &Profile, report: &Report) -> Covered {
        Covered {
            bounds: bounds(&profile.bounds),
            limits: profile.bounds.limits.to_string().trim_start_matches(", ").to_owned(),
            script: profile.script.iter().map(|scene| format!("{scene:?}")).collect(),
            states_distinct: report.distinct,
            states_generated: report.generated,
            rules: report
                .rules
                .iter()
                .filter(|(_, count)| *count > 0)
                .map(|(rule, _)| rule.id().to_owned())
                .collect(),
            always: profile.always.iter().map(|safety| safety.name().to_owned()).collect(),
            sometimes: profile.sometimes.iter().map(|witness| witness.name().to_owned()).collect(),
            recovery: report.recovered.map(|recovered| match recovered.share {
                Share::All => 1,
                Share::OneIn { states, .. } => states,
                Share::Part { states, of, .. } => states.saturating_mul(of),
            }),
        }
    }

    /// What of it is smaller in `now`.
    pub fn shrunk_to(&self, profile: &str, now: &Covered) -> Vec<Shrunk> {
        let mut shrunk = Vec::new();
        let mut add = |what: &str, from: &str, to: &str| shrunk.push(Shrunk::of(profile, what, from, to));
        let told = |bound: &Option<u64>| bound.map_or_else(|| "any".to_owned(), |bound| bound.to_string());
        for (name, was) in &self.bounds {
            let is = now.bounds.get(name).unwrap_or(&Some(0));
            // Unlimited is more than any number.
            if is.unwrap_or(u64::MAX) < was.unwrap_or(u64::MAX) {
                add(&format!("bounds.{name}"), &told(was), &told(is));
            }
        }
        if self.limits != now.limits {
            // Neither is less than the other: another space, and why must be said.
            add("limits", &self.limits, &now.limits);
        }
        if self.script != now.script {
            add("script", &format!("{} scenes", self.script.len()), &format!("{} scenes", now.script.len()));
        }
        for (what, was, is) in [
            ("states_distinct", self.states_distinct, now.states_distinct),
            ("states_generated", self.states_generated, now.states_generated),
        ] {
            if is < was {
                add(what, &was.to_string(), &is.to_string());
            }
        }
        for (what, was, is) in [
            ("rules", &self.rules, &now.rules),
            ("always", &self.always, &now.always),
            ("sometimes", &self.sometimes, &now.sometimes),
        ] {
            for lost in was.iter().filter(|name| !is.contains(name)) {
                add(&format!("{what}.{lost}"), "covered", "not covered");
            }
        }
        if now.recovery.unwrap_or(u64::MAX) > self.recovery.unwrap_or(u64::MAX) {
            let told = |share: Option<u64>| {
                share.map_or_else(|| "none".to_owned(), |states| format!("1 in {states}"))
            };
            add("recovery", &told(self.recovery), &told(now.recovery));
        }
        shrunk
    }
}

/// Each bound as a number that grows with what is explored; unlimited is none.
fn bounds(bounds: &Bounds) -> BTreeMap<String, Option<u64>> {
    // Every field is listed: a new one must not be forgotten here.
    let Bounds {
        servers,
        terms,
        client_requests,
        crashes,
        unwritten,
        failed_writes,
        losses,
        duplications,
        snapshots,
        in_flight,
        entries_per_message,
        sending,
        // In words: wider limits are not more states.
        limits: _,
        apply,
        clients,
        extensions,
        plain_servers,
        transfers,
        lost_disks,
    } = bounds;
    let budget = |budget: &Budget| match budget {
        Budget::AtMost(most) => Some(u64::from(*most)),
        Budget::Unlimited => None,
    };
    // What goes beyond Figure 2 is named only where it is used.
    let beyond = [
        ("pre_vote", u64::from(extensions.pre_vote)),
        ("check_quorum", u64::from(extensions.check_quorum)),
        ("plain_servers", u64::from(*plain_servers)),
        ("transfers", u64::from(*transfers)),
        ("lost_disks", u64::from(*lost_disks)),
    ];
    [
        ("servers", Some(u64::from(*servers))),
        ("terms", Some(u64::from(*terms))),
        ("client_requests", Some(u64::from(*client_requests))),
        ("crashes", Some(u64::from(*crashes))),
        ("unwritten", Some(u64::from(*unwritten))),
        ("failed_writes", Some(u64::from(*failed_writes))),
        ("losses", budget(losses)),
        ("duplications", budget(duplications)),
        ("snapshots", Some(u64::from(*snapshots))),
        ("in_flight", Some(u64::from(*in_flight))),
        ("entries_per_message", Some(u64::from(*entries_per_message))),
        ("sent_separately", Some(u64::from(*sending == Sending::Separately))),
        ("applied_separately", Some(u64::from(*apply == Apply::Separately))),
        ("clients", Some(u64::from(*clients))),
    ]
    .into_iter()
    .chain(beyond.into_iter().filter(|(_, bound)| *bound > 0).map(|(name, bound)| (name, Some(bound))))
    .map(|(name, bound)| (name.to_owned(), bound))
    .collect()
}

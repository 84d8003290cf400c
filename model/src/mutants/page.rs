//! Writes the page about the mutants from a run of them.

use super::run::{Case, Expected, Fate, Row};
use super::table::{Table, section};
use super::{Kind, cases};
use crate::cluster::bounds::{Budget, Limits, Sending};
use crate::profiles::Profile;
use crate::properties::Safety;
use figure2_core::Rule;
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Mutants

A check is worth what it catches. Each mutant is the rules of Figure 2 with one rule replaced by a bug, from outside
the core (see [rules.md](rules.md)), or a node that treats the effects of a step wrongly. It names the property that
must be broken, and is explored with that property alone, breadth first and with one thread, without any reduction:
every renaming of a state is a state of its own, and entries are applied one at a time.

```sh
cargo figure2 mutants                        # all of them, with the time that each took
cargo figure2 mutants --id C1 --id R4        # some
cargo figure2 mutants --check docs/mutants.md
cargo figure2 check --mutant C1              # one, with its trace
```

This page is made by the program, and a test compares the two. To make it anew:

```sh
FIGURE2_BLESS=1 cargo test -p figure2-model --test mutants
```

- **space** says what servers, terms and so on there are; what it does not name is none. *Script* means that the search
  starts after some steps of the core, else from servers that never ran. Writes are done within a step unless they
  *lag*. Messages are lost, duplicated and reordered at will. *PreVote* and *CheckQuorum* are on where they are named, and
  nobody asks for a *transfer* where none is.
- **steps** is the length of the shortest trace, without the script; **states** is how many distinct states the search
  saw until then.
- Ids of one envelope and a digit (`V1` to `V10`, `C1` to `C5`, `R1` to `R6`, `S1` to `S5`, `D1`, `D2`) are bugs that were
  made in real implementations, some with variants (`V9-term`). The others are named for the rule that they break, or for
  the merged record (`M-`) of steps that share a write.
- Of the latter some stand for bugs that were made, too: `M-first`, `M-last` and `M-term_vote` for a term and a vote that reach
  the disk apart (hashicorp/raft 661); `M-reversed`, `M-truncate` and `M-trim` for a snapshot or a deletion and the log that
  do not go to the disk as one (braft 461, tikv 12618); `M-told` for an acknowledgement before the entry is durable
  (etcd 14370); `L3S-batch` for an acknowledgement of more than the follower has (CCF); `S1-term` and `S1-data` for a wrong
  last included term (tikv 10476); `IS7-any` for an old snapshot over a newer log (etcd 1763); `L1D-vote` for a vote that is
  forgotten when the leader changes (camunda 5356); `L2B-none` and `L3W-none` for a leader that takes in, or sends to a
  follower that does not answer, without a limit.
";

const SURVIVORS: &str = "\
## Changes that break no property

Not every change of a rule is a bug that a property can show. These are argued, and the argument is checked: the space
is searched to its end, for every property, and nothing is broken. (States that are renamings of each other are taken
for one: that needs only rules that treat all ids alike, and these do.) *Equivalent* means that nothing changes: the
space has as many states as under the rules of Figure 2, and as many steps between them. *Harmless* changes make servers
do other things: their spaces differ from Figure 2's, so the change is at work in them. From every state of these spaces
the cluster [recovers](model.md#recovery) once faults end.
";

const LIVENESS: &str = "\
## Killed by recovery

These changes break no property either: nothing wrong ever happens. But from some state the cluster does not
[recover](model.md#recovery), although faults have ended. *Steps* leads to such a state, and is as short as can be; what
follows is why the fair run from there is no recovery. `cargo figure2 mutants --id C4-once` repeats one.
";

const NOT_SHOWN: &str = "\
## Not shown by a model

- **Timers.** The model has no clock: any timer may fire at any time. Whether a timer is restarted changes no behaviour that a
  property sees. In the fair runs of recovery it does, where the timer is restarted too seldom (`C3-untimed`) or too often
  (`RV2-timer`). The core's unit tests hold these rules, too.
- **What drivers never do.** The model gives commands to leaders alone, and its services take snapshots only of what
  they applied; a server that takes a command though it does not lead (L2), or a snapshot of what is not committed
  (S1), is for the core's unit tests.
- **Races inside a node.** last_applied that moves before the apply, an installation that races an apply, a heartbeat
  path beside the handlers: a step of the model is one step. The node's tasks are explored with loom
  ([concurrency.md](concurrency.md)).
";

/// The page, from a run of all cases and the kill table. The time that each took is not on it.
pub fn page(rows: &[Row], table: &Table) -> String {
    let killed = rows.iter().filter(|row| matches!(row.case, Case::Mutant(_)));
    let mut page = format!("{INTRODUCTION}\n## Killed\n\n");
    page.push_str(
        "| mutant | rule | bug | killed by | space | steps | states |\n|---|---|---|---|---|---|---|\n",
    );
    for row in killed {
        let (case, outcome) = (&row.case, outcome(row));
        let Expected::KilledBy(safety) = case.expected() else { continue };
        let (id, rule, bug, space) = (case.id(), case.rule().id(), case.bug(), space(case.profile()));
        let (name, states) = (safety.name(), grouped(row.distinct));
        let _ = writeln!(page, "| `{id}` | {rule} | {bug} | {name} | {space} | {outcome} | {states} |");
    }
    let _ = write!(page, "\n{SURVIVORS}\n");
    page.push_str(
        "| change | rule | what is changed | why nothing is broken | space | states | by Figure 2 |\n",
    );
    page.push_str("|---|---|---|---|---|---|---|\n");
    for row in rows {
        let case = &row.case;
        let Expected::Survives(kind @ (Kind::Equivalent | Kind::Harmless), argument) = case.expected() else {
            continue;
        };
        let (id, rule, bug, space) = (case.id(), case.rule().id(), case.bug(), space(case.profile()));
        let (kind, states) = (kind_name(kind), grouped(row.distinct));
        let by_figure2 = row.by_figure2.map(grouped).unwrap_or_default();
        let outcome = if row.fate == Fate::Holds { String::new() } else { format!(" **{}**", outcome(row)) };
        let _ = writeln!(
            page,
            "| `{id}` | {rule} | {bug} | *{kind}.* {argument}{outcome} | {space} | {states} | {by_figure2} |"
        );
    }
    let _ = write!(page, "\n{LIVENESS}\n");
    page.push_str("| change | rule | what is changed | why it matters | space | steps | no recovery |\n");
    page.push_str("|---|---|---|---|---|---|---|\n");
    for row in rows {
        let case = &row.case;
        let Expected::Survives(Kind::Liveness, argument) = case.expected() else { continue };
        let (id, rule, bug, space) = (case.id(), case.rule().id(), case.bug(), space(case.profile()));
        let (steps, stuck) = match &row.fate {
            Fate::Unrecovered { steps, stuck } => (steps.to_string(), stuck.to_string()),
            _ => (String::new(), format!("**{}**", outcome(row))),
        };
        let _ = writeln!(page, "| `{id}` | {rule} | {bug} | {argument} | {space} | {steps} | {stuck} |");
    }
    let _ = write!(page, "\n{}\n{NOT_SHOWN}\n{}", section(table), summaries());
    page
}

/// Which mutants each rule has, and which each property kills.
pub fn summaries() -> String {
    let mut text = String::from("## By rule\n\n| rule | mutants |\n|---|---|\n");
    for rule in Rule::ALL {
        let _ = writeln!(text, "| {} | {} |", rule.id(), ids(|case, _| case.rule() == *rule));
    }
    text.push_str("\n## By property\n\n| property | kills |\n|---|---|\n");
    for safety in Safety::ALL {
        let _ = writeln!(text, "| {} | {} |", safety.name(), ids(|_, killer| killer == safety));
    }
    text
}

fn ids(is_meant: impl Fn(&Case, Safety) -> bool) -> String {
    let all = cases();
    let meant = all.iter().filter(|case| match case.expected() {
        Expected::KilledBy(safety) => is_meant(case, safety),
        Expected::Survives(..) => false,
    });
    meant.map(|case| format!("`{}`", case.id())).collect::<Vec<_>>().join(", ")
}

/// What became of a case, in a word or a number.
pub fn outcome(row: &Row) -> String {
    match &row.fate {
        Fate::Killed { steps } => steps.to_string(),
        Fate::Holds => "holds".to_owned(),
        Fate::Unrecovered { steps, stuck } => format!("{steps} steps: {stuck}"),
        Fate::Wrong(what) => what.clone(),
        Fate::Unfinished(why) => format!("unfinished: {why}"),
    }
}

/// The kind's name.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Equivalent => "Equivalent",
        Kind::Harmless => "Harmless",
        Kind::Liveness => "Liveness",
    }
}

/// The bounds that are not 0, in a few words.
pub fn space(profile: &Profile) -> String {
    let bounds = &profile.bounds;
    let count = |n: u8, one: &str, many: &str| match n {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {many}")),
    };
    let mut parts = vec![
        count(bounds.servers, "server", "servers"),
        count(bounds.terms, "term", "terms"),
        count(bounds.client_requests, "command", "commands"),
        count(bounds.crashes, "crash", "crashes"),
        count(bounds.snapshots, "snapshot", "snapshots"),
        count(bounds.in_flight, "message", "messages"),
        count(bounds.unwritten, "step lags", "steps lag"),
        count(bounds.failed_writes, "failed write", "failed writes"),
    ];
    parts.push(
        (bounds.entries_per_message > 1).then(|| format!("{} entries a message", bounds.entries_per_message)),
    );
    parts.push(
        (bounds.limits != Limits::NONE)
            .then(|| bounds.limits.to_string().trim_start_matches(", ").to_owned()),
    );
    parts.push((bounds.sending == Sending::Separately).then(|| "sent separately".to_owned()));
    parts.push((bounds.losses != Budget::Unlimited).then(|| "nothing lost or doubled".to_owned()));
    parts.push(bounds.clients.then(|| "clients recorded".to_owned()));
    let beyond = bounds.beyond_figure2();
    parts.push((!beyond.is_empty()).then(|| beyond.trim_start_matches(", ").to_owned()));
    parts.push((!profile.script.is_empty()).then(|| "script".to_owned()));
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

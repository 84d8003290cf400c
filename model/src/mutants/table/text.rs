//! The table as a section of docs/mutants.md.

use super::cell::{Cell, cells, references, twin};
use super::file::{Said, Table};
use crate::mutants::cases;
use crate::profiles::profiles;
use std::fmt::Write;

const INTRODUCTION: &str = "\
## In the profiles of `all`

The spaces above are made for their mutants. What the profiles see that every change is checked with is another
question, and `model/kill-table.txt` answers it, for each mutant and each profile that names its rule: *killed*, by what;
*other states*, and no property broken; or *the same count* of states and steps as under the rules of Figure 2: then the
profile cannot see the change. Of a mutant that breaks liveness alone the profile is judged for recovery, too. The mutant
is explored as `check` explores the profile, so the reductions are the same on both sides; a mutant that does not treat all ids alike is explored without symmetry, and so is Figure 2 for it.
Where a mutant's nodes do the same as those of Figure 2 in all that was tried on them, its states are the same ones, and it is
not explored. *Missing* names rules and witnesses that the profile must show and does not: `check` fails for that, too.

Each rule must have a mutant that some profile kills, each mutant that breaks safety must die in some profile, and what is
said to be equivalent must have the same counts everywhere: else `figure2 mutants` fails. To make the table takes hours.
It is kept by what it was made with (the sources of the core and the model, the profile, the mutant), so only what has
changed is done anew:

```sh
cargo figure2 mutants table                  # judges the table
cargo figure2 mutants table --run            # explores what is missing or outdated; goes on where it was stopped
cargo figure2 mutants table --run --shard 1/4 --file part1.txt   # a quarter of it, on another machine
cargo figure2 mutants table --merge part1.txt --merge part2.txt  # ... and all of them together
cargo figure2 mutants table --sample 7 --minutes 3   # repeats what it says in some places, drawn by a seed
```
";

/// The section about the profiles of `all`.
pub fn section(table: &Table) -> String {
    let cells = cells();
    let mut text = format!("{INTRODUCTION}\n");
    text.push_str("| mutant | rule | killed in | other states in | the same count in | unfinished |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for case in cases() {
        let own: Vec<&Cell> = cells.iter().filter(|cell| cell.id() == case.id()).collect();
        if let Some(twin) = twin(&case) {
            let _ = writeln!(text, "| `{}` | {} | as `{}` | | | |", case.id(), case.rule().id(), twin.id);
            continue;
        }
        let _ = writeln!(
            text,
            "| `{}` | {} | {} |",
            case.id(),
            case.rule().id(),
            columns(&own, table).join(" | ")
        );
    }
    text.push_str("\n### By profile\n\n");
    text.push_str(
        "| profile | states by Figure 2 | mutants that name it | killed | other states | the same count |\n",
    );
    text.push_str("|---|--:|--:|--:|--:|--:|\n");
    for profile in profiles() {
        let own: Vec<&Cell> = cells.iter().filter(|cell| cell.profile.name == profile.name).collect();
        let count = |is_meant: fn(&Said) -> bool| {
            own.iter().filter(|cell| table.find(cell).is_some_and(|line| is_meant(&line.said))).count()
        };
        let reference = references().into_iter().find(|cell| cell.profile == profile);
        let states = reference.as_ref().and_then(|cell| table.find(cell)).map(|line| line.distinct);
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} |",
            profile.name,
            states.map_or_else(|| "?".to_owned(), super::super::page::grouped),
            own.len(),
            count(|said| matches!(said, Said::Killed(_) | Said::Unrecovered)),
            count(|said| matches!(said, Said::Other(_) | Said::Unplayable)),
            count(|said| *said == Said::Same),
        );
    }
    text
}

/// What is said of one case, in the columns of the table.
fn columns(own: &[&Cell], table: &Table) -> [String; 4] {
    let mut columns = [const { Vec::new() }; 4];
    for cell in own {
        let place = cell.place();
        let (column, told) = match table.find(cell).map(|line| &line.said) {
            Some(Said::Killed(broken)) => {
                let names: Vec<_> = broken.iter().map(|safety| safety.name()).collect();
                (0, format!("`{place}` ({})", names.join(", ")))
            }
            Some(Said::Unrecovered) => (0, format!("`{place}` (no recovery)")),
            Some(Said::Other(missing)) if missing.is_empty() => (1, format!("`{place}`")),
            Some(Said::Other(missing)) => (1, format!("`{place}` (missing: {})", missing.join(", "))),
            Some(Said::Unplayable) => (1, format!("`{place}` (its beginning cannot be played)")),
            Some(Said::Same | Said::Right) => (2, format!("`{place}`")),
            Some(Said::Unfinished(why)) => (3, format!("`{place}`: {why}")),
            None => (3, format!("`{place}`: not explored yet")),
        };
        if let Some(column) = columns.get_mut(column) {
            column.push(told);
        }
    }
    columns.map(|told| told.join(", "))
}

//! Checks one profile under the rules of Figure 2, or one changed rule in its own space.
//!
//! ```sh
//! cargo run --release -p figure2-model --example check -- election
//! cargo run --release -p figure2-model --example check -- snapshot 100000    # at most so many states
//! cargo run --release -p figure2-model --example check -- --change C2-half
//! ```

use figure2_model::mutants::cases;
use figure2_model::{CheckOptions, Profile, System, Verdict, check_system, profile};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut options = CheckOptions::default();
    let named = |name: &str| profile(name).ok_or_else(|| format!("there is no profile {name}"));
    let (system, profile) = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--change", id] => change(id)?,
        [name] => (System::default(), named(name)?),
        [name, most] => {
            options.max_states = Some(most.parse()?);
            (System::default(), named(name)?)
        }
        _ => return Err("what is to be checked: a profile's name, or --change and a mutant's name".into()),
    };
    let report = check_system(&system, &profile, &options, &mut |_| ())?;
    let fired = report.rules.iter().filter(|(_, count)| *count > 0).map(|(rule, _)| rule.id());
    println!("{} distinct states, {} generated", report.distinct, report.generated);
    println!("fired: {}", fired.collect::<Vec<_>>().join(" "));
    match &report.verdict {
        Verdict::Holds => println!("holds"),
        Verdict::Violated(counterexample) => println!("violated:\n{counterexample}"),
        Verdict::Unfinished(why) => println!("unfinished: {why}"),
        other => println!("{other:?}"),
    }
    Ok(())
}

/// A mutant or a survivor, and where it is explored.
fn change(id: &str) -> Result<(System, Profile), String> {
    let case = cases().into_iter().find(|case| case.id() == id);
    let case = case.ok_or_else(|| format!("there is no change {id}: see docs/mutants.md"))?;
    Ok((case.system().clone(), case.profile().clone()))
}

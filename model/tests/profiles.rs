//! Profiles with scripted beginnings: that the script leads to where there is something to explore.

use figure2_model::{CheckOptions, Verdict, check, profiles};

#[test]
fn every_script_can_be_played_and_leaves_something_to_happen() {
    let near = CheckOptions { max_states: Some(2_000), ..CheckOptions::default() };
    let scripted: Vec<_> = profiles().into_iter().filter(|profile| !profile.script.is_empty()).collect();
    assert!(scripted.len() >= 3);
    for profile in scripted {
        let report = check(&profile, &near, &mut |_| ()).unwrap_or_else(|error| panic!("{error}"));
        assert!(!matches!(report.verdict, Verdict::Violated(_)), "{}: {:?}", profile.name, report.verdict);
        assert!(report.distinct > 100, "{}: {} states", profile.name, report.distinct);
    }
}

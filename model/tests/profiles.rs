//! Profiles with scripted beginnings: that the script leads to where there is something to explore. And those that break a
//! property on purpose: that they do.

use figure2_model::{Bounds, CheckOptions, Profile, Safety, Verdict, check, profile, profiles};

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

#[test]
fn a_server_that_loses_its_disk_makes_two_leaders_unless_it_stays_away() {
    let broken = profile("lost-disk").unwrap();
    let found = check(&broken, &CheckOptions::default(), &mut |_| ()).unwrap();
    let Verdict::Violated(found) = found.verdict else { panic!("{:?}", found.verdict) };
    assert_eq!((found.broken.as_slice(), found.is_shortest), (&[Safety::ElectionSafety][..], true));
    assert!(found.trace.steps.iter().any(|step| step.label.to_string().contains("loses its disk")));
    let bounds = Bounds { lost_disks: false, ..broken.bounds };
    let kept = check(&Profile { bounds, ..broken }, &CheckOptions::default(), &mut |_| ()).unwrap();
    assert!(matches!(kept.verdict, Verdict::Holds), "{:?}", kept.verdict);
}

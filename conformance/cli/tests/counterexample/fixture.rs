//! A violation to tell of: the mutant V8, servers that forget at a restart in which term they were and for whom they
//! voted.

use figure2_cli::check::{Checked, Violation};
use figure2_cli::counterexample::{TraceReport, find_mutant};
use figure2_model::mutants::Mutant;
use figure2_model::{CheckOptions, Report, Safety, System, Verdict, Witness, profile, shortest_witness};
use std::path::PathBuf;
use std::sync::OnceLock;

/// The id of the mutant.
pub const RULES: &str = "V8";

/// The mutant.
pub fn mutant() -> Mutant {
    find_mutant(RULES).unwrap()
}

/// The report on the mutant; searched for once.
pub fn report() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(|| {
        let report = mutant().check(&CheckOptions::default(), &mut |_| ()).unwrap();
        let Verdict::Violated(trace) = &report.verdict else { panic!("{:?}", report.verdict) };
        assert_eq!((trace.broken.as_slice(), trace.is_shortest), (&[Safety::ElectionSafety][..], true));
        report
    })
}

/// The violation's report.
pub fn trace_report() -> TraceReport {
    let Verdict::Violated(trace) = &report().verdict else { panic!("{:?}", report().verdict) };
    TraceReport::of_violation(&mutant().profile, RULES, trace)
}

/// What `figure2 check` would have in hand.
pub fn checked() -> (Checked, Vec<Violation>) {
    let violation = Violation { report: trace_report(), file: PathBuf::from("out/figure2 trace.json") };
    (Checked { reports: vec![report().clone()], never_fired: vec![] }, vec![violation])
}

/// The report of a witness under the rules of Figure 2.
pub fn witness(name: &str, witness: Witness) -> TraceReport {
    let profile = profile(name).unwrap();
    let options = CheckOptions::default();
    let trace =
        shortest_witness(&System::default(), &profile, witness, &options, &mut |_| ()).unwrap().unwrap();
    TraceReport {
        profile: profile.name.clone(),
        rules: "figure2".to_owned(),
        bounds: profile.bounds.to_string(),
        is_shortest: true,
        breaks: vec![],
        shows: Some(witness),
        trace,
    }
}

//! What two engines found of the same profile, compared.

use figure2_model::{Report, Unfinished, Verdict};
use std::mem::discriminant;

/// What one engine reports, if the other one found the same; else that they differ, and in what.
pub(super) fn agreed(one: Report, other: &Report) -> Report {
    let differences = differences(&one, other);
    if differences.is_empty() {
        return one;
    }
    let what = format!("the engines differ: {}", differences.join("; "));
    Report { verdict: Verdict::Unfinished(Unfinished::Failed(what)), ..one }
}

/// In what they differ. After a violation, and where a search was not finished, only what they conclude can be compared: which
/// states they had come to by then is a matter of their order.
fn differences(one: &Report, other: &Report) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, is_same: bool, values: (String, String)| {
        if !is_same {
            found.push(format!("{what}: {} on Timely, {} with stateright", values.0, values.1));
        }
    };
    let is_same = match (&one.verdict, &other.verdict) {
        (Verdict::Violated(one), Verdict::Violated(other)) => {
            one.trace.steps.len() == other.trace.steps.len()
        }
        (one, other) => discriminant(one) == discriminant(other),
    };
    compare("verdict", is_same, (format!("{:?}", one.verdict), format!("{:?}", other.verdict)));
    if !matches!(one.verdict, Verdict::Holds | Verdict::Vacuous { .. }) {
        return found;
    }
    for (what, one, other) in [
        ("distinct states", one.distinct, other.distinct),
        ("generated states", one.generated, other.generated),
    ] {
        compare(what, one == other, (one.to_string(), other.to_string()));
    }
    compare("rules", one.rules == other.rules, (format!("{:?}", one.rules), format!("{:?}", other.rules)));
    let witnesses = (format!("{:?}", one.sometimes), format!("{:?}", other.sometimes));
    compare("witnesses", one.sometimes == other.sometimes, witnesses);
    let recovered = (format!("{:?}", one.recovered), format!("{:?}", other.recovered));
    compare("recovery", one.recovered == other.recovered, recovered);
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use figure2_model::{CheckOptions, Limit, check, profile};

    #[test]
    fn each_difference_leaves_the_check_unfinished_and_is_told() {
        let options = CheckOptions::default();
        let report = check(&profile("split-votes").unwrap(), &options, &mut |_| ()).unwrap();
        assert_eq!(agreed(report.clone(), &report).verdict, Verdict::Holds);
        let mut fewer_rules = report.rules.clone();
        fewer_rules[0].1 += 1;
        let limit = Verdict::Unfinished(Unfinished::Limit(Limit::States(1)));
        let others = [
            ("distinct", Report { distinct: report.distinct + 1, ..report.clone() }),
            ("generated", Report { generated: report.generated - 1, ..report.clone() }),
            ("rules", Report { rules: fewer_rules, ..report.clone() }),
            ("witnesses", Report { sometimes: vec![], ..report.clone() }),
            ("verdict", Report { verdict: limit, ..report.clone() }),
        ];
        for (what, other) in others {
            let Verdict::Unfinished(Unfinished::Failed(told)) = agreed(report.clone(), &other).verdict else {
                unreachable!("{what} is not noticed")
            };
            assert!(told.contains(what), "{told}");
        }
    }
}

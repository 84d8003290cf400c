//! Every piece of work belongs to one shard; reports that do not make up one run are refused.

use super::*;

fn shard(text: &str) -> Shard {
    text.parse().unwrap()
}

#[test]
fn shards_divide_all_pieces_among_them() {
    for of in [1, 2, 3, 7, 10] {
        for pieces in [of, of + 1, 97, u64::MAX] {
            let mut next = 0;
            for index in 1..=of {
                let own = shard(&format!("{index}/{of}")).of(pieces).unwrap();
                assert_eq!(own.start, next, "{index}/{of} of {pieces}");
                assert!(!own.is_empty());
                next = own.end;
            }
            assert_eq!(next, pieces);
        }
    }
    let told = shard("5/8").of(3).unwrap_err().to_string();
    assert!(told.contains("--shard 5/8: there is work for 3 shards"), "{told}");
}

#[test]
fn a_shard_that_makes_no_sense_is_refused_with_what_it_is() {
    for text in ["", "1", "0/3", "4/3", "a/b", "1/0", "1/2/3", "-1/2"] {
        assert!(text.parse::<Shard>().unwrap_err().contains("2/4"), "{text}");
    }
    assert_eq!(shard("2/4").to_string(), "2/4");
}

fn report(own: Range<u64>, exit_code: u8) -> Report {
    let arguments = [("seed", "1".to_owned()), ("seeds", "10".to_owned())];
    let done = own.end - own.start;
    Report::new("simulate", &arguments, 10, own, exit_code).with("runs", done)
}

fn told(reports: &[Report]) -> String {
    merge(reports.to_vec()).unwrap_err().to_string()
}

#[test]
fn the_sum_of_all_shards_is_the_report_of_the_whole() {
    let sum = merge(vec![report(6..10, 0), report(0..3, 0), report(3..6, 0)]).unwrap();
    assert_eq!(sum, report(0..10, 0));
    let failed = report(3..10, 2).wrong(["seed 7".to_owned()]);
    let sum = merge(vec![failed, report(0..3, 1)]).unwrap();
    assert_eq!((sum.exit_code(), sum.wrong.len()), (1, 1));
    assert_eq!(merge(vec![report(0..3, 0), report(3..10, 2)]).unwrap().exit_code(), 2);
}

#[test]
fn holes_and_repetitions_are_refused() {
    assert!(told(&[report(0..3, 0), report(6..10, 0)]).contains("missing: pieces 3 to 5 of 10"));
    assert!(told(&[report(3..10, 0)]).contains("missing: pieces 0 to 2 of 10"));
    assert!(told(&[report(0..6, 0)]).contains("missing: pieces 6 to 9 of 10"));
    assert!(told(&[report(0..6, 0), report(0..6, 0), report(6..10, 0)]).contains("done piece 0"));
    assert!(told(&[]).contains("name at least one"));
}

#[test]
fn shards_of_different_runs_are_refused_with_what_differs() {
    let other = |change: fn(&mut Report)| {
        let mut other = report(6..10, 0);
        change(&mut other);
        told(&[report(0..6, 0), other])
    };
    assert!(
        other(|report| report.figure2 = "0.0.1".to_owned()).contains("versions of figure2: 0.1.0, and 0.0.1")
    );
    assert!(other(|report| report.rules = "abc".to_owned()).contains("hashes of the rules"));
    assert!(other(|report| report.command = "lab".to_owned()).contains("commands: simulate, and lab"));
    assert!(other(|report| report.pieces = 11).contains("pieces of work"));
    assert!(
        other(|report| drop(report.arguments.insert("seed".to_owned(), "2".to_owned())))
            .contains("seed: 1, and 2")
    );
    assert!(
        other(|report| drop(report.arguments.insert("disk".to_owned(), "true".to_owned())))
            .contains("disk: , and true")
    );
}

#[test]
fn a_report_is_read_as_it_was_written_and_damage_is_told() {
    let text = |report: &Report| serde_json::to_string_pretty(report).unwrap();
    let sound = report(0..10, 0).with("faults", 3).wrong(["seed 7: again: figure2 simulate".to_owned()]);
    assert_eq!(Report::parse(&text(&sound)).unwrap(), sound);
    let told = |text: &str| format!("{:#}", Report::parse(text).unwrap_err());
    assert!(told("{}").contains("no report of a shard"));
    assert!(
        told(&text(&sound).replace("\"version\": 1", "\"version\": 2")).contains("merge with the figure2")
    );
    assert!(told(&text(&sound).replace("\"until\": 10", "\"until\": 11")).contains("damaged"));
    assert!(told(&text(&sound).replace("\"wrong\"", "\"strange\"")).contains("damaged"));
}

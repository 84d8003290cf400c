//! A search that goes on from a checkpoint ends as one that was never interrupted, and a checkpoint that is damaged or of
//! another search is refused.

use crate::engine::ALL;
use figure2_model::mutants::mutants;
use figure2_model::{CheckOptions, Profile, Report, Share, System, Unfinished, Verdict, profile};
use figure2_timely::{CheckpointError, Checkpoints, EngineError, Plan, check};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A search with a checkpoint at the end of each level.
fn search(
    (system, profile): (&System, &Profile),
    options: &CheckOptions,
    threads: usize,
    directory: &Path,
) -> Result<Report, EngineError> {
    let checkpoints = Checkpoints { directory: directory.to_path_buf(), every: Duration::ZERO };
    check(
        system,
        profile,
        options,
        &Plan { threads, checkpoints: Some(checkpoints), ..Plan::of_threads(threads) },
        &mut |_| (),
    )
}

fn whole(system: &System, profile: &Profile, options: &CheckOptions) -> Report {
    check(system, profile, options, &Plan::of_threads(2), &mut |_| ()).unwrap()
}

pub fn assert_same(resumed: &Report, whole: &Report, told: &str) {
    assert_eq!(resumed.verdict, whole.verdict, "{told}");
    assert_eq!((resumed.distinct, resumed.generated), (whole.distinct, whole.generated), "{told}");
    assert_eq!((&resumed.levels, &resumed.rules), (&whole.levels, &whole.rules), "{told}");
    assert_eq!((&resumed.always, &resumed.sometimes), (&whole.always, &whole.sometimes), "{told}");
    assert_eq!(resumed.recovered, whole.recovered, "{told}");
}

/// A checkpoint of a search that was ended in the middle of a level.
fn interrupted(system: &System, profile: &Profile, options: &CheckOptions, after: u64, directory: &Path) {
    let options = CheckOptions { max_states: Some(after), ..*options };
    let report = search((system, profile), &options, 2, directory).unwrap();
    assert!(matches!(report.verdict, Verdict::Unfinished(Unfinished::Limit(_))), "{:?}", report.verdict);
    assert!(directory.join("manifest").exists());
}

#[test]
fn a_search_that_goes_on_ends_as_one_that_was_not_interrupted() {
    // Interrupted once or again and again, and gone on with by another number of workers.
    let often = [(1, 1), (2, 3), (3, 2)];
    for (name, parts) in
        [("split-votes", &often[..]), ("quorum-of-4", &often[1..2]), ("limits-of-one", &often[..1])]
    {
        let (system, profile) = (System::default(), profile(name).unwrap());
        let options = CheckOptions { recovery: Some(Share::OneIn { states: 10, seed: 1 }), ..ALL };
        let expected = whole(&system, &profile, &options);
        let directory = tempfile::tempdir().unwrap();
        for (part, threads) in parts {
            interrupted(&system, &profile, &options, expected.distinct * part / 4, directory.path());
            let copy = tempfile::tempdir().unwrap();
            for file in fs::read_dir(directory.path()).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
            }
            let resumed = search((&system, &profile), &options, *threads, copy.path()).unwrap();
            assert_same(&resumed, &expected, &format!("{name}, part {part}"));
        }
    }
}

#[test]
fn a_violation_beyond_the_checkpoint_is_told_by_the_same_way() {
    let options = CheckOptions { recovery: None, ..ALL };
    let mut compared = 0;
    for mutant in mutants().into_iter().step_by(23) {
        let expected = whole(&mutant.system, &mutant.profile, &options);
        let Verdict::Violated(told) = &expected.verdict else { panic!("{}", mutant.id) };
        if expected.distinct < 1000 {
            continue;
        }
        let directory = tempfile::tempdir().unwrap();
        interrupted(&mutant.system, &mutant.profile, &options, expected.distinct / 4, directory.path());
        let resumed = search((&mutant.system, &mutant.profile), &options, 3, directory.path()).unwrap();
        let Verdict::Violated(same) = resumed.verdict else { panic!("{}: {:?}", mutant.id, resumed.verdict) };
        assert_eq!(same.to_string(), told.to_string(), "{}", mutant.id);
        compared += 1;
    }
    assert!(compared > 1, "{compared}");
}

/// A checkpoint of a small search, and the search.
fn small() -> (System, Profile, tempfile::TempDir) {
    let (system, profile) = (System::default(), profile("split-votes").unwrap());
    let directory = tempfile::tempdir().unwrap();
    interrupted(&system, &profile, &ALL, 8000, directory.path());
    (system, profile, directory)
}

#[test]
fn what_a_crash_leaves_in_the_middle_of_a_checkpoint_is_cut_off() {
    let (system, profile, directory) = small();
    let expected = whole(&system, &profile, &ALL);
    for file in fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap().path();
        if !file.ends_with("manifest") {
            let mut bytes = fs::read(&file).unwrap();
            bytes.extend([0xab; 100]);
            fs::write(&file, bytes).unwrap();
        }
    }
    for left in ["manifest.new", "frontier-99-0-0", "parts-1-0"] {
        fs::write(directory.path().join(left), "half of it").unwrap();
    }
    assert_same(&search((&system, &profile), &ALL, 2, directory.path()).unwrap(), &expected, "cut");
    // Nothing at all was complete.
    let began = tempfile::tempdir().unwrap();
    for left in ["manifest.new", "frontier-0-0-0", "parts-0-0", "edges-0-0"] {
        fs::write(began.path().join(left), "half of it").unwrap();
    }
    assert_same(&search((&system, &profile), &ALL, 2, began.path()).unwrap(), &expected, "began");
}

/// How many bytes a file has, as a manifest says.
fn bytes(manifest: &Path, file: &Path) -> Option<usize> {
    let text = fs::read_to_string(manifest).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
    let bytes = manifest["files"].get(file.file_name().unwrap().to_str().unwrap())?["bytes"].as_u64();
    bytes.map(|bytes| usize::try_from(bytes).unwrap())
}

#[test]
fn a_damaged_checkpoint_is_refused_and_the_file_is_named() {
    let (system, profile, directory) = small();
    let mut refused = 0;
    for file in fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap().path();
        if file.ends_with("lock-0") {
            continue;
        }
        let mut whole = fs::read(&file).unwrap();
        // What is behind the mark does not count.
        whole.truncate(bytes(&directory.path().join("manifest"), &file).unwrap_or(whole.len()));
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            bytes
        };
        let damages = [
            flipped(0),
            flipped(whole.len() / 2),
            flipped(whole.len() - 1),
            whole[..whole.len() - 1].to_vec(),
        ];
        for damage in damages {
            fs::write(&file, damage).unwrap();
            let error = search((&system, &profile), &ALL, 2, directory.path()).unwrap_err();
            assert!(matches!(error, EngineError::Checkpoint(CheckpointError::Damaged { .. })), "{error}");
            assert!(error.to_string().contains(&file.display().to_string()), "{error}");
            refused += 1;
        }
        fs::remove_file(&file).unwrap();
        if !file.ends_with("manifest") {
            assert!(search((&system, &profile), &ALL, 2, directory.path()).is_err(), "{}", file.display());
        }
        fs::write(&file, whole).unwrap();
    }
    assert!(refused >= 16, "{refused}");
    search((&system, &profile), &ALL, 2, directory.path()).unwrap();
}

#[test]
fn a_checkpoint_of_another_search_is_refused() {
    let (system, split_votes, directory) = small();
    let other = profile("quorum-of-4").unwrap();
    let options = [
        (&other, ALL),
        (&split_votes, CheckOptions { rehash: 1, ..ALL }),
        (&split_votes, CheckOptions { recovery: Some(Share::OneIn { states: 2, seed: 1 }), ..ALL }),
    ];
    for (profile, options) in options {
        let error = search((&system, profile), &options, 2, directory.path()).unwrap_err();
        assert!(matches!(error, EngineError::Checkpoint(CheckpointError::Foreign { .. })), "{error}");
    }
    let full = tempfile::tempdir().unwrap();
    fs::write(full.path().join("letter.txt"), "mine").unwrap();
    let error = search((&system, &split_votes), &ALL, 2, full.path()).unwrap_err();
    assert!(matches!(error, EngineError::Checkpoint(CheckpointError::NotEmpty(_))), "{error}");
    assert_eq!(fs::read_to_string(full.path().join("letter.txt")).unwrap(), "mine");
}

#[test]
fn two_searches_do_not_write_into_one_directory() {
    let (system, profile, directory) = small();
    let lock = fs::File::open(directory.path().join("lock-0")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let error = search((&system, &profile), &ALL, 2, directory.path()).unwrap_err();
    assert!(matches!(error, EngineError::Checkpoint(CheckpointError::Used(_))), "{error}");
    drop(lock);
    search((&system, &profile), &ALL, 2, directory.path()).unwrap();
}

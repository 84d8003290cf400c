use super::*;
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("known-disks");
    (directory, path)
}

fn open(path: &Path, disk: u128) -> Result<Known, KnownError> {
    Known::open(Some(path), 0, 1, disk)
}

#[test]
fn disks_are_known_after_a_restart() {
    let (_directory, path) = place();
    let known = open(&path, 10).unwrap();
    assert_eq!(known.verdict(2, 20), Verdict::New);
    known.add(2, 20).unwrap();
    known.add(3, 30).unwrap();
    for known in [known, open(&path, 10).unwrap()] {
        assert_eq!(known.verdict(2, 20), Verdict::Same);
        assert_eq!(known.verdict(2, 21), Verdict::Other(20));
        assert_eq!(known.verdict(3, 30), Verdict::Same);
        assert_eq!(known.verdict(4, 40), Verdict::New);
    }
}

#[test]
fn a_disk_that_is_known_stays() {
    let (_directory, path) = place();
    let known = open(&path, 10).unwrap();
    known.add(2, 20).unwrap();
    known.add(2, 21).unwrap();
    assert_eq!(known.verdict(2, 20), Verdict::Same);
    assert_eq!(open(&path, 10).unwrap().verdict(2, 21), Verdict::Other(20));
}

#[test]
fn a_server_with_another_disk_does_not_start() {
    let (_directory, path) = place();
    open(&path, 10).unwrap();
    let error = open(&path, 11).unwrap_err();
    assert_eq!(error, KnownError::OwnDisk { server: 1, known: 10, found: 11 });
    assert!(error.to_string().contains("add it under a new id"));
}

#[test]
fn another_servers_file_is_refused() {
    let (_directory, path) = place();
    open(&path, 10).unwrap();
    for (group, server) in [(0, 2), (1, 1)] {
        let error = Known::open(Some(&path), group, server, 10).unwrap_err();
        assert!(matches!(error, KnownError::OtherServer { .. }), "{error}");
    }
}

#[test]
fn every_change_of_a_byte_is_damage_and_the_file_is_left_as_it_is() {
    let (_directory, path) = place();
    let known = open(&path, 10).unwrap();
    known.add(2, 20).unwrap();
    let sound = fs::read(&path).unwrap();
    for at in 0..sound.len() {
        for bit in 0..8 {
            let mut changed = sound.clone();
            changed[at] ^= 1 << bit;
            fs::write(&path, &changed).unwrap();
            let error = open(&path, 10).unwrap_err();
            let refused = matches!(error, KnownError::Damaged { .. } | KnownError::Version { .. });
            assert!(refused, "byte {at}, bit {bit}: {error}");
            assert_eq!(fs::read(&path).unwrap(), changed);
        }
    }
    for length in 0..sound.len() {
        fs::write(&path, &sound[..length]).unwrap();
        assert!(open(&path, 10).is_err(), "cut after {length}");
    }
    fs::write(&path, [&sound[..], b"x"].concat()).unwrap();
    assert!(open(&path, 10).unwrap_err().to_string().contains("Restore it from a copy"));
}

#[test]
fn a_later_version_is_told_from_damage() {
    let (_directory, path) = place();
    fs::write(&path, "figure2 known disks, version 2\n").unwrap();
    let error = open(&path, 10).unwrap_err();
    assert!(error.to_string().contains("version 2, and this build knows 1: update this server"), "{error}");
}

#[test]
fn what_cannot_be_written_is_not_known() {
    let (directory, path) = place();
    let known = open(&path, 10).unwrap();
    drop(directory);
    assert!(matches!(known.add(2, 20), Err(KnownError::Io { .. })));
    assert_eq!(known.verdict(2, 20), Verdict::New);
    let error = open(&path, 10).unwrap_err();
    assert!(error.to_string().contains("see that its directory is there"), "{error}");
}

#[test]
fn what_a_crash_left_behind_is_overwritten() {
    let (_directory, path) = place();
    fs::write(path.with_file_name("known-disks-new"), "half of").unwrap();
    open(&path, 10).unwrap().add(2, 20).unwrap();
    assert_eq!(open(&path, 10).unwrap().verdict(2, 20), Verdict::Same);
}

//! `figure2 check --hosts`: several processes find what one finds; one that is lost ends the others, which name it; and the same
//! commands go on from the checkpoint.

use crate::resume::{check, found_by};
use figure2_processes::Namespaces;
use figure2_testing::addresses::free;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Writes a file with so many free addresses.
fn hosts(directory: &Path, processes: usize) {
    let lines: String = free(processes).unwrap().iter().map(|address| format!("{address}\n")).collect();
    std::fs::write(directory.join("hosts"), lines).unwrap();
}

/// The command of a process of a search.
fn of_process(directory: &Path, process: usize, args: &[&str]) -> Command {
    let number = process.to_string();
    let own = ["--engine", "timely", "--threads", "1", "--hosts", "hosts", "--process", &number];
    check(directory, &[&own[..], args].concat())
}

fn spawn(directory: &Path, mut command: Command) -> Child {
    command.current_dir(directory).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Begins a process of a search.
fn begin(directory: &Path, process: usize, args: &[&str]) -> Child {
    spawn(directory, of_process(directory, process, args))
}

fn directory() -> tempfile::TempDir {
    tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Waits until a file has changed, while the search goes on.
fn wait_for_change(file: &Path, before: &Option<String>, child: &mut Child) -> bool {
    while std::fs::read_to_string(file).ok() == *before {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

/// It ends with exit code 2, within the time, and says that a process was lost.
fn ends(mut child: Child, within: Duration) -> String {
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < within, "it goes on");
        thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("is lost"), "{told}");
    assert!(!told.contains("panicked"), "{told}");
    told
}

#[test]
fn processes_that_are_killed_and_begun_again_find_what_stateright_finds() {
    let directory = directory();
    let directory = directory.path();
    let kept = ["--checkpoint", "kept", "--checkpoint-every", "0"];
    let manifest = directory.join("kept/transfer/manifest");
    // Killed in the middle of levels and of checkpoints, for there is one at the end of each level.
    for (attempt, (processes, killed)) in [(2, 1), (2, 0), (3, 2)].into_iter().enumerate() {
        hosts(directory, processes);
        let before = std::fs::read_to_string(&manifest).ok();
        let mut children: Vec<Child> =
            (0..processes).map(|process| begin(directory, process, &kept)).collect();
        assert!(wait_for_change(&manifest, &before, &mut children[0]), "it came to its end");
        thread::sleep(Duration::from_millis(11 * attempt as u64));
        children[killed].kill().unwrap();
        children.remove(killed).wait().unwrap();
        for child in children {
            let told = ends(child, Duration::from_secs(10));
            assert!(told.contains(&format!("process {killed} at 127.0.0.1:")), "{told}");
        }
    }
    hosts(directory, 2);
    let children: Vec<Child> = (0..2).map(|process| begin(directory, process, &kept)).collect();
    let expected = found_by(check(directory, &["--engine", "stateright"]).output().unwrap());
    for child in children {
        assert_eq!(found_by(child.wait_with_output().unwrap()), expected);
    }
}

#[test]
fn a_process_that_hangs_ends_the_others() {
    let directory = directory();
    let directory = directory.path();
    hosts(directory, 2);
    let first = begin(directory, 0, &["--checkpoint", "kept", "--checkpoint-every", "0"]);
    let mut second = begin(directory, 1, &["--checkpoint", "kept", "--checkpoint-every", "0"]);
    assert!(wait_for_change(&directory.join("kept/transfer/manifest"), &None, &mut second));
    let stop = Command::new("kill").args(["-STOP", &second.id().to_string()]).status().unwrap();
    assert!(stop.success());
    let told = ends(first, Duration::from_secs(30));
    assert!(told.contains("process 1 at 127.0.0.1:"), "{told}");
    assert!(told.contains("nothing was heard of it for 10 seconds"), "{told}");
    second.kill().unwrap();
    second.wait().unwrap();
}

/// As two machines: each has its own network and address, and a cable that is pulled tells nobody anything.
#[test]
fn processes_on_two_networks_find_what_one_finds_and_notice_when_they_are_parted_or_it_is_said_why_not() {
    let namespaces = match Namespaces::make(1) {
        Ok(namespaces) => namespaces,
        Err(why) => return println!("skipped: network namespaces cannot be made here: {why:#}"),
    };
    let directory = directory();
    let directory = directory.path();
    let hosts = [namespaces.near(0), namespaces.far(0)].map(|address| format!("{address}:7600\n"));
    std::fs::write(directory.join("hosts"), hosts.concat()).unwrap();
    let kept = ["--checkpoint", "kept", "--checkpoint-every", "0"];
    let begin_both = || {
        let inside = namespaces.enter(0, &of_process(directory, 1, &kept));
        [of_process(directory, 0, &kept), inside].map(|command| spawn(directory, command))
    };
    let mut both = begin_both();
    assert!(wait_for_change(&directory.join("kept/transfer/manifest"), &None, &mut both[0]));
    namespaces.set_link(0, false).unwrap();
    for (child, other) in both.into_iter().zip([1, 0]) {
        let (told, lost) = (ends(child, Duration::from_secs(30)), format!("process {other} at 198.1"));
        assert!(told.contains(&lost) && told.contains("nothing was heard of it for 10 seconds"), "{told}");
    }
    namespaces.set_link(0, true).unwrap();
    let expected = found_by(check(directory, &["--engine", "stateright"]).output().unwrap());
    for child in begin_both() {
        assert_eq!(found_by(child.wait_with_output().unwrap()), expected);
    }
}

#[test]
fn processes_that_make_no_sense_are_refused_before_anything_runs() {
    let directory = directory();
    let directory = directory.path();
    hosts(directory, 2);
    let refused = |args: &[&str], told: &str| {
        let output = check(directory, args).stderr(Stdio::piped()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && error.contains(told), "{error}");
    };
    refused(&["--hosts", "hosts"], "--process");
    refused(&["--process", "0"], "--hosts");
    let on_stateright = ["--engine", "stateright", "--hosts", "hosts", "--process", "0"];
    refused(&on_stateright, "leave --engine out");
    let on_timely = ["--engine", "timely", "--hosts", "hosts", "--process"];
    refused(&[&on_timely[..], &["0"]].concat(), "needs --threads");
    refused(&[&on_timely[..], &["2", "--threads", "1"]].concat(), "process 2 of 2");
    // Other bounds, and another number of threads.
    for differing in [&["--without", "symmetry"][..], &["--threads", "2"]] {
        let first = begin(directory, 0, &[]);
        let own: Vec<&str> = if differing[0] == "--threads" { vec![] } else { vec!["--threads", "1"] };
        let second = [&on_timely[..], &["1"], &own[..], differing].concat();
        refused(&second, "process 0 at 127.0.0.1:");
        let output = first.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2));
        assert!(error.contains("process 1 at 127.0.0.1:") && error.contains("does not fit"), "{error}");
    }
}

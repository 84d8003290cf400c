//! The commands themselves: exit codes, what goes to stdout and what to stderr, and the Explorer over HTTP.

use crate::fixture::RULES;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

fn figure2(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_figure2")).args(args).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A file for this test alone.
fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()))
}

#[test]
fn a_witness_is_told_written_and_taken_again() {
    let file = scratch("witness.json");
    let name = file.to_str().unwrap();
    let args =
        ["witness", "--profile", "election", "--show", "a leader", "--format", "json", "--output", name];
    assert_eq!(figure2(&args).status.code(), Some(0));
    for (format, expected) in [
        ("text", "1. S0 election timeout  [P2"),
        ("diagram", "├─m1"),
        ("mermaid", "sequenceDiagram"),
        ("html", "<!DOCTYPE html>"),
        ("json", "\"figure2-trace\""),
    ] {
        let output = figure2(&["replay", name, "--format", format]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(out(&output).contains(expected), "{format}: {}", out(&output));
        assert!(err(&output).contains("shows a leader as recorded"));
    }
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_mutant_is_caught_its_trace_written_and_the_violation_reproduced_but_not_by_the_right_rules() {
    let file = scratch("violation.json");
    let name = file.to_str().unwrap();
    let output = figure2(&["check", "--mutant", RULES, "--trace", name]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let told = out(&output);
    assert!(
        told.contains("VIOLATED: election safety") && told.contains("✗ BREAKS: election safety"),
        "{told}"
    );
    assert!(told.contains(&format!("figure2 replay {name} --format html")), "{told}");
    assert!(told.contains(&format!("check --mutant {RULES}")), "{told}");

    let output = figure2(&["replay", name]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("VIOLATED as recorded: election safety\n"), "{}", err(&output));
    assert!(out(&output).starts_with("Broken: election safety\n"), "{}", out(&output));

    let output = figure2(&["replay", name, "--rules", "figure2"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(err(&output).contains("DOES NOT REPRODUCE under rules figure2: step "), "{}", err(&output));
    assert!(err(&output).contains("possible are:"));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn an_unusable_file_is_exit_code_2_and_says_why() {
    let file = scratch("unusable.json");
    std::fs::write(&file, "{\"format\": \"figure2-trace\", \"version\": 7}").unwrap();
    let output = figure2(&["replay", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("its version is 7"), "{}", err(&output));
    std::fs::remove_file(&file).unwrap();
    let output = figure2(&["replay", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("cannot be read"), "{}", err(&output));
}

#[test]
fn a_check_writes_only_its_document_to_stdout_and_its_words_to_stderr() {
    let limited = ["check", "--profile", "election", "--max-states", "1000", "--format"];
    for (format, begins) in
        [("json", "{\n"), ("junit", "<?xml"), ("sarif", "{\n"), ("markdown", "## figure2 check\n")]
    {
        let output = figure2(&[&limited[..], &[format]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", err(&output));
        assert!(out(&output).starts_with(begins), "{format}: {}", out(&output));
        assert!(err(&output).contains("UNFINISHED: the limit of 1000 states was hit"), "{}", err(&output));
    }
}

/// Ends the Explorer when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which the test finds out in other ways.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.0 200"), "{answer}");
    answer
}

/// The Explorer at a free address, with its stdout, which must stay open while it runs.
fn explorer() -> (Running, impl Iterator<Item = std::io::Result<String>>, String) {
    for address in figure2_testing::addresses::free(3).unwrap() {
        let address = address.to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_figure2"));
        let args = ["explore", "--profile", "election", "--address", &address];
        let mut running = Running(command.args(args).stdout(Stdio::piped()).spawn().unwrap());
        let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
        if lines.any(|line| line.unwrap().contains(&format!("http://{address}"))) {
            return (running, lines, address);
        }
    }
    panic!("three addresses that were free could not be used");
}

#[test]
fn the_explorer_shows_actions_and_states_in_words_and_the_diagram() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // Taken: the command says so and does not panic.
    let output = figure2(&["explore", "--profile", "election", "--address", &address]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("cannot be used"), "{}", err(&output));
    drop(listener);

    let (_running, _stdout, address) = explorer();
    let begin = std::time::Instant::now();
    while TcpStream::connect(&address).is_err() {
        assert!(begin.elapsed().as_secs() < 30, "the Explorer does not listen");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let first = get(&address, "/.states/0");
    assert!(first.contains("\"action\":\"S0 election timeout\""), "{first}");
    assert!(first.contains("S0 up candidate current_term 1 voted_for S0"), "{first}");
    assert!(first.contains("class=\\\"space-time\\\""), "{first}");
    let status = get(&address, "/.status");
    assert!(status.contains("\"election safety\"") && status.contains("\"a leader\""), "{status}");
}

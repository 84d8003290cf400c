//! The command: its exit codes.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use figure2_cli::linear_cmd::{LinearArgs, run};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: LinearArgs,
}

fn exit_code(name: &str, text: &str, options: &[&str]) -> anyhow::Result<ExitCode> {
    let file: PathBuf =
        [env!("CARGO_TARGET_TMPDIR"), &format!("{name}-{}.edn", std::process::id())].iter().collect();
    std::fs::write(&file, text)?;
    let words = ["linear", file.to_str().unwrap()].into_iter().chain(options.iter().copied());
    let result = run(&Command::try_parse_from(words)?.args);
    std::fs::remove_file(&file)?;
    result
}

fn line(process: u32, kind: &str, function: &str, value: &str) -> String {
    format!("{{:process {process}, :type :{kind}, :f :{function}, :value {value}}}\n")
}

#[test]
fn exit_codes_tell_the_verdicts_apart() {
    let write = [line(0, "invoke", "write", "1"), line(0, "ok", "write", "1")].concat();
    let read = |value: &str| [line(1, "invoke", "read", "nil"), line(1, "ok", "read", value)].concat();
    let holds = format!("{write}{}", read("1"));
    assert_eq!(exit_code("holds", &holds, &[]).unwrap(), ExitCode::from(0));
    assert_eq!(exit_code("initial", &read("1"), &["--initial", "1"]).unwrap(), ExitCode::from(0));
    assert_eq!(exit_code("violated", &format!("{write}{}", read("nil")), &[]).unwrap(), ExitCode::from(1));
    assert_eq!(exit_code("time", &holds, &["--max-time", "0"]).unwrap(), ExitCode::from(2));
    assert_eq!(exit_code("memory", &holds, &["--max-configurations", "0"]).unwrap(), ExitCode::from(2));
    let error = exit_code("cut", &holds[..holds.len() - 9], &[]).unwrap_err();
    assert!(format!("{error:#}").contains("line 4"), "{error:#}");
    assert!(exit_code("json", &holds, &["--format", "json"]).is_err());
    assert!(exit_code("forever", &holds, &["--max-time", "-1"]).is_err());
}

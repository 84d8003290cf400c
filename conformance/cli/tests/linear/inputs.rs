//! Each file of `inputs`, in the forms that people have them, with the verdict that is right.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use figure2_cli::linear_cmd::{LinearArgs, run};
use figure2_linearizability::{
    Examined, History, Model, Progress, Question, Reading, Summary, examine, read,
};

const INPUTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../linearizability/tests/inputs");

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: LinearArgs,
}

/// The exit code of the command on a file of `inputs`.
fn exit(file: &str, options: &[&str]) -> Result<ExitCode, String> {
    let path: PathBuf = [INPUTS, file].iter().collect();
    let words = ["linear", path.to_str().unwrap()].into_iter().chain(options.iter().copied());
    run(&Command::try_parse_from(words).unwrap().args).map_err(|error| format!("{error:#}"))
}

fn history(file: &str) -> History {
    let path: PathBuf = [INPUTS, file].iter().collect();
    read(std::fs::File::open(path).unwrap(), &Reading::default()).unwrap()
}

fn examined(history: &History) -> Examined {
    examine(history, &Question::default(), &Progress::default()).unwrap()
}

/// The file, its exit code, its model, and how many operations and keys it has.
const RIGHT: &[(&str, u8, Model, usize, usize)] = &[
    ("l01-vector.edn", 0, Model::Register, 1, 1),
    ("l02-list-with-comment.edn", 0, Model::Register, 1, 1),
    ("l04-time-back-by-81ns.edn", 0, Model::Register, 2, 1),
    ("l05-object-hex.edn", 0, Model::Register, 2, 1),
    ("l06-multiline-error.edn", 0, Model::Register, 1, 1),
    ("l07-ns-map.edn", 0, Model::Register, 1, 1),
    ("l11-bom.edn", 0, Model::Register, 1, 1),
    ("l13-json-array.json", 0, Model::Register, 1, 1),
    ("l16-index-minus1.edn", 0, Model::Register, 1, 1),
    ("l17-time-nil.edn", 0, Model::Register, 1, 1),
    ("l20-versioned.edn", 0, Model::Versioned, 2, 1),
    ("l22-logger-process.edn", 0, Model::Register, 1, 1),
    ("key-field-ignored.edn", 1, Model::Register, 2, 2),
    ("cas-three-parts.edn", 0, Model::Register, 4, 1),
    ("counter.json", 0, Model::Counter, 4, 1),
    ("etcd.log", 1, Model::Register, 4, 1),
    ("history.txt", 0, Model::Register, 4, 2),
    ("kv.txt", 1, Model::Register, 4, 2),
    ("mutex.edn", 1, Model::Mutex, 3, 1),
    ("set.edn", 1, Model::Set, 4, 1),
    ("transactions.edn", 0, Model::Transactions, 3, 1),
];

#[test]
fn each_has_the_right_verdict() {
    for &(file, code, model, operations, keys) in RIGHT {
        assert_eq!(exit(file, &[]), Ok(ExitCode::from(code)), "{file}");
        let history = history(file);
        assert_eq!((history.model, history.operations.len()), (model, operations), "{file}");
        assert_eq!(examined(&history).findings.len(), keys, "{file}");
    }
    // None is forgotten.
    let mut files: Vec<String> = std::fs::read_dir(INPUTS)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    files.sort();
    let mut told: Vec<&str> = RIGHT.iter().map(|right| right.0).collect();
    told.sort_unstable();
    assert_eq!(files, told);
}

#[test]
fn a_forced_model_or_format_that_does_not_fit_is_refused() {
    let refused = |file: &str, options: &[&str]| exit(file, options).unwrap_err();
    assert!(refused("l01-vector.edn", &["--format", "json"]).contains("JSON"));
    assert!(refused("l01-vector.edn", &["--format", "text"]).contains("expected process, type, f and value"));
    assert!(refused("l01-vector.edn", &["--model", "mutex"]).contains("acquire, release"));
    assert!(refused("set.edn", &["--model", "counter"]).contains("number that a counter holds"));
    assert!(refused("set.edn", &["--initial", "1"]).contains("a set begins empty"));
    assert!(refused("counter.json", &["--initial", "x"]).contains("begins with a whole number"));
    assert_eq!(exit("l01-vector.edn", &["--format", "edn", "--model", "register"]), Ok(ExitCode::from(0)));
    assert_eq!(exit("etcd.log", &["--format", "log"]), Ok(ExitCode::from(1)));
}

#[test]
fn a_first_value_explains_what_was_read_and_never_written() {
    let hint = |file: &str| {
        let history = history(file);
        let examined = examined(&history);
        assert_eq!(examined.summary(), Summary::Violated);
        examined
            .findings
            .iter()
            .find_map(|finding| match &finding.told {
                figure2_linearizability::Told::Violated(picture) => picture.hints.first().cloned(),
                _ => None,
            })
            .unwrap_or_default()
    };
    assert!(hint("kv.txt").contains("--initial \"\"; with it this key holds"), "{}", hint("kv.txt"));
    assert_eq!(exit("kv.txt", &["--initial", ""]), Ok(ExitCode::from(0)));
}

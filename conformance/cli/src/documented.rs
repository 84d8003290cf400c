//! The commands that the documents show can be typed: each is taken by the command line, though not run.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use crate::command;
use clap::error::ErrorKind;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn documents() -> Vec<PathBuf> {
    let docs = fs::read_dir(Path::new(ROOT).join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = docs.collect();
    all.extend(
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]
            .map(|name| Path::new(ROOT).join(name)),
    );
    all.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    all
}

/// What stands in blocks of code, a line each, and between backquotes in the text.
fn code(text: &str) -> Vec<String> {
    let mut code = Vec::new();
    for (place, part) in text.split("```").enumerate() {
        if place % 2 == 1 {
            code.extend(part.replace("\\\n", " ").lines().map(str::to_owned));
        } else {
            code.extend(part.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    code
}

/// The words of a command, without what a shell takes for itself.
fn words(line: &str) -> Vec<String> {
    let words = shlex::split(line).unwrap_or_default();
    words.into_iter().take_while(|word| !["|", ">", "2>", "&&", "&", ";"].contains(&word.as_str())).collect()
}

/// The words after the one that names the command `figure2`; none for any other line.
fn of_figure2(words: &[String]) -> Option<&[String]> {
    let words = words.strip_prefix(&["$".to_owned()]).unwrap_or(words);
    let words = words.strip_prefix(&["-".to_owned(), "run:".to_owned()]).unwrap_or(words);
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // How files begin, and a command with what may be left out.
        ["figure2", "log" | "snap"] => None,
        [.., optional] if optional.ends_with(']') => None,
        ["figure2", ..] => words.get(1..),
        ["cargo", "figure2", ..] => words.get(2..),
        ["cargo", "run", ..] if words.iter().any(|word| word == "figure2-cli") => {
            words.get(words.iter().position(|word| word == "--")? + 1..)
        }
        _ => None,
    }
}

#[test]
fn each_command_line_of_the_documents_is_one_that_the_command_takes() {
    let (mut taken, mut refused) = (0, Vec::new());
    for document in documents() {
        for line in code(&fs::read_to_string(&document).unwrap()) {
            let words = words(&line);
            let Some(words) = of_figure2(&words) else { continue };
            let line = [&["figure2".to_owned()], words].concat();
            let Err(error) = command().try_get_matches_from(&line) else {
                taken += 1;
                continue;
            };
            match error.kind() {
                // In a sentence, a command or an option may stand without what it needs, and a name for a value.
                ErrorKind::DisplayHelp
                | ErrorKind::DisplayVersion
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                | ErrorKind::MissingRequiredArgument
                | ErrorKind::InvalidValue
                | ErrorKind::ValueValidation => {}
                _ => refused.push(format!("{}: {line:?}: {:?}\n{error}", document.display(), error.kind())),
            }
        }
    }
    assert!(refused.is_empty(), "{} of {taken}:\n{}", refused.len(), refused.join("\n"));
    assert!(taken > 100, "{taken}");
}

#[test]
fn each_command_of_cargo_that_the_documents_show_is_an_alias_of_this_repository() {
    let aliases = fs::read_to_string(Path::new(ROOT).join(".cargo/config.toml")).unwrap();
    let mut seen = 0;
    for document in documents() {
        for line in code(&fs::read_to_string(&document).unwrap()) {
            let words = words(&line);
            let [cargo, alias, rest @ ..] = words.as_slice() else { continue };
            if cargo != "cargo" || !alias.starts_with("bench-") {
                continue;
            }
            seen += 1;
            let told = format!("{}: {line}", document.display());
            assert!(aliases.contains(&format!("\n{alias} = [")), "{told}");
            // An alias names the program and what it does: options follow, but for what `bench-node` does.
            assert!(
                alias == "bench-node" || rest.iter().all(|word| !word.chars().all(char::is_lowercase)),
                "{told}"
            );
        }
    }
    assert!(seen > 10, "{seen}");
}

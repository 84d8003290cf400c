//! What the sources of this crate say: which function fires a rule, and which rules a test guards. A plain reader of
//! text: it counts braces, and knows no more of Rust than the files of this crate need.

use figure2_core::Rule;
use std::fs;
use std::path::{Path, PathBuf};

pub const CRATE: &str = env!("CARGO_MANIFEST_DIR");

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// The Rust files of a folder of this crate, in order.
pub fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(CRATE).join(folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    files
}

/// A function of `src/rules`.
pub struct Function {
    /// `Trait::method`, or the name of a function outside traits.
    pub name: String,
    pub file: String,
    body: String,
}

impl Function {
    /// Whether its body has the rule fire.
    pub fn fires(&self, rule: Rule) -> bool {
        let called = format!("Rule::{}", rule.id());
        self.body.split(&called).skip(1).any(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    }

    /// Whether its body calls this method.
    pub fn calls(&self, method: &str) -> bool {
        self.body.contains(&format!(".{method}("))
    }
}

/// All functions of `src/rules`.
pub fn functions() -> Vec<Function> {
    files("src/rules").iter().flat_map(|path| functions_of(&file_name(path), &read(path))).collect()
}

/// The functions of one file. Comments are left out; no string in these files has a brace.
pub fn functions_of(file: &str, source: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    let (mut depth, mut of_trait) = (0, String::new());
    // The function that the line is in, and the depth outside it.
    let mut open: Option<(Function, i32)> = None;
    for line in source.lines() {
        let code = line.split("//").next().unwrap_or_default();
        assert!(
            !code.contains("Rule::") || code.contains("fired("),
            "{file}: a rule, and it does not fire: {line}"
        );
        let name_after = |keyword: &str| {
            let rest = code.trim_start().trim_start_matches("pub ").strip_prefix(keyword)?;
            rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned)
        };
        if let Some(name) = name_after("trait ") {
            of_trait = name;
        }
        if let Some(name) = name_after("fn ").filter(|_| open.is_none()) {
            let name = if depth > 0 { format!("{of_trait}::{name}") } else { name };
            open = Some((Function { name, file: file.to_owned(), body: String::new() }, depth));
        }
        let ended = |sign: char| i32::try_from(code.matches(sign).count()).unwrap();
        depth += ended('{') - ended('}');
        if let Some((function, _)) = &mut open {
            function.body += code;
            function.body.push('\n');
        }
        let is_done = |(function, outside): &mut (Function, i32)| {
            depth == *outside && (function.body.contains('}') || code.trim_end().ends_with(';'))
        };
        if let Some((function, _)) = open.take_if(is_done) {
            functions.push(function);
        }
    }
    assert!(depth == 0 && open.is_none(), "{file}: its braces were not understood");
    functions
}

/// A test as its source shows it.
pub struct Guard {
    pub file: String,
    pub name: String,
    pub rules: Vec<String>,
    pub pitfalls: Vec<usize>,
}

impl Guard {
    pub fn link(&self) -> String {
        format!("[{}](../impl/core/tests/{})", self.name, self.file)
    }

    pub fn guards(&self, rule: Rule) -> bool {
        self.rules.iter().any(|id| id == rule.id())
    }
}

/// What follows one of the labels in a doc comment, up to the full stop.
fn listed<'a>(doc: &'a str, labels: &[&str]) -> Vec<&'a str> {
    let found = labels.iter().find_map(|label| doc.split_once(label));
    let list = found.and_then(|(_, rest)| rest.split_once('.')).map_or("", |(list, _)| list);
    list.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
}

/// All tests of this crate's test program, but those of the scripts: a script says itself which rules it shows.
pub fn guards() -> Vec<Guard> {
    let mut guards = Vec::new();
    for path in files("tests") {
        let (mut doc, mut is_test) = (String::new(), false);
        for line in read(&path).lines().map(str::trim) {
            if let Some(comment) = line.strip_prefix("/// ") {
                doc.push_str(comment);
                doc.push(' ');
            } else if line == "#[test]" {
                is_test = true;
            } else {
                if let Some(name) = line.strip_prefix("fn ").filter(|_| is_test) {
                    let pitfalls = listed(&doc, &["Pitfalls ", "Pitfall "]);
                    guards.push(Guard {
                        file: file_name(&path),
                        name: name.split('(').next().unwrap_or_default().to_owned(),
                        rules: listed(&doc, &["Rules: "]).into_iter().map(str::to_owned).collect(),
                        pitfalls: pitfalls.into_iter().map(|n| n.parse().unwrap()).collect(),
                    });
                }
                (doc, is_test) = (String::new(), false);
            }
        }
    }
    guards
}

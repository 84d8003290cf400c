//! A digest of the sources that decide what a search explores: those of the core, and those of the model. The kill table
//! (`src/mutants/table.rs`) was made with some of them, and is stale with others.
//!
//! Comments on lines of their own and the layout do not enter.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Parts of the model that tell what was found, and change nothing of it. The mutants and the profiles have digests of
/// their own; recovery is judged beside the properties, and not in the table. A file that is not named here enters the digest.
const TELL_ONLY: &[&str] = &[
    "cluster/edges.rs",
    "lib.rs",
    "search/check.rs",
    "search/memory.rs",
    "search/report.rs",
    "search/search_state.rs",
];

/// Folders of such parts, and of what is apart from the digest.
const APART: &[&str] = &["mutants/", "profiles/", "recovery/", "trace/"];

/// Files of the mutants that many of them share.
const SHARED_BY_MUTANTS: &[&str] = &["mutants/bug.rs", "mutants/tools.rs"];

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let mut files = BTreeMap::new();
    for (name, folder) in [("core", here.join("../impl/core/src")), ("model", here.join("src"))] {
        println!("cargo::rerun-if-changed={}", folder.display());
        collect(name, &folder, &folder, &mut files)?;
    }
    let mut digest = Sha256::new();
    for (name, text) in files.iter().filter(|(name, _)| decides(name)) {
        digest.update(name);
        digest.update([0]);
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            digest.update(line.split_whitespace().collect::<String>());
        }
        digest.update([0]);
    }
    let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=FIGURE2_SOURCES={hex}");
    Ok(())
}

fn decides(name: &str) -> bool {
    let Some(file) = name.strip_prefix("model/") else { return true };
    let is_apart = APART.iter().any(|folder| file.starts_with(folder));
    SHARED_BY_MUTANTS.contains(&file) || !(is_apart || TELL_ONLY.contains(&file))
}

/// All files under a folder, by their names from there.
fn collect(
    name: &str,
    root: &Path,
    folder: &Path,
    files: &mut BTreeMap<String, String>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(name, root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let parts = path.strip_prefix(root)?.iter().map(|part| part.to_string_lossy());
            files.insert(
                format!("{name}/{}", parts.collect::<Vec<_>>().join("/")),
                fs::read_to_string(&path)?,
            );
        }
    }
    Ok(())
}

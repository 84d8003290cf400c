//! Builds the programs that are not this one: the same scenarios under shuttle, and over a mutated engine.
//!
//! A mutant is a replacement of text in a copy of the sources, built and run by itself. So no shipped file has an `if`
//! or a `cfg` for it, what is mutated is the very code that ships, and a mutant whose text is no longer there, or which
//! no longer compiles, is an error and not a success.

use crate::mutants::{self, Mutant};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where things are.
pub struct Sources {
    /// The repository's root.
    root: PathBuf,
    /// The directory for all that is built.
    target: PathBuf,
}

/// What the copy needs, from the repository's root.
const COPIED: &[&str] = &[
    "Cargo.toml",
    "impl/core",
    "impl/engine",
    "loom-tests/Cargo.toml",
    "loom-tests/Cargo.lock",
    "loom-tests/src",
];

impl Sources {
    /// Finds out where things are.
    pub fn open() -> Sources {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR");
        let crate_directory =
            manifest.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let target = crate_directory.join("target");
        let root = crate_directory.parent().map_or_else(|| PathBuf::from(".."), Path::to_path_buf);
        Sources { root, target }
    }

    /// Builds the scenarios for shuttle, and says where the program is.
    pub fn build_for_shuttle(&self) -> Result<PathBuf, String> {
        cargo_build(&self.root.join("loom-tests"), &self.target, Explorer::Shuttle)
    }

    /// Makes a fresh copy of the sources, to be mutated.
    pub fn copy(&self) -> Result<Copy, String> {
        let tree = self.target.join("mutants").join("tree");
        let copy = || -> io::Result<()> {
            if tree.exists() {
                fs::remove_dir_all(&tree)?;
            }
            COPIED.iter().try_for_each(|path| copy_all(&self.root.join(path), &tree.join(path)))
        };
        copy().map_err(|error| format!("the sources cannot be copied to {}: {error}", tree.display()))?;
        Ok(Copy { tree, target: self.target.clone() })
    }
}

/// Which explorer a program is built for.
#[derive(Clone, Copy)]
pub enum Explorer {
    /// loom, with less optimisation: for mutants, which are built to be found at once.
    Loom,
    /// shuttle.
    Shuttle,
}

/// A copy of the sources.
pub struct Copy {
    tree: PathBuf,
    target: PathBuf,
}

impl Copy {
    /// Builds the scenarios over the copy as it is.
    pub fn build(&self, face: Explorer) -> Result<PathBuf, String> {
        cargo_build(&self.tree.join("loom-tests"), &self.target, face)
    }

    /// Mutates the copy, builds it, undoes the mutation, and says where the program is: under the mutant's name, so that
    /// the next can be built while it runs. It is the caller's to remove.
    pub fn build_mutant(&self, mutant: &Mutant, face: Explorer) -> Result<PathBuf, String> {
        let mut originals = Vec::new();
        let mutated = mutant.replacements.iter().try_for_each(|(file, old, new)| {
            let path = self.tree.join("impl/engine/src").join(file);
            let failed = |error: String| format!("{file}: {error}");
            let text = fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
            let changed = mutants::replace(&text, old, new).map_err(failed)?;
            fs::write(&path, changed).map_err(|error| failed(error.to_string()))?;
            originals.push((path, text));
            Ok(())
        });
        let result = mutated.and_then(|()| self.build(face)).and_then(|built| {
            let program = built.with_file_name(format!("{}{}", mutant.name, std::env::consts::EXE_SUFFIX));
            fs::copy(&built, &program).map_err(|error| format!("{}: {error}", built.display()))?;
            Ok(program)
        });
        // Backwards: a file that was changed twice ends with its first text.
        originals
            .iter()
            .rev()
            .try_for_each(|(path, text)| fs::write(path, text))
            .map_err(|error| format!("the mutation cannot be undone: {error}"))?;
        result
    }
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy_all(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else {
        if let Some(directory) = to.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::copy(from, to)?;
    }
    Ok(())
}

fn cargo_build(directory: &Path, target: &Path, face: Explorer) -> Result<PathBuf, String> {
    // Warnings are this program's own business: a mutant leaves things unused.
    let (target, profile, rustflags) = match face {
        Explorer::Loom => (target.join("mutants").join("build"), "mutants", "['--cfg','loom','-Awarnings']"),
        Explorer::Shuttle => {
            (target.join("shuttle"), "release", "['--cfg','loom','--cfg','shuttle','-Awarnings']")
        }
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    if let Explorer::Loom = face {
        // A pipeline that builds everything once sets 0, which would go before the profile: but these are built 45 times.
        command.env("CARGO_INCREMENTAL", "1");
    }
    let output = command
        .args(["build", "--locked", "--quiet", "--profile", profile, "--manifest-path"])
        .arg(directory.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .args(["--config", &format!("build.rustflags={rustflags}")])
        .output()
        .map_err(|error| format!("cargo did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("it does not compile:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    let program = format!("loom-tests{}", std::env::consts::EXE_SUFFIX);
    Ok(target.join(profile).join(program))
}

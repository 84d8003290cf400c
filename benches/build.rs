//! Finds stateright's Raft example among the sources that cargo has of stateright anyway, so that it can be compiled
//! without a copy of it in this repository; and asks the compiler for its version, on which instruction counts depend.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, str};

fn main() -> Result<(), Box<dyn Error>> {
    let example = example()?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rerun-if-changed={}", example.display());
    println!("cargo::rustc-env=STATERIGHT_RAFT={}", example.display());
    println!("cargo::rustc-env=BENCHES_RUSTC={}", compiler()?);
    Ok(())
}

/// `examples/raft.rs` of the stateright that this package depends on.
fn example() -> Result<PathBuf, Box<dyn Error>> {
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &env::var("TARGET")?]);
    let output = cargo.current_dir(env::var("CARGO_MANIFEST_DIR")?).output()?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let stateright = packages.iter().find(|package| package["name"] == "stateright");
    let manifest = stateright.and_then(|package| package["manifest_path"].as_str());
    let directory = manifest.and_then(|file| Path::new(file).parent()).ok_or("stateright has no sources")?;
    let example = directory.join("examples").join("raft.rs");
    if !example.is_file() {
        let problem =
            "is missing: are the sources a copy without examples? The package on crates.io has them";
        return Err(format!("{} {problem}", example.display()).into());
    }
    Ok(example)
}

/// The compiler's version and what it compiles for.
fn compiler() -> Result<String, Box<dyn Error>> {
    let output = Command::new(env::var("RUSTC")?).arg("--version").output()?;
    let version = str::from_utf8(&output.stdout)?.split(" (").next().unwrap_or_default().trim();
    Ok(format!("{version}, {}", env::var("TARGET")?))
}

//! docs/recipes.md shows how to add an action and a rule, with a patch for each. Here both are applied to a copy of the core
//! and the model, which is built, and checked.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A workspace of the core and the model alone.
fn workspace() -> TempDir {
    let workspace = TempDir::new().unwrap();
    let (root, to) = (Path::new(ROOT), workspace.path());
    for folder in ["impl/core/src", "model/src", "model/examples"] {
        copy(&root.join(folder), &to.join(folder));
    }
    for file in
        ["impl/core/Cargo.toml", "model/Cargo.toml", "model/build.rs", "model/kill-table.txt", "Cargo.lock"]
    {
        fs::copy(root.join(file), to.join(file)).unwrap();
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let (before, rest) = manifest.split_once("members = [").unwrap();
    let (_, after) = rest.split_once(']').unwrap();
    fs::write(to.join("Cargo.toml"), format!("{before}members = [\"impl/core\", \"model\"]{after}")).unwrap();
    workspace
}

/// Applies a patch to several files, and says to which.
fn apply(workspace: &Path, patch: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/recipes").join(patch)).unwrap();
    let starts: Vec<usize> = text.match_indices("--- a/").map(|(at, _)| at).chain([text.len()]).collect();
    let files = starts.windows(2).map(|ends| &text[ends[0]..ends[1]]);
    let applied = files.map(|part| {
        let name = part.lines().next().unwrap().trim_start_matches("--- a/").to_owned();
        let file = workspace.join(&name);
        let changed =
            diffy::apply(&fs::read_to_string(&file).unwrap(), &diffy::Patch::from_str(part).unwrap());
        fs::write(&file, changed.unwrap_or_else(|error| panic!("{patch}, {name}: {error}"))).unwrap();
        name
    });
    applied.collect()
}

/// What the model's example `check` says in the workspace.
fn check(workspace: &Path, args: &[&str]) -> String {
    // The dependencies are built there already.
    let target: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_path_buf();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--offline", "-p", "figure2-model", "--example", "check"])
        // These two are built for this test alone: not optimised it takes less in all.
        .args(
            ["figure2-core", "figure2-model"]
                .map(|package| format!("--config=profile.dev.package.{package}.opt-level=0")),
        )
        .arg("--")
        .args(args)
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", target)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "check {args:?}: {out}\n{err}");
    out.into_owned()
}

/// How many distinct states it found.
fn states(said: &str) -> u64 {
    said.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn the_patches_of_both_recipes_apply_and_what_they_add_is_checked() {
    let workspace = workspace();
    let workspace = workspace.path();
    assert_eq!(
        apply(workspace, "add-an-action.patch"),
        ["event.rs", "action.rs", "step.rs"].map(|file| format!("model/src/cluster/{file}"))
    );
    assert_eq!(
        apply(workspace, "add-a-rule.patch"),
        ["impl/core/src/rule.rs", "impl/core/src/rules/request_vote.rs", "model/src/mutants/survivors.rs"]
    );
    let baseline = fs::read_to_string(Path::new(ROOT).join("model/baseline.json")).unwrap();
    let baseline: serde_json::Value = serde_json::from_str(&baseline).unwrap();
    let before = &baseline["profiles"]["power-loss-1"]["states_generated"];
    let action = check(workspace, &["power-loss-1"]);
    assert!(action.ends_with("holds\n"), "{action}");
    let generated: u64 = action.split(' ').nth(3).unwrap().parse().unwrap();
    assert!(generated > before.as_u64().unwrap(), "the new action happens: {action}");
    let rule = check(workspace, &["old-snapshot", "100000"]);
    assert!(rule.contains(" RV2S ") && !rule.contains("violated"), "the new rule fires: {rule}");
    let changed = check(workspace, &["--change", "RV2S-none"]);
    assert!(states(&changed) > 1 && changed.ends_with("holds\n"), "{changed}");
}

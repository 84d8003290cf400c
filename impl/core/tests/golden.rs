//! The core's behaviour told as scripts: `tests/scripts` has a file for each scenario, with commands, and below them
//! what the servers did. `docs/scripts.md` says how to read and to write one.

mod arguments;
mod cluster;
mod commands;
mod words;

use crate::coverage::BEFORE_ANY_STEP;
use commands::Runner;
use figure2_core::{Rule, RuleSet};
use std::fs;
use std::path::{Path, PathBuf};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts");

fn path(script: &str) -> PathBuf {
    Path::new(FOLDER).join(script)
}

/// Runs a script, and compares what happens with what it says.
fn check(script: &str) {
    println!(
        "impl/core/tests/scripts/{script} must say what the core does. If a difference is meant, write it anew with\n    \
         UPDATE_GOLDENFILES=1 cargo test -p figure2-core golden\nand read the difference in the script."
    );
    goldenscript::run(&mut Runner::default(), path(script)).unwrap();
}

/// A test for each script, and the list of them.
macro_rules! scripts {
    ($($name:ident)*) => {
        pub const SCRIPTS: &[&str] = &[$(stringify!($name)),*];
        $(#[test] fn $name() { check(stringify!($name)) })*
    };
}

scripts! {
    append_and_commit
    append_commit_is_bounded
    append_conflict_is_deleted
    append_duplicated
    append_figure_7
    append_reordered
    append_shares_messages
    check_quorum_contact
    check_quorum_leader_alone
    check_quorum_majority_answers
    commit_by_the_others
    commit_figure_8
    commit_figure_8_e
    commit_told_at_once
    election_alone
    election_first
    election_loser_follows
    election_one_vote_a_term
    election_retry
    election_split_vote
    election_stale_candidate
    election_up_to_date
    election_vote_is_durable
    election_write_of_an_older_term
    flow_busy
    flow_first_of_a_term
    flow_in_flight
    flow_messages
    flow_too_large
    leader_deposed
    leader_heartbeats
    leader_stalled
    message_of_an_older_term
    message_rejected
    mixed_options
    pipeline_with_loss
    pre_vote_alone
    pre_vote_back_from_a_partition
    pre_vote_contact
    pre_vote_election
    pre_vote_late_replies
    pre_vote_log
    probe_after_loss
    probe_by_term
    restart_all
    restart_before_the_write
    restart_follower
    restart_leader
    restart_with_one_write_for_many
    snapshot_discards_the_log
    snapshot_for_a_laggard
    snapshot_forgotten
    snapshot_is_old
    snapshot_keeps_the_suffix
    snapshot_lost
    snapshot_of_an_old_leader
    snapshot_taken
    snapshot_waits_for_followers
    transfer
    transfer_given_up
    transfer_lost
    transfer_of_an_old_leader
    transfer_refused
    transfer_to_a_laggard
}

/// What a script says of itself: the comment at its begin.
pub struct Header {
    pub text: String,
    /// Ids of the rules that it shows.
    pub rules: Vec<String>,
}

/// The header of a script.
pub fn header(script: &str) -> Header {
    let source = fs::read_to_string(path(script)).unwrap();
    let lines: Vec<&str> = source.lines().map_while(|line| line.strip_prefix("# ")).collect();
    let rules = lines.last().and_then(|line| line.strip_prefix("Rules: "));
    let rules = rules.unwrap_or_else(|| panic!("{script}: its first comment must end with its rules"));
    let rules = rules.trim_end_matches('.').split(", ").map(str::to_owned).collect();
    Header { text: lines[..lines.len() - 1].join(" "), rules }
}

/// The rules that fire in a script.
fn fired(script: &str) -> RuleSet {
    let mut runner = Runner::default();
    goldenscript::generate(&mut runner, &fs::read_to_string(path(script)).unwrap()).unwrap();
    runner.rules()
}

#[test]
fn every_file_of_the_folder_is_in_the_list() {
    let mut files: Vec<String> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    assert_eq!(files, SCRIPTS, "the list in golden.rs has each script of impl/core/tests/scripts, in order");
}

/// While the scripts are written anew, by tests beside these, none can be read.
fn are_being_written() -> bool {
    std::env::var_os("UPDATE_GOLDENFILES").is_some()
}

#[test]
fn each_script_shows_the_rules_that_it_names_and_says_where_they_stand() {
    if are_being_written() {
        return;
    }
    for script in SCRIPTS {
        let Header { text, rules } = header(script);
        let cites = ["section", "Figure", "Beyond the paper"].iter().any(|place| text.contains(place));
        assert!(cites, "{script}: its first comment names no place in the paper");
        let fired = fired(script);
        let restarts = fs::read_to_string(path(script)).unwrap().contains("\nrestart ");
        for id in rules {
            let rule = Rule::ALL.iter().find(|rule| rule.id() == id);
            let rule = *rule.unwrap_or_else(|| panic!("{script}: there is no rule {id}"));
            let shown = if BEFORE_ANY_STEP.contains(&rule) { restarts } else { fired.contains(rule) };
            assert!(shown, "{script} names {id}, which does not fire in it");
        }
    }
}

/// Scripts in which nothing happened any more would still agree with what they say; they would not fire these.
#[test]
fn together_the_scripts_show_every_rule() {
    if are_being_written() {
        return;
    }
    let named: Vec<String> = SCRIPTS.iter().flat_map(|script| header(script).rules).collect();
    let unnamed: Vec<&str> =
        Rule::ALL.iter().map(|rule| rule.id()).filter(|id| !named.iter().any(|name| name == id)).collect();
    assert!(unnamed.is_empty(), "no script is there to show {unnamed:?}");
    let all = SCRIPTS.iter().fold(RuleSet::EMPTY, |all, script| all.union(fired(script)));
    let missing: Vec<&Rule> = Rule::ALL.iter().filter(|rule| !all.contains(**rule)).collect();
    let before_any_step: Vec<&Rule> = BEFORE_ANY_STEP.iter().collect();
    assert_eq!(missing, before_any_step, "these fire in no script (P1 fires in no step at all)");
}

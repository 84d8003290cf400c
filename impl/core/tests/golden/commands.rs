//! The commands of a script, and what they do to the cluster. How to write one is in `docs/scripts.md`.

use crate::golden::arguments::{At, Id, Terms};
use crate::golden::cluster::{Cluster, Disk, Envelope, Filter, State, Which};
use crate::golden::words;
use figure2_core::{
    AppendEntries, AppendEntriesReply, AppendResult, Change, Config, Entry, Extensions, Index, Input,
    InstallSnapshot, InstallSnapshotReply, Message, PreVote, PreVoteReply, RequestVote, RequestVoteReply,
    RuleSet, ServerId, ServerSet, Snapshot, Term, TimeoutNow,
};
use std::error::Error;
use std::fmt::Write as _;

#[derive(goldenscript::Command)]
pub enum Command {
    /// Servers that never ran, with these limits where the defaults are not meant.
    Cluster {
        servers: u8,
        #[arg(key)]
        max_entries_per_message: Option<u32>,
        #[arg(key)]
        max_message_bytes: Option<u64>,
        #[arg(key)]
        max_in_flight_bytes: Option<u64>,
        #[arg(key)]
        max_command_bytes: Option<u64>,
        #[arg(key)]
        max_uncommitted_bytes: Option<u64>,
        #[arg(key)]
        snapshot_patience: Option<u8>,
        #[arg(key)]
        max_retained_bytes: Option<u64>,
        #[arg(key, optional)]
        pre_vote: bool,
        #[arg(key, optional)]
        check_quorum: bool,
    },
    /// The servers start anew without extensions.
    Plain(Vec<Id>),
    /// The server starts from a disk with a log of these terms; the first `snapshot` entries are a snapshot.
    Log {
        server: Id,
        #[arg(optional)]
        terms: Vec<u64>,
        #[arg(key)]
        term: Option<u64>,
        #[arg(key)]
        voted_for: Option<Id>,
        #[arg(key, optional)]
        snapshot: usize,
    },
    #[command(name = "election-timeout")]
    ElectionTimeout(Id),
    Heartbeat(Id),
    /// Clients' commands, one step each; then the leader sends what followers are due.
    Propose {
        server: Id,
        commands: Vec<String>,
    },
    Replicate(Id),
    #[command(name = "send-commit")]
    SendCommit(Id),
    /// Somebody wants the server `to` to lead.
    Transfer {
        server: Id,
        #[arg(key)]
        to: Id,
    },
    /// Messages that are on their way arrive, in the order in which they were sent.
    Deliver {
        name: Option<String>,
        #[arg(key)]
        from: Option<Id>,
        #[arg(key)]
        to: Option<Id>,
        #[arg(key, optional)]
        which: Which,
    },
    /// Messages are lost.
    Drop {
        name: Option<String>,
        #[arg(key)]
        from: Option<Id>,
        #[arg(key)]
        to: Option<Id>,
        #[arg(key, optional)]
        which: Which,
    },
    /// Messages arrive, and will arrive again.
    Duplicate {
        name: Option<String>,
        #[arg(key)]
        from: Option<Id>,
        #[arg(key)]
        to: Option<Id>,
        #[arg(key, optional)]
        which: Which,
    },
    /// Everything arrives, and what is sent in answer, until nothing is on its way.
    Run,
    /// The messages that are on their way.
    Network,
    /// Nothing passes any more between these servers and the others; what is on its way there is lost.
    Partition(Vec<Id>),
    Heal,
    /// Writes of this server stay under way until `write`.
    Lag(Id),
    /// The oldest steps of this server become durable, with one write: all that wait, or so many.
    Write {
        server: Id,
        #[arg(key)]
        steps: Option<usize>,
    },
    /// The services get what is committed.
    Apply(#[arg(optional)] Vec<Id>),
    /// The service takes a snapshot of what it has applied, up to this index.
    Snapshot {
        server: Id,
        index: u64,
    },
    Crash(Vec<Id>),
    Restart(Vec<Id>),
    /// A message that the script makes up arrives; at another server than its addressee, if `at` says so.
    Forge {
        name: String,
        #[arg(key)]
        from: Id,
        #[arg(key)]
        to: Id,
        #[arg(key)]
        at: Option<Id>,
        #[arg(key)]
        term: u64,
        #[arg(key, optional)]
        last: At,
        #[arg(key, optional)]
        granted: bool,
        #[arg(key, optional)]
        transfer: bool,
        #[arg(key, optional)]
        prev: At,
        #[arg(key, optional)]
        entries: Terms,
        #[arg(key, optional)]
        commit: u64,
        #[arg(key, optional)]
        match_index: u64,
        #[arg(key, optional)]
        last_included: At,
    },
    /// The servers' states, as the paper's figures draw them.
    Status(#[arg(optional)] Vec<Id>),
}

/// Runs one script.
#[derive(Default)]
pub struct Runner {
    cluster: Cluster,
}

impl Runner {
    /// The rules that fired so far.
    pub fn rules(&self) -> RuleSet {
        self.cluster.rules
    }

    fn execute(&mut self, command: &Command) -> Result<(), String> {
        let cluster = &mut self.cluster;
        match command {
            Command::Cluster { .. } => cluster.start(config(command)),
            Command::Plain(ids) => {
                for id in ids {
                    cluster.node_mut(id.0)?.is_plain = true;
                    cluster.restart(id.0);
                }
            }
            Command::Log { server, terms, term, voted_for, snapshot } => {
                let last = terms.last().copied().unwrap_or_default();
                let voted_for = voted_for.map(|id| id.0);
                let disk = disk(term.unwrap_or(last), voted_for, terms, *snapshot);
                cluster.node_mut(server.0)?.disk = disk;
                cluster.restart(server.0);
            }
            Command::ElectionTimeout(id) => {
                cluster.step(id.0, &format!("{} election timeout", id.0), Input::ElectionTimeout)?;
            }
            Command::Heartbeat(id) => {
                cluster.step(id.0, &format!("{} heartbeat timeout", id.0), Input::HeartbeatTimeout)?;
            }
            Command::Propose { server, commands } => propose(cluster, server.0, commands)?,
            Command::Replicate(id) => {
                cluster.step(id.0, &format!("{} replicate", id.0), Input::Replicate)?;
            }
            Command::SendCommit(id) => {
                cluster.step(id.0, &format!("{} send commit", id.0), Input::SendCommit)?;
            }
            Command::Transfer { server, to } => {
                let what = format!("{} transfer to {}", server.0, to.0);
                cluster.step(server.0, &what, Input::TransferLeadership { to: to.0 })?;
            }
            Command::Deliver { name, from, to, which } => {
                for envelope in cluster.take(&filter(name, *from, *to, *which))? {
                    cluster.deliver(envelope, None)?;
                }
            }
            Command::Drop { name, from, to, which } => {
                for envelope in cluster.take(&filter(name, *from, *to, *which))? {
                    writeln!(cluster.told, "{} (lost)", words::envelope(&envelope)).unwrap();
                }
            }
            Command::Duplicate { name, from, to, which } => {
                for envelope in cluster.take(&filter(name, *from, *to, *which))? {
                    cluster.network.push(envelope.clone());
                    cluster.deliver(envelope, None)?;
                }
            }
            Command::Run => run(cluster)?,
            Command::Network => {
                for envelope in &cluster.network {
                    writeln!(cluster.told, "{}", words::envelope(envelope)).unwrap();
                }
            }
            Command::Partition(side) => {
                let mut servers = ServerSet::EMPTY;
                side.iter().for_each(|id| servers.insert(id.0));
                cluster
                    .network
                    .retain(|envelope| servers.contains(envelope.from) == servers.contains(envelope.to));
                cluster.partition = Some(servers);
            }
            Command::Heal => cluster.partition = None,
            Command::Lag(id) => cluster.node_mut(id.0)?.lags = true,
            Command::Write { server, steps } => {
                let what = format!("{} durable", server.0);
                cluster.write(server.0, steps.unwrap_or(usize::MAX), &what)?;
            }
            Command::Apply(ids) => {
                for id in chosen(cluster, ids) {
                    while cluster.server(id).is_ok_and(|server| server.next_apply(1).is_some()) {
                        cluster.apply(id, usize::MAX)?;
                    }
                }
            }
            Command::Snapshot { server, index } => {
                let service = &cluster.node(server.0)?.service;
                let data = service.iter().take(usize::try_from(*index).unwrap()).cloned().collect();
                let what = format!("{}'s service takes a snapshot of index {index}", server.0);
                cluster.step(server.0, &what, Input::SnapshotTaken { index: Index(*index), data })?;
            }
            Command::Crash(ids) => ids.iter().for_each(|id| cluster.crash(id.0)),
            Command::Restart(ids) => ids.iter().for_each(|id| cluster.restart(id.0)),
            Command::Forge { at, .. } => {
                let envelope = forged(command)?;
                cluster.deliver(envelope, at.map(|id| id.0))?;
            }
            Command::Status(ids) => {
                let ids = chosen(cluster, ids);
                let nodes: Vec<_> = ids.iter().map(|id| cluster.node(*id)).collect::<Result<_, _>>()?;
                let status = words::status(&nodes);
                cluster.told += &status;
            }
        }
        Ok(())
    }
}

impl goldenscript::Runner for Runner {
    type Command = Command;

    fn run(&mut self, command: &Command, _: &goldenscript::Context) -> Result<String, Box<dyn Error>> {
        self.execute(command)?;
        self.cluster.check();
        Ok(std::mem::take(&mut self.cluster.told))
    }
}

fn config(command: &Command) -> Config {
    let Command::Cluster {
        servers,
        max_entries_per_message,
        max_message_bytes,
        max_in_flight_bytes,
        max_command_bytes,
        max_uncommitted_bytes,
        snapshot_patience,
        max_retained_bytes,
        pre_vote,
        check_quorum,
    } = command
    else {
        unreachable!("asked of `cluster` only")
    };
    let default = Config::new(*servers);
    Config {
        voters: default.voters,
        max_entries_per_message: max_entries_per_message.unwrap_or(default.max_entries_per_message),
        max_message_bytes: max_message_bytes.unwrap_or(default.max_message_bytes),
        max_in_flight_bytes: max_in_flight_bytes.unwrap_or(default.max_in_flight_bytes),
        max_command_bytes: max_command_bytes.unwrap_or(default.max_command_bytes),
        max_uncommitted_bytes: max_uncommitted_bytes.unwrap_or(default.max_uncommitted_bytes),
        snapshot_patience: snapshot_patience.unwrap_or(default.snapshot_patience),
        max_retained_bytes: max_retained_bytes.unwrap_or(default.max_retained_bytes),
        extensions: Extensions { pre_vote: *pre_vote, check_quorum: *check_quorum },
    }
}

/// A disk with a log of these terms. Its commands are letters: `a` at index 1, and so on.
fn disk(term: u64, voted_for: Option<ServerId>, terms: &[u64], covered: usize) -> Disk {
    let mut entries: State = (b'a'..=b'z')
        .cycle()
        .zip(terms)
        .map(|(letter, term)| Entry { term: Term(*term), command: char::from(letter).to_string() })
        .collect();
    let mut disk = Disk::default();
    disk.apply(Change::TermAndVote { current_term: Term(term), voted_for });
    let rest = entries.split_off(covered);
    if let Some(last) = entries.last() {
        let (last_included_index, last_included_term) = (Index::ZERO.plus(covered), last.term);
        let snapshot = Snapshot { last_included_index, last_included_term, data: entries };
        disk.apply(Change::Snapshot { snapshot, keep_suffix: false });
    }
    disk.apply(Change::Append { first_index: disk.log.base_index().next(), entries: rest });
    disk
}

fn propose(cluster: &mut Cluster, id: ServerId, commands: &[String]) -> Result<(), String> {
    for command in commands {
        cluster.step(id, &format!("{id} propose {command}"), Input::Propose(command.clone()))?;
    }
    while cluster.server(id)?.has_entries_to_send() {
        cluster.step(id, &format!("{id} replicate"), Input::Replicate)?;
    }
    Ok(())
}

fn run(cluster: &mut Cluster) -> Result<(), String> {
    for _ in 0..1_000 {
        if cluster.network.is_empty() {
            return Ok(());
        }
        let envelope = cluster.network.remove(0);
        cluster.deliver(envelope, None)?;
    }
    Err("a thousand messages arrived, and more are on their way".to_owned())
}

/// The servers that a command names, or all.
fn chosen(cluster: &Cluster, ids: &[Id]) -> Vec<ServerId> {
    if ids.is_empty() {
        return cluster.nodes.iter().map(|node| node.id).collect();
    }
    ids.iter().map(|id| id.0).collect()
}

fn filter(name: &Option<String>, from: Option<Id>, to: Option<Id>, which: Which) -> Filter {
    Filter { name: name.clone(), from: from.map(|id| id.0), to: to.map(|id| id.0), which }
}

fn forged(command: &Command) -> Result<Envelope, String> {
    let Command::Forge {
        name,
        from,
        to,
        term,
        last,
        granted,
        transfer,
        prev,
        entries,
        commit,
        match_index,
        last_included,
        ..
    } = command
    else {
        unreachable!("asked of `forge` only")
    };
    let term = Term(*term);
    let message = match name.as_str() {
        "RequestVote" => {
            let (last_log_index, last_log_term) = (last.0, last.1);
            Message::RequestVote(RequestVote { term, last_log_index, last_log_term, transfer: *transfer })
        }
        "PreVote" => Message::PreVote(PreVote { term, last_log_index: last.0, last_log_term: last.1 }),
        "PreVoteReply" => Message::PreVoteReply(PreVoteReply { term, vote_granted: *granted }),
        "TimeoutNow" => Message::TimeoutNow(TimeoutNow { term }),
        "RequestVoteReply" => Message::RequestVoteReply(RequestVoteReply { term, vote_granted: *granted }),
        "AppendEntries" => Message::AppendEntries(AppendEntries {
            term,
            prev_log_index: prev.0,
            prev_log_term: prev.1,
            entries: entries.0.iter().map(|term| Entry { term: *term, command: "z".to_owned() }).collect(),
            leader_commit: Index(*commit),
        }),
        "AppendEntriesReply" => {
            let result = AppendResult::Success { match_index: Index(*match_index) };
            Message::AppendEntriesReply(AppendEntriesReply { term, result })
        }
        "InstallSnapshot" => Message::InstallSnapshot(InstallSnapshot {
            term,
            snapshot: Snapshot {
                last_included_index: last_included.0,
                last_included_term: last_included.1,
                data: State::new(),
            },
        }),
        "InstallSnapshotReply" => Message::InstallSnapshotReply(InstallSnapshotReply {
            term,
            last_included_index: Some(last_included.0),
        }),
        _ => return Err(format!("there is no message {name}")),
    };
    Ok(Envelope { from: from.0, to: to.0, message })
}

//! Rounds: a cluster that is started, used, killed again and again, and judged.

use crate::clients::Clients;
use crate::cluster::{Cluster, lock};
use crate::server::{Defect, Life};
use anyhow::Context as _;
use figure2_linearizability::{Limits, Operation, Outcome, Recorder, Verdict as Decided, check, draw};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use rand::{Rng as _, SeedableRng as _};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// So many kills are in a round: a round's recordings are judged together, and each of them is an open file.
const KILLS_IN_A_ROUND: u64 = 100;

/// How many clients ask at the same time.
const CLIENTS: u64 = 6;

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many servers there are.
    pub servers: usize,
    /// How often one is killed.
    pub kills: u64,
    /// Where the choices come from. (The moments of the operating system are not chosen, so a run cannot be repeated.)
    pub seed: u64,
    /// What the servers do wrong, if anything.
    pub defect: Option<Defect>,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Rounds, each with a new cluster.
    pub rounds: u64,
    /// Servers killed.
    pub kills: u64,
    /// Servers that recovered.
    pub restarts: u64,
    /// Restarts that had to cut off the end of a write.
    pub cut: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests of which nobody knows whether they were done.
    pub unknown: u64,
    /// Steps of servers that the audit judged.
    pub steps: u64,
    /// Elections that were won.
    pub elections: u64,
    /// How long it took, without the judging.
    pub time: Duration,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every server recovered, nothing was lost, and the audit holds.
    Holds,
    /// Something is wrong.
    Failed(String),
    /// Not all could be judged, for this reason.
    Unfinished(String),
}

/// What came out, and how much was done.
#[derive(Clone, Debug)]
pub struct Killed {
    /// What came out.
    pub verdict: Verdict,
    /// How much was done.
    pub figures: Figures,
    /// The directory of the round that failed.
    pub directory: Option<PathBuf>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { rounds, kills, restarts, cut, answered, unknown, steps, elections, time } = self;
        write!(
            f,
            "{rounds} rounds, {kills} kills, {restarts} restarts, {cut} of them with a write cut off; {answered} requests \
             answered, {unknown} unknown; {steps} steps audited, {elections} elections; {:.1} s",
            time.as_secs_f64()
        )
    }
}

/// Kills servers until the plan is done, or something is wrong. `command` runs a [`Life`] with [`serve`](crate::serve);
/// `told` hears of each round.
///
/// # Errors
/// When the directory cannot be written, or a process cannot be run at all.
pub fn kill(
    plan: &Plan,
    directory: &Path,
    command: impl Fn(&Life) -> Command + Clone + Send + Sync + 'static,
    mut told: impl FnMut(&Figures),
) -> anyhow::Result<Killed> {
    let mut figures = Figures::default();
    while figures.kills < plan.kills {
        let kills = KILLS_IN_A_ROUND.min(plan.kills - figures.kills);
        let directory = directory.join(format!("round-{}", figures.rounds));
        std::fs::create_dir_all(&directory)?;
        let seed = plan.seed.wrapping_add(figures.rounds);
        let mut round = Round::new(plan, &directory, seed, command.clone());
        let failed = round.storm(kills).err().map(|error| Verdict::Failed(format!("{error:#}")));
        figures.add(&round);
        let verdict = match failed {
            Some(failed) => failed,
            None => round.judge(&mut figures)?,
        };
        if verdict != Verdict::Holds {
            return Ok(Killed { verdict, figures, directory: Some(directory) });
        }
        std::fs::remove_dir_all(&directory)?;
        told(&figures);
    }
    Ok(Killed { verdict: Verdict::Holds, figures, directory: None })
}

impl Figures {
    fn add(&mut self, round: &Round) {
        self.rounds += 1;
        self.kills += round.kills;
        self.restarts += round.restarts;
        self.cut += round.cut;
        self.time += round.began.elapsed();
        for operation in &round.history {
            match operation.outcome {
                Outcome::Unknown => self.unknown += 1,
                _ => self.answered += 1,
            }
        }
    }
}

struct Round {
    cluster: Cluster,
    directory: PathBuf,
    defect: Option<Defect>,
    random: StdRng,
    seed: u64,
    began: Instant,
    kills: u64,
    restarts: u64,
    cut: u64,
    history: Vec<Operation>,
}

impl Round {
    fn new(
        plan: &Plan,
        directory: &Path,
        seed: u64,
        command: impl Fn(&Life) -> Command + Send + Sync + 'static,
    ) -> Round {
        Round {
            cluster: Cluster::new(directory, plan.servers, command),
            directory: directory.to_owned(),
            defect: plan.defect,
            random: StdRng::seed_from_u64(seed),
            seed,
            began: Instant::now(),
            kills: 0,
            restarts: 0,
            cut: 0,
            history: Vec::new(),
        }
    }

    fn disk(&self, server: usize) -> PathBuf {
        self.directory.join(format!("server-{server}"))
    }

    fn start(&self, server: usize) -> anyhow::Result<()> {
        let life = self.cluster.lives().len();
        self.cluster.start(
            server,
            Life {
                id: server as u64,
                servers: self.cluster.size() as u64,
                directory: self.disk(server),
                recording: self.directory.join(format!("life-{life}-of-{server}.trace")),
                defect: self.defect,
            },
        )
    }

    /// Starts the cluster, has clients use it, and kills servers.
    fn storm(&mut self, kills: u64) -> anyhow::Result<()> {
        let servers = self.cluster.size();
        (0..servers).try_for_each(|server| self.start(server))?;
        let clients = Clients {
            cluster: self.cluster.clone(),
            history: Arc::new(Mutex::new(Recorder::new())),
            stop: Arc::new(AtomicBool::new(false)),
            seed: self.seed,
        };
        let running: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let clients = clients.clone();
                thread::spawn(move || clients.run(client))
            })
            .collect();
        let mut killed = Ok(());
        while killed.is_ok() && self.kills < kills && self.cluster.failure().is_none() {
            thread::sleep(Duration::from_millis(self.random.random_range(0..250)));
            killed = self.kill_some();
        }
        clients.stop.store(true, Ordering::Relaxed);
        let ended = running.into_iter().all(|client| client.join().is_ok());
        let all_read = killed.is_ok() && clients.read_all(CLIENTS);
        self.history = lock(&clients.history).operations().to_vec();
        for server in 0..servers {
            self.cut += self.cluster.kill(server, &self.disk(server))? as u64;
        }
        killed?;
        if let Some(failure) = self.cluster.failure() {
            anyhow::bail!("{failure}");
        }
        anyhow::ensure!(ended, "a client has panicked");
        anyhow::ensure!(all_read, "all servers run, and for 10 s nobody could read");
        Ok(())
    }

    /// Kills one server, or two, or all, and starts them again a moment later.
    fn kill_some(&mut self) -> anyhow::Result<()> {
        let servers = self.cluster.size();
        let many = match self.random.random_range(0..10) {
            0 => servers,
            1 | 2 => 2.min(servers),
            _ => 1,
        };
        let chosen = (0..servers).choose_multiple(&mut self.random, many);
        for server in &chosen {
            self.cut += self.cluster.kill(*server, &self.disk(*server))? as u64;
            self.kills += 1;
        }
        thread::sleep(Duration::from_millis(self.random.random_range(0..100)));
        for server in chosen {
            self.start(server)?;
            self.restarts += 1;
        }
        Ok(())
    }

    fn judge(&self, figures: &mut Figures) -> anyhow::Result<Verdict> {
        let seen = seen(&self.history);
        if matches!(seen, Verdict::Failed(_)) {
            return Ok(seen);
        }
        let lives = self.cluster.lives();
        let open = || lives.iter().map(|life| figure2_validate::open(&life.recording, true)).collect();
        let report = figure2_audit::audit(&open).context("the recordings")?;
        figures.steps += report.steps;
        figures.elections += report.elections as u64;
        Ok(match report.exit_code() {
            0 => seen,
            1 => Verdict::Failed(figure2_audit::text(&report)),
            _ => Verdict::Unfinished(report.sentence()),
        })
    }
}

/// What the clients' history shows.
fn seen(history: &[Operation]) -> Verdict {
    let limits = Limits { configurations: 200_000, time: Duration::from_secs(20) };
    for key in check(history, None, limits).keys {
        match key.verdict {
            Decided::Holds => {}
            Decided::Violated(window) => {
                let window = draw(&window, "event");
                return Verdict::Failed(format!("not linearizable, key {}:\n{window}", key.key));
            }
            Decided::Unfinished(reason) => {
                return Verdict::Unfinished(format!("linearizability of key {}: {reason}", key.key));
            }
        }
    }
    Verdict::Holds
}

//! The three processes, seen by the one that starts them.

use super::case::Kind;
use super::server::{Addresses, Look, Serve};
use crate::system::VOTERS;
use anyhow::{Context as _, Result, anyhow, bail};
use serde::de::DeserializeOwned;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take until one of them leads.
const PATIENCE: Duration = Duration::from_secs(20);

/// The voters' processes. They end when this is dropped.
pub struct Processes {
    all: Vec<Process>,
}

struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    addresses: Option<Addresses>,
}

/// What all of them are told alike.
pub struct Told<'a> {
    /// What they are.
    pub kind: Kind,
    /// Where their logs are.
    pub directory: &'a Path,
    /// Bytes of a segment of a log.
    pub segment_bytes: u64,
    /// Where the certificates are.
    pub certificates: &'a Path,
}

impl Processes {
    /// Starts them.
    ///
    /// # Errors
    /// When one does not start.
    pub fn start(program: &Path, told: &Told<'_>) -> Result<Processes> {
        let mut all = Vec::new();
        for voter in 0..VOTERS {
            let serve = Serve {
                kind: told.kind,
                voter,
                directory: told.directory.to_owned(),
                segment_bytes: told.segment_bytes,
                certificates: told.kind.has_tls().then(|| told.certificates.to_owned()),
            };
            all.push(Process::start(program, &serve)?);
        }
        let mut processes = Processes { all };
        let mut peers = Vec::new();
        for process in &mut processes.all {
            let addresses: Addresses = process.hear()?;
            peers.push(addresses.peers.clone());
            process.addresses = Some(addresses);
        }
        let peers = serde_json::to_string(&peers)?;
        processes.all.iter_mut().try_for_each(|process| process.say(&peers))?;
        Ok(processes)
    }

    /// Waits until one leads and all are connected with each other: where the leader answers clients.
    ///
    /// # Errors
    /// When that takes too long, or one has ended.
    pub fn leader(&mut self) -> Result<SocketAddr> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let looks = self.look()?;
            if looks.iter().all(|look| look.is_connected)
                && let Some(leader) = looks.iter().position(|look| look.leads)
            {
                let addresses = self.all.get(leader).and_then(|process| process.addresses.as_ref());
                return addresses.map(|addresses| addresses.clients).ok_or_else(|| anyhow!("it was told"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("no leader, or no connections, in {PATIENCE:?}");
    }

    /// Asks each of them.
    ///
    /// # Errors
    /// When one has ended.
    pub fn look(&mut self) -> Result<Vec<Look>> {
        // All are asked before the first answer is waited for.
        self.all.iter_mut().try_for_each(|process| process.say(""))?;
        self.all.iter_mut().map(Process::hear).collect()
    }
}

impl Drop for Processes {
    /// kill -9: nothing of theirs is kept. All at once, so that none misses another.
    fn drop(&mut self) {
        // One may have ended by itself.
        self.all.iter_mut().for_each(|process| _ = process.child.kill());
        self.all.iter_mut().for_each(|process| _ = process.child.wait());
    }
}

impl Process {
    fn start(program: &Path, serve: &Serve) -> Result<Process> {
        let words: Vec<std::ffi::OsString> = serve.into();
        let started = Command::new(program).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.with_context(|| program.display().to_string())?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => {
                Ok(Process { child, input, output: BufReader::new(output), addresses: None })
            }
            _ => bail!("a process without input and output"),
        }
    }

    fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.input, "{line}").context("a voter's process has ended")
    }

    fn hear<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("a voter's process has ended");
        }
        serde_json::from_str(&line).with_context(|| format!("what a voter tells: {line}"))
    }
}

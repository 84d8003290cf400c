//! The cluster as the harness has it: processes, their lives, and the messages between them.

use crate::server::Life;
use crate::wire::{Answer, FromServer, ToServer, hear, tell};
use anyhow::{Context as _, bail};
use figure2_wal::inspect;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a server may take to recover.
const START: Duration = Duration::from_secs(30);

/// A cluster of processes.
#[derive(Clone)]
pub(crate) struct Cluster {
    shared: Arc<Shared>,
}

struct Shared {
    directory: PathBuf,
    /// What runs a life.
    command: Box<dyn Fn(&Life) -> Command + Send + Sync>,
    servers: Vec<Mutex<Option<Running>>>,
    stands: Vec<Mutex<Stands>>,
    next_request: AtomicU64,
    waiting: Mutex<BTreeMap<u64, (usize, SyncSender<Answer>)>>,
    failure: Mutex<Option<String>>,
}

/// How a server stands, as its process last said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stands {
    /// Index of the last entry that its service has.
    pub(crate) applied: u64,
    /// Whether it is a leader.
    pub(crate) leads: bool,
    /// To which servers it can send.
    pub(crate) connected: BTreeSet<u64>,
    /// Which servers it has refused for good, or have refused it, since this was [forgotten](Cluster::forget_refusals).
    pub(crate) refused: BTreeSet<u64>,
}

/// A process that runs.
struct Running {
    child: Child,
    input: Arc<Mutex<ChildStdin>>,
    listener: JoinHandle<()>,
}

impl Cluster {
    pub(crate) fn new(
        directory: &Path,
        servers: usize,
        command: impl Fn(&Life) -> Command + Send + Sync + 'static,
    ) -> Cluster {
        let shared = Shared {
            directory: directory.to_owned(),
            command: Box::new(command),
            servers: (0..servers).map(|_| Mutex::default()).collect(),
            stands: (0..servers).map(|_| Mutex::default()).collect(),
            next_request: AtomicU64::new(0),
            waiting: Mutex::default(),
            failure: Mutex::default(),
        };
        Cluster { shared: Arc::new(shared) }
    }

    pub(crate) fn size(&self) -> usize {
        self.shared.servers.len()
    }

    /// How a server stands.
    pub(crate) fn stands(&self, server: usize) -> Stands {
        lock(&self.shared.stands[server]).clone()
    }

    /// Forgets which servers have refused which.
    pub(crate) fn forget_refusals(&self) {
        self.shared.stands.iter().for_each(|stands| lock(stands).refused.clear());
    }

    /// What a server, or its service, has found to be wrong.
    pub(crate) fn failure(&self) -> Option<String> {
        lock(&self.shared.failure).clone()
    }

    /// Starts a server on what its directory holds, and waits until it has recovered. Over TCP, where it listens.
    pub(crate) fn start(&self, server: usize, life: &Life) -> anyhow::Result<Option<SocketAddr>> {
        let errors = self.shared.directory.join(format!("server-{server}.errors"));
        let file = File::options().create(true).append(true).open(&errors)?;
        let mut command = (self.shared.command)(life);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        let mut child = command.spawn().context("a server's process cannot be started")?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("a process without pipes");
        };
        *lock(&self.shared.stands[server]) = Stands::default();
        let input = Arc::new(Mutex::new(input));
        let (ready, is_ready) = channel();
        let cluster = self.clone();
        let listener = thread::spawn(move || cluster.listen(server, output, &ready));
        *self.server(server) = Some(Running { child, input, listener });
        match is_ready.recv_timeout(START) {
            Ok(listens) => Ok(listens),
            Err(RecvTimeoutError::Timeout) => bail!("server {server} has not recovered within {START:?}"),
            Err(RecvTimeoutError::Disconnected) => {
                let said = std::fs::read_to_string(&errors).unwrap_or_default();
                bail!("server {server} did not start: {}", said.trim())
            }
        }
    }

    /// Kills a server with SIGKILL. How many ends of its log a restart will cut off.
    ///
    /// # Errors
    /// When a restart would be refused.
    pub(crate) fn kill(&self, server: usize, directory: &Path) -> anyhow::Result<usize> {
        let Some(Running { mut child, input, listener }) = self.server(server).take() else { return Ok(0) };
        child.kill()?;
        child.wait()?;
        drop(input);
        // It ends with the other end of the pipe.
        let _ = listener.join();
        lock(&self.shared.waiting).retain(|_, (asked, _)| *asked != server);
        let found = inspect(directory).with_context(|| format!("{} cannot be read", directory.display()))?;
        match found.refusal {
            None => Ok(found.cut.len()),
            Some(refusal) => bail!("server {server} was killed, and its log cannot be recovered: {refusal}"),
        }
    }

    /// Stops a server with SIGSTOP, or lets it go on.
    pub(crate) fn stop(&self, server: usize, stops: bool) -> anyhow::Result<()> {
        if let Some(running) = self.server(server).as_ref() {
            let signal = if stops { Signal::STOP } else { Signal::CONT };
            kill_process(Pid::from_child(&running.child), signal)?;
        }
        Ok(())
    }

    /// Asks a server; none if nobody answered within that time.
    pub(crate) fn ask(&self, server: usize, command: &[u8], patience: Duration) -> Option<Answer> {
        let id = self.shared.next_request.fetch_add(1, Ordering::Relaxed);
        let (answer, answered): (_, Receiver<Answer>) = sync_channel(1);
        lock(&self.shared.waiting).insert(id, (server, answer));
        self.tell(server, &ToServer::Request { id, command: command.to_vec() });
        let answer = answered.recv_timeout(patience).ok();
        lock(&self.shared.waiting).remove(&id);
        answer
    }

    fn server(&self, server: usize) -> MutexGuard<'_, Option<Running>> {
        lock(&self.shared.servers[server])
    }

    /// Tells a server something, if it runs.
    fn tell(&self, server: usize, what: &ToServer) {
        let input = self.server(server).as_ref().map(|running| running.input.clone());
        if let Some(input) = input {
            // A process that was killed meanwhile hears nothing.
            let _ = tell(&mut *lock(&input), what);
        }
    }

    /// Takes what a server says, until its process ends.
    fn listen(&self, server: usize, output: ChildStdout, ready: &Sender<Option<SocketAddr>>) {
        let mut output = BufReader::new(output);
        loop {
            match hear::<FromServer>(&mut output) {
                Ok(Some(FromServer::Ready { listens })) => drop(ready.send(listens)),
                Ok(Some(FromServer::Stands { applied, leads, connected, refused })) => {
                    let mut stands = lock(&self.shared.stands[server]);
                    (stands.applied, stands.leads, stands.connected) = (applied, leads, connected);
                    stands.refused.extend(refused);
                }
                Ok(Some(FromServer::Message { to, frame })) => {
                    if let Some(to) = usize::try_from(to).ok().filter(|to| *to < self.size()) {
                        self.tell(to, &ToServer::Message(frame));
                    }
                }
                Ok(Some(FromServer::Answer { id, answer })) => {
                    if let Some((_, waits)) = lock(&self.shared.waiting).remove(&id) {
                        // A client that has given up does not listen.
                        let _ = waits.send(answer);
                    }
                }
                Ok(Some(FromServer::Failed(what))) => self.fail(format!("server {server}: {what}")),
                Ok(None) => return,
                Err(error) => return self.fail(format!("server {server} says nonsense: {error}")),
            }
        }
    }

    fn fail(&self, what: String) {
        lock(&self.shared.failure).get_or_insert(what);
    }
}

/// What every holder leaves whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

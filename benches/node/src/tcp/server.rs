//! The process of a voter. Its standard input and output are for whoever has started it.

use super::case::Kind;
use super::{figure2, floor};
use crate::disk::{Counts, Medium, Place};
use crate::measure::WORKERS;
use crate::memory;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use cpu_time::ProcessTime;
use serde::{Deserialize, Serialize};
use std::io::{Write as _, stdin, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// Which voter it is.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Serve {
    #[arg(value_enum)]
    pub kind: Kind,
    /// From 0
    #[arg(value_parser = clap::value_parser!(u8).range(..3))]
    pub voter: u8,
    /// The directory that has one for each voter's log
    pub directory: PathBuf,
    pub segment_bytes: u64,
    /// The directory with the certificates; without it there is no TLS
    pub certificates: Option<PathBuf>,
}

impl Serve {
    /// Where the logs are.
    pub fn medium(&self) -> Medium {
        Medium::Disk { directory: self.directory.clone(), segment_bytes: self.segment_bytes }
    }

    /// Where its own log is.
    ///
    /// # Errors
    /// Never: it is on disk.
    pub fn place(&self) -> Result<Place> {
        self.medium().place(self.voter).context("a log on disk")
    }
}

impl From<&Serve> for Vec<std::ffi::OsString> {
    fn from(told: &Serve) -> Vec<std::ffi::OsString> {
        let Serve { kind, voter, directory, segment_bytes, certificates } = told;
        let kind = clap::ValueEnum::to_possible_value(kind).map(|value| value.get_name().to_owned());
        let mut words = vec!["serve".into(), kind.unwrap_or_default().into(), voter.to_string().into()];
        words.extend([directory.clone().into(), segment_bytes.to_string().into()]);
        words.extend(certificates.clone().map(Into::into));
        words
    }
}

/// Where it listens.
pub struct Sockets {
    /// For the other voters.
    pub peers: TcpListener,
    /// For clients.
    pub clients: TcpListener,
}

/// The first line that it writes: where it listens. It then reads a line with the list of all voters' addresses.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Addresses {
    /// For the other voters.
    pub peers: String,
    /// For clients.
    pub clients: SocketAddr,
}

/// Each further line that it writes, for each line that it reads.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Look {
    /// It answers clients.
    pub leads: bool,
    /// Its connections to the other voters are there.
    pub is_connected: bool,
    /// CPU seconds so far.
    pub cpu: f64,
    /// Resident bytes; none where the system does not tell.
    pub memory: Option<u64>,
    /// What its log has asked of the disk.
    pub counts: Counts,
}

/// What a voter can be asked.
pub trait Voter: Send + Sync {
    /// Whether it answers clients.
    fn leads(&self) -> bool;

    /// Whether its connections to the other voters are there.
    fn is_connected(&self) -> bool;
}

fn say(what: &impl Serialize) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{}", serde_json::to_string(what)?)?;
    Ok(out.flush()?)
}

/// Runs the voter until its input ends: with who has started it, it ends, too.
///
/// # Errors
/// When it cannot be started.
pub fn serve(told: &Serve) -> Result<()> {
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    runtime.block_on(async {
        let bind = || TcpListener::bind("127.0.0.1:0");
        let sockets = Sockets { peers: bind().await?, clients: bind().await? };
        let peers = sockets.peers.local_addr()?.to_string();
        say(&Addresses { peers, clients: sockets.clients.local_addr()? })?;
        let Some(line) = stdin().lines().next() else { bail!("nobody says where the others are") };
        let peers: Vec<String> = serde_json::from_str(&line?)?;
        let voter = match told.kind {
            Kind::Figure2 | Kind::Plain => figure2::start(told, sockets, &peers).await?,
            Kind::Floor => floor::start(told, sockets, &peers).await?,
        };
        let (ends, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || _ = ends.send(control(&*voter)))?;
        ended.await?
    })?;
    // The process ends anyway: nothing is put in order first.
    runtime.shutdown_background();
    Ok(())
}

/// Answers each line, until there are no more.
fn control(voter: &dyn Voter) -> Result<()> {
    for line in stdin().lines() {
        line?;
        say(&Look {
            leads: voter.leads(),
            is_connected: voter.is_connected(),
            cpu: ProcessTime::now().as_duration().as_secs_f64(),
            memory: memory::now(),
            counts: Counts::now(),
        })?;
    }
    Ok(())
}

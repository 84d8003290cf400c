//! The processes of a search, and how they come together.

use super::frame::{receive, send};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// So long a process waits for the others to come, unless told otherwise.
const JOIN: Duration = Duration::from_secs(60);

/// So long one that has connected may take to say who it is.
const HELLO: Duration = Duration::from_secs(5);

/// Pauses between attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// The version of what processes say to each other.
const FORMAT: u32 = 1;

/// Most processes.
const MOST: usize = 256;

/// The processes of a search, and which of them this one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    addresses: Vec<String>,
    process: usize,
    patience: Duration,
}

/// Why several processes do not search together.
#[derive(Debug, thiserror::Error)]
pub enum HostsError {
    /// The file with the addresses cannot be read.
    #[error("{file}: {error}")]
    File {
        /// Which one.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There are no addresses, or too many, or one is no address.
    #[error("{0}: write an address a line, HOST:PORT, for each of at most {MOST} processes")]
    Addresses(String),
    /// There is no such process.
    #[error("process {process} of {processes}: they are numbered from 0 to {}", processes.saturating_sub(1))]
    NoSuchProcess {
        /// The number that was given.
        process: usize,
        /// How many there are.
        processes: usize,
    },
    /// This process cannot listen at its own address.
    #[error(
        "process {process} cannot listen at {address}: {error}; is it this machine's address, and not in use?"
    )]
    Listen {
        /// This process.
        process: usize,
        /// Its address.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// Another process did not come.
    #[error("process {process} at {address} did not come within {} seconds ({why}): start all processes with the same file", waited.as_secs())]
    Absent {
        /// Which one.
        process: usize,
        /// Its address.
        address: String,
        /// How long this one waited.
        waited: Duration,
        /// What was seen of it last.
        why: String,
    },
    /// Another process searches something else, or is another build.
    #[error(
        "process {process} at {address} does not fit: {what}; start all processes with the same build and the same options"
    )]
    Differs {
        /// Which one.
        process: usize,
        /// Its address.
        address: String,
        /// In what it differs.
        what: String,
    },
}

/// What all processes of a search must have in common: what it is, and this process' own.
pub(crate) type Terms = BTreeMap<String, String>;

/// The first words on a connection.
#[derive(Debug, Serialize, Deserialize)]
struct Hello {
    format: u32,
    process: usize,
    is_control: bool,
    terms: Terms,
}

/// The connections between the processes: one for states between each two, and one for words between the first and each other.
pub(crate) struct Connections {
    /// By process; none for this one.
    pub data: Vec<Option<TcpStream>>,
    /// By process: in the first one to all others, in the others to the first.
    pub control: Vec<Option<TcpStream>>,
}

impl Hosts {
    /// The processes at these addresses, in order, and which of them this one is.
    ///
    /// # Errors
    /// When there are none or too many, or one is no address, or there is no such process.
    pub fn new(addresses: Vec<String>, process: usize) -> Result<Hosts, HostsError> {
        if addresses.is_empty() || addresses.len() > MOST {
            return Err(HostsError::Addresses(format!("{} addresses", addresses.len())));
        }
        let is_address = |address: &str| {
            address
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if let Some(wrong) = addresses.iter().find(|address| !is_address(address)) {
            return Err(HostsError::Addresses(format!("`{wrong}` is no address")));
        }
        if let Some(twice) = (1..addresses.len()).find(|at| addresses[..*at].contains(&addresses[*at])) {
            return Err(HostsError::Addresses(format!("`{}` is there twice", addresses[twice])));
        }
        if process >= addresses.len() {
            return Err(HostsError::NoSuchProcess { process, processes: addresses.len() });
        }
        Ok(Hosts { addresses, process, patience: JOIN })
    }

    /// How long this process waits for the others to come; a minute by default.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Hosts {
        Hosts { patience, ..self }
    }

    /// As [`new`](Self::new), from a file with an address a line. Empty lines and those that begin with # do not count.
    ///
    /// # Errors
    /// As there, and when the file cannot be read.
    pub fn read(file: &Path, process: usize) -> Result<Hosts, HostsError> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| HostsError::File { file: file.to_path_buf(), error })?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Hosts::new(lines.map(str::to_owned).collect(), process)
    }

    /// How many processes there are.
    pub fn processes(&self) -> usize {
        self.addresses.len()
    }

    /// Which of them this one is.
    pub fn process(&self) -> usize {
        self.process
    }

    pub(crate) fn address(&self, process: usize) -> String {
        self.addresses.get(process).cloned().unwrap_or_default()
    }

    /// Connects to all others. Each connects to those before it, and waits for those behind it.
    pub(crate) fn join(&self, terms: &Terms) -> Result<Connections, HostsError> {
        let own = self.address(self.process);
        let listening = TcpListener::bind(&own).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let listener =
            listening.map_err(|error| HostsError::Listen { process: self.process, address: own, error })?;
        let deadline = Instant::now() + self.patience;
        let none = || (0..self.processes()).map(|_| None).collect::<Vec<Option<TcpStream>>>();
        let mut connections = Connections { data: none(), control: none() };
        for process in 0..self.process {
            let kinds = if process == 0 { &[true, false][..] } else { &[false][..] };
            for is_control in kinds {
                let stream = self.connect(process, *is_control, terms, deadline)?;
                connections.put(process, *is_control, stream);
            }
        }
        self.accept(&listener, terms, deadline, &mut connections)?;
        Ok(connections)
    }

    /// Connects to a process, again and again until it is there.
    fn connect(
        &self,
        process: usize,
        is_control: bool,
        terms: &Terms,
        deadline: Instant,
    ) -> Result<TcpStream, HostsError> {
        let address = self.address(process);
        let attempt = || -> io::Result<(TcpStream, Result<(), String>)> {
            let stream = TcpStream::connect(&address)?;
            stream.set_nodelay(true)?;
            let left = deadline.saturating_duration_since(Instant::now()).max(PAUSE);
            stream.set_read_timeout(Some(left))?;
            let hello = Hello { format: FORMAT, process: self.process, is_control, terms: terms.clone() };
            send(&stream, &hello)?;
            let answer = receive(&stream)?;
            stream.set_read_timeout(None)?;
            Ok((stream, answer))
        };
        loop {
            match attempt() {
                Ok((stream, Ok(()))) => return Ok(stream),
                Ok((_, Err(what))) => return Err(HostsError::Differs { process, address, what }),
                Err(error) if Instant::now() >= deadline => {
                    let why = error.to_string();
                    return Err(HostsError::Absent { process, address, waited: self.patience, why });
                }
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    /// Waits for the processes behind this one.
    fn accept(
        &self,
        listener: &TcpListener,
        terms: &Terms,
        deadline: Instant,
        connections: &mut Connections,
    ) -> Result<(), HostsError> {
        loop {
            let missing = (self.process + 1..self.processes()).find(|process| {
                let is_there =
                    |streams: &[Option<TcpStream>]| streams.get(*process).is_some_and(Option::is_some);
                !is_there(&connections.data) || self.process == 0 && !is_there(&connections.control)
            });
            let Some(missing) = missing else { return Ok(()) };
            if Instant::now() >= deadline {
                let (address, why) = (self.address(missing), "it has not connected".to_owned());
                return Err(HostsError::Absent { process: missing, address, waited: self.patience, why });
            }
            let Ok((stream, _)) = listener.accept() else {
                thread::sleep(PAUSE);
                continue;
            };
            // Who does not say who he is is none of the others.
            let Ok(hello) = Self::greeted(&stream) else { continue };
            let Hello { format, process, is_control, terms: theirs } = hello;
            if process <= self.process || process >= self.processes() {
                let _ = send(&stream, &Err::<(), String>(format!("no process {process} is expected here")));
                continue;
            }
            let differences = match format == FORMAT {
                true => differences(terms, &theirs),
                false => Some(format!("format {format} of the connection there, {FORMAT} here")),
            };
            let answer: Result<(), String> = match &differences {
                None => Ok(()),
                // There, what is theirs is its own.
                Some(_) if format == FORMAT => Err(differences_of(&theirs, terms)),
                Some(what) => Err(what.clone()),
            };
            // Who is gone before it has the answer comes again.
            if send(&stream, &answer).is_err() {
                continue;
            }
            if let Some(what) = differences {
                return Err(HostsError::Differs { process, address: self.address(process), what });
            }
            connections.put(process, is_control, stream);
        }
    }

    fn greeted(stream: &TcpStream) -> io::Result<Hello> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(HELLO))?;
        let hello = receive(stream)?;
        stream.set_read_timeout(None)?;
        Ok(hello)
    }
}

impl Connections {
    fn put(&mut self, process: usize, is_control: bool, stream: TcpStream) {
        let streams = if is_control { &mut self.control } else { &mut self.data };
        if let Some(place) = streams.get_mut(process) {
            *place = Some(stream);
        }
    }
}

fn differences(ours: &Terms, theirs: &Terms) -> Option<String> {
    (ours != theirs).then(|| differences_of(ours, theirs))
}

/// The first thing in which two processes differ.
fn differences_of(ours: &Terms, theirs: &Terms) -> String {
    let names = ours.keys().chain(theirs.keys());
    let told = names.filter(|name| ours.get(*name) != theirs.get(*name)).map(|name| {
        let of = |terms: &Terms| terms.get(name).cloned().unwrap_or_else(|| "nothing".to_owned());
        format!("{name}\n  there: {}\n  here:  {}\n", of(theirs), of(ours))
    });
    told.take(1).collect()
}

//! What several processes say to each other besides the states: where they stand, at each level's end and once a second; and
//! what they found. The first process is the one that all others speak with. One that is gone, or is silent for too long, is
//! told to all, and ends the search: Timely itself panics when a peer is gone, and waits for ever for one that hangs.

mod frame;
mod hosts;

pub(crate) use hosts::Terms;
pub use hosts::{Hosts, HostsError};

use crate::checkpoint::Marks;
use crate::shared::lock;
use figure2_model::{Counted, Limit};
use frame::{receive, send};
use hosts::Connections;
use serde::{Deserialize, Serialize};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

/// How often each process says that it is there.
pub(crate) const BEAT: Duration = Duration::from_secs(1);

/// A process that said nothing for so long is lost.
pub const SILENCE: Duration = Duration::from_secs(10);

/// How often who waits for words looks whether somebody is lost.
const LOOK: Duration = Duration::from_millis(50);

/// A process that is gone, or cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("process {process} at {address} is lost: {why}")]
pub struct Lost {
    /// Which one.
    pub process: usize,
    /// Its address.
    pub address: String,
    /// What was seen of it last.
    pub why: String,
}

/// What a process has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub generated: u64,
    pub distinct: u64,
    pub memory: Option<u64>,
    pub disk: u64,
    /// The limit that it hit, if it did.
    pub limit: Option<Limit>,
}

/// Where a process stands at the beginning of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub level: u32,
    /// How many states of the level it owns.
    pub states: u64,
    /// How many states it has expanded.
    pub expanded: u64,
    /// It has judged a broken state, or cannot go on.
    pub is_over: bool,
}

/// What all do with a level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Agreed {
    /// How many states the level has.
    pub states: u64,
    /// Whether they are expanded.
    pub goes_on: bool,
    /// Whether a checkpoint is made before.
    pub is_due: bool,
}

/// What a process found, once nothing is left to be explored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub counted: Counted,
    /// By level, how many states it owned.
    pub levels: Vec<u64>,
    pub limit: Option<Limit>,
    pub panic: Option<String>,
    pub failure: Option<String>,
    /// The smallest key of a broken state.
    pub broken: Option<u64>,
    pub peak_memory: Option<u64>,
}

/// What the first process tells a process at the end: what all others found, and the way to a broken state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Whole {
    pub others: Part,
    pub way: Option<Vec<u64>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Words {
    /// A process is there.
    Alive(Counts),
    /// A process has all states of a level.
    Stands(Standing),
    /// The first one says what all do with it.
    Agreed(Agreed),
    /// A process has written its part of a checkpoint, or could not.
    Wrote(Result<(Marks, Counted), String>),
    /// The checkpoint is complete, or is not.
    Completed(Result<(), String>),
    /// A process has nothing left to explore.
    Ended(Box<Part>),
    /// The first one asks for the key before a key on a level.
    Asked {
        level: u32,
        key: u64,
    },
    Before(Option<u64>),
    Concluded(Box<Whole>),
    Lost(Lost),
}

/// The words with the other processes.
pub(crate) struct Link {
    hosts: Hosts,
    /// By process, none for those with whom this one does not speak.
    streams: Vec<Option<TcpStream>>,
    /// Not two threads at a time write to a stream.
    writing: Mutex<()>,
    heard: Mutex<Receiver<(usize, Words)>>,
    hear: Mutex<Sender<(usize, Words)>>,
    /// By process, what it has done so far.
    counts: Mutex<Vec<Counts>>,
    lost: OnceLock<Lost>,
    is_over: AtomicBool,
}

impl Link {
    pub(crate) fn new(hosts: &Hosts, control: Vec<Option<TcpStream>>) -> Link {
        let (hear, heard) = mpsc::channel();
        Link {
            counts: Mutex::new(vec![Counts::default(); hosts.processes()]),
            hosts: hosts.clone(),
            streams: control,
            writing: Mutex::new(()),
            heard: Mutex::new(heard),
            hear: Mutex::new(hear),
            lost: OnceLock::new(),
            is_over: AtomicBool::new(false),
        }
    }

    /// Connects to all others; with the connections for states.
    pub(crate) fn join(hosts: &Hosts, terms: &Terms) -> Result<(Link, Vec<Option<TcpStream>>), HostsError> {
        let Connections { data, control } = hosts.join(terms)?;
        Ok((Link::new(hosts, control), data))
    }

    pub(crate) fn is_first(&self) -> bool {
        self.hosts.process() == 0
    }

    /// Those with whom this process speaks.
    pub(crate) fn peers(&self) -> impl Iterator<Item = usize> {
        let is_peer = |(process, stream): (usize, &Option<TcpStream>)| stream.as_ref().map(|_| process);
        self.streams.iter().enumerate().filter_map(is_peer)
    }

    /// This process cannot go on: the others are told, if none of them is lost already.
    pub(crate) fn give_up(&self, why: String) {
        let process = self.hosts.process();
        let lost = Lost { process, address: self.hosts.address(process), why };
        if !self.is_first() && self.lost.get().is_none() {
            self.say(0, &Words::Lost(lost.clone()));
        }
        self.note(lost);
    }

    /// Why there is no conclusion.
    pub(crate) fn reason(&self) -> Lost {
        let unknown = || {
            let process = self.hosts.process();
            let why = "it heard what it did not expect".to_owned();
            Lost { process, address: self.hosts.address(process), why }
        };
        self.lost.get().cloned().unwrap_or_else(unknown)
    }

    /// The process that was lost, if one was.
    pub(crate) fn lost(&self) -> Option<&Lost> {
        self.lost.get()
    }

    /// What the other processes have done so far, as far as it is known here.
    pub(crate) fn counts(&self) -> Vec<Counts> {
        lock(&self.counts).clone()
    }

    /// Says something to a process. Who cannot be told anything is lost.
    pub(crate) fn say(&self, process: usize, words: &Words) {
        let Some(Some(stream)) = self.streams.get(process) else { return };
        let writing = lock(&self.writing);
        let said = send(stream, words);
        drop(writing);
        if let Err(error) = said {
            self.lose(process, error.to_string());
        }
    }

    /// Says something to all with whom this process speaks.
    pub(crate) fn say_to_all(&self, words: &Words) {
        self.peers().for_each(|process| self.say(process, words));
    }

    /// Notes that a process is lost. The first one tells all others.
    pub(crate) fn lose(&self, process: usize, why: String) {
        let address = self.hosts.address(process);
        self.note(Lost { process, address, why });
    }

    fn note(&self, lost: Lost) {
        if self.is_over.load(Ordering::SeqCst) || self.lost.set(lost.clone()).is_err() {
            return;
        }
        if self.is_first() {
            let told = Words::Lost(lost);
            self.peers().filter_map(|process| self.streams.get(process)?.as_ref()).for_each(|stream| {
                let _writing = lock(&self.writing);
                // Who cannot be told that another is lost is lost himself, and one is enough to be told.
                let _ = send(stream, &told);
            });
        }
    }

    /// Listens to a process until the end, or until it is lost. `before` answers the first one's question.
    pub(crate) fn listen(&self, process: usize, before: impl Fn(u32, u64) -> Option<u64>) {
        let Some(Some(stream)) = self.streams.get(process) else { return };
        let set =
            stream.set_read_timeout(Some(SILENCE)).and_then(|()| stream.set_write_timeout(Some(SILENCE)));
        if let Err(error) = set {
            return self.lose(process, error.to_string());
        }
        loop {
            match receive(stream) {
                Ok(Words::Alive(counts)) => {
                    if let Some(known) = lock(&self.counts).get_mut(process) {
                        *known = counts;
                    }
                }
                Ok(Words::Asked { level, key }) => self.say(process, &Words::Before(before(level, key))),
                Ok(Words::Lost(lost)) => return self.note(lost),
                Ok(words) => {
                    let is_last = matches!(words, Words::Concluded(_));
                    if lock(&self.hear).send((process, words)).is_err() || is_last {
                        return;
                    }
                }
                Err(error) => {
                    let why = match error.kind() {
                        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
                            format!("nothing was heard of it for {} seconds", SILENCE.as_secs())
                        }
                        std::io::ErrorKind::UnexpectedEof => "it has closed the connection".to_owned(),
                        _ => error.to_string(),
                    };
                    return self.lose(process, why);
                }
            }
        }
    }

    /// The next words that are no sign of life. None when a process is lost.
    pub(crate) fn hear(&self) -> Option<(usize, Words)> {
        let heard = lock(&self.heard);
        while self.lost.get().is_none() {
            match heard.recv_timeout(LOOK) {
                Ok(words) => return Some(words),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }

    /// The first process hears from each of the others what `expected` takes; whoever says something else is lost.
    pub(crate) fn hear_all<T>(&self, expected: impl Fn(Words) -> Option<T>) -> Option<Vec<(usize, T)>> {
        let mut all = Vec::new();
        for _ in self.peers() {
            let (process, words) = self.hear()?;
            let told = format!("it said {words:?}");
            match expected(words) {
                Some(word) => all.push((process, word)),
                None => {
                    self.lose(process, told);
                    return None;
                }
            }
        }
        Some(all)
    }

    /// All processes say where they stand at a level, and learn what is done with it: `decide` decides in the first one, from
    /// the sum. None when a process is lost.
    pub(crate) fn agree(&self, own: Standing, decide: impl Fn(Standing) -> Agreed) -> Option<Agreed> {
        if !self.is_first() {
            self.say(0, &Words::Stands(own));
            return match self.hear()? {
                (_, Words::Agreed(agreed)) => Some(agreed),
                (process, words) => {
                    self.lose(process, format!("it said {words:?}"));
                    None
                }
            };
        }
        let stands = |words: Words| match words {
            Words::Stands(standing) if standing.level == own.level => Some(standing),
            _ => None,
        };
        let others = self.hear_all(stands)?;
        let sum = others.iter().fold(own, |sum, (_, other)| Standing {
            states: sum.states + other.states,
            expanded: sum.expanded + other.expanded,
            is_over: sum.is_over || other.is_over,
            ..sum
        });
        let agreed = decide(sum);
        self.say_to_all(&Words::Agreed(agreed));
        Some(agreed)
    }

    /// All is said: who closes the connection now is not missed.
    pub(crate) fn conclude(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Whether all is said, or somebody is missed.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_over.load(Ordering::SeqCst) || self.lost.get().is_some()
    }

    /// Nothing more is said or heard, and nobody is missed.
    pub(crate) fn end(&self) {
        self.conclude();
        for stream in self.streams.iter().flatten() {
            // The other side may have done so before.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

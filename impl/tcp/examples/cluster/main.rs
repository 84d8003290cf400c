//! Three servers of a replicated counter, each a process of its own: real files, real syncs, and TCP with mutual TLS on
//! loopback. One is killed and comes back, and one hands its leadership over.
//!
//! `cargo run --release --example cluster` runs it; it takes some seconds and leaves nothing behind.

mod server;

use figure2_tcp::certs;
use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How many servers there are.
const SERVERS: usize = 3;

/// A server's process: it reads a line, and answers with one.
struct Process {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Process {
    fn start(id: usize, directory: &Path, addresses: &[String]) -> Result<Process> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", &id.to_string()])
            .arg(directory)
            .args(addresses)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let answers = BufReader::new(child.stdout.take().ok_or("it has an output")?);
        Ok(Process { child, answers })
    }

    fn ask(&mut self, line: &str) -> Result<String> {
        writeln!(self.child.stdin.as_mut().ok_or("it has an input")?, "{line}")?;
        let mut answer = String::new();
        if self.answers.read_line(&mut answer)? == 0 {
            return Err("a server ended: its last lines above say why".into());
        }
        Ok(answer.trim_end().to_owned())
    }
}

impl Drop for Process {
    /// kill -9: a server needs no chance to say goodbye.
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a server says of itself.
#[derive(Debug)]
struct Seen {
    role: String,
    term: u64,
    sum: u64,
}

struct Cluster {
    /// None where the process was killed.
    servers: Vec<Option<Process>>,
    began: Instant,
}

impl Cluster {
    fn say(&self, text: &str) {
        println!("{:>6.2} s  {text}", self.began.elapsed().as_secs_f64());
    }

    fn server(&mut self, id: usize) -> Result<&mut Process> {
        self.servers.get_mut(id).and_then(Option::as_mut).ok_or_else(|| "it was killed".into())
    }

    fn look(&mut self, id: usize) -> Result<Seen> {
        let answer = self.server(id)?.ask("status")?;
        let mut words = answer.split(' ');
        let mut word = || words.next().ok_or("an answer is cut short");
        Ok(Seen { role: word()?.to_owned(), term: word()?.parse()?, sum: word()?.parse()? })
    }

    fn running(&self) -> Vec<usize> {
        (0..SERVERS).filter(|id| self.servers.get(*id).is_some_and(Option::is_some)).collect()
    }

    /// Waits until something is true of what the servers say, and says how long that took.
    fn wait(
        &mut self,
        what: &str,
        is_so: impl Fn(&[(usize, Seen)]) -> bool,
    ) -> Result<(Duration, Vec<(usize, Seen)>)> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            let mut seen = Vec::new();
            for id in self.running() {
                seen.push((id, self.look(id)?));
            }
            if is_so(&seen) {
                return Ok((began.elapsed(), seen));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(format!("in 20 s it did not come to this: {what}").into())
    }

    /// Waits for a leader; its id and term.
    fn leader(&mut self) -> Result<(usize, u64)> {
        let leads = |seen: &(usize, Seen)| seen.1.role == "leader";
        let (_, seen) = self.wait("a server leads", |seen| seen.iter().any(leads))?;
        let leader = seen.iter().filter(|seen| leads(seen)).max_by_key(|(_, seen)| seen.term);
        leader.map(|(id, seen)| (*id, seen.term)).ok_or_else(|| "it led".into())
    }

    /// Adds the numbers from 1 to `last`, each once, through whichever server leads.
    fn add(&mut self, last: u64) -> Result<()> {
        let began = Instant::now();
        for number in 1..=last {
            loop {
                let (leader, _) = self.leader()?;
                match self.server(leader)?.ask(&format!("add {number}"))?.as_str() {
                    "applied" => break,
                    "lost" => {}
                    other => return Err(format!("server {leader} answers {other:?}").into()),
                }
            }
        }
        let each = began.elapsed() / u32::try_from(last)?;
        self.say(&format!(
            "{last} commands, one after the other: each on the disks of a majority after {each:.1?}"
        ));
        Ok(())
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [serve, id, directory, addresses @ ..] = arguments.as_slice()
        && serve == "serve"
    {
        return server::serve(id.parse()?, Path::new(directory), addresses);
    }
    // Beside the program, and not where a temporary file is only in memory: these disks are real.
    let program = std::env::current_exe()?;
    let directory = tempfile::tempdir_in(program.parent().ok_or("a program is in a directory")?)?;
    let directory = directory.path();
    let mut cluster = Cluster { servers: Vec::new(), began: Instant::now() };

    let servers = (0..SERVERS as u64).collect();
    certs::make(&directory.join("certs"), &certs::Request { group: 0, servers, days: 1 })?;
    cluster.say("an authority, and a certificate for each of three servers (as `figure2 certs` makes them)");
    let addresses = figure2_testing::addresses::free(SERVERS)?;
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    for id in 0..SERVERS {
        cluster.servers.push(Some(Process::start(id, directory, &addresses)?));
    }
    let (first, term) = cluster.leader()?;
    cluster
        .say(&format!("three processes run at {}; server {first} leads term {term}", addresses.join(", ")));
    cluster.add(100)?;

    cluster.servers[first] = None;
    cluster.say(&format!("server {first} is killed with SIGKILL"));
    let (second, term) = cluster.leader()?;
    cluster.say(&format!("server {second} leads term {term}"));
    cluster.add(100)?;

    cluster.servers[first] = Some(Process::start(first, directory, &addresses)?);
    let all = |sum| {
        move |seen: &[(usize, Seen)]| seen.len() == SERVERS && seen.iter().all(|(_, seen)| seen.sum == sum)
    };
    let (took, _) = cluster.wait("the killed server has what it missed", all(10_100))?;
    cluster.say(&format!("server {first} is back, reads its log, and has what it missed after {took:.1?}"));

    let answer = cluster.server(second)?.ask(&format!("transfer {first}"))?;
    if answer != "transferring" {
        return Err(format!("server {second} answers {answer:?}").into());
    }
    let leads = |seen: &[(usize, Seen)]| seen.iter().any(|(id, seen)| *id == first && seen.role == "leader");
    let (took, _) = cluster.wait("the other server leads", leads)?;
    cluster.say(&format!(
        "server {second} hands over to server {first}, which leads after {took:.1?}: no timeout passed"
    ));
    cluster.add(100)?;
    cluster.wait("all have the same", all(15_150))?;
    cluster.say("all three servers count 15150: 300 commands, none lost, none twice");
    Ok(())
}

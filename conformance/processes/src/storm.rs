//! A storm: a cluster that clients use, while its servers and what is between them suffer.

use crate::clients::Clients;
use crate::cluster::{Cluster, lock};
use crate::faults::{Counts, Fault, Network, Series};
use crate::namespaces::Namespaces;
use crate::proxy::{Felt, Proxies, Weather};
use crate::round::Plan;
use crate::server::{Defect, Life};
use crate::tcp::Wiring;
use anyhow::{Context as _, bail, ensure};
use figure2_linearizability::{Operation, Recorder};
use figure2_tcp::certs;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use rand::{Rng as _, SeedableRng as _};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How many clients ask at the same time.
const CLIENTS: u64 = 6;

/// How long servers may take to find each other, to refuse one, or to catch up.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is between servers that are joined over TCP.
struct Between {
    proxies: Proxies,
    certificates: PathBuf,
    namespaces: Option<Arc<Namespaces>>,
}

impl Between {
    fn new(network: Network, servers: usize, directory: &Path) -> anyhow::Result<Between> {
        let namespaces = match network {
            Network::Namespaces => Some(Arc::new(Namespaces::make(servers)?)),
            Network::Pipes | Network::Tcp => None,
        };
        let near = |server| match &namespaces {
            Some(namespaces) => namespaces.near(server),
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let proxies = Proxies::start(servers, near)?;
        let certificates = directory.join("certificates");
        certs::make(
            &certificates,
            &certs::Request { group: 0, servers: (0..servers as u64).collect(), days: 2 },
        )?;
        Ok(Between { proxies, certificates, namespaces })
    }

    fn wiring(&self, server: usize, servers: usize) -> Wiring {
        let host = match &self.namespaces {
            Some(namespaces) => namespaces.far(server),
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let others = (0..servers).filter(|other| *other != server);
        Wiring {
            listen: format!("{host}:0"),
            peers: others.map(|to| (to as u64, self.proxies.address(server, to).to_string())).collect(),
            certificates: self.certificates.clone(),
        }
    }
}

/// A cluster in a storm.
pub(crate) struct Storm {
    cluster: Cluster,
    between: Option<Between>,
    directory: PathBuf,
    defect: Option<Defect>,
    random: StdRng,
    series: Series,
    seed: u64,
    lives: usize,
    /// What has happened, and for those that go on, whether it has met anything.
    faults: Vec<(Fault, Option<Felt>)>,
    /// The recordings of all lives that belong to the cluster's history.
    pub(crate) recordings: Vec<PathBuf>,
    pub(crate) began: Instant,
    pub(crate) restarts: u64,
    pub(crate) cut: u64,
    pub(crate) history: Vec<Operation>,
}

impl Storm {
    /// # Errors
    /// When what is between the servers cannot be made.
    pub(crate) fn new(
        plan: &Plan,
        directory: &Path,
        seed: u64,
        command: impl Fn(&Life) -> Command + Send + Sync + 'static,
    ) -> anyhow::Result<Storm> {
        let between = match plan.network {
            Network::Pipes => None,
            network => Some(Between::new(network, plan.servers, directory)?),
        };
        let namespaces = between.as_ref().and_then(|between| between.namespaces.clone());
        let command = move |life: &Life| match &namespaces {
            None => command(life),
            Some(namespaces) => {
                namespaces.enter(usize::try_from(life.id).unwrap_or(usize::MAX), &command(life))
            }
        };
        Ok(Storm {
            cluster: Cluster::new(directory, plan.servers, command),
            between,
            directory: directory.to_owned(),
            defect: plan.defect,
            random: StdRng::seed_from_u64(seed),
            series: Series::of(&plan.kinds),
            seed,
            lives: 0,
            faults: Vec::new(),
            recordings: Vec::new(),
            began: Instant::now(),
            restarts: 0,
            cut: 0,
            history: Vec::new(),
        })
    }

    /// How many faults had an effect, by their kind, and how many had none.
    pub(crate) fn counts(&self) -> (Counts, u64) {
        let (mut counts, mut without_effect) = (Counts::new(), 0);
        for (kind, felt) in &self.faults {
            if felt.as_ref().is_none_or(Felt::is_felt) {
                *counts.entry(*kind).or_default() += 1;
            } else {
                without_effect += 1;
            }
        }
        (counts, without_effect)
    }

    fn disk(&self, server: usize) -> PathBuf {
        self.directory.join(format!("server-{server}"))
    }

    /// Starts a server on what its directory holds. Its recording is judged if this life belongs to the cluster's history.
    fn start(&mut self, server: usize, is_judged: bool) -> anyhow::Result<()> {
        let servers = self.cluster.size();
        let recording = self.directory.join(format!("life-{}-of-{server}.trace", self.lives));
        self.lives += 1;
        if is_judged {
            self.recordings.push(recording.clone());
        }
        let life = Life {
            id: server as u64,
            servers: servers as u64,
            directory: self.disk(server),
            recording,
            wiring: self.between.as_ref().map(|between| between.wiring(server, servers)),
            defect: self.defect,
        };
        let listens = self.cluster.start(server, &life)?;
        if let (Some(address), Some(between)) = (listens, &self.between) {
            between.proxies.set_target(server, address);
        }
        Ok(())
    }

    /// Starts the cluster, has clients use it, and lets faults happen.
    ///
    /// # Errors
    /// What is wrong, but for what the history and the recordings show.
    pub(crate) fn run(&mut self, faults: u64) -> anyhow::Result<()> {
        let servers = self.cluster.size();
        (0..servers).try_for_each(|server| self.start(server, true))?;
        // From here on each knows the disks of the others.
        self.all_connected()?;
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
        let mut suffered = Ok(());
        while suffered.is_ok() && (self.faults.len() as u64) < faults && self.cluster.failure().is_none() {
            thread::sleep(self.draw(0..250));
            suffered = self.suffer();
        }
        if let Some(between) = &self.between {
            between.proxies.heal();
        }
        clients.stop.store(true, Ordering::Relaxed);
        let ended = running.into_iter().all(|client| client.join().is_ok());
        let all_read = suffered.is_ok() && clients.read_all(CLIENTS);
        let caught_up = if all_read { self.all_caught_up() } else { Ok(()) };
        self.history = lock(&clients.history).operations().to_vec();
        for server in 0..servers {
            self.cut += self.cluster.kill(server, &self.disk(server))? as u64;
        }
        suffered?;
        if let Some(failure) = self.cluster.failure() {
            bail!("{failure}");
        }
        ensure!(ended, "a client has panicked");
        ensure!(all_read, "all servers run, and for 10 s nobody could read");
        caught_up
    }

    fn draw(&mut self, ms: Range<u64>) -> Duration {
        Duration::from_millis(self.random.random_range(ms))
    }

    /// Waits until it is so; false when it takes too long, or something was found to be wrong.
    fn comes_to(&self, mut is_so: impl FnMut(&Cluster) -> bool) -> bool {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if is_so(&self.cluster) {
                return true;
            }
            if Instant::now() >= give_up || self.cluster.failure().is_some() {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Over TCP, waits until each server can send to each other.
    fn all_connected(&self) -> anyhow::Result<()> {
        let servers = self.cluster.size();
        let connected = |cluster: &Cluster| {
            (0..servers).all(|server| cluster.stands(server).connected.len() == servers - 1)
        };
        ensure!(
            self.between.is_none() || self.comes_to(connected),
            "all servers run, nothing is between them, and for {PATIENCE:?} they were not all connected"
        );
        Ok(())
    }

    /// Over TCP, waits until all servers have the same.
    fn all_caught_up(&self) -> anyhow::Result<()> {
        self.all_connected()?;
        let applied = |cluster: &Cluster| -> Vec<u64> {
            (0..cluster.size()).map(|server| cluster.stands(server).applied).collect()
        };
        let equal = |cluster: &Cluster| applied(cluster).windows(2).all(|pair| pair[0] == pair[1]);
        ensure!(
            self.between.is_none() || self.comes_to(equal),
            "all servers run, nobody asks, and for {PATIENCE:?} they did not come to have the same: applied are {:?}",
            applied(&self.cluster)
        );
        Ok(())
    }

    /// Lets the next fault happen.
    fn suffer(&mut self) -> anyhow::Result<()> {
        let Some(fault) = self.series.draw(&mut self.random) else { return Ok(()) };
        match fault {
            Fault::Kill => self.kill_some(),
            Fault::Stop => self.stop(),
            Fault::Wipe => self.wipe(),
            Fault::LinkDown => self.take_down(),
            Fault::Cut | Fault::HalfOpen | Fault::Reset | Fault::Delay | Fault::Throttle => {
                self.trouble(fault);
                Ok(())
            }
        }
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
            self.faults.push((Fault::Kill, None));
        }
        thread::sleep(self.draw(0..100));
        for server in chosen {
            self.start(server, true)?;
            self.restarts += 1;
        }
        Ok(())
    }

    /// Any server; half of the time one that leads, if it is known.
    fn any_server(&mut self) -> usize {
        let leads = |server: &usize| self.cluster.stands(*server).leads;
        let leader = (0..self.cluster.size()).find(leads);
        let any = self.random.random_range(0..self.cluster.size());
        if self.random.random_bool(0.5) { leader.unwrap_or(any) } else { any }
    }

    /// Stops a server for longer than any election timeout: it goes on believing what it believed.
    fn stop(&mut self) -> anyhow::Result<()> {
        let server = self.any_server();
        self.cluster.stop(server, true)?;
        thread::sleep(self.draw(350..1200));
        self.faults.push((Fault::Stop, None));
        self.cluster.stop(server, false)
    }

    /// Has a server come back with an empty directory, and then with its old one.
    fn wipe(&mut self) -> anyhow::Result<()> {
        let server = self.any_server();
        let others: Vec<usize> = (0..self.cluster.size()).filter(|other| *other != server).collect();
        if let Some(between) = &self.between {
            between.proxies.heal();
        }
        let disk = self.disk(server);
        self.cut += self.cluster.kill(server, &disk)? as u64;
        let put_away = self.directory.join(format!("server-{server}-put-away"));
        std::fs::rename(&disk, &put_away)?;
        self.cluster.forget_refusals();
        self.start(server, false)?;
        let is_refused = |cluster: &Cluster| {
            let said = cluster.stands(server).refused.len() == others.len();
            said && others.iter().all(|other| cluster.stands(*other).refused.contains(&(server as u64)))
        };
        let is_heard = |cluster: &Cluster| !cluster.stands(server).connected.is_empty();
        self.comes_to(|cluster| is_refused(cluster) || is_heard(cluster));
        let (refused, heard) = (is_refused(&self.cluster), is_heard(&self.cluster));
        let applied = self.cluster.stands(server).applied;
        self.cluster.kill(server, &disk)?;
        ensure!(
            refused && !heard && applied == 0,
            "server {server} came back with an empty directory, and was to be refused for good: refused by all, {refused}; \
             heard by another, {heard}; entries that it has applied, {applied}"
        );
        std::fs::remove_dir_all(&disk)?;
        std::fs::rename(&put_away, &disk)?;
        self.faults.push((Fault::Wipe, None));
        self.start(server, true)?;
        self.restarts += 1;
        Ok(())
    }

    /// Takes down the link of a server's namespace, for some time.
    fn take_down(&mut self) -> anyhow::Result<()> {
        let server = self.any_server();
        let namespaces = self.between.as_ref().and_then(|between| between.namespaces.clone());
        let namespaces = namespaces.context("servers without namespaces have no links")?;
        namespaces.set_link(server, false)?;
        thread::sleep(self.draw(300..1500));
        self.faults.push((Fault::LinkDown, None));
        namespaces.set_link(server, true)
    }

    /// Has something happen between servers. It goes on while others happen.
    fn trouble(&mut self, fault: Fault) {
        let servers = self.cluster.size();
        let lasts = self.draw(400..1500);
        let (one, both_ways) = (self.any_server(), fault != Fault::HalfOpen);
        // Between this one and all others, or one of them.
        let mut others: Vec<usize> = (0..servers).filter(|other| *other != one).collect();
        if self.random.random_bool(0.5) {
            others = others.into_iter().choose_multiple(&mut self.random, 1);
        }
        let outward = self.random.random_bool(0.5);
        let weather = match fault {
            Fault::Cut => Weather::Refused,
            Fault::HalfOpen => Weather::Swallowed,
            Fault::Reset => Weather::Broken,
            Fault::Delay => Weather::Delayed(self.draw(20..250)),
            _ => Weather::Slow(self.random.random_range(1_000..40_000)),
        };
        let felt = Felt::default();
        if let Some(between) = &self.between {
            for other in others {
                if both_ways || outward {
                    between.proxies.set(one, other, weather, lasts, &felt);
                }
                if both_ways || !outward {
                    between.proxies.set(other, one, weather, lasts, &felt);
                }
            }
        }
        // Not undone by the next one before it has met anything: each connection says often that it is there.
        let give_up = Instant::now() + lasts;
        while !felt.is_felt() && Instant::now() < give_up {
            thread::sleep(Duration::from_millis(5));
        }
        self.faults.push((fault, Some(felt)));
    }
}

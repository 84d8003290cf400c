//! Network namespaces: a server in each, joined to the harness by a pair of virtual links that can go down.

use anyhow::{Context as _, bail};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;

/// Whether this machine allows network namespaces: makes two, and removes them.
///
/// # Errors
/// Why not.
pub fn namespaces_are_possible() -> anyhow::Result<()> {
    Namespaces::make(2).map(drop)
}

/// Most servers.
const MOST: u32 = 8;

/// The namespaces of a round, removed with this.
pub struct Namespaces {
    /// Mixed into names and addresses, so that two runs do not meet.
    run: u32,
    /// So many have been made.
    made: usize,
}

impl Namespaces {
    /// Makes one for each of at most eight servers. Those of earlier runs that were killed are removed.
    ///
    /// # Errors
    /// When the machine does not allow it, with what it says.
    pub fn make(servers: usize) -> anyhow::Result<Namespaces> {
        remove_left_behind();
        Namespaces::of_run(std::process::id(), servers)
    }

    fn of_run(run: u32, servers: usize) -> anyhow::Result<Namespaces> {
        if servers > MOST as usize {
            bail!("at most {MOST} servers have network namespaces");
        }
        let mut namespaces = Namespaces { run, made: 0 };
        for server in 0..servers {
            // Counted first: what of it was made before something failed is removed.
            namespaces.made = server + 1;
            let (name, link) = (namespaces.name(server), namespaces.link(server));
            let inside = format!("{link}i");
            let (near, far) = (namespaces.near(server), namespaces.far(server));
            ip(&["netns", "add", &name])?;
            ip(&["link", "add", &link, "type", "veth", "peer", "name", &inside, "netns", &name])?;
            ip(&["addr", "add", &format!("{near}/30"), "dev", &link])?;
            ip(&["link", "set", &link, "up"])?;
            ip(&["-n", &name, "addr", "add", &format!("{far}/30"), "dev", &inside])?;
            ip(&["-n", &name, "link", "set", &inside, "up"])?;
            ip(&["-n", &name, "link", "set", "lo", "up"])?;
        }
        Ok(namespaces)
    }

    fn name(&self, server: usize) -> String {
        format!("figure2-{}-{server}", self.run)
    }

    /// The outer end of a server's link. A name of a link has at most 15 bytes.
    fn link(&self, server: usize) -> String {
        format!("f2{}n{server}", self.run % 10_000_000)
    }

    /// The address of the harness for a server: of 198.18.0.0/15, which is set aside for tests (RFC 2544). The two have a network
    /// of their own.
    pub fn near(&self, server: usize) -> IpAddr {
        self.address(server, 1)
    }

    /// The address of a server.
    pub fn far(&self, server: usize) -> IpAddr {
        self.address(server, 2)
    }

    fn address(&self, server: usize, host: u32) -> IpAddr {
        // Runs at the same time have process ids that are near to each other.
        let network = self.run % 4096 * MOST + u32::try_from(server).unwrap_or_default() % MOST;
        Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + network * 4 + host).into()
    }

    /// The command, run in a server's namespace: the process stays the same.
    pub fn enter(&self, server: usize, command: &Command) -> Command {
        let mut entered = Command::new("ip");
        entered.args(["netns", "exec", &self.name(server)]);
        entered.arg(command.get_program()).args(command.get_args());
        entered
    }

    fn remove(&self, server: usize) {
        // What was not made cannot be removed. The link first: connections that still end hold a namespace for a while.
        let _ = ip(&["link", "del", &self.link(server)]);
        let _ = ip(&["netns", "del", &self.name(server)]);
    }

    /// A server's link goes down, or up.
    pub fn set_link(&self, server: usize, up: bool) -> anyhow::Result<()> {
        ip(&["link", "set", &self.link(server), if up { "up" } else { "down" }]).map(drop)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        (0..self.made).for_each(|server| self.remove(server));
    }
}

/// Removes the namespaces of processes that are gone: those were killed before they could do it themselves, and a later run may
/// get the same addresses.
fn remove_left_behind() {
    for name in list().unwrap_or_default() {
        let numbers = name.strip_prefix("figure2-").and_then(|numbers| numbers.split_once('-'));
        let Some((Ok(run), Ok(server))) = numbers.map(|(run, server)| (run.parse(), server.parse())) else {
            continue;
        };
        if !Path::new("/proc").join(format!("{run}")).exists() {
            Namespaces { run, made: 0 }.remove(server);
        }
    }
}

/// The names of all namespaces of this machine.
fn list() -> anyhow::Result<Vec<String>> {
    let said = ip(&["netns", "list"])?;
    Ok(said.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// Runs the command ip, and gives what it says.
fn ip(arguments: &[&str]) -> anyhow::Result<String> {
    let said = Command::new("ip").args(arguments).output().context("the command ip cannot be run")?;
    if !said.status.success() {
        bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&said.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&said.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::collections::HashSet;
    use std::mem;

    #[test]
    fn no_two_servers_of_runs_at_the_same_time_have_one_network() {
        let networks = (30_000..30_100).flat_map(|run| {
            let namespaces = Namespaces { run, made: 0 };
            (0..8).map(move |server| [namespaces.near(server), namespaces.far(server)])
        });
        let networks: Vec<[IpAddr; 2]> = networks.collect();
        assert_eq!(networks.iter().collect::<HashSet<_>>().len(), 800);
        for [near, far] in networks {
            let (IpAddr::V4(near), IpAddr::V4(far)) = (near, far) else { panic!("{near} {far}") };
            assert_eq!((near.to_bits() & !3, near.to_bits() & 3), (far.to_bits() & !3, 1));
            assert!(far.to_bits() & 3 == 2 && near.octets()[0] == 198 && near.octets()[1] | 1 == 19);
        }
        assert!(Namespaces::of_run(1, 9).is_err());
    }

    #[test]
    fn what_a_killed_run_left_behind_is_removed_by_the_next_one() {
        if let Err(why) = namespaces_are_possible() {
            println!("skipped: {why}");
            return;
        }
        let mut gone = Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        let left_behind = Namespaces::of_run(gone.id(), 2).unwrap();
        let names: Vec<String> = (0..2).map(|server| left_behind.name(server)).collect();
        mem::forget(left_behind);
        assert!(names.iter().all(|name| list().unwrap().contains(name)));
        let next = Namespaces::make(1).unwrap();
        let listed = list().unwrap();
        assert!(!names.iter().any(|name| listed.contains(name)), "{listed:?}");
        assert!(listed.contains(&next.name(0)));
    }
}

//! Addresses for the processes of a test.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the ports begin, and how many there are: below those that Linux, macOS and Windows hand out by themselves (from 32768
/// or 49152 on), and below those of a Kubernetes node (from 30000 on).
const FIRST: u32 = 10_000;
const PORTS: u32 = 20_000;

/// The next port to try, counted from `FIRST`. It begins anywhere.
static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(rand::random_range(0..PORTS)));

/// As many free addresses of the loopback interface, for processes that are told where to listen before they do.
///
/// The port that a system picks for `127.0.0.1:0` is of no use for that: from when the test lets go of it until the process
/// listens, and while a process is restarted, the system may give it to somebody else, as the port of an outgoing connection
/// or to another test. These ports are none that a system picks. The calls of a program take turns through them, and programs
/// begin at random places.
///
/// # Errors
/// When none of all these ports is free.
pub fn free(count: usize) -> io::Result<Vec<SocketAddr>> {
    let free = (0..PORTS).filter_map(|_| {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).ok()?));
        TcpListener::bind(address).is_ok().then_some(address)
    });
    let found: Vec<SocketAddr> = free.take(count).collect();
    match found.len() == count {
        true => Ok(found),
        false => Err(io::Error::new(io::ErrorKind::AddrInUse, "no port from 10000 to 29999 is free")),
    }
}

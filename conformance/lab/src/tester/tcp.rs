//! The servers' transports: TCP with mutual TLS on loopback.

use figure2_tcp::certs::{Request, make};
use figure2_tcp::{Config, Credentials, Security, Tcp as Network, Transport};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

/// What the transports of a cluster need.
pub(super) struct Tcp {
    /// By server. They are kept while a server is down, so that it comes back at the same address: who calls meanwhile waits.
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    certificates: PathBuf,
}

impl Tcp {
    /// Makes certificates in a directory, and listens for each server.
    ///
    /// # Errors
    /// Why it cannot.
    pub(super) fn new(servers: usize, directory: &Path) -> Result<Tcp, String> {
        let certificates = directory.join("certificates");
        let request = Request { group: 0, servers: (0..servers as u64).collect(), days: 2 };
        make(&certificates, &request).map_err(|error| error.to_string())?;
        let listen = || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        };
        let all: std::io::Result<Vec<_>> = (0..servers).map(|_| listen()).collect();
        let (addresses, listeners) = all.map_err(|error| error.to_string())?.into_iter().unzip();
        Ok(Tcp { listeners, addresses, certificates })
    }

    /// Starts a server's transport.
    ///
    /// # Errors
    /// Why it cannot.
    pub(super) async fn start(&self, server: usize) -> Result<Transport, String> {
        let listener = self.listeners[server].try_clone().map_err(|error| error.to_string())?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
        let id = server as u64;
        let security = Security::Tls(Credentials {
            authority: self.certificates.join("authority.pem"),
            certificate: self.certificates.join(format!("server-{id}.pem")),
            key: self.certificates.join(format!("server-{id}-key.pem")),
        });
        let others = self.addresses.iter().enumerate().filter(|(other, _)| *other != server);
        let peers = others.map(|(other, address)| (other as u64, address.to_string()));
        // What a server keeps survives each crash here, so its disk is always the same.
        let disk = u128::from(id) + 1;
        let config = Config::new(id, peers, disk, security);
        Transport::start(config, Network::from(listener)).await.map_err(|error| error.to_string())
    }
}

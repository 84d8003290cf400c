//! TLS: the certificates, read from files and read again when they change.

use crate::expiry::not_after;
use crate::reason::Reason;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use webpki::EndEntityCert;

/// What both sides must offer to speak: a server of another kind under the same authority is told apart already here.
const PROTOCOL: &[u8] = b"figure2/1";

/// The files, in PEM, that say who this server is and whom it believes. They are read at the start, and again when they
/// have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Certificates of the authorities that are believed: those of the cluster and nobody else's.
    pub authority: PathBuf,
    /// This server's certificate, and those between it and the authority. It must have [`server_name`] among its names,
    /// and be for both uses, of a server and of a client, if it names any.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// The name that the certificate of a server must have among its alternative names, as a DNS name. It is no address, and
/// is never looked up. Wildcards do not count.
///
/// ```
/// assert_eq!(figure2_tcp::server_name(0, 3), "server-3.group-0.figure2");
/// ```
#[must_use]
pub fn server_name(group: u64, server: u64) -> String {
    format!("server-{server}.group-{group}.figure2")
}

/// Why the certificates cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A file cannot be read, or has nothing of its kind.
    #[error("{file}: {what}")]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, and what it should be.
        what: String,
    },
    /// The certificate does not name this server.
    #[error(
        "{file} names {found:?}, and not {expected}: peers would refuse this server. Give it a certificate with this DNS name"
    )]
    OtherServer {
        /// The file.
        file: PathBuf,
        /// The name that it must have.
        expected: String,
        /// The names that it has.
        found: Vec<String>,
    },
    /// The files do not go together.
    #[error("the certificate, its key and the authority do not go together: {0}")]
    Together(String),
}

/// What was read from the files, ready for connections.
pub(crate) struct Tls {
    pub(crate) client: Arc<ClientConfig>,
    pub(crate) server: Arc<ServerConfig>,
    /// When this server's certificate expires, if it says so.
    pub(crate) not_after: Option<SystemTime>,
    /// How often they were read: connections of an earlier time end.
    pub(crate) generation: u64,
    /// The files as they were just before they were read.
    pub(crate) stamp: Stamp,
}

impl Tls {
    /// Reads the files. May block.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn read(
        credentials: &Credentials,
        own_name: &str,
        generation: u64,
    ) -> Result<Tls, CredentialsError> {
        let stamp = stamp(credentials);
        let roots = certificates(&credentials.authority)?;
        let chain = certificates(&credentials.certificate)?;
        let file = |what: String| CredentialsError::File { file: credentials.key.clone(), what };
        let key = || {
            PrivateKeyDer::from_pem_file(&credentials.key)
                .map_err(|error| file(format!("{error}; it must be a private key in PEM")))
        };
        let first = chain.first();
        let found = first.map(names).unwrap_or_default();
        if !found.iter().any(|name| name == own_name) {
            let file = credentials.certificate.clone();
            return Err(CredentialsError::OtherServer { file, expected: own_name.to_owned(), found });
        }
        let not_after = first.and_then(|certificate| not_after(certificate));
        let together = |error: &dyn std::fmt::Display| CredentialsError::Together(error.to_string());
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root).map_err(|error| together(&error))?;
        }
        let store = Arc::new(store);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(store.clone(), provider.clone())
            .build()
            .map_err(|error| together(&error))?;
        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| together(&error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key()?)
            .map_err(|error| together(&error))?;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| together(&error))?
            .with_root_certificates(store)
            .with_client_auth_cert(chain, key()?)
            .map_err(|error| together(&error))?;
        // A session that is resumed is not checked again: each connection is to show a certificate that is valid now.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        client.resumption = Resumption::disabled();
        server.alpn_protocols = vec![PROTOCOL.to_vec()];
        client.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Tls { client: Arc::new(client), server: Arc::new(server), not_after, generation, stamp })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let file = |what: String| CredentialsError::File { file: path.to_owned(), what };
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| file(format!("{error}; it must have certificates in PEM")))?;
    if read.is_empty() {
        Err(file("no certificate in it; it must have some in PEM".to_owned()))
    } else {
        Ok(read)
    }
}

/// The DNS names of a certificate, as they stand there.
fn names(certificate: &CertificateDer<'static>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    certificate.valid_dns_names().map(str::to_owned).collect()
}

/// Whether the certificate that the other side has shown, and that was verified, is that of this server: exactly, since a
/// wildcard would be everybody's.
pub(crate) fn check_name(
    chain: Option<&[CertificateDer<'static>]>,
    group: u64,
    server: u64,
) -> Result<(), Reason> {
    let expected = server_name(group, server);
    let found = chain.and_then(<[_]>::first).map(names).unwrap_or_default();
    if found.contains(&expected) { Ok(()) } else { Err(Reason::OtherCertificate { server, expected, found }) }
}

/// The name for a handshake.
pub(crate) fn tls_name(group: u64, server: u64) -> Result<ServerName<'static>, Reason> {
    ServerName::try_from(server_name(group, server)).map_err(|error| Reason::Tls(error.to_string()))
}

/// By what a change of the files is seen: their lengths and times.
pub(crate) type Stamp = [Option<(u64, Option<SystemTime>)>; 3];

/// The files as they are now.
pub(crate) fn stamp(credentials: &Credentials) -> Stamp {
    [&credentials.authority, &credentials.certificate, &credentials.key].map(|path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.len(), metadata.modified().ok()))
    })
}

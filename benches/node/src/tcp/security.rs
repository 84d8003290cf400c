//! The certificates: made for a comparison, used by figure2-tcp, and by the floor in the same way.

use anyhow::{Context as _, Result};
use figure2_tcp::certs::{Request, make};
use figure2_tcp::{Credentials, server_name};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::Path;
use std::sync::Arc;

use crate::system::VOTERS;

/// Makes an authority and a certificate for each voter in a directory.
///
/// # Errors
/// When they cannot be made or written.
pub fn make_certificates(directory: &Path) -> Result<()> {
    let request = Request { group: 0, servers: (0..u64::from(VOTERS)).collect(), days: 2 };
    make(directory, &request).context("certificates")?;
    Ok(())
}

/// The files of a voter.
pub fn credentials(directory: &Path, voter: u8) -> Credentials {
    Credentials {
        authority: directory.join("authority.pem"),
        certificate: directory.join(format!("server-{voter}.pem")),
        key: directory.join(format!("server-{voter}-key.pem")),
    }
}

/// The name that a voter's certificate has.
///
/// # Errors
/// Never: it is a name.
pub fn name(voter: u8) -> Result<ServerName<'static>> {
    Ok(ServerName::try_from(server_name(0, u64::from(voter)))?)
}

/// TLS as figure2-tcp does it: version 1.3, rustls with ring, a certificate on either side.
pub struct Tls {
    /// For who calls.
    pub client: Arc<ClientConfig>,
    /// For who is called.
    pub server: Arc<ServerConfig>,
}

impl Tls {
    /// Reads a voter's files.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn read(credentials: &Credentials) -> Result<Tls> {
        let certificates = |file: &Path| -> Result<Vec<CertificateDer<'static>>> {
            Ok(CertificateDer::pem_file_iter(file)?.collect::<Result<_, _>>()?)
        };
        let chain = certificates(&credentials.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&credentials.key)?;
        let mut roots = RootCertStore::empty();
        for root in certificates(&credentials.authority)? {
            roots.add(root)?;
        }
        let roots = Arc::new(roots);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = [&rustls::version::TLS13];
        let verifier =
            WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone()).build()?;
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key.clone_key())?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        Ok(Tls { client: Arc::new(client), server: Arc::new(server) })
    }
}

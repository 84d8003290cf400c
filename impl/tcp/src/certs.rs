//! An authority and certificates for a first try. An operator's own take their place: nothing else knows of these.

use crate::tls::server_name;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The group of the cluster.
    pub group: u64,
    /// The ids of the servers.
    pub servers: Vec<u64>,
    /// For how many days from now the certificates are valid.
    pub days: u32,
}

/// Why certificates could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertsError {
    /// A file is there already.
    #[error(
        "{0} is there already, and nothing is overwritten: take another directory, or move the file away"
    )]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error("{file}: {source}")]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// They could not be made.
    #[error("the certificates could not be made: {0}")]
    Making(#[from] rcgen::Error),
    /// There are no servers, or one is named twice, or no day.
    #[error("{0}")]
    Request(&'static str),
}

/// A file that was made.
struct Made {
    name: String,
    text: String,
    mode: u32,
}

/// The public files: anyone may read them.
const PUBLIC: u32 = 0o644;

/// The keys: nobody else may read them.
const SECRET: u32 = 0o600;

/// Makes an authority and a certificate for each server, and writes them to a directory, which is made where it is not
/// there: `authority.pem`, `authority-key.pem`, and for each server `server-ID.pem` and `server-ID-key.pem`. The names of
/// the files, in this order.
///
/// Whoever has the authority's key can make servers of the cluster: it belongs on none of them.
///
/// # Errors
/// When a file of one of these names is there already: then nothing is written. When one cannot be written.
pub fn make(directory: &Path, request: &Request) -> Result<Vec<PathBuf>, CertsError> {
    let files = made(request)?;
    let io = |file: &Path| {
        let file = file.to_owned();
        move |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => CertsError::Exists(file),
            _ => CertsError::Io { file, source },
        }
    };
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io(directory)(error)),
        _ => {}
    }
    let paths: Vec<PathBuf> = files.iter().map(|file| directory.join(&file.name)).collect();
    // Looked at first, so that a second call leaves no half of a new set beside the old one.
    if let Some(there) = paths.iter().find(|path| fs::symlink_metadata(path).is_ok()) {
        return Err(CertsError::Exists(there.clone()));
    }
    for (file, path) in files.iter().zip(&paths) {
        let opened = OpenOptions::new().write(true).create_new(true).mode(file.mode).open(path);
        opened.and_then(|mut opened| opened.write_all(file.text.as_bytes())).map_err(io(path))?;
    }
    Ok(paths)
}

fn made(request: &Request) -> Result<Vec<Made>, CertsError> {
    let mut servers = request.servers.clone();
    servers.sort_unstable();
    servers.dedup();
    if servers.is_empty() || servers.len() != request.servers.len() {
        return Err(CertsError::Request("give at least one server, and each once"));
    }
    if request.days == 0 {
        return Err(CertsError::Request("give the certificates at least one day"));
    }
    let now = SystemTime::now();
    let named = |name: String| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        // Clocks of two machines differ.
        params.not_before = (now - Duration::from_secs(3600)).into();
        params.not_after = (now + Duration::from_secs(u64::from(request.days) * 86_400)).into();
        params
    };
    let mut params = named(format!("figure2 authority of group {}", request.group));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?;
    let mut files = vec![
        Made { name: "authority.pem".to_owned(), text: authority.pem(), mode: PUBLIC },
        Made { name: "authority-key.pem".to_owned(), text: key.serialize_pem(), mode: SECRET },
    ];
    let issuer = Issuer::new(params, key);
    for server in &request.servers {
        let name = server_name(request.group, *server);
        let mut params = named(name.clone());
        params.subject_alt_names = vec![rcgen::SanType::DnsName(name.try_into()?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        let file = |what: &str| format!("server-{server}{what}.pem");
        files.push(Made { name: file(""), text: certificate.pem(), mode: PUBLIC });
        files.push(Made { name: file("-key"), text: key.serialize_pem(), mode: SECRET });
    }
    Ok(files)
}

//! Who speaks the protocol byte by byte, and not as it should.

use crate::common::{Dialled, Hub, Memory, address};
use figure2::Cluster;
use figure2::codec::{self, FIRST_VERSION, Hello, Versions};
use figure2_core::{Envelope, Index, Message, RequestVote, Term};
use figure2_tcp::{Credentials, Network};
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// A client of server 1.
pub struct TlsClient {
    config: Arc<ClientConfig>,
}

fn store(authority: &Path) -> Arc<RootCertStore> {
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(authority).unwrap() {
        store.add(root.unwrap()).unwrap();
    }
    Arc::new(store)
}

fn identity(credentials: &Credentials) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_file_iter(&credentials.certificate).unwrap();
    (chain.map(Result::unwrap).collect(), PrivateKeyDer::from_pem_file(&credentials.key).unwrap())
}

impl TlsClient {
    pub fn new(credentials: &Credentials) -> TlsClient {
        TlsClient::trusting(&credentials.authority, Some(credentials))
    }

    pub fn trusting(authority: &Path, shows: Option<&Credentials>) -> TlsClient {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(store(authority));
        let config = match shows {
            None => builder.with_no_client_auth(),
            Some(credentials) => {
                let (chain, key) = identity(credentials);
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        TlsClient { config: Arc::new(config) }
    }

    pub async fn connect(&self, hub: &Hub) -> std::io::Result<Attacker> {
        let stream = hub.dial(&address(1), "an attacker")?;
        let name = ServerName::try_from("server-1.group-0.figure2").unwrap();
        let stream: client::TlsStream<DuplexStream> =
            TlsConnector::from(self.config.clone()).connect(name, stream).await?;
        Ok(Attacker { stream: Box::new(stream) })
    }

    /// In TLS 1.3 a client learns only with its first read that its certificate was refused.
    pub async fn fails(&self, hub: &Hub) {
        if let Ok(mut attacker) = self.connect(hub).await {
            assert!(attacker.stream.read_u8().await.is_err());
        }
    }
}

/// A server that is called.
pub struct TlsServer {
    config: Arc<ServerConfig>,
}

impl TlsServer {
    pub fn new(credentials: &Credentials) -> TlsServer {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = store(&credentials.authority);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build().unwrap();
        let (chain, key) = identity(credentials);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"figure2/1".to_vec()];
        TlsServer { config: Arc::new(config) }
    }

    pub async fn accept(&self, listener: &Memory) -> Attacker {
        let (stream, _) = listener.accept().await.unwrap();
        let stream: server::TlsStream<Dialled> =
            TlsAcceptor::from(self.config.clone()).accept(stream).await.unwrap();
        Attacker { stream: Box::new(stream) }
    }
}

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection after the handshake of TLS.
pub struct Attacker {
    stream: Box<dyn Stream>,
}

impl Attacker {
    pub async fn raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub async fn frame(&mut self, bytes: &[u8]) {
        assert!(self.try_frame(bytes).await);
    }

    pub async fn try_frame(&mut self, bytes: &[u8]) -> bool {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let written = self.stream.write_all(&[&length[..], bytes].concat()).await;
        written.is_ok() && self.stream.flush().await.is_ok()
    }

    /// The next frame that is not empty.
    pub async fn read_frame(&mut self) -> Vec<u8> {
        loop {
            let length = self.stream.read_u32().await.unwrap();
            let mut frame = vec![0; length as usize];
            self.stream.read_exact(&mut frame).await.unwrap();
            if !frame.is_empty() {
                return frame;
            }
        }
    }

    pub async fn read_to_end(&mut self) {
        let mut buffer = [0; 1024];
        while self.stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    }

    pub async fn hello(&mut self, from: u64, to: u64, disk: u128) {
        self.hello_of(&[1, 2, 3], from, to, disk).await;
    }

    pub async fn hello_of(&mut self, voters: &[u64], from: u64, to: u64, disk: u128) {
        self.frame(&hello(0, voters, from, to, disk)).await;
    }

    /// The text of the refusal that comes next.
    pub async fn refusal(&mut self) -> String {
        let frame = self.read_frame().await;
        assert_eq!(frame[..3], [0x54, 1, 2], "a refusal");
        String::from_utf8(frame[4..].to_vec()).unwrap()
    }

    async fn opening(&mut self, lane: u8, from: u64, to: u64, disk: u128) {
        self.frame(&hello(lane, &[1, 2, 3], from, to, disk)).await;
        assert_eq!(self.read_frame().await[..3], [0x54, 1, 1], "a hello");
        self.frame(&[0x54, 1, 3]).await;
    }

    /// The whole opening, as a peer that has dialled.
    pub async fn open(&mut self, from: u64, to: u64, disk: u128) {
        self.opening(0, from, to, disk).await;
    }

    pub async fn open_for_snapshots(&mut self, from: u64, to: u64, disk: u128) {
        self.opening(1, from, to, disk).await;
    }

    /// The whole opening, as a peer that was dialled.
    pub async fn answer(&mut self, from: u64, to: u64, disk: u128) {
        assert_eq!(self.read_frame().await[..3], [0x54, 1, 1], "a hello");
        self.hello(from, to, disk).await;
        assert_eq!(self.read_frame().await, [0x54, 1, 3], "ready");
    }
}

fn hello(lane: u8, voters: &[u64], from: u64, to: u64, disk: u128) -> Vec<u8> {
    let cluster = Cluster::new(0, &voters.iter().copied().collect());
    let hello = Hello::new(Versions::KNOWN, &cluster, from, to).encode().unwrap().into_bytes();
    [&[0x54, 1, 1, lane], &disk.to_le_bytes()[..], &hello].concat()
}

pub fn request_vote(from: u64, to: u64) -> Vec<u8> {
    let cluster = Cluster::new(0, &[1, 2, 3].into());
    let place = |id| cluster.place(id).unwrap();
    let message = Message::RequestVote(RequestVote {
        term: Term(9),
        last_log_index: Index(0),
        last_log_term: Term(0),
        transfer: false,
    });
    let envelope = Envelope { from: place(from), to: place(to), message };
    codec::encode(&cluster, FIRST_VERSION, &envelope).unwrap().into_bytes().to_vec()
}

pub fn begin(length: u64) -> Vec<u8> {
    let fields = [1, 2, 3, length].map(u64::to_le_bytes).concat();
    [&[0x54, 1, 4], &fields[..]].concat()
}

pub fn chunk(length: usize) -> Vec<u8> {
    [&[0x54, 1, 6], &vec![7; length][..]].concat()
}

pub fn end(message: &[u8]) -> Vec<u8> {
    [&[0x54, 1, 7], message].concat()
}

/// A certificate of the authority in this directory, made as somebody changes it.
fn certificate(
    directory: &Path,
    file: &str,
    name: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> Credentials {
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    let key = KeyPair::from_pem(&read("authority-key.pem")).unwrap();
    // Of the authority, a signature needs its name and its key.
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "figure2 authority of group 0");
    let issuer = Issuer::new(authority, key);
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let path = |what: &str| directory.join(format!("{file}{what}.pem"));
    fs::write(path(""), certificate.pem()).unwrap();
    fs::write(path("-key"), key.serialize_pem()).unwrap();
    Credentials { authority: directory.join("authority.pem"), certificate: path(""), key: path("-key") }
}

/// A certificate of a server that has expired.
pub fn expired(directory: &Path, id: u64) -> Credentials {
    certificate(directory, "expired", &figure2_tcp::server_name(0, id), |params| {
        params.not_before = (SystemTime::now() - Duration::from_secs(10 * 86_400)).into();
        params.not_after = (SystemTime::now() - Duration::from_secs(86_400)).into();
    })
}

/// A certificate of this name.
pub fn named(directory: &Path, name: &str) -> Credentials {
    certificate(directory, "named", name, |_| {})
}

//! Why a connection ended: each one is logged.

use core::time::Duration;
use figure2::HandleError;
use figure2::codec::{CodecError, HelloError};
use std::io;

/// Why a connection ended, or was not made. The log has it, and the [status](crate::PeerStatus) the last one of each peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The other side closed it.
    #[error("the other side closed the connection")]
    Closed,
    /// The system says so.
    #[error("{0}")]
    Io(String),
    /// TLS was not agreed on: a certificate that is foreign, expired or of another server, or no TLS at all.
    #[error(
        "the TLS handshake failed: {0}; see that both certificates are of the same authority, name their servers and have \
         not expired"
    )]
    Tls(String),
    /// The handshake took too long.
    #[error("the handshake took longer than {0:?}")]
    HandshakeTimeout(Duration),
    /// Too many bytes came before a hello was accepted.
    #[error("more than {0} bytes before its hello was accepted (max_handshake_bytes)")]
    TooMuchBeforeHello(u64),
    /// A frame is longer than the cap.
    #[error("a frame of more than {0} bytes")]
    FrameTooLong(usize),
    /// It does not speak this protocol.
    #[error("not this protocol: {0}; see what runs at the other end")]
    Garbage(String),
    /// The two hellos do not go together.
    #[error("{0}")]
    Hello(#[from] HelloError),
    /// It says that it is a server which this cluster does not have.
    #[error(
        "it says that it is server {0}, which is not of this cluster: give all servers the same list of servers"
    )]
    UnknownServer(u64),
    /// The certificate is that of another server.
    #[error(
        "its certificate names {found:?}, and not {expected}, as one of server {server} must: give that server a certificate \
         of its own"
    )]
    OtherCertificate {
        /// Whom it says it is.
        server: u64,
        /// The name that its certificate must have.
        expected: String,
        /// The names that it has.
        found: Vec<String>,
    },
    /// It came back with another disk.
    #[error(
        "server {server} has disk {found:032x}, and had disk {known:032x}: it may have forgotten a vote, and is refused for \
         good. Start it on its old disk, or take it out of the cluster and add it under a new id"
    )]
    OtherDisk {
        /// The server.
        server: u64,
        /// Its disk as it was known.
        known: u128,
        /// The disk that it names now.
        found: u128,
    },
    /// The other side refused, and said why.
    #[error("the other side refuses this server: {text}")]
    Refused {
        /// Whether only an operator can lift it.
        for_good: bool,
        /// Its words.
        text: String,
    },
    /// The file of known disks could not be written, so an unknown disk is not accepted.
    #[error("{0}")]
    Known(String),
    /// Nothing arrived for too long.
    #[error("nothing arrived for {0:?} (idle_timeout)")]
    Silent(Duration),
    /// It reads too slowly.
    #[error("it did not accept 64 KiB within {0:?} (write_timeout): it reads too slowly, or not at all")]
    SlowReader(Duration),
    /// No correct peer sends such a message.
    #[error("a message that no correct peer sends: {0}")]
    BadMessage(String),
    /// The same server has connected again.
    #[error("the same server connected again")]
    Replaced,
    /// It was made with certificates that were replaced.
    #[error("certificates were replaced since it was made")]
    Reloaded,
    /// Too many connections had not said who they are.
    #[error("too many connections that had not said who they are (max_handshakes): the oldest are closed")]
    Crowded,
    /// A snapshot was not taken in.
    #[error("the snapshot was not taken in: {0}")]
    Snapshot(String),
    /// This server's node has stopped.
    #[error("this server has stopped")]
    Stopped,
    /// There was nothing left to send on it.
    #[error("all was sent")]
    Done,
}

impl Reason {
    /// Whether only an operator can help.
    #[must_use]
    pub fn for_good(&self) -> bool {
        matches!(self, Reason::OtherDisk { .. } | Reason::Refused { for_good: true, .. })
    }

    /// Whether the connection ended as it should.
    pub(crate) fn is_usual(&self) -> bool {
        matches!(self, Reason::Replaced | Reason::Reloaded | Reason::Stopped | Reason::Done)
    }
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Reason {
        if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
            return Reason::Tls(error.to_string());
        }
        match error.downcast::<Reason>() {
            Ok(reason) => reason,
            Err(error) if closed(error.kind()) => Reason::Closed,
            Err(error) => Reason::Io(error.to_string()),
        }
    }
}

fn closed(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

impl From<Reason> for io::Error {
    fn from(reason: Reason) -> io::Error {
        io::Error::other(reason)
    }
}

impl From<CodecError> for Reason {
    fn from(error: CodecError) -> Reason {
        Reason::Garbage(error.to_string())
    }
}

impl From<HandleError> for Reason {
    fn from(error: HandleError) -> Reason {
        match error {
            HandleError::Stopped => Reason::Stopped,
            error => Reason::BadMessage(error.to_string()),
        }
    }
}

//! Where connections come from: TCP, or anything that gives streams of bytes.

use crate::stream::BoxStream;
use core::pin::Pin;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

/// Dials servers, and listens for those that dial. TLS and all else is done on the streams that it gives, so a test can
/// give streams in memory, and run in virtual time.
pub trait Network: Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Connects to an address of the configuration. Dropped when it takes too long.
    ///
    /// # Errors
    /// When nobody answers there.
    fn dial(&self, address: &str) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// The next connection from outside, and from where it comes, for the log.
    ///
    /// # Errors
    /// When it could not be accepted. The listener goes on a little later.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, String)>> + Send;

    /// The address at which it listens, as `host:port`.
    ///
    /// # Errors
    /// When the system does not tell.
    fn local_address(&self) -> io::Result<String>;
}

/// TCP.
#[derive(Debug)]
pub struct Tcp {
    listener: TcpListener,
}

impl Tcp {
    /// Listens at an address.
    ///
    /// # Errors
    /// When it cannot: another process listens there, or the address is not this machine's.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Tcp> {
        TcpListener::bind(address).await.map(Tcp::from)
    }

    /// The address at which it listens.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl From<TcpListener> for Tcp {
    fn from(listener: TcpListener) -> Tcp {
        Tcp { listener }
    }
}

impl Network for Tcp {
    type Stream = TcpStream;

    async fn dial(&self, address: &str) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        // Messages are gathered before they are written: waiting for more would only cost a round trip.
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn accept(&self) -> io::Result<(TcpStream, String)> {
        let (stream, from) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok((stream, from.to_string()))
    }

    fn local_address(&self) -> io::Result<String> {
        self.address().map(|address| address.to_string())
    }
}

type Pending<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// A network whose type is forgotten, so that the rest need not carry it.
pub(crate) trait AnyNetwork: Send + Sync + 'static {
    fn dial<'a>(&'a self, address: &'a str) -> Pending<'a, BoxStream>;
    fn accept(&self) -> Pending<'_, (BoxStream, String)>;
}

impl<N: Network> AnyNetwork for N {
    fn dial<'a>(&'a self, address: &'a str) -> Pending<'a, BoxStream> {
        Box::pin(
            async move { Network::dial(self, address).await.map(|stream| Box::new(stream) as BoxStream) },
        )
    }

    fn accept(&self) -> Pending<'_, (BoxStream, String)> {
        Box::pin(async move {
            let (stream, from) = Network::accept(self).await?;
            Ok((Box::new(stream) as BoxStream, from))
        })
    }
}

//! Messages of the peers come in, and messages to them go out.

use crate::codec::{self, CodecError, Frame};
use crate::raft::{Raft, lock};
use crate::{Cluster, Failure, HandleError, Peer, SnapshotData, Status, StorageError};
use figure2_core::ServerId;
use figure2_engine::Envelope;
use std::sync::Arc;

impl Raft {
    /// Takes in an encoded message from a peer, a request or a reply, at any time and from anywhere; does not wait for
    /// anything. The reply to a request, once all that it says is durable, leaves by the [way](Peer::send) to whoever asked,
    /// as all messages do, and in the version that this peer [speaks](Peer::version).
    ///
    /// # Errors
    /// Why it is not taken in. A transport may ignore that, for it is logged, and Raft sends again what matters; or it
    /// closes the connection on which nobody speaks as a peer.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// use figure2::HandleError;
    ///
    /// let noise = raft.handle(vec![1, 2, 3]);
    /// assert!(matches!(noise, Err(HandleError::Undecodable(_))));
    /// # Ok(())
    /// # }
    /// ```
    pub fn handle(&self, frame: impl Into<Frame>) -> Result<(), HandleError> {
        let envelope = self.decode(frame.into())?;
        Ok(self.monitor.receive(envelope)?)
    }

    /// As [`handle`](Self::handle), and goes on with what follows from the message on the caller's thread, as far as nothing
    /// has to be waited for: a follower saves and replies, and what is committed goes to the service, without a wake-up of
    /// the node's tasks. Only where the storage does not [block](crate::Storage::blocks); else it is `handle`.
    ///
    /// So [`Peer::send`], [`Storage::save`](crate::Storage::save) and the [service](crate::ApplyChannel::call) may be called before it returns:
    /// the caller holds no lock that one of them takes.
    ///
    /// # Errors
    /// As those of [`handle`](Self::handle).
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// assert!(raft.handle_inline(vec![1, 2, 3]).is_err(), "noise");
    /// # Ok(())
    /// # }
    /// ```
    pub fn handle_inline(&self, frame: impl Into<Frame>) -> Result<(), HandleError> {
        let envelope = self.decode(frame.into())?;
        match &self.hands {
            Some(hands) => Ok(self.monitor.receive_and_help(envelope, hands)?),
            None => Ok(self.monitor.receive(envelope)?),
        }
    }

    /// As [`handle`](Self::handle), for a transport that knows who speaks: the message must say that it is of the server
    /// with the id `speaker`. So a peer can do as itself whatever it likes, and nothing as another.
    ///
    /// # Errors
    /// As those of [`handle`](Self::handle), and [`HandleError::Impostor`].
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// assert!(raft.handle_from(2, vec![1, 2, 3]).is_err(), "noise");
    /// # Ok(())
    /// # }
    /// ```
    pub fn handle_from(&self, speaker: u64, frame: impl Into<Frame>) -> Result<(), HandleError> {
        let envelope = self.decode(frame.into())?;
        self.is_of(speaker, &envelope)?;
        Ok(self.monitor.receive(envelope)?)
    }

    /// Takes in a snapshot that came as a [stream](Peer::send_snapshot), from the server with the id `speaker`: the message
    /// without the data, and the data, which were written with a [`snapshot_writer`](Self::snapshot_writer) as they arrived.
    ///
    /// # Errors
    /// As those of [`handle_from`](Self::handle_from); the message must be an InstallSnapshot, and announce as many bytes as
    /// the data has.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alone/mod.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (raft, mut applied) = leader().await?;
    /// assert!(raft.handle_snapshot(2, vec![1, 2, 3], "x = 1".into()).is_err(), "noise");
    /// # Ok(())
    /// # }
    /// ```
    pub fn handle_snapshot(
        &self,
        speaker: u64,
        message: impl Into<Frame>,
        data: SnapshotData,
    ) -> Result<(), HandleError> {
        let decode = |cluster: &Cluster| codec::decode_with_data(cluster, message.into(), data);
        let envelope = self.decode_by(decode)?;
        self.is_of(speaker, &envelope)?;
        Ok(self.monitor.receive(envelope)?)
    }

    fn is_of(&self, speaker: u64, envelope: &Envelope) -> Result<(), HandleError> {
        if self.cluster.id(envelope.from) == Some(speaker) {
            Ok(())
        } else {
            Err(HandleError::Impostor { speaker })
        }
    }

    fn decode(&self, frame: Frame) -> Result<Envelope, HandleError> {
        self.decode_by(|cluster| codec::decode(cluster, frame))
    }

    fn decode_by(
        &self,
        decode: impl FnOnce(&Cluster) -> Result<Envelope, CodecError>,
    ) -> Result<Envelope, HandleError> {
        if self.is_stopped() {
            return Err(HandleError::Stopped);
        }
        let envelope = decode(&self.cluster).inspect_err(|error| {
            let Status { id: server, term, last_log_index: index, .. } = self.status();
            tracing::warn!(target: "figure2", %server, %term, %index, %error, "undecodable message");
        })?;
        Ok(envelope)
    }

    /// An InstallSnapshot without the snapshot's data. None when there is no frame of it: then [`encode`](Self::encode) says
    /// why.
    pub(crate) fn encode_without_data(&self, envelope: &Envelope, version: u8) -> Option<Frame> {
        codec::encode_without_data(&self.cluster, version, envelope).ok()
    }

    /// None, and told in the log, when there is no frame of it. A storage that cannot give back its snapshot ends the node.
    pub(crate) fn encode(&self, envelope: Envelope, version: u8) -> Option<Frame> {
        let (server, term, to) = (envelope.from, envelope.message.term(), envelope.to);
        let message = envelope.message.name();
        codec::encode_owned(&self.cluster, version, envelope)
            .inspect_err(|error| {
                tracing::error!(target: "figure2", %server, %term, %to, message, %error, "message not sent");
                if let CodecError::Unreadable(_) = error {
                    self.monitor.fail(Failure::Storage(StorageError::failed(error.clone())));
                }
            })
            .ok()
    }

    /// Nothing is sent any more, whoever still has a handle.
    pub(crate) fn forget_peers(&self) {
        let peers = core::mem::take(&mut *lock(&self.peers));
        // Not under the lock: they are the caller's.
        drop(peers);
    }

    pub(crate) fn way_to(&self, server: ServerId) -> Option<Arc<dyn Peer>> {
        lock(&self.peers).get(&server).cloned()
    }
}

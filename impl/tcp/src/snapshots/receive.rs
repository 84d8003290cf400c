//! The side that gets the snapshot: each chunk goes to the storage's writer as it arrives.

use super::{hear, joined};
use crate::connection::{Connection, keeping_alive, refuse};
use crate::framing::Reader;
use crate::opening::Said;
use crate::reason::Reason;
use crate::shared::Shared;
use core::pin::{Pin, pin};
use core::time::Duration;
use figure2::{HandleError, Raft, SnapshotWriter};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use tokio::sync::{Mutex, oneshot};
use tokio::time::{Instant, sleep};

/// What has arrived from each peer of a snapshot whose connection broke.
pub(crate) type Partials = BTreeMap<u64, Arc<Mutex<Option<Partial>>>>;

/// A part of a snapshot. Dropped, it leaves nothing behind.
pub(crate) struct Partial {
    transfer: u64,
    index: u64,
    term: u64,
    length: u64,
    received: u64,
    writer: SnapshotWriter,
    touched: Instant,
}

/// How often the node is asked to take a snapshot in, while it has no room.
const BUSY: u32 = 100;

/// Between two of these.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// Takes in a snapshot, and hands it to the node.
pub(crate) async fn receive(
    shared: &Arc<Shared>,
    connection: Connection,
    replaced: oneshot::Receiver<()>,
) -> Reason {
    let Connection { peer, mut reader, mut writer, generation, .. } = connection;
    let Some(partial) = shared.partials.get(&peer) else { return Reason::UnknownServer(peer) };
    let ended = async {
        tokio::select! {
            biased;
            reason = shared.end_of(generation) => reason,
            _ = replaced => Reason::Replaced,
        }
    };
    let mut ended = pin!(ended);
    // An earlier connection of this peer has been told to end, and lets go of its part now.
    let mut partial_now = partial.lock().await;
    let reason = async {
        let offset = begin(shared, &mut partial_now, &mut reader).await?;
        writer.send(&[Said::Resume { offset }.encode()?]).await?;
        let receiving = all(shared, peer, &mut partial_now, &mut reader, ended.as_mut());
        keeping_alive(&mut writer, shared.config.limits.keepalive, receiving).await?;
        writer.send(&[Said::Done.encode()?]).await
    };
    let reason = match reason.await {
        Ok(()) => Reason::Done,
        Err(reason) => reason,
    };
    if let Some(touched) = partial_now.as_ref().map(|part| part.touched) {
        let (partial, patience) = (partial.clone(), shared.config.limits.snapshot_patience);
        let own = shared.clone();
        shared.spawn(async move {
            tokio::select! {
                biased;
                () = sleep(patience) => {}
                () = own.stopped() => {}
            }
            let mut part = partial.lock().await;
            if part.as_ref().is_some_and(|part| part.touched == touched) {
                *part = None;
            }
        });
    }
    drop(partial_now);
    let gone = matches!(reason, Reason::Closed | Reason::Silent(_) | Reason::Refused { .. } | Reason::Io(_));
    if !gone && !reason.is_usual() {
        refuse(&mut writer, &reason).await;
    }
    writer.close().await;
    reason
}

/// What the sender wants to send, and how much of it is there already.
async fn begin(shared: &Shared, partial: &mut Option<Partial>, reader: &mut Reader) -> Result<u64, Reason> {
    let Said::Begin { transfer, index, term, length } = hear(reader).await? else {
        return Err(Reason::Garbage("something else than a snapshot's beginning".to_owned()));
    };
    let most = shared.config.limits.max_snapshot_bytes;
    if length > most {
        return Err(Reason::Snapshot(format!("{length} bytes, of at most {most} (max_snapshot_bytes)")));
    }
    if let Some(part) = partial.as_mut()
        && (part.transfer, part.index, part.term, part.length) == (transfer, index, term, length)
    {
        part.touched = Instant::now();
        return Ok(part.received);
    }
    // Its file is removed before there is another one.
    *partial = None;
    let raft = node(shared)?;
    let writer = joined(shared.config.file_work.run(move || raft.snapshot_writer()).await);
    let writer = writer.map_err(|error| Reason::Snapshot(error.to_string()))?;
    *partial = Some(Partial { transfer, index, term, length, received: 0, writer, touched: Instant::now() });
    Ok(0)
}

fn node(shared: &Shared) -> Result<Raft, Reason> {
    shared.raft.borrow().clone().ok_or(Reason::Stopped)
}

/// Takes in the rest. It ends early only between two chunks, so that what has arrived stays.
async fn all(
    shared: &Shared,
    peer: u64,
    place: &mut Option<Partial>,
    reader: &mut Reader,
    mut ended: Pin<&mut impl Future<Output = Reason>>,
) -> Result<(), Reason> {
    loop {
        let said = tokio::select! {
            biased;
            said = hear(reader) => said?,
            reason = ended.as_mut() => return Err(reason),
        };
        let part = place.take().ok_or_else(|| Reason::Snapshot("it was given up".to_owned()))?;
        match said {
            Said::Chunk(chunk) => {
                let received = part.received + chunk.len() as u64;
                if received > part.length {
                    let length = part.length;
                    return Err(Reason::Garbage(format!("more than the {length} bytes of the snapshot")));
                }
                let mut writer = part.writer;
                let file_work = shared.config.file_work;
                let written = file_work.run(move || writer.write_all(&chunk).map(|()| writer)).await;
                let writer = joined(written).map_err(|error| Reason::Snapshot(error.to_string()))?;
                *place = Some(Partial { received, writer, touched: Instant::now(), ..part });
            }
            Said::End(message) if part.received == part.length => {
                let finished = joined(shared.config.file_work.run(move || part.writer.finish()).await);
                let data = finished.map_err(|error| Reason::Snapshot(error.to_string()))?;
                let raft = node(shared)?;
                for _ in 0..BUSY {
                    match raft.handle_snapshot(peer, message.clone(), data.clone()) {
                        Err(HandleError::Busy) => sleep(BUSY_PAUSE).await,
                        handled => return handled.map_err(Reason::from),
                    }
                }
                return Err(Reason::Snapshot("too much waits for this server's disk".to_owned()));
            }
            _ => return Err(Reason::Garbage("something else than the rest of a snapshot".to_owned())),
        }
    }
}

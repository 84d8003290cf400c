//! The side that has the snapshot.

use super::{hear, joined};
use crate::backoff::Backoff;
use crate::connection::{Connection, call};
use crate::framing::{Reader, Writer};
use crate::opening::{CHUNK, CHUNK_KIND, END_KIND, Lane, Said, head};
use crate::queue::Line;
use crate::reason::Reason;
use crate::shared::{Shared, lock};
use core::time::Duration;
use figure2::codec::Frame;
use figure2::{Snapshot, SnapshotData};
use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// The snapshot that a peer is to get, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    job: Mutex<Option<Job>>,
    wake: Notify,
}

#[derive(Clone, Debug)]
pub(super) struct Job {
    /// Counts the snapshots that were asked for: which one this is.
    pub(super) number: u64,
    /// A random number, the same for each connection that goes on with it.
    pub(super) transfer: Option<u64>,
    pub(super) index: u64,
    term: u64,
    data: SnapshotData,
    /// The last message that brings it: a leader that was elected again asks in a later term.
    message: Frame,
    /// When the node has last asked for it, or for another one meanwhile.
    asked: Instant,
    /// Whether a connection carries it now.
    under_way: bool,
}

impl Slot {
    /// The node wants the peer to have this snapshot. One that is under way goes on, and is not begun anew: not for the same
    /// one, for which a leader asks again and again as long as nobody has confirmed it, and not for a later one, or a
    /// service that takes them fast would have none arrive.
    pub(crate) fn ask(&self, message: Frame, snapshot: &Snapshot) {
        let (index, term) = (snapshot.last_included_index.0, snapshot.last_included_term.0);
        let asked = Instant::now();
        let mut job = lock(&self.job);
        match &mut *job {
            Some(job) if (job.index, job.term) == (index, term) => {
                (job.message, job.asked) = (message, asked)
            }
            Some(job) if job.under_way => job.asked = asked,
            other => {
                let number = other.as_ref().map_or(0, |job| job.number + 1);
                let data = snapshot.data.clone();
                let under_way = false;
                *other = Some(Job { number, transfer: None, index, term, data, message, asked, under_way });
            }
        }
        drop(job);
        self.wake.notify_one();
    }

    /// Whether there is one that the node still wants; one that it has not asked for again in this time is given up.
    pub(super) fn wants(&self, patience: Duration) -> bool {
        let mut job = lock(&self.job);
        if job.as_ref().is_some_and(|job| job.asked.elapsed() > patience) {
            *job = None;
        }
        job.is_some()
    }

    pub(super) fn begin(&self, random: u64) -> Option<Job> {
        let mut job = lock(&self.job);
        let job = job.as_mut()?;
        job.under_way = true;
        job.transfer.get_or_insert(random);
        Some(job.clone())
    }

    /// The connection has ended. What was handed over is forgotten.
    pub(super) fn end(&self, number: u64, handed_over: bool) {
        let mut job = lock(&self.job);
        if let Some(current) = job.as_mut().filter(|job| job.number == number) {
            current.under_way = false;
            if handed_over {
                *job = None;
            }
        }
    }

    pub(super) fn message(&self, number: u64) -> Option<Frame> {
        lock(&self.job).as_ref().filter(|job| job.number == number).map(|job| job.message.clone())
    }
}

/// Sends a peer the snapshots that it is to get, for as long as the transport runs.
pub(crate) async fn keep(shared: Arc<Shared>, peer: u64, line: Arc<Line>) {
    let server = shared.config.server;
    let patience = shared.config.limits.snapshot_patience;
    let mut backoff = Backoff::new(&shared.config.limits, shared.random());
    loop {
        if !line.slot.wants(patience) {
            tokio::select! {
                biased;
                () = line.slot.wake.notified() => continue,
                () = shared.stopped() => return,
            }
        }
        let called = tokio::select! {
            biased;
            called = call(&shared, peer, Lane::Snapshots) => called,
            () = shared.stopped() => return,
        };
        let begun = Instant::now();
        let reason = match called {
            Ok(connection) => carry(&shared, &line.slot, connection).await,
            Err(reason) => reason,
        };
        if reason.is_usual() {
            tracing::info!(server, peer, %reason, "the connection for a snapshot has ended");
        } else {
            tracing::warn!(server, peer, %reason, "the connection for a snapshot has ended");
        }
        let wait = backoff.after(&reason, begun.elapsed());
        if reason == Reason::Done {
            continue;
        }
        tokio::select! {
            biased;
            () = sleep(wait) => {}
            () = shared.stopped() => return,
        }
    }
}

async fn carry(shared: &Shared, slot: &Slot, connection: Connection) -> Reason {
    let Connection { peer, mut reader, mut writer, generation, .. } = connection;
    let Some(job) = slot.begin(shared.random()) else { return Reason::Done };
    let ended = tokio::select! {
        biased;
        ended = transfer(shared, peer, slot, &job, &mut reader, &mut writer) => ended,
        reason = shared.end_of(generation) => Err(reason),
    };
    slot.end(job.number, ended.is_ok());
    match ended {
        Ok(()) => {
            writer.close().await;
            Reason::Done
        }
        Err(reason) => reason,
    }
}

async fn transfer(
    shared: &Shared,
    peer: u64,
    slot: &Slot,
    job: &Job,
    reader: &mut Reader,
    writer: &mut Writer,
) -> Result<(), Reason> {
    let Job { index, term, number, .. } = *job;
    let length = job.data.len();
    let transfer = job.transfer.unwrap_or_default();
    writer.send(&[Said::Begin { transfer, index, term, length }.encode()?]).await?;
    let Said::Resume { offset } = hear(reader).await? else {
        return Err(Reason::Garbage("something else than where to go on".to_owned()));
    };
    if offset > length {
        return Err(Reason::Garbage(format!("it has {offset} bytes of a snapshot of {length}")));
    }
    tracing::info!(server = shared.config.server, peer, index, length, offset, "sending a snapshot");
    let sending = async {
        stream(shared, slot, job, offset, writer).await?;
        let message = slot.message(number).unwrap_or_else(|| job.message.clone());
        writer.send_pieces(&head(END_KIND), &message.into_bytes()).await?;
        // It is made durable there now, which may take a while.
        loop {
            sleep(shared.config.limits.keepalive).await;
            writer.send(&[Frame::default()]).await?;
        }
    };
    let done = async {
        match hear(reader).await? {
            Said::Done => Ok(()),
            _ => Err(Reason::Garbage("something else than that it has all of it".to_owned())),
        }
    };
    tokio::select! {
        biased;
        ended = done => ended,
        ended = sending => ended,
    }
}

/// Sends the data from an offset on.
async fn stream(
    shared: &Shared,
    slot: &Slot,
    job: &Job,
    offset: u64,
    writer: &mut Writer,
) -> Result<(), Reason> {
    let unreadable = |error: io::Error| Reason::Snapshot(error.to_string());
    let (data, file_work) = (job.data.clone(), shared.config.file_work);
    // A storage's reader begins at the beginning: what was sent before is read again, and its checksums are looked at.
    let opened = file_work.run(move || {
        let mut reader = data.reader()?;
        let skipped = io::copy(&mut reader.by_ref().take(offset), &mut io::sink())?;
        if skipped < offset { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(reader) }
    });
    let mut file = joined(opened.await).map_err(unreadable)?;
    let mut left = job.data.len() - offset;
    let mut chunk = vec![0; CHUNK];
    while left > 0 {
        if !slot.wants(shared.config.limits.snapshot_patience) {
            return Err(Reason::Snapshot("the node does not ask for it any more".to_owned()));
        }
        let length = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
        chunk.truncate(length);
        let read = file_work.run(move || file.read_exact(&mut chunk).map(|()| (file, chunk)));
        (file, chunk) = joined(read.await).map_err(unreadable)?;
        writer.send_pieces(&head(CHUNK_KIND), &chunk).await?;
        left -= length as u64;
    }
    Ok(())
}

//! Collects the events of recorded nodes, and keeps them as a capture.

use super::capture;
use super::pieces::{self, Rotation};
use super::recorded::{Recorded, Records};
use figure2::record::TARGET;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// With more bytes than this waiting to be written to a file, the nodes wait: a slow disk slows them, and loses no line.
const MOST_WAITING: usize = 64 << 20;

/// How often what waits is written: a wake-up for each event would cost the nodes more than the event.
const INTERVAL: Duration = Duration::from_millis(20);

/// Takes the events of all nodes whose thread has its [`layer`](Self::layer), in the order in which they come. A cheap
/// handle.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    began: u64,
    /// Whether a thread takes what waits: else all of it stays until the end.
    drained: bool,
    queue: Mutex<Queue>,
    /// The recording ends, or room was made.
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    /// Records of a [capture], one behind the other.
    waiting: Vec<u8>,
    records: u64,
    closed: bool,
    /// The file can no longer be written: what comes is dropped, and the trace will lack its end.
    broken: bool,
}

impl Recorder {
    /// Keeps everything in memory until [`into_text`](Self::into_text). `clock` says how long ago the recording began.
    #[must_use]
    pub fn in_memory(clock: impl Fn() -> Duration + Send + Sync + 'static) -> Recorder {
        let recorder = Recorder::new(Box::new(clock), 0, false);
        recorder.shared.lock().waiting = Records::reused();
        recorder
    }

    /// Writes a capture to a new file while it records, on a thread of its own. [`open`](super::open) reads it as a
    /// trace.
    ///
    /// # Errors
    /// When the file exists (a trace is never overwritten) or cannot be made, or the thread cannot be started.
    pub fn to_file(path: &Path) -> io::Result<(Recorder, ToFile)> {
        Recorder::to(path, None)
    }

    /// Writes a capture as [`to_file`](Self::to_file) does, but divided into files of a stated size: `NAME.1`, `NAME.2` and so
    /// on, if `path` is `NAME`. [`open`](super::open) of `NAME` reads them as one trace.
    ///
    /// # Errors
    /// When there is a file of that name, or with a number behind it, or one cannot be made, or the thread cannot be started.
    pub fn to_files(path: &Path, rotation: Rotation) -> io::Result<(Recorder, ToFile)> {
        Recorder::to(path, Some(rotation))
    }

    fn to(path: &Path, rotation: Option<Rotation>) -> io::Result<(Recorder, ToFile)> {
        let (start, began) = now();
        let file = pieces::Writer::create(path, rotation, micros(began))?;
        let recorder = Recorder::new(Box::new(move || start.elapsed()), micros(began), true);
        let shared = recorder.shared.clone();
        let writer = thread::Builder::new().name("trace".into()).spawn(move || shared.drain(file))?;
        Ok((recorder.clone(), ToFile { recorder, writer }))
    }

    fn new(clock: Box<dyn Fn() -> Duration + Send + Sync>, began: u64, drained: bool) -> Recorder {
        let shared = Shared { clock, began, drained, queue: Mutex::default(), changed: Condvar::default() };
        Recorder { shared: Arc::new(shared) }
    }

    /// The layer that takes the events; it sees no others.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let wanted: FilterFn<fn(&Metadata<'_>) -> bool> = filter_fn(|metadata| metadata.target() == TARGET);
        Tap(self.shared.clone()).with_filter(wanted)
    }

    /// What was recorded in memory, as the text of a trace. Takes nothing in from now on.
    ///
    /// # Errors
    /// When an event is not one of this version's.
    pub fn into_text(self) -> io::Result<Vec<u8>> {
        self.into_recorded().text()
    }

    /// What was recorded in memory. Takes nothing in from now on.
    pub(crate) fn into_recorded(self) -> Recorded {
        let mut queue = self.shared.lock();
        queue.closed = true;
        let records = Records::of(std::mem::take(&mut queue.waiting));
        let began = self.shared.began;
        Recorded { began, records, count: queue.records, on_their_way: Vec::new() }
    }
}

/// A trace file that is being written.
pub struct ToFile {
    recorder: Recorder,
    writer: JoinHandle<io::Result<()>>,
}

impl ToFile {
    /// Ends the trace: what was recorded so far is in the file, and what comes later is not.
    ///
    /// # Errors
    /// When something could not be written: then the file lacks its last line.
    pub fn finish(self) -> io::Result<()> {
        self.recorder.shared.lock().closed = true;
        self.recorder.shared.changed.notify_all();
        self.writer
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that writes the trace panicked")))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, node: u64, server: u8, event: &[u8]) {
        let mut queue = self.lock();
        while self.drained && queue.waiting.len() > MOST_WAITING && !queue.closed && !queue.broken {
            queue = self.wait(queue);
        }
        if queue.closed || queue.broken {
            return;
        }
        // The clock is read under the lock, so that the lines' times never go back.
        let at = micros((self.clock)());
        capture::append(&mut queue.waiting, node, server, at, event);
        queue.records += 1;
    }

    fn drain(&self, mut file: pieces::Writer) -> io::Result<()> {
        let mut waiting = Vec::new();
        let mut begun = file.begin();
        loop {
            let written = std::mem::replace(&mut begun, Ok(())).and_then(|()| file.write(&waiting));
            waiting.clear();
            let mut queue = self.lock();
            if let Err(error) = written {
                queue.broken = true;
                self.changed.notify_all();
                return Err(error);
            }
            if !queue.closed && queue.waiting.len() < MOST_WAITING / 2 {
                let waited = self.changed.wait_timeout(queue, INTERVAL);
                queue = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            std::mem::swap(&mut queue.waiting, &mut waiting);
            self.changed.notify_all();
            if queue.closed {
                drop(queue);
                return file.write(&waiting).and_then(|()| file.end());
            }
        }
    }
}

/// The layer behind the filter.
struct Tap(Arc<Shared>);

impl<S: Subscriber> Layer<S> for Tap {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut Fields { shared: &self.0, node: None, server: None });
    }
}

/// The fields come in the order in which the node names them: `event` is the last.
struct Fields<'a> {
    shared: &'a Shared,
    node: Option<u64>,
    server: Option<u8>,
}

impl Visit for Fields<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "node" => self.node = Some(value),
            "server" => self.server = u8::try_from(value).ok(),
            _ => {}
        }
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        if let ("event", Some(node), Some(server)) = (field.name(), self.node, self.server) {
            self.shared.push(node, server, value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// This moment, by the clock that never goes back and by the world's. Lines of several processes are put in order by the
/// latter, so the two are read again if the process was interrupted between them.
fn now() -> (Instant, Duration) {
    let read = || {
        let start = Instant::now();
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (start.elapsed(), start, began)
    };
    let closest = (0..8).map(|_| read()).min_by_key(|(took, ..)| *took);
    let (_, start, began) = closest.unwrap_or_else(read);
    (start, began)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

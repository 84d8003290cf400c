//! The trace of real servers: what a recorded node tells, one JSON object a line (docs/trace-format.md).
//!
//! [`Recorder`] takes the events in and writes the file; [`Reader`] reads it back, and refuses one that is empty, cut
//! off, or has a line too few. Neither judges what the lines say: that is [`validate`](crate::validate) and
//! [`audit`](crate::audit).

mod capture;
mod etcd;
mod format;
mod payload;
mod reader;
mod recorder;

pub use etcd::tell as tell_as_etcd;
pub use format::{End, FORMAT, Header, Line, VERSION};
pub use payload::Payload;
pub(crate) use reader::is_trace;
pub use reader::{Place, Problem, Raw, Reader, Sequence, TraceError, text_of};
pub use recorder::{Recorder, ToFile};

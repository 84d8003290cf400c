//! The trace of real servers, where it meets the node and the core.
//!
//! The lines and their reader are those of the crate [`figure2_trace`], which knows nothing of the core. Here are the two
//! things that need both: [`Recorder`] takes in what recorded nodes emit and keeps it as a capture, and [`convert`] turns
//! the core's types into the structs of a trace and back. [`open`] reads a file, whether it is a capture or text.
//!
//! Nothing here judges what the lines say: that is [`validate`](crate::validate) and [`audit`](crate::audit).

mod capture;
pub mod convert;
mod etcd;
mod files;
mod recorder;

pub use etcd::tell as tell_as_etcd;
pub use figure2_trace::*;
pub(crate) use files::is_recording;
pub use files::{of_bytes, open, text_of};
pub use recorder::{Recorder, ToFile};

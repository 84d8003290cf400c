//! How a log is kept.

/// How a log is kept. A directory may be opened with other options than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Bytes of a segment. A single write that is larger has a segment of its own. Recovery holds two in memory. 16 MiB.
    pub segment_bytes: u64,
    /// How much is zeroed and synced at once, ahead of use: a larger piece makes a write that comes just then wait longer.
    /// 256 KiB.
    pub zeroed_at_once: u64,
    /// Whether a thread of its own prepares segments and removes what is not needed any more. Else each write does a piece
    /// of that after its own sync, in an order that is always the same. True.
    pub helper_thread: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { segment_bytes: 16 << 20, zeroed_at_once: 256 << 10, helper_thread: true }
    }
}

impl Options {
    /// The options with segments of another size.
    #[must_use]
    pub fn segment_bytes(self, segment_bytes: u64) -> Options {
        Options { segment_bytes, ..self }
    }

    /// The options with pieces of another size that are zeroed at once.
    #[must_use]
    pub fn zeroed_at_once(self, zeroed_at_once: u64) -> Options {
        Options { zeroed_at_once, ..self }
    }

    /// The options with or without a thread of its own.
    #[must_use]
    pub fn helper_thread(self, helper_thread: bool) -> Options {
        Options { helper_thread, ..self }
    }
}

//! The fifty pitfalls of Raft implementations that this project keeps a list of, in the order of `docs/rules.md`:
//! what one must do, and which part of the project, beside the core's tests, is responsible for it. They come from
//! Figure 2 itself, the Students' Guide to Raft, the advice that goes with the lab, and bugs of real implementations.

/// A pitfall: what must hold, and who else than the core sees to it (empty: the core alone).
pub struct Pitfall(pub &'static str, pub &'static str);

/// Pitfall `n` is `ALL[n - 1]`.
pub const ALL: [Pitfall; 50] = [
    Pitfall("every sentence of Figure 2 is a MUST", "the table of rules above"),
    Pitfall("a heartbeat is an AppendEntries like any other", ""),
    Pitfall("truncate only where an entry really conflicts", ""),
    Pitfall("restart the election timer only where Figure 2 says so", "impl/node: the timer obeys"),
    Pitfall("a candidate whose timer elapses starts another election", ""),
    Pitfall("adopt a newer term, and forget the vote, before handling the message", ""),
    Pitfall("\"reply false\" means return at once", ""),
    Pitfall("prev_log_index past the log's end is a mismatch", ""),
    Pitfall("the consistency check is made even without entries", ""),
    Pitfall("commit_index goes at most to the last new entry", ""),
    Pitfall("up-to-date means: last term first, then last index", ""),
    Pitfall("there is exactly one applier", "impl/node: applier"),
    Pitfall("whenever commit_index moves, look again what can be applied", "impl/node: applier"),
    Pitfall("a refusal because of the term leaves next_index alone", ""),
    Pitfall(
        "only entries of the current term are committed by counting (Figure 8)",
        "model: profile figure8",
    ),
    Pitfall("match_index is measured, next_index is guessed: keep both", ""),
    Pitfall("a reply of an older term is dropped once its term is noted", ""),
    Pitfall("match_index is what the request covered, and never goes back", ""),
    Pitfall("a snapshot belongs to a known index", ""),
    Pitfall("a crash between snapshot and log leaves no gap and no overlap", "impl/node: storage"),
    Pitfall("a refusal tells the conflicting term and its first index, or the log's end", ""),
    Pitfall("the leader skips a conflicting term at a time", ""),
    Pitfall("the index alone is legal, but sends more than needed", ""),
    Pitfall("reads go through the log too", "the service on top"),
    Pitfall("a lost command shows by what is applied at its index", "the service on top"),
    Pitfall("duplicates are detected inside the state machine, and so in its snapshot", "the service on top"),
    Pitfall("an index can be handed out twice, and the earlier command may get it", "the service on top"),
    Pitfall(
        "no lock is held while delivering: start and apply would deadlock",
        "impl/node: applier; loom-tests",
    ),
    Pitfall("persist before a message, a reply, a return value or an apply shows it", "impl/node: outbox"),
    Pitfall("lock shared data", "impl/node (safe Rust: the compiler)"),
    Pitfall("lock whole sequences of writes", "impl/node: a step is one critical section"),
    Pitfall("lock whole read-then-decide sequences", "impl/node: a step is one critical section"),
    Pitfall("never wait with a lock held", "impl/node; clippy's await_holding_lock"),
    Pitfall(
        "check again after taking the lock again",
        "impl/node: inputs are judged by the core, under the lock",
    ),
    Pitfall("start with one lock, then let go around waits", "impl/node: one lock"),
    Pitfall("the election timer and the heartbeat are separate concerns", "impl/node: timers"),
    Pitfall("a single applier, woken by a condition", "impl/node: applier; loom-tests"),
    Pitfall(
        "expect late, reordered and repeated replies",
        "model: every profile; conformance: the lab's network",
    ),
    Pitfall("a repeated vote counts once", "model: profile election"),
    Pitfall("a vote of an older term does not count", "model: profile election"),
    Pitfall("a candidate steps down on AppendEntries of its own term", ""),
    Pitfall("term and vote reach the disk together", "impl/node: storage"),
    Pitfall("a failed write is fatal and never retried into an acknowledgement", "impl/node: outbox"),
    Pitfall("a failed write of a snapshot must not trim the log", "impl/node: storage"),
    Pitfall("snapshot and log switch in one step", "impl/node: storage"),
    Pitfall(
        "an installed snapshot keeps a matching suffix and drops a conflicting one",
        "model: profile snapshot",
    ),
    Pitfall("an old snapshot never takes last_applied back", "model: profile snapshot"),
    Pitfall("a bad last record is a torn tail, a bad middle record is rot", "impl/node: storage"),
    Pitfall(
        "a wiped server must not come back under its old id",
        "operating it; the core rejects what shows",
    ),
    Pitfall("misaddressed and malformed messages are rejected, not asserted on", "impl/node: codec"),
];

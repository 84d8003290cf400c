//! Ctrl-C: the search ends, and what was found so far is told.

use anyhow::Context;
use std::process::exit;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of who was interrupted twice, as shells have it.
const INTERRUPTED: i32 = 130;

static HAS_BEEN: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C, or a signal to terminate, ends searches as a limit does. The second one ends the command.
///
/// # Errors
/// When the system does not allow it.
pub(super) fn listen() -> anyhow::Result<()> {
    static LISTENS: Once = Once::new();
    let mut set = Ok(());
    LISTENS.call_once(|| {
        set = ctrlc::set_handler(|| {
            if !figure2_model::interrupt() {
                exit(INTERRUPTED);
            }
            HAS_BEEN.store(true, Ordering::SeqCst);
            eprintln!("\ninterrupted: the search ends; once more, and the command ends at once");
        });
    });
    set.context("Ctrl-C cannot be listened to")
}

/// Whether somebody did.
pub(super) fn has_been() -> bool {
    HAS_BEEN.load(Ordering::SeqCst)
}

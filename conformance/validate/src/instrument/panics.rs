//! Catches panics on the threads that run a test. A runtime catches the panic of a task, and without this nobody
//! would notice it.

use std::cell::RefCell;
use std::panic;
use std::sync::{Arc, Mutex, Once, PoisonError};

/// What panicked, in words.
pub type Collected = Arc<Mutex<Vec<String>>>;

thread_local! {
    static COLLECTED: RefCell<Option<Collected>> = const { RefCell::new(None) };
}

/// Collects the panics of the calling thread from now on, instead of reporting them as usual; with none, as usual.
pub fn collect(into: Option<Collected>) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // Panics while the thread's storage is torn down are reported as usual.
            let collected = COLLECTED.try_with(|collected| collected.borrow().clone()).ok().flatten();
            match collected {
                Some(collected) => {
                    collected.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
                }
                None => usual(info),
            }
        }));
    });
    COLLECTED.with(|collected| *collected.borrow_mut() = into);
}

//! What Timely says when another process is lost: it panics, in several threads. Who runs the command is told once, and better.

use std::panic;

/// Words of Timely's panics about connections.
const ABOUT_CONNECTIONS: [&str; 4] =
    ["timely communication error", "MergeQueue poisoned", "Send thread panic", "Recv thread panic"];

/// From now on panics about connections are not printed; all others are.
pub(super) fn about_connections() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or_default();
        if !ABOUT_CONNECTIONS.iter().any(|words| text.contains(words)) {
            print(panic);
        }
    }));
}

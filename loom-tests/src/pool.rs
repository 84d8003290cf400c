//! Runs work on as many threads as the machine has processors, and hands over the results in order.

use std::sync::{Mutex, mpsc};
use std::thread;

/// Runs `work` on each item and gives the results to `take`, in the order of the items and each as soon as it and all
/// before it are there. Says whether all items came to a result: a worker that panics leaves one out.
pub fn in_order<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(&T, R),
) -> bool {
    let workers = thread::available_parallelism().map_or(1, |workers| workers.get());
    let next = Mutex::new(items.iter().enumerate());
    let (ended, all_ended) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..workers {
            let (next, work, ended) = (&next, &work, ended.clone());
            scope.spawn(move || {
                loop {
                    let item = next.lock().ok().and_then(|mut next| next.next());
                    let Some((place, item)) = item else { return };
                    if ended.send((place, work(item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(ended);
        let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
        let mut taken = 0;
        for (place, result) in all_ended {
            results[place] = Some(result);
            while let Some(result) = results.get_mut(taken).and_then(Option::take) {
                take(&items[taken], result);
                taken += 1;
            }
        }
        taken == items.len()
    })
}

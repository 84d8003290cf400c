//! Group commit: a thread that does with one write whatever waits.

use anyhow::Result;
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// Is told whether what was handed over is durable, on the writer's thread.
type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// The way to a thread that makes things durable, in their order, as many at a time as wait. The thread ends with the last
/// of these.
pub struct GroupWriter<T> {
    queue: Sender<(T, Done)>,
}

impl<T> Clone for GroupWriter<T> {
    fn clone(&self) -> Self {
        GroupWriter { queue: self.queue.clone() }
    }
}

impl<T: Send + 'static> GroupWriter<T> {
    /// Starts a thread around what makes things durable.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(mut write: impl FnMut(Vec<T>) -> io::Result<()> + Send + 'static) -> Result<GroupWriter<T>> {
        let (queue, waiting) = channel::<(T, Done)>();
        thread::Builder::new().name("group-writer".to_owned()).spawn(move || {
            while let Ok(first) = waiting.recv() {
                let (things, done): (Vec<T>, Vec<Done>) =
                    std::iter::once(first).chain(waiting.try_iter()).unzip();
                let written = write(things);
                for done in done {
                    done(
                        written
                            .as_ref()
                            .copied()
                            .map_err(|error| io::Error::new(error.kind(), error.to_string())),
                    );
                }
            }
        })?;
        Ok(GroupWriter { queue })
    }

    /// Hands something over, and does not wait. When it is durable, or cannot be, `done` is told; if the thread has ended,
    /// `done` is dropped.
    pub fn submit(&self, thing: T, done: impl FnOnce(io::Result<()>) + Send + 'static) {
        let _ = self.queue.send((thing, Box::new(done)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};

    #[test]
    fn what_waits_shares_a_write() {
        let (barrier, theirs) = {
            let barrier = Arc::new(Barrier::new(2));
            (barrier.clone(), barrier)
        };
        let (groups, written) = channel();
        let writer = GroupWriter::start(move |group: Vec<u32>| {
            theirs.wait();
            groups.send(group).map_err(io::Error::other)
        });
        let writer = writer.unwrap();
        let (told, answers) = channel();
        for number in 1..=3 {
            let told = told.clone();
            writer.submit(number, move |written| told.send((number, written.is_ok())).unwrap());
            if number == 1 {
                // The first one is under way, and waits at the barrier, while the others come.
                thread::sleep(std::time::Duration::from_millis(50));
            }
        }
        barrier.wait();
        barrier.wait();
        assert_eq!([written.recv().unwrap(), written.recv().unwrap()], [vec![1], vec![2, 3]]);
        let answers: Vec<_> = answers.iter().take(3).collect();
        assert_eq!(answers, [(1, true), (2, true), (3, true)]);
    }
}

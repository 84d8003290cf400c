//! What clients see: which command a server took from them at which index, and what answer they got. The service is a
//! list to which each command appends itself. The answer is the list before that, so it shows all earlier commands.

use crate::cluster::prefix::{Command, Prefix};
use figure2_core::{Index, ServerId};
use smallvec::SmallVec;
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

/// The service as one node would run it.
impl SequentialSpec for Prefix {
    type Op = Command;
    type Ret = Prefix;

    fn invoke(&mut self, command: &Command) -> Prefix {
        let before = *self;
        self.push(*command);
        before
    }
}

/// The clients. Each gives one command, and is named by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clients {
    operations: LinearizabilityTester<Command, Prefix>,
    promises: SmallVec<[Promise; 3]>,
    answers: u8,
}

/// A server took a command and said at which index it would be, if it were ever committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Promise {
    command: Command,
    server: ServerId,
    index: Index,
    /// Whether the client still waits: the server has neither crashed nor answered.
    is_open: bool,
}

impl Default for Clients {
    fn default() -> Self {
        let operations = LinearizabilityTester::new(Prefix::default());
        Clients { operations, promises: SmallVec::new(), answers: 0 }
    }
}

impl Clients {
    /// A server took a command.
    pub fn took(&mut self, server: ServerId, index: Index, command: Command) {
        // The tester refuses a client that has an operation under way; each has only one.
        let _ = self.operations.on_invoke(command, command);
        self.promises.push(Promise { command, server, index, is_open: true });
    }

    /// A server's service applied a command after others.
    pub fn applied(&mut self, server: ServerId, command: Command, before: Prefix) {
        let is_it = |promise: &&mut Promise| {
            promise.is_open && promise.server == server && promise.command == command
        };
        if let Some(promise) = self.promises.iter_mut().find(is_it) {
            promise.is_open = false;
            self.answers = self.answers.saturating_add(1);
            let _ = self.operations.on_return(command, before);
        }
    }

    /// A server stopped: whoever waited for it will never know.
    pub fn stopped(&mut self, server: ServerId) {
        for promise in self.promises.iter_mut().filter(|promise| promise.server == server) {
            promise.is_open = false;
        }
    }

    /// Whether what clients were answered could have come from one node that does one command after the other.
    pub fn is_linearizable(&self) -> bool {
        self.operations.serialized_history().is_some()
    }

    /// How many clients were answered.
    pub fn answers(&self) -> u8 {
        self.answers
    }

    /// Whether a server gave two clients the same index, and the command of the earlier is the one committed there
    /// while the later still waits.
    pub fn index_reappeared(&self, committed_at: impl Fn(Index) -> Option<Command>) -> bool {
        self.promises.iter().enumerate().filter(|(_, later)| later.is_open).any(|(place, later)| {
            let same = |earlier: &&Promise| (earlier.server, earlier.index) == (later.server, later.index);
            let earlier = self.promises.iter().take(place).find(same);
            earlier.is_some_and(|earlier| committed_at(earlier.index) == Some(earlier.command))
        })
    }

    /// The same clients, and servers under other names.
    #[must_use]
    pub fn renamed(&self, names: &[ServerId]) -> Clients {
        let mut renamed = self.clone();
        for Promise { server, .. } in &mut renamed.promises {
            *server = names.get(usize::from(server.0)).copied().unwrap_or(*server);
        }
        renamed
    }
}

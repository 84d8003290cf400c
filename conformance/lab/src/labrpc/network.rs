//! The network's state: ends, servers, settings, counts.

use super::event::{CallId, EndName, Observer};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;

/// A handler's work on one request: the encoded reply, or none.
pub type Handling = Pin<Box<dyn Future<Output = Option<Bytes>> + Send>>;

/// What a server does with a request.
pub trait Handler: Send + Sync + 'static {
    /// Starts to handle an encoded request.
    fn handle(&self, request: Bytes) -> Handling;
}

/// The simulated network; a cheap handle to it.
#[derive(Clone)]
pub struct Network {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) runtime: Handle,
    pub(super) observer: Arc<dyn Observer>,
    state: Mutex<State>,
}

struct State {
    random: StdRng,
    reliable: bool,
    long_reordering: bool,
    long_delays: bool,
    closed: bool,
    ends: BTreeMap<EndName, End>,
    servers: BTreeMap<u32, Registered>,
    registrations: u64,
    calls: u64,
    bytes: u64,
}

#[derive(Clone, Copy, Default)]
struct End {
    enabled: bool,
    server: Option<u32>,
}

/// A server as it was added; adding another under its name makes a new registration.
struct Registered {
    registration: u64,
    handler: Arc<dyn Handler>,
    calls: u64,
}

/// What a call meets, sampled when its processing starts.
pub(super) struct Sampled {
    pub(super) call: CallId,
    pub(super) reliable: bool,
    pub(super) long_reordering: bool,
    pub(super) long_delays: bool,
    pub(super) route: Option<Route>,
}

/// An enabled end's way to a server that is there.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) server: u32,
    pub(super) registration: u64,
    pub(super) handler: Arc<dyn Handler>,
}

impl Network {
    /// A reliable network without ends and servers, with short delays toward servers that are cut off.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(seed: u64, observer: Arc<dyn Observer>) -> Network {
        let state = State {
            random: StdRng::seed_from_u64(seed),
            reliable: true,
            long_reordering: false,
            long_delays: false,
            closed: false,
            ends: BTreeMap::new(),
            servers: BTreeMap::new(),
            registrations: 0,
            calls: 0,
            bytes: 0,
        };
        let shared = Shared { runtime: Handle::current(), observer, state: Mutex::new(state) };
        Network { shared: Arc::new(shared) }
    }

    /// Makes an end: disabled, and connected to no server. An end of that name starts over.
    pub fn make_end(&self, name: EndName) -> ClientEnd {
        self.shared.lock().ends.insert(name, End::default());
        ClientEnd { network: self.clone(), name }
    }

    /// Sets which server the end's calls go to.
    pub fn connect(&self, end: EndName, server: u32) {
        self.shared.lock().ends.entry(end).or_default().server = Some(server);
    }

    /// Enables or disables an end.
    pub fn enable(&self, end: EndName, enabled: bool) {
        self.shared.lock().ends.entry(end).or_default().enabled = enabled;
    }

    /// Adds a server, in the place of any of that name.
    pub fn add_server(&self, name: u32, handler: Arc<dyn Handler>) {
        let mut state = self.shared.lock();
        state.registrations += 1;
        let registration = state.registrations;
        state.servers.insert(name, Registered { registration, handler, calls: 0 });
    }

    /// Deletes a server: calls that it is handling fail.
    pub fn delete_server(&self, name: u32) {
        self.shared.lock().servers.remove(&name);
    }

    /// An unreliable network delays requests a little and drops requests and replies.
    pub fn set_reliable(&self, reliable: bool) {
        self.shared.lock().reliable = reliable;
    }

    /// Whether two replies in three are held back for long.
    pub fn set_long_reordering(&self, long: bool) {
        self.shared.lock().long_reordering = long;
    }

    /// Whether calls toward servers that are cut off or absent take up to 7 s to fail, instead of up to 100 ms.
    pub fn set_long_delays(&self, long: bool) {
        self.shared.lock().long_delays = long;
    }

    /// Ends the simulation: from now on calls fail at once.
    pub fn close(&self) {
        self.shared.lock().closed = true;
    }

    /// Counts a message that goes another way than this network's: a request to a server as a call, and the bytes of all.
    pub(crate) fn count_elsewhere(&self, server: u32, bytes: usize, is_request: bool) {
        let mut state = self.shared.lock();
        state.bytes += bytes as u64;
        if is_request {
            state.calls += 1;
            if let Some(server) = state.servers.get_mut(&server) {
                server.calls += 1;
            }
        }
    }

    /// How many calls were handed to the server since it was added; 0 if there is none.
    pub fn server_calls(&self, name: u32) -> u64 {
        self.shared.lock().servers.get(&name).map_or(0, |server| server.calls)
    }

    /// How many calls were made, including those that failed.
    pub fn total_calls(&self) -> u64 {
        self.shared.lock().calls
    }

    /// Bytes of all requests and of the delivered replies.
    pub fn total_bytes(&self) -> u64 {
        self.shared.lock().bytes
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in this module panics while it holds the lock, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call whose processing starts, and samples what it meets; none when the network is closed.
    pub(super) fn begin(&self, end: EndName, request_bytes: usize) -> Option<Sampled> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.calls += 1;
        state.bytes += request_bytes as u64;
        Some(Sampled {
            call: CallId { number: state.calls, end },
            reliable: state.reliable,
            long_reordering: state.long_reordering,
            long_delays: state.long_delays,
            route: state.route(end),
        })
    }

    /// Counts a call that is handed to its server.
    pub(super) fn count_handed(&self, route: &Route) {
        let mut state = self.lock();
        if let Some(server) = state.servers.get_mut(&route.server)
            && server.registration == route.registration
        {
            server.calls += 1;
        }
    }

    /// Counts a reply that is delivered.
    pub(super) fn count_reply(&self, reply_bytes: usize) {
        self.lock().bytes += reply_bytes as u64;
    }

    /// Whether the end is disabled, or the server deleted or replaced, since the route was sampled.
    pub(super) fn is_dead(&self, end: EndName, sampled: &Route) -> bool {
        let state = self.lock();
        state.closed || state.route(end).is_none_or(|now| now.registration != sampled.registration)
    }

    /// A random number from 0 to `below` - 1; 0 when `below` is 0.
    pub(super) fn random(&self, below: u64) -> u64 {
        if below == 0 { 0 } else { self.lock().random.random_range(0..below) }
    }
}

impl State {
    fn route(&self, end: EndName) -> Option<Route> {
        let end = self.ends.get(&end).filter(|end| end.enabled)?;
        let server = end.server?;
        let registered = self.servers.get(&server)?;
        Some(Route {
            server,
            registration: registered.registration,
            handler: Arc::clone(&registered.handler),
        })
    }
}

/// Where calls are made: one caller's way to one server.
#[derive(Clone)]
pub struct ClientEnd {
    network: Network,
    name: EndName,
}

impl ClientEnd {
    /// Calls the server; the reply, or none when the call failed.
    pub async fn call(&self, request: Bytes) -> Option<Bytes> {
        super::call::process(&self.network.shared, self.name, request).await
    }

    /// Calls the server in the background; `deliver` gets the reply, if one arrives.
    pub fn call_in_background(&self, request: Bytes, deliver: impl FnOnce(Bytes) + Send + 'static) {
        let end = self.clone();
        self.network.shared.runtime.spawn(async move {
            if let Some(reply) = end.call(request).await {
                deliver(reply);
            }
        });
    }
}

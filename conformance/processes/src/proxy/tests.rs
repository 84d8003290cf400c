//! Each weather does to bytes what it says, in its direction only.

use super::*;

/// A server that listens, and a connection through the proxies from server 0 to server 1.
struct World {
    proxies: Proxies,
    runtime: Runtime,
    listener: TcpListener,
}

const LONG: Duration = Duration::from_secs(60);

impl World {
    fn new() -> World {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let proxies = Proxies::start(2, |_| std::net::Ipv4Addr::LOCALHOST.into()).unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        proxies.set_target(1, listener.local_addr().unwrap());
        World { proxies, runtime, listener }
    }

    /// A connection: the end of server 0, which dialled, and that of server 1.
    fn connect(&self) -> (TcpStream, TcpStream) {
        self.runtime.block_on(async {
            let dialled = TcpStream::connect(self.proxies.address(0, 1)).await.unwrap();
            (dialled, self.listener.accept().await.unwrap().0)
        })
    }

    fn set(&self, from: usize, to: usize, weather: Weather) -> Felt {
        let felt = Felt::default();
        self.proxies.set(from, to, weather, LONG, &felt);
        felt
    }
}

async fn says(to: &mut TcpStream, what: &[u8]) {
    to.write_all(what).await.unwrap();
}

async fn hears(from: &mut TcpStream, what: &[u8]) {
    let mut heard = vec![0; what.len()];
    timeout(LONG, from.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(heard, what);
}

/// Whether the connection is reset, after it has given these bytes.
async fn is_reset_after(mut from: TcpStream, what: &[u8]) {
    let mut heard = Vec::new();
    let error = timeout(LONG, from.read_to_end(&mut heard)).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(heard, what);
}

#[test]
fn in_clear_weather_bytes_arrive_in_both_directions_and_so_does_the_end() {
    let world = World::new();
    let (mut zero, mut one) = world.connect();
    world.runtime.block_on(async {
        says(&mut zero, b"there").await;
        hears(&mut one, b"there").await;
        says(&mut one, b"back").await;
        zero.shutdown().await.unwrap();
        assert_eq!(one.read(&mut [0]).await.unwrap(), 0);
        // The other side can still say why.
        says(&mut one, b", and gone").await;
        drop(one);
        hears(&mut zero, b"back, and gone").await;
        assert_eq!(zero.read(&mut [0]).await.unwrap(), 0);
    });
}

#[test]
fn a_cut_resets_connections_and_refuses_new_ones_until_it_heals() {
    let world = World::new();
    let (zero, one) = world.connect();
    let felt = world.set(1, 0, Weather::Refused);
    world.runtime.block_on(async {
        is_reset_after(zero, b"").await;
        is_reset_after(one, b"").await;
    });
    assert!(felt.is_felt());
    world.runtime.block_on(async {
        match TcpStream::connect(world.proxies.address(0, 1)).await {
            Ok(refused) => is_reset_after(refused, b"").await,
            // It was so quick that the connection was never seen.
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        }
    });
    world.proxies.heal();
    let (mut zero, mut one) = world.connect();
    world.runtime.block_on(async {
        says(&mut zero, b"again").await;
        hears(&mut one, b"again").await;
    });
}

#[test]
fn half_open_one_direction_vanishes_and_the_other_arrives_and_what_lost_bytes_is_reset_later() {
    let world = World::new();
    let (mut zero, mut one) = world.connect();
    let felt = world.set(0, 1, Weather::Swallowed);
    world.runtime.block_on(async {
        says(&mut zero, b"lost").await;
        while !felt.is_felt() {
            sleep(Duration::from_millis(1)).await;
        }
        says(&mut one, b"heard").await;
        hears(&mut zero, b"heard").await;
        world.proxies.heal();
        says(&mut zero, b"this would be taken for what was lost").await;
        is_reset_after(one, b"").await;
    });
}

#[test]
fn a_connection_breaks_before_the_last_byte_and_only_once() {
    let world = World::new();
    let (mut zero, one) = world.connect();
    let felt = world.set(0, 1, Weather::Broken);
    world.runtime.block_on(async {
        says(&mut zero, b"whole").await;
        // Those that were written arrive before the reset: this side reads while it comes.
        is_reset_after(one, b"whol").await;
    });
    assert!(felt.is_felt());
    let (mut zero, mut one) = world.connect();
    world.runtime.block_on(async {
        says(&mut zero, b"whole").await;
        hears(&mut one, b"whole").await;
    });
}

#[test]
fn bytes_are_late_or_slow_and_none_is_lost() {
    let world = World::new();
    let (mut zero, mut one) = world.connect();
    let late = world.set(0, 1, Weather::Delayed(Duration::from_millis(150)));
    let slow = world.set(1, 0, Weather::Slow(1_000));
    world.runtime.block_on(async {
        let began = Instant::now();
        says(&mut zero, b"late").await;
        hears(&mut one, b"late").await;
        assert!(began.elapsed() >= Duration::from_millis(150));
        let began = Instant::now();
        says(&mut one, &[7; 100]).await;
        hears(&mut zero, &[7; 100]).await;
        // 100 of 1,000 a second, in steps of 20 ms.
        assert!(began.elapsed() >= Duration::from_millis(100));
    });
    assert!(late.is_felt() && slow.is_felt());
}

#[test]
fn a_condition_ends_by_itself() {
    let world = World::new();
    world.proxies.set(0, 1, Weather::Refused, Duration::ZERO, &Felt::default());
    let (mut zero, mut one) = world.connect();
    world.runtime.block_on(async {
        says(&mut zero, b"there").await;
        hears(&mut one, b"there").await;
    });
}

use figure2_testing::addresses::free;
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::thread;

#[test]
fn addresses_are_free_and_of_one_caller_each_and_none_that_a_system_picks() {
    let calls: Vec<_> = (0..8).map(|_| thread::spawn(|| free(50).unwrap())).collect();
    let given: Vec<_> = calls.into_iter().flat_map(|call| call.join().unwrap()).collect();
    assert_eq!(given.iter().collect::<BTreeSet<_>>().len(), 400);
    for address in given {
        assert!((10_000..30_000).contains(&address.port()), "{address}");
    }
    let [first] = free(1).unwrap()[..] else { panic!("one") };
    let taken = TcpListener::bind(first).unwrap();
    // As many as there are: all others, and then no more.
    assert!(!free(15_000).unwrap().contains(&taken.local_addr().unwrap()));
    let error = free(20_001).unwrap_err().to_string();
    assert!(error.contains("from 10000 to 29999"), "{error}");
}

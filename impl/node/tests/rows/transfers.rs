//! Leadership that is handed over.

use crate::world::{World, command};
use figure2::{ProposeError, RoleName, ServerId, TransferError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Commands go on being answered, and nobody waits for an election timeout.
#[tokio::test(start_paused = true)]
async fn leadership_moves_at_once_to_the_server_that_is_named() {
    let world = World::new(3);
    let leader = world.leader().await;
    world.commit(leader, 0..20, 16).await;
    let (next, term) = (world.others(leader)[1], world.term());
    let begun = Instant::now();
    assert_eq!(world.server(leader).raft.transfer_leadership(next.into()), Ok(()));
    let mut watch = world.server(next).raft.watch();
    while watch.status().role != RoleName::Leader {
        timeout(Duration::from_secs(1), watch.changed()).await.unwrap().unwrap();
    }
    assert!(begun.elapsed() < Duration::from_millis(50), "{:?}", begun.elapsed());
    assert_eq!(world.term().0, term.0 + 1, "one election");
    let committed = world.client(50, Duration::from_millis(20)).await;
    assert_eq!((committed, world.term().0), (50, term.0 + 1));
    let late = world.server(leader).raft.transfer_leadership(leader.into());
    let expected = TransferError::NotLeader { term: world.term(), leader: Some(ServerId(next)) };
    assert_eq!(late, Err(expected));
}

/// The target lacks what is committed, and gets it first.
#[tokio::test(start_paused = true)]
async fn a_server_that_lags_is_brought_up_to_date_and_then_leads() {
    let mut world = World::new(3);
    let leader = world.leader().await;
    let next = world.others(leader)[0];
    world.crash(next);
    world.commit(leader, 0..500, 1000).await;
    world.restart(next);
    assert_eq!(world.server(leader).raft.transfer_leadership(next.into()), Ok(()));
    let leads = |world: &World| world.leads().is_some_and(|(_, leads)| leads == next);
    assert!(world.within(1, leads).await, "{:?} leads", world.leads());
    assert!(world.within(1, |world| world.has_all_of(next, leader)).await);
}

/// "If leadership transfer does not complete after about an election timeout, the prior leader aborts the transfer and resumes
/// accepting client requests" (thesis, section 3.10).
#[tokio::test(start_paused = true)]
async fn a_transfer_to_a_server_that_is_away_is_given_up_and_commands_are_taken_again() {
    let world = World::new(3);
    let leader = world.leader().await;
    let (away, term) = (world.others(leader)[0], world.term());
    world.crash(away);
    let raft = &world.server(leader).raft;
    assert_eq!(raft.transfer_leadership(9), Err(TransferError::UnknownServer(9)));
    assert_eq!(raft.transfer_leadership(leader.into()), Err(TransferError::LeadsAlready(leader.into())));
    assert!(raft.propose(command(1, 16)).is_ok(), "nothing has begun");
    sleep(Duration::from_millis(100)).await;
    assert_eq!(raft.transfer_leadership(away.into()), Ok(()));
    let refused = raft.propose(command(2, 16)).map(|proposal| proposal.index);
    assert_eq!(refused, Err(ProposeError::Transferring { to: ServerId(away) }));
    assert!(refused.unwrap_err().to_string().contains(&format!("hands over to S{away}")));
    let submitted = raft.submit(command(3, 16)).await;
    assert_eq!(submitted, Err(ProposeError::Transferring { to: ServerId(away) }));
    sleep(world.options.election_timeout.end).await;
    assert!(raft.propose(command(4, 16)).is_ok(), "an election timeout later it takes commands again");
    assert_eq!((world.leads(), world.term()), (Some((term, leader)), term));
    raft.stop();
    assert_eq!(raft.transfer_leadership(away.into()), Err(TransferError::Stopped));
}

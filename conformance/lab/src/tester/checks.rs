//! The tester's questions to the connected servers: who leads?

use super::cluster::Cluster;
use super::failure::Failure;
use figure2::Term;
use std::time::Duration;
use tokio::time::sleep;

/// What a server says of itself, read at one moment: two separate reads could fabricate two leaders of one term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The server.
    pub server: usize,
    /// Its term.
    pub term: Term,
    /// Whether it believes it leads that term.
    pub is_leader: bool,
}

/// The leader of the highest term, if any server claims to be one.
///
/// # Errors
/// [`Failure::TwoLeaders`].
pub fn leader_of(claims: &[Claim]) -> Result<Option<usize>, Failure> {
    let mut leaders: Vec<&Claim> = claims.iter().filter(|claim| claim.is_leader).collect();
    leaders.sort_by_key(|claim| (claim.term, claim.server));
    if let Some(pair) = leaders.windows(2).find(|pair| pair[0].term == pair[1].term) {
        return Err(Failure::TwoLeaders {
            term: pair[0].term,
            servers: leaders.iter().filter(|l| l.term == pair[0].term).map(|l| l.server).collect(),
        });
    }
    Ok(leaders.last().map(|leader| leader.server))
}

/// The term of all servers; none when there are none.
///
/// # Errors
/// [`Failure::TermsDiffer`].
pub fn common_term(claims: &[Claim]) -> Result<Option<Term>, Failure> {
    let Some(first) = claims.first() else { return Ok(None) };
    match claims.iter().find(|claim| claim.term != first.term) {
        Some(other) => Err(Failure::TermsDiffer {
            first: first.server,
            first_term: first.term,
            second: other.server,
            second_term: other.term,
        }),
        None => Ok(Some(first.term)),
    }
}

impl Cluster {
    /// Finds the leader of the highest term among the connected servers, in at most 10 rounds that each start with a
    /// sleep of 450 to 549 ms.
    ///
    /// # Errors
    /// [`Failure::NoLeader`], [`Failure::TwoLeaders`].
    pub async fn one_leader(&self) -> Result<usize, Failure> {
        for _ in 0..10 {
            sleep(Duration::from_millis(450 + self.random(100))).await;
            if let Some(leader) = leader_of(&self.connected_claims().await)? {
                return Ok(leader);
            }
        }
        Err(Failure::NoLeader)
    }

    /// Checks that the connected servers are in one term, and says which; 0 when none is connected.
    ///
    /// # Errors
    /// [`Failure::TermsDiffer`].
    pub async fn terms_agree(&self) -> Result<Term, Failure> {
        Ok(common_term(&self.connected_claims().await)?.unwrap_or(Term::ZERO))
    }

    /// Checks that no connected server claims to be the leader.
    ///
    /// # Errors
    /// [`Failure::UnexpectedLeader`].
    pub async fn no_leader(&self) -> Result<(), Failure> {
        match self.connected_claims().await.into_iter().find(|claim| claim.is_leader) {
            Some(Claim { server, term, .. }) => Err(Failure::UnexpectedLeader { server, term }),
            None => Ok(()),
        }
    }
}

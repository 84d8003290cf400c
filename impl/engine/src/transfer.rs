//! Hands leadership over, at somebody's wish.

use crate::state::Timers;
use crate::{Input, Monitor, TransferError};
use figure2_core::{Outcome, ServerId};

impl<T: Timers> Monitor<T> {
    /// The leader begins to hand over to the server at this place (thesis, section 3.10); `id` is what an error calls it. The
    /// answer does not wait for anything: who leads in the end, the status shows.
    ///
    /// # Errors
    /// Why it is not begun.
    pub fn transfer_leadership(&self, to: ServerId, id: u64) -> Result<(), TransferError> {
        self.update(|state| match state.step(Input::TransferLeadership { to }) {
            Outcome::Transferring { .. } => Ok(()),
            Outcome::NoTransfer { .. } if to == state.server.id() => Err(TransferError::LeadsAlready(id)),
            Outcome::NoTransfer { .. } => Err(TransferError::UnknownServer(id)),
            _ => Err(TransferError::NotLeader {
                term: state.server.current_term(),
                leader: state.leader_but_me(),
            }),
        })
        .unwrap_or(Err(TransferError::Stopped))
    }
}

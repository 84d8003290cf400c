//! A linearization proof, the proof of a `holds`: an order of the operations, checked against the definition itself.

use super::history::{Action, Operation};

/// Why an order is no linearization of a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// An operation occurs twice, or does not exist.
    #[error("operation {0} occurs twice or does not exist")]
    NotOnce(u32),
    /// An operation that was done does not occur.
    #[error("operation {0} was done, and is missing")]
    Missing(u32),
    /// An operation comes after one that was invoked only when it had completed.
    #[error("operation {0} comes after one that was invoked when it had completed")]
    TooLate(u32),
    /// A get or a compare-and-set finds another value than it saw.
    #[error("operation {0} finds another value than it saw")]
    SawAnother(u32),
}

/// Replays `order`, places in `operations`, on the texts themselves and compares what each operation saw; checks that
/// every operation that was done occurs once, and that none comes after one that was invoked when it had completed.
/// Linear in the operations and the texts.
///
/// # Errors
/// The first condition that the order does not meet.
pub(crate) fn verify(operations: &[&Operation], initial: Option<&str>, order: &[u32]) -> Result<(), Invalid> {
    let mut taken = vec![false; operations.len()];
    let mut latest_invocation = 0;
    let mut value = initial.map(str::to_owned);
    for &at in order {
        match taken.get_mut(at as usize) {
            Some(taken) if !*taken => *taken = true,
            _ => return Err(Invalid::NotOnce(at)),
        }
        let operation = operations[at as usize];
        if operation.deadline() < latest_invocation {
            return Err(Invalid::TooLate(at));
        }
        latest_invocation = latest_invocation.max(operation.invoked);
        if operation.observed().is_some_and(|seen| seen != value.as_deref()) {
            return Err(Invalid::SawAnother(at));
        }
        write(&mut value, &operation.action);
    }
    match (0..operations.len()).find(|&at| !taken[at] && operations[at].deadline() < u64::MAX) {
        Some(at) => Err(Invalid::Missing(at as u32)),
        None => Ok(()),
    }
}

/// What `action` makes of `value`, where it can take effect.
pub(crate) fn write(value: &mut Option<String>, action: &Action) {
    match action {
        Action::Get => {}
        Action::Put(text) => *value = Some(text.clone()),
        Action::Append(piece) => value.get_or_insert_default().push_str(piece),
        Action::Cas { new, .. } => *value = Some(new.clone()),
    }
}

/// The value that `order` leaves.
pub(crate) fn replay(operations: &[&Operation], initial: Option<&str>, order: &[u32]) -> Option<String> {
    let mut value = initial.map(str::to_owned);
    for &at in order {
        write(&mut value, &operations[at as usize].action);
    }
    value
}

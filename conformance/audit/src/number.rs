//! Reads terms and indexes as a trace writes them.

use serde::{Deserialize, Deserializer, de};

/// Far beyond what a cluster reaches, and far enough from the largest number to count on from it.
const MOST: u64 = u64::MAX / 4;

/// A term or an index. One that no cluster reaches is no number but damage.
pub(super) fn reachable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    within_reach(u64::deserialize(deserializer)?)
}

/// The same, of a number that was read already.
pub(super) fn within_reach<E: de::Error>(number: u64) -> Result<u64, E> {
    if number > MOST {
        return Err(E::custom(format_args!("{number} is no term and no index that a cluster reaches")));
    }
    Ok(number)
}

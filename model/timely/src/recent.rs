//! The keys that a worker found lately: what is found again shortly afterwards need not be looked up.

/// So many are remembered; they fit a processor's second cache.
const MANY: usize = 1 << 13;

/// Keys with the keys from which they were found.
pub(crate) struct Recent(Vec<(u64, u64)>);

impl Recent {
    pub(crate) fn new() -> Recent {
        Recent(vec![(0, 0); MANY])
    }

    /// Whether the key is known to have been found from this one, or from a smaller one: then that is nothing new. (What was
    /// remembered on an earlier level is a state that was known then.)
    pub(crate) fn knows(&mut self, key: u64, before: u64) -> bool {
        // The last bits choose the worker.
        let place = usize::try_from(key >> 20).unwrap_or_default() % MANY;
        let Some(recent) = self.0.get_mut(place) else { return false };
        if recent.0 == key && recent.1 <= before {
            return true;
        }
        *recent = (key, before);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_from_a_smaller_key_is_known() {
        let mut recent = Recent::new();
        let key = 7 << 40;
        assert!(!recent.knows(key, 5));
        assert!(recent.knows(key, 5) && recent.knows(key, 6));
        assert!(!recent.knows(key, 4));
        assert!(recent.knows(key, 4));
        assert!(!recent.knows(key + (1 << 30), 4));
    }
}

//! Collects what is found while the lines are read.

use crate::property::{Findings, Property};
use crate::unexplained::{Cause, Collected};

/// What is violated, and what is not explained.
pub(super) struct Notes {
    pub(super) findings: Findings,
    pub(super) unexplained: Collected,
}

impl Notes {
    /// Looks at a property: false means that no lines that may be missing could make it right.
    pub(super) fn expect(&mut self, property: Property, holds: bool, what: impl FnOnce() -> String) {
        self.findings.expect(property, holds, what);
    }

    /// Looks at what a whole trace of a correct cluster must have here.
    pub(super) fn explained(&mut self, cause: Cause, is: bool, what: impl FnOnce() -> String) {
        if !is {
            self.unexplained.add(cause, &self.findings.here, what);
        }
    }
}

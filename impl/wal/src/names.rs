//! The names of the files in the directory.

use crate::format::LIMIT;

/// Locked as long as a server runs on the directory.
pub(crate) const LOCK: &str = "lock";

/// Whose directory it is.
pub(crate) const IDENTITY: &str = "identity";

/// The identity while it is being written.
pub(crate) const IDENTITY_NEW: &str = "identity-new";

const SEGMENT: &str = "log-";
const SPARE: &str = "spare-";
const SNAPSHOT: &str = "snapshot-";

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Lock,
    Identity,
    IdentityNew,
    /// A segment of the log, by its place in it.
    Segment(u64),
    /// A file that will become a segment.
    Spare(u64),
    Snapshot(u64),
    /// Nothing of ours.
    Other,
}

pub(crate) fn parse(name: &str) -> Name {
    let number = |prefix| {
        let digits: &str = name.strip_prefix(prefix)?;
        let number = u64::from_str_radix(digits, 16).ok()?;
        let is_name = digits.len() == 16 && format!("{number:016x}") == digits && number < LIMIT;
        is_name.then_some(number)
    };
    match name {
        LOCK => Name::Lock,
        IDENTITY => Name::Identity,
        IDENTITY_NEW => Name::IdentityNew,
        _ => None
            .or_else(|| number(SEGMENT).map(Name::Segment))
            .or_else(|| number(SPARE).map(Name::Spare))
            .or_else(|| number(SNAPSHOT).map(Name::Snapshot))
            .unwrap_or(Name::Other),
    }
}

pub(crate) fn segment(place: u64) -> String {
    format!("{SEGMENT}{place:016x}")
}

pub(crate) fn spare(number: u64) -> String {
    format!("{SPARE}{number:016x}")
}

pub(crate) fn snapshot(number: u64) -> String {
    format!("{SNAPSHOT}{number:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for number in [0, 1, 255, LIMIT - 1] {
            assert_eq!(parse(&segment(number)), Name::Segment(number));
            assert_eq!(parse(&spare(number)), Name::Spare(number));
            assert_eq!(parse(&snapshot(number)), Name::Snapshot(number));
        }
        for other in ["log-1", "log-000000000000000G", "log-00000000000000FF", "snapshot-", "x", "LOCK"] {
            assert_eq!(parse(other), Name::Other, "{other}");
        }
        for other in [segment(LIMIT), spare(u64::MAX), snapshot(u64::MAX)] {
            assert_eq!(parse(&other), Name::Other, "{other}");
        }
    }
}

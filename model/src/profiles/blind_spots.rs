//! Small profiles of every change that see what the large ones do not: messages of several entries, limits, what
//! follows a snapshot, a base that moves twice, and steps that share a write.

use super::{BASE, Profile, REPLICATION_RULES, new};
use crate::cluster::bounds::{Apply, Bounds, Budget, Limits};
use crate::properties::Witness;
use figure2_core::Rule;

/// Bytes of the entries of c1 and c2: c2 and c3 take two more.
const TWO_ENTRIES: u64 = 35;

/// Snapshots need services that apply when they like.
const SNAPSHOTS: Bounds = Bounds {
    terms: 1,
    client_requests: 3,
    snapshots: 1,
    duplications: Budget::AtMost(0),
    entries_per_message: 2,
    apply: Apply::Separately,
    ..BASE
};

pub fn batches() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::TwoLeaders, Witness::Commit, Witness::OlderCommitted],
        rules: [&REPLICATION_RULES[..], &[Rule::AE3]].concat(),
        ..new(
            "batches",
            "Two entries in a message, after one of them was lost or refused; messages are lost, duplicated and reordered.",
            Bounds { client_requests: 2, entries_per_message: 2, ..BASE },
        )
    }
}

pub fn limits() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit],
        rules: [&REPLICATION_RULES[..], &[Rule::L2B, Rule::L3B, Rule::L3W]].concat(),
        ..new(
            "limits",
            "A log is caught up with in parts: of three commands, one message, what is in flight, and what waits to be \
             committed hold the first two and no others.",
            Bounds {
                client_requests: 3,
                entries_per_message: 2,
                duplications: Budget::AtMost(0),
                limits: Limits {
                    message: TWO_ENTRIES,
                    in_flight: TWO_ENTRIES,
                    uncommitted: TWO_ENTRIES,
                    ..Limits::NONE
                },
                ..BASE
            },
        )
    }
}

pub fn too_large() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit],
        rules: vec![Rule::L2, Rule::L2L],
        ..new(
            "too-large",
            "A single server, and a command that is larger than any may be.",
            Bounds {
                servers: 1,
                terms: 1,
                client_requests: 2,
                in_flight: 1,
                limits: Limits { command: 1, ..Limits::NONE },
                ..BASE
            },
        )
    }
}

pub fn snapshot_batch() -> Profile {
    Profile {
        sometimes: vec![Witness::Commit, Witness::InstalledSnapshot],
        rules: [SNAPSHOT_RULES_OF_ONE_TERM, &[Rule::AE2, Rule::AE3, Rule::AE4]].concat(),
        ..new(
            "snapshot-batch",
            "Messages of two entries and a snapshot, over two terms: they begin below the base of a follower's log.",
            Bounds { terms: 2, client_requests: 2, ..SNAPSHOTS },
        )
    }
}

pub fn snapshot_suffix() -> Profile {
    Profile {
        sometimes: vec![Witness::Commit, Witness::InstalledSnapshot],
        rules: [SNAPSHOT_RULES_OF_ONE_TERM, &[Rule::S2W, Rule::L3B]].concat(),
        ..new("snapshot-suffix", "A snapshot with two more entries behind it.", SNAPSHOTS)
    }
}

pub fn snapshot_twice() -> Profile {
    Profile {
        sometimes: vec![Witness::Commit, Witness::InstalledSnapshot],
        rules: [SNAPSHOT_RULES_OF_ONE_TERM, &[Rule::S2W, Rule::S3F]].concat(),
        ..new(
            "snapshot-twice",
            "A second snapshot, on the same server or on another, while the first is sent, taken in, or lost again.",
            Bounds { snapshots: 2, ..SNAPSHOTS },
        )
    }
}

pub fn snapshot_retained() -> Profile {
    Profile {
        sometimes: vec![Witness::Commit, Witness::InstalledSnapshot],
        rules: vec![Rule::S1, Rule::S1K, Rule::S2],
        ..new(
            "snapshot-retained",
            "A leader keeps an entry that a follower still lacks, and not two, when its service took a snapshot.",
            Bounds { client_requests: 2, limits: Limits { retained: 17, ..Limits::NONE }, ..SNAPSHOTS },
        )
    }
}

pub fn power_loss_snapshots_1() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::OlderCommitted, Witness::RecoveredCrash],
        rules: vec![Rule::P1, Rule::P2, Rule::P3, Rule::S1, Rule::A1],
        ..new(
            "power-loss-snapshots-1",
            "A single server that takes two snapshots; up to three steps share a write, or are lost but for any prefix.",
            Bounds {
                servers: 1,
                terms: 3,
                client_requests: 3,
                crashes: 2,
                unwritten: 3,
                snapshots: 2,
                in_flight: 1,
                apply: Apply::Separately,
                ..BASE
            },
        )
    }
}

pub fn power_loss_snapshots() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::RecoveredCrash],
        rules: vec![Rule::P1, Rule::P2, Rule::P3, Rule::S1, Rule::AE4],
        ..new(
            "power-loss-snapshots",
            "2 servers, a snapshot, and two steps that share a write or have one each; a crash may keep the first only.",
            Bounds {
                servers: 2,
                terms: 2,
                client_requests: 2,
                crashes: 1,
                unwritten: 2,
                in_flight: 1,
                ..SNAPSHOTS
            },
        )
    }
}

pub fn shared_write() -> Profile {
    Profile {
        script: super::CONFLICT_AND_WRITES.to_vec(),
        sometimes: vec![Witness::Leader, Witness::Commit],
        rules: vec![Rule::P2, Rule::AE3, Rule::AE4],
        ..new(
            "shared-write",
            "What is deleted, and what takes its place, may share a write.",
            Bounds {
                client_requests: 4,
                unwritten: 2,
                in_flight: 3,
                losses: Budget::AtMost(0),
                duplications: Budget::AtMost(0),
                ..BASE
            },
        )
    }
}

pub fn late_acknowledgement() -> Profile {
    Profile {
        script: super::LATE_ACKNOWLEDGEMENT.to_vec(),
        sometimes: vec![Witness::Leader, Witness::Commit],
        rules: vec![Rule::R1, Rule::L3S, Rule::L4],
        ..new(
            "late-acknowledgement",
            "5 servers; an acknowledgement that a leader was sent two terms ago reaches it now that it leads again, with \
             other entries at those indexes.",
            Bounds {
                servers: 5,
                terms: 3,
                client_requests: 4,
                in_flight: 5,
                losses: Budget::AtMost(0),
                duplications: Budget::AtMost(0),
                ..BASE
            },
        )
    }
}

pub fn split_votes() -> Profile {
    Profile {
        script: super::TWO_CANDIDATES.to_vec(),
        sometimes: vec![Witness::Leader],
        rules: vec![Rule::C2, Rule::C4],
        ..new(
            "split-votes",
            "4 servers whose votes in term 1 are split between two candidates: one of them, or another, stands again.",
            Bounds { servers: 4, in_flight: 3, ..BASE },
        )
    }
}

pub fn more_room() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit],
        rules: vec![Rule::C1R, Rule::L1, Rule::L1R, Rule::L3S],
        ..new(
            "more-room",
            "One term and one command, and room for four messages: what is repeated is on its way beside what it repeats.",
            Bounds { terms: 1, client_requests: 1, in_flight: 4, ..BASE },
        )
    }
}

/// Bytes of the entry of c2: that of c1 takes one less.
const ONE_ENTRY: u64 = 18;

pub fn limits_of_one() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit],
        rules: vec![Rule::L3B, Rule::L3W],
        ..new(
            "limits-of-one",
            "2 servers; one entry may be in flight, and a message may be larger.",
            Bounds {
                servers: 2,
                terms: 1,
                client_requests: 2,
                entries_per_message: 2,
                limits: Limits { in_flight: ONE_ENTRY, ..Limits::NONE },
                ..BASE
            },
        )
    }
}

pub fn limits_and_snapshot() -> Profile {
    Profile {
        sometimes: vec![Witness::Leader, Witness::Commit],
        rules: vec![Rule::S1, Rule::L3W],
        ..new(
            "limits-and-snapshot",
            "One entry may be in flight, and the leader's service takes a snapshot while it is.",
            Bounds {
                client_requests: 2,
                entries_per_message: 1,
                limits: Limits { in_flight: ONE_ENTRY, ..Limits::NONE },
                ..SNAPSHOTS
            },
        )
    }
}

pub fn snapshot_conflict() -> Profile {
    Profile {
        script: super::CONFLICTING_SUFFIX.to_vec(),
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::InstalledSnapshot],
        rules: vec![Rule::A1, Rule::S1, Rule::S2, Rule::IS5, Rule::IS7, Rule::IS8],
        ..new(
            "snapshot-conflict",
            "A leader's snapshot covers c3, and a follower has c1 and c2 of an older term instead, which it must give up.",
            Bounds { terms: 2, entries_per_message: 1, ..SNAPSHOTS },
        )
    }
}

pub fn snapshot_edge() -> Profile {
    Profile {
        script: super::CONFLICT_BEHIND_COMMITTED.to_vec(),
        sometimes: vec![Witness::Leader, Witness::Commit],
        rules: vec![Rule::A1, Rule::AE2, Rule::AE3, Rule::AE4],
        ..new(
            "snapshot-edge",
            "Behind the base of its log a follower has an entry of an older term, where the leader's log has another.",
            Bounds { terms: 2, entries_per_message: 1, ..SNAPSHOTS },
        )
    }
}

pub fn old_snapshot() -> Profile {
    Profile {
        script: super::ONE_COMMITTED.to_vec(),
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::TwoLeaders],
        rules: vec![Rule::IS1],
        ..new(
            "old-snapshot",
            "A leader's snapshot reaches a follower that has voted for the next leader in between.",
            Bounds { terms: 2, client_requests: 1, in_flight: 3, entries_per_message: 1, ..SNAPSHOTS },
        )
    }
}

pub fn longer_log() -> Profile {
    Profile {
        script: super::CONFLICTING_SUFFIX.to_vec(),
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::TwoLeaders],
        rules: vec![Rule::RV2, Rule::RV2U],
        ..new(
            "longer-log",
            "A server with a longer log of an older term asks those for votes that have committed an entry of a newer one.",
            Bounds { terms: 3, client_requests: 3, ..BASE },
        )
    }
}

/// What fires where one leader and a snapshot are: it sends none to a follower that has what the snapshot covers.
const SNAPSHOT_RULES_OF_ONE_TERM: &[Rule] =
    &[Rule::S1, Rule::S2, Rule::S3, Rule::IS5, Rule::IS7, Rule::IS8, Rule::IS8R];

//! The clusters in which mutants are explored: the smallest that shows the bug, starting from servers that never ran
//! or from a script that leads close to it.

use crate::cluster::bounds::{Apply, Bounds, Budget, Limits, Sending};
use crate::cluster::script::ScriptStep::{
    self, Exchange, LoseAll, LoseAllBut, Pass, Request, Timeout, Transfer,
};
pub(super) use crate::profiles::{CONFLICTING_SUFFIX, ONE_COMMITTED, TWO_CANDIDATES};
use crate::profiles::{LATE_ACKNOWLEDGEMENT as LATE_SCRIPT, Profile, figure8};
use figure2_core::Extensions;

/// What a mutant needs to show itself; all that is not named here is as in [`NEEDS`].
#[derive(Clone, Copy)]
pub struct Needs {
    pub servers: u8,
    pub terms: u8,
    pub client_requests: u8,
    pub crashes: u8,
    pub snapshots: u8,
    pub unwritten: u8,
    pub failed_writes: u8,
    pub in_flight: u8,
    pub entries_per_message: u32,
    pub sending: Sending,
    pub limits: Limits,
    /// Whether messages are lost and duplicated.
    pub lossy: bool,
    /// Whether what clients see is recorded.
    pub clients: bool,
    /// What servers do beyond Figure 2.
    pub extensions: Extensions,
    /// How often somebody asks a leader to hand over.
    pub transfers: u8,
    pub script: &'static [ScriptStep],
}

/// Three servers, two terms.
pub const NEEDS: Needs = Needs {
    servers: 3,
    terms: 2,
    client_requests: 0,
    crashes: 0,
    snapshots: 0,
    unwritten: 0,
    failed_writes: 0,
    in_flight: 2,
    entries_per_message: 1,
    sending: Sending::AtOnce,
    limits: Limits::NONE,
    lossy: true,
    clients: false,
    extensions: Extensions::NONE,
    transfers: 0,
    script: &[],
};

/// One server, one term: what a node does wrong by itself.
pub const ALONE: Needs = Needs { servers: 1, terms: 1, in_flight: 0, ..NEEDS };

/// One election.
pub const ELECTION: Needs = Needs { terms: 1, ..NEEDS };

/// One leader and a number of commands.
pub const fn one_term(client_requests: u8) -> Needs {
    Needs { terms: 1, client_requests, ..NEEDS }
}

/// Two leaders and a number of commands.
pub const fn entries(client_requests: u8) -> Needs {
    Needs { client_requests, ..NEEDS }
}

/// One snapshot and a number of commands.
pub const fn snapshot(client_requests: u8) -> Needs {
    Needs { client_requests, snapshots: 1, ..NEEDS }
}

/// A leader whose service takes a snapshot, and nothing else happens.
pub const fn snapshot_in_one_term(client_requests: u8) -> Needs {
    Needs { client_requests, snapshots: 1, terms: 1, ..NEEDS }
}

/// One power loss while a write lags.
pub const POWER_LOSS: Needs = Needs { crashes: 1, unwritten: 1, ..NEEDS };

/// S0 leads term 1 by the vote of S1, and has just sent c1 and c2 to it.
pub const TWO_ON_THEIR_WAY: Needs = Needs {
    terms: 1,
    client_requests: 2,
    snapshots: 1,
    in_flight: 4,
    lossy: false,
    script: &[Timeout(0), Exchange(0, 1), LoseAll, Request(0), Request(0)],
    ..NEEDS
};

/// Four servers, of which S0 leads term 1: with a follower it is half of them.
pub const FOUR: Needs = Needs {
    servers: 4,
    terms: 1,
    client_requests: 1,
    in_flight: 3,
    script: &[Timeout(0), Exchange(0, 1), Exchange(0, 2), LoseAll],
    ..NEEDS
};

/// Of five servers, S0 led term 1; S1 has its c1 and c2, and the acknowledgement is still on its way. S2 led term 2
/// by the votes of S3 and S4, and its c3 took the place of both at S0. S0 leads term 3 and has c4.
pub const LATE_ACKNOWLEDGEMENT: Needs = Needs {
    servers: 5,
    terms: 3,
    client_requests: 4,
    in_flight: 5,
    lossy: false,
    script: LATE_SCRIPT,
    ..NEEDS
};

/// Servers with PreVote, and one term.
pub const PRE_VOTE: Needs =
    Needs { terms: 1, extensions: Extensions { pre_vote: true, check_quorum: false }, ..NEEDS };

/// The same with four servers.
pub const PRE_VOTE_4: Needs = Needs { servers: 4, in_flight: 3, ..PRE_VOTE };

/// The same with two terms.
pub const PRE_VOTE_TWICE: Needs = Needs { terms: 2, ..PRE_VOTE };

/// S0 leads term 1, and has a command that reached S1 alone.
pub const PRE_VOTE_ENTRY: Needs = Needs {
    terms: 2,
    client_requests: 1,
    script: &[Timeout(0), Exchange(0, 1), LoseAll, Request(0), Exchange(0, 1), LoseAll],
    ..PRE_VOTE
};

/// S0 leads term 1, and all have its command; a server may crash.
pub const EQUAL_LOGS: Needs = Needs {
    terms: 2,
    client_requests: 1,
    crashes: 1,
    script: &[
        Timeout(0),
        Exchange(0, 1),
        Exchange(0, 2),
        Request(0),
        Exchange(0, 1),
        Exchange(0, 2),
        LoseAll,
    ],
    ..PRE_VOTE
};

/// Servers with CheckQuorum, and two terms.
pub const CHECK_QUORUM: Needs =
    Needs { extensions: Extensions { pre_vote: false, check_quorum: true }, ..NEEDS };

/// The same with four servers, of which S0 leads term 1.
pub const CHECK_QUORUM_4: Needs = Needs {
    servers: 4,
    in_flight: 3,
    script: &[Timeout(0), Exchange(0, 1), Exchange(0, 2), LoseAll],
    ..CHECK_QUORUM
};

/// S0 leads term 1, and the answer of S1 to its first heartbeat is on its way.
pub const LATE_ANSWER: Needs = Needs {
    in_flight: 3,
    script: &[Timeout(0), Pass(0, 1), Pass(1, 0), Pass(0, 1), LoseAllBut(1, 0)],
    ..CHECK_QUORUM
};

/// S0 leads term 1, and somebody may ask it to hand over.
pub const TRANSFER: Needs = Needs {
    client_requests: 1,
    transfers: 1,
    script: &[Timeout(0), Exchange(0, 1), Exchange(0, 2), LoseAll],
    ..CHECK_QUORUM
};

/// The same, where all servers have all extensions.
pub const TRANSFER_ALL: Needs = Needs { extensions: Extensions::ALL, ..TRANSFER };

/// S0 leads term 1, has a command that nobody else has, and hands over to S1.
pub const HANDING_OVER: Needs = Needs {
    script: &[Timeout(0), Exchange(0, 1), Exchange(0, 2), Request(0), LoseAll, Transfer(0, 1)],
    ..TRANSFER
};

/// The case of Figure 8, from the middle of the paper's history.
pub const FIGURE_8: FromFigure8 = FromFigure8;

/// See [`FIGURE_8`].
pub struct FromFigure8;

impl From<FromFigure8> for Profile {
    fn from(_: FromFigure8) -> Profile {
        Needs::default_profile(figure8())
    }
}

impl Needs {
    fn default_profile(profile: Profile) -> Profile {
        Profile {
            name: "mutant".to_owned(),
            description: "the least that shows the bug".to_owned(),
            bounds: Bounds { apply: Apply::Separately, ..profile.bounds },
            symmetry: false,
            script: profile.script,
            always: Vec::new(),
            sometimes: Vec::new(),
            rules: Vec::new(),
        }
    }
}

impl From<Needs> for Profile {
    fn from(needs: Needs) -> Profile {
        let often = if needs.lossy { Budget::Unlimited } else { Budget::AtMost(0) };
        let mut profile = Needs::default_profile(figure8());
        profile.script = needs.script.to_vec();
        profile.bounds = Bounds {
            servers: needs.servers,
            terms: needs.terms,
            client_requests: needs.client_requests,
            crashes: needs.crashes,
            losses: often,
            duplications: often,
            snapshots: needs.snapshots,
            unwritten: needs.unwritten,
            failed_writes: needs.failed_writes,
            in_flight: needs.in_flight,
            entries_per_message: needs.entries_per_message,
            sending: needs.sending,
            limits: needs.limits,
            clients: needs.clients,
            extensions: needs.extensions,
            transfers: needs.transfers,
            ..profile.bounds
        };
        profile
    }
}

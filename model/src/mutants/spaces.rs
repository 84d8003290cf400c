//! The clusters in which mutants are explored: the smallest that shows the bug, starting from servers that never ran
//! or from a script that leads close to it.

use crate::cluster::bounds::{Apply, Bounds, Budget, Limits, Sending};
use crate::cluster::script::ScriptStep::{self, Exchange, LoseAll, Request, Timeout};
pub(super) use crate::profiles::{CONFLICTING_SUFFIX, ONE_COMMITTED, TWO_CANDIDATES};
use crate::profiles::{LATE_ACKNOWLEDGEMENT as LATE_SCRIPT, Profile, figure8};

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
            ..profile.bounds
        };
        profile
    }
}

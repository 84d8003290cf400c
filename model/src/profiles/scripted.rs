//! Profiles that begin in the middle of a history, to which a fixed sequence of steps leads.

use super::{BASE, Profile, new};
use crate::cluster::bounds::{Bounds, Budget};
use crate::cluster::script::ScriptStep;
use crate::properties::Witness;
use figure2_core::Rule;

/// S0 leads term 1 and has committed c1 with S1.
pub const ONE_COMMITTED: &[ScriptStep] = {
    use ScriptStep::{Exchange, LoseAll, Request, Timeout};
    &[Timeout(0), Exchange(0, 1), Request(0), Exchange(0, 1), LoseAll]
};

/// S0 led term 1, committed c1 with S1, and has c2 alone; S1 leads term 2 by the vote of S2.
pub const CONFLICT_BEHIND_COMMITTED: &[ScriptStep] = {
    use ScriptStep::{Exchange, LoseAll, Request, Timeout};
    &[
        Timeout(0),
        Exchange(0, 1),
        Request(0),
        Exchange(0, 1),
        LoseAll,
        Request(0),
        LoseAll,
        Timeout(1),
        Exchange(1, 2),
        LoseAll,
    ]
};

/// S0 led term 1 and has c1 and c2, uncommitted; S1 leads term 2 and has committed c3 with S2.
pub const CONFLICTING_SUFFIX: &[ScriptStep] = {
    use ScriptStep::{Exchange, LoseAll, Request, Timeout};
    &[
        Timeout(0),
        Exchange(0, 1),
        Exchange(0, 2),
        Request(0),
        Request(0),
        LoseAll,
        Timeout(1),
        Exchange(1, 2),
        LoseAll,
        Request(1),
        Exchange(1, 2),
        LoseAll,
    ]
};

/// Of five servers, S0 led term 1; S1 has its c1 and c2, and the acknowledgement is still on its way. S2 led term 2
/// by the votes of S3 and S4, and its c3 took the place of both at S0. S0 leads term 3 and has c4.
pub const LATE_ACKNOWLEDGEMENT: &[ScriptStep] = {
    use ScriptStep::{Exchange, LoseAllBut, Pass, Request, Timeout};
    &[
        Timeout(0),
        Exchange(0, 1),
        Exchange(0, 3),
        Exchange(0, 1),
        Request(0),
        Exchange(0, 1),
        Request(0),
        Pass(0, 1),
        LoseAllBut(1, 0),
        Timeout(2),
        Timeout(2),
        Exchange(2, 3),
        Exchange(2, 4),
        Exchange(2, 0),
        Request(2),
        Exchange(2, 0),
        LoseAllBut(1, 0),
        Timeout(0),
        Exchange(0, 3),
        Exchange(0, 4),
        LoseAllBut(1, 0),
        Request(0),
    ]
};

/// Of four servers S0 and S3 are candidates of term 1, each with the vote of one other.
pub const TWO_CANDIDATES: &[ScriptStep] = {
    use ScriptStep::{Exchange, LoseAll, Timeout};
    &[Timeout(0), Exchange(0, 1), LoseAll, Timeout(3), Exchange(3, 2), LoseAll]
};

/// S0 led term 1, and its c1 and c2 reached nobody. S1 leads term 2 by the vote of S2, S0 is its follower, and its c3 is
/// on its way there. Writes lag, and those until here are done.
pub const CONFLICT_AND_WRITES: &[ScriptStep] = {
    use ScriptStep::{Heartbeat, LoseAll, Pass, Request, Timeout, Write};
    &[
        Timeout(0),
        Write(0),
        Pass(0, 1),
        Write(1),
        Pass(1, 0),
        LoseAll,
        Request(0),
        Request(0),
        Write(0),
        LoseAll,
        Timeout(1),
        Write(1),
        Pass(1, 2),
        Write(2),
        Pass(2, 1),
        LoseAll,
        Heartbeat(1),
        Pass(1, 0),
        Write(0),
        Pass(0, 1),
        LoseAll,
        Request(1),
        Write(1),
    ]
};

/// The late part of Figure 8, for mutants.
pub fn figure8() -> Profile {
    use ScriptStep::{Crash, Exchange, LoseAll, Request, Restart, Timeout};
    Profile {
        script: vec![
            // (a) S0 leads term 1, and its entry c1 reaches nobody.
            Timeout(0),
            Exchange(0, 1),
            Exchange(0, 2),
            Request(0),
            LoseAll,
            // (b) S0 crashes; S2 leads term 2 by the vote of S1, and takes in c2 at the same index.
            Crash(0),
            Timeout(2),
            Exchange(2, 1),
            Request(2),
            LoseAll,
            // Towards (c): S2 crashes; S0 restarts and asks for votes, in vain in term 2, and then in term 3.
            Crash(2),
            Restart(0),
            Timeout(0),
            LoseAll,
            Timeout(0),
        ],
        sometimes: vec![Witness::Leader, Witness::Commit, Witness::Figure8, Witness::OlderCommitted],
        rules: vec![Rule::L4, Rule::RV2U],
        ..new(
            "figure8-late",
            "The case of Figure 8, from the middle of the paper's history: scripted steps of the core lead almost to (c), with 3 \
             servers for the paper's 5 (S0 is its S1, S2 its S5).",
            Bounds { terms: 4, client_requests: 3, crashes: 1, ..BASE },
        )
    }
}

/// The Students' Guide's reappearing index.
pub fn reappearing_index() -> Profile {
    use ScriptStep::{Crash, Exchange, Heartbeat, LoseAll, Pass, Request, Timeout};
    Profile {
        script: vec![
            // S0 leads term 1; c1 and c2 reach S1 alone. Their clients were told indexes 1 and 2.
            Timeout(0),
            Exchange(0, 1),
            Exchange(0, 3),
            LoseAll,
            Request(0),
            Request(0),
            LoseAll,
            Heartbeat(0),
            Exchange(0, 1),
            LoseAll,
            // S2 leads term 2; its c3 replaces both on S0. Then S2 dies.
            Timeout(2),
            LoseAll,
            Timeout(2),
            Exchange(2, 3),
            Exchange(2, 4),
            LoseAll,
            Request(2),
            LoseAll,
            Heartbeat(2),
            Exchange(2, 0),
            LoseAll,
            Crash(2),
            // S0 leads term 3, and tells another client index 2: c4, which reaches nobody.
            Timeout(0),
            Exchange(0, 3),
            Pass(0, 4),
            Pass(4, 0),
            LoseAll,
            Request(0),
            LoseAll,
            // S1 leads term 4, with c1 and c2 in its log.
            Timeout(1),
            LoseAll,
            Timeout(1),
            LoseAll,
            Timeout(1),
            Exchange(1, 3),
            Exchange(1, 4),
            LoseAll,
        ],
        sometimes: vec![Witness::TwoLeaders, Witness::OlderCommitted, Witness::ReappearingIndex],
        rules: vec![Rule::L2, Rule::L3F, Rule::L4],
        ..new(
            "reappearing-index",
            "One leader tells two clients the same index, in two terms, and the command of the first is committed there. \
             Scripted steps of the core lead to the last leader's first command; then everything is explored.",
            Bounds {
                servers: 5,
                terms: 4,
                client_requests: 5,
                in_flight: 4,
                losses: Budget::AtMost(1),
                duplications: Budget::AtMost(0),
                clients: true,
                ..BASE
            },
        )
    }
}

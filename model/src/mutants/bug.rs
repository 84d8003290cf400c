//! How a bug is written: only the methods that it replaces.

use crate::cluster::prefix::{Command, Prefix};
use figure2_core::{Change, Effects, Message};

/// A server of the model, as bugs get it.
pub type Server = figure2_core::Server<Command, Prefix>;
/// The effects of a step.
pub type Fx = Effects<Command, Prefix>;
/// What a message says.
pub type Said = Message<Command, Prefix>;
/// A change of the persistent state.
pub type Saved = Change<Command, Prefix>;

/// `broken!(Trait { methods } ...)`: the rules of Figure 2 and the extensions, with these methods replaced. The traits stand
/// in the order below; those that are not named keep every default. Where an extension takes the place of a rule of Figure 2
/// it does so here, too: no bug replaces these four methods.
macro_rules! broken {
    (
        $(Persistence { $($persistence:tt)* })?
        $(AllServers { $($all_servers:tt)* })?
        $(RequestVoteReceiver { $($request_vote:tt)* })?
        $(AppendEntriesReceiver { $($append_entries:tt)* })?
        $(Replication { $($replication:tt)* })?
        $(Transfer { $($transfer:tt)* })?
        $(Leaders { $($leaders:tt)* })?
        $(Candidates { $($candidates:tt)* })?
        $(Snapshots { $($snapshots:tt)* })?
        $(Validation { $($validation:tt)* })?
        $(PreVoting { $($pre_voting:tt)* })?
        $(CheckQuorum { $($check_quorum:tt)* })?
        $(TransferTarget { $($transfer_target:tt)* })?
        $(Rules { $($rules:tt)* })?
    ) => {{
        use figure2_core::rules::*;

        struct Broken;
        impl Persistence<crate::Command, crate::Prefix> for Broken { $($($persistence)*)? }
        impl AllServers<crate::Command, crate::Prefix> for Broken { $($($all_servers)*)? }
        impl RequestVoteReceiver<crate::Command, crate::Prefix> for Broken { $($($request_vote)*)? }
        impl AppendEntriesReceiver<crate::Command, crate::Prefix> for Broken { $($($append_entries)*)? }
        impl Replication<crate::Command, crate::Prefix> for Broken { $($($replication)*)? }
        impl Transfer<crate::Command, crate::Prefix> for Broken { $($($transfer)*)? }
        impl Leaders<crate::Command, crate::Prefix> for Broken { $($($leaders)*)? }
        impl Candidates<crate::Command, crate::Prefix> for Broken {
            fn stand_for_election(
                &self, s: &mut crate::mutants::bug::Server, fx: &mut crate::mutants::bug::Fx,
            ) {
                extended::stand_for_election(self, s, fx);
            }
            fn leader_timeout(&self, s: &mut crate::mutants::bug::Server, fx: &mut crate::mutants::bug::Fx) {
                extended::leader_timeout(self, s, fx);
            }
            $($($candidates)*)?
        }
        impl Snapshots<crate::Command, crate::Prefix> for Broken { $($($snapshots)*)? }
        impl Validation<crate::Command, crate::Prefix> for Broken { $($($validation)*)? }
        impl PreVoting<crate::Command, crate::Prefix> for Broken { $($($pre_voting)*)? }
        impl CheckQuorum<crate::Command, crate::Prefix> for Broken { $($($check_quorum)*)? }
        impl TransferTarget<crate::Command, crate::Prefix> for Broken { $($($transfer_target)*)? }
        impl Rules<crate::Command, crate::Prefix> for Broken {
            fn disregards(
                &self, s: &crate::mutants::bug::Server, fx: &mut crate::mutants::bug::Fx,
                message: &crate::mutants::bug::Said,
            ) -> bool {
                extended::disregards(self, s, fx, message)
            }
            fn heard_from(
                &self, s: &mut crate::mutants::bug::Server, from: figure2_core::ServerId,
                message: &crate::mutants::bug::Said,
            ) {
                extended::heard_from(self, s, from, message);
            }
            $($($rules)*)?
        }
        Broken
    }};
}

/// A list of mutants: `{ "id" breaks Rule: "the bug"; Property in where; Trait { methods } ... }` for each.
macro_rules! mutants {
    ($({
        $id:literal breaks $rule:ident: $bug:literal; $killed_by:ident in $space:expr;
        $($methods:tt)*
    })*) => {
        vec![$(crate::mutants::Mutant::new(
            $id,
            figure2_core::Rule::$rule,
            $bug,
            crate::properties::Safety::$killed_by,
            $space,
            (crate::cluster::System::of(broken!($($methods)*)), stringify!($($methods)*)),
        )),*]
    };
}

/// A list of changes that no property shows: `{ "id" changes Rule: "the change"; Kind: "the argument"; in where;
/// Trait { methods } ... }` for each.
macro_rules! survivors {
    ($({
        $id:literal changes $rule:ident: $bug:literal; $kind:ident: $argument:literal; in $space:expr;
        $($methods:tt)*
    })*) => {
        vec![$(crate::mutants::Survivor::new(
            ($id, figure2_core::Rule::$rule, $bug),
            crate::mutants::Kind::$kind,
            $argument,
            $space,
            (crate::cluster::System::of(broken!($($methods)*)), stringify!($($methods)*)),
        )),*]
    };
}

pub(super) use {broken, mutants, survivors};

//! What is measured over TCP.

use crate::system::System;
use clap::ValueEnum;
use std::fmt;

/// Who answers the clients, and how its voters speak with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// figure2 with figure2-wal and figure2-tcp, with mutual TLS between the voters.
    Figure2,
    /// The protocol's syncs and messages and nothing else, with the same TLS.
    Floor,
    /// figure2 without TLS, for the record.
    Plain,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Figure2, Kind::Floor, Kind::Plain];

    /// Whose voters these are.
    pub fn system(self) -> System {
        match self {
            Kind::Figure2 | Kind::Plain => System::Figure2,
            Kind::Floor => System::Floor,
        }
    }

    /// Whether the voters speak TLS with each other.
    pub fn has_tls(self) -> bool {
        self != Kind::Plain
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Figure2 => "figure2",
            Kind::Floor => "floor",
            Kind::Plain => "figure2 without TLS",
        })
    }
}

/// What is measured again in each round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpCase {
    /// Who answers.
    pub kind: Kind,
    /// How many ask.
    pub clients: usize,
}

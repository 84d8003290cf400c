//! What the arguments of a script's commands look like.

use crate::golden::cluster::Which;
use figure2_core::{Index, ServerId, Term};
use std::str::FromStr;

/// A server as scripts write it: `S0`.
#[derive(Clone, Copy)]
pub struct Id(pub ServerId);

/// A position in a log as scripts write it: `3@2` is index 3, term 2.
#[derive(Clone, Copy, Default)]
pub struct At(pub Index, pub Term);

/// A row of terms, as the paper's Figure 7 draws a log: `"1 1 1 4"`.
#[derive(Default)]
pub struct Terms(pub Vec<Term>);

impl FromStr for Id {
    type Err = String;

    fn from_str(text: &str) -> Result<Id, String> {
        let number = text.strip_prefix('S').and_then(|number| number.parse().ok());
        number.map(|id| Id(ServerId(id))).ok_or_else(|| format!("{text} is no server: write S0"))
    }
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<At, String> {
        let (index, term) = text.split_once('@').ok_or_else(|| format!("{text} is no index@term"))?;
        let number = |text: &str| text.parse().map_err(|error| format!("{text}: {error}"));
        Ok(At(Index(number(index)?), Term(number(term)?)))
    }
}

impl FromStr for Terms {
    type Err = String;

    fn from_str(text: &str) -> Result<Terms, String> {
        let term = |text: &str| text.parse().map(Term).map_err(|error| format!("{text}: {error}"));
        text.split_whitespace().map(term).collect::<Result<_, _>>().map(Terms)
    }
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Which, String> {
        match text {
            "all" => Ok(Which::All),
            "first" => Ok(Which::First),
            "last" => Ok(Which::Last),
            _ => Err(format!("{text}: first, last or all")),
        }
    }
}

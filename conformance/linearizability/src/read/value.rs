//! The values of EDN and JSON that an operation can have.

/// A value of EDN or JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// `nil`, `null`.
    Nil,
    /// `true`, `false`.
    Bool(bool),
    /// As it is written, but for what does not change it: base, sign `+`, and EDN's suffixes `N` and `M`.
    Number(String),
    /// Text or a character.
    Text(String),
    /// A keyword, without its colon, or a symbol.
    Name(String),
    /// A vector, list or set.
    Sequence(Vec<Value>),
    /// A map.
    Map(Vec<(Value, Value)>),
    /// Something that has no value to compare, and what it is: a regex, an object that Clojure could only name.
    Opaque(&'static str),
}

impl Value {
    /// The value's name or text, without a colon in front.
    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Self::Name(name) | Self::Text(name) => Some(name.trim_start_matches(':')),
            _ => None,
        }
    }

    /// A single value as text; `None` for nil.
    ///
    /// # Errors
    /// What was found instead.
    pub(super) fn scalar(&self) -> Result<Option<String>, String> {
        let found = match self {
            Self::Nil => return Ok(None),
            Self::Bool(truth) => return Ok(Some(truth.to_string())),
            Self::Number(text) | Self::Text(text) | Self::Name(text) => return Ok(Some(text.clone())),
            Self::Sequence(_) => "a collection",
            Self::Map(_) => "a map",
            Self::Opaque(what) => what,
        };
        Err(format!("expected a single value (text, a number, a keyword, true, false or nil), found {found}"))
    }

    /// A whole number.
    pub(super) fn integer(&self) -> Option<i128> {
        match self {
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The two values of a vector of two.
    pub(super) fn pair(&self) -> Option<(&Value, &Value)> {
        match self {
            Self::Sequence(values) => match values.as_slice() {
                [first, second] => Some((first, second)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether it is a collection.
    pub(super) fn is_sequence(&self) -> bool {
        matches!(self, Self::Sequence(_))
    }
}

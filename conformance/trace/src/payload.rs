//! Commands and snapshots as a trace shows them.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// Longest content, in bytes, that stands in the trace as it is.
const LONGEST: usize = 64;

/// A command or a snapshot's data, in the form in which a trace has it. Equal contents have equal forms. So whatever a
/// server does with a content (carry it, compare it, hand it on) can be repeated with its form.
///
/// Up to 64 bytes of printable ASCII: `t:` and the text. Up to 64 other bytes: `x:` and lower-case hexadecimal digits.
/// Longer: `h:`, the 128-bit FNV-1a hash in hexadecimal digits, `:` and the length in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Payload(Arc<str>);

impl Payload {
    /// That of some content.
    #[must_use]
    pub fn of(content: &[u8]) -> Payload {
        Payload(Shown(content).to_string().into())
    }

    /// The form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The length of the content in bytes, which each form shows.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self.0.split_at_checked(2) {
            Some(("x:", digits)) => digits.len() as u64 / 2,
            Some(("h:", hash)) => {
                hash.rsplit_once(':').and_then(|(_, length)| length.parse().ok()).unwrap_or_default()
            }
            Some((_, text)) => text.len() as u64,
            None => 0,
        }
    }
}

/// The form.
impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Borrowed content that is written as a [`Payload`] is, without being copied first. It is deserialized from bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Shown<'a>(&'a [u8]);

impl<'a> Shown<'a> {
    /// That of some content.
    #[must_use]
    pub fn of(content: &'a [u8]) -> Shown<'a> {
        Shown(content)
    }
}

/// The content.
impl AsRef<[u8]> for Shown<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown(content) = self;
        if content.len() > LONGEST {
            return write!(f, "h:{:032x}:{}", fnv(content), content.len());
        }
        match str::from_utf8(content) {
            Ok(text) if content.iter().all(|byte| matches!(byte, b' '..=b'~')) => {
                f.write_str("t:")?;
                f.write_str(text)
            }
            _ => {
                f.write_str("x:")?;
                content.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// FNV-1a with 128 bits: the same on every platform, and far too long for two contents to meet by accident.
fn fnv(content: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    content.iter().fold(OFFSET, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Payload, D::Error> {
        deserializer.deserialize_str(Form)
    }
}

struct Form;

impl Visitor<'_> for Form {
    type Value = Payload;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string that begins with t:, x: or h:")
    }

    fn visit_str<E: Error>(self, form: &str) -> Result<Payload, E> {
        match form.split_at_checked(2) {
            Some(("t:" | "x:" | "h:", _)) => Ok(Payload(form.into())),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(form), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_depends_on_the_content_alone_and_is_read_back() {
        let long = vec![b'a'; 65];
        for (content, form) in [
            (b"set x=1".as_slice(), "t:set x=1"),
            (b"", "t:"),
            (&[0, 255], "x:00ff"),
            ("\u{e4}".as_bytes(), "x:c3a4"),
            (&long[..64], &format!("t:{}", "a".repeat(64))),
        ] {
            let payload = Payload::of(content);
            assert_eq!(payload.as_str(), form);
            assert_eq!(payload.length(), content.len() as u64);
            let json = serde_json::to_string(&payload).unwrap();
            assert_eq!(serde_json::from_str::<Payload>(&json).unwrap(), payload);
        }
        let hashed = Payload::of(&long);
        assert!(hashed.as_str().starts_with("h:") && hashed.as_str().ends_with(":65"), "{hashed}");
        assert_eq!(hashed.length(), 65);
        assert_ne!(hashed, Payload::of(&[b'a'; 66]));
        // The published test vector of FNV-1a 128 for "foobar".
        assert_eq!(fnv(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
        assert!(serde_json::from_str::<Payload>("\"set x\"").is_err());
    }
}

//! Reads events from JSON with serde_json: one object at a time, from a window of a file. Fields that no event needs
//! are skipped without being built.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::edn::Stop;
use super::event::{Fields, Raw};
use super::value::Value;

/// From here on a JSON number may stand for several whole ones: serde_json has read it as a float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads the object at the beginning of `window`, and says how many bytes it takes.
pub(super) fn object(window: &[u8], ended: bool, fields: &Fields) -> Result<(Raw, usize), Stop> {
    let mut reader = serde_json::Deserializer::from_slice(window);
    match Object(fields).deserialize(&mut reader) {
        Ok(raw) => Ok((raw, reader.into_iter::<IgnoredAny>().byte_offset())),
        Err(error) if error.is_eof() && !ended => Err(Stop::Incomplete),
        Err(error) if error.is_eof() => {
            let message = "the object does not end: is it cut off?".to_owned();
            Err(Stop::Malformed { at: window.len(), message })
        }
        Err(error) => Err(Stop::Malformed { at: place(window, &error), message: said(&error) }),
    }
}

/// What the error says, without its place.
fn said(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    whole.rsplit_once(" at line ").map_or(whole.clone(), |(message, _)| message.to_owned())
}

fn place(window: &[u8], error: &serde_json::Error) -> usize {
    let line_start = match error.line().saturating_sub(1) {
        0 => 0,
        before => memchr::memchr_iter(b'\n', window).nth(before - 1).map_or(0, |newline| newline + 1),
    };
    (line_start + error.column().saturating_sub(1)).min(window.len())
}

struct Object<'a>(&'a Fields);

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Raw;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Raw;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object with process, type, f and value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut raw = Raw::default();
        while let Some(name) = map.next_key::<String>()? {
            let name = name.trim_start_matches(':');
            if self.0.is_needed(name) {
                let value = map.next_value_seed(Any)?;
                raw.add(name, value).map_err(serde::de::Error::custom)?;
            } else {
                map.next_value::<IgnoredAny>()?;
                raw.note(name, self.0);
            }
        }
        Ok(raw)
    }
}

/// A value of any kind.
struct Any;

impl<'de> DeserializeSeed<'de> for Any {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        if number.fract() == 0.0 && number.abs() >= EXACT {
            return Ok(Value::Opaque("a number too large to be told from others: write it as a string"));
        }
        Ok(Value::Number(format!("{number:?}")))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(Any)? {
            values.push(value);
        }
        Ok(Value::Sequence(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            entries.push((Value::Text(name), map.next_value_seed(Any)?));
        }
        Ok(Value::Map(entries))
    }
}

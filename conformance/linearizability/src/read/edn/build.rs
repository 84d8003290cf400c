//! The value of a form.

use super::written::{closing, continuation, ends_token, number, unescape};
use super::{Parser, Stop};
use crate::read::value::Value;

/// Deeper nesting has no value.
const DEPTH: usize = 64;

impl Parser<'_> {
    /// The next form, or `None` at the end of the text or before a bracket that closes.
    pub(crate) fn value(&mut self, depth: usize) -> Result<Option<Value>, Stop> {
        let Some(first) = self.skip_blank()? else { return Ok(None) };
        let value = match first {
            b')' | b']' | b'}' => return Ok(None),
            b'(' | b'[' | b'{' if depth >= DEPTH => {
                self.skip()?;
                Value::Opaque("a value nested too deeply")
            }
            b'(' | b'[' => Value::Sequence(self.collection(depth)?),
            b'{' => self.map(depth)?,
            b'"' => Value::Text(self.string()?),
            b'\\' => self.character()?,
            b'#' => self.dispatch(depth)?,
            b'\'' | b'`' | b'~' | b'@' => {
                self.skip()?;
                Value::Opaque("a quoted form")
            }
            _ => self.atom()?,
        };
        Ok(Some(value))
    }

    /// After `#`: a set; a tag, whose value counts as it stands where the tag only says how to read it; or something
    /// that has no value.
    fn dispatch(&mut self, depth: usize) -> Result<Value, Stop> {
        let what = match self.ahead(1)? {
            Some(b'{') if depth < DEPTH => {
                self.at += 1;
                return Ok(Value::Sequence(self.collection(depth)?));
            }
            Some(b'#') => {
                self.at += 2;
                return Ok(match self.word()? {
                    "NaN" => Value::Opaque("not a number (##NaN), which equals nothing"),
                    name => Value::Name(format!("##{name}")),
                });
            }
            Some(b'"') => "a regex",
            Some(b':') => "a namespaced map",
            Some(b'<') => "an object that was not written out",
            Some(first) if first.is_ascii_alphabetic() && depth < DEPTH => {
                let start = self.at;
                self.at += 1;
                let tag = self.word()?;
                if self.is_data(tag) {
                    return match self.value(depth + 1)? {
                        Some(value) => Ok(value),
                        None => self.malformed("expected a value after a tag"),
                    };
                }
                self.at = start;
                if tag == "error" { "an exception" } else { "an object that was not written out" }
            }
            Some(first) if first == b'{' || first.is_ascii_alphabetic() => "a value nested too deeply",
            _ => "a form that is no data",
        };
        self.skip()?;
        Ok(Value::Opaque(what))
    }

    /// Whether what follows a tag is the value itself: an instant, a UUID, a record.
    fn is_data(&self, tag: &str) -> bool {
        !matches!(tag, "object" | "error" | "js" | "function")
    }

    /// The values of a collection, from its opening bracket to the closing one.
    fn collection(&mut self, depth: usize) -> Result<Vec<Value>, Stop> {
        let close = closing(self.bytes[self.at]);
        self.at += 1;
        let mut values = Vec::new();
        while let Some(value) = self.value(depth + 1)? {
            values.push(value);
        }
        match self.peek()? {
            Some(found) if found == close => {
                self.at += 1;
                Ok(values)
            }
            Some(found) => self.wrong_bracket(close, found),
            None => {
                self.malformed(format!("expected {}, but the text ends: is it cut off?", char::from(close)))
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Stop> {
        let values = self.collection(depth)?;
        if values.len() % 2 == 1 {
            return self.malformed("expected a value for each key of the map");
        }
        let mut entries = Vec::with_capacity(values.len() / 2);
        let mut values = values.into_iter();
        while let (Some(key), Some(value)) = (values.next(), values.next()) {
            entries.push((key, value));
        }
        Ok(Value::Map(entries))
    }

    fn string(&mut self) -> Result<String, Stop> {
        let start = self.at + 1;
        self.skip_string()?;
        let Ok(written) = std::str::from_utf8(&self.bytes[start..self.at - 1]) else {
            return self.malformed("expected UTF-8: convert the file to it");
        };
        if !written.contains('\\') {
            return Ok(written.to_owned());
        }
        match unescape(written) {
            Ok(text) => Ok(text),
            Err((at, message)) => {
                self.at = start + at;
                self.malformed(message)
            }
        }
    }

    fn atom(&mut self) -> Result<Value, Stop> {
        let start = self.at;
        let word = self.word()?;
        let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
        if digits.starts_with(|first: char| first.is_ascii_digit()) {
            return match number(word) {
                Some(number) => Ok(Value::Number(number)),
                None => {
                    self.at = start;
                    self.malformed(format!("expected a number, found {word}"))
                }
            };
        }
        match word {
            "nil" => Ok(Value::Nil),
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            "" | ":" => {
                self.at = start;
                self.malformed("expected a value")
            }
            name => Ok(Value::Name(name.strip_prefix(':').unwrap_or(name).to_owned())),
        }
    }

    /// `\a`, `\newline`, `\u0041`, `\o101`.
    pub(super) fn character(&mut self) -> Result<Value, Stop> {
        let start = self.at + 1;
        match self.ahead(1)? {
            None => return self.malformed("expected a character after \\"),
            // Whatever the first is, it belongs to the character: a bracket, a quote.
            Some(byte) => self.at = start + 1 + continuation(byte),
        }
        if self.at > self.bytes.len() {
            return if self.ended {
                self.malformed("expected a character after \\")
            } else {
                Err(Stop::Incomplete)
            };
        }
        self.token_after_character()?;
        let Ok(name) = std::str::from_utf8(&self.bytes[start..self.at]) else {
            return self.malformed("expected UTF-8: convert the file to it");
        };
        let code = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        let character = match name {
            "newline" => Some('\n'),
            "return" => Some('\r'),
            "space" => Some(' '),
            "tab" => Some('\t'),
            "formfeed" => Some('\u{c}'),
            "backspace" => Some('\u{8}'),
            single if single.chars().count() == 1 => single.chars().next(),
            _ => match name.split_at(1) {
                ("u", digits) => code(digits, 16),
                ("o", digits) => code(digits, 8),
                _ => None,
            },
        };
        match character {
            Some(character) => Ok(Value::Text(character.to_string())),
            None => Ok(Value::Opaque("a character of no known name")),
        }
    }

    fn token_after_character(&mut self) -> Result<(), Stop> {
        let rest = &self.bytes[self.at..];
        self.at += match rest.iter().position(|byte| ends_token(*byte) || *byte == b'\\') {
            Some(length) => length,
            None if self.ended => rest.len(),
            None => return Err(Stop::Incomplete),
        };
        Ok(())
    }
}

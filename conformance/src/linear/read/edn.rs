//! EDN, and what Clojure's printer emits beyond it: regexes, symbolic values, namespaced maps, ratios, metadata, objects
//! that it can only name. One form at a time, from a window of a file.
//!
//! Two ways through a form: [`Parser::value`] builds it, and refuses to go deeper than [`DEPTH`]; [`Parser::skip`] only
//! looks for its end, without recursion and without keeping anything. What an operation does not need is skipped.

mod written;

use super::value::Value;
use written::{closing, continuation, ends_token, is_space, number, unescape};

/// Deeper nesting has no value.
const DEPTH: usize = 64;

/// Why a form cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The window ends before the form does.
    Incomplete,
    /// It is malformed at this byte of the window.
    Malformed {
        /// The byte.
        at: usize,
        /// What was expected.
        message: String,
    },
}

/// Reads forms from `bytes`; `ended` says that nothing comes after them.
pub(crate) struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    ended: bool,
}

/// What the end of a form in [`Parser::skip`] is waited for with.
#[derive(Clone, Copy)]
enum Frame {
    /// A bracket that closes.
    Close(u8),
    /// This many more forms make one, as a tag and its value do.
    Forms(u8),
    /// The next form is none: `#_`.
    Discard,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize, ended: bool) -> Self {
        Self { bytes, at, ended }
    }

    /// The byte of the window that is read next.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn malformed<T>(&self, message: impl Into<String>) -> Result<T, Stop> {
        Err(Stop::Malformed { at: self.at, message: message.into() })
    }

    /// The next byte, or `None` at the end.
    fn peek(&self) -> Result<Option<u8>, Stop> {
        self.ahead(0)
    }

    fn ahead(&self, by: usize) -> Result<Option<u8>, Stop> {
        match self.bytes.get(self.at + by) {
            Some(&byte) => Ok(Some(byte)),
            None if self.ended => Ok(None),
            None => Err(Stop::Incomplete),
        }
    }

    pub(crate) fn advance(&mut self) {
        self.at += 1;
    }

    /// Goes on behind white space, commas and comments.
    fn skip_space(&mut self) -> Result<Option<u8>, Stop> {
        loop {
            match self.peek()? {
                Some(b' ' | b',' | b'\n' | b'\r' | b'\t' | 0x0b | 0x0c) => self.at += 1,
                Some(b';') => self.skip_line()?,
                Some(b'#') if self.ahead(1)? == Some(b'!') => self.skip_line()?,
                other => return Ok(other),
            }
        }
    }

    fn skip_line(&mut self) -> Result<(), Stop> {
        match memchr::memchr(b'\n', &self.bytes[self.at..]) {
            Some(length) => self.at += length,
            None if self.ended => self.at = self.bytes.len(),
            None => return Err(Stop::Incomplete),
        }
        Ok(())
    }

    /// Goes on to the next form: behind white space, comments, `#_` with its form, and metadata.
    pub(crate) fn skip_blank(&mut self) -> Result<Option<u8>, Stop> {
        loop {
            let next = self.skip_space()?;
            let skipped = match next {
                Some(b'^') => 1,
                Some(b'#') if matches!(self.ahead(1)?, Some(b'_' | b'^')) => 2,
                other => return Ok(other),
            };
            self.at += skipped;
            if matches!(self.skip_space()?, None | Some(b')' | b']' | b'}')) {
                return self.malformed("expected a value after #_ or ^");
            }
            self.skip()?;
        }
    }

    /// Goes on behind one form.
    pub(crate) fn skip(&mut self) -> Result<(), Stop> {
        let mut frames: Vec<Frame> = Vec::new();
        loop {
            let Some(first) = self.skip_space()? else {
                return self.malformed("expected the end of a value, but the text ends: is it cut off?");
            };
            match first {
                b'(' | b'[' | b'{' => {
                    self.at += 1;
                    frames.push(Frame::Close(closing(first)));
                    continue;
                }
                b')' | b']' | b'}' => match frames.pop() {
                    Some(Frame::Close(wanted)) if wanted == first => self.at += 1,
                    Some(Frame::Close(wanted)) => return self.wrong_bracket(wanted, first),
                    _ => return self.malformed(format!("expected a value, found {}", char::from(first))),
                },
                b'^' => {
                    self.at += 1;
                    frames.push(Frame::Forms(2));
                    continue;
                }
                b'\'' | b'`' | b'~' | b'@' => {
                    self.at += 1;
                    continue;
                }
                b'#' => match self.ahead(1)? {
                    Some(b'_') => {
                        self.at += 2;
                        frames.push(Frame::Discard);
                        continue;
                    }
                    Some(b'^') => {
                        self.at += 2;
                        frames.push(Frame::Forms(2));
                        continue;
                    }
                    Some(bracket @ (b'{' | b'(')) => {
                        self.at += 2;
                        frames.push(Frame::Close(closing(bracket)));
                        continue;
                    }
                    Some(b'\'' | b'=') => {
                        self.at += 2;
                        continue;
                    }
                    Some(b'"') => {
                        self.at += 1;
                        self.skip_string()?;
                    }
                    Some(b'<') => self.skip_unreadable()?,
                    Some(b'#') => {
                        self.at += 2;
                        self.token()?;
                    }
                    Some(b'?') => {
                        self.at += if self.ahead(2)? == Some(b'@') { 3 } else { 2 };
                        continue;
                    }
                    _ => {
                        // A tag or the name of a namespace: its value follows.
                        self.at += 1;
                        if self.token()?.is_empty() {
                            return self.malformed("expected {, a tag or _ after #");
                        }
                        continue;
                    }
                },
                b'"' => self.skip_string()?,
                b'\\' => {
                    self.character()?;
                }
                _ => {
                    self.token()?;
                }
            }
            // A form has ended; it may end others.
            loop {
                match frames.last_mut() {
                    None => return Ok(()),
                    Some(Frame::Close(_)) => break,
                    Some(Frame::Discard) => {
                        frames.pop();
                        break;
                    }
                    Some(Frame::Forms(left)) => {
                        *left -= 1;
                        if *left > 0 {
                            break;
                        }
                        frames.pop();
                    }
                }
            }
        }
    }

    pub(crate) fn wrong_bracket<T>(&self, wanted: u8, found: u8) -> Result<T, Stop> {
        self.malformed(format!("expected {}, found {}", char::from(wanted), char::from(found)))
    }

    /// Goes on behind `"...`.
    fn skip_string(&mut self) -> Result<(), Stop> {
        let mut at = self.at + 1;
        loop {
            match memchr::memchr2(b'"', b'\\', self.bytes.get(at..).unwrap_or_default()) {
                Some(length) if self.bytes[at + length] == b'"' => {
                    self.at = at + length + 1;
                    return Ok(());
                }
                Some(length) => at += length + 2,
                None if self.ended => {
                    self.at = self.bytes.len();
                    return self.malformed("expected \", but the text ends: is it cut off?");
                }
                None => return Err(Stop::Incomplete),
            }
        }
    }

    /// Goes on behind `#<...>`, as Clojure printed objects before 1.7.
    fn skip_unreadable(&mut self) -> Result<(), Stop> {
        let mut depth = 0usize;
        self.at += 1;
        loop {
            match self.peek()? {
                None => return self.malformed("expected >, but the text ends: is it cut off?"),
                Some(b'<') => depth += 1,
                Some(b'>') => depth -= 1,
                Some(_) => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// The bytes up to the next white space, bracket or quote; none if one of those comes first.
    fn token(&mut self) -> Result<&'a [u8], Stop> {
        let bytes = self.bytes;
        let rest = &bytes[self.at..];
        let length = match rest.iter().position(|byte| ends_token(*byte)) {
            Some(length) => length,
            None if self.ended => rest.len(),
            None => return Err(Stop::Incomplete),
        };
        if length == 0 && !rest.is_empty() && !matches!(rest[0], b'#' | b'^') && !is_space(rest[0]) {
            return self.malformed(format!("expected a value, found {:?}", char::from(rest[0])));
        }
        self.at += length;
        Ok(&rest[..length])
    }

    fn word(&mut self) -> Result<&'a str, Stop> {
        let token = self.token()?;
        std::str::from_utf8(token).or_else(|_| self.malformed("expected UTF-8: convert the file to it"))
    }

    /// `\a`, `\newline`, `\u0041`, `\o101`.
    fn character(&mut self) -> Result<Value, Stop> {
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
}

#[cfg(test)]
mod tests;

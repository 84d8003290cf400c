//! EDN, and what Clojure's printer emits beyond it: regexes, symbolic values, namespaced maps, ratios, metadata, objects
//! that it can only name. One form at a time, from a window of a file.
//!
//! Two ways through a form: [`Parser::value`] builds it, and refuses to go too deep; [`Parser::skip`] only
//! looks for its end, without recursion and without keeping anything. What an operation does not need is skipped.

mod build;
mod skip;
mod written;

use written::{ends_token, is_space};

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
}

#[cfg(test)]
mod tests;

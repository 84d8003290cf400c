//! To the end of a form, without recursion and without keeping anything.

use super::written::closing;
use super::{Parser, Stop};

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

impl Parser<'_> {
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
}

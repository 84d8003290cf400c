//! The forms of a history, one after the other, whatever it is written in and whatever stands around them: lines, one
//! vector, list or array, or several forms on a line.

use std::io::Read;

use super::edn::{Parser, Stop};
use super::event::{Fields, Raw};
use super::source::Source;
use super::text::{self, Line};
use super::{Format, ReadError, json};

/// Reads form by form.
pub(super) struct Forms<R> {
    source: Source<R>,
    format: Option<Format>,
    fields: Fields,
    /// The bracket that closes the collection in which the events stand, and the line on which it was opened.
    around: Option<(u8, u64)>,
    begun: bool,
    /// Whether the last line of text told an error, which may go on.
    in_error: bool,
    /// Lines of text that are no events.
    pub(super) other_lines: u64,
}

/// What a look at the window found.
enum Found {
    Form(Box<Raw>, usize),
    /// So many bytes hold nothing.
    Nothing(usize),
    End,
}

impl<R: Read> Forms<R> {
    pub(super) fn new(reader: R, format: Option<Format>, fields: Fields) -> Self {
        Self {
            source: Source::new(reader),
            format,
            fields,
            around: None,
            begun: false,
            in_error: false,
            other_lines: 0,
        }
    }

    /// The format, once a form was read.
    pub(super) fn format(&self) -> Option<Format> {
        self.format
    }

    pub(super) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Lines of the file so far.
    pub(super) fn lines(&self) -> u64 {
        self.source.lines()
    }

    /// Bytes of the file so far.
    pub(super) fn bytes(&self) -> u64 {
        self.source.consumed()
    }

    /// The next form and the line on which it begins, or `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(Raw, u64)>, ReadError> {
        if !self.begun {
            self.begun = true;
            self.begin()?;
        }
        loop {
            let found = match self.format {
                Some(Format::Text | Format::Log) => self.line(),
                Some(Format::Json) => self.form(true),
                Some(Format::Edn) | None => self.form(false),
            };
            match found {
                Ok(Found::Form(raw, end)) => {
                    // White space before it was consumed, so it begins where the window does.
                    let line = self.source.line();
                    self.source.consume(end);
                    return Ok(Some((*raw, line)));
                }
                Ok(Found::Nothing(end)) => self.source.consume(end),
                Ok(Found::End) => {
                    self.source.consume(self.source.rest().len());
                    return Ok(None);
                }
                Err(Stop::Incomplete) => self.fill()?,
                Err(Stop::Malformed { at, message }) => return Err(self.malformed(at, &message)),
            }
        }
    }

    fn fill(&mut self) -> Result<(), ReadError> {
        self.source.fill().map_err(|source| ReadError::Io { line: self.source.line(), source })
    }

    fn malformed(&self, at: usize, message: &str) -> ReadError {
        let (mut line, column) = self.source.place(at);
        let begins = self.source.line();
        let mut message = match self.format {
            Some(Format::Text | Format::Log) => message.to_owned(),
            Some(Format::Json) => format!("JSON, column {column}: {message}"),
            _ => format!("EDN, column {column}: {message}"),
        };
        let rest = self.source.rest();
        if at >= rest.len() && self.source.is_ended() {
            // The end of the file says less than where the form that does not end began.
            line = begins;
            message.push_str("; it begins here and the file ends in it: it may be cut off");
        } else if self.source.is_ended() && memchr::memchr(b'\n', &rest[at..]).is_none() {
            message.push_str("; the line is the last and does not end: the file may be cut off");
        } else if line != begins {
            message.push_str(&format!("; the form begins on line {begins}"));
        }
        ReadError::Line { line, message }
    }

    /// Skips a byte order mark, and recognises the format.
    fn begin(&mut self) -> Result<(), ReadError> {
        self.fill()?;
        let window = self.source.rest();
        if let Some(advice) = unusable(window) {
            return Err(ReadError::Line { line: 1, message: advice.to_owned() });
        }
        if window.starts_with(b"\xef\xbb\xbf") {
            self.source.consume(3);
        }
        if self.format.is_none() {
            self.format = recognise(self.source.rest());
            if self.format.is_none() && !self.source.rest().trim_ascii().is_empty() {
                let message = "none of the formats that are read begins so: EDN or JSON with a map for each event, \
                    Jepsen's history.txt, or a log of Jepsen. From another tool convert to \
                    {\"process\": 0, \"type\": \"invoke\", \"f\": \"read\", \"value\": null}, an event a line; --format \
                    says which format it is";
                return Err(ReadError::Line { line: self.source.line(), message: message.to_owned() });
            }
        }
        Ok(())
    }

    /// Looks for a map of EDN or an object of JSON at the window's beginning.
    fn form(&mut self, is_json: bool) -> Result<Found, Stop> {
        let (window, ended) = (self.source.rest(), self.source.is_ended());
        let mut parser = Parser::new(window, 0, ended);
        let first = if is_json { blank_of_json(window, ended)? } else { parser.skip_blank()? };
        let Some(first) = first else { return self.end(window.len()) };
        let at = if is_json { space_of_json(window) } else { parser.at() };
        if at > 0 {
            return Ok(Found::Nothing(at));
        }
        match first {
            b'{' if is_json => {
                json::object(window, ended, &self.fields).map(|(raw, end)| Found::Form(Box::new(raw), end))
            }
            b'{' => {
                let raw = event(&mut parser, &self.fields)?;
                Ok(Found::Form(Box::new(raw), parser.at()))
            }
            b'[' | b'(' if self.around.is_none() => {
                self.around = Some((if first == b'[' { b']' } else { b')' }, self.source.line()));
                Ok(Found::Nothing(1))
            }
            b']' | b')' | b'}' => match self.around {
                Some((wanted, _)) if wanted == first => {
                    self.around = None;
                    Ok(Found::Nothing(1))
                }
                Some((wanted, _)) => parser.wrong_bracket(wanted, first),
                None => parser.malformed("a bracket closes that was not opened"),
            },
            b'#' if !is_json && is_tag(window, ended)? => {
                // The tag of a record or of a whole history; what it stands for follows.
                let length = window.iter().position(|byte| b" \t\r\n,([{\"".contains(byte));
                match length {
                    Some(length) => Ok(Found::Nothing(length)),
                    None if ended => parser.malformed("expected a value after a tag"),
                    None => Err(Stop::Incomplete),
                }
            }
            _ => parser.malformed("expected a map with process, type, f and value"),
        }
    }

    fn end(&self, at: usize) -> Result<Found, Stop> {
        match self.around {
            None => Ok(Found::End),
            Some((wanted, line)) => {
                let wanted = char::from(wanted);
                let message = format!(
                    "expected {wanted}, which closes what line {line} opens, but the file ends: is it cut off?"
                );
                Err(Stop::Malformed { at, message })
            }
        }
    }

    /// Looks at a line of `history.txt` or of a log.
    fn line(&mut self) -> Result<Found, Stop> {
        let window = self.source.rest();
        if window.is_empty() && self.source.is_ended() {
            return Ok(Found::End);
        }
        let end = match memchr::memchr(b'\n', window) {
            Some(newline) => newline + 1,
            None if self.source.is_ended() => window.len(),
            None => return Err(Stop::Incomplete),
        };
        let is_log = self.format == Some(Format::Log);
        let whole = String::from_utf8_lossy(&window[..end]);
        let line = whole.trim_end();
        let said = if is_log { text::logged(line) } else { Some(line) };
        match said.map_or(Ok(Line::Other), text::history_line) {
            Ok(Line::Event(raw, in_error)) => {
                self.in_error = in_error;
                Ok(Found::Form(raw, end))
            }
            Ok(Line::Other) if is_log || self.in_error || line.is_empty() => {
                self.other_lines += u64::from(!line.is_empty());
                Ok(Found::Nothing(end))
            }
            Ok(Line::Other) => {
                let message = "expected process, type, f and value, such as 0 :invoke :read nil".to_owned();
                Err(Stop::Malformed { at: 0, message })
            }
            Err(message) => Err(Stop::Malformed { at: 0, message }),
        }
    }
}

/// Reads an event's map; `parser` stands on its brace.
fn event(parser: &mut Parser<'_>, fields: &Fields) -> Result<Raw, Stop> {
    let mut raw = Raw::default();
    parser.advance();
    while let Some(name) = parser.value(0)? {
        let needed = name.word().is_some_and(|name| fields.is_needed(name));
        if matches!(parser.skip_blank()?, None | Some(b'}' | b']' | b')')) {
            return parser.malformed("expected a value for each key of the map");
        }
        match name.word() {
            Some(name) if needed => {
                let Some(value) = parser.value(0)? else {
                    return parser.malformed("expected a value for each key of the map");
                };
                if let Err(message) = raw.add(name, value) {
                    return parser.malformed(message);
                }
            }
            name => {
                parser.skip()?;
                raw.note(name.unwrap_or("(a field without a name)"), fields);
            }
        }
    }
    match parser.skip_blank()? {
        Some(b'}') => {
            parser.advance();
            Ok(raw)
        }
        Some(found) => parser.wrong_bracket(b'}', found),
        None => parser.malformed("expected }, but the text ends: is it cut off?"),
    }
}

/// The next byte of JSON that is no white space or comma.
fn blank_of_json(window: &[u8], ended: bool) -> Result<Option<u8>, Stop> {
    match window.get(space_of_json(window)) {
        Some(&byte) => Ok(Some(byte)),
        None if ended => Ok(None),
        None => Err(Stop::Incomplete),
    }
}

fn space_of_json(window: &[u8]) -> usize {
    window.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b',').count()
}

fn is_tag(window: &[u8], ended: bool) -> Result<bool, Stop> {
    match window.get(1) {
        Some(byte) => Ok(byte.is_ascii_alphabetic()),
        None if ended => Ok(false),
        None => Err(Stop::Incomplete),
    }
}

/// Why a file that begins so cannot be read, and what to do.
fn unusable(window: &[u8]) -> Option<&'static str> {
    const BINARY: &[(&[u8], &str)] = &[
        (b"\x1f\x8b", "the file is compressed: give what gzip -d makes of it"),
        (b"\x28\xb5\x2f\xfd", "the file is compressed: give what zstd -d makes of it"),
        (b"PK\x03\x04", "the file is an archive: give the history.edn in it"),
        (b"JEPSEN", "this is Jepsen's binary test file: give the history.edn or history.txt of the same run"),
        (b"\xff\xfe", "the file is UTF-16: convert it to UTF-8"),
        (b"\xfe\xff", "the file is UTF-16: convert it to UTF-8"),
    ];
    let known = BINARY.iter().find(|(magic, _)| window.starts_with(magic)).map(|(_, advice)| *advice);
    let binary = window.iter().take(4096).any(|byte| *byte == 0);
    known.or(binary.then_some("the file is not text: give a history in EDN, JSON or text"))
}

/// The format of a file that begins so.
fn recognise(window: &[u8]) -> Option<Format> {
    let text = window.trim_ascii_start();
    let first_line = String::from_utf8_lossy(text.split(|byte| *byte == b'\n').next().unwrap_or_default());
    match text.first()? {
        b'{' | b'[' => {
            let inner = text.iter().find(|byte| !byte.is_ascii_whitespace() && !b"{[,".contains(byte));
            Some(if inner == Some(&b'"') { Format::Json } else { Format::Edn })
        }
        b'(' | b';' | b'#' | b'^' => Some(Format::Edn),
        _ if text::is_history(first_line.trim_end()) => Some(Format::Text),
        _ => {
            let sample = String::from_utf8_lossy(&window[..window.len().min(64 << 10)]);
            let is_event = |line: &str| text::logged(line.trim_end()).is_some_and(text::is_history);
            sample.lines().any(is_event).then_some(Format::Log)
        }
    }
}

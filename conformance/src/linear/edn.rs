//! As much of EDN as a line of a history may hold: one value, with strings, numbers, keywords, symbols, characters,
//! collections, tags (read past), comments and `#_`. EDN and JSON lines both become a [`Value`].

/// A value of EDN or JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Nil,
    Bool(bool),
    /// As it is written, without EDN's suffixes `N` and `M`.
    Number(String),
    Text(String),
    /// A keyword, without its colon, or a symbol.
    Name(String),
    /// A vector, list or set.
    Sequence(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

/// Deeper nesting is refused, so that no input exhausts the stack.
const DEPTH: usize = 64;

/// What is wrong with a text, and the column (in characters, from 1) where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) column: usize,
    pub(crate) message: String,
}

/// Reads the one value of `text`.
pub(crate) fn parse(text: &str) -> Result<Value, Malformed> {
    let mut reader = Reader { characters: text.chars().collect(), at: 0 };
    let value = reader.value(0)?.ok_or_else(|| reader.malformed("expected a value, found nothing"))?;
    if reader.value(0)?.is_some() {
        return Err(reader.malformed("expected one value on the line, found another after it"));
    }
    Ok(value)
}

struct Reader {
    characters: Vec<char>,
    at: usize,
}

impl Reader {
    fn malformed(&self, message: &str) -> Malformed {
        Malformed { column: self.at + 1, message: message.to_owned() }
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    fn skip_blank(&mut self) {
        while let Some(character) = self.peek() {
            if character == ';' {
                self.at = self.characters.len();
            } else if character.is_whitespace() || character == ',' {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    /// The next value, or `None` at the end of the text or before a closing bracket inside a collection.
    fn value(&mut self, depth: usize) -> Result<Option<Value>, Malformed> {
        if depth > DEPTH {
            return Err(self.malformed("nested too deeply"));
        }
        self.skip_blank();
        while self.characters[self.at..].starts_with(&['#', '_']) {
            self.at += 2;
            self.value(depth + 1)?.ok_or_else(|| self.malformed("expected a value after #_"))?;
            self.skip_blank();
        }
        let Some(first) = self.peek() else { return Ok(None) };
        let value = match first {
            ')' | ']' | '}' if depth > 0 => return Ok(None),
            ')' | ']' | '}' => return Err(self.malformed("a bracket closes that was not opened")),
            '(' => Value::Sequence(self.collection(')', depth)?),
            '[' => Value::Sequence(self.collection(']', depth)?),
            '{' => self.map(depth)?,
            '"' => Value::Text(self.string()?),
            '\\' => self.character()?,
            '#' => return self.dispatch(depth),
            _ => self.token()?,
        };
        Ok(Some(value))
    }

    /// After `#`: a set, or a tag, whose value counts as it stands.
    fn dispatch(&mut self, depth: usize) -> Result<Option<Value>, Malformed> {
        self.at += 1;
        match self.peek() {
            Some('{') => Ok(Some(Value::Sequence(self.collection('}', depth)?))),
            Some(first) if first.is_alphabetic() => {
                self.word();
                let value = self.value(depth + 1)?;
                value.map(Some).ok_or_else(|| self.malformed("expected a value after a tag"))
            }
            _ => Err(self.malformed("expected {, a tag or _ after #")),
        }
    }

    fn collection(&mut self, close: char, depth: usize) -> Result<Vec<Value>, Malformed> {
        self.at += 1;
        let mut values = Vec::new();
        while let Some(value) = self.value(depth + 1)? {
            values.push(value);
        }
        match self.next() {
            Some(found) if found == close => Ok(values),
            Some(found) => Err(self.malformed(&format!("expected {close}, found {found}"))),
            None => Err(self.malformed(&format!("expected {close}, but the line ends: is it cut off?"))),
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Malformed> {
        let values = self.collection('}', depth)?;
        if values.len() % 2 == 1 {
            return Err(self.malformed("expected a value for each key of the map"));
        }
        let mut entries = Vec::new();
        let mut values = values.into_iter();
        while let (Some(key), Some(value)) = (values.next(), values.next()) {
            entries.push((key, value));
        }
        Ok(Value::Map(entries))
    }

    fn string(&mut self) -> Result<String, Malformed> {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(self.malformed("expected \", but the line ends: is it cut off?")),
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(character) => text.push(character),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        match self.next() {
            Some('n') => Ok('\n'),
            Some('t') => Ok('\t'),
            Some('r') => Ok('\r'),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some(same @ ('"' | '\\')) => Ok(same),
            Some('u') => self.unicode(),
            _ => Err(self.malformed("expected an escape: one of n t r b f u \" \\")),
        }
    }

    /// Four hexadecimal digits, or two such groups for a pair of surrogates.
    fn unicode(&mut self) -> Result<char, Malformed> {
        let first = self.hexadecimal()?;
        let paired = (0xd800..0xdc00).contains(&first)
            && self.characters.get(self.at..self.at + 2).is_some_and(|next| next == ['\\', 'u']);
        let code = if paired {
            self.at += 2;
            match self.hexadecimal()? {
                second @ 0xdc00..0xe000 => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                _ => first,
            }
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| self.malformed("expected the code of a character"))
    }

    fn hexadecimal(&mut self) -> Result<u32, Malformed> {
        let digits: Option<String> =
            self.characters.get(self.at..self.at + 4).map(|digits| digits.iter().collect());
        let digits = digits.filter(|digits| digits.chars().all(|digit| digit.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(&digits, 16).ok());
        let code = code.ok_or_else(|| self.malformed("expected four hexadecimal digits"))?;
        self.at += 4;
        Ok(code)
    }

    fn word(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|next| !next.is_whitespace() && !",;\"()[]{}".contains(next)) {
            self.at += 1;
        }
        self.characters[start..self.at].iter().collect()
    }

    fn character(&mut self) -> Result<Value, Malformed> {
        self.at += 1;
        let first = self.next().ok_or_else(|| self.malformed("expected a character after \\"))?;
        let rest = if first.is_alphabetic() { self.word() } else { String::new() };
        let name = format!("{first}{rest}");
        let character = match name.as_str() {
            "newline" => "\n",
            "return" => "\r",
            "space" => " ",
            "tab" => "\t",
            single if rest.is_empty() => single,
            _ => {
                return Err(
                    self.malformed("expected a character, or newline, return, space or tab, after \\")
                );
            }
        };
        Ok(Value::Text(character.to_owned()))
    }

    fn token(&mut self) -> Result<Value, Malformed> {
        let word = self.word();
        let digits = word.strip_prefix(['+', '-']).unwrap_or(&word);
        if digits.starts_with(|first: char| first.is_ascii_digit()) {
            let number = word.strip_suffix(['N', 'M']).unwrap_or(&word);
            let number = number.strip_prefix('+').unwrap_or(number);
            let valid = number.parse::<f64>().is_ok_and(f64::is_finite);
            return if valid {
                Ok(Value::Number(number.to_owned()))
            } else {
                Err(self.malformed(&format!("expected a number, found {word}")))
            };
        }
        match word.as_str() {
            "nil" => Ok(Value::Nil),
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            "" | ":" => Err(self.malformed("expected a value")),
            name => Ok(Value::Name(name.strip_prefix(':').unwrap_or(name).to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_history_holds() {
        let line = r#"#jepsen.history.Op{:process 0, :f :write, :value ["k\n\u00e9\ud83d\ude00" -12N], :at #inst "x" :s #{\a}} ; end"#;
        let name = |text: &str| Value::Name(text.into());
        let text = |text: &str| Value::Text(text.into());
        let expected = Value::Map(vec![
            (name("process"), Value::Number("0".into())),
            (name("f"), name("write")),
            (name("value"), Value::Sequence(vec![text("k\né😀"), Value::Number("-12".into())])),
            (name("at"), text("x")),
            (name("s"), Value::Sequence(vec![text("a")])),
        ]);
        assert_eq!(parse(line), Ok(expected));
        let rest = vec![Value::Nil, Value::Bool(true), Value::Bool(false), Value::Number("1.5".into())];
        assert_eq!(parse("[nil true #_ (1 2) #_3 false +1.5]"), Ok(Value::Sequence(rest)));
    }

    #[test]
    fn says_where_a_text_is_malformed() {
        for (text, column) in [
            ("{:a 1", 6),
            ("{:a}", 5),
            ("[1 2}", 6),
            ("\"abc", 5),
            ("1 2", 4),
            ("]", 1),
            ("", 1),
            ("12x", 4),
            (r#""\q""#, 4),
            (r#""\ud800""#, 8),
        ] {
            assert_eq!(parse(text).unwrap_err().column, column, "{text}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}

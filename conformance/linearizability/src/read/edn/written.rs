//! How EDN writes brackets, tokens, numbers and escapes.

pub(super) fn closing(open: u8) -> u8 {
    match open {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b'\n' | b'\r' | b'\t' | 0x0b | 0x0c)
}

pub(super) fn ends_token(byte: u8) -> bool {
    is_space(byte) || matches!(byte, b';' | b'"' | b'(' | b')' | b'[' | b']' | b'{' | b'}')
}

/// How many bytes of UTF-8 follow this first one.
pub(super) fn continuation(first: u8) -> usize {
    match first {
        0xc0..0xe0 => 1,
        0xe0..0xf0 => 2,
        0xf0..=0xff => 3,
        _ => 0,
    }
}

/// A number, written in one way: a whole one in decimal, whatever its base was.
pub(super) fn number(word: &str) -> Option<String> {
    let plain = word.strip_suffix(['N', 'M']).unwrap_or(word);
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(plain)),
    };
    let sign = if negative && !digits.trim_matches('0').is_empty() { "-" } else { "" };
    let radix = |digits: &str, radix| u128::from_str_radix(digits, radix).ok().map(|n| format!("{sign}{n}"));
    let is_decimal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(hexadecimal) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return radix(hexadecimal, 16);
    }
    if is_decimal(digits) {
        let octal = digits.len() > 1 && digits.starts_with('0');
        return if octal { radix(digits, 8) } else { Some(format!("{sign}{digits}")) };
    }
    if let Some((numerator, denominator)) = digits.split_once('/') {
        return (is_decimal(numerator) && is_decimal(denominator)).then(|| format!("{sign}{digits}"));
    }
    if let Some((base, digits)) = digits.split_once(['r', 'R']) {
        return base.parse().ok().filter(|base| (2..=36).contains(base)).and_then(|base| radix(digits, base));
    }
    let valid = digits.parse::<f64>().is_ok_and(f64::is_finite);
    valid.then(|| format!("{sign}{digits}"))
}

/// The text that is written with escapes; or the byte and what is wrong there.
pub(super) fn unescape(written: &str) -> Result<String, (usize, &'static str)> {
    let mut text = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(backslash) = rest.find('\\') {
        text.push_str(&rest[..backslash]);
        rest = &rest[backslash + 1..];
        let at = written.len() - rest.len();
        let escaped = rest.chars().next().ok_or((at, "expected an escape"))?;
        rest = &rest[escaped.len_utf8()..];
        text.push(match escaped {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            '"' | '\\' | '/' | '\'' => escaped,
            'u' => {
                let (code, used) = unicode(rest).ok_or((at, "expected the code of a character"))?;
                rest = &rest[used..];
                code
            }
            '0'..='7' => {
                let digits = 1 + rest.bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                let code = u32::from_str_radix(&written[at..at + digits], 8).unwrap_or_default();
                rest = &written[at + digits..];
                char::from_u32(code).unwrap_or_default()
            }
            _ => return Err((at, "expected an escape: one of n t r b f u \" \\")),
        });
    }
    text.push_str(rest);
    Ok(text)
}

/// Four hexadecimal digits, or two such groups for a pair of surrogates, and how many bytes that were.
fn unicode(rest: &str) -> Option<(char, usize)> {
    let group = |from: usize| {
        let digits = rest.get(from..from + 4).filter(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    };
    let first = group(0)?;
    if (0xd800..0xdc00).contains(&first) && rest.get(4..6) == Some("\\u") {
        let second = group(6).filter(|second| (0xdc00..0xe000).contains(second))?;
        return char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).map(|code| (code, 10));
    }
    char::from_u32(first).map(|code| (code, 4))
}

//! Until when a certificate is valid: the one field that rustls checks and does not tell.
//!
//! A certificate is DER: a tag, a length and the bytes, in one another (RFC 5280, 4.1). The validity is the fifth field of
//! the first part, or the fourth where there is no version: `[0] version, serialNumber, signature, issuer, validity`.

use core::time::Duration;
use std::time::SystemTime;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When a certificate expires; none when its bytes do not say so as they should.
pub(crate) fn not_after(certificate: &[u8]) -> Option<SystemTime> {
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    (fields, _) = element(fields, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        (_, fields) = element(fields, VERSION)?;
    }
    for _serial_signature_issuer in 0..3 {
        (_, fields) = any(fields)?;
    }
    let (validity, _) = element(fields, SEQUENCE)?;
    let (_not_before, rest) = any(validity)?;
    let (time, _) = any(rest)?;
    let digits = core::str::from_utf8(time).ok()?.strip_suffix('Z')?;
    let (year, rest) = match *rest.first()? {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    seconds(year, rest).and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
}

/// Seconds since 1970 of a year and `MMDDhhmmss`; 0 for what was earlier.
fn seconds(year: u64, rest: &str) -> Option<u64> {
    if rest.len() != 10 || !rest.is_ascii() {
        return None;
    }
    let field = |at: usize| number(&rest[at..at + 2]);
    let (month, day, hour, minute, second) = (field(0)?, field(2)?, field(4)?, field(6)?, field(8)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    if year < 1970 {
        return Some(0);
    }
    // Years that begin with March have the leap day at their end: 306 days are left of 1 BC's.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

fn number(digits: &str) -> Option<u64> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// The bytes of an element of this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    if bytes.first() == Some(&tag) { any(bytes) } else { None }
}

/// The bytes of an element, and what follows it.
fn any(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        // The number of bytes that the length has.
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (
                length
                    .iter()
                    .try_fold(0_usize, |sum, byte| sum.checked_mul(256)?.checked_add(usize::from(*byte)))?,
                rest,
            )
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // As `date -u -d ... +%s` says.
        for (year, rest, expected) in [
            (1970, "0101000000", 0),
            (1970, "0301000000", 5_097_600),
            (2000, "0229235959", 951_868_799),
            (2024, "0229120000", 1_709_208_000),
            (2026, "1127144500", 1_795_790_700),
            (2100, "0301000000", 4_107_542_400),
            (9999, "1231235959", 253_402_300_799),
            (1950, "0101000000", 0),
        ] {
            assert_eq!(seconds(year, rest), Some(expected), "{year} {rest}");
        }
        for rest in [
            "0001000000",
            "1301000000",
            "0100000000",
            "0132000000",
            "0101240000",
            "0101006000",
            "01010000",
            "+101000000",
        ] {
            assert_eq!(seconds(2026, rest), None, "{rest}");
        }
    }

    #[test]
    fn the_expiry_of_certificates_is_read() {
        // From 2050 on a certificate has the other form of a time.
        for (year, expected) in [
            (2030, 1924905600),
            (2048, 2492985600),
            (2049, 2524521600),
            (2050, 2556057600),
            (2099, 4_102_358_400_u64),
        ] {
            let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, 12, 31);
            let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
            let found = not_after(certificate.der()).unwrap();
            assert_eq!(found.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(), expected, "{year}");
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_have_no_expiry() {
        let certificate = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        let certificate = certificate.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let der = certificate.der();
        // The validity lies in the first 128 bytes of this one.
        for length in 0..64 {
            assert_eq!(not_after(&der[..length]), None, "{length}");
        }
        for at in 0..der.len() {
            for with in [0, 0x80, 0x84, 0xFF] {
                let mut changed = der.to_vec();
                changed[at] = with;
                let _ = not_after(&changed);
            }
        }
    }
}

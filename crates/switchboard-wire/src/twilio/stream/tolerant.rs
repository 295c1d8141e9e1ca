//! Twilio writes all counters as strings. We also take a JSON number, in case it stops doing so.

use serde::de::{Deserializer, Error, Visitor};
use std::fmt;

/// More digits than any counter of a call has; the same bound as the scanner's, so that both agree.
pub(super) const DIGITS_MAX: usize = 18;

pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Number;

    impl Visitor<'_> for Number {
        type Value = u64;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a count")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
            digits(text.as_bytes()).ok_or_else(|| E::custom("not a count"))
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }
    }

    deserializer.deserialize_any(Number)
}

/// Decimal digits only, without sign or blank.
pub(super) fn digits(text: &[u8]) -> Option<u64> {
    let is_short = (1..=DIGITS_MAX).contains(&text.len());
    let add = |sum: u64, byte: &u8| {
        byte.is_ascii_digit()
            .then(|| sum * 10 + u64::from(byte - b'0'))
    };
    is_short.then(|| text.iter().try_fold(0, add)).flatten()
}

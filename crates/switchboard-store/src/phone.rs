//! Telephone numbers in E.164 form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A telephone number in E.164 form: `+`, then 7 to 15 digits, the first not 0. Prints as `[private]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// The text is not an E.164 number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a telephone number is '+' and 7 to 15 digits, such as +12025550103")]
pub struct PhoneNumberError;

impl PhoneNumber {
    /// Takes an E.164 number; blanks, dots, dashes and brackets between the digits are dropped.
    pub fn parse(text: &str) -> Result<Self, PhoneNumberError> {
        let number: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')'))
            .collect();
        let digits = number.strip_prefix('+').ok_or(PhoneNumberError)?;
        let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if fits && !digits.starts_with('0') {
            Ok(Self(number))
        } else {
            Err(PhoneNumberError)
        }
    }

    /// The number itself. Like `Private::expose`, a place to look at when something leaks.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for PhoneNumber {
    type Err = PhoneNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = PhoneNumberError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

stored_as_text!(PhoneNumber, |number| number.expose(), PhoneNumber::parse);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_e164_and_prints_as_private() {
        let number = PhoneNumber::parse("+1 (202) 555-0103").unwrap();
        assert_eq!(number.expose(), "+12025550103");
        assert_eq!(format!("{number} {number:?}"), "[private] [private]");
        for text in [
            "",
            "+",
            "2025550103",
            "+0123456789",
            "+123456",
            "+1234567890123456",
            "+1202555o103",
            "anonymous",
        ] {
            assert_eq!(PhoneNumber::parse(text), Err(PhoneNumberError), "{text}");
        }
    }
}

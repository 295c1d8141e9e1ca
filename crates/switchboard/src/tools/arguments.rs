//! Arguments of a tool, read strictly from what a model wrote.

use std::fmt;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};
use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer};

use super::answer::ToolAnswer;

/// Bytes of arguments that are looked at. The longest honest ones have a few hundred.
const ARGUMENTS_BYTES_MAX: usize = 8 * 1024;
/// Letters of the reader's complaint that the model is told, so that it can mend its request.
const COMPLAINT_LETTERS_MAX: usize = 160;

/// Letters of a spoken service, practitioner or person at most.
pub(super) const NAME_LETTERS_MAX: usize = 80;
/// Letters of a telephone number at most, with all its blanks and brackets.
pub(super) const PHONE_LETTERS_MAX: usize = 32;

/// Reads the arguments of a tool.
///
/// # Errors
/// An answer for the model; nothing was read into the tool.
pub(super) fn read<T: DeserializeOwned>(arguments: &str) -> Result<T, ToolAnswer> {
    if arguments.len() > ARGUMENTS_BYTES_MAX {
        return Err(invalid("they are too long"));
    }
    let arguments = if arguments.trim().is_empty() {
        "{}"
    } else {
        arguments
    };
    // The reader would also take a list of values in the order of the fields.
    if !arguments.trim_start().starts_with('{') {
        return Err(invalid("they must be an object"));
    }
    serde_json::from_str(arguments).map_err(|error| {
        let complaint: String = error
            .to_string()
            .chars()
            .take(COMPLAINT_LETTERS_MAX)
            .collect();
        invalid(&complaint)
    })
}

fn invalid(complaint: &str) -> ToolAnswer {
    let message = format!("The arguments cannot be used: {complaint}. Please ask again.");
    ToolAnswer::failed("invalid_arguments", message)
}

/// A text of 1 to `MAX` letters without control characters, trimmed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    pub(super) fn into_string(self) -> String {
        self.0
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[private]")
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_str(TextVisitor)?;
        let text = text.trim();
        if text.is_empty() {
            Err(D::Error::custom("a text is empty"))
        } else if text.chars().count() > MAX {
            Err(D::Error::custom(format_args!(
                "a text has more than {MAX} letters"
            )))
        } else if text.chars().any(char::is_control) {
            Err(D::Error::custom("a text has control characters"))
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

/// An optional text: models also write `null` or an empty text when they mean none.
pub(super) fn optional_text<'de, D: Deserializer<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<Option<Text<MAX>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    if text.trim().is_empty() {
        return Ok(None);
    }
    let reader = serde::de::value::StrDeserializer::new(&text);
    Text::deserialize(reader).map(Some)
}

/// A day as `YYYY-MM-DD`.
pub(super) fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let text = deserializer.deserialize_str(TextVisitor)?;
    let is_plain = text.len() == "2026-11-24".len() && !text.starts_with(['+', '-']);
    let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d")
        .ok()
        .filter(|_| is_plain);
    day.ok_or_else(|| D::Error::custom("a day is written like 2026-11-24"))
}

/// A time of day as `HH:MM`, or none.
pub(super) fn optional_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<NaiveTime>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    if text.trim().is_empty() {
        return Ok(None);
    }
    let time = NaiveTime::parse_from_str(text.trim(), "%H:%M");
    time.map(Some)
        .map_err(|_| D::Error::custom("a time is written like 14:30"))
}

/// When something starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// With its offset, as RFC 3339 wants it.
    Exact(DateTime<FixedOffset>),
    /// Without one, as models sometimes write it: the clock of the business.
    Local(NaiveDateTime),
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_str(TextVisitor)?;
        let local = || {
            let formats = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"];
            formats
                .into_iter()
                .find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok())
        };
        let exact = DateTime::parse_from_rfc3339(&text).ok().map(Self::Exact);
        // A year of five digits has no offset in any zone that could be computed.
        let fits = text.len() <= "2026-11-24T14:00:00.000000000-05:00".len()
            && text.as_bytes().get(4) == Some(&b'-');
        exact
            .or_else(|| local().map(Self::Local))
            .filter(|_| fits)
            .ok_or_else(|| D::Error::custom("a start is written like 2026-11-24T14:00:00-05:00"))
    }
}

/// Takes a text and nothing else; a wrong type is named without its value.
struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

//! Time as this crate stores it.

use std::fmt;
use std::str::FromStr;

use chrono::{SubsecRound, Utc};
use serde::{Deserialize, Serialize};

/// A moment in UTC. PostgreSQL keeps microseconds.
pub type Timestamp = chrono::DateTime<Utc>;

/// Digits of a second that both databases keep.
const SECOND_DIGITS: u16 = 6;

/// The present, for `created_at` columns only. Whatever decides takes its time as an argument.
pub(crate) fn now() -> Timestamp {
    Utc::now().trunc_subsecs(SECOND_DIGITS)
}

/// A time zone by its IANA name, such as `America/New_York`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(pub chrono_tz::Tz);

impl Zone {
    pub const UTC: Self = Self(chrono_tz::UTC);

    pub fn name(&self) -> &'static str {
        self.0.name()
    }
}

impl FromStr for Zone {
    type Err = chrono_tz::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl TryFrom<String> for Zone {
    type Error = chrono_tz::ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name().to_owned()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

stored_as_text!(Zone, |zone| zone.name(), str::parse::<Zone>);

#[cfg(test)]
mod tests {
    use chrono::{DateTime, SecondsFormat};

    #[test]
    fn times_written_as_text_sort_like_times() {
        // SQLite keeps times as the text the driver writes, and statements compare that text.
        let text = |nanos| {
            DateTime::from_timestamp(1_800_000_000, nanos)
                .unwrap()
                .to_rfc3339_opts(SecondsFormat::AutoSi, false)
        };
        let nanos = [
            0,
            1,
            999,
            1_000,
            1_001,
            122_900_000,
            123_000_000,
            123_000_001,
            123_456_000,
            999_999_999,
        ];
        let written: Vec<String> = nanos.into_iter().map(text).collect();
        assert!(written.is_sorted(), "{written:?}");
    }
}

//! Rows of a demonstration tenant: services, practitioners, opening hours.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::NaiveTime;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Rows that `serve --demo` creates for the agent's tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DemoData {
    /// What can be booked.
    pub services: Vec<ServiceData>,
    /// Who does it.
    pub practitioners: Vec<PractitionerData>,
    /// When the business is open, in the agent's zone. A day that is missing is closed.
    pub opening_hours: OpeningHours,
}

/// One bookable service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceData {
    /// As it is said: "Swedish massage".
    pub name: String,
    /// Duration of one appointment in minutes.
    pub minutes: u32,
    /// Price in micro-USD (1 USD = 1000000).
    pub price_micros: u64,
    /// Other words callers use for it.
    #[serde(default)]
    pub synonyms: Vec<String>,
}

/// One person who performs services.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PractitionerData {
    /// As it is said: "Dr. Lena Ortiz".
    pub name: String,
    /// Names of services, each of which is in the list of services.
    pub services: Vec<String>,
}

/// Opening hours per weekday: `monday = ["09:00-12:30", "14:00-18:00"]`.
pub type OpeningHours = BTreeMap<Weekday, Vec<OpenHours>>;

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// The first day, as in ISO 8601.
    Monday,
    /// The second.
    Tuesday,
    /// The third.
    Wednesday,
    /// The fourth.
    Thursday,
    /// The fifth.
    Friday,
    /// The sixth.
    Saturday,
    /// The seventh.
    Sunday,
}

impl Weekday {
    /// 0 for Monday to 6 for Sunday.
    pub fn days_from_monday(self) -> u8 {
        self as u8
    }
}

/// A stretch of opening on one day in local time; it ends after it begins and before midnight.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OpenHours {
    /// When it opens.
    pub opens: NaiveTime,
    /// When it closes.
    pub closes: NaiveTime,
}

impl FromStr for OpenHours {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "opening hours must look like 09:00-17:30";
        let (opens, closes) = text.split_once('-').ok_or(expected)?;
        let time =
            |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| expected);
        let hours = Self {
            opens: time(opens)?,
            closes: time(closes)?,
        };
        if hours.opens < hours.closes {
            Ok(hours)
        } else {
            Err(expected)
        }
    }
}

impl fmt::Debug for OpenHours {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}-{}",
            self.opens.format("%H:%M"),
            self.closes.format("%H:%M")
        )
    }
}

impl Serialize for OpenHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

impl<'de> Deserialize<'de> for OpenHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

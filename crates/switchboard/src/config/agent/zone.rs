//! A time zone in a file: its IANA name.

use chrono_tz::Tz;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

use crate::config::nearest::nearest;

pub(super) fn serialize<S: Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(zone.name())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse().map_err(|_| {
        let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let near = nearest(&name, known).unwrap_or("Europe/London");
        D::Error::custom(format!(
            "there is no time zone `{name}`; did you mean `{near}`?"
        ))
    })
}

//! Which stretch of time a page shows: a named one that ends now, or one of its own.

use chrono::TimeDelta;
use serde::Deserialize;
use switchboard_store::{HealthWindow, SeriesStep, Timestamp};

/// Shown when nobody chose.
const USUAL: &str = "24h";
/// Longest window; more would read rows that retention has taken anyway.
const DAYS_MAX: i64 = 92;

/// The windows that have a name, shortest first, with their length in hours.
pub(super) const NAMED: [(&str, i64); 3] = [("1h", 1), ("24h", 24), ("7d", 168)];

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct WindowQuery {
    pub window: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    /// Whose calls, for those who may see all.
    pub tenant: Option<String>,
}

/// A stretch of time, its end excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
    pub step: SeriesStep,
    /// Blank for one of its own.
    pub name: String,
}

/// Why a window cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    #[error("window must be 1h, 24h or 7d")]
    Unknown,
    #[error("from and to must be times such as 2026-11-21T00:00:00Z")]
    NoTime,
    #[error("from must be before to, and at most 92 days")]
    Length,
}

impl Window {
    /// What `query` asks for, at `now`.
    ///
    /// # Errors
    /// A name that is none, a text that is no time, or a stretch that is empty or too long.
    pub fn of(query: &WindowQuery, now: Timestamp) -> Result<Self, WindowError> {
        if query.from.is_none() && query.to.is_none() {
            return Self::named(query.window.as_deref().unwrap_or(USUAL), now);
        }
        let time = |text: &Option<String>| match text {
            // A plus that was not escaped arrives as a blank.
            Some(text) => text.replace(' ', "+").parse().map(Some),
            None => Ok(None),
        };
        let from: Option<Timestamp> = time(&query.from).map_err(|_| WindowError::NoTime)?;
        let to: Timestamp = time(&query.to)
            .map_err(|_| WindowError::NoTime)?
            .unwrap_or(now);
        let from = match from {
            Some(from) => from,
            None => to
                .checked_sub_signed(TimeDelta::hours(24))
                .ok_or(WindowError::Length)?,
        };
        Self::between(from, to, String::new())
    }

    fn named(name: &str, now: Timestamp) -> Result<Self, WindowError> {
        let found = NAMED.iter().find(|(known, _)| *known == name);
        let (name, hours) = found.ok_or(WindowError::Unknown)?;
        Self::between(now - TimeDelta::hours(*hours), now, (*name).to_owned())
    }

    fn between(from: Timestamp, to: Timestamp, name: String) -> Result<Self, WindowError> {
        let length = to - from;
        if length <= TimeDelta::zero() || length > TimeDelta::days(DAYS_MAX) {
            return Err(WindowError::Length);
        }
        let step = match length.num_minutes() {
            ..=120 => SeriesStep::Minute,
            121..=720 => SeriesStep::TenMinutes,
            721..=11_520 => SeriesStep::Hour,
            _ => SeriesStep::Day,
        };
        Ok(Self {
            from,
            to,
            step,
            name,
        })
    }

    /// What the store is asked.
    pub fn rows(&self) -> HealthWindow {
        HealthWindow {
            from: self.from,
            to: self.to,
            step: self.step,
        }
    }
}

//! What was spent, and what that makes of a month: the same figures for the API, the command line and pages.

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use switchboard_store::{Currency, Micros, StoreError, TenantStore, UsageBy, UsageSum};
use thiserror::Error;

use crate::budgets::day::{Day, days_of};

/// Days of a report when nobody says how many.
const DAYS_DEFAULT: i64 = 30;
/// Days of a report at most: a year, and a month to compare with.
const DAYS_MAX: i64 = 400;
/// Whole days that a forecast looks back: a week, so that week-ends count as often as they come.
const FORECAST_DAYS: i64 = 7;
/// Days of the month that a forecast is for.
const MONTH_DAYS: i64 = 30;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct UsageAsk {
    /// What the sums are by.
    pub by: UsageBy,
    /// Where the range begins; without it thirty days before its end.
    pub from: Option<DateTime<Utc>>,
    /// Where it ends, itself excluded; without it now.
    pub to: Option<DateTime<Utc>>,
}

/// The range cannot be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UsageRangeError {
    /// It ends before it begins.
    #[error("`to` must be later than `from`")]
    Backwards,
    /// It is too long.
    #[error("a report has {DAYS_MAX} days at most")]
    TooLong,
}

/// What was spent in a range.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct UsageReport {
    /// What the sums are by.
    pub by: UsageBy,
    /// Where the range begins.
    pub from: DateTime<Utc>,
    /// Where it ends, itself excluded.
    pub to: DateTime<Utc>,
    /// The sums.
    pub items: Vec<UsageSum>,
    /// Of all, per currency.
    pub totals: Vec<Total>,
    /// The zone by whose clock days begin.
    pub time_zone: &'static str,
    /// What a month costs if it goes on like the last seven whole days, per currency.
    pub forecast: Vec<Forecast>,
}

/// Everything that was spent in one currency.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Which.
    pub currency: Currency,
    /// How much.
    pub cost_micros: Micros,
}

/// A guess, and what it is made of.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// Which currency.
    pub currency: Currency,
    /// What the last seven whole days cost.
    pub last_7_days_micros: Micros,
    /// That times 30/7, rounded down.
    pub next_30_days_micros: Micros,
}

impl UsageAsk {
    /// The range that is meant.
    ///
    /// # Errors
    /// A range that is backwards or too long.
    pub fn range(
        &self,
        now: DateTime<Utc>,
    ) -> Result<(DateTime<Utc>, DateTime<Utc>), UsageRangeError> {
        let to = self.to.unwrap_or(now);
        let from = self.from.unwrap_or(to - Duration::days(DAYS_DEFAULT));
        match to - from {
            length if length <= Duration::zero() => Err(UsageRangeError::Backwards),
            length if length > Duration::days(DAYS_MAX) => Err(UsageRangeError::TooLong),
            _ => Ok((from, to)),
        }
    }
}

/// The report for a range that was checked.
///
/// # Errors
/// The database cannot be asked.
pub async fn report(
    rows: &TenantStore,
    by: UsageBy,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<UsageReport, StoreError> {
    let profile = rows.tenant_profile().await?;
    let zone = profile.map_or(chrono_tz::UTC, |tenant| tenant.time_zone.0);
    let items = match by {
        UsageBy::Day => rows.usage_of_days(&days_of(from, to, zone)).await?,
        by => rows.usage_sums(by, from, to).await?,
    };
    let today = Day::of(now, zone);
    let week = Day::dated(today.date - Duration::days(FORECAST_DAYS), zone);
    let week = rows
        .usage_sums(UsageBy::Model, week.from, today.from)
        .await?;
    Ok(UsageReport {
        by,
        from,
        to,
        time_zone: zone.name(),
        totals: totals(&items),
        forecast: totals(&week).into_iter().map(forecast).collect(),
        items,
    })
}

fn totals(sums: &[UsageSum]) -> Vec<Total> {
    let mut totals: Vec<Total> = Vec::new();
    for sum in sums {
        let known = totals.iter_mut().find(|it| it.currency == sum.currency);
        match known {
            Some(total) => {
                total.cost_micros = Micros(total.cost_micros.0.saturating_add(sum.cost_micros.0));
            }
            None => totals.push(Total {
                currency: sum.currency,
                cost_micros: sum.cost_micros,
            }),
        }
    }
    totals
}

fn forecast(week: Total) -> Forecast {
    let month = week.cost_micros.0.saturating_mul(MONTH_DAYS) / FORECAST_DAYS;
    Forecast {
        currency: week.currency,
        last_7_days_micros: week.cost_micros,
        next_30_days_micros: Micros(month),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(from: Option<&str>, to: Option<&str>) -> UsageAsk {
        let time = |text: &str| text.parse().expect("a time");
        UsageAsk {
            by: UsageBy::Day,
            from: from.map(time),
            to: to.map(time),
        }
    }

    #[test]
    fn a_range_is_the_last_thirty_days_unless_it_is_said() {
        let now = "2026-11-21T12:00:00Z".parse().expect("a time");
        let (from, to) = ask(None, None).range(now).expect("a range");
        assert_eq!((to, (to - from).num_days()), (now, 30));
        let backwards = ask(Some("2026-11-22T00:00:00Z"), None).range(now);
        assert_eq!(backwards, Err(UsageRangeError::Backwards));
        let long = ask(Some("2024-01-01T00:00:00Z"), None).range(now);
        assert_eq!(long, Err(UsageRangeError::TooLong));
    }

    #[test]
    fn a_month_is_thirty_sevenths_of_a_week() {
        let week = Total {
            currency: Currency::USD,
            cost_micros: Micros(7_000_001),
        };
        assert_eq!(forecast(week).next_30_days_micros, Micros(30_000_004));
    }
}

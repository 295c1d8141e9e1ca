//! The figures behind the voice health page: counted over any window, exact, each from an index.
//!
//! Durations come as whole milliseconds with a count, so that a percentile over several tenants is as exact as over one.

use sqlx::FromRow;

use crate::error::StoreError;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::usage::UsageTotal;
use crate::word::Word;
use crate::words::EndClass;

/// The events of `COUNTED` and `LATENCIES` are those of the index `call_events_counted`; a statement has to repeat its
/// list for SQLite to use it.
macro_rules! counted {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            "name in ('turn_ended', 'dead_air_counted', 'interruption_held', 'reply_interrupted', 'reply_resumed')",
            $tail
        )
    };
}

sql! {
    // The text of a time begins with its date and hour on both databases: its first characters are its bucket.
    CALLS = "select substr(cast(offered_at as text), 1, $4) as bucket, end_reason, end_class, count(*) as calls
        from calls where tenant_id = $1 and offered_at >= $2 and offered_at < $3 group by 1, 2, 3 order by 1";
    HANDSHAKES = "select elapsed_ms as ms, count(*) as times from handshakes
        where tenant_id = $1 and started_at >= $2 and started_at < $3 group by elapsed_ms order by elapsed_ms";
    HANDSHAKE_SERIES = "select substr(cast(started_at as text), 1, $4) as bucket, elapsed_ms as ms, count(*) as times
        from handshakes where tenant_id = $1 and started_at >= $2 and started_at < $3 group by 1, 2 order by 1, 2";
    RESPONSES = counted!("select cast(technical ->> 'response_ms' as bigint) as ms, count(*) as times from call_events
        where tenant_id = $1 and name = 'turn_ended' and ", " and at >= $2 and at < $3
            and technical ->> 'response_ms' is not null group by 1 order by 1");
    HEARD = counted!("select cast(technical ->> 'heard_ms' as bigint) as ms, count(*) as times from call_events
        where tenant_id = $1 and name = 'turn_ended' and ", " and at >= $2 and at < $3
            and technical ->> 'heard_ms' is not null group by 1 order by 1");
    COUNTED = counted!("select name, count(*) as times from call_events where tenant_id = $1 and ",
        " and name <> 'turn_ended' and at >= $2 and at < $3 group by name order by name");
    COSTS = "select currency, cast(sum(cost_micros) as bigint) as cost_micros, count(*) as entries from usage
        where tenant_id = $1 and at >= $2 and at < $3 group by currency order by currency";
    // Ends before starts at one moment, so that a call that follows another is not counted beside it. A call without an
    // end counts while it can still be in progress; $4 is the oldest that can.
    PEAK = "select coalesce(max(case when at >= $5 then running else 0 end), 0) as within,
            cast(coalesce(sum(case when at < $5 then step else 0 end), 0) as bigint) as before
        from (
            select at, step, sum(step) over (order by at, step rows unbounded preceding) as running from (
                select s.offered_at as at, 1 as step from calls s
                    where s.tenant_id = $1 and s.offered_at >= $2 and s.offered_at < $3
                    and (s.end_reason is null and s.offered_at >= $4
                        or s.end_reason not in ('concurrency_limit', 'streaming_off', 'bridge_only'))
                union all
                select e.ended_at as at, -1 as step from calls e
                    where e.tenant_id = $1 and e.offered_at >= $2 and e.offered_at < $3 and e.ended_at is not null
                    and e.end_reason not in ('concurrency_limit', 'streaming_off', 'bridge_only')
            ) steps
        ) totals";
    IN_PROGRESS = "select count(*) as times from calls
        where tenant_id = $1 and offered_at >= $2 and offered_at < $3 and end_reason is null";
    RECENT_ENDS = "select end_reason, count(*) as six_hours,
            sum(case when offered_at >= $3 then 1 else 0 end) as hour,
            sum(case when offered_at >= $4 then 1 else 0 end) as half_hour,
            sum(case when offered_at >= $5 then 1 else 0 end) as five_minutes
        from calls where tenant_id = $1 and offered_at >= $2 group by end_reason";
    RECENT_TURNS = counted!("select name, count(*) as six_hours,
            sum(case when at >= $3 then 1 else 0 end) as hour,
            sum(case when at >= $4 then 1 else 0 end) as half_hour,
            sum(case when at >= $5 then 1 else 0 end) as five_minutes
        from call_events where tenant_id = $1 and ", " and at >= $2
            and (name = 'dead_air_counted' or name = 'turn_ended' and technical ->> 'response_ms' is not null)
        group by name");
    OFFERED_SINCE = "select id from calls where tenant_id = $1 and offered_at >= $2 limit 1";
}

/// Longest that a call may be looked for before the window: it can have been in progress when the window began.
const CALL_HOURS_MAX: i64 = 4;

/// A stretch of time, its end excluded, and how it is cut for a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthWindow {
    pub from: Timestamp,
    pub to: Timestamp,
    pub step: SeriesStep,
}

/// How long one bar of a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesStep {
    Minute,
    TenMinutes,
    Hour,
    Day,
}

impl SeriesStep {
    /// Characters of a time's text that are the same within a step.
    const fn text_chars(self) -> i32 {
        match self {
            Self::Minute => 16,
            Self::TenMinutes => 15,
            Self::Hour => 13,
            Self::Day => 10,
        }
    }

    pub const fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::TenMinutes => 600,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }
}

/// Calls of one step that ended alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCount {
    /// Where the step begins.
    pub at: Timestamp,
    /// `None` while they are in progress.
    pub end_reason: Option<Word>,
    pub end_class: Option<EndClass>,
    pub calls: i64,
}

/// How often something took this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct MsCount {
    pub ms: i64,
    pub times: i64,
}

/// How often a handshake of one step took this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepMsCount {
    pub at: Timestamp,
    pub ms: i64,
    pub times: i64,
}

/// How often a counted event happened.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct EventCount {
    pub name: Word,
    pub times: i64,
}

/// Everything counted about one tenant's calls in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCounts {
    pub calls: Vec<CallCount>,
    /// By length, shortest first, those that fell back included.
    pub handshakes: Vec<MsCount>,
    pub handshake_series: Vec<StepMsCount>,
    /// From the end of a caller's turn to the first reply audio sent, by length.
    pub responses: Vec<MsCount>,
    /// The same to the first reply audio heard.
    pub heard: Vec<MsCount>,
    /// Dead air and interruptions.
    pub events: Vec<EventCount>,
    /// Most calls that held an agent at one moment.
    pub peak: i64,
    /// Calls without an end when the window ended.
    pub in_progress: i64,
    pub costs: Vec<UsageTotal>,
}

/// The stretches of time that alerts look at, each ending now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecentCounts {
    pub six_hours: i64,
    pub hour: i64,
    pub half_hour: i64,
    pub five_minutes: i64,
}

/// What alerts look at, of one tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecentHealth {
    /// Offered calls by how they ended; `None` while they are in progress.
    pub ends: Vec<(Option<Word>, RecentCounts)>,
    /// Caller turns that the agent answered.
    pub answered_turns: RecentCounts,
    /// Caller turns followed by silence for too long.
    pub dead_air: RecentCounts,
    /// Handshakes of the last hour by length.
    pub handshakes: Vec<MsCount>,
}

#[derive(FromRow)]
struct CallRow {
    bucket: String,
    end_reason: Option<Word>,
    end_class: Option<EndClass>,
    calls: i64,
}

#[derive(FromRow)]
struct StepRow {
    bucket: String,
    ms: i64,
    times: i64,
}

#[derive(FromRow)]
struct PeakRow {
    within: i64,
    /// In progress when the window began.
    before: i64,
}

#[derive(FromRow)]
struct RecentEndRow {
    end_reason: Option<Word>,
    six_hours: i64,
    hour: i64,
    half_hour: i64,
    five_minutes: i64,
}

#[derive(FromRow)]
struct RecentEventRow {
    name: Word,
    six_hours: i64,
    hour: i64,
    half_hour: i64,
    five_minutes: i64,
}

impl TenantStore {
    /// Counts a window. Reads the window's rows through indexes and nothing else.
    pub async fn health_counts(&self, window: &HealthWindow) -> Result<HealthCounts, StoreError> {
        let HealthWindow { from, to, step } = *window;
        let (tenant, chars) = (self.tenant(), step.text_chars());
        let mut tx = self.read().await?;
        let calls = fetch!(&mut tx, all CallRow, CALLS, tenant, from, to, chars)?;
        let series = fetch!(&mut tx, all StepRow, HANDSHAKE_SERIES, tenant, from, to, chars)?;
        let hours = chrono::TimeDelta::hours(CALL_HOURS_MAX);
        let (early, lost_before) = (from - hours, to - hours);
        let peak = fetch!(&mut tx, one PeakRow, PEAK, tenant, early, to, lost_before, from)?;
        Ok(HealthCounts {
            calls: calls.into_iter().filter_map(CallRow::counted).collect(),
            handshakes: fetch!(&mut tx, all MsCount, HANDSHAKES, tenant, from, to)?,
            handshake_series: series.into_iter().filter_map(StepRow::counted).collect(),
            responses: fetch!(&mut tx, all MsCount, RESPONSES, tenant, from, to)?,
            heard: fetch!(&mut tx, all MsCount, HEARD, tenant, from, to)?,
            events: fetch!(&mut tx, all EventCount, COUNTED, tenant, from, to)?,
            peak: peak.within.max(peak.before),
            in_progress:
                fetch!(&mut tx, one crate::db::Only<i64>, IN_PROGRESS, tenant, lost_before, to)?.0,
            costs: fetch!(&mut tx, all UsageTotal, COSTS, tenant, from, to)?,
        })
    }

    /// Counts what alerts look at, up to `now`. A tenant without a call in six hours costs one look into an index.
    pub async fn recent_health(&self, now: Timestamp) -> Result<RecentHealth, StoreError> {
        let ago = |minutes| now - chrono::TimeDelta::minutes(minutes);
        let (six, hour, half, five) = (ago(360), ago(60), ago(30), ago(5));
        let tenant = self.tenant();
        let mut tx = self.read().await?;
        let called = fetch!(&mut tx, optional crate::db::Only<crate::ids::CallId>, OFFERED_SINCE, tenant, six)?;
        if called.is_none() {
            return Ok(RecentHealth::default());
        }
        let ends = fetch!(&mut tx, all RecentEndRow, RECENT_ENDS, tenant, six, hour, half, five)?;
        let events =
            fetch!(&mut tx, all RecentEventRow, RECENT_TURNS, tenant, six, hour, half, five)?;
        let of = |name: &str| {
            let row = events.iter().find(|row| row.name.as_str() == name);
            row.map(RecentEventRow::counts).unwrap_or_default()
        };
        Ok(RecentHealth {
            ends: ends.into_iter().map(RecentEndRow::counted).collect(),
            answered_turns: of("turn_ended"),
            dead_air: of("dead_air_counted"),
            handshakes: fetch!(&mut tx, all MsCount, HANDSHAKES, tenant, hour, now)?,
        })
    }
}

impl CallRow {
    fn counted(self) -> Option<CallCount> {
        Some(CallCount {
            at: step_begin(&self.bucket)?,
            end_reason: self.end_reason,
            end_class: self.end_class,
            calls: self.calls,
        })
    }
}

impl StepRow {
    fn counted(self) -> Option<StepMsCount> {
        let at = step_begin(&self.bucket)?;
        let Self { ms, times, .. } = self;
        Some(StepMsCount { at, ms, times })
    }
}

impl RecentEndRow {
    fn counted(self) -> (Option<Word>, RecentCounts) {
        let counts = RecentCounts {
            six_hours: self.six_hours,
            hour: self.hour,
            half_hour: self.half_hour,
            five_minutes: self.five_minutes,
        };
        (self.end_reason, counts)
    }
}

impl RecentEventRow {
    fn counts(&self) -> RecentCounts {
        RecentCounts {
            six_hours: self.six_hours,
            hour: self.hour,
            half_hour: self.half_hour,
            five_minutes: self.five_minutes,
        }
    }
}

/// Completes the first characters of a time, `2026-11-21T19` or `2026-11-21 19:4`. Both databases give UTC.
fn step_begin(text: &str) -> Option<Timestamp> {
    const ZERO: &str = "0000-00-00T00:00:00Z";
    let rest = ZERO.get(text.len()..)?;
    format!("{text}{rest}").replacen(' ', "T", 1).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_times_text_is_the_beginning_of_its_step() {
        for (text, expected) in [
            ("2026-11-21", "2026-11-21T00:00:00Z"),
            ("2026-11-21T19", "2026-11-21T19:00:00Z"),
            ("2026-11-21 19:4", "2026-11-21T19:40:00Z"),
            ("2026-11-21 19:47", "2026-11-21T19:47:00Z"),
        ] {
            assert_eq!(step_begin(text), expected.parse().ok(), "{text}");
        }
        assert_eq!(step_begin("nonsense"), None);
    }
}

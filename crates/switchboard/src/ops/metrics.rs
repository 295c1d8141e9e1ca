//! Measures for Prometheus. Labels are words from closed lists, never ids, names or numbers of people.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::http::Drain;

/// Names of measures; each is a contract with dashboards and alerts.
pub mod names {
    /// Histogram, seconds from the answered webhook to a model that is ready, or to the fallback.
    pub const HANDSHAKE_SECONDS: &str = "switchboard_handshake_seconds";
    /// Counter of parties that were rung for callers. Label `status`: what became of them.
    pub const TRANSFERS_TOTAL: &str = "switchboard_transfers_total";
    /// Counter of parties that were not rung although it was their turn. Label `reason`.
    pub const TRANSFERS_SKIPPED_TOTAL: &str = "switchboard_transfers_skipped_total";
    /// Counter of calls that were transfers of our own come back.
    pub const LOOPS_TOTAL: &str = "switchboard_forwarding_loops_total";
    /// Counter of calls of numbers that call too often or hold too many calls. Label `limit`.
    pub const CALLER_LIMITS_TOTAL: &str = "switchboard_caller_limits_total";
    /// Counter of calls that a spent budget refused. Label `budget`: whose.
    pub const BUDGET_REFUSALS_TOTAL: &str = "switchboard_budget_refusals_total";
    /// Counter of callers handed over for technical reasons. Label `reason`.
    pub const FALLBACKS_TOTAL: &str = "switchboard_fallbacks_total";
    /// Counter of handoffs of any kind. Label `reason`.
    pub const HANDOFFS_TOTAL: &str = "switchboard_handoffs_total";
    /// Histogram, seconds from the end of a caller's turn to the first reply audio sent.
    pub const RESPONSE_LATENCY_SECONDS: &str = "switchboard_response_latency_seconds";
    /// Histogram, seconds from the end of a caller's turn to the first reply audio heard.
    pub const HEARD_LATENCY_SECONDS: &str = "switchboard_heard_latency_seconds";
    /// Gauge, 1 while callers skip a model's vendor because it fails. Label `provider`.
    pub const MODEL_BREAKER_OPEN: &str = "switchboard_model_breaker_open";
    /// Counter of caller turns that were followed by silence for too long.
    pub const DEAD_AIR_TOTAL: &str = "switchboard_dead_air_total";
    /// Counter of speech over the agent, by what we decided. Label `outcome`: `held`, `stopped`, `resumed`.
    pub const INTERRUPTIONS_TOTAL: &str = "switchboard_interruptions_total";
    /// Gauge of calls in progress. Label `channel`.
    pub const CALLS_LIVE: &str = "switchboard_calls_live";
    /// Counter of calls that ended. Labels `class` and `reason`.
    pub const CALLS_ENDED_TOTAL: &str = "switchboard_calls_ended_total";
    /// Counter of money spent on calls, in micro-USD.
    pub const CALL_COST_MICROS_TOTAL: &str = "switchboard_call_cost_micros_total";
    /// Counter of audio frames dropped, oldest first. Label `direction`.
    pub const AUDIO_FRAMES_DROPPED_TOTAL: &str = "switchboard_audio_frames_dropped_total";
    /// Counter of recordings that came to an end. Label `outcome`: `stored`, `broken` or `erased`.
    pub const RECORDINGS_TOTAL: &str = "switchboard_recordings_total";
    /// Counter of milliseconds that are silence in a recording because the recorder could not keep up.
    pub const RECORDING_DROPPED_MS_TOTAL: &str = "switchboard_recording_dropped_ms_total";
    /// Histogram, seconds for one tool. Labels `tool` and `outcome`.
    pub const TOOL_SECONDS: &str = "switchboard_tool_seconds";
    /// Gauge of events waiting for the database.
    pub const JOURNAL_EVENTS_WAITING: &str = "switchboard_journal_events_waiting";
    /// Counter of events dropped because neither memory nor spool had room.
    pub const JOURNAL_EVENTS_DROPPED_TOTAL: &str = "switchboard_journal_events_dropped_total";
    /// Gauge, bytes of events that wait on the disk for the database.
    pub const JOURNAL_SPOOL_BYTES: &str = "switchboard_journal_spool_bytes";
    /// Counter of attempts to write the spool that failed: events waited in memory.
    pub const JOURNAL_SPOOL_FAILURES_TOTAL: &str = "switchboard_journal_spool_failures_total";
    /// Gauge, 0 to 1: room on the disk of the spool.
    pub const DISK_FREE_RATIO: &str = "switchboard_disk_free_ratio";
    /// Counter of webhooks refused. Label `reason`.
    pub const WEBHOOKS_REFUSED_TOTAL: &str = "switchboard_webhooks_refused_total";
    /// Counter of connections refused at the port. Label `reason`.
    pub const CONNECTIONS_REFUSED_TOTAL: &str = "switchboard_connections_refused_total";
    /// Histogram, seconds to answer a request. Labels `route` (its pattern) and `status`.
    pub const HTTP_REQUEST_SECONDS: &str = "switchboard_http_request_seconds";
    /// Counter of runs of jobs. Labels `kind` and `outcome` (done, postponed, failed).
    pub const JOBS_ENDED_TOTAL: &str = "switchboard_jobs_ended_total";
    /// Histogram, seconds for one run of a job. Label `kind`.
    pub const JOB_SECONDS: &str = "switchboard_job_seconds";
    /// Gauge of jobs that wait, due or not, in the whole installation. Label `kind`.
    pub const JOBS_WAITING: &str = "switchboard_jobs_waiting";
    /// Gauge of jobs that were given up, in the whole installation. Label `kind`.
    pub const JOBS_FAILED: &str = "switchboard_jobs_failed";
    /// Gauge, seconds by which the longest waiting job is late. Label `kind`.
    pub const JOBS_LATE_SECONDS: &str = "switchboard_jobs_late_seconds";
    /// Counter of tries to send a mail. Labels `kind` and `outcome` (sent, postponed, failed, uncertain).
    pub const MAILS_TOTAL: &str = "switchboard_mails_total";
    /// Counter of tries to deliver a webhook. Labels `event` and `outcome` (delivered, failed).
    pub const WEBHOOK_TRIES_TOTAL: &str = "switchboard_webhook_tries_total";
    /// Counter of webhook endpoints that were disabled because they failed for days.
    pub const WEBHOOKS_DISABLED_TOTAL: &str = "switchboard_webhooks_disabled_total";
    /// Gauge of alerts that stand raised in this process. Labels `rule` and `severity`.
    pub const ALERTS_OPEN: &str = "switchboard_alerts_open";
    /// Counter of alerts raised by this process. Labels `rule` and `severity`.
    pub const ALERTS_RAISED_TOTAL: &str = "switchboard_alerts_raised_total";
    /// Counter of panics, each of which ended one task.
    pub const PANICS_TOTAL: &str = "switchboard_panics_total";
    /// Counter of spans that reached no collector. Label `reason`: `queue_full` or `not_taken`.
    pub const SPANS_DROPPED_TOTAL: &str = "switchboard_spans_dropped_total";
    /// Counter of log lines dropped because nobody read them fast enough.
    pub const LOG_LINES_DROPPED_TOTAL: &str = "switchboard_log_lines_dropped_total";
}

/// Bounds of the histograms of handshake and latency, in seconds. A percentile read from them is at most one bucket off
/// the exact one of the voice health page: 50 ms up to half a second, 100 ms up to 1.6 s, where the thresholds are.
pub const WAIT_SECONDS: [f64; 28] = [
    0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3,
    1.4, 1.5, 1.6, 1.8, 2.0, 2.5, 3.0, 4.0, 8.0, 30.0,
];

/// Bounds of the other histograms in seconds: fine around the promises (20 ms, 250 ms, 800 ms, 1.5 s, 3 s, 4 s).
const SECONDS: [f64; 16] = [
    0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0, 30.0,
];

/// How often samples of histograms are folded into their buckets, so that memory does not grow when nobody scrapes.
const UPKEEP_PERIOD: Duration = Duration::from_secs(5);

/// The measures of this process.
#[derive(Clone)]
pub struct MetricsHandle(PrometheusHandle);

impl MetricsHandle {
    /// Everything in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds samples now and then until the server stops.
    pub async fn keep_up(self, mut drain: Drain) {
        let mut ticks = tokio::time::interval(UPKEEP_PERIOD);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.0.run_upkeep(),
                () = drain.begun() => return,
            }
        }
    }
}

/// Makes this process measure. Later calls give the same handle: a process has one set of measures.
pub fn install() -> MetricsHandle {
    static HANDLE: OnceLock<MetricsHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let seconds = Matcher::Suffix("_seconds".to_owned());
            let waits = [
                names::HANDSHAKE_SECONDS,
                names::RESPONSE_LATENCY_SECONDS,
                names::HEARD_LATENCY_SECONDS,
            ];
            let waits = waits.map(|name| Matcher::Full(name.to_owned()));
            let builder = waits
                .into_iter()
                .fold(PrometheusBuilder::new(), |builder, wait| {
                    // A full name wins over a suffix.
                    builder
                        .set_buckets_for_metric(wait, &WAIT_SECONDS)
                        .expect("the list of bounds is not empty")
                });
            let builder = builder
                .set_buckets_for_metric(seconds, &SECONDS)
                .expect("the list of bounds is not empty");
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            // Somebody else's recorder wins only in a test binary that installed one first.
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("measures go to another recorder");
            }
            describe();
            MetricsHandle(handle)
        })
        .clone()
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    let seconds = |name, text| describe_histogram!(name, Unit::Seconds, text);
    seconds(
        names::HANDSHAKE_SECONDS,
        "From the answered webhook to a model that is ready",
    );
    seconds(
        names::RESPONSE_LATENCY_SECONDS,
        "From the end of a caller's turn to the first reply audio sent",
    );
    seconds(
        names::HEARD_LATENCY_SECONDS,
        "From the end of a caller's turn to the first reply audio heard",
    );
    seconds(names::TOOL_SECONDS, "Time of one tool");
    seconds(names::JOB_SECONDS, "Time of one run of a job");
    seconds(names::HTTP_REQUEST_SECONDS, "Time to answer a request");
    describe_counter!(
        names::FALLBACKS_TOTAL,
        "Callers handed over for technical reasons"
    );
    describe_counter!(names::HANDOFFS_TOTAL, "Callers handed over");
    describe_counter!(names::TRANSFERS_TOTAL, "Parties rung for callers");
    describe_counter!(
        names::TRANSFERS_SKIPPED_TOTAL,
        "Parties not rung although it was their turn"
    );
    describe_counter!(
        names::LOOPS_TOTAL,
        "Transfers of our own that came back as calls"
    );
    describe_counter!(
        names::CALLER_LIMITS_TOTAL,
        "Calls of numbers that call too often or hold too many calls"
    );
    describe_counter!(
        names::DEAD_AIR_TOTAL,
        "Caller turns followed by silence for too long"
    );
    describe_counter!(
        names::INTERRUPTIONS_TOTAL,
        "Speech over the agent, by what was decided"
    );
    describe_counter!(names::CALLS_ENDED_TOTAL, "Calls that ended");
    describe_counter!(
        names::CALL_COST_MICROS_TOTAL,
        "Money spent on calls, in micro-USD"
    );
    describe_counter!(
        names::AUDIO_FRAMES_DROPPED_TOTAL,
        "Audio frames dropped, oldest first"
    );
    describe_counter!(
        names::JOURNAL_EVENTS_DROPPED_TOTAL,
        "Events dropped because neither memory nor spool had room"
    );
    describe_counter!(names::WEBHOOKS_REFUSED_TOTAL, "Webhooks refused");
    describe_counter!(
        names::CONNECTIONS_REFUSED_TOTAL,
        "Connections refused at the port"
    );
    describe_counter!(names::JOBS_ENDED_TOTAL, "Runs of jobs");
    describe_gauge!(names::JOBS_WAITING, "Jobs that wait, due or not");
    describe_gauge!(names::JOBS_FAILED, "Jobs that were given up");
    describe_gauge!(
        names::JOBS_LATE_SECONDS,
        Unit::Seconds,
        "By how much the longest waiting job is late"
    );
    describe_counter!(names::MAILS_TOTAL, "Tries to send a mail");
    describe_counter!(names::WEBHOOK_TRIES_TOTAL, "Tries to deliver a webhook");
    describe_counter!(
        names::WEBHOOKS_DISABLED_TOTAL,
        "Webhook endpoints that were disabled because they failed for days"
    );
    describe_counter!(names::RECORDINGS_TOTAL, "Recordings that came to an end");
    describe_counter!(
        names::RECORDING_DROPPED_MS_TOTAL,
        "Silence in recordings because the recorder could not keep up"
    );
    describe_counter!(names::PANICS_TOTAL, "Panics, each of which ended one task");
    describe_counter!(
        names::LOG_LINES_DROPPED_TOTAL,
        "Log lines dropped because nobody read them fast enough"
    );
    describe_counter!(
        names::SPANS_DROPPED_TOTAL,
        "Spans of traces that reached no collector"
    );
    describe_counter!(names::ALERTS_RAISED_TOTAL, "Alerts raised");
    describe_gauge!(names::ALERTS_OPEN, "Alerts that stand raised");
    describe_gauge!(names::CALLS_LIVE, "Calls in progress");
    describe_gauge!(
        names::JOURNAL_EVENTS_WAITING,
        "Events waiting for the database"
    );
    describe_gauge!(
        names::JOURNAL_SPOOL_BYTES,
        metrics::Unit::Bytes,
        "Events that wait on the disk for the database"
    );
    describe_gauge!(
        names::DISK_FREE_RATIO,
        "Room on the disk of the spool, 0 to 1"
    );
    describe_counter!(
        names::JOURNAL_SPOOL_FAILURES_TOTAL,
        "Failed attempts to write the spool"
    );
}

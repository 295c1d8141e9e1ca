//! Percentiles of this process, from the histograms it shows at `/metrics`, as Prometheus would compute them.

use serde::Serialize;

use crate::ops::metrics::names;

/// Percentiles since the process started, each as exact as the bucket it falls into.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LiveWaits {
    pub handshake: LiveWait,
    pub response: LiveWait,
    pub heard: LiveWait,
}

/// Of one histogram; `None` when nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LiveWait {
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
}

impl LiveWaits {
    /// Reads the text of `/metrics`.
    pub fn of(metrics: &str) -> Self {
        let wait = |name| LiveWait {
            p50_ms: quantile_of(metrics, name, 0.5).map(|seconds| seconds * 1000.0),
            p95_ms: quantile_of(metrics, name, 0.95).map(|seconds| seconds * 1000.0),
        };
        Self {
            handshake: wait(names::HANDSHAKE_SECONDS),
            response: wait(names::RESPONSE_LATENCY_SECONDS),
            heard: wait(names::HEARD_LATENCY_SECONDS),
        }
    }
}

/// Prometheus' `histogram_quantile` over one histogram without labels: linear within the bucket of the rank, and its
/// lower bound in the last one, which has no upper.
pub fn quantile_of(metrics: &str, name: &str, quantile: f64) -> Option<f64> {
    let buckets = buckets_of(metrics, name);
    let all = buckets.last()?.1;
    if all == 0.0 {
        return None;
    }
    let rank = quantile * all;
    let index = buckets.iter().position(|(_, count)| *count >= rank)?;
    let (upper, count) = *buckets.get(index)?;
    let (lower, before) = match index.checked_sub(1) {
        Some(previous) => *buckets.get(previous)?,
        None => (0.0, 0.0),
    };
    if upper.is_infinite() {
        return Some(lower);
    }
    Some(lower + (upper - lower) * (rank - before) / (count - before))
}

/// Upper bounds and cumulative counts, smallest first.
fn buckets_of(metrics: &str, name: &str) -> Vec<(f64, f64)> {
    let prefix = format!("{name}_bucket{{le=\"");
    let bucket = |line: &str| {
        let (bound, count) = line.strip_prefix(&prefix)?.split_once("\"} ")?;
        let bound = if bound == "+Inf" {
            f64::INFINITY
        } else {
            bound.parse().ok()?
        };
        Some((bound, count.trim().parse().ok()?))
    };
    metrics.lines().filter_map(bucket).collect()
}

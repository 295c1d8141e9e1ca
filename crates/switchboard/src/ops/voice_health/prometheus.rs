//! The figures of a window in Prometheus' text format: gauges, because a window moves.

use std::fmt::Write as _;

use super::{Named, VoiceHealth};

impl VoiceHealth {
    /// One gauge per figure, each with its window; a figure that nobody measured is left out.
    pub fn prometheus(&self) -> String {
        let mut text = Gauges::new(self);
        text.gauge("calls", "Calls offered", Some(self.calls.offered as f64));
        text.gauge(
            "streams",
            "Calls for which a stream was tried",
            Some(self.calls.streams as f64),
        );
        text.gauge(
            "calls_in_progress",
            "Calls without an end",
            Some(self.calls.in_progress as f64),
        );
        text.gauge(
            "calls_peak",
            "Most calls at one moment",
            Some(self.concurrency.peak as f64),
        );
        text.gauge(
            "calls_max",
            "Limit of calls at once",
            Some(self.concurrency.limit as f64),
        );
        text.named("calls_ended", "Ended calls", "class", &self.calls.classes);
        text.named(
            "fallbacks",
            "Calls that fell back",
            "reason",
            &self.fallbacks.reasons,
        );
        text.gauge(
            "fallback_ratio",
            "Share of calls that fell back; absent below 20 calls",
            self.fallbacks.rate_percent.map(|it| it / 100.0),
        );
        let waits = [
            ("handshake", "Handshake", self.handshake.wait),
            (
                "response_latency",
                "Latency of replies as sent",
                self.response,
            ),
            ("heard_latency", "Latency of replies as heard", self.heard),
        ];
        for (name, means, wait) in waits {
            let seconds = |ms: Option<i64>| ms.map(|ms| ms as f64 / 1000.0);
            text.gauge(
                &format!("{name}_p50_seconds"),
                &format!("{means}, P50"),
                seconds(wait.p50_ms),
            );
            text.gauge(
                &format!("{name}_p95_seconds"),
                &format!("{means}, P95"),
                seconds(wait.p95_ms),
            );
        }
        text.gauge(
            "dead_air",
            "Caller turns followed by silence for too long",
            Some(self.dead_air.count as f64),
        );
        let decided = self.interruptions;
        let decided = [
            ("held", decided.held),
            ("stopped", decided.stopped),
            ("resumed", decided.resumed),
        ];
        let decided = decided.map(|(name, calls)| Named {
            name: name.to_owned(),
            calls,
        });
        text.named(
            "interruptions",
            "Speech over the agent, by what was decided",
            "outcome",
            &decided,
        );
        let costs: Vec<Named> = self
            .cost
            .iter()
            .map(|cost| Named {
                name: cost.currency.to_string(),
                calls: cost.cost_micros,
            })
            .collect();
        text.named(
            "cost_micros",
            "Money spent, in millionths",
            "currency",
            &costs,
        );
        let open = self
            .alerts
            .iter()
            .filter(|it| it.alert.cleared_at.is_none())
            .count();
        text.gauge("alerts_open", "Alerts that are open", Some(open as f64));
        text.text
    }
}

struct Gauges {
    text: String,
    labels: String,
}

impl Gauges {
    fn new(health: &VoiceHealth) -> Self {
        let window = if health.window.is_empty() {
            "custom"
        } else {
            &health.window
        };
        let tenant = health.tenant.as_deref().unwrap_or_default();
        let labels = format!(
            "window=\"{}\",tenant=\"{}\"",
            escaped(window),
            escaped(tenant)
        );
        Self {
            text: String::new(),
            labels,
        }
    }

    fn head(&mut self, name: &str, means: &str) {
        let _ = writeln!(self.text, "# HELP switchboard_window_{name} {means}");
        let _ = writeln!(self.text, "# TYPE switchboard_window_{name} gauge");
    }

    fn gauge(&mut self, name: &str, means: &str, value: Option<f64>) {
        let Some(value) = value else { return };
        self.head(name, means);
        let _ = writeln!(
            self.text,
            "switchboard_window_{name}{{{}}} {value}",
            self.labels
        );
    }

    fn named(&mut self, name: &str, means: &str, label: &str, values: &[Named]) {
        if values.is_empty() {
            return;
        }
        self.head(name, means);
        for value in values {
            let (labels, word, count) = (&self.labels, escaped(&value.name), value.calls);
            let _ = writeln!(
                self.text,
                "switchboard_window_{name}{{{labels},{label}=\"{word}\"}} {count}"
            );
        }
    }
}

/// The value of a label (threat H8).
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

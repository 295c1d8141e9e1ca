//! Medians beside the targets, as a table for people and as JSON for programs.

use std::fmt::Write as _;

use super::runs::{Figures, Gateway};

/// At most this many times the relay's CPU.
const RATIO_MAX: f64 = 1.5;
/// At most this many milliseconds of CPU per second of a call.
const CPU_MS_MAX: f64 = 0.8;
/// At most this many KiB per call.
const KIB_MAX: f64 = 64.0;
/// P99 of added latency at most this much above the relay's, in ms.
const ADDED_MS_MAX: f64 = 1.0;
/// Our own share of a handshake, in ms.
const HANDSHAKE_MS_MAX: f64 = 5.0;
/// Memory after the second half of the sequence by memory after the first.
const MEMORY_RATIO_MAX: f64 = 1.05;
/// The number of calls at which the targets count.
const JUDGED_CALLS: u32 = 200;

/// Figure of a window: share of all cores that was busy with anything, in percent.
pub(super) const MACHINE_BUSY: &str = "machine_busy_percent";
/// Gateway and load alone keep two cores at most this busy at 200 calls. Above it others work here too.
const BUSY_PERCENT_QUIET: f64 = 50.0;

/// The columns: name of the figure, heading, digits behind the point.
const COLUMNS: [(&str, &str, usize); 14] = [
    ("cpu_ms", "CPU ms", 3),
    ("cpu_user_ms", "user", 3),
    ("cpu_system_ms", "system", 3),
    ("kib_per_call", "KiB/call", 1),
    ("uplink_p50_ms", "up p50", 3),
    ("uplink_p99_ms", "up p99", 3),
    ("quiet_p99_ms", "quiet p99", 1),
    ("downlink_p50_ms", "down p50", 3),
    ("downlink_p99_ms", "down p99", 3),
    ("webhook_p50_ms", "hook p50", 2),
    ("webhook_p99_ms", "hook p99", 2),
    ("configuring_p50_ms", "conf p50", 2),
    ("configuring_p99_ms", "conf p99", 2),
    ("first_audio_p99_ms", "1st p99", 2),
];

/// One window of one round.
pub(super) struct Point {
    pub(super) gateway: Gateway,
    pub(super) calls: u32,
    pub(super) figures: Figures,
}

impl Point {
    /// What the round shows at once, with everything that makes it doubtful.
    pub(super) fn line(&self) -> String {
        let figure = |name: &str| self.figures.get(name).copied().unwrap_or(f64::NAN);
        let mut line = format!(
            "{:<11} {:>4} calls  {:.3} ms CPU per call-second, {:.1} KiB per call, up p99 {:.3} ms, down p99 {:.3} ms",
            self.gateway.name(),
            self.calls,
            figure("cpu_ms"),
            figure("kib_per_call"),
            figure("uplink_p99_ms"),
            figure("downlink_p99_ms"),
        );
        for doubt in ["unanswered", "refused", "lost", "carrier_requests"] {
            if figure(doubt) != 0.0 {
                write!(line, ", {doubt} {}", figure(doubt))
                    .expect("writing to a string cannot fail");
            }
        }
        line
    }
}

/// Everything measured.
#[derive(Default)]
pub(super) struct Report {
    pub(super) points: Vec<Point>,
    pub(super) sequence: Option<Figures>,
}

impl Report {
    /// All medians and what they mean for the targets.
    pub(super) fn table(&self) -> String {
        let mut text = String::from(
            "medians; CPU in ms per call-second, latencies in ms\n\ncalls gateway     ",
        );
        for (_, heading, _) in COLUMNS {
            write!(text, " {heading:>9}").expect("writing to a string cannot fail");
        }
        text.push_str("   ratio\n");
        for (calls, gateway) in self.rows() {
            text.push_str(&self.row(calls, gateway));
        }
        text.push_str(&self.verdicts());
        text.push_str(self.caution());
        text
    }

    /// Said when somebody else's work stands between the figures and their meaning.
    fn caution(&self) -> &'static str {
        let busy = self.points.iter();
        let busy = busy.filter_map(|point| point.figures.get(MACHINE_BUSY).copied());
        match median(busy.collect()) {
            Some(busy) if busy > BUSY_PERCENT_QUIET => {
                "\ncaution: other work kept the machine busy; latencies at P99 prove nothing, CPU is too high on both sides\n"
            }
            _ => "",
        }
    }

    fn rows(&self) -> Vec<(u32, Gateway)> {
        let mut calls: Vec<u32> = self.points.iter().map(|point| point.calls).collect();
        calls.sort_unstable();
        calls.dedup();
        let both = |calls| [(calls, Gateway::Relay), (calls, Gateway::Switchboard)];
        calls.into_iter().flat_map(both).collect()
    }

    fn row(&self, calls: u32, gateway: Gateway) -> String {
        let mut row = format!("{calls:>5} {:<12}", gateway.name());
        for (name, _, digits) in COLUMNS {
            let cell = self.median(calls, gateway, name);
            let cell = cell.map_or("–".to_owned(), |value| format!("{value:.digits$}"));
            write!(row, " {cell:>9}").expect("writing to a string cannot fail");
        }
        if gateway == Gateway::Switchboard
            && let Some(ratio) = self.cpu_ratio(calls)
        {
            write!(row, " {ratio:>7.2}").expect("writing to a string cannot fail");
        }
        row + "\n"
    }

    fn median(&self, calls: u32, gateway: Gateway, name: &str) -> Option<f64> {
        let points = self
            .points
            .iter()
            .filter(|point| point.calls == calls && point.gateway == gateway);
        median(
            points
                .filter_map(|point| point.figures.get(name).copied())
                .collect(),
        )
    }

    /// The median of each round's own ratio, so that a busy minute weighs on both sides of one only.
    fn cpu_ratio(&self, calls: u32) -> Option<f64> {
        let of = |gateway| {
            let points = self
                .points
                .iter()
                .filter(move |point| point.calls == calls && point.gateway == gateway);
            points.filter_map(|point| point.figures.get("cpu_ms").copied())
        };
        let pairs = of(Gateway::Switchboard).zip(of(Gateway::Relay));
        median(pairs.map(|(ours, relay)| ours / relay).collect())
    }

    fn added_ms(&self, calls: u32, name: &str) -> Option<f64> {
        let ours = self.median(calls, Gateway::Switchboard, name)?;
        Some(ours - self.median(calls, Gateway::Relay, name)?)
    }

    fn verdicts(&self) -> String {
        let most = self.rows().last().map(|(calls, _)| *calls);
        let calls = self
            .rows()
            .iter()
            .map(|row| row.0)
            .find(|calls| *calls == JUDGED_CALLS)
            .or(most);
        let mut text = String::new();
        if let Some(calls) = calls {
            let ours = |name| self.median(calls, Gateway::Switchboard, name);
            writeln!(text, "\ntargets, at {calls} calls").expect("writing to a string cannot fail");
            let verdicts = [
                ("CPU by the relay's", self.cpu_ratio(calls), RATIO_MAX),
                ("CPU ms per call-second", ours("cpu_ms"), CPU_MS_MAX),
                ("KiB per call", ours("kib_per_call"), KIB_MAX),
                (
                    "uplink P99 above the relay's, ms",
                    self.added_ms(calls, "uplink_p99_ms"),
                    ADDED_MS_MAX,
                ),
                (
                    "first delta P99 above the relay's, ms",
                    self.added_ms(calls, "downlink_p99_ms"),
                    ADDED_MS_MAX,
                ),
                (
                    "handshake, own share P50, ms",
                    ours("configuring_p50_ms"),
                    HANDSHAKE_MS_MAX,
                ),
                (
                    "handshake, own share P99, ms",
                    ours("configuring_p99_ms"),
                    HANDSHAKE_MS_MAX,
                ),
            ];
            verdicts
                .into_iter()
                .for_each(|(what, value, most)| text.push_str(&verdict(what, value, most)));
        }
        text + &self.sequence_verdicts()
    }

    fn sequence_verdicts(&self) -> String {
        let Some(sequence) = &self.sequence else {
            return String::new();
        };
        let figure = |name: &str| sequence.get(name).copied();
        let left = figure("sockets_1")
            .zip(figure("sockets_before"))
            .map(|(after, before)| after - before);
        let mut text = String::from("\ncalls in sequence with cut sockets\n");
        text.push_str(&verdict(
            "calls live afterwards",
            figure("calls_live_1"),
            0.0,
        ));
        text.push_str(&verdict("sockets left open", left, 0.0));
        text.push_str(&verdict(
            "calls that could not be placed",
            figure("failed"),
            0.0,
        ));
        let ratio = figure("memory_ratio");
        text + &verdict("memory, second half by first", ratio, MEMORY_RATIO_MAX)
    }

    /// One line of JSON: every window as it was measured.
    pub(super) fn json(&self) -> String {
        let points = self.points.iter().map(|point| {
            let (gateway, calls) = (point.gateway.name(), point.calls);
            format!(
                r#"{{"gateway":"{gateway}","calls":{calls},"figures":{}}}"#,
                object(&point.figures)
            )
        });
        let points: Vec<String> = points.collect();
        let sequence = self.sequence.as_ref().map_or("null".to_owned(), object);
        format!(
            r#"{{"windows":[{}],"sequence":{sequence}}}"#,
            points.join(",")
        )
    }
}

fn verdict(what: &str, value: Option<f64>, most: f64) -> String {
    let Some(value) = value else {
        return format!("  {what:<40} not measured\n");
    };
    let word = if value <= most { "met" } else { "NOT MET" };
    format!("  {what:<40} {value:>9.3}  at most {most:<5} {word}\n")
}

fn object(figures: &Figures) -> String {
    let fields = figures
        .iter()
        .map(|(name, value)| format!(r#""{name}":{value}"#));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        1 => values.get(middle).copied(),
        _ => Some(f64::midpoint(
            *values.get(middle.checked_sub(1)?)?,
            *values.get(middle)?,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(gateway: Gateway, cpu_ms: f64) -> Point {
        let figures = Figures::from([("cpu_ms".to_owned(), cpu_ms)]);
        Point {
            gateway,
            calls: 200,
            figures,
        }
    }

    #[test]
    fn the_median_of_few_values_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![1.0, 2.0]), Some(1.5));
        assert_eq!(median(vec![]), None);
    }

    #[test]
    fn a_cost_above_its_bound_is_not_met() {
        let points = vec![point(Gateway::Relay, 0.5), point(Gateway::Switchboard, 0.9)];
        let report = Report {
            points,
            sequence: None,
        };
        let table = report.table();
        assert!(table.contains("NOT MET"), "{table}");
        assert_eq!(report.cpu_ratio(200), Some(1.8));
    }

    #[test]
    fn what_was_not_measured_is_not_met_by_silence() {
        assert!(verdict("KiB per call", None, 64.0).contains("not measured"));
    }

    #[test]
    fn the_json_holds_every_window() {
        let report = Report {
            points: vec![point(Gateway::Relay, 0.5)],
            sequence: None,
        };
        assert_eq!(
            report.json(),
            r#"{"windows":[{"gateway":"relay","calls":200,"figures":{"cpu_ms":0.5}}],"sequence":null}"#
        );
    }
}

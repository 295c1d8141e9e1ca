//! Pictures of the voice health page, drawn here as SVG: no script draws them, and their colours come from our stylesheet.

use std::fmt::Write as _;

use switchboard_store::Timestamp;

use super::page::{escape, ms, share};
use super::{Named, Step, Wait};

/// Size of a picture over time, in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 190.0;
/// Room for the scale at the left and for times below.
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 12.0;
/// Horizontal bars.
const BAR_WIDTH: f64 = 320.0;

/// The stretch a picture shows.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) step_s: i64,
}

impl Span {
    fn x(&self, at: Timestamp) -> f64 {
        let all = (self.to - self.from).num_milliseconds().max(1) as f64;
        let part = (at - self.from).num_milliseconds() as f64;
        LEFT + (WIDTH - LEFT) * (part / all).clamp(0.0, 1.0)
    }

    fn end_of(&self, at: Timestamp) -> Timestamp {
        at + chrono::TimeDelta::seconds(self.step_s)
    }

    /// How a moment is written below the picture and beside a bar.
    fn moment(&self, at: Timestamp) -> String {
        let format = match self.step_s {
            86_400.. => "%d %b",
            _ if (self.to - self.from).num_hours() > 24 => "%a %d, %H:%M",
            _ => "%H:%M",
        };
        at.format(format).to_string()
    }
}

/// Calls per step, those that fell back on top in another colour.
pub(super) fn calls(span: Span, series: &[Step]) -> String {
    let most = series.iter().map(|step| step.offered).max().unwrap_or(0);
    let top = round_up(most.max(4));
    let y = |count: i64| HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * count as f64 / top as f64;
    let mut bars = String::new();
    for step in series.iter().filter(|step| step.offered > 0) {
        let (left, right) = (span.x(step.at), span.x(span.end_of(step.at)));
        let width = (right - left - 1.5).max(1.5);
        let words = format!(
            "{}: {} calls, {} fell back",
            span.moment(step.at),
            step.offered,
            step.fallbacks
        );
        let served = step.offered - step.fallbacks;
        let _ = write!(bars, "<g><title>{}</title>", escape(&words));
        bars.push_str(&rect("served", left, y(served), width, y(0) - y(served)));
        bars.push_str(&rect(
            "fallback",
            left,
            y(step.offered),
            width,
            y(served) - y(step.offered),
        ));
        bars.push_str("</g>");
    }
    let fallbacks: i64 = series.iter().map(|step| step.fallbacks).sum();
    let offered: i64 = series.iter().map(|step| step.offered).sum();
    let words =
        format!("{offered} calls, {fallbacks} of them fell back. At most {most} in one step.");
    let scale = format!(
        "{}{}",
        line_at(y(top), &top.to_string()),
        line_at(y(0), "0")
    );
    picture(&words, &format!("{scale}{bars}{}", times(span)))
}

/// P95 of handshakes per step, and the threshold.
pub(super) fn handshakes(span: Span, series: &[Step], threshold_ms: u64) -> String {
    let threshold = i64::try_from(threshold_ms).unwrap_or(i64::MAX / 4);
    let points = series
        .iter()
        .filter_map(|step| Some((step.at, step.handshake_p95_ms?)));
    let points: Vec<(Timestamp, i64)> = points.collect();
    let most = points.iter().map(|(_, ms)| *ms).max().unwrap_or(0);
    let top = most.max(threshold) * 5 / 4;
    let y = |ms: i64| HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * ms as f64 / top.max(1) as f64;
    let middle = |at: Timestamp| (span.x(at) + span.x(span.end_of(at))) / 2.0;
    let mut drawn = String::new();
    let mut path = String::new();
    let mut last: Option<Timestamp> = None;
    for (at, length) in &points {
        // A step without calls leaves a gap: nothing was measured there.
        let goes_on = last.is_some_and(|last| span.end_of(last) >= *at);
        let letter = if goes_on { 'L' } else { 'M' };
        let _ = write!(path, "{letter}{:.1} {:.1}", middle(*at), y(*length));
        let class = if *length > threshold {
            "dot late"
        } else {
            "dot"
        };
        let words = format!("{}: P95 {}", span.moment(*at), ms(*length));
        let _ = write!(
            drawn,
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"><title>{}</title></circle>",
            middle(*at),
            y(*length),
            escape(&words)
        );
        last = Some(*at);
    }
    let late = points.iter().filter(|(_, ms)| *ms > threshold).count();
    let words = format!(
        "P95 of handshakes over time: {late} of {} steps are above {}.",
        points.len(),
        ms(threshold)
    );
    let limit = format!(
        "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/>{1}",
        y(threshold),
        label(y(threshold), &ms(threshold))
    );
    let body = format!(
        "{}{limit}<path class=\"trace\" d=\"{path}\"/>{drawn}{}",
        line_at(y(0), "0"),
        times(span)
    );
    picture(&words, &body)
}

/// One bar of several parts, each with the class of its name.
pub(super) fn shares(parts: &[Named]) -> String {
    let all: i64 = parts.iter().map(|part| part.calls).sum();
    let mut left = 0.0;
    let mut body = String::new();
    for part in parts {
        let width = BAR_WIDTH * part.calls as f64 / all.max(1) as f64;
        let words = format!("{} {}", part.calls, part.name);
        let _ = write!(
            body,
            "<g><title>{}</title>{}</g>",
            escape(&words),
            rect(&format!("class-{}", part.name), left, 0.0, width, 14.0)
        );
        left += width;
    }
    let words: Vec<String> = parts
        .iter()
        .map(|part| format!("{} {}", part.name, share(part.calls, all)))
        .collect();
    bar(&words.join(", "), 14.0, &body)
}

/// How much of a limit is used.
pub(super) fn gauge(value: i64, limit: i64, words: &str) -> String {
    let part = (value as f64 / limit.max(1) as f64).clamp(0.0, 1.0);
    let class = if value >= limit { "fallback" } else { "served" };
    let track = rect("track", 0.0, 0.0, BAR_WIDTH, 10.0);
    bar(
        words,
        10.0,
        &format!("{track}{}", rect(class, 0.0, 0.0, BAR_WIDTH * part, 10.0)),
    )
}

/// P50 and P95 on one scale, with a mark where the threshold is.
pub(super) fn wait(wait: Wait, scale_ms: i64, threshold_ms: Option<i64>) -> String {
    let x = |ms: i64| BAR_WIDTH * (ms as f64 / scale_ms.max(1) as f64).clamp(0.0, 1.0);
    let (p50, p95) = (wait.p50_ms.unwrap_or(0), wait.p95_ms.unwrap_or(0));
    let mut body = rect("track", 0.0, 2.0, BAR_WIDTH, 10.0);
    body.push_str(&rect("p95", 0.0, 2.0, x(p95), 10.0));
    body.push_str(&rect("p50", 0.0, 2.0, x(p50), 10.0));
    if let Some(threshold) = threshold_ms {
        body.push_str(&rect("mark", x(threshold) - 1.0, 0.0, 2.0, 14.0));
    }
    bar(
        &format!("half within {}, 95 % within {}", ms(p50), ms(p95)),
        14.0,
        &body,
    )
}

/// A bar as long as its share of the longest.
pub(super) fn length(value: i64, longest: i64) -> String {
    let width = BAR_WIDTH * value as f64 / longest.max(1) as f64;
    bar(
        &value.to_string(),
        10.0,
        &rect("fallback", 0.0, 0.0, width, 10.0),
    )
}

fn rect(class: &str, x: f64, y: f64, width: f64, height: f64) -> String {
    if width <= 0.0 || height <= 0.0 {
        return String::new();
    }
    let class = escape(class);
    format!(
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
    )
}

fn label(y: f64, text: &str) -> String {
    let x = LEFT - 6.0;
    format!(
        "<text x=\"{x}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        y + 4.0,
        escape(text)
    )
}

fn line_at(y: f64, text: &str) -> String {
    format!(
        "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>{}",
        label(y, text)
    )
}

/// Beginning, middle and end of the window.
fn times(span: Span) -> String {
    let y = HEIGHT - 4.0;
    let half = span.from + (span.to - span.from) / 2;
    let marks = [
        (LEFT, "start", span.from),
        ((LEFT + WIDTH) / 2.0, "middle", half),
        (WIDTH, "end", span.to),
    ];
    marks
        .map(|(x, anchor, at)| {
            format!(
                "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>",
                escape(&span.moment(at))
            )
        })
        .concat()
}

fn picture(words: &str, body: &str) -> String {
    let words = escape(words);
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{words}\">{body}</svg>"
    )
}

fn bar(words: &str, height: f64, body: &str) -> String {
    let words = escape(words);
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 {BAR_WIDTH} {height}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{words}\">{body}</svg>"
    )
}

/// The next number that is easy to read: 1, 2 or 5 times a power of ten.
fn round_up(count: i64) -> i64 {
    let mut power = 1;
    loop {
        for step in [1, 2, 5] {
            if step * power >= count {
                return step * power;
            }
        }
        power *= 10;
    }
}

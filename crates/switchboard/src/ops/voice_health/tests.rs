//! Figures and the page, from counts.

use std::collections::BTreeMap;

use switchboard_store::{
    AlertId, AlertListing, AlertSeverity, CallCount, EndClass, EventCount, Micros, SeriesStep,
    StepMsCount, UsageTotal, Word,
};

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn window() -> Window {
    Window {
        from: at("2026-11-20T12:00:00Z"),
        to: at("2026-11-21T12:00:00Z"),
        step: SeriesStep::Hour,
        name: "24h".to_owned(),
    }
}

fn ended(hour: u32, reason: &'static str, class: EndClass, calls: i64) -> CallCount {
    CallCount {
        at: at(&format!("2026-11-21T{hour:02}:00:00Z")),
        end_reason: Some(Word::new(reason)),
        end_class: Some(class),
        calls,
    }
}

fn counts() -> HealthCounts {
    let ms = |ms, times| MsCount { ms, times };
    HealthCounts {
        calls: vec![
            ended(8, "agent_ended", EndClass::Success, 90),
            ended(9, "model_failed", EndClass::Upstream, 4),
            ended(9, "concurrency_limit", EndClass::Us, 2),
            ended(9, "dtmf_0", EndClass::Success, 4),
        ],
        handshakes: vec![ms(300, 50), ms(420, 44), ms(1_800, 4)],
        handshake_series: vec![StepMsCount {
            at: at("2026-11-21T09:00:00Z"),
            ms: 1_800,
            times: 4,
        }],
        responses: vec![ms(600, 9), ms(900, 1)],
        heard: vec![ms(700, 10)],
        events: vec![
            EventCount {
                name: Word::new("dead_air_counted"),
                times: 1,
            },
            EventCount {
                name: Word::new("interruption_held"),
                times: 7,
            },
        ],
        peak: 6,
        in_progress: 1,
        costs: vec![UsageTotal {
            currency: Currency::USD,
            cost_micros: Micros(12_340_000),
            entries: 3,
        }],
    }
}

fn health(tenant: Option<&str>, counts: HealthCounts) -> VoiceHealth {
    let part = TenantCounts {
        name: "medspa".to_owned(),
        counts,
    };
    VoiceHealth::of(
        &Settings::default(),
        &window(),
        tenant.map(str::to_owned),
        &[part],
    )
}

#[test]
fn a_percentile_is_the_nearest_rank() {
    let of = |lengths: &[i64], percent| {
        let mut counts = BTreeMap::new();
        for ms in lengths {
            *counts.entry(*ms).or_default() += 1;
        }
        percentile(&counts, percent)
    };
    assert_eq!(of(&[], 50), None);
    assert_eq!(of(&[7], 95), Some(7));
    assert_eq!(of(&[1, 2, 3, 4], 50), Some(2));
    let hundred: Vec<i64> = (1..=100).collect();
    assert_eq!((of(&hundred, 50), of(&hundred, 95)), (Some(50), Some(95)));
    let twenty: Vec<i64> = (1..=20).collect();
    assert_eq!(of(&twenty, 95), Some(19));
}

#[test]
fn fallbacks_are_counted_by_reason_and_rated_by_offered_calls() {
    let health = health(None, counts());
    assert_eq!((health.fallbacks.count, health.calls.offered), (6, 100));
    assert_eq!(health.fallbacks.rate_percent, Some(6.0));
    assert_eq!(health.fallbacks.state, State::Warning);
    let reasons: Vec<_> = health
        .fallbacks
        .reasons
        .iter()
        .map(|it| (it.name.as_str(), it.calls))
        .collect();
    assert_eq!(reasons, [("model_failed", 4), ("concurrency_limit", 2)]);
    assert_eq!(health.handshake.wait.p95_ms, Some(420));
    assert_eq!(health.handshake.state, State::Good);
    assert_eq!(health.cost[0].per_call_micros, Some(123_400));
}

#[test]
fn percentiles_over_several_tenants_are_those_of_all_their_calls() {
    let part = |name: &str, ms, times| TenantCounts {
        name: name.to_owned(),
        counts: HealthCounts {
            handshakes: vec![MsCount { ms, times }],
            peak: times,
            ..counts()
        },
    };
    let parts = [part("one", 200, 94), part("two", 2_000, 6)];
    let health = VoiceHealth::of(&Settings::default(), &window(), None, &parts);
    assert_eq!(
        health.handshake.wait,
        Wait {
            count: 100,
            p50_ms: Some(200),
            p95_ms: Some(2_000)
        }
    );
    assert_eq!(health.handshake.state, State::Warning);
    assert_eq!(health.concurrency.peak_tenant.as_deref(), Some("one"));
}

#[test]
fn below_twenty_calls_there_are_counts_and_no_rates() {
    let few = HealthCounts {
        calls: vec![
            ended(8, "agent_ended", EndClass::Success, 12),
            ended(8, "model_failed", EndClass::Upstream, 7),
        ],
        ..counts()
    };
    let health = health(None, few);
    assert_eq!(
        (health.fallbacks.rate_percent, health.fallbacks.state),
        (None, State::TooFew)
    );
    assert_eq!(health.dead_air.rate_percent, None);
    let page = health.page(&[]);
    assert!(page.contains("7 of 19"), "{page}");
    assert!(
        !health.prometheus().contains("fallback_ratio"),
        "{}",
        health.prometheus()
    );
}

#[test]
fn h8_h9_a_hostile_tenant_name_is_text_and_the_page_has_no_script_or_style_of_its_own() {
    let hostile = "<script>alert('1')</script>\" onload=\"x";
    let mut health = health(Some(hostile), counts());
    health.alerts.push(ShownAlert {
        tenant: Some(hostile.to_owned()),
        alert: AlertListing {
            id: AlertId::new(),
            rule: Word::new("fallback_rate_high"),
            subject: String::new(),
            severity: AlertSeverity::Critical,
            figure: 12.0,
            raised_at: at("2026-11-21T09:00:00Z"),
            cleared_at: None,
        },
    });
    let page = health.page(&[hostile.to_owned()]);
    assert!(page.contains("&lt;script&gt;"));
    for forbidden in ["<script", "style=", "onload=\"", "javascript:", "<style"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("/ops/runbook#fallback_rate_high"));
    assert!(
        page.contains("verdict critical"),
        "an open alert decides the verdict"
    );
}

#[test]
fn prometheus_reads_every_figure_with_its_window() {
    let text = health(Some("med\"spa"), counts()).prometheus();
    for line in [
        "switchboard_window_fallback_ratio{window=\"24h\",tenant=\"med\\\"spa\"} 0.06",
        "switchboard_window_handshake_p95_seconds{window=\"24h\",tenant=\"med\\\"spa\"} 0.42",
        "switchboard_window_fallbacks{window=\"24h\",tenant=\"med\\\"spa\",reason=\"model_failed\"} 4",
        "switchboard_window_interruptions{window=\"24h\",tenant=\"med\\\"spa\",outcome=\"held\"} 7",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let heads = text
        .lines()
        .filter(|line| line.starts_with("# TYPE"))
        .count();
    let names: std::collections::BTreeSet<_> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split('{').next())
        .collect();
    assert_eq!(heads, names.len());
}

#[test]
fn a_window_is_named_or_has_a_beginning_and_an_end() {
    let now = at("2026-11-21T12:00:00Z");
    let of = |window: Option<&str>, from: Option<&str>, to: Option<&str>| {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let query = WindowQuery {
            window: text(window),
            from: text(from),
            to: text(to),
            tenant: None,
        };
        Window::of(&query, now).map(|window| ((window.to - window.from).num_minutes(), window.step))
    };
    assert_eq!(of(None, None, None), Ok((1_440, SeriesStep::Hour)));
    assert_eq!(of(Some("1h"), None, None), Ok((60, SeriesStep::Minute)));
    assert_eq!(of(Some("7d"), None, None), Ok((10_080, SeriesStep::Hour)));
    assert_eq!(of(Some("2h"), None, None), Err(WindowError::Unknown));
    let month = of(
        None,
        Some("2026-11-01T00:00:00Z"),
        Some("2026-12-01T00:00:00 00:00"),
    );
    assert_eq!(month, Ok((43_200, SeriesStep::Day)));
    assert_eq!(of(None, Some("yesterday"), None), Err(WindowError::NoTime));
    assert_eq!(
        of(None, Some("2026-11-22T00:00:00Z"), None),
        Err(WindowError::Length)
    );
    assert_eq!(
        of(None, Some("1026-11-22T00:00:00Z"), None),
        Err(WindowError::Length)
    );
    assert_eq!(
        of(None, None, Some("-262143-01-01T00:00:00Z")),
        Err(WindowError::Length)
    );
}

#[test]
fn a_quantile_is_read_from_a_histogram_as_prometheus_does() {
    let text = "\
        x_seconds_bucket{le=\"0.1\"} 1\n\
        x_seconds_bucket{le=\"0.2\"} 3\n\
        x_seconds_bucket{le=\"0.4\"} 3\n\
        x_seconds_bucket{le=\"+Inf\"} 4\n\
        x_seconds_sum 9\nx_seconds_count 4\n";
    assert_eq!(
        quantile_of(text, "x_seconds", 0.5),
        Some(0.15000000000000002)
    );
    assert_eq!(
        quantile_of(text, "x_seconds", 0.95),
        Some(0.4),
        "beyond the last bound"
    );
    assert_eq!(quantile_of(text, "y_seconds", 0.5), None);
    let none = "x_seconds_bucket{le=\"0.1\"} 0\nx_seconds_bucket{le=\"+Inf\"} 0\n";
    assert_eq!(quantile_of(none, "x_seconds", 0.5), None);
}

//! Figures over a window: exact, the same on both databases, and read from their indexes.

mod support;

use serde_json::json;
use sqlx::{AssertSqlSafe, Row};
use support::raw::Raw;
use support::twins;
use support::{TestStore, at};
use switchboard_store::*;

const MINUTE: i64 = 60;

fn window(from_s: i64, to_s: i64, step: SeriesStep) -> HealthWindow {
    HealthWindow {
        from: at(from_s),
        to: at(to_s),
        step,
    }
}

struct Told {
    offered_s: i64,
    length_s: Option<i64>,
    reason: &'static str,
    class: EndClass,
    handshake_ms: i64,
}

/// Stores a call that ended, its handshake, and two answered turns.
async fn store_call(store: &TenantStore, told: &Told) -> CallId {
    let call_id = CallId::new();
    let call = NewCall {
        id: call_id,
        carrier_call_id: None,
        offered_at: at(told.offered_s),
        ..twins::call(call_id, "here")
    };
    let mut writes = vec![
        JournalWrite::CallOffered(call),
        JournalWrite::Handshake(HandshakeWrite {
            call_id,
            started_at: at(told.offered_s),
            elapsed_ms: told.handshake_ms,
            fell_back: told.reason == "handshake_timeout",
            reason: None,
        }),
    ];
    let events = [
        (
            "turn_ended",
            json!({ "speaker": "caller", "response_ms": null, "heard_ms": null }),
        ),
        (
            "turn_ended",
            json!({ "speaker": "agent", "response_ms": 600, "heard_ms": 700 }),
        ),
        (
            "turn_ended",
            json!({ "speaker": "agent", "response_ms": 900, "heard_ms": null }),
        ),
        ("interruption_held", json!({})),
        ("dead_air_counted", json!({})),
        ("call_answered", json!({})),
    ];
    for (seq, (name, technical)) in (1..).zip(events) {
        writes.push(JournalWrite::Event(CallEventWrite {
            call_id,
            seq,
            at: at(told.offered_s + 1),
            name: Word::new(name),
            technical,
            private: None,
        }));
    }
    if let Some(length_s) = told.length_s {
        writes.push(JournalWrite::CallEnded(CallEnd {
            call_id,
            reason: told.reason.into(),
            class: told.class,
            at: at(told.offered_s + length_s),
        }));
    }
    store.apply(&writes).await.unwrap();
    call_id
}

fn told(offered_s: i64, length_s: i64, reason: &'static str, handshake_ms: i64) -> Told {
    Told {
        offered_s,
        length_s: Some(length_s),
        reason,
        class: EndClass::Success,
        handshake_ms,
    }
}

async fn some_calls(test: &TestStore) -> TenantStore {
    let store = test.fresh_tenant().await;
    for told in [
        told(0, 5 * MINUTE, "agent_ended", 400),
        told(MINUTE, 5 * MINUTE, "asked", 400),
        told(2 * MINUTE, MINUTE, "handshake_timeout", 3_000),
        // Begins when the one before ends.
        told(3 * MINUTE, MINUTE, "agent_ended", 1_200),
        told(20 * MINUTE, MINUTE, "model_failed", 700),
    ] {
        store_call(&store, &told).await;
    }
    store
}

on_both! {
    a_window_is_counted_exactly_and_its_end_is_excluded(test) {
        let store = some_calls(&test).await;
        let counts = store.health_counts(&window(0, 20 * MINUTE, SeriesStep::TenMinutes)).await.unwrap();
        let ms = |ms, times| MsCount { ms, times };
        assert_eq!(counts.handshakes, [ms(400, 2), ms(1_200, 1), ms(3_000, 1)]);
        assert_eq!(counts.responses, [ms(600, 4), ms(900, 4)]);
        assert_eq!(counts.heard, [ms(700, 4)]);
        let events: Vec<_> = counts.events.iter().map(|event| (event.name.as_str(), event.times)).collect();
        assert_eq!(events, [("dead_air_counted", 4), ("interruption_held", 4)]);
        let steps: Vec<_> = counts.calls.iter().map(|count| count.at).collect();
        assert!(steps.iter().all(|step| *step == at(0)), "{steps:?}");
        let ended = |reason: &str| {
            let with = counts.calls.iter().filter(|count| count.end_reason.as_ref().is_some_and(|word| word.as_str() == reason));
            with.map(|count| count.calls).sum::<i64>()
        };
        assert_eq!((ended("agent_ended"), ended("handshake_timeout"), ended("model_failed")), (2, 1, 0));
        let all = store.health_counts(&window(0, 21 * MINUTE, SeriesStep::TenMinutes)).await.unwrap();
        let last = all.calls.last().unwrap();
        assert_eq!((last.at, last.calls), (at(20 * MINUTE), 1));
        assert_eq!(all.handshake_series.last().unwrap().ms, 700);
    }

    the_peak_counts_calls_at_one_moment_and_none_that_no_agent_held(test) {
        let store = some_calls(&test).await;
        let peak = async || store.health_counts(&window(0, 10 * MINUTE, SeriesStep::Hour)).await.unwrap().peak;
        assert_eq!(peak().await, 3);
        store_call(&store, &told(2 * MINUTE, MINUTE, "concurrency_limit", 1)).await;
        assert_eq!(peak().await, 3, "a caller who went to a human at once held no agent");
        let open = Told { length_s: None, ..told(2 * MINUTE, 0, "", 300) };
        store_call(&store, &open).await;
        assert_eq!(peak().await, 4);
        let later = store.health_counts(&window(MINUTE * 60, MINUTE * 60 * 9, SeriesStep::Hour)).await.unwrap().peak;
        assert_eq!(later, 0, "a call that was never ended does not count for ever");
    }

    what_alerts_look_at_is_counted_in_four_stretches(test) {
        let store = some_calls(&test).await;
        let recent = store.recent_health(at(23 * MINUTE)).await.unwrap();
        let sum = |part: fn(&RecentCounts) -> i64| recent.ends.iter().map(|(_, counts)| part(counts)).sum::<i64>();
        assert_eq!((sum(|it| it.six_hours), sum(|it| it.hour)), (5, 5));
        assert_eq!((sum(|it| it.half_hour), sum(|it| it.five_minutes)), (5, 1));
        assert_eq!((recent.answered_turns.hour, recent.answered_turns.five_minutes), (10, 2));
        assert_eq!((recent.dead_air.hour, recent.dead_air.five_minutes), (5, 1));
        let later = store.recent_health(at(400 * MINUTE)).await.unwrap();
        assert_eq!(later, RecentHealth::default());
    }

    an_alert_is_raised_once_and_cleared_once_whoever_finds_it(test) {
        let store = test.fresh_tenant().await;
        let installation = test.store.installation();
        let outcomes = support::all_at_once(10, |_| {
            let (store, installation) = (store.clone(), installation.clone());
            async move {
                let alert = twins::alert("node-1");
                (store.raise_alert(&alert).await.unwrap(), installation.raise_alert(&alert).await.unwrap())
            }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|(raised, _)| *raised).count(), 1);
        assert_eq!(outcomes.iter().filter(|(_, raised)| *raised).count(), 1);
        let other = NewAlert { subject: "node-2".to_owned(), ..twins::alert("") };
        assert!(installation.raise_alert(&other).await.unwrap(), "another node's is another alert");
        let rule = Word::new("fallback_rate");
        assert!(store.clear_alert(&rule, at(20)).await.unwrap());
        assert!(!store.clear_alert(&rule, at(21)).await.unwrap());
        assert!(installation.clear_alert(&rule, "node-1", at(20)).await.unwrap());
        installation.see_alert(&rule, "node-2", at(30)).await.unwrap();
        assert_eq!(installation.clear_unseen_alerts(at(29), at(40)).await.unwrap(), []);
        assert_eq!(installation.clear_unseen_alerts(at(31), at(40)).await.unwrap().len(), 1);
        let all = ListFilter::default();
        assert_eq!(store.list_alerts(None, &all).await.unwrap().len(), 1);
        assert_eq!(store.list_alerts(Some(at(21)), &all).await.unwrap().len(), 0);
        assert_eq!(installation.list_alerts(Some(at(21)), &all).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn every_figure_of_a_window_is_read_through_an_index() {
    let test = support::sqlite().await;
    let Raw::Sqlite(mut connection) = Raw::connect(&test).await else {
        panic!("this is SQLite");
    };
    let figures = statements()
        .into_iter()
        .filter(|statement| statement.file.ends_with("::voice_health"));
    for statement in figures {
        let sql = AssertSqlSafe(format!("explain query plan {}", statement.text));
        let plan = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
        let reads = plan.iter().filter(|line| {
            line.contains("calls")
                || line.contains("handshakes")
                || line.contains("call_events")
                || line.contains("usage")
        });
        for line in reads {
            assert!(line.contains("INDEX"), "{}: {plan:?}", statement.name);
            let times = [
                "offered_at>",
                "started_at>",
                "(tenant_id=? AND name=? AND at>",
                "at>",
            ];
            assert!(
                times.iter().any(|time| line.contains(time)),
                "{}: {plan:?}",
                statement.name
            );
        }
        let of_events = plan.iter().filter(|line| line.contains("call_events"));
        for line in of_events {
            assert!(
                line.contains("call_events_counted"),
                "{}: {plan:?}",
                statement.name
            );
        }
    }
}

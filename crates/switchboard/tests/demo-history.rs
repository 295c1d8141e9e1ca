//! `serve --demo --with-history`: marked, repeatable, and enough for every page.

mod support;

use support::{TestServer, carrier};
use switchboard::demo::history::{MARK, fill};
use switchboard_store::{HealthWindow, ListFilter, SeriesStep};

#[tokio::test]
async fn four_weeks_of_demo_data_are_marked_and_added_once() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let store = &server.reception.store;
    let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
    let added = fill(store, now).await.expect("written");
    assert!((500..2_000).contains(&added), "{added} calls");
    assert_eq!(
        fill(store, now).await.expect("written"),
        0,
        "they are there"
    );
    let tomorrow = now + chrono::TimeDelta::days(1);
    let more = fill(store, tomorrow).await.expect("written");
    assert!(
        (5..100).contains(&more),
        "one day is added, not {more} calls"
    );

    let rows = server.rows("medspa").await;
    let everything = ListFilter::default();
    let calls = rows.list_calls(&everything).await.expect("calls");
    let marks = calls.iter().filter(|call| {
        let id = call.carrier_call_id.as_deref();
        id.is_some_and(|id| id.starts_with(MARK))
    });
    assert_eq!(marks.count(), calls.len(), "nothing of it passes for real");
    assert!(
        calls
            .iter()
            .all(|call| call.ended_at.is_some_and(|at| at < tomorrow))
    );
    let reasons: std::collections::BTreeSet<_> = calls
        .iter()
        .filter_map(|call| call.end_reason.as_ref())
        .map(ToString::to_string)
        .collect();
    for reason in [
        "agent_ended",
        "asked",
        "caller_hung_up",
        "handshake_timeout",
    ] {
        assert!(reasons.contains(reason), "{reason} in {reasons:?}");
    }
    let turns = rows.list_turns(&everything).await.expect("turns");
    assert!(
        turns
            .iter()
            .any(|turn| turn.interrupted && turn.heard_text != turn.generated_text)
    );
    let usage = rows.list_usage(&everything).await.expect("usage");
    assert!(!usage.is_empty() && usage.iter().all(|row| row.provider == "demo"));
    assert!(
        rows.list_appointments(&everything)
            .await
            .expect("rows")
            .len()
            > 20
    );
    for (name, count) in [
        (
            "tool calls",
            rows.list_tool_calls(&everything).await.expect("rows").len(),
        ),
        (
            "handshakes",
            rows.list_handshakes(&everything).await.expect("rows").len(),
        ),
        (
            "events",
            rows.list_call_events(&everything)
                .await
                .expect("rows")
                .len(),
        ),
        (
            "transfers",
            rows.list_transfers(&everything).await.expect("rows").len(),
        ),
        (
            "consents",
            rows.list_consents(&everything).await.expect("rows").len(),
        ),
        (
            "contacts",
            rows.list_contacts(&everything).await.expect("rows").len(),
        ),
    ] {
        assert!(count > 20, "{count} {name}");
    }
    let window = HealthWindow {
        from: now - chrono::TimeDelta::days(28),
        to: now,
        step: SeriesStep::Day,
    };
    let counts = rows.health_counts(&window).await.expect("figures");
    assert!(counts.calls.len() > 20 && !counts.responses.is_empty());
    server.stop().await;
}

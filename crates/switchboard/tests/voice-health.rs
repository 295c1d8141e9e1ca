//! `/ops/voice-health` over HTTP: who sees what, in which form, and alerts that are raised and cleared by real calls.

mod support;

use std::time::Duration;

use serde_json::Value;
use support::{BOUND, MEDSPA, TRADES, TestServer, carrier, model};
use switchboard::config::Settings;
use switchboard::ops::alerts::{AlertWatch, NodeSignals, WebhookAnswers};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use switchboard_sim::twilio::FakeTwilio;
use switchboard_store::{
    CallEnd, CallId, Channel, Direction, EndClass, JournalWrite, NewCall, TenantStore, Timestamp,
};

async fn server(adjust: impl FnOnce(&mut Settings)) -> (FakeTwilio, RealtimeServer, TestServer) {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default().otherwise(Reply::ladder(300))).await;
    let server = TestServer::start(&twilio, Some(&model), adjust).await;
    (twilio, model, server)
}

/// A call that hangs up when the agent has greeted.
async fn place_call(twilio: &FakeTwilio, server: &TestServer, to: &str) {
    let call = server.call(twilio, to, CallerScript::new().wait(900).hang_up());
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    assert!(server.reception.journal.flushed(BOUND).await);
}

struct Asked {
    status: u16,
    kind: String,
    policy: String,
    body: String,
}

async fn ask(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Asked {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let mut request = client.get(format!("{}{path}", server.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("an answer");
    let header = |name: &str| {
        let value = response.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    Asked {
        status: response.status().as_u16(),
        kind: header("content-type"),
        policy: header("content-security-policy"),
        body: response.text().await.expect("a body"),
    }
}

fn json(asked: &Asked) -> Value {
    serde_json::from_str(&asked.body).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_view_answers_as_page_json_and_prometheus_and_counts_a_call() {
    let (twilio, _model, server) = server(|_| {}).await;
    place_call(&twilio, &server, MEDSPA).await;
    let page = ask(
        &server,
        "/ops/voice-health",
        &[("accept", "text/html,*/*;q=0.8")],
    )
    .await;
    assert_eq!(
        (page.status, page.kind.as_str()),
        (200, "text/html; charset=utf-8")
    );
    assert!(
        page.policy.contains("script-src 'self'") && page.policy.contains("frame-ancestors 'none'"),
        "{}",
        page.policy
    );
    assert!(
        page.body.contains("0 of 1 calls fell back"),
        "{}",
        page.body
    );
    let by_accept = ask(
        &server,
        "/ops/voice-health",
        &[("accept", "application/json")],
    )
    .await;
    let by_name = ask(&server, "/ops/voice-health.json?window=1h", &[]).await;
    for asked in [&by_accept, &by_name] {
        let health = json(asked);
        assert_eq!(health["calls"]["offered"], 1, "{health}");
        assert_eq!(health["calls"]["streams"], 1);
        assert_eq!(health["handshake"]["count"], 1);
        assert_eq!(
            health["fallbacks"]["rate_percent"],
            Value::Null,
            "one call has no rate"
        );
        assert_eq!(health["concurrency"]["peak"], 1);
        assert_eq!(health["concurrency"]["now"], 0);
    }
    let text = ask(&server, "/ops/voice-health.prom?window=7d", &[]).await;
    assert!(
        text.body
            .contains("switchboard_window_calls{window=\"7d\",tenant=\"\"} 1\n"),
        "{}",
        text.body
    );
    let sheet = ask(&server, "/ops/voice-health.css", &[]).await;
    assert_eq!(
        (sheet.status, sheet.kind.as_str()),
        (200, "text/css; charset=utf-8")
    );
    let runbook = ask(&server, "/ops/runbook", &[]).await;
    assert!(runbook.body.contains("id=\"database_away\""));
    for (query, code) in [
        ("window=2h", 400),
        ("from=then", 400),
        ("tenant=nobody", 404),
        ("tenant=trades", 200),
    ] {
        let asked = ask(&server, &format!("/ops/voice-health.json?{query}"), &[]).await;
        assert_eq!(asked.status, code, "{query}: {}", asked.body);
    }
    server.stop().await;
}

/// h7
#[tokio::test(flavor = "multi_thread")]
async fn h7_a_key_shows_its_own_tenant_and_without_one_the_address_must_be_allowed() {
    let (twilio, _model, server) = server(|_| {}).await;
    place_call(&twilio, &server, MEDSPA).await;
    place_call(&twilio, &server, TRADES).await;
    let key = server
        .rows("medspa")
        .await
        .create_api_key("dashboard")
        .await
        .expect("a key")
        .key;
    let bearer = format!("Bearer {}", key.expose());
    let own = ask(
        &server,
        "/ops/voice-health.json?tenant=trades",
        &[("authorization", &bearer)],
    )
    .await;
    assert_eq!(json(&own)["tenant"], "medspa", "a key cannot choose");
    assert_eq!(json(&own)["calls"]["offered"], 1);
    assert!(!own.body.contains("trades"), "{}", own.body);
    let all = ask(&server, "/ops/voice-health.json", &[]).await;
    assert_eq!(json(&all)["calls"]["offered"], 2);
    let wrong = ask(
        &server,
        "/ops/voice-health.json",
        &[("authorization", "Bearer sk_sb_0123456789012345678901234567")],
    )
    .await;
    assert_eq!(wrong.status, 401);
    // A proxy that nobody configured makes everybody look like loopback.
    let hidden = ask(
        &server,
        "/ops/voice-health",
        &[("x-forwarded-for", "203.0.113.9")],
    )
    .await;
    assert_eq!(hidden.status, 401);
    server.stop().await;
    let (_twilio, _model, closed) = self::server(|settings| {
        settings.http.metrics_allow = vec!["10.0.0.0/8".parse().expect("a block")];
    })
    .await;
    assert_eq!(ask(&closed, "/ops/voice-health", &[]).await.status, 401);
    closed.stop().await;
}

async fn store_ended(rows: &TenantStore, at: Timestamp, reason: &'static str, calls: usize) {
    for _ in 0..calls {
        let call_id = CallId::new();
        let call = NewCall {
            id: call_id,
            carrier_call_id: None,
            agent_name: "medspa".to_owned(),
            agent_version: None,
            channel: Channel::Phone,
            direction: Direction::Inbound,
            number: None,
            caller_number: None,
            contact_id: None,
            conversation_id: None,
            location: None,
            offered_at: at,
        };
        let end = CallEnd {
            call_id,
            reason: reason.into(),
            class: EndClass::Us,
            at,
        };
        let writes = [
            JournalWrite::CallOffered(call),
            JournalWrite::CallEnded(end),
        ];
        rows.apply(&writes).await.expect("stored");
    }
}

/// A watch over virtual minutes, each look a minute after the last.
struct Minutes {
    watch: AlertWatch,
    minute: u64,
    began: Timestamp,
}

impl Minutes {
    fn new(server: &TestServer, began: Timestamp) -> Self {
        let watch = AlertWatch::new(server.reception.clone(), WebhookAnswers::default());
        Self {
            watch,
            minute: 0,
            began,
        }
    }

    async fn look(&mut self, signals: NodeSignals, times: u64) {
        for _ in 0..times {
            let now = Duration::from_secs(60 * self.minute);
            let at = self.began + chrono::TimeDelta::from_std(now).expect("short");
            self.watch.look_with(signals, now, at).await;
            self.minute += 1;
        }
    }
}

fn answering() -> NodeSignals {
    NodeSignals {
        database: Some(true),
        ..NodeSignals::default()
    }
}

async fn open_rules(server: &TestServer) -> Vec<String> {
    let health = json(&ask(server, "/ops/voice-health.json?window=7d", &[]).await);
    let alerts = health["alerts"].as_array().expect("a list").clone();
    let open = alerts
        .into_iter()
        .filter(|alert| alert["cleared_at"].is_null());
    let mut rules: Vec<String> = open
        .map(|alert| {
            format!(
                "{} {}",
                alert["tenant"].as_str().unwrap_or("-"),
                alert["rule"].as_str().unwrap_or_default()
            )
        })
        .collect();
    rules.sort();
    rules
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_of_one_tenant_is_raised_shown_and_cleared() {
    let (_twilio, _model, server) = server(|_| {}).await;
    let rows = server.rows("medspa").await;
    // In the past, so that the server's own watch has nothing to say about it.
    let began = chrono::Utc::now() - chrono::TimeDelta::hours(20);
    store_ended(
        &rows,
        began - chrono::TimeDelta::minutes(10),
        "agent_ended",
        27,
    )
    .await;
    store_ended(
        &rows,
        began - chrono::TimeDelta::minutes(9),
        "model_failed",
        3,
    )
    .await;
    let mut minutes = Minutes::new(&server, began);
    minutes.look(answering(), 1).await;
    assert_eq!(open_rules(&server).await, [""; 0], "one bad look is none");
    minutes.look(answering(), 1).await;
    assert_eq!(
        open_rules(&server).await,
        ["medspa fallback_rate_critical", "medspa fallback_rate_high"]
    );
    // Another node finds the same, and one that starts again knows it.
    let mut second = Minutes::new(&server, began);
    second.look(answering(), 3).await;
    assert_eq!(open_rules(&server).await.len(), 2);
    // An hour later the calls are out of sight.
    minutes.look(answering(), 70).await;
    assert_eq!(open_rules(&server).await, [""; 0]);
    let all = rows
        .list_alerts(None, &switchboard_store::ListFilter::default())
        .await
        .expect("alerts");
    assert_eq!(all.len(), 2, "one row each, cleared: {all:?}");
    let page = ask(
        &server,
        "/ops/voice-health?window=7d",
        &[("accept", "text/html")],
    )
    .await
    .body;
    assert!(
        page.contains("Alerts that are over") && page.contains("/ops/runbook#fallback_rate_high")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_while_the_database_was_away_is_stored_when_it_is_back() {
    let (_twilio, _model, server) = server(|_| {}).await;
    let began = chrono::Utc::now() - chrono::TimeDelta::hours(20);
    let mut minutes = Minutes::new(&server, began);
    let away = NodeSignals {
        database: Some(false),
        ..NodeSignals::default()
    };
    minutes.look(answering(), 1).await;
    minutes.look(away, 3).await;
    assert_eq!(open_rules(&server).await, [""; 0]);
    minutes.look(answering(), 1).await;
    assert_eq!(open_rules(&server).await, ["- database_away"]);
    let alerts = server.reception.store.installation();
    let alerts = alerts
        .list_alerts(None, &switchboard_store::ListFilter::default())
        .await
        .expect("alerts");
    assert_eq!(
        alerts[0].raised_at.timestamp(),
        (began + chrono::TimeDelta::minutes(1)).timestamp(),
        "when it began"
    );
    minutes.look(answering(), 6).await;
    assert_eq!(open_rules(&server).await, [""; 0]);
    server.stop().await;
}

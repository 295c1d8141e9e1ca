//! r2: a vendor that fails is skipped, and a probe of ours, not a caller, finds out when it is well again.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use support::{BOUND, MEDSPA, TestServer, carrier, wait_for};
use switchboard::config::Settings;
use switchboard::ops::alerts::{AlertWatch, WebhookAnswers};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use switchboard_sim::twilio::{CarrierEvent, FakeTwilio};
use switchboard_store::ListFilter;
use tokio::net::TcpListener;

/// A vendor that takes connections and never says a word.
struct BlackHole {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    accepting: tokio::task::JoinHandle<()>,
}

impl BlackHole {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((socket, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                held.push(socket);
            }
        });
        Self {
            address,
            connections,
            accepting,
        }
    }

    fn count(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The vendor is well again, at the same address.
    async fn heal(self) -> RealtimeServer {
        self.accepting.abort();
        let _ = self.accepting.await;
        let script = RealtimeScript::default().otherwise(Reply::ladder(2_000));
        RealtimeServer::start_on(script, self.address)
            .await
            .expect("the address is free again")
    }
}

fn with_vendor(settings: &mut Settings, address: SocketAddr) {
    settings.openai.api_key = Some(switchboard::config::Secret::new("sk-test"));
    settings.openai.base_url = format!("http://{address}/v1").parse().expect("an address");
    settings.calls.handshake_ms = 300;
}

async fn openai_state(server: &TestServer) -> String {
    let url = format!("{}/readyz", server.base);
    let answer = reqwest::get(url).await.expect("answers");
    let report: Value = answer.json().await.expect("a document");
    report["providers"]["openai"]["state"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn watch(server: &TestServer) -> AlertWatch {
    AlertWatch::new(server.reception.clone(), WebhookAnswers::default())
}

/// Whether each alert about the breaker is open.
async fn breaker_alerts(server: &TestServer) -> Vec<bool> {
    let installation = server.reception.store.installation();
    let alerts = installation.list_alerts(None, &ListFilter::default()).await;
    let alerts = alerts.expect("alerts").into_iter();
    alerts
        .filter(|alert| alert.rule.as_str() == "breaker_open")
        .map(|alert| alert.cleared_at.is_none())
        .collect()
}

/// One call that ends with the human.
async fn call_reaches_the_human(server: &TestServer, twilio: &FakeTwilio) {
    let call = server.call(twilio, MEDSPA, CallerScript::new());
    call.wait_for(BOUND, |event| {
        matches!(event, CarrierEvent::HumanAnswered { .. })
    })
    .await
    .expect("the human answers");
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_callers_skip_a_vendor_that_fails_until_a_probe_finds_it_well() {
    let twilio = carrier().await;
    let vendor = BlackHole::start().await;
    let address = vendor.address;
    let server = TestServer::start(&twilio, None, |settings| {
        with_vendor(settings, address);
        settings.openai.breaker_failures_max = 3;
        settings.openai.breaker_window = 5;
        // The first probe comes when this test wants it: after the callers below.
        settings.openai.breaker_probe_ms = 6_000;
    })
    .await;
    for _ in 0..3 {
        assert!(!server.reception.breaker.is_open());
        call_reaches_the_human(&server, &twilio).await;
    }
    assert!(server.reception.breaker.is_open());
    assert_eq!(openai_state(&server).await, "failing");
    // An alert says so, and says when it is over.
    let (mut watch, now) = (watch(&server), chrono::Utc::now());
    watch.look(Duration::ZERO, now).await;
    assert_eq!(breaker_alerts(&server).await, [true]);

    let asked = vendor.count();
    call_reaches_the_human(&server, &twilio).await;
    assert_eq!(vendor.count(), asked, "nobody asked the vendor");
    let handshakes = {
        assert!(server.reception.journal.flushed(BOUND).await);
        let rows = server.rows("medspa").await;
        rows.list_handshakes(&ListFilter::default())
            .await
            .expect("rows")
    };
    let reasons: Vec<_> = handshakes
        .iter()
        .map(|row| row.reason.as_ref().map(ToString::to_string))
        .collect();
    assert_eq!(reasons[0].as_deref(), Some("model_failed"), "{reasons:?}");
    assert!(
        handshakes[1..]
            .iter()
            .all(|row| row.elapsed_ms > handshakes[0].elapsed_ms),
        "the others had waited for the watchdog: {handshakes:?}"
    );

    let model = vendor.heal().await;
    let breaker = server.reception.breaker.clone();
    wait_for("the probe closes the breaker", || !breaker.is_open()).await;
    assert_eq!(openai_state(&server).await, "active");
    for seconds in [60_u32, 120, 480] {
        let at = now + chrono::TimeDelta::seconds(seconds.into());
        watch.look(Duration::from_secs(seconds.into()), at).await;
    }
    assert_eq!(breaker_alerts(&server).await, [false]);
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    call.wait_for(BOUND, |event| {
        matches!(event, CarrierEvent::MediaReceived { .. })
    })
    .await
    .expect("the agent speaks again");
    drop(model);
    server.stop().await;
}

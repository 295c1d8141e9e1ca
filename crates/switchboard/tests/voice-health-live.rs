//! The percentiles of the page come from the database, those of `/metrics` from histograms. On the same calls they
//! agree within a bucket. Alone in its binary, because a process has one set of histograms.

mod support;

use support::{BOUND, MEDSPA, TestServer, carrier, model};
use switchboard::ops::metrics::WAIT_SECONDS;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, Reply};

/// The width of the bucket that holds a figure, and a millisecond that the database does not keep.
fn bucket_ms(figure_ms: f64) -> f64 {
    let bounds = [&[0.0], &WAIT_SECONDS[..]].concat();
    let pair = bounds
        .windows(2)
        .find(|pair| figure_ms <= pair[1] * 1_000.0);
    pair.map_or(f64::INFINITY, |pair| (pair[1] - pair[0]) * 1_000.0 + 1.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn percentiles_of_the_database_and_of_the_histograms_agree_within_a_bucket() {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default().otherwise(Reply::ladder(300))).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    let voice = switchboard_sim::caller::speech::speak(
        "hello, are you open on monday",
        &Default::default(),
    )
    .await
    .expect("speech");
    let place = |wait_ms: u64| {
        let script = CallerScript::new()
            .speak_after_silence(500, voice.clone())
            .wait(wait_ms)
            .hang_up();
        server.call(&twilio, MEDSPA, script)
    };
    let calls: Vec<_> = (0..6).map(|number| place(3_500 + number * 300)).collect();
    for call in calls {
        call.wait_for_end(BOUND).await.expect("the call ends");
    }
    server.idle().await;
    assert!(server.reception.journal.flushed(BOUND).await);
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let answer = client
        .get(format!("{}/ops/voice-health.json?window=1h", server.base))
        .send()
        .await;
    let text = answer.expect("an answer").text().await.expect("a body");
    let health: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut compared = 0;
    for wait in ["handshake", "response", "heard"] {
        for percentile in ["p50_ms", "p95_ms"] {
            let Some(live) = health["live"][wait][percentile].as_f64() else {
                assert!(
                    health[wait][percentile].is_null(),
                    "{wait} {percentile}: only one knows it: {health}"
                );
                continue;
            };
            let exact = health[wait][percentile].as_f64().expect("both know it");
            assert!(
                (exact - live).abs() <= bucket_ms(exact),
                "{wait} {percentile}: {exact} and {live}"
            );
            compared += 1;
        }
    }
    assert!(
        compared >= 4,
        "handshakes and replies were measured: {health}"
    );
    assert_eq!(health["handshake"]["count"], 6);
    server.stop().await;
}

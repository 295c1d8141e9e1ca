//! Traces of calls at a collector that is strict, and calls whose collector is down.

#[path = "support/collector.rs"]
mod collector;
mod support;

use collector::{Collector, attribute};
use opentelemetry_proto::tonic::trace::v1::Span;
use support::{BOUND, MEDSPA, TestServer, carrier, model, wait_for};
use switchboard::config::Secret;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::caller::speech::speak;
use switchboard_sim::realtime::{RealtimeScript, Reply};
use switchboard_sim::twilio::FakeTwilio;

/// The agent greets, hears the caller, looks something up and answers; then the caller wants a person.
async fn whole_call(twilio: &FakeTwilio, server: &TestServer) {
    let words = speak("Do you have time on Tuesday", &Default::default()).await;
    let script = CallerScript::new()
        .speak_after_silence(600, words.expect("speech"))
        .wait(2_500)
        .press('0');
    let call = server.call(twilio, MEDSPA, script);
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
}

async fn short_call(twilio: &FakeTwilio, server: &TestServer) {
    let call = server.call(twilio, MEDSPA, CallerScript::new().wait(600).press('0'));
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
}

fn script() -> RealtimeScript {
    RealtimeScript::default()
        .caller_says("Do you have time on Tuesday")
        .when_caller_says("Tuesday", Reply::call_tool("find_contact", "{}"))
        .otherwise(Reply::ladder(600))
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_one_trace_of_webhooks_handshake_turns_tools_and_handoff() {
    let collector = Collector::start().await;
    let (twilio, model) = (carrier().await, model(script()).await);
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.telemetry.otlp_url = Some(collector.url.parse().expect("an address"));
        settings.telemetry.otlp_headers = Some(Secret::new("authorization=Bearer of-the-operator"));
    })
    .await;
    whole_call(&twilio, &server).await;
    let call = server.calls("medspa").await[0].id;
    server.stop().await;

    let spans = collector.spans();
    assert_eq!(collector.refused(), Vec::<String>::new());
    assert!(
        collector
            .keys()
            .iter()
            .all(|key| key == "Bearer of-the-operator"),
        "the key of the operator goes along"
    );
    assert!(collector.services().iter().all(|it| it == "switchboard"));
    let roots = named(&spans, "call");
    assert_eq!(roots.len(), 1, "one call, one root");
    let root = roots[0];
    assert_eq!(root.trace_id, call.uuid().into_bytes(), "found by its id");
    let is_whole = spans.iter().all(|span| {
        let hangs = span.parent_span_id == root.span_id || span.span_id == root.span_id;
        span.trace_id == root.trace_id && hangs
    });
    assert!(is_whole, "every span hangs on the call");
    let of = |name: &str, key: &str| -> Vec<String> {
        let spans = named(&spans, name).into_iter();
        spans
            .filter_map(|span| attribute(&span.attributes, key))
            .collect()
    };
    assert_eq!(of("call", "switchboard.agent"), ["medspa"]);
    assert_eq!(of("call", "switchboard.channel"), ["phone"]);
    assert_eq!(of("call", "switchboard.reason"), ["dtmf_0"]);
    assert_eq!(of("tool", "switchboard.tool"), ["find_contact"]);
    assert_eq!(of("handoff", "switchboard.reason"), ["dtmf_0"]);
    // Which of the two comes first is the carrier's: its answer, or the end of the stream that it causes.
    let outcome = of("handoff", "switchboard.outcome").concat();
    assert!(
        ["accepted", "left_to_the_carrier"].contains(&outcome.as_str()),
        "{outcome}"
    );
    assert_eq!(named(&spans, "handshake").len(), 1);
    let speakers = of("turn", "switchboard.speaker");
    assert!(
        speakers.contains(&"caller".to_owned()) && speakers.contains(&"agent".to_owned()),
        "{speakers:?}"
    );
    for webhook in ["webhook /twilio/voice", "webhook /twilio/status"] {
        assert!(!named(&spans, webhook).is_empty(), "{webhook}");
    }
    let presses = root.events.iter().filter(|it| it.name == "digit_pressed");
    assert_eq!(presses.count(), 1);
    let handshake = named(&spans, "handshake")[0];
    assert!(
        handshake.start_time_unix_nano == root.start_time_unix_nano
            && handshake.end_time_unix_nano <= root.end_time_unix_nano
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_touches_no_call() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", closed.local_addr().expect("an address"));
    drop(closed);
    let (twilio, model) = (carrier().await, model(script()).await);
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.telemetry.otlp_url = Some(url.parse().expect("an address"));
    })
    .await;
    short_call(&twilio, &server).await;
    let calls = server.calls("medspa").await;
    let reason = calls[0].end_reason.as_ref().map(|reason| reason.as_str());
    assert_eq!(reason, Some("dtmf_0"));
    let lost = "switchboard_spans_dropped_total{reason=\"not_taken\"}";
    wait_for("what was lost is counted", || {
        switchboard::ops::metrics::install().render().contains(lost)
    })
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_traced_that_was_not_chosen() {
    let collector = Collector::start().await;
    let (twilio, model) = (carrier().await, model(script()).await);
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.telemetry.otlp_url = Some(collector.url.parse().expect("an address"));
        // What no setting says: nobody is chosen.
        settings.telemetry.sample_percent = 0;
    })
    .await;
    short_call(&twilio, &server).await;
    server.stop().await;
    assert!(collector.spans().is_empty());
}

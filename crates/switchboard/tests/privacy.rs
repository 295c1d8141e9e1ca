//! A whole call full of canaries: names, numbers, an address, words and keys. None may reach a log line, a measure or a
//! technical table, whatever goes wrong on the way (D5).

#[path = "support/by_hand.rs"]
mod by_hand;
#[path = "support/canaries.rs"]
mod canaries;
mod support;

use canaries::{KEY, Lines, assert_none_in, calls_with_canaries, parrot};
use support::{TestServer, carrier, model};
use switchboard::config::{LogFormat, LogLevel, LogSettings, Secret};
use switchboard::ops::{logging, panics};
use switchboard_store::ListFilter;

#[tokio::test(flavor = "multi_thread")]
async fn d5_no_canary_of_a_whole_call_reaches_logs_metrics_or_technical_tables() {
    let lines = Lines::default();
    let settings = LogSettings {
        level: LogLevel::Trace,
        format: LogFormat::Json,
    };
    let (subscriber, writer) =
        logging::subscriber(&settings, false, lines.clone()).expect("a thread");
    tracing::subscriber::set_global_default(subscriber).expect("the only one of this process");
    panics::install_hook();
    let twilio = carrier().await;
    let model = model(parrot()).await;
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.openai.api_key = Some(Secret::new(KEY));
    })
    .await;
    let secrets = calls_with_canaries(&server, &twilio).await;
    let panicked = tokio::spawn(async { panic!("Zanzibar Quillfeather said parrot words") });
    assert!(panicked.await.is_err());
    // From here a failure of this test may say what it found.
    drop(std::panic::take_hook());
    server.idle().await;

    // What was said is kept where it belongs: else this test would prove nothing.
    let turns = format!(
        "{:?}",
        server
            .turns("medspa")
            .await
            .iter()
            .map(|turn| {
                turn.generated_text
                    .as_ref()
                    .map(|words| words.expose().clone())
            })
            .collect::<Vec<_>>()
    );
    assert!(turns.contains("Quillfeather"), "{turns}");
    let rows = server.rows("medspa").await;
    let filter = ListFilter::default();
    let contacts = rows.list_contacts(&filter).await.expect("rows");
    assert!(!contacts.is_empty(), "the canary's contact is stored");

    let metrics = reqwest::get(format!("{}/metrics", server.base))
        .await
        .expect("an answer");
    let metrics = metrics.text().await.expect("a body");
    assert!(
        metrics.contains("switchboard_handshake_seconds"),
        "{metrics}"
    );
    let events = rows.list_call_events(&filter).await.expect("rows");
    let technical: Vec<_> = events
        .iter()
        .map(|event| (&event.name, &event.technical))
        .collect();
    let events = serde_json::to_string(&technical).expect("JSON");
    let handshakes = serde_json::to_string(&rows.list_handshakes(&filter).await.expect("rows"));
    let sessions = serde_json::to_string(&rows.list_model_sessions(&filter).await.expect("rows"));
    server.stop().await;
    drop(writer);
    let log = lines.text();
    assert!(
        log.contains("declined") && log.contains("panic"),
        "the log was listened to: {log}"
    );

    let places = [
        ("the log", log),
        ("the metrics", metrics),
        ("call events", events),
        ("handshakes", handshakes.expect("JSON")),
        ("model sessions", sessions.expect("JSON")),
    ];
    assert_none_in(&places, &secrets);
}

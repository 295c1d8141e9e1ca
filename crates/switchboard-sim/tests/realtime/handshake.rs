//! Who is let in, and how the others are turned away.

use std::time::Duration;

use serde_json::json;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, ReceivedKind};
use switchboard_wire::openai::ServerEvent;

use crate::client::{BOUND, Client, Frame, start, upgrade};

fn guarded() -> RealtimeScript {
    RealtimeScript::default()
        .api_key("sk-right")
        .model("gpt-test")
}

/// The error's code, then the close code and reason.
async fn turned_away(
    server: &RealtimeServer,
    target: &str,
    headers: &[(&str, &str)],
) -> (Option<String>, u16, String) {
    let mut client = upgrade(server, target, headers)
        .await
        .unwrap_or_else(|_| panic!("the 101 always comes"));
    let Frame::Event(message) = client.frame().await else {
        panic!("an error first")
    };
    let ServerEvent::Error { error } = message.event else {
        panic!("no session is created")
    };
    let Frame::Closed(Some(code), reason) = client.frame().await else {
        panic!("then the close")
    };
    (error.code, code, reason)
}

#[tokio::test]
async fn key_model_and_beta_header_are_judged_after_the_101() {
    let server = start(guarded()).await;
    let right = ("Authorization", "Bearer sk-right");
    let refusals = [
        (
            "/v1/realtime?model=gpt-test",
            vec![("Authorization", "Bearer sk-wrong")],
            Some("invalid_api_key"),
            3000,
        ),
        ("/v1/realtime?model=gpt-test", vec![], None, 3000),
        (
            "/v1/realtime?model=gpt-old",
            vec![right],
            Some("invalid_model"),
            4000,
        ),
        ("/v1/realtime", vec![right], Some("missing_model"), 4000),
        (
            "/v1/realtime?model=gpt-test",
            vec![right, ("OpenAI-Beta", "realtime=v1")],
            Some("beta_api_shape_disabled"),
            4000,
        ),
    ];
    for (target, headers, code, close_code) in refusals {
        let (found, closed, reason) = turned_away(&server, target, &headers).await;
        assert_eq!((found.as_deref(), closed), (code, close_code), "{target}");
        assert!(reason.starts_with("invalid_request_error"), "{reason}");
    }
    assert_eq!(
        server.with_log(|log| log
            .sent
            .iter()
            .filter(|sent| sent.kind == "session.created")
            .count()),
        0
    );
}

#[tokio::test]
async fn a_browser_key_in_the_subprotocol_list_is_accepted_and_only_realtime_is_answered() {
    let server = start(guarded()).await;
    let list = [(
        "Sec-WebSocket-Protocol",
        "realtime, openai-insecure-api-key.sk-right",
    )];
    let Ok(client) = upgrade(&server, "/v1/realtime?model=gpt-test", &list).await else {
        panic!("admitted")
    };
    assert_eq!(client.subprotocol.as_deref(), Some("realtime"));
    let bearer = [("Authorization", "Bearer sk-right")];
    let Ok(client) = upgrade(&server, "/v1/realtime?model=gpt-test", &bearer).await else {
        panic!("admitted")
    };
    assert_eq!(client.subprotocol, None);
}

#[tokio::test]
async fn other_paths_are_not_found() {
    let server = start(RealtimeScript::default()).await;
    assert_eq!(
        upgrade(&server, "/v1/chat", &[]).await.err(),
        Some(Some(404))
    );
}

#[tokio::test]
async fn the_session_tells_model_and_expiry() {
    let server = start(RealtimeScript::default()).await;
    let mut client = Client::connect_unread(&server).await;
    let ServerEvent::SessionCreated { session } = client.next().await.event else {
        panic!("first event")
    };
    assert_eq!(session.model, "gpt-test");
    assert!(session.id.starts_with("sess_") && session.expires_at > 1_700_000_000);
    assert_eq!(
        session
            .audio
            .input
            .turn_detection
            .map(|detection| detection.interrupts()),
        Some(true)
    );
}

#[tokio::test]
async fn an_update_is_all_or_nothing() {
    let server = start(RealtimeScript::default()).await;
    let mut client = Client::connect(&server).await;
    let bad = json!({"type": "session.update", "event_id": "u1", "session": {"type": "realtime", "instructions": "Kept?", "voice": "ash"}});
    assert_eq!(
        client.refused(bad).await,
        (
            "unknown_parameter".to_owned(),
            Some("session.voice".to_owned())
        )
    );
    client.send(json!({"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"speed": 1.25}}}})).await;
    let ServerEvent::SessionUpdated { session } = client.next().await.event else {
        panic!("updated")
    };
    assert_ne!(session.instructions, "Kept?");
    assert!((session.audio.output.speed - 1.25).abs() < f64::EPSILON);
    assert_eq!(
        server.with_log(|log| (log.refusals(1).len(), log.session_updates(1).len())),
        (1, 1)
    );
}

#[tokio::test]
async fn messages_that_are_no_events_are_refused_and_the_session_goes_on() {
    let server = start(RealtimeScript::default()).await;
    let mut client = Client::connect(&server).await;
    client.send_text("{").await;
    client.until("error").await;
    assert_eq!(
        client.refused(json!({"no": "type"})).await.0,
        "invalid_event"
    );
    assert_eq!(
        client.refused(json!({"type": "session.close"})).await,
        ("invalid_value".to_owned(), Some("type".to_owned()))
    );
    assert_eq!(
        client
            .refused(json!({"type": "output_audio_buffer.clear"}))
            .await
            .0,
        "invalid_value"
    );
    assert_eq!(
        client
            .refused(json!({"type": "input_audio_buffer.append", "audio": "%%%%"}))
            .await
            .1
            .as_deref(),
        Some("audio")
    );
    client
        .send(json!({"type": "input_audio_buffer.clear"}))
        .await;
    client.until("input_audio_buffer.cleared").await;
}

#[tokio::test]
async fn the_server_pings_and_the_record_shows_who_came_and_went() {
    let script = RealtimeScript::default().pinging_every(Duration::from_millis(30));
    let server = start(script).await;
    let mut client = Client::connect(&server).await;
    assert!(matches!(client.frame().await, Frame::Ping));
    client.close().await;
    assert!(
        server
            .wait_until(BOUND, |log| log.open_connections() == 0)
            .await
    );
    let received = server.received();
    assert!(
        matches!(&received[0].kind, ReceivedKind::Connected(connected)
        if connected.api_key.as_deref() == Some("sk-test") && connected.target == "/v1/realtime?model=gpt-test")
    );
    assert!(
        received
            .iter()
            .any(|received| matches!(received.kind, ReceivedKind::Closed { code: Some(1000) }))
    );
}

//! Everything that goes wrong on purpose.

use std::time::{Duration, Instant};

use serde_json::json;
use switchboard_sim::realtime::{Command, Faults, RealtimeScript, Reply};
use switchboard_wire::openai::{HandshakeRefusal, ServerEvent, WireError, code};

use crate::client::{BOUND, Client, Frame, kind_of, start, upgrade};
use crate::turns::telephone;

const DELAY: Duration = Duration::from_millis(120);

fn faulty(faults: Faults) -> RealtimeScript {
    RealtimeScript::default().faults(faults)
}

/// The first frame of a fresh connection that is no ping.
async fn first_frame(script: RealtimeScript) -> Frame {
    let server = start(script).await;
    Client::connect_unread(&server).await.frame().await
}

#[tokio::test]
async fn upgrade_created_and_updated_can_be_late() {
    let server = start(faulty(Faults {
        upgrade_delay: DELAY,
        created_delay: DELAY,
        updated_delay: DELAY,
        ..Faults::default()
    }))
    .await;
    let started = Instant::now();
    let mut client = Client::connect_unread(&server).await;
    assert!(started.elapsed() >= DELAY);
    client.until("session.created").await;
    assert!(started.elapsed() >= DELAY * 2);
    client
        .send(json!({"type": "session.update", "session": telephone()}))
        .await;
    client.until("session.updated").await;
    assert!(started.elapsed() >= DELAY * 3);
}

#[tokio::test]
async fn an_upgrade_can_be_refused_or_cut() {
    let target = "/v1/realtime?model=gpt-test";
    let server = start(faulty(Faults {
        upgrade_status: Some(503),
        ..Faults::default()
    }))
    .await;
    assert_eq!(upgrade(&server, target, &[]).await.err(), Some(Some(503)));
    let server = start(faulty(Faults {
        drops_upgrade: true,
        ..Faults::default()
    }))
    .await;
    assert_eq!(upgrade(&server, target, &[]).await.err(), Some(None));
}

#[tokio::test]
async fn a_connection_can_be_refused_or_closed_right_after_the_101() {
    let refused = faulty(Faults {
        refusal: Some(HandshakeRefusal::InvalidApiKey),
        ..Faults::default()
    });
    assert!(
        matches!(first_frame(refused).await, Frame::Event(message) if matches!(message.event, ServerEvent::Error { .. }))
    );
    let closed = faulty(Faults {
        close_after_upgrade: Some((1013, "busy".to_owned())),
        ..Faults::default()
    });
    assert!(
        matches!(first_frame(closed).await, Frame::Closed(Some(1013), reason) if reason == "busy")
    );
}

#[tokio::test]
async fn a_silent_server_reads_and_says_nothing() {
    let server = start(faulty(Faults {
        is_silent: true,
        ..Faults::default()
    }))
    .await;
    let mut client = Client::connect_unread(&server).await;
    client.send(json!({"type": "response.create"})).await;
    client.send_text("{").await;
    server.command(1, Command::SendText("end".to_owned()));
    assert!(
        matches!(client.frame().await, Frame::Text(text) if text == "end"),
        "nothing came before"
    );
}

#[tokio::test]
async fn updates_can_be_refused() {
    let error = WireError::new(code::INVALID_VALUE, "No.").at("session.tools");
    let server = start(faulty(Faults {
        refuses_updates: Some(error),
        ..Faults::default()
    }))
    .await;
    let mut client = Client::connect(&server).await;
    let update = json!({"type": "session.update", "session": telephone()});
    assert_eq!(
        client.refused(update).await.1.as_deref(),
        Some("session.tools")
    );
}

#[tokio::test]
async fn a_session_can_expire_or_be_cut() {
    let server = start(faulty(Faults {
        expire_after: Some(DELAY),
        ..Faults::default()
    }))
    .await;
    let mut client = Client::connect(&server).await;
    assert!(
        matches!(client.frame().await, Frame::Closed(Some(1001), reason) if reason.contains("maximum duration"))
    );
    let server = start(faulty(Faults {
        drop_after: Some(DELAY),
        ..Faults::default()
    }))
    .await;
    let mut client = Client::connect(&server).await;
    assert!(matches!(client.frame().await, Frame::Gone));
}

#[tokio::test]
async fn a_reply_can_stall_drop_the_socket_or_stutter() {
    let script = RealtimeScript::default()
        .reply(Reply::ladder(1_000).stuttering_at(400, Duration::from_millis(300)))
        .reply(Reply::ladder(1_000).stalling_at(400))
        .reply(Reply::ladder(1_000).dropping_at(400));
    let server = start(script).await;
    let mut client = Client::configured(&server, telephone()).await;
    let create = json!({"type": "response.create"});

    let asked = Instant::now();
    client.send(create.clone()).await;
    client.until("response.done").await;
    assert!(
        asked.elapsed() >= Duration::from_millis(550),
        "250 ms of generation and the pause"
    );

    client.send(create.clone()).await;
    client.until("response.output_audio.delta").await;
    client.until("response.output_audio.delta").await;
    client.send(json!({"type": "response.cancel"})).await;
    let events = client.until("response.done").await;
    assert!(
        events
            .iter()
            .all(|message| kind_of(message) != "response.output_audio.delta"),
        "it had stopped at 400 ms"
    );

    client.send(create).await;
    client.until("response.output_audio.delta").await;
    client.until("response.output_audio.delta").await;
    assert!(matches!(
        client.frame().await,
        Frame::Event(_) | Frame::Gone
    ));
    while !matches!(client.frame().await, Frame::Gone) {}
    assert_eq!(server.with_log(|log| log.sent_count(1, "response.done")), 2);
}

#[tokio::test]
async fn bursts_of_errors_unknown_doubled_and_malformed_events_come_as_scripted() {
    let faults = Faults {
        error_burst: 3,
        unknown_events: true,
        malformed_frames: true,
        duplicated_types: vec!["response.done".to_owned()],
        ..Faults::default()
    };
    let server = start(faulty(faults)).await;
    let mut client = Client::connect(&server).await;
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(match client.frame().await {
            Frame::Event(message) => kind_of(&message),
            Frame::Text(_) => "malformed".to_owned(),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(
        seen,
        [
            "session.mood.updated",
            "error",
            "error",
            "error",
            "malformed",
            "malformed"
        ]
    );
    client.send(json!({"type": "response.create"})).await;
    client.until("response.done").await;
    let again = client.next().await;
    assert_eq!(kind_of(&again), "response.done");
}

#[tokio::test]
async fn faults_of_one_connection_leave_the_others_alone() {
    let script = RealtimeScript::default().faults_on(
        1,
        Faults {
            is_silent: true,
            ..Faults::default()
        },
    );
    let server = start(script).await;
    let _first = Client::connect_unread(&server).await;
    Client::connect(&server).await;
    assert!(
        server
            .wait_until(BOUND, |log| log.connections() == 2
                && log.sent_count(2, "session.created") == 1)
            .await
    );
    assert_eq!(
        server.with_log(|log| log.sent_count(1, "session.created")),
        0
    );
}

#[tokio::test]
async fn a_test_can_act_on_a_running_connection() {
    let server = start(RealtimeScript::default()).await;
    let mut client = Client::connect(&server).await;
    assert!(server.command(
        1,
        Command::Respond(Box::new(Reply::call_tool("end_call", "{}")))
    ));
    client.until("response.done").await;
    assert!(server.command(1, Command::Close(1011, "internal".to_owned())));
    let closed = loop {
        match client.frame().await {
            Frame::Closed(close_code, _) => break close_code,
            Frame::Event(_) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(closed, Some(1011));
}

#[tokio::test]
async fn a_connection_commanded_to_end_is_gone_from_the_record() {
    let server = start(RealtimeScript::default()).await;
    let mut client = Client::connect(&server).await;
    assert!(server.command(1, Command::Drop));
    assert!(matches!(client.frame().await, Frame::Gone));
    assert!(
        server
            .wait_until(BOUND, |log| log.open_connections() == 0)
            .await
    );
    assert!(!server.command(1, Command::Drop));
}

#[tokio::test]
async fn a_server_that_stops_reading_leaves_the_writer_stuck() {
    let server = start(faulty(Faults {
        stop_reading_after: Some(Duration::ZERO),
        ..Faults::default()
    }))
    .await;
    let mut client = Client::connect(&server).await;
    client.append(&vec![0; 480_000]).await;
    assert!(
        !server
            .wait_until(DELAY, |log| !log.appended_audio(1).is_empty())
            .await
    );
}

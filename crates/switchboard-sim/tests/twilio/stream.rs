//! The fake carrier's media streams, seen from the application and from the caller's ear.

use crate::support::*;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use switchboard_media::tone;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::twilio::*;
use switchboard_wire::twilio::CallStatus;
use switchboard_wire::twilio::stream::{FromTwilio, parse, scan_media};

const CONNECT: &str = "<Connect><Stream url=\"ws://HOST/stream\"><Parameter name=\"t\" value=\"s3cret &amp; more\"/></Stream></Connect>";

fn falls_through() -> String {
    format!("{CONNECT}<Say>fallback</Say>")
}

fn place(app: &App, caller: CallerScript) -> PlaceCall {
    PlaceCall::new(app.url("/voice"), "+12025550104", caller)
}

fn said(call: &CallHandle) -> bool {
    call.has(|event| matches!(event, CarrierEvent::Said { text } if text == "fallback"))
}

fn stream_end(call: &CallHandle) -> StreamEnd {
    let ends = call
        .events()
        .into_iter()
        .filter_map(|timed| match timed.event {
            CarrierEvent::StreamEnded { end } => Some(end),
            _ => None,
        });
    let ends: Vec<_> = ends.collect();
    assert_eq!(ends.len(), 1, "one stream, one end");
    ends[0].clone()
}

#[tokio::test]
async fn a_call_streams_real_sound_both_ways_and_falls_through_when_the_socket_closes() {
    let twilio = twilio().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    let document = falls_through();
    let app = App::start(&twilio, &[("/voice", &document)], move |mut stream| {
        let log = Arc::clone(&log);
        async move {
            let start = stream.start().await;
            assert_eq!(start["start"]["customParameters"]["t"], "s3cret & more");
            assert!(matches!(
                parse(start.to_string().as_bytes()),
                Ok(FromTwilio::Start(_))
            ));
            stream.send_tone(400).await;
            stream.send_mark("7").await;
            let began = Instant::now();
            let mut sound = Vec::new();
            loop {
                let message = stream.next().await.expect("the stream goes on");
                if message["event"] == "mark" {
                    assert_eq!(message["mark"]["name"], "7");
                    break;
                }
                let text = message["media"]["payload"]
                    .as_str()
                    .expect("audio")
                    .to_owned();
                sound.push(text);
            }
            let waited_ms = began.elapsed().as_millis();
            assert!(
                (300..1500).contains(&waited_ms),
                "played in real time: {waited_ms} ms"
            );
            log.lock().expect("no panic").extend(sound);
            // A pause between our tone and the next verb, for the ear to tell them apart.
            for _ in 0..5 {
                stream.wait_for("media").await;
            }
            stream.close().await;
        }
    })
    .await;
    let caller = CallerScript::new().speak(tone::sine(8_000, 500.0, 200, 0.4));
    let call = run(&twilio, place(&app, caller)).await;

    let hooks = app.hooks();
    assert!(
        hooks
            .iter()
            .all(|hook| hook.is_signed && hook.path == "/voice"),
        "{hooks:?}"
    );
    assert_eq!(
        hooks.len(),
        1,
        "without action nothing is asked when the stream ends"
    );
    assert_eq!(app.is_upgrade_signed(), [true]);
    assert_eq!(
        stream_end(&call),
        StreamEnd::ServerClosed { code: Some(1000) }
    );
    assert!(said(&call));
    assert_eq!(warnings(&call), [0u32; 0]);
    let sound = stretches_of_sound(&call.ear());
    assert_eq!(
        sound[0].1 - sound[0].0,
        400,
        "the ear heard the whole tone: {sound:?}"
    );
    assert_eq!(stretches_of_sound(&call.mouth()), [(0, 200)]);
    let heard = heard.lock().expect("no panic");
    assert!(heard.len() >= 19, "a message every 20 ms: {}", heard.len());
    let spoken = heard
        .iter()
        .take(9)
        .all(|payload| !payload.starts_with("//////"));
    assert!(spoken, "the server heard the caller's first words");
    let last = call.events().pop().expect("events");
    let ended = CarrierEvent::Ended {
        status: CallStatus::Completed,
        by: EndedBy::Document,
    };
    assert_eq!(last.event, ended);
}

#[tokio::test]
async fn media_messages_have_the_shape_our_scanner_knows() {
    let twilio = twilio().await;
    let document = falls_through();
    let app = App::start(&twilio, &[("/voice", &document)], |mut stream| async move {
        stream.start().await;
        let message = match stream.socket.next().await {
            Ok(Some(switchboard_wire::websocket::Message::Text(text))) => text,
            other => panic!("a media message, not {other:?}"),
        };
        let media = scan_media(message.as_bytes()).expect("scanned without the full parser");
        assert_eq!(
            (media.payload_bytes, media.sequence, media.chunk),
            (160, 2, 1)
        );
        stream.close().await;
    })
    .await;
    let call = run(&twilio, place(&app, CallerScript::new())).await;
    assert!(said(&call));
}

#[tokio::test]
async fn clear_returns_pending_marks_at_once_and_silences_the_ear() {
    let twilio = twilio().await;
    let document = falls_through();
    let app = App::start(&twilio, &[("/voice", &document)], |mut stream| async move {
        stream.start().await;
        stream.send_tone(5_000).await;
        stream.send_mark("1").await;
        stream.send_mark("2").await;
        for _ in 0..10 {
            stream.wait_for("media").await;
        }
        let began = Instant::now();
        stream.send(serde_json::json!({"event": "clear"})).await;
        for name in ["1", "2"] {
            let mark = stream.wait_for("mark").await.expect("a mark");
            assert_eq!(mark["mark"]["name"], name);
        }
        assert!(began.elapsed().as_millis() < 1_000, "not after playing 5 s");
        stream.close().await;
    })
    .await;
    let call = run(&twilio, place(&app, CallerScript::new())).await;
    let sound = stretches_of_sound(&call.ear());
    assert!(sound[0].1 - sound[0].0 < 1_500, "{sound:?}");
    let cleared = call.has(
        |event| matches!(event, CarrierEvent::Cleared { discarded_ms } if *discarded_ms > 3_000),
    );
    assert!(cleared);
}

#[tokio::test]
async fn keys_arrive_on_the_socket_and_hanging_up_says_stop() {
    let twilio = twilio().await;
    let document = falls_through();
    let app = App::start(&twilio, &[("/voice", &document)], |mut stream| async move {
        let start = stream.start().await;
        let dtmf = stream.wait_for("dtmf").await.expect("a key");
        assert_eq!(dtmf["dtmf"]["digit"], "0");
        assert_eq!(dtmf["dtmf"]["track"], "inbound_track");
        let stop = stream.wait_for("stop").await.expect("a stop");
        assert_eq!(stop["stop"]["callSid"], start["start"]["callSid"]);
        assert!(stream.next().await.is_none());
    })
    .await;
    let caller = CallerScript::new().wait(100).press('0').wait(100).hang_up();
    let mut place = place(&app, caller);
    place.status_callback = Some(app.url("/status"));
    let call = run(&twilio, place).await;
    assert_eq!(stream_end(&call), StreamEnd::CallerHungUp);
    assert!(!said(&call), "nobody is left to hear the next verb");
    let status = app.hooks_at("/status");
    assert_eq!(status.len(), 1);
    assert_eq!(status[0].form.value("CallStatus"), Some("completed"));
    assert_eq!(
        status[0].form.value("CallbackSource"),
        Some("call-progress-events")
    );
    assert!(status[0].is_signed);
}

#[tokio::test]
async fn with_action_the_next_verb_never_runs() {
    let twilio = twilio().await;
    let document = falls_through().replace("<Connect>", "<Connect action=\"/after\">");
    let documents = [
        ("/voice", document.as_str()),
        ("/after", "<Say>after</Say>"),
    ];
    let app = App::start(&twilio, &documents, |mut stream| async move {
        stream.start().await;
        stream.close().await;
    })
    .await;
    let call = run(&twilio, place(&app, CallerScript::new())).await;
    assert!(!said(&call));
    assert!(call.has(|event| matches!(event, CarrierEvent::Said { text } if text == "after")));
    assert_eq!(app.hooks_at("/after").len(), 1);
}

#[tokio::test]
async fn every_failure_row_leads_to_the_next_verb() {
    let text = |text: &str| StreamFault::TextAfter {
        ms: 60,
        text: text.to_owned(),
    };
    let rows = [
        (
            StreamFault::NeverConnects,
            Some(StreamEnd::NotOpened { code: 31901 }),
        ),
        (StreamFault::CutAfter { ms: 60 }, Some(StreamEnd::Fault)),
        (StreamFault::ResetAfter { ms: 60 }, Some(StreamEnd::Fault)),
        (text("{broken"), None),
        (
            StreamFault::BytesAfter {
                ms: 60,
                bytes: vec![0xff; 8],
            },
            None,
        ),
    ];
    let twilio = twilio().await;
    let document = falls_through();
    // A server that closes on the first thing it cannot read, as ours does.
    let app = App::start(&twilio, &[("/voice", &document)], |mut stream| async move {
        loop {
            match stream.socket.next().await {
                Ok(Some(switchboard_wire::websocket::Message::Text(text)))
                    if parse(text.as_bytes()).is_ok() => {}
                _ => return,
            }
        }
    })
    .await;
    for (fault, expected) in rows {
        let mut place = place(&app, CallerScript::new());
        place.stream_faults = vec![fault.clone()];
        let call = run(&twilio, place).await;
        assert!(said(&call), "{fault:?}");
        if let Some(expected) = expected {
            assert_eq!(stream_end(&call), expected);
        }
    }
}

#[tokio::test]
async fn a_refused_upgrade_is_31920_and_reported_only_to_the_stream_callback() {
    let twilio = twilio().await;
    let document = "<Connect><Stream url=\"ws://HOST/refuse\" statusCallback=\"http://HOST/stream-status\"/></Connect><Say>fallback</Say>";
    let app = App::start(&twilio, &[("/voice", document)], |_| async {}).await;
    let call = run(&twilio, place(&app, CallerScript::new())).await;
    assert_eq!(stream_end(&call), StreamEnd::NotOpened { code: 31920 });
    assert_eq!(warnings(&call)[0], 31920);
    assert!(said(&call));
    let hooks = app.hooks_at("/stream-status");
    assert_eq!(hooks.len(), 1);
    assert_eq!(hooks[0].form.value("StreamEvent"), Some("stream-error"));
}

#[tokio::test]
async fn what_twilio_does_not_take_ends_the_stream() {
    let twilio = twilio().await;
    let document = falls_through();
    let messages = Arc::new(Mutex::new(vec![
        serde_json::json!({"event": "speak"}).to_string(),
        "not json".to_owned(),
        r#"{"event":"media","media":{"payload":"!!"}}"#.to_owned(),
        r#"{"event":"clear"}"#.to_owned(),
        r#"{"event":"media","streamSid":"MZffffffffffffffffffffffffffffffff","media":{"payload":"/w=="}}"#.to_owned(),
    ]));
    let count = messages.lock().expect("no panic").len();
    let app = App::start(&twilio, &[("/voice", &document)], move |mut stream| {
        let message = messages
            .lock()
            .expect("no panic")
            .pop()
            .expect("one for each call");
        async move {
            stream.start().await;
            stream.socket.send_text(&message).await.expect("sent");
            stream.drain().await;
        }
    })
    .await;
    for _ in 0..count {
        let call = run(&twilio, place(&app, CallerScript::new())).await;
        assert!(matches!(stream_end(&call), StreamEnd::ProtocolError { .. }));
        assert_eq!(warnings(&call), [31924]);
        assert!(said(&call));
    }
}

#[tokio::test]
async fn stream_urls_are_checked_as_twilio_checks_them() {
    let twilio = twilio().await;
    let stream =
        |url: &str| format!("<Connect><Stream url=\"{url}\"/></Connect><Say>fallback</Say>");
    let documents = [
        ("/query", stream("ws://HOST/stream?callSid=1")),
        ("/tls", stream("wss://voice.example/stream")),
        ("/plain", stream("ws://voice.example/stream")),
        ("/http", stream("https://voice.example/stream")),
    ];
    let documents: Vec<_> = documents
        .iter()
        .map(|(path, inner)| (*path, inner.as_str()))
        .collect();
    let app = App::start(&twilio, &documents, |mut stream| async move {
        stream.start().await;
        stream.close().await;
    })
    .await;
    for (path, code) in [
        ("/query", 31920),
        ("/tls", 31910),
        ("/plain", 31922),
        ("/http", 31922),
    ] {
        let place = PlaceCall::new(app.url(path), "+12025550104", CallerScript::new());
        let call = run(&twilio, place).await;
        assert_eq!(warnings(&call)[0], code, "{path}");
        assert!(said(&call), "{path}");
    }
    assert_eq!(
        app.is_upgrade_signed().len(),
        1,
        "only the query was stripped and connected"
    );
}

#[tokio::test]
async fn a_public_name_is_served_by_a_loopback_port() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let settings = FakeTwilioSettings {
        connect_to: Some(address),
        ..FakeTwilioSettings::default()
    };
    let twilio = FakeTwilio::start(settings).await.expect("a free port");
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .expect("still free");
    let document = "<?xml version=\"1.0\"?><Response><Connect><Stream url=\"wss://voice.example/stream\"/></Connect></Response>";
    let signature = twilio.sign("wss://voice.example/stream", &[]);
    let serve = tokio::spawn(async move {
        let (mut webhook, _) = listener.accept().await.expect("the webhook");
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut request = vec![0; 8_192];
        let read = webhook.read(&mut request).await.expect("a request");
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{document}",
            document.len()
        );
        webhook
            .write_all(answer.as_bytes())
            .await
            .expect("answered");
        let (stream, _) = listener.accept().await.expect("the stream");
        let pending = switchboard_sim::socket::Socket::receive(stream)
            .await
            .expect("an upgrade");
        let sent = pending.head.header("x-twilio-signature").map(str::to_owned);
        drop(pending.accept(&[]).await.expect("accepted"));
        (String::from_utf8_lossy(&request[..read]).into_owned(), sent)
    });
    let place = PlaceCall::new(
        "https://voice.example/voice",
        "+12025550104",
        CallerScript::new(),
    );
    let call = run(&twilio, place).await;
    let (request, sent) = serve.await.expect("no panic");
    assert!(request.starts_with("POST /voice HTTP/1.1\r\n"), "{request}");
    assert_eq!(sent, Some(signature));
    assert_eq!(stream_end(&call), StreamEnd::ConnectionLost);
}

#[tokio::test]
async fn marks_can_lie_by_script() {
    let twilio = twilio().await;
    let document = falls_through();
    let app = App::start(&twilio, &[("/voice", &document)], |mut stream| async move {
        stream.start().await;
        stream.send_tone(10_000).await;
        stream.send_mark("1").await;
        let mark = stream
            .wait_for("mark")
            .await
            .expect("long before the sound is over");
        assert_eq!(mark["mark"]["name"], "1");
        stream.close().await;
    })
    .await;
    let mut place = place(&app, CallerScript::new());
    place.stream_faults = vec![StreamFault::Marks(MarkFault::Early)];
    let call = run(&twilio, place).await;
    assert!(said(&call));
}

#[tokio::test]
async fn a_broken_stream_does_not_take_the_call_along() {
    let twilio = twilio().await;
    let document = falls_through();
    let app = App::start(&twilio, &[("/voice", &document)], |stream| async move {
        stream.drain().await;
    })
    .await;
    let faults = [
        StreamFault::NeverStarts,
        StreamFault::FrozenAfter { ms: 40 },
        StreamFault::DeafAfter { ms: 40 },
        StreamFault::MuteAfter { ms: 40 },
        StreamFault::Bunched { frames: 5 },
    ];
    for fault in faults {
        let mut place = place(&app, CallerScript::new().wait(200).hang_up());
        place.stream_faults = vec![fault.clone()];
        let call = run(&twilio, place).await;
        assert_eq!(stream_end(&call), StreamEnd::CallerHungUp, "{fault:?}");
        assert!(
            call.ear_ms() >= 200,
            "the caller's clock went on: {fault:?}"
        );
        let is_started = call.has(|event| matches!(event, CarrierEvent::StreamStarted { .. }));
        assert_eq!(is_started, fault != StreamFault::NeverStarts);
    }
}

#[tokio::test]
async fn a_forged_parameter_reaches_the_application_and_the_true_one_the_log() {
    let twilio = twilio().await;
    let document = falls_through();
    let app = App::start(&twilio, &[("/voice", &document)], |mut stream| async move {
        let start = stream.start().await;
        assert_eq!(start["start"]["customParameters"]["t"], "stolen");
        stream.close().await;
    })
    .await;
    let mut place = place(&app, CallerScript::new());
    place.stream_faults = vec![StreamFault::ForgedParameter {
        name: "t".to_owned(),
        value: "stolen".to_owned(),
    }];
    let call = run(&twilio, place).await;
    let is_true = |event: &CarrierEvent| matches!(event, CarrierEvent::StreamConnecting { parameters, .. } if parameters[0].1 == "s3cret & more");
    assert!(call.has(is_true));
}

#[tokio::test]
async fn an_upgrade_can_come_unsigned_or_wrongly_signed() {
    let twilio = twilio().await;
    let document = falls_through();
    let app = App::start(&twilio, &[("/voice", &document)], |mut stream| async move {
        stream.start().await;
        stream.close().await;
    })
    .await;
    for fault in [
        StreamFault::Unsigned,
        StreamFault::WronglySigned,
        StreamFault::None,
    ] {
        let mut place = place(&app, CallerScript::new());
        place.stream_faults = vec![fault];
        run(&twilio, place).await;
    }
    assert_eq!(app.is_upgrade_signed(), [false, false, true]);
}

//! The media stream under attack: stolen tokens, oversized and broken messages, lying marks, floods. Each harms the
//! call of its sender at most.

#[path = "support/by_hand.rs"]
mod by_hand;
mod support;

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use by_hand::{CONNECTED, Carrier, Stream, account_sid, call_sid};
use futures_util::future::join_all;
use support::{BOUND, HUMAN, MEDSPA, TRADES, TestServer, carrier, model, wait_for};
use switchboard::config::LimitsSettings;
use switchboard::socket::{SocketError, SocketLimits, WebSocket};
use switchboard_media::g711::decode_ulaw;
use switchboard_media::ladder::{LadderReport, detect_steps};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use switchboard_sim::twilio::{
    CallHandle, CarrierEvent, EndedBy, FakeTwilio, MarkFault, PlaceCall, StreamEnd, StreamFault,
};
use switchboard_store::{CallStatus, Speaker};
use switchboard_wire::twilio::CallSid;

/// The disclosure, then a long ladder.
fn talkative() -> RealtimeScript {
    RealtimeScript::default()
        .reply(Reply::ladder(400))
        .reply(Reply::ladder(6_000))
        .otherwise(Reply::ladder(800))
}

async fn all() -> (FakeTwilio, RealtimeServer, TestServer, Carrier) {
    let twilio = carrier().await;
    let model = model(talkative()).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    let by_hand = Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token());
    (twilio, model, server, by_hand)
}

fn connections(model: &RealtimeServer) -> usize {
    model.with_log(|log| log.connections())
}

/// A call by hand whose stream is served.
async fn live(carrier: &Carrier, to: &str) -> (CallSid, Stream) {
    let call = call_sid();
    let token = carrier.voice(&call, to).await.token();
    let mut stream = carrier.stream(&call, Some(&token)).await;
    assert!(stream.next_text().await.is_some(), "the agent speaks");
    (call, stream)
}

fn with_faults(server: &TestServer, faults: Vec<StreamFault>, script: CallerScript) -> PlaceCall {
    let mut place = PlaceCall::new(server.voice_url(), MEDSPA, script);
    place.status_callback = Some(format!("{}/twilio/status", server.base));
    place.stream_faults = faults;
    place
}

fn ear(call: &CallHandle) -> LadderReport {
    let mut samples = Vec::new();
    decode_ulaw(&call.ear(), &mut samples);
    LadderReport::of(&detect_steps(&samples))
}

async fn dialled(call: &CallHandle) {
    let found = call
        .wait_for(BOUND, |event| matches!(event, CarrierEvent::Dialled { .. }))
        .await
        .unwrap_or_else(|error| panic!("{error}: {:?}", call.events()));
    assert!(matches!(found.event, CarrierEvent::Dialled { number } if number == HUMAN));
}

fn dials(call: &CallHandle) -> usize {
    let events = call.events();
    let is_dial = |event: &CarrierEvent| matches!(event, CarrierEvent::Dialled { .. });
    events.iter().filter(|timed| is_dial(&timed.event)).count()
}

async fn reasons(server: &TestServer, tenant: &str) -> Vec<String> {
    let calls = server.calls(tenant).await;
    let reasons = calls.into_iter().filter_map(|call| call.end_reason);
    reasons.map(|reason| reason.as_str().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_a_stolen_token_opens_nothing_and_the_call_it_names_goes_on() {
    let (twilio, model, server, thief) = all().await;
    let victim = server.call(&twilio, MEDSPA, CallerScript::new());
    let connecting = victim
        .wait_for(BOUND, |event| {
            matches!(event, CarrierEvent::StreamConnecting { .. })
        })
        .await
        .expect("the stream");
    let CarrierEvent::StreamConnecting { parameters, .. } = connecting.event else {
        panic!("another event");
    };
    let token = parameters[0].1.clone();
    victim
        .wait_for(BOUND, |event| {
            matches!(event, CarrierEvent::MediaReceived { .. })
        })
        .await
        .expect("the agent speaks");
    for _ in 0..3 {
        let mut stolen = thief.stream(victim.sid(), Some(&token)).await;
        assert_eq!(stolen.closed().await, Some(1008));
    }
    assert!(!victim.has(|event| matches!(event, CarrierEvent::StreamEnded { .. })));
    victim.press('0');
    dialled(&victim).await;
    victim.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    assert_eq!(connections(&model), 1);
    assert_eq!(reasons(&server, "medspa").await, ["dtmf_0"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_foreign_missing_and_invented_tokens_are_closed_and_cost_the_call_nothing() {
    let (_twilio, model, _server, carrier) = all().await;
    let (own, other, elsewhere) = (call_sid(), call_sid(), call_sid());
    let own_token = carrier.voice(&own, MEDSPA).await.token();
    let other_token = carrier.voice(&other, MEDSPA).await.token();
    let foreign_token = carrier.voice(&elsewhere, TRADES).await.token();
    wait_for("the models are opened", || connections(&model) == 3).await;

    let long = "x".repeat(4_000);
    let bad = [
        None,
        Some(""),
        Some("x"),
        Some(long.as_str()),
        Some(&other_token),
        Some(&foreign_token),
    ];
    for token in bad {
        let mut stream = carrier.stream(&own, token).await;
        assert_eq!(stream.closed().await, Some(1008), "{token:?}");
    }
    let mut unknown = carrier.stream(&call_sid(), Some(&own_token)).await;
    assert_eq!(unknown.closed().await, Some(1008), "a call of nobody");
    let stranger = carrier.account(&account_sid(), &carrier.auth_token);
    let mut renamed = stranger.stream(&own, Some(&own_token)).await;
    assert_eq!(renamed.closed().await, Some(1008), "another account's name");

    for (call, token) in [
        (&own, &own_token),
        (&other, &other_token),
        (&elsewhere, &foreign_token),
    ] {
        let mut stream = carrier.stream(call, Some(token)).await;
        assert!(
            stream.next_text().await.is_some(),
            "the right token is still good"
        );
    }
    assert_eq!(connections(&model), 3, "no further model connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_of_streams_with_one_token_at_the_same_time_one_wins() {
    let (_twilio, model, server, carrier) = all().await;
    let call = call_sid();
    let token = carrier.voice(&call, MEDSPA).await.token();
    let streams = join_all((0..8).map(|_| carrier.stream(&call, Some(&token)))).await;
    let served = join_all(streams.into_iter().map(|mut stream| async move {
        let is_served = stream.next_text().await.is_some();
        (is_served, stream)
    }))
    .await;
    let winners = served.iter().filter(|(is_served, _)| *is_served).count();
    assert_eq!(winners, 1);
    assert_eq!((connections(&model), server.reception.live.count()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_an_upgrade_without_the_right_signature_is_refused_and_costs_no_token() {
    let (_twilio, model, server, carrier) = all().await;
    let call = call_sid();
    let token = carrier.voice(&call, MEDSPA).await.token();
    for signature in [None, Some("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")] {
        let socket = carrier.socket_signed(signature).await.expect("an upgrade");
        let mut stream = carrier.start(socket, &call, Some(&token)).await;
        assert_eq!(stream.closed().await, Some(1008), "{signature:?}");
    }
    assert_eq!(server.calls("medspa").await[0].status, CallStatus::Offered);
    let mut stream = carrier.stream(&call, Some(&token)).await;
    assert!(
        stream.next_text().await.is_some(),
        "the token is still good"
    );
    assert_eq!(connections(&model), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_an_expired_token_leaves_the_caller_to_the_human() {
    let twilio = carrier().await;
    let model = model(talkative()).await;
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.limits.stream_token_s = 0;
    })
    .await;
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    dialled(&call).await;
    call.hang_up();
    call.wait_for_end(BOUND).await.expect("the call ends");
    let refused = StreamEnd::ServerClosed { code: Some(1008) };
    assert!(
        call.has(|event| matches!(event, CarrierEvent::StreamEnded { end } if *end == refused))
    );
    server.idle().await;
    assert_eq!((dials(&call), connections(&model)), (1, 1));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_oversized_messages_end_their_socket_only() {
    let (twilio, model, server, carrier) = all().await;
    let bystander = server.call(&twilio, TRADES, CallerScript::new().wait(4_000).hang_up());
    let (_, mut stream) = live(&carrier, MEDSPA).await;
    stream.send(&"x".repeat(300_000)).await;
    stream.closed().await;

    // A frame of a thousand gigabytes, by its header: refused before a byte of it is waited for.
    let (_, mut stream) = live(&carrier, MEDSPA).await;
    let mut header = vec![0x81, 0xff];
    header.extend_from_slice(&(1_u64 << 40).to_be_bytes());
    header.extend_from_slice(&[1, 2, 3, 4, 5]);
    stream.socket.writer.queue_raw(&header);
    stream.socket.writer.flush().await.expect("written");
    assert_eq!(stream.closed().await, Some(1008));

    let big = StreamFault::TextAfter {
        ms: 500,
        text: "x".repeat(100_000),
    };
    let call = twilio.place_call(with_faults(&server, vec![big], CallerScript::new()));
    dialled(&call).await;
    call.hang_up();
    bystander.wait_for_end(BOUND).await.expect("the call ends");
    assert_undisturbed(&bystander);
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    assert_eq!(reasons(&server, "medspa").await, ["leg_protocol_error"; 3]);
    assert_eq!(connections(&model), 4);
    server.stop().await;
}

/// The agent was heard without a hole until its own caller hung up. It spoke two ladders, so the steps of the first,
/// shorter one were heard twice.
fn assert_undisturbed(call: &CallHandle) {
    let heard = ear(call);
    assert_eq!((heard.skipped_ms, heard.repeated_ms), (0, 400), "{heard:?}");
    assert!(
        heard.runs.iter().any(|run| run.length_ms > 1_000),
        "{heard:?}"
    );
    let by_caller = |event: &CarrierEvent| {
        matches!(
            event,
            CarrierEvent::Ended {
                by: EndedBy::Caller,
                ..
            }
        )
    };
    assert!(call.has(by_caller), "{:?}", call.events());
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_a_peer_that_does_not_read_is_dropped_not_buffered() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    // Kept open and never read.
    let (deaf, accepted) = tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
    let _deaf = deaf.expect("a connection");
    let (tcp, _) = accepted.expect("a connection");
    let mut socket = WebSocket::server(
        tcp,
        None,
        b"",
        SocketLimits::carrier(&LimitsSettings::default()),
    );
    let message = "x".repeat(4_000);
    let sending = async {
        loop {
            socket.send_text(&message);
            if let Err(error) = socket.flush().await {
                break error;
            }
        }
    };
    let error = tokio::time::timeout(BOUND, sending).await.expect("dropped");
    assert!(matches!(error, SocketError::Stuck), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_a_stream_that_never_starts_is_closed_and_the_human_is_dialled() {
    let twilio = carrier().await;
    let model = model(talkative()).await;
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.limits.stream_start_ms_max = 300;
    })
    .await;
    let faults = vec![StreamFault::NeverStarts];
    let call = twilio.place_call(with_faults(&server, faults, CallerScript::new()));
    let ended = call
        .wait_for(BOUND, |event| {
            matches!(event, CarrierEvent::StreamEnded { .. })
        })
        .await
        .expect("the stream ends");
    let closed = StreamEnd::ServerClosed { code: Some(1008) };
    assert_eq!(ended.event, CarrierEvent::StreamEnded { end: closed });
    dialled(&call).await;
    call.hang_up();
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    assert!(
        twilio.rest_requests().is_empty(),
        "the carrier's document does it all"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_whoever_begins_with_anything_but_connected_and_start_is_closed() {
    let (_twilio, model, server, carrier) = all().await;
    let call = call_sid();
    let token = carrier.voice(&call, MEDSPA).await.token();
    let start = {
        let mut draft = carrier.stream(&call_sid(), None).await;
        draft.sequence = 0;
        carrier.start_message(&mut draft, &call, Some(&token))
    };
    let wideband = start.replace("8000", "16000");
    let beginnings: [&[&str]; 7] = [
        &["{"],
        &["[]"],
        &[&start],
        &[CONNECTED, CONNECTED],
        &[CONNECTED, r#"{"event":"media"}"#],
        &[CONNECTED, r#"{"event":"start","start":{}}"#],
        &[CONNECTED, &wideband],
    ];
    for texts in beginnings {
        let mut socket = carrier.socket().await.expect("an upgrade");
        for text in texts {
            let _ = socket.send_text(text).await;
        }
        assert_eq!(close_of(&mut socket).await, Some(1008), "{texts:?}");
    }
    let mut binary = carrier.socket().await.expect("an upgrade");
    binary.writer.queue_binary(b"\x00\x01");
    binary.writer.flush().await.expect("written");
    assert_eq!(close_of(&mut binary).await, Some(1008));

    let mut stream = carrier.stream(&call, Some(&token)).await;
    assert!(
        stream.next_text().await.is_some(),
        "the call was never touched"
    );
    assert_eq!(
        (connections(&model), server.calls("medspa").await.len()),
        (1, 1)
    );
}

async fn close_of(socket: &mut switchboard_sim::socket::Socket) -> Option<u16> {
    use switchboard_wire::websocket::Message;
    let closing = async {
        loop {
            match socket.next().await {
                Ok(Some(Message::Close { code, .. })) => return code,
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    };
    tokio::time::timeout(BOUND, closing).await.expect("closed")
}

/// What breaks the protocol in the middle of a call, by name.
type Violation = (&'static str, fn(&Carrier, &CallSid, &mut Stream) -> String);

const VIOLATIONS: [Violation; 13] = [
    ("no JSON", |_, _, _| "{".to_owned()),
    ("no object", |_, _, _| "[1,2]".to_owned()),
    ("no event", |_, _, _| r#"{"streamSid":"MZ"}"#.to_owned()),
    ("nested too deeply", |_, _, _| "[".repeat(20_000)),
    ("base64 that is none", |_, _, stream| stream.media("@@@@")),
    ("base64 that is cut", |_, _, stream| stream.media("AAAAA")),
    ("media without payload", |_, _, stream| {
        stream.media("").replace(r#","payload":"""#, "")
    }),
    ("another stream's audio", |_, _, stream| {
        let other = switchboard_wire::twilio::StreamSid::from_entropy([7; 16]);
        stream
            .media("AAAA")
            .replace(stream.sid.as_str(), other.as_str())
    }),
    ("a repeated sequence number", |_, _, stream| {
        stream.sequence -= 1;
        stream.media("AAAA")
    }),
    ("a sequence number that is none", |_, _, stream| {
        let number = format!(r#""sequenceNumber":"{}""#, stream.sequence + 1);
        stream
            .media("AAAA")
            .replace(&number, r#""sequenceNumber":"-1""#)
    }),
    ("a second connected", |_, _, _| CONNECTED.to_owned()),
    ("a second start", |carrier, call, stream| {
        carrier.start_message(stream, call, Some("x"))
    }),
    ("a key that is none", |_, _, stream| {
        stream.sequence += 1;
        let (sequence, sid) = (stream.sequence, &stream.sid);
        format!(
            r#"{{"event":"dtmf","sequenceNumber":"{sequence}","streamSid":"{sid}","dtmf":{{"digit":"00"}}}}"#
        )
    }),
];

#[tokio::test(flavor = "multi_thread")]
async fn s3_each_violation_in_a_call_ends_that_stream_and_no_other_call_notices() {
    let (twilio, _model, server, carrier) = all().await;
    let bystander = server.call(&twilio, TRADES, CallerScript::new().wait(5_000).hang_up());
    for batch in VIOLATIONS.chunks(5) {
        let broken = batch.iter().map(|(name, violate)| {
            let carrier = &carrier;
            async move {
                let (call, mut stream) = live(carrier, MEDSPA).await;
                let message = violate(carrier, &call, &mut stream);
                stream.send(&message).await;
                assert_eq!(stream.closed().await, Some(1008), "{name}");
            }
        });
        join_all(broken).await;
    }
    bystander.wait_for_end(BOUND).await.expect("the call ends");
    assert_undisturbed(&bystander);
    server.idle().await;
    let ends = reasons(&server, "medspa").await;
    assert_eq!(ends, vec!["leg_protocol_error"; VIOLATIONS.len()]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_unknown_events_and_fields_of_a_newer_carrier_change_nothing() {
    let (_twilio, _model, server, carrier) = all().await;
    let (_, mut stream) = live(&carrier, MEDSPA).await;
    let sid = stream.sid.to_string();
    stream
        .send(&format!(
            r#"{{"event":"weather","streamSid":"{sid}","weather":{{"rain":true}}}}"#
        ))
        .await;
    let media = stream
        .media("AAAA")
        .replacen('{', r#"{"colour":"blue","#, 1);
    stream.send(&media).await;
    for _ in 0..3 {
        assert!(stream.next_text().await.is_some(), "the call goes on");
    }
    assert_eq!(server.reception.live.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_a_broken_stream_goes_on_to_the_human_by_the_carriers_document() {
    let (twilio, _model, server, _) = all().await;
    let text = |text: &str| StreamFault::TextAfter {
        ms: 700,
        text: text.to_owned(),
    };
    let faults = [
        text("{"),
        text(CONNECTED),
        StreamFault::BytesAfter {
            ms: 700,
            bytes: vec![0xff; 64],
        },
        StreamFault::CutAfter { ms: 700 },
        StreamFault::ResetAfter { ms: 700 },
    ];
    let calls: Vec<CallHandle> = faults
        .iter()
        .map(|fault| {
            twilio.place_call(with_faults(
                &server,
                vec![fault.clone()],
                CallerScript::new(),
            ))
        })
        .collect();
    for (call, fault) in calls.iter().zip(&faults) {
        dialled(call).await;
        call.wait_for_end(BOUND).await.expect("the call ends");
        assert_eq!(dials(call), 1, "{fault:?}: {:?}", call.events());
    }
    server.idle().await;
    let mut ends = reasons(&server, "medspa").await;
    ends.sort();
    let expected = [
        "leg_lost",
        "leg_lost",
        "leg_protocol_error",
        "leg_protocol_error",
        "leg_protocol_error",
    ];
    assert_eq!(ends, expected);
    server.stop().await;
}

fn words(text: Option<&switchboard_store::Private<String>>) -> &str {
    text.map(|text| text.expose().as_str()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_heard_never_exceeds_sent_whatever_marks_say() {
    let faults = [
        MarkFault::Missing,
        MarkFault::Early,
        MarkFault::Twice,
        MarkFault::Unknown,
    ];
    join_all(faults.map(heard_with)).await;
}

/// A key press cuts the long ladder: how much of it counts as heard is what the model is told to keep.
async fn heard_with(fault: MarkFault) {
    let (twilio, model, server, _) = all().await;
    let script = CallerScript::new()
        .wait(2_600)
        .press('1')
        .wait(900)
        .hang_up();
    let call = twilio.place_call(with_faults(
        &server,
        vec![StreamFault::Marks(fault)],
        script,
    ));
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    let truncated: Vec<u64> = model.with_log(|log| {
        let truncations = log.truncations(1).into_iter();
        truncations.map(|(_, ms)| u64::from(ms)).collect()
    });
    let heard = ear(&call);
    let at_ear = heard.runs[1].to_ms;
    assert_eq!(truncated.len(), 1, "{fault:?}: {heard:?}");
    assert!(
        truncated[0] <= at_ear + 60,
        "{fault:?}: kept {} ms, the ear heard {at_ear} ms",
        truncated[0]
    );
    // Without any mark less may be believed than was heard, with lies beside honest marks nearly all of it.
    if fault != MarkFault::Missing {
        assert!(
            truncated[0] + 200 >= at_ear,
            "{fault:?}: kept {} ms, the ear heard {at_ear} ms",
            truncated[0]
        );
    }
    for turn in server.turns("medspa").await {
        if turn.speaker == Speaker::Agent {
            let generated = words(turn.generated_text.as_ref());
            let sent = words(turn.sent_text.as_ref());
            let heard = words(turn.heard_text.as_ref());
            assert!(generated.starts_with(sent), "{fault:?}");
            assert!(
                sent.starts_with(heard),
                "{fault:?}: sent {sent:?}, heard {heard:?}"
            );
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s5_audio_faster_than_real_time_does_not_reach_the_model() {
    for frame_ms in [20_usize, 120] {
        let (_twilio, model, server, carrier) = all().await;
        let began = Instant::now();
        let (_, mut stream) = live(&carrier, MEDSPA).await;
        let payload = STANDARD.encode(vec![0xff_u8; frame_ms * 8]);
        for _ in 0..60_000 / frame_ms {
            let media = stream.media(&payload);
            stream.send(&media).await;
        }
        stream.sequence += 1;
        let (sequence, sid) = (stream.sequence, stream.sid.clone());
        let zero = format!(
            r#"{{"event":"dtmf","sequenceNumber":"{sequence}","streamSid":"{sid}","dtmf":{{"digit":"0"}}}}"#
        );
        stream.send(&zero).await;
        stream.closed().await;
        server.idle().await;
        let passed_ms = model.appended_audio(1).len() as u64 / 8;
        let elapsed_ms = began.elapsed().as_millis() as u64;
        assert!(
            passed_ms >= 9_000,
            "the burst of 10 s is let through: {passed_ms} ms"
        );
        assert!(
            passed_ms <= 10_000 + elapsed_ms * 3 / 2,
            "{passed_ms} ms of audio in {elapsed_ms} ms"
        );
        assert_eq!(
            reasons(&server, "medspa").await,
            ["dtmf_0"],
            "the call itself goes on"
        );
        server.stop().await;
    }
}

/// Longest that a frozen carrier may go unnoticed in the test below.
const FROZEN_BOUND: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_carrier_is_noticed_by_silence_and_the_caller_goes_to_the_human() {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default().otherwise(Reply::ladder(400))).await;
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.limits.write_ms_max = 500;
    })
    .await;
    short_silence(&server, "trades").await;
    let mut place = with_faults(
        &server,
        vec![StreamFault::FrozenAfter { ms: 500 }],
        CallerScript::new(),
    );
    place.to = TRADES.to_owned();
    let call = twilio.place_call(place);
    let dialled = call.wait_for(FROZEN_BOUND, |event| {
        matches!(event, CarrierEvent::Dialled { .. })
    });
    dialled.await.expect("dialled");
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(dials(&call), 1);
    server.idle().await;
    assert_eq!(reasons(&server, "trades").await, ["silence"]);
    server.stop().await;
}

/// Publishes the agent again with a second of patience.
async fn short_silence(server: &TestServer, agent: &str) {
    let rows = server.rows(agent).await;
    let stored = rows
        .agent(agent)
        .await
        .expect("an answer")
        .expect("the agent");
    let mut definition = stored.definition;
    definition["limits"]["silence_nudge_ms"] = 700.into();
    definition["limits"]["silence_handoff_ms"] = 1_500.into();
    rows.publish_agent(agent, &definition, "test")
        .await
        .expect("published");
}

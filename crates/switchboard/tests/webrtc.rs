//! Calls over WebRTC in which somebody lies, floods, moves or is not whom they say. A talk with strangers' software is in
//! `conformance/webrtc_stack.py`.

mod support;
#[path = "support/webrtc.rs"]
mod webrtc;

use std::time::Duration;

use aws_lc_rs::hmac;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use str0m::format::Codec;
use str0m::ice::{StunMessage, TransId};
use support::{BOUND, TestServer, carrier};
use switchboard::config::Settings;
use switchboard_media::frame::AudioFormat;
use switchboard_media::ladder::{LadderReport, detect_steps};
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use switchboard_store::{EndClass, Word};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use webrtc::{WebCaller, attribute, post_offer, post_resumable};

/// A server with a fake model, and a key of the tenant the calls belong to.
struct Stage {
    server: TestServer,
    _model: RealtimeServer,
    key: String,
}

impl Stage {
    async fn new(adjust: impl FnOnce(&mut Settings)) -> Self {
        let script = RealtimeScript::default().otherwise(Reply::ladder(400));
        let model = support::model(script).await;
        let server = TestServer::start(&carrier().await, Some(&model), |settings| {
            // Callers of these tests do not leave by themselves when the server stops.
            settings.http.drain_ms_max = 100;
            adjust(settings);
        })
        .await;
        let key = key(&server, "medspa").await;
        Self {
            server,
            _model: model,
            key,
        }
    }

    /// A caller whose media flows and whose channel is open, and where its call is.
    async fn connected(&self) -> (WebCaller, String) {
        let (mut caller, offer) = WebCaller::offer().await;
        let answer = post_offer(&self.server.base, &self.key, &offer).await;
        assert_eq!(answer.status(), 201);
        let place = answer.headers()["location"]
            .to_str()
            .expect("text")
            .to_owned();
        caller.answered(&answer.text().await.expect("SDP"));
        caller
            .until("an open channel", |caller| {
                caller.is_open && caller.count("session.created") == 1
            })
            .await;
        (caller, place)
    }

    async fn post(&self, key: &str, path: &str, sdp: &str) -> (u16, String) {
        let answer = Client::new()
            .request(Method::POST, format!("{}{path}", self.server.base))
            .bearer_auth(key)
            .header("Content-Type", "application/sdp")
            .body(sdp.to_owned())
            .send()
            .await
            .expect("answers");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    async fn only_end(&self) -> Option<EndClass> {
        self.server.idle().await;
        let calls = self.server.calls("medspa").await;
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls[0].end_class
    }
}

async fn key(server: &TestServer, tenant: &str) -> String {
    let created = server.rows(tenant).await.create_api_key("test").await;
    created.expect("a key").key.into_exposed()
}

fn update() -> Value {
    json!({"type": "session.update", "session": {"type": "realtime"}})
}

/// The client writes and is answered.
async fn talks(caller: &mut WebCaller) {
    let before = caller.count("session.updated");
    caller.write(&update());
    caller
        .until("an answer", |caller| {
            caller.count("session.updated") > before
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_asks_hears_the_agent_and_who_leaves_ends_the_call() {
    let stage = Stage::new(|_| {}).await;
    let (mut caller, _) = stage.connected().await;
    let content = json!([{"type": "input_text", "text": "hello"}]);
    caller.write(&json!({"type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": content}}));
    caller.write(&json!({"type": "response.create"}));
    caller
        .until("the end of the sound", |caller| {
            caller.count("output_audio_buffer.stopped") == 1
        })
        .await;
    let heard = caller.heard;
    assert!(
        (20..=40).contains(&heard),
        "400 ms and a tail in {heard} packets of 20 ms"
    );
    assert_eq!(caller.count("response.output_audio.delta"), 0);
    caller.close();
    let live = &stage.server.reception.live;
    caller.until("the call ends", |_| live.is_idle()).await;
    assert_eq!(stage.only_end().await, Some(EndClass::Caller));
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_changes_networks_keeps_the_call() {
    let stage = Stage::new(|_| {}).await;
    let (mut caller, _) = stage.connected().await;
    talks(&mut caller).await;
    caller.move_house().await;
    talks(&mut caller).await;
    assert_eq!(stage.server.reception.live.count(), 1);
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_restarts_ice_keeps_the_call() {
    let stage = Stage::new(|_| {}).await;
    let (mut caller, place) = stage.connected().await;
    talks(&mut caller).await;
    let offer = caller.restart().to_sdp_string();
    let (status, answer) = stage.post(&stage.key, &place, &offer).await;
    assert_eq!(status, 200, "{answer}");
    caller.answered(&answer);
    talks(&mut caller).await;
    assert_eq!(stage.server.reception.live.count(), 1);
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h7_somebody_elses_call_answers_like_one_that_is_not_there() {
    let stage = Stage::new(|_| {}).await;
    let (mut caller, place) = stage.connected().await;
    let foreign = key(&stage.server, "trades").await;
    let unknown = "/v1/realtime/calls/rtc_00000000000000000000000000000000";
    let (_, offer) = WebCaller::offer().await;
    let mut answers = Vec::new();
    for path in [place.as_str(), unknown, "/v1/realtime/calls/nonsense"] {
        answers.push(stage.post(&foreign, path, &offer).await);
        answers.push(stage.post(&foreign, &format!("{path}/hangup"), "").await);
    }
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
        assert_eq!(answer.0, 404);
    }
    let wrong = format!("sk_sb_{}", "0".repeat(32));
    for path in ["/v1/realtime/calls", &place, &format!("{place}/hangup")] {
        assert_eq!(stage.post(&wrong, path, &offer).await.0, 401, "{path}");
    }
    talks(&mut caller).await;
    let (status, _) = stage.post(&stage.key, &format!("{place}/hangup"), "").await;
    assert_eq!(status, 200);
    caller.until("the end", |caller| caller.is_closed).await;
    stage.server.idle().await;
    let ends = stage.server.calls("medspa").await;
    let end = ends[0].end_reason.as_ref().map(Word::as_str);
    assert_eq!(end, Some("caller_hung_up"), "whose call it is has hung up");
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s6_a_page_of_somebody_else_begins_no_call() {
    let stage = Stage::new(|_| {}).await;
    let (_, offer) = WebCaller::offer().await;
    let answer = Client::new()
        .post(format!(
            "{}/v1/realtime/calls?model=medspa",
            stage.server.base
        ))
        .bearer_auth(&stage.key)
        .header("Origin", "https://evil.example")
        .header("Content-Type", "application/sdp")
        .body(offer)
        .send()
        .await
        .expect("answers");
    assert_eq!(answer.status(), 403);
    assert_eq!(stage.server.reception.live.count(), 0);
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s5_speech_faster_than_real_time_does_not_reach_the_model() {
    let stage = Stage::new(|settings| settings.limits.audio_burst_ms_max = 1_000).await;
    let (mut caller, _) = stage.connected().await;
    talks(&mut caller).await;
    // An Opus packet of 120 ms: two frames of 60 ms of silence each (RFC 6716 section 3.1).
    let long = [0x19, 0x00, 0x00];
    let dropped = || {
        let text = format!("{}/metrics", stage.server.base);
        async move {
            reqwest::get(text)
                .await
                .expect("answers")
                .text()
                .await
                .expect("text")
        }
    };
    let mut metrics = String::new();
    for _ in 0..50 {
        for _ in 0..20 {
            caller.say(&long, 120);
            caller.step(Duration::from_millis(1)).await;
        }
        metrics = dropped().await;
        if metrics.contains("faster_than_real_time") {
            break;
        }
    }
    assert!(
        metrics.contains("faster_than_real_time"),
        "a flood is dropped"
    );
    talks(&mut caller).await;
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w3_a_call_whose_media_never_comes_ends_by_itself() {
    let stage = Stage::new(|settings| settings.webrtc.connect_ms_max = 200).await;
    let (_, offer) = WebCaller::offer().await;
    let answer = post_offer(&stage.server.base, &stage.key, &offer).await;
    assert_eq!(answer.status(), 201);
    assert!(stage.only_end().await.is_some());
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w3_a_key_has_only_so_many_calls_that_are_not_connected() {
    let stage = Stage::new(|settings| settings.webrtc.unfinished_max = 2).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let (_, offer) = WebCaller::offer().await;
        let answer = post_offer(&stage.server.base, &stage.key, &offer).await;
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [201, 201, 429]);
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w1_a_caller_whose_certificate_is_not_the_one_of_the_offer_is_not_connected() {
    let stage = Stage::new(|settings| settings.webrtc.connect_ms_max = 1_500).await;
    let (mut caller, offer) = WebCaller::offer().await;
    let fingerprint = attribute(&offer, "fingerprint");
    let last = fingerprint.chars().last().expect("a digit");
    let other = if last == '0' { '1' } else { '0' };
    let lie = format!("{}{other}", &fingerprint[..fingerprint.len() - 1]);
    let offer = offer.replace(fingerprint, &lie);
    let answer = post_offer(&stage.server.base, &stage.key, &offer).await;
    assert_eq!(answer.status(), 201);
    caller.answered(&answer.text().await.expect("SDP"));
    let live = &stage.server.reception.live;
    caller
        .until("the server gives up", |_| live.is_idle())
        .await;
    assert!(!caller.is_open && caller.events.is_empty());
    stage.server.stop().await;
}

/// Where an answer says that media may be sent over `udp` or `tcp`.
fn place_of(answer: &str, protocol: &str) -> String {
    let candidates = answer
        .lines()
        .filter_map(|line| line.strip_prefix("a=candidate:"));
    let fields: Vec<Vec<&str>> = candidates.map(|line| line.split(' ').collect()).collect();
    let found = fields.iter().find(|fields| fields[2] == protocol);
    let found = found.expect("a candidate");
    format!("{}:{}", found[4], found[5])
}

/// A STUN request to the agent that gave `answer`, made with this password.
fn check_of(offer: &str, answer: &str, password: &str) -> (TransId, Vec<u8>) {
    let (ours, theirs) = (
        attribute(answer, "ice-ufrag"),
        attribute(offer, "ice-ufrag"),
    );
    let name = format!("{ours}:{theirs}");
    let id = TransId::new();
    let request = StunMessage::binding_request(&name, id, true, 7, 1, false);
    let mut bytes = vec![0; 512];
    let sign = |key: &[u8], parts: &[&[u8]]| {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
        let tag = hmac::sign(&key, &parts.concat());
        tag.as_ref().try_into().expect("20 bytes")
    };
    let length = request.to_bytes(Some(password.as_bytes()), &mut bytes, sign);
    bytes.truncate(length.expect("room"));
    (id, bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn w2_a_check_without_valid_integrity_is_not_answered() {
    let stage = Stage::new(|_| {}).await;
    let (_, offer) = WebCaller::offer().await;
    let answer = post_offer(&stage.server.base, &stage.key, &offer).await;
    let answer = answer.text().await.expect("SDP");
    assert!(answer.contains("a=ice-lite"), "{answer}");
    let ports = place_of(&answer, "udp");
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let (_, forged) = check_of(&offer, &answer, "not the password of this agent");
    let (id, honest) = check_of(&offer, &answer, attribute(&answer, "ice-pwd"));
    for packet in [&forged, &honest] {
        socket.send_to(packet, &ports).await.expect("sent");
    }
    // They are read in their order, so an answer to the forged one would come first.
    let mut buffer = [0; 1_024];
    let received = tokio::time::timeout(BOUND, socket.recv(&mut buffer)).await;
    let length = received.expect("in time").expect("received");
    let reply = StunMessage::parse(&buffer[..length]).expect("STUN");
    assert!(reply.is_successful_binding_response());
    assert_eq!(reply.trans_id(), id);
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w1_packets_of_a_stranger_reach_no_call() {
    let stage = Stage::new(|_| {}).await;
    let (mut caller, _) = stage.connected().await;
    let (_, offer) = WebCaller::offer().await;
    let answer = post_offer(&stage.server.base, &stage.key, &offer).await;
    let answer = answer.text().await.expect("SDP");
    let ports = place_of(&answer, "udp");
    let stranger = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    // DTLS, RTP, RTCP, nothing known, and a request for nobody.
    let (_, nobody) = check_of(&offer, "a=ice-ufrag:nobody\r\n", "password");
    for packet in [
        &[22, 254, 253, 0][..],
        &[0x80, 111, 0, 1],
        &[0x80, 200, 0, 1],
        &[0xFF],
        &nobody,
    ] {
        for _ in 0..200 {
            stranger.send_to(packet, &ports).await.expect("sent");
        }
    }
    talks(&mut caller).await;
    let metrics = reqwest::get(format!("{}/metrics", stage.server.base)).await;
    let metrics = metrics.expect("answers").text().await.expect("text");
    assert!(
        metrics.contains(r#"switchboard_webrtc_packets_dropped_total{reason="nobody"}"#),
        "{metrics}"
    );
    let mut buffer = [0; 64];
    assert!(stranger.try_recv(&mut buffer).is_err(), "nobody answered");
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w2_over_tcp_a_good_check_is_answered_and_who_names_no_call_is_disconnected() {
    let stage = Stage::new(|settings| {
        settings.webrtc.tcp_listen = "127.0.0.1:0".parse().ok();
    })
    .await;
    let (_, offer) = WebCaller::offer().await;
    let answer = post_offer(&stage.server.base, &stage.key, &offer).await;
    let answer = answer.text().await.expect("SDP");
    let place = place_of(&answer, "tcp");
    let framed = |packet: &[u8]| {
        let length = u16::try_from(packet.len()).expect("a packet").to_be_bytes();
        [&length[..], packet].concat()
    };
    let (_, nobody) = check_of(&offer, "a=ice-ufrag:nobody\r\n", "password");
    let mut stranger = TcpStream::connect(&place).await.expect("open");
    stranger.write_all(&framed(&nobody)).await.expect("sent");
    let ended = tokio::time::timeout(BOUND, stranger.read_u8()).await;
    assert!(ended.expect("in time").is_err(), "closed without a word");
    let (id, honest) = check_of(&offer, &answer, attribute(&answer, "ice-pwd"));
    let mut caller = TcpStream::connect(&place).await.expect("open");
    caller.write_all(&framed(&honest)).await.expect("sent");
    let length = tokio::time::timeout(BOUND, caller.read_u16()).await;
    let mut reply = vec![0; usize::from(length.expect("in time").expect("a length"))];
    caller.read_exact(&mut reply).await.expect("a packet");
    let reply = StunMessage::parse(&reply).expect("STUN");
    assert!(reply.is_successful_binding_response());
    assert_eq!(reply.trans_id(), id);
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t3_an_ephemeral_token_begins_one_call_and_may_end_no_other() {
    let stage = Stage::new(|_| {}).await;
    let (mut other, place) = stage.connected().await;
    let secret = Client::new()
        .post(format!("{}/v1/realtime/client_secrets", stage.server.base))
        .bearer_auth(&stage.key)
        .json(&json!({"session": {"type": "realtime", "model": "medspa"}}))
        .send()
        .await
        .expect("answers");
    let secret: Value = secret.json().await.expect("JSON");
    let token = secret["value"].as_str().expect("a token");
    let mut answers = Vec::new();
    for _ in 0..2 {
        let (_, offer) = WebCaller::offer().await;
        answers.push(post_offer(&stage.server.base, token, &offer).await);
    }
    assert_eq!(answers[0].status(), 201);
    assert_eq!(answers[1].status(), 401, "it is used up");
    let own = answers[0].headers()["location"].to_str().expect("text");
    let hang_up = |place: &str| format!("{place}/hangup");
    assert_eq!(stage.post(token, &hang_up(&place), "").await.0, 404);
    assert_eq!(stage.post(token, &hang_up(own), "").await.0, 200);
    talks(&mut other).await;
    stage.server.stop().await;
}

/// Sound of the reply that is lost and found, in ms.
const LONG_REPLY_MS: u64 = 3_000;
/// What may be missing or come twice where two connections meet: a frame, and the eye of the ladder's reader.
const SEAM_MS: u64 = 45;

/// A stage whose agent speaks for three seconds, and a caller over PCMU who knows how to come back.
async fn resumable() -> (Stage, WebCaller) {
    let script = RealtimeScript::default().otherwise(Reply::ladder(LONG_REPLY_MS));
    let model = support::model(script).await;
    let server = TestServer::start(&carrier().await, Some(&model), |settings| {
        settings.http.drain_ms_max = 100;
    })
    .await;
    let key = key(&server, "medspa").await;
    let stage = Stage {
        server,
        _model: model,
        key,
    };
    let (mut caller, offer) = WebCaller::offer_in(Codec::PCMU).await;
    let answer = post_resumable(&stage.server.base, &stage.key, &offer, None).await;
    assert_eq!(answer.status(), 201);
    caller.answered(&answer.text().await.expect("SDP"));
    caller
        .until("the way back", |caller| {
            caller.is_open && caller.count("switchboard.session") == 1
        })
        .await;
    (stage, caller)
}

/// Listens until a second of the reply has been heard.
async fn hears_a_part(caller: &mut WebCaller) {
    caller.write(&json!({"type": "response.create"}));
    caller
        .listen("a second of the reply", |caller| caller.heard >= 50)
        .await;
}

fn ladder_of(sound: &[&[u8]]) -> LadderReport {
    let samples = AudioFormat::Ulaw8k.decode_to_pcm(&sound.concat());
    LadderReport::of(&detect_steps(&samples))
}

#[tokio::test(flavor = "multi_thread")]
async fn s9_a_caller_who_lost_the_connection_hears_the_reply_to_its_end_in_the_same_call() {
    let (stage, mut caller) = resumable().await;
    let told = caller.event("switchboard.session").clone();
    let token = told["resume_token"].as_str().expect("a token");
    hears_a_part(&mut caller).await;
    let after = caller.events.last().expect("events")["event_id"].clone();
    let after = after.as_str().expect("an id");
    caller.lose_everything().await;
    let (first, lost) = (std::mem::take(&mut caller.sound), caller);
    let back = |token: String, key: String| {
        let base = stage.server.base.clone();
        let after = after.to_owned();
        async move {
            let (caller, offer) = WebCaller::offer_in(Codec::PCMU).await;
            let answer = post_resumable(&base, &key, &offer, Some((&token, &after))).await;
            let status = answer.status().as_u16();
            (caller, status, answer.text().await.expect("text"))
        }
    };
    // Neither somebody else's key nor another token; and an answer that nobody takes up costs nothing.
    let other = key(&stage.server, "medspa").await;
    for (token, key) in [(token, other), (&"0".repeat(64), stage.key.clone())] {
        let (_, status, body) = back(token.to_owned(), key).await;
        assert_eq!(status, 401, "{body}");
        assert!(body.contains("invalid_resume_token"), "{body}");
    }
    let (_, status, _) = back(token.to_owned(), stage.key.clone()).await;
    assert_eq!(status, 200);
    let (mut caller, status, answer) = back(token.to_owned(), stage.key.clone()).await;
    assert_eq!(status, 200);
    drop(lost);
    caller.answered(&answer);
    caller
        .until("the welcome", |caller| {
            caller.count("switchboard.resumed") == 1
        })
        .await;
    let resumed = caller.event("switchboard.resumed").clone();
    assert_eq!(caller.events[0], resumed, "it comes first");
    assert_eq!(
        (&resumed["complete"], &resumed["call_id"]),
        (&json!(true), &told["call_id"])
    );
    caller
        .listen("the end of the reply", |caller| {
            caller.count("output_audio_buffer.stopped") == 1
        })
        .await;
    assert_eq!(caller.count("response.done"), 1, "told once, here");
    let heard = ladder_of(&[&first, &caller.sound]);
    assert!(heard.skipped_ms <= SEAM_MS, "{heard:?}");
    // The two overlap by what was on its way, and never by the whole reply.
    assert!(heard.repeated_ms <= 1_500, "{heard:?}");
    let end = heard.runs.iter().map(|run| run.to_ms).max();
    assert!(
        end.is_some_and(|end| end.abs_diff(LONG_REPLY_MS) <= SEAM_MS),
        "{heard:?}"
    );
    // The first token is spent now. The call is one call, and ends as one.
    let (_, status, _) = back(token.to_owned(), stage.key.clone()).await;
    assert_eq!(status, 401);
    talks(&mut caller).await;
    caller.close();
    let live = &stage.server.reception.live;
    caller.until("the call ends", |_| live.is_idle()).await;
    assert_eq!(stage.only_end().await, Some(EndClass::Caller));
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s9_a_hole_in_the_network_is_waited_for_and_what_was_lost_in_it_is_said_again() {
    let (stage, mut caller) = resumable().await;
    hears_a_part(&mut caller).await;
    caller.lose_everything().await;
    caller
        .listen("the end of the reply", |caller| {
            caller.count("output_audio_buffer.stopped") == 1
        })
        .await;
    let heard = ladder_of(&[&caller.sound]);
    assert!(heard.skipped_ms <= SEAM_MS, "{heard:?}");
    assert_eq!(caller.count("switchboard.resumed"), 0, "it never left");
    talks(&mut caller).await;
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_pressed_in_the_browser_is_a_key_of_the_telephone() {
    let (stage, mut caller) = resumable().await;
    caller
        .listen("a voice", |caller| caller.heard > 0 || caller.is_connected)
        .await;
    caller.press(0, 4_000);
    caller
        .listen("a person is asked for", |caller| {
            caller.count("switchboard.handoff") == 1
        })
        .await;
    assert_eq!(caller.event("switchboard.handoff")["reason"], "dtmf_0");
    stage.server.idle().await;
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w1_any_number_of_forged_packets_under_a_callers_address_costs_the_call_nothing() {
    let (stage, mut caller) = resumable().await;
    hears_a_part(&mut caller).await;
    let mut metrics = String::new();
    for _ in 0..50 {
        caller.forge(40).await;
        let heard = caller.heard;
        caller
            .listen("the agent goes on", |caller| caller.heard > heard + 1)
            .await;
        let answer = reqwest::get(format!("{}/metrics", stage.server.base)).await;
        metrics = answer.expect("answers").text().await.expect("text");
        if metrics.contains("not_authentic") {
            break;
        }
    }
    assert!(
        metrics.contains(r#"switchboard_webrtc_packets_dropped_total{reason="not_authentic"}"#)
    );
    talks(&mut caller).await;
    assert_eq!(stage.server.reception.live.count(), 1);
    stage.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_nobody_can_answer_is_refused_by_its_name_and_disturbs_no_call() {
    let stage = Stage::new(|_| {}).await;
    let (mut caller, _) = stage.connected().await;
    let (_, good) = WebCaller::offer().await;
    let unknown = good.replace("opus/48000/2", "amr/16000");
    let bad = [
        ("hello", 400, "invalid_offer"),
        (&good.replace("m=audio", "m=video"), 400, "invalid_offer"),
        (&unknown, 400, "invalid_offer"),
        (
            &good.replace("a=fingerprint:", "a=x-print:"),
            400,
            "invalid_offer",
        ),
        (
            &good.replace("UDP/TLS/RTP/SAVPF", "\u{0}\u{fffd}"),
            400,
            "invalid_offer",
        ),
        (&good[..good.len() / 3], 400, "invalid_offer"),
        (
            &format!("{good}{}", "a=x\r\n".repeat(200_000)),
            413,
            "request_too_large",
        ),
    ];
    for (sdp, status, code) in bad {
        let (answered, body) = stage
            .post(&stage.key, "/v1/realtime/calls?model=medspa", sdp)
            .await;
        let error: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(
            (answered, error["error"]["code"].as_str()),
            (status, Some(code)),
            "{body}"
        );
        assert!(
            !body.contains("a=x") && !body.contains("amr"),
            "nothing is echoed: {body}"
        );
    }
    talks(&mut caller).await;
    assert_eq!(stage.server.reception.live.count(), 1);
    stage.server.stop().await;
}

//! A message that a caller leaves is a row, and its audio is in the archive.

#[path = "support/by_hand.rs"]
mod by_hand;
#[path = "support/handoff.rs"]
mod handoff;
mod support;

use by_hand::Carrier;
use handoff::{ANNA, no_answer, publish, warnings};
use serde_json::json;
use support::{BOUND, MEDSPA, TestServer, carrier, model, wait_for};
use switchboard_media::wav;
use switchboard_sim::caller::{CallerScript, Clip};
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use switchboard_sim::twilio::{CallHandle, CarrierEvent, FakeTwilio, RestFault};
use switchboard_store::{ListFilter, VoicemailListing};

async fn set_up() -> (FakeTwilio, RealtimeServer, TestServer) {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default().otherwise(Reply::ladder(6_000))).await;
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.calls.concurrent_max = 0;
    })
    .await;
    publish(&server, json!({ "number": ANNA })).await;
    twilio.set_human(ANNA, no_answer());
    (twilio, model, server)
}

/// A caller whom nobody answers and who speaks for a second behind the beep.
async fn leaves_a_message(server: &TestServer, twilio: &FakeTwilio) -> CallHandle {
    let call = server.call(twilio, MEDSPA, CallerScript::new());
    let records =
        |event: &CarrierEvent| matches!(event, CarrierEvent::VerbStarted { verb: "Record" });
    call.wait_for(BOUND, records).await.expect("voicemail");
    let words: Clip = vec![9_000; 8_000].into();
    let script = CallerScript::new().wait(800).speak(words);
    call.add_steps(script.wait(400).hang_up().steps);
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(warnings(&call), Vec::<String>::new());
    call
}

async fn voicemails(server: &TestServer) -> Vec<VoicemailListing> {
    let rows = server.rows("medspa").await;
    let listed = rows.list_voicemails(&ListFilter::default()).await;
    listed.expect("voicemails")
}

/// Waits until the audio of the only message is kept, and nobody writes it down.
async fn kept(server: &TestServer) -> VoicemailListing {
    let kept = async {
        loop {
            let listed = voicemails(server).await;
            if let [only] = &listed[..]
                && only.object_key.is_some()
                && only.transcription.is_some()
            {
                return only.clone();
            }
            tokio::task::yield_now().await;
        }
    };
    let kept = tokio::time::timeout(BOUND, kept).await;
    kept.expect("the audio is kept")
}

/// What is in our archive is not left with the vendor (D4).
async fn forgotten_by_the_carrier(twilio: &FakeTwilio, message: &VoicemailListing) {
    let path = format!("/Recordings/{}.json", message.recording_id);
    wait_for("the carrier's copy is deleted", || {
        let mut requests = twilio.rest_requests().into_iter();
        requests.any(|it| it.method == "DELETE" && it.path.ends_with(&path))
    })
    .await;
}

/// The audio for those who may hear it, whole and in ranges; for nobody else of the same or another tenant.
async fn heard_in_ranges(server: &TestServer, message: &VoicemailListing) {
    let key_of = async |tenant: &str| {
        let rows = server.rows(tenant).await;
        rows.create_api_key("player").await.expect("a key").key
    };
    let (key, foreign) = (key_of("medspa").await, key_of("trades").await);
    let url = format!("{}/api/v1/voicemails/{}/audio", server.base, message.id);
    let ask = async |key: Option<&str>, range: Option<&str>| {
        let mut request = reqwest::Client::new().get(&url);
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        if let Some(range) = range {
            request = request.header("range", range);
        }
        request.send().await.expect("an answer")
    };
    let key = Some(key.expose().as_str());
    let whole = ask(key, None).await;
    assert_eq!(whole.status(), 200);
    assert_eq!(whole.headers()["content-type"], "audio/wav");
    let bytes = whole.bytes().await.expect("a body");
    assert!(bytes.starts_with(b"RIFF"));
    let part = ask(key, Some("bytes=8-11")).await;
    assert_eq!(part.status(), 206);
    let told = format!("bytes 8-11/{}", bytes.len());
    assert_eq!(part.headers()["content-range"], told.as_str());
    assert_eq!(part.bytes().await.expect("a body"), bytes[8..12]);
    assert_eq!(ask(key, Some("bytes=99999999-")).await.status(), 416);
    assert_eq!(ask(Some(foreign.expose()), None).await.status(), 404);
    assert_eq!(ask(None, None).await.status(), 401);
    let audit = server.rows("medspa").await;
    let audit = audit.list_audit_entries(&ListFilter::default()).await;
    let read = |entry: &switchboard_store::AuditListing| {
        entry.noun == "voicemails" && entry.action == "read"
    };
    assert!(
        audit.expect("entries").iter().any(read),
        "it leaves a trace"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_a_row_of_its_call_and_its_audio_is_archived_once() {
    let (twilio, _model, server) = set_up().await;
    // The carrier's API stumbles twice before it gives the audio.
    twilio.push_rest_faults([RestFault::server_error(), RestFault::too_many_requests()]);
    let call = leaves_a_message(&server, &twilio).await;
    let message = kept(&server).await;
    let calls = server.calls("medspa").await;
    assert_eq!(message.call_id, calls[0].id);
    assert!(message.length_s.is_some_and(|length| length >= 1));
    assert_eq!((message.heard_at, &message.transcript), (None, &None));

    let key = message.object_key.as_deref().expect("a key");
    let audio = server
        .reception
        .archive
        .get(&key.parse().expect("a key"), None)
        .await;
    let audio = wav::read(&audio.expect("archived").bytes).expect("a WAV");
    let loudest = audio
        .samples
        .iter()
        .map(|sample| sample.unsigned_abs())
        .max();
    assert_eq!(audio.rate_hz, 8_000);
    assert!(
        loudest.is_some_and(|loudest| loudest > 8_000),
        "the caller's words"
    );

    forgotten_by_the_carrier(&twilio, &message).await;
    heard_in_ranges(&server, &message).await;
    let message = kept(&server).await;
    assert!(message.heard_at.is_some(), "somebody listened");

    // The same webhook again, and one by somebody else.
    let by_hand = Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token());
    let mut form = switchboard_wire::twilio::Form::from_iter([
        ("AccountSid", twilio.account_sid().as_str()),
        ("CallSid", call.sid().as_str()),
        ("RecordingSid", &message.recording_id),
        ("RecordingStatus", "completed"),
        ("RecordingDuration", "2"),
    ]);
    let asked = twilio.rest_requests().len();
    assert_eq!(by_hand.post("/twilio/recording", &form).await.status, 204);
    let stranger = by_hand.account(&by_hand::account_sid(), "0123456789abcdef0123456789abcdef");
    assert_eq!(stranger.post("/twilio/recording", &form).await.status, 403);
    form.push("RecordingUrl", "http://127.0.0.1:1/somewhere-else");
    assert_eq!(by_hand.post("/twilio/recording", &form).await.status, 204);
    assert_eq!(voicemails(&server).await, [message]);
    assert_eq!(
        twilio.rest_requests().len(),
        asked,
        "what is there is not fetched again"
    );
    server.stop().await;
}

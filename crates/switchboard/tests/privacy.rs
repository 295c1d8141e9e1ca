//! A whole call full of canaries: names, numbers, an address, words and keys. None may reach a log line, a measure or a
//! technical table, whatever goes wrong on the way (D5).

#[path = "support/by_hand.rs"]
mod by_hand;
mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use by_hand::{Carrier, call_sid};
use support::{BOUND, MEDSPA, TestServer, carrier, model};
use switchboard::config::{LogFormat, LogLevel, LogSettings, Secret};
use switchboard::ops::{logging, panics};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::caller::speech::{Voice, speak};
use switchboard_sim::realtime::{RealtimeScript, Reply, ReplyAudio};
use switchboard_sim::twilio::{CallHandle, CarrierEvent, FakeTwilio, PlaceCall, StreamFault};
use switchboard_store::ListFilter;

const CALLER: &str = "+12025550188";
const UNKNOWN: &str = "+12025550166";
const KEY: &str = "sk-canary-7f3a9c";

/// What must not be found, in any case. Numbers without their plus, as they might be written otherwise.
const CANARIES: [&str; 10] = [
    "quillfeather",
    "zanzibar",
    "canarybird lane",
    "2025550188",
    "2025550166",
    "2025550171",
    "2025550199",
    "sk-canary",
    "parrot words",
    "quillfeather@",
];

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .expect("not poisoned")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The agent repeats everything, asks for tools with everything, and fails with everything.
fn parrot() -> RealtimeScript {
    let words = "Zanzibar Quillfeather of 77 Canarybird Lane said parrot words";
    let contact = r#"{"name":"Zanzibar Quillfeather","phone":"+12025550171"}"#;
    let foreign = r#"{"name":"Zanzibar Quillfeather","email":"zanzibar@quillfeather.example"}"#;
    let booking =
        r#"{"service":"Canarybird Lane","start":"parrot words","contact_name":"Zanzibar"}"#;
    RealtimeScript::default()
        .caller_says("I am Zanzibar Quillfeather, 77 Canarybird Lane, call me at 202 555 0171")
        .reply(Reply::audio(ReplyAudio::ladder(0, 300), words))
        .reply(Reply::call_tool("create_contact", contact))
        .reply(Reply::call_tool("create_contact", foreign))
        .reply(Reply::call_tool("find_contact", contact))
        .reply(Reply::call_tool("book_appointment", booking))
        .reply(Reply::call_tool("quillfeather", "Zanzibar Quillfeather"))
        .reply(Reply::audio(ReplyAudio::ladder(0, 300), words))
        .reply(Reply::failed("quillfeather", words))
        .otherwise(Reply::audio(ReplyAudio::ladder(0, 300), words))
}

fn place(server: &TestServer, to: &str, script: CallerScript) -> PlaceCall {
    let mut place = PlaceCall::new(server.voice_url(), to, script);
    place.from = CALLER.to_owned();
    place.forwarded_from = Some(CALLER.to_owned());
    place.status_callback = Some(format!("{}/twilio/status", server.base));
    place.status_events = vec!["initiated", "ringing", "answered", "completed"];
    place.extra_parameters = vec![
        ("CallerName".to_owned(), "ZANZIBAR QUILLFEATHER".to_owned()),
        ("Address".to_owned(), "77 Canarybird Lane".to_owned()),
    ];
    place
}

async fn finished(twilio: &FakeTwilio, place: PlaceCall) -> CallHandle {
    let call = twilio.place_call(place);
    call.wait_for_end(BOUND).await.expect("the call ends");
    call
}

/// A call that talks, and calls that go wrong.
async fn calls_with_canaries(server: &TestServer, twilio: &FakeTwilio) -> Vec<String> {
    let words = speak("I am Zanzibar", &Voice::default()).await;
    let script = CallerScript::new()
        .speak_after_silence(600, words.expect("speech"))
        .wait(2_500)
        .press('0');
    let call = finished(twilio, place(server, MEDSPA, script)).await;
    let token = call
        .events()
        .into_iter()
        .find_map(|timed| match timed.event {
            CarrierEvent::StreamConnecting { parameters, .. } => Some(parameters[0].1.clone()),
            _ => None,
        });

    finished(twilio, place(server, UNKNOWN, CallerScript::new())).await;
    let mut unsigned = place(server, MEDSPA, CallerScript::new());
    unsigned.webhook_faults.is_unsigned = true;
    finished(twilio, unsigned).await;
    for text in [
        "{\"Zanzibar Quillfeather",
        r#"{"event":"dtmf","name":"Zanzibar"}"#,
    ] {
        let mut broken = place(server, MEDSPA, CallerScript::new().wait(1_500).hang_up());
        broken.stream_faults = vec![StreamFault::TextAfter {
            ms: 300,
            text: text.to_owned(),
        }];
        finished(twilio, broken).await;
    }

    let by_hand = Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token());
    let mut stream = by_hand
        .stream(&call_sid(), Some("Zanzibar-Quillfeather"))
        .await;
    stream.closed().await;
    let mut form = by_hand.form(&call_sid(), "Zanzibar Quillfeather", "ringing");
    form.push("From", CALLER);
    by_hand.post("/twilio/voice", &form).await;
    by_hand
        .post("/twilio/status?name=Quillfeather", &form)
        .await;
    let _ = reqwest::get(format!("{}/Quillfeather?key={KEY}", server.base)).await;
    vec![token.expect("a token"), twilio.auth_token().to_owned()]
}

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
    let log = lines.0.lock().expect("not poisoned").clone();
    let log = String::from_utf8(log).expect("text");
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
    let canaries = CANARIES
        .iter()
        .map(|canary| (*canary).to_owned())
        .chain(secrets);
    for canary in canaries {
        for (place, text) in &places {
            let lower = text.to_lowercase();
            let found = lower.find(&canary.to_lowercase());
            let around = found.map(|at| &lower[at.saturating_sub(200)..(at + 40).min(lower.len())]);
            assert!(found.is_none(), "{canary} in {place}: {around:?}");
        }
    }
}

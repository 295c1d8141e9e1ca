//! Names, numbers, an address, words and keys that must stay where they belong, and calls that are full of them (D5).
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of it"
)]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use switchboard_sim::caller::CallerScript;
use switchboard_sim::caller::speech::{Voice, speak};
use switchboard_sim::realtime::{RealtimeScript, Reply, ReplyAudio};
use switchboard_sim::twilio::{CallHandle, CarrierEvent, FakeTwilio, PlaceCall, StreamFault};

use crate::by_hand::{Carrier, call_sid};
use crate::support::{BOUND, MEDSPA, TestServer};

pub const CALLER: &str = "+12025550188";
pub const UNKNOWN: &str = "+12025550166";
pub const KEY: &str = "sk-canary-7f3a9c";

/// What must not be found, in any case. Numbers without their plus, as they might be written otherwise.
pub const CANARIES: [&str; 10] = [
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

/// Log lines, gathered.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// All of them so far.
    pub fn text(&self) -> String {
        let bytes = self.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("text")
    }
}

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
pub fn parrot() -> RealtimeScript {
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

pub fn place(server: &TestServer, to: &str, script: CallerScript) -> PlaceCall {
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

pub async fn finished(twilio: &FakeTwilio, place: PlaceCall) -> CallHandle {
    let call = twilio.place_call(place);
    call.wait_for_end(BOUND).await.expect("the call ends");
    call
}

/// A call that talks, and calls that go wrong. Gives the secrets that went over the wire.
pub async fn calls_with_canaries(server: &TestServer, twilio: &FakeTwilio) -> Vec<String> {
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

/// Fails with the surroundings of the first canary or secret that stands in one of the places.
pub fn assert_none_in(places: &[(&str, String)], secrets: &[String]) {
    let canaries = CANARIES.iter().map(|canary| (*canary).to_owned());
    for canary in canaries.chain(secrets.iter().cloned()) {
        for (place, text) in places {
            let lower = text.to_lowercase();
            let found = lower.find(&canary.to_lowercase());
            let around = found.map(|at| {
                let (from, to) = (at.saturating_sub(200), (at + 40).min(lower.len()));
                String::from_utf8_lossy(&lower.as_bytes()[from..to]).into_owned()
            });
            assert!(found.is_none(), "{canary} in {place}: {around:?}");
        }
    }
}

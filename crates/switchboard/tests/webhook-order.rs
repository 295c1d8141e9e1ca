//! H3: a duplicate, a delayed and a reordered copy of every webhook of a call leave the same rows (promise: no duplicate
//! rows). The voice webhook begins a call; all that follow it come in any order, any of them again, as late as may be.

#[path = "support/by_hand.rs"]
mod by_hand;
mod support;

use by_hand::{Carrier, call_sid};
use futures_util::future::join_all;
use support::{BOUND, MEDSPA, TestServer, carrier, model};
use switchboard_sim::realtime::RealtimeScript;
use switchboard_sim::twilio::{Callee, FakeTwilio, Pickup};
use switchboard_store::{
    CallId, CallListing, ConsentAnswer, ConsentId, JournalWrite, ListFilter, NewConsent,
    PhoneNumber, Word,
};
use switchboard_wire::twilio::{CallSid, Form};

/// What the carrier tells of one call whose human did not pick up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Webhook {
    Voice,
    Answered,
    DialEnded,
    RecordingBegun,
    Recorded,
    Completed,
}

const ALL: [Webhook; 6] = [
    Webhook::Voice,
    Webhook::Answered,
    Webhook::DialEnded,
    Webhook::RecordingBegun,
    Webhook::Recorded,
    Webhook::Completed,
];

/// Orders that are tried, and how many of them run at once.
const ORDERS: u64 = 60;
const AT_ONCE: usize = 12;
/// Copies in one order at most.
const COPIES_MAX: u64 = 6;

/// SplitMix64, so that a failing order is found again by its number.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The voice webhook, then the others shuffled, then copies of any of them anywhere behind the first.
fn order(seed: u64) -> Vec<Webhook> {
    let mut state = seed;
    let mut order = ALL.to_vec();
    for last in (2..order.len()).rev() {
        let other = 1 + (random(&mut state) as usize) % last;
        order.swap(last, other);
    }
    for _ in 0..random(&mut state) % (COPIES_MAX + 1) {
        let copy = ALL[(random(&mut state) as usize) % ALL.len()];
        let at = 1 + (random(&mut state) as usize) % order.len();
        order.insert(at, copy);
    }
    order
}

/// What the carrier tells of the message of a call. Its id follows from the call's, as each call has one.
fn recording(carrier: &Carrier, call: &CallSid, status: &str) -> Form {
    let id = call.as_str().replacen("CA", "RE", 1);
    Form::from_iter([
        ("AccountSid", carrier.account_sid.as_str()),
        ("CallSid", call.as_str()),
        ("RecordingSid", &id),
        ("RecordingStatus", status),
        ("RecordingDuration", "2"),
    ])
}

async fn send(carrier: &Carrier, call: &CallSid, webhook: Webhook) {
    let answer = match webhook {
        Webhook::Voice => carrier.voice(call, MEDSPA).await,
        Webhook::Answered => carrier.status(call, MEDSPA, "in-progress", 1).await,
        Webhook::Completed => carrier.status(call, MEDSPA, "completed", 2).await,
        Webhook::RecordingBegun | Webhook::Recorded => {
            let is_over = webhook == Webhook::Recorded;
            let form = recording(
                carrier,
                call,
                if is_over { "completed" } else { "in-progress" },
            );
            carrier.post("/twilio/recording", &form).await
        }
        Webhook::DialEnded => {
            let mut form = carrier.form(call, MEDSPA, "in-progress");
            form.push("DialCallStatus", "no-answer");
            carrier.post("/twilio/dial-ended", &form).await
        }
    };
    assert!(
        (200..300).contains(&answer.status),
        "{webhook:?}: {answer:?}"
    );
}

/// What the database says of a call, without ids and times.
type Rows = (
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    bool,
    usize,
    usize,
);

async fn rows_of(server: &TestServer, calls: &[CallListing], call: &CallSid) -> Rows {
    let mine: Vec<&CallListing> = calls
        .iter()
        .filter(|row| row.carrier_call_id.as_deref() == Some(call.as_str()))
        .collect();
    assert_eq!(mine.len(), 1, "one row for one call");
    let rows = server.rows("medspa").await;
    let detail = rows
        .call(mine[0].id)
        .await
        .expect("an answer")
        .expect("the call");
    let of_call = ListFilter::of_call(mine[0].id);
    let handshakes = rows.list_handshakes(&of_call).await;
    let voicemails = rows.list_voicemails(&of_call).await;
    (
        format!("{:?}", detail.status),
        detail.carrier_status.map(|word| word.as_str().to_owned()),
        detail.end_reason.map(|word| word.as_str().to_owned()),
        detail.end_class.map(|class| format!("{class:?}")),
        detail.ended_at.is_some(),
        handshakes.expect("rows").len(),
        voicemails.expect("rows").len(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn h3_every_webhook_twice_late_and_in_any_order_leaves_the_same_rows() {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default()).await;
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.calls.concurrent_max = 1_000;
    })
    .await;
    let carrier = Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token());
    let told = |order: Vec<Webhook>| {
        let carrier = &carrier;
        async move {
            let call = call_sid();
            for webhook in &order {
                send(carrier, &call, *webhook).await;
            }
            (call, order)
        }
    };
    let (plain, _) = told(ALL.to_vec()).await;
    let mut others = Vec::new();
    let seeds: Vec<u64> = (1..=ORDERS).collect();
    for batch in seeds.chunks(AT_ONCE) {
        others.extend(join_all(batch.iter().map(|seed| told(order(*seed)))).await);
    }
    server.idle().await;
    let calls = server.calls("medspa").await;
    assert_eq!(calls.len(), others.len() + 1, "one row for each call");
    let expected = rows_of(&server, &calls, &plain).await;
    assert_eq!(expected.6, 1, "one message");
    for (call, order) in &others {
        assert_eq!(rows_of(&server, &calls, call).await, expected, "{order:?}");
    }
    let again = server.calls("medspa").await;
    for (call, _) in &others {
        for webhook in ALL {
            send(&carrier, call, webhook).await;
        }
    }
    assert_eq!(
        server.calls("medspa").await,
        again,
        "copies of a day later change nothing"
    );
    assert_eq!(server.reception.admission.held(), 0);
    server.stop().await;
}

/// What the carrier tells of a call that we placed and that a machine answered and nobody ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Initiated,
    Ringing,
    Verdict,
    NoAnswer,
}

const OF_PLACED: [Told; 4] = [
    Told::Initiated,
    Told::Ringing,
    Told::Verdict,
    Told::NoAnswer,
];
/// Orders of them that are tried, each on a call of its own.
const PLACED: u64 = 10;

/// All of them shuffled, and some again.
fn order_of_placed(seed: u64) -> Vec<Told> {
    let mut state = seed;
    let mut order = OF_PLACED.to_vec();
    for last in (1..order.len()).rev() {
        order.swap(last, (random(&mut state) as usize) % (last + 1));
    }
    for _ in 0..random(&mut state) % (COPIES_MAX + 1) {
        let copy = OF_PLACED[(random(&mut state) as usize) % OF_PLACED.len()];
        let at = (random(&mut state) as usize) % (order.len() + 1);
        order.insert(at, copy);
    }
    order
}

async fn tell(carrier: &Carrier, sid: &CallSid, name: &str, told: Told) {
    let status = |status: &str, number: &str| {
        let mut form = carrier.form(sid, MEDSPA, status);
        form.push("CallbackSource", "call-progress-events");
        form.push("SequenceNumber", number);
        ("outgoing-status", form)
    };
    let (path, form) = match told {
        Told::Initiated => status("initiated", "0"),
        Told::Ringing => status("ringing", "1"),
        Told::NoAnswer => status("no-answer", "2"),
        Told::Verdict => {
            let form = [
                ("CallSid", sid.as_str()),
                ("AccountSid", carrier.account_sid.as_str()),
                ("AnsweredBy", "machine_end_beep"),
                ("MachineDetectionDuration", "2000"),
            ];
            ("amd", Form::from_iter(form))
        }
    };
    let answer = carrier.post(&format!("/twilio/{path}{name}"), &form).await;
    assert!((200..300).contains(&answer.status), "{told:?}: {answer:?}");
}

/// A number that agreed to be called and that nobody picks up, asked for by the API and dialled.
async fn placed(
    server: &TestServer,
    twilio: &FakeTwilio,
    key: &str,
    to: &str,
) -> (CallId, CallSid) {
    let rings = Pickup::NoAnswer { ring_ms_max: None };
    twilio.set_callee(to, Callee::unanswered(rings));
    let rows = server.rows("medspa").await;
    let number = PhoneNumber::parse(to).expect("a number");
    let contact = rows.ensure_contact_by_phone(&number).await;
    let now = chrono::Utc::now();
    let consent = NewConsent {
        id: ConsentId::new(),
        contact_id: Some(contact.expect("a contact").id),
        call_id: None,
        purpose: Word::new("outgoing_calls"),
        wording: "May we call you?".to_owned(),
        language: "en".to_owned(),
        answer: ConsentAnswer::Granted,
        answer_text: None,
        heard_ms: None,
        complete: Some(true),
        version: None,
        disclosed_at: now,
        answered_at: Some(now),
    };
    let stored = rows.apply(&[JournalWrite::Consent(consent)]).await;
    stored.expect("a consent");
    let wish = serde_json::json!({ "agent": "medspa", "to": to, "purpose": "reminder" });
    let asked = reqwest::Client::new()
        .post(format!("{}/api/v1/calls", server.base))
        .bearer_auth(key)
        .json(&wish)
        .send();
    let asked: serde_json::Value = asked.await.expect("an answer").json().await.expect("JSON");
    let id: CallId = asked["id"].as_str().expect("an id").parse().expect("an id");
    let dialled = async {
        loop {
            let attempts = rows.outgoing_attempts(id).await.expect("attempts");
            let named = attempts.first().and_then(|it| it.carrier_call_id.clone());
            if let Some(sid) = named {
                return CallSid::parse(&sid).expect("an id");
            }
            tokio::task::yield_now().await;
        }
    };
    let sid = tokio::time::timeout(BOUND, dialled).await;
    (id, sid.expect("it is dialled"))
}

#[tokio::test(flavor = "multi_thread")]
async fn h3_the_webhooks_of_a_call_we_placed_in_any_order_leave_the_same_rows() {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default()).await;
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.calls.concurrent_max = 1_000;
        settings.outgoing.hour_from = 0;
        settings.outgoing.hour_until = 24;
    })
    .await;
    let carrier = Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token());
    let rows = server.rows("medspa").await;
    let key = rows.create_api_key("crm").await.expect("a key").key;
    let mut seen = Vec::new();
    for seed in 0..PLACED {
        let to = format!("+120255501{}", 20 + seed);
        let (id, sid) = placed(&server, &twilio, key.expose(), &to).await;
        let order = match seed {
            0 => OF_PLACED.to_vec(),
            seed => order_of_placed(seed),
        };
        let name = format!("?t={}&c={id}", rows.scope().tenant);
        for told in &order {
            tell(&carrier, &sid, &name, *told).await;
        }
        assert!(server.reception.journal.flushed(BOUND).await, "stored");
        let attempts = rows.outgoing_attempts(id).await.expect("attempts");
        assert_eq!(attempts.len(), 1, "{order:?}");
        let row = &attempts[0];
        let reason = row.end_reason.clone();
        seen.push((row.status, row.answered_by.clone(), reason, order));
    }
    let (status, answered_by, reason, _) = seen[0].clone();
    assert_eq!(reason, Some(Word::new("no_answer")));
    for (other, by, why, order) in &seen {
        assert_eq!(
            (other, by, why),
            (&status, &answered_by, &reason),
            "{order:?}"
        );
    }
    assert_eq!(server.reception.admission.held(), 0);
    server.stop().await;
}

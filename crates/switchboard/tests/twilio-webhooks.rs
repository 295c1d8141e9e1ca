//! Webhooks that are forged, repeated, reordered or late: who may speak for a number, and what a second time changes.

#[path = "support/by_hand.rs"]
mod by_hand;
mod support;

use std::path::Path;

use by_hand::{Carrier, account_sid, call_sid};
use futures_util::future::join_all;
use support::{BOUND, HUMAN, MEDSPA, TRADES, TestServer, carrier, model, wait_for};
use switchboard::config::Secret;
use switchboard::ops::seal::{SealingKey, twilio_context};
use switchboard::reception::Reception;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use switchboard_sim::twilio::{CarrierEvent, FakeTwilio, PlaceCall, StreamFault, WebhookFaults};
use switchboard_store::{
    CallEnd, CallId, CallStatus, Channel, EndClass, ListFilter, TenantId, Word,
};
use switchboard_wire::twilio::CallSid;

const TENANT_TOKEN: &str = "0123456789abcdef0123456789abcdef";

async fn all() -> (FakeTwilio, RealtimeServer, TestServer) {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default().otherwise(Reply::ladder(1_000))).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    (twilio, model, server)
}

fn by_hand(server: &TestServer, twilio: &FakeTwilio) -> Carrier {
    Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token())
}

/// Gives a tenant its own Twilio account, as `tenant twilio set` does.
async fn give_own_account(server: &TestServer, tenant: &str, installation: &Carrier) -> Carrier {
    let own = installation.account(&account_sid(), TENANT_TOKEN);
    let file = &server.reception.settings.database.sealing_key_file;
    let key = SealingKey::load_or_create(Path::new(file)).expect("the key of the server");
    let rows = server.rows(tenant).await;
    let context = twilio_context(tenant_id(server, tenant).await, own.account_sid.as_str());
    let sealed = key.seal(&Secret::new(TENANT_TOKEN), &context);
    let sealed = sealed.expect("sealed").into();
    rows.put_twilio_account(own.account_sid.as_str(), &sealed)
        .await
        .expect("stored");
    own
}

async fn tenant_id(server: &TestServer, name: &str) -> TenantId {
    let found = server
        .reception
        .store
        .installation()
        .find_tenant(name)
        .await;
    found.expect("an answer").expect("the tenant").id
}

fn connections(model: &RealtimeServer) -> usize {
    model.with_log(|log| log.connections())
}

#[tokio::test(flavor = "multi_thread")]
async fn h1_a_missing_or_wrong_signature_is_403_and_stores_nothing() {
    let (twilio, model, server) = all().await;
    let honest = by_hand(&server, &twilio);
    let mut unsigned = PlaceCall::new(server.voice_url(), MEDSPA, CallerScript::new());
    unsigned.webhook_faults = WebhookFaults {
        is_unsigned: true,
        ..WebhookFaults::default()
    };
    let call = twilio.place_call(unsigned);
    call.wait_for_end(BOUND).await.expect("the call ends");
    let refused =
        |event: &CarrierEvent| matches!(event, CarrierEvent::WebhookAnswered { status: 403, .. });
    assert!(call.has(refused), "{:?}", call.events());

    let form = honest.form(&call_sid(), MEDSPA, "ringing");
    for path in ["/twilio/voice", "/twilio/status", "/twilio/dial-ended"] {
        for signature in [
            None,
            Some(""),
            Some("AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            Some("é"),
        ] {
            let answer = honest.post_signed(path, &form, signature).await;
            assert_eq!(answer.status, 403, "{path} {signature:?}");
            assert!(!answer.body.contains("<Response"), "{}", answer.body);
        }
    }
    // A right signature of the same form is none for another address or another form.
    let signature = twilio.sign(&format!("{}/twilio/status", server.base), &[]);
    let answer = honest
        .post_signed("/twilio/voice", &form, Some(&signature))
        .await;
    assert_eq!(answer.status, 403);

    assert!(server.calls("medspa").await.is_empty());
    assert_eq!(connections(&model), 0);
    assert_eq!(server.reception.admission.held(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h1_an_account_signs_only_for_the_numbers_it_owns() {
    let (twilio, model, server) = all().await;
    let installation = by_hand(&server, &twilio);
    let medspa = give_own_account(&server, "medspa", &installation).await;

    let foreign = [
        (
            "the tenant for another tenant's number",
            medspa.voice(&call_sid(), TRADES).await,
        ),
        (
            "the tenant for a number of nobody",
            medspa.voice(&call_sid(), "+12025550177").await,
        ),
        (
            "the installation for the tenant's number",
            installation.voice(&call_sid(), MEDSPA).await,
        ),
        (
            "the tenant's name with the installation's secret",
            medspa
                .account(&medspa.account_sid, &installation.auth_token)
                .voice(&call_sid(), MEDSPA)
                .await,
        ),
        (
            "the tenant's secret with another account's name",
            medspa
                .account(&account_sid(), TENANT_TOKEN)
                .voice(&call_sid(), MEDSPA)
                .await,
        ),
    ];
    for (who, answer) in foreign {
        assert_eq!(answer.status, 403, "{who}: {}", answer.body);
    }
    assert!(server.calls("medspa").await.is_empty());
    assert!(server.calls("trades").await.is_empty());
    assert_eq!(connections(&model), 0);

    let own = medspa.voice(&call_sid(), MEDSPA).await;
    assert!(own.status == 200 && own.has_stream(), "{}", own.body);
    let other = installation.voice(&call_sid(), TRADES).await;
    assert!(other.status == 200 && other.has_stream(), "{}", other.body);
    assert_eq!(server.calls("medspa").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn h1_an_account_that_knows_a_foreign_call_id_learns_and_changes_nothing() {
    let (twilio, _model, server) = all().await;
    let installation = by_hand(&server, &twilio);
    let medspa = give_own_account(&server, "medspa", &installation).await;
    let call = call_sid();
    let victim = installation.voice(&call, TRADES).await;
    let token = victim.token();

    let answer = medspa.voice(&call, MEDSPA).await;
    assert!(
        !answer.body.contains(&token),
        "the token of a foreign call is given away"
    );
    let status = medspa.status(&call, MEDSPA, "completed", 1).await;
    assert_eq!(status.status, 204);
    wait_for("the sender's own call ends", || {
        server.reception.live.count() == 1
    })
    .await;

    let calls = server.calls("trades").await;
    assert_eq!(
        (calls.len(), calls[0].status),
        (1, CallStatus::Offered),
        "the victim still rings"
    );
    let again = installation.voice(&call, TRADES).await;
    assert_eq!(again, victim, "and gets its document again");
    let mut stream = installation.stream(&call, Some(&token)).await;
    assert!(
        stream.next_text().await.is_some(),
        "and its stream is served"
    );
    let own = server.calls("medspa").await;
    assert_eq!(
        own[0].status,
        CallStatus::Ended,
        "the status ended the sender's own call of that id"
    );
}

/// The caller's number may be a number of ours too; it decides nothing.
#[tokio::test(flavor = "multi_thread")]
async fn h1_the_callers_number_does_not_choose_who_answers() {
    let (twilio, model, server) = all().await;
    let carrier = by_hand(&server, &twilio);
    let mut form = carrier.form(&call_sid(), "+12025550177", "ringing");
    form = form
        .parameters()
        .iter()
        .map(|(name, value)| match name.as_str() {
            "From" | "Caller" => (name.clone(), TRADES.to_owned()),
            _ => (name.clone(), value.clone()),
        })
        .collect();
    let answer = carrier.post("/twilio/voice", &form).await;
    assert!(
        answer.status == 200 && answer.body.contains("<Hangup"),
        "{}",
        answer.body
    );
    assert!(server.calls("trades").await.is_empty());
    assert_eq!(connections(&model), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h2_a_repeated_voice_webhook_gives_the_same_document_and_starts_nothing() {
    let (twilio, model, server) = all().await;
    let mut place = PlaceCall::new(
        server.voice_url(),
        MEDSPA,
        CallerScript::new().wait(1_500).hang_up(),
    );
    place.status_callback = Some(format!("{}/twilio/status", server.base));
    place.webhook_faults.has_second_voice_request = true;
    let call = twilio.place_call(place);
    call.wait_for_end(BOUND).await.expect("the call ends");
    let warned = |event: &CarrierEvent| matches!(event, CarrierEvent::Warning { .. });
    assert!(!call.has(warned), "{:?}", call.events());
    server.idle().await;
    assert_eq!(connections(&model), 1);
    assert_eq!(server.calls("medspa").await.len(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h2_webhooks_at_the_same_time_get_one_document_one_permit_and_one_model() {
    let (twilio, model, server) = all().await;
    let carrier = by_hand(&server, &twilio);
    let call = call_sid();
    let answers = join_all((0..8).map(|_| carrier.voice(&call, MEDSPA))).await;
    assert!(answers[0].has_stream(), "{}", answers[0].body);
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    wait_for("the model is opened", || connections(&model) >= 1).await;
    assert_eq!(server.reception.admission.held(), 1);
    assert_eq!(server.calls("medspa").await.len(), 1);

    let mut stream = carrier.stream(&call, Some(&answers[0].token())).await;
    assert!(stream.next_text().await.is_some(), "the one token is good");
    let late = carrier.voice(&call, MEDSPA).await;
    assert!(late.is_empty_document(), "past ringing: {}", late.body);
    let ended = carrier.status(&call, MEDSPA, "completed", 1).await;
    assert_eq!(ended.status, 204);
    server.idle().await;
    let after = carrier.voice(&call, MEDSPA).await;
    assert!(after.is_empty_document(), "after the end: {}", after.body);
    assert_eq!(connections(&model), 1, "no second model session");
    assert_eq!(server.calls("medspa").await.len(), 1);
    assert_eq!(server.reception.admission.held(), 0);
    server.stop().await;
}

/// The row of a call that another process has taken.
async fn offered_elsewhere(server: &TestServer, call: &CallSid) -> CallId {
    let tenant = tenant_id(server, "medspa").await;
    let agent = server.reception.agent(tenant, "medspa").await;
    let agent = agent.expect("the agent");
    let (id, now) = (CallId::new(), chrono::Utc::now());
    let mut row = Reception::offered_row(&agent, id, Channel::Phone, now);
    row.carrier_call_id = Some(call.to_string());
    let rows = server.rows("medspa").await;
    rows.offer_call(&row).await.expect("stored");
    id
}

/// The process that minted the token is gone: nobody can give the same document, so a human takes the caller.
#[tokio::test(flavor = "multi_thread")]
async fn h2_a_ringing_call_that_another_process_answered_goes_to_the_human_and_an_ended_one_nowhere()
 {
    let (twilio, model, server) = all().await;
    let carrier = by_hand(&server, &twilio);
    let call = call_sid();
    offered_elsewhere(&server, &call).await;

    let rings = carrier.voice(&call, MEDSPA).await;
    assert!(rings.has_dial() && !rings.has_stream(), "{}", rings.body);
    assert!(rings.body.contains(HUMAN), "{}", rings.body);
    carrier.status(&call, MEDSPA, "completed", 1).await;
    assert_eq!(server.calls("medspa").await[0].status, CallStatus::Ended);
    let over = carrier.voice(&call, MEDSPA).await;
    assert!(over.is_empty_document(), "{}", over.body);
    assert_eq!(connections(&model), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h2_a_caller_who_rings_through_a_restart_gets_the_human_although_the_call_counts_as_lost() {
    let (twilio, model, server) = all().await;
    let carrier = by_hand(&server, &twilio);
    let call = call_sid();
    let call_id = offered_elsewhere(&server, &call).await;
    let lost = CallEnd {
        call_id,
        reason: Word::new("process_lost"),
        class: EndClass::Us,
        at: chrono::Utc::now(),
    };
    let rows = server.rows("medspa").await;
    assert!(rows.end_call(&lost).await.expect("stored"));
    let rings = carrier.voice(&call, MEDSPA).await;
    assert!(rings.has_dial() && !rings.has_stream(), "{}", rings.body);
    assert_eq!(connections(&model), 0);
    server.stop().await;
}

/// `<Record>` has no action, so its end asks for the document that holds it once more.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_left_ends_the_call_and_dials_nobody_again() {
    let (twilio, _model, server) = all().await;
    let carrier = by_hand(&server, &twilio);
    let call = call_sid();
    offered_elsewhere(&server, &call).await;
    let mut recorded = carrier.form(&call, MEDSPA, "in-progress");
    recorded.push("RecordingUrl", "https://api.twilio.com/recording");
    recorded.push("RecordingDuration", "4");
    for path in ["/twilio/voice", "/twilio/dial-ended"] {
        let answer = carrier.post(path, &recorded).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(answer.body.contains("<Hangup"), "{path}: {}", answer.body);
        assert!(!answer.has_dial() && !answer.body.contains("<Record"));
    }
    server.stop().await;
}

/// What is stored of an agent may be unreadable after an upgrade, or the database may go between two questions.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whose_agent_cannot_be_read_reaches_the_human() {
    let (twilio, model, server) = all().await;
    let rows = server.rows("medspa").await;
    let unreadable = serde_json::json!({"name": "medspa"});
    rows.publish_agent("medspa", &unreadable, "test")
        .await
        .expect("stored");
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    let answered = |event: &CarrierEvent| matches!(event, CarrierEvent::HumanAnswered { number } if number == HUMAN);
    call.wait_for(BOUND, answered).await.expect("the human");
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(connections(&model), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h3_status_webhooks_twice_reversed_and_late_leave_the_same_rows() {
    let (twilio, _model, server) = all().await;
    let mut place = PlaceCall::new(
        server.voice_url(),
        MEDSPA,
        CallerScript::new().wait(1_200).hang_up(),
    );
    place.status_callback = Some(format!("{}/twilio/status", server.base));
    place.status_events = vec!["initiated", "ringing", "answered", "completed"];
    place.webhook_faults.has_status_twice = true;
    place.webhook_faults.has_status_reversed = true;
    let call = twilio.place_call(place);
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    let refused = |event: &CarrierEvent| matches!(event, CarrierEvent::WebhookAnswered { status, .. } if !(200..300).contains(status));
    assert!(!call.has(refused), "{:?}", call.events());
    let before = server.calls("medspa").await;
    assert_eq!(before.len(), 1);
    assert_eq!(before[0].status, CallStatus::Ended);
    let reason = before[0].end_reason.as_ref().map(|reason| reason.as_str());
    assert_eq!(reason, Some("caller_hung_up"));

    let carrier = by_hand(&server, &twilio);
    for status in [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
        "failed",
        "ringing",
    ] {
        carrier.status(call.sid(), MEDSPA, status, 0).await;
    }
    assert_eq!(
        server.calls("medspa").await,
        before,
        "late news change nothing"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h3_a_status_of_a_call_we_never_saw_is_taken_and_stores_nothing() {
    let (twilio, _model, server) = all().await;
    let carrier = by_hand(&server, &twilio);
    for to in [MEDSPA, "+12025550177"] {
        let answer = carrier.status(&call_sid(), to, "completed", 3).await;
        assert_eq!(answer.status, 204, "{}", answer.body);
    }
    assert!(server.calls("medspa").await.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_number_hears_an_apology_and_no_call_is_stored() {
    let (twilio, model, server) = all().await;
    let call = server.call(&twilio, "+12025550177", CallerScript::new());
    call.wait_for_end(BOUND).await.expect("the call ends");
    let said = |event: &CarrierEvent| matches!(event, CarrierEvent::Said { text } if text.contains("sorry"));
    let answered =
        |event: &CarrierEvent| matches!(event, CarrierEvent::WebhookAnswered { status: 200, .. });
    assert!(call.has(said) && call.has(answered), "{:?}", call.events());
    for tenant in ["roofing", "broker", "medspa", "trades", "companion"] {
        assert!(server.calls(tenant).await.is_empty(), "{tenant}");
    }
    assert_eq!(connections(&model), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eleventh_call_goes_to_the_human_in_its_first_document() {
    let (twilio, model, server) = all().await;
    let carrier = by_hand(&server, &twilio);
    let sids: Vec<_> = (0..10).map(|_| call_sid()).collect();
    let answers = join_all(sids.iter().map(|sid| carrier.voice(sid, MEDSPA))).await;
    assert!(answers.iter().all(|answer| answer.has_stream()));
    wait_for("ten models are opened", || connections(&model) == 10).await;

    let eleventh = server.call(&twilio, MEDSPA, CallerScript::new());
    let dialled = eleventh
        .wait_for(BOUND, |event| matches!(event, CarrierEvent::Dialled { .. }))
        .await
        .expect("dialled");
    assert!(matches!(&dialled.event, CarrierEvent::Dialled { number } if number == HUMAN));
    let streamed = |event: &CarrierEvent| matches!(event, CarrierEvent::StreamConnecting { .. });
    assert!(!eleventh.has(streamed), "no stream is tried");
    let other = carrier.voice(&call_sid(), TRADES).await;
    assert!(other.has_stream(), "another tenant has its own limit");
    wait_for("its model is opened", || connections(&model) == 11).await;
    eleventh.wait_for_end(BOUND).await.expect("the call ends");

    let calls = server.calls("medspa").await;
    let refused: Vec<_> = calls
        .iter()
        .filter_map(|call| call.end_reason.as_ref())
        .map(|reason| reason.as_str())
        .collect();
    assert_eq!(refused, ["concurrency_limit"]);
    let rows = server.rows("medspa").await;
    let tried = rows.list_handshakes(&ListFilter::default()).await;
    assert!(
        tried.expect("rows").is_empty(),
        "the eleventh tried no model"
    );

    let ending = sids
        .iter()
        .map(|sid| carrier.status(sid, MEDSPA, "completed", 1));
    join_all(ending).await;
    wait_for("permits are back", || {
        server.reception.admission.held() == 1
    })
    .await;
    let freed = carrier.voice(&call_sid(), MEDSPA).await;
    assert!(
        freed.has_stream(),
        "a returned permit serves the next caller"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_stream_leaves_the_caller_to_the_document_and_its_end_gives_the_permit_back() {
    let (twilio, model, server) = all().await;
    let mut place = PlaceCall::new(server.voice_url(), MEDSPA, CallerScript::new());
    place.status_callback = Some(format!("{}/twilio/status", server.base));
    place.stream_faults = vec![StreamFault::WronglySigned];
    let call = twilio.place_call(place);
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert!(
        call.has(
            |event| matches!(event, CarrierEvent::HumanAnswered { number } if number == HUMAN)
        )
    );
    server.idle().await;
    wait_for("the early model session is closed", || {
        model.with_log(|log| log.open_connections()) == 0
    })
    .await;
    assert_eq!(server.calls("medspa").await.len(), 1);
    assert!(
        twilio.rest_requests().is_empty(),
        "nobody interferes with the human's talk"
    );
    server.stop().await;
}

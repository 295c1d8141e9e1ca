//! Whole calls in which something on our side of the carrier breaks: the carrier's API, the database, a task of ours, or
//! the process that has to stop. The caller always reaches somebody, and other calls go on.

#[path = "support/scripted.rs"]
mod scripted;
mod support;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use scripted::{dialled, dials, reason, row_of, speaks, talkative, with_script};
use support::{BOUND, HUMAN, MEDSPA, TRADES, TestServer, wait_for};
use switchboard::channels::twilio::{TwilioLeg, TwilioRest};
use switchboard::config::Secret;
use switchboard::drive::{DriveHandle, DriveInput, Transferrer};
use switchboard::leg::Leg;
use switchboard::reception::{LegKind, Offer, Reception};
use switchboard::switches::CallSwitches;
use switchboard_call::handoff::{Handoff, HandoffReason};
use switchboard_call::input::{Control, Input};
use switchboard_media::g711::decode_ulaw;
use switchboard_media::ladder::{LadderReport, detect_steps};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{Faults, RealtimeScript, Reply};
use switchboard_sim::twilio::{CarrierEvent, EndedBy, RestFault};
use switchboard_store::{
    CallEventWrite, CallId, CallStatus, Channel, EndClass, JournalWrite, ListFilter, Word,
};

/// Greets and ends the call by itself.
fn farewell() -> RealtimeScript {
    RealtimeScript::default()
        .reply(Reply::ladder(400))
        .reply(Reply::ladder(400).then_call_tool("end_call", "{}"))
        .otherwise(Reply::ladder(400))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_that_the_carrier_refuses_at_first_is_tried_again_and_nobody_is_dialled() {
    let cases = [
        vec![RestFault::too_many_requests(), RestFault::server_error()],
        vec![RestFault::Timeout],
        vec![RestFault::DoneButDropped],
    ];
    join_all(cases.map(|faults| async move {
        let (twilio, _model, server) = with_script(farewell()).await;
        twilio.push_rest_faults(faults.clone());
        let call = server.call(&twilio, MEDSPA, CallerScript::new());
        let ended = call.wait_for_end(BOUND).await.expect("the call ends");
        let by_rest = matches!(
            ended.event,
            CarrierEvent::Ended {
                by: EndedBy::Rest,
                ..
            }
        );
        assert!(by_rest, "{faults:?}: {:?}", call.events());
        assert!(dials(&call).is_empty(), "{faults:?}");
        server.idle().await;
        let row = row_of(&server, &call).await;
        assert_eq!(
            (reason(&row), row.end_class),
            ("agent_ended", Some(EndClass::Success))
        );
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_the_carrier_refuses_or_forgets_dials_the_human_once_all_the_same() {
    let (twilio, _model, server) = with_script(talkative()).await;
    let faults = [
        RestFault::too_many_requests(),
        RestFault::server_error(),
        RestFault::Timeout,
        RestFault::DoneButDropped,
    ];
    let mut calls = Vec::new();
    for fault in &faults {
        let call = server.call(&twilio, MEDSPA, CallerScript::new());
        speaks(&call).await;
        twilio.push_rest_faults([fault.clone()]);
        call.press('0');
        dialled(&call).await;
        calls.push(call);
    }
    for call in &calls {
        call.wait_for_end(BOUND).await.expect("the call ends");
    }
    server.idle().await;
    for (call, fault) in calls.iter().zip(&faults) {
        assert_eq!(dials(call), [HUMAN], "{fault:?}: {:?}", call.events());
        assert_eq!(reason(&row_of(&server, call).await), "dtmf_0", "{fault:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_in_any_phase_leaves_one_end_and_no_permit_or_model_behind() {
    let slow = Faults {
        created_delay: Duration::from_secs(2),
        ..Faults::default()
    };
    let (twilio, model, server) = with_script(talkative().faults_on(1, slow)).await;
    let place = || server.call(&twilio, MEDSPA, CallerScript::new());

    let connecting = place();
    let started = |event: &CarrierEvent| matches!(event, CarrierEvent::StreamStarted { .. });
    connecting
        .wait_for(BOUND, started)
        .await
        .expect("the stream");
    let ringing = place();
    let greeted = place();
    speaks(&greeted).await;
    let spoken_to = place();
    let long = |event: &CarrierEvent| matches!(event, CarrierEvent::MarkEchoed { name, .. } if !name.is_empty());
    spoken_to
        .wait_for(BOUND, long)
        .await
        .expect("something was heard");
    let transferred = place();
    speaks(&transferred).await;
    transferred.press('0');
    dialled(&transferred).await;
    let calls = [connecting, ringing, greeted, spoken_to, transferred];
    for call in &calls {
        call.hang_up();
    }
    for call in &calls {
        call.wait_for_end(BOUND).await.expect("the call ends");
    }
    server.idle().await;
    wait_for("all models are closed", || {
        model.with_log(|log| log.open_connections()) == 0
    })
    .await;
    let rows = server.rows("medspa").await;
    for row in server.calls("medspa").await {
        assert_eq!(row.status, CallStatus::Ended, "{row:?}");
        let expected = if row.carrier_call_id.as_deref() == Some(calls[4].sid().as_str()) {
            "dtmf_0"
        } else {
            "caller_hung_up"
        };
        assert_eq!(reason(&row), expected);
        let events = rows
            .list_call_events(&ListFilter::of_call(row.id))
            .await
            .expect("rows");
        let ends = events
            .iter()
            .filter(|event| event.name.as_str() == "call_ended");
        assert!(ends.count() <= 1, "{events:?}");
    }
    assert_eq!(server.reception.admission.held(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_the_call_in_progress_and_takes_no_other() {
    let (twilio, _model, server) = with_script(talkative()).await;
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    speaks(&call).await;
    let (reception, voice_url) = (server.reception.clone(), server.voice_url());
    let stopping = tokio::spawn(server.stop());
    let late = || async {
        let place =
            switchboard_sim::twilio::PlaceCall::new(&voice_url, MEDSPA, CallerScript::new());
        let late = twilio.place_call(place);
        late.wait_for_end(BOUND).await.expect("the call ends");
        !late.has(|event| matches!(event, CarrierEvent::StreamConnecting { .. }))
    };
    let refused = tokio::time::timeout(BOUND, async { while !late().await {} }).await;
    refused.expect("no call is taken once the stop has begun");
    assert_eq!(reception.live.count(), 1, "the call in progress goes on");
    let heard_ms = call.ear_ms();
    wait_for("it goes on for another second", || {
        call.ear_ms() >= heard_ms + 1_000
    })
    .await;
    assert!(!call.has(|event| matches!(event, CarrierEvent::StreamEnded { .. })));
    call.hang_up();
    call.wait_for_end(BOUND).await.expect("the call ends");
    stopping.await.expect("the server stops");
    assert_eq!((reception.live.count(), reception.admission.held()), (0, 0));
    assert_eq!(reception.journal.waiting(), 0, "everything is stored");
}

/// Panics where a carrier would be asked.
struct Panicking;

impl Transferrer for Panicking {
    fn transfer(&self, _handoff: Handoff, _answer: DriveHandle) {
        panic!("a fault of ours in the middle of a call");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r4_a_panic_in_a_calls_task_ends_that_call_by_its_guard_and_no_other() {
    let (twilio, model, server) = with_script(talkative()).await;
    let bystander = server.call(&twilio, TRADES, CallerScript::new().wait(2_500).hang_up());
    speaks(&bystander).await;

    let reception = &server.reception;
    let tenant = reception.store.installation().find_tenant("medspa").await;
    let tenant = tenant.expect("an answer").expect("the tenant").id;
    let agent = reception.agent(tenant, "medspa").await.expect("the agent");
    let (id, now) = (CallId::new(), chrono::Utc::now());
    let row = Reception::offered_row(&agent, id, Channel::Phone, now);
    reception.store_offered(tenant, row);
    let permit = reception.admit(&agent, id).await;
    let permit = permit.expect("a permit");
    let rest = TwilioRest::new(
        reqwest::Client::new(),
        twilio.base_url().parse().expect("an address"),
        twilio.account_sid().clone(),
        Secret::new(twilio.auth_token()),
        Duration::from_secs(1),
    );
    let handle = reception.start(Offer {
        agent,
        call: id,
        offered_at: now,
        leg: Leg::Twilio(Box::new(TwilioLeg::new(
            bystander.sid().clone(),
            Arc::new(rest),
        ))),
        kind: LegKind::Carrier,
        number: None,
        caller: None,
        transferrer: Arc::new(Panicking),
        permit,
        outgoing: None,
        switches: CallSwitches::default(),
    });
    wait_for("the model is opened", || {
        model.with_log(|log| log.open_connections()) == 2
    })
    .await;
    assert_eq!((reception.live.count(), reception.admission.held()), (2, 2));
    let control = Control::HandOff(HandoffReason::Asked);
    assert!(handle.send(DriveInput::Core(Input::Control(control))));
    wait_for("the guard has ended it", || reception.live.count() == 1).await;
    wait_for("its permit is back", || reception.admission.held() == 1).await;
    wait_for("its model is closed", || {
        model.with_log(|log| log.open_connections()) == 1
    })
    .await;
    let calls = server.calls("medspa").await;
    assert_eq!((calls.len(), reason(&calls[0])), (1, "process_lost"));
    assert_eq!(
        (calls[0].status, calls[0].end_class),
        (CallStatus::Ended, Some(EndClass::Us))
    );

    bystander.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    let other = server.calls("trades").await;
    assert_eq!(
        reason(&other[0]),
        "caller_hung_up",
        "the other call ended by itself"
    );
    assert!(twilio.rest_requests().is_empty());
    server.stop().await;
}

/// Rows of one transaction that keeps the only writer of SQLite for more than a second.
const LONG_TRANSACTION_ROWS: i64 = 60_000;

#[tokio::test(flavor = "multi_thread")]
async fn r1_r3_a_database_that_takes_no_writes_stalls_no_audio_and_nothing_counts_as_stored_before()
{
    let (twilio, _model, server) = with_script(talkative()).await;
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    speaks(&call).await;
    assert!(server.reception.journal.flushed(BOUND).await);

    let rows = server.rows("medspa").await;
    let id = row_of(&server, &call).await.id;
    let other = CallId::new();
    let mut row = other_call(&server).await;
    row.id = other;
    rows.offer_call(&row).await.expect("stored");
    let long: Vec<JournalWrite> = (1..=LONG_TRANSACTION_ROWS)
        .map(|seq| {
            JournalWrite::Event(CallEventWrite {
                call_id: other,
                seq,
                at: chrono::Utc::now(),
                name: Word::new("reply_started"),
                technical: serde_json::json!({}),
                private: None,
            })
        })
        .collect();
    let blocked_at_ms = call.ear_ms();
    let blocking = tokio::spawn(async move { rows.apply(&long).await });
    let journal = &server.reception.journal;
    // The key press makes an event whatever the agent is doing.
    call.press('1');
    wait_for("an event waits for the database", || journal.waiting() > 0).await;
    let is_stored = journal.flushed(Duration::from_millis(300)).await;
    assert!(
        !is_stored || blocking.is_finished(),
        "stored although the database takes nothing"
    );
    wait_for("a second passes at the ear", || {
        call.ear_ms() >= blocked_at_ms + 1_000
    })
    .await;
    blocking
        .await
        .expect("no panic")
        .expect("stored in the end");
    call.hang_up();
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    // What waited in the spool on disk counts as flushed; it lands in the database a little later.
    assert!(journal.flushed(BOUND).await);
    wait_for("everything landed", || journal.waiting() == 0).await;

    let mut samples = Vec::new();
    decode_ulaw(&call.ear(), &mut samples);
    let heard = LadderReport::of(&detect_steps(&samples));
    assert_eq!(heard.skipped_ms, 0, "{heard:?}");
    let rows = server.rows("medspa").await;
    let events = rows
        .list_call_events(&ListFilter::of_call(id))
        .await
        .expect("rows");
    let mut numbers: Vec<i64> = events.iter().map(|event| event.seq).collect();
    numbers.sort_unstable();
    let expected: Vec<i64> = (1..=i64::try_from(numbers.len()).expect("few")).collect();
    assert_eq!(numbers, expected, "every event landed, once");
    assert_eq!(reason(&row_of(&server, &call).await), "caller_hung_up");
    server.stop().await;
}

async fn other_call(server: &TestServer) -> switchboard_store::NewCall {
    let tenant = server
        .reception
        .store
        .installation()
        .find_tenant("medspa")
        .await;
    let tenant = tenant.expect("an answer").expect("the tenant").id;
    let agent = server
        .reception
        .agent(tenant, "medspa")
        .await
        .expect("the agent");
    Reception::offered_row(&agent, CallId::new(), Channel::Phone, chrono::Utc::now())
}

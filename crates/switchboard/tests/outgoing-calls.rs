//! Calls that we place, over loopback: a person books, a machine gets its message, nobody is dialled who must not be, and
//! whatever comes twice, late or out of order leaves the same rows.

#[path = "support/by_hand.rs"]
mod by_hand;
mod support;

use by_hand::{Carrier, account_sid, call_sid};
use chrono::{Datelike, Days, Duration, NaiveTime, TimeZone, Utc, Weekday};
use serde_json::json;
use support::{BOUND, MEDSPA, TestServer, carrier, model, wait_for};
use switchboard::config::Settings;
use switchboard::config::agent::CallPurpose;
use switchboard::desk::outgoing::{CallTarget, OutgoingRefusal, Wish, admit};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::caller::speech::{Voice, speak};
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use switchboard_sim::twilio::{
    Callee, CarrierEvent, EndedBy, FakeTwilio, Pickup, RestFault, Verdict, WebhookFaults,
};
use switchboard_store::{
    CallId, ConsentAnswer, ConsentId, JournalWrite, ListFilter, NewConsent, OutgoingCall,
    OutgoingState, PhoneNumber, Reachable, TenantId, Timestamp, Word,
};
use switchboard_wire::twilio::{CallSid, Form};

const AMA: &str = "+12025550142";

struct Site {
    twilio: FakeTwilio,
    model: RealtimeServer,
    server: TestServer,
    tenant: TenantId,
}

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).expect("a number")
}

/// A server whose people may be called at any hour, with one who agreed to it.
async fn site(script: RealtimeScript, adjust: impl FnOnce(&mut Settings)) -> Site {
    let twilio = carrier().await;
    let model = model(script).await;
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.outgoing.hour_from = 0;
        settings.outgoing.hour_until = 24;
        adjust(settings);
    })
    .await;
    let installation = server.reception.store.installation();
    let found = installation.find_tenant("medspa").await;
    let tenant = found.expect("an answer").expect("the tenant").id;
    let site = Site {
        twilio,
        model,
        server,
        tenant,
    };
    site.agrees(AMA, ConsentAnswer::Granted).await;
    site
}

async fn talkative(adjust: impl FnOnce(&mut Settings)) -> Site {
    site(
        RealtimeScript::default().otherwise(Reply::ladder(1_500)),
        adjust,
    )
    .await
}

fn wish(to: &str) -> Wish {
    Wish {
        id: CallId::new(),
        agent: "medspa".to_owned(),
        to: CallTarget::Number(number(to)),
        purpose: CallPurpose::Reminder,
        from: None,
        not_before: None,
        not_after: None,
        context: Some("Massage on Friday at ten.".into()),
        appointment: None,
    }
}

impl Site {
    async fn agrees(&self, to: &str, answer: ConsentAnswer) {
        let rows = self.server.rows("medspa").await;
        let contact = rows.ensure_contact_by_phone(&number(to)).await;
        let consent = NewConsent {
            id: ConsentId::new(),
            contact_id: Some(contact.expect("a contact").id),
            call_id: None,
            purpose: Word::new("outgoing_calls"),
            wording: "May we call you about your appointments?".to_owned(),
            language: "en".to_owned(),
            answer,
            answer_text: None,
            heard_ms: None,
            complete: Some(true),
            version: None,
            disclosed_at: Utc::now(),
            answered_at: Some(Utc::now()),
        };
        let stored = rows.apply(&[JournalWrite::Consent(consent)]).await;
        stored.expect("a consent");
    }

    async fn ask(&self, wish: &Wish) -> Result<CallId, OutgoingRefusal> {
        let rows = self.server.rows("medspa").await;
        let agent = self.server.reception.agent(self.tenant, &wish.agent).await;
        let agent = agent.expect("the agent").definition;
        let settings = &self.server.reception.settings;
        let new = admit(&rows, settings, &agent, wish, Utc::now()).await?;
        rows.request_outgoing_call(&new).await?;
        Ok(new.id)
    }

    /// Takes the wish as far as it goes at this moment.
    async fn advance(&self, id: CallId, now: Timestamp) -> Option<Timestamp> {
        assert!(self.server.reception.journal.flushed(BOUND).await);
        let carrier = &self.server.carrier;
        let advanced = carrier.advance_outgoing(self.tenant, id, now).await;
        advanced.expect("the database answers")
    }

    async fn wish(&self, id: CallId) -> OutgoingCall {
        let rows = self.server.rows("medspa").await;
        let wish = rows.outgoing_call(id).await.expect("an answer");
        wish.expect("the wish")
    }

    /// The call that the carrier made of the newest try.
    async fn placed(&self) -> switchboard_sim::twilio::CallHandle {
        wait_for("the carrier was asked for a call", || {
            !self.twilio.call_sids().is_empty()
        })
        .await;
        let sids = self.twilio.call_sids();
        let calls = sids.iter().filter_map(|sid| self.twilio.call(sid));
        let mut calls: Vec<_> = calls.collect();
        calls.sort_by_key(|call| call.status().is_final());
        calls.remove(0)
    }

    /// Places the call and waits for its end.
    async fn call(&self, callee: Callee) -> (CallId, switchboard_sim::twilio::CallHandle) {
        self.twilio.set_callee(AMA, callee);
        let id = self.ask(&wish(AMA)).await.expect("it may be made");
        self.advance(id, Utc::now()).await;
        let call = self.placed().await;
        call.wait_for_end(BOUND).await.expect("the call ends");
        self.server.idle().await;
        self.advance(id, Utc::now()).await;
        (id, call)
    }

    fn creations(&self) -> Vec<Form> {
        let requests = self.twilio.rest_requests().into_iter();
        requests
            .filter(|request| request.path.ends_with("/Calls.json"))
            .map(|request| request.form)
            .collect()
    }

    async fn end_of(&self, call: CallId) -> (String, String) {
        assert!(self.server.reception.journal.flushed(BOUND).await);
        let rows = self.server.rows("medspa").await;
        let call = rows.call(call).await.expect("an answer").expect("the call");
        assert_eq!(call.direction.as_str(), "outbound");
        (
            call.end_reason.expect("an end").as_str().to_owned(),
            call.end_class.expect("a class").as_str().to_owned(),
        )
    }
}

fn has_dialled_a_human(call: &switchboard_sim::twilio::CallHandle) -> bool {
    call.has(|event| matches!(event, CarrierEvent::Dialled { .. }))
}

/// Two in the afternoon of a Tuesday at least a week ahead, where the spa is.
fn tuesday_at_two() -> String {
    let zone = chrono_tz::America::New_York;
    let mut day = Utc::now().with_timezone(&zone).date_naive() + Days::new(7);
    while day.weekday() != Weekday::Tue {
        day = day + Days::new(1);
    }
    let local = day.and_time(NaiveTime::from_hms_opt(14, 0, 0).expect("a time"));
    let moment = zone.from_local_datetime(&local).earliest();
    moment.expect("a moment").to_rfc3339()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_picks_up_is_told_who_calls_and_books() {
    let wanted =
        json!({ "service": "facial", "start": tuesday_at_two(), "contact_name": "Ama Osei" });
    let script = RealtimeScript::default()
        .when(
            |moment| moment.instructions.contains("Say exactly"),
            Reply::ladder(500),
        )
        .when_tool_answers("book_appointment", Reply::call_tool("end_call", "{}"))
        .when_caller_says(
            "book",
            Reply::call_tool("book_appointment", &wanted.to_string()),
        )
        .otherwise(Reply::ladder(500))
        .caller_says("hello")
        .caller_says("please book a facial")
        .caller_says("yes please");
    let site = site(script, |_| {}).await;
    let voice = Voice::default();
    let say = async |words: &str| speak(words, &voice).await.expect("speech");
    let caller = CallerScript::new()
        .wait(600)
        .speak(say("hello").await)
        .speak_after_silence(1_200, say("please book a facial").await)
        .speak_after_silence(900, say("yes please").await)
        .wait(6_000)
        .hang_up();
    let (id, call) = site.call(Callee::human(caller)).await;

    let created = site.creations();
    assert_eq!(created.len(), 1);
    let value = |name: &str| created[0].text(name).unwrap_or_default().to_owned();
    assert_eq!(
        (value("To"), value("From")),
        (AMA.to_owned(), MEDSPA.to_owned())
    );
    assert_eq!(value("AsyncAmd"), "true");
    assert_eq!(value("MachineDetection"), "DetectMessageEnd");
    let booked = site.server.rows("medspa").await;
    let booked = booked.list_appointments(&ListFilter::default()).await;
    assert_eq!(
        booked.expect("appointments").len(),
        1,
        "{:?}",
        call.events()
    );
    assert_eq!(
        site.end_of(id).await,
        ("agent_ended".to_owned(), "success".to_owned())
    );
    let kept = site.wish(id).await;
    assert_eq!((kept.state, kept.attempts), (OutgoingState::Done, 1));
    let rows = site.server.rows("medspa").await;
    let attempts = rows.outgoing_attempts(id).await.expect("attempts");
    assert_eq!(attempts[0].answered_by, Some(Word::new("human")));
    let first = site.server.turns("medspa").await;
    let spoken = first.iter().any(|turn| turn.heard_text.is_some());
    assert!(spoken, "the disclosure was heard, so words are kept");
    assert!(!has_dialled_a_human(&call));
    let refusals = site.model.with_log(|log| log.refusals(1).len());
    assert_eq!(refusals, 0, "the model refused nothing of ours");
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voicemail_gets_the_message_behind_its_tone_and_the_call_is_a_success() {
    let site = talkative(|_| {}).await;
    let (id, call) = site.call(Callee::voicemail(4_000)).await;
    let events = call.events();
    let detected = events.iter().position(|timed| {
        let answered_by = "machine_end_beep";
        timed.event == CarrierEvent::Detected { answered_by }
    });
    let detected = detected.expect("the machine was detected");
    let after = &events[detected..];
    let heard = after
        .iter()
        .any(|timed| matches!(timed.event, CarrierEvent::MediaReceived { .. }));
    assert!(heard, "the message follows the tone: {events:?}");
    assert!(call.has(|event| {
        let by = EndedBy::Rest;
        matches!(event, CarrierEvent::Ended { by: ended_by, .. } if *ended_by == by)
    }));
    assert!(!has_dialled_a_human(&call));
    assert_eq!(
        site.end_of(id).await,
        ("message_left".to_owned(), "success".to_owned())
    );
    assert_eq!(site.wish(id).await.state, OutgoingState::Done);
    let told = site.model.with_log(|log| format!("{log:?}"));
    assert!(
        told.contains("Please call us back"),
        "the message is ours, word for word"
    );
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn m6_opt_out_missing_consent_and_night_are_refused_and_nothing_is_dialled() {
    let site = talkative(|settings| {
        settings.outgoing.hour_from = 9;
        settings.outgoing.hour_until = 20;
    })
    .await;
    let code = async |wish: &Wish| {
        let refused = site.ask(wish).await.expect_err("it is refused");
        refused.code().expect("a code of its own")
    };
    let rows = site.server.rows("medspa").await;

    assert_eq!(
        code(&wish("+12025550147")).await,
        "consent_missing",
        "nobody we know"
    );
    site.agrees("+12025550148", ConsentAnswer::Refused).await;
    assert_eq!(
        code(&wish("+12025550148")).await,
        "consent_missing",
        "who said no"
    );
    let night = Utc
        .with_ymd_and_hms(Utc::now().year() + 1, 1, 10, 8, 0, 0)
        .single()
        .expect("a night in America");
    let at_night = Wish {
        not_before: Some(night),
        not_after: Some(night + Duration::hours(2)),
        ..wish(AMA)
    };
    assert_eq!(code(&at_night).await, "outside_hours");
    let backwards = Wish {
        not_before: Some(night),
        not_after: Some(night - Duration::hours(2)),
        ..wish(AMA)
    };
    assert_eq!(code(&backwards).await, "window_empty");

    // What was agreed is asked again before it rings: an opt-out by mail stops the telephone too.
    let id = site.ask(&wish(AMA)).await.expect("it may be made");
    let contact = rows.find_contact_by_phone(&number(AMA)).await;
    let contact = contact.expect("an answer").expect("Ama").id;
    let email = "ama@example.org".into();
    let kind = switchboard_store::AddressKind::Email;
    rows.add_contact_address(contact, kind, &email)
        .await
        .expect("an address");
    let (address, source) = (Reachable::Email(email), Word::new("email"));
    let opted_out = rows.opt_out(&address, &source).await;
    assert!(opted_out.expect("stored"));
    assert_eq!(code(&wish(AMA)).await, "opted_out");
    let noon = site.wish(id).await.not_before + Duration::days(1);
    let _ = site
        .advance(
            id,
            noon.min(site.wish(id).await.not_after - Duration::seconds(1)),
        )
        .await;
    let kept = site.wish(id).await;
    assert_eq!(kept.state, OutgoingState::Refused);
    assert_eq!(kept.outcome, Some(Word::new("opted_out")));

    assert!(
        site.twilio.rest_requests().is_empty(),
        "nothing was dialled"
    );
    assert!(site.server.calls("medspa").await.is_empty());
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn m2_premium_foreign_and_emergency_numbers_are_refused_and_nothing_is_dialled() {
    let site = talkative(|_| {}).await;
    for (to, expected) in [
        ("+19005550199", "number_premium_rate"),
        ("+442079460000", "number_country_not_allowed"),
        ("+881612345678", "number_satellite"),
        ("+19115550123", "number_invalid"),
    ] {
        let refused = site.ask(&wish(to)).await.expect_err("it is refused");
        assert_eq!(refused.code(), Some(expected), "{to}");
    }
    let stranger = Wish {
        from: Some(number("+12025550188")),
        ..wish(AMA)
    };
    let refused = site.ask(&stranger).await.expect_err("it is refused");
    assert_eq!(refused.code(), Some("from_not_yours"));
    let survey = Wish {
        purpose: CallPurpose::FollowUp,
        ..wish(AMA)
    };
    let refused = site.ask(&survey).await.expect_err("it is refused");
    assert_eq!(refused.code(), Some("purpose_not_offered"));
    assert!(
        site.twilio.rest_requests().is_empty(),
        "nothing was dialled"
    );
    site.server.stop().await;
}

/// h3: status callbacks twice and last first, the verdict three times.
#[tokio::test(flavor = "multi_thread")]
async fn h3_every_webhook_twice_and_reordered_leaves_the_same_rows() {
    let site = talkative(|_| {}).await;
    let faults = WebhookFaults {
        has_status_twice: true,
        has_status_reversed: true,
        has_second_voice_request: true,
        ..WebhookFaults::default()
    };
    let verdict = Verdict {
        times: 3,
        ..Verdict::new("machine_end_beep", 2_000)
    };
    let callee = Callee::voicemail(1_000)
        .with_webhook_faults(faults)
        .detected([verdict, Verdict::new("human", 2_200)]);
    let (id, call) = site.call(callee).await;
    let differs = |event: &CarrierEvent| matches!(event, CarrierEvent::Warning { text, .. } if text.contains("answered differently"));
    assert!(!call.has(differs), "the same document twice");
    assert_eq!(
        site.end_of(id).await,
        ("message_left".to_owned(), "success".to_owned())
    );
    let rows = site.server.rows("medspa").await;
    let attempts = rows.outgoing_attempts(id).await.expect("attempts");
    assert_eq!(attempts.len(), 1);
    assert_eq!(
        attempts[0].answered_by,
        Some(Word::new("machine_recording"))
    );
    assert_eq!(attempts[0].status.as_str(), "ended");
    assert_eq!(site.server.calls("medspa").await.len(), 1);
    let events = rows.list_call_events(&ListFilter::default()).await;
    let events = events.expect("events");
    let count = |name: &str| {
        events
            .iter()
            .filter(|event| event.name.as_str() == name)
            .count()
    };
    assert_eq!((count("message_started"), count("call_ended")), (1, 1));
    assert_eq!(site.server.reception.admission.held(), 0);
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_a_typed_end_and_tries_are_bounded() {
    let site = talkative(|settings| settings.outgoing.window_h = 72).await;
    let lines = [
        (Pickup::Busy, "busy", "caller"),
        (
            Pickup::NoAnswer {
                ring_ms_max: Some(100),
            },
            "no_answer",
            "caller",
        ),
        (Pickup::Failed, "carrier_failed", "upstream"),
    ];
    let id = site.ask(&wish(AMA)).await.expect("it may be made");
    let mut now = Utc::now();
    for (position, (pickup, reason, class)) in lines.into_iter().enumerate() {
        site.twilio.set_callee(AMA, Callee::unanswered(pickup));
        site.advance(id, now).await;
        wait_for("the try is placed and over", || {
            let sids = site.twilio.call_sids();
            let over = sids.iter().filter_map(|sid| site.twilio.call(sid));
            over.filter(|call| call.has(|event| matches!(event, CarrierEvent::Ended { .. })))
                .count()
                == position + 1
        })
        .await;
        let rows = site.server.rows("medspa").await;
        let attempts = rows.outgoing_attempts(id).await.expect("attempts");
        assert_eq!(attempts.len(), position + 1);
        let expected = (reason.to_owned(), class.to_owned());
        assert_eq!(site.end_of(attempts[position].call_id).await, expected);
        site.advance(id, now).await;
        let kept = site.wish(id).await;
        assert_eq!(kept.outcome, Some(Word::parse(reason).expect("a word")));
        if position + 1 < 3 {
            assert_eq!(kept.state, OutgoingState::Waiting);
            let early = kept.not_before - Duration::seconds(1);
            assert!(site.advance(id, early).await.is_some(), "it waits");
            assert_eq!(
                site.creations().len(),
                position + 1,
                "nobody is rung before"
            );
            now = kept.not_before;
        } else {
            assert_eq!(kept.state, OutgoingState::GaveUp);
        }
    }
    site.advance(id, now + Duration::hours(3)).await;
    assert_eq!(site.creations().len(), 3, "three tries, and no fourth");
    assert_eq!(site.server.reception.admission.held(), 0);
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_carrier_ends_it_and_a_lost_answer_rings_nobody_twice() {
    let site = talkative(|_| {}).await;
    site.twilio.push_rest_faults([RestFault::Refuse {
        status: 400,
        code: 21215,
    }]);
    let refused = site.ask(&wish(AMA)).await.expect("it may be made");
    site.advance(refused, Utc::now()).await;
    site.advance(refused, Utc::now()).await;
    let kept = site.wish(refused).await;
    assert_eq!(kept.state, OutgoingState::GaveUp);
    assert_eq!(kept.outcome, Some(Word::new("carrier_refused")));
    assert_eq!(site.server.reception.admission.held(), 0);

    site.twilio.push_rest_faults([RestFault::DoneButDropped]);
    let (id, _call) = site.call(Callee::voicemail(500)).await;
    assert_eq!(
        site.end_of(id).await.0,
        "message_left",
        "the webhooks told which call it is"
    );
    site.advance(id, Utc::now() + Duration::hours(3)).await;
    assert_eq!(site.creations().len(), 2);
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_waits_for_a_permit_and_holds_it_while_it_rings() {
    let site = talkative(|settings| settings.calls.concurrent_max = 1).await;
    site.twilio.set_callee(
        AMA,
        Callee::unanswered(Pickup::NoAnswer { ring_ms_max: None }),
    );
    let (first, second) = (wish(AMA), wish(AMA));
    let first = site.ask(&first).await.expect("it may be made");
    let second = site.ask(&second).await.expect("it may be made");
    site.advance(first, Utc::now()).await;
    assert_eq!(site.server.reception.admission.held(), 1, "it rings");
    assert!(site.advance(second, Utc::now()).await.is_some());
    assert_eq!(site.creations().len(), 1, "no permit, no call");
    assert_eq!(site.wish(second).await.state, OutgoingState::Waiting);
    let by_hand = Carrier::new(
        &site.server.base,
        site.twilio.account_sid(),
        site.twilio.auth_token(),
    );
    let busy = by_hand.voice(&call_sid(), MEDSPA).await;
    assert!(
        busy.has_dial() && !busy.has_stream(),
        "a caller goes to the human meanwhile"
    );
    site.server.stop().await;
}

/// h1, h7: who may say who picked up.
#[tokio::test(flavor = "multi_thread")]
async fn h1_a_verdict_needs_the_signature_of_the_calling_numbers_account() {
    let site = talkative(|_| {}).await;
    site.twilio
        .set_callee(AMA, Callee::human(CallerScript::new()).detected([]));
    let id = site.ask(&wish(AMA)).await.expect("it may be made");
    site.advance(id, Utc::now()).await;
    let call = site.placed().await;
    let speaks = |event: &CarrierEvent| matches!(event, CarrierEvent::MediaReceived { .. });
    call.wait_for(BOUND, speaks)
        .await
        .expect("the agent speaks");

    let honest = Carrier::new(
        &site.server.base,
        site.twilio.account_sid(),
        site.twilio.auth_token(),
    );
    let form = |sid: &CallSid, account: &str| {
        Form::from_iter([
            ("CallSid", sid.as_str()),
            ("AccountSid", account),
            ("AnsweredBy", "machine_end_beep"),
            ("MachineDetectionDuration", "2000"),
        ])
    };
    let account = honest.account_sid.to_string();
    let known = format!("/twilio/amd?t={}&c={id}", site.tenant);
    let unknown = format!("/twilio/amd?t={}&c={}", site.tenant, CallId::new());
    let foreign = format!("/twilio/amd?t={}&c={id}", TenantId::new());
    let own = form(call.sid(), &account);
    for path in [&known, &unknown, &foreign, &"/twilio/amd".to_owned()] {
        let unsigned = honest.post_signed(path, &own, None).await;
        assert_eq!(unsigned.status, 403, "{path}");
        let stranger = honest.account(&account_sid(), "0123456789abcdef0123456789abcdef");
        let other = form(call.sid(), stranger.account_sid.as_str());
        assert_eq!(stranger.post(path, &other).await.status, 403, "{path}");
    }
    // Signed, but of a call that is not this one, or of none that we placed: taken, and changes nothing.
    for (path, sid) in [(&known, call_sid()), (&unknown, call.sid().clone())] {
        let answer = honest.post(path, &form(&sid, &account)).await;
        assert_eq!(answer.status, 204, "{path}");
    }
    let rows = site.server.rows("medspa").await;
    let attempts = rows.outgoing_attempts(id).await.expect("attempts");
    assert_eq!(attempts[0].answered_by, None);
    // The real one, late: the agent speaks already.
    let answer = honest.post(&known, &own).await;
    assert_eq!(answer.status, 204);
    call.wait_for_end(BOUND).await.expect("the call ends");
    site.server.idle().await;
    assert_eq!(site.end_of(id).await.0, "message_left");
    site.server.stop().await;
}

/// The whole way: an API client asks, a job dials, the carrier's word comes back. Nothing here steers it.
#[tokio::test(flavor = "multi_thread")]
async fn t6_a_call_asked_for_over_the_api_is_dialled_once_however_often_it_is_asked_for() {
    let site = talkative(|_| {}).await;
    site.twilio.set_callee(AMA, Callee::voicemail(500));
    let rows = site.server.rows("medspa").await;
    let key = rows.create_api_key("crm").await.expect("a key").key;
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let url = format!("{}/api/v1/calls", site.server.base);
    let ask = async |body: serde_json::Value, key: &str| {
        let request = client.post(&url).bearer_auth(key).json(&body);
        let request = request.header("Idempotency-Key", "appointment-1");
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        (
            status,
            response.json::<serde_json::Value>().await.expect("JSON"),
        )
    };
    let body = json!({ "agent": "medspa", "to": AMA, "purpose": "reminder" });
    assert_eq!(
        ask(body.clone(), "sk_sb_0000000000000000000000").await.0,
        401
    );
    let (status, first) = ask(body.clone(), key.expose()).await;
    assert_eq!(status, 202, "{first}");
    let (status, again) = ask(body, key.expose()).await;
    assert_eq!((status, &again), (202, &first), "the same call");
    let id: CallId = first["id"].as_str().expect("an id").parse().expect("an id");

    let call = site.placed().await;
    call.wait_for_end(BOUND).await.expect("the call ends");
    site.server.idle().await;
    assert_eq!(site.end_of(id).await.0, "message_left");
    assert_eq!(site.creations().len(), 1, "one call");
    let shown = client
        .get(format!("{url}/{id}"))
        .bearer_auth(key.expose())
        .send();
    let shown: serde_json::Value = shown.await.expect("an answer").json().await.expect("JSON");
    assert_eq!(shown["end_reason"], "message_left");
    assert_eq!(shown["outgoing"]["purpose"], "reminder");
    assert_eq!(
        shown["outgoing"]["tries"][0]["answered_by"],
        "machine_recording"
    );

    let refused = json!({ "agent": "medspa", "to": "911", "purpose": "reminder" });
    let request = client.post(&url).bearer_auth(key.expose()).json(&refused);
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 422);
    let problem: serde_json::Value = response.json().await.expect("a problem");
    assert_eq!(problem["code"], "number_emergency");
    site.server.stop().await;
}

//! The fake carrier's verbs, people, webhooks and REST API.

use crate::support::*;
use std::time::Duration;
use switchboard_media::tone;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::twilio::*;
use switchboard_wire::twilio::requests::{DialEnded, StatusRequest, VoiceRequest};
use switchboard_wire::twilio::status::DialStatus;
use switchboard_wire::twilio::{CallSid, CallStatus};

const CONNECT: &str = "<Connect><Stream url=\"ws://HOST/stream\"/></Connect><Say>fallback</Say>";
const HUMAN: &str = "+12025550199";

/// An application whose streams only listen.
async fn app(twilio: &FakeTwilio, documents: &[(&str, &str)]) -> App {
    App::start(twilio, documents, |mut stream| async move {
        stream.start().await;
        stream.drain().await;
    })
    .await
}

fn place(app: &App, caller: CallerScript) -> PlaceCall {
    PlaceCall::new(app.url("/voice"), "+12025550104", caller)
}

fn said(call: &CallHandle, expected: &str) -> bool {
    call.has(|event| matches!(event, CarrierEvent::Said { text } if text == expected))
}

fn dial_end(call: &CallHandle) -> Option<(DialStatus, bool)> {
    call.events()
        .into_iter()
        .find_map(|timed| match timed.event {
            CarrierEvent::DialEnded { status, is_bridged } => Some((status, is_bridged)),
            _ => None,
        })
}

fn ended_by(call: &CallHandle) -> EndedBy {
    match call.events().last().map(|timed| timed.event.clone()) {
        Some(CarrierEvent::Ended { by, .. }) => by,
        other => panic!("the last event is the end, not {other:?}"),
    }
}

async fn streaming(twilio: &FakeTwilio, app: &App) -> CallHandle {
    let call = twilio.place_call(place(app, CallerScript::new()));
    let is_started = |event: &CarrierEvent| matches!(event, CarrierEvent::StreamStarted { .. });
    call.wait_for(BOUND, is_started).await.expect("a stream");
    call
}

#[tokio::test]
async fn a_voice_request_is_what_our_types_expect() {
    let twilio = twilio().await;
    let app = app(&twilio, &[("/voice", "<Hangup/>")]).await;
    let mut place = place(&app, CallerScript::new());
    place.forwarded_from = Some(HUMAN.to_owned());
    place.extra_parameters = vec![("Brand New".to_owned(), "ü & =".to_owned())];
    let call = run(&twilio, place).await;
    let hooks = app.hooks();
    assert!(hooks[0].is_signed);
    let request = VoiceRequest::from_form(&hooks[0].form).expect("a voice request");
    assert_eq!(&request.call_sid, call.sid());
    assert_eq!(request.status, CallStatus::Ringing);
    assert_eq!(
        request
            .forwarded_from
            .map(|from| from.into_inner())
            .as_deref(),
        Some(HUMAN)
    );
    assert_eq!(hooks[0].form.value("FromCity"), Some(""));
}

#[tokio::test]
async fn a_transfer_by_rest_ends_the_stream_and_joins_a_human() {
    let twilio = twilio().await;
    let action = "<Say>goodbye</Say>";
    let app = app(&twilio, &[("/voice", CONNECT), ("/dial-ended", action)]).await;
    let call = streaming(&twilio, &app).await;
    let xml = format!(
        "<Response><Dial action=\"{}\"><Number>{HUMAN}</Number></Dial><Say>unheard</Say></Response>",
        app.url("/dial-ended")
    );
    let (status, body) = rest(
        &twilio,
        &format!("Calls/{}.json", call.sid()),
        &[("Twiml", &xml)],
    )
    .await;
    assert_eq!(
        (status, body["status"].as_str()),
        (200, Some("in-progress"))
    );
    call.wait_for_end(BOUND).await.expect("the human hangs up");

    let has_end = call.has(|event| {
        matches!(
            event,
            CarrierEvent::StreamEnded {
                end: StreamEnd::Redirected
            }
        )
    });
    assert!(has_end);
    assert_eq!(dial_end(&call), Some((DialStatus::Completed, true)));
    let hooks = app.hooks_at("/dial-ended");
    let ended = DialEnded::from_form(&hooks[0].form).expect("a dial's end");
    assert!(ended.is_human_reached() && hooks[0].is_signed);
    assert!(said(&call, "goodbye"));
    assert!(!said(&call, "unheard") && !said(&call, "fallback"));
    let sound = stretches_of_sound(&call.ear());
    assert!(call.human_ear().len() >= 8_000, "the human heard the line");
    let is_hello = |(begin, end): &(u64, u64)| end - begin >= 1_000;
    assert!(
        sound.iter().any(is_hello),
        "the caller heard the human: {sound:?}"
    );
}

#[tokio::test]
async fn unreached_humans_are_reported_as_they_are() {
    let twilio = twilio().await;
    let document = format!("<Dial timeout=\"1\">{HUMAN}</Dial><Say>leave a message</Say>");
    let app = app(&twilio, &[("/voice", &document)]).await;
    let cases = [
        (HumanLine::Busy, DialStatus::Busy),
        (HumanLine::Failed, DialStatus::Failed),
        (
            HumanLine::NoAnswer {
                ring_ms_max: Some(100),
            },
            DialStatus::NoAnswer,
        ),
        (
            HumanLine::Answers {
                ring_ms: 1_500,
                speech: HumanSpeech::new(CallerScript::new()),
            },
            DialStatus::NoAnswer,
        ),
    ];
    for (line, status) in cases {
        twilio.set_human(HUMAN, line);
        let call = run(&twilio, place(&app, CallerScript::new())).await;
        assert_eq!(dial_end(&call), Some((status, false)));
        assert!(
            said(&call, "leave a message"),
            "without action the next verb runs"
        );
    }
}

#[tokio::test]
async fn the_first_of_several_humans_wins() {
    let twilio = twilio().await;
    let document = "<Dial><Number>+1</Number><Number>+2</Number><Sip>sip:a@b</Sip></Dial>";
    let app = app(&twilio, &[("/voice", document)]).await;
    twilio.set_human("+1", HumanLine::Busy);
    let speech = HumanSpeech::new(CallerScript::new().hang_up());
    twilio.set_human(
        "+2",
        HumanLine::Answers {
            ring_ms: 100,
            speech,
        },
    );
    let call = run(&twilio, place(&app, CallerScript::new())).await;
    assert!(
        call.has(|event| matches!(event, CarrierEvent::HumanAnswered { number } if number == "+2"))
    );
}

#[tokio::test]
async fn a_caller_who_hangs_up_on_a_human_still_ends_the_dial() {
    let twilio = twilio().await;
    let document = format!("<Dial action=\"/dial-ended\">{HUMAN}</Dial>");
    let app = app(&twilio, &[("/voice", &document)]).await;
    let speech = HumanSpeech::new(CallerScript::new());
    twilio.set_human(
        HUMAN,
        HumanLine::Answers {
            ring_ms: 40,
            speech,
        },
    );
    let call = run(
        &twilio,
        place(&app, CallerScript::new().wait(300).hang_up()),
    )
    .await;
    assert_eq!(ended_by(&call), EndedBy::Caller);
    let hooks = app.hooks_at("/dial-ended");
    assert_eq!(hooks.len(), 1);
    assert_eq!(hooks[0].form.value("CallStatus"), Some("completed"));
}

#[tokio::test]
async fn rest_hang_up_says_stop_and_reports_completed() {
    let twilio = twilio().await;
    let app = app(&twilio, &[("/voice", CONNECT)]).await;
    let mut place = place(&app, CallerScript::new());
    place.status_callback = Some(app.url("/status"));
    place.status_events = vec!["initiated", "ringing", "answered", "completed"];
    let call = twilio.place_call(place);
    let is_started = |event: &CarrierEvent| matches!(event, CarrierEvent::StreamStarted { .. });
    call.wait_for(BOUND, is_started).await.expect("a stream");
    let path = format!("Calls/{}.json", call.sid());
    let (status, _) = rest(&twilio, &path, &[("Status", "completed")]).await;
    assert_eq!(status, 200);
    call.wait_for_end(BOUND).await.expect("an end");
    assert_eq!(ended_by(&call), EndedBy::Rest);
    assert!(!said(&call, "fallback"), "a hang-up is no surprise dial");

    let status: Vec<_> = app.hooks_at("/status");
    let read = |hook: &Hook| StatusRequest::from_form(&hook.form).expect("a status request");
    let mut status: Vec<_> = status.iter().map(read).collect();
    status.sort_by_key(|status| status.sequence_number);
    let words: Vec<_> = status.iter().map(|status| status.status).collect();
    assert_eq!(
        words,
        [
            CallStatus::Ringing,
            CallStatus::InProgress,
            CallStatus::Completed
        ]
    );
    assert!(status[2].duration_s.is_some());

    let (status, error) = rest(&twilio, &path, &[("Status", "completed")]).await;
    assert_eq!((status, error["code"].as_u64()), (400, Some(21220)));
}

#[tokio::test]
async fn rest_refuses_what_twilio_refuses() {
    let twilio = twilio().await;
    let app = app(&twilio, &[("/voice", CONNECT)]).await;
    let call = streaming(&twilio, &app).await;
    let path = format!("Calls/{}.json", call.sid());
    let long = format!("<Response><Say>{}</Say></Response>", "x".repeat(4_000));
    type Parameters<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, Parameters<'_>, u16, u64); 7] = [
        (
            &path,
            &[("Url", "http://x/"), ("Twiml", "<Response/>")],
            400,
            20001,
        ),
        (&path, &[("Twiml", &long)], 400, 21218),
        (&path, &[("Status", "finished")], 400, 20001),
        (&path, &[("Status", "canceled")], 400, 21220),
        (&path, &[], 400, 20001),
        (
            "Calls/CA00000000000000000000000000000000.json",
            &[("Status", "completed")],
            404,
            20404,
        ),
        ("Calls.json", &[("To", "+1")], 400, 21213),
    ];
    for (path, form, status, code) in cases {
        let (got, error) = rest(&twilio, path, form).await;
        assert_eq!(
            (got, error["code"].as_u64()),
            (status, Some(code)),
            "{form:?}"
        );
    }
    let wrong = reqwest::Client::new()
        .post(format!(
            "{}/2010-04-01/Accounts/{}/{path}",
            twilio.base_url(),
            twilio.account_sid()
        ))
        .basic_auth(twilio.account_sid(), Some("wrong"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(wrong.status(), 401);
    assert_eq!(
        call.status(),
        CallStatus::InProgress,
        "no refused request touched the call"
    );
    assert_eq!(twilio.rest_requests().len(), 8);
}

#[tokio::test]
async fn rest_fails_by_script() {
    let twilio = twilio().await;
    let app = app(&twilio, &[("/voice", CONNECT)]).await;
    let call = streaming(&twilio, &app).await;
    let path = format!("Calls/{}.json", call.sid());
    twilio.push_rest_faults([
        RestFault::too_many_requests(),
        RestFault::server_error(),
        RestFault::Delay { ms: 50 },
    ]);
    for expected in [429, 503, 200] {
        let (status, _) = rest(&twilio, &path, &[("TimeLimit", "3600")]).await;
        assert_eq!(status, expected);
    }
    twilio.push_rest_faults([RestFault::DoneButDropped]);
    let url = format!(
        "{}/2010-04-01/Accounts/{}/{path}",
        twilio.base_url(),
        twilio.account_sid()
    );
    let request = reqwest::Client::new()
        .post(url)
        .basic_auth(twilio.account_sid(), Some(twilio.auth_token()));
    let dropped = request.body("Status=completed").send().await;
    assert!(dropped.is_err());
    call.wait_for_end(BOUND)
        .await
        .expect("it was done all the same");
}

#[tokio::test]
async fn an_outgoing_call_asks_for_its_document_when_answered() {
    let twilio = twilio().await;
    let app = app(&twilio, &[("/voice", "<Say>hello</Say>")]).await;
    let voice = app.url("/voice");
    let status_url = app.url("/status");
    let amd = app.url("/amd");
    let form = [
        ("To", "+12025550142"),
        ("From", "+12025550104"),
        ("Url", voice.as_str()),
        ("StatusCallback", status_url.as_str()),
        ("StatusCallbackEvent", "initiated"),
        ("StatusCallbackEvent", "completed"),
        ("MachineDetection", "Enable"),
        ("AsyncAmd", "true"),
        ("AsyncAmdStatusCallback", amd.as_str()),
    ];
    let (status, body) = rest(&twilio, "Calls.json", &form).await;
    assert_eq!(status, 201);
    let sid = CallSid::parse(body["sid"].as_str().expect("a sid")).expect("a call");
    let call = twilio.call(&sid).expect("listed");
    call.wait_for_end(BOUND).await.expect("an end");
    let request =
        VoiceRequest::from_form(&app.hooks_at("/voice")[0].form).expect("a voice request");
    assert_eq!(request.status, CallStatus::InProgress);
    assert!(said(&call, "hello"));
    assert_eq!(app.hooks_at("/status").len(), 2);
}

#[tokio::test]
async fn gather_takes_keys_before_a_stream() {
    let twilio = twilio().await;
    let document = "<Gather numDigits=\"1\" timeout=\"1\" action=\"/keys\"><Say>press 0 for a person, now or whenever you like</Say></Gather><Say>no key</Say>";
    let app = app(&twilio, &[("/voice", document), ("/keys", "<Hangup/>")]).await;
    let call = run(
        &twilio,
        place(&app, CallerScript::new().wait(100).press('0')),
    )
    .await;
    assert_eq!(app.hooks_at("/keys")[0].form.value("Digits"), Some("0"));
    assert!(!said(&call, "no key"));
    assert!(
        call.ear_ms() < 400,
        "the key cut the prompt short: {}",
        call.ear_ms()
    );

    let call = run(&twilio, place(&app, CallerScript::new())).await;
    assert!(said(&call, "no key"));
    assert_eq!(app.hooks_at("/keys").len(), 1, "no input, no request");
}

#[tokio::test]
async fn record_keeps_a_message_and_asks_nobody_about_silence() {
    let twilio = twilio().await;
    let document =
        "<Record timeout=\"1\" maxLength=\"5\" action=\"/recorded\"/><Say>no message</Say>";
    let app = app(&twilio, &[("/voice", document), ("/recorded", "<Hangup/>")]).await;
    let words = tone::sine(8_000, 500.0, 400, 0.4);
    let call = run(
        &twilio,
        place(&app, CallerScript::new().wait(600).speak(words)),
    )
    .await;
    let hook = &app.hooks_at("/recorded")[0];
    assert!(hook.form.text("RecordingUrl").is_some());
    assert_eq!(hook.form.value("RecordingDuration"), Some("2"));
    assert_eq!(
        stretches_of_sound(&call.recorded())[0].1 - stretches_of_sound(&call.recorded())[0].0,
        400
    );

    let call = run(&twilio, place(&app, CallerScript::new())).await;
    assert!(said(&call, "no message"));
    assert_eq!(app.hooks_at("/recorded").len(), 1);
}

#[tokio::test]
async fn redirect_reject_and_pause_do_what_they_say() {
    let twilio = twilio().await;
    let documents = [
        (
            "/voice",
            "<Pause length=\"1\"/><Redirect>second</Redirect><Say>unheard</Say>",
        ),
        ("/second", "<Say>second</Say>"),
        ("/busy", "<Reject reason=\"busy\"/>"),
        ("/loop", "<Redirect>/loop</Redirect>"),
    ];
    let app = app(&twilio, &documents).await;
    let call = run(&twilio, place(&app, CallerScript::new())).await;
    assert!(said(&call, "second") && !said(&call, "unheard"));
    assert!(call.ear_ms() >= 1_000);

    let call = run(
        &twilio,
        PlaceCall::new(app.url("/busy"), "+1", CallerScript::new()),
    )
    .await;
    assert_eq!(call.status(), CallStatus::Busy);
    assert!(
        !call.has(|event| matches!(event, CarrierEvent::Answered)),
        "rejected calls are never answered"
    );

    let call = run(
        &twilio,
        PlaceCall::new(app.url("/loop"), "+1", CallerScript::new()),
    )
    .await;
    assert_eq!(ended_by(&call), EndedBy::Error);
}

#[tokio::test]
async fn a_broken_application_is_replaced_by_the_fallback_or_an_apology() {
    let twilio = twilio().await;
    let documents = [
        ("/fallback", "<Say>static</Say>"),
        ("/wrong", "<Speak>x</Speak>"),
    ];
    let app = app(&twilio, &documents).await;
    let call = run(&twilio, place(&app, CallerScript::new())).await;
    assert_eq!(ended_by(&call), EndedBy::Error);
    assert!(call.has(
        |event| matches!(event, CarrierEvent::Said { text } if text.contains("application error"))
    ));

    let mut with_fallback = place(&app, CallerScript::new());
    with_fallback.voice_fallback_url = Some(app.url("/fallback"));
    let call = run(&twilio, with_fallback).await;
    assert!(said(&call, "static"));
    assert_eq!(
        app.hooks_at("/fallback")[0].form.value("ErrorCode"),
        Some("11200")
    );

    let call = run(
        &twilio,
        PlaceCall::new(app.url("/wrong"), "+1", CallerScript::new()),
    )
    .await;
    assert_eq!(warnings(&call), [12200]);
    assert_eq!(ended_by(&call), EndedBy::Error);
}

#[tokio::test]
async fn webhooks_may_come_twice_and_backwards() {
    let twilio = twilio().await;
    let app = app(&twilio, &[("/voice", "<Say>hi</Say>")]).await;
    let mut place = place(&app, CallerScript::new());
    place.status_callback = Some(app.url("/status"));
    place.status_events = vec!["ringing", "answered", "completed"];
    place.webhook_faults = WebhookFaults {
        has_second_voice_request: true,
        has_status_reversed: true,
        ..WebhookFaults::default()
    };
    run(&twilio, place).await;
    let voice = app.hooks_at("/voice");
    assert_eq!(voice.len(), 2);
    assert_eq!(voice[0].form, voice[1].form);
    let numbers: Vec<_> = app
        .hooks_at("/status")
        .iter()
        .map(|hook| hook.form.value("SequenceNumber").map(str::to_owned))
        .collect();
    assert_eq!(
        numbers,
        [
            Some("2".to_owned()),
            Some("1".to_owned()),
            Some("0".to_owned())
        ]
    );
}

#[tokio::test]
async fn a_caller_may_hang_up_while_it_still_rings() {
    let twilio = twilio().await;
    // Accepts connections and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let url = format!("http://{}/voice", listener.local_addr().expect("bound"));
    let call = twilio.place_call(PlaceCall::new(url, "+1", CallerScript::new()));
    let is_sent = |event: &CarrierEvent| matches!(event, CarrierEvent::WebhookSent { .. });
    call.wait_for(BOUND, is_sent).await.expect("a webhook");
    call.hang_up();
    call.wait_for_end(Duration::from_secs(2))
        .await
        .expect("an end without an answer");
    assert_eq!(call.status(), CallStatus::Canceled);
    assert!(call.ear().is_empty());
}

#[tokio::test]
async fn a_human_may_not_be_shown_a_foreign_number() {
    let twilio = twilio().await;
    let document =
        format!("<Dial callerId=\"+15550000000\">{HUMAN}</Dial><Say>leave a message</Say>");
    let app = app(&twilio, &[("/voice", &document)]).await;
    let call = run(&twilio, place(&app, CallerScript::new())).await;
    assert_eq!(warnings(&call), [13214]);
    assert_eq!(dial_end(&call), Some((DialStatus::Failed, false)));
    assert!(!call.has(|event| matches!(event, CarrierEvent::Dialled { .. })));
    assert!(said(&call, "leave a message"));
}

#[tokio::test]
async fn a_time_limit_ends_the_call_and_a_url_redirects_it() {
    let twilio = twilio().await;
    let app = app(
        &twilio,
        &[("/voice", CONNECT), ("/next", "<Pause length=\"20\"/>")],
    )
    .await;
    let call = streaming(&twilio, &app).await;
    let path = format!("Calls/{}.json", call.sid());
    let (status, _) = rest(&twilio, &path, &[("TimeLimit", "1")]).await;
    assert_eq!(status, 200);
    let (status, _) = rest(&twilio, &path, &[("Url", &app.url("/next"))]).await;
    assert_eq!(status, 200);
    call.wait_for_end(BOUND).await.expect("the limit");
    assert_eq!(ended_by(&call), EndedBy::TimeLimit);
    assert_eq!(app.hooks_at("/next").len(), 1);
    assert!(!said(&call, "fallback"));
}

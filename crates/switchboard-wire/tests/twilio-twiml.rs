//! TwiML writing and the REST bodies.

use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;
use switchboard_wire::private::Private;
use switchboard_wire::twilio::rest::*;
use switchboard_wire::twilio::twiml::*;
use switchboard_wire::twilio::{AccountSid, CallSid, CallStatus};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

fn stream() -> Stream {
    Stream::new("wss://voice.example/twilio/stream").with_parameter("t", "s3cret")
}

fn xml(verbs: Vec<Verb>) -> Result<String, TwimlError> {
    Document::new(verbs).to_xml()
}

#[test]
fn the_document_for_our_death_is_written_without_action() {
    let written = xml(vec![
        Verb::Connect(Connect::stream(stream())),
        Verb::Say(
            Say::new("One moment.")
                .with_voice("Polly.Joanna")
                .with_language("en-US"),
        ),
        Verb::Dial(Dial {
            timeout_s: Some(20),
            ..Dial::number("+12025550199")
        }),
        Verb::Record(Record {
            length_s_max: Some(120),
            play_beep: Some(true),
            ..Record::default()
        }),
    ]);
    let expected = format!(
        "{HEAD}<Response>\
         <Connect><Stream url=\"wss://voice.example/twilio/stream\"><Parameter name=\"t\" value=\"s3cret\"/></Stream></Connect>\
         <Say voice=\"Polly.Joanna\" language=\"en-US\">One moment.</Say>\
         <Dial timeout=\"20\"><Number>+12025550199</Number></Dial>\
         <Record maxLength=\"120\" playBeep=\"true\"/>\
         </Response>"
    );
    assert_eq!(written.as_deref(), Ok(expected.as_str()));
}

#[test]
fn the_other_verbs_are_written_as_documented() {
    let gather = Gather {
        action: Some("https://voice.example/g?a=1&b=2".to_owned()),
        timeout_s: Some(1),
        digits_max: Some(1),
        finish_on_key: Some(String::new()),
        prompts: vec![Prompt::Say(Say::new("Press 0"))],
        ..Gather::default()
    };
    let dial = Dial {
        action: Some("/twilio/dial-ended".to_owned()),
        caller_id: Some("+12025550103".to_owned()),
        answer_on_bridge: Some(true),
        targets: vec![DialTarget::Client {
            identity: "front".to_owned(),
        }],
        ..Dial::default()
    };
    let written = xml(vec![
        Verb::Gather(gather),
        Verb::Pause { length_s: 2 },
        Verb::Dial(dial),
        Verb::Redirect {
            url: "/twilio/voice".to_owned(),
        },
        Verb::Hangup,
    ]);
    let expected = format!(
        "{HEAD}<Response>\
         <Gather input=\"dtmf\" action=\"https://voice.example/g?a=1&amp;b=2\" timeout=\"1\" finishOnKey=\"\" numDigits=\"1\"><Say>Press 0</Say></Gather>\
         <Pause length=\"2\"/>\
         <Dial action=\"/twilio/dial-ended\" callerId=\"+12025550103\" answerOnBridge=\"true\"><Client>front</Client></Dial>\
         <Redirect>/twilio/voice</Redirect><Hangup/></Response>"
    );
    assert_eq!(written.as_deref(), Ok(expected.as_str()));
    let empty = format!("{HEAD}<Response/>");
    assert_eq!(xml(vec![]).as_deref(), Ok(empty.as_str()));
}

#[test]
fn lines_that_are_screened_and_queues_are_written_as_documented() {
    let screening = Screening {
        whisper_url: Some("https://voice.example/w?a=1&b=2".to_owned()),
        status_callback: Some("https://voice.example/s".to_owned()),
        machine_callback: Some("https://voice.example/m".to_owned()),
    };
    let dial = Dial {
        targets: vec![
            DialTarget::Number {
                number: "+12025550199".to_owned(),
                screening: screening.clone(),
            },
            DialTarget::Sip {
                uri: "sip:desk@pbx.example;transport=tls".to_owned(),
                username: None,
                password: None,
                screening: Screening {
                    whisper_url: None,
                    machine_callback: None,
                    ..screening
                },
            },
        ],
        ..Dial::default()
    };
    let enqueue = Enqueue {
        queue: "support".to_owned(),
        action: Some("/twilio/dial-ended?n=1&p=support".to_owned()),
        wait_url: Some("/twilio/queue-wait".to_owned()),
    };
    let written = xml(vec![Verb::Dial(dial), Verb::Enqueue(enqueue), Verb::Leave]);
    let expected = format!(
        "{HEAD}<Response><Dial>\
         <Number url=\"https://voice.example/w?a=1&amp;b=2\" statusCallback=\"https://voice.example/s\" \
         statusCallbackEvent=\"answered completed\" machineDetection=\"Enable\" \
         amdStatusCallback=\"https://voice.example/m\">+12025550199</Number>\
         <Sip statusCallback=\"https://voice.example/s\" statusCallbackEvent=\"answered completed\">sip:desk@pbx.example;transport=tls</Sip>\
         </Dial>\
         <Enqueue action=\"/twilio/dial-ended?n=1&amp;p=support\" waitUrl=\"/twilio/queue-wait\">support</Enqueue>\
         <Leave/></Response>"
    );
    assert_eq!(written.as_deref(), Ok(expected.as_str()));
}

#[test]
fn what_twilio_would_refuse_is_not_written() {
    use TwimlError as E;
    let connect = |stream| vec![Verb::Connect(Connect::stream(stream))];
    let cases = [
        (
            connect(Stream::new("wss://h/stream?callSid=1")),
            E::StreamUrlQuery,
        ),
        (connect(Stream::new("https://h/stream")), E::StreamUrlScheme),
        (
            connect(Stream::new("ws://h.example/stream")),
            E::StreamUrlScheme,
        ),
        (
            connect(Stream::new("ws://127.0.0.1.evil.example/stream")),
            E::StreamUrlScheme,
        ),
        (
            connect(stream().with_parameter("long", "x".repeat(496))),
            E::ParameterTooLong,
        ),
        (vec![Verb::Say(Say::new("x".repeat(4097)))], E::SayTooLong),
        (vec![Verb::Dial(Dial::default())], E::DialTargets),
        (
            vec![
                Verb::Hangup,
                Verb::Reject {
                    reason: RejectReason::Busy,
                },
            ],
            E::RejectNotFirst,
        ),
    ];
    for (verbs, error) in cases {
        assert_eq!(xml(verbs), Err(error));
    }
    for url in [
        "ws://127.0.0.1:8080/stream",
        "ws://[::1]:1/s",
        "ws://localhost/s",
    ] {
        assert!(xml(connect(Stream::new(url))).is_ok(), "{url}");
    }
}

#[test]
fn rest_takes_four_thousand_characters_and_no_more() {
    let document = |length: usize| Document::new(vec![Verb::Say(Say::new("é".repeat(length)))]);
    let overhead = document(1).to_xml().expect("valid").chars().count() - 1;
    assert!(
        document(REST_CHARACTERS_MAX - overhead)
            .to_rest_xml()
            .is_ok()
    );
    let too_long = document(REST_CHARACTERS_MAX - overhead + 1).to_rest_xml();
    assert_eq!(
        too_long,
        Err(TwimlError::TooLongForRest { characters: 4001 })
    );
}

#[test]
fn rest_forms_spell_parameters_as_the_sdk_does() {
    let create = CreateCall {
        to: Private::from("+12025550142"),
        from: Private::from("+12025550103"),
        instructions: Instructions::Url("https://voice.example/twilio/voice".to_owned()),
        status_callback: Some("https://voice.example/twilio/status".to_owned()),
        timeout_s: Some(20),
        time_limit_s: None,
        amd_callback: Some("https://voice.example/twilio/amd".to_owned()),
    };
    assert!(!format!("{create:?}").contains("2025550"));
    let form = create.to_form().expect("a valid document");
    let names: Vec<_> = form
        .parameters()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let events = ["StatusCallbackEvent"; 4];
    let expected = [
        &["To", "From", "Url", "StatusCallback"][..],
        &events,
        &[
            "Timeout",
            "MachineDetection",
            "AsyncAmd",
            "AsyncAmdStatusCallback",
        ],
    ]
    .concat();
    assert_eq!(names, expected);

    let hang_up = UpdateCall::HangUp.to_form().expect("no document");
    assert_eq!(hang_up.encode(), "Status=completed");
    let transfer =
        UpdateCall::Instructions(Instructions::Document(Document::new(vec![Verb::Hangup])));
    let transfer = transfer.to_form().expect("a valid document");
    assert_eq!(
        transfer.value("Twiml"),
        Some(format!("{HEAD}<Response><Hangup/></Response>").as_str())
    );
}

#[test]
fn rest_answers_are_read_and_refusals_classified() {
    let account = AccountSid::from_entropy([1; 16]);
    let call = CallSid::from_entropy([2; 16]);
    assert_eq!(
        call_path(&account, &call),
        format!(
            "/2010-04-01/Accounts/AC{}/Calls/CA{}.json",
            "01".repeat(16),
            "02".repeat(16)
        )
    );
    let body = format!(r#"{{"sid":"{call}","status":"in-progress","price":null,"new_field":1}}"#);
    let resource: CallResource = serde_json::from_str(&body).expect("a call");
    assert_eq!(resource.status, CallStatus::InProgress);

    let refusal = |code: u32, status: u16| {
        let body = format!(
            r#"{{"code":{code},"message":"+12025550142","more_info":"https://x","status":{status}}}"#
        );
        RestError::from_body(status, body.as_bytes())
    };
    assert!(refusal(20404, 404).is_gone());
    assert!(refusal(21220, 400).is_wrong_state());
    assert!(refusal(20429, 429).is_worth_retrying());
    assert!(!refusal(20003, 401).is_worth_retrying());
    assert!(RestError::from_body(502, b"<html>").is_worth_retrying());
    let printed = format!("{:?} {}", refusal(20003, 401), refusal(20003, 401));
    assert!(!printed.contains("2025550"));
}

/// Reads a document back: the text of the first `Say` and the value of the first `Parameter`.
fn read_back(xml: &str) -> (String, String) {
    let mut reader = Reader::from_str(xml);
    let (mut text, mut value, mut is_say) = (String::new(), String::new(), false);
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Eof => return (text, value),
            Event::Start(start) => is_say = start.name().as_ref() == "Say",
            Event::End(_) => is_say = false,
            Event::Empty(element) if element.name().as_ref() == "Parameter" => {
                let attribute = element
                    .try_get_attribute("value")
                    .expect("attributes")
                    .expect("a value");
                let raw = attribute.value.clone();
                value = quick_xml::escape::unescape(&raw)
                    .expect("escapes")
                    .into_owned();
            }
            Event::Text(piece) if is_say => text.push_str(&piece),
            Event::GeneralRef(reference) if is_say => {
                let entity = format!("&{};", &*reference);
                text.push_str(&quick_xml::escape::unescape(&entity).expect("a known entity"));
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn h8_any_text_stays_text(text in "[<>&\"'a-z\\PC]{1,60}", value in "[<>&\"'\\]a-z]{0,60}") {
        let written = xml(vec![
            Verb::Say(Say::new(text.clone())),
            Verb::Connect(Connect::stream(stream().with_parameter("v", value))),
        ]).expect("short texts");
        let (read, _) = read_back(&written);
        prop_assert_eq!(read, text);
        prop_assert_eq!(written.matches("<Say").count(), 1);
        prop_assert_eq!(written.matches("<Parameter").count(), 2);
    }

    #[test]
    fn h8_control_characters_never_void_a_document(bytes in proptest::collection::vec(any::<char>(), 0..40)) {
        let text: String = bytes.into_iter().collect();
        let written = xml(vec![Verb::Say(Say::new(text).with_voice("\u{0}x"))]).expect("a short text");
        read_back(&written);
        prop_assert!(!written.contains(|c: char| c.is_ascii_control() && !"\t\n\r".contains(c)));
    }

    #[test]
    fn r7_arbitrary_answers_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = RestError::from_body(500, &bytes);
        let _ = serde_json::from_slice::<CallResource>(&bytes);
    }
}

//! Webhook forms and their typed views.

use proptest::prelude::*;
use switchboard_wire::twilio::form::{FORM_BYTES_MAX, FormError};
use switchboard_wire::twilio::requests::*;
use switchboard_wire::twilio::status::{AnsweredBy, DialStatus};
use switchboard_wire::twilio::{CallStatus, Form};

const VOICE: &str = include_str!("fixtures/twilio/voice.form");
const STATUS: &str = include_str!("fixtures/twilio/status-completed.form");
const DIAL_ENDED: &str = include_str!("fixtures/twilio/dial-ended.form");

fn form(text: &str) -> Form {
    Form::parse(text.trim_end().as_bytes()).expect("a small form")
}

fn changed(text: &str, name: &str, value: &str) -> Form {
    let form = form(text);
    let pairs = form.parameters().iter().filter(|(key, _)| key != name);
    let mut changed = Form::from_iter(pairs.cloned());
    changed.push(name, value);
    changed
}

#[test]
fn a_voice_request_keeps_every_parameter_and_types_those_we_use() {
    let form = form(VOICE);
    let request = VoiceRequest::from_form(&form).expect("a voice request");
    assert_eq!(
        request.call_sid.as_str(),
        "CA0123456789abcdef0123456789abcdef"
    );
    assert_eq!(request.status, CallStatus::Ringing);
    assert_eq!(request.direction, Direction::Inbound);
    assert_eq!(request.from.expose(), "+12025550142");
    assert_eq!(request.to.expose(), "+12025550103");
    assert_eq!(request.forwarded_from, None);
    assert_eq!(form.value("FromCity"), Some(""));
    assert_eq!(form.value("SomethingOfTomorrow"), Some("1 + 1"));
    assert_eq!(form.encode(), VOICE.trim_end());
}

#[test]
fn d5_debug_of_forms_and_views_names_nobody() {
    let form = form(VOICE);
    let request = VoiceRequest::from_form(&form).expect("a voice request");
    let printed = format!("{form:?} {request:?}");
    assert!(!printed.contains("2025550"), "{printed}");
    assert!(!printed.contains("1 + 1"), "{printed}");
}

#[test]
fn withheld_callers_are_known_by_all_their_spellings() {
    for from in ["", "anonymous", "Anonymous", "+266696687", "+86282452253"] {
        let request = VoiceRequest::from_form(&changed(VOICE, "From", from));
        assert!(
            request.expect("a voice request").is_caller_withheld(),
            "{from}"
        );
    }
    let known = VoiceRequest::from_form(&form(VOICE)).expect("a voice request");
    assert!(!known.is_caller_withheld());
}

#[test]
fn a_status_request_needs_its_source_and_number() {
    let request = StatusRequest::from_form(&form(STATUS)).expect("a status request");
    assert_eq!(request.status, CallStatus::Completed);
    assert_eq!((request.sequence_number, request.duration_s), (3, Some(61)));
    assert_eq!(request.sip_response_code, Some(200));

    let missing = Err(FormError::Missing("CallbackSource"));
    assert_eq!(StatusRequest::from_form(&form(VOICE)), missing);
    let bad = StatusRequest::from_form(&changed(STATUS, "SequenceNumber", "-1"));
    assert_eq!(bad, Err(FormError::Invalid("SequenceNumber")));
}

#[test]
fn h3_a_status_never_moves_backwards() {
    use CallStatus as S;
    let late = [
        S::InProgress,
        S::Completed,
        S::Ringing,
        S::InProgress,
        S::Busy,
    ];
    assert_eq!(late.into_iter().fold(S::Queued, S::advance), S::Completed);
    for (a, b) in S::ALL.into_iter().flat_map(|a| S::ALL.map(|b| (a, b))) {
        assert_eq!(a.advance(b).advance(a), a.advance(b), "{a} {b}");
    }
    for status in S::ALL {
        assert_eq!(status.as_str().parse(), Ok(status));
        assert_eq!(
            serde_json::to_string(&status).expect("a word"),
            format!("\"{status}\"")
        );
    }
}

#[test]
fn a_human_is_reached_only_when_the_legs_were_joined() {
    let ended = DialEnded::from_form(&form(DIAL_ENDED)).expect("a dial's end");
    assert!(ended.is_human_reached());
    assert_eq!(ended.dial_duration_s, Some(12));

    let unjoined = DialEnded::from_form(&changed(DIAL_ENDED, "DialBridged", "false"));
    assert!(!unjoined.expect("a dial's end").is_human_reached());
    let busy = DialEnded::from_form(&changed(DIAL_ENDED, "DialCallStatus", "busy"));
    let busy = busy.expect("a dial's end");
    assert_eq!(busy.dial_status, DialStatus::Busy);
    assert!(!busy.is_human_reached());
}

#[test]
fn machines_of_tomorrow_are_machines() {
    assert_eq!(
        AnsweredBy::parse("machine_end_whistle"),
        AnsweredBy::Machine
    );
    assert_eq!(AnsweredBy::parse("human"), AnsweredBy::Human);
    assert_eq!(AnsweredBy::parse("alien"), AnsweredBy::Unknown);
}

#[test]
fn bad_identifiers_and_oversized_forms_are_refused() {
    for sid in [
        "CA123",
        "AC0123456789abcdef0123456789abcdef",
        "CA0123456789abcdef0123456789abcde\"",
        "CAé123456789abcdef0123456789abcde",
    ] {
        let request = VoiceRequest::from_form(&changed(VOICE, "CallSid", sid));
        assert_eq!(request, Err(FormError::Invalid("CallSid")));
    }
    let large = vec![b'a'; FORM_BYTES_MAX + 1];
    assert_eq!(Form::parse(&large), Err(FormError::TooLarge));
    let many = b"a&".repeat(600);
    assert_eq!(Form::parse(&many), Err(FormError::TooLarge));
}

fn read_everything(form: &Form) {
    let _ = VoiceRequest::from_form(form);
    let _ = StatusRequest::from_form(form);
    let _ = DialEnded::from_form(form);
    let _ = Gathered::from_form(form);
    let _ = StreamStatusRequest::from_form(form);
    let _ = AmdRequest::from_form(form);
    let _ = RecordingRequest::from_form(form);
}

proptest! {
    #[test]
    fn r7_arbitrary_bodies_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(form) = Form::parse(&bytes) {
            read_everything(&form);
        }
    }

    #[test]
    fn r7_real_bodies_with_one_odd_value_never_panic(position in 0usize..30, value in "\\PC{0,40}") {
        for text in [VOICE, STATUS, DIAL_ENDED] {
            let form = form(text);
            let names: Vec<_> = form.parameters().iter().map(|(name, _)| name.clone()).collect();
            let name = &names[position % names.len()];
            read_everything(&changed(text, name, &value));
        }
    }

    #[test]
    fn encoding_and_parsing_agree(pairs in proptest::collection::vec((".{0,10}", ".{0,10}"), 0..8)) {
        let form = Form::from_iter(pairs.into_iter().filter(|(name, value)| !(name.is_empty() && value.is_empty())));
        let parsed = Form::parse(form.encode().as_bytes()).expect("a small form");
        prop_assert_eq!(parsed, form);
    }
}

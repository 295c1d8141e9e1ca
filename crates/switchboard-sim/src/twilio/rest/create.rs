//! Creating a call: the parameters Twilio checks, and the codes it refuses with (protocol notes, section 6).
//!
//! Codes of numbers, events and permissions are Twilio's own; where the notes name no code for a parameter that is out of
//! range, it is the general 20001.

use super::super::Exchange;
use super::super::call::{self, Details, Instructions};
use super::super::callee::{Detection, DetectionMode};
use super::answer::{Refusal, call_json};
use super::{checked_twiml, checked_url, number};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use std::sync::Arc;
use switchboard_wire::twilio::{CallSid, Form};

const EVENTS: [&str; 4] = ["initiated", "ringing", "answered", "completed"];
/// Seconds a call rings without `Timeout`, and at most.
const TIMEOUT_S: u64 = 60;
const TIMEOUT_S_MAX: u64 = 600;
const SEND_DIGITS_MAX: usize = 32;

pub(super) fn create_call(
    exchange: &Arc<Exchange>,
    form: &Form,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let (to, from) = numbers(exchange, form)?;
    // On creation a Url wins over a Twiml, which is then ignored.
    let first = match (form.text("Url"), form.text("Twiml")) {
        (Some(url), _) => Instructions::Url(checked_url(url)?),
        (None, Some(xml)) => Instructions::Document(checked_twiml(xml)?),
        (None, None) => return Err(Refusal::new(400, 21205, "Url parameter is required")),
    };
    let ring_s = number(form, "Timeout")?.unwrap_or(TIMEOUT_S);
    within("Timeout", ring_s, 1, TIMEOUT_S_MAX)?;
    let details = Details {
        sid: CallSid::from_entropy(crate::socket::random_bytes()),
        from: from.to_owned(),
        to: to.to_owned(),
        direction: "outbound-api",
        forwarded_from: None,
        extra_parameters: Vec::new(),
        status_callback: form.text("StatusCallback").map(checked_url).transpose()?,
        status_events: status_events(form)?,
        fallback_url: form.text("FallbackUrl").map(checked_url).transpose()?,
        ring_s,
        detection: detection(form)?,
    };
    let time_limit_s = number(form, "TimeLimit")?;
    let handle = call::place_outbound(exchange, details, first, time_limit_s);
    call_json(exchange, handle.sid(), 201)
        .ok_or_else(|| Refusal::new(500, 20500, "the call is not listed"))
}

fn numbers<'a>(exchange: &Exchange, form: &'a Form) -> Result<(&'a str, &'a str), Refusal> {
    let refused = |code, text: &str| Refusal::new(400, code, text);
    let to = form
        .text("To")
        .ok_or_else(|| refused(21201, "No 'To' number is specified"))?;
    let from = form
        .text("From")
        .ok_or_else(|| refused(21213, "No 'From' number is specified"))?;
    if !is_e164(to) && !to.starts_with("sip:") && !to.starts_with("client:") {
        return Err(refused(
            21211,
            "The 'To' number is not a valid phone number",
        ));
    }
    if !is_e164(from) {
        return Err(refused(
            21212,
            "The 'From' number is not a valid phone number",
        ));
    }
    let settings = &exchange.settings;
    let forbidden = &settings.forbidden_prefixes;
    if forbidden
        .iter()
        .any(|prefix| to.starts_with(prefix.as_str()))
    {
        return Err(refused(21215, "Account not authorized to call this number"));
    }
    if !settings.numbers.is_empty() && !settings.numbers.iter().any(|ours| ours.number == from) {
        return Err(refused(
            21210,
            "The source phone number is not yet verified for your account",
        ));
    }
    Ok((to, from))
}

fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

fn status_events(form: &Form) -> Result<Vec<String>, Refusal> {
    let events = form
        .parameters()
        .iter()
        .filter(|(name, _)| name == "StatusCallbackEvent");
    let events: Vec<String> = events.map(|(_, value)| value.clone()).collect();
    if events.iter().any(|event| !EVENTS.contains(&event.as_str())) {
        return Err(Refusal::new(400, 21626, "Invalid status callback event"));
    }
    Ok(if events.is_empty() {
        vec!["completed".to_owned()]
    } else {
        events
    })
}

/// Nothing is detected unless asked for, nor where digits are sent after the answer.
fn detection(form: &Form) -> Result<Option<Detection>, Refusal> {
    let digits = form.text("SendDigits").unwrap_or_default();
    if digits.len() > SEND_DIGITS_MAX {
        return Err(Refusal::new(
            400,
            20001,
            "SendDigits has more than 32 characters",
        ));
    }
    for (name, least, most) in [
        ("MachineDetectionTimeout", 3, 59),
        ("MachineDetectionSpeechThreshold", 1_000, 6_000),
        ("MachineDetectionSpeechEndThreshold", 500, 5_000),
        ("MachineDetectionSilenceTimeout", 2_000, 10_000),
    ] {
        if let Some(value) = number(form, name)? {
            within(name, value, least, most)?;
        }
    }
    let is_async = match form.text("AsyncAmd") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            return Err(Refusal::new(
                400,
                20001,
                "AsyncAmd is neither true nor false",
            ));
        }
    };
    let mode = match form.text("MachineDetection") {
        None => return Ok(None),
        Some("Enable") => DetectionMode::Enable,
        Some("DetectMessageEnd") => DetectionMode::DetectMessageEnd,
        Some(_) => {
            let text = "MachineDetection is neither Enable nor DetectMessageEnd";
            return Err(Refusal::new(400, 20001, text));
        }
    };
    let callback = form.text("AsyncAmdStatusCallback").map(checked_url);
    let detection = Detection {
        mode,
        callback: callback.transpose()?,
        is_async,
    };
    Ok(Some(detection).filter(|_| digits.is_empty()))
}

fn within(name: &str, value: u64, least: u64, most: u64) -> Result<(), Refusal> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let text = format!("{name} is not between {least} and {most}");
    Err(Refusal::new(400, 20001, text))
}

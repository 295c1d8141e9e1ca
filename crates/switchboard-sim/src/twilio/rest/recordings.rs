//! Recordings of calls in progress (protocol notes, section 6): both sides on channels of their own, silent while paused,
//! there to fetch when they are over.

use super::answer::{Refusal, json_response};
use crate::socket::random_bytes;
use crate::twilio::Exchange;
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use serde_json::json;
use std::sync::Arc;
use switchboard_media::{g711, wav};
use switchboard_wire::twilio::id::RecordingSid;
use switchboard_wire::twilio::{CallSid, Form};

/// One byte of mu-law is an eighth of a millisecond.
const BYTES_PER_S: usize = 8_000;

/// A recording of a call.
#[derive(Debug, Clone)]
pub(in super::super) struct CallRecording {
    call: CallSid,
    is_dual: bool,
    from: usize,
    /// Where it was paused, and until where.
    pauses: Vec<(usize, Option<usize>)>,
    /// Caller and the other side, once it is over.
    sides: Option<(Vec<u8>, Vec<u8>)>,
    callback: Option<String>,
    events: Vec<String>,
}

impl CallRecording {
    fn status(&self) -> &'static str {
        match (&self.sides, self.pauses.last()) {
            (Some(_), _) => "completed",
            (None, Some((_, None))) => "paused",
            _ => "in-progress",
        }
    }

    fn finish(&mut self, (mouth, ear): (Vec<u8>, Vec<u8>)) {
        let silent = |mut side: Vec<u8>| {
            for (from, until) in &self.pauses {
                let until = until.unwrap_or(side.len()).min(side.len());
                side[(*from).min(until)..until].fill(g711::ULAW_SILENCE);
            }
            side.split_off(self.from.min(side.len()))
        };
        self.sides = Some((silent(mouth), silent(ear)));
    }

    fn seconds(&self) -> usize {
        let sides = self.sides.as_ref();
        sides.map_or(0, |(mouth, _)| mouth.len().div_ceil(BYTES_PER_S))
    }
}

/// Starts one. Only a call in progress can be recorded.
pub(super) fn start(
    exchange: &Arc<Exchange>,
    call: &CallSid,
    form: &Form,
    not_found: impl Fn() -> Refusal,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let invalid = |text: &str| Refusal::new(400, 20001, text);
    let is_dual = match form.text("RecordingChannels") {
        None | Some("mono") => false,
        Some("dual") => true,
        Some(_) => return Err(invalid("RecordingChannels is neither mono nor dual")),
    };
    if !matches!(
        form.text("RecordingTrack"),
        None | Some("both" | "inbound" | "outbound")
    ) {
        return Err(invalid("RecordingTrack is no track"));
    }
    if !matches!(
        form.text("Trim"),
        None | Some("trim-silence" | "do-not-trim")
    ) {
        return Err(invalid("Trim is neither trim-silence nor do-not-trim"));
    }
    let events: Vec<String> = form
        .parameters()
        .iter()
        .filter(|(name, _)| &**name == "RecordingStatusCallbackEvent")
        .flat_map(|(_, value)| value.split(' '))
        .map(str::to_owned)
        .collect();
    let is_event =
        |event: &String| matches!(event.as_str(), "in-progress" | "completed" | "absent");
    if !events.iter().all(is_event) {
        return Err(invalid("RecordingStatusCallbackEvent is no event"));
    }
    let from = {
        let calls = exchange.calls();
        let call = calls.get(call).ok_or_else(&not_found)?;
        if call.record.status().as_str() != "in-progress" {
            let text = "Requested resource is not eligible for recording";
            return Err(Refusal::new(400, 21220, text));
        }
        call.record.carried()
    };
    let recording = CallRecording {
        call: call.clone(),
        is_dual,
        from,
        pauses: Vec::new(),
        sides: None,
        callback: form.text("RecordingStatusCallback").map(str::to_owned),
        events: if events.is_empty() {
            vec!["completed".to_owned()]
        } else {
            events
        },
    };
    let sid = RecordingSid::from_entropy(random_bytes());
    let answer = resource(exchange, &sid, &recording, 201);
    let told = report(exchange, &sid, &recording, "in-progress");
    exchange.call_recordings().insert(sid, recording);
    send(exchange, call, told);
    Ok(answer)
}

/// Pauses, resumes or stops one.
pub(super) fn change(
    exchange: &Arc<Exchange>,
    call: &CallSid,
    name: &str,
    form: &Form,
    not_found: impl Fn() -> Refusal,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let invalid = |text: &str| Refusal::new(400, 20001, text);
    if !matches!(form.text("PauseBehavior"), None | Some("skip" | "silence")) {
        return Err(invalid("PauseBehavior is neither skip nor silence"));
    }
    let (now, sides) = {
        let calls = exchange.calls();
        let call = calls.get(call).ok_or_else(&not_found)?;
        (call.record.carried(), call.record.sides())
    };
    let mut recordings = exchange.call_recordings();
    let is_live = |it: &CallRecording| it.call == *call && it.sides.is_none();
    let sid = match name {
        "Twilio.CURRENT" => recordings
            .iter()
            .find(|(_, it)| is_live(it))
            .map(|(sid, _)| sid.clone()),
        sid => RecordingSid::parse(sid).ok(),
    };
    let sid = sid.ok_or_else(&not_found)?;
    let recording = recordings
        .get_mut(&sid)
        .filter(|it| is_live(it))
        .ok_or_else(&not_found)?;
    match form.text("Status") {
        Some("paused") if recording.status() == "in-progress" => {
            recording.pauses.push((now, None));
        }
        Some("in-progress") if recording.status() == "paused" => {
            if let Some(pause) = recording.pauses.last_mut() {
                pause.1 = Some(now);
            }
        }
        Some("stopped") => recording.finish(sides),
        Some("paused" | "in-progress") => {}
        _ => return Err(invalid("Status is none of paused, in-progress, stopped")),
    }
    let recording = recording.clone();
    drop(recordings);
    if recording.sides.is_some() {
        let told = report(exchange, &sid, &recording, "completed");
        send(exchange, call, told);
    }
    Ok(resource(exchange, &sid, &recording, 200))
}

/// The audio of a recording of a call. `None`: it is none, perhaps a message.
pub(super) fn audio(
    exchange: &Exchange,
    sid: &RecordingSid,
    query: &str,
) -> Option<Result<Response<Full<Bytes>>, Refusal>> {
    let recording = exchange.call_recordings().get(sid).cloned()?;
    let Some((mouth, ear)) = &recording.sides else {
        return Some(Err(Refusal::new(404, 20404, "the recording is not over")));
    };
    let decoded = |side: &[u8]| {
        let mut samples = Vec::new();
        g711::decode_ulaw(side, &mut samples);
        samples
    };
    let (mouth, ear) = (decoded(mouth), decoded(ear));
    let file = if recording.is_dual && query == "RequestedChannels=2" {
        wav::write_pcm16_stereo(8_000, &mouth, &ear)
    } else {
        let mix = |(one, other): (&i16, &i16)| ((i32::from(*one) + i32::from(*other)) / 2) as i16;
        let mixed: Vec<i16> = mouth.iter().zip(&ear).map(mix).collect();
        wav::write_pcm16(8_000, &mixed)
    };
    let answer = Response::builder()
        .status(200)
        .header("Content-Type", "audio/x-wav")
        .body(Full::new(Bytes::from(file)))
        .expect("a status and a constant header");
    Some(Ok(answer))
}

/// The call is over: so are its recordings.
pub(in super::super) async fn end_recordings(exchange: &Arc<Exchange>, call: &CallSid) {
    let Some(record) = exchange.calls().get(call).map(|it| Arc::clone(&it.record)) else {
        return;
    };
    let mut told = Vec::new();
    for (sid, recording) in exchange.call_recordings().iter_mut() {
        if recording.call == *call && recording.sides.is_none() {
            recording.finish(record.sides());
            told.extend(report(exchange, sid, recording, "completed"));
        }
    }
    for (url, form) in told {
        exchange.post(&record, &url, &form, true).await;
    }
}

/// Beside the answer, as callbacks come.
fn send(exchange: &Arc<Exchange>, call: &CallSid, told: Option<(String, Form)>) {
    let record = exchange.calls().get(call).map(|it| Arc::clone(&it.record));
    if let (Some((url, form)), Some(record)) = (told, record) {
        let exchange = Arc::clone(exchange);
        tokio::spawn(async move {
            exchange.post(&record, &url, &form, true).await;
        });
    }
}

fn report(
    exchange: &Exchange,
    sid: &RecordingSid,
    recording: &CallRecording,
    status: &str,
) -> Option<(String, Form)> {
    let callback = recording.callback.clone()?;
    if !recording.events.iter().any(|event| event == status) {
        return None;
    }
    let account = &exchange.settings.account_sid;
    let url = format!("https://api.twilio.com/2010-04-01/Accounts/{account}/Recordings/{sid}");
    let (seconds, started) = (recording.seconds().to_string(), crate::twilio::date::now());
    let channels = if recording.is_dual { "2" } else { "1" };
    let mut form = Form::from_iter([
        ("AccountSid", account.as_str()),
        ("CallSid", recording.call.as_str()),
        ("RecordingSid", sid.as_str()),
        ("RecordingUrl", &url),
        ("RecordingStatus", status),
        ("RecordingChannels", channels),
        ("RecordingStartTime", &started),
        ("RecordingSource", "StartCallRecordingAPI"),
        ("RecordingTrack", "both"),
    ]);
    if status == "completed" {
        form.push("RecordingDuration", &seconds);
    }
    Some((callback, form))
}

fn resource(
    exchange: &Exchange,
    sid: &RecordingSid,
    recording: &CallRecording,
    status: u16,
) -> Response<Full<Bytes>> {
    let account = &exchange.settings.account_sid;
    let call = &recording.call;
    let uri = format!("/2010-04-01/Accounts/{account}/Calls/{call}/Recordings/{sid}.json");
    let body = json!({
        "sid": sid.as_str(),
        "account_sid": account.as_str(),
        "call_sid": call.as_str(),
        "conference_sid": null,
        "api_version": "2010-04-01",
        "status": recording.status(),
        "channels": if recording.is_dual { 2 } else { 1 },
        "source": "StartCallRecordingAPI",
        "track": "both",
        "duration": null,
        "price": null,
        "price_unit": "USD",
        "error_code": null,
        "encryption_details": null,
        "start_time": crate::twilio::date::now(),
        "date_created": crate::twilio::date::now(),
        "date_updated": crate::twilio::date::now(),
        "uri": uri,
    });
    json_response(status, &body)
}

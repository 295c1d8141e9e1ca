//! The REST side of calls: `POST …/realtime/calls` and `…/{id}/hangup` (sections 1.4 and 11.1). Offers are judged strictly:
//! a key, both parts with their types, a session that a `session.update` would take, an SDP with sound.

use std::convert::Infallible;
use std::io;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use switchboard_wire::openai::{
    IdPrefix, RestError, RestErrorBody, SubprotocolOffer, WireError, parse_client_secret_request,
    wire_id,
};
use switchboard_wire::websocket::{Head, RequestLine};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::calls::{CallRecord, begin};
use super::connection::{api_key, entropy, unix_s};
use super::engine::Engine;
use super::script::Faults;
use super::server::Recorder;

/// Larger bodies are refused.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Where calls are created.
const CALLS_PATH_END: &str = "/realtime/calls";
const HANG_UP_END: &str = "/hangup";

struct Answer {
    status: u16,
    kind: &'static str,
    location: Option<String>,
    body: String,
}

impl Answer {
    fn refused(status: u16, code: &str, message: &str) -> Self {
        let error = RestError {
            message: message.to_owned(),
            kind: "invalid_request_error".to_owned(),
            param: None,
            code: Some(code.to_owned()),
        };
        Self::error(status, &RestErrorBody { error })
    }

    fn error(status: u16, body: &RestErrorBody) -> Self {
        Self {
            status,
            kind: "application/json",
            location: None,
            body: serde_json::to_string(body).unwrap_or_default(),
        }
    }
}

/// Answers an upgrade with a status and ends the connection.
pub(super) async fn refuse_upgrade(stream: &mut TcpStream, status: u16) -> io::Result<()> {
    write(
        stream,
        &Answer::refused(status, "not_found", "No such call."),
    )
    .await
}

/// Answers one request and ends the connection.
pub(super) async fn answer(
    mut stream: TcpStream,
    input: BytesMut,
    head: &Head<RequestLine>,
    recorder: &Recorder,
    faults: &Faults,
) -> io::Result<()> {
    let answer = match read_body(&mut stream, input, head).await? {
        None => Answer::refused(413, "request_too_large", "The body is too large."),
        Some(body) => judge(head, body, recorder, faults).await,
    };
    write(&mut stream, &answer).await
}

async fn read_body(
    stream: &mut TcpStream,
    mut input: BytesMut,
    head: &Head<RequestLine>,
) -> io::Result<Option<Bytes>> {
    let length = head.header("content-length").unwrap_or("0").parse();
    let Some(length) = length.ok().filter(|length| *length <= BODY_BYTES_MAX) else {
        return Ok(None);
    };
    while input.len() < length {
        if stream.read_buf(&mut input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Some(input.split_to(length).freeze()))
}

async fn write(stream: &mut TcpStream, answer: &Answer) -> io::Result<()> {
    let location = answer
        .location
        .as_ref()
        .map(|location| format!("Location: {location}\r\n"))
        .unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {} Answered\r\nContent-Type: {}\r\nContent-Length: {}\r\n{location}Connection: close\r\n\r\n",
        answer.status,
        answer.kind,
        answer.body.len(),
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(answer.body.as_bytes()).await?;
    stream.shutdown().await
}

async fn judge(
    head: &Head<RequestLine>,
    body: Bytes,
    recorder: &Recorder,
    faults: &Faults,
) -> Answer {
    let script = &recorder.shared.script;
    let key = api_key(head, &SubprotocolOffer::default()).unwrap_or_default();
    let is_known = script.api_keys.is_empty() || script.api_keys.contains(&key);
    if key.is_empty() || !is_known {
        return Answer::refused(
            401,
            "invalid_api_key",
            "Incorrect API key provided: [masked].",
        );
    }
    let path = head.line.target.split('?').next().unwrap_or_default();
    if path.ends_with(CALLS_PATH_END) {
        return create(head, body, recorder, faults)
            .await
            .unwrap_or_else(|refused| refused);
    }
    let call = path.strip_suffix(HANG_UP_END).and_then(|rest| {
        let (before, id) = rest.rsplit_once('/')?;
        before.ends_with(CALLS_PATH_END).then_some(id)
    });
    match (call, faults.hang_up_status) {
        (Some(_), Some(status)) => Answer::refused(status, "server_error", "Try again."),
        (Some(id), None) if recorder.shared.calls.hang_up(id) => Answer {
            status: 200,
            kind: "application/json",
            location: None,
            body: String::new(),
        },
        _ => Answer::refused(404, "not_found", "No such call."),
    }
}

async fn create(
    head: &Head<RequestLine>,
    body: Bytes,
    recorder: &Recorder,
    faults: &Faults,
) -> Result<Answer, Answer> {
    if let Some(status) = faults.call_status {
        let message = "You exceeded your current quota, key sk-test.";
        return Err(Answer::refused(status, "insufficient_quota", message));
    }
    let (sdp, session) = parts(head, body).await?;
    let media = sections(&sdp)?;
    let wrong = |error: &WireError| Answer::error(400, &RestErrorBody::from(error));
    let request = json!({ "session": session }).to_string();
    let request = parse_client_secret_request(request.as_bytes()).map_err(|error| wrong(&error))?;
    let update = request.session.unwrap_or_default();
    let script = &recorder.shared.script;
    let model = update.model.clone();
    let model = model.filter(|model| script.models.is_empty() || script.models.contains(model));
    let model = model
        .ok_or_else(|| Answer::refused(400, "invalid_model", "No such model: session.model."))?;
    let entropy = entropy().map_err(|_| Answer::refused(500, "server_error", "No entropy."))?;
    let now = Instant::now();
    let mut engine = Engine::new(
        script.clone(),
        recorder.clone(),
        model,
        entropy,
        unix_s(),
        now,
    );
    engine
        .become_call(now, &update)
        .map_err(|error| wrong(&error))?;
    let id = wire_id(IdPrefix::RealtimeCall, entropy);
    let record = CallRecord {
        id: id.clone(),
        sdp,
        session,
        hang_ups: 0,
        is_live: true,
    };
    begin(&recorder.shared, record, engine);
    Ok(Answer {
        status: 201,
        kind: "application/sdp",
        location: (!faults.call_without_location).then(|| format!("/v1/realtime/calls/{id}")),
        body: faults.call_answer.clone().unwrap_or(media),
    })
}

async fn parts(head: &Head<RequestLine>, body: Bytes) -> Result<(String, Value), Answer> {
    let wrong = |message: &str| Answer::refused(400, "invalid_offer", message);
    let kind = head.header("content-type").unwrap_or_default();
    let boundary = multer::parse_boundary(kind).map_err(|_| {
        Answer::refused(415, "unsupported_content_type", "Send multipart/form-data.")
    })?;
    let whole = futures_util::stream::once(async move { Ok::<_, Infallible>(body) });
    let mut form = multer::Multipart::new(whole, boundary);
    let (mut sdp, mut session) = (None, None);
    while let Some(field) = form.next_field().await.map_err(|_| wrong("No form."))? {
        let name = field.name().unwrap_or_default().to_owned();
        let kind = field
            .content_type()
            .map(ToString::to_string)
            .unwrap_or_default();
        let has_file = field.file_name().is_some();
        let text = field.text().await.map_err(|_| wrong("No text."))?;
        match name.as_str() {
            "sdp" if kind == "application/sdp" && !has_file => sdp = Some(text),
            "session" if kind == "application/json" => {
                let parsed = serde_json::from_str(&text);
                session = Some(parsed.map_err(|_| wrong("session is no JSON."))?);
            }
            _ => return Err(wrong("Send the parts sdp and session, each with its type.")),
        }
    }
    let sdp = sdp.ok_or_else(|| wrong("The part sdp is missing."))?;
    let session = session.ok_or_else(|| wrong("The part session is missing."))?;
    Ok((sdp, session))
}

/// Checks an offer and writes an answer that fits it: every section, in its order, with ours of everything it needs.
fn sections(offer: &str) -> Result<String, Answer> {
    let wrong = |message: &str| Err(Answer::refused(400, "invalid_offer", message));
    if !offer.starts_with("v=0") {
        return wrong("The offer is no SDP.");
    }
    let has = |what: &str| offer.lines().any(|line| line.starts_with(what));
    if !has("m=audio ") || !has("a=ice-ufrag:") || !has("a=fingerprint:sha-256 ") {
        return wrong("The offer has no audio, or lacks ICE or a fingerprint.");
    }
    let mids: Vec<&str> = offer
        .lines()
        .filter_map(|line| line.strip_prefix("a=mid:"))
        .collect();
    let mut answer = format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=ice-lite\r\n",
        mids.iter()
            .map(|mid| mid.trim())
            .collect::<Vec<_>>()
            .join(" ")
    );
    let fingerprint = ["AB"; 32].join(":");
    let mut at = 0;
    for line in offer.lines().map(str::trim_end) {
        let Some(media) = line.strip_prefix("m=") else {
            continue;
        };
        let mid = mids.get(at).map_or("0", |mid| mid.trim());
        at += 1;
        let (line, own) = section(offer, media);
        answer.push_str(&format!(
            "m={line}\r\nc=IN IP4 127.0.0.1\r\na=mid:{mid}\r\na=setup:active\r\na=ice-ufrag:fake\r\n\
             a=ice-pwd:fakefakefakefakefakefake\r\na=fingerprint:sha-256 {fingerprint}\r\n\
             a=candidate:1 1 udp 2113667327 127.0.0.1 9 typ host\r\n{own}"
        ));
    }
    Ok(answer)
}

/// Our `m=` line for one of the offer's, and what belongs to its kind.
fn section(offer: &str, media: &str) -> (String, String) {
    if media.starts_with("application ") {
        let line = "application 9 UDP/DTLS/SCTP webrtc-datachannel".to_owned();
        return (line, "a=sctp-port:5000\r\n".to_owned());
    }
    if !media.starts_with("audio ") {
        let kind = media.split(' ').next().unwrap_or("video");
        return (
            format!("{kind} 0 UDP/TLS/RTP/SAVPF 0"),
            "a=inactive\r\n".to_owned(),
        );
    }
    let maps = offer
        .lines()
        .filter_map(|line| line.trim_end().strip_prefix("a=rtpmap:"));
    let opus = maps
        .filter_map(|map| map.strip_suffix(" opus/48000/2"))
        .next();
    let (kind, map) = opus.map_or(("0", "PCMU/8000"), |kind| (kind, "opus/48000/2"));
    (
        format!("audio 9 UDP/TLS/RTP/SAVPF {kind}"),
        format!("a=rtpmap:{kind} {map}\r\na=rtcp-mux\r\na=sendrecv\r\na=ssrc:4711 cname:voice\r\n"),
    )
}

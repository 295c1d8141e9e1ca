//! The REST API: basic authentication, forms in, JSON out (protocol notes, section 6).

mod answer;
mod create;
mod numbers;
mod recordings;
mod requests;

pub(super) use recordings::{CallRecording, end_recordings};
pub use requests::RestRequest;
pub(super) use requests::RestState;

use super::Exchange;
use super::call::{Command, Instructions};
use super::fault::RestFault;
use answer::{Refusal, call_json, child_calls, json_response};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use switchboard_media::{g711, wav};
use switchboard_wire::twilio::id::RecordingSid;
use switchboard_wire::twilio::{CallSid, Form};
use tokio::net::TcpListener;

/// The REST parameter `Twiml` (protocol notes, section 3).
const TWIML_CHARACTERS_MAX: usize = 4000;
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long a request that is never answered stays open.
const TIMEOUT_FAULT: Duration = Duration::from_secs(60);

/// A connection that ends without an answer, by script.
#[derive(Debug, thiserror::Error)]
#[error("dropped by script")]
struct Dropped;

pub(super) async fn serve(listener: TcpListener, exchange: Arc<Exchange>) {
    // Connections end with the fake: the set aborts its tasks when it is dropped.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let exchange = Arc::clone(&exchange);
        connections.spawn(async move {
            let _ = stream.set_nodelay(true);
            let service = service_fn(|request| answer(&exchange, request));
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    exchange: &Arc<Exchange>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Dropped> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|_| Dropped)?.to_bytes();
    let form = Form::parse(&body).unwrap_or_default();
    let path = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default();
    exchange.rest.log(&head.method, &path, &form);
    let fault = exchange.rest.next_fault();
    match fault {
        Some(RestFault::Delay { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(RestFault::Refuse { status, code }) => {
            return Ok(Refusal::new(status, code, "refused by script").into_response());
        }
        Some(RestFault::Timeout) => {
            tokio::time::sleep(TIMEOUT_FAULT).await;
            return Err(Dropped);
        }
        _ => {}
    }
    let authorization = head.headers.get("authorization");
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let result = check_authorization(exchange, authorization)
        .and_then(|()| route(exchange, &head.method, (&path, query), &form));
    if fault == Some(RestFault::DoneButDropped) {
        return Err(Dropped);
    }
    Ok(result.unwrap_or_else(Refusal::into_response))
}

fn check_authorization(exchange: &Exchange, header: Option<&str>) -> Result<(), Refusal> {
    let settings = &exchange.settings;
    let expected = STANDARD.encode(format!("{}:{}", settings.account_sid, settings.auth_token));
    match header.and_then(|header| header.strip_prefix("Basic ")) {
        Some(credentials) if credentials == expected => Ok(()),
        _ => Err(Refusal::new(401, 20003, "Authenticate")),
    }
}

fn route(
    exchange: &Arc<Exchange>,
    method: &Method,
    (path, query): (&str, &str),
    form: &Form,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let not_found = || {
        Refusal::new(
            404,
            20404,
            format!("The requested resource {path} was not found"),
        )
    };
    let prefix = format!("/2010-04-01/Accounts/{}/", exchange.settings.account_sid);
    if method == Method::GET
        && let Some(sid) = path
            .strip_prefix(&prefix)
            .and_then(|rest| rest.strip_prefix("Recordings/"))
            .and_then(|rest| rest.strip_suffix(".wav"))
    {
        let sid = RecordingSid::parse(sid).map_err(|_| not_found())?;
        if let Some(answer) = recordings::audio(exchange, &sid, query) {
            return answer;
        }
        let sound = exchange.recordings().get(&sid).cloned();
        return sound
            .map(|sound| wav_response(&sound))
            .ok_or_else(not_found);
    }
    let resource = path
        .strip_prefix(&prefix)
        .and_then(|rest| rest.strip_suffix(".json"));
    let resource: Vec<&str> = resource.ok_or_else(not_found)?.split('/').collect();
    match (method, &resource[..]) {
        (&Method::DELETE, ["Recordings", sid]) => {
            let sid = RecordingSid::parse(sid).map_err(|_| not_found())?;
            let message = exchange.recordings().remove(&sid);
            let of_call = exchange.call_recordings().remove(&sid);
            if message.is_none() && of_call.is_none() {
                return Err(not_found());
            }
            Ok(json_response(204, &serde_json::json!({})))
        }
        (&Method::POST, ["Calls", sid, "Recordings"]) => {
            let sid = CallSid::parse(sid).map_err(|_| not_found())?;
            recordings::start(exchange, &sid, form, not_found)
        }
        (&Method::POST, ["Calls", sid, "Recordings", recording]) => {
            let sid = CallSid::parse(sid).map_err(|_| not_found())?;
            recordings::change(exchange, &sid, recording, form, not_found)
        }
        (&Method::POST, ["Calls"]) => create::create_call(exchange, form),
        (&Method::GET, ["Calls"]) => child_calls(exchange, query),
        (&Method::GET, ["Calls", sid]) => {
            let sid = CallSid::parse(sid).map_err(|_| not_found())?;
            call_json(exchange, &sid, 200).ok_or_else(not_found)
        }
        (&Method::POST, ["Calls", sid]) => {
            let sid = CallSid::parse(sid).map_err(|_| not_found())?;
            update_call(exchange, &sid, form, not_found)
        }
        (&Method::GET, ["IncomingPhoneNumbers"]) => numbers::list(exchange, query),
        (&Method::POST, ["IncomingPhoneNumbers", sid]) => {
            numbers::update(exchange, sid, form, not_found)
        }
        _ => Err(not_found()),
    }
}

fn wav_response(sound: &[u8]) -> Response<Full<Bytes>> {
    let mut samples = Vec::new();
    g711::decode_ulaw(sound, &mut samples);
    Response::builder()
        .status(200)
        .header("Content-Type", "audio/x-wav")
        .body(Full::new(Bytes::from(wav::write_pcm16(8_000, &samples))))
        .expect("a status and a constant header")
}

fn update_call(
    exchange: &Arc<Exchange>,
    sid: &CallSid,
    form: &Form,
    not_found: impl Fn() -> Refusal,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let command = update_command(form)?;
    let has_cancelled = form.text("Status") == Some("canceled");
    {
        let calls = exchange.calls();
        let call = calls.get(sid).ok_or_else(&not_found)?;
        let status = call.record.status();
        let is_ringing = !status.is_final() && status.as_str() != "in-progress";
        if status.is_final() || (has_cancelled && !is_ringing) {
            return Err(Refusal::new(
                400,
                21220,
                "Invalid call state. Call is not in-progress. Cannot redirect.",
            ));
        }
        if matches!(command, Command::RestRedirects(_)) && is_ringing {
            return Err(Refusal::new(
                400,
                21220,
                "Invalid call state. Call is not in-progress. Cannot redirect.",
            ));
        }
        call.control.send(command);
    }
    call_json(exchange, sid, 200).ok_or_else(not_found)
}

/// What an update asks for; more than one thing at once is refused.
fn update_command(form: &Form) -> Result<Command, Refusal> {
    let invalid = |text: &str| Refusal::new(400, 20001, text);
    let command = match (form.text("Url"), form.text("Twiml"), form.text("Status")) {
        (Some(_), Some(_), _) => return Err(invalid("Url and Twiml are mutually exclusive")),
        (Some(url), None, None) => Command::RestRedirects(Instructions::Url(checked_url(url)?)),
        (None, Some(xml), None) => {
            Command::RestRedirects(Instructions::Document(checked_twiml(xml)?))
        }
        (None, None, Some("completed" | "canceled")) => Command::RestEnds,
        (None, None, Some(_)) => return Err(invalid("Status is neither completed nor canceled")),
        (None, None, None) => {
            let seconds = number(form, "TimeLimit")?;
            let seconds = seconds.ok_or_else(|| invalid("nothing to change"))?;
            Command::TimeLimit { seconds }
        }
        _ => return Err(invalid("Status cannot be joined with a document")),
    };
    Ok(command)
}

fn checked_url(url: &str) -> Result<String, Refusal> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(url.to_owned());
    }
    Err(Refusal::new(400, 21205, "Url is not a valid URL"))
}

fn checked_twiml(xml: &str) -> Result<String, Refusal> {
    if xml.chars().count() > TWIML_CHARACTERS_MAX {
        return Err(Refusal::new(
            400,
            21218,
            "Twiml has more than 4000 characters",
        ));
    }
    Ok(xml.to_owned())
}

fn number(form: &Form, name: &str) -> Result<Option<u64>, Refusal> {
    let parse = |text: &str| {
        text.parse()
            .map_err(|_| Refusal::new(400, 20001, format!("{name} is no number")))
    };
    form.text(name).map(parse).transpose()
}

//! What a client posts to begin a call, in both forms of protocols/openai-realtime.md section 1.4.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Multipart, Request};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::offer::SDP_BYTES_MAX;
use super::refusal::Refusal;

/// A session object, beside its offer. The provider's have 1 to 16 KiB.
const SESSION_BYTES_MAX: usize = 64 * 1024;
/// Both parts with what stands around them.
const BODY_BYTES_MAX: usize = SDP_BYTES_MAX + SESSION_BYTES_MAX + 4 * 1024;

/// An offer, and the session asked for.
#[derive(Debug, PartialEq)]
pub(super) struct CallRequest {
    pub(super) sdp: String,
    pub(super) session: Option<Value>,
}

impl CallRequest {
    /// Reads the body of a request, whichever of the two forms it has.
    ///
    /// # Errors
    /// It is too large, of another type, or lacks its offer.
    pub(super) async fn read(request: Request) -> Result<Self, Refusal> {
        match kind_of(request.headers()) {
            Some(Kind::Sdp) => Ok(Self {
                sdp: read_offer(request).await?,
                session: None,
            }),
            Some(Kind::Parts) => read_parts(request).await,
            None => Err(Refusal::wrong_type()),
        }
    }

    /// The agent named in the session.
    pub(super) fn model(&self) -> Option<&str> {
        let model = self.session.as_ref()?.get("model")?.as_str()?;
        (!model.is_empty()).then_some(model)
    }
}

enum Kind {
    Sdp,
    Parts,
}

fn kind_of(headers: &HeaderMap) -> Option<Kind> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let (essence, _) = kind.split_once(';').unwrap_or((kind, ""));
    match essence.trim().to_ascii_lowercase().as_str() {
        "application/sdp" => Some(Kind::Sdp),
        "multipart/form-data" => Some(Kind::Parts),
        _ => None,
    }
}

/// The raw offer of a request.
///
/// # Errors
/// It is too large, or no text.
pub(super) async fn read_offer(request: Request) -> Result<String, Refusal> {
    let bytes = to_bytes(request.into_body(), SDP_BYTES_MAX).await;
    text_of(bytes.map_err(|_| Refusal::too_large())?)
}

async fn read_parts(request: Request) -> Result<CallRequest, Refusal> {
    let (head, body) = request.into_parts();
    let bytes = to_bytes(body, BODY_BYTES_MAX).await;
    let body = Body::from(bytes.map_err(|_| Refusal::too_large())?);
    let parts = Multipart::from_request(Request::from_parts(head, body), &()).await;
    let mut parts = parts.map_err(|_| Refusal::wrong_type())?;
    let (mut sdp, mut session) = (None, None);
    while let Some(part) = parts
        .next_field()
        .await
        .map_err(|_| Refusal::offer("The multipart body cannot be read."))?
    {
        let name = part.name().unwrap_or_default().to_owned();
        let bytes = part
            .bytes()
            .await
            .map_err(|_| Refusal::offer("The multipart body cannot be read."))?;
        match name.as_str() {
            "sdp" if bytes.len() > SDP_BYTES_MAX => return Err(Refusal::too_large()),
            "sdp" => sdp = Some(text_of(bytes)?),
            "session" => session = Some(session_of(&bytes)?),
            _ => {}
        }
    }
    let sdp = sdp.ok_or_else(|| Refusal::offer("The part sdp is missing."))?;
    Ok(CallRequest { sdp, session })
}

fn text_of(bytes: Bytes) -> Result<String, Refusal> {
    String::from_utf8(bytes.into()).map_err(|_| Refusal::offer("The offer is no text."))
}

fn session_of(bytes: &[u8]) -> Result<Value, Refusal> {
    use switchboard_wire::openai::{WireError, code};
    serde_json::from_slice(bytes).map_err(|_| {
        let message = "The part session is no JSON.";
        Refusal::session(&WireError::new(code::INVALID_JSON, message).at("session"))
    })
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http::StatusCode;

    use super::*;

    const OFFER: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n";

    fn request(kind: &str, body: String) -> Request {
        let request = Request::post("/v1/realtime/calls").header(CONTENT_TYPE, kind);
        request.body(Body::from(body)).expect("a request")
    }

    fn parts(parts: &[(&str, &str)]) -> Request {
        let mut body = String::new();
        for (name, text) in parts {
            body.push_str(&format!(
                "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n"
            ));
        }
        body.push_str("--b--\r\n");
        request("multipart/form-data; boundary=b", body)
    }

    #[tokio::test]
    async fn both_forms_are_read() {
        let raw = CallRequest::read(request("application/sdp; charset=utf-8", OFFER.to_owned()));
        assert_eq!(raw.await.expect("read").sdp, OFFER);
        let session = r#"{"type":"realtime","model":"medspa"}"#;
        let both = CallRequest::read(parts(&[("sdp", OFFER), ("session", session)]));
        let both = both.await.expect("read");
        assert_eq!((both.sdp.as_str(), both.model()), (OFFER, Some("medspa")));
    }

    #[tokio::test]
    async fn w3_a_request_beyond_its_bounds_is_refused_before_it_is_parsed() {
        let huge = format!("v=0\r\n{}", "a=x\r\n".repeat(SDP_BYTES_MAX / 5));
        for refused in [
            request("application/sdp", huge.clone()),
            request("application/sdp", "v".repeat(1_000_000)),
            parts(&[("sdp", &huge)]),
            parts(&[("sdp", OFFER), ("session", &" ".repeat(1_000_000))]),
        ] {
            let refusal = CallRequest::read(refused).await.expect_err("too large");
            let status = refusal.into_response().status();
            assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        }
    }

    #[tokio::test]
    async fn what_is_none_of_both_forms_is_refused() {
        let refused = [
            (request("application/json", "{}".to_owned()), 415),
            (request("multipart/form-data", String::new()), 415),
            (parts(&[("session", "{}")]), 400),
            (parts(&[("sdp", OFFER), ("session", "{")]), 400),
        ];
        for (request, status) in refused {
            let refusal = CallRequest::read(request).await.expect_err("refused");
            assert_eq!(refusal.into_response().status().as_u16(), status);
        }
    }
}

//! A server on loopback that writes sound down as OpenAI-compatible ones do: `POST /v1/audio/transcriptions`.
//!
//! It refuses what the real one refuses: a missing or wrong key (401), a body that is no form of the documented fields
//! (400), an unknown model (404), a file whose name or content is no sound (400), one of more than 25 MB (413). The form is
//! read by a library of others, so that it cannot merely agree with the client that wrote it. It hears nothing: what it
//! answers is scripted.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use switchboard_media::wav;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// As the vendor limits files.
const FILE_BYTES_MAX: usize = 25 * 1024 * 1024;
/// The file and the fields around it.
const BODY_BYTES_MAX: usize = FILE_BYTES_MAX + 64 * 1024;
/// Shorter sound is refused by the vendor, in ms.
const LENGTH_MS_MIN: u64 = 100;
/// Names of files that the vendor takes end so.
const ENDINGS: [&str; 9] = [
    "flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm",
];
/// Every field the vendor documents; others are refused.
const FIELDS: [&str; 10] = [
    "file",
    "model",
    "language",
    "prompt",
    "response_format",
    "temperature",
    "keywords[]",
    "include[]",
    "chunking_strategy",
    "stream",
];

/// What the next request meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TranscriptionAnswer {
    /// These words.
    Words(String),
    /// This status and nothing useful.
    Status(u16),
    /// 200, and no JSON.
    Garbage,
    /// No answer for as long as the fake lives.
    Silence,
}

/// A request that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcribed {
    pub model: String,
    pub language: Option<String>,
    pub rate_hz: u32,
    pub length_ms: u64,
    /// The loudest sample.
    pub loudest: u16,
}

/// A running fake. It ends when it is dropped.
#[derive(Debug)]
pub struct FakeTranscriber {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    key: String,
    model: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    planned: VecDeque<TranscriptionAnswer>,
    understood: Vec<Transcribed>,
    requests: usize,
}

impl FakeTranscriber {
    /// Listens on a free port, with one key and one model.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(key: &str, model: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            key: key.to_owned(),
            model: model.to_owned(),
            state: Mutex::default(),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            task,
        })
    }

    /// What clients take as base address, with its version.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What the next request that is in order gets; without a plan it gets no words.
    pub fn plan(&self, answer: TranscriptionAnswer) {
        self.shared.state().planned.push_back(answer);
    }

    /// The requests that were in order.
    #[must_use]
    pub fn understood(&self) -> Vec<Transcribed> {
        self.shared.state().understood.clone()
    }

    /// All requests, refused ones included.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.state().requests
    }
}

impl Drop for FakeTranscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|broken| broken.into_inner())
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(|request| answer(&shared, request));
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// A refusal as the vendor words it.
struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

fn refused(status: u16, code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal {
        status,
        code,
        message: message.into(),
    }
}

async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    shared.state().requests += 1;
    let understood = match understand(shared, request).await {
        Ok(understood) => understood,
        Err(refusal) => {
            let error = json!({ "error": {
                "message": refusal.message, "type": "invalid_request_error", "param": null, "code": refusal.code,
            }});
            return Ok(written(refusal.status, &error.to_string()));
        }
    };
    let seconds = understood.length_ms.div_ceil(1_000);
    let planned = {
        let mut state = shared.state();
        state.understood.push(understood);
        state.planned.pop_front()
    };
    Ok(match planned {
        Some(TranscriptionAnswer::Words(words)) => words_of(&words, seconds),
        None => words_of("", seconds),
        Some(TranscriptionAnswer::Status(status)) => written(status, "{}"),
        Some(TranscriptionAnswer::Garbage) => written(200, "<html>busy</html>"),
        Some(TranscriptionAnswer::Silence) => std::future::pending().await,
    })
}

fn words_of(words: &str, seconds: u64) -> Response<Full<Bytes>> {
    let usage = json!({ "type": "duration", "seconds": seconds });
    written(200, &json!({ "text": words, "usage": usage }).to_string())
}

fn written(status: u16, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.to_owned().into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

async fn understand(shared: &Shared, request: Request<Incoming>) -> Result<Transcribed, Refusal> {
    let (head, body) = request.into_parts();
    if head.uri.path() != "/v1/audio/transcriptions" || head.method != Method::POST {
        return Err(refused(404, "unknown_url", "Invalid URL"));
    }
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    if header(AUTHORIZATION) != Some(&format!("Bearer {}", shared.key)) {
        return Err(refused(401, "invalid_api_key", "Incorrect API key"));
    }
    let boundary = multer::parse_boundary(header(CONTENT_TYPE).unwrap_or_default());
    let boundary =
        boundary.map_err(|_| refused(400, "invalid_content_type", "Send multipart/form-data"))?;
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|_| refused(413, "file_too_large", "Maximum is 25 MB"))?;
    let whole = futures_util::stream::iter([Ok::<_, Infallible>(body.to_bytes())]);
    let mut form = Form::default();
    let mut parts = multer::Multipart::new(whole, boundary);
    let broken = |error: multer::Error| refused(400, "invalid_form", error.to_string());
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        let file_name = part.file_name().map(ToOwned::to_owned);
        let content = part.bytes().await.map_err(broken)?;
        form.take(&name, file_name, content)?;
    }
    form.check(&shared.model)
}

/// The fields of one request.
#[derive(Default)]
struct Form {
    model: Option<String>,
    language: Option<String>,
    format: Option<String>,
    file: Option<(String, Bytes)>,
}

impl Form {
    fn take(
        &mut self,
        name: &str,
        file_name: Option<String>,
        content: Bytes,
    ) -> Result<(), Refusal> {
        if !FIELDS.contains(&name) {
            let message = format!("Unknown parameter: '{name}'.");
            return Err(refused(400, "unknown_parameter", message));
        }
        let text = || String::from_utf8(content.to_vec()).ok();
        match name {
            "file" => {
                let file_name = file_name.ok_or(refused(400, "invalid_file", "no file name"))?;
                self.file = Some((file_name, content));
            }
            "model" => self.model = text(),
            "language" => self.language = text(),
            "response_format" => self.format = text(),
            _ => {}
        }
        Ok(())
    }

    fn check(self, known: &str) -> Result<Transcribed, Refusal> {
        let missing = |name| {
            refused(
                400,
                "missing_required_parameter",
                format!("Missing '{name}'."),
            )
        };
        let model = self.model.ok_or_else(|| missing("model"))?;
        let (name, content) = self.file.ok_or_else(|| missing("file"))?;
        if model != known {
            return Err(refused(404, "model_not_found", "The model does not exist"));
        }
        if self
            .format
            .as_deref()
            .is_some_and(|format| format != "json")
        {
            return Err(refused(400, "unsupported_value", "response_format: json"));
        }
        let is_code =
            |code: &String| code.len() == 2 && code.bytes().all(|it| it.is_ascii_lowercase());
        if self.language.as_ref().is_some_and(|code| !is_code(code)) {
            return Err(refused(400, "invalid_language_format", "Use ISO-639-1"));
        }
        if content.len() > FILE_BYTES_MAX {
            return Err(refused(413, "file_too_large", "Maximum is 25 MB"));
        }
        let ending = name.rsplit('.').next().unwrap_or_default();
        let sound = wav::read(&content)
            .ok()
            .filter(|_| ENDINGS.contains(&ending));
        let sound = sound.ok_or(refused(400, "invalid_file_format", "Invalid file format."))?;
        if sound.length_ms() < LENGTH_MS_MIN {
            return Err(refused(400, "audio_too_short", "Minimum is 0.1 seconds"));
        }
        let loudest = sound.samples.iter().map(|sample| sample.unsigned_abs());
        Ok(Transcribed {
            model,
            language: self.language,
            rate_hz: sound.rate_hz,
            length_ms: sound.length_ms(),
            loudest: loudest.max().unwrap_or_default(),
        })
    }
}

//! One bucket of an S3 service on loopback: PUT, GET with ranges, HEAD, DELETE and listing, path style.
//!
//! It refuses what S3 refuses: a request without a right signature of version 4 (403), a body that is not the signed one
//! or not the one of `x-amz-checksum-sha256` (400), a foreign bucket (404). It never forgets what it was asked.

mod signature;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The fake keeps everything in memory.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A key of the service.
#[derive(Clone, Debug)]
pub struct BucketKey {
    pub id: String,
    pub secret: String,
}

/// A running fake. It ends when it is dropped.
#[derive(Debug)]
pub struct FakeBucket {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    key: BucketKey,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Bytes>,
    requests: Vec<String>,
    refusing: Option<u16>,
}

impl FakeBucket {
    /// Listens on a free port with one empty bucket.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(name: &str, key: BucketKey) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            key,
            state: Mutex::default(),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            task,
        })
    }

    /// From now on every request gets this status, until `None`.
    pub fn refuse(&self, status: Option<u16>) {
        self.shared.state().refusing = status;
    }

    /// Every object by its key.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, Bytes> {
        self.shared.state().objects.clone()
    }

    /// Method, path and status of every request, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.shared.state().requests.clone()
    }
}

impl Drop for FakeBucket {
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

/// A refusal as S3 words it.
struct Refusal {
    status: StatusCode,
    code: &'static str,
}

const fn refusal(status: StatusCode, code: &'static str) -> Refusal {
    Refusal { status, code }
}

type Answer = Result<Response<Full<Bytes>>, Refusal>;

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Connections end with the fake: the set aborts its tasks when it is dropped.
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

async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let line = format!("{} {}", head.method, head.uri.path());
    let answered = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => route(shared, &head, body.to_bytes()),
        Err(_) => Err(refusal(StatusCode::BAD_REQUEST, "EntityTooLarge")),
    };
    let response = answered.unwrap_or_else(|it| it.into_response());
    let line = format!("{line} {}", response.status().as_u16());
    shared.state().requests.push(line);
    Ok(response)
}

fn route(shared: &Shared, head: &http::request::Parts, body: Bytes) -> Answer {
    if let Some(status) = shared.state().refusing {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        return Err(refusal(status, "RefusedByScript"));
    }
    signature::check(&shared.key, head, &body)?;
    let path = head.uri.path().trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    if bucket != shared.name {
        return Err(refusal(StatusCode::NOT_FOUND, "NoSuchBucket"));
    }
    match (&head.method, key) {
        (&Method::GET, "") => Ok(list(shared, head.uri.query().unwrap_or_default())),
        (&Method::PUT, key) if !key.is_empty() => put(shared, head, key, body),
        (&Method::GET | &Method::HEAD, key) => get(shared, head, key),
        (&Method::DELETE, key) if !key.is_empty() => {
            shared.state().objects.remove(key);
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => Err(refusal(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed")),
    }
}

fn put(shared: &Shared, head: &http::request::Parts, key: &str, body: Bytes) -> Answer {
    let sum = STANDARD.encode(Sha256::digest(&body));
    match head.headers.get("x-amz-checksum-sha256") {
        Some(told) if told.as_bytes() != sum.as_bytes() => {
            return Err(refusal(StatusCode::BAD_REQUEST, "BadDigest"));
        }
        _ => {}
    }
    let tag = tag_of(&body);
    shared.state().objects.insert(key.to_owned(), body);
    let mut response = empty(StatusCode::OK);
    if let Ok(tag) = tag.parse() {
        response.headers_mut().insert("etag", tag);
    }
    Ok(response)
}

fn get(shared: &Shared, head: &http::request::Parts, key: &str) -> Answer {
    let missing = refusal(StatusCode::NOT_FOUND, "NoSuchKey");
    let object = shared.state().objects.get(key).cloned().ok_or(missing)?;
    let whole = object.len();
    let range = head.headers.get("range").and_then(|it| it.to_str().ok());
    let range = range.and_then(range_of).filter(|(from, _)| *from < whole);
    let (status, piece, range) = match range {
        Some((from, until)) => {
            let until = until.min(whole);
            let told = format!("bytes {from}-{}/{whole}", until - 1);
            (
                StatusCode::PARTIAL_CONTENT,
                object.slice(from..until),
                Some(told),
            )
        }
        None => (StatusCode::OK, object.clone(), None),
    };
    let mut response = Response::builder()
        .status(status)
        .header("etag", tag_of(&object))
        .header("last-modified", "Fri, 20 Nov 2026 10:00:00 GMT")
        .header("content-length", piece.len());
    if let Some(told) = range {
        response = response.header("content-range", told);
    }
    let body = if head.method == Method::HEAD {
        Bytes::new()
    } else {
        piece
    };
    response
        .body(Full::new(body))
        .map_err(|_| refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"))
}

fn list(shared: &Shared, query: &str) -> Response<Full<Bytes>> {
    let prefix = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("prefix="))
        .unwrap_or_default();
    let prefix = percent_encoding::percent_decode_str(prefix).decode_utf8_lossy();
    let mut text = String::from("<ListBucketResult><IsTruncated>false</IsTruncated>");
    for (key, object) in &shared.state().objects {
        if key.starts_with(prefix.as_ref()) {
            let size = object.len();
            text += &format!(
                "<Contents><Key>{key}</Key><Size>{size}</Size>\
                 <LastModified>2026-11-20T10:00:00.000Z</LastModified></Contents>"
            );
        }
    }
    text += "</ListBucketResult>";
    Response::new(Full::new(text.into()))
}

/// `bytes=0-99` → 0 and 100. Other forms are not asked by anybody here.
fn range_of(text: &str) -> Option<(usize, usize)> {
    let (from, until) = text.strip_prefix("bytes=")?.split_once('-')?;
    Some((from.parse().ok()?, until.parse::<usize>().ok()? + 1))
}

fn tag_of(object: &Bytes) -> String {
    format!("\"{}\"", signature::hex(&Sha256::digest(object)))
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

impl Refusal {
    fn into_response(self) -> Response<Full<Bytes>> {
        let code = self.code;
        let text = format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>");
        let mut response = Response::new(Full::new(text.into()));
        *response.status_mut() = self.status;
        response
    }
}

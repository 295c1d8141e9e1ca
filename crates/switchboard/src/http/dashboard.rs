//! The dashboard: files that `cargo xtask ui` built from `ui/`, and what browsers are told about them. (Threat H9.)
//!
//! A release build holds the files; a debug build reads them from `ui/dist`, so that a change shows without compiling.
//! Addresses of the server never lead here, whatever a route forgot: their first segment decides, not a prefix of text.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use rust_embed::RustEmbed;

use super::problem::Problem;

/// First segments of addresses that belong to the server. What is not routed there is not there.
const SERVER_SEGMENTS: [&str; 10] = [
    "api", "v1", "twilio", "openai", "whatsapp", "sendgrid", "healthz", "readyz", "metrics", "ops",
];

/// The folder whose files have a hash of their content in their name.
const HASHED_FOLDER: &str = "assets/";
/// A file of that folder never changes: its address does.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Everything else is asked about each time, and answered by its tag.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Everything from our own address; no inline script or style, nothing around our pages, no plug-ins. Sound that was
/// fetched with a login is played from memory (`blob:`).
const CONTENT_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; \
     media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; object-src 'none'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'",
);
/// The Talk page needs the microphone; nothing else is needed, and nothing in a frame gets anything.
const PERMISSIONS: HeaderValue =
    HeaderValue::from_static("microphone=(self), camera=(), geolocation=(), payment=(), usb=()");

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Kinds of files that a build makes, by the end of their name.
const KINDS: [(&str, &str); 12] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("json", "application/json"),
    ("webmanifest", "application/manifest+json"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("ico", "image/x-icon"),
    ("woff2", "font/woff2"),
    ("wasm", "application/wasm"),
    ("txt", "text/plain; charset=utf-8"),
];

/// Shown where the files are missing, so that the server can be built and tested without Node.
const NOT_BUILT: &str = include_str!("dashboard/not_built.html");

#[derive(RustEmbed)]
#[folder = "$SWITCHBOARD_UI"]
#[allow_missing = true]
struct Built;

/// A file as it is sent.
#[derive(Clone)]
struct File {
    bytes: Cow<'static, [u8]>,
    hash: [u8; 32],
}

/// Where files come from.
type Files = fn(&str) -> Option<File>;

fn built(path: &str) -> Option<File> {
    let file = Built::get(path)?;
    Some(File {
        hash: file.metadata.sha256_hash(),
        bytes: file.data,
    })
}

/// Answers what no route of the server answers.
pub(super) async fn answer(request: Request) -> Response {
    let (parts, _) = request.into_parts();
    respond(built, &parts.method, parts.uri.path(), &parts.headers)
}

/// The app for an address of the server that people open too; `None` where the app is not built.
pub(super) fn app(headers: &HeaderMap) -> Option<Response> {
    built("index.html")?;
    Some(page(built, headers))
}

fn respond(files: Files, method: &Method, path: &str, headers: &HeaderMap) -> Response {
    let path = path.strip_prefix('/').unwrap_or(path);
    let first = path.split('/').next().unwrap_or_default();
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    if SERVER_SEGMENTS.contains(&first) || !is_read {
        return Problem::not_found().into_response();
    }
    if !path.is_empty() && is_file_name(path) {
        return match files(path) {
            Some(_) => send(files, path, headers),
            None => Problem::not_found().into_response(),
        };
    }
    if path.is_empty() || wants_page(headers) {
        return page(files, headers);
    }
    Problem::not_found().into_response()
}

/// Files have a dot in their last segment, addresses of pages have none. What a build makes needs no other signs.
fn is_file_name(path: &str) -> bool {
    path.rsplit('/')
        .next()
        .is_some_and(|name| name.contains('.'))
}

/// Browsers that open an address ask for HTML; programs that mistyped one get a problem document.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// The one page of the app, whatever its address: the app reads it.
fn page(files: Files, headers: &HeaderMap) -> Response {
    let mut response = match files("index.html") {
        Some(_) => send(files, "index.html", headers),
        None => not_built(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    headers.insert(PERMISSIONS_POLICY, PERMISSIONS);
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

fn not_built() -> Response {
    let kind = [(CONTENT_TYPE, "text/html; charset=utf-8")];
    (StatusCode::NOT_FOUND, kind, NOT_BUILT).into_response()
}

/// The file in the best form this browser takes. Forms were made by the build; nothing is compressed here.
fn send(files: Files, path: &str, asked: &HeaderMap) -> Response {
    let forms = [("br", "br"), ("gzip", "gz")];
    let compressed = forms
        .into_iter()
        .filter(|(encoding, _)| takes(asked, encoding))
        .find_map(|(encoding, end)| Some((encoding, files(&format!("{path}.{end}"))?)));
    let (encoding, file) = match compressed {
        Some((encoding, file)) => (Some(encoding), file),
        None => match files(path) {
            Some(file) => (None, file),
            None => return Problem::not_found().into_response(),
        },
    };
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&file.hash[..16]));
    let is_known = asked
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| known.split(',').any(|it| it.trim() == tag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(file.bytes.into_owned()))
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind_of(path)));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    let is_hashed = path.starts_with(HASHED_FOLDER);
    headers.insert(CACHE_CONTROL, if is_hashed { FOR_EVER } else { ASK_AGAIN });
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// Whether the browser takes this encoding; `;q=0` is a no.
fn takes(asked: &HeaderMap, encoding: &str) -> bool {
    let lines = asked.get_all(ACCEPT_ENCODING).into_iter();
    let mut named = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    named.any(|name| {
        let mut parts = name.split(';').map(str::trim);
        let is_it = parts.next() == Some(encoding);
        is_it
            && !parts.any(|part| {
                part.strip_prefix("q=")
                    .and_then(|weight| weight.parse::<f32>().ok())
                    == Some(0.0)
            })
    })
}

fn kind_of(path: &str) -> &'static str {
    let end = path.rsplit('.').next().unwrap_or_default();
    let known = KINDS.iter().find(|(kind, _)| *kind == end);
    known.map_or("application/octet-stream", |(_, kind)| kind)
}

#[cfg(test)]
mod tests;

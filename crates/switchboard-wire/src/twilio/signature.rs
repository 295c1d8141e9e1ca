//! `X-Twilio-Signature` (section 2): account token with SHA-1, or a shared key with the hash a header names.
//!
//! The URL is the configured public URL plus the raw request target, never one rebuilt from headers, and its escapes are
//! never normalised. Every comparison is in constant time and every candidate is tried, found or not.

use super::Form;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Header of the signature itself.
pub const SIGNATURE_HEADER: &str = "x-twilio-signature";
/// Header that names a shared key and its hash; without it the account token and SHA-1 are meant.
pub const SETTINGS_HEADER: &str = "x-twilio-webhooks-signature-settings";

/// What was signed. A stream's upgrade is `Empty` over its `wss://` URL as written in the document.
#[derive(Debug, Clone, Copy)]
pub enum SignedBody<'a> {
    Empty,
    Form(&'a Form),
    /// The URL's `bodySHA256` parameter must match these bytes; the signature covers the URL.
    Json(&'a [u8]),
}

/// A request as it arrived, with the two headers that matter.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    pub url: &'a str,
    pub body: SignedBody<'a>,
    pub signature: &'a str,
    pub settings: Option<&'a str>,
}

/// The secrets of **the account that owns the called number** (threats.md H1).
#[derive(Clone, Copy, Default)]
pub struct SigningSecrets<'a> {
    /// The primary token, and the secondary one while it is being promoted.
    pub auth_tokens: &'a [&'a str],
    /// Shared keys: id and secret.
    pub shared_keys: &'a [(&'a str, &'a str)],
}

/// Why a request is not believed. Answer 403 to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the signature does not match")]
    Mismatch,
    #[error("the body hash is missing from the URL")]
    BodyHashMissing,
    #[error("the body hash does not match the body")]
    BodyHashMismatch,
    #[error("the signature settings cannot be read")]
    Settings,
    #[error("the signature algorithm is unknown")]
    UnknownAlgorithm,
    #[error("the shared key is unknown")]
    UnknownKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Sha1,
    Sha256,
}

/// Believes a request or says why not.
pub fn verify(
    request: &SignedRequest<'_>,
    secrets: &SigningSecrets<'_>,
) -> Result<(), SignatureError> {
    if let SignedBody::Json(body) = request.body {
        check_body_hash(request.url, body)?;
    }
    let (keys, algorithm) = match request.settings {
        None => (secrets.auth_tokens.to_vec(), Algorithm::Sha1),
        Some(settings) => {
            let (id, algorithm) = parse_settings(settings)?;
            let is_named = |(known, _): &&(&str, &str)| *known == id;
            let found = secrets.shared_keys.iter().find(is_named);
            (vec![found.ok_or(SignatureError::UnknownKey)?.1], algorithm)
        }
    };
    let signature = STANDARD
        .decode(request.signature)
        .map_err(|_| SignatureError::Mismatch)?;
    let parameters = parameters_text(request.body);
    let mut is_match = Choice::from(0);
    for key in keys.iter().filter(|key| !key.is_empty()) {
        for url in url_variants(request.url) {
            let expected = digest(algorithm, key, &url, &parameters);
            is_match |= expected.ct_eq(&signature);
        }
    }
    if bool::from(is_match) {
        Ok(())
    } else {
        Err(SignatureError::Mismatch)
    }
}

/// The signature Twilio would send with its account token. For fakes and tests.
pub fn sign(url: &str, body: SignedBody<'_>, auth_token: &str) -> String {
    STANDARD.encode(digest(
        Algorithm::Sha1,
        auth_token,
        url,
        &parameters_text(body),
    ))
}

/// Lower-case hexadecimal SHA-256, the value of `bodySHA256`.
pub fn body_sha256(body: &[u8]) -> String {
    use std::fmt::Write;
    let hash = Sha256::digest(body);
    hash.iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
            text
        })
}

fn digest(algorithm: Algorithm, key: &str, url: &str, parameters: &str) -> Vec<u8> {
    fn run<M: Mac + hmac::digest::KeyInit>(key: &str, texts: [&str; 2]) -> Vec<u8> {
        let mut mac =
            <M as Mac>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
        texts.iter().for_each(|text| mac.update(text.as_bytes()));
        mac.finalize().into_bytes().to_vec()
    }
    match algorithm {
        Algorithm::Sha1 => run::<Hmac<Sha1>>(key, [url, parameters]),
        Algorithm::Sha256 => run::<Hmac<Sha256>>(key, [url, parameters]),
    }
}

/// Names ascending, per name the distinct values ascending, without separators.
fn parameters_text(body: SignedBody<'_>) -> String {
    let SignedBody::Form(form) = body else {
        return String::new();
    };
    let mut parameters: Vec<_> = form.parameters().iter().collect();
    parameters.sort_unstable();
    parameters.dedup();
    let texts = parameters.iter().flat_map(|(name, value)| [name, value]);
    texts.map(String::as_str).collect()
}

fn check_body_hash(url: &str, body: &[u8]) -> Result<(), SignatureError> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let claimed = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "bodySHA256")
        .ok_or(SignatureError::BodyHashMissing)?
        .1;
    let actual = body_sha256(body);
    if bool::from(actual.as_bytes().ct_eq(claimed.as_bytes())) {
        Ok(())
    } else {
        Err(SignatureError::BodyHashMismatch)
    }
}

/// `key=<id>,algorithm=<name>`, in any order.
fn parse_settings(settings: &str) -> Result<(&str, Algorithm), SignatureError> {
    let (mut key, mut algorithm) = (None, None);
    for setting in settings.split(',') {
        let (name, value) = setting.split_once('=').ok_or(SignatureError::Settings)?;
        let slot = match name.trim() {
            "key" => &mut key,
            "algorithm" => &mut algorithm,
            _ => continue,
        };
        if slot.replace(value.trim()).is_some() {
            return Err(SignatureError::Settings);
        }
    }
    let algorithm = match algorithm.ok_or(SignatureError::Settings)? {
        "HMAC_SHA1" => Algorithm::Sha1,
        "HMAC_SHA256" => Algorithm::Sha256,
        _ => return Err(SignatureError::UnknownAlgorithm),
    };
    Ok((key.ok_or(SignatureError::Settings)?, algorithm))
}

/// The URL as received, without its port, and with the default port where it has none. Twilio's own validators accept
/// these because carriers and proxies disagree; for `wss` Python adds 80 and Node 443, so both count.
fn url_variants(url: &str) -> Vec<String> {
    let mut variants = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else {
        return variants;
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    let host_begin = authority.rfind('@').map_or(0, |at| at + 1);
    let host_end = authority[host_begin..]
        .rfind(']')
        .map_or(host_begin, |at| host_begin + at);
    match authority[host_end..].find(':') {
        Some(colon) => {
            let host = &authority[..host_end + colon];
            variants.push(format!("{scheme}://{host}{path}"));
        }
        None => {
            let ports: &[u16] = match scheme {
                "https" => &[443],
                "http" | "ws" => &[80],
                "wss" => &[443, 80],
                _ => &[],
            };
            let with_port = |port| format!("{scheme}://{authority}:{port}{path}");
            variants.extend(ports.iter().map(with_port));
        }
    }
    variants
}

//! Signatures of version 4, as Amazon describes them: a request is canonised, hashed, and signed with a key derived from
//! the secret, the day, the region and the service.

use hmac::{Hmac, Mac};
use http::request::Parts;
use hyper::StatusCode;
use sha2::{Digest, Sha256};

use super::{BucketKey, Refusal, refusal};

const FORBIDDEN: Refusal = refusal(StatusCode::FORBIDDEN, "SignatureDoesNotMatch");

/// What the header `authorization` says.
struct Told<'a> {
    key_id: &'a str,
    scope: &'a str,
    headers: &'a str,
    signature: &'a str,
}

/// Checks that the holder of `key` signed this head and this body.
pub(super) fn check(key: &BucketKey, head: &Parts, body: &[u8]) -> Result<(), Refusal> {
    let told = text(head, "authorization")
        .and_then(told)
        .ok_or(FORBIDDEN)?;
    let hash = text(head, "x-amz-content-sha256").ok_or(FORBIDDEN)?;
    if told.key_id != key.id {
        return Err(refusal(StatusCode::FORBIDDEN, "InvalidAccessKeyId"));
    }
    if hash != hex(&Sha256::digest(body)) {
        let code = "XAmzContentSHA256Mismatch";
        return Err(refusal(StatusCode::BAD_REQUEST, code));
    }
    let date = text(head, "x-amz-date").ok_or(FORBIDDEN)?;
    let canonical = canonical(head, told.headers, hash).ok_or(FORBIDDEN)?;
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{date}\n{}\n{}",
        told.scope,
        hex(&Sha256::digest(canonical))
    );
    let mut derived = format!("AWS4{}", key.secret).into_bytes();
    for part in told.scope.split('/') {
        derived = mac(&derived, part);
    }
    if hex(&mac(&derived, &to_sign)) == told.signature {
        Ok(())
    } else {
        Err(FORBIDDEN)
    }
}

/// `AWS4-HMAC-SHA256 Credential=<id>/<scope>, SignedHeaders=<a;b>, Signature=<hex>`
fn told(header: &str) -> Option<Told<'_>> {
    let rest = header.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let field = |name| {
        rest.split(',')
            .find_map(|it| it.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let (key_id, scope) = field("Credential")?.split_once('/')?;
    Some(Told {
        key_id,
        scope,
        headers: field("SignedHeaders")?,
        signature: field("Signature")?,
    })
}

fn canonical(head: &Parts, signed: &str, hash: &str) -> Option<String> {
    let mut query: Vec<_> = head.uri.query().unwrap_or_default().split('&').collect();
    query.sort_unstable();
    let mut headers = String::new();
    for name in signed.split(';') {
        let value = text(head, name)?;
        headers += &format!("{name}:{}\n", value.trim());
    }
    let path = head.uri.path();
    let query = query.join("&");
    Some(format!(
        "{}\n{path}\n{query}\n{headers}\n{signed}\n{hash}",
        head.method
    ))
}

fn text<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name)?.to_str().ok()
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

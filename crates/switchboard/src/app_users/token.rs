//! One token: what is looked at before its key is known, and what is verified with the key.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::TokenFault;
use crate::config::Secret;

/// Longest token. Those of the large identity services have one or two KiB.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// How far the clocks of issuer and server may differ.
const LEEWAY_S: u64 = 30;
/// Longest life of a token: an app signs its users in once a day at least.
const LIFETIME_S_MAX: f64 = 24.0 * 3600.0;
/// Longest issuer and subject.
const NAME_BYTES_MAX: usize = 255;

/// The algorithms an issuer may be configured with, one of them each. `none` is no algorithm.
pub const ALGORITHMS: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "EdDSA",
];

/// A key, of the family it may be used with.
pub(super) type VerifyingKey = DecodingKey;

/// What an unverified token says about itself. Believed only as far as to find its key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Glance {
    pub(super) algorithm: String,
    pub(super) key_id: Option<String>,
    pub(super) issuer: String,
}

/// What the tenant's configuration asks of a token.
pub(super) struct Wanted<'a> {
    pub(super) algorithm: &'a str,
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    pub(super) now_s: i64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct IssuerClaim {
    iss: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    iat: Option<f64>,
}

/// Whether `text` is a token by its form: three parts of base64url.
pub fn looks_like_token(text: &str) -> bool {
    let mut parts = text.split('.');
    let is_part = |part: Option<&str>| {
        part.is_some_and(|part| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !part.is_empty() && part.bytes().all(allowed)
        })
    };
    let three = is_part(parts.next()) && is_part(parts.next()) && is_part(parts.next());
    three && parts.next().is_none() && text.len() <= TOKEN_BYTES_MAX
}

/// True for the algorithms whose key both sides hold.
pub fn is_shared_secret_algorithm(name: &str) -> bool {
    name.starts_with("HS")
}

/// Reads what leads to the key.
///
/// # Errors
/// What is no token, or one with extensions that must be understood and are not.
pub(super) fn glance(token: &str) -> Result<Glance, TokenFault> {
    if !looks_like_token(token) {
        return Err(TokenFault::Invalid);
    }
    let mut parts = token.split('.');
    let header: Header = part(parts.next())?;
    let claims: IssuerClaim = part(parts.next())?;
    let is_bounded = |text: &str| !text.is_empty() && text.len() <= NAME_BYTES_MAX;
    let key_id_fits = header.kid.as_deref().is_none_or(is_bounded);
    if header.crit.is_some() || !is_bounded(&claims.iss) || !key_id_fits {
        return Err(TokenFault::Invalid);
    }
    Ok(Glance {
        algorithm: header.alg,
        key_id: header.kid,
        issuer: claims.iss,
    })
}

fn part<T: DeserializeOwned>(part: Option<&str>) -> Result<T, TokenFault> {
    let bytes = URL_SAFE_NO_PAD.decode(part.unwrap_or_default());
    let bytes = bytes.map_err(|_| TokenFault::Invalid)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenFault::Invalid)
}

/// A key both sides hold.
pub(super) fn shared_secret(secret: &Secret) -> VerifyingKey {
    DecodingKey::from_secret(secret.expose().as_bytes())
}

/// The algorithm of this name, if it may be configured.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    let name = ALGORITHMS.into_iter().find(|known| *known == name)?;
    Algorithm::from_str(name).ok()
}

/// The family of keys an algorithm needs.
pub(super) fn family(algorithm: Algorithm) -> Option<AlgorithmFamily> {
    use AlgorithmFamily::{Ec, Ed, Hmac, Rsa};
    let mut families = [Hmac, Rsa, Ec, Ed].into_iter();
    families.find(|family| family.algorithms().contains(&algorithm))
}

/// Verifies signature and claims; gives the subject.
///
/// # Errors
/// The signature is not of this key, a claim is missing or wrong, the token has expired or lives for too long.
pub(super) fn verify(
    token: &str,
    key: &VerifyingKey,
    wanted: &Wanted<'_>,
) -> Result<String, TokenFault> {
    let algorithm = algorithm(wanted.algorithm).ok_or(TokenFault::Invalid)?;
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY_S;
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    validation.set_audience(&[wanted.audience]);
    validation.set_issuer(&[wanted.issuer]);
    let read = jsonwebtoken::decode::<Claims>(token, key, &validation);
    let claims = read
        .map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => TokenFault::Expired,
            _ => TokenFault::Invalid,
        })?
        .claims;
    let (now_s, leeway_s) = (wanted.now_s as f64, LEEWAY_S as f64);
    let issued_s = claims.iat.unwrap_or(now_s);
    let is_early = issued_s > now_s + leeway_s;
    let lives_too_long = claims.exp - issued_s > LIFETIME_S_MAX + leeway_s
        || claims.exp - now_s > LIFETIME_S_MAX + leeway_s;
    let has_subject = !claims.sub.is_empty() && claims.sub.len() <= NAME_BYTES_MAX;
    if is_early || lives_too_long || !has_subject {
        return Err(TokenFault::Invalid);
    }
    Ok(claims.sub)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header as JoseHeader, encode};
    use serde_json::json;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn now_s() -> i64 {
        chrono::Utc::now().timestamp()
    }

    fn claims() -> Value {
        json!({"iss": "https://id.example.org", "aud": "switchboard", "sub": "user-1", "exp": now_s() + 600, "iat": now_s()})
    }

    fn with(field: &str, value: Value) -> Value {
        let mut claims = claims();
        match value {
            Value::Null => drop(claims.as_object_mut().expect("claims").remove(field)),
            value => claims[field] = value,
        }
        claims
    }

    fn signed(claims: &Value, header: &JoseHeader, secret: &str) -> String {
        encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).expect("a token")
    }

    fn judge(token: &str) -> Result<String, TokenFault> {
        let wanted = Wanted {
            algorithm: "HS256",
            issuer: "https://id.example.org",
            audience: "switchboard",
            now_s: now_s(),
        };
        glance(token)?;
        verify(token, &shared_secret(&Secret::new(SECRET)), &wanted)
    }

    fn judged(claims: &Value) -> Result<String, TokenFault> {
        judge(&signed(claims, &JoseHeader::default(), SECRET))
    }

    #[test]
    fn a_good_token_gives_its_subject() {
        assert_eq!(judged(&claims()).expect("good"), "user-1");
        let several = with("aud", json!(["other", "switchboard"]));
        assert_eq!(judged(&several).expect("good"), "user-1");
    }

    #[test]
    fn t1_every_claim_must_be_there_and_right() {
        for field in ["iss", "aud", "sub", "exp"] {
            assert!(
                judged(&with(field, Value::Null)).is_err(),
                "{field} is missing"
            );
        }
        let wrong = [
            ("aud", json!("another")),
            ("iss", json!("https://id.example.com")),
            ("iss", json!(["https://id.example.org"])),
            ("sub", json!("")),
            ("sub", json!("x".repeat(256))),
            ("sub", json!(7)),
            ("nbf", json!(now_s() + 120)),
            ("iat", json!(now_s() + 120)),
            ("exp", json!(now_s() + 25 * 3600)),
            ("exp", json!("tomorrow")),
        ];
        for (field, value) in wrong {
            let fault = judged(&with(field, value.clone())).expect_err("refused");
            assert!(
                matches!(fault, TokenFault::Invalid),
                "{field} {value}: {fault}"
            );
        }
        let late = judged(&with("exp", json!(now_s() - 60)));
        assert!(matches!(late, Err(TokenFault::Expired)));
        let just_late = judged(&with("exp", json!(now_s() - 10)));
        assert!(just_late.is_ok(), "clocks may differ by 30 s");
    }

    #[test]
    fn t1_none_altered_and_foreign_signatures_are_refused() {
        let good = signed(&claims(), &JoseHeader::default(), SECRET);
        let foreign = signed(&claims(), &JoseHeader::default(), &SECRET.replace('0', "1"));
        assert!(matches!(judge(&foreign), Err(TokenFault::Invalid)));
        let mut altered = good.clone().into_bytes();
        let last = altered.len() - 2;
        altered[last] = if altered[last] == b'A' { b'B' } else { b'A' };
        assert!(judge(&String::from_utf8(altered).expect("ASCII")).is_err());
        let body = good.split('.').nth(1).expect("claims").to_owned();
        for header in [
            json!({"alg": "none"}),
            json!({"alg": "NONE"}),
            json!({"alg": "HS512"}),
        ] {
            let header = URL_SAFE_NO_PAD.encode(header.to_string());
            let signature = good.split('.').nth(2).expect("a signature");
            assert!(judge(&format!("{header}.{body}.")).is_err());
            assert!(judge(&format!("{header}.{body}.{signature}")).is_err());
        }
        assert!(algorithm("none").is_none() && algorithm("hs256").is_none());
    }

    #[test]
    fn t1_extensions_that_must_be_understood_and_oversize_are_refused() {
        let good = signed(&claims(), &JoseHeader::default(), SECRET);
        let rest = good.split_once('.').expect("a header").1;
        for header in [
            json!({"alg": "HS256", "crit": ["b64"], "b64": false}),
            json!({"alg": "HS256", "kid": "k".repeat(300)}),
            json!({"alg": ["HS256"]}),
        ] {
            let header = URL_SAFE_NO_PAD.encode(header.to_string());
            assert!(glance(&format!("{header}.{rest}")).is_err(), "{header}");
        }
        let large = with("note", json!("x".repeat(TOKEN_BYTES_MAX)));
        assert!(judged(&large).is_err());
        for text in [
            "",
            ".",
            "..",
            "a.b",
            "a.b.c.d",
            "a.b.c",
            "ä.b.c",
            "sk_sb_0123",
        ] {
            assert!(glance(text).is_err(), "{text}");
        }
    }
}

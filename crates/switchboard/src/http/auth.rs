//! Who asks: the API key of a request, and the tenant it reaches.

use std::pin::Pin;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::request::Parts;
use http::{Extensions, HeaderMap};
use switchboard_store::{ApiKeyId, Lookup, TenantId};
use thiserror::Error;

use super::api_key::ApiKey;
use super::problem::Problem;

/// How the official SDKs put a key into a browser's WebSocket, which cannot set headers (openai-realtime.md, 1).
const SUBPROTOCOL_KEY_PREFIX: &str = "openai-insecure-api-key.";

/// The tenant a valid key reaches, and which key it was. As an extractor it answers 401 without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyIdentity {
    /// The only tenant whose data the request may touch.
    pub tenant_id: TenantId,
    /// The key, for audit entries and limits.
    pub key_id: ApiKeyId,
    /// The key's name, given by the operator.
    pub name: String,
}

/// Keys cannot be checked now. Answered with 503, never with 401: a good key is not to be thrown away.
#[derive(Clone, Copy, Debug, Error)]
#[error("keys cannot be checked now")]
pub struct VerifierUnavailable;

/// The future of one check; `Ok(None)` means that nobody has this key.
pub type Verification<'a> =
    Pin<Box<dyn Future<Output = Result<Option<KeyIdentity>, VerifierUnavailable>> + Send + 'a>>;

/// Knows which tenant a key belongs to. Implementations look the hash up and compare nothing in the clear.
pub trait KeyVerifier: Send + Sync {
    /// Finds the owner of `key`.
    fn verify<'a>(&'a self, key: &'a ApiKey) -> Verification<'a>;
}

impl KeyVerifier for Lookup {
    fn verify<'a>(&'a self, key: &'a ApiKey) -> Verification<'a> {
        Box::pin(async {
            let found = self.api_key(key.expose()).await.map_err(|error| {
                tracing::warn!(%error, "keys cannot be checked");
                VerifierUnavailable
            })?;
            Ok(found.map(|it| KeyIdentity {
                tenant_id: it.tenant_id,
                key_id: it.key_id,
                name: it.name,
            }))
        })
    }
}

/// The key a request brought as `Authorization: Bearer`, or in the WebSocket's subprotocols. `None` covers a missing
/// and a malformed one; both are answered alike. The subprotocol must not be echoed (threat S6).
pub fn bearer_key(headers: &HeaderMap) -> Option<ApiKey> {
    let authorization = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if let Some(text) = authorization {
        let (scheme, key) = text.split_once(' ')?;
        return ApiKey::parse(key.trim()).filter(|_| scheme.eq_ignore_ascii_case("bearer"));
    }
    let protocols = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter();
    let mut names = protocols
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    names.find_map(|name| ApiKey::parse(name.trim().strip_prefix(SUBPROTOCOL_KEY_PREFIX)?))
}

impl<S: Send + Sync> FromRequestParts<S> for KeyIdentity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Self::of_request(&parts.headers, &parts.extensions).await
    }
}

impl KeyIdentity {
    /// Whose key a request brought.
    ///
    /// # Errors
    /// 401 without a good one, 503 when keys cannot be checked.
    pub(super) async fn of_request(
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Self, Problem> {
        if let Some(known) = extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let key = bearer_key(headers).ok_or_else(Problem::not_signed_in)?;
        let verifier = extensions.get::<Arc<dyn KeyVerifier>>().cloned();
        let verifier = verifier.ok_or_else(Problem::unavailable)?;
        match verifier.verify(&key).await {
            Ok(Some(identity)) => Ok(identity),
            Ok(None) => Err(Problem::not_signed_in()),
            Err(VerifierUnavailable) => Err(Problem::unavailable()),
        }
    }
}

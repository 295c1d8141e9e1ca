//! Signed webhooks (Standard Webhooks, section 11.3) and the incoming-call event (section 11.2).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// How far a delivery's time may be from ours, in either direction, seconds.
pub const SIGNATURE_TOLERANCE_S: u64 = 300;

/// Prefix of secrets whose rest is base64.
const SECRET_PREFIX: &str = "whsec_";
/// The only signature scheme there is.
const SCHEME_PREFIX: &str = "v1,";

/// Headers of a delivery, as received.
#[derive(Debug, Clone, Copy)]
pub struct WebhookHeaders<'a> {
    /// `webhook-id`; deliveries repeat, so it is also what duplicates are found by.
    pub id: &'a str,
    /// `webhook-timestamp`, unix seconds.
    pub timestamp: &'a str,
    /// `webhook-signature`, a list separated by spaces.
    pub signature: &'a str,
}

/// Why a delivery is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The secret is `whsec_` without base64 behind it, or empty.
    #[error("the webhook secret is not usable")]
    BadSecret,
    /// The time is not a number.
    #[error("the webhook timestamp is not a number")]
    BadTimestamp,
    /// Older than the tolerance.
    #[error("the webhook is too old")]
    TooOld,
    /// Further ahead than the tolerance.
    #[error("the webhook is too new")]
    TooNew,
    /// No signature of the list matches.
    #[error("no webhook signature matches")]
    BadSignature,
}

/// The key of a webhook endpoint. Never printed.
#[derive(Clone)]
pub struct WebhookSecret {
    key: Vec<u8>,
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret([key])")
    }
}

impl WebhookSecret {
    /// Reads a secret: base64 behind `whsec_`, else the text's own bytes.
    ///
    /// # Errors
    /// [`WebhookError::BadSecret`].
    pub fn parse(text: &str) -> Result<Self, WebhookError> {
        let key = match text.strip_prefix(SECRET_PREFIX) {
            Some(base64) => STANDARD
                .decode(base64)
                .map_err(|_| WebhookError::BadSecret)?,
            None => text.as_bytes().to_vec(),
        };
        if key.is_empty() {
            return Err(WebhookError::BadSecret);
        }
        Ok(Self { key })
    }

    /// The signature header for a delivery, for a sender.
    pub fn sign(&self, id: &str, timestamp_s: u64, body: &[u8]) -> String {
        let tag = self
            .mac(id, &timestamp_s.to_string(), body)
            .finalize()
            .into_bytes();
        format!("{SCHEME_PREFIX}{}", STANDARD.encode(tag))
    }

    /// Believes a delivery or not; `now_s` in unix seconds.
    ///
    /// # Errors
    /// The time is outside the tolerance or no signature of the list matches.
    pub fn verify(
        &self,
        headers: WebhookHeaders<'_>,
        body: &[u8],
        now_s: u64,
    ) -> Result<(), WebhookError> {
        let sent_s: u64 = headers
            .timestamp
            .parse()
            .map_err(|_| WebhookError::BadTimestamp)?;
        if now_s.saturating_sub(sent_s) > SIGNATURE_TOLERANCE_S {
            return Err(WebhookError::TooOld);
        }
        if sent_s.saturating_sub(now_s) > SIGNATURE_TOLERANCE_S {
            return Err(WebhookError::TooNew);
        }
        let mac = self.mac(headers.id, headers.timestamp, body);
        let is_believed = headers
            .signature
            .split_ascii_whitespace()
            .filter_map(|signature| STANDARD.decode(signature.strip_prefix(SCHEME_PREFIX)?).ok())
            .any(|tag| mac.clone().verify_slice(&tag).is_ok());
        if is_believed {
            Ok(())
        } else {
            Err(WebhookError::BadSignature)
        }
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

/// `data` of `realtime.call.incoming`: a SIP call waits for accept or reject. Headers are foreign text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealtimeCallIncoming {
    /// `rtc_...`.
    pub call_id: String,
    /// In order, duplicates included.
    #[serde(default)]
    pub sip_headers: Vec<SipHeader>,
    /// `rtp` or `srtp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_media_security: Option<String>,
}

/// A SIP header as received. Its value may be a telephone number, so it prints as a placeholder.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SipHeader {
    /// Name, in the sender's case.
    pub name: String,
    /// Value.
    pub value: String,
}

impl fmt::Debug for SipHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: [value]", self.name)
    }
}

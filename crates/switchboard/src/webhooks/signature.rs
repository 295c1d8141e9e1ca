//! Signatures of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, in base64, behind `v1,`.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::Secret;

/// Where the signatures stand, separated by blanks.
pub const SIGNATURE_HEADER: &str = "webhook-signature";
/// What a secret begins with when it is shown.
const PREFIX: &str = "whsec_";
/// Bytes of a secret we make; the standard asks for 24 to 64.
const SECRET_BYTES: usize = 32;

/// The secret of one endpoint. Prints as nothing.
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// A fresh secret from the system's randomness; `None` when it gives none.
    pub fn generate() -> Option<Self> {
        let mut bytes = vec![0; SECRET_BYTES];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Reads what [`WebhookSecret::to_text`] wrote.
    pub fn parse(text: &Secret) -> Option<Self> {
        let encoded = text.expose().strip_prefix(PREFIX)?;
        STANDARD.decode(encoded).ok().map(Self)
    }

    /// As receivers want it: `whsec_` and base64.
    pub fn to_text(&self) -> Secret {
        Secret::new(format!("{PREFIX}{}", STANDARD.encode(&self.0)))
    }

    /// `v1,` and the signature of one message. `timestamp` is in seconds since 1970.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut context = hmac::Context::with_key(&key);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("WebhookSecret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the Standard Webhooks specification and its reference libraries.
    #[test]
    fn the_published_vector_is_signed_as_the_reference_libraries_do() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let secret = WebhookSecret::parse(&secret).expect("a secret");
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_read_back_and_prints_as_nothing() {
        let secret = WebhookSecret::generate().expect("randomness");
        let text = secret.to_text();
        let again = WebhookSecret::parse(&text).expect("read");
        assert_eq!(again.sign("a", 1, b"x"), secret.sign("a", 1, b"x"));
        assert_ne!(again.sign("a", 1, b"x"), secret.sign("a", 2, b"x"));
        assert_eq!(format!("{secret:?}"), "WebhookSecret(***)");
        assert!(WebhookSecret::parse(&Secret::new("whsec_???")).is_none());
        assert!(WebhookSecret::parse(&Secret::new("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).is_none());
    }
}

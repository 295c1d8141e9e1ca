//! API keys: what one looks like, how it is made, and what is kept of it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::config::Secret;

/// What every key begins with, so that scanners of leaked secrets can find one.
const PREFIX: &str = "sk_sb_";

/// Random bytes in a key: 256 bits, so that a plain hash of it cannot be guessed back.
const KEY_BYTES: usize = 32;

/// Characters behind the prefix: 32 bytes in base64 without padding.
const BODY_CHARS: usize = 43;

/// An API key in the clear. Exists when it is made, and while a request that brought it is checked.
#[derive(Clone, Debug)]
pub struct ApiKey(Secret);

/// What is kept of a key: its SHA-256. Not a password hash, because the key is random and looked up on every request.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApiKeyHash(pub [u8; 32]);

impl ApiKey {
    /// A fresh key.
    ///
    /// # Errors
    /// The system has no random bytes to give.
    pub fn mint() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(Secret::new(format!(
            "{PREFIX}{}",
            URL_SAFE_NO_PAD.encode(bytes)
        ))))
    }

    /// The key in `text` if it looks like one; what does not is never asked the database.
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let looks_right = body.len() == BODY_CHARS && body.bytes().all(allowed);
        looks_right.then(|| Self(Secret::new(text)))
    }

    /// The key itself, to be shown once.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What is kept of it.
    pub fn hash(&self) -> ApiKeyHash {
        ApiKeyHash(Sha256::digest(self.expose().as_bytes()).into())
    }
}

impl fmt::Debug for ApiKeyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKeyHash(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_key_reads_back_with_the_same_hash_and_no_two_are_alike() {
        let key = ApiKey::mint().expect("random bytes");
        let again = ApiKey::parse(key.expose()).expect("looks like a key");
        assert_eq!(key.hash(), again.hash());
        assert_ne!(key.hash(), ApiKey::mint().expect("random bytes").hash());
        assert!(!format!("{key:?}{:?}", key.hash()).contains(&key.expose()[PREFIX.len()..]));
    }

    #[test]
    fn what_is_no_key_is_not_looked_up() {
        for text in [
            "",
            "sk_sb_",
            "sk-proj-abc",
            "sk_sb_short",
            "sk_sb_' or 1=1 --aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(ApiKey::parse(text).is_none(), "{text}");
        }
    }
}

//! What an API key looks like, so that what is none never reaches the database.

use crate::config::Secret;

/// What every key begins with, so that scanners of leaked secrets can find one.
const PREFIX: &str = "sk_sb_";

/// Fewest characters behind the prefix: 128 bits in base64.
const BODY_CHARS_MIN: usize = 22;

/// Most characters behind the prefix; the store's keys have 64.
const BODY_CHARS_MAX: usize = 128;

/// An API key that a request brought, in the clear while it is checked. Prints as a placeholder.
#[derive(Clone, Debug)]
pub struct ApiKey(Secret);

impl ApiKey {
    /// The key in `text` if it looks like one.
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX)?;
        let fits = (BODY_CHARS_MIN..=BODY_CHARS_MAX).contains(&body.len());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (fits && body.bytes().all(allowed)).then(|| Self(Secret::new(text)))
    }

    /// The key itself.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_is_not_looked_up() {
        let long = format!("{PREFIX}{}", "a".repeat(BODY_CHARS_MAX + 1));
        let injected = "sk_sb_' or 1=1 --aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        for text in ["", PREFIX, "sk-proj-abc", "sk_sb_short", injected, &long] {
            assert!(ApiKey::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn d5_a_key_prints_as_a_placeholder() {
        let key = ApiKey::parse("sk_sb_0123456789abcdef0123456789abcdef").expect("a key");
        assert!(!format!("{key:?}").contains("0123"));
    }
}

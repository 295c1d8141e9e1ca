//! Look-up keys and hashes: how text is made comparable, and how a secret is stored.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Bytes of randomness in a minted secret. 128 bits are the least asked for; 256 cost nothing.
const SECRET_BYTES: usize = 32;

/// Lower case with single blanks, so that "Ama  OSEI" finds "ama osei".
pub(crate) fn name_key(name: &str) -> String {
    name.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

pub(crate) fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// A `like` pattern for names that contain this text, with `\` as escape.
pub(crate) fn containing_pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in name_key(text).chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// SHA-256 in hex. Enough for secrets of full entropy, which cannot be guessed; passwords need more and are not ours.
pub(crate) fn secret_hash(secret: &str) -> String {
    bytes_hash(secret.as_bytes())
}

/// The same of any bytes.
pub(crate) fn bytes_hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A fresh secret in hex.
pub(crate) fn mint_secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_ignore_case_and_blanks() {
        assert_eq!(name_key("  Élodie \t OSEI "), "élodie osei");
        assert_eq!(email_key(" Ama@Example.ORG "), "ama@example.org");
        assert_eq!(containing_pattern("50%_\\"), "%50\\%\\_\\\\%");
    }

    #[test]
    fn s1_minted_secrets_have_256_bits_and_differ() {
        let (one, other) = (mint_secret().unwrap(), mint_secret().unwrap());
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
    }
}

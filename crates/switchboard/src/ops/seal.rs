//! Seals secrets of tenants before they are stored, so that a stolen database or backup holds none.
//!
//! AES-256-GCM with a fresh nonce; the context (tenant and account) is authenticated, so that a sealed secret cannot be
//! moved to another row. The key lives in a file beside the database and never in it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use switchboard_store::TenantId;
use thiserror::Error;

use crate::config::Secret;

/// Bytes of an AES-256 key.
const KEY_BYTES: usize = 32;

/// What the hashing key is derived by.
const HASHING: &[u8] = b"switchboard keyed hash 1";

/// Enough to tell keys apart.
const FINGERPRINT_CHARS: usize = 16;

/// First byte of everything sealed this way; another way would get another number.
const VERSION: u8 = 1;

/// Secrets cannot be sealed or opened.
#[derive(Debug, Error)]
pub enum SealError {
    /// The key file cannot be read or made.
    #[error("cannot use the sealing key in {}", path.display())]
    KeyFile {
        /// `database.sealing_key_file`.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The key file holds something else.
    #[error("{} does not hold a sealing key: 32 bytes in base64 are expected", path.display())]
    NoKey {
        /// `database.sealing_key_file`.
        path: PathBuf,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// Sealed with another key, for another row, or damaged.
    #[error("the secret was sealed with another key or for another owner")]
    Foreign,
}

/// The key that seals. Prints as nothing.
pub struct SealingKey {
    sealing: RandomizedNonceKey,
    /// Derived, so that a hash says nothing about the key that seals.
    hashing: hmac::Key,
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SealingKey(***)")
    }
}

impl SealingKey {
    /// The key in `path`; a fresh one, readable for its owner only, when the file does not exist.
    ///
    /// # Errors
    /// A file that cannot be read or made, or that holds no key.
    pub fn load_or_create(path: &Path) -> Result<Self, SealError> {
        let failed = |source| SealError::KeyFile {
            path: path.to_owned(),
            source,
        };
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path)?,
            read => read.map_err(failed)?,
        };
        let bytes = STANDARD.decode(text.trim()).unwrap_or_default();
        let no_key = || SealError::NoKey {
            path: path.to_owned(),
        };
        if bytes.len() != KEY_BYTES {
            return Err(no_key());
        }
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| no_key())?;
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), HASHING);
        let hashing = hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref());
        Ok(Self { sealing, hashing })
    }

    /// A hash that nobody makes without this key: numbers are few, and a plain hash of one is soon guessed.
    #[must_use]
    pub fn keyed_hash(&self, text: &str) -> String {
        let tag = hmac::sign(&self.hashing, text.as_bytes());
        let hex = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
        hex.collect()
    }

    /// Tells whether two keys are the same, and nothing else about them.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let hash = self.keyed_hash("fingerprint");
        hash.chars().take(FINGERPRINT_CHARS).collect()
    }

    /// Seals `secret` for `context`, for instance tenant id and account.
    ///
    /// # Errors
    /// No randomness.
    pub fn seal(&self, secret: &Secret, context: &str) -> Result<Vec<u8>, SealError> {
        let mut bytes = secret.expose().as_bytes().to_vec();
        let nonce = self
            .sealing
            .seal_in_place_append_tag(Aad::from(context.as_bytes()), &mut bytes)
            .map_err(|_| SealError::NoRandomness)?;
        let head = std::iter::once(VERSION).chain(nonce.as_ref().iter().copied());
        Ok(head.chain(bytes).collect())
    }

    /// Opens what [`SealingKey::seal`] sealed for the same `context`.
    ///
    /// # Errors
    /// [`SealError::Foreign`] for everything else.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Secret, SealError> {
        let foreign = || SealError::Foreign;
        let (version, rest) = sealed.split_first().ok_or_else(foreign)?;
        let (nonce, bytes) = rest.split_at_checked(NONCE_LEN).ok_or_else(foreign)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Foreign)?;
        if *version != VERSION {
            return Err(SealError::Foreign);
        }
        let mut bytes = bytes.to_vec();
        let aad = Aad::from(context.as_bytes());
        let plain = self
            .sealing
            .open_in_place(nonce, aad, &mut bytes)
            .map_err(|_| SealError::Foreign)?;
        let text = std::str::from_utf8(plain).map_err(|_| SealError::Foreign)?;
        Ok(Secret::new(text))
    }
}

/// The context of a tenant's Twilio auth token.
pub fn twilio_context(tenant: TenantId, account_sid: &str) -> String {
    format!("twilio_account/{tenant}/{account_sid}")
}

/// Two programs may start at once: only one creates the file, the other reads it.
fn create(path: &Path) -> Result<String, SealError> {
    let failed = |source| SealError::KeyFile {
        path: path.to_owned(),
        source,
    };
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| SealError::NoRandomness)?;
    let text = STANDARD.encode(bytes);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    // Written aside and linked into place, so that a reader never sees half a key.
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)
        .map_err(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    let linked = fs::hard_link(&aside, path);
    // What stays behind would be a copy of the key; that it cannot be removed is no reason to fail.
    let _ = fs::remove_file(&aside);
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::read_to_string(path).map_err(failed)
        }
        linked => linked.map(|()| text).map_err(failed),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_sealed_secret_opens_for_its_owner_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("data/sealing.key");
        let key = SealingKey::load_or_create(&path).expect("made");
        let sealed = key
            .seal(&Secret::new("token"), "tenant-a/AC1")
            .expect("sealed");
        assert!(!sealed.windows(5).any(|window| window == b"token"));
        let again = SealingKey::load_or_create(&path).expect("read");
        assert_eq!(
            again.open(&sealed, "tenant-a/AC1").expect("opens").expose(),
            "token"
        );
        assert!(matches!(
            again.open(&sealed, "tenant-b/AC1"),
            Err(SealError::Foreign)
        ));
        let other = SealingKey::load_or_create(&directory.path().join("other.key")).expect("made");
        assert!(matches!(
            other.open(&sealed, "tenant-a/AC1"),
            Err(SealError::Foreign)
        ));
    }

    #[test]
    fn damaged_bytes_are_refused_and_the_key_file_is_private() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("sealing.key");
        let key = SealingKey::load_or_create(&path).expect("made");
        assert_eq!(
            fs::metadata(&path).expect("exists").permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 1);
        let sealed = key.seal(&Secret::new("token"), "x").expect("sealed");
        for length in 0..sealed.len() {
            assert!(key.open(&sealed[..length], "x").is_err());
        }
        fs::write(&path, "not a key").expect("written");
        assert!(matches!(
            SealingKey::load_or_create(&path),
            Err(SealError::NoKey { .. })
        ));
    }
}

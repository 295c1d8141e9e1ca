//! Twilio's identifiers: two letters for the kind, then 32 hexadecimal digits.
//!
//! They are names, never secrets, and safe to log. Their alphabet makes them safe to splice into JSON, URLs and XML.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A text that is not the identifier it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of the form {prefix} and 32 hexadecimal digits")]
pub struct IdError {
    pub prefix: &'static str,
}

const SID_BYTES: usize = 34;

macro_rules! sid {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; SID_BYTES]);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// Reads the identifier from its text form.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                parse_sid(text.as_bytes(), $prefix).map(Self)
            }

            /// An identifier from sixteen bytes, for fakes and tests.
            pub fn from_entropy(bytes: [u8; 16]) -> Self {
                Self(sid_from_entropy($prefix, bytes))
            }

            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            pub fn as_str(&self) -> &str {
                std::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

sid!(
    /// A Twilio account, which belongs to one tenant.
    AccountSid,
    "AC"
);
sid!(
    /// One leg as Twilio counts them; a dialled human has a call of its own.
    CallSid,
    "CA"
);
sid!(
    /// One media stream of a call.
    StreamSid,
    "MZ"
);
sid!(
    /// A stored recording.
    RecordingSid,
    "RE"
);

fn parse_sid(text: &[u8], prefix: &'static str) -> Result<[u8; SID_BYTES], IdError> {
    let sid: [u8; SID_BYTES] = text.try_into().map_err(|_| IdError { prefix })?;
    let (kind, digits) = sid.split_at(2);
    if kind != prefix.as_bytes() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(IdError { prefix });
    }
    Ok(sid)
}

fn sid_from_entropy(prefix: &str, bytes: [u8; 16]) -> [u8; SID_BYTES] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut sid = [0; SID_BYTES];
    sid[..2].copy_from_slice(prefix.as_bytes());
    for (pair, byte) in sid[2..].chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 0x0f)];
    }
    sid
}

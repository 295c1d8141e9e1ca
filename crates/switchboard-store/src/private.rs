//! Values that print as a placeholder.

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Type};

/// Wraps what must not reach a log: names, numbers, words, keys. `Debug` and `Display` print `[private]`.
///
/// Serialising writes the value, because storing and showing it to those allowed is its purpose.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Private<T>(T);

impl<T> Private<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value. Every use of this is a place to look at when something private leaks.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Private<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl From<&str> for Private<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

impl<T> fmt::Display for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

impl<DB: Database, T: Type<DB>> Type<DB> for Private<T> {
    fn type_info() -> DB::TypeInfo {
        T::type_info()
    }

    fn compatible(info: &DB::TypeInfo) -> bool {
        T::compatible(info)
    }
}

impl<'q, DB: Database, T: Encode<'q, DB>> Encode<'q, DB> for Private<T> {
    fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        self.0.encode_by_ref(buffer)
    }

    fn produces(&self) -> Option<DB::TypeInfo> {
        self.0.produces()
    }
}

impl<'r, DB: Database, T: Decode<'r, DB>> Decode<'r, DB> for Private<T> {
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        T::decode(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d5_a_private_value_prints_a_placeholder() {
        let name = Private::new("Ama Osei".to_owned());
        assert_eq!(
            format!("{name} {name:?} {:?}", Some(&name)),
            "[private] [private] Some([private])"
        );
        assert_eq!(serde_json::to_string(&name).unwrap(), "\"Ama Osei\"");
    }
}

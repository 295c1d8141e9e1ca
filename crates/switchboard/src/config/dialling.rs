//! Section `[dialling]`.

use serde::{Deserialize, Serialize};

/// Which numbers may be dialled by an agent, for outgoing calls and for handoffs (threat M2). Emergency numbers, short
/// codes, premium, shared-cost and satellite numbers never are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiallingSettings {
    /// None: the country of our own number that dials. Two-letter country codes, for instance `["US", "CA"]`.
    pub countries: Vec<Country>,
    /// Kinds of numbers out of `fixed_line`, `mobile`, `toll_free`, `voip`, `uan` (one number of a whole company). Where a
    /// country does not tell fixed lines from mobiles, one of the two is enough.
    pub kinds: Vec<NumberKind>,
}

impl Default for DiallingSettings {
    fn default() -> Self {
        Self {
            countries: Vec::new(),
            kinds: NumberKind::ALL.to_vec(),
        }
    }
}

/// A kind of number that an operator may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberKind {
    /// A line in a building.
    FixedLine,
    /// A mobile telephone.
    Mobile,
    /// Free for who dials it.
    TollFree,
    /// A line over the Internet.
    Voip,
    /// A universal access number: one for a whole company.
    Uan,
}

impl NumberKind {
    /// Every kind that may be allowed.
    pub const ALL: [Self; 5] = [
        Self::FixedLine,
        Self::Mobile,
        Self::TollFree,
        Self::Voip,
        Self::Uan,
    ];
}

/// A country by its two letters (ISO 3166-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

impl Country {
    /// Its letters, in capitals.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::str::FromStr for Country {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => Err("a country is two letters, such as US"),
        }
    }
}

impl TryFrom<String> for Country {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.as_str().to_owned()
    }
}

//! Which telephone numbers may be dialled at all (threats.md M2): an allow-list by country and kind.
//!
//! Emergency numbers, short codes, premium, shared-cost, personal, pager and satellite numbers are refused whatever the
//! settings say: no agent has business there, and a fraudster does. Nothing here dials.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType};
use switchboard_store::PhoneNumber;

use crate::config::{Country, DiallingSettings, NumberKind};

/// Numbers that people dial in need, in any country. A text that is one of them is never dialled, wherever we are.
const EMERGENCY: [&str; 34] = [
    "000", "100", "101", "102", "103", "104", "108", "110", "111", "112", "113", "114", "115",
    "116", "117", "118", "119", "120", "122", "123", "128", "133", "144", "15", "17", "18", "190",
    "191", "192", "193", "911", "988", "997", "999",
];

/// Calling codes that belong to satellites or to networks without a country: Inmarsat, global mobile satellite,
/// international networks.
const SATELLITE_CODES: [i32; 4] = [870, 881, 882, 883];

/// Digits of the longest short code that is known.
const SHORT_CODE_DIGITS_MAX: usize = 6;

/// Why a number is not dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DialRefusal {
    /// Not a number of any numbering plan.
    #[error("this is not a telephone number that exists")]
    Invalid,
    /// Help in need is called by people.
    #[error("an emergency number is never dialled by an agent")]
    Emergency,
    /// A service of a carrier.
    #[error("a short code is never dialled by an agent")]
    ShortCode,
    /// Premium rate.
    #[error("a premium-rate number is never dialled by an agent")]
    PremiumRate,
    /// Shared cost.
    #[error("a shared-cost number is never dialled by an agent")]
    SharedCost,
    /// A satellite or a network without a country.
    #[error("a satellite number is never dialled by an agent")]
    Satellite,
    /// Personal numbers, pagers, voicemail access, and what nobody can place.
    #[error("a number of this kind is not dialled; dialling.kinds lists those that are")]
    Kind,
    /// Not in the list of countries.
    #[error("numbers of this country are not dialled; dialling.countries lists those that are")]
    Country,
}

impl DialRefusal {
    /// Stable word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invalid => "number_invalid",
            Self::Emergency => "number_emergency",
            Self::ShortCode => "number_short_code",
            Self::PremiumRate => "number_premium_rate",
            Self::SharedCost => "number_shared_cost",
            Self::Satellite => "number_satellite",
            Self::Kind => "number_kind_not_allowed",
            Self::Country => "number_country_not_allowed",
        }
    }
}

/// A number as somebody wrote it who wants it dialled: E.164, with the reason when it is none.
///
/// # Errors
/// What is too short for a number is an emergency number or a short code.
pub fn read_number(text: &str) -> Result<PhoneNumber, DialRefusal> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if EMERGENCY.contains(&digits.as_str()) {
        return Err(DialRefusal::Emergency);
    }
    if !digits.is_empty() && digits.len() <= SHORT_CODE_DIGITS_MAX {
        return Err(DialRefusal::ShortCode);
    }
    PhoneNumber::parse(text).map_err(|_| DialRefusal::Invalid)
}

/// The country of a number, when its plan tells.
#[must_use]
pub fn country_of(number: &PhoneNumber) -> Option<Country> {
    let parsed = PHONE_NUMBER_UTIL.parse(number.expose(), None).ok()?;
    let country = parsed.get_region_code()?.as_region_str();
    country.as_str().parse().ok()
}

/// Whether a number of ours may dial this one.
///
/// # Errors
/// Why not. The number itself is in no message.
pub fn check(
    settings: &DiallingSettings,
    to: &PhoneNumber,
    from: &PhoneNumber,
) -> Result<(), DialRefusal> {
    let parsed = PHONE_NUMBER_UTIL
        .parse(to.expose(), None)
        .map_err(|_| DialRefusal::Invalid)?;
    if SATELLITE_CODES.contains(&parsed.country_code) {
        return Err(DialRefusal::Satellite);
    }
    if EMERGENCY.contains(&parsed.get_national_significant_number().as_str()) {
        return Err(DialRefusal::Emergency);
    }
    if !parsed.is_valid() {
        return Err(DialRefusal::Invalid);
    }
    let kinds = allowed_kinds(parsed.get_type())?;
    if !kinds.iter().any(|kind| settings.kinds.contains(kind)) {
        return Err(DialRefusal::Kind);
    }
    let country = country_of(to).ok_or(DialRefusal::Country)?;
    let is_allowed = if settings.countries.is_empty() {
        country_of(from) == Some(country)
    } else {
        settings.countries.contains(&country)
    };
    if is_allowed {
        Ok(())
    } else {
        Err(DialRefusal::Country)
    }
}

/// The kinds of which one must be allowed.
fn allowed_kinds(kind: PhoneNumberType) -> Result<&'static [NumberKind], DialRefusal> {
    match kind {
        PhoneNumberType::FixedLine => Ok(&[NumberKind::FixedLine]),
        PhoneNumberType::Mobile => Ok(&[NumberKind::Mobile]),
        PhoneNumberType::FixedLineOrMobile => Ok(&[NumberKind::FixedLine, NumberKind::Mobile]),
        PhoneNumberType::TollFree => Ok(&[NumberKind::TollFree]),
        PhoneNumberType::VoIP => Ok(&[NumberKind::Voip]),
        PhoneNumberType::UAN => Ok(&[NumberKind::Uan]),
        PhoneNumberType::PremiumRate => Err(DialRefusal::PremiumRate),
        PhoneNumberType::SharedCost => Err(DialRefusal::SharedCost),
        PhoneNumberType::PersonalNumber
        | PhoneNumberType::Pager
        | PhoneNumberType::VoiceMail
        | PhoneNumberType::Unknown => Err(DialRefusal::Kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "+12025550103";

    fn checked(settings: &DiallingSettings, to: &str, from: &str) -> Result<(), DialRefusal> {
        let number = |text| PhoneNumber::parse(text).expect("an E.164 number");
        check(settings, &number(to), &number(from))
    }

    fn by_default(to: &str) -> Result<(), DialRefusal> {
        checked(&DiallingSettings::default(), to, OURS)
    }

    #[test]
    fn m2_numbers_of_our_own_country_are_dialled_and_others_only_when_listed() {
        assert_eq!(by_default("+12025550199"), Ok(()));
        assert_eq!(by_default("+18005550199"), Ok(()), "toll-free");
        for abroad in [
            "+14165550123",
            "+18765550123",
            "+442079460000",
            "+254712000000",
        ] {
            assert_eq!(by_default(abroad), Err(DialRefusal::Country), "{abroad}");
        }
        let listed = DiallingSettings {
            countries: vec!["ke".parse().expect("Kenya"), "rw".parse().expect("Rwanda")],
            ..DiallingSettings::default()
        };
        assert_eq!(checked(&listed, "+254712000000", OURS), Ok(()));
        assert_eq!(checked(&listed, "+250788123456", OURS), Ok(()));
        assert_eq!(
            checked(&listed, "+12025550199", OURS),
            Err(DialRefusal::Country)
        );
        assert_eq!(
            checked(
                &DiallingSettings::default(),
                "+254712000000",
                "+254202000000"
            ),
            Ok(()),
            "a Kenyan number of ours dials Kenya"
        );
    }

    #[test]
    fn m2_premium_shared_cost_and_satellite_numbers_are_never_dialled() {
        let everywhere = DiallingSettings {
            countries: ["US", "GB", "FR", "DE"]
                .map(|country| country.parse().expect("a country"))
                .to_vec(),
            ..DiallingSettings::default()
        };
        for (number, refusal) in [
            ("+19005550199", DialRefusal::PremiumRate),
            ("+449098790000", DialRefusal::PremiumRate),
            ("+33891123456", DialRefusal::PremiumRate),
            ("+491805123456", DialRefusal::SharedCost),
            ("+881612345678", DialRefusal::Satellite),
            ("+870773111632", DialRefusal::Satellite),
            ("+88213300655", DialRefusal::Satellite),
            ("+447012345678", DialRefusal::Kind),
        ] {
            assert_eq!(checked(&everywhere, number, OURS), Err(refusal), "{number}");
        }
        assert_eq!(
            checked(&everywhere, "+498001234567", OURS),
            Ok(()),
            "toll-free"
        );
    }

    #[test]
    fn m2_emergency_numbers_and_short_codes_are_never_dialled() {
        for text in ["911", "112", "999", "+112", " 9-1-1 ", "+2500112"] {
            let read = read_number(text);
            let refused =
                read.and_then(|number| check(&DiallingSettings::default(), &number, &number));
            assert!(
                matches!(refused, Err(DialRefusal::Emergency | DialRefusal::Invalid)),
                "{text}: {refused:?}"
            );
        }
        assert_eq!(read_number("911"), Err(DialRefusal::Emergency));
        assert_eq!(read_number("12345"), Err(DialRefusal::ShortCode));
        assert_eq!(read_number("call me"), Err(DialRefusal::Invalid));
        assert_eq!(by_default("+19115550123"), Err(DialRefusal::Invalid));
    }

    #[test]
    fn m2_a_kind_that_is_not_listed_is_not_dialled() {
        let mobiles_only = DiallingSettings {
            kinds: vec![NumberKind::Mobile],
            ..DiallingSettings::default()
        };
        assert_eq!(
            checked(&mobiles_only, "+254202000000", "+254712000000"),
            Err(DialRefusal::Kind)
        );
        assert_eq!(
            checked(&mobiles_only, "+254712000001", "+254712000000"),
            Ok(())
        );
        assert_eq!(
            checked(&mobiles_only, "+12025550199", OURS),
            Ok(()),
            "North America does not tell mobiles from fixed lines"
        );
    }
}

//! The second factor: time-based codes (RFC 6238: SHA-1, 6 digits, 30 s) and recovery codes. (Threat T4.)

use aws_lc_rs::hmac;
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Serialize;
use subtle::ConstantTimeEq;
use switchboard_store::{Private, StaffId, TenantId};

/// Length of a code's life, as authenticators take it when nothing else is said.
const STEP_S: i64 = 30;
/// Steps before and after now whose codes count: clocks of telephones are off by seconds.
const STEPS_AROUND: i64 = 1;
/// Bytes of a secret: as many as the hash has (RFC 4226, section 4).
const SECRET_BYTES: usize = 20;
/// Recovery codes of one set-up.
const RECOVERY_CODES: usize = 10;
/// Characters of a recovery code: 5 bits each, 80 bits in all.
const RECOVERY_CHARS: usize = 16;
/// Most bytes of what somebody types as a code.
pub(super) const CODE_BYTES_MAX: usize = 64;
/// What an authenticator shows above the account.
const ISSUER: &str = "Switchboard";
/// Smallest side of the QR code.
const QR_SIDE: u32 = 192;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What a person needs to set the second factor up. Shown once.
#[derive(Clone, Serialize)]
pub struct Enrolment {
    /// In base32, for typing.
    pub secret: Private<String>,
    /// For authenticators that take links.
    pub otpauth_url: Private<String>,
    /// The link as a QR code.
    pub qr_svg: Private<String>,
    /// Each signs in once without the authenticator.
    pub recovery_codes: Vec<Private<String>>,
}

/// Binds a sealed secret to its owner.
pub fn second_factor_context(tenant: TenantId, staff: StaffId) -> String {
    format!("second_factor/{tenant}/{staff}")
}

impl Enrolment {
    /// Fresh secrets for the account of this e-mail address.
    pub(super) fn new(email: &str) -> Result<Self, getrandom::Error> {
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes)?;
        let secret = base32(&bytes);
        let label =
            percent_encoding::utf8_percent_encode(email, percent_encoding::NON_ALPHANUMERIC);
        let url = format!(
            "otpauth://totp/{ISSUER}:{label}?secret={secret}&issuer={ISSUER}&algorithm=SHA1&digits=6&period={STEP_S}"
        );
        let qr_svg = QrCode::new(url.as_bytes()).map_or_else(
            // An e-mail address longer than a QR code: the link and the text are there.
            |_| String::new(),
            |code| {
                code.render::<svg::Color<'_>>()
                    .min_dimensions(QR_SIDE, QR_SIDE)
                    .build()
            },
        );
        let codes = (0..RECOVERY_CODES).map(|_| recovery_code());
        Ok(Self {
            secret: secret.into(),
            otpauth_url: url.into(),
            qr_svg: qr_svg.into(),
            recovery_codes: codes.collect::<Result<_, _>>()?,
        })
    }

    /// The recovery codes as they are compared.
    pub(super) fn plain_recovery_codes(&self) -> Vec<Private<String>> {
        let codes = self.recovery_codes.iter();
        codes.map(|code| plain_code(code.expose()).into()).collect()
    }
}

/// What somebody typed as a code.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum TypedCode {
    Digits(String),
    Recovery(String),
}

impl TypedCode {
    /// Blanks and dashes do not count, nor does case.
    pub(super) fn read(text: &str) -> Option<Self> {
        let plain = plain_code(text.get(..CODE_BYTES_MAX).unwrap_or(text));
        let is_digits = plain.len() == 6 && plain.bytes().all(|byte| byte.is_ascii_digit());
        if is_digits {
            return Some(Self::Digits(plain));
        }
        (plain.len() == RECOVERY_CHARS).then_some(Self::Recovery(plain))
    }
}

/// The time step in which these digits are this secret's code, near `unix_s`.
pub(super) fn step_of(secret: &str, digits: &str, unix_s: i64) -> Option<i64> {
    let secret = from_base32(secret)?;
    let now = unix_s / STEP_S;
    let mut found = None;
    // Each step is tried, so that the time does not tell which it was.
    for step in now - STEPS_AROUND..=now + STEPS_AROUND {
        let is_it: bool = code_at(&secret, step)
            .as_bytes()
            .ct_eq(digits.as_bytes())
            .into();
        if is_it {
            found = Some(step);
        }
    }
    found
}

/// RFC 4226, section 5.3, with the time step as counter.
fn code_at(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0xf);
    let four = [
        tag[offset] & 0x7f,
        tag[offset + 1],
        tag[offset + 2],
        tag[offset + 3],
    ];
    format!("{:06}", u32::from_be_bytes(four) % 1_000_000)
}

fn recovery_code() -> Result<Private<String>, getrandom::Error> {
    let mut bytes = [0; RECOVERY_CHARS * 5 / 8];
    getrandom::fill(&mut bytes)?;
    let text = base32(&bytes);
    let groups: Vec<&str> = (0..RECOVERY_CHARS)
        .step_by(4)
        .map(|at| &text[at..at + 4])
        .collect();
    Ok(groups.join("-").into())
}

fn plain_code(text: &str) -> String {
    let letters = text.chars().filter(|it| !it.is_whitespace() && *it != '-');
    letters.map(|it| it.to_ascii_uppercase()).collect()
}

/// RFC 4648, for lengths that need no padding.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5);
    for five in bytes.chunks(5) {
        let mut number = [0_u8; 8];
        number[3..3 + five.len()].copy_from_slice(five);
        let number = u64::from_be_bytes(number);
        for place in (0..five.len() * 8 / 5).rev() {
            let shift = place * 5;
            text.push(char::from(BASE32[(number >> shift & 31) as usize]));
        }
    }
    text
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut number, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let place = BASE32.iter().position(|it| *it == letter)?;
        number = number << 5 | u32::try_from(place).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((number >> bits) as u8);
            number &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, the last six digits of the SHA-1 column.
    #[test]
    fn t4_codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        for (unix_s, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(secret, unix_s / STEP_S), code, "{unix_s}");
        }
    }

    #[test]
    fn t4_a_code_counts_one_step_early_or_late_and_no_further() {
        let secret = base32(b"12345678901234567890");
        let step = 1_111_111_111 / STEP_S;
        for (off, found) in [
            (-60, None),
            (-30, Some(step)),
            (0, Some(step)),
            (30, Some(step)),
            (60, None),
        ] {
            assert_eq!(
                step_of(&secret, "050471", 1_111_111_111 + off),
                found,
                "{off} s"
            );
        }
        assert_eq!(step_of(&secret, "050472", 1_111_111_111), None);
        assert_eq!(step_of("not base32!", "050471", 1_111_111_111), None);
    }

    #[test]
    fn base32_is_that_of_the_standard_and_comes_back() {
        assert_eq!(base32(b"fooba"), "MZXW6YTB");
        assert_eq!(
            base32(b"12345678901234567890"),
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
        assert_eq!(
            from_base32("MZXW6YTB").as_deref(),
            Some(b"fooba".as_slice())
        );
    }

    #[test]
    fn an_enrolment_shows_one_secret_three_ways_and_ten_codes_that_differ() {
        let made = Enrolment::new("ama+desk@example.org").expect("random bytes");
        let url = made.otpauth_url.expose();
        assert!(
            url.contains(&format!("secret={}", made.secret.expose())),
            "{url}"
        );
        assert!(
            url.starts_with("otpauth://totp/Switchboard:ama%2Bdesk%40example%2Eorg?"),
            "{url}"
        );
        assert!(made.qr_svg.expose().contains("<svg"));
        let codes: std::collections::BTreeSet<_> = made
            .recovery_codes
            .iter()
            .map(|code| code.expose().clone())
            .collect();
        assert_eq!(codes.len(), RECOVERY_CODES);
        let typed = codes.first().expect("a code").to_lowercase();
        assert!(matches!(
            TypedCode::read(&typed),
            Some(TypedCode::Recovery(_))
        ));
    }

    #[test]
    fn typed_codes_forgive_blanks_and_dashes_and_nothing_else() {
        let is_digits = |text| matches!(TypedCode::read(text), Some(TypedCode::Digits(_)));
        assert!(is_digits("123 456") && is_digits("123456"));
        for text in [
            "",
            "12345",
            "1234567",
            "１２３４５６",
            "ABCD-EFGH",
            &"é".repeat(200),
        ] {
            assert!(TypedCode::read(text).is_none(), "{text}");
        }
    }
}

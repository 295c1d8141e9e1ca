//! Telephone numbers as callers give them, made E.164.
//!
//! Only lengths are checked, not numbering plans: the number is kept for a person to call back, and to find the
//! contact again. Nothing here makes a number a target of a transfer.

use switchboard_store::PhoneNumber;

/// How numbers are given where the business is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialling {
    /// The country's calling code.
    code: &'static str,
    /// What stands before a number inside the country, and is left out behind the calling code.
    trunk_prefix: &'static str,
    /// Digits of a national number without the trunk prefix.
    digits_min: usize,
    digits_max: usize,
}

/// North America: ten digits, dialled with or without a 1 (ITU-T E.164, country code 1).
const NORTH_AMERICA: Dialling = Dialling {
    code: "1",
    trunk_prefix: "1",
    digits_min: 10,
    digits_max: 10,
};

/// Countries whose habit is known. All of these write a 0 before national numbers.
const COUNTRIES: &[Dialling] = &[
    NORTH_AMERICA,
    with_zero("33", 9, 9),
    with_zero("44", 9, 10),
    with_zero("49", 6, 13),
    with_zero("243", 9, 9),
    with_zero("250", 9, 9),
    with_zero("254", 9, 9),
    with_zero("255", 9, 9),
    with_zero("256", 9, 9),
];

const fn with_zero(code: &'static str, digits_min: usize, digits_max: usize) -> Dialling {
    Dialling {
        code,
        trunk_prefix: "0",
        digits_min,
        digits_max,
    }
}

impl Default for Dialling {
    fn default() -> Self {
        NORTH_AMERICA
    }
}

impl Dialling {
    /// The habit of the country that the business's own number is in; North America when it is not known.
    #[must_use]
    pub fn around(number: &PhoneNumber) -> Self {
        let digits = number.expose().trim_start_matches('+');
        let country = COUNTRIES
            .iter()
            .find(|country| digits.starts_with(country.code));
        country.copied().unwrap_or_default()
    }

    /// The E.164 number that `given` means here, if it can be one.
    #[must_use]
    pub fn normalise(&self, given: &str) -> Option<PhoneNumber> {
        let given = given.trim();
        let digits: String = given.chars().filter(char::is_ascii_digit).collect();
        let is_number = |c: char| c.is_ascii_digit() || " +-.()/".contains(c);
        if !given.chars().all(is_number) || given.chars().skip(1).any(|c| c == '+') {
            return None;
        }
        if given.starts_with('+') {
            return PhoneNumber::parse(&format!("+{digits}")).ok();
        }
        match digits.strip_prefix("00") {
            Some(international) => PhoneNumber::parse(&format!("+{international}")).ok(),
            None => self.national(&digits),
        }
    }

    fn national(&self, digits: &str) -> Option<PhoneNumber> {
        let national = digits.strip_prefix(self.trunk_prefix).unwrap_or(digits);
        let fits = (self.digits_min..=self.digits_max).contains(&national.len());
        fits.then(|| PhoneNumber::parse(&format!("+{}{national}", self.code)).ok())
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dialling: Dialling, given: &str, expected: Option<&str>) {
        let number = dialling.normalise(given);
        assert_eq!(
            number.as_ref().map(PhoneNumber::expose),
            expected,
            "{given}"
        );
    }

    #[test]
    fn north_american_numbers_are_taken_as_people_say_them() {
        for given in [
            "+12025550142",
            "(202) 555-0142",
            "1 202 555 0142",
            "202.555.0142",
            "0012025550142",
        ] {
            check(NORTH_AMERICA, given, Some("+12025550142"));
        }
    }

    #[test]
    fn a_leading_zero_is_left_out_behind_the_calling_code() {
        let kenya = Dialling::around(&PhoneNumber::parse("+254712000000").unwrap());
        check(kenya, "0712 000 001", Some("+254712000001"));
        let britain = Dialling::around(&PhoneNumber::parse("+442079460000").unwrap());
        check(britain, "020 7946 0001", Some("+442079460001"));
        let elsewhere = Dialling::around(&PhoneNumber::parse("+81312345678").unwrap());
        check(elsewhere, "+81 3 1234 5679", Some("+81312345679"));
    }

    #[test]
    fn what_cannot_be_a_number_is_refused() {
        let long = "2".repeat(100_000);
        for given in [
            "",
            "0",
            "911",
            "555-0142",
            "++12025550142",
            "+1202+5550142",
            "call me",
            "+0202555014",
            "' or 1=1",
            &long,
            "٢٠٢٥٥٥٠١٤٢",
        ] {
            check(NORTH_AMERICA, given, None);
        }
    }
}

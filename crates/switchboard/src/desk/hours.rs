//! When somebody may be called: by the hours of their own day, wherever they may be (threats.md M6).

use chrono::{Duration, Timelike};
use chrono_tz::Tz;
use switchboard_store::{PhoneNumber, Timestamp};

use super::dialling::country_of;
use crate::config::OutgoingSettings;

/// Steps in which the next allowed moment is looked for. Zones change their offset by quarters of an hour.
const STEP: Duration = Duration::minutes(15);
/// Farther ahead nothing is looked for.
const AHEAD: Duration = Duration::days(8);

/// Countries of one zone, and both ends of some that have more: there it must be day at both. What is not listed counts
/// with the tenant's zone.
const ZONES: &[(&str, &[Tz])] = &[
    ("AT", &[Tz::Europe__Vienna]),
    ("AU", &[Tz::Australia__Sydney, Tz::Australia__Perth]),
    ("BE", &[Tz::Europe__Brussels]),
    ("BI", &[Tz::Africa__Bujumbura]),
    ("BR", &[Tz::America__Noronha, Tz::America__Rio_Branco]),
    ("CA", &[Tz::America__St_Johns, Tz::America__Vancouver]),
    ("CD", &[Tz::Africa__Kinshasa, Tz::Africa__Lubumbashi]),
    ("CH", &[Tz::Europe__Zurich]),
    ("DE", &[Tz::Europe__Berlin]),
    ("DK", &[Tz::Europe__Copenhagen]),
    ("ES", &[Tz::Europe__Madrid, Tz::Atlantic__Canary]),
    ("FI", &[Tz::Europe__Helsinki]),
    ("FR", &[Tz::Europe__Paris]),
    ("GB", &[Tz::Europe__London]),
    ("GH", &[Tz::Africa__Accra]),
    ("IE", &[Tz::Europe__Dublin]),
    ("IN", &[Tz::Asia__Kolkata]),
    ("IT", &[Tz::Europe__Rome]),
    ("JP", &[Tz::Asia__Tokyo]),
    ("KE", &[Tz::Africa__Nairobi]),
    ("MX", &[Tz::America__Cancun, Tz::America__Tijuana]),
    ("NG", &[Tz::Africa__Lagos]),
    ("NL", &[Tz::Europe__Amsterdam]),
    ("NO", &[Tz::Europe__Oslo]),
    ("NZ", &[Tz::Pacific__Auckland]),
    ("PL", &[Tz::Europe__Warsaw]),
    ("PT", &[Tz::Europe__Lisbon, Tz::Atlantic__Azores]),
    ("RW", &[Tz::Africa__Kigali]),
    ("SE", &[Tz::Europe__Stockholm]),
    ("TZ", &[Tz::Africa__Dar_es_Salaam]),
    ("UG", &[Tz::Africa__Kampala]),
    ("US", &[Tz::America__New_York, Tz::America__Los_Angeles]),
    ("ZA", &[Tz::Africa__Johannesburg]),
];

/// The day of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallingHours {
    zones: Vec<Tz>,
    from: u32,
    until: u32,
}

impl CallingHours {
    /// The zone the contact is known to live in; else where the number can be; else the tenant's.
    #[must_use]
    pub fn of(
        settings: &OutgoingSettings,
        contact: Option<Tz>,
        number: &PhoneNumber,
        tenant: Tz,
    ) -> Self {
        let zones = match contact {
            Some(zone) => vec![zone],
            None => zones_of(number).unwrap_or_else(|| vec![tenant]),
        };
        Self {
            zones,
            from: settings.hour_from,
            until: settings.hour_until,
        }
    }

    /// It is day wherever they may be.
    #[must_use]
    pub fn allow(&self, at: Timestamp) -> bool {
        self.zones.iter().all(|zone| {
            let hour = at.with_timezone(zone).hour();
            (self.from..self.until).contains(&hour)
        })
    }

    /// The first allowed moment from this one on. None: there is none in sight.
    #[must_use]
    pub fn next(&self, from: Timestamp) -> Option<Timestamp> {
        if self.allow(from) {
            return Some(from);
        }
        let quarter_s = STEP.num_seconds();
        let next_quarter = (from.timestamp() / quarter_s + 1) * quarter_s;
        let mut at = Timestamp::from_timestamp(next_quarter, 0)?;
        while at < from + AHEAD {
            if self.allow(at) {
                return Some(at);
            }
            at += STEP;
        }
        None
    }
}

/// Where a number can ring. The outlying states of America have area codes of their own.
fn zones_of(number: &PhoneNumber) -> Option<Vec<Tz>> {
    let text = number.expose();
    if text.starts_with("+1808") {
        return Some(vec![Tz::Pacific__Honolulu]);
    }
    if text.starts_with("+1907") {
        return Some(vec![Tz::America__Anchorage]);
    }
    let country = country_of(number)?;
    let known = ZONES.iter().find(|(code, _)| *code == country.as_str());
    known.map(|(_, zones)| zones.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(contact: Option<Tz>, number: &str) -> CallingHours {
        let number = PhoneNumber::parse(number).expect("a number");
        CallingHours::of(&OutgoingSettings::default(), contact, &number, Tz::UTC)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn m6_nobody_is_called_before_nine_or_from_eight_in_the_evening_of_their_own_day() {
        let kigali = hours(None, "+250788123456");
        for (moment, is_allowed) in [
            ("2026-11-21T06:59:59Z", false),
            ("2026-11-21T07:00:00Z", true),
            ("2026-11-21T17:59:59Z", true),
            ("2026-11-21T18:00:00Z", false),
        ] {
            assert_eq!(kigali.allow(at(moment)), is_allowed, "{moment}");
        }
        let moved = hours(Some(Tz::America__New_York), "+250788123456");
        assert!(
            !moved.allow(at("2026-11-21T07:00:00Z")),
            "the contact's zone comes first"
        );
        assert!(moved.allow(at("2026-11-21T14:00:00Z")));
    }

    #[test]
    fn m6_where_a_number_may_ring_in_more_than_one_zone_it_must_be_day_in_all() {
        let american = hours(None, "+12025550142");
        assert!(
            !american.allow(at("2026-11-21T14:00:00Z")),
            "nine in New York is six in Los Angeles"
        );
        assert!(american.allow(at("2026-11-21T17:00:00Z")));
        assert!(
            !american.allow(at("2026-11-22T01:00:00Z")),
            "eight in New York"
        );
        let hawaii = hours(None, "+18085550142");
        assert!(hawaii.allow(at("2026-11-22T01:00:00Z")));
    }

    #[test]
    fn m6_the_next_moment_is_the_next_morning() {
        let kigali = hours(None, "+250788123456");
        assert_eq!(
            kigali.next(at("2026-11-21T20:13:07Z")),
            Some(at("2026-11-22T07:00:00Z"))
        );
        let now = at("2026-11-21T08:13:07Z");
        assert_eq!(kigali.next(now), Some(now));
        let never = CallingHours {
            from: 9,
            until: 9,
            ..kigali
        };
        assert_eq!(never.next(now), None);
    }
}

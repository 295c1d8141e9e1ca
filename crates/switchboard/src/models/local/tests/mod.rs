//! The offline model as a whole: what it understands, how it books, and what it hears of real speech.

mod booking;
mod keypad;
mod listening;
mod sentences;
mod speech;
mod voices;
mod whole_bookings;

use super::*;

/// A medical spa like the reference agent, on Saturday 2026-11-21.
pub(super) fn spa() -> LocalAgent {
    let service = |name: &str, synonyms: &[&str], minutes, dollars: u64| LocalService {
        name: name.to_owned(),
        synonyms: synonyms
            .iter()
            .map(|synonym| (*synonym).to_owned())
            .collect(),
        minutes,
        price_micros: Some(dollars * 1_000_000),
    };
    LocalAgent {
        name: "Ava".to_owned(),
        business: "Lumen Medical Spa".to_owned(),
        greeting: "Thank you for calling Lumen Medical Spa. How can I help you today?".to_owned(),
        services: vec![
            service(
                "Signature facial",
                &["facial", "face treatment", "facial treatment"],
                60,
                145,
            ),
            service(
                "Swedish massage",
                &["massage", "relaxing massage", "body massage"],
                60,
                120,
            ),
            service(
                "Deep tissue massage",
                &["deep tissue", "sports massage"],
                90,
                175,
            ),
            service(
                "Botox consultation",
                &["botox", "wrinkle treatment", "wrinkle consultation"],
                30,
                75,
            ),
            service(
                "Dermal filler",
                &["filler", "lip filler", "fillers"],
                45,
                650,
            ),
            service("Laser hair removal", &["laser", "hair removal"], 45, 210),
            service("Chemical peel", &["peel", "skin peel"], 45, 160),
            service("Microneedling", &["needling", "micro needling"], 75, 295),
            service("Teeth whitening", &["whitening", "white teeth"], 60, 240),
        ],
        practitioners: vec![
            LocalPractitioner {
                name: "Dr. Lena Ortiz".to_owned(),
                services: vec!["Chemical peel".to_owned()],
            },
            LocalPractitioner {
                name: "Marcus Bell".to_owned(),
                services: vec!["Swedish massage".to_owned()],
            },
            LocalPractitioner {
                name: "Priya Nair".to_owned(),
                services: vec!["Signature facial".to_owned()],
            },
        ],
        opening: "We are open Monday to Friday from 9 AM to 6 PM.".to_owned(),
        tools: [
            "check_availability",
            "book_appointment",
            "transfer_to_human",
            "end_call",
        ]
        .map(str::to_owned)
        .to_vec(),
        zone: chrono_tz::America::New_York,
        today: chrono::NaiveDate::from_ymd_opt(2026, 11, 21),
        telephone: false,
    }
}

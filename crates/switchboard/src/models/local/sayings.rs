//! The agent's sentences. Short, one question at the end, honest about being an offline demo agent.

use chrono::{Days, NaiveDate};

use super::LocalAgent;
use super::calendar::{spoken_date, spoken_time};
use super::dialogue::{Offer, spoken_start};

pub(super) const NOT_UNDERSTOOD: &str = "Sorry, I did not understand that.";
pub(super) const LOOKING: &str = "One moment, let me check.";
pub(super) const BOOKING: &str = "One moment, I am booking that.";
pub(super) const NOTING: &str = "I am noting that.";
pub(super) const OPTED_OUT: &str = "Done: we will not call you again.";
pub(super) const CONNECTING: &str = "I will connect you to a person.";
pub(super) const CONNECTING_AFTER_FAILURES: &str =
    "I am having trouble understanding you, so I will connect you to a person.";
pub(super) const NO_PERSON: &str = "I am sorry, I cannot connect you to a person right now.";
pub(super) const CANNOT_BOOK: &str = "I am sorry, I cannot book appointments here.";
pub(super) const ANYTHING_ELSE: &str = "Is there anything else I can do for you?";
pub(super) const ASK_CHANGE: &str =
    "What should I change: the treatment, the day, the time, or the name?";
pub(super) const ASK_MESSAGE: &str = "Please say your message now.";
pub(super) const TAKING_DOWN: &str = "One moment, I am writing that down.";
pub(super) const TAKEN_DOWN: &str = "I have written that down for the people who call you back.";
pub(super) const MESSAGE_NOT_KEPT: &str =
    "Thank you. Your words are in the transcript of this call, if the business keeps one.";
pub(super) const NO_SUCH_DAY: &str = "I do not find that day in the calendar.";
pub(super) const NOT_AT_THAT_TIME: &str = "That time is not free.";
pub(super) const NOT_IN_THAT_PART: &str = "Nothing is free in that part of the day.";
pub(super) const TAKEN: &str = "That time has just been taken.";
pub(super) const CLOSED: &str = "We are closed then.";
pub(super) const TOOL_FAILED: &str =
    "I am sorry, I could not do that just now. You can try again, or ask for a person.";
pub(super) const NAME_NOT_CAUGHT: &str =
    "I did not catch the name, so the booking will say that and our team will ask you for it.";

/// Begins the sentence that says a booking was made.
pub(super) const BOOKED: &str = "You are booked";

/// Services read out at once on a leg that listens; a keypad menu reads all of them.
const SERVICES_NAMED: usize = 4;
/// Days offered by keys 1 to 6.
const DAYS_OFFERED: u64 = 6;

pub(super) fn greeting(agent: &LocalAgent) -> String {
    let greeting = match agent.greeting.trim() {
        "" => format!("Hello, this is {} at {}.", agent.name, agent.business),
        greeting => greeting.to_owned(),
    };
    let asks = greeting.trim_end().ends_with('?') && !agent.telephone;
    let question = if asks {
        String::new()
    } else {
        ask_request(agent)
    };
    format!("{greeting} {question}").trim().to_owned()
}

pub(super) fn ask_request(agent: &LocalAgent) -> String {
    let books = !agent.services.is_empty();
    match (agent.telephone, books) {
        (true, true) => "I am an offline demo agent. Press 1 to book an appointment, 2 for our opening hours, or 0 for a person.".to_owned(),
        (true, false) => "I am an offline demo agent. Press 2 for our opening hours, or 0 for a person.".to_owned(),
        (false, true) => "I am an offline demo agent: I can book an appointment, tell you our hours and prices, or connect you to a person. What would you like?".to_owned(),
        (false, false) => "I am an offline demo agent: I can tell you our hours, take a message, or connect you to a person. What would you like?".to_owned(),
    }
}

pub(super) fn services(agent: &LocalAgent) -> String {
    let names: Vec<&str> = agent
        .services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    match names.as_slice() {
        [] => "I cannot book services here.".to_owned(),
        names => format!("We offer {}.", listed(names, "and")),
    }
}

pub(super) fn price(agent: &LocalAgent, service: Option<usize>) -> String {
    let Some(service) = service.and_then(|at| agent.services.get(at)) else {
        return "Please name the treatment whose price you want to know.".to_owned();
    };
    match service.price_micros {
        Some(micros) if micros % 1_000_000 == 0 => {
            format!("{} costs {} dollars.", service.name, micros / 1_000_000)
        }
        Some(micros) => format!(
            "{} costs {}.{:02} dollars.",
            service.name,
            micros / 1_000_000,
            micros / 10_000 % 100
        ),
        None => format!("I have no price for {}.", service.name),
    }
}

pub(super) fn duration(agent: &LocalAgent, service: Option<usize>) -> String {
    match service.and_then(|at| agent.services.get(at)) {
        Some(service) => format!("{} takes {} minutes.", service.name, service.minutes),
        None => "Please name the treatment you mean.".to_owned(),
    }
}

pub(super) fn ask_service(agent: &LocalAgent) -> String {
    let names: Vec<&str> = agent
        .services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    if agent.telephone {
        let keys: Vec<String> = names
            .iter()
            .take(9)
            .enumerate()
            .map(|(at, name)| format!("{} for {name}", at + 1))
            .collect();
        return format!("Which treatment would you like? Press {}.", keys.join(", "));
    }
    let some: Vec<&str> = names.iter().copied().take(SERVICES_NAMED).collect();
    format!(
        "Which treatment would you like? For example {}.",
        listed(&some, "or")
    )
}

pub(super) fn did_you_say(service: &str) -> String {
    format!("Did you say {service}?")
}

pub(super) fn ask_day(service: &str, today: NaiveDate, telephone: bool) -> String {
    if !telephone {
        return format!("{service}, gladly. Which day would you like?");
    }
    let days = (1..=DAYS_OFFERED)
        .filter_map(|days| Some((days, today.checked_add_days(Days::new(days))?)));
    let keys: Vec<String> = days
        .map(|(key, date)| format!("{key} for {}", date.format("%A")))
        .collect();
    format!("{service}. Which day? Press {}.", keys.join(", "))
}

pub(super) fn offer(day: NaiveDate, offers: &[Offer], telephone: bool) -> String {
    let times: Vec<String> = offers
        .iter()
        .enumerate()
        .map(|(at, offer)| {
            let time = with_practitioner(&spoken_time(offer.start), offer);
            if telephone {
                format!("{} for {time}", at + 1)
            } else {
                time
            }
        })
        .collect();
    let times: Vec<&str> = times.iter().map(String::as_str).collect();
    match (telephone, times.as_slice()) {
        (true, times) => format!(
            "On {} press {}, or 9 for another day.",
            spoken_date(day),
            times.join(", ")
        ),
        (false, [time]) => format!("On {} I have {time}. Does that suit you?", spoken_date(day)),
        (false, times) => format!(
            "On {} I have {}. Which one would you like?",
            spoken_date(day),
            listed(times, "and")
        ),
    }
}

pub(super) fn nothing_free(day: NaiveDate, at_that_time: bool, reason: Option<&str>) -> String {
    match reason {
        Some("closed") => format!("We are closed on {}.", day.format("%A")),
        _ if at_that_time => format!("I have nothing free then on {}.", spoken_date(day)),
        _ => format!("I have nothing free on {}.", spoken_date(day)),
    }
}

pub(super) fn ask_name(asked_before: u8, telephone: bool) -> String {
    match (asked_before, telephone) {
        (_, true) => "Please say your name, or press 1 to go on without it.".to_owned(),
        (0, _) => "May I have your name, please?".to_owned(),
        _ => "Could you say your first and last name once more, or spell it?".to_owned(),
    }
}

pub(super) fn read_back(
    service: &str,
    offer: &Offer,
    name: Option<&str>,
    telephone: bool,
) -> String {
    let booking = with_practitioner(service, offer);
    let name = name.map(|name| format!(", for {name}")).unwrap_or_default();
    let question = if telephone {
        "Press 1 to book it, 2 to change it."
    } else {
        "Are you sure you want me to book it?"
    };
    format!(
        "That is {booking} on {}{name}. {question}",
        spoken_start(offer.start)
    )
}

pub(super) fn booked(service: &str, offer: Option<&Offer>) -> String {
    match offer {
        Some(offer) => format!(
            "{BOOKED}: {} on {}.",
            with_practitioner(service, offer),
            spoken_start(offer.start)
        ),
        None => format!("{BOOKED} for {service}."),
    }
}

pub(super) fn goodbye(agent: &LocalAgent) -> String {
    format!("Thank you for calling {}. Goodbye.", agent.business)
}

fn with_practitioner(words: &str, offer: &Offer) -> String {
    match &offer.practitioner {
        Some(practitioner) => format!("{words} with {practitioner}"),
        None => words.to_owned(),
    }
}

fn listed(words: &[&str], last: &str) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

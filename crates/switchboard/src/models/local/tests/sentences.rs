//! Sentences and what they mean, written before the rules that understand them.

use chrono::{NaiveDate, Weekday};

use super::super::calendar::{DayAsked, DayPart};
use super::super::dialogue::Dialogue;
use super::super::understanding::{Choice, Expecting, Intent, Meaning, understand};
use super::spa;

fn of(text: &str) -> Meaning {
    understand(text, &spa(), Expecting::Request)
}

fn answering(text: &str, expecting: Expecting) -> Meaning {
    understand(text, &spa(), expecting)
}

fn service_of(meaning: &Meaning) -> Option<String> {
    meaning.service.map(|at| spa().services[at].name.clone())
}

#[test]
fn paraphrases_name_the_same_service_and_day() {
    let sentences = [
        (
            "could I get a facial on Tuesday please",
            "Signature facial",
            "2026-11-24",
        ),
        (
            "I'd like to make an appointment for laser hair removal next Friday afternoon",
            "Laser hair removal",
            "2026-11-27",
        ),
        (
            "hi, I want to book some Botox for tomorrow morning",
            "Botox consultation",
            "2026-11-22",
        ),
        (
            "do you have anything free for a massage this Thursday?",
            "Swedish massage",
            "2026-11-26",
        ),
        (
            "I was wondering if you could fit me in for a chemical peel on Wednesday",
            "Chemical peel",
            "2026-11-25",
        ),
        (
            "can you put me down for micro-needling next Monday at ten",
            "Microneedling",
            "2026-11-23",
        ),
        (
            "my friend told me about your facials, can I come in on Friday",
            "Signature facial",
            "2026-11-27",
        ),
        (
            "any chance of getting my legs lasered on Thursday afternoon",
            "Laser hair removal",
            "2026-11-26",
        ),
        (
            "could you book me in for deep tissue the day after tomorrow",
            "Deep tissue massage",
            "2026-11-23",
        ),
        (
            "set me up with a chemical peel on the first of December",
            "Chemical peel",
            "2026-12-01",
        ),
        (
            "I'd love to have my teeth whitened on the 24th",
            "Teeth whitening",
            "2026-11-24",
        ),
        (
            "lip filler, November twenty seventh, half past two",
            "Dermal filler",
            "2026-11-27",
        ),
    ];
    let today: NaiveDate = "2026-11-21".parse().expect("a date");
    for (text, service, day) in sentences {
        let meaning = of(text);
        assert_eq!(service_of(&meaning).as_deref(), Some(service), "{text}");
        let date = meaning
            .day
            .and_then(|day| day.on_calendar(today))
            .map(|date| date.to_string());
        assert_eq!(date.as_deref(), Some(day), "{text}");
        assert_eq!(meaning.intent, Some(Intent::Book), "{text}");
    }
}

#[test]
fn times_are_understood_in_many_forms() {
    let at = |text: &str| {
        answering(text, Expecting::Time)
            .clock
            .map(super::super::calendar::ClockTime::minute_of_day)
    };
    assert_eq!(at("half past two"), Some(14 * 60 + 30));
    assert_eq!(at("at 3:30 pm please"), Some(15 * 60 + 30));
    assert_eq!(at("quarter to eleven"), Some(10 * 60 + 45));
    assert_eq!(at("ten o'clock works"), Some(600));
    assert_eq!(at("4pm"), Some(16 * 60));
    assert_eq!(at("noon"), Some(720));
    assert_eq!(at("the first one"), None);
    assert_eq!(of("I want one facial").clock, None);
    assert_eq!(
        of("book a facial on Tuesday at three in the afternoon")
            .clock
            .map(|clock| clock.minute_of_day()),
        Some(900)
    );
}

#[test]
fn parts_of_the_day_are_not_greetings() {
    assert_eq!(of("good morning, a facial on Friday").part, None);
    assert_eq!(
        of("good morning, a facial on Friday afternoon").part,
        Some(DayPart::Afternoon)
    );
}

#[test]
fn questions_are_not_bookings() {
    assert_eq!(of("how much is a facial").intent, Some(Intent::AskPrice));
    assert_eq!(of("are you open on Sunday").intent, Some(Intent::AskHours));
    assert_eq!(
        of("what services do you offer").intent,
        Some(Intent::AskServices)
    );
    assert_eq!(
        of("can I talk to a real person please").intent,
        Some(Intent::Person)
    );
    assert_eq!(
        of("that's all, thanks, goodbye").intent,
        Some(Intent::Goodbye)
    );
    assert_eq!(
        of("how long does microneedling take").intent,
        Some(Intent::AskDuration)
    );
}

#[test]
fn answers_are_yes_no_and_choices() {
    let answer = |text: &str| answering(text, Expecting::YesNo).answer;
    assert_eq!(answer("yes please"), Some(true));
    assert_eq!(answer("yeah, that works"), Some(true));
    assert_eq!(answer("no that's not right"), Some(false));
    assert_eq!(answer("yes, no, wait"), Some(false));
    assert_eq!(
        answering("the second one works for me", Expecting::Time).choice,
        Some(Choice::Nth(1))
    );
    assert_eq!(
        answering("the last one", Expecting::Time).choice,
        Some(Choice::Last)
    );
    assert_eq!(
        answering("none of those", Expecting::Time).choice,
        Some(Choice::Other)
    );
    assert_eq!(
        answering("Thursday instead", Expecting::Time).day,
        Some(DayAsked::Weekday(Weekday::Thu))
    );
}

#[test]
fn names_are_introduced_bare_or_spelled() {
    let name = |text: &str| answering(text, Expecting::Name).name;
    assert_eq!(
        name("my name is Sarah Johnson").as_deref(),
        Some("Sarah Johnson")
    );
    assert_eq!(name("it's Emma Miller").as_deref(), Some("Emma Miller"));
    assert_eq!(name("Wanjiru Kamau").as_deref(), Some("Wanjiru Kamau"));
    assert_eq!(name("my name is o s e i").as_deref(), Some("Osei"));
    assert_eq!(name("I don't know"), None);
    assert_eq!(
        of("book a facial on Tuesday, this is Mary Smith")
            .name
            .as_deref(),
        Some("Mary Smith")
    );
}

#[test]
fn numbers_of_telephones_are_digits() {
    let phone = |text: &str| answering(text, Expecting::Name).phone;
    assert_eq!(
        phone("two zero two five five five oh one oh three").as_deref(),
        Some("2025550103")
    );
    assert_eq!(
        phone("call me at +1 202 555 0142").as_deref(),
        Some("+12025550142")
    );
    assert_eq!(phone("two thirty"), None);
}

#[test]
fn sentences_about_something_else_mean_nothing() {
    let foreign = [
        "the weather is very nice today isn't it",
        "my dog ran away and I cannot find him anywhere",
        "please send the invoice to the accounting department",
        "I would like two large pizzas with extra cheese",
        "my car needs new tires and an oil change on Friday",
        "the football match was cancelled because of rain",
        "could you play some jazz music in the kitchen",
        "there is a problem with the washing machine",
    ];
    for text in foreign {
        let meaning = of(text);
        assert_eq!(
            (meaning.service, meaning.intent),
            (None, None),
            "{text}: {meaning:?}"
        );
    }
}

#[test]
fn what_only_one_hearing_understood_was_not_said() {
    let agreed = |one: &str, two: &str, sceptical: &str, expecting| {
        let of = |text: &str| answering(text, expecting);
        Meaning::agreed(of(one), of(two), &of(sceptical), expecting)
    };
    let days = agreed(
        "a facial on Tuesday",
        "a facial of you",
        "a facial on Thursday",
        Expecting::Request,
    );
    assert_eq!(service_of(&days).as_deref(), Some("Signature facial"));
    assert_eq!(days.day, None);
    let bent = agreed(
        "book the filler",
        "book the filler",
        "she sat on the floor",
        Expecting::Request,
    );
    assert_eq!((bent.intent, bent.service), (None, None));
    assert_eq!(bent.doubtful_service, Some(4), "it is worth a question");
    let person = agreed(
        "get me a person",
        "get me a person",
        "get the first",
        Expecting::Request,
    );
    assert_eq!(person.intent, None, "nobody is transferred on a doubt");
    let plain = agreed("ten o'clock please", "the clock", "then", Expecting::Time);
    assert!(
        plain.clock.is_some(),
        "a plain answer to the open question is read back later anyway"
    );
    let yes = agreed("yes please", "yet", "this", Expecting::YesNo);
    assert_eq!(yes.answer, None, "a doubtful yes is none");
}

#[test]
fn silence_and_filler_mean_nothing() {
    for text in ["", "um", "hello there"] {
        assert!(of(text).is_empty(), "{text}");
    }
}

#[test]
fn foreign_bytes_are_only_words() {
    for text in [
        "",
        "\u{0}\u{ffff}",
        "🙂🙂",
        "twenty",
        "half past",
        "quarter to",
        "+",
        "the thirty",
        "'''",
        "at 99:99",
    ] {
        for expecting in [
            Expecting::Request,
            Expecting::Time,
            Expecting::Name,
            Expecting::YesNo,
        ] {
            let _ = answering(text, expecting);
        }
    }
}

#[test]
fn who_does_not_want_to_be_called_is_understood() {
    for text in [
        "please stop calling me",
        "take me off your list please",
        "I don't want to be called any more",
        "do not call me again",
    ] {
        assert_eq!(of(text).intent, Some(Intent::OptOut), "{text}");
    }
    assert_ne!(
        of("could you call me back on Tuesday").intent,
        Some(Intent::OptOut)
    );
}

#[test]
fn an_opt_out_is_noted_by_the_tool_and_said() {
    let mut agent = spa();
    agent.tools.push("opt_out".to_owned());
    let today = agent.today.expect("the test's day");
    let mut dialogue = Dialogue::new(std::sync::Arc::new(agent), today);
    dialogue.announced();
    dialogue.heard(&of("please stop calling me"));
    let step = dialogue.reply();
    assert_eq!(step.tools[0].name, "opt_out");
    dialogue.tool_answered("opt_out", r#"{"opted_out":true}"#);
    assert!(dialogue.reply().say.contains("will not call you again"));
    // An agent without the tool gives the caller to a person, who can.
    let mut without = Dialogue::new(std::sync::Arc::new(spa()), today);
    without.announced();
    without.heard(&of("please stop calling me"));
    assert_eq!(without.reply().tools[0].name, "transfer_to_human");
}

//! The dialogue by typed turns: no sound, no processes.

use std::sync::Arc;

use serde_json::json;

use super::super::dialogue::{Dialogue, Step};
use super::super::understanding::{Expecting, Meaning, understand};
use super::{LocalAgent, spa};

/// A conversation with a calendar that has three free times on any day.
struct Talk {
    agent: Arc<LocalAgent>,
    dialogue: Dialogue,
    asked: Vec<(&'static str, serde_json::Value)>,
}

impl Talk {
    fn new() -> Self {
        Self::with(spa())
    }

    fn with(agent: LocalAgent) -> Self {
        let agent = Arc::new(agent);
        let today = agent.today.expect("the test's day");
        let dialogue = Dialogue::new(Arc::clone(&agent), today);
        Self {
            agent,
            dialogue,
            asked: Vec::new(),
        }
    }

    fn says(&mut self, words: &str) -> String {
        self.dialogue
            .heard(&understand(words, &self.agent, self.dialogue.expecting()));
        self.replies()
    }

    fn replies(&mut self) -> String {
        let mut said = String::new();
        for _ in 0..4 {
            let Step { say, tools } = self.dialogue.reply();
            said = format!("{said} {say}").trim().to_owned();
            if tools.is_empty() {
                return said;
            }
            for tool in tools {
                let answer = answer(tool.name, &tool.arguments);
                self.asked.push((tool.name, tool.arguments));
                let Some(answer) = answer else {
                    return said;
                };
                self.dialogue.tool_answered(tool.name, &answer.to_string());
            }
        }
        panic!("the dialogue calls tools for ever: {:?}", self.asked);
    }

    fn bookings(&self) -> Vec<&serde_json::Value> {
        self.asked
            .iter()
            .filter(|(name, _)| *name == "book_appointment")
            .map(|(_, arguments)| arguments)
            .collect()
    }
}

fn answer(tool: &str, arguments: &serde_json::Value) -> Option<serde_json::Value> {
    match tool {
        "check_availability" => {
            let day = arguments["day"].as_str().expect("a day was asked for");
            let slot = |time: &str| json!({"start": format!("{day}T{time}:00-05:00"), "practitioner": "Priya Nair"});
            let free = ["10:00", "11:30", "14:00"].into_iter();
            let from = arguments["from"].as_str().unwrap_or("00:00").to_owned();
            Some(
                json!({"slots": free.filter(|time| *time >= from.as_str()).map(slot).collect::<Vec<_>>()}),
            )
        }
        "book_appointment" => Some(
            json!({"appointment": {"id": "1", "service": arguments["service"],
            "practitioner": "Priya Nair", "start": arguments["start"], "end": arguments["start"]}}),
        ),
        _ => None,
    }
}

#[test]
fn a_booking_is_asked_for_only_after_its_read_back_was_confirmed() {
    let mut talk = Talk::new();
    assert!(
        talk.says("could I get a facial on Tuesday please")
            .contains("Which one would you like?")
    );
    assert!(talk.says("half past eleven").contains("your name"));
    let read_back = talk.says("my name is Sarah Johnson");
    assert_eq!(
        read_back,
        "That is Signature facial with Priya Nair on Tuesday, November 24th at 11:30 AM, for Sarah Johnson. \
         Are you sure you want me to book it?"
    );
    assert!(talk.bookings().is_empty());
    assert!(
        talk.says("yes please")
            .contains("You are booked: Signature facial")
    );
    let expected = json!({"service": "Signature facial", "start": "2026-11-24T11:30:00-05:00",
        "practitioner": "Priya Nair", "contact_name": "Sarah Johnson"});
    assert_eq!(talk.bookings(), [&expected]);
    assert!(talk.says("no that's all thanks").contains("Goodbye"));
    assert_eq!(talk.asked.last().map(|(name, _)| *name), Some("end_call"));
}

#[test]
fn everything_in_one_sentence_goes_straight_to_the_read_back() {
    let mut talk = Talk::new();
    let said = talk.says(
        "hi this is Mary Smith, please book me a massage on Wednesday at two in the afternoon",
    );
    assert!(
        said.contains(
            "Swedish massage with Priya Nair on Wednesday, November 25th at 2 PM, for Mary Smith"
        ),
        "{said}"
    );
    assert!(talk.bookings().is_empty());
}

#[test]
fn only_returned_times_are_offered() {
    let mut talk = Talk::new();
    let said = talk.says("a facial on Tuesday at nine in the morning");
    assert!(said.contains("That time is not free."), "{said}");
    assert!(
        said.contains("10 AM") && said.contains("11:30 AM") && !said.contains("9 AM"),
        "{said}"
    );
    let said = talk.says("a facial on Tuesday in the evening");
    assert!(said.contains("nothing free then"), "{said}");
}

#[test]
fn a_no_to_the_read_back_changes_what_is_named_and_books_nothing() {
    let mut talk = Talk::new();
    talk.says("a facial on Tuesday at ten, my name is Emma Miller");
    assert!(
        talk.says("no that's wrong")
            .contains("What should I change")
    );
    let said = talk.says("Thursday please at two");
    assert!(said.contains("Thursday, November 26th at 2 PM"), "{said}");
    assert!(talk.bookings().is_empty());
    assert!(talk.says("yes").contains("You are booked"));
    assert_eq!(talk.bookings().len(), 1);
}

/// A1: a yes over a read-back that was cut before its question confirms nothing.
#[test]
fn a1_a_yes_to_an_unheard_question_books_nothing() {
    let mut talk = Talk::new();
    talk.says("a facial on Tuesday at ten, my name is Emma Miller");
    talk.dialogue.question_was_unheard();
    assert!(talk.says("yes").contains("Are you sure"));
    assert!(talk.bookings().is_empty());
    assert!(talk.says("yes").contains("You are booked"));
}

#[test]
fn a_name_nobody_understands_does_not_block_the_booking_and_is_said() {
    let mut talk = Talk::new();
    talk.says("a facial on Tuesday at ten");
    for _ in 0..2 {
        talk.dialogue.heard(&Meaning::default());
        talk.replies();
    }
    assert!(talk.says("yes").contains("You are booked"));
    assert_eq!(talk.bookings()[0]["contact_name"], "Name not understood");
}

#[test]
fn a_taken_time_offers_the_next_free_ones() {
    let mut talk = Talk::new();
    talk.says("a facial on Tuesday at ten, my name is Emma Miller");
    talk.dialogue
        .heard(&understand("yes", &spa(), Expecting::YesNo));
    let step = talk.dialogue.reply();
    assert_eq!(step.tools[0].name, "book_appointment");
    let error = json!({"error": {"code": "slot_taken", "message": "taken", "next_free":
        [{"start": "2026-11-24T15:00:00-05:00", "practitioner": "Priya Nair"}]}});
    talk.dialogue
        .tool_answered("book_appointment", &error.to_string());
    let said = talk.replies();
    assert!(
        said.contains("just been taken") && said.contains("3 PM"),
        "{said}"
    );
    assert!(talk.says("yes").contains("at 3 PM, for Emma Miller"));
}

#[test]
fn side_questions_are_answered_and_the_open_question_is_asked_again() {
    let mut talk = Talk::new();
    talk.says("I'd like to book a chemical peel");
    let said = talk.says("how much is that peel");
    assert!(
        said.contains("160 dollars") && said.contains("Which day"),
        "{said}"
    );
    let said = talk.says("what are your opening hours");
    assert!(
        said.contains("We are open") && said.contains("Which day"),
        "{said}"
    );
}

#[test]
fn a_caller_nobody_understands_is_given_to_a_person() {
    let mut talk = Talk::new();
    for _ in 0..3 {
        talk.says("my dog ran away and I cannot find him");
    }
    assert_eq!(
        talk.asked.last().map(|(name, _)| *name),
        Some("transfer_to_human")
    );
}

#[test]
fn a_tool_that_fails_is_admitted_and_nothing_is_booked() {
    let mut talk = Talk::new();
    talk.dialogue.heard(&understand(
        "a facial on Tuesday",
        &spa(),
        Expecting::Request,
    ));
    let _ = talk.dialogue.reply();
    talk.dialogue
        .tool_answered("check_availability", "not json at all");
    let said = talk.replies();
    assert!(said.contains("I could not do that"), "{said}");
    assert!(talk.bookings().is_empty());
}

#[test]
fn an_agent_without_services_says_what_it_can_do() {
    let mut talk = Talk::with(LocalAgent {
        services: Vec::new(),
        practitioners: Vec::new(),
        ..spa()
    });
    assert!(
        talk.says("I want to book an appointment")
            .contains("offline demo agent")
    );
    assert!(talk.says("when do you open").contains("We are open"));
    talk.says("let me talk to a person");
    assert_eq!(
        talk.asked.last().map(|(name, _)| *name),
        Some("transfer_to_human")
    );
}

#[test]
fn a_tool_the_agent_may_not_use_is_never_asked_for() {
    let mut talk = Talk::with(LocalAgent {
        tools: Vec::new(),
        ..spa()
    });
    let said = talk.says("a facial on Tuesday at ten");
    assert!(said.contains("cannot book"), "{said}");
    assert!(
        talk.says("I want to speak to a person")
            .contains("cannot connect")
    );
    assert!(talk.asked.is_empty());
}

#[test]
fn a_doubtful_service_is_asked_back_and_only_a_yes_takes_it() {
    let doubtful = Meaning {
        doubtful_service: Some(6),
        day: understand("Tuesday", &spa(), Expecting::Day).day,
        ..Meaning::default()
    };
    let mut talk = Talk::new();
    talk.dialogue.heard(&doubtful);
    assert_eq!(talk.replies(), "Did you say Chemical peel?");
    assert!(
        talk.says("yes")
            .contains("On Tuesday, November 24th I have")
    );
    let mut talk = Talk::new();
    talk.dialogue.heard(&doubtful);
    talk.replies();
    assert!(talk.says("no").contains("Which treatment"));
    assert!(talk.asked.is_empty());
}

/// An agent that takes bookings down by hand: no services, and a tool for notes.
fn notes(tools: &[&str]) -> Talk {
    Talk::with(LocalAgent {
        services: Vec::new(),
        tools: tools.iter().map(|tool| (*tool).to_owned()).collect(),
        ..spa()
    })
}

#[test]
fn a_message_is_taken_down_where_the_agent_has_the_tool_for_it() {
    let mut talk = notes(&["capture_details", "end_call"]);
    let said = talk.says("I want to leave a message");
    assert!(said.contains("say your message"), "{said}");
    talk.says("the boiler leaks please call me");
    let expected = json!({ "job": "the boiler leaks please call me" });
    assert_eq!(talk.asked, [("capture_details", expected)]);
    let failed = json!({ "error": { "code": "unavailable", "message": "not now" } });
    let taken = json!({ "taken_down": ["job"] });
    for (answer, words) in [
        (taken, "I have written that down"),
        (failed, "could not do that"),
    ] {
        talk.dialogue
            .tool_answered("capture_details", &answer.to_string());
        let said = talk.replies();
        assert!(said.contains(words), "{said}");
    }
    let mut without = notes(&["end_call"]);
    without.says("I want to leave a message");
    let said = without.says("the boiler leaks");
    assert!(said.contains("in the transcript"), "{said}");
    assert_eq!(without.asked, []);
}

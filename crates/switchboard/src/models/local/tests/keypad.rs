//! The keypad dialogue of telephone legs.

use std::sync::Arc;

use serde_json::json;

use super::super::dialogue::Dialogue;
use super::super::understanding::Meaning;
use super::{LocalAgent, spa};

fn press(dialogue: &mut Dialogue, digit: char) -> String {
    dialogue.heard(&Meaning::of_digit(digit));
    dialogue.reply().say
}

#[test]
fn a_booking_is_made_with_keys_alone() {
    let agent = Arc::new(LocalAgent {
        telephone: true,
        ..spa()
    });
    let today = agent.today.expect("the test's day");
    let mut dialogue = Dialogue::new(agent, today);
    assert!(dialogue.reply().say.contains("Press 1 to book"));
    assert!(press(&mut dialogue, '1').contains("1 for Signature facial"));
    assert!(press(&mut dialogue, '7').contains("3 for Tuesday"));
    dialogue.heard(&Meaning::of_digit('3'));
    let step = dialogue.reply();
    assert_eq!(
        step.tools[0].arguments,
        json!({"service": "Chemical peel", "day": "2026-11-24"})
    );
    let slots = json!({"slots": [{"start": "2026-11-24T10:00:00-05:00"}, {"start": "2026-11-24T15:00:00-05:00"}]});
    dialogue.tool_answered("check_availability", &slots.to_string());
    assert!(dialogue.reply().say.contains("2 for 3 PM"));
    assert!(press(&mut dialogue, '2').contains("press 1 to go on without it"));
    let read_back = press(&mut dialogue, '1');
    assert!(
        read_back.contains("Chemical peel on Tuesday, November 24th at 3 PM")
            && read_back.contains("Press 1"),
        "{read_back}"
    );
    dialogue.heard(&Meaning::of_digit('1'));
    let booking = dialogue.reply();
    assert_eq!(booking.tools[0].name, "book_appointment");
    assert_eq!(
        booking.tools[0].arguments["start"],
        "2026-11-24T15:00:00-05:00"
    );
}

#[test]
fn zero_asks_for_a_person_at_any_question() {
    for keys in ["", "1", "17", "13"] {
        let agent = Arc::new(LocalAgent {
            telephone: true,
            ..spa()
        });
        let today = agent.today.expect("the test's day");
        let mut dialogue = Dialogue::new(agent, today);
        keys.chars().for_each(|key| drop(press(&mut dialogue, key)));
        dialogue.heard(&Meaning::of_digit('0'));
        assert_eq!(
            dialogue.reply().tools[0].name,
            "transfer_to_human",
            "after {keys}"
        );
    }
}

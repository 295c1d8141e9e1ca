//! What is said in made-up calls.

use super::chance::Chance;

/// A question, its answer, and what the agent looked up for it.
pub(super) struct Topic {
    pub(super) question: &'static str,
    pub(super) answer: &'static str,
}

const FIRST_NAMES: [&str; 12] = [
    "Ama", "Ben", "Chloe", "Daniel", "Elena", "Farid", "Grace", "Hugo", "Imani", "Jonas", "Keza",
    "Luca",
];
const LAST_NAMES: [&str; 8] = [
    "Adler", "Brooks", "Costa", "Diaz", "Egan", "Fischer", "Gatera", "Hart",
];

/// The name of a caller, by number.
pub(super) fn name_of(number: u32) -> String {
    let first = FIRST_NAMES[number as usize % FIRST_NAMES.len()];
    let last = LAST_NAMES[(number as usize / 3) % LAST_NAMES.len()];
    format!("{first} {last} (demo)")
}

/// Something that callers of this agent ask.
pub(super) fn topic(agent: &str, chance: &mut Chance) -> &'static Topic {
    let topics: &[Topic] = match agent {
        "medspa" => &MEDSPA,
        "trades" => &TRADES,
        "roofing" => &ROOFING,
        "broker" => &BROKER,
        _ => &OTHERS,
    };
    chance.pick(topics)
}

const MEDSPA: [Topic; 3] = [
    Topic {
        question: "How much is a signature facial, and how long does it take?",
        answer: "It takes one hour and costs one hundred and forty-five dollars. Shall I look for a time?",
    },
    Topic {
        question: "Are you open on Saturday?",
        answer: "Yes, on Saturday we are open from ten. Would you like to come then?",
    },
    Topic {
        question: "Does a chemical peel hurt?",
        answer: "Most people feel a light sting for a few minutes. Dr. Ortiz can tell you more before it begins.",
    },
];
const TRADES: [Topic; 3] = [
    Topic {
        question: "My boiler makes a banging noise, can somebody look at it?",
        answer: "Yes. Is there any water on the floor, or is it the noise alone?",
    },
    Topic {
        question: "Do you repair water heaters too?",
        answer: "We do, of every make. Which town are you in?",
    },
    Topic {
        question: "What does a visit cost?",
        answer: "The first visit is charged by the hour, and you get a price before any work begins.",
    },
];
const ROOFING: [Topic; 2] = [
    Topic {
        question: "Note that the Hart inspection is done, two shingles were missing.",
        answer: "I have written that down for the Hart project. Is there anything else?",
    },
    Topic {
        question: "What is the state of the project on Elm Street?",
        answer: "The material is there and the crew is planned for Thursday.",
    },
];
const BROKER: [Topic; 2] = [
    Topic {
        question: "I need a motorcycle from the market to the bus station.",
        answer: "I can arrange that. At what time do you want to leave?",
    },
    Topic {
        question: "Who sells fresh fish today?",
        answer: "The lake market has fish until noon. Shall I ask them to call you?",
    },
];
const OTHERS: [Topic; 2] = [
    Topic {
        question: "Can you remind me what we talked about yesterday?",
        answer: "You told me about your garden, and that the tomatoes had come up.",
    },
    Topic {
        question: "I only wanted to hear a friendly voice.",
        answer: "I am glad that you called. How was your morning?",
    },
];

//! What an agent does when it calls people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::language::{Language, Texts};

/// Most tries of one call. More is a nuisance, and in places an offence.
pub const ATTEMPTS_MAX: u8 = 5;

/// Whom it may call and what it says. Without a purpose it calls nobody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentOutgoing {
    /// None. Why it may call, out of `reminder`, `callback`, `confirmation`, `follow_up`.
    pub purposes: Vec<CallPurpose>,
    /// `message`. What an answering machine gets: the message behind its tone, or `hang_up`.
    pub machine: OnAnswer,
    /// `talk`. What happens when the carrier cannot tell who picked up.
    pub unknown: OnAnswer,
    /// `hang_up`. What a fax gets.
    pub fax: OnAnswer,
    /// 3 tries, at most 5, until somebody is reached.
    pub attempts_max: u8,
    /// 60 minutes between two tries.
    pub retry_minutes: u64,
    /// 24 hours before an appointment that this agent booked it reminds of it, where `reminder` is among its purposes; 0:
    /// never.
    pub reminder_h: u16,
    /// Ours per language. Who calls, that it is automatic, and what is kept: said first.
    pub disclosure: Texts,
    /// Ours per purpose and language. Why it calls: said after the disclosure.
    pub reasons: BTreeMap<CallPurpose, Texts>,
    /// Ours per purpose and language. What a machine is told.
    pub message: Texts,
}

impl Default for AgentOutgoing {
    fn default() -> Self {
        Self {
            purposes: Vec::new(),
            machine: OnAnswer::Message,
            unknown: OnAnswer::Talk,
            fax: OnAnswer::HangUp,
            attempts_max: 3,
            retry_minutes: 60,
            reminder_h: 24,
            disclosure: Texts::default(),
            reasons: BTreeMap::new(),
            message: Texts::default(),
        }
    }
}

/// Why somebody is called.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum CallPurpose {
    /// An appointment is near
    Reminder,
    /// The contact asked to be called
    Callback,
    /// An appointment waits for a yes
    Confirmation,
    /// Something was done, and we ask how it went
    FollowUp,
}

impl CallPurpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [
        Self::Reminder,
        Self::Callback,
        Self::Confirmation,
        Self::FollowUp,
    ];

    /// Its stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reminder => "reminder",
            Self::Callback => "callback",
            Self::Confirmation => "confirmation",
            Self::FollowUp => "follow_up",
        }
    }

    /// The purpose of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    const fn reason(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Reminder, Language::English) => {
                "I am calling to remind you of your appointment."
            }
            (Self::Reminder, Language::Swahili) => "Ninapiga kukukumbusha miadi yako.",
            (Self::Reminder, Language::French) => {
                "Je vous appelle pour vous rappeler votre rendez-vous."
            }
            (Self::Reminder, Language::Kinyarwanda) => "Mbahamagaye kubibutsa gahunda yanyu.",
            (Self::Callback, Language::English) => "You asked us to call you back.",
            (Self::Callback, Language::Swahili) => "Ulituomba tukupigie simu.",
            (Self::Callback, Language::French) => "Vous avez demandé que nous vous rappelions.",
            (Self::Callback, Language::Kinyarwanda) => "Mwasabye ko tubahamagara.",
            (Self::Confirmation, Language::English) => "I am calling to confirm your appointment.",
            (Self::Confirmation, Language::Swahili) => "Ninapiga kuthibitisha miadi yako.",
            (Self::Confirmation, Language::French) => {
                "Je vous appelle pour confirmer votre rendez-vous."
            }
            (Self::Confirmation, Language::Kinyarwanda) => "Mbahamagaye kwemeza gahunda yanyu.",
            (Self::FollowUp, Language::English) => "I am calling to ask how everything went.",
            (Self::FollowUp, Language::Swahili) => "Ninapiga kuuliza jinsi mambo yalivyokwenda.",
            (Self::FollowUp, Language::French) => {
                "Je vous appelle pour savoir si tout s'est bien passé."
            }
            (Self::FollowUp, Language::Kinyarwanda) => "Mbahamagaye kubabaza uko byagenze.",
        }
    }
}

/// What whoever picks up gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnAnswer {
    /// The agent, as for a person.
    Talk,
    /// The message, behind the tone.
    Message,
    /// Nothing.
    HangUp,
}

impl AgentOutgoing {
    /// Who calls, and that it is automatic; what is kept, where something is. Said first, and never by a model of its own
    /// choosing (threats A7, D2).
    pub fn disclosure(&self, display_name: &str, language: Language, keeps_words: bool) -> String {
        if let Some(own) = self.disclosure.in_language(language) {
            return own.to_owned();
        }
        let who = introduction(display_name, language);
        if keeps_words {
            format!("{who} {}", kept(language))
        } else {
            who
        }
    }

    /// Why it calls.
    pub fn reason(&self, purpose: CallPurpose, language: Language) -> &str {
        let own = self.reasons.get(&purpose);
        let own = own.and_then(|texts| texts.in_language(language));
        own.unwrap_or(purpose.reason(language))
    }

    /// What a machine is told: anybody may hear it, so it says no more than who called and why.
    pub fn message(&self, display_name: &str, purpose: CallPurpose, language: Language) -> String {
        if let Some(own) = self.message.in_language(language) {
            return own.to_owned();
        }
        let who = introduction(display_name, language);
        let why = self.reason(purpose, language);
        format!("{who} {why} {}", call_back(language))
    }
}

/// The question after the reason.
pub const fn good_moment(language: Language) -> &'static str {
    match language {
        Language::English => "Is this a good moment?",
        Language::Swahili => "Je, huu ni wakati mzuri?",
        Language::French => "Est-ce un bon moment ?",
        Language::Kinyarwanda => "Ese iki ni igihe cyiza?",
    }
}

/// Who was called did not call.
pub const fn farewell(language: Language) -> &'static str {
    match language {
        Language::English => "Thank you for your time. Goodbye.",
        Language::Swahili => "Asante kwa muda wako. Kwaheri.",
        Language::French => "Merci de votre temps. Au revoir.",
        Language::Kinyarwanda => "Murakoze ku mwanya wanyu. Murabeho.",
    }
}

fn introduction(display_name: &str, language: Language) -> String {
    match language {
        Language::English => format!("Hello, this is an automatic call from {display_name}."),
        Language::Swahili => format!("Habari, hii ni simu ya kiotomatiki kutoka {display_name}."),
        Language::French => format!("Bonjour, ceci est un appel automatique de {display_name}."),
        Language::Kinyarwanda => format!("Muraho, iyi ni telefoni yikora ya {display_name}."),
    }
}

const fn kept(language: Language) -> &'static str {
    match language {
        Language::English => "What we say is written down so that we can help you.",
        Language::Swahili => "Tunayosema yanaandikwa ili tuweze kukusaidia.",
        Language::French => "Ce que nous disons est noté pour pouvoir vous aider.",
        Language::Kinyarwanda => "Ibyo tuvuga birandikwa kugira ngo tubafashe.",
    }
}

const fn call_back(language: Language) -> &'static str {
    match language {
        Language::English => "Please call us back when it suits you. Goodbye.",
        Language::Swahili => "Tafadhali tupigie utakapopata nafasi. Kwaheri.",
        Language::French => "Merci de nous rappeler quand cela vous convient. Au revoir.",
        Language::Kinyarwanda => "Mwaduhamagara igihe mubonye umwanya. Murabeho.",
    }
}

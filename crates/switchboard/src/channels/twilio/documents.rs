//! What the carrier is told to do, as TwiML documents.

use switchboard_wire::twilio::twiml::{
    Connect, Dial, Document, Record, Say, Stream, TwimlError, Verb,
};

use crate::config::agent::Language;
use crate::config::{AgentDefinition, PhoneNumber, Settings};

/// Silence that ends a voicemail message.
const VOICEMAIL_SILENCE_S: u32 = 5;

/// Who takes over and what is said on the way, for one agent.
#[derive(Clone)]
pub(super) struct HandoffWords {
    human: Option<PhoneNumber>,
    announcement: String,
    voicemail: &'static str,
    voice: Option<String>,
    language: Option<&'static str>,
    ring_s: u32,
    voicemail_s: u32,
}

impl HandoffWords {
    pub(super) fn of(
        settings: &Settings,
        agent: &AgentDefinition,
        number_human: Option<PhoneNumber>,
    ) -> Self {
        let language = agent.first_language();
        let announcement = agent.handoff.announcement.in_language(language);
        let human = number_human
            .or_else(|| agent.handoff.number.clone())
            .or_else(|| settings.handoff.number.clone());
        let is_english = language == Language::English;
        Self {
            human,
            announcement: announcement
                .unwrap_or_else(|| agent.phrases.handoff(language))
                .to_owned(),
            voicemail: voicemail_words(language),
            voice: is_english.then(|| settings.speech.carrier_voice.clone()),
            language: carrier_language(language),
            ring_s: u32::try_from(settings.handoff.ring_s_max).unwrap_or(20),
            voicemail_s: u32::try_from(settings.handoff.voicemail_s_max).unwrap_or(120),
        }
    }

    /// The same for a caller whose agent cannot be asked. None when nobody is known for the number.
    pub(super) fn without_agent(
        settings: &Settings,
        number_human: Option<PhoneNumber>,
    ) -> Option<Self> {
        let human = number_human.or_else(|| settings.handoff.number.clone())?;
        let language = Language::English;
        Some(Self {
            human: Some(human),
            announcement: "One moment please, I am connecting you.".to_owned(),
            voicemail: voicemail_words(language),
            voice: Some(settings.speech.carrier_voice.clone()),
            language: carrier_language(language),
            ring_s: u32::try_from(settings.handoff.ring_s_max).unwrap_or(20),
            voicemail_s: u32::try_from(settings.handoff.voicemail_s_max).unwrap_or(120),
        })
    }

    fn say(&self, text: &str) -> Verb {
        let mut say = Say::new(text);
        if let Some(voice) = &self.voice {
            say = say.with_voice(voice);
        }
        if let Some(language) = self.language {
            say = say.with_language(language);
        }
        Verb::Say(say)
    }

    /// Human, then voicemail. `action` is asked when the human's leg ends; a document for our death has none.
    fn to_human(&self, action: Option<String>) -> Vec<Verb> {
        let Some(human) = &self.human else {
            return self.to_voicemail();
        };
        let has_action = action.is_some();
        let dial = Dial {
            action,
            timeout_s: Some(self.ring_s),
            ..Dial::number(human.expose())
        };
        let mut verbs = vec![self.say(&self.announcement), Verb::Dial(dial)];
        if !has_action {
            verbs.extend(self.to_voicemail());
        }
        verbs
    }

    fn to_voicemail(&self) -> Vec<Verb> {
        let record = Record {
            length_s_max: Some(self.voicemail_s),
            silence_s_max: Some(VOICEMAIL_SILENCE_S),
            play_beep: Some(true),
            ..Record::default()
        };
        vec![self.say(self.voicemail), Verb::Record(record)]
    }

    /// The answer to a call: the stream, and behind it what the carrier does by itself when we are gone.
    pub(super) fn connect(&self, stream_url: &str, token: &str) -> Result<String, TwimlError> {
        let stream = Stream::new(stream_url).with_parameter("t", token);
        let mut verbs = vec![Verb::Connect(Connect::stream(stream))];
        verbs.extend(self.to_human(None));
        Document::new(verbs).to_xml()
    }

    /// Straight to the human, no stream tried.
    pub(super) fn human(&self, dial_ended_url: String) -> Result<String, TwimlError> {
        Document::new(self.to_human(Some(dial_ended_url))).to_xml()
    }

    /// Human, then voicemail, and nobody of ours is asked on the way.
    pub(super) fn human_unasked(&self) -> Result<String, TwimlError> {
        Document::new(self.to_human(None)).to_xml()
    }

    /// The same for a call that is running, as the parameter of a REST update.
    pub(super) fn transfer(&self, dial_ended_url: String) -> Document {
        Document::new(self.to_human(Some(dial_ended_url)))
    }

    /// Nobody took the call.
    pub(super) fn voicemail(&self) -> Result<String, TwimlError> {
        Document::new(self.to_voicemail()).to_xml()
    }
}

/// Nothing more: a call that is past ringing, or one that was helped.
pub(super) fn nothing() -> String {
    Document::new(Vec::new()).to_xml().unwrap_or_default()
}

/// The end.
pub(super) fn hang_up() -> String {
    Document::new(vec![Verb::Hangup])
        .to_xml()
        .unwrap_or_default()
}

/// A number that leads nowhere here.
pub(super) fn unknown_number(voice: &str) -> String {
    let say =
        Say::new("We are sorry, this number is not in service here. Goodbye.").with_voice(voice);
    Document::new(vec![Verb::Say(say), Verb::Hangup])
        .to_xml()
        .unwrap_or_default()
}

/// We cannot answer and know no human for this number.
pub(super) fn apology(voice: &str) -> String {
    let say = Say::new(
        "We are sorry, we cannot take your call right now. Please try again in a few minutes.",
    );
    Document::new(vec![Verb::Say(say.with_voice(voice)), Verb::Hangup])
        .to_xml()
        .unwrap_or_default()
}

const fn voicemail_words(language: Language) -> &'static str {
    match language {
        Language::English => "If you were not helped, please leave a message after the tone.",
        Language::Swahili => "Kama hukusaidiwa, tafadhali acha ujumbe baada ya mlio.",
        Language::French => "Si nous n'avons pas pu vous aider, laissez un message après le bip.",
        Language::Kinyarwanda => "Niba mutafashijwe, musige ubutumwa nyuma y'ijwi.",
    }
}

/// The carrier's language tag; it speaks no Kinyarwanda, so its default voice reads that.
const fn carrier_language(language: Language) -> Option<&'static str> {
    match language {
        Language::English => Some("en-US"),
        Language::Swahili => Some("sw-KE"),
        Language::French => Some("fr-FR"),
        Language::Kinyarwanda => None,
    }
}

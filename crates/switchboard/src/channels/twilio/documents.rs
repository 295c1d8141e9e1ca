//! What the carrier is told to do, as TwiML documents.

use switchboard_store::TransferKind;
use switchboard_wire::twilio::twiml::{
    Connect, Dial, DialTarget, Document, Enqueue, Gather, Prompt, Record, Say, Screening, Stream,
    Verb,
};

use super::voicemail;
use crate::config::agent::{AgentMenu, Language};
use crate::config::{AgentDefinition, CallerIdChoice, PhoneNumber, Settings};
use crate::handoff::{Line, Party};

/// Silence that ends a voicemail message.
const VOICEMAIL_SILENCE_S: u32 = 5;
/// Letters of a summary that a human hears at most, before they can press a key.
const SUMMARY_LETTERS_MAX: usize = 300;
/// Time to find a key after the menu was said.
const MENU_KEY_S: u32 = 5;
/// Quiet between two rounds of the words in a queue without music of its own.
const QUEUE_PAUSE_S: u32 = 20;

/// What is said on the way to a human, for one agent.
#[derive(Clone)]
pub(super) struct HandoffWords {
    business: String,
    announcement: String,
    language: Language,
    voice: Option<String>,
    voicemail_s: u32,
    /// Messages are written down, and callers are told so before the tone (D1).
    writes_down: bool,
    accept_s: u32,
}

/// The numbers that a dialled human may see.
#[derive(Clone)]
pub(super) struct CallerIds {
    pub(super) ours: Option<PhoneNumber>,
    /// None when the caller hides it.
    pub(super) callers: Option<PhoneNumber>,
}

/// Where the carrier asks while a party is rung. All of them end with the party's ticket.
pub(super) struct PartyUrls {
    pub(super) ended: String,
    pub(super) whisper: String,
    pub(super) status: String,
    pub(super) machine: String,
    pub(super) wait: String,
}

impl HandoffWords {
    pub(super) fn of(settings: &Settings, agent: &AgentDefinition) -> Self {
        let language = agent.first_language();
        let announcement = agent.handoff.announcement.in_language(language);
        Self {
            business: agent.display_name.clone(),
            announcement: announcement
                .unwrap_or_else(|| agent.phrases.handoff(language))
                .to_owned(),
            writes_down: settings.transcription.is_on() && agent.consent.writes_down(),
            ..Self::in_language(settings, language)
        }
    }

    /// The same for a caller whose agent cannot be asked.
    pub(super) fn without_agent(settings: &Settings) -> Self {
        Self::in_language(settings, Language::English)
    }

    fn in_language(settings: &Settings, language: Language) -> Self {
        let is_english = language == Language::English;
        Self {
            business: String::new(),
            announcement: "One moment please, I am connecting you.".to_owned(),
            language,
            voice: is_english.then(|| settings.speech.carrier_voice.clone()),
            voicemail_s: seconds(settings.handoff.voicemail_s_max),
            writes_down: false,
            accept_s: seconds(settings.handoff.accept_s_max),
        }
    }

    fn spoken(&self, text: &str) -> Say {
        let mut say = Say::new(text);
        if let Some(voice) = &self.voice {
            say = say.with_voice(voice);
        }
        if let Some(language) = carrier_language(self.language) {
            say = say.with_language(language);
        }
        say
    }

    fn say(&self, text: &str) -> Verb {
        Verb::Say(self.spoken(text))
    }

    /// The answer to a call: the stream, and behind it what the carrier does by itself when we are gone. No verb of it
    /// asks us anything, and no leg of a human is recorded. A queue has no end without us, so it is left out.
    pub(super) fn connect(
        &self,
        stream: Stream,
        parties: &[Party],
        ids: &CallerIds,
        recorded_url: &str,
    ) -> Vec<Verb> {
        let mut verbs = vec![Verb::Connect(Connect::stream(stream))];
        verbs.extend(self.unasked(parties, ids, recorded_url));
        verbs
    }

    /// Humans, then voicemail, and nobody of ours is asked on the way.
    pub(super) fn unasked(
        &self,
        parties: &[Party],
        ids: &CallerIds,
        recorded_url: &str,
    ) -> Vec<Verb> {
        let dialled = parties
            .iter()
            .filter(|party| party.kind != TransferKind::Queue);
        let mut verbs = Vec::new();
        for party in dialled {
            let words = self.words_before(party, verbs.is_empty());
            verbs.push(self.say(words));
            let screening = |_: &Line| Screening::default();
            verbs.push(Verb::Dial(dial(party, ids, screening)));
        }
        verbs.extend(self.voicemail(recorded_url));
        verbs
    }

    /// Rings one party, and asks us when that is over.
    pub(super) fn to_party(
        &self,
        party: &Party,
        is_first: bool,
        ids: &CallerIds,
        urls: &PartyUrls,
    ) -> Vec<Verb> {
        let words = self.say(self.words_before(party, is_first));
        if let Some(queue) = &party.target.queue {
            let enqueue = Enqueue {
                queue: queue.clone(),
                action: Some(urls.ended.clone()),
                wait_url: Some(urls.wait.clone()),
            };
            return vec![words, Verb::Enqueue(enqueue)];
        }
        let asks = party.target.asks_for_key();
        let detects = party.target.machine_detection;
        let screening = |_: &Line| Screening {
            whisper_url: asks.then(|| urls.whisper.clone()),
            // A key says that the call is taken; without one, the line that is answered does.
            status_callback: (!asks).then(|| urls.status.clone()),
            machine_callback: detects.then(|| urls.machine.clone()),
        };
        let dial = Dial {
            action: Some(urls.ended.clone()),
            ..dial(party, ids, screening)
        };
        vec![words, Verb::Dial(dial)]
    }

    fn words_before<'a>(&'a self, party: &'a Party, is_first: bool) -> &'a str {
        match party.announcement(self.language) {
            Some(words) => words,
            None if is_first => &self.announcement,
            None => still_trying(self.language),
        }
    }

    /// For the human who picked up: who calls, why, and which key takes the call. No key, no call.
    pub(super) fn whisper(
        &self,
        party: &Party,
        summary: Option<&str>,
        answer_url: &str,
    ) -> Vec<Verb> {
        let mut words = vec![called_for(self.language, &self.business)];
        let whisper = party.target.whisper.in_language(self.language);
        words.extend(whisper.map(str::to_owned));
        let summary = summary.filter(|_| party.target.whisper_summary);
        words.extend(summary.map(|summary| summary.chars().take(SUMMARY_LETTERS_MAX).collect()));
        words.push(press_one(self.language).to_owned());
        let gather = Gather {
            action: Some(answer_url.to_owned()),
            timeout_s: Some(self.accept_s),
            digits_max: Some(1),
            finish_on_key: Some(String::new()),
            prompts: vec![Prompt::Say(self.spoken(&words.join(" ")))],
            ..Gather::default()
        };
        vec![Verb::Gather(gather), Verb::Hangup]
    }

    /// The keypad menu. Silence asks us too, so that what follows is decided and counted here.
    pub(super) fn menu(&self, menu: &AgentMenu, answer_url: String) -> Verb {
        let words = menu.words(self.language, &self.business);
        Verb::Gather(Gather {
            action: Some(answer_url),
            timeout_s: Some(MENU_KEY_S),
            digits_max: Some(1),
            finish_on_key: Some(String::new()),
            action_on_empty_result: Some(true),
            prompts: vec![Prompt::Say(self.spoken(&words))],
            ..Gather::default()
        })
    }

    /// For a caller who waits in a queue, again and again.
    pub(super) fn waiting(&self, party: &Party, wait_url: &str) -> Vec<Verb> {
        let words = party.announcement(self.language);
        let words = words.unwrap_or_else(|| please_wait(self.language));
        let meanwhile = match &party.target.music_url {
            Some(url) => Verb::Play { url: url.clone() },
            None => Verb::Pause {
                length_s: QUEUE_PAUSE_S,
            },
        };
        let again = Verb::Redirect {
            url: wait_url.to_owned(),
        };
        vec![self.say(words), meanwhile, again]
    }

    /// Nobody took the call. `recorded_url` is told of the message; no verb asks for what comes next.
    pub(super) fn voicemail(&self, recorded_url: &str) -> Vec<Verb> {
        let (mut words, mut told) = (
            voicemail_words(self.language).to_owned(),
            recorded_url.to_owned(),
        );
        if self.writes_down {
            words = format!("{words} {}", voicemail_disclosure(self.language));
            told = format!("{told}?{}", voicemail::DISCLOSED);
        }
        let record = Record {
            length_s_max: Some(self.voicemail_s),
            silence_s_max: Some(VOICEMAIL_SILENCE_S),
            play_beep: Some(true),
            recording_status_callback: Some(told),
            ..Record::default()
        };
        vec![self.say(&words), Verb::Record(record)]
    }
}

fn seconds(setting: u64) -> u32 {
    u32::try_from(setting).unwrap_or(u32::MAX)
}

fn dial(party: &Party, ids: &CallerIds, screening: impl Fn(&Line) -> Screening) -> Dial {
    let callers = ids
        .callers
        .as_ref()
        .filter(|_| party.target.caller_id == CallerIdChoice::Caller);
    let caller_id = callers.or(ids.ours.as_ref());
    Dial {
        targets: party
            .lines
            .iter()
            .map(|line| noun(line, screening(line)))
            .collect(),
        timeout_s: Some(seconds(party.seconds_max)),
        caller_id: caller_id.map(|number| number.expose().to_owned()),
        ..Dial::default()
    }
}

fn noun(line: &Line, screening: Screening) -> DialTarget {
    match line {
        Line::Number(number) => DialTarget::Number {
            number: number.expose().to_owned(),
            screening,
        },
        Line::Sip(address) => DialTarget::Sip {
            uri: address.expose().to_owned(),
            username: None,
            password: None,
            screening,
        },
    }
}

/// The text of a document of ours; one that cannot be written is empty, which hangs up.
pub(super) fn written(verbs: Vec<Verb>) -> String {
    Document::new(verbs).to_xml().unwrap_or_default()
}

/// Nothing more: a call that is past ringing, or legs that may be joined.
pub(super) fn nothing() -> String {
    written(Vec::new())
}

/// The end.
pub(super) fn hang_up() -> String {
    written(vec![Verb::Hangup])
}

/// Out of the queue; what comes next is asked at the queue's action.
pub(super) fn leave_queue() -> String {
    written(vec![Verb::Leave])
}

/// A number that leads nowhere here.
pub(super) fn unknown_number(voice: &str) -> String {
    let say =
        Say::new("We are sorry, this number is not in service here. Goodbye.").with_voice(voice);
    written(vec![Verb::Say(say), Verb::Hangup])
}

/// We cannot answer and know no human for this number.
pub(super) fn apology(voice: &str) -> String {
    let say = Say::new(
        "We are sorry, we cannot take your call right now. Please try again in a few minutes.",
    );
    written(vec![Verb::Say(say.with_voice(voice)), Verb::Hangup])
}

const fn voicemail_words(language: Language) -> &'static str {
    match language {
        Language::English => "If you were not helped, please leave a message after the tone.",
        Language::Swahili => "Kama hukusaidiwa, tafadhali acha ujumbe baada ya mlio.",
        Language::French => "Si nous n'avons pas pu vous aider, laissez un message après le bip.",
        Language::Kinyarwanda => "Niba mutafashijwe, musige ubutumwa nyuma y'ijwi.",
    }
}

/// What is said of a message that is written down. Whoever then speaks behind the tone agrees.
pub(crate) const fn voicemail_disclosure(language: Language) -> &'static str {
    match language {
        Language::English => "What you say is recorded and written down.",
        Language::Swahili => "Utakachosema kinarekodiwa na kuandikwa.",
        Language::French => "Votre message est enregistré et transcrit.",
        Language::Kinyarwanda => "Ibyo muvuga birafatwa amajwi kandi birandikwa.",
    }
}

const fn still_trying(language: Language) -> &'static str {
    match language {
        Language::English => "One moment please, I am trying somebody else.",
        Language::Swahili => "Subiri kidogo, ninajaribu mtu mwingine.",
        Language::French => "Un instant, j'essaie quelqu'un d'autre.",
        Language::Kinyarwanda => "Mutegereze gato, ngiye kugerageza undi muntu.",
    }
}

const fn please_wait(language: Language) -> &'static str {
    match language {
        Language::English => "Please hold the line, somebody will be with you shortly.",
        Language::Swahili => "Tafadhali subiri kwenye laini, utahudumiwa hivi karibuni.",
        Language::French => "Veuillez patienter, quelqu'un va vous répondre.",
        Language::Kinyarwanda => "Mugume ku murongo, hari uza kubafasha vuba.",
    }
}

fn called_for(language: Language, business: &str) -> String {
    match language {
        Language::English => format!("A call for {business}."),
        Language::Swahili => format!("Simu ya {business}."),
        Language::French => format!("Un appel pour {business}."),
        Language::Kinyarwanda => format!("Telefoni ya {business}."),
    }
}

const fn press_one(language: Language) -> &'static str {
    match language {
        Language::English => "Press 1 to take it, or 2 to send it back.",
        Language::Swahili => "Bonyeza 1 kuipokea, au 2 kuirudisha.",
        Language::French => "Appuyez sur 1 pour le prendre, ou sur 2 pour le renvoyer.",
        Language::Kinyarwanda => "Kanda 1 uyifate, cyangwa 2 uyisubize.",
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

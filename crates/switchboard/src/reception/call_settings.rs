//! An agent's definition and the installation's settings as what decisions depend on.

use switchboard_call::input::TurnTaking;
use switchboard_call::limits;
use switchboard_call::{
    CallSettings, Greeting, Keys, Language, Limits, PlaybackReport, Sentences, Span,
};

use super::ReadyAgent;
use super::agent_models::{AgentModels, dearest};
use super::keeping::Keeping;
use crate::config::Settings;
use crate::config::agent::{AtBudget, Language as AgentLanguage};
use crate::drive::AudioPace;
use crate::phrases::PhraseCache;

/// Clients of the front endpoint play from a buffer of their own, so more may be on its way than at a carrier.
const CLIENT_BACKLOG: Span = Span::from_millis(1_000);

/// The offline model hears wide-band sound only: on a telephone it says what it is and leads with the keypad.
const KEYPAD_LEADS: &str =
    " I am an offline demo agent. Press 1 to book an appointment, or 0 for a person.";

/// What kind of leg a call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LegKind {
    /// A carrier that echoes marks.
    Carrier,
    /// A client of the front endpoint.
    Client,
    /// The same over a media track that we pace ourselves (WebRTC).
    Track,
    /// The same over a media track between the client and the model's vendor.
    Direct,
}

impl LegKind {
    /// Clients of the front endpoint decide when the agent begins to speak; a carrier's caller expects it to.
    fn is_client(self) -> bool {
        self != Self::Carrier
    }
}

/// The language of a call's core for one of an agent's.
pub(super) fn core_language(language: AgentLanguage) -> Language {
    Language::parse(language.code()).unwrap_or(Language::ENGLISH)
}

/// What the core of a call is started with.
pub(super) fn call_settings(
    settings: &Settings,
    agent: &ReadyAgent,
    kind: LegKind,
    models: &AgentModels,
    phrases: &PhraseCache,
    keeping: &Keeping,
) -> CallSettings {
    let format = models.format();
    let definition = &agent.definition;
    let is_client = kind.is_client();
    let speaks_first = !is_client || definition.greeting.realtime;
    let language = definition.first_language();
    let text = definition.greeting.text.in_language(language);
    let mut text = text.unwrap_or_default().to_owned();
    text.push_str(offline_words(kind, models));
    let greeting = Greeting {
        words: text.as_str().into(),
        language: core_language(language),
    };
    CallSettings {
        limits: limits_of(settings, agent, kind, speaks_first),
        allowance: None,
        playback: match kind {
            LegKind::Client => PlaybackReport::Player,
            LegKind::Direct => PlaybackReport::Clock,
            LegKind::Carrier | LegKind::Track => PlaybackReport::Marks,
        },
        turn_taking: TurnTaking {
            replies_to_text: !is_client || kind == LegKind::Direct,
            ..TurnTaking::default()
        },
        greeting: speaks_first.then_some(greeting),
        consent: keeping.policy(definition, speaks_first),
        keeps_words: keeping.kept.words,
        records: keeping.kept.sound,
        keys: Keys {
            withdraw: definition.consent.withdraw_key,
            secure_entry: definition.consent.secure_entry_key,
        },
        outgoing: None,
        sentences: definition
            .languages
            .iter()
            .map(|language| sentences(agent, *language))
            .collect(),
        models: models.count(),
        has_words: models.has_words(),
        filler_length: phrases.filler_length(definition, format),
    }
}

/// What the offline model adds to a greeting on a telephone.
pub(super) fn offline_words(kind: LegKind, models: &AgentModels) -> &'static str {
    if kind == LegKind::Carrier && models.asks_itself() {
        KEYPAD_LEADS
    } else {
        ""
    }
}

/// How fast a caller's audio may come (threats.md S5).
pub(super) fn audio_pace(settings: &Settings) -> AudioPace {
    AudioPace {
        rate_percent: settings.limits.audio_rate_percent_max,
        burst: Span::from_millis(settings.limits.audio_burst_ms_max),
    }
}

fn limits_of(settings: &Settings, agent: &ReadyAgent, kind: LegKind, speaks_first: bool) -> Limits {
    let own = &agent.definition.limits;
    let calls = settings.calls.with(own);
    let dearest = dearest(settings, &agent.definition);
    let ms = Span::from_millis;
    Limits {
        handshake: ms(calls.handshake_ms),
        // A client that decides when somebody speaks is not nudged.
        silence_nudge: if speaks_first {
            ms(calls.silence_nudge_ms)
        } else {
            Span::ZERO
        },
        silence_handoff: ms(calls.silence_handoff_ms),
        length_max: Span::from_secs(agent.budgets.length_max_s(settings, own, kind)),
        length_warning: Span::from_secs(calls.length_warning_s),
        // A client has no keys to answer with, and a key of ours that it may lose.
        automatic_max: match kind {
            LegKind::Carrier => Span::from_secs(calls.automatic_s_max),
            LegKind::Client | LegKind::Track | LegKind::Direct => Span::ZERO,
        },
        dead_air: ms(calls.dead_air_ms),
        backlog_low: if kind == LegKind::Client {
            CLIENT_BACKLOG
        } else {
            ms(settings.limits.backlog_ms_min)
        },
        interruption_voice: ms(calls.interruption_ms_max),
        interruption_words: ms(calls.interruption_words_ms_max),
        tool_deadline: ms(calls.tool_ms_max),
        tools_max: calls.tool_calls_max,
        budget_micros: agent.budgets.session_micros(settings, own),
        reply_cost_max_micros: dearest.reply_micros,
        sentence_cost_max_micros: dearest.sentence_micros,
        at_budget: match own.at_budget {
            AtBudget::Human => limits::AtBudget::HandOff,
            AtBudget::End => limits::AtBudget::End,
        },
        budget_warning_percent: u64::from(calls.budget_warning_percent),
        model_session_max: Span::from_secs(settings.openai.session_age_s_max),
        model_reopen: ms(settings.limits.model_reopen_ms_max),
        model_reopen_lived_min: ms(settings.limits.model_reopen_age_ms_min),
        transfer_answer: ms(settings.twilio.transfer_ms_max),
        absence_max: Span::from_secs(settings.sessions.grace_s),
        ..Limits::default()
    }
}

fn sentences(agent: &ReadyAgent, language: AgentLanguage) -> Sentences {
    let phrases = &agent.definition.phrases;
    Sentences {
        language: core_language(language),
        nudge: phrases.nudge(language).into(),
        length_warning: phrases.length_warning(language).into(),
        returned: phrases.returned(language).into(),
        given_back: phrases.given_back(language).into(),
        person_check: phrases.person_check(language).into(),
        goodbye: phrases.goodbye(language).into(),
        budget: phrases.budget(language).into(),
        apology: phrases.apology(language).into(),
    }
}

//! Definition of one agent, as its file under `agents/` says it and the database keeps it.
//!
//! A definition that loaded is right: every tool exists, the voice fits the model, and each text is there in every
//! language of the agent. It holds no secrets.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use switchboard_store::PhoneNumber;

use super::error::{Place, SettingsError};
use super::handoff::HandoffTarget;
use super::load::{Document, extract_document};

mod check;
mod consent;
mod demo;
mod language;
mod menu;
mod outgoing;
mod phrases;
mod reference;
mod turn_detection;
mod voice;
mod zone;

pub use self::consent::{ConsentMode, ConsentPolicy, Kept};
pub use self::demo::{DemoData, OpenHours, OpeningHours, PractitionerData, ServiceData, Weekday};
pub use self::language::{Language, Texts};
pub use self::menu::{AgentMenu, MenuChoice};
pub use self::outgoing::{
    ATTEMPTS_MAX, AgentOutgoing, CallPurpose, OnAnswer, farewell, good_moment,
};
pub use self::phrases::Phrases;
pub use self::reference::reference_agents;
pub use self::turn_detection::{TurnDetection, TurnDetectionMode};
pub use self::voice::REALTIME_VOICES;

/// Every tool an agent may list.
pub const TOOL_NAMES: [&str; 11] = [
    "find_contact",
    "create_contact",
    "capture_details",
    "check_availability",
    "book_appointment",
    "transfer_to_human",
    "end_call",
    "withdraw_consent",
    "secure_entry_start",
    "secure_entry_end",
    "opt_out",
];

/// An AI persona: instructions, voice, languages, tools, limits and model choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentDefinition {
    /// Lower-case letters, digits and dashes; unique in its tenant and the `model` of `/v1/realtime`.
    pub name: String,
    /// The business's name as callers know it.
    pub display_name: String,
    /// What the agent calls itself; blank when it has no name.
    #[serde(default)]
    pub persona: String,
    /// The telephone number that leads to it, if any.
    #[serde(default)]
    pub number: Option<PhoneNumber>,
    /// Languages it speaks, the first one first. At least one.
    pub languages: Vec<Language>,
    /// `UTC`. Zone of the business: what "tomorrow at two" means.
    #[serde(default = "utc", with = "zone")]
    pub time_zone: chrono_tz::Tz,
    /// `auto`. Which voice model answers.
    #[serde(default)]
    pub model: ModelChoice,
    /// None. Models that are tried in turn when the first one fails; after them comes the human.
    #[serde(default)]
    pub next_models: Vec<ModelChoice>,
    /// None: `openai.realtime_model`. Id of the Realtime model.
    #[serde(default)]
    pub realtime_model: Option<String>,
    /// `marin`. Voice of the Realtime model; a wrong one is refused with the nearest right one.
    #[serde(default = "voice::default_voice")]
    pub voice: String,
    /// What the model is told about its task.
    pub instructions: String,
    /// What is said first.
    #[serde(default)]
    pub greeting: Greeting,
    /// Who decides when the caller has finished, and how.
    #[serde(default)]
    pub turn_detection: TurnDetection,
    /// None. Tools the model may call, out of [`TOOL_NAMES`].
    #[serde(default)]
    pub tools: Vec<String>,
    /// Limits that differ from `[calls]` of the settings.
    #[serde(default)]
    pub limits: AgentLimits,
    /// Who takes over.
    #[serde(default)]
    pub handoff: AgentHandoff,
    /// The keypad menu before it, where `pick_up` is switched to `menu`.
    #[serde(default)]
    pub menu: AgentMenu,
    /// Whom it may call, and what it does with machines.
    #[serde(default)]
    pub outgoing: AgentOutgoing,
    /// What clients of `/v1/realtime` may do beyond the protocol.
    #[serde(default)]
    pub realtime: AgentRealtime,
    /// When something of a call may be stored.
    #[serde(default)]
    pub consent: ConsentPolicy,
    /// Fixed sentences; those that are missing have a text of ours per language.
    #[serde(default)]
    pub phrases: Phrases,
    /// Rows that `serve --demo` creates for the agent's tenant.
    #[serde(default)]
    pub demo: DemoData,
}

/// Which voice model answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelChoice {
    /// `openai_realtime` when a key is set, else `local`.
    #[default]
    Auto,
    /// The OpenAI Realtime model.
    OpenaiRealtime,
    /// The offline model.
    Local,
}

/// What is said first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Greeting {
    /// The scripted first words, the disclosure not included. Empty: the agent waits for the caller.
    pub text: Texts,
    /// Said before `text`: that an AI speaks, what is kept, and the question where `consent.mode` is `asked`. Empty: a
    /// text of ours.
    pub disclosure: Texts,
    /// false. Speak first on `/v1/realtime` too, where clients expect to speak first.
    pub realtime: bool,
}

impl Greeting {
    /// Disclosure and text of the agent's own in `language`; empty when the agent waits for the caller.
    pub fn words(&self, language: Language) -> String {
        let parts = [
            self.disclosure.in_language(language),
            self.text.in_language(language),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// Limits of this agent; what is missing comes from `[calls]` of the settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentLimits {
    /// Calls at once.
    pub concurrent_max: Option<u32>,
    /// Milliseconds from the answered webhook to a model that is ready.
    pub handshake_ms: Option<u64>,
    /// Milliseconds of heard silence to the nudge.
    pub silence_nudge_ms: Option<u64>,
    /// Milliseconds of heard silence to the handoff.
    pub silence_handoff_ms: Option<u64>,
    /// Seconds of the longest call.
    pub length_max_s: Option<u64>,
    /// Seconds before the longest call at which the agent says so.
    pub length_warning_s: Option<u64>,
    /// Milliseconds in which a caller's turn is followed by sound.
    pub dead_air_ms: Option<u64>,
    /// Micro-USD per call.
    pub budget_micros: Option<u64>,
    /// What comes after the sentence that says that a budget is spent.
    pub at_budget: AtBudget,
    /// Milliseconds for one tool.
    pub tool_ms_max: Option<u64>,
    /// Tool calls in one call.
    pub tool_calls_max: Option<u32>,
    /// Calls at once from one caller's number.
    pub caller_concurrent_max: Option<u32>,
    /// Calls in an hour from one caller's number.
    pub caller_hour_max: Option<u32>,
    /// Seconds that two machines may talk to each other.
    pub automatic_s_max: Option<u64>,
}

/// What comes after the sentence that says that a budget is spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtBudget {
    /// `human`: the caller goes to whoever takes over.
    #[default]
    Human,
    /// `end`: the agent says goodbye and hangs up.
    End,
}

/// What clients of `/v1/realtime` may do beyond the protocol.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentRealtime {
    /// None. Rates of `audio/pcm` beside the protocol's 24000 Hz: 8000, 16000. An extension of ours.
    pub pcm_rates_hz: Vec<u32>,
    /// `off`. Whether a client's media may go to the model's vendor directly, and with what beside it.
    pub direct: DirectMode,
    /// None. Pages that may talk to this agent, by origin (`https://example.com`), besides `http.cors_origins`.
    pub origins: Vec<String>,
}

/// Whether calls go to the model's vendor directly (`?mode=direct`), while tools, transcript and budget stay here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectMode {
    /// They do not.
    #[default]
    Off,
    /// Sound alone: the client has no data channel to the vendor, and so no way to change what was agreed.
    Sound,
    /// A client that brings a key of the tenant, or is staff, may have the data channel too. Everybody else sound alone.
    Events,
}

/// Rates an agent may allow.
pub const PCM_RATES_HZ: [u32; 2] = [8_000, 16_000];

/// Who takes over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentHandoff {
    /// The human's telephone; `handoff.number` of the settings when missing.
    pub number: Option<PhoneNumber>,
    /// None. The party of `handoff.targets` that takes over when the caller asks for nobody in particular; it comes
    /// before `number`.
    pub target: Option<String>,
    /// None. Parties by name, of which the model may choose: `[handoff.targets.sales]`.
    pub targets: BTreeMap<String, HandoffTarget>,
    /// Said before the human is dialled.
    pub announcement: Texts,
}

impl AgentDefinition {
    /// What is said before anything else, in `language`; none where nothing is disclosed.
    pub fn disclosure(&self, language: Language, kept: Kept) -> Option<String> {
        if !self.consent.disclose {
            return None;
        }
        let own = self.greeting.disclosure.in_language(language);
        let ours = || self.consent.mode.default_disclosure(language, kept);
        Some(own.map_or_else(ours, str::to_owned))
    }

    /// Reads and checks one agent file.
    ///
    /// # Errors
    /// As [`AgentDefinition::parse`], and a file that cannot be read.
    pub fn load(path: &Path) -> Result<Self, SettingsError> {
        Self::from_document(&Document::read(path)?)
    }

    /// Reads and checks the text of an agent file; `path` is used in messages only.
    ///
    /// # Errors
    /// A text that is not TOML, an unknown key, a wrong value, or values that do not fit together.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        Self::from_document(&Document::parse(path, text.to_owned())?)
    }

    /// Every agent file (`*.toml`) of a directory, by file name; a missing directory has none.
    ///
    /// # Errors
    /// The first file that is refused, or a directory that cannot be listed.
    pub fn load_directory(directory: &Path) -> Result<Vec<Self>, SettingsError> {
        if !directory.exists() {
            return Ok(Vec::new());
        }
        let unreadable = |error: std::io::Error| SettingsError::Unreadable {
            path: directory.to_owned(),
            reason: error.to_string(),
        };
        let entries: Result<Vec<_>, _> =
            std::fs::read_dir(directory).map_err(unreadable)?.collect();
        let mut paths: Vec<_> = entries
            .map_err(unreadable)?
            .into_iter()
            .map(|it| it.path())
            .collect();
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        });
        paths.sort();
        paths.iter().map(|path| Self::load(path)).collect()
    }

    /// The language it begins in.
    pub fn first_language(&self) -> Language {
        self.languages.first().copied().unwrap_or_default()
    }

    fn from_document(document: &Document) -> Result<Self, SettingsError> {
        let definition: Self = extract_document(document)?;
        check::check(&definition, |key| document.place_of(key))?;
        Ok(definition)
    }
}

fn utc() -> chrono_tz::Tz {
    chrono_tz::Tz::UTC
}

/// A refusal that names key and place.
fn invalid(key: &str, place: Place, reason: String, help: String) -> SettingsError {
    SettingsError::Invalid {
        key: key.to_owned(),
        reason,
        place,
        help,
    }
}

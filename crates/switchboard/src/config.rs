//! Settings of an installation and definitions of agents: read once, typed, checked, then trusted.
//!
//! A value comes from the built-in default, then the TOML file, then the environment; the last one wins. An unknown key
//! is refused and the nearest known one is named. Nothing here opens a socket or a database.
//!
//! ```no_run
//! # use switchboard::config::{Settings, SettingsSource};
//! let settings = Settings::load(&SettingsSource::from_process(None))?;
//! println!("listening on {}", settings.http.listen);
//! # Ok::<(), switchboard::config::SettingsError>(())
//! ```

use serde::{Deserialize, Serialize};

pub mod agent;
mod agents;
mod budgets;
mod calls;
mod check;
mod database;
mod dialling;
mod environment;
mod error;
mod handoff;
mod http;
mod jobs;
mod limits;
mod load;
mod log;
mod mail;
mod nearest;
mod openai;
mod ops;
mod outbound;
mod outgoing;
pub mod prices;
mod recordings;
mod retention;
mod sessions;
mod speech;
mod telemetry;
mod transcription;
mod twilio;
mod types;
mod webrtc;

pub use self::agent::AgentDefinition;
pub use self::agents::AgentsSettings;
pub use self::budgets::BudgetsSettings;
pub use self::calls::CallsSettings;
pub use self::database::{DatabaseSettings, DatabaseUrl};
pub use self::dialling::{Country, DiallingSettings, NumberKind};
pub use self::error::{Place, SettingsError};
pub use self::handoff::{
    CallerIdChoice, HandoffSettings, HandoffTarget, RingOrder, SipAddress, check_agent,
    check_dialled,
};
pub use self::http::HttpSettings;
pub use self::jobs::JobsSettings;
pub use self::limits::LimitsSettings;
pub use self::load::SettingsSource;
pub use self::log::{LogFormat, LogLevel, LogSettings};
pub use self::mail::{MailSettings, MailTls};
pub use self::nearest::nearest;
pub use self::openai::OpenaiSettings;
pub use self::ops::OpsSettings;
pub use self::outbound::OutboundSettings;
pub use self::outgoing::OutgoingSettings;
pub use self::prices::{ModelPrices, Prices};
pub use self::recordings::{RecordedBy, RecordingsSettings};
pub use self::retention::RetentionSettings;
pub use self::sessions::SessionsSettings;
pub use self::speech::SpeechSettings;
pub use self::telemetry::TelemetrySettings;
pub use self::transcription::TranscriptionSettings;
pub use self::twilio::TwilioSettings;
pub use self::types::{BaseUrl, Network, Secret};
pub use self::webrtc::WebrtcSettings;
pub use switchboard_store::PhoneNumber;

/// Everything an operator can set, one field per section of the settings file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The port we answer on and what protects it.
    pub http: HttpSettings,
    /// Where everything is kept.
    pub database: DatabaseSettings,
    /// The account of the Realtime models.
    pub openai: OpenaiSettings,
    /// The Twilio account of numbers that have none of their own.
    pub twilio: TwilioSettings,
    /// Calls of browsers and apps over WebRTC.
    pub webrtc: WebrtcSettings,
    /// Limits of a call; an agent may set its own.
    pub calls: CallsSettings,
    /// Limits of money that calls share.
    pub budgets: BudgetsSettings,
    /// Who takes over when the agent cannot go on.
    pub handoff: HandoffSettings,
    /// Where audio is kept.
    pub recordings: RecordingsSettings,
    /// How long each kind of data is kept.
    pub retention: RetentionSettings,
    /// Which numbers may be dialled.
    pub dialling: DiallingSettings,
    /// When people may be called.
    pub outgoing: OutgoingSettings,
    /// Offline speech and the carrier's own voice.
    pub speech: SpeechSettings,
    /// Who writes down messages that callers leave.
    pub transcription: TranscriptionSettings,
    /// Work that runs beside the calls.
    pub jobs: JobsSettings,
    /// The mail server.
    pub mail: MailSettings,
    /// Requests to addresses that tenants name.
    pub outbound: OutboundSettings,
    /// Talks from browsers and apps, and the tokens that start them.
    pub sessions: SessionsSettings,
    /// Bounds of sockets, buffers and waits.
    pub limits: LimitsSettings,
    /// Where agent files are.
    pub agents: AgentsSettings,
    /// What is logged, and how.
    pub log: LogSettings,
    /// When operators are told that something is wrong.
    pub ops: OpsSettings,
    /// Where traces of calls go.
    pub telemetry: TelemetrySettings,
    /// What models cost; a model that is missing is charged at the dearest known price.
    pub prices: Prices,
}

impl Settings {
    /// Reads defaults, file and environment, in that order, and checks what one field alone cannot.
    ///
    /// # Errors
    /// An unreadable file, an unknown key, a value of the wrong type or out of range, or two values that exclude each other.
    pub fn load(source: &SettingsSource) -> Result<Self, SettingsError> {
        let settings = load::extract(source)?;
        check::check(&settings)?;
        Ok(settings)
    }

    /// The address carriers and browsers reach us under: `http.public_url`, or the listening address when that is blank.
    pub fn public_url(&self) -> BaseUrl {
        match &self.http.public_url {
            Some(url) => url.clone(),
            None => BaseUrl::of_listener(self.http.listen),
        }
    }
}

#[cfg(test)]
mod tests;

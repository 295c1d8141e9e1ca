//! What a session is configured with: once, explicitly, all or nothing.

use std::time::Duration;

use switchboard_media::frame::AudioFormat;
use switchboard_wire::openai::{
    AudioUpdate, Change, ClientEvent, ClientMessage, InputAudioUpdate, Modality, OutputAudioUpdate,
    ServerVadUpdate, SessionKind, SessionUpdate, Tool, Transcription, TurnDetectionUpdate, Voice,
};

use crate::config::{ModelPrices, Secret};
use crate::model::ModelFormats;
use crate::socket::SocketLimits;

/// Everything one session needs.
#[derive(Debug, Clone)]
pub struct OpenAiSetup {
    /// `wss://…/realtime?model=…`.
    pub url: String,
    /// The account's key.
    pub api_key: Secret,
    /// Model id, for the ledger.
    pub model: String,
    /// The vendor's name of the voice.
    pub voice: String,
    /// What the agent is and does.
    pub instructions: String,
    /// Audio both ways.
    pub formats: ModelFormats,
    /// Transcription model; None leaves the caller's words unknown.
    pub transcription_model: Option<String>,
    /// Languages the caller may speak, ISO 639-1.
    pub languages: Vec<String>,
    /// Detector settings, always explicit: the live default of 200 ms cuts nine hesitations in ten.
    pub threshold: f32,
    /// Audio kept from before speech was noticed.
    pub prefix_padding_ms: u32,
    /// Silence that ends a turn.
    pub silence_ms: u32,
    /// Longest wait for TCP, TLS and upgrade.
    pub connect_time_max: Duration,
    /// What the vendor may make us hold.
    pub socket_limits: SocketLimits,
    /// The one `session.update` of a session, ready to be sent: tool schemas as values would be 17 KiB per call.
    pub update: String,
    /// Price of the model.
    pub prices: ModelPrices,
    /// Price of the transcription model.
    pub transcription_prices: ModelPrices,
    /// The caller's media goes to the vendor: `url` is that of a socket beside its call.
    pub is_direct: bool,
}

impl OpenAiSetup {
    /// Writes the one `session.update` of a session, with what the model may call.
    pub fn configure(&mut self, tools: Vec<Tool>) {
        let message = ClientMessage::from(self.session_update(tools));
        debug_assert!(
            message.check().is_ok(),
            "we send only what the vendor takes: {:?}",
            message.check()
        );
        self.update = message.to_json();
    }

    fn session_update(&self, tools: Vec<Tool>) -> ClientEvent {
        let detection = ServerVadUpdate {
            threshold: Some(f64::from((self.threshold * 100.0).round()) / 100.0),
            prefix_padding_ms: Some(self.prefix_padding_ms),
            silence_duration_ms: Some(self.silence_ms),
            create_response: Some(false),
            // Only the vendor can stop in time what only the vendor plays.
            interrupt_response: Some(self.is_direct),
            ..ServerVadUpdate::default()
        };
        let input = InputAudioUpdate {
            format: self.own_format(self.formats.input),
            transcription: self.transcription().map_or(Change::Clear, Change::Set),
            turn_detection: Change::Set(TurnDetectionUpdate::ServerVad(detection)),
            ..InputAudioUpdate::default()
        };
        let output = OutputAudioUpdate {
            format: self.own_format(self.formats.output),
            voice: Some(Voice::Name(self.voice.clone())),
            ..OutputAudioUpdate::default()
        };
        let session = SessionUpdate {
            kind: SessionKind::Realtime,
            output_modalities: Some(vec![Modality::Audio]),
            instructions: Some(self.instructions.clone()),
            audio: Some(AudioUpdate {
                input: Some(input),
                output: Some(output),
            }),
            tools: Some(tools),
            ..SessionUpdate::default()
        };
        ClientEvent::SessionUpdate {
            session: Box::new(session),
        }
    }

    /// The formats of a direct call are negotiated between the caller and the vendor.
    fn own_format(&self, format: AudioFormat) -> Option<switchboard_wire::openai::AudioFormat> {
        (!self.is_direct).then(|| wire_format(format))
    }

    /// The session of a call that is created by its offer: what [`Self::update`] asks for, and the model.
    pub(super) fn call_session(&self) -> serde_json::Value {
        let update: serde_json::Value = serde_json::from_str(&self.update).unwrap_or_default();
        let mut session = update.get("session").cloned().unwrap_or_default();
        if let Some(fields) = session.as_object_mut() {
            fields.insert("model".to_owned(), self.model.as_str().into());
        }
        session
    }

    fn transcription(&self) -> Option<Transcription> {
        let model = self.transcription_model.clone()?;
        // `languages` is for the newer models, `language` for the older ones (openai-realtime.md, 2.1).
        let takes_list = matches!(model.as_str(), "gpt-transcribe" | "gpt-live-transcribe");
        let only = (self.languages.len() == 1).then(|| self.languages[0].clone());
        Some(Transcription {
            language: only.filter(|_| !takes_list),
            languages: takes_list
                .then(|| self.languages.clone())
                .filter(|list| !list.is_empty()),
            model: Some(model),
            ..Transcription::default()
        })
    }

    /// Instructions of one reply stand in place of the session's, so the agent's own come first.
    pub(super) fn with_instructions(&self, extra: &str) -> String {
        format!("{}\n\n{extra}", self.instructions)
    }

    /// Scripted sentences: the agent says them word for word.
    pub(super) fn say_exactly(&self, words: &str, language: &str) -> String {
        format!(
            "Say exactly the following sentence in the language with code `{language}`, word for word, and nothing else. \
             Do not add, drop or translate anything:\n{words}"
        )
    }
}

/// A format in the vendor's terms.
pub(super) fn wire_format(format: AudioFormat) -> switchboard_wire::openai::AudioFormat {
    match format {
        AudioFormat::Ulaw8k => switchboard_wire::openai::AudioFormat::Pcmu,
        AudioFormat::Alaw8k => switchboard_wire::openai::AudioFormat::Pcma,
        AudioFormat::Pcm16 { rate_hz } => {
            switchboard_wire::openai::AudioFormat::Pcm { rate: rate_hz }
        }
    }
}

//! `session.update`: a partial session, and how a server merges it (section 2, "Update semantics").

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::error::{WireError, code};
use super::session::{
    AudioFormat, Eagerness, MaxOutputTokens, Modality, NoiseReduction, Reasoning, SemanticVad,
    ServerVad, Session, SessionKind, Tool, ToolChoice, Tracing, Transcription, Truncation,
    TurnDetection, Voice,
};

/// A nullable field of an update: absent keeps, null clears, a value sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// The field is absent.
    #[default]
    Keep,
    /// The field is null.
    Clear,
    /// The field has a value.
    Set(T),
}

impl<T> Change<T> {
    /// Whether the field is absent.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    fn apply_to(&self, target: &mut Option<T>)
    where
        T: Clone,
    {
        match self {
            Self::Keep => {}
            Self::Clear => *target = None,
            Self::Set(value) => *target = Some(value.clone()),
        }
    }
}

impl<T> From<Option<T>> for Change<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Clear, Self::Set)
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep | Self::Clear => serializer.serialize_none(),
            Self::Set(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<T>::deserialize(deserializer).map(Self::from)
    }
}

/// The `session` of a `session.update`; only what is present changes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionUpdate {
    /// Required in every update; cannot change the kind of a session.
    #[serde(rename = "type")]
    pub kind: SessionKind,
    /// Only the model the session already has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Audio or text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_modalities: Option<Vec<Modality>>,
    /// Instructions; the empty text clears them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// Audio settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioUpdate>,
    /// Tools; the empty list clears them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<Tool>>,
    /// Which tools are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// Several tool calls at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// Reasoning effort.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Reasoning>,
    /// Longest reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<MaxOutputTokens>,
    /// Context truncation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncation: Option<Truncation>,
    /// Tracing.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub tracing: Change<Tracing>,
    /// Stored prompt.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub prompt: Change<Map<String, Value>>,
    /// Extra fields in events.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub include: Change<Vec<String>>,
}

/// Audio part of an update.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AudioUpdate {
    /// What the client sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<InputAudioUpdate>,
    /// What the server sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputAudioUpdate>,
}

/// Input audio part of an update.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InputAudioUpdate {
    /// Encoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<AudioFormat>,
    /// Transcription; merges.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub transcription: Change<TranscriptionUpdate>,
    /// Noise reduction.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub noise_reduction: Change<NoiseReduction>,
    /// Turn detection; merges when the kind stays.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub turn_detection: Change<TurnDetectionUpdate>,
}

/// Output audio part of an update.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputAudioUpdate {
    /// Encoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<AudioFormat>,
    /// Voice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice: Option<Voice>,
    /// Speaking rate, 0.25 to 1.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
}

/// Partial transcription settings: the same fields, all optional already.
pub type TranscriptionUpdate = Transcription;

/// Partial turn detection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TurnDetectionUpdate {
    /// By silence.
    ServerVad(ServerVadUpdate),
    /// By meaning.
    SemanticVad(SemanticVadUpdate),
}

/// Partial settings of detection by silence.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerVadUpdate {
    /// Sensitivity, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Audio kept from before speech was noticed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix_padding_ms: Option<u32>,
    /// Silence that ends a turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence_duration_ms: Option<u32>,
    /// Silence after which the server speaks up.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub idle_timeout_ms: Change<u32>,
    /// Answer by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_response: Option<bool>,
    /// Cancel by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupt_response: Option<bool>,
}

/// Partial settings of detection by meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SemanticVadUpdate {
    /// How soon a turn counts as over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eagerness: Option<Eagerness>,
    /// Answer by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_response: Option<bool>,
    /// Cancel by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupt_response: Option<bool>,
}

impl SessionUpdate {
    /// Dotted names of every field present, such as `audio.output.voice`; what a credential may change is
    /// decided by these names (S7). `type` is not one of them.
    pub fn fields(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let Ok(Value::Object(fields)) = serde_json::to_value(self) {
            collect_fields("", &fields, &mut names);
        }
        names.retain(|name| name != "type");
        names
    }
}

/// Objects below `audio` are grouping only; everything else is one field with its content.
fn collect_fields(path: &str, fields: &Map<String, Value>, names: &mut Vec<String>) {
    for (name, value) in fields {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match value {
            Value::Object(inner) if matches!(&*path, "audio" | "audio.input" | "audio.output") => {
                collect_fields(&path, inner, names);
            }
            _ => names.push(path),
        }
    }
}

/// What a server knows about its session that an update has to respect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionState {
    /// Audio was already produced, so the voice stays.
    pub voice_locked: bool,
    /// The server chooses the model, as ours does by agent: another name in an update is ignored, not refused.
    /// The OpenAI agents SDK sends its own default model in every update, whatever the address says.
    pub model_ignored: bool,
}

impl Session {
    /// Merges an update, all or nothing: on an error the session is as it was.
    ///
    /// Numeric bounds were checked when the message was read ([`super::parse_client_event`]).
    ///
    /// # Errors
    /// `invalid_value` for another kind, model or tracing; `cannot_update_voice` when the voice is locked.
    pub fn apply(&mut self, update: &SessionUpdate, state: SessionState) -> Result<(), WireError> {
        self.check_fixed(update, state)?;
        let mut next = self.clone();
        if let Some(audio) = &update.audio {
            merge_input(&mut next, audio);
            merge_output(&mut next, audio);
        }
        merge_top(&mut next, update);
        *self = next;
        Ok(())
    }

    fn check_fixed(&self, update: &SessionUpdate, state: SessionState) -> Result<(), WireError> {
        if update.kind != self.kind {
            return Err(fixed(
                "session.type",
                "The kind of a session cannot change.",
            ));
        }
        if !state.model_ignored
            && update
                .model
                .as_ref()
                .is_some_and(|model| *model != self.model)
        {
            return Err(fixed(
                "session.model",
                "The model of a session cannot change.",
            ));
        }
        if self.tracing.is_some() && is_other(&update.tracing, self.tracing.as_ref()) {
            return Err(fixed(
                "session.tracing",
                "Tracing cannot be modified once it is enabled.",
            ));
        }
        let voice = update
            .audio
            .as_ref()
            .and_then(|audio| audio.output.as_ref())
            .and_then(|output| output.voice.as_ref());
        if state.voice_locked && voice.is_some_and(|voice| *voice != self.audio.output.voice) {
            return Err(WireError::new(
                code::CANNOT_UPDATE_VOICE,
                "Cannot update a conversation's voice if assistant audio is present.",
            )
            .at("session.audio.output.voice"));
        }
        Ok(())
    }
}

fn fixed(param: &str, message: &str) -> WireError {
    WireError::new(code::INVALID_VALUE, message).at(param)
}

fn is_other<T: PartialEq>(change: &Change<T>, current: Option<&T>) -> bool {
    match change {
        Change::Keep => false,
        Change::Clear => current.is_some(),
        Change::Set(value) => current != Some(value),
    }
}

fn set<T: Clone>(target: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        target.clone_from(value);
    }
}

fn set_some<T: Clone>(target: &mut Option<T>, value: Option<&T>) {
    if value.is_some() {
        *target = value.cloned();
    }
}

fn merge_top(session: &mut Session, update: &SessionUpdate) {
    set(
        &mut session.output_modalities,
        update.output_modalities.as_ref(),
    );
    set(&mut session.instructions, update.instructions.as_ref());
    set(&mut session.tools, update.tools.as_ref());
    set(&mut session.tool_choice, update.tool_choice.as_ref());
    set_some(
        &mut session.parallel_tool_calls,
        update.parallel_tool_calls.as_ref(),
    );
    set_some(&mut session.reasoning, update.reasoning.as_ref());
    set(
        &mut session.max_output_tokens,
        update.max_output_tokens.as_ref(),
    );
    set(&mut session.truncation, update.truncation.as_ref());
    update.tracing.apply_to(&mut session.tracing);
    update.prompt.apply_to(&mut session.prompt);
    update.include.apply_to(&mut session.include);
}

fn merge_output(session: &mut Session, audio: &AudioUpdate) {
    let Some(output) = &audio.output else { return };
    let target = &mut session.audio.output;
    set(&mut target.format, output.format.as_ref());
    set(&mut target.voice, output.voice.as_ref());
    set(&mut target.speed, output.speed.as_ref());
}

fn merge_input(session: &mut Session, audio: &AudioUpdate) {
    let Some(input) = &audio.input else { return };
    let target = &mut session.audio.input;
    set(&mut target.format, input.format.as_ref());
    input.noise_reduction.apply_to(&mut target.noise_reduction);
    match &input.transcription {
        Change::Keep => {}
        Change::Clear => target.transcription = None,
        Change::Set(update) => merge_transcription(&mut target.transcription, update),
    }
    match &input.turn_detection {
        Change::Keep => {}
        Change::Clear => target.turn_detection = None,
        Change::Set(update) => {
            target.turn_detection = Some(merge_turn_detection(target.turn_detection, update));
        }
    }
}

fn merge_transcription(target: &mut Option<Transcription>, update: &TranscriptionUpdate) {
    let target = target.get_or_insert_default();
    set_some(&mut target.model, update.model.as_ref());
    set_some(&mut target.language, update.language.as_ref());
    set_some(&mut target.languages, update.languages.as_ref());
    set_some(&mut target.keywords, update.keywords.as_ref());
    set_some(&mut target.prompt, update.prompt.as_ref());
    set_some(&mut target.delay, update.delay.as_ref());
}

/// A change of kind starts from that kind's defaults; nothing of the other kind can carry over.
fn merge_turn_detection(
    current: Option<TurnDetection>,
    update: &TurnDetectionUpdate,
) -> TurnDetection {
    match (current, update) {
        (Some(TurnDetection::ServerVad(vad)), TurnDetectionUpdate::ServerVad(update)) => {
            TurnDetection::ServerVad(merge_server_vad(vad, update))
        }
        (_, TurnDetectionUpdate::ServerVad(update)) => {
            TurnDetection::ServerVad(merge_server_vad(ServerVad::default(), update))
        }
        (Some(TurnDetection::SemanticVad(vad)), TurnDetectionUpdate::SemanticVad(update)) => {
            TurnDetection::SemanticVad(merge_semantic_vad(vad, update))
        }
        (_, TurnDetectionUpdate::SemanticVad(update)) => {
            TurnDetection::SemanticVad(merge_semantic_vad(SemanticVad::default(), update))
        }
    }
}

fn merge_server_vad(mut vad: ServerVad, update: &ServerVadUpdate) -> ServerVad {
    set(&mut vad.threshold, update.threshold.as_ref());
    set(
        &mut vad.prefix_padding_ms,
        update.prefix_padding_ms.as_ref(),
    );
    set(
        &mut vad.silence_duration_ms,
        update.silence_duration_ms.as_ref(),
    );
    update.idle_timeout_ms.apply_to(&mut vad.idle_timeout_ms);
    set(&mut vad.create_response, update.create_response.as_ref());
    set(
        &mut vad.interrupt_response,
        update.interrupt_response.as_ref(),
    );
    vad
}

fn merge_semantic_vad(mut vad: SemanticVad, update: &SemanticVadUpdate) -> SemanticVad {
    set(&mut vad.eagerness, update.eagerness.as_ref());
    set(&mut vad.create_response, update.create_response.as_ref());
    set(
        &mut vad.interrupt_response,
        update.interrupt_response.as_ref(),
    );
    vad
}

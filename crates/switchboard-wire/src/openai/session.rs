//! The session object: what a server reports in `session.created` and `session.updated` (section 2).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// Sample rate of `audio/pcm`, the only one the protocol has.
const PCM_RATE_HZ: u32 = 24_000;

/// The full, effective configuration of a session.
///
/// Reading is tolerant: absent fields take the provider's defaults, and a field of a shape this version
/// does not know reads as its default rather than failing the event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// Realtime or transcription.
    #[serde(rename = "type")]
    pub kind: SessionKind,
    /// `realtime.session`.
    pub object: String,
    /// `sess_...`.
    pub id: String,
    /// Model of the connection; fixed for its life.
    pub model: String,
    /// Exactly one of audio and text.
    #[serde(deserialize_with = "or_default")]
    pub output_modalities: Vec<Modality>,
    /// Instructions to the model.
    #[serde(deserialize_with = "or_default")]
    pub instructions: String,
    /// Audio in and out.
    pub audio: Audio,
    /// Tools on offer.
    #[serde(deserialize_with = "or_default")]
    pub tools: Vec<Tool>,
    /// Which of them may or must be used.
    #[serde(deserialize_with = "or_default")]
    pub tool_choice: ToolChoice,
    /// Several tool calls at once; reasoning models only.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub parallel_tool_calls: Option<bool>,
    /// Reasoning effort; reasoning models only.
    #[serde(
        deserialize_with = "or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub reasoning: Option<Reasoning>,
    /// Longest reply, tool calls included.
    #[serde(deserialize_with = "or_default")]
    pub max_output_tokens: MaxOutputTokens,
    /// What happens when the context is full.
    #[serde(deserialize_with = "or_default")]
    pub truncation: Truncation,
    /// Tracing at the provider.
    #[serde(deserialize_with = "or_default")]
    pub tracing: Option<Tracing>,
    /// A stored prompt, `{id, version?, variables?}`.
    #[serde(deserialize_with = "or_default")]
    pub prompt: Option<Map<String, Value>>,
    /// Extra fields wanted in events.
    #[serde(deserialize_with = "or_default")]
    pub include: Option<Vec<String>>,
    /// Unix seconds at which the session ends; 0 when not started.
    #[serde(deserialize_with = "or_default")]
    pub expires_at: u64,
}

impl Default for Session {
    /// The live default of `session.created`, including a silence window of 200 ms where the documents say 500.
    fn default() -> Self {
        Self {
            kind: SessionKind::Realtime,
            object: "realtime.session".to_owned(),
            id: String::new(),
            model: String::new(),
            output_modalities: vec![Modality::Audio],
            instructions: String::new(),
            audio: Audio::default(),
            tools: Vec::new(),
            tool_choice: ToolChoice::default(),
            parallel_tool_calls: None,
            reasoning: None,
            max_output_tokens: MaxOutputTokens::Infinite,
            truncation: Truncation::default(),
            tracing: None,
            prompt: None,
            include: None,
            expires_at: 0,
        }
    }
}

/// Reads a value of a known shape, or the default for any other, so that one new word in a session does
/// not cost us the whole event.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + for<'any> Deserialize<'any>,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// Conversation.
    #[default]
    Realtime,
    /// Speech to text only.
    Transcription,
}

/// What a response is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// Speech with its transcript.
    Audio,
    /// Text alone.
    Text,
}

/// Audio settings of both directions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Audio {
    /// What the client sends.
    pub input: InputAudio,
    /// What the server sends.
    pub output: OutputAudio,
}

/// Settings of the audio a client appends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InputAudio {
    /// Encoding.
    pub format: AudioFormat,
    /// Transcription of the caller; none when null.
    #[serde(deserialize_with = "or_default")]
    pub transcription: Option<Transcription>,
    /// Noise reduction before VAD and model.
    #[serde(deserialize_with = "or_default")]
    pub noise_reduction: Option<NoiseReduction>,
    /// Who decides that a turn is over; null means the client.
    pub turn_detection: Option<TurnDetection>,
}

impl Default for InputAudio {
    fn default() -> Self {
        Self {
            format: AudioFormat::default(),
            transcription: None,
            noise_reduction: None,
            turn_detection: Some(TurnDetection::ServerVad(ServerVad::default())),
        }
    }
}

/// Settings of the audio a server sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputAudio {
    /// Encoding.
    pub format: AudioFormat,
    /// Voice; fixed once audio was produced.
    pub voice: Voice,
    /// Speaking rate, 0.25 to 1.5.
    pub speed: f64,
}

impl Default for OutputAudio {
    fn default() -> Self {
        Self {
            format: AudioFormat::default(),
            voice: Voice::Name("alloy".to_owned()),
            speed: 1.0,
        }
    }
}

/// Encoding of audio on this protocol, always mono.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum AudioFormat {
    /// 16-bit little endian, 24 kHz.
    #[serde(rename = "audio/pcm")]
    Pcm {
        /// Always 24,000 Hz.
        #[serde(default = "pcm_rate_hz")]
        rate: u32,
    },
    /// G.711 mu-law, 8 kHz.
    #[serde(rename = "audio/pcmu")]
    Pcmu,
    /// G.711 A-law, 8 kHz.
    #[serde(rename = "audio/pcma")]
    Pcma,
}

fn pcm_rate_hz() -> u32 {
    PCM_RATE_HZ
}

impl Default for AudioFormat {
    fn default() -> Self {
        Self::Pcm { rate: PCM_RATE_HZ }
    }
}

impl AudioFormat {
    /// Bytes of one millisecond: 48 for PCM at 24 kHz, 8 for G.711 (section 7.1).
    pub const fn bytes_per_ms(self) -> usize {
        match self {
            Self::Pcm { rate } => rate as usize / 1000 * 2,
            Self::Pcmu | Self::Pcma => 8,
        }
    }
}

/// A voice by name, or one made by the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Voice {
    /// `alloy`, `marin` and so on; an open list.
    Name(String),
    /// A custom voice.
    Custom {
        /// `voice_...`.
        id: String,
    },
}

/// Transcription of the caller's audio (section 2.1).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Transcription {
    /// Transcription model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// ISO-639-1 code, for the older models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Codes for the newer models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub languages: Option<Vec<String>>,
    /// Words to expect, one line each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keywords: Option<Vec<String>>,
    /// Free hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// `minimal` to `xhigh`; streaming models only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<String>,
}

/// Noise reduction for a microphone near or far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NoiseReduction {
    /// Kind of microphone.
    #[serde(rename = "type")]
    pub kind: NoiseReductionKind,
    /// How strong; the provider's default is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<f64>,
}

/// Where the microphone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseReductionKind {
    /// Headset or handset.
    NearField,
    /// Loudspeaker or conference room.
    FarField,
}

/// Turn detection on the server (section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TurnDetection {
    /// By silence.
    ServerVad(ServerVad),
    /// By meaning.
    SemanticVad(SemanticVad),
    /// A kind this version does not know; read, never written.
    #[serde(other)]
    Unknown,
}

impl TurnDetection {
    /// Whether the server cancels its response by itself when the caller speaks.
    pub fn interrupts(&self) -> bool {
        match self {
            Self::ServerVad(vad) => vad.interrupt_response,
            Self::SemanticVad(vad) => vad.interrupt_response,
            Self::Unknown => false,
        }
    }

    /// Whether the server answers by itself when a turn ends.
    pub fn creates_responses(&self) -> bool {
        match self {
            Self::ServerVad(vad) => vad.create_response,
            Self::SemanticVad(vad) => vad.create_response,
            Self::Unknown => false,
        }
    }
}

/// Turn detection by silence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerVad {
    /// Sensitivity, 0 to 1.
    pub threshold: f64,
    /// Audio kept from before speech was noticed.
    pub prefix_padding_ms: u32,
    /// Silence that ends a turn.
    pub silence_duration_ms: u32,
    /// Silence after which the server speaks up, 5,000 to 30,000.
    pub idle_timeout_ms: Option<u32>,
    /// Answer by itself when a turn ends.
    pub create_response: bool,
    /// Cancel its response when the caller speaks.
    pub interrupt_response: bool,
}

impl Default for ServerVad {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            prefix_padding_ms: 300,
            silence_duration_ms: 200,
            idle_timeout_ms: None,
            create_response: true,
            interrupt_response: true,
        }
    }
}

/// Turn detection by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SemanticVad {
    /// How soon a turn counts as over.
    #[serde(deserialize_with = "or_default")]
    pub eagerness: Eagerness,
    /// Answer by itself when a turn ends.
    pub create_response: bool,
    /// Cancel its response when the caller speaks.
    pub interrupt_response: bool,
}

impl Default for SemanticVad {
    fn default() -> Self {
        Self {
            eagerness: Eagerness::Auto,
            create_response: true,
            interrupt_response: true,
        }
    }
}

/// Longest wait of semantic detection: 8, 4 or 2 seconds; auto is medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Eagerness {
    /// Waits longest.
    Low,
    /// In between.
    Medium,
    /// Waits least.
    High,
    /// The provider's choice.
    #[default]
    Auto,
}

/// A tool the model may call (section 2.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Tool {
    /// Run by the client.
    Function {
        /// Name the model calls.
        name: String,
        /// What it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// JSON Schema of its arguments.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parameters: Option<Value>,
    },
    /// Run by a remote MCP server; kept as it was sent.
    Mcp(Map<String, Value>),
}

/// Which tool the model uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ToolChoice {
    /// In general.
    Mode(ToolMode),
    /// This one.
    Named(NamedTool),
}

impl Default for ToolChoice {
    fn default() -> Self {
        Self::Mode(ToolMode::Auto)
    }
}

/// Whether tools are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolMode {
    /// Never.
    None,
    /// As the model likes.
    Auto,
    /// Always.
    Required,
}

/// A tool by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NamedTool {
    /// Of the client.
    Function {
        /// Tool name.
        name: String,
    },
    /// Of a remote MCP server.
    Mcp {
        /// The server's label.
        server_label: String,
        /// Tool name; any of the server's when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
}

/// Reasoning settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reasoning {
    /// How much; more costs latency and output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
}

/// Reasoning effort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Least.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// Most.
    XHigh,
}

/// Longest reply in tokens, 1 to 4,096, or `"inf"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MaxOutputTokens {
    /// At most this many.
    Limit(u32),
    /// As many as the model can.
    #[default]
    Infinite,
}

impl Serialize for MaxOutputTokens {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Limit(tokens) => serializer.serialize_u32(*tokens),
            Self::Infinite => serializer.serialize_str("inf"),
        }
    }
}

impl<'de> Deserialize<'de> for MaxOutputTokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Limit(u32),
            Word(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Limit(tokens) => Ok(Self::Limit(tokens)),
            Form::Word(word) if word == "inf" => Ok(Self::Infinite),
            Form::Word(_) => Err(serde::de::Error::custom("expected a number or \"inf\"")),
        }
    }
}

/// What happens when the context is full.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Truncation {
    /// By a word.
    Mode(TruncationMode),
    /// Down to a share of the context.
    Ratio(RetentionRatio),
}

impl Default for Truncation {
    fn default() -> Self {
        Self::Mode(TruncationMode::Auto)
    }
}

/// Truncation by a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TruncationMode {
    /// Oldest items go.
    Auto,
    /// An error when full.
    Disabled,
}

/// Truncation that keeps a share, which keeps the cache warm and the cost bounded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "retention_ratio")]
pub struct RetentionRatio {
    /// Share kept, 0 to 1.
    pub retention_ratio: f64,
    /// Limits within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_limits: Option<TokenLimits>,
}

/// Limits of a truncated context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenLimits {
    /// Tokens kept behind the instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_instructions: Option<u64>,
}

/// Tracing at the provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Tracing {
    /// `"auto"`.
    Auto(AutoWord),
    /// With names.
    Named(Map<String, Value>),
}

/// The word `auto` and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoWord {
    /// `auto`.
    Auto,
}

//! The session a client configures: what it may change, what holds, and what follows from it.

use switchboard_call::input::TurnTaking;
use switchboard_wire::openai::{
    Change, Modality, ServerVad, Session, SessionState, SessionUpdate, TurnDetection, Voice,
    WireError, code,
};

use super::credentials::{Credential, Effect};
use super::listening::Manners;

/// What the provider keeps from before speech, where a client chose a detector that does not say.
const PREFIX_PADDING_MS: u32 = 300;

/// What is shown of an agent. Its instructions and tools are not: they are the tenant's, and run here.
#[derive(Debug, Clone)]
pub(in crate::channels) struct AgentProfile {
    /// Its name, the `model` of the session.
    pub(in crate::channels) name: String,
    /// Its voice.
    pub(in crate::channels) voice: String,
    /// How sure its detector must be, 0 to 1.
    pub(in crate::channels) threshold: f32,
    /// Audio before the detected beginning that belongs to a turn.
    pub(in crate::channels) prefix_padding_ms: u32,
    /// Silence that ends a turn.
    pub(in crate::channels) silence_ms: u32,
    /// Rates of `audio/pcm` that it takes beside the protocol's own.
    pub(in crate::channels) pcm_rates_hz: Vec<u32>,
    /// Unix seconds at which the session ends at the latest.
    pub(in crate::channels) expires_at: u64,
    /// What people must be told before they talk, where the agent does not say it itself.
    pub(in crate::channels) disclosure: Option<String>,
}

/// The session before the client said anything.
pub(in crate::channels::websocket) fn first_session(agent: &AgentProfile) -> Session {
    let mut session = Session {
        model: agent.name.clone(),
        expires_at: agent.expires_at,
        ..Session::default()
    };
    session.audio.output.voice = Voice::Name(agent.voice.clone());
    session.audio.input.turn_detection = Some(TurnDetection::ServerVad(ServerVad {
        // As the agent's file says it, not as its nearest binary fraction.
        threshold: f64::from((agent.threshold * 100.0).round()) / 100.0,
        prefix_padding_ms: agent.prefix_padding_ms,
        silence_duration_ms: agent.silence_ms,
        ..ServerVad::default()
    }));
    session
}

/// Merges what the credential may change, all or nothing.
///
/// # Errors
/// A field it may not change, a value that is not made here, or what [`Session::apply`] refuses.
pub(super) fn apply(
    session: &mut Session,
    mut update: SessionUpdate,
    credential: Credential,
    state: SessionState,
) -> Result<(), WireError> {
    for field in update.fields() {
        match credential.session_field(&field) {
            Effect::Applied | Effect::Echoed => {}
            Effect::Ignored => forget(&mut update, &field),
            Effect::Refused => return Err(not_yours(&format!("session.{field}"))),
        }
    }
    if let Some(modalities) = &update.output_modalities {
        require_speech(modalities, "session.output_modalities")?;
    }
    session.apply(&update, state)
}

/// Whether an update would be taken, for those who only ask.
///
/// # Errors
/// As [`apply`].
pub(in crate::channels::websocket) fn check_session(
    session: &Session,
    update: SessionUpdate,
    credential: Credential,
    state: SessionState,
) -> Result<(), WireError> {
    apply(&mut session.clone(), update, credential, state)
}

/// # Errors
/// Text alone was asked for.
pub(super) fn require_speech(modalities: &[Modality], param: &str) -> Result<(), WireError> {
    if modalities.contains(&Modality::Audio) {
        return Ok(());
    }
    let message =
        "This agent speaks: only [\"audio\"] is supported; its words come as a transcript.";
    Err(WireError::new(code::INVALID_VALUE, message).at(param))
}

/// What the credential may not do. Counted: a token that tries again and again is in the wrong hands (threat S7).
pub(super) fn not_yours(param: &str) -> WireError {
    metrics::counter!("switchboard_client_events_refused_total").increment(1);
    WireError::new(code::INVALID_VALUE, "This cannot be set on this endpoint.").at(param)
}

fn forget(update: &mut SessionUpdate, field: &str) {
    match field {
        "model" => update.model = None,
        "instructions" => update.instructions = None,
        "tools" => update.tools = None,
        "tool_choice" => update.tool_choice = None,
        "parallel_tool_calls" => update.parallel_tool_calls = None,
        "reasoning" => update.reasoning = None,
        "max_output_tokens" => update.max_output_tokens = None,
        "truncation" => update.truncation = None,
        "prompt" => update.prompt = Change::Keep,
        "include" => update.include = Change::Keep,
        "tracing" => update.tracing = Change::Keep,
        "audio.output.voice" | "audio.output.speed" => {
            if let Some(output) = update
                .audio
                .as_mut()
                .and_then(|audio| audio.output.as_mut())
            {
                (output.voice, output.speed) = (None, None);
            }
        }
        _ => {}
    }
}

/// Who asks for replies under this session.
pub(super) fn turn_taking(session: &Session) -> TurnTaking {
    let detection = session.audio.input.turn_detection.as_ref();
    TurnTaking {
        replies_to_speech: detection.is_some_and(TurnDetection::creates_responses),
        // Typed items wait for `response.create`, as at the provider.
        replies_to_text: false,
        speech_interrupts: detection.is_some_and(TurnDetection::interrupts),
    }
}

/// The same for the caller's side, with the padding that `speech_started` counts in.
pub(super) fn manners(session: &Session) -> (Manners, u32) {
    let taking = turn_taking(session);
    let detection = session.audio.input.turn_detection.as_ref();
    let manners = Manners {
        is_manual: detection.is_none(),
        interrupts: taking.speech_interrupts,
        replies: taking.replies_to_speech,
    };
    let padding_ms = match detection {
        Some(TurnDetection::ServerVad(vad)) => vad.prefix_padding_ms,
        _ => PREFIX_PADDING_MS,
    };
    (manners, padding_ms)
}

//! Everything that can happen to a call, as one closed list. The shell translates; nothing else wakes a call.

use crate::answering::AnsweredBy;
use crate::budget::Allowance;
use crate::handoff::{HandoffReason, TransferOutcome};
use crate::ids::{AudioId, ItemId, MarkId, ReplyId, ToolCallId};
use crate::output::HistoryTurn;
use crate::staff::StaffAudio;
use crate::time::Span;
use crate::words::{Language, Words};

/// One thing that happened, fed to [`crate::Call::handle`].
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Something from the caller's leg.
    Leg(FromLeg),
    /// Something from the voice model in charge.
    Model(FromModel),
    /// The answer of a tool that was asked for by [`crate::output::Command::RunTool`].
    Tool(FromTool),
    /// How a transfer asked for by [`crate::output::Command::Transfer`] went.
    Transfer(TransferOutcome),
    /// What shared budgets set aside, asked for by [`crate::output::Command::AskAllowance`].
    Allowance(Allowance),
    /// A piece of the voice of whoever of staff has the caller.
    Staff(StaffAudio),
    /// Somebody with the right to do so steers the call: staff, a drain, an API client.
    Control(Control),
    /// The wake time named by the last poll has come.
    Wake,
}

/// From the caller's leg, whatever carries it.
#[derive(Debug, Clone, PartialEq)]
pub enum FromLeg {
    /// Media can flow both ways.
    Ready,
    /// A piece of the caller's audio. The shell keeps its bytes until the core forwards or drops it.
    Audio(CallerAudio),
    /// A key press: `0`–`9`, `*`, `#`, `A`–`D`.
    Digit(char),
    /// The carrier has played everything up to this mark, or discarded it after a clear.
    Mark(MarkId),
    /// The player itself reports how much of an item it has played before it stopped.
    Played { item: ItemId, position: Span },
    /// The caller typed instead of speaking.
    Text(Words),
    /// The client adds what was said before this call (front endpoint only). It gets no reply.
    Remember(HistoryTurn),
    /// The client asks for a reply (front endpoint only), with instructions for this reply if any.
    ReplyRequested { instructions: Option<Words> },
    /// The client asks to stop the present reply (front endpoint only).
    ReplyCancelled,
    /// The client says that its turn is over (front endpoint only).
    TurnCommitted,
    /// The client takes back the audio of its unfinished turn (front endpoint only).
    TurnCleared,
    /// The client changes who asks for replies and whether speech may stop one (front endpoint only).
    TurnTaking(TurnTaking),
    /// The carrier says who picked up a call that we placed. May come at any time, twice, or never.
    AnsweredBy(AnsweredBy),
    /// The connection broke, and its peer knows how to come back (front endpoint only).
    Absent,
    /// The peer that was absent is connected again.
    Returned,
    /// The leg is gone.
    Closed(LegClosed),
}

/// Who asks for replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnTaking {
    /// A spoken turn gets its reply without being asked for.
    pub replies_to_speech: bool,
    /// A typed turn gets its reply without being asked for.
    pub replies_to_text: bool,
    /// Speech of the caller may stop a reply.
    pub speech_interrupts: bool,
}

impl Default for TurnTaking {
    fn default() -> Self {
        Self {
            replies_to_speech: true,
            replies_to_text: true,
            speech_interrupts: true,
        }
    }
}

/// Why a leg is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegClosed {
    /// The caller hung up, said by the carrier.
    HungUp,
    /// The connection broke or was cut without a word.
    Lost,
    /// The peer broke the protocol and its connection was closed by us.
    ProtocolError,
}

/// One piece of the caller's audio as the core sees it: no samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CallerAudio {
    pub audio: AudioId,
    /// Its length on the audio timeline.
    pub length: Span,
    /// Level in dB relative to full scale, rounded; -100 is digital silence.
    pub level_dbfs: i8,
    /// Probability of voice in percent by our own VAD, when it runs.
    pub voice_percent: Option<u8>,
}

/// From the voice model.
#[derive(Debug, Clone, PartialEq)]
pub enum FromModel {
    /// Connected and configured: it can hear and speak.
    Ready,
    /// The detector hears speech. A proposal to interrupt, never a decision.
    SpeechStarted,
    /// The detector hears the speech end.
    SpeechStopped,
    /// The caller's turn became an item of the conversation. It has no reply until the core asks for one.
    /// `typed` turns came from [`crate::output::ToModel::Text`] or a digit, not from speech.
    TurnCommitted { item: ItemId, typed: bool },
    /// What the caller said. Interim text replaces earlier interim text of the same item.
    CallerWords(CallerWords),
    /// The model begins a reply.
    ReplyStarted { reply: ReplyId },
    /// A piece of the agent's voice.
    Audio(AgentAudio),
    /// The next words of the agent, as generated. May run ahead of the audio or behind it.
    AgentWords {
        reply: ReplyId,
        item: ItemId,
        delta: Words,
    },
    /// The words' position in the audio of the item, from models that know it: the first `characters`
    /// characters of the item's text are spoken by `spoken_by`.
    WordsAligned {
        item: ItemId,
        characters: u32,
        spoken_by: Span,
    },
    /// The model asks for a tool.
    ToolRequested(ToolRequest),
    /// The reply is complete, cancelled or failed; what it used has a price.
    ReplyDone(ReplyDone),
    /// The session failed or ended. Nothing more comes from it.
    Failed(ModelFailure),
}

#[derive(Debug, Clone, PartialEq)]
pub struct CallerWords {
    pub item: ItemId,
    pub words: Words,
    pub is_final: bool,
    pub language: Option<Language>,
    /// 0–100, when the recogniser tells.
    pub confidence_percent: Option<u8>,
}

/// One piece of the agent's voice as the core sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentAudio {
    pub reply: ReplyId,
    pub item: ItemId,
    pub audio: AudioId,
    pub length: Span,
    /// Level of each 20 ms slot in dB relative to full scale. Empty when the shell did not measure.
    pub levels_dbfs: Vec<i8>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ToolRequest {
    pub reply: ReplyId,
    pub call: ToolCallId,
    pub name: String,
    /// A JSON object as text, as the model wrote it: hostile until validated.
    pub arguments: Words,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyDone {
    pub reply: ReplyId,
    pub outcome: ReplyOutcome,
    /// What this reply cost, priced by the shell's table, in millionths of the call's currency.
    pub cost_micros: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyOutcome {
    Completed,
    Cancelled,
    /// Cut by a limit of the model (tokens, content filter).
    Incomplete,
    /// The model failed this reply; the session may still be alive.
    Failed(ModelFailure),
}

/// What went wrong at the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelFailure {
    /// Key, model or session refused. Trying again cannot help.
    Refused,
    /// The connection could not be made or broke.
    Disconnected,
    /// Connected, but nothing came in time.
    Stalled,
    /// Told to slow down, or out of quota.
    RateLimited,
    /// Sent something that breaks its protocol.
    Protocol,
    /// The vendor ended the session at its own limit.
    SessionExpired,
}

/// A tool has answered, or its shell gave up on it.
#[derive(Debug, Clone, PartialEq)]
pub struct FromTool {
    pub call: ToolCallId,
    pub outcome: ToolOutcome,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ToolOutcome {
    /// What the model is told, as JSON text.
    Answered(Words),
    /// A failure in words the model may speak.
    Failed(Words),
    /// The tool asks the call to end after what is being said.
    EndCall,
    /// The tool writes, and the caller has not agreed yet: this question, made from the request, asks for it.
    Question(Words),
    /// The caller wants nothing kept of this call.
    WithdrawConsent,
    /// The caller is about to give card data, or has given it.
    SecureEntry { begins: bool },
    /// The tool asks for a human.
    HandOff {
        target: Option<String>,
        /// In a few words, for the human.
        summary: Option<Words>,
    },
}

/// What a caller hears before staff ends the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosingLine {
    /// That the call is over.
    Goodbye,
    /// That something went wrong on our side.
    Apology,
}

/// Steering from outside the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// The caller's consent is taken back, on their word to somebody else.
    WithdrawConsent,
    /// The caller hangs up by a request instead of closing their leg, which is still open.
    CallerHangsUp,
    /// Somebody else ends the call, speaking nothing more.
    End,
    /// End the call once the caller has heard this; what is being said stops.
    EndSaying(ClosingLine),
    /// Give the caller to a human.
    HandOff(HandoffReason),
    /// Staff gives the caller to a human, to the party of this name if one is named.
    HandOver { target: Option<String> },
    /// Somebody of staff wants to talk with the caller in the agent's place. Taken when the phase is
    /// [`Phase::WithStaff`](crate::Phase::WithStaff) afterwards.
    TakeOver,
    /// The connection of whoever has the caller broke.
    StaffLost,
    /// Whoever has the caller gives them back to the agent.
    GiveBack,
    /// The process is stopping and the drain limit has come.
    Drain,
}

//! Everything a call can ask for, as one closed list.

use crate::consent::ConsentAnswer;
use crate::end::End;
use crate::event::CallEvent;
use crate::handoff::Handoff;
use crate::ids::{AudioId, ItemId, MarkId, ToolCallId};
use crate::time::{Moment, Span};
use crate::turn::TurnRecord;
use crate::words::{Language, Words};

/// One answer of [`crate::Call::poll`].
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Please do.
    Command(Command),
    /// Happened: technical, holds no personal content.
    Event(CallEvent),
    /// Happened: personal content, only for the store and those allowed to read it.
    Record(Record),
    /// Nothing more until an input comes, or this moment.
    Wait(Option<Moment>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Leg(ToLeg),
    Model(ToModel),
    /// Run a tool beside the call. It answers by [`crate::input::Input::Tool`] or not at all.
    RunTool(ToolRun),
    /// The deadline of this tool passed; its answer is stored when it comes, but no longer spoken.
    GiveUpTool(ToolCallId),
    /// Move the caller to a human. Answered by [`crate::input::Input::Transfer`].
    Transfer(Handoff),
    /// What the recording of the call is to do.
    Recording(RecordingStep),
    /// Shared budgets are asked to set so much aside for this call in all, since it began; with less than `least_micros`
    /// nothing can start. Answered by [`crate::input::Input::Allowance`].
    AskAllowance {
        least_micros: u64,
        total_micros: u64,
    },
    /// Release the samples: neither forwarded nor played.
    Drop(AudioId),
    /// The call is over. Always the last command, but for the [`Command::Drop`] of audio that still comes in.
    End(End),
}

/// To the caller's leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToLeg {
    /// Queue this audio at the carrier and put a mark behind it.
    Play {
        audio: AudioId,
        item: ItemId,
        mark: MarkId,
    },
    /// Play a cached phrase of ours, with a mark behind it. The shell synthesises it beforehand.
    PlayPhrase {
        phrase: Phrase,
        mark: MarkId,
    },
    /// Play this piece of a staff member's voice behind what waits. Nobody is told when it was heard.
    PlayStaff {
        audio: AudioId,
    },
    /// Discard what the carrier has not played yet.
    Clear,
    /// The detector heard the caller and the floor is theirs (clients of the front endpoint stop their player by it).
    SpeechStarted,
    SpeechStopped,
    /// End the leg properly; the carrier must not run what follows.
    HangUp,
    /// Cut the leg, so that the carrier goes on with what its document says next.
    Cut,
}

/// Short fixed sentences of an agent that must be audible even when its model is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phrase {
    /// Bridges a wait: "One moment, please."
    Filler,
    /// An apology before a call ends or moves for technical reasons.
    Apology,
}

/// To the voice model.
#[derive(Debug, Clone, PartialEq)]
pub enum ToModel {
    /// Open a (new) session and replay what was said so far. `choice` counts the agent's configured models from 0.
    Open {
        choice: u32,
        history: Vec<HistoryTurn>,
    },
    /// The caller's audio, in the format the model was opened with.
    Audio(AudioId),
    /// The same from a quiet line between turns: it may go together with the next ones, at most 100 ms of them, but before
    /// anything else that goes to the model.
    QuietAudio(AudioId),
    /// Silence in place of audio the carrier did not send, so that the model's detector can end a turn.
    Silence(Span),
    /// The caller's words, typed.
    Text(Words),
    /// Something said before this call, as part of the conversation. It is not answered.
    Remember(HistoryTurn),
    /// A key press, for models that take them (the offline model's keypad dialogue).
    Digit(char),
    /// The caller's turn is over by the client's word, not by a detector.
    CommitTurn,
    /// Forget the audio of the unfinished turn.
    ClearTurn,
    /// Answer now. `instructions` apply to this reply only.
    Reply {
        instructions: Option<Words>,
    },
    /// Say exactly this, in this language.
    Say {
        words: Words,
        language: Language,
    },
    /// Stop generating the present reply.
    CancelReply,
    /// Forget what of this item was not heard.
    Truncate {
        item: ItemId,
        heard: Span,
    },
    /// Forget this item.
    Delete {
        item: ItemId,
    },
    ToolResult {
        call: ToolCallId,
        output: Words,
    },
    /// Close the session.
    Close,
}

/// One turn of the conversation so far, for a model that takes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryTurn {
    pub speaker: crate::turn::Speaker,
    pub words: Words,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ToolRun {
    pub call: ToolCallId,
    pub name: String,
    pub arguments: Words,
    /// The same request has the same number in this call, however often the model repeats it:
    /// call id and this number make the idempotency key.
    pub idempotency_number: u32,
    /// The caller heard the tool's own question to its end and said yes. Only then may a writing tool write.
    pub confirmed: bool,
    /// After this span the core no longer waits.
    pub deadline: Span,
}

/// Personal content, in the order it became final.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    Turn(TurnRecord),
    Tool(ToolRecord),
    /// The disclosure was said and is over: heard to its end, or as far as the record says.
    Disclosed {
        record: ConsentRecord,
        to_its_end: bool,
    },
    /// The caller's answer. `words` are there only if they may be kept. After [`ConsentAnswer::Withdrawn`] everything
    /// stored of this call so far is erased.
    Consent {
        record: ConsentRecord,
        answer: ConsentAnswer,
        words: Option<Words>,
    },
}

/// What was disclosed, and how much of it was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsentRecord {
    pub wording: Words,
    pub language: Language,
    /// How much of it the caller heard.
    pub heard: Span,
    /// When it was begun.
    pub disclosed: Moment,
    pub answered: Option<Moment>,
}

/// What the recording of a call is to do. None of it is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingStep {
    /// The consent is there: from here both sides are recorded.
    Start,
    /// Something of ours was heard: the first `length` of it, beginning at `starts`. In the order heard, and before the
    /// audio's [`Command::Drop`].
    Heard {
        what: HeardAudio,
        starts: Moment,
        length: Span,
    },
    /// Both sides are silence until [`RecordingStep::Resume`].
    Pause,
    Resume,
    /// The consent was taken back: the recording ends and is erased.
    Discard,
}

/// Whose samples were heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeardAudio {
    Agent(AudioId),
    Phrase(Phrase),
}

#[derive(Debug, Clone, PartialEq)]
pub struct ToolRecord {
    pub call: ToolCallId,
    pub name: String,
    pub arguments: Words,
    pub result: Option<Words>,
    pub status: crate::tool_call::ToolStatus,
    pub took: Option<Span>,
}

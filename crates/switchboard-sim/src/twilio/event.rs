//! What happened to a call, as the carrier saw it.

use super::call::{Command, Control};
use crate::caller::Step;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use switchboard_wire::twilio::status::DialStatus;
use switchboard_wire::twilio::{CallSid, CallStatus, StreamSid};
use tokio::sync::watch;

/// One thing that happened. Milliseconds are of the carrier's clock unless said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarrierEvent {
    /// A document was asked for; `url` as written.
    WebhookSent {
        url: String,
    },
    /// `status` 0 means that there was no answer.
    WebhookAnswered {
        url: String,
        status: u16,
        elapsed_ms: u64,
    },
    /// What Twilio would put into its error log, with its code.
    Warning {
        code: u32,
        text: String,
    },
    /// A document begins to run; names of its verbs.
    DocumentStarted {
        verbs: Vec<&'static str>,
    },
    Answered,
    /// Answering-machine detection has a result and reports it.
    Detected {
        answered_by: &'static str,
    },
    VerbStarted {
        verb: &'static str,
    },
    Said {
        text: String,
    },
    /// Parameters as written in the document, before any fault changes them: a test may steal a token here.
    StreamConnecting {
        url: String,
        parameters: Vec<(String, String)>,
    },
    /// Upgrade answered with 101 and `start` sent.
    StreamStarted {
        stream_sid: StreamSid,
    },
    /// Audio for the caller came in.
    MediaReceived {
        audio_ms: u64,
        backlog_ms: u64,
    },
    MarkReceived {
        name: String,
    },
    MarkEchoed {
        name: String,
        by_clear: bool,
    },
    /// Playback was thrown away.
    Cleared {
        discarded_ms: u64,
    },
    StreamEnded {
        end: StreamEnd,
    },
    /// The caller began to speak.
    CallerSpoke {
        ms: u64,
    },
    CallerFellSilent,
    CallerPressed {
        digit: char,
    },
    /// A waiting step of the script ended at its bound.
    CallerLostPatience,
    /// REST gave the call a new document.
    Redirected,
    Dialled {
        number: String,
    },
    HumanAnswered {
        number: String,
    },
    /// Words for whoever picked up, before the legs are joined.
    Whispered {
        text: String,
    },
    HumanPressed {
        digit: char,
    },
    /// What machine detection says of whoever picked up.
    MachineDetected {
        answered_by: &'static str,
    },
    /// The caller waits in a queue of the account.
    Enqueued {
        queue: String,
    },
    QueueLeft {
        result: &'static str,
    },
    DialEnded {
        status: DialStatus,
        is_bridged: bool,
    },
    Gathered {
        digits: String,
    },
    Recorded {
        ms: u64,
    },
    StatusSent {
        status: CallStatus,
        sequence_number: u32,
    },
    Ended {
        status: CallStatus,
        by: EndedBy,
    },
}

/// Who ended the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedBy {
    Caller,
    /// `Status=completed` by REST.
    Rest,
    /// `<Hangup>`, `<Reject>` or the end of the document.
    Document,
    /// The call's `TimeLimit`.
    TimeLimit,
    /// Nobody picked up a call that REST created.
    NotAnswered,
    /// A webhook or document failed and there was no fallback: the caller hears an error.
    Error,
}

/// Why a stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEnd {
    /// Never opened, with Twilio's error code.
    NotOpened {
        code: u32,
    },
    ServerClosed {
        code: Option<u16>,
    },
    /// The connection broke without a close frame.
    ConnectionLost,
    /// The server sent what Twilio does not take: error 31924.
    ProtocolError {
        text: String,
    },
    CallerHungUp,
    EndedByRest,
    Redirected,
    /// A scripted fault ended it.
    Fault,
}

/// An event and when it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedEvent {
    /// Real time since the call was placed.
    pub at_ms: u64,
    /// Position in the sound of ear and mouth; they run together.
    pub ear_ms: u64,
    pub event: CarrierEvent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    #[error("the call ended before it happened")]
    Ended,
    #[error("it did not happen within the bound")]
    Bound,
}

/// Everything known about one call; shared by its task and its handles.
#[derive(Debug)]
pub(super) struct Record {
    placed_at: Instant,
    keeps_sound: bool,
    state: Mutex<State>,
    /// Counts events, so that waiters wake.
    changes: watch::Sender<usize>,
}

#[derive(Debug)]
struct State {
    status: CallStatus,
    answered_by: Option<&'static str>,
    answered_at: Option<Instant>,
    ended_at: Option<Instant>,
    events: Vec<TimedEvent>,
    ticks: u64,
    sound: Sound,
}

#[derive(Debug, Default)]
struct Sound {
    ear: Vec<u8>,
    mouth: Vec<u8>,
    recorded: Vec<u8>,
    human_ear: Vec<u8>,
}

impl Record {
    pub(super) fn new(keeps_sound: bool) -> Self {
        Self {
            placed_at: Instant::now(),
            keeps_sound,
            state: Mutex::new(State {
                status: CallStatus::Queued,
                answered_by: None,
                answered_at: None,
                ended_at: None,
                events: Vec::new(),
                ticks: 0,
                sound: Sound::default(),
            }),
            changes: watch::Sender::new(0),
        }
    }

    pub(super) fn log(&self, event: CarrierEvent) {
        let mut state = self.state();
        let at_ms = self.placed_at.elapsed().as_millis() as u64;
        let ear_ms = state.ticks * 20;
        if matches!(event, CarrierEvent::Answered) {
            state.answered_at = Some(Instant::now());
        }
        state.events.push(TimedEvent {
            at_ms,
            ear_ms,
            event,
        });
        self.changes.send_replace(state.events.len());
    }

    pub(super) fn warn(&self, code: u32, text: impl Into<String>) {
        let text = text.into();
        self.log(CarrierEvent::Warning { code, text });
    }

    /// 20 ms went by.
    pub(super) fn tick(&self, ear: &[u8], mouth: &[u8]) {
        let mut state = self.state();
        state.ticks += 1;
        if self.keeps_sound {
            state.sound.ear.extend_from_slice(ear);
            state.sound.mouth.extend_from_slice(mouth);
        }
    }

    /// What ear and mouth carried so far, on one timeline.
    pub(super) fn sides(&self) -> (Vec<u8>, Vec<u8>) {
        let state = self.state();
        (state.sound.mouth.clone(), state.sound.ear.clone())
    }

    /// Length of both so far, in bytes.
    pub(super) fn carried(&self) -> usize {
        self.state().sound.ear.len()
    }

    pub(super) fn keep_recording(&self, sound: &[u8]) {
        self.state().sound.recorded.extend_from_slice(sound);
    }

    pub(super) fn tell_human(&self, sound: &[u8]) {
        if self.keeps_sound {
            self.state().sound.human_ear.extend_from_slice(sound);
        }
    }

    pub(super) fn set_status(&self, status: CallStatus) {
        let mut state = self.state();
        state.status = status;
        if status.is_final() {
            state.ended_at = Some(Instant::now());
        }
    }

    pub(super) fn status(&self) -> CallStatus {
        self.state().status
    }

    pub(super) fn set_answered_by(&self, answered_by: &'static str) {
        self.state().answered_by = Some(answered_by);
    }

    pub(super) fn answered_by(&self) -> Option<&'static str> {
        self.state().answered_by
    }

    /// Whole seconds of talk, rounded up as bills are.
    pub(super) fn duration_s(&self) -> u64 {
        let state = self.state();
        let Some(answered_at) = state.answered_at else {
            return 0;
        };
        let until = state.ended_at.unwrap_or_else(Instant::now);
        (until - answered_at).as_millis().div_ceil(1000) as u64
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

/// One call from outside: what happened, what was heard, and hands on the caller's telephone.
#[derive(Debug, Clone)]
pub struct CallHandle {
    sid: CallSid,
    record: Arc<Record>,
    control: Control,
}

impl CallHandle {
    pub(super) fn new(sid: CallSid, record: Arc<Record>, control: Control) -> Self {
        Self {
            sid,
            record,
            control,
        }
    }

    pub fn sid(&self) -> &CallSid {
        &self.sid
    }

    pub fn status(&self) -> CallStatus {
        self.record.status()
    }

    pub fn events(&self) -> Vec<TimedEvent> {
        self.record.state().events.clone()
    }

    /// What the caller heard: mu-law, 8 kHz, silence included, from the moment the call was answered.
    pub fn ear(&self) -> Vec<u8> {
        self.record.state().sound.ear.clone()
    }

    /// What the caller said, on the timeline of [`CallHandle::ear`].
    pub fn mouth(&self) -> Vec<u8> {
        self.record.state().sound.mouth.clone()
    }

    /// What `<Record>` kept, all recordings one after the other.
    pub fn recorded(&self) -> Vec<u8> {
        self.record.state().sound.recorded.clone()
    }

    /// What dialled humans heard of the caller while joined.
    pub fn human_ear(&self) -> Vec<u8> {
        self.record.state().sound.human_ear.clone()
    }

    /// Length of ear and mouth so far; counts also when no sound is kept.
    pub fn ear_ms(&self) -> u64 {
        self.record.state().ticks * 20
    }

    /// The first event for which `is_it` holds, past ones included. Returns early when the call is over without one.
    pub async fn wait_for(
        &self,
        bound: Duration,
        is_it: impl Fn(&CarrierEvent) -> bool,
    ) -> Result<TimedEvent, WaitError> {
        let mut changes = self.record.changes.subscribe();
        let mut seen = 0;
        let wait = async {
            loop {
                {
                    let state = self.record.state();
                    let mut fresh = state.events[seen..].iter();
                    if let Some(found) = fresh.find(|timed| is_it(&timed.event)) {
                        return Ok(found.clone());
                    }
                    seen = state.events.len();
                    let is_over =
                        |timed: &TimedEvent| matches!(timed.event, CarrierEvent::Ended { .. });
                    if state.events.last().is_some_and(is_over) {
                        return Err(WaitError::Ended);
                    }
                }
                if changes.wait_for(|count| *count > seen).await.is_err() {
                    return Err(WaitError::Ended);
                }
            }
        };
        let waited = tokio::time::timeout(bound, wait).await;
        waited.unwrap_or(Err(WaitError::Bound))
    }

    /// Waits until the call is over.
    pub async fn wait_for_end(&self, bound: Duration) -> Result<TimedEvent, WaitError> {
        self.wait_for(bound, |event| matches!(event, CarrierEvent::Ended { .. }))
            .await
    }

    /// Whether something has happened so far.
    pub fn has(&self, is_it: impl Fn(&CarrierEvent) -> bool) -> bool {
        let state = self.record.state();
        state.events.iter().any(|timed| is_it(&timed.event))
    }

    /// Adds steps to the caller's script while the call runs.
    pub fn add_steps(&self, steps: Vec<Step>) {
        self.control.send(Command::Steps(steps));
    }

    /// Presses a key now.
    pub fn press(&self, digit: char) {
        self.add_steps(vec![Step::Press(digit)]);
    }

    /// The caller hangs up now, whatever the script says.
    pub fn hang_up(&self) {
        self.control.send(Command::CallerHangsUp);
    }
}

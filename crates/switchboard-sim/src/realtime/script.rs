//! The script of a model server: who may connect, what it hears and says, how fast, and what goes wrong.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use switchboard_wire::openai::{HandshakeRefusal, Item, Usage, WireError};

use super::reply::Reply;

/// Longest session of the provider.
const SESSION_DURATION: Duration = Duration::from_secs(60 * 60);
/// Time between the provider's pings.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Time a transcription takes unless a turn says otherwise.
const TRANSCRIPTION_DELAY: Duration = Duration::from_millis(30);

/// Everything a model server does, for all its connections.
#[derive(Clone)]
pub struct RealtimeScript {
    /// Accepted keys; any key when empty.
    pub api_keys: Vec<String>,
    /// Models that exist; any model when empty.
    pub models: Vec<String>,
    /// How audio deltas are cut and timed.
    pub pacing: Pacing,
    /// How turns are found in the appended audio.
    pub voice_detection: VoiceDetection,
    /// Life of a session; then close code 1001.
    pub session_duration: Duration,
    /// Time between pings.
    pub ping_every: Duration,
    /// Whether received messages and audio are kept. Off for long load runs.
    pub keep_log: bool,
    /// What every response reports as its usage, instead of counting.
    pub every_bill: Option<Usage>,
    pub(super) caller_turns: Vec<CallerTurn>,
    pub(super) rules: Vec<Rule>,
    pub(super) otherwise: Reply,
    pub(super) faults: Vec<(Option<usize>, Faults)>,
}

impl Default for RealtimeScript {
    fn default() -> Self {
        Self {
            api_keys: Vec::new(),
            models: Vec::new(),
            pacing: Pacing::default(),
            voice_detection: VoiceDetection::Speech,
            session_duration: SESSION_DURATION,
            ping_every: PING_EVERY,
            keep_log: true,
            every_bill: None,
            caller_turns: Vec::new(),
            rules: Vec::new(),
            otherwise: Reply::ladder(600),
            faults: Vec::new(),
        }
    }
}

/// How fast audio is generated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pacing {
    /// Audio in one delta.
    pub delta_ms: u64,
    /// Times real time; infinite sends a reply in one burst.
    pub speed: f64,
}

impl Default for Pacing {
    /// 200 ms deltas at four times real time, about what the provider does.
    fn default() -> Self {
        Self {
            delta_ms: 200,
            speed: 4.0,
        }
    }
}

impl Pacing {
    /// The whole reply at once.
    pub const fn burst(delta_ms: u64) -> Self {
        Self {
            delta_ms,
            speed: f64::INFINITY,
        }
    }

    /// When the audio up to a position is generated, from the start of the speech.
    pub(super) fn due(self, audio_ms: u64) -> Duration {
        let ms = audio_ms as f64 / self.speed.max(0.001);
        Duration::from_micros((ms * 1000.0) as u64)
    }
}

/// How the server hears that the caller speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum VoiceDetection {
    /// A speech model, as in production. It is made for voices; it may take a steady tone for one.
    Speech,
    /// Loudness: everything above this level counts, tones too. Costs almost nothing.
    Level {
        /// dBFS.
        threshold_dbfs: f32,
    },
}

/// What the server understands in the caller's n-th turn.
#[derive(Debug, Clone)]
pub struct CallerTurn {
    /// The words; the model's rules see them even when the session transcribes nothing.
    pub text: String,
    /// Time from the commit to the finished transcription; longer than the next turn's makes them arrive out of order.
    pub delay: Duration,
    /// Whether the transcription succeeds.
    pub outcome: TurnOutcome,
}

/// What becomes of a transcription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnOutcome {
    /// `completed`.
    Completed,
    /// `failed`.
    Failed,
}

impl CallerTurn {
    /// Words understood at once.
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            delay: TRANSCRIPTION_DELAY,
            outcome: TurnOutcome::Completed,
        }
    }
}

/// What the model has before it when it starts a response.
#[derive(Debug)]
pub struct Moment<'a> {
    /// Connection of this server, counted from 1.
    pub connection: usize,
    /// Response of this session, counted from 1.
    pub response: usize,
    /// What the caller said or wrote since the model's last reply; empty if nothing.
    pub caller_text: &'a str,
    /// The tool results since the model's last reply, oldest first.
    pub tool_answers: Vec<ToolAnswer<'a>>,
    /// Instructions of the response or the session.
    pub instructions: &'a str,
    /// The conversation.
    pub items: &'a [Item],
}

/// A result the client gave to a tool call.
#[derive(Debug, Clone, Copy)]
pub struct ToolAnswer<'a> {
    /// Tool name of the call.
    pub name: &'a str,
    /// The call.
    pub call_id: &'a str,
    /// The result's text.
    pub output: &'a str,
}

/// A condition of the script.
pub(super) type Condition = Arc<dyn Fn(&Moment<'_>) -> bool + Send + Sync>;

#[derive(Clone)]
pub(super) struct Rule {
    pub(super) when: Condition,
    pub(super) reply: Reply,
    pub(super) once: bool,
}

impl fmt::Debug for RealtimeScript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RealtimeScript")
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}

impl RealtimeScript {
    /// The next response for which no earlier rule speaks; each session goes through these in order.
    #[must_use]
    pub fn reply(self, reply: Reply) -> Self {
        self.rule(|_| true, reply, true)
    }

    /// Whenever the caller said something that contains these words, in any case.
    #[must_use]
    pub fn when_caller_says(self, words: &str, reply: Reply) -> Self {
        let words = words.to_lowercase();
        self.when(
            move |moment| moment.caller_text.to_lowercase().contains(&words),
            reply,
        )
    }

    /// Whenever the client answered a call of this tool.
    #[must_use]
    pub fn when_tool_answers(self, tool: &str, reply: Reply) -> Self {
        let tool = tool.to_owned();
        self.when(
            move |moment| moment.tool_answers.iter().any(|answer| answer.name == tool),
            reply,
        )
    }

    /// Whenever a condition of the test's own holds.
    #[must_use]
    pub fn when(
        self,
        condition: impl Fn(&Moment<'_>) -> bool + Send + Sync + 'static,
        reply: Reply,
    ) -> Self {
        self.rule(condition, reply, false)
    }

    /// When nothing else fits; 600 ms of the tone ladder unless set.
    #[must_use]
    pub fn otherwise(mut self, reply: Reply) -> Self {
        self.otherwise = reply;
        self
    }

    /// What is understood in the caller's next turn.
    #[must_use]
    pub fn caller_says(self, text: &str) -> Self {
        self.caller_turn(CallerTurn::new(text))
    }

    /// The caller's next turn in detail.
    #[must_use]
    pub fn caller_turn(mut self, turn: CallerTurn) -> Self {
        self.caller_turns.push(turn);
        self
    }

    /// Faults of every connection that has none of its own.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults.push((None, faults));
        self
    }

    /// Faults of the n-th connection, counted from 1.
    #[must_use]
    pub fn faults_on(mut self, connection: usize, faults: Faults) -> Self {
        self.faults.push((Some(connection), faults));
        self
    }

    /// Accepts this key, and no others but those named.
    #[must_use]
    pub fn api_key(mut self, key: &str) -> Self {
        self.api_keys.push(key.to_owned());
        self
    }

    /// Has this model, and no others but those named.
    #[must_use]
    pub fn model(mut self, model: &str) -> Self {
        self.models.push(model.to_owned());
        self
    }

    /// Another time between pings.
    #[must_use]
    pub fn pinging_every(mut self, interval: Duration) -> Self {
        self.ping_every = interval;
        self
    }

    /// Keeps no record but the count of connections, for long load runs.
    #[must_use]
    pub fn forgetful(mut self) -> Self {
        self.keep_log = false;
        self
    }

    /// Another pacing.
    #[must_use]
    pub fn paced(mut self, pacing: Pacing) -> Self {
        self.pacing = pacing;
        self
    }

    /// Another way of hearing.
    #[must_use]
    pub fn hearing_by(mut self, voice_detection: VoiceDetection) -> Self {
        self.voice_detection = voice_detection;
        self
    }

    fn rule(
        mut self,
        when: impl Fn(&Moment<'_>) -> bool + Send + Sync + 'static,
        reply: Reply,
        once: bool,
    ) -> Self {
        self.rules.push(Rule {
            when: Arc::new(when),
            reply,
            once,
        });
        self
    }

    pub(super) fn faults_of(&self, connection: usize) -> Faults {
        let own = self
            .faults
            .iter()
            .rfind(|(number, _)| *number == Some(connection));
        let general = || self.faults.iter().rfind(|(number, _)| number.is_none());
        own.or_else(general)
            .map(|(_, faults)| faults.clone())
            .unwrap_or_default()
    }
}

/// What goes wrong on a connection, apart from single replies.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Time before the upgrade is answered.
    pub upgrade_delay: Duration,
    /// An HTTP status instead of the 101, such as 429 or 503.
    pub upgrade_status: Option<u16>,
    /// The socket is cut in place of an answer to the upgrade.
    pub drops_upgrade: bool,
    /// 101, then this `error` and its close, whatever key and model were given.
    pub refusal: Option<HandshakeRefusal>,
    /// 101, then this close frame and nothing else.
    pub close_after_upgrade: Option<(u16, String)>,
    /// 101, then silence for ever; messages are read.
    pub is_silent: bool,
    /// Time before `session.created`.
    pub created_delay: Duration,
    /// Time before every `session.updated`.
    pub updated_delay: Duration,
    /// Every `session.update` is refused with this.
    pub refuses_updates: Option<WireError>,
    /// The socket is cut this long after the upgrade, without a close frame.
    pub drop_after: Option<Duration>,
    /// The session ends with 1001 this long after the upgrade.
    pub expire_after: Option<Duration>,
    /// Nothing is read any more this long after the upgrade.
    pub stop_reading_after: Option<Duration>,
    /// So many `error` events directly behind `session.created`.
    pub error_burst: usize,
    /// An event of an unknown type before every `response.created` and behind `session.created`.
    pub unknown_events: bool,
    /// Events of these types are sent twice.
    pub duplicated_types: Vec<String>,
    /// An HTTP status in place of the 201 for an offer.
    pub call_status: Option<u16>,
    /// What an offer is answered with in place of an SDP.
    pub call_answer: Option<String>,
    /// The 201 says nowhere which call it is.
    pub call_without_location: bool,
    /// An HTTP status in place of the 200 for a hang-up; the call goes on.
    pub hang_up_status: Option<u16>,
    /// A text frame that is not JSON and an event without its fields, behind `session.created`.
    pub malformed_frames: bool,
}

//! A reported interruption is a proposal: pause, decide, then truncate or go on.
//!
//! Everybody is fast at stopping and bad at not stopping. Who passes a detector's verdict through loses the
//! reply to every "mm-hm", cough and echo. Here the feeding of the carrier stops with the report; its backlog
//! of 200–400 ms keeps the voice going while the evidence is weighed:
//! - voice on the line that our own echo does not explain, by level and by our VAD where it runs;
//! - words, wherever a transcript exists, which overrule the voice in both directions.
//!
//! A stop by voice alone is provisional when the speech was short: the carrier is cleared at once, but the
//! model's memory is cut only when words, length or time confirm it; else the reply resumes.

use crate::backchannel::{self, Meaning};
use crate::echo::EchoEstimate;
use crate::ids::ItemId;
use crate::limits::{INTERRUPTION_LONG, Limits};
use crate::time::{Moment, Span};
use crate::words::Language;

/// Voice must stand out from the line's own noise by this much.
const ABOVE_NOISE_DB: i16 = 10;
/// Below this nobody speaks into a telephone.
pub(crate) const VOICE_MIN_DBFS: i8 = -50;
/// Our VAD's score from which a frame counts as voice.
const VOICE_PERCENT_MIN: u8 = 50;
/// A gap inside speech up to this length (plosives, syllables) does not end the voice.
const VOICE_GAP: Span = Span::from_millis(80);
/// Speech that ended and was shorter than this is a backchannel, a cough or a short word: only words can tell.
const BRIEF: Span = Span::from_millis(420);
/// A report without any unexplained voice within this is echo or noise.
const NO_VOICE: Span = Span::from_millis(160);
/// With less of the reply left to hear than this, agreement is an answer, not a backchannel.
const ANSWER_TO_ITS_END: Span = Span::from_millis(800);

/// Why the reply went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldCause {
    /// No voice but our own echo or noise was there.
    NoVoice,
    /// The voice ended before the decision: brief, and brief sounds wait for words.
    Brief,
    /// Words that agree.
    Backchannel,
    /// The recogniser found no words in it.
    NoWords,
}

/// Why the reply was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopCause {
    /// The voice went on until the decision was due.
    Voice,
    /// Words that ask to stop.
    StopWord,
    /// Words that take the floor.
    Words,
    /// The caller typed, pressed a key or asked for it explicitly.
    Explicit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Hold(HoldCause),
    Stop(StopCause),
    /// The stop was real: the model forgets what was not heard.
    Confirm,
    /// The stop was an error: the reply goes on from the last mark.
    Resume(HoldCause),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody speaks over us.
    Idle,
    /// Reported, feeding stopped.
    Deciding { since: Moment },
    /// Let pass; words may still stop us, and so may a voice that goes on from this moment.
    Held { voice_from: Moment },
    /// Cleared by voice; words may still call it an error.
    Silenced {
        committed: Option<Moment>,
        cause: StopCause,
    },
}

#[derive(Debug)]
pub(crate) struct Interruption {
    state: State,
    /// Whether the caller's words will come at all (the model transcribes).
    has_words: bool,
    noise_dbfs: f32,
    /// Start of the present voice and its last voiced moment.
    voice: Option<(Moment, Moment)>,
    echo: EchoEstimate,
    /// How much of the reply was unheard at the report.
    left: Span,
    /// First and last moment of voice in the present proposal.
    spoken: Option<(Moment, Moment)>,
    /// When the present or last proposal was reported.
    reported: Moment,
    /// Since when the detector hears nothing any more.
    quiet_since: Option<Moment>,
}

/// What the moment looks like around one frame of the line.
pub(crate) struct Surroundings {
    /// Level of our own sound at the ear.
    pub(crate) ours_dbfs: Option<i8>,
}

impl Interruption {
    pub(crate) fn new(has_words: bool) -> Self {
        Self {
            state: State::Idle,
            has_words,
            noise_dbfs: -70.0,
            voice: None,
            echo: EchoEstimate::default(),
            left: Span::ZERO,
            spoken: None,
            reported: Moment::START,
            quiet_since: None,
        }
    }

    /// The feeding of the carrier stands still.
    pub(crate) fn pauses_playback(&self) -> bool {
        matches!(self.state, State::Deciding { .. } | State::Silenced { .. })
    }

    /// A proposal is open whose words matter for what happens with its turn.
    pub(crate) fn is_open(&self) -> bool {
        self.state != State::Idle
    }

    pub(crate) fn is_held(&self) -> bool {
        matches!(self.state, State::Held { .. })
    }

    pub(crate) fn is_deciding(&self) -> bool {
        matches!(self.state, State::Deciding { .. })
    }

    pub(crate) fn reported(&self) -> Moment {
        self.reported
    }

    /// Speech was reported while the agent is audible.
    pub(crate) fn propose(&mut self, now: Moment, left: Span) {
        self.quiet_since = None;
        if self.state == State::Idle || self.is_held() {
            self.state = State::Deciding { since: now };
            self.left = left;
            self.reported = now;
            self.spoken = self.voice;
        }
    }

    pub(crate) fn reset(&mut self) {
        self.state = State::Idle;
    }

    /// One frame of the caller's line.
    pub(crate) fn on_audio(
        &mut self,
        now: Moment,
        level_dbfs: i8,
        voice_percent: Option<u8>,
        around: &Surroundings,
        limits: &Limits,
    ) -> Option<Verdict> {
        let learns = self.state == State::Idle;
        self.echo.on_frame(around.ours_dbfs, level_dbfs, learns);
        self.follow_noise(level_dbfs);
        let voiced = self.is_voice(level_dbfs, voice_percent);
        self.follow_voice(now, voiced);
        self.decide(now, limits)
    }

    fn follow_noise(&mut self, level_dbfs: i8) {
        let level = f32::from(level_dbfs).max(-80.0);
        // Falls fast, rises by 2 dB a second: speech does not lift it, a louder room does.
        self.noise_dbfs = if level < self.noise_dbfs {
            self.noise_dbfs + 0.2 * (level - self.noise_dbfs)
        } else {
            (self.noise_dbfs + 0.04).min(level)
        };
    }

    fn is_voice(&self, level_dbfs: i8, voice_percent: Option<u8>) -> bool {
        let loud = level_dbfs >= VOICE_MIN_DBFS
            && i16::from(level_dbfs) >= self.noise_dbfs as i16 + ABOVE_NOISE_DB;
        loud && voice_percent.is_none_or(|percent| percent >= VOICE_PERCENT_MIN)
            && !self.echo.explains(level_dbfs)
    }

    fn follow_voice(&mut self, now: Moment, voiced: bool) {
        self.voice = match (self.voice, voiced) {
            (None, true) => Some((now, now)),
            (Some((start, _)), true) => Some((start, now)),
            (Some((_, last)), false) if now.since(last) > VOICE_GAP => None,
            (voice, false) => voice,
        };
        if let Some((start, last)) = self.voice.filter(|_| self.is_open()) {
            let first = self.spoken.map_or(start, |(first, _)| first);
            self.spoken = Some((first, last));
        }
    }

    fn decide(&mut self, now: Moment, limits: &Limits) -> Option<Verdict> {
        let since = match self.state {
            State::Deciding { since } => since,
            State::Held { voice_from } => return self.reconsider(now, voice_from),
            State::Idle | State::Silenced { .. } => return None,
        };
        let waited = now.since(since);
        let verdict = match self.voice {
            None if waited >= NO_VOICE => Verdict::Hold(HoldCause::NoVoice),
            None => return None,
            Some((start, last))
                if now.since(last) >= Span::from_millis(40)
                    && last.since(start) < BRIEF
                    && self.has_words =>
            {
                Verdict::Hold(HoldCause::Brief)
            }
            Some(_) if waited >= limits.interruption_voice => Verdict::Stop(StopCause::Voice),
            Some(_) => return None,
        };
        self.take(now, verdict);
        Some(verdict)
    }

    /// Let pass, but the voice goes on while the detector still hears it: then it was no brief sound.
    fn reconsider(&mut self, now: Moment, voice_from: Moment) -> Option<Verdict> {
        let (start, last) = self.voice.filter(|_| self.quiet_since.is_none())?;
        if last.since(start.max(voice_from)) < BRIEF {
            return None;
        }
        let verdict = Verdict::Stop(StopCause::Voice);
        self.take(now, verdict);
        Some(verdict)
    }

    /// Time passed without a frame (the carrier may send none).
    pub(crate) fn advance(&mut self, now: Moment, limits: &Limits) -> Option<Verdict> {
        if let State::Silenced {
            committed: Some(committed),
            ..
        } = self.state
            && now.since(committed) >= limits.interruption_words
        {
            self.take(now, Verdict::Confirm);
            return Some(Verdict::Confirm);
        }
        if self.no_turn_at(limits).is_some_and(|at| now >= at) {
            let verdict = Verdict::Resume(HoldCause::NoWords);
            self.take(now, verdict);
            return Some(verdict);
        }
        self.decide(now, limits)
    }

    /// When a sound that silenced us and ended counts as none, because no turn came of it.
    fn no_turn_at(&self, limits: &Limits) -> Option<Moment> {
        let State::Silenced {
            committed: None, ..
        } = self.state
        else {
            return None;
        };
        Some(self.quiet_since? + limits.interruption_words)
    }

    pub(crate) fn wake(&self, limits: &Limits) -> Option<Moment> {
        match self.state {
            State::Deciding { since } if self.voice.is_none() => Some(since + NO_VOICE),
            State::Deciding { since } => Some(since + limits.interruption_voice),
            State::Silenced {
                committed: Some(committed),
                ..
            } => Some(committed + limits.interruption_words),
            State::Silenced {
                committed: None, ..
            } => self.no_turn_at(limits),
            State::Idle | State::Held { .. } => None,
        }
    }

    /// The detector says that the speech is over; long speech needs no words to be believed.
    pub(crate) fn on_speech_stopped(&mut self, now: Moment, spoke: Span) -> Option<Verdict> {
        self.quiet_since = Some(now);
        let State::Silenced { .. } = self.state else {
            return None;
        };
        // The detector's own length holds the silence it waited for; ours is the voice alone.
        let spoke = self.spoken.map_or(spoke, |(first, last)| last.since(first));
        if spoke < INTERRUPTION_LONG && self.has_words {
            return None;
        }
        self.take(now, Verdict::Confirm);
        Some(Verdict::Confirm)
    }

    /// The caller's turn became an item of the model's conversation.
    pub(crate) fn on_committed(&mut self, now: Moment) -> Option<Verdict> {
        let State::Silenced { committed, .. } = &mut self.state else {
            return None;
        };
        committed.get_or_insert(now);
        if self.has_words {
            return None;
        }
        self.take(now, Verdict::Confirm);
        Some(Verdict::Confirm)
    }

    /// Words of the caller, interim or final.
    pub(crate) fn on_words(
        &mut self,
        now: Moment,
        words: &str,
        language: Option<Language>,
        is_final: bool,
    ) -> Option<Verdict> {
        let mut meaning = backchannel::meaning(words, language);
        if meaning == Meaning::Backchannel && self.left <= ANSWER_TO_ITS_END {
            meaning = Meaning::Content;
        }
        let verdict = match (self.state, meaning) {
            (State::Idle, _) => return None,
            (State::Deciding { .. } | State::Held { .. }, Meaning::Stop) => {
                Verdict::Stop(StopCause::StopWord)
            }
            (State::Deciding { .. } | State::Held { .. }, Meaning::Content) => {
                Verdict::Stop(StopCause::Words)
            }
            (State::Deciding { .. } | State::Held { .. }, Meaning::Backchannel) => {
                Verdict::Hold(HoldCause::Backchannel)
            }
            (State::Silenced { .. }, Meaning::Stop | Meaning::Content) => Verdict::Confirm,
            (State::Silenced { .. }, Meaning::Backchannel) if is_final => {
                Verdict::Resume(HoldCause::Backchannel)
            }
            (State::Silenced { .. }, Meaning::Nothing) if is_final => {
                Verdict::Resume(HoldCause::NoWords)
            }
            (State::Deciding { .. } | State::Held { .. }, Meaning::Nothing) if is_final => {
                Verdict::Hold(HoldCause::NoWords)
            }
            _ => return None,
        };
        self.take(now, verdict);
        Some(verdict)
    }

    fn take(&mut self, now: Moment, verdict: Verdict) {
        self.state = match verdict {
            // Words explain what was heard until now; without them the voice counts from its start.
            Verdict::Hold(HoldCause::Backchannel | HoldCause::NoWords) => {
                State::Held { voice_from: now }
            }
            Verdict::Hold(HoldCause::NoVoice | HoldCause::Brief) => State::Held {
                voice_from: Moment::START,
            },
            Verdict::Stop(StopCause::StopWord | StopCause::Words | StopCause::Explicit) => {
                State::Silenced {
                    committed: Some(now),
                    cause: StopCause::Words,
                }
            }
            Verdict::Stop(cause) => State::Silenced {
                committed: None,
                cause,
            },
            Verdict::Confirm | Verdict::Resume(_) => State::Idle,
        };
    }

    /// Words that stopped us need no further confirmation.
    pub(crate) fn is_certain(&self) -> bool {
        matches!(
            self.state,
            State::Silenced {
                cause: StopCause::Words,
                ..
            }
        )
    }
}

/// A caller's turn that waits for its words before it gets a reply or is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AwaitedWords {
    pub(crate) item: ItemId,
    pub(crate) until: Moment,
}

//! One running response: a timetable of steps, and what has come of it so far.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use switchboard_wire::openai::{
    AudioDeltaPrefix, AudioFormat, ConversationChoice, InputTokenDetails, Item, Modality,
    OutputTokenDetails, PartDelta, PartDone, PartEvent, PartTextDone, PartTranscriptDone, Response,
    ResponseConfig, ResponsePart, ResponseStatus, Session, StatusDetails, Usage,
};

use super::audio::Rendered;
use super::conversation::{Conversation, text_of};
use super::reply::{Ending, Reply, ReplyPart, Speech};
use super::script::Pacing;

/// Caller audio costs a token per 100 ms, the model's own one per 50 ms (protocol section 9.1).
const CALLER_AUDIO_MS_PER_TOKEN: u64 = 100;
const MODEL_AUDIO_MS_PER_TOKEN: u64 = 50;
/// About four characters of text make a token.
const CHARS_PER_TOKEN: u64 = 4;
/// Cached tokens come in blocks of this size.
const CACHE_BLOCK_TOKENS: u64 = 64;

/// Something to do at its time.
#[derive(Debug)]
pub(super) enum Step {
    OpenSpeech,
    Word(String),
    Audio {
        rendered: Arc<Rendered>,
        index: usize,
    },
    CloseSpeech,
    ToolCall {
        name: String,
        arguments: String,
        call_id: Option<String>,
    },
    Drop,
    Done(Ending),
}

/// The assistant message being spoken.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) place: Place,
    pub(super) said: String,
    pub(super) prefix: AudioDeltaPrefix,
}

/// Where an item stands in its response; every event about it says so.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) response_id: String,
    pub(super) item_id: String,
    pub(super) output_index: u32,
}

/// Fills the fields that all events of a content part share.
macro_rules! at_place {
    ($place:expr, $kind:ident { $($field:ident: $value:expr),* }) => {
        $kind {
            response_id: $place.response_id.clone(),
            item_id: $place.item_id.clone(),
            output_index: $place.output_index,
            content_index: 0,
            $($field: $value,)*
        }
    };
}

impl Place {
    pub(super) fn audio_prefix(&self) -> AudioDeltaPrefix {
        AudioDeltaPrefix::new(&self.response_id, &self.item_id, self.output_index, 0)
    }

    pub(super) fn part(&self, part: ResponsePart) -> PartEvent {
        at_place!(self, PartEvent { part: part })
    }

    pub(super) fn delta(&self, delta: String) -> PartDelta {
        at_place!(
            self,
            PartDelta {
                delta: delta,
                obfuscation: Some("f4Zt1".to_owned())
            }
        )
    }

    pub(super) fn text(&self, text: String) -> PartTextDone {
        at_place!(self, PartTextDone { text: text })
    }

    pub(super) fn transcript(&self, transcript: String) -> PartTranscriptDone {
        at_place!(
            self,
            PartTranscriptDone {
                transcript: transcript
            }
        )
    }

    pub(super) fn done(&self) -> PartDone {
        at_place!(self, PartDone {})
    }
}

#[derive(Debug)]
pub(super) struct Active {
    pub(super) id: String,
    started_at: Instant,
    steps: VecDeque<(Duration, Step)>,
    pub(super) open: Option<Open>,
    pub(super) output: Vec<Item>,
    pub(super) is_text: bool,
    pub(super) is_default: bool,
    pub(super) late_deltas: usize,
    /// Audio produced so far, and when it began.
    pub(super) produced_ms: u64,
    pub(super) audio_since: Option<Instant>,
    said_chars: u64,
    shape: Response,
}

impl Active {
    /// Plans a reply; nothing is sent yet.
    pub(super) fn plan(
        id: String,
        now: Instant,
        reply: &Reply,
        session: &Session,
        config: &ResponseConfig,
        pacing: Pacing,
    ) -> Self {
        let shape = shape_of(id.clone(), session, config);
        let is_text = shape.output_modalities == [Modality::Text];
        let format = shape
            .audio
            .as_ref()
            .and_then(|audio| audio.output.format)
            .unwrap_or_default();
        let steps = Timetable::of(reply, pacing, is_text, format);
        Self {
            id,
            started_at: now,
            steps,
            open: None,
            output: Vec::new(),
            is_text,
            is_default: config.conversation != Some(ConversationChoice::None),
            late_deltas: reply.late_deltas,
            produced_ms: 0,
            audio_since: None,
            said_chars: 0,
            shape,
        }
    }

    /// The place of the next item.
    pub(super) fn next_place(&self, item_id: String) -> Place {
        let output_index = u32::try_from(self.output.len()).expect("a reply has few parts");
        Place {
            response_id: self.id.clone(),
            item_id,
            output_index,
        }
    }

    /// When the next step is due; never for a stalled response.
    pub(super) fn due(&self) -> Option<Instant> {
        self.steps
            .front()
            .map(|(offset, _)| self.started_at + *offset)
    }

    pub(super) fn next_step(&mut self, now: Instant) -> Option<Step> {
        if self.due()? > now {
            return None;
        }
        self.steps.pop_front().map(|(_, step)| step)
    }

    /// Audio that would have followed, for deltas that lose the race against a cancel.
    pub(super) fn remaining_audio(&self) -> Vec<(Arc<Rendered>, usize)> {
        self.steps
            .iter()
            .filter_map(|(_, step)| match step {
                Step::Audio { rendered, index } => Some((Arc::clone(rendered), *index)),
                _ => None,
            })
            .take(self.late_deltas)
            .collect()
    }

    pub(super) fn count_words(&mut self, words: &str) {
        self.said_chars += words.chars().count() as u64;
    }

    /// The response object as it stands.
    pub(super) fn report(
        &self,
        status: ResponseStatus,
        status_details: Option<StatusDetails>,
        conversation: &Conversation,
        usage: Option<Usage>,
    ) -> Box<Response> {
        Box::new(Response {
            status,
            status_details,
            output: self.output.clone(),
            conversation_id: self.is_default.then(|| conversation.id.clone()),
            usage,
            ..self.shape.clone()
        })
    }

    /// Tokens of this response; the whole conversation is read again each time.
    pub(super) fn usage(
        &self,
        session: &Session,
        conversation: &Conversation,
        cached_before: u64,
    ) -> Usage {
        let chars: usize = conversation
            .entries
            .iter()
            .map(|entry| text_of(&entry.item).chars().count())
            .sum();
        let text = (session.instructions.chars().count() + chars) as u64 / CHARS_PER_TOKEN;
        let audio: u64 = conversation
            .entries
            .iter()
            .map(|entry| {
                entry.audio_ms / CALLER_AUDIO_MS_PER_TOKEN
                    + entry.produced_ms.unwrap_or_default() / MODEL_AUDIO_MS_PER_TOKEN
            })
            .sum();
        let cached = (cached_before.min(text) / CACHE_BLOCK_TOKENS) * CACHE_BLOCK_TOKENS;
        let mut input = InputTokenDetails {
            text_tokens: text,
            audio_tokens: audio,
            cached_tokens: cached,
            ..InputTokenDetails::default()
        };
        input.cached_tokens_details.text_tokens = cached;
        let output = OutputTokenDetails {
            text_tokens: self.said_chars.div_ceil(CHARS_PER_TOKEN),
            audio_tokens: self.produced_ms / MODEL_AUDIO_MS_PER_TOKEN,
        };
        let (input_tokens, output_tokens) =
            (text + audio, output.text_tokens + output.audio_tokens);
        Usage {
            total_tokens: input_tokens + output_tokens,
            input_tokens,
            output_tokens,
            input_token_details: input,
            output_token_details: output,
        }
    }
}

/// What the response object says of its configuration.
fn shape_of(id: String, session: &Session, config: &ResponseConfig) -> Response {
    let mut audio = switchboard_wire::openai::ResponseAudio::from(&session.audio.output);
    if let Some(own) = &config.audio {
        audio.output.format = own.output.format.or(audio.output.format);
        audio.output.voice = own.output.voice.clone().or(audio.output.voice);
    }
    Response {
        object: "realtime.response".to_owned(),
        id,
        status: ResponseStatus::InProgress,
        status_details: None,
        output: Vec::new(),
        conversation_id: None,
        output_modalities: config
            .output_modalities
            .clone()
            .unwrap_or_else(|| session.output_modalities.clone()),
        max_output_tokens: config
            .max_output_tokens
            .unwrap_or(session.max_output_tokens),
        audio: Some(audio),
        usage: None,
        metadata: config.metadata.clone(),
    }
}

struct Timetable {
    steps: VecDeque<(Duration, Step)>,
    at: Duration,
    pacing: Pacing,
}

impl Timetable {
    /// Everything a reply does and when, counted from the response's creation.
    fn of(
        reply: &Reply,
        pacing: Pacing,
        is_text: bool,
        format: AudioFormat,
    ) -> VecDeque<(Duration, Step)> {
        let mut timetable = Self {
            steps: VecDeque::new(),
            at: reply.think,
            pacing,
        };
        for part in &reply.parts {
            match part {
                ReplyPart::Speech(speech) if is_text => timetable.write(speech),
                ReplyPart::Speech(speech) => {
                    let rendered = speech.audio.rendered(format, pacing.delta_ms);
                    timetable.speak(speech, &rendered, reply);
                }
                ReplyPart::ToolCall {
                    name,
                    arguments,
                    call_id,
                } => timetable.add(Step::ToolCall {
                    name: name.clone(),
                    arguments: arguments.clone(),
                    call_id: call_id.clone(),
                }),
            }
        }
        timetable.add(Step::Done(reply.ending.clone()));
        timetable.cut(reply);
        timetable.steps
    }

    fn add(&mut self, step: Step) {
        self.steps.push_back((self.at, step));
    }

    fn write(&mut self, speech: &Speech) {
        self.add(Step::OpenSpeech);
        for word in &speech.words {
            self.add(Step::Word(word.text.clone()));
        }
        self.add(Step::CloseSpeech);
    }

    fn speak(&mut self, speech: &Speech, rendered: &Arc<Rendered>, reply: &Reply) {
        let start = self.at;
        let mut words = speech.words.iter().peekable();
        let mut pause = Duration::ZERO;
        self.add(Step::OpenSpeech);
        for (index, delta) in rendered.deltas.iter().enumerate() {
            if let Some((at_ms, length)) = reply.stutter
                && pause.is_zero()
                && delta.end_ms > at_ms
            {
                pause = length;
            }
            self.at = start + self.pacing.due(delta.start_ms) + pause;
            while let Some(word) = words.next_if(|word| word.at_ms < delta.end_ms) {
                self.add(Step::Word(word.text.clone()));
            }
            self.add(Step::Audio {
                rendered: Arc::clone(rendered),
                index,
            });
        }
        self.at = start + self.pacing.due(rendered.total_ms) + pause;
        for word in words {
            self.add(Step::Word(word.text.clone()));
        }
        self.add(Step::CloseSpeech);
    }

    /// Ends the timetable where the reply stalls or drops the socket.
    fn cut(&mut self, reply: &Reply) {
        let Some(cut_ms) = reply.stall_at_ms.into_iter().chain(reply.drop_at_ms).min() else {
            return;
        };
        let is_beyond = |step: &Step| match step {
            Step::Audio { rendered, index } => rendered.deltas[*index].end_ms > cut_ms,
            _ => cut_ms == 0,
        };
        let Some(index) = self.steps.iter().position(|(_, step)| is_beyond(step)) else {
            return;
        };
        let at = self.steps[index].0;
        self.steps.truncate(index);
        if reply.drop_at_ms == Some(cut_ms) {
            self.steps.push_back((at, Step::Drop));
        }
    }
}

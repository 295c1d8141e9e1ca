//! The one contract of every voice model: two lanes each way, audio as bytes beside, everything else in the
//! call's own words. An adapter translates its vendor's names here and nowhere else.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use switchboard_call::Span;
use switchboard_call::ids::{ItemId, ReplyId};
use switchboard_call::input::{FromLeg, FromModel, ModelFailure};
use switchboard_call::output::ToModel;
use switchboard_media::frame::AudioFormat;
use switchboard_wire::openai::decoded_len;

use crate::models::local::LocalModel;
use crate::models::openai_realtime::OpenAiRealtime;

/// What a model says. Audio carries its bytes; the rest is the core's vocabulary unchanged.
#[derive(Debug)]
pub enum ModelEvent {
    /// A piece of the agent's voice in the session's output format.
    Audio(ModelAudio),
    /// Any other event. Never [`FromModel::Audio`]: that one is made by the drive once it keeps the bytes.
    Event(FromModel),
    /// Something of the caller's leg, from a model that holds the caller's media itself.
    Leg(FromLeg),
    /// What something cost, for the ledger. The core learns the cost of a reply by its end.
    Usage(ModelUsage),
}

/// A piece of the agent's voice.
#[derive(Debug)]
pub struct ModelAudio {
    /// The reply it belongs to.
    pub reply: ReplyId,
    /// The spoken item it belongs to.
    pub item: ItemId,
    /// The samples.
    pub payload: Payload,
}

/// Audio bytes as they came over a wire, so that a pass-through neither decodes nor encodes.
#[derive(Debug, Clone)]
pub enum Payload {
    /// Samples in the negotiated format.
    Raw(Bytes),
    /// The same in standard base64. It may still be malformed: its peer wrote it.
    Base64(Bytes),
}

impl Payload {
    /// Bytes of audio in it; 0 for text whose length cannot be base64.
    pub fn len(&self) -> usize {
        match self {
            Self::Raw(bytes) => bytes.len(),
            Self::Base64(text) => decoded_len(text).unwrap_or(0),
        }
    }

    /// True when there is no audio in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same in memory of its own. What came over a wire lies in the buffer it was read into, which would stay as long
    /// as the piece waits to be played; what is raw may be shared with other calls and is left where it is.
    pub fn kept(self) -> Self {
        match self {
            Self::Raw(bytes) => Self::Raw(bytes),
            Self::Base64(text) => Self::Base64(Bytes::copy_from_slice(&text)),
        }
    }

    /// How long it plays.
    pub fn length(&self, format: AudioFormat) -> Span {
        length_of(self.len(), format)
    }

    /// The samples' bytes, decoded into `scratch` where needed. None when it is not base64.
    pub fn bytes<'a>(&'a self, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        match self {
            Self::Raw(bytes) => Some(bytes),
            Self::Base64(text) => {
                scratch.clear();
                STANDARD.decode_vec(text, scratch).ok()?;
                Some(scratch)
            }
        }
    }

    /// The base64 text, encoded where needed.
    pub fn base64(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Raw(bytes) => Cow::Owned(STANDARD.encode(bytes).into_bytes()),
            Self::Base64(text) => Cow::Borrowed(text),
        }
    }
}

/// How long this many bytes play. Exact to the microsecond for every format we speak.
pub fn length_of(bytes: usize, format: AudioFormat) -> Span {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    let per_second = u64::try_from(format.bytes_per_second()).unwrap_or(1);
    Span::from_micros(bytes.saturating_mul(1_000_000) / per_second)
}

/// What a model is opened with, beside its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelFormats {
    /// Caller to model.
    pub input: AudioFormat,
    /// Model to caller.
    pub output: AudioFormat,
}

/// What a reply or a transcription used: one line of the ledger per component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelUsage {
    /// The model that was paid.
    pub model: String,
    /// The caller's item that was written down. None: it was a reply.
    pub item: Option<ItemId>,
    /// Its components, none of them empty.
    pub parts: Vec<UsagePart>,
}

/// One component of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsagePart {
    /// `text_in`, `text_cached`, `text_out`, `audio_in`, `audio_cached`, `audio_out`, `image_in`, `image_cached` or
    /// `transcription`. What was cached is not in `_in` too.
    pub component: &'static str,
    /// `tokens` or `ms`.
    pub unit: &'static str,
    /// How many of them.
    pub quantity: u64,
    /// Price in millionths of the currency. Rounded so that the sum of a session is exact.
    pub cost_micros: u64,
}

impl ModelUsage {
    /// All components together.
    pub fn cost_micros(&self) -> u64 {
        let costs = self.parts.iter().map(|part| part.cost_micros);
        costs.fold(0, u64::saturating_add)
    }
}

type Opening = Pin<Box<dyn Future<Output = Result<Model, ModelFailure>> + Send>>;

/// The model in charge of a call, or the way to one.
pub enum Model {
    /// None: before the first, after the last.
    Closed,
    /// On its way. What is sent to it meanwhile is lost: the core sends nothing before it is ready.
    Opening(Opening),
    /// OpenAI Realtime.
    OpenAi(Box<OpenAiRealtime>),
    /// The offline model.
    Local(Box<LocalModel>),
}

impl Model {
    /// A model that is being opened.
    pub fn opening(
        future: impl Future<Output = Result<Self, ModelFailure>> + Send + 'static,
    ) -> Self {
        Self::Opening(Box::pin(future))
    }

    /// The next event. Cancel-safe. Pending for ever when there is no model.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<ModelEvent> {
        loop {
            match self {
                Self::Closed => return Poll::Pending,
                Self::OpenAi(model) => return model.poll_next(context),
                Self::Local(model) => return model.poll_next(context),
                Self::Opening(opening) => match opening.as_mut().poll(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(model)) => *self = model,
                    Poll::Ready(Err(failure)) => {
                        *self = Self::Closed;
                        return Poll::Ready(ModelEvent::Event(FromModel::Failed(failure)));
                    }
                },
            }
        }
    }

    /// Sends a command. Never waits.
    pub fn send(&mut self, command: ToModel) {
        match self {
            Self::Closed | Self::Opening(_) => {}
            Self::OpenAi(model) => model.send(command),
            Self::Local(model) => model.send(command),
        }
    }

    /// Sends the caller's audio in the session's input format.
    pub fn send_audio(&mut self, payload: &Payload, scratch: &mut Vec<u8>) {
        match self {
            Self::Closed | Self::Opening(_) => {}
            Self::OpenAi(model) => model.send_audio(&payload.base64()),
            Self::Local(model) => {
                if let Some(bytes) = payload.bytes(scratch) {
                    model.send_audio(bytes);
                }
            }
        }
    }

    /// The same for a quiet line: it may wait for the next frames of it, where a message costs more than it brings.
    pub fn gather_audio(&mut self, payload: &Payload, scratch: &mut Vec<u8>) {
        match self {
            Self::OpenAi(model) => {
                if let Some(bytes) = payload.bytes(scratch) {
                    model.gather_audio(bytes);
                }
            }
            _ => self.send_audio(payload, scratch),
        }
    }

    /// Pushes out what was sent, as far as the peer takes it now.
    pub async fn flush(&mut self) {
        if let Self::OpenAi(model) = self {
            model.flush().await;
        }
    }

    /// Ends the session properly, at most within a second. Not for calls to wait for.
    pub async fn close(self) {
        if let Self::OpenAi(model) = self {
            model.close().await;
        }
    }

    /// The next moment at which the model's socket must be looked at even if nothing arrives.
    pub fn deadline(&self) -> Option<std::time::Instant> {
        match self {
            Self::OpenAi(model) => model.deadline(),
            _ => None,
        }
    }
}

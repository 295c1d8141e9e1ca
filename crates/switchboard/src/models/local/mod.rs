//! The offline voice model: our own detector finds utterances, a recogniser and a synthesiser run as child processes,
//! and a small deterministic dialogue fills slots, confirms, calls tools and says their results.
//!
//! It never answers by itself: it speaks after [`ToModel::Reply`] or [`ToModel::Say`] only. It never invents a free
//! time, a price or a name, and says of itself that it is an offline demo agent.
//!
//! ```text
//! let mut model = LocalModel::start(setup).await;
//! while let ModelEvent::Event(FromModel::Ready) = model.next().await {
//!     model.send(ToModel::Reply { instructions: None });
//! }
//! ```

mod calendar;
mod child;
mod dialogue;
mod dictation;
mod grammar;
mod hearing;
mod language_model;
mod lexicon;
mod pronunciation;
mod recogniser;
mod rules;
mod sayings;
mod session;
mod speaking;
mod strict_grammar;
mod synthesiser;
mod understanding;

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::path::PathBuf;
use std::task::{Context, Poll};

use bytes::Bytes;
use chrono::NaiveDate;
use chrono_tz::Tz;
use switchboard_call::input::{FromModel, ModelFailure};
use switchboard_call::output::ToModel;
use switchboard_call::words::Language;
use switchboard_media::speech::SpeechDetectorSettings;
use tokio::sync::mpsc;

use crate::model::{ModelEvent, ModelFormats};
pub use child::{MissingProgram, check_programs};
pub(crate) use dictation::write_down;

/// Everything the offline model is opened with.
#[derive(Debug, Clone)]
pub struct LocalSetup {
    pub formats: ModelFormats,
    /// Languages of the agent, its first one leading.
    pub languages: Vec<Language>,
    pub agent: LocalAgent,
    pub programs: LocalPrograms,
    /// When an utterance begins and ends.
    pub detector: SpeechDetectorSettings,
}

/// What the dialogue knows about its agent and the business.
#[derive(Debug, Clone)]
pub struct LocalAgent {
    /// The persona, for instance "Ava".
    pub name: String,
    /// The business as callers call it.
    pub business: String,
    /// Said when a reply is asked for before anybody said anything.
    pub greeting: String,
    /// Empty for an agent that takes no bookings.
    pub services: Vec<LocalService>,
    pub practitioners: Vec<LocalPractitioner>,
    /// Opening hours as a sentence, for instance "We are open Monday to Friday from 9 AM to 6 PM.".
    pub opening: String,
    /// Names of the tools this agent may call.
    pub tools: Vec<String>,
    /// Where the business is; "tomorrow" is a day there.
    pub zone: Tz,
    /// The day the call is held on; None takes the clock's.
    pub today: Option<NaiveDate>,
    /// The leg is a telephone: the keypad leads, speech is a bonus.
    pub telephone: bool,
}

/// One thing that can be booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalService {
    pub name: String,
    pub synonyms: Vec<String>,
    pub minutes: u32,
    /// In millionths of a dollar; None when there is no fixed price.
    pub price_micros: Option<u64>,
}

/// One person who carries services out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalPractitioner {
    pub name: String,
    /// Names of services; empty means all.
    pub services: Vec<String>,
}

/// The programs behind the model's mouth and ears.
#[derive(Debug, Clone, Default)]
pub struct LocalPrograms {
    pub synthesiser: SynthesiserProgram,
    pub recogniser: RecogniserProgram,
}

/// Text in by stdin, WAV out by stdout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SynthesiserProgram {
    /// `espeak-ng` from the PATH.
    #[default]
    EspeakNg,
    /// Any program. `{language}` in an argument becomes the two-letter code.
    Command { program: PathBuf, args: Vec<String> },
}

/// PCM in, text out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RecogniserProgram {
    /// `pocketsphinx` of Debian (`pocketsphinx_batch`) with its en-us model, and a language generated per question.
    #[default]
    Pocketsphinx,
    /// Any program that prints plain text. `{wav}` in an argument becomes the path of a WAV file of 16 kHz, mono;
    /// without it, the WAV comes by stdin.
    Command { program: PathBuf, args: Vec<String> },
}

/// The model of one call. Dropping it ends its task and kills its children.
#[derive(Debug)]
pub struct LocalModel {
    events: mpsc::UnboundedReceiver<ModelEvent>,
    inputs: mpsc::UnboundedSender<Input>,
    task: tokio::task::JoinHandle<()>,
    is_gone: bool,
}

/// What comes to the model's task.
#[derive(Debug)]
enum Input {
    Audio(Bytes),
    Command(ToModel),
}

impl LocalModel {
    /// Never fails: missing programs come as [`FromModel::Failed`] and one line in the log.
    pub async fn start(setup: LocalSetup) -> Self {
        let (events_tx, events) = mpsc::unbounded_channel();
        let (inputs, inputs_rx) = mpsc::unbounded_channel();
        let task = tokio::spawn(session::run(setup, inputs_rx, events_tx));
        Self {
            events,
            inputs,
            task,
            is_gone: false,
        }
    }

    /// The next event. Cancel-safe. Pending for ever after [`FromModel::Failed`].
    pub async fn next(&mut self) -> ModelEvent {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// [`Self::next`] for a caller with a waker of its own.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<ModelEvent> {
        if self.is_gone {
            return Poll::Pending;
        }
        match self.events.poll_recv(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(event) => Poll::Ready(event.unwrap_or_else(|| {
                self.is_gone = true;
                ModelEvent::Event(FromModel::Failed(ModelFailure::Disconnected))
            })),
        }
    }

    /// A piece of the caller's audio of any length, in the input format.
    pub fn send_audio(&mut self, payload: &[u8]) {
        let _ = self
            .inputs
            .send(Input::Audio(Bytes::copy_from_slice(payload)));
    }

    /// Anything else. Never waits.
    pub fn send(&mut self, command: ToModel) {
        let _ = self.inputs.send(Input::Command(command));
    }
}

impl Drop for LocalModel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

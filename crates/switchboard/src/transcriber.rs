//! Writes down what callers left behind: an OpenAI-compatible server by its address, or a program of this machine.
//!
//! Never on a call's task: jobs ask ([`crate::jobs`]). The server and the program are the operator's settings, so they are
//! not reached by [`crate::outbound`]; no redirect is followed and nothing of the environment is used.

mod multipart;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use switchboard_media::{resample, wav};
use switchboard_store::{Private, Word};
use thiserror::Error;

use self::multipart::Form;
use crate::config::{Secret, TranscriptionSettings};
use crate::models::local::{RecogniserProgram, write_down};

/// The largest sound a server takes; OpenAI's limit is 25 MB.
const AUDIO_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Bytes of an answer that are read. An hour of speech has some 60 kB.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Letters that are kept.
const WORDS_CHARS_MAX: usize = 20_000;
/// Rate of the sound handed to programs, in Hz.
const PROGRAM_HZ: u32 = 16_000;

/// Writes messages down. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Transcriber(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    Server {
        client: reqwest::Client,
        url: String,
        key: Option<Secret>,
        model: String,
    },
    Program {
        program: RecogniserProgram,
        answer_max: Duration,
    },
}

/// Why there are no words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TranscriptionError {
    /// Another try may do better.
    #[error("{0}")]
    Later(Word),
    /// No try will do better with this sound.
    #[error("{0}")]
    Never(Word),
}

impl Transcriber {
    /// `None` when neither a server nor a program is set.
    ///
    /// # Errors
    /// TLS cannot be prepared on this machine.
    pub fn new(settings: &TranscriptionSettings) -> Result<Option<Self>> {
        let answer_max = Duration::from_millis(settings.answer_ms_max);
        let kind = match (&settings.base_url, &settings.program) {
            (Some(base_url), _) => Kind::Server {
                client: client(answer_max).context("cannot prepare requests to transcribe")?,
                url: base_url.as_http().join("/audio/transcriptions"),
                key: settings.api_key.clone(),
                model: settings.model.clone(),
            },
            (None, Some(program)) => Kind::Program {
                program: RecogniserProgram::Command {
                    program: PathBuf::from(program),
                    args: vec!["{wav}".to_owned()],
                },
                answer_max,
            },
            (None, None) => return Ok(None),
        };
        Ok(Some(Self(Arc::new(kind))))
    }

    /// The words of a WAV; blank when there are none. `language` is a hint of two letters.
    ///
    /// # Errors
    /// The transcriber does not answer, refuses, or cannot read the sound.
    pub async fn words(
        &self,
        audio: &Bytes,
        language: Option<&str>,
    ) -> Result<Private<String>, TranscriptionError> {
        if audio.len() > AUDIO_BYTES_MAX {
            return Err(TranscriptionError::Never(Word::new("too_long")));
        }
        let words = match &*self.0 {
            Kind::Server {
                client,
                url,
                key,
                model,
            } => {
                let form = asked(audio, model, language);
                ask(client, url, key.as_ref(), form).await?
            }
            Kind::Program {
                program,
                answer_max,
            } => by_program(program, audio, *answer_max).await?,
        };
        let words: String = words.trim().chars().take(WORDS_CHARS_MAX).collect();
        Ok(Private::new(words))
    }
}

fn client(answer_max: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(answer_max)
        .build()
}

fn asked(audio: &Bytes, model: &str, language: Option<&str>) -> Form {
    let mut form = Form::new();
    form.field("model", model);
    form.field("response_format", "json");
    if let Some(language) = language {
        form.field("language", language);
    }
    form.file("file", "message.wav", "audio/wav", audio);
    form
}

/// What is read of an answer; whatever else is in it is passed over.
#[derive(Deserialize)]
struct Answer {
    text: String,
}

async fn ask(
    client: &reqwest::Client,
    url: &str,
    key: Option<&Secret>,
    form: Form,
) -> Result<String, TranscriptionError> {
    let (content_type, body) = form.finish();
    let mut request = client
        .post(url)
        .header(CONTENT_TYPE, content_type)
        .body(body);
    if let Some(key) = key {
        request = request.bearer_auth(key.expose());
    }
    let mut response = request.send().await.map_err(|error| unanswered(&error))?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(refusal(status));
    }
    let mut answer = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unanswered(&error))? {
        if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(later("answer_too_long"));
        }
        answer.extend_from_slice(&chunk);
    }
    let answer: Answer = serde_json::from_slice(&answer).map_err(|_| later("broken_answer"))?;
    Ok(answer.text)
}

/// Only what is wrong with this sound is final: a key, a model or a limit can be mended.
fn refusal(status: u16) -> TranscriptionError {
    let word = Word::parse(&format!("status_{status}")).unwrap_or(Word::new("refused"));
    match status {
        400 | 413 | 415 | 422 => TranscriptionError::Never(word),
        _ => TranscriptionError::Later(word),
    }
}

fn unanswered(error: &reqwest::Error) -> TranscriptionError {
    if error.is_timeout() {
        later("timed_out")
    } else if error.is_connect() {
        later("unreachable")
    } else {
        later("broken_answer")
    }
}

const fn later(word: &'static str) -> TranscriptionError {
    TranscriptionError::Later(Word::new(word))
}

async fn by_program(
    program: &RecogniserProgram,
    audio: &Bytes,
    answer_max: Duration,
) -> Result<String, TranscriptionError> {
    let audio = audio.clone();
    let sound = tokio::task::spawn_blocking(move || wide_band(&audio)).await;
    let sound = sound.map_err(|_| later("panicked"))?;
    let sound = sound.ok_or(TranscriptionError::Never(Word::new("unreadable")))?;
    write_down(program, sound, answer_max)
        .await
        .map_err(|error| {
            tracing::warn!(%error, "a message could not be written down");
            later("program_failed")
        })
}

/// A WAV of 16 kHz, as programs want it.
fn wide_band(audio: &[u8]) -> Option<Vec<u8>> {
    let read = wav::read(audio).ok()?;
    let samples = resample::resample_clip(&read.samples, read.rate_hz, PROGRAM_HZ).ok()?;
    Some(wav::write_pcm16(PROGRAM_HZ, &samples))
}

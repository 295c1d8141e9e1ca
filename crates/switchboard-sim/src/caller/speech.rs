//! Words into sound by `espeak-ng`, a child process.
//!
//! Text goes in by standard input, never as an argument: arguments are public, and text that begins with a dash would be
//! an option (threats.md A6).

use super::Clip;
use std::process::Stdio;
use std::time::Duration;
use switchboard_media::{resample, wav};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// A minute of speech takes espeak-ng less than a second.
const SPEAK_TIMEOUT: Duration = Duration::from_secs(20);
/// Five minutes at 22050 Hz, 16 bits.
const WAV_BYTES_MAX: u64 = 14 * 1024 * 1024;

/// Who speaks, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// A voice of espeak-ng, for instance `en-us` or `en-gb+f3`.
    pub name: String,
    pub words_per_minute: u32,
}

impl Default for Voice {
    fn default() -> Self {
        Self {
            name: "en-us".to_owned(),
            words_per_minute: 150,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    #[error("espeak-ng cannot be started (is the package espeak-ng installed?): {0}")]
    Start(std::io::Error),
    #[error("espeak-ng failed: {0}")]
    Run(std::io::Error),
    #[error("espeak-ng took longer than {SPEAK_TIMEOUT:?}")]
    Timeout,
    #[error("the voice name holds other characters than letters, digits, '-', '_' and '+'")]
    VoiceName,
    #[error("espeak-ng did not answer with a WAV: {0}")]
    Wav(#[from] wav::WavError),
    #[error("the sound cannot be brought to {rate_hz} Hz")]
    Rate { rate_hz: u32 },
}

/// The words as a telephone carries them, 8 kHz.
pub async fn speak(text: &str, voice: &Voice) -> Result<Clip, SpeechError> {
    Ok(speak_at(text, voice, 8_000).await?.into())
}

/// The words as linear samples of the given rate.
pub async fn speak_at(text: &str, voice: &Voice, rate_hz: u32) -> Result<Vec<i16>, SpeechError> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_+".contains(c);
    if !voice.name.starts_with(|c: char| c.is_ascii_alphanumeric())
        || !voice.name.chars().all(is_name)
    {
        return Err(SpeechError::VoiceName);
    }
    let file = tokio::time::timeout(SPEAK_TIMEOUT, run(text, voice))
        .await
        .map_err(|_| SpeechError::Timeout)??;
    let wav = wav::read(&file)?;
    resample::resample_clip(&wav.samples, wav.rate_hz, rate_hz)
        .map_err(|_| SpeechError::Rate { rate_hz })
}

async fn run(text: &str, voice: &Voice) -> Result<Vec<u8>, SpeechError> {
    let mut child = Command::new("espeak-ng")
        .args(["--stdin", "--stdout", "-v", &voice.name, "-s"])
        .arg(voice.words_per_minute.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .env_clear()
        .kill_on_drop(true)
        .spawn()
        .map_err(SpeechError::Start)?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let stdout = child.stdout.take().expect("stdout is piped");
    let mut file = Vec::new();
    let write = async move {
        stdin.write_all(text.as_bytes()).await?;
        // espeak-ng speaks at the end of its input.
        stdin.shutdown().await
    };
    let mut bounded = stdout.take(WAV_BYTES_MAX);
    let (written, read) = tokio::join!(write, bounded.read_to_end(&mut file));
    written.and(read).map_err(SpeechError::Run)?;
    child.wait().await.map_err(SpeechError::Run)?;
    Ok(file)
}

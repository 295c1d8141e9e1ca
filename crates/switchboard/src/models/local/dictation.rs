//! Speech to text without a conversation: a whole message by a program that was set, under the same leash and the same
//! contract as a recogniser of calls.

use std::time::Duration;

use thiserror::Error;

use super::RecogniserProgram;
use super::child::{Run, find_program};

/// An hour of speech has some 60 kB.
const OUTPUT_BYTES_MAX: u64 = 1024 * 1024;

/// Why there is no text.
#[derive(Debug, Error)]
pub(crate) enum DictationError {
    /// The default recogniser hears answers to questions only.
    #[error("no program is set")]
    NoProgram,
    /// It did not run, or not to its end.
    #[error("{0}")]
    Child(String),
    /// The private folder could not be used.
    #[error("the program's private folder: {0}")]
    Folder(#[from] std::io::Error),
}

/// The words of a WAV of 16 kHz, mono. The sound lies in a private folder while the program runs (threat A6).
pub(crate) async fn write_down(
    program: &RecogniserProgram,
    sound: Vec<u8>,
    limit: Duration,
) -> Result<String, DictationError> {
    let RecogniserProgram::Command { program, args } = program else {
        return Err(DictationError::NoProgram);
    };
    let folder = tempfile::Builder::new()
        .prefix("switchboard-message-")
        .tempdir()?;
    let path = folder.path().join("message.wav");
    tokio::fs::write(&path, sound).await?;
    let path = path.display().to_string();
    let args: Vec<String> = args.iter().map(|arg| arg.replace("{wav}", &path)).collect();
    let program = find_program(program).unwrap_or_else(|| program.clone());
    let run = Run {
        program: &program,
        args: &args,
        stdin: Vec::new(),
        limit,
        output_bytes_max: OUTPUT_BYTES_MAX,
    };
    let output = run.output().await;
    let output = output.map_err(|error| DictationError::Child(error.to_string()))?;
    let words = String::from_utf8_lossy(&output);
    Ok(words.split_whitespace().collect::<Vec<_>>().join(" "))
}

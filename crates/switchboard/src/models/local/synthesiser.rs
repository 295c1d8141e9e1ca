//! Text to speech by a child process: text in by stdin, WAV out by stdout.

use std::path::PathBuf;
use std::time::Duration;

use switchboard_call::words::Language;
use switchboard_media::resample::resample_clip;
use switchboard_media::wav;
use thiserror::Error;

use super::SynthesiserProgram;
use super::child::{ChildError, Run, espeak};

/// One clause takes espeak-ng some 10 ms; a slow neural voice on a busy machine still fits.
const CLAUSE_LIMIT: Duration = Duration::from_secs(8);
/// A minute of 48 kHz sound.
const OUTPUT_BYTES_MAX: u64 = 48_000 * 2 * 60;
/// Words a minute: a little slower than espeak-ng's 175, because callers write things down.
const SPEED: &str = "160";
/// Longer clauses are cut into several runs.
pub(super) const CLAUSE_CHARACTERS_MAX: usize = 300;

/// Why there is no sound.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum SynthesisError {
    /// The program failed.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// It answered with something that is no WAV, or at a rate nobody speaks.
    #[error("the synthesiser did not answer with usable sound")]
    Sound,
}

/// Speaks clauses.
#[derive(Debug, Clone)]
pub(super) struct Synthesiser {
    program: PathBuf,
    args: Vec<String>,
    is_espeak: bool,
    output_hz: u32,
}

impl Synthesiser {
    pub(super) fn new(program: &SynthesiserProgram, output_hz: u32) -> Self {
        match program {
            SynthesiserProgram::EspeakNg => Self {
                program: espeak().unwrap_or_else(|_| PathBuf::from("espeak-ng")),
                args: Vec::new(),
                is_espeak: true,
                output_hz,
            },
            SynthesiserProgram::Command { program, args } => Self {
                program: super::child::find_program(program).unwrap_or_else(|| program.clone()),
                args: args.clone(),
                is_espeak: false,
                output_hz,
            },
        }
    }

    /// False for a language the default program would only mispronounce.
    pub(super) fn speaks(&self, language: Language) -> bool {
        !self.is_espeak || language != Language::KINYARWANDA
    }

    /// The clause as samples at the output rate.
    pub(super) async fn speak(
        &self,
        clause: &str,
        language: Language,
    ) -> Result<Vec<i16>, SynthesisError> {
        let (rate_hz, samples) = self.run(clause, language, true).await?;
        resample_clip(&samples, rate_hz, self.output_hz).map_err(|_| SynthesisError::Sound)
    }

    /// Where each word of the clause ends, as shares of the time its words take: the length of every beginning of the
    /// clause, spoken by itself. Nearer the ear than counting letters. None where that costs too much or fails.
    pub(super) async fn word_ends(&self, clause: &str, language: Language) -> Option<Vec<f64>> {
        let ends: Vec<usize> = word_end_positions(clause);
        if !self.is_espeak || ends.len() < 2 || ends.len() > ALIGNED_WORDS_MAX {
            return None;
        }
        let mut lengths = Vec::with_capacity(ends.len());
        for end in ends {
            let (_, samples) = self.run(&clause[..end], language, false).await.ok()?;
            lengths.push(voiced_samples(&samples) as f64);
        }
        let whole = lengths.last().copied().filter(|whole| *whole > 0.0)?;
        let mut reached = 0.0f64;
        Some(
            lengths
                .into_iter()
                .map(|length| {
                    reached = reached.max((length / whole).min(1.0));
                    reached
                })
                .collect(),
        )
    }

    async fn run(
        &self,
        clause: &str,
        language: Language,
        with_pause: bool,
    ) -> Result<(u32, Vec<i16>), SynthesisError> {
        let args = self.args(language, with_pause);
        let run = Run {
            program: &self.program,
            args: &args,
            stdin: plain(clause).into_bytes(),
            limit: CLAUSE_LIMIT,
            output_bytes_max: OUTPUT_BYTES_MAX,
        };
        let sound = wav::read(&run.output().await?).map_err(|_| SynthesisError::Sound)?;
        Ok((sound.rate_hz, sound.samples))
    }

    fn args(&self, language: Language, with_pause: bool) -> Vec<String> {
        if !self.is_espeak {
            return self
                .args
                .iter()
                .map(|arg| arg.replace("{language}", language.as_str()))
                .collect();
        }
        let voice = match language.as_str() {
            "en" => "en-us",
            other => other,
        };
        let mut args: Vec<String> = ["-v", voice, "-s", SPEED, "-b", "1", "--stdin", "--stdout"]
            .map(str::to_owned)
            .to_vec();
        if !with_pause {
            args.push("-z".to_owned());
        }
        args
    }
}

/// Aligning runs the program once per word.
const ALIGNED_WORDS_MAX: usize = 40;

/// Byte positions after each word.
pub(super) fn word_end_positions(clause: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut is_in_word = false;
    for (at, sign) in clause.char_indices() {
        if sign.is_whitespace() && std::mem::take(&mut is_in_word) {
            ends.push(at);
        }
        is_in_word |= !sign.is_whitespace();
    }
    if is_in_word {
        ends.push(clause.len());
    }
    ends
}

/// Samples up to the last one that is louder than a whisper.
pub(super) fn voiced_samples(samples: &[i16]) -> usize {
    const WHISPER: u16 = 300;
    samples
        .iter()
        .rposition(|sample| sample.unsigned_abs() > WHISPER)
        .map_or(0, |at| at + 1)
}

/// The text without what a synthesiser could take for markup: SSML tags, `[[phonemes]]`, control characters.
fn plain(text: &str) -> String {
    text.chars()
        .map(|sign| {
            if sign.is_control() || "<>[]{}|\\&".contains(sign) {
                ' '
            } else {
                sign
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a6_markup_and_phoneme_codes_in_text_are_not_passed_on() {
        assert_eq!(
            plain("a <b> [[x]] & \\ \u{7}c")
                .split_whitespace()
                .collect::<Vec<_>>(),
            ["a", "b", "x", "c"]
        );
    }

    #[test]
    fn words_end_where_spaces_begin() {
        assert_eq!(word_end_positions("One moment,  please."), [3, 11, 20]);
        assert_eq!(word_end_positions("  "), [0usize; 0]);
    }
}

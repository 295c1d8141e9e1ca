//! What a simulated caller does, line by line: words that become sound, and keys.

use std::sync::Arc;

use anyhow::Result;
use switchboard_sim::caller::speech::{self, SpeechError, Voice};

use crate::cli::{Exit, Failure};

/// How a line names keys instead of words: `press:1`.
const PRESS: &str = "press:";

/// Its pace.
const WORDS_PER_MINUTE: u32 = 150;

/// One line of `--say`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// Words, spoken aloud.
    Say(String),
    /// Keys of a telephone, pressed one after the other.
    Press(Vec<char>),
}

/// A line with its sound; the sound is shared by all callers that say it.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Words and their samples.
    Speak { text: String, samples: Arc<[i16]> },
    /// Keys.
    Press(Vec<char>),
}

/// Reads what was typed.
///
/// # Errors
/// Keys that no telephone has, and lines without words.
pub(super) fn parse(lines: &[String]) -> Result<Vec<Line>> {
    lines.iter().map(|line| parse_line(line.trim())).collect()
}

fn parse_line(line: &str) -> Result<Line> {
    let Some(keys) = line.strip_prefix(PRESS) else {
        if line.is_empty() {
            return Err(Failure::new(Exit::WrongUse, "a line of --say is empty").into());
        }
        return Ok(Line::Say(line.to_owned()));
    };
    let keys: Vec<char> = keys.trim().chars().collect();
    let is_key = |key: &char| key.is_ascii_digit() || "*#".contains(*key);
    if keys.is_empty() || !keys.iter().all(is_key) {
        let failure = Failure::new(
            Exit::WrongUse,
            format!("`{line}` names no keys of a telephone"),
        );
        return Err(failure
            .with_help("use digits, * and #, for example --say press:1")
            .into());
    }
    Ok(Line::Press(keys))
}

/// Gives every line its sound at this rate.
///
/// # Errors
/// espeak-ng is missing or fails.
pub(super) async fn voice(lines: &[Line], name: &str, rate_hz: u32) -> Result<Vec<Act>> {
    let voice = Voice {
        name: name.to_owned(),
        words_per_minute: WORDS_PER_MINUTE,
    };
    let mut acts = Vec::with_capacity(lines.len());
    for line in lines {
        acts.push(match line {
            Line::Press(keys) => Act::Press(keys.clone()),
            Line::Say(text) => {
                let samples = speech::speak_at(text, &voice, rate_hz)
                    .await
                    .map_err(no_voice)?;
                Act::Speak {
                    text: text.clone(),
                    samples: samples.into(),
                }
            }
        });
    }
    Ok(acts)
}

fn no_voice(error: SpeechError) -> Failure {
    let exit = if matches!(error, SpeechError::Start(_)) {
        Exit::CannotReach
    } else {
        Exit::No
    };
    Failure::new(exit, "the simulated caller has no voice")
        .because(error.to_string())
        .with_help("as root: apt-get install espeak-ng")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_words_or_keys() {
        let lines = ["I need a facial".to_owned(), "press:1#".to_owned()];
        let expected = vec![
            Line::Say("I need a facial".to_owned()),
            Line::Press(vec!['1', '#']),
        ];
        assert_eq!(parse(&lines).expect("lines"), expected);
    }

    #[test]
    fn what_no_telephone_has_is_refused() {
        for line in ["press:", "press:x", "press:1a", "  "] {
            assert!(parse(&[line.to_owned()]).is_err(), "{line}");
        }
    }
}

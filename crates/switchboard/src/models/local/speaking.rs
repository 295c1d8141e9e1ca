//! A reply becoming sound: clause by clause, each with its words, its samples and where the words lie in them.

use switchboard_call::time::Span;
use switchboard_call::words::Language;
use switchboard_media::frame::AudioFormat;
use tokio::sync::mpsc;

use super::synthesiser::{
    CLAUSE_CHARACTERS_MAX, SynthesisError, Synthesiser, voiced_samples, word_end_positions,
};

/// Length of one piece of audio.
const PIECE_MS: u64 = 200;
/// A reply is cut here: five minutes of talk.
const REPLY_CHARACTERS_MAX: usize = 4_000;

/// A part of a reply, in order.
#[derive(Debug)]
pub(super) enum Spoken {
    /// The next words, spaces included: the parts joined are the text.
    Words(String),
    /// Samples in the output format.
    Audio(Vec<u8>),
    /// So many characters of the text are spoken by then.
    Aligned {
        characters: u32,
        spoken_by: Span,
    },
    Ended(Result<(), SynthesisError>),
}

/// Speaks the text part by part into the queue; ends early when nobody takes the parts.
pub(super) async fn speak(
    text: String,
    language: Language,
    synthesiser: Synthesiser,
    format: AudioFormat,
    parts: mpsc::Sender<Spoken>,
) {
    let ended = speak_clauses(&text, language, &synthesiser, format, &parts).await;
    let _ = parts.send(Spoken::Ended(ended)).await;
}

async fn speak_clauses(
    text: &str,
    language: Language,
    synthesiser: &Synthesiser,
    format: AudioFormat,
    parts: &mpsc::Sender<Spoken>,
) -> Result<(), SynthesisError> {
    let mut position = Position {
        characters: 0,
        micros: 0,
    };
    for clause in clauses(text) {
        let _ = parts.send(Spoken::Words(clause.to_owned())).await;
        if clause.trim().is_empty() {
            position.characters += characters(clause);
            continue;
        }
        let samples = synthesiser.speak(clause, language).await?;
        let shares = synthesiser.word_ends(clause, language).await;
        // The words lie before their sound, so that whoever plays the sound knows them.
        for aligned in position.align(clause, shares, &samples, format) {
            let _ = parts.send(aligned).await;
        }
        let bytes = format.encode_from_pcm(&samples);
        for piece in bytes.chunks(format.bytes_of(PIECE_MS).max(format.sample_bytes())) {
            if parts.send(Spoken::Audio(piece.to_vec())).await.is_err() {
                return Ok(());
            }
        }
        position.characters += characters(clause);
        position.micros += micros(samples.len(), format);
    }
    Ok(())
}

/// How far the reply has come.
struct Position {
    characters: u32,
    micros: u64,
}

impl Position {
    /// Where each word of the clause ends. Shares are of the voiced part; without them, length of text decides.
    fn align(
        &self,
        clause: &str,
        shares: Option<Vec<f64>>,
        samples: &[i16],
        format: AudioFormat,
    ) -> Vec<Spoken> {
        let ends = word_end_positions(clause);
        let voiced = micros(voiced_samples(samples), format) as f64;
        let by_length = |end: &usize| *end as f64 / clause.trim_end().len().max(1) as f64;
        let shares = shares.filter(|shares| shares.len() == ends.len());
        let shares = shares.unwrap_or_else(|| ends.iter().map(by_length).collect());
        let aligned = ends.iter().zip(shares).map(|(end, share)| Spoken::Aligned {
            characters: self.characters + characters(&clause[..*end]),
            spoken_by: Span::from_micros(self.micros + (voiced * share.clamp(0.0, 1.0)) as u64),
        });
        aligned.collect()
    }
}

fn characters(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

fn micros(samples: usize, format: AudioFormat) -> u64 {
    samples as u64 * 1_000_000 / u64::from(format.rate_hz().max(1))
}

/// The text in parts that end behind `.`, `?`, `!`, `:` or `;` and a space, or where a part grows too long. Joined,
/// they are the text.
fn clauses(text: &str) -> Vec<&str> {
    let text = text
        .char_indices()
        .nth(REPLY_CHARACTERS_MAX)
        .map_or(text, |(end, _)| &text[..end]);
    let mut clauses = Vec::new();
    let mut from = 0;
    let mut last = ' ';
    for (at, sign) in text.char_indices() {
        let is_end =
            sign.is_whitespace() && ".?!:;".contains(last) && !ends_with_title(&text[from..at]);
        let is_long = sign.is_whitespace() && at - from > CLAUSE_CHARACTERS_MAX;
        if is_end || is_long {
            clauses.push(&text[from..at + sign.len_utf8()]);
            from = at + sign.len_utf8();
        }
        last = sign;
    }
    clauses.push(&text[from..]);
    clauses.retain(|clause| !clause.is_empty());
    clauses
}

/// "Dr. Ortiz" is one clause.
fn ends_with_title(text: &str) -> bool {
    ["Dr.", "Mr.", "Mrs.", "Ms.", "St."]
        .iter()
        .any(|title| text.ends_with(title))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_joined_are_the_text() {
        let text = "Hello. I have 2:30 PM with Dr. Ortiz. Which one?  Bye";
        assert_eq!(
            clauses(text),
            [
                "Hello. ",
                "I have 2:30 PM with Dr. Ortiz. ",
                "Which one? ",
                " Bye"
            ]
        );
        assert_eq!(clauses(""), [""; 0]);
    }
}

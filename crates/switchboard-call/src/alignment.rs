//! Which words lie before a position in the audio.
//!
//! Speech models send text and audio side by side without saying where a word lies. A cut by the share of
//! characters is wrong by several words, because pauses take time and say nothing. So time is counted on the
//! voiced part of the audio only, words weigh by their syllables, and the ends of clauses snap to the pauses
//! that are really there. Models that know their word times (the offline one) hand them in instead.

use crate::time::Span;

/// Length of one slot of the level envelope.
const SLOT_MS: u64 = 20;
/// A slot is voiced when it is not further than this below the loudest one.
const VOICED_RANGE_DB: i16 = 32;
/// Nothing below this is speech, however quiet the rest is.
const VOICED_MIN_DBFS: i16 = -60;
/// An unvoiced run of at least this many slots is a pause between clauses, not the closure of a plosive.
const PAUSE_SLOTS_MIN: usize = 6;
/// How far a clause's end is moved to meet a pause, in voiced milliseconds.
const SNAP_MS: f32 = 350.0;
/// Speech of common synthesisers, used until the first complete item of the call tells better.
const MS_PER_SYLLABLE: f32 = 185.0;
/// An item of an hour of speech has less; what a model writes beyond it is not kept.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Word positions of one item: as many as its text can have words.
const ALIGNED_MAX: usize = 16 * 1024;
/// A word counts as heard when at most this much of it is missing: nobody notices its last 40 ms.
const WORD_TAIL: Span = Span::from_millis(40);

/// The text of one spoken item beside the audio it is spoken in.
#[derive(Debug, Clone, Default)]
pub(crate) struct SpokenText {
    text: String,
    audio: Span,
    levels_dbfs: Vec<i8>,
    /// Exact positions from the model: byte offset and moment, ascending.
    aligned: Vec<(usize, Span)>,
    is_complete: bool,
}

struct Word {
    end: usize,
    /// Sum of syllables up to its end.
    weight: f32,
    ends_clause: bool,
}

impl SpokenText {
    pub(crate) fn push_text(&mut self, delta: &str) {
        if self.text.len() + delta.len() <= TEXT_BYTES_MAX {
            self.text.push_str(delta);
        }
    }

    pub(crate) fn push_audio(&mut self, length: Span, levels_dbfs: &[i8]) {
        self.audio = self.audio + length;
        self.levels_dbfs.extend_from_slice(levels_dbfs);
    }

    pub(crate) fn align(&mut self, characters: u32, spoken_by: Span) {
        if self.aligned.len() == ALIGNED_MAX {
            return;
        }
        let characters = usize::try_from(characters).unwrap_or(usize::MAX);
        let offset = self
            .text
            .char_indices()
            .nth(characters)
            .map_or(self.text.len(), |(offset, _)| offset);
        if self
            .aligned
            .last()
            .is_none_or(|(last, moment)| *last <= offset && *moment <= spoken_by)
        {
            self.aligned.push((offset, spoken_by));
        }
    }

    pub(crate) fn complete(&mut self) {
        self.is_complete = true;
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn audio(&self) -> Span {
        self.audio
    }

    /// The words spoken before this position of the item's audio.
    pub(crate) fn until(&self, position: Span, ms_per_syllable: Option<f32>) -> &str {
        if position.is_zero() {
            return "";
        }
        if self.is_complete && position >= self.audio {
            return &self.text;
        }
        let heard = position + WORD_TAIL;
        let ends = self.word_ends(ms_per_syllable);
        let end = ends
            .iter()
            .take_while(|(_, moment)| *moment <= heard)
            .last()
            .map_or(0, |(end, _)| *end);
        self.text.get(..end).unwrap_or_default()
    }

    /// Voiced milliseconds per syllable of a complete item: how fast this voice speaks.
    pub(crate) fn ms_per_syllable(&self) -> Option<f32> {
        let syllables = self.words().last()?.weight;
        let voiced = self.voiced_map().voiced_ms();
        (self.is_complete && syllables >= 4.0 && voiced > 0.0).then(|| voiced / syllables)
    }

    fn word_ends(&self, ms_per_syllable: Option<f32>) -> Vec<(usize, Span)> {
        if self.aligned.is_empty() {
            self.estimated_ends(ms_per_syllable)
        } else {
            self.aligned_ends()
        }
    }

    fn aligned_ends(&self) -> Vec<(usize, Span)> {
        let position = |offset: usize| {
            let after = self.aligned.partition_point(|(known, _)| *known < offset);
            let (from, from_at) = after
                .checked_sub(1)
                .map_or((0, Span::ZERO), |index| self.aligned[index]);
            let (to, to_at) = self
                .aligned
                .get(after)
                .copied()
                .unwrap_or((self.text.len(), self.audio));
            if to <= from {
                return to_at;
            }
            let share = (offset - from) as f64 / (to - from) as f64;
            let span = to_at.saturating_sub(from_at).micros() as f64;
            from_at + Span::from_micros((span * share) as u64)
        };
        self.words()
            .into_iter()
            .map(|word| (word.end, position(word.end)))
            .collect()
    }

    fn estimated_ends(&self, ms_per_syllable: Option<f32>) -> Vec<(usize, Span)> {
        let words = self.words();
        let Some(syllables) = words.last().map(|last| last.weight) else {
            return Vec::new();
        };
        let map = self.voiced_map();
        let pace = if self.is_complete {
            map.voiced_ms() / syllables
        } else {
            ms_per_syllable.unwrap_or(MS_PER_SYLLABLE)
        };
        let anchors = snap_clauses(&words, pace, &map.pauses_ms);
        words
            .iter()
            .map(|word| (word.end, map.real(interpolate(&anchors, word.weight, pace))))
            .collect()
    }

    fn words(&self) -> Vec<Word> {
        let mut words = Vec::new();
        let mut weight = 0.0;
        let mut rest = 0;
        for part in self.text.split_inclusive(char::is_whitespace) {
            rest += part.len();
            let word = part.trim_end();
            if word.is_empty() {
                continue;
            }
            weight += syllables(word);
            let ends_clause = word.ends_with(['.', ',', ';', ':', '!', '?', '—', '–']);
            words.push(Word {
                end: rest - (part.len() - word.len()),
                weight,
                ends_clause,
            });
        }
        words
    }

    fn voiced_map(&self) -> VoicedMap {
        VoicedMap::new(&self.levels_dbfs, self.audio)
    }
}

/// Syllables by groups of vowels; digits and capitals are spelled, so each counts for itself.
fn syllables(word: &str) -> f32 {
    let mut count = 0.0;
    let mut in_vowels = false;
    for character in word.chars() {
        let lower = character.to_lowercase().next().unwrap_or(character);
        let is_vowel = matches!(lower, 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
            || (!lower.is_ascii() && lower.is_alphabetic());
        if character.is_ascii_digit() {
            count += 1.3;
        } else if is_vowel && !in_vowels {
            count += 1.0;
        }
        in_vowels = is_vowel;
    }
    // Consonants take time too, and a short word is never nothing.
    f32::max(count, 0.6) + 0.08 * word.chars().filter(|c| c.is_alphabetic()).count() as f32
}

/// Clause ends with the voiced moment of the pause they meet: (weight, voiced ms), ascending.
fn snap_clauses(words: &[Word], pace: f32, pauses_ms: &[f32]) -> Vec<(f32, f32)> {
    let mut anchors = vec![(0.0, 0.0)];
    let mut next_pause = 0;
    for word in words.iter().filter(|word| word.ends_clause) {
        let predicted = interpolate(&anchors, word.weight, pace);
        let nearest = (next_pause..pauses_ms.len()).min_by(|a, b| {
            (pauses_ms[*a] - predicted)
                .abs()
                .total_cmp(&(pauses_ms[*b] - predicted).abs())
        });
        if let Some(index) =
            nearest.filter(|index| (pauses_ms[*index] - predicted).abs() <= SNAP_MS)
        {
            anchors.push((word.weight, pauses_ms[index]));
            next_pause = index + 1;
        }
    }
    anchors
}

/// The voiced moment of a weight: between two anchors in proportion, behind the last one at the voice's pace.
fn interpolate(anchors: &[(f32, f32)], weight: f32, pace: f32) -> f32 {
    let after = anchors.partition_point(|(known, _)| *known < weight);
    let (from, from_ms) = after
        .checked_sub(1)
        .map_or((0.0, 0.0), |index| anchors[index]);
    match anchors.get(after) {
        Some((to, to_ms)) if *to > from => {
            from_ms + (to_ms - from_ms) * (weight - from) / (to - from)
        }
        _ => from_ms + (weight - from) * pace,
    }
}

/// Voiced time against real time.
struct VoicedMap {
    /// Slots that are voiced; empty when there is no envelope.
    voiced: Vec<bool>,
    audio: Span,
    /// Voiced moments at which a pause lies.
    pauses_ms: Vec<f32>,
}

impl VoicedMap {
    fn new(levels_dbfs: &[i8], audio: Span) -> Self {
        let peak = levels_dbfs.iter().copied().max().map_or(0, i16::from);
        let floor = (peak - VOICED_RANGE_DB).max(VOICED_MIN_DBFS);
        let voiced: Vec<bool> = levels_dbfs
            .iter()
            .map(|level| i16::from(*level) > floor)
            .collect();
        let pauses_ms = pauses(&voiced);
        Self {
            voiced,
            audio,
            pauses_ms,
        }
    }

    fn voiced_ms(&self) -> f32 {
        if self.voiced.is_empty() {
            return self.audio.millis() as f32;
        }
        (self.voiced.iter().filter(|voiced| **voiced).count() as u64 * SLOT_MS) as f32
    }

    /// The real moment at which this much voiced time has passed.
    fn real(&self, voiced_ms: f32) -> Span {
        if self.voiced.is_empty() {
            return Span::from_micros((voiced_ms * 1_000.0) as u64);
        }
        let mut left = voiced_ms;
        for (index, voiced) in self.voiced.iter().enumerate() {
            if *voiced {
                left -= SLOT_MS as f32;
            }
            if left <= 0.0 {
                let end = (index as u64 + 1) * SLOT_MS;
                return Span::from_micros((end as f32 * 1_000.0 + left * 1_000.0).max(0.0) as u64);
            }
        }
        let known = self.voiced.len() as u64 * SLOT_MS;
        Span::from_micros(known * 1_000 + (left * 1_000.0) as u64)
    }
}

fn pauses(voiced: &[bool]) -> Vec<f32> {
    let mut pauses = Vec::new();
    let mut voiced_slots = 0_u64;
    let mut run = 0;
    for is_voiced in voiced {
        if *is_voiced {
            if run >= PAUSE_SLOTS_MIN && voiced_slots > 0 {
                pauses.push((voiced_slots * SLOT_MS) as f32);
            }
            run = 0;
            voiced_slots += 1;
        } else {
            run += 1;
        }
    }
    pauses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Span {
        Span::from_millis(millis)
    }

    /// One second of voice, one of silence, one of voice.
    fn two_clauses() -> SpokenText {
        let mut spoken = SpokenText::default();
        spoken.push_text("I have two thirty. Would you like it?");
        let mut levels = vec![-20_i8; 50];
        levels.extend(vec![-90_i8; 50]);
        levels.extend(vec![-20_i8; 50]);
        spoken.push_audio(ms(3_000), &levels);
        spoken.complete();
        spoken
    }

    #[test]
    fn a_clause_ends_at_its_pause() {
        let spoken = two_clauses();
        assert_eq!(spoken.until(ms(1_000), None), "I have two thirty.");
        assert_eq!(
            spoken.until(ms(1_900), None),
            "I have two thirty.",
            "a pause says nothing"
        );
        assert_eq!(
            spoken.until(ms(3_000), None),
            "I have two thirty. Would you like it?"
        );
    }

    #[test]
    fn nothing_heard_is_no_words() {
        assert_eq!(two_clauses().until(Span::ZERO, None), "");
        assert_eq!(SpokenText::default().until(ms(500), None), "");
    }

    #[test]
    fn word_times_from_the_model_win() {
        let mut spoken = SpokenText::default();
        spoken.push_text("one two three");
        spoken.push_audio(ms(900), &[]);
        spoken.align(3, ms(100));
        spoken.align(7, ms(200));
        spoken.align(13, ms(900));
        assert_eq!(spoken.until(ms(210), None), "one two");
    }

    #[test]
    fn text_that_runs_ahead_of_the_audio_is_not_heard() {
        let mut spoken = SpokenText::default();
        spoken
            .push_text("One moment please while I look at all the free times on Tuesday afternoon");
        spoken.push_audio(ms(400), &[-20; 20]);
        let heard = spoken.until(ms(400), None);
        assert!(heard.len() < 20, "{heard}");
    }

    #[test]
    fn a_position_inside_a_multibyte_word_is_safe() {
        let mut spoken = SpokenText::default();
        spoken.push_text("déjà vu, ça va très bien");
        spoken.push_audio(ms(1_500), &[-20; 75]);
        spoken.complete();
        for millis in 0..1_600 {
            let heard = spoken.until(ms(millis), None);
            assert!(spoken.text().starts_with(heard));
        }
    }
}

//! What voices look like to the core: lengths and levels.

/// A quiet telephone line.
pub(crate) const LINE_NOISE_DBFS: i8 = -64;
/// A caller who speaks into the telephone.
pub(crate) const VOICE_DBFS: i8 = -22;
/// A brisk speaker.
const MS_PER_WORD: u64 = 300;
/// Syllables and the gaps between them, one value per 20 ms.
const SYLLABLES_DBFS: [i8; 11] = [-18, -20, -34, -16, -24, -40, -19, -28, -15, -36, -22];

/// How long the scripted model takes to say this.
pub(crate) fn words_length_ms(words: &str) -> u64 {
    words.split_whitespace().count() as u64 * MS_PER_WORD
}

/// The envelope of the agent's voice, from a position in its item on.
pub(crate) fn agent_levels(from_ms: u64, length_ms: u64) -> Vec<i8> {
    let first = from_ms / 20;
    (first..first + length_ms / 20)
        .map(|slot| SYLLABLES_DBFS[(slot as usize) % SYLLABLES_DBFS.len()])
        .collect()
}

/// Our own voice coming back from the caller's line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Echo {
    pub(crate) delay_ms: u64,
    pub(crate) loss_db: i8,
}

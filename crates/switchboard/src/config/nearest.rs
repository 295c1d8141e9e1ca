//! Which known word was probably meant.

/// Similarity below which two words have nothing to do with each other; `colour`/`color` has 0.96, `voice`/`model` 0.47.
const SIMILARITY_MIN: f64 = 0.7;

/// The word of `known` that is most like `found`, if any is like it at all.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(found, word), word))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, word)| word)
}

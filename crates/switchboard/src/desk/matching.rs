//! Which entry of a list somebody means by words that were spoken, recognised or typed.
//!
//! Evidence is tried from strong to weak, and the first kind that speaks for anybody decides. Words that speak for
//! several entries are never decided by a guess: the answer is then all of them.

/// What was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match<T> {
    One(T),
    /// The words fit each of these equally well.
    Several(Vec<T>),
    Nothing,
}

/// One entry of a list, with everything it is called. The first label is its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Labels<T> {
    pub entry: T,
    labels: Vec<Vec<String>>,
}

/// Shortest word in which one wrong letter is forgiven, and shortest in which two are.
const ONE_SLIP_LETTERS_MIN: usize = 4;
const TWO_SLIPS_LETTERS_MIN: usize = 8;
/// Likeness of a whole phrase written as one word ("micro needling" and "microneedling", "massaj" and "massage").
const LIKENESS_MIN: f64 = 0.75;
/// Two entries whose likeness differs by less than this are not told apart.
const LIKENESS_DISTANCE_MIN: f64 = 0.08;
/// Words after this many are not looked at: nobody names a service in more.
const WORDS_MAX: usize = 40;

/// Words that say nothing about which entry is meant.
const FILLERS: &[&str] = &[
    "a",
    "an",
    "the",
    "some",
    "my",
    "your",
    "please",
    "for",
    "of",
    "to",
    "with",
    "and",
    "in",
    "at",
    "on",
    "i",
    "id",
    "would",
    "like",
    "want",
    "need",
    "get",
    "have",
    "book",
    "booking",
    "make",
    "appointment",
    "session",
    "dr",
    "doctor",
    "mr",
    "mrs",
    "ms",
    "miss",
];

impl<T> Labels<T> {
    /// An entry with its name and other words for it.
    pub(super) fn new<'a>(
        entry: T,
        name: &'a str,
        others: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let labels = std::iter::once(name).chain(others).map(telling_words);
        Self {
            entry,
            labels: labels.filter(|label| !label.is_empty()).collect(),
        }
    }
}

/// The entry that `said` means.
pub(super) fn find_meant<'a, T>(said: &str, entries: &'a [Labels<T>]) -> Match<&'a T> {
    let said = telling_words(said);
    if said.is_empty() {
        return Match::Nothing;
    }
    let kinds_of_evidence =
        [is_called_so, is_mentioned, mentions_every_word, looks_alike] as [Evidence<T>; 4];
    for evidence in kinds_of_evidence {
        let mut found = evidence(&said, entries).into_iter();
        match (found.next(), found.next()) {
            (Some(only), None) => return Match::One(only),
            (Some(first), Some(second)) => {
                return Match::Several([first, second].into_iter().chain(found).collect());
            }
            (None, _) => {}
        }
    }
    Match::Nothing
}

type Evidence<T> = for<'a> fn(&[String], &'a [Labels<T>]) -> Vec<&'a T>;

/// Said exactly: the name itself beats another entry's synonym.
fn is_called_so<'a, T>(said: &[String], entries: &'a [Labels<T>]) -> Vec<&'a T> {
    let with_label = |fits: fn(usize) -> bool| -> Vec<&'a T> {
        let matches = |entry: &&Labels<T>| {
            entry
                .labels
                .iter()
                .enumerate()
                .any(|(index, label)| fits(index) && label == said)
        };
        entries
            .iter()
            .filter(matches)
            .map(|entry| &entry.entry)
            .collect()
    };
    let by_name = with_label(|index| index == 0);
    if by_name.is_empty() {
        with_label(|index| index > 0)
    } else {
        by_name
    }
}

/// Mentioned inside a longer sentence. The longest mention hides shorter ones inside it: "deep tissue massage" is
/// not also a "massage".
fn is_mentioned<'a, T>(said: &[String], entries: &'a [Labels<T>]) -> Vec<&'a T> {
    let mut mentions: Vec<(std::ops::Range<usize>, usize)> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        for label in &entry.labels {
            let places = said.windows(label.len()).enumerate();
            let heard = places.filter(|(_, words)| are_same_words(words, label));
            mentions.extend(heard.map(|(start, _)| (start..start + label.len(), index)));
        }
    }
    let longest = |(range, _): &&(std::ops::Range<usize>, usize)| {
        let hides = |other: &std::ops::Range<usize>| {
            other.len() > range.len() && other.start <= range.start && range.end <= other.end
        };
        !mentions.iter().any(|(other, _)| hides(other))
    };
    let mut indices: Vec<usize> = mentions
        .iter()
        .filter(longest)
        .map(|(_, index)| *index)
        .collect();
    indices.sort_unstable();
    indices.dedup();
    indices
        .into_iter()
        .map(|index| &entries[index].entry)
        .collect()
}

/// Every telling word is in one label: "ortiz" of "Dr. Lena Ortiz", "hair" of "laser hair removal".
fn mentions_every_word<'a, T>(said: &[String], entries: &'a [Labels<T>]) -> Vec<&'a T> {
    let covers = |label: &Vec<String>| {
        said.iter()
            .all(|word| label.iter().any(|known| is_same_word(word, known)))
    };
    let matching = entries
        .iter()
        .filter(|entry| entry.labels.iter().any(covers));
    matching.map(|entry| &entry.entry).collect()
}

/// Written nearly the same when blanks are ignored.
fn looks_alike<'a, T>(said: &[String], entries: &'a [Labels<T>]) -> Vec<&'a T> {
    let said = said.concat();
    let likeness = |entry: &Labels<T>| {
        let labels = entry.labels.iter().map(|label| label.concat());
        labels
            .map(|label| strsim::normalized_damerau_levenshtein(&said, &label))
            .fold(0.0, f64::max)
    };
    let scored: Vec<(f64, &'a T)> = entries
        .iter()
        .map(|entry| (likeness(entry), &entry.entry))
        .collect();
    let best = scored.iter().map(|(score, _)| *score).fold(0.0, f64::max);
    let near = |score: f64| score >= LIKENESS_MIN && best - score < LIKENESS_DISTANCE_MIN;
    scored
        .into_iter()
        .filter(|(score, _)| near(*score))
        .map(|(_, entry)| entry)
        .collect()
}

fn are_same_words(said: &[String], known: &[String]) -> bool {
    said.len() == known.len()
        && said
            .iter()
            .zip(known)
            .all(|(said, known)| is_same_word(said, known))
}

/// The same word, but for slips of a finger or a recogniser, and a plural.
fn is_same_word(said: &str, known: &str) -> bool {
    let letters = said.chars().count().min(known.chars().count());
    let slips_max = match letters {
        TWO_SLIPS_LETTERS_MIN.. => 2,
        ONE_SLIP_LETTERS_MIN.. => 1,
        _ => 0,
    };
    let is_plural =
        |longer: &str, shorter: &str| letters > 2 && longer.strip_suffix('s') == Some(shorter);
    said == known
        || is_plural(said, known)
        || is_plural(known, said)
        || (slips_max > 0 && strsim::damerau_levenshtein(said, known) <= slips_max)
}

/// Lower-case words without punctuation, accents and fillers; the fillers stay if there is nothing else.
fn telling_words(text: &str) -> Vec<String> {
    let plain: String = text
        .chars()
        .flat_map(char::to_lowercase)
        .map(without_accent)
        .collect();
    let plain = plain.replace(['\'', '’'], "");
    let words = plain
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let words: Vec<String> = words
        .take(WORDS_MAX)
        .map(|word| word.chars().take(LETTERS_MAX).collect())
        .collect();
    let telling: Vec<String> = words
        .iter()
        .filter(|word| !FILLERS.contains(&word.as_str()))
        .cloned()
        .collect();
    if telling.is_empty() { words } else { telling }
}

/// Letters of a word that are looked at, so that comparing stays cheap whatever is sent.
const LETTERS_MAX: usize = 40;

/// Recognisers and callers leave accents out; those of the Latin letters we meet in names are folded.
const fn without_accent(letter: char) -> char {
    match letter {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è'..='ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ì'..='ï' | 'ī' => 'i',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' => 'o',
        'ś' | 'š' | 'ş' => 's',
        'ù'..='ü' | 'ū' | 'ů' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services() -> Vec<Labels<&'static str>> {
        let service =
            |name, others: &[&'static str]| Labels::new(name, name, others.iter().copied());
        vec![
            service(
                "Signature facial",
                &["facial", "face treatment", "facial treatment"],
            ),
            service(
                "Swedish massage",
                &["massage", "relaxing massage", "body massage"],
            ),
            service("Deep tissue massage", &["deep tissue", "sports massage"]),
            service("Botox consultation", &["botox", "wrinkle treatment"]),
            service("Dermal filler", &["filler", "lip filler", "fillers"]),
            service("Laser hair removal", &["laser", "hair removal"]),
            service("Chemical peel", &["peel", "skin peel"]),
            service("Microneedling", &["needling", "micro needling"]),
            service("Teeth whitening", &["whitening", "white teeth"]),
        ]
    }

    fn practitioners() -> Vec<Labels<&'static str>> {
        [
            "Dr. Lena Ortiz",
            "Marcus Bell",
            "Priya Nair",
            "Dr. Anna Bell",
        ]
        .map(|name| Labels::new(name, name, []))
        .into()
    }

    fn check(entries: &[Labels<&'static str>], said: &str, expected: &[&str]) {
        let found = match find_meant(said, entries) {
            Match::One(entry) => vec![*entry],
            Match::Several(entries) => entries.into_iter().copied().collect(),
            Match::Nothing => vec![],
        };
        assert_eq!(found, expected, "{said}");
    }

    #[test]
    fn a_service_is_found_by_name_synonym_slip_and_sentence() {
        let services = services();
        check(&services, "Signature Facial", &["Signature facial"]);
        check(&services, "a facial, please", &["Signature facial"]);
        check(&services, "massage", &["Swedish massage"]);
        check(
            &services,
            "I'd like a deep tissue massage",
            &["Deep tissue massage"],
        );
        check(&services, "deep tisue masage", &["Deep tissue massage"]);
        check(&services, "lazer hair removal", &["Laser hair removal"]);
        check(&services, "hair", &["Laser hair removal"]);
        check(&services, "micro-needling", &["Microneedling"]);
        check(&services, "mikroneedling", &["Microneedling"]);
        check(&services, "bottox", &["Botox consultation"]);
        check(&services, "lip fillers", &["Dermal filler"]);
        check(&services, "teeth whitning", &["Teeth whitening"]);
        check(&services, "peels", &["Chemical peel"]);
    }

    #[test]
    fn words_that_fit_several_services_are_not_decided() {
        let services = services();
        check(
            &services,
            "treatment",
            &["Signature facial", "Botox consultation"],
        );
        check(
            &services,
            "a facial and a massage",
            &["Signature facial", "Swedish massage"],
        );
    }

    #[test]
    fn words_that_fit_no_service_find_nothing() {
        let services = services();
        for said in [
            "",
            "  ",
            "haircut",
            "tattoo",
            "please",
            "'; drop table services; --",
            "🙂",
            "x",
        ] {
            check(&services, said, &[]);
        }
        check(&services, &"massagemassage".repeat(100_000), &[]);
    }

    #[test]
    fn a_practitioner_is_found_by_any_part_of_the_name() {
        let practitioners = practitioners();
        check(&practitioners, "Doctor Ortiz", &["Dr. Lena Ortiz"]);
        check(&practitioners, "lena", &["Dr. Lena Ortiz"]);
        check(&practitioners, "Dr. Ortíz", &["Dr. Lena Ortiz"]);
        check(&practitioners, "with Preya", &["Priya Nair"]);
        check(&practitioners, "markus bell", &["Marcus Bell"]);
        check(&practitioners, "Bell", &["Marcus Bell", "Dr. Anna Bell"]);
        check(&practitioners, "Dr. Who", &[]);
    }
}

//! Lists of words: what people are called, what days are called, and what English is mostly made of.

/// Frequent English words. In a recogniser's language they catch what was said about other things.
const COMMON_WORDS: &str = include_str!("common_words.txt");

/// Frequent given and family names of North America. A name that is missing is asked for by letters.
pub(super) const NAMES: &[&str] = &[
    "james", "john", "robert", "michael", "william", "david", "richard", "joseph", "thomas", "charles", "daniel",
    "matthew", "anthony", "mark", "steven", "paul", "andrew", "joshua", "kevin", "brian", "george", "edward", "ryan",
    "jacob", "gary", "nicholas", "eric", "peter", "jonathan", "justin", "scott", "frank", "benjamin", "samuel", "jack",
    "patrick", "alexander", "adam", "henry", "tom", "mike", "ben", "sam", "alex", "chris", "mary", "patricia",
    "jennifer", "linda", "elizabeth", "barbara", "susan", "jessica", "sarah", "karen", "lisa", "nancy", "sandra",
    "ashley", "emily", "donna", "michelle", "carol", "amanda", "melissa", "deborah", "stephanie", "rebecca", "laura",
    "helen", "sharon", "cynthia", "kathleen", "amy", "angela", "anna", "ruth", "nicole", "katherine", "emma",
    "samantha", "christine", "rachel", "maria", "heather", "julia", "alice", "jane", "kate", "olivia", "sophia",
    "grace", "ada", "smith", "johnson", "williams", "brown", "jones", "garcia", "miller", "davis", "rodriguez",
    "martinez", "hernandez", "lopez", "wilson", "anderson", "taylor", "moore", "jackson", "martin", "lee", "thompson",
    "harris", "clark", "lewis", "robinson", "walker", "allen", "wright", "torres", "hill", "scott", "green", "adams",
    "nelson", "baker", "campbell", "mitchell", "carter", "roberts", "phillips", "evans", "turner", "parker", "collins",
    "edwards", "stewart", "morris", "murphy", "cook", "rogers", "cooper", "reed", "bailey", "kelly", "howard", "cox",
    "ward", "richardson", "watson", "brooks", "bennett", "hughes", "price", "myers", "foster", "jordan", "hamilton",
    "graham", "sullivan", "wallace", "woods", "cole", "owens", "reynolds", "fisher", "ellis", "lovelace",
];

/// Of [`NAMES`], those that stand first; the recogniser's sentences put them there.
pub(super) const FIRST_NAMES: usize = 93;

pub(super) const ORDINALS: &[&str] = &[
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth", "thirtieth",
];

pub(super) const MONTHS: &[&str] = &[
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
];

/// Words that carry no meaning of their own for a business.
pub(super) const FUNCTION_WORDS: &[&str] = &[
    "a", "an", "the", "to", "for", "on", "at", "in", "with", "and", "or", "i", "me", "my", "we", "us", "our", "you",
    "your", "of", "if", "please", "hi", "hello", "hey", "there", "is", "are", "am", "was", "were", "be", "been", "it",
    "it's", "do", "does", "did", "some", "any", "anything", "something", "can", "could", "would", "will", "may",
    "might", "i'd", "i'm", "i'll", "i've", "we'd", "this", "that", "these", "those", "next", "by", "um", "uh", "so",
    "well", "have", "has", "had", "having", "get", "getting", "got", "want", "like", "love", "need", "let", "let's",
    "come", "coming", "good", "thank", "thanks", "just", "maybe", "perhaps", "one", "free", "time", "up", "down", "out",
    "what", "what's", "when", "how", "much", "about", "from", "as", "put", "set", "give", "make", "take", "try", "m",
    "possible", "wondering", "hoping", "looking", "calling", "interested", "think", "thinking", "o'clock", "really",
    "now", "then", "not", "no", "yes", "he", "she", "her", "him", "his", "they", "them", "go", "going", "see", "say",
];

/// The frequent words, in no order that matters.
pub(super) fn common_words() -> impl Iterator<Item = &'static str> {
    COMMON_WORDS.split_whitespace()
}

pub(super) fn is_common(word: &str) -> bool {
    common_words().any(|common| common == word)
}

pub(super) fn is_name(word: &str) -> bool {
    NAMES.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_names_end_where_family_names_begin() {
        assert_eq!(NAMES[FIRST_NAMES - 1], "ada");
        assert_eq!(NAMES[FIRST_NAMES], "smith");
    }
}

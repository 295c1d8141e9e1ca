//! Two automatic parties that would talk for ever (threat M5): a loop of announcements, another voice agent, a line that
//! gives us our own words back.
//!
//! Nobody can be sure of that by ear, and a person who says the same thing three times is somebody whom we do not
//! understand. So suspicion only starts a clock. Shortly before its end we ask for a key, in our own words; any key makes
//! whoever is there a person for the rest of the call, and without one the call ends. No human is rung for it.
//!
//! What arouses suspicion are words alone: where the model hands in no words of the caller, nothing is suspected.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::call::Call;
use crate::end::EndReason;
use crate::event::EventKind;
use crate::limits;
use crate::output::ToLeg;
use crate::time::{Moment, Span};

/// Sentences of both sides that are remembered; a round of a spoken menu is shorter.
const REMEMBERED: usize = 48;
/// "Yes, please." is said often. A sentence of at least this many words is not.
const WORDS_MIN: usize = 4;
/// The same sentence this often is a loop.
const REPEATS: usize = 3;
/// Turns without any sign that lift a suspicion by repetition.
const FRESH_TURNS: u32 = 3;

/// What only machines say of themselves. A person may ask whether we are one, so questions are not among them.
const DECLARATIONS: &[&str] = &[
    "i am an automated",
    "i am an ai ",
    "i am an artificial",
    "i am a virtual assistant",
    "i am a digital assistant",
    "i am a voice assistant",
    "this is an automated",
    "this is a recorded",
    "this is a recording",
    "your call is important to us",
    "please listen carefully",
    "our menu options have",
    "mimi ni msaidizi wa kidijitali",
    "huu ni ujumbe uliorekodiwa",
    "je suis un assistant",
    "je suis une assistante",
    "ceci est un message automatique",
    "ceci est un message enregistré",
    "ndi umufasha ukoresha ikoranabuhanga",
    "ubu ni ubutumwa bwafashwe",
];

/// What is known of the other side.
#[derive(Debug, Default)]
pub(crate) struct AutomaticParty {
    /// Fingerprints of sentences, oldest first. The words themselves are not kept.
    theirs: VecDeque<u64>,
    ours: VecDeque<u64>,
    suspected_since: Option<Moment>,
    /// It said so itself, and other words do not unsay it.
    has_declared: bool,
    fresh_turns: u32,
    was_asked: bool,
    is_person: bool,
}

impl AutomaticParty {
    /// Words of ours that were heard: whoever says them back is an echo of us.
    pub(crate) fn on_ours(&mut self, words: &str) {
        for sentence in sentences(words) {
            if !self.ours.contains(&sentence) {
                remember(&mut self.ours, sentence);
            }
        }
    }

    /// A turn of theirs. True when it is the first reason to suspect something.
    fn on_theirs(&mut self, now: Moment, words: &str) -> bool {
        if self.is_person {
            return false;
        }
        let has_declared = declares(words);
        self.has_declared |= has_declared;
        let mut is_sign = has_declared;
        let mut is_fresh = false;
        for sentence in sentences(words) {
            remember(&mut self.theirs, sentence);
            let repeats = self.theirs.iter().filter(|known| **known == sentence);
            let is_ours = self.ours.contains(&sentence);
            is_sign |= is_ours || repeats.count() >= REPEATS;
            is_fresh = true;
        }
        if is_sign {
            self.fresh_turns = 0;
            let is_first = self.suspected_since.is_none();
            self.suspected_since.get_or_insert(now);
            return is_first;
        }
        self.fresh_turns += u32::from(is_fresh);
        if self.fresh_turns >= FRESH_TURNS && !self.has_declared && !self.was_asked {
            self.suspected_since = None;
        }
        false
    }

    /// A key was pressed: whoever hears our question and answers it is a person.
    pub(crate) fn on_key(&mut self) {
        self.is_person = true;
        self.suspected_since = None;
    }

    /// When the question is due, and when the call ends without an answer.
    fn due(&self, limit: Span) -> Option<(Moment, Moment)> {
        let since = self.suspected_since.filter(|_| !limit.is_zero())?;
        let ask = since + limit.saturating_sub(limits::PERSON_CHECK);
        Some((ask, since + limit))
    }

    pub(crate) fn wake(&self, limit: Span, is_caller_speaking: bool) -> Option<Moment> {
        let (ask, end) = self.due(limit)?;
        Some(match (self.was_asked, is_caller_speaking) {
            (true, _) => end,
            (false, false) => ask,
            (false, true) => breathless(ask),
        })
    }
}

/// Who talks without a breath is asked all the same.
fn breathless(ask: Moment) -> Moment {
    ask + limits::PERSON_CHECK_WAIT
}

impl Call {
    /// Final words of the caller, whether or not they are kept.
    pub(crate) fn weigh_automatic(&mut self, now: Moment, words: &str) {
        if self.settings.limits.automatic_max.is_zero() || self.answering.is_machine() {
            return;
        }
        if self.automatic.on_theirs(now, words) {
            self.event(now, EventKind::AutomaticSuspected);
        }
    }

    pub(crate) fn advance_automatic(&mut self, now: Moment) {
        let Some((ask, end)) = self.automatic.due(self.settings.limits.automatic_max) else {
            return;
        };
        if now >= end {
            self.ask_leg(ToLeg::HangUp);
            return self.end(now, EndReason::AutomaticParty);
        }
        let has_breath = !self.floor.is_caller_speaking() || now >= breathless(ask);
        if now < ask || !has_breath || std::mem::replace(&mut self.automatic.was_asked, true) {
            return;
        }
        self.event(now, EventKind::PersonAsked);
        if let Some(sentences) = self.settings.sentences(self.turns.language()).cloned() {
            self.say_first(now, sentences.person_check, sentences.language);
        }
    }
}

fn remember(known: &mut VecDeque<u64>, sentence: u64) {
    if known.len() == REMEMBERED {
        known.pop_front();
    }
    known.push_back(sentence);
}

fn plain(words: &str) -> String {
    let lower = words.to_lowercase().replace("i'm ", "i am ");
    lower.replace("i’m ", "i am ")
}

fn declares(words: &str) -> bool {
    let text = plain(words);
    let is_question = text.trim_end().ends_with('?');
    !is_question && DECLARATIONS.iter().any(|known| text.contains(known))
}

/// Fingerprints of the sentences that are long enough to mean something.
fn sentences(words: &str) -> Vec<u64> {
    let text = plain(words);
    let parts = text.split(['.', '!', '?', ';']);
    parts.filter_map(fingerprint).collect()
}

fn fingerprint(sentence: &str) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    let mut count = 0;
    for word in sentence.split(|c: char| !c.is_alphanumeric()) {
        if !word.is_empty() {
            word.hash(&mut hasher);
            count += 1;
        }
    }
    (count >= WORDS_MIN).then(|| hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_name_themselves_and_people_ask() {
        let machines = [
            "Hello, I'm an AI assistant calling for Dr. Mensah.",
            "Thank you for calling. Your call is important to us.",
            "This is an automated message from your bank.",
            "Bonjour, je suis une assistante virtuelle.",
        ];
        for words in machines {
            assert!(declares(words), "{words}");
        }
        let people = [
            "Are you an AI or a person?",
            "Is this a recording?",
            "I am an aide at the school and I need a roof looked at.",
            "I would like to book a facial on Tuesday.",
        ];
        for words in people {
            assert!(!declares(words), "{words}");
        }
    }

    #[test]
    fn short_answers_are_no_sentences_and_punctuation_changes_nothing() {
        assert!(sentences("Yes, please. No. That is right.").is_empty());
        assert_eq!(
            sentences("I would like to book."),
            sentences("i would like, to book!")
        );
    }
}

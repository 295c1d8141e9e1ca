//! What three hearings of the same sound mean together.

use super::{Expecting, Intent, Meaning};

impl Meaning {
    /// What three hearings of the same sound mean together: an expectant one, another expectant one, and a sceptical
    /// one. A service needs all three, because the expectant ones bend foreign sentences into wishes; what fewer of
    /// them heard is worth a question. Anything else needs two of three, or to be a plain answer to the
    /// open question, because it is read back before anything follows from it.
    #[must_use]
    pub(in crate::models::local) fn agreed(
        one: Self,
        two: Self,
        sceptical: &Self,
        expecting: Expecting,
    ) -> Self {
        let (first, second) = if one.is_empty() {
            (two, one)
        } else {
            (one, two)
        };
        let is_plain_after =
            |question: &[Expecting]| first.is_plain && question.contains(&expecting);
        let time = is_plain_after(&[Expecting::Day, Expecting::Time]);
        let others = [&second, sceptical];
        let all_have = |service: &usize| others.iter().all(|other| other.service == Some(*service));
        let confirmed = first.service.filter(all_have);
        let is_likely = |meaning: &&Self| {
            let is_shared = meaning.service.is_some() && meaning.service == sceptical.service;
            meaning.intent == Some(Intent::Book) || is_shared
        };
        let doubtful = [&first, &second]
            .into_iter()
            .filter(is_likely)
            .find_map(|meaning| meaning.service);
        let has_word = |intent: &Intent| match intent {
            Intent::Book if confirmed.is_some() => true,
            Intent::Book => others
                .iter()
                .all(|other| other.intent == Some(Intent::Book)),
            // Nobody says it by chance, and the sceptical hearing loses it in most voices.
            Intent::OptOut => others
                .iter()
                .any(|other| other.intent == Some(Intent::OptOut)),
            _ => sceptical.intent == Some(*intent),
        };
        Self {
            intent: first.intent.filter(has_word),
            service: confirmed,
            doubtful_service: doubtful.filter(|_| confirmed.is_none()),
            practitioner: two_of(
                first.practitioner,
                others.map(|other| other.practitioner),
                false,
            ),
            day: two_of(
                first.day,
                others.map(|other| other.day),
                is_plain_after(&[Expecting::Day]),
            ),
            part: two_of(first.part, others.map(|other| other.part), time),
            clock: two_of(first.clock, others.map(|other| other.clock), time),
            choice: two_of(first.choice, others.map(|other| other.choice), time),
            answer: two_of(first.answer, others.map(|other| other.answer), false),
            name: two_of(
                first.name.clone(),
                others.map(|other| other.name.clone()),
                is_plain_after(&[Expecting::Name]),
            ),
            phone: two_of(
                first.phone.clone(),
                others.map(|other| other.phone.clone()),
                false,
            ),
            digit: first.digit,
            is_plain: first.is_plain,
            words: first.words.clone(),
        }
    }
}

/// The first value if another hearing has it too or it is believed, else what the two others share.
fn two_of<T: PartialEq>(
    first: Option<T>,
    [second, third]: [Option<T>; 2],
    is_believed: bool,
) -> Option<T> {
    if first.is_some() && (is_believed || first == second || first == third) {
        return first;
    }
    second.filter(|second| third.as_ref() == Some(second))
}

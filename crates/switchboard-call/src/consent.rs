//! Words and sound are kept only after a disclosure that was heard to its end, and answered as the policy asks.
//!
//! What was disclosed is one thing (how far it was said and heard), the standing is another (what may be kept). An
//! interrupted disclosure is said once more, and then given up. A question that is not answered clearly is asked once
//! more, and then counts as refused. Refusal and withdrawal never touch the conversation itself.

use crate::backchannel;
use crate::call::Call;
use crate::event::EventKind;
use crate::ids::ItemId;
use crate::input::CallerWords;
use crate::interruption::StopCause;
use crate::limits;
use crate::output::{Command, ConsentRecord, Record, RecordingStep};
use crate::phase::Phase;
use crate::time::{Moment, Span};
use crate::words::{Language, Words};

/// The key that agrees while the question is open.
const KEY_YES: char = '1';
/// The key that refuses it, at any time after it began.
const KEY_NO: char = '2';

/// What a tenant's law and policy ask before anything of a call may be stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConsentPolicy {
    /// Said before anything else: that the agent is automatic, what is kept, and the question if one is asked. It is
    /// part of the greeting, so that a call without a greeting has none.
    pub disclosure: Option<Words>,
    /// What makes it a consent.
    pub basis: ConsentBasis,
}

/// What makes a disclosure a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConsentBasis {
    /// None is needed: everything is kept from the first.
    #[default]
    NotNeeded,
    /// Staying on the line after the disclosure was heard to its end.
    Implied,
    /// A clear yes, spoken or by key, to the question that ends the disclosure.
    Asked,
    /// Nobody can give it in this call: nothing is kept.
    Never,
}

/// How a caller answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConsentAnswer {
    Implied,
    Granted,
    Refused,
    /// No answer that could be understood. It counts as refused.
    Missing,
    Withdrawn,
}

impl ConsentAnswer {
    /// Stable name for lists, webhooks and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Implied => "implied",
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::Missing => "none",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A greeting in one language, disclosure excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    pub words: Words,
    pub language: Language,
}

/// How far the disclosure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disclosed {
    /// There is none to say, or it was given up.
    Nothing,
    /// It comes before anything else.
    Owed,
    /// Being said, in this item of the model once it is known.
    Said {
        item: Option<ItemId>,
        is_generated: bool,
    },
    Heard,
}

/// What may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Not decided yet: nothing is kept.
    Open,
    Given,
    NotGiven,
    Withdrawn,
}

#[derive(Debug)]
pub(crate) struct Consent {
    wording: Words,
    basis: ConsentBasis,
    disclosed: Disclosed,
    standing: Standing,
    /// Since when an answer is awaited.
    asked: Option<Moment>,
    /// When the disclosure was last begun.
    said_at: Moment,
    was_repeated: bool,
    was_asked_again: bool,
    /// The longest part of it that was heard.
    heard: Span,
    /// Said after the answer.
    greeting: Option<Greeting>,
    /// When the answer came: the turn that gave it needs no other reply than what follows from it.
    settled_at: Option<Moment>,
}

impl Consent {
    pub(crate) fn new(policy: ConsentPolicy) -> Self {
        let basis = policy.basis;
        let wording = policy.disclosure.unwrap_or_default();
        let standing = match basis {
            ConsentBasis::NotNeeded => Standing::Given,
            ConsentBasis::Never => Standing::NotGiven,
            // Nobody agrees to what was never said.
            _ if wording.is_empty() => Standing::NotGiven,
            ConsentBasis::Implied | ConsentBasis::Asked => Standing::Open,
        };
        let disclosed = if wording.is_empty() {
            Disclosed::Nothing
        } else {
            Disclosed::Owed
        };
        Self {
            wording,
            basis,
            disclosed,
            standing,
            asked: None,
            said_at: Moment::START,
            was_repeated: false,
            was_asked_again: false,
            heard: Span::ZERO,
            greeting: None,
            settled_at: None,
        }
    }

    pub(crate) fn is_given(&self) -> bool {
        self.standing == Standing::Given
    }

    /// An answer is owed before the conversation goes on: the model gets no reply of its own.
    pub(crate) fn is_open_question(&self) -> bool {
        self.basis == ConsentBasis::Asked
            && self.standing == Standing::Open
            && self.disclosed != Disclosed::Nothing
    }

    /// The answer is awaited now.
    pub(crate) fn awaits_answer(&self) -> bool {
        self.asked.is_some()
    }

    pub(crate) fn was_settled_at(&self, now: Moment) -> bool {
        self.settled_at == Some(now)
    }

    pub(crate) fn owes_disclosure(&self) -> bool {
        self.disclosed == Disclosed::Owed
    }

    /// Somebody else talks with the caller now, so that no answer is one to our question: it is asked anew later.
    pub(crate) fn set_aside(&mut self) {
        if self.asked.take().is_some() {
            self.disclosed = Disclosed::Owed;
        }
    }

    /// The first audio after it was asked for belongs to it.
    pub(crate) fn on_audio(&mut self, said: Option<&Words>, spoken: ItemId) {
        if let Disclosed::Said {
            item: item @ None, ..
        } = &mut self.disclosed
            && said == Some(&self.wording)
        {
            *item = Some(spoken);
        }
    }

    /// Its reply is complete: from here its length is known.
    pub(crate) fn on_generated(&mut self) {
        if let Disclosed::Said {
            item: Some(_),
            is_generated,
        } = &mut self.disclosed
        {
            *is_generated = true;
        }
    }

    /// Its model is gone before all of it was generated: what comes next from another one is its first audio.
    /// True when it has to be said again.
    pub(crate) fn on_lost(&mut self) -> bool {
        if let Disclosed::Said {
            item,
            is_generated: false,
        } = &mut self.disclosed
        {
            *item = None;
            return true;
        }
        false
    }

    fn item(&self) -> Option<ItemId> {
        match self.disclosed {
            Disclosed::Said { item, .. } => item,
            _ => None,
        }
    }

    /// The item the disclosure is spoken in, once all of it was generated.
    fn generated_item(&self) -> Option<ItemId> {
        match self.disclosed {
            Disclosed::Said {
                item,
                is_generated: true,
            } => item,
            _ => None,
        }
    }

    /// It was said before, whether or not to its end.
    fn was_begun(&self) -> bool {
        self.was_repeated || self.was_asked_again
    }

    fn is_being_said(&self) -> bool {
        matches!(self.disclosed, Disclosed::Said { .. })
    }

    /// When an answer that does not come is given up.
    fn answer_until(&self, caller_acted: Option<Moment>) -> Option<Moment> {
        let asked = self.asked?;
        let since = caller_acted.map_or(asked, |acted| acted.max(asked));
        Some(since + limits::CONSENT_ANSWER)
    }
}

impl Call {
    /// Whether words of the caller and the agent may be stored.
    pub(crate) fn may_keep_words(&self) -> bool {
        self.settings.keeps_words && self.consent.is_given()
    }

    /// Where nothing is asked, the call is recorded from its first moment.
    pub(crate) fn begin_consent(&mut self, now: Moment) {
        if self.consent.is_given() {
            self.start_recording(now);
        }
    }

    /// The disclosure, if one is owed, then what is said after it. After a question the greeting waits for the answer.
    pub(crate) fn disclose_and_greet(&mut self, now: Moment, greeting: Greeting) {
        self.disclose(now);
        if self.consent.is_open_question() {
            self.consent.greeting = Some(greeting);
        } else if !greeting.words.is_empty() {
            self.say(now, greeting.words, greeting.language);
        }
    }

    /// Says the disclosure that is owed.
    pub(crate) fn disclose(&mut self, now: Moment) {
        if !self.consent.owes_disclosure() {
            return;
        }
        let Some(greeting) = &self.settings.greeting else {
            return;
        };
        let language = greeting.language;
        self.consent.disclosed = Disclosed::Said {
            item: None,
            is_generated: false,
        };
        self.consent.said_at = now;
        self.say_first(now, self.consent.wording.clone(), language);
    }

    /// Heard to its end? Answered in time?
    pub(crate) fn advance_consent(&mut self, now: Moment) {
        if let Some(item) = self.consent.generated_item() {
            let generated = self.turns.generated_audio(item);
            if !generated.is_zero() && self.playback.booked(item) >= generated {
                self.on_disclosure_heard(now, generated);
            }
        }
        let is_overdue = |until: Moment| now >= until;
        if self.consent_wake().is_some_and(is_overdue) {
            self.on_unclear_answer(now);
        }
    }

    /// When the answer is given up. Not while the caller speaks or their words are on their way.
    pub(crate) fn consent_wake(&self) -> Option<Moment> {
        let waits = self.phase == Phase::Live
            && !self.floor.is_caller_speaking()
            && !self.floor.awaits_words();
        let until = self.consent.answer_until(self.floor.caller_acted());
        until.filter(|_| waits)
    }

    fn on_disclosure_heard(&mut self, now: Moment, heard: Span) {
        self.consent.disclosed = Disclosed::Heard;
        self.consent.heard = heard;
        self.event(now, EventKind::DisclosureHeard);
        self.record_disclosed(true);
        match self.consent.basis {
            ConsentBasis::Implied => self.answer_consent(now, ConsentAnswer::Implied, None),
            ConsentBasis::Asked if self.consent.standing == Standing::Open => {
                self.consent.asked = Some(now);
            }
            _ => {}
        }
    }

    /// A reply was stopped. If it was the disclosure and it was not heard to its end, it is owed once more.
    pub(crate) fn on_disclosure_cut(&mut self, now: Moment) {
        if !self.consent.is_being_said() {
            return;
        }
        self.note_heard_of_disclosure(now);
        self.event(now, EventKind::DisclosureCut);
        // The caller has taken the floor: the answer to that comes instead of the greeting.
        self.consent.greeting = None;
        if !std::mem::replace(&mut self.consent.was_repeated, true) {
            self.consent.disclosed = Disclosed::Owed;
            return;
        }
        self.give_up_disclosure(now);
    }

    /// The conversation is over, or goes to a human: what was not heard will not be.
    pub(crate) fn close_consent(&mut self, now: Moment) {
        if self.consent.is_being_said() {
            self.note_heard_of_disclosure(now);
            self.event(now, EventKind::DisclosureCut);
            self.give_up_disclosure(now);
        } else if self.consent.owes_disclosure() && self.consent.was_begun() {
            self.give_up_disclosure(now);
        } else if self.consent.awaits_answer() {
            self.answer_consent(now, ConsentAnswer::Missing, None);
        }
    }

    /// The model stopped in the middle of it: what was heard of it is not the disclosure.
    pub(crate) fn on_disclosure_incomplete(&mut self, now: Moment) {
        let is_begun = self.consent.item().is_some() && self.consent.generated_item().is_none();
        if !is_begun {
            return;
        }
        self.on_disclosure_cut(now);
        self.disclose(now);
    }

    fn note_heard_of_disclosure(&mut self, now: Moment) {
        if let Some(item) = self.consent.item() {
            let heard = self.playback.heard(now, item);
            self.consent.heard = self.consent.heard.max(heard);
        }
    }

    fn give_up_disclosure(&mut self, now: Moment) {
        self.consent.disclosed = Disclosed::Nothing;
        self.record_disclosed(false);
        if self.consent.standing == Standing::Open {
            self.answer_consent(now, ConsentAnswer::Missing, None);
        }
    }

    /// Final words of the caller while the question is open.
    pub(crate) fn on_consent_words(&mut self, now: Moment, said: &CallerWords) {
        if !self.consent.is_open_question() {
            return;
        }
        let words = said.words.expose();
        if backchannel::declines(words) {
            return self.refuse_consent(now);
        }
        // A yes to half a disclosure is no yes to all of it.
        if !self.consent.awaits_answer() {
            return;
        }
        if backchannel::agrees(words, said.language) {
            self.answer_consent(now, ConsentAnswer::Granted, Some(said.words.clone()));
        } else {
            self.on_unclear_answer(now);
        }
    }

    /// True when the key answers the question, and so has no other meaning.
    pub(crate) fn takes_consent_key(&mut self, now: Moment, digit: char) -> bool {
        if !self.consent.is_open_question() {
            return false;
        }
        match digit {
            KEY_YES if self.consent.awaits_answer() => {
                let key = Words::from("1");
                self.answer_consent(now, ConsentAnswer::Granted, Some(key));
            }
            // Too early: the question is not yet heard. It will be.
            KEY_YES => {}
            KEY_NO => self.refuse_consent(now),
            _ => return false,
        }
        true
    }

    fn refuse_consent(&mut self, now: Moment) {
        // What is left of the question need not be heard.
        let is_being_said = self.consent.is_being_said();
        if self.consent.disclosed != Disclosed::Heard {
            self.note_heard_of_disclosure(now);
            self.consent.disclosed = Disclosed::Nothing;
            self.record_disclosed(false);
        }
        if is_being_said {
            self.interrupt(now, StopCause::Explicit);
        }
        self.answer_consent(now, ConsentAnswer::Refused, None);
    }

    fn on_unclear_answer(&mut self, now: Moment) {
        self.consent.asked = None;
        if std::mem::replace(&mut self.consent.was_asked_again, true) {
            return self.answer_consent(now, ConsentAnswer::Missing, None);
        }
        self.consent.disclosed = Disclosed::Owed;
        self.disclose(now);
    }

    /// The one answer of this call. Words are in it only if they may be kept.
    fn answer_consent(&mut self, now: Moment, answer: ConsentAnswer, words: Option<Words>) {
        let was_question = self.consent.basis == ConsentBasis::Asked;
        self.consent.asked = None;
        let is_given = matches!(answer, ConsentAnswer::Implied | ConsentAnswer::Granted);
        self.consent.standing = if is_given {
            Standing::Given
        } else {
            Standing::NotGiven
        };
        let words = words.filter(|_| self.may_keep_words());
        self.record_answer(now, answer, words);
        if is_given {
            self.start_recording(now);
        }
        if was_question && self.phase == Phase::Live {
            match self.consent.greeting.take() {
                Some(greeting) if greeting.words.is_empty() => {}
                Some(greeting) => self.say(now, greeting.words, greeting.language),
                None => self.request_reply(now, None),
            }
            self.consent.settled_at = Some(now);
        }
    }

    /// The caller takes it back, by word, key or somebody's command: nothing more is kept, and what was is erased.
    pub(crate) fn withdraw_consent(&mut self, now: Moment) {
        if self.consent.standing == Standing::Withdrawn || self.phase == Phase::Ended {
            return;
        }
        let was_open = self.consent.is_open_question();
        self.consent.standing = Standing::Withdrawn;
        self.consent.asked = None;
        self.record_answer(now, ConsentAnswer::Withdrawn, None);
        if std::mem::take(&mut self.is_recording) {
            self.playback.keep_played(false);
            self.command(Command::Recording(RecordingStep::Discard));
        }
        if was_open && let Some(greeting) = self.consent.greeting.take() {
            self.say(now, greeting.words, greeting.language);
        }
    }

    fn start_recording(&mut self, now: Moment) {
        if self.settings.records && !std::mem::replace(&mut self.is_recording, true) {
            self.event(now, EventKind::RecordingStarted);
            self.playback.keep_played(true);
            self.command(Command::Recording(RecordingStep::Start));
        }
    }

    fn record_disclosed(&mut self, to_its_end: bool) {
        let record = self.consent_record();
        self.record(Record::Disclosed { record, to_its_end });
    }

    fn record_answer(&mut self, now: Moment, answer: ConsentAnswer, words: Option<Words>) {
        self.event(now, EventKind::ConsentAnswered { answer });
        let record = ConsentRecord {
            answered: Some(now),
            ..self.consent_record()
        };
        self.record(Record::Consent {
            record,
            answer,
            words,
        });
    }

    fn consent_record(&self) -> ConsentRecord {
        let greeting = self.settings.greeting.as_ref();
        ConsentRecord {
            wording: self.consent.wording.clone(),
            language: greeting.map_or(Language::ENGLISH, |greeting| greeting.language),
            heard: self.consent.heard,
            disclosed: self.consent.said_at,
            answered: None,
        }
    }
}

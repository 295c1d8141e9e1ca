//! Secure entry: while a caller gives card data nobody here listens. Recorder, transcript, events of keys, detectors of
//! voice and the model are blind until our own state ends it (D3).

use crate::call::Call;
use crate::event::EventKind;
use crate::handoff::{Handoff, HandoffReason};
use crate::input::CallerWords;
use crate::limits;
use crate::output::{Command, RecordingStep, ToModel};
use crate::phase::Phase;
use crate::time::Moment;
use crate::turn::TurnRecord;

/// The key that ends it, as people know it from other telephone menus.
const KEY_END: char = '#';

#[derive(Debug, Default)]
pub(crate) struct SecureEntry {
    since: Option<Moment>,
    /// The stretches that are over, while turns that overlap them may still be written.
    past: Option<(Moment, Moment)>,
}

impl SecureEntry {
    pub(crate) fn is_open(&self) -> bool {
        self.since.is_some()
    }

    pub(crate) fn wake(&self) -> Option<Moment> {
        self.since.map(|since| since + limits::SECURE_ENTRY_MAX)
    }

    /// A turn that began while nobody listened is not written down.
    pub(crate) fn hides(&self, turn: &TurnRecord) -> bool {
        let began = turn.started;
        let now = self.since.is_some_and(|since| began >= since);
        let before = self
            .past
            .is_some_and(|(since, until)| began >= since && began < until);
        now || before
    }
}

impl Call {
    /// From here nobody listens.
    pub(crate) fn start_secure_entry(&mut self, now: Moment) {
        if self.phase != Phase::Live || self.secure.is_open() {
            return;
        }
        self.secure.since = Some(now);
        self.event(now, EventKind::SecureEntryStarted);
        if self.is_recording {
            self.command(Command::Recording(RecordingStep::Pause));
        }
        // What the detector has begun to report it hears end in silence, and we do not wait for it.
        if self.floor.is_caller_speaking() && self.model.is_ready() {
            self.ask_model(ToModel::Silence(limits::MEDIA_GAP_FILL));
        }
        self.on_detector_lost(now);
    }

    /// The card data is given: everybody listens again.
    pub(crate) fn end_secure_entry(&mut self, now: Moment) {
        let Some(since) = self.secure.since.take() else {
            return;
        };
        self.secure.past = Some((since, now));
        self.silence.restart();
        self.event(now, EventKind::SecureEntryEnded);
        if self.is_recording {
            self.command(Command::Recording(RecordingStep::Resume));
        }
    }

    /// A key while nobody listens: it may be part of a card number, so it means nothing, zero included. Only the one
    /// that ends the state is known. True when the key is used up.
    pub(crate) fn takes_secure_key(&mut self, now: Moment, digit: char) -> bool {
        if self.secure.is_open() {
            if digit == KEY_END {
                self.end_secure_entry(now);
                self.request_reply(now, None);
            }
            return true;
        }
        if self.settings.keys.secure_entry == Some(digit) && self.phase == Phase::Live {
            self.start_secure_entry(now);
            return true;
        }
        false
    }

    /// Words that a recogniser had heard before nobody listened are known; later ones would be card data.
    pub(crate) fn hides_words(&self, said: &CallerWords) -> bool {
        self.secure.is_open() && self.turns.committed_at(said.item).is_none()
    }

    /// Whom we cannot hear for so long needs somebody who can.
    pub(crate) fn advance_secure_entry(&mut self, now: Moment) {
        if self.secure.wake().is_some_and(|until| now >= until) {
            self.hand_off(now, Handoff::because(HandoffReason::Silence));
        }
    }
}

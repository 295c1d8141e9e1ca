//! The model in charge: opening, failing, one reopening, the next choice, and rolling over before its end.

use crate::call::Call;
use crate::event::EventKind;
use crate::handoff::{Handoff, HandoffReason};
use crate::input::{FromModel, ModelFailure};
use crate::output::ToModel;
use crate::phase::Phase;
use crate::time::Moment;

#[derive(Debug, Default)]
pub(crate) struct ModelSession {
    choice: u32,
    ready_at: Option<Moment>,
    /// When a session opened in a live call must be ready.
    reopening_until: Option<Moment>,
    reopened: bool,
    last_answer: Moment,
    /// Counts the sessions opened in this call.
    session: u32,
    /// What a session that is not ready yet has to be told: words are never dropped.
    held: Vec<ToModel>,
    closed: bool,
    /// It failed for good while a person of staff had the caller.
    is_gone: bool,
}

/// More than this is not said or typed while a session opens.
const HELD_MAX: usize = 256;

impl ModelSession {
    pub(crate) fn is_ready(&self) -> bool {
        self.ready_at.is_some()
    }

    pub(crate) fn session(&self) -> u32 {
        self.session
    }

    /// Last time the model showed that it works on a reply.
    pub(crate) fn last_answer(&self) -> Moment {
        self.last_answer
    }

    pub(crate) fn on_activity(&mut self, now: Moment, input: &FromModel) {
        let answers = !matches!(
            input,
            FromModel::SpeechStarted
                | FromModel::SpeechStopped
                | FromModel::TurnCommitted { .. }
                | FromModel::CallerWords(_)
                | FromModel::Failed(_)
        );
        if answers {
            self.last_answer = now;
        }
    }

    pub(crate) fn wake(&self) -> Option<Moment> {
        self.reopening_until
    }
}

impl Call {
    /// Words, keys and answers wait for a session that is being opened.
    pub(crate) fn tell_model_or_hold(&mut self, command: ToModel) {
        if self.model.closed {
            return;
        }
        if self.model.is_ready() {
            self.ask_model(command);
        } else if self.model.held.len() < HELD_MAX {
            self.model.held.push(command);
        }
    }

    pub(crate) fn close_model(&mut self) {
        if !std::mem::replace(&mut self.model.closed, true) {
            self.ask_model(ToModel::Close);
        }
    }

    pub(crate) fn on_model_ready(&mut self, now: Moment) {
        if self.model.ready_at.is_some() {
            return;
        }
        self.model.ready_at = Some(now);
        let reopened = self.model.reopening_until.take().is_some();
        let choice = self.model.choice;
        self.event(
            now,
            if reopened {
                EventKind::ModelReopened { choice }
            } else {
                EventKind::ModelReadied { choice }
            },
        );
        for command in std::mem::take(&mut self.model.held) {
            self.ask_model(command);
        }
        if reopened {
            self.resume_after_reopening(now);
        }
        self.go_live(now);
    }

    pub(crate) fn on_model_failed(&mut self, now: Moment, failure: ModelFailure) {
        let choice = self.model.choice;
        self.event(now, EventKind::ModelFailed { choice, failure });
        let lived = self.model.ready_at.take().map(|ready| now.since(ready));
        self.lose_reply();
        if matches!(self.phase, Phase::HandingOff | Phase::Ended) {
            return;
        }
        // A goodbye that is already on its way is still heard.
        if self.phase == Phase::Ending {
            return self.forget_wanted();
        }
        self.on_detector_lost(now);
        let may_reopen = lived
            .is_some_and(|lived| lived >= self.settings.limits.model_reopen_lived_min)
            && !self.model.reopened
            && failure != ModelFailure::Refused;
        if may_reopen {
            self.model.reopened = failure != ModelFailure::SessionExpired;
            self.open_model(now, choice);
        } else if choice + 1 < self.settings.models {
            self.open_model(now, choice + 1);
        } else if self.phase == Phase::WithStaff {
            // Nobody misses it now; it is asked again when the caller comes back to it.
            self.model.is_gone = true;
        } else {
            let reason = match failure {
                ModelFailure::Refused => HandoffReason::ModelRefused,
                _ => HandoffReason::ModelFailed,
            };
            self.hand_off(now, Handoff::because(reason));
        }
    }

    /// The model that was closed for a handoff is wanted again: a fresh session of the same choice.
    pub(crate) fn reopen_model(&mut self, now: Moment) {
        self.model.closed = false;
        self.model.ready_at = None;
        self.model.reopening_until = None;
        self.model.held.clear();
        self.open_model(now, self.model.choice);
    }

    /// A model that failed while nobody missed it is opened once more.
    pub(crate) fn revive_model(&mut self, now: Moment) {
        if std::mem::take(&mut self.model.is_gone) {
            self.open_model(now, 0);
        }
    }

    fn open_model(&mut self, now: Moment, choice: u32) {
        self.model.choice = choice;
        self.model.session += 1;
        if self.phase != Phase::Connecting {
            self.model.reopening_until = Some(now + self.settings.limits.model_reopen);
        }
        let history = self.turns.history();
        self.ask_model(ToModel::Open { choice, history });
    }

    /// Past its deadline a reopened session counts as failed.
    pub(crate) fn advance_model(&mut self, now: Moment) {
        if self.model.reopening_until.is_some_and(|until| now >= until) {
            self.model.reopening_until = None;
            self.model.ready_at = None;
            self.on_model_failed(now, ModelFailure::Stalled);
        }
        let is_old = self
            .model
            .ready_at
            .is_some_and(|ready| now.since(ready) >= self.settings.limits.model_session_max);
        if is_old && self.phase == Phase::Live && self.is_quiet() {
            self.model.ready_at = None;
            self.open_model(now, self.model.choice);
        }
    }
}

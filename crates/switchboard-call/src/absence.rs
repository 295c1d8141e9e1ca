//! A caller whose connection broke, and who may come back to the same call.
//!
//! The call is held meanwhile: nothing is played, and no time counts that belongs to a listener. What the model still
//! says waits, tools that run come to their end, and what was sent and not heard stays unheard. Whether the caller comes
//! back within [`Limits::absence_max`](crate::Limits) decides between going on and the end that a broken leg has.

use crate::call::Call;
use crate::event::EventKind;
use crate::input::LegClosed;
use crate::phase::Phase;
use crate::time::{Moment, Span};

#[derive(Debug, Default)]
pub(crate) struct Absence {
    since: Option<Moment>,
    /// When the caller last came back: what they were owed before does not count from before.
    returned: Option<Moment>,
}

impl Absence {
    /// Nobody hears us now.
    pub(crate) fn is_open(&self) -> bool {
        self.since.is_some()
    }

    pub(crate) fn returned(&self) -> Option<Moment> {
        self.returned
    }

    /// When the wait is over.
    pub(crate) fn wake(&self, absence_max: Span) -> Option<Moment> {
        self.since.map(|since| since + absence_max)
    }
}

impl Call {
    /// The leg broke, and its peer knows how to come back.
    pub(crate) fn on_leg_absent(&mut self, now: Moment) {
        let may_return = matches!(
            self.phase,
            Phase::Connecting | Phase::Live | Phase::WithStaff | Phase::Ending
        );
        if !may_return || self.settings.limits.absence_max.is_zero() {
            return self.end_with_leg(now, LegClosed::Lost);
        }
        if self.absence.is_open() {
            return;
        }
        self.playback.hold(now);
        self.absence.since = Some(now);
        self.event(now, EventKind::LegAbsent);
    }

    /// The same peer is there again.
    pub(crate) fn on_leg_returned(&mut self, now: Moment) {
        let Some(since) = self.absence.since.take() else {
            return;
        };
        self.absence.returned = Some(now);
        self.playback.go_on(now);
        self.silence.restart();
        let after = now.since(since);
        self.event(now, EventKind::LegReturned { after });
    }

    /// True when the call has ended because nobody came back.
    pub(crate) fn advance_absence(&mut self, now: Moment) -> bool {
        let limit = self.settings.limits.absence_max;
        let is_over = self.absence.wake(limit).is_some_and(|until| now >= until);
        if is_over {
            self.end_with_leg(now, LegClosed::Lost);
        }
        is_over
    }
}

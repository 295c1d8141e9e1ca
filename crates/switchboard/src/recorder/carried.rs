//! Who records a call: our own tap, or the carrier, which is only told what to do.

use switchboard_call::{Moment, Span};
use tokio::sync::mpsc;

use super::RecordingTap;
use crate::model::Payload;

/// What a carrier that records is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarrierStep {
    /// Nobody listens from here.
    Pause,
    /// Everybody listens again.
    Resume,
    /// The agent's part of the call is over: the human's leg has no consent of its own.
    Stop,
    /// The consent was taken back.
    Discard,
}

/// A recording that the carrier makes. Dropped without an end, it stops.
#[derive(Debug)]
pub struct CarrierRecording(mpsc::UnboundedSender<CarrierStep>);

impl CarrierRecording {
    /// The end that tells, and the one that is told. Steps are few: one for each key or answer of a caller.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<CarrierStep>) {
        let (sender, steps) = mpsc::unbounded_channel();
        (Self(sender), steps)
    }

    fn tell(&self, step: CarrierStep) {
        // Whoever is told gave up after a failure, and has said so.
        let _ = self.0.send(step);
    }
}

/// The recording of one live call.
#[derive(Debug)]
pub enum CallRecording {
    Own(RecordingTap),
    Carrier(CarrierRecording),
}

impl CallRecording {
    /// A piece of the caller that arrived at `now`.
    pub fn caller(&mut self, now: Moment, payload: Payload, length: Span) {
        if let Self::Own(tap) = self {
            tap.caller(now, payload, length);
        }
    }

    /// The first `length` of a piece of ours that the caller began to hear at `starts`.
    pub fn agent(&mut self, starts: Moment, payload: Payload, length: Span) {
        if let Self::Own(tap) = self {
            tap.agent(starts, payload, length);
        }
    }

    /// Nobody listens from here: both sides are silence.
    pub fn pause(&mut self, now: Moment) {
        match self {
            Self::Own(tap) => tap.pause(now),
            Self::Carrier(carrier) => carrier.tell(CarrierStep::Pause),
        }
    }

    /// Everybody listens again.
    pub fn resume(&mut self, now: Moment) {
        match self {
            Self::Own(tap) => tap.resume(now),
            Self::Carrier(carrier) => carrier.tell(CarrierStep::Resume),
        }
    }

    /// The consent was taken back: the recording is over and leaves nothing.
    pub fn discard(self) {
        match self {
            Self::Own(tap) => tap.discard(),
            Self::Carrier(carrier) => carrier.tell(CarrierStep::Discard),
        }
    }

    /// The call is over.
    pub fn finish(self, now: Moment) {
        match self {
            Self::Own(tap) => tap.finish(now),
            Self::Carrier(carrier) => carrier.tell(CarrierStep::Stop),
        }
    }
}

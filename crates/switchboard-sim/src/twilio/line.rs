//! The caller's telephone line: one step of 20 ms after the other, in real time.

use super::event::{CarrierEvent, Record};
use crate::caller::{CallerRunner, CallerScript, Mouth, Step};
use std::sync::Arc;
use std::time::Duration;
use switchboard_media::g711;
use tokio::time::{Interval, MissedTickBehavior};

/// 20 ms of mu-law.
pub(super) type Frame = [u8; FRAME_BYTES];
pub(super) const FRAME_BYTES: usize = 160;
pub(super) const FRAME_MS: u64 = 20;
pub(super) const SILENCE: Frame = [g711::ULAW_SILENCE; FRAME_BYTES];

#[derive(Debug)]
pub(super) struct Line {
    ticker: Interval,
    caller: CallerRunner,
    record: Arc<Record>,
}

impl Line {
    pub(super) fn new(script: CallerScript, record: Arc<Record>) -> Self {
        let mut ticker = tokio::time::interval(Duration::from_millis(FRAME_MS));
        // A late step is made up for: the caller's clock does not stop because this machine was busy.
        ticker.set_missed_tick_behavior(MissedTickBehavior::Burst);
        Self {
            ticker,
            caller: CallerRunner::new(script),
            record,
        }
    }

    /// Begins to count now: the caller was not on the line before the answer.
    pub(super) fn restart_clock(&mut self) {
        self.ticker.reset();
    }

    /// Waits for the next step. Safe to cancel.
    pub(super) async fn next_step(&mut self) {
        self.ticker.tick().await;
    }

    pub(super) fn add_steps(&mut self, steps: Vec<Step>) {
        self.caller.add(steps);
    }

    /// Lets the caller hear one frame and answers with what the caller did meanwhile.
    pub(super) fn hear(&mut self, frame: &Frame) -> Mouth {
        let mouth = self.caller.tick(frame);
        self.record.tick(frame, &mouth.sound);
        if mouth.has_lost_patience {
            self.record.log(CarrierEvent::CallerLostPatience);
        }
        if let Some(ms) = mouth.began_to_speak_ms {
            self.record.log(CarrierEvent::CallerSpoke { ms });
        }
        if mouth.has_ended_speaking {
            self.record.log(CarrierEvent::CallerFellSilent);
        }
        if let Some(digit) = mouth.digit {
            self.record.log(CarrierEvent::CallerPressed { digit });
        }
        mouth
    }
}

/// The frame of a sound at a step; silence after its end.
pub(super) fn frame_of(sound: &[u8], step: usize) -> Frame {
    let mut frame = SILENCE;
    let begin = (step * FRAME_BYTES).min(sound.len());
    let piece = &sound[begin..sound.len().min(begin + FRAME_BYTES)];
    frame[..piece.len()].copy_from_slice(piece);
    frame
}

pub(super) fn steps_of(sound: &[u8]) -> usize {
    sound.len().div_ceil(FRAME_BYTES)
}

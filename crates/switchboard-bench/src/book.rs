//! What both ends of the calls write down: one book per process, owned by its one thread.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use crate::stamp::{Kind, Stamp};

/// Measured times, in milliseconds.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<f32>);

impl Times {
    /// Writes one down.
    pub fn push_micros(&mut self, micros: u64) {
        self.0.push(micros as f32 / 1_000.0);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The value that this share of all does not exceed; None of nothing.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted
            .get(rank.saturating_sub(1))
            .map(|value| f64::from(*value))
    }
}

/// Everything that happened.
#[derive(Debug)]
pub struct Book {
    epoch: Instant,
    /// Latencies and counts are kept while this is true.
    pub is_measuring: bool,
    /// Caller's frame of speech sent to model's append read.
    pub uplink: Times,
    /// The same for frames of a quiet line, which a gateway may gather.
    pub quiet: Times,
    /// Model's first delta sent to carrier's media read.
    pub downlink: Times,
    /// Webhook sent to document read.
    pub webhook: Times,
    /// Model's greeting sent to its one configuration read: the gateway's share of a handshake.
    pub configuring: Times,
    /// Stream's `start` sent to first append at the model.
    pub first_audio: Times,
    /// Bursts of speech that asked for a reply, and those that got none.
    pub bursts: u64,
    pub unanswered: u64,
    /// Media messages, marks and clears that the carrier received.
    pub media: u64,
    pub marks: u64,
    pub clears: u64,
    /// Appends that the model received, and deltas that it sent.
    pub appends: u64,
    pub deltas: u64,
    /// What the model refused: a gateway that measures well by breaking the protocol shows here.
    pub refused: u64,
    /// Sockets that ended without our doing.
    pub lost: u64,
    /// Model sessions open now.
    pub sessions: u64,
    /// REST requests to the carrier.
    pub requests: u64,
}

/// The book, for everybody on the thread.
pub type SharedBook = Rc<RefCell<Book>>;

impl Book {
    /// An empty book whose clock starts now.
    pub fn shared() -> SharedBook {
        Rc::new(RefCell::new(Self {
            epoch: Instant::now(),
            is_measuring: false,
            uplink: Times::default(),
            quiet: Times::default(),
            downlink: Times::default(),
            webhook: Times::default(),
            configuring: Times::default(),
            first_audio: Times::default(),
            bursts: 0,
            unanswered: 0,
            media: 0,
            marks: 0,
            clears: 0,
            appends: 0,
            deltas: 0,
            refused: 0,
            lost: 0,
            sessions: 0,
            requests: 0,
        }))
    }

    /// Microseconds since the book was opened.
    pub fn now_micros(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// An append reached the model.
    pub fn on_append(&mut self) {
        self.appends += u64::from(self.is_measuring);
    }

    /// A frame of the caller reached the model, in an append of its own or with others.
    pub fn on_frame(&mut self, stamp: Stamp) {
        if self.is_measuring {
            let took = self.now_micros().saturating_sub(stamp.sent_micros);
            let times = match stamp.kind {
                Kind::Speech => &mut self.uplink,
                Kind::Quiet | Kind::Reply => &mut self.quiet,
            };
            times.push_micros(took);
        }
    }

    /// A reply's first piece reached the caller.
    pub fn on_reply(&mut self, sent_micros: u64) {
        if self.is_measuring {
            let took = self.now_micros().saturating_sub(sent_micros);
            self.downlink.push_micros(took);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut times = Times::default();
        (1..=100).for_each(|ms| times.push_micros(ms * 1_000));
        assert_eq!(times.percentile(0.5), Some(50.0));
        assert_eq!(times.percentile(0.99), Some(99.0));
        assert_eq!(Times::default().percentile(0.5), None);
    }
}

//! Keys that a caller presses, as RTP telephone events (RFC 4733).
//!
//! One press is many packets: the same timestamp, a growing duration, and the end three times. The first that comes tells
//! the key. How long it is held does not matter to a call.

use std::time::{Duration, Instant};

/// Keys that are taken at once, and how often one more is: nobody presses faster, and every one reaches the core.
const BURST_MAX: u32 = 10;
const KEY_EVERY: Duration = Duration::from_millis(80);
/// The first 16 events are the keys, in this order (RFC 4733 section 3.2). Others are flashes and tones of machines.
const KEYS: &[u8; 16] = b"0123456789*#ABCD";
/// Bytes of one event: its code, end and volume, duration.
const EVENT_BYTES: usize = 4;

/// What came of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pressed {
    /// A key that was not told before.
    Key(char),
    /// More of the same press, or none at all.
    Nothing,
    /// Faster than a person presses.
    TooFast,
}

/// The keys of one caller.
#[derive(Debug)]
pub(super) struct KeyPad {
    /// RTP timestamp of the last press.
    last: Option<u32>,
    allowance: u32,
    refilled_at: Instant,
}

impl KeyPad {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            last: None,
            allowance: BURST_MAX,
            refilled_at: now,
        }
    }

    /// Takes one packet of this RTP timestamp.
    pub(super) fn press(&mut self, now: Instant, timestamp: u32, event: &[u8]) -> Pressed {
        let Some(key) = key_of(event) else {
            return Pressed::Nothing;
        };
        // Timestamps wrap; one that is behind belongs to a press that is over.
        let is_later = |last: u32| (1..1 << 31).contains(&timestamp.wrapping_sub(last));
        if !self.last.is_none_or(is_later) {
            return Pressed::Nothing;
        }
        self.last = Some(timestamp);
        self.refill(now);
        match self.allowance.checked_sub(1) {
            Some(left) => {
                self.allowance = left;
                Pressed::Key(key)
            }
            None => Pressed::TooFast,
        }
    }

    /// Another stream numbers its presses anew.
    pub(super) fn reset(&mut self) {
        self.last = None;
    }

    fn refill(&mut self, now: Instant) {
        while self.allowance < BURST_MAX && now >= self.refilled_at + KEY_EVERY {
            self.allowance += 1;
            self.refilled_at += KEY_EVERY;
        }
        if self.allowance == BURST_MAX {
            self.refilled_at = now;
        }
    }
}

fn key_of(event: &[u8]) -> Option<char> {
    let code = event.first().filter(|_| event.len() >= EVENT_BYTES)?;
    KEYS.get(usize::from(*code)).copied().map(char::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(code: u8, is_end: bool, duration: u16) -> [u8; 4] {
        let [high, low] = duration.to_be_bytes();
        [code, (u8::from(is_end) << 7) | 10, high, low]
    }

    #[test]
    fn one_press_is_one_key_however_many_packets_tell_of_it() {
        let now = Instant::now();
        let mut pad = KeyPad::new(now);
        let mut told = String::new();
        for (stamp, code) in [
            (u32::MAX - 100, 1),
            (700, 0),
            (4_000, 10),
            (9_000, 11),
            (14_000, 15),
        ] {
            for (is_end, duration) in [
                (false, 160),
                (false, 320),
                (true, 480),
                (true, 480),
                (true, 480),
            ] {
                if let Pressed::Key(key) = pad.press(now, stamp, &event(code, is_end, duration)) {
                    told.push(key);
                }
            }
        }
        assert_eq!(told, "10*#D");
        assert_eq!(
            pad.press(now, 9_000, &event(11, true, 480)),
            Pressed::Nothing
        );
    }

    #[test]
    fn w3_keys_come_no_faster_than_somebody_presses_them() {
        let began = Instant::now();
        let mut pad = KeyPad::new(began);
        let mut taken = 0;
        for press in 0..1_000_u32 {
            let now = began + Duration::from_millis(u64::from(press));
            taken +=
                u32::from(pad.press(now, press * 10, &event(5, false, 160)) == Pressed::Key('5'));
        }
        assert_eq!(taken, BURST_MAX + 12, "a burst, and one in 80 ms");
        let later = began + Duration::from_secs(60);
        assert_eq!(
            pad.press(later, 100_000, &event(5, false, 160)),
            Pressed::Key('5')
        );
        assert_eq!(pad.allowance, BURST_MAX - 1, "rest is not saved up");
    }

    proptest! {
        #[test]
        fn w3_no_bytes_of_a_stranger_panic_or_make_a_key_of_what_is_none(
            packets in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..12)), 0..40),
        ) {
            let now = Instant::now();
            let mut pad = KeyPad::new(now);
            for (stamp, bytes) in packets {
                if let Pressed::Key(key) = pad.press(now, stamp, &bytes) {
                    prop_assert!(bytes.len() >= EVENT_BYTES && bytes[0] < 16);
                    prop_assert!(KEYS.contains(&(key as u8)));
                }
            }
        }
    }
}

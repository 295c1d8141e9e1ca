//! Packets of one RTP stream back in their order, for a listener that understands speech.
//!
//! A recogniser is not a loudspeaker: it needs no steady flow, it needs every word, early. So a packet that is next is
//! given at once, without a delay of its own; one that is missing is waited for a little, then covered; and where
//! nothing comes at all, because a sender is silent or the network stalls, silence is given in real time, so that the
//! end of a turn is noticed. What a stall held back is heard when it comes: silence that was given is never taken off
//! the words behind it, only off a silence the timestamps themselves tell of.

use std::collections::BTreeMap;
use std::time::Duration;

/// How long a missing packet is waited for: reordering on real networks stays below this.
const REORDER_WAIT: Duration = Duration::from_millis(60);
/// With this many packets behind a missing one it will not come.
const BEHIND_MAX: usize = 8;
/// Packets kept. Nothing waits behind more than [`BEHIND_MAX`], so this is never reached but by a flood.
const KEPT_MAX: usize = 64;
/// Missing packets in a row that are covered; the rest of a longer hole is left out.
const COVERED_MAX: u32 = 5;
/// Without a packet for this long, silence is given in its place.
const SILENT_AFTER: Duration = Duration::from_millis(100);
/// The silence given at once.
const FILL: Duration = Duration::from_millis(20);
/// After this much of it the sender is away and nothing more is given.
const FILLED_MAX: Duration = Duration::from_secs(3);
/// A timestamp further ahead than this begins a new timeline.
const JUMP_MAX: Duration = Duration::from_secs(10);
/// A sequence number further ahead than this begins a new stream.
const SEQUENCE_JUMP_MAX: u64 = 1_000;

/// What is to be heard next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard<P> {
    /// A packet.
    Packet(P),
    /// A packet of this length is lost. `following` is the one after it, if it is there.
    Lost {
        /// Its length in ticks of the RTP clock.
        ticks: u32,
        /// May hold a copy of what is lost.
        following: Option<P>,
    },
    /// Nobody said anything for so many ticks.
    Silence {
        /// Its length in ticks of the RTP clock.
        ticks: u32,
    },
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It waits for its turn.
    Kept,
    /// Its turn is over, or it is here already.
    Late,
    /// More wait than any network reorders.
    Full,
}

#[derive(Debug)]
struct Waiting<P> {
    timestamp: u64,
    ticks: u32,
    packet: P,
}

#[derive(Debug, Clone, Copy)]
struct Next {
    sequence: u64,
    timestamp: u64,
    /// Length of the packet before, the best guess for a missing one.
    ticks: u32,
}

/// The packets of one stream. Times count from any fixed moment; sequence numbers and timestamps do not wrap.
#[derive(Debug)]
pub struct JitterBuffer<P> {
    clock_hz: u32,
    waiting: BTreeMap<u64, Waiting<P>>,
    next: Option<Next>,
    /// Since when the next packet is missing while later ones are here.
    missing_since: Option<Duration>,
    covered: u32,
    /// When silence is due, while it is.
    silent_at: Option<Duration>,
    /// Silence given since the last packet, in ticks.
    filled: u64,
}

impl<P: Clone> JitterBuffer<P> {
    /// An empty buffer for a stream of this clock.
    pub fn new(clock_hz: u32) -> Self {
        Self {
            clock_hz: clock_hz.max(1),
            waiting: BTreeMap::new(),
            next: None,
            missing_since: None,
            covered: 0,
            silent_at: None,
            filled: 0,
        }
    }

    /// Another stream takes the place of this one.
    pub fn reset(&mut self) {
        *self = Self::new(self.clock_hz);
    }

    /// Takes a packet that came now and plays for `ticks`.
    pub fn push(
        &mut self,
        now: Duration,
        sequence: u64,
        timestamp: u64,
        ticks: u32,
        packet: P,
    ) -> Taken {
        if let Some(next) = self.next {
            let is_elsewhere = sequence > next.sequence + SEQUENCE_JUMP_MAX
                || next.sequence > sequence + SEQUENCE_JUMP_MAX;
            if is_elsewhere {
                self.reset();
            } else if sequence < next.sequence {
                return Taken::Late;
            }
        }
        if self.waiting.contains_key(&sequence) {
            return Taken::Late;
        }
        if self.waiting.len() >= KEPT_MAX {
            return Taken::Full;
        }
        self.waiting.insert(
            sequence,
            Waiting {
                timestamp,
                ticks,
                packet,
            },
        );
        self.silent_at = Some(now + SILENT_AFTER);
        Taken::Kept
    }

    /// A packet of the stream that is no sound, such as a key press: where it stands nothing is missing.
    pub fn pass(&mut self, sequence: u64) {
        if let Some(next) = &mut self.next
            && next.sequence == sequence
        {
            next.sequence += 1;
            self.missing_since = None;
        }
    }

    /// The next thing to be heard, if it is known already.
    pub fn pop(&mut self, now: Duration) -> Option<Heard<P>> {
        let Some((&sequence, first)) = self.waiting.first_key_value() else {
            return self.silence(now);
        };
        let Some(next) = self.next else {
            return self.take(sequence);
        };
        if sequence > next.sequence {
            return self.missing(now, next);
        }
        let ahead = first.timestamp.saturating_sub(next.timestamp);
        let told = ahead.min(self.ticks_of(JUMP_MAX));
        let due = told.saturating_sub(std::mem::take(&mut self.filled));
        // The sender was silent and told so by its timestamps; what was given of it already counts.
        if due > 0 && ahead <= self.ticks_of(JUMP_MAX) {
            self.next = Some(Next {
                timestamp: next.timestamp + ahead,
                ..next
            });
            return Some(Heard::Silence {
                ticks: u32::try_from(due).unwrap_or(u32::MAX),
            });
        }
        self.take(sequence)
    }

    fn take(&mut self, sequence: u64) -> Option<Heard<P>> {
        let taken = self.waiting.remove(&sequence)?;
        self.next = Some(Next {
            sequence: sequence + 1,
            timestamp: taken.timestamp + u64::from(taken.ticks),
            ticks: taken.ticks,
        });
        self.missing_since = None;
        self.covered = 0;
        self.filled = 0;
        Some(Heard::Packet(taken.packet))
    }

    fn missing(&mut self, now: Duration, next: Next) -> Option<Heard<P>> {
        let since = *self.missing_since.get_or_insert(now);
        if now < since + REORDER_WAIT && self.waiting.len() < BEHIND_MAX {
            return None;
        }
        let (&sequence, first) = self.waiting.first_key_value()?;
        let hole = first.timestamp.saturating_sub(next.timestamp);
        if self.covered >= COVERED_MAX || hole == 0 || hole > self.ticks_of(JUMP_MAX) {
            // What is left of the hole is left out: words heard late are worth more than silence heard in time.
            self.next = Some(Next {
                sequence,
                timestamp: first.timestamp,
                ticks: next.ticks,
            });
            return self.pop(now);
        }
        self.covered += 1;
        let is_last = next.sequence + 1 == sequence;
        let ticks = u64::from(next.ticks).min(hole);
        self.next = Some(Next {
            sequence: next.sequence + 1,
            timestamp: next.timestamp + ticks,
            ticks: next.ticks,
        });
        Some(Heard::Lost {
            ticks: u32::try_from(ticks).unwrap_or(u32::MAX),
            following: is_last.then(|| first.packet.clone()),
        })
    }

    fn silence(&mut self, now: Duration) -> Option<Heard<P>> {
        let at = self.silent_at.filter(|at| now >= *at)?;
        let ticks = self.ticks_of(FILL);
        self.filled += ticks;
        let is_away = self.filled >= self.ticks_of(FILLED_MAX);
        self.silent_at = (!is_away).then_some(at + FILL);
        Some(Heard::Silence {
            ticks: u32::try_from(ticks).unwrap_or(u32::MAX),
        })
    }

    /// When time alone makes something heard.
    pub fn deadline(&self) -> Option<Duration> {
        if self.waiting.is_empty() {
            return self.silent_at;
        }
        self.missing_since.map(|since| since + REORDER_WAIT)
    }

    fn ticks_of(&self, length: Duration) -> u64 {
        u64::try_from(length.as_millis()).unwrap_or(u64::MAX) * u64::from(self.clock_hz) / 1_000
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLOCK_HZ: u32 = 48_000;
    const TICKS: u32 = 960;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    struct Stream {
        buffer: JitterBuffer<u64>,
    }

    impl Stream {
        fn new() -> Self {
            Self {
                buffer: JitterBuffer::new(CLOCK_HZ),
            }
        }

        /// The `number`th packet of an unbroken stream of 20 ms packets.
        fn comes(&mut self, now: Duration, number: u64) -> Taken {
            let timestamp = number * u64::from(TICKS);
            self.buffer.push(now, number, timestamp, TICKS, number)
        }

        /// All that is heard now: packets by number, `L` for a loss, `S` with its ms for silence.
        fn heard(&mut self, now: Duration) -> String {
            let mut said = Vec::new();
            while let Some(heard) = self.buffer.pop(now) {
                said.push(match heard {
                    Heard::Packet(number) => number.to_string(),
                    Heard::Lost { following, .. } => match following {
                        Some(number) => format!("L({number})"),
                        None => "L".to_owned(),
                    },
                    Heard::Silence { ticks } => format!("S{}", ticks * 1_000 / CLOCK_HZ),
                });
            }
            said.join(" ")
        }
    }

    #[test]
    fn a_packet_that_is_no_sound_is_not_missed() {
        let mut stream = Stream::new();
        stream.comes(ms(0), 0);
        assert_eq!(stream.heard(ms(0)), "0");
        for number in 1..=3 {
            stream.buffer.pass(number);
        }
        stream.buffer.push(ms(80), 4, u64::from(TICKS), TICKS, 4);
        assert_eq!(stream.heard(ms(80)), "4");
    }

    #[test]
    fn packets_in_order_are_heard_at_once() {
        let mut stream = Stream::new();
        for number in 0..5 {
            let now = ms(number * 20);
            assert_eq!(stream.comes(now, number), Taken::Kept);
            assert_eq!(stream.heard(now), number.to_string());
        }
    }

    #[test]
    fn packets_out_of_order_are_heard_in_order_and_none_is_lost() {
        let mut stream = Stream::new();
        stream.comes(ms(0), 0);
        assert_eq!(stream.heard(ms(0)), "0");
        stream.comes(ms(20), 2);
        assert_eq!(stream.heard(ms(20)), "", "1 may still come");
        stream.comes(ms(40), 1);
        assert_eq!(stream.heard(ms(40)), "1 2");
        assert_eq!(stream.comes(ms(41), 1), Taken::Late, "a copy");
    }

    #[test]
    fn a_packet_that_does_not_come_is_covered_with_the_help_of_the_one_behind_it() {
        let mut stream = Stream::new();
        stream.comes(ms(0), 0);
        stream.heard(ms(0));
        stream.comes(ms(40), 2);
        assert_eq!(stream.heard(ms(40)), "");
        assert_eq!(stream.buffer.deadline(), Some(ms(100)));
        assert_eq!(stream.heard(ms(100)), "L(2) 2");
        assert_eq!(stream.comes(ms(101), 1), Taken::Late);
    }

    #[test]
    fn with_many_behind_it_nobody_waits_for_a_lost_one() {
        let mut stream = Stream::new();
        stream.comes(ms(0), 0);
        stream.heard(ms(0));
        for number in 3..11 {
            stream.comes(ms(50), number);
        }
        assert_eq!(stream.heard(ms(50)), "L L(3) 3 4 5 6 7 8 9 10");
    }

    #[test]
    fn a_long_hole_is_covered_a_little_and_left_out() {
        let mut stream = Stream::new();
        stream.comes(ms(0), 0);
        stream.heard(ms(0));
        stream.comes(ms(1_000), 50);
        stream.heard(ms(1_000));
        assert_eq!(stream.heard(ms(1_060)), "L L L L L 50");
    }

    #[test]
    fn a_silence_told_by_timestamps_is_heard_as_long_as_it_was() {
        let mut stream = Stream::new();
        stream.comes(ms(0), 0);
        assert_eq!(stream.heard(ms(0)), "0");
        // Discontinuous transmission: the next number, but 80 ms later.
        let later = 5 * u64::from(TICKS);
        stream.buffer.push(ms(90), 1, later, TICKS, 1);
        assert_eq!(stream.heard(ms(90)), "S80 1");
    }

    #[test]
    fn while_nothing_comes_silence_is_heard_in_real_time_and_counts_as_told() {
        let mut stream = Stream::new();
        stream.comes(ms(0), 0);
        stream.heard(ms(0));
        assert_eq!(stream.heard(ms(99)), "");
        assert_eq!(stream.heard(ms(100)), "S20");
        assert_eq!(stream.heard(ms(200)), "S20 S20 S20 S20 S20");
        let later = 12 * u64::from(TICKS);
        stream.buffer.push(ms(220), 1, later, TICKS, 1);
        assert_eq!(
            stream.heard(ms(220)),
            "S100 1",
            "220 ms less what was given"
        );
    }

    #[test]
    fn what_a_stalled_network_held_back_is_heard_to_the_last_word() {
        let mut stream = Stream::new();
        stream.comes(ms(0), 0);
        stream.heard(ms(0));
        stream.heard(ms(500));
        for number in 1..30 {
            stream.comes(ms(600), number);
        }
        let wanted: Vec<String> = (1..30).map(|number: u64| number.to_string()).collect();
        assert_eq!(stream.heard(ms(600)), wanted.join(" "));
    }

    #[test]
    fn a_sender_that_is_away_is_not_imitated_for_ever() {
        let mut stream = Stream::new();
        stream.comes(ms(0), 0);
        stream.heard(ms(0));
        let silences = stream.heard(ms(60_000)).split(' ').count();
        assert_eq!(silences, 150, "3 s of 20 ms");
        assert_eq!(stream.buffer.deadline(), None);
    }

    #[test]
    fn a_stream_that_begins_elsewhere_is_heard_from_there() {
        let mut stream = Stream::new();
        stream.comes(ms(0), 0);
        stream.heard(ms(0));
        stream.buffer.push(ms(20), 40_000, 7, TICKS, 40_000);
        assert_eq!(stream.heard(ms(20)), "40000");
    }

    proptest! {
        #[test]
        fn whatever_comes_each_packet_is_heard_at_most_once_and_in_order(
            events in prop::collection::vec((0_u64..40, 0_u64..100_000, 0_u64..200), 1..200),
        ) {
            let mut buffer = JitterBuffer::new(CLOCK_HZ);
            let (mut now, mut last) = (Duration::ZERO, None);
            for (sequence, timestamp, wait) in events {
                now += ms(wait);
                buffer.push(now, sequence, timestamp, TICKS, sequence);
                prop_assert!(buffer.waiting.len() <= KEPT_MAX);
                let mut heard = 0;
                while let Some(one) = buffer.pop(now) {
                    heard += 1;
                    prop_assert!(heard < 1_000, "an end");
                    if let Heard::Packet(number) = one {
                        prop_assert!(last.is_none_or(|last| number > last));
                        last = Some(number);
                    }
                }
            }
        }
    }
}

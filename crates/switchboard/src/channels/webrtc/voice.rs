//! What of the agent's voice waits for the caller: sound in whole frames, paced by real time, and the marks in it.
//!
//! A frame leaves every 20 ms and is stamped by the clock, not by counting, so a pause is a pause at the caller's too
//! and nothing is sent in it. A mark is told when the frame that ends it must have been played.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use switchboard_call::ids::MarkId;
use switchboard_media::frame::{AudioFormat, FRAME_MS};

/// One frame.
const FRAME: Duration = Duration::from_millis(FRAME_MS as u64);
/// Frames of silence behind the last word: the caller's loudspeaker fades from silence instead of from a vowel.
const TAIL_FRAMES: u32 = 5;
/// A process that stood still for this long does not make up for it: late frames would stay late for ever.
const BEHIND_MAX: Duration = Duration::from_millis(100);
/// What the caller's own buffer holds before it is heard: the least that browsers keep.
const PLAYER: Duration = Duration::from_millis(40);

/// A frame that is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The samples.
    pub(super) sound: Vec<u8>,
    /// Time of its first sample since the voice began, for the RTP timestamp.
    pub(super) at: Duration,
    /// Nothing was sent right before it.
    pub(super) is_first: bool,
}

/// The voice of one call.
#[derive(Debug)]
pub(super) struct AgentVoice {
    format: AudioFormat,
    began: Instant,
    queue: VecDeque<u8>,
    /// Bytes queued and sent since the beginning.
    queued: u64,
    sent: u64,
    /// Where in the queue each mark stands.
    marks: VecDeque<(u64, MarkId)>,
    /// When each mark that was sent has been heard.
    echoes: VecDeque<(Instant, MarkId)>,
    /// When the next frame leaves, while there is one.
    next: Option<Instant>,
    tail: u32,
    last_at: Option<Duration>,
    one_way: Duration,
}

impl AgentVoice {
    pub(super) fn new(format: AudioFormat, began: Instant) -> Self {
        Self {
            format,
            began,
            queue: VecDeque::new(),
            queued: 0,
            sent: 0,
            marks: VecDeque::new(),
            echoes: VecDeque::new(),
            next: None,
            tail: 0,
            last_at: None,
            one_way: Duration::ZERO,
        }
    }

    /// How long a packet travels, by what the caller's reports say.
    pub(super) fn set_round_trip(&mut self, round_trip: Duration) {
        self.one_way = round_trip / 2;
    }

    /// Sound to be said behind what waits, and a mark behind it.
    pub(super) fn queue(&mut self, now: Instant, sound: &[u8], mark: Option<MarkId>) {
        self.queue.extend(sound);
        self.queued += sound.len() as u64;
        self.tail = 0;
        if let Some(mark) = mark {
            self.marks.push_back((self.queued, mark));
        }
        self.next.get_or_insert(now);
    }

    /// Forgets what was not sent. The marks of it are given back, as a carrier does.
    pub(super) fn clear(&mut self) -> Vec<MarkId> {
        self.queue.clear();
        self.sent = self.queued;
        // What is in the air is heard, but nobody has to wait for it any more.
        let echoes = self.echoes.drain(..).map(|(_, mark)| mark);
        let marks = self.marks.drain(..).map(|(_, mark)| mark);
        echoes.chain(marks).collect()
    }

    /// Nothing waits to be sent or heard.
    pub(super) fn is_silent(&self) -> bool {
        self.queue.is_empty() && self.marks.is_empty() && self.echoes.is_empty()
    }

    /// The frame that is due, if one is.
    pub(super) fn frame(&mut self, now: Instant) -> Option<Frame> {
        let due = self.next.filter(|due| now >= *due)?;
        if self.queue.is_empty() && self.tail >= TAIL_FRAMES {
            self.next = None;
            return None;
        }
        let due = if now > due + BEHIND_MAX { now } else { due };
        let bytes = self.format.bytes_of(u64::from(FRAME_MS));
        let length = self.queue.len().min(bytes);
        self.tail = if length == 0 { self.tail + 1 } else { 0 };
        let mut sound: Vec<u8> = self.queue.drain(..length).collect();
        sound.extend(&self.format.silence(u64::from(FRAME_MS))[length..]);
        self.sent += length as u64;
        self.next = Some(due + FRAME);
        self.note_marks(due + FRAME);
        let (at, is_first) = self.stamp(due);
        Some(Frame {
            sound,
            at,
            is_first,
        })
    }

    /// Whole frames since the beginning, never the same one twice.
    fn stamp(&mut self, due: Instant) -> (Duration, bool) {
        let elapsed = due.saturating_duration_since(self.began);
        let frames = u32::try_from(elapsed.as_millis() / FRAME.as_millis()).unwrap_or(u32::MAX);
        let by_clock = FRAME * frames;
        let follows = self.last_at.map(|last| last + FRAME);
        // A timer fires a little early or late; only a pause is a pause.
        let at = match follows {
            Some(follows) if by_clock <= follows + FRAME * 2 => follows,
            _ => by_clock,
        };
        self.last_at = Some(at);
        (at, follows != Some(at))
    }

    fn note_marks(&mut self, ends: Instant) {
        let heard = ends + self.one_way + PLAYER;
        while let Some((_, mark)) = self.marks.pop_front_if(|(place, _)| *place <= self.sent) {
            self.echoes.push_back((heard, mark));
        }
    }

    /// A mark that has been heard by now.
    pub(super) fn heard(&mut self, now: Instant) -> Option<MarkId> {
        let (_, mark) = self.echoes.pop_front_if(|(at, _)| now >= *at)?;
        Some(mark)
    }

    /// When something is due next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let echo = self.echoes.front().map(|(at, _)| *at);
        self.next.into_iter().chain(echo).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: AudioFormat = AudioFormat::Pcm16 { rate_hz: 24_000 };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Sends what is due in each of the next 20 ms steps; returns the times of the frames in ms.
    fn run(voice: &mut AgentVoice, from: Instant, steps: u64) -> Vec<u64> {
        let mut sent = Vec::new();
        for step in 0..steps {
            while let Some(frame) = voice.frame(from + ms(step * 20)) {
                assert_eq!(frame.sound.len(), FORMAT.bytes_of(20));
                sent.push(frame.at.as_millis() as u64);
            }
        }
        sent
    }

    #[test]
    fn sound_leaves_in_real_time_and_a_pause_sends_nothing() {
        let began = Instant::now();
        let mut voice = AgentVoice::new(FORMAT, began);
        voice.queue(began, &FORMAT.silence(50), None);
        let frames = run(&mut voice, began, 100);
        assert_eq!(
            frames,
            [0, 20, 40, 60, 80, 100, 120, 140],
            "50 ms and the tail"
        );
        assert_eq!(voice.deadline(), None, "nobody is woken for nothing");
        voice.queue(began + ms(3_000), &FORMAT.silence(20), None);
        let frame = voice.frame(began + ms(3_000)).expect("due");
        assert_eq!((frame.at, frame.is_first), (ms(3_000), true));
        let next = voice.frame(began + ms(3_021)).expect("due");
        assert_eq!((next.at, next.is_first), (ms(3_020), false));
    }

    #[test]
    fn a_mark_is_told_when_the_last_of_it_was_heard() {
        let began = Instant::now();
        let mut voice = AgentVoice::new(FORMAT, began);
        voice.set_round_trip(ms(60));
        voice.queue(began, &FORMAT.silence(40), Some(MarkId(1)));
        voice.queue(began, &FORMAT.silence(20), Some(MarkId(2)));
        run(&mut voice, began, 3);
        let heard = began + ms(40) + ms(30) + PLAYER;
        assert_eq!(voice.heard(heard - ms(1)), None);
        assert_eq!(voice.heard(heard), Some(MarkId(1)));
        assert_eq!(voice.heard(heard), None);
        assert_eq!(voice.heard(heard + ms(20)), Some(MarkId(2)));
        assert!(voice.is_silent());
    }

    #[test]
    fn an_interruption_ends_the_sound_with_the_frame_and_gives_every_mark_back() {
        let began = Instant::now();
        let mut voice = AgentVoice::new(FORMAT, began);
        for mark in 1..=3 {
            voice.queue(began, &FORMAT.silence(20), Some(MarkId(mark)));
        }
        voice.frame(began).expect("due");
        assert_eq!(voice.clear(), [MarkId(1), MarkId(2), MarkId(3)]);
        assert!(voice.is_silent());
        let rest = run(&mut voice, began + ms(20), 50);
        assert_eq!(rest.len(), TAIL_FRAMES as usize, "only silence");
    }

    #[test]
    fn after_a_standstill_late_frames_are_not_sent_in_a_burst() {
        let began = Instant::now();
        let mut voice = AgentVoice::new(FORMAT, began);
        voice.queue(began, &FORMAT.silence(1_000), None);
        voice.frame(began).expect("due");
        let woken = began + ms(500);
        let mut burst = 0;
        while voice.frame(woken).is_some() {
            burst += 1;
        }
        assert_eq!(burst, 1);
        assert_eq!(voice.last_at, Some(ms(500)));
    }
}

//! What of the agent's voice waits for the caller: sound in whole frames, paced by real time, and the marks in it.
//!
//! A frame leaves every 20 ms and is stamped by the clock, not by counting, so a pause is a pause at the caller's too
//! and nothing is sent in it. A mark is told when the frame that ends it must have been played. For a caller who may come
//! back, what was sent is kept until something of theirs came after it: the rest is said again ([`AgentVoice::go_on`]).

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
/// A mark may be told this long after the caller was last heard of: they send a packet every 20 ms, most of the time.
const UNHEARD_OF: Duration = Duration::from_millis(100);
/// What is kept of the sound that was sent: 3 s. Who sends a voice is missed much earlier.
const KEPT_FRAMES_MAX: usize = 3_000 / FRAME_MS as usize;

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

/// Sound that was sent, of which nobody knows yet whether it was heard.
#[derive(Debug, Default)]
struct Aloud {
    sound: VecDeque<u8>,
    /// When each frame is heard, and its length.
    frames: VecDeque<(Instant, usize)>,
}

impl Aloud {
    fn keep(&mut self, heard: Instant, sound: &[u8]) {
        self.sound.extend(sound);
        self.frames.push_back((heard, sound.len()));
        if self.frames.len() > KEPT_FRAMES_MAX {
            self.forget_one();
        }
    }

    /// Everything heard before this is done with.
    fn forget_until(&mut self, moment: Instant) {
        while self
            .frames
            .front()
            .is_some_and(|(heard, _)| *heard <= moment)
        {
            self.forget_one();
        }
    }

    fn forget_one(&mut self) {
        if let Some((_, length)) = self.frames.pop_front() {
            self.sound.drain(..length);
        }
    }
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
    /// When each mark that was sent has been heard, and its place.
    echoes: VecDeque<(Instant, u64, MarkId)>,
    /// For a caller who may come back.
    aloud: Option<Aloud>,
    /// Nobody is there: nothing is sent.
    is_paused: bool,
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
            aloud: None,
            is_paused: false,
            next: None,
            tail: 0,
            last_at: None,
            one_way: Duration::ZERO,
        }
    }

    /// The caller may come back: what is sent is kept until it was heard.
    pub(super) fn keep_aloud(&mut self) {
        self.aloud.get_or_insert_default();
    }

    /// Nobody is there: nothing is sent any more.
    pub(super) fn pause(&mut self) {
        self.is_paused = true;
    }

    /// The caller is there again, and was last heard of at `heard_of`: what was sent after that is said again.
    pub(super) fn go_on(&mut self, now: Instant, heard_of: Instant) {
        self.is_paused = false;
        if let Some(aloud) = &mut self.aloud {
            aloud.forget_until(heard_of);
            aloud.frames.clear();
            let mut again = std::mem::take(&mut aloud.sound);
            self.sent -= again.len() as u64;
            again.append(&mut self.queue);
            self.queue = again;
            for (_, place, mark) in self.echoes.drain(..).rev() {
                self.marks.push_front((place, mark));
            }
        }
        self.next = (!self.is_silent()).then_some(now);
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
        if let Some(aloud) = &mut self.aloud {
            *aloud = Aloud::default();
        }
        // What is in the air is heard, but nobody has to wait for it any more.
        let echoes = self.echoes.drain(..).map(|(_, _, mark)| mark);
        let marks = self.marks.drain(..).map(|(_, mark)| mark);
        echoes.chain(marks).collect()
    }

    /// Nothing waits to be sent or heard.
    pub(super) fn is_silent(&self) -> bool {
        self.queue.is_empty() && self.marks.is_empty() && self.echoes.is_empty()
    }

    /// The frame that is due, if one is.
    pub(super) fn frame(&mut self, now: Instant) -> Option<Frame> {
        let due = self.next.filter(|due| !self.is_paused && now >= *due)?;
        if self.queue.is_empty() && self.tail >= TAIL_FRAMES {
            self.next = None;
            return None;
        }
        let due = if now > due + BEHIND_MAX { now } else { due };
        let bytes = self.format.bytes_of(u64::from(FRAME_MS));
        let length = self.queue.len().min(bytes);
        self.tail = if length == 0 { self.tail + 1 } else { 0 };
        let mut sound: Vec<u8> = self.queue.drain(..length).collect();
        let heard = due + FRAME + self.one_way + PLAYER;
        if let Some(aloud) = self.aloud.as_mut().filter(|_| length > 0) {
            aloud.keep(heard, &sound);
        }
        sound.extend(&self.format.silence(u64::from(FRAME_MS))[length..]);
        self.sent += length as u64;
        self.next = Some(due + FRAME);
        self.note_marks(heard);
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

    fn note_marks(&mut self, heard: Instant) {
        while let Some((place, mark)) = self.marks.pop_front_if(|(place, _)| *place <= self.sent) {
            self.echoes.push_back((heard, place, mark));
        }
    }

    /// The caller was last heard of at this moment: until then they heard us too.
    pub(super) fn on_heard_of(&mut self, moment: Instant) {
        if let Some(aloud) = &mut self.aloud {
            aloud.forget_until(moment);
        }
    }

    /// A mark that has been heard by now, by a caller who was last heard of at `heard_of`.
    pub(super) fn heard(&mut self, now: Instant, heard_of: Instant) -> Option<MarkId> {
        let known = now.min(heard_of + UNHEARD_OF);
        let (_, _, mark) = self.echoes.pop_front_if(|(at, _, _)| known >= *at)?;
        Some(mark)
    }

    /// When something is due next. A mark that waits for a word of the caller is due with that word.
    pub(super) fn deadline(&self, heard_of: Instant) -> Option<Instant> {
        let echo = self.echoes.front().map(|(at, _, _)| *at);
        let echo = echo.filter(|at| *at <= heard_of + UNHEARD_OF);
        let next = self.next.filter(|_| !self.is_paused);
        next.into_iter().chain(echo).min()
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
        assert_eq!(voice.deadline(began), None, "nobody is woken for nothing");
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
        assert_eq!(voice.heard(heard - ms(1), heard), None);
        assert_eq!(voice.heard(heard, heard), Some(MarkId(1)));
        assert_eq!(voice.heard(heard, heard), None);
        assert_eq!(voice.heard(heard + ms(20), heard), Some(MarkId(2)));
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

    #[test]
    fn s9_what_a_lost_caller_did_not_hear_is_said_again_with_its_marks_and_nothing_twice() {
        let began = Instant::now();
        let mut voice = AgentVoice::new(FORMAT, began);
        voice.keep_aloud();
        for mark in 1..=10 {
            let sound = vec![mark as u8; FORMAT.bytes_of(40)];
            voice.queue(began, &sound, Some(MarkId(mark)));
        }
        let mut said = Vec::new();
        let mut told = Vec::new();
        // Heard of until 200 ms; 160 ms of sound were heard by then, and what was on its way is not known.
        let heard_of = began + ms(200);
        for step in 0..20 {
            let now = began + ms(step * 20);
            voice.on_heard_of(now.min(heard_of));
            while voice.frame(now).is_some() {}
            told.extend(voice.heard(now, now.min(heard_of)));
        }
        assert_eq!(
            told,
            (1..=6).map(MarkId).collect::<Vec<_>>(),
            "not beyond what is known, and a little"
        );
        voice.pause();
        assert_eq!(voice.frame(began + ms(900)), None);
        let back = began + ms(1_000);
        voice.go_on(back, heard_of);
        told.clear();
        for step in 0..30 {
            let now = back + ms(step * 20);
            while let Some(frame) = voice.frame(now) {
                said.push(frame.sound[0]);
            }
            told.extend(voice.heard(now, now));
        }
        said.retain(|byte| *byte > 0);
        let again: Vec<u8> = (5..=10).flat_map(|mark| [mark, mark]).collect();
        assert_eq!(said, again, "from the frame that began at 160 ms");
        assert_eq!(told, (7..=10).map(MarkId).collect::<Vec<_>>());
        assert!(voice.is_silent());
    }
}

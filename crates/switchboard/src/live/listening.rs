//! Both sides of a live call for somebody who listens in. Like the recorder's, this ear only takes copies: the call never
//! waits for it, and a listener who falls behind hears nothing more.

use std::collections::VecDeque;

use switchboard_media::frame::AudioFormat;
use switchboard_media::resample::{ResampleError, Resampler};
use tokio::sync::mpsc;

use crate::model::Payload;

/// What listeners get, whatever the call speaks.
pub const LISTEN_RATE_HZ: u32 = 24_000;
/// Pieces that may wait for one listener: some two seconds of both sides.
const WAITING_MAX: usize = 200;
/// Agent's audio kept for its moment: a carrier holds some 200 ms of it, a client may be given whole replies ahead.
const AHEAD_MS_MAX: u64 = 60_000;

/// What a call hands to a listener.
#[derive(Debug)]
pub enum Overheard {
    /// A piece of the caller, as it came in.
    Caller(Payload),
    /// The same while nobody may listen: its length counts, its sound does not.
    Blind(Payload),
    /// A piece given to the caller's leg, to be played after what waits there.
    Agent(Payload),
    /// What waits there is not played any more.
    Cut,
}

/// The end of a listener that the call holds.
#[derive(Debug)]
pub struct Ear(mpsc::Sender<Overheard>);

/// The listener's end.
#[derive(Debug)]
pub struct Overhearing(mpsc::Receiver<Overheard>);

/// A listener's two ends.
pub fn listen() -> (Ear, Overhearing) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (Ear(sender), Overhearing(receiver))
}

impl Ear {
    /// Hands in one piece. False when nobody takes it: then the ear is given up.
    pub fn hear(&self, overheard: Overheard) -> bool {
        self.0.try_send(overheard).is_ok()
    }
}

impl Overhearing {
    /// The next piece; None when the call is over, or has given this listener up.
    pub async fn next(&mut self) -> Option<Overheard> {
        self.0.recv().await
    }
}

/// Lays both sides beside each other. The caller's pieces come in real time and are its clock.
pub struct Mixer {
    format: AudioFormat,
    caller: Resampler,
    agent: Resampler,
    /// The agent's samples that were sent and not played yet.
    ahead: VecDeque<i16>,
    bytes: Vec<u8>,
}

impl Mixer {
    /// For a call whose leg speaks `format`.
    ///
    /// # Errors
    /// A rate that no resampler knows.
    pub fn new(format: AudioFormat) -> Result<Self, ResampleError> {
        Ok(Self {
            format,
            caller: Resampler::new(format.rate_hz(), LISTEN_RATE_HZ)?,
            agent: Resampler::new(format.rate_hz(), LISTEN_RATE_HZ)?,
            ahead: VecDeque::new(),
            bytes: Vec::new(),
        })
    }

    /// Takes a piece in. What comes out is stereo, little-endian 16-bit samples: the caller left, the agent right.
    pub fn take(&mut self, overheard: &Overheard) -> Vec<u8> {
        match overheard {
            Overheard::Caller(payload) => self.step(payload, false),
            Overheard::Blind(payload) => self.step(payload, true),
            Overheard::Agent(payload) => {
                let samples = self.decode(payload);
                let room = self.format.rate_hz() as usize * AHEAD_MS_MAX as usize / 1_000;
                let room = room.saturating_sub(self.ahead.len());
                self.ahead.extend(samples.into_iter().take(room));
                Vec::new()
            }
            Overheard::Cut => {
                self.ahead.clear();
                Vec::new()
            }
        }
    }

    fn step(&mut self, payload: &Payload, is_blind: bool) -> Vec<u8> {
        let mut caller = self.decode(payload);
        let count = self.ahead.len().min(caller.len());
        let mut agent: Vec<i16> = self.ahead.drain(..count).collect();
        agent.resize(caller.len(), 0);
        if is_blind {
            caller.fill(0);
            agent.fill(0);
        }
        let (mut left, mut right) = (Vec::new(), Vec::new());
        self.caller.process(&caller, &mut left);
        self.agent.process(&agent, &mut right);
        left.iter()
            .zip(&right)
            .flat_map(|(left, right)| [left.to_le_bytes(), right.to_le_bytes()])
            .flatten()
            .collect()
    }

    fn decode(&mut self, payload: &Payload) -> Vec<i16> {
        let mut samples = Vec::new();
        if let Some(bytes) = payload.bytes(&mut self.bytes) {
            self.format.decode_onto(bytes, &mut samples);
        }
        samples
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const FORMAT: AudioFormat = AudioFormat::Pcm16 { rate_hz: 24_000 };

    fn piece(level: i16, ms: usize) -> Payload {
        let samples = vec![level.to_le_bytes(); 24 * ms];
        Payload::Raw(Bytes::from(samples.concat()))
    }

    /// Left and right of what came out, in ms of one level each.
    fn runs(bytes: &[u8]) -> Vec<(i16, i16, usize)> {
        let mut runs: Vec<(i16, i16, usize)> = Vec::new();
        for frame in bytes.chunks_exact(4 * 24) {
            let left = i16::from_le_bytes([frame[0], frame[1]]);
            let right = i16::from_le_bytes([frame[2], frame[3]]);
            match runs.last_mut() {
                Some(run) if (run.0, run.1) == (left, right) => run.2 += 1,
                _ => runs.push((left, right, 1)),
            }
        }
        runs
    }

    #[test]
    fn the_agent_is_heard_when_it_is_played_and_not_when_it_is_sent() {
        let mut mixer = Mixer::new(FORMAT).expect("a known rate");
        assert!(mixer.take(&Overheard::Agent(piece(7, 50))).is_empty());
        let mut heard = Vec::new();
        for _ in 0..4 {
            heard.extend(mixer.take(&Overheard::Caller(piece(3, 20))));
        }
        assert_eq!(runs(&heard), [(3, 7, 50), (3, 0, 30)]);
    }

    #[test]
    fn what_is_cut_is_not_heard() {
        let mut mixer = Mixer::new(FORMAT).expect("a known rate");
        mixer.take(&Overheard::Agent(piece(7, 100)));
        let mut heard = mixer.take(&Overheard::Caller(piece(3, 20)));
        mixer.take(&Overheard::Cut);
        heard.extend(mixer.take(&Overheard::Caller(piece(3, 20))));
        assert_eq!(runs(&heard), [(3, 7, 20), (3, 0, 20)]);
    }

    /// Threat D3: while card data is given nobody listens, and neither side is heard later.
    #[test]
    fn d3_a_listener_hears_nothing_while_nobody_may_listen() {
        let mut mixer = Mixer::new(FORMAT).expect("a known rate");
        mixer.take(&Overheard::Agent(piece(7, 60)));
        let mut heard = mixer.take(&Overheard::Blind(piece(3, 40)));
        heard.extend(mixer.take(&Overheard::Caller(piece(3, 40))));
        assert_eq!(runs(&heard), [(0, 0, 40), (3, 7, 20), (3, 0, 20)]);
    }

    #[tokio::test]
    async fn who_does_not_take_what_comes_is_given_up() {
        let (ear, mut overhearing) = listen();
        let taken = (0..WAITING_MAX).all(|_| ear.hear(Overheard::Cut));
        assert!(taken && !ear.hear(Overheard::Cut));
        drop(ear);
        for _ in 0..WAITING_MAX {
            assert!(overhearing.next().await.is_some());
        }
        assert!(overhearing.next().await.is_none());
    }
}

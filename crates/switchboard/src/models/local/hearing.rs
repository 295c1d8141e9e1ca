//! From the caller's bytes to utterances of 16 kHz samples.

use switchboard_media::frame::AudioFormat;
use switchboard_media::resample::{ResampleError, Resampler};
use switchboard_media::speech::{SpeechDetector, SpeechDetectorSettings, SpeechEvent};

use super::recogniser::RECOGNISER_HZ;

/// Sound kept while nobody speaks: the start of an utterance is known only when it has begun.
const KEPT_MS: u64 = 1_200;
/// Sound after the last voiced frame that a recogniser still gets: final consonants are quiet.
const TAIL_MS: u64 = 200;
/// Longer utterances lose their beginning.
const UTTERANCE_MS_MAX: u64 = 30_000;
/// Shorter committed sound holds no word.
const UTTERANCE_MS_MIN: u64 = 100;

/// What the sound revealed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Noticed {
    Started,
    /// The utterance's samples at 16 kHz.
    Stopped(Vec<i16>),
}

/// One caller's sound.
#[derive(Debug)]
pub(super) struct Hearing {
    format: AudioFormat,
    detector: SpeechDetector,
    to_recogniser: Resampler,
    kept: Vec<i16>,
    /// Position of the first kept sample on the audio timeline.
    kept_from_ms: u64,
    utterance_from_ms: Option<u64>,
    /// An odd byte of a sample cut in two.
    half_sample: Option<u8>,
}

impl Hearing {
    pub(super) fn new(
        format: AudioFormat,
        settings: SpeechDetectorSettings,
    ) -> Result<Self, ResampleError> {
        Ok(Self {
            format,
            detector: SpeechDetector::new(format.rate_hz(), settings)?,
            to_recogniser: Resampler::new(format.rate_hz(), RECOGNISER_HZ)?,
            kept: Vec::new(),
            kept_from_ms: 0,
            utterance_from_ms: None,
            half_sample: None,
        })
    }

    /// Bytes in the input format, in chunks of any length.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Vec<Noticed> {
        let pcm = match (self.half_sample.take(), self.format.sample_bytes()) {
            (None, 1) => self.format.decode_to_pcm(bytes),
            (half, _) => {
                let mut whole: Vec<u8> = half.into_iter().collect();
                whole.extend_from_slice(bytes);
                if whole.len() % 2 == 1 {
                    self.half_sample = whole.pop();
                }
                self.format.decode_to_pcm(&whole)
            }
        };
        self.hear_pcm(&pcm)
    }

    /// Silence the carrier did not send.
    pub(super) fn hear_silence(&mut self, ms: u64) -> Vec<Noticed> {
        let samples = u64::from(self.format.rate_hz()) * ms.min(UTTERANCE_MS_MAX) / 1_000;
        self.hear_pcm(&vec![0; usize::try_from(samples).unwrap_or(0)])
    }

    fn hear_pcm(&mut self, pcm: &[i16]) -> Vec<Noticed> {
        self.to_recogniser.process(pcm, &mut self.kept);
        let events: Vec<SpeechEvent> = self.detector.push(pcm).collect();
        let mut noticed = Vec::with_capacity(events.len());
        for event in events {
            match event {
                SpeechEvent::SpeechStarted { at_ms } => {
                    self.utterance_from_ms = Some(at_ms);
                    noticed.push(Noticed::Started);
                }
                SpeechEvent::SpeechStopped { at_ms } => {
                    let from_ms = self.utterance_from_ms.take().unwrap_or(self.kept_from_ms);
                    noticed.push(Noticed::Stopped(self.samples(from_ms, at_ms + TAIL_MS)));
                }
            }
        }
        self.forget_old();
        noticed
    }

    /// Ends the turn by the client's word: everything kept is the utterance. None when that is nothing.
    pub(super) fn commit(&mut self) -> Option<Vec<i16>> {
        let from_ms = self.utterance_from_ms.take().unwrap_or(self.kept_from_ms);
        let samples = self.samples(from_ms, u64::MAX);
        self.clear();
        (samples.len() as u64 >= UTTERANCE_MS_MIN * SAMPLES_PER_MS).then_some(samples)
    }

    /// Forgets the sound of the unfinished turn.
    pub(super) fn clear(&mut self) {
        self.kept_from_ms += self.kept.len() as u64 / SAMPLES_PER_MS;
        self.kept.clear();
        self.utterance_from_ms = None;
    }

    fn samples(&self, from_ms: u64, until_ms: u64) -> Vec<i16> {
        let at = |ms: u64| {
            let sample = ms
                .saturating_sub(self.kept_from_ms)
                .saturating_mul(SAMPLES_PER_MS);
            usize::try_from(sample)
                .unwrap_or(usize::MAX)
                .min(self.kept.len())
        };
        self.kept[at(from_ms)..at(until_ms).max(at(from_ms))].to_vec()
    }

    fn forget_old(&mut self) {
        let limit_ms = if self.utterance_from_ms.is_some() {
            UTTERANCE_MS_MAX
        } else {
            KEPT_MS
        };
        let kept_ms = self.kept.len() as u64 / SAMPLES_PER_MS;
        // Dropping a second at a time keeps the moving of samples rare.
        if kept_ms > limit_ms + 1_000 {
            let surplus_ms = kept_ms - limit_ms;
            self.kept
                .drain(..usize::try_from(surplus_ms * SAMPLES_PER_MS).unwrap_or(0));
            self.kept_from_ms += surplus_ms;
        }
    }
}

const SAMPLES_PER_MS: u64 = RECOGNISER_HZ as u64 / 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_that_cut_samples_in_two_are_heard_whole() {
        let format = AudioFormat::Pcm16 { rate_hz: 16_000 };
        let mut hearing =
            Hearing::new(format, SpeechDetectorSettings::default()).expect("16 kHz is supported");
        let bytes = format.encode_from_pcm(&[1_000, -1_000, 500, 7]);
        for chunk in bytes.chunks(3) {
            assert_eq!(hearing.hear(chunk), []);
        }
        assert_eq!(hearing.kept, [1_000, -1_000, 500, 7]);
    }

    #[test]
    fn silence_keeps_no_more_than_its_limit_and_commits_what_is_kept() {
        let format = AudioFormat::Ulaw8k;
        let mut hearing =
            Hearing::new(format, SpeechDetectorSettings::default()).expect("8 kHz is supported");
        for _ in 0..60 {
            assert_eq!(hearing.hear_silence(1_000), []);
        }
        let kept_ms = hearing.kept.len() as u64 / SAMPLES_PER_MS;
        assert!(kept_ms <= KEPT_MS + 1_000, "{kept_ms}");
        assert!(hearing.commit().is_some());
        assert_eq!(hearing.commit(), None);
    }
}

//! Our own voice detector on the caller's line, from a reported interruption to its decision. It costs 0.3 ms of CPU
//! per second of audio, so it runs only where its answer is used; 300 ms of pre-roll are kept for it.

use std::collections::VecDeque;

use switchboard_call::event::EventKind;
use switchboard_media::frame::AudioFormat;
use switchboard_media::vad::Vad;

/// Encoded audio kept from before the report, so that the first syllable is judged too.
const PRE_ROLL_MS: u64 = 300;

/// The tap of one call.
pub(super) struct VoiceTap {
    format: AudioFormat,
    pre_roll: VecDeque<u8>,
    pre_roll_bytes: usize,
    vad: Option<Vad>,
    /// Secure entry: nothing of the caller is looked at or kept (D3).
    is_blind: bool,
}

impl VoiceTap {
    pub(super) fn new(format: AudioFormat) -> Self {
        let pre_roll_bytes = format.bytes_of(PRE_ROLL_MS);
        Self {
            format,
            pre_roll: VecDeque::new(),
            pre_roll_bytes,
            vad: None,
            is_blind: false,
        }
    }

    /// Runs from a proposal to its decision.
    pub(super) fn on_event(&mut self, event: &EventKind) {
        match event {
            EventKind::InterruptionProposed => self.start(),
            EventKind::SecureEntryStarted => self.go_blind(),
            EventKind::SecureEntryEnded => self.is_blind = false,
            EventKind::InterruptionHeld { .. } | EventKind::ReplyInterrupted { .. } => {
                self.vad = None
            }
            _ => {}
        }
    }

    fn go_blind(&mut self) {
        self.is_blind = true;
        self.vad = None;
        self.pre_roll = VecDeque::new();
    }

    pub(super) fn is_blind(&self) -> bool {
        self.is_blind
    }

    fn start(&mut self) {
        let Ok(mut vad) = Vad::new(self.format.rate_hz()) else {
            return;
        };
        let heard = self.format.decode_to_pcm(self.pre_roll.make_contiguous());
        vad.push(&heard).for_each(drop);
        self.vad = Some(vad);
    }

    /// Probability of voice in this frame, when the detector runs.
    pub(super) fn voice_percent(&mut self, bytes: &[u8]) -> Option<u8> {
        if let Some(vad) = &mut self.vad {
            let samples = self.format.decode_to_pcm(bytes);
            let score = vad
                .push(&samples)
                .map(|frame| frame.score)
                .fold(None, |best: Option<f32>, score| {
                    Some(best.map_or(score, |best| best.max(score)))
                });
            return score.map(|score| (score.clamp(0.0, 1.0) * 100.0) as u8);
        }
        self.pre_roll.extend(bytes);
        let excess = self.pre_roll.len().saturating_sub(self.pre_roll_bytes);
        self.pre_roll.drain(..excess);
        None
    }
}

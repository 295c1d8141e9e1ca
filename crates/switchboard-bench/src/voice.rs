//! Sound for both ends: something a voice detector takes for a voice, and the hum of a quiet line.
//!
//! Computed, so that the benchmark needs no recording and no speech program: a pulse train at a speaker's pitch through
//! three moving formants, cut into syllables.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use switchboard_media::g711::linear_to_ulaw;
use switchboard_media::resample::resample_clip;

use crate::stamp::STAMP_BYTES;

/// One frame of a telephone line: 20 ms of G.711.
pub const FRAME_BYTES: usize = 160;
const RATE_HZ: f32 = 8_000.0;
/// Long enough for the longest burst and for one reply.
const VOICE_SECONDS: usize = 3;
/// First, second and third formant of five vowels, in Hz.
const VOWELS: [[f32; 3]; 5] = [
    [730.0, 1_090.0, 2_440.0],
    [530.0, 1_840.0, 2_480.0],
    [270.0, 2_290.0, 3_010.0],
    [570.0, 840.0, 2_410.0],
    [300.0, 870.0, 2_240.0],
];
const SYLLABLE_SECONDS: f32 = 0.2;
const PEAK: f32 = 9_000.0;

/// A second-order resonance.
#[derive(Default)]
struct Resonator {
    last: [f32; 2],
}

impl Resonator {
    fn pass(&mut self, input: f32, frequency_hz: f32, width_hz: f32) -> f32 {
        let radius = (-std::f32::consts::PI * width_hz / RATE_HZ).exp();
        let angle = 2.0 * std::f32::consts::PI * frequency_hz / RATE_HZ;
        let output = (1.0 - radius) * input + 2.0 * radius * angle.cos() * self.last[0]
            - radius * radius * self.last[1];
        self.last = [output, self.last[0]];
        output
    }
}

/// Three seconds of voice as 16-bit samples at 8 kHz.
pub fn voice_pcm() -> Vec<i16> {
    let mut formants: [Resonator; 3] = Default::default();
    let mut phase = 0.0_f32;
    let mut samples = Vec::with_capacity(VOICE_SECONDS * 8_000);
    for index in 0..VOICE_SECONDS * 8_000 {
        let seconds = index as f32 / RATE_HZ;
        let syllable = (seconds / SYLLABLE_SECONDS) as usize;
        let within = seconds / SYLLABLE_SECONDS - syllable as f32;
        // The pitch glides within a sentence, as a speaker's does.
        let pitch_hz = 118.0 + 22.0 * (seconds * 2.1).sin() + 6.0 * (seconds * 31.0).sin();
        phase += pitch_hz / RATE_HZ;
        let is_pulse = phase >= 1.0;
        if is_pulse {
            phase -= 1.0;
        }
        let loudness = (within * std::f32::consts::PI).sin().powf(0.6);
        let vowel = VOWELS[syllable % VOWELS.len()];
        let next = VOWELS[(syllable + 1) % VOWELS.len()];
        let mut sound = if is_pulse { 60.0 } else { -0.4 } * loudness;
        for (place, formant) in formants.iter_mut().enumerate() {
            let frequency = vowel[place] + (next[place] - vowel[place]) * within;
            sound = formant.pass(sound, frequency, 60.0 + 40.0 * place as f32) * 3.0 + sound * 0.2;
        }
        samples.push(sound);
    }
    let peak = samples
        .iter()
        .fold(1.0_f32, |peak, sample| peak.max(sample.abs()));
    let scaled = samples.iter().map(|sample| sample / peak * PEAK);
    scaled.map(|sample| sample as i16).collect()
}

/// The voice as 16-bit samples at 24 kHz, as voice models speak.
///
/// # Panics
/// Never: the resampler takes both rates.
pub fn voice_24k() -> Vec<i16> {
    let voice = resample_clip(&voice_pcm(), 8_000, 24_000);
    voice.expect("the resampler takes both rates")
}

/// The voice as mu-law.
pub fn voice_ulaw() -> Vec<u8> {
    voice_pcm().into_iter().map(linear_to_ulaw).collect()
}

/// What stands behind the stamp of a 20 ms frame, as base64.
pub struct Frames {
    voice: Vec<String>,
    quiet: Vec<String>,
}

/// Frames of line hum, repeated: enough not to be a tone.
const QUIET_FRAMES: usize = 25;

impl Frames {
    /// Prepares all of it once; a frame is then a copy.
    pub fn new() -> Self {
        let rest = |frame: &[u8]| STANDARD.encode(&frame[STAMP_BYTES..]);
        let voice = voice_ulaw().chunks_exact(FRAME_BYTES).map(rest).collect();
        let hum = hum(QUIET_FRAMES * FRAME_BYTES);
        let quiet = hum.chunks_exact(FRAME_BYTES).map(rest).collect();
        Self { voice, quiet }
    }

    /// The `number`th frame of a burst of speech.
    pub fn voice(&self, number: usize) -> &str {
        &self.voice[number % self.voice.len()]
    }

    /// The `number`th frame of a quiet line.
    pub fn quiet(&self, number: usize) -> &str {
        &self.quiet[number % self.quiet.len()]
    }
}

impl Default for Frames {
    fn default() -> Self {
        Self::new()
    }
}

/// Random codes among the six quietest: about -70 dBFS.
fn hum(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let quiet = 0xFD + (state % 3) as u8;
        if state & 64 == 0 { quiet } else { quiet & 0x7F }
    };
    (0..bytes).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_media::level::level_dbfs_ulaw;
    use switchboard_media::vad::Vad;

    fn voiced_share(pcm: &[i16]) -> f32 {
        let mut vad = Vad::new(8_000).unwrap();
        let scores: Vec<f32> = vad.push(pcm).map(|frame| frame.score).collect();
        let voiced = scores.iter().filter(|score| **score >= 0.5).count();
        voiced as f32 / scores.len() as f32
    }

    #[test]
    fn the_voice_detector_takes_the_voice_for_one_and_the_hum_not() {
        let share = voiced_share(&voice_pcm());
        assert!(share > 0.8, "voiced in {share} of its frames");
        let silence: Vec<i16> = hum(8_000)
            .into_iter()
            .map(|byte| switchboard_media::g711::ULAW_TO_LINEAR[usize::from(byte)])
            .collect();
        assert!(voiced_share(&silence) < 0.05);
    }

    #[test]
    fn the_voice_is_loud_and_the_hum_is_not() {
        assert!(level_dbfs_ulaw(&voice_ulaw()) > -30.0);
        assert!(level_dbfs_ulaw(&hum(8_000)) < -60.0);
    }
}

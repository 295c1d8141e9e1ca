//! How loud a frame is.
//!
//! The hot caller asks 50 times a second for each of a thousand calls, so the sum is over integers from a table of
//! squares, and one logarithm ends it. Levels are dBFS relative to the mean square of a constant 32767: a full-scale
//! square wave has 0 dBFS, a full-scale sine -3 dBFS.

use crate::g711::{ALAW_TO_LINEAR, ULAW_TO_LINEAR};

/// The level of silence and of an empty frame, in dBFS: below one step of 16-bit sound (-90.3).
pub const LEVEL_DBFS_FLOOR: f32 = -96.0;

const ULAW_SQUARES: [u32; 256] = squares(&ULAW_TO_LINEAR);
const ALAW_SQUARES: [u32; 256] = squares(&ALAW_TO_LINEAR);

/// Level of mu-law bytes in dBFS, never below [`LEVEL_DBFS_FLOOR`].
pub fn level_dbfs_ulaw(bytes: &[u8]) -> f32 {
    level_dbfs(mean_square_ulaw(bytes))
}

/// Level of A-law bytes in dBFS; idle A-law (0xD5) is at -72 because the law has no zero.
pub fn level_dbfs_alaw(bytes: &[u8]) -> f32 {
    level_dbfs(mean_square_alaw(bytes))
}

/// Level of 16-bit samples in dBFS, never below [`LEVEL_DBFS_FLOOR`].
pub fn level_dbfs_pcm(pcm: &[i16]) -> f32 {
    level_dbfs(mean_square_pcm(pcm))
}

/// Mean of the squared linear samples, 0..=32768²; 0 for no samples. Means can be averaged, levels cannot.
pub fn mean_square_ulaw(bytes: &[u8]) -> f32 {
    mean(sum_of_squares(bytes, &ULAW_SQUARES), bytes.len())
}

/// See [`mean_square_ulaw`].
pub fn mean_square_alaw(bytes: &[u8]) -> f32 {
    mean(sum_of_squares(bytes, &ALAW_SQUARES), bytes.len())
}

/// See [`mean_square_ulaw`].
pub fn mean_square_pcm(pcm: &[i16]) -> f32 {
    let square = |&sample: &i16| u64::from(sample.unsigned_abs()).pow(2);
    mean(pcm.iter().map(square).sum(), pcm.len())
}

/// Turns a mean square into dBFS.
pub fn level_dbfs(mean_square: f32) -> f32 {
    const FULL_SCALE_SQUARED: f32 = 32_767.0 * 32_767.0;
    let dbfs = 10.0 * (mean_square / FULL_SCALE_SQUARED).log10();
    dbfs.max(LEVEL_DBFS_FLOOR)
}

fn sum_of_squares(bytes: &[u8], squares: &[u32; 256]) -> u64 {
    let square = |&byte: &u8| u64::from(squares[usize::from(byte)]);
    bytes.iter().map(square).sum()
}

fn mean(sum: u64, count: usize) -> f32 {
    if count == 0 {
        return 0.0;
    }
    (sum as f64 / count as f64) as f32
}

const fn squares(table: &[i16; 256]) -> [u32; 256] {
    let mut squares = [0; 256];
    let mut index = 0;
    while index < 256 {
        let magnitude = table[index].unsigned_abs() as u32;
        squares[index] = magnitude * magnitude;
        index += 1;
    }
    squares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{g711, tone};

    #[test]
    fn silence_and_nothing_are_at_the_floor() {
        assert_eq!(
            level_dbfs_ulaw(&[g711::ULAW_SILENCE; 160]),
            LEVEL_DBFS_FLOOR
        );
        assert_eq!(level_dbfs_ulaw(&[]), LEVEL_DBFS_FLOOR);
        assert_eq!(level_dbfs_pcm(&[0; 160]), LEVEL_DBFS_FLOOR);
        let idle_alaw = level_dbfs_alaw(&[g711::ALAW_SILENCE; 160]);
        assert!((idle_alaw + 72.2).abs() < 0.1, "{idle_alaw}");
    }

    #[test]
    fn full_scale_is_zero_and_a_sine_three_below_its_peak() {
        assert!(level_dbfs_pcm(&[i16::MIN; 160]).abs() < 0.01);
        assert!((level_dbfs_pcm(&tone::sine(8_000, 400.0, 100, 1.0)) + 3.01).abs() < 0.05);
    }

    #[test]
    fn the_three_carriages_agree_within_half_a_decibel() {
        for amplitude in [1.0, 0.3, 0.1, 0.03, 0.01] {
            let pcm = tone::sine(8_000, 400.0, 100, amplitude);
            let (mut ulaw, mut alaw) = (Vec::new(), Vec::new());
            g711::encode_ulaw(&pcm, &mut ulaw);
            g711::encode_alaw(&pcm, &mut alaw);
            let level = level_dbfs_pcm(&pcm);
            assert!((level_dbfs_ulaw(&ulaw) - level).abs() < 0.5, "{amplitude}");
            assert!((level_dbfs_alaw(&alaw) - level).abs() < 0.5, "{amplitude}");
        }
    }
}

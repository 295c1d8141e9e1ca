//! G.711: one byte per sample at 8 kHz, mu-law and A-law.
//!
//! Encoding follows the decision values of ITU-T G.711 as the reference software G.191 applies them: negative samples
//! are taken in one's complement, so -1 is coded as the smallest negative value and not one step below it.

/// What an idle mu-law line carries: positive zero.
pub const ULAW_SILENCE: u8 = 0xFF;
/// What an idle A-law line carries: the smallest positive value; A-law has no zero.
pub const ALAW_SILENCE: u8 = 0xD5;

/// Linear 16-bit value of every mu-law byte, within ±32124.
pub const ULAW_TO_LINEAR: [i16; 256] = ulaw_table();
/// Linear 16-bit value of every A-law byte, within ±32256.
pub const ALAW_TO_LINEAR: [i16; 256] = alaw_table();

/// Appends one sample per byte.
pub fn decode_ulaw(bytes: &[u8], pcm: &mut Vec<i16>) {
    pcm.extend(bytes.iter().map(|&byte| ULAW_TO_LINEAR[usize::from(byte)]));
}

/// Appends one sample per byte.
pub fn decode_alaw(bytes: &[u8], pcm: &mut Vec<i16>) {
    pcm.extend(bytes.iter().map(|&byte| ALAW_TO_LINEAR[usize::from(byte)]));
}

/// Appends one byte per sample.
pub fn encode_ulaw(pcm: &[i16], bytes: &mut Vec<u8>) {
    bytes.extend(pcm.iter().map(|&sample| linear_to_ulaw(sample)));
}

/// Appends one byte per sample.
pub fn encode_alaw(pcm: &[i16], bytes: &mut Vec<u8>) {
    bytes.extend(pcm.iter().map(|&sample| linear_to_alaw(sample)));
}

/// The bias that makes every mu-law segment start at a power of two, in 14-bit units (G.711 table 2).
const ULAW_BIAS: u32 = 33;
/// The largest biased 14-bit magnitude; louder samples are clipped to it.
const ULAW_MAGNITUDE_MAX: u32 = 0x1FFF;

/// The mu-law byte of one sample, with even bits inverted as sent on the line.
pub const fn linear_to_ulaw(sample: i16) -> u8 {
    let biased = (magnitude(sample) >> 2) + ULAW_BIAS;
    let biased = if biased > ULAW_MAGNITUDE_MAX {
        ULAW_MAGNITUDE_MAX
    } else {
        biased
    };
    let segment = 27 - biased.leading_zeros();
    let code = ((segment - 1) << 4) | ((biased >> segment) & 0x0F);
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(code as u8 | sign)
}

/// The A-law byte of one sample, with alternate bits inverted as sent on the line.
pub const fn linear_to_alaw(sample: i16) -> u8 {
    let magnitude = magnitude(sample) >> 4;
    let code = if magnitude < 32 {
        magnitude
    } else {
        let shift = 27 - magnitude.leading_zeros();
        ((shift + 1) << 4) | ((magnitude >> shift) & 0x0F)
    };
    let sign = if sample < 0 { 0 } else { 0x80 };
    (code as u8 | sign) ^ 0x55
}

/// One's complement magnitude, 0..=32767.
const fn magnitude(sample: i16) -> u32 {
    (if sample < 0 { !sample } else { sample }) as u32
}

const fn ulaw_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let code = !(byte as u8);
        let exponent = (code >> 4) & 0x07;
        let mantissa = (code & 0x0F) as i16;
        let magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84;
        table[byte] = if code & 0x80 == 0 {
            magnitude
        } else {
            -magnitude
        };
        byte += 1;
    }
    table
}

const fn alaw_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let code = byte as u8 ^ 0x55;
        let exponent = (code >> 4) & 0x07;
        let mantissa = ((code & 0x0F) as i16) << 4;
        let magnitude = if exponent == 0 {
            mantissa + 8
        } else {
            (mantissa + 0x108) << (exponent - 1)
        };
        table[byte] = if code & 0x80 == 0 {
            -magnitude
        } else {
            magnitude
        };
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_vectors_match_the_recommendation() {
        let ulaw = [
            (0, 0xFF),
            (-1, 0x7F),
            (i16::MAX, 0x80),
            (i16::MIN, 0x00),
            (132, 0xEF),
            (-132 - 1, 0x6F),
        ];
        for (sample, byte) in ulaw {
            assert_eq!(linear_to_ulaw(sample), byte, "mu-law of {sample}");
        }
        let alaw = [
            (0, 0xD5),
            (-1, 0x55),
            (i16::MAX, 0xAA),
            (i16::MIN, 0x2A),
            (512, 0xF5),
            (-513, 0x75),
        ];
        for (sample, byte) in alaw {
            assert_eq!(linear_to_alaw(sample), byte, "A-law of {sample}");
        }
        assert_eq!(ULAW_TO_LINEAR[0x00], -32_124);
        assert_eq!(ULAW_TO_LINEAR[0x80], 32_124);
        assert_eq!(ALAW_TO_LINEAR[0xAA], 32_256);
        assert_eq!(ALAW_TO_LINEAR[usize::from(ALAW_SILENCE)], 8);
        assert_eq!(ULAW_TO_LINEAR[usize::from(ULAW_SILENCE)], 0);
    }

    #[test]
    fn every_byte_survives_a_round_trip_except_negative_zero() {
        for byte in 0..=255u8 {
            let ulaw = linear_to_ulaw(ULAW_TO_LINEAR[usize::from(byte)]);
            assert_eq!(ulaw, if byte == 0x7F { 0xFF } else { byte });
            assert_eq!(linear_to_alaw(ALAW_TO_LINEAR[usize::from(byte)]), byte);
        }
    }

    #[test]
    fn every_sample_is_off_by_half_a_step_of_its_segment_at_most() {
        for sample in i16::MIN..=i16::MAX {
            let byte = linear_to_ulaw(sample);
            let off = ULAW_TO_LINEAR[usize::from(byte)].abs_diff(sample);
            let half_step = 4u16 << ((!byte >> 4) & 0x07);
            // Above the last decision value, 8159 in 14 bits, mu-law clips.
            assert!(
                off <= half_step || sample.unsigned_abs() >= 8_159 * 4,
                "mu {sample}"
            );
            let byte = linear_to_alaw(sample);
            let off = ALAW_TO_LINEAR[usize::from(byte)].abs_diff(sample);
            let segment = ((byte ^ 0x55) >> 4) & 0x07;
            assert!(
                off <= 8 << segment.saturating_sub(1),
                "A-law {sample} off by {off}"
            );
        }
    }

    #[test]
    fn louder_never_decodes_quieter() {
        for sample in i16::MIN..i16::MAX {
            let next = sample + 1;
            let ulaw = |s| ULAW_TO_LINEAR[usize::from(linear_to_ulaw(s))];
            let alaw = |s| ALAW_TO_LINEAR[usize::from(linear_to_alaw(s))];
            assert!(ulaw(sample) <= ulaw(next) && alaw(sample) <= alaw(next));
        }
    }

    #[test]
    fn slices_are_appended_not_replaced() {
        let mut bytes = vec![1];
        encode_ulaw(&[0, 0], &mut bytes);
        encode_alaw(&[0], &mut bytes);
        assert_eq!(bytes, [1, 0xFF, 0xFF, 0xD5]);
        let mut pcm = vec![7];
        decode_ulaw(&[0xFF], &mut pcm);
        decode_alaw(&[0xD5], &mut pcm);
        assert_eq!(pcm, [7, 0, 8]);
    }
}

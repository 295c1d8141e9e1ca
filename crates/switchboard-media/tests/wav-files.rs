//! WAV: what we write we read, what others write we read, and no bytes whatever make it panic.

use proptest::prelude::*;
use switchboard_media::wav::{self, WavError};
use switchboard_media::{g711, tone};

/// A file with the given fields, written by hand.
fn file(tag: u16, channels: u16, rate_hz: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00".to_vec();
    bytes.extend(tag.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate_hz.to_le_bytes());
    bytes.extend([0; 6]);
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

fn patch(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn a_written_file_reads_back_the_same() {
    let samples = tone::sine(22_050, 440.0, 100, 0.5);
    let clip = wav::read(&wav::write_pcm16(22_050, &samples)).unwrap();
    assert_eq!(clip.rate_hz, 22_050);
    assert_eq!(clip.samples, samples);
    assert_eq!(clip.length_ms(), 100);
}

#[test]
fn the_header_is_the_44_bytes_everybody_expects() {
    let header = wav::pcm16_header(8_000, 2, 1_000);
    let mut expected = b"RIFF\x0c\x04\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00".to_vec();
    expected.extend(b"\x40\x1f\x00\x00\x00\x7d\x00\x00\x04\x00\x10\x00data\xe8\x03\x00\x00");
    assert_eq!(header.to_vec(), expected);
}

#[test]
fn stereo_is_mixed_and_the_shorter_side_padded() {
    let clip = wav::read(&wav::write_pcm16_stereo(
        8_000,
        &[100, 200, -32_768],
        &[300],
    ))
    .unwrap();
    assert_eq!(clip.samples, [200, 100, -16_384]);
}

#[test]
fn both_laws_are_read() {
    let samples = tone::sine(8_000, 440.0, 20, 0.5);
    let (mut ulaw, mut alaw) = (Vec::new(), Vec::new());
    g711::encode_ulaw(&samples, &mut ulaw);
    g711::encode_alaw(&samples, &mut alaw);
    let read_ulaw = wav::read(&file(7, 1, 8_000, 8, &ulaw)).unwrap();
    let read_alaw = wav::read(&file(6, 1, 8_000, 8, &alaw)).unwrap();
    assert_eq!(
        read_ulaw.samples[3],
        g711::ULAW_TO_LINEAR[usize::from(ulaw[3])]
    );
    assert_eq!(
        read_alaw.samples[3],
        g711::ALAW_TO_LINEAR[usize::from(alaw[3])]
    );
    assert_eq!(read_ulaw.samples.len(), 160);
}

#[test]
fn lengths_unknown_to_a_pipe_mean_the_rest() {
    let samples = [1i16, 2, 3, 4];
    for (riff, data) in [(0x7fff_f024, 0x7fff_f000), (0, 0), (u32::MAX, u32::MAX)] {
        let mut bytes = wav::write_pcm16(16_000, &samples);
        patch(&mut bytes, 4, riff);
        patch(&mut bytes, 40, data);
        assert_eq!(wav::read(&bytes).unwrap().samples, samples, "{data:#x}");
    }
}

#[test]
fn an_empty_clip_is_empty_even_when_other_chunks_follow() {
    let mut bytes = wav::write_pcm16(16_000, &[]);
    bytes.extend(b"LIST\x04\x00\x00\x00INFO");
    assert_eq!(wav::read(&bytes).unwrap().samples, []);
}

#[test]
fn other_chunks_are_skipped_and_what_follows_the_samples_is_left_out() {
    let plain = wav::write_pcm16(8_000, &[5, 6]);
    let mut bytes = plain[..12].to_vec();
    bytes.extend(b"LIST\x03\x00\x00\x00abc\x00");
    bytes.extend(&plain[12..]);
    bytes.extend(b"id3 \x02\x00\x00\x00zz");
    assert_eq!(wav::read(&bytes).unwrap().samples, [5, 6]);
}

#[test]
fn a_file_cut_short_gives_the_whole_samples_it_has() {
    let bytes = wav::write_pcm16(8_000, &[5, 6, 7]);
    assert_eq!(
        wav::read(&bytes[..bytes.len() - 1]).unwrap().samples,
        [5, 6]
    );
}

#[test]
fn an_extensible_header_names_its_format_in_the_sub_format() {
    let plain = wav::write_pcm16(8_000, &[9, -9]);
    let mut bytes = plain[..16].to_vec();
    bytes.extend(40u32.to_le_bytes());
    bytes.extend(0xFFFEu16.to_le_bytes());
    bytes.extend(&plain[22..36]);
    bytes.extend([22, 0, 16, 0, 4, 0, 0, 0, 1, 0]);
    bytes.extend([0; 14]);
    bytes.extend(&plain[36..]);
    assert_eq!(wav::read(&bytes).unwrap().samples, [9, -9]);
}

#[test]
fn what_cannot_be_read_says_why() {
    let refused = |bytes: &[u8]| wav::read(bytes).unwrap_err();
    assert_eq!(refused(b""), WavError::NotWav);
    assert_eq!(refused(b"OggS............"), WavError::NotWav);
    assert_eq!(refused(b"RIFF....WAVE"), WavError::DataMissing);
    let no_format = b"RIFF\0\0\0\0WAVEdata\x02\0\0\0\x01\0";
    assert_eq!(refused(no_format), WavError::FormatMissing);
    let float = WavError::UnsupportedFormat { tag: 3, bits: 32 };
    assert_eq!(refused(&file(3, 1, 8_000, 32, &[0; 4])), float);
    let shapeless = |channels, rate_hz| WavError::UnsupportedShape { channels, rate_hz };
    assert_eq!(refused(&file(1, 0, 8_000, 16, &[])), shapeless(0, 8_000));
    assert_eq!(refused(&file(1, 1, 0, 16, &[])), shapeless(1, 0));
    assert_eq!(
        refused(&file(1, 1, 192_001, 16, &[])),
        shapeless(1, 192_001)
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_never_grow(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(clip) = wav::read(&bytes) {
            prop_assert!(clip.samples.len() <= bytes.len());
        }
    }

    #[test]
    fn a_real_file_with_damaged_bytes_never_panics(
        damage in proptest::collection::vec((0usize..80, any::<u8>()), 0..12),
        keep in 0usize..100,
    ) {
        let mut bytes = wav::write_pcm16_stereo(8_000, &[1; 10], &[2; 10]);
        for (at, value) in damage {
            bytes[at] = value;
        }
        bytes.truncate(keep);
        if let Ok(clip) = wav::read(&bytes) {
            prop_assert!(clip.samples.len() <= bytes.len());
            let _ = clip.length_ms();
        }
    }
}

//! Stereo files keep both voices apart, and every step of the ladder at its place.

use switchboard_media::ladder::{LadderReport, ToneLadder, detect_steps};
use switchboard_media::level::level_dbfs_pcm;
use switchboard_media::ogg_opus::{OggOpusWriter, read_ogg_opus};

const RATE_HZ: u32 = 8_000;

fn written(left: &[i16], right: &[i16]) -> Vec<u8> {
    let mut file = OggOpusWriter::new(Vec::new(), RATE_HZ).expect("a rate of Opus");
    // In uneven pieces, as they come.
    for (left, right) in left.chunks(333).zip(right.chunks(333)) {
        file.push(left, right).expect("memory takes it");
    }
    file.finish().expect("memory takes it")
}

#[test]
fn a_file_is_as_long_as_its_samples_and_keeps_the_ladder_in_place() {
    let silence = vec![0; 8_000];
    let ladder = ToneLadder::new(RATE_HZ).render(0, 3_000);
    let left = [silence.clone(), ladder.clone(), vec![0; 5_001]].concat();
    let right = vec![0; left.len()];
    let (heard, other) = read_ogg_opus(&written(&left, &right), RATE_HZ).expect("reads back");
    assert_eq!((heard.len(), other.len()), (left.len(), left.len()));
    let report = LadderReport::of(&detect_steps(&heard));
    let run = &report.runs[0];
    assert_eq!(report.runs.len(), 1, "{report:?}");
    assert!(run.at_ms.abs_diff(1_000) <= 8, "{report:?}");
    assert!(
        run.from_ms == 0 && run.to_ms.abs_diff(3_000) <= 10,
        "{report:?}"
    );
}

#[test]
fn two_voices_at_one_time_stay_on_their_own_side() {
    let first = ToneLadder::new(RATE_HZ).render(0, 3_000);
    let second = ToneLadder::new(RATE_HZ).render(3_200, 6_200);
    let (left, right) = read_ogg_opus(&written(&first, &second), RATE_HZ).expect("reads back");
    for (side, from_ms) in [(left, 0), (right, 3_200)] {
        let report = LadderReport::of(&detect_steps(&side));
        assert_eq!(report.runs.len(), 1, "{report:?}");
        assert_eq!(report.runs[0].from_ms / 100, from_ms / 100, "{report:?}");
    }
}

#[test]
fn the_silent_side_stays_silent() {
    let loud = ToneLadder::new(RATE_HZ).render(0, 3_000);
    let bytes = written(&loud, &vec![0; loud.len()]);
    let (left, right) = read_ogg_opus(&bytes, RATE_HZ).expect("reads back");
    let apart = level_dbfs_pcm(&left) - level_dbfs_pcm(&right);
    assert!(apart > 35.0, "only {apart} dB apart");
}

#[test]
fn an_unknown_rate_and_foreign_bytes_are_refused() {
    assert!(OggOpusWriter::new(Vec::new(), 11_025).is_err());
    for bytes in [&b""[..], b"RIFF....WAVE", &[0; 4_096]] {
        assert!(read_ogg_opus(bytes, RATE_HZ).is_err());
    }
}

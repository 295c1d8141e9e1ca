//! Words into sound by the system's espeak-ng (package espeak-ng).

use switchboard_media::level;
use switchboard_sim::caller::speech::{SpeechError, Voice, speak, speak_at};

#[tokio::test]
async fn words_become_sound_at_the_rate_of_a_telephone() {
    let clip = speak("I would like to book a facial.", &Voice::default())
        .await
        .expect("espeak-ng is installed");
    let ms = clip.len() / 8;
    assert!((1_000..4_000).contains(&ms), "{ms} ms");
    assert!(level::level_dbfs_pcm(&clip) > -35.0);
    let wide = speak_at("I would like to book a facial.", &Voice::default(), 24_000)
        .await
        .expect("espeak-ng is installed");
    let wide_ms = wide.len() / 24;
    assert!(wide_ms.abs_diff(ms) < 50, "{wide_ms} against {ms}");
}

#[tokio::test]
async fn a6_text_is_never_an_option_and_voice_names_are_checked() {
    let folder = std::env::temp_dir().join(format!("speech-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let stolen = folder.join("stolen.wav");
    let text = format!("-w{} hello", stolen.display());
    speak(&text, &Voice::default())
        .await
        .expect("spoken as it is");
    assert!(!stolen.exists(), "the text was taken for an option");
    std::fs::remove_dir_all(&folder).expect("our own folder");

    for name in ["", "-w/tmp/x", "en;rm", "../voice", "en us"] {
        let voice = Voice {
            name: name.to_owned(),
            ..Voice::default()
        };
        let refused = speak("hello", &voice).await;
        assert!(matches!(refused, Err(SpeechError::VoiceName)), "{name}");
    }
}

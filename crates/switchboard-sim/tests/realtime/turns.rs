//! Turns are found on the appended audio, whatever the clock says.

use std::time::Duration;

use serde_json::{Value, json};
use switchboard_media::frame::AudioFormat;
use switchboard_media::tone::sine;
use switchboard_sim::realtime::{CallerTurn, RealtimeScript, Reply, TurnOutcome, VoiceDetection};
use switchboard_wire::openai::ServerEvent;

use crate::client::{Client, kinds, start};

pub(crate) const BY_LEVEL: VoiceDetection = VoiceDetection::Level {
    threshold_dbfs: -40.0,
};

/// A loud tone of `ms` and silence of `silence_ms`, mu-law.
pub(crate) fn spoken(ms: u64, silence_ms: u64) -> Vec<u8> {
    let mut audio = AudioFormat::Ulaw8k.encode_from_pcm(&sine(8_000, 440.0, ms, 0.5));
    audio.extend(AudioFormat::Ulaw8k.silence(silence_ms));
    audio
}

pub(crate) fn telephone() -> Value {
    json!({"type": "realtime", "audio": {
        "input": {"format": {"type": "audio/pcmu"}, "transcription": {"model": "gpt-transcribe"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 500, "prefix_padding_ms": 300}},
        "output": {"format": {"type": "audio/pcmu"}}}})
}

#[tokio::test]
async fn a_spoken_turn_is_answered_in_the_order_of_the_provider() {
    let script = RealtimeScript::default()
        .hearing_by(BY_LEVEL)
        .caller_says("Good morning")
        .reply(Reply::ladder(400));
    let server = start(script).await;
    let mut client = Client::configured(&server, telephone()).await;
    client.append(&spoken(1_000, 600)).await;
    let events = client.until("rate_limits.updated").await;
    let mut kinds = kinds(&events);
    let transcript = "conversation.item.input_audio_transcription.";
    kinds.retain(|kind| !kind.starts_with(transcript));
    kinds.dedup();
    let body: Vec<&str> = kinds
        .iter()
        .map(String::as_str)
        .filter(|kind| !kind.ends_with(".delta"))
        .collect();
    assert_eq!(
        body,
        [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]
    );
}

#[tokio::test]
async fn borders_are_milliseconds_of_appended_audio() {
    let server = start(RealtimeScript::default().hearing_by(BY_LEVEL)).await;
    let mut client = Client::configured(&server, telephone()).await;
    client.append(&spoken(0, 1_000)).await;
    client.append(&spoken(800, 500)).await;
    let events = client.until("input_audio_buffer.speech_stopped").await;
    let borders: Vec<u64> = events
        .iter()
        .filter_map(|message| match message.event {
            ServerEvent::SpeechStarted { audio_start_ms, .. } => Some(audio_start_ms),
            ServerEvent::SpeechStopped { audio_end_ms, .. } => Some(audio_end_ms),
            _ => None,
        })
        .collect();
    assert_eq!(
        borders,
        [700, 2_300],
        "padding of 300 ms before, silence of 500 ms behind"
    );
}

#[tokio::test]
async fn a_turn_never_ends_while_no_silence_is_appended() {
    let server = start(RealtimeScript::default().hearing_by(BY_LEVEL)).await;
    let mut client = Client::configured(&server, telephone()).await;
    client.append(&spoken(1_000, 300)).await;
    client.until("input_audio_buffer.speech_started").await;
    client
        .send(json!({"type": "conversation.item.retrieve", "item_id": "item_none"}))
        .await;
    client.until("error").await;
    assert_eq!(
        server.with_log(|log| log.sent_count(1, "input_audio_buffer.speech_stopped")),
        0
    );
    client.append(&spoken(0, 300)).await;
    client.until("input_audio_buffer.speech_stopped").await;
}

#[tokio::test]
async fn real_speech_is_heard_where_it_begins() {
    let Ok(speech) = switchboard_sim::realtime::ReplyAudio::speech(
        "I would like to book a facial please.",
        "en",
    ) else {
        return; // espeak-ng is not installed here; the demo asks for it.
    };
    assert!(speech.length_ms() > 1_000);
    let server = start(RealtimeScript::default()).await;
    let mut client = Client::configured(&server, telephone()).await;
    client.append(&spoken(0, 2_500)).await;
    let bytes = ulaw_of("I would like to book a facial please.");
    client.append(&bytes).await;
    client.append(&spoken(0, 1_500)).await;
    let events = client.until("input_audio_buffer.speech_stopped").await;
    let ServerEvent::SpeechStarted { audio_start_ms, .. } = events[0].event else {
        panic!("speech: {events:?}")
    };
    assert!((2_100..2_700).contains(&audio_start_ms), "{audio_start_ms}");
}

fn ulaw_of(text: &str) -> Vec<u8> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut child = Command::new("espeak-ng")
        .args(["--stdin", "--stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("espeak-ng ran a moment ago");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(text.as_bytes())
        .expect("reads");
    let sound = child.wait_with_output().expect("ends");
    let wav = switchboard_media::wav::read(&sound.stdout).expect("a WAV");
    let pcm = switchboard_media::resample::resample_clip(&wav.samples, wav.rate_hz, 8_000)
        .expect("rates");
    AudioFormat::Ulaw8k.encode_from_pcm(&pcm)
}

#[tokio::test]
async fn without_create_response_a_turn_is_only_committed() {
    let server = start(RealtimeScript::default().hearing_by(BY_LEVEL)).await;
    let mut session = telephone();
    session["audio"]["input"]["turn_detection"]["create_response"] = json!(false);
    let mut client = Client::configured(&server, session).await;
    client.append(&spoken(500, 600)).await;
    client.until("conversation.item.done").await;
    client.send(json!({"type": "response.create"})).await;
    client.until("response.done").await;
    assert_eq!(
        server.with_log(|log| log.sent_count(1, "response.created")),
        1
    );
}

#[tokio::test]
async fn without_turn_detection_the_client_commits_at_least_100_ms() {
    let server = start(RealtimeScript::default().hearing_by(BY_LEVEL)).await;
    let mut session = telephone();
    session["audio"]["input"]["turn_detection"] = Value::Null;
    let mut client = Client::configured(&server, session).await;
    client.append(&spoken(99, 0)).await;
    let commit = json!({"type": "input_audio_buffer.commit"});
    assert_eq!(
        client.refused(commit.clone()).await.0,
        "input_audio_buffer_commit_empty"
    );
    client.append(&spoken(901, 500)).await;
    client.send(commit).await;
    let events = client.until("conversation.item.done").await;
    assert_eq!(kinds(&events)[0], "input_audio_buffer.committed");
    let heard = server.with_log(|log| {
        (
            log.sent_count(1, "input_audio_buffer.speech_started"),
            log.sent_count(1, "response.created"),
        )
    });
    assert_eq!(heard, (0, 0));
    assert_eq!(server.appended_audio(1).len(), 12_000);
}

#[tokio::test]
async fn the_words_of_a_turn_come_in_their_order_and_before_the_whole() {
    let text = "one two three four five six";
    let script = RealtimeScript::default()
        .hearing_by(BY_LEVEL)
        .caller_says(text);
    let server = start(script).await;
    let mut client = Client::configured(&server, telephone()).await;
    client.append(&spoken(400, 600)).await;
    let events = client
        .until("conversation.item.input_audio_transcription.completed")
        .await;
    let words: String = events
        .iter()
        .filter_map(|message| match &message.event {
            ServerEvent::InputTranscriptionDelta { delta, .. } => Some(delta.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(words, text);
}

#[tokio::test]
async fn transcriptions_come_as_scripted_even_out_of_order() {
    let slow = CallerTurn {
        delay: Duration::from_millis(150),
        ..CallerTurn::new("first words")
    };
    let failed = CallerTurn {
        outcome: TurnOutcome::Failed,
        ..CallerTurn::new("second")
    };
    let script = RealtimeScript::default()
        .hearing_by(BY_LEVEL)
        .caller_turn(slow)
        .caller_turn(failed);
    let server = start(script).await;
    let mut session = telephone();
    session["audio"]["input"]["turn_detection"]["create_response"] = json!(false);
    let mut client = Client::configured(&server, session).await;
    client.append(&spoken(400, 600)).await;
    client.append(&spoken(400, 600)).await;
    let completed = "conversation.item.input_audio_transcription.completed";
    let events = client.until(completed).await;
    let ServerEvent::InputTranscriptionCompleted {
        transcript,
        item_id: first,
        ..
    } = &events.last().expect("one").event
    else {
        panic!("typed")
    };
    assert_eq!(transcript, "first words");
    let failed = events.iter().find_map(|message| match &message.event {
        ServerEvent::InputTranscriptionFailed { item_id, .. } => Some(item_id),
        _ => None,
    });
    assert!(
        failed.is_some_and(|second| second != first),
        "the later turn was known first"
    );
}

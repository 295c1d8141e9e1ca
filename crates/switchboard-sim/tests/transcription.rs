//! The fake transcriber refuses what the vendor refuses.

use serde_json::Value;
use switchboard_media::wav::write_pcm16;
use switchboard_sim::transcription::{FakeTranscriber, TranscriptionAnswer};

const KEY: &str = "sk-ears";
const MODEL: &str = "small-ears";

/// A form as a client of nobody here might write it.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, content) in parts {
        let head = format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x--\r\n");
    body
}

fn sound(samples: usize) -> Vec<u8> {
    write_pcm16(8_000, &vec![700; samples])
}

async fn send(fake: &FakeTranscriber, key: &str, kind: &str, body: Vec<u8>) -> (u16, Value) {
    let url = format!("{}/audio/transcriptions", fake.base_url());
    let request = reqwest::Client::new().post(url).bearer_auth(key);
    let request = request.header("content-type", kind.to_owned()).body(body);
    let answer = request.send().await.expect("answers");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[tokio::test]
async fn a_form_that_is_in_order_gets_the_scripted_words() {
    let fake = FakeTranscriber::start(KEY, MODEL).await.expect("starts");
    fake.plan(TranscriptionAnswer::Words("hello there".to_owned()));
    let wav = sound(8_000);
    let body = form(&[
        ("name=\"model\"", MODEL.as_bytes()),
        ("name=\"language\"", b"en"),
        ("name=\"response_format\"", b"json"),
        ("name=\"file\"; filename=\"message.wav\"", &wav),
    ]);
    let (status, answer) = send(&fake, KEY, "multipart/form-data; boundary=x", body).await;
    assert_eq!((status, &answer["text"]), (200, &"hello there".into()));
    let heard = fake.understood();
    assert_eq!((heard[0].length_ms, heard[0].loudest), (1_000, 700));
}

#[tokio::test]
async fn what_the_vendor_refuses_is_refused() {
    let fake = FakeTranscriber::start(KEY, MODEL).await.expect("starts");
    let (wav, short) = (sound(8_000), sound(80));
    let named = "name=\"file\"; filename=\"message.wav\"";
    let model = ("name=\"model\"", MODEL.as_bytes());
    let multipart = "multipart/form-data; boundary=x";
    let whole = form(&[model, (named, &wav)]);
    for (key, kind, body, code) in [
        ("sk-other", multipart, whole.clone(), "invalid_api_key"),
        (
            KEY,
            "application/json",
            b"{}".to_vec(),
            "invalid_content_type",
        ),
        (
            KEY,
            multipart,
            form(&[(named, &wav)]),
            "missing_required_parameter",
        ),
        (KEY, multipart, form(&[model]), "missing_required_parameter"),
        (
            KEY,
            multipart,
            form(&[("name=\"model\"", b"big"), (named, &wav)]),
            "model_not_found",
        ),
        (
            KEY,
            multipart,
            form(&[model, (named, b"no sound")]),
            "invalid_file_format",
        ),
        (
            KEY,
            multipart,
            form(&[model, ("name=\"file\"; filename=\"message.txt\"", &wav)]),
            "invalid_file_format",
        ),
        (
            KEY,
            multipart,
            form(&[model, (named, &short)]),
            "audio_too_short",
        ),
        (
            KEY,
            multipart,
            form(&[model, ("name=\"language\"", b"English"), (named, &wav)]),
            "invalid_language_format",
        ),
        (
            KEY,
            multipart,
            form(&[model, ("name=\"response_format\"", b"srt"), (named, &wav)]),
            "unsupported_value",
        ),
        (
            KEY,
            multipart,
            form(&[model, ("name=\"voice\"", b"x"), (named, &wav)]),
            "unknown_parameter",
        ),
    ] {
        let (status, answer) = send(&fake, key, kind, body).await;
        assert!((400..500).contains(&status), "{code}: {status}");
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
    assert_eq!(fake.understood(), []);
    assert_eq!(fake.requests(), 11);
}

//! Whole calls that are recorded, over loopback with the fake carrier: the sound of the ladder lies on the right side at
//! the right time, stops where the caller heard it stop, and is there only when the caller agreed.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use support::{BOUND, MEDSPA, TestServer, carrier, model};
use switchboard_media::g711::decode_ulaw;
use switchboard_media::ladder::{LadderReport, ToneLadder, detect_steps};
use switchboard_media::ogg_opus::read_ogg_opus;
use switchboard_sim::caller::speech::{Voice, speak};
use switchboard_sim::caller::{CallerScript, Clip};
use switchboard_sim::realtime::{RealtimeScript, Reply, VoiceDetection};
use switchboard_sim::twilio::{CallHandle, FakeTwilio};
use switchboard_store::{
    ConsentAnswer, ConsentListing, ListFilter, NewSwitch, RecordingListing, RecordingStatus, Switch,
};

const RATE_HZ: u32 = 8_000;

/// The medspa's agent with another `[consent]`, as the next version of it.
async fn with_consent(server: &TestServer, consent: serde_json::Value) {
    let rows = server.rows("medspa").await;
    let stored = rows.agent("medspa").await.expect("answers").expect("there");
    let mut definition = stored.definition;
    definition["consent"] = consent;
    rows.publish_agent("medspa", &definition, "test")
        .await
        .expect("published");
}

/// The disclosure, a long ladder, and short ones after it.
fn ladders() -> RealtimeScript {
    RealtimeScript::default()
        .hearing_by(VoiceDetection::Level {
            threshold_dbfs: -40.0,
        })
        .reply(Reply::ladder(400))
        .reply(Reply::ladder(3_000))
        .otherwise(Reply::ladder(800))
}

async fn voice(words: &str) -> Clip {
    speak(words, &Voice::default()).await.expect("speech")
}

async fn recordings(server: &TestServer) -> Vec<RecordingListing> {
    assert!(server.reception.recorder.finished(BOUND).await, "shelved");
    assert!(server.reception.journal.flushed(BOUND).await, "written");
    let rows = server.rows("medspa").await;
    rows.list_recordings(&ListFilter::default())
        .await
        .expect("recordings")
}

async fn consents(server: &TestServer) -> Vec<ConsentListing> {
    assert!(server.reception.journal.flushed(BOUND).await, "written");
    let rows = server.rows("medspa").await;
    rows.list_consents(&ListFilter::default())
        .await
        .expect("consents")
}

async fn finished(server: &TestServer, twilio: &FakeTwilio, script: CallerScript) -> CallHandle {
    let call = server.call(twilio, MEDSPA, script);
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    call
}

fn folder(server: &TestServer) -> PathBuf {
    PathBuf::from(&server.reception.settings.recordings.folder)
}

/// Files below the folder.
fn files(folder: PathBuf) -> Vec<PathBuf> {
    let mut open = vec![folder];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
}

fn report(samples: &[i16]) -> LadderReport {
    LadderReport::of(&detect_steps(samples))
}

/// Left and right as `opusdec` reads them, after `opusinfo` found nothing wrong: software that nobody here wrote.
fn by_opus_tools(file: &std::path::Path) -> (Vec<i16>, Vec<i16>) {
    let told = Command::new("opusinfo")
        .arg(file)
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        told.contains("Channels: 2") && !told.contains("WARNING"),
        "{told}"
    );
    let decoded = Command::new("opusdec")
        .args(["--quiet", "--rate", "8000", "--no-dither"])
        .arg(file)
        .arg("-")
        .output()
        .expect("it runs");
    assert!(
        decoded.status.success(),
        "{}",
        String::from_utf8_lossy(&decoded.stderr)
    );
    let samples: Vec<i16> = decoded
        .stdout
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let side = |side: usize| samples.iter().skip(side).step_by(2).copied().collect();
    (side(0), side(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_are_recorded_as_they_were_heard() {
    let twilio = carrier().await;
    let model = model(ladders().caller_says("wait please")).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    with_consent(&server, serde_json::json!({ "record": true })).await;
    // The caller's ladder begins elsewhere than the agent's, and stops the agent.
    let ladder = ToneLadder::new(RATE_HZ).render(3_200, 4_400);
    let script = CallerScript::new()
        .speak_when_hears(1_500, ladder)
        .wait(2_500)
        .hang_up();
    let call = finished(&server, &twilio, script).await;

    let listed = recordings(&server).await;
    let [recording] = &listed[..] else {
        panic!("{listed:?}");
    };
    assert_eq!(recording.status, RecordingStatus::Stored);
    assert_eq!(recording.dropped_ms, Some(0));
    let path = folder(&server).join(&recording.object_key);
    let mode = path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let bytes = std::fs::read(&path).expect("readable");
    assert_eq!(recording.bytes, i64::try_from(bytes.len()).ok());

    let (left, right) = by_opus_tools(&path);
    let ours = read_ogg_opus(&bytes, RATE_HZ).expect("our own reader");
    assert_eq!((left.len(), right.len()), (ours.0.len(), ours.1.len()));
    let length_ms = left.len() as i64 / 8;
    assert_eq!(recording.length_ms, Some(length_ms));

    let mut ear = Vec::new();
    decode_ulaw(&call.ear(), &mut ear);
    let heard = report(&ear);
    let recorded = report(&right);
    let caller = report(&left);
    // The ear heard the disclosure, the long ladder and what followed; the recording has what followed the disclosure.
    let at_the_ear: Vec<_> = heard.runs.iter().skip(1).collect();
    assert_eq!(
        recorded.runs.len(),
        at_the_ear.len(),
        "{recorded:?} {heard:?}"
    );
    let shift = at_the_ear[0].at_ms.abs_diff(recorded.runs[0].at_ms);
    for (recorded, heard) in recorded.runs.iter().zip(at_the_ear) {
        assert!(
            recorded.from_ms.abs_diff(heard.from_ms) <= 40,
            "{recorded:?} {heard:?}"
        );
        assert!(
            recorded.to_ms.abs_diff(heard.to_ms) <= 120,
            "{recorded:?} {heard:?}"
        );
        let apart = heard.at_ms.abs_diff(recorded.at_ms);
        assert!(apart.abs_diff(shift) <= 120, "{recorded:?} {heard:?}");
    }
    assert!(recorded.runs[0].to_ms < 2_900, "it was cut: {recorded:?}");
    // The caller's own ladder on the left, and on the left alone.
    let run = &caller.runs[0];
    assert_eq!(caller.runs.len(), 1, "{caller:?}");
    assert!(
        run.from_ms.abs_diff(3_200) <= 20 && run.to_ms.abs_diff(4_400) <= 40,
        "{caller:?}"
    );
    played_in_ranges(&server, recording, &bytes).await;
    drawn_and_decoded(&server, recording, &left).await;
    // It began when the caller had heard 1.5 s, of which 0.4 s were the disclosure, and the agent stopped under it.
    let after = run.at_ms.saturating_sub(recorded.runs[0].at_ms);
    assert!((1_000..1_300).contains(&after), "{caller:?} {recorded:?}");
    server.stop().await;
}

/// The route gives the same bytes, whole and in parts, to the tenant's key and to nobody else.
async fn played_in_ranges(server: &TestServer, recording: &RecordingListing, bytes: &[u8]) {
    let key_of = async |tenant: &str| {
        let rows = server.rows(tenant).await;
        rows.create_api_key("player").await.expect("a key").key
    };
    let (key, foreign) = (key_of("medspa").await, key_of("trades").await);
    let url = format!(
        "{}/api/v1/calls/{}/recording",
        server.base, recording.call_id
    );
    let ask = async |key: &str, range: Option<&str>| {
        let request = reqwest::Client::new().get(&url).bearer_auth(key);
        let request = match range {
            Some(range) => request.header("range", range),
            None => request,
        };
        request.send().await.expect("an answer")
    };
    let whole = ask(key.expose(), None).await;
    assert_eq!(whole.status(), 200);
    assert_eq!(whole.headers()["content-type"], "audio/ogg");
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    let tag = whole.headers()["etag"].clone();
    assert_eq!(whole.bytes().await.expect("a body"), bytes);
    let part = ask(key.expose(), Some("bytes=10-19")).await;
    assert_eq!(part.status(), 206);
    let told = format!("bytes 10-19/{}", bytes.len());
    assert_eq!(part.headers()["content-range"], told.as_str());
    assert_eq!(part.bytes().await.expect("a body"), bytes[10..20]);
    assert_eq!(
        ask(key.expose(), Some("bytes=99999999-")).await.status(),
        416
    );
    assert_eq!(
        ask(foreign.expose(), None).await.status(),
        404,
        "another tenant's"
    );
    let same = reqwest::Client::new().get(&url).bearer_auth(key.expose());
    let same = same.header("if-none-match", tag).send().await;
    assert_eq!(same.expect("an answer").status(), 304);
    let audit = server.rows("medspa").await;
    let audit = audit.list_audit_entries(&ListFilter::default()).await;
    let read = |entry: &&switchboard_store::AuditListing| {
        entry.noun == "recording" && entry.action == "read"
    };
    let read = audit.expect("entries").iter().filter(read).count();
    assert_eq!(read, 1, "one trace of one listening");
}

/// The outline is loud where the caller's ladder is, the same when asked again, and the WAV has the same sound.
async fn drawn_and_decoded(server: &TestServer, recording: &RecordingListing, left: &[i16]) {
    let rows = server.rows("medspa").await;
    let key = rows.create_api_key("page").await.expect("a key").key;
    let ask = async |route: &str| {
        let url = format!("{}/api/v1/calls/{}/{route}", server.base, recording.call_id);
        let asked = reqwest::Client::new().get(url).bearer_auth(key.expose());
        asked.send().await.expect("an answer")
    };
    let peaks: serde_json::Value = ask("peaks").await.json().await.expect("JSON");
    let again: serde_json::Value = ask("peaks").await.json().await.expect("JSON");
    assert_eq!(peaks, again, "drawn once and kept");
    assert!(
        rows.recording_peaks(recording.id)
            .await
            .expect("answers")
            .is_some()
    );
    let caller = peaks["caller"].as_array().expect("levels");
    assert!(caller.len() <= 4_000 && caller.len() == peaks["agent"].as_array().map_or(0, Vec::len));
    let loudest = caller.iter().filter_map(serde_json::Value::as_i64).max();
    let expected = left.iter().max().map(|level| i64::from(level >> 8));
    assert!(
        loudest
            .zip(expected)
            .is_some_and(|(ours, theirs)| ours.abs_diff(theirs) <= 2)
    );
    let pair_us = peaks["pair_us"].as_u64().expect("a length");
    let drawn_us = pair_us * caller.len() as u64 / 2;
    assert!(
        drawn_us.abs_diff(left.len() as u64 * 125) <= pair_us,
        "the whole length is drawn"
    );
    let wav = ask("recording?format=wav").await;
    assert_eq!(wav.headers()["content-type"], "audio/wav");
    let wav =
        switchboard_media::wav::read(&wav.bytes().await.expect("a body")).expect("a WAV file");
    assert_eq!(wav.rate_hz, 16_000);
    assert!(wav.length_ms().abs_diff(left.len() as u64 / 8) <= 20);
    assert_eq!(ask("recording?format=mp3").await.status(), 400);
}

/// D1: asked and refused, by key: the call goes on and nothing is kept.
#[tokio::test(flavor = "multi_thread")]
async fn d1_a_no_by_key_leaves_no_file_and_no_words() {
    let twilio = carrier().await;
    let model = model(ladders().caller_says("what time do you open")).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    with_consent(
        &server,
        serde_json::json!({ "record": true, "mode": "asked" }),
    )
    .await;
    let words = voice("what time do you open").await;
    let script = CallerScript::new()
        .wait_for_quiet(300)
        .press('2')
        .speak_after_silence(600, words)
        .wait(2_000)
        .hang_up();
    finished(&server, &twilio, script).await;
    assert_eq!(recordings(&server).await, []);
    assert_eq!(files(folder(&server)), [] as [PathBuf; 0]);
    assert!(server.turns("medspa").await.is_empty());
    let consents = consents(&server).await;
    let answers: Vec<_> = consents
        .iter()
        .map(|it| (it.purpose.as_str(), it.answer))
        .collect();
    for purpose in ["transcription", "recording"] {
        assert!(
            answers.contains(&(purpose, ConsentAnswer::Refused)),
            "{answers:?}"
        );
    }
    let disclosed = consents
        .iter()
        .find(|it| it.purpose.as_str() == "ai_disclosure")
        .expect("D2: the disclosure is stored");
    assert_eq!(disclosed.complete, Some(true));
    assert!(
        disclosed
            .heard_ms
            .is_some_and(|ms| (350..=450).contains(&ms)),
        "{disclosed:?}"
    );
    assert!(
        disclosed
            .version
            .as_deref()
            .is_some_and(|it| it.starts_with("medspa:"))
    );
    server.stop().await;
}

/// Whoever switches recording and words off has neither from the next call on, whatever the agent's file says; the agent still
/// says what it is, in the switched words.
#[tokio::test(flavor = "multi_thread")]
async fn switches_keep_sound_and_words_of_the_next_call_away() {
    let twilio = carrier().await;
    let model = model(ladders().caller_says("what time do you open")).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    with_consent(&server, serde_json::json!({ "record": true })).await;
    let rows = server.rows("medspa").await;
    for (switch, value) in [
        (Switch::Recording, "off"),
        (Switch::Transcription, "off"),
        (Switch::ConsentWording, "You talk to an automatic agent."),
    ] {
        let switch = NewSwitch {
            switch,
            value: value.to_owned(),
            expires_at: None,
        };
        rows.put_switch(None, &switch).await.expect("set");
    }
    let script = || async {
        CallerScript::new()
            .wait_for_quiet(300)
            .speak_after_silence(600, voice("what time do you open").await)
            .wait(2_000)
            .hang_up()
    };
    finished(&server, &twilio, script().await).await;
    assert_eq!(recordings(&server).await, []);
    assert_eq!(files(folder(&server)), [] as [PathBuf; 0]);
    assert!(server.turns("medspa").await.is_empty());

    for switch in [Switch::Recording, Switch::Transcription] {
        rows.clear_switch(None, switch).await.expect("cleared");
    }
    finished(&server, &twilio, script().await).await;
    assert_eq!(recordings(&server).await.len(), 1, "the next call again");
    assert!(!server.turns("medspa").await.is_empty());
    let consents = consents(&server).await;
    assert!(
        consents.iter().any(|it| it
            .version
            .as_deref()
            .is_some_and(|it| it.ends_with(":switched"))),
        "{consents:?}"
    );
    server.stop().await;
}

/// D1: a spoken yes begins the recording, and its words are evidence.
#[tokio::test(flavor = "multi_thread")]
async fn d1_a_spoken_yes_begins_the_recording() {
    let twilio = carrier().await;
    let model = model(ladders().caller_says("yes of course")).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    with_consent(
        &server,
        serde_json::json!({ "record": true, "mode": "asked" }),
    )
    .await;
    let script = CallerScript::new()
        .speak_after_silence(300, voice("yes of course").await)
        .wait_for_quiet(500)
        .hang_up();
    finished(&server, &twilio, script).await;
    let listed = recordings(&server).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0].status, RecordingStatus::Stored);
    let granted = consents(&server).await;
    let granted = granted
        .iter()
        .find(|it| it.purpose.as_str() == "recording")
        .expect("an answer");
    assert_eq!(granted.answer, ConsentAnswer::Granted);
    let words = granted.answer_text.as_ref().map(|it| it.expose().as_str());
    assert_eq!(words, Some("yes of course"));
    server.stop().await;
}

/// D1: taken back by key: file, words and the words of the answer are gone, the evidence stays.
#[tokio::test(flavor = "multi_thread")]
async fn d1_a_withdrawal_erases_file_and_words_back_to_the_start() {
    let twilio = carrier().await;
    let model = model(ladders().caller_says("what time do you open")).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    with_consent(
        &server,
        serde_json::json!({ "record": true, "withdraw_key": "9" }),
    )
    .await;
    let words = voice("what time do you open").await;
    let script = CallerScript::new()
        .speak_after_silence(600, words)
        .wait_for_quiet(600)
        .press('9')
        .wait(1_500)
        .hang_up();
    finished(&server, &twilio, script).await;
    let listed = recordings(&server).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].status, RecordingStatus::Erased, "{listed:?}");
    assert!(listed[0].erased_at.is_some());
    assert_eq!(files(folder(&server)), [] as [PathBuf; 0]);
    assert!(server.turns("medspa").await.is_empty());
    let answers: Vec<_> = consents(&server).await.iter().map(|it| it.answer).collect();
    assert!(answers.contains(&ConsentAnswer::Implied), "{answers:?}");
    assert!(answers.contains(&ConsentAnswer::Withdrawn), "{answers:?}");
    server.stop().await;
}

/// D3: between `*` and `#` neither side is heard in the recording, and it keeps its length.
#[tokio::test(flavor = "multi_thread")]
async fn d3_card_data_is_silence_of_the_right_length_on_both_sides() {
    let twilio = carrier().await;
    let model = model(ladders()).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    with_consent(
        &server,
        serde_json::json!({ "record": true, "secure_entry_key": "*" }),
    )
    .await;
    let ladder = ToneLadder::new(RATE_HZ);
    let script = CallerScript::new()
        .wait_for_quiet(600)
        .press('*')
        .wait(300)
        .speak(ladder.render(3_200, 4_200))
        .wait(300)
        .press('#')
        .wait(400)
        .speak(ladder.render(4_800, 5_800))
        .wait(1_500)
        .hang_up();
    finished(&server, &twilio, script).await;
    let listed = recordings(&server).await;
    let bytes = std::fs::read(folder(&server).join(&listed[0].object_key)).expect("readable");
    let (left, _) = read_ogg_opus(&bytes, RATE_HZ).expect("a recording");
    let heard = report(&left);
    let secret = heard.runs.iter().any(|run| run.from_ms < 4_700);
    assert!(!secret && !heard.runs.is_empty(), "{heard:?}");
    let offset_ms = heard.runs[0].at_ms;
    assert!(
        offset_ms > 1_600,
        "the silence before it has its length: {heard:?}"
    );
    server.stop().await;
}

/// R5: a folder that cannot be written breaks the recording, not the call.
#[tokio::test(flavor = "multi_thread")]
async fn r5_a_disk_that_refuses_breaks_the_recording_and_the_call_goes_on() {
    let twilio = carrier().await;
    let model = model(ladders().caller_says("what time do you open")).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    with_consent(&server, serde_json::json!({ "record": true })).await;
    // A file where the folder of live recordings should be: not even root can write below it.
    std::fs::write(folder(&server).join("live"), b"in the way").expect("written");
    let words = voice("what time do you open").await;
    let script = CallerScript::new()
        .speak_after_silence(600, words)
        .wait_for_quiet(600)
        .hang_up();
    finished(&server, &twilio, script).await;
    let listed = recordings(&server).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].status, listed[0].bytes),
        (RecordingStatus::Broken, None)
    );
    let turns = server.turns("medspa").await;
    assert!(
        turns.len() >= 3,
        "the conversation went on: {}",
        turns.len()
    );
    let measures = reqwest::get(format!("{}/metrics", server.base))
        .await
        .expect("answers")
        .text()
        .await
        .expect("text");
    assert!(
        measures.contains("switchboard_recordings_total{outcome=\"broken\"}"),
        "counted for an alarm"
    );
    server.stop().await;
}

//! Interruptions over the whole Twilio path, judged from the carrier's ear: the scripted agent speaks a ladder of tone
//! pairs, so that what was heard, skipped, repeated or silent can be read from the sound itself.

mod support;

use support::{BOUND, MEDSPA, TestServer, carrier, model};
use switchboard_media::g711::decode_ulaw;
use switchboard_media::ladder::{LadderReport, detect_steps};
use switchboard_sim::caller::speech::{Voice, speak};
use switchboard_sim::caller::{CallerScript, Clip};
use switchboard_sim::realtime::{RealtimeScript, Reply, VoiceDetection};
use switchboard_sim::twilio::{CallHandle, CarrierEvent, TimedEvent};

/// The greeting is the disclosure, then a long ladder that the caller speaks over.
fn long_reply() -> RealtimeScript {
    RealtimeScript::default()
        .hearing_by(VoiceDetection::Level {
            threshold_dbfs: -40.0,
        })
        .reply(Reply::ladder(400))
        .reply(Reply::ladder(6_000))
        .otherwise(Reply::ladder(800))
}

async fn voice(words: &str) -> Clip {
    speak(words, &Voice::default()).await.expect("speech")
}

/// What the ear heard of the ladder.
fn ear(call: &CallHandle) -> LadderReport {
    let mut samples = Vec::new();
    decode_ulaw(&call.ear(), &mut samples);
    LadderReport::of(&detect_steps(&samples))
}

fn when(call: &CallHandle, matches: impl Fn(&CarrierEvent) -> bool) -> Vec<TimedEvent> {
    call.events()
        .into_iter()
        .filter(|timed| matches(&timed.event))
        .collect()
}

/// The number of the last ladder step that a text of the fake agent names: its transcript has one word per step.
fn last_step(words: &str) -> i64 {
    words
        .split_whitespace()
        .last()
        .and_then(|word| word.parse().ok())
        .expect("a ladder's words are numbers")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backchannel_stops_nothing_and_wait_stops_at_once() {
    let twilio = carrier().await;
    let model = model(long_reply().caller_says("mm-hm").caller_says("wait")).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    // A hum as people hum it; read as letters it would be a sentence.
    let (agree, stop) = (voice("[[m'hm]]").await, voice("wait").await);
    let script = CallerScript::new()
        .wait(2_000)
        .speak(agree)
        .wait(1_800)
        .speak(stop)
        .wait(3_000)
        .hang_up();
    let call = server.call(&twilio, MEDSPA, script);
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;

    let spoke = when(&call, |event| {
        matches!(event, CarrierEvent::CallerSpoke { .. })
    });
    let cleared = when(&call, |event| matches!(event, CarrierEvent::Cleared { .. }));
    assert_eq!(
        (spoke.len(), cleared.len()),
        (2, 1),
        "only the second one stops the agent"
    );
    let heard = ear(&call);
    let reply = &heard.runs[1];
    assert_eq!(reply.from_ms, 0, "{heard:?}");
    let hummed_at = spoke[0].ear_ms - reply.at_ms;
    let waited_at = spoke[1].ear_ms - reply.at_ms;
    assert!(
        reply.to_ms > hummed_at + 1_000,
        "heard without a hole through the hum: {heard:?}"
    );
    let stopped_after = reply.to_ms.saturating_sub(waited_at);
    assert!(
        (1..1_000).contains(&stopped_after),
        "silent {stopped_after} ms after the caller said wait: {heard:?}"
    );

    let turns = server.turns("medspa").await;
    let agent = turns
        .iter()
        .find(|turn| turn.interrupted)
        .expect("an interrupted turn");
    let kept = last_step(agent.heard_text.as_ref().expect("heard words").expose());
    let at_the_ear = i64::try_from(reply.to_ms).expect("small") / 100;
    assert!(
        (kept - at_the_ear).abs() <= 1,
        "kept words up to {kept}, the ear heard {at_the_ear}"
    );
    let said: Vec<&str> = turns
        .iter()
        .filter_map(|turn| turn.heard_text.as_ref())
        .map(|words| words.expose().as_str())
        .collect();
    assert!(
        said.contains(&"wait") && !said.contains(&"mm-hm"),
        "the hum is no turn: {said:?}"
    );
    model.with_log(|log| {
        assert!(log.refusals(1).is_empty(), "{:?}", log.refusals(1));
        let truncated = log.truncations(1);
        assert_eq!(
            truncated.len(),
            1,
            "the model forgets what was not heard, once"
        );
    });
    server.stop().await;
}
